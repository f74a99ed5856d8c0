"""What changed between two versions of a policy, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from defib_coverage.coverage.policy import PolicyVersion

# What each field of a policy is called in a sentence.
WORDS: Mapping[str, str] = {
    "label": "the label",
    "cite": "the paragraph",
    "if_not_documented": "the meaning of silence",
    "needs": "the parts of the chart relied upon",
    "claim": "the list of claim codes",
    "evidence": "the evidence",
    "not_yet": "the evidence before a claim code exists",
    "not_yet_for": "the time before a claim code exists",
    "near_miss": "the near misses",
    "not_alone": "the codes that do not stand alone",
    "missing_finding": "the finding for a missing code",
    "weak": "the list of claim codes that show nothing",
    "episodes": "the episodes",
    "within": "the distance in time",
    "finding": "the finding",
    "causes": "the causes",
    "cause_window": "the event that is a cause",
    "primaries": "the list of primary codes",
    "partners": "the list of partner codes",
    "notice_until": "the last day of mere notice",
    "readings": "the readings",
    "modality_procedures": "the procedures that tell the method",
    "approved": "the accepted methods",
    "at_most": "the limit",
    "after_events": "the events after which an older reading is flagged",
    "after_therapies": "the therapies after whose start an older reading is flagged",
    "allowed": "the allowed classes",
    "event": "the event",
    "fails": "what decides against it",
    "asks": "what raises a question",
    "asks_on_day": "what raises a question on the service date",
    "asks_day_before": "what raises a question on the service date or the day before",
    "asks_planned": "what raises a question when planned",
    "uncontrolled": "the uncontrolled rhythms",
    "rhythms": "the rhythms",
    "rates": "the heart rates",
    "above": "the limit",
    "classes": "the drug classes",
    "at_least": "the least duration",
    "instead": "the classes that stand in",
    "visits": "the visits",
    "implants": "the implants",
    "removals": "the removals",
    "hints": "the hints",
    "rank": "the rank among met indications",
    "all_of": "the criteria",
    "candidates": "the criteria that lead to it",
    "informs": "the criteria that only inform",
    "exempt": "the freedom from waiting periods",
    "indications": "the indications",
    "always": "the criteria beside every indication",
    "diagnosis_support": "the rule that a diagnosis is enough",
    "silent_finding": "the finding where no defibrillator is evidenced",
    "last_excluded": "the last excluded day after the event",
    "records": "the records that show the event",
    "past_records": "the records of a past event",
    "unknown_date_finding": "the finding for an unknown date",
    "recorded_within": "the time in which an acute record is written",
    "past_after": "the time after which a past record is written",
    "also_show": "the longer reading shown beside",
    "indication": "the indication",
    "value_set": "the value set",
    "unless_met": "the indication that makes it needless",
    "id": "the policy's id",
    "effective": "the first day in force",
    "title": "the title",
    "published": "the day of publication",
    "citation": "the citation",
    "article": "the article",
    "article_revision": "the article's revision",
    "article_url": "the article's address",
    "ncd_url": "the determination's address",
    "source_label": "the label on cards",
    "history": "the lists of codes that speak of the past",
    "past_codes": "the claim codes for what is past",
    "existing_device": "the criterion for a device in place",
    "bridge_option": "the option while waiting",
}
# The parts of a policy that have names of their own, and what one of them is called.
_SECTIONS: Mapping[str, str] = {
    "paragraphs": "paragraph",
    "revisions": "revision",
    "orders": "order class",
    "indications": "indication",
    "criteria": "criterion",
    "waiting": "waiting period",
    "exceptions": "exception",
    "hints": "hint",
}


def policy_changes(old: PolicyVersion, new: PolicyVersion) -> Iterator[str]:
    """Every change from one version to another, a sentence each; none where they are alike."""
    for field in old.__struct_fields__:
        if field in _SECTIONS:
            yield from _section(_SECTIONS[field], getattr(old, field), getattr(new, field))
        else:
            yield from _change("The policy", field, getattr(old, field), getattr(new, field))


def _section(
    kind: str,
    old: Mapping[str, object],
    new: Mapping[str, object],
) -> Iterator[str]:
    for name in old:
        if name not in new:
            yield f"The {kind} {_named(name, old[name])} is gone."
    for name, value in new.items():
        if name not in old:
            yield f"The {kind} {_named(name, value)} is new."
        elif type(value) is not type(old[name]):
            yield f"The {kind} {_named(name, value)} is judged in another way than before."
        elif isinstance(value, msgspec.Struct):
            whose = f"{kind[:1].upper()}{kind[1:]} {_named(name, old[name])}"
            for field in value.__struct_fields__:
                yield from _change(whose, field, getattr(old[name], field), getattr(value, field))
        elif value != old[name]:
            yield f"The {kind} {name} now says: {value}"


def _named(name: str, value: object) -> str:
    label = getattr(value, "label", None)
    return name if label is None else f"{name} ({label})"


def field_changes(old: msgspec.Struct, new: msgspec.Struct) -> Iterator[str]:
    """What differs between two states of one part of a policy, a clause for each of its fields."""
    if type(old) is not type(new):
        yield "it is judged in another way than before"
        return
    for field in new.__struct_fields__:
        yield from _clause(field, getattr(old, field), getattr(new, field))


def _change(whose: str, field: str, old: object, new: object) -> Iterator[str]:
    for clause in _clause(field, old, new):
        yield f"{whose}: {clause}."


def _clause(field: str, old: object, new: object) -> Iterator[str]:
    if old == new:
        return
    if isinstance(old, tuple) and isinstance(new, tuple):
        gone = [_text(item) for item in old if item not in new]
        come = [_text(item) for item in new if item not in old]
        parts = [f"lost {', '.join(gone)}"] if gone else []
        parts += [f"gained {', '.join(come)}"] if come else []
        yield f"{WORDS[field]} {' and '.join(parts) or 'stand in another order'}"
        return
    yield f"{WORDS[field]} changed from {_text(old)} to {_text(new)}"


def _text(value: object) -> str:
    match value:
        case None | () | {}:
            return "none"
        case bool():
            return "yes" if value else "no"
        case dict():
            return "; ".join(f"{name}: {_text(inner)}" for name, inner in value.items())
        case tuple():
            return ", ".join(_text(item) for item in value)
        case _:
            return str(value)
