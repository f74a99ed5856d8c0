"""What a policy does with the codes of a value set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, get_args, get_origin, get_type_hints

from defib_coverage.command.policy_changes import WORDS
from defib_coverage.coverage.policy import Refers

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from defib_coverage.coverage.codes import CodeIndex
    from defib_coverage.coverage.policy import Hint, PolicyVersion


def roles_of(version: PolicyVersion, value_sets: Collection[str]) -> list[str]:
    """Every place of the policy that reads one of the value sets, in words."""
    roles: list[str] = []
    for name, criterion in version.criteria.items():
        users = [i for i, rule in version.indications.items() if name in rule.all_of + rule.informs]
        if any(name in rule.always for rule in version.orders.values()):
            users.append("every indication")
        whose = f"{', '.join(users)}: {criterion.label} ({criterion.cite})"
        roles += [f"{whose}: {words}" for words in _fields(criterion, value_sets)]
    for name, event in version.waiting.items():
        whose = f"waiting period {name}, {event.label} ({event.cite})"
        roles += [f"{whose}: {words}" for words in _fields(event, value_sets)]
    for exception in version.exceptions.values():
        whose = f"{exception.label} ({exception.cite})"
        roles += [f"{whose}: {words}" for words in _fields(exception, value_sets)]
    if set(version.history) & set(value_sets):
        roles.append("speaks of the past: it need not be current")
    if version.bridge_option in value_sets:
        roles.append("an option while a waiting period runs")
    return roles


def _fields(rule: object, value_sets: Collection[str]) -> Iterator[str]:
    """The fields of a rule that name one of the value sets, in words."""
    for field, hint in get_type_hints(type(rule), include_extras=True).items():
        if _names_value_sets(hint) and set(_named(getattr(rule, field))) & set(value_sets):
            yield f"among {WORDS[field]}"


def _names_value_sets(hint: object) -> bool:
    if get_origin(hint) is Annotated:
        return Refers("value set") in get_args(hint)
    return any(_names_value_sets(inner) for inner in get_args(hint))


def _named(value: object) -> Iterator[str]:
    """Every text in a field's value."""
    match value:
        case str():
            yield value
        case tuple():
            for inner in value:
                yield from _named(inner)
        case dict():
            for name, inner in value.items():
                yield from _named(name)
                yield from _named(inner)


def pairings_of(
    version: PolicyVersion,
    index: CodeIndex,
    code: str,
    value_sets: Collection[str],
) -> Iterator[str]:
    """The companions that a claim must carry beside the code, or that the code serves."""
    for _, pairing in version.pairings():
        partners = ", ".join(e.code for e in index.value_sets[pairing.partners].codes)
        primaries = ", ".join(e.code for e in index.value_sets[pairing.primaries].codes)
        if pairing.primaries in value_sets:
            yield f"on a claim {code} must go with one of {partners} ({pairing.cite})"
        if pairing.partners in value_sets:
            yield f"on a claim it is the companion of {primaries} ({pairing.cite})"


def hints_of(version: PolicyVersion, value_sets: Collection[str]) -> list[tuple[str, Hint]]:
    """The hints that the code gives when it is in a chart, by finding."""
    hints: Mapping[str, Hint] = dict(version.hints)
    return [(name, hint) for name, hint in hints.items() if hint.value_set in value_sets]
