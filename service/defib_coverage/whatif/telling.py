"""Each change in words: what it says, and what a clinician would document if it is true."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from defib_coverage.coverage.policy import (
    FunctionalClass,
    Measurement,
    Therapy,
    Visit,
    WaitingPeriod,
    value_sets_of,
)
from defib_coverage.whatif import changes
from defib_coverage.whatif.changes import (
    AddDiagnosis,
    Change,
    HaveDevice,
    HoldVisit,
    MoveEvent,
    RemoveDiagnosis,
    SetClass,
    SetLvef,
    SetOrder,
    SetServiceDate,
    TakeDrug,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from defib_coverage.coverage.codes import CodeEntry, CodeIndex
    from defib_coverage.coverage.policy import PolicyVersion

METHODS: Mapping[str, str] = {
    "echo": "echocardiography",
    "nuclear": "radionuclide imaging",
    "cmr": "cardiac MRI",
    "cath": "catheter angiography",
    "ct": "CT",
}
CLASSES = ("I", "II", "III", "IV")
_ORDERED = "P-CPT"


class Told(msgspec.Struct, frozen=True):
    """A change in words.

    ``what`` is the change, ``document`` what stands in the record if it is true, ``citation`` the
    paragraph that reads it; None where no rule does.
    """

    what: str
    document: str
    citation: str | None


def tell(change: Change, index: CodeIndex, policy: PolicyVersion) -> Told:
    """Put a change in words, with the paragraph of ``policy`` that reads it."""
    match change:
        case AddDiagnosis() | RemoveDiagnosis():
            return _tell_diagnosis(change, index, policy)
        case SetLvef() | SetClass():
            return _tell_reading(change, policy)
        case HoldVisit() | TakeDrug() | HaveDevice():
            return _tell_care(change, index, policy)
        case MoveEvent() | SetServiceDate() | SetOrder():
            return _tell_order(change, policy)


def named(code: str, index: CodeIndex) -> str:
    """A diagnosis code with its title, as far as a list of ours has one."""
    title = title_of(code, index)
    return code if title is None else f"{code} ({title})"


def title_of(code: str, index: CodeIndex) -> str | None:
    """The title of a diagnosis code; None for one of no list of ours."""
    matches = index.find(changes.DIAGNOSES, code)
    return next((m.entry.display or m.entry.label for m in matches), None)


def drug_in_words(drug_class: str, index: CodeIndex) -> str:
    """A drug class by the title of its value set."""
    return index.value_sets[drug_class].title


def method_in_words(modality: str) -> str:
    """How an LVEF was measured; a word of a site's own stays as it is."""
    return METHODS.get(modality, modality)


def profession_in_words(code: str, index: CodeIndex) -> str:
    """Who held a visit, in words."""
    for name in changes.PROFESSIONS:
        for entry in index.value_sets[name].codes:
            if entry.code == code:
                return _label(entry)
    return code


def _label(entry: CodeEntry) -> str:
    return entry.label or entry.display or entry.code


def _since(day: date | None, word: str) -> str:
    return "" if day is None else f" {word} {day.isoformat()}"


def _tell_diagnosis(
    change: AddDiagnosis | RemoveDiagnosis, index: CodeIndex, policy: PolicyVersion
) -> Told:
    cite = _cite_of_code(change.code, index, policy)
    name = named(change.code, index)
    if isinstance(change, RemoveDiagnosis):
        what = f"{name} is taken off the record"
        document = "The diagnosis is refuted or was entered in error, and the record says so."
        return Told(what, document, cite)
    what = f"{name} is on file{_since(change.day, 'since')}"
    document = "The diagnosis in the problem list, confirmed and current, with the day it began."
    if cite is None:
        document = f"{document} No rule of the policy reads this code."
    return Told(what, document, cite)


def _cite_of_code(code: str, index: CodeIndex, policy: PolicyVersion) -> str | None:
    """The paragraph of the first criterion that reads the code."""
    sets = {match.value_set for match in index.find(changes.DIAGNOSES, code)}
    for criterion in policy.criteria.values():
        if sets & value_sets_of(criterion, policy):
            return criterion.cite
    return None


def _tell_reading(change: SetLvef | SetClass, policy: PolicyVersion) -> Told:
    if isinstance(change, SetClass):
        what = f"NYHA class {CLASSES[change.grade - 1]}{_since(change.day, 'on')}"
        document = "The NYHA class of the visit, with its date."
        return Told(what, document, _cite(policy, FunctionalClass))
    method = "" if change.modality is None else f" by {method_in_words(change.modality)}"
    what = f"LVEF {change.value:g} %{method}{_since(change.day, 'on')}"
    document = "The final report of the measurement: value, date and method."
    return Told(what, document, _cite(policy, Measurement))


def _tell_care(
    change: HoldVisit | TakeDrug | HaveDevice, index: CodeIndex, policy: PolicyVersion
) -> Told:
    if isinstance(change, HoldVisit):
        tool = "with an evidence-based tool" if change.tool else "without a tool that is named"
        who = profession_in_words(change.profession, index)
        what = f"Shared decision-making visit{_since(change.day, 'on')} held by {who}, {tool}"
        document = "The visit with its date, who held it, and the evidence-based tool used."
        return Told(what, document, _cite(policy, Visit))
    if isinstance(change, TakeDrug):
        what = f"{drug_in_words(change.drug_class, index)}{_since(change.since, 'taken since')}"
        document = "The drug with the day it was started, and that it is still taken."
        return Told(what, document, _cite(policy, Therapy))
    document = "The defibrillator in place: make, lead or generator, and when it was implanted."
    cite = policy.criteria[policy.existing_device].cite
    return Told("A defibrillator is in place", document, cite)


def _tell_order(change: MoveEvent | SetServiceDate | SetOrder, policy: PolicyVersion) -> Told:
    cite = _cite(policy, WaitingPeriod)
    if isinstance(change, MoveEvent):
        what = f"{change.reference} happened on {change.day.isoformat()}"
        return Told(what, "The exact day of the event, from the report of that stay.", cite)
    if isinstance(change, SetServiceDate):
        what = f"Service date {change.day.isoformat()}"
        return Told(what, "The day for which the procedure is ordered.", cite)
    return Told(f"Order code {change.code}", "The order for what is really planned.", _ORDERED)


def _cite(policy: PolicyVersion, kind: type) -> str | None:
    """The paragraph of the first criterion of a kind."""
    found = (c.cite for c in policy.criteria.values() if isinstance(c, kind))
    return next(found, None)
