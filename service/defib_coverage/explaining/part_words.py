"""What a policy does with the codes of each value set that its rules name, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from defib_coverage.coverage import policy

if TYPE_CHECKING:
    from collections.abc import Mapping

# What a code is for an indication. bars: decides against it; question: may raise one; clears: a
# record that takes the evidence of another away.
PartRole = Literal[
    "primary",
    "required-secondary",
    "order",
    "evidence",
    "near-miss",
    "window-event",
    "bars",
    "question",
    "hint",
    "clears",
]


class PartWords(msgspec.Struct, frozen=True):
    """What a field of a criterion makes of the codes of its value sets.

    ``role`` is None where the code changes nothing for an indication by itself. ``text`` goes on
    after the indications' names; ``{label}`` in it is the criterion's, ``{rule}`` the criterion. An
    empty one is told elsewhere.
    """

    role: PartRole | None
    text: str = ""
    finding: str | None = None


_QUESTION = "puts in question: {label}"
# By the criterion's type and the field that names the value sets.
PART_WORDS: Mapping[tuple[type[policy.Criterion], str], PartWords] = {
    (policy.Diagnosis, "claim"): PartWords("primary", "a claim diagnosis that the article lists"),
    (policy.Diagnosis, "evidence"): PartWords("evidence", "documents the diagnosis in a chart"),
    (policy.Diagnosis, "not_yet"): PartWords(
        "evidence",
        "documents the diagnosis while its claim code cannot be reported yet ({rule.not_yet_for})",
        "i25.2-not-yet-valid",
    ),
    (policy.Diagnosis, "near_miss"): PartWords(
        "near-miss", "close to its list and not on it: does not count", "near-miss-diagnosis"
    ),
    (policy.Episode, "evidence"): PartWords("evidence", "documents the episode that it asks for"),
    (policy.Episode, "weak"): PartWords(
        None, "a claim code of its list that by itself shows no episode", "weak-dx-only"
    ),
    (policy.Association, "episodes"): PartWords(None),
    (policy.Association, "causes"): PartWords(
        "question", "within {rule.within} of the episode it asks whether the cause was reversible"
    ),
    (policy.Pairing, "primaries"): PartWords(None, finding="secondary-diagnosis-missing"),
    (policy.Pairing, "partners"): PartWords(
        "required-secondary", "the companion that its claim diagnosis must carry"
    ),
    (policy.Pairing, "evidence"): PartWords(
        "evidence", "documents in a chart what the companion code says on a claim"
    ),
    (policy.Pairing, "near_miss"): PartWords(
        "near-miss", "looks like its companion and does not serve as one", "hf-code-not-qualifying"
    ),
    (policy.Measurement, "readings"): PartWords("evidence", "holds the reading for: {label}"),
    (policy.Measurement, "modality_procedures"): PartWords(
        "evidence", "tells by which method the LVEF was measured"
    ),
    (policy.Measurement, "after_events"): PartWords(
        None, "an LVEF from before it is flagged as older", "lvef-predates-event"
    ),
    (policy.Measurement, "after_therapies"): PartWords(
        None, "an LVEF from before its start is flagged as older", "lvef-predates-event"
    ),
    (policy.FunctionalClass, "readings"): PartWords("evidence", "holds the class for: {label}"),
    (policy.Absence, "fails"): PartWords(
        "bars", "decides against it while current on the service date"
    ),
    (policy.Absence, "asks"): PartWords("question", _QUESTION),
    (policy.Absence, "asks_on_day"): PartWords(
        "question", "dated on the service date, " + _QUESTION
    ),
    (policy.Absence, "asks_day_before"): PartWords(
        "question", "dated on the service date or the day before, " + _QUESTION
    ),
    (policy.Absence, "asks_planned"): PartWords(
        "question", "planned and not yet done, " + _QUESTION
    ),
    (policy.RateControl, "uncontrolled"): PartWords("question", _QUESTION),
    (policy.RateControl, "rhythms"): PartWords(
        "question", "with a latest heart rate above {rule.above}, " + _QUESTION
    ),
    (policy.RateControl, "rates"): PartWords("evidence", "holds the rate for: {label}"),
    (policy.Therapy, "classes"): PartWords(
        "evidence", "a drug of the therapy that must have run for {rule.at_least}"
    ),
    (policy.Therapy, "instead"): PartWords(
        "evidence", "may stand in for a drug of the therapy that must have run for {rule.at_least}"
    ),
    (policy.Visit, "visits"): PartWords("evidence", "documents the visit that it asks for"),
    (policy.ExistingDevice, "evidence"): PartWords(
        "evidence", "shows that a defibrillator is in place"
    ),
    (policy.ExistingDevice, "implants"): PartWords(
        "evidence", "once done, shows that a defibrillator is in place"
    ),
    (policy.ExistingDevice, "removals"): PartWords(
        "clears", "once done, an implant before it no longer shows a defibrillator in place"
    ),
    (policy.ExistingDevice, "hints"): PartWords(
        "hint", "a reason to look for a defibrillator in place, no proof"
    ),
    (policy.ExistingDevice, "near_miss"): PartWords(
        "near-miss", "another device, no defibrillator", "near-miss-diagnosis"
    ),
}
