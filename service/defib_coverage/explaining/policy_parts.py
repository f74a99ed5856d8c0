"""Which rules of a policy read the codes of a value set, and for which indications."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Annotated, get_args, get_origin, get_type_hints

import msgspec

from defib_coverage.coverage.policy import (
    Diagnosis,
    Episode,
    ExistingDevice,
    Measurement,
    Refers,
    WaitingPeriod,
)
from defib_coverage.explaining.part_words import PART_WORDS, PartRole

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from defib_coverage.coverage.policy import (
        Criterion,
        EventName,
        Hint,
        PolicyVersion,
        WaitingEvent,
    )
    from defib_coverage.explaining.viewpoint import KnownCode, Viewpoint


class PolicyPart(msgspec.Struct, frozen=True):
    """A rule that reads a value set.

    ``indications`` are those that the rule belongs to, ``role`` what the codes are for them, None
    where they change nothing by themselves; ``text`` says it, ``finding`` is what a chart with such
    a code may be told, ``value_sets`` are the sets that brought it here.
    """

    indications: tuple[str, ...]
    role: PartRole | None
    text: str
    cite: str
    value_sets: frozenset[str]
    finding: str | None = None
    event: EventName | None = None


def parts_of(known: KnownCode, view: Viewpoint) -> Iterator[PolicyPart]:
    """Every rule of the policy that reads a code."""
    version, held = view.version, known.held
    for name, criterion in version.criteria.items():
        yield from _criterion_parts(version, name, criterion, known)
    for event_name, event in version.waiting.items():
        yield from _window_parts(version, event_name, event, held)
    for exception in version.exceptions.values():
        found = held & set(exception.hints)
        if found:
            bound = _bound(version, *version.waiting)
            text = f"a hint that the {exception.label} to the waiting periods may hold"
            finding = "pacemaker-exception-possible"
            yield PolicyPart(bound, "hint", text, exception.cite, found, finding)
    for finding, hint in version.hints.items():
        found = held & {hint.value_set}
        if found:
            gist = view.wording.findings[finding].text
            text = f"a hint and no proof, told unless {hint.unless_met} is met. {gist}"
            about = _hinted(version, hint)
            yield PolicyPart(about, "hint", text, hint.cite, found, finding)


def users_of(version: PolicyVersion, criterion: str) -> tuple[str, ...]:
    """The indications that a criterion belongs to; all that an order class binds to it."""
    users = [
        name
        for name, rule in version.indications.items()
        if criterion in rule.all_of + rule.informs
    ]
    users += [
        name
        for rule in version.orders.values()
        if criterion in rule.always
        for name in rule.indications
    ]
    return tuple(name for name in version.indications if name in users)


def _criterion_parts(
    version: PolicyVersion, name: str, criterion: Criterion, known: KnownCode
) -> Iterator[PolicyPart]:
    for field, sets in _named_sets(criterion).items():
        found = known.held & sets
        if not found or (field == "weak" and _is_shown(criterion, known.held)):
            continue
        words = PART_WORDS[type(criterion), field]
        label = criterion.label[:1].lower() + criterion.label[1:]
        if criterion.label[1:2].isupper():
            label = criterion.label
        text = words.text.format(label=label, rule=criterion)
        finding = words.finding or _finding_of(criterion, words.role)
        if (
            isinstance(criterion, Diagnosis)
            and field == "claim"
            and known.code in criterion.not_alone
        ):
            text += ", beside another code of the list only"
        if field == "claim" and _asks_for_device(version, name, known):
            text += ", where a defibrillator is evidenced"
            finding = "existing-icd-not-evidenced"
        users = users_of(version, name)
        yield PolicyPart(users, words.role, text, criterion.cite, found, finding)
        if isinstance(criterion, Measurement) and field == "readings":
            yield from _method_parts(criterion, users, known, found)


def _asks_for_device(version: PolicyVersion, name: str, known: KnownCode) -> bool:
    """Whether its indication asks for a device that the code itself does not show."""
    device = version.criteria[version.existing_device]
    if isinstance(device, ExistingDevice) and known.held & set(device.evidence):
        return False
    return any(
        name in rule.all_of and version.existing_device in rule.all_of
        for rule in version.indications.values()
    )


def _method_parts(
    criterion: Measurement, users: tuple[str, ...], known: KnownCode, found: frozenset[str]
) -> Iterator[PolicyPart]:
    """What a reading is worth whose code names no accepted method."""
    for match in known.matches:
        modality = match.entry.modality
        if match.value_set not in found or modality in criterion.approved:
            continue
        text = f"is measured by a method that is not accepted ({modality})"
        finding = "lvef-modality-not-approved"
        if modality is None:
            text = "does not say by which method it was measured: accepted, and told so"
            finding = "lvef-modality-not-stated"
        yield PolicyPart(users, None, text, criterion.cite, found, finding)


def _is_shown(criterion: Criterion, held: frozenset[str]) -> bool:
    """Whether the chart code itself documents the episode."""
    return isinstance(criterion, Episode) and bool(held & set(criterion.evidence))


def _finding_of(criterion: Criterion, role: PartRole | None) -> str | None:
    """The finding of a criterion that only looks for what speaks against it."""
    return getattr(criterion, "finding", None) if role in {"bars", "question"} else None


def _named_sets(criterion: Criterion) -> Mapping[str, frozenset[str]]:
    """The value sets of a criterion by the field that names them."""
    return {
        field: frozenset(_texts(getattr(criterion, field)))
        for field in _fields_with_sets(type(criterion))
    }


@cache
def _fields_with_sets(kind: type[Criterion]) -> tuple[str, ...]:
    hints = get_type_hints(kind, include_extras=True)
    return tuple(field for field, hint in hints.items() if names_value_sets(hint))


def names_value_sets(hint: object) -> bool:
    """Whether a field of this type names value sets."""
    if get_origin(hint) is Annotated:
        return Refers("value set") in get_args(hint)
    return any(names_value_sets(inner) for inner in get_args(hint))


def _texts(value: object) -> Iterator[str]:
    """Every text in a field's value; of a table of substitutes those that stand in."""
    match value:
        case str():
            yield value
        case tuple():
            for inner in value:
                yield from _texts(inner)
        case dict():
            for inner in value.values():
                yield from _texts(inner)


# ---------------------------------------------------------------------------------- waiting periods


def _window_parts(
    version: PolicyVersion, name: EventName, event: WaitingEvent, held: frozenset[str]
) -> Iterator[PolicyPart]:
    bound = _bound(version, name)
    found = held & set(event.records)
    if found:
        text = f"starts the waiting period of {event.last_excluded} after {event.label}"
        finding = "waiting-period-open"
        yield PolicyPart(bound, "window-event", text, event.cite, found, finding, name)
    found = held & set(event.past_records)
    if found:
        text = (
            f"tells of {event.label} in the past without its day: {event.last_excluded} must have "
            "passed since"
        )
        finding = event.unknown_date_finding
        yield PolicyPart(bound, "window-event", text, event.cite, found, finding, name)


def _bound(version: PolicyVersion, *events: EventName) -> tuple[str, ...]:
    """The indications that the waiting periods of events bind."""
    criteria = [
        name
        for name, criterion in version.criteria.items()
        if isinstance(criterion, WaitingPeriod) and criterion.event in events
    ]
    users = {user for name in criteria for user in users_of(version, name)}
    return tuple(name for name in version.indications if name in users)


def _hinted(version: PolicyVersion, hint: Hint) -> tuple[str, ...]:
    """The indications that a hint leads to: those of its paragraph, or that an exception frees."""
    if any(exception.cite == hint.cite for exception in version.exceptions.values()):
        return _bound(version, *version.waiting)
    return tuple(name for name, rule in version.indications.items() if rule.cite == hint.cite)
