"""ValueSet/$expand: the codes of a value set on a day, filtered, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from defib_coverage.terminology.describing import EXTENSIONS, stable_id
from defib_coverage.terminology.elements import Extension
from defib_coverage.terminology.operations.asking import value_set_asked
from defib_coverage.terminology.operations.composing import Composer, canonical
from defib_coverage.terminology.operations.errors import refusal
from defib_coverage.terminology.operations.given import Day
from defib_coverage.terminology.operations.pins import split
from defib_coverage.terminology.operations.shelf import Prepared
from defib_coverage.terminology.resources import Contains, Expansion, ExpansionParameter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from defib_coverage.terminology.operations.given import Given
    from defib_coverage.terminology.operations.scope import Scope
    from defib_coverage.terminology.resources import ValueSet

MOST_AT_ONCE = 1000
"""How many codes are given without being asked page by page."""
_UNCLOSED = Extension(f"{EXTENSIONS}/valueset-unclosed", value_boolean=True)
_PERIOD = f"{EXTENSIONS}/resource-effectivePeriod"
# What stands in the answer's own url and version, and what is no parameter of an expansion.
_NOT_ECHOED = frozenset({"url", "valueSet", "tx-resource"})
_PAGING = frozenset({"count", "offset"})
_STRINGS = frozenset({"filter", "valueSetVersion", "property"})
_CODES = frozenset({"displayLanguage"})
_STATUSES = ("draft", "retired")


def expand(scope: Scope, instance: Prepared | None, now: datetime) -> ValueSet:
    """The expansion of a value set.

    Args:
        scope: what the request sees.
        instance: the value set of the path; None for the one that the parameters name.
        now: the moment.

    Raises:
        TerminologyError: 400 for parameters that contradict each other; 422 for what is not known,
            breaks the rules or is too much.
    """
    given = scope.given
    count, offset = given.number("count"), given.number("offset") or 0
    found = value_set_asked(scope, instance)
    composer = Composer(scope)
    members = tuple(_wanted(scope, composer.members(found).values()))
    if count is None and len(members) - offset > MOST_AT_ONCE:
        text = (
            f"the expansion has {len(members)} codes, and {MOST_AT_ONCE} are given at once: "
            "ask page by page, with count and offset"
        )
        raise refusal(422, "too-costly", text)
    end = len(members) if count is None else offset + count
    value_set = found.value_set if isinstance(found, Prepared) else found
    parameters = (*_echoed(given), *_noted(composer, value_set))
    # The pages of one expansion bear one identifier.
    known = [f"{p.name}={_value(p)}" for p in parameters if p.name not in _PAGING]
    settled = [f"{one.system}|{one.version}|{one.code}" for one in members]
    identifier = stable_id(canonical(value_set), *known, *settled)
    expansion = Expansion(
        identifier=f"urn:uuid:{identifier}",
        timestamp=now.isoformat(timespec="seconds").replace("+00:00", "Z"),
        extension=tuple(_extensions(found, composer, given)),
        total=len(members),
        offset=offset,
        parameter=parameters,
        contains=tuple(_shown(given, members[offset:end])),
    )
    owned = msgspec.structs.replace(value_set, copyright=" ".join(composer.notices) or None)
    return _answer(owned, expansion, given)


def _wanted(scope: Scope, members: Iterable[Contains]) -> Iterator[Contains]:
    """The members that the parameters let through."""
    given = scope.given
    # Each once: what was asked a thousand times is looked for once.
    words = frozenset((given.text("filter") or "").casefold().split())
    active_only, for_ui = given.flag("activeOnly"), given.flag("excludeNotForUI")
    excluded = {
        (scope.index.understood(uri), version)
        for uri, version in map(split, given.texts("exclude-system"))
    }
    for one in members:
        if active_only and one.inactive:
            continue
        if for_ui and one.abstract:
            continue
        if excluded and not excluded.isdisjoint(
            {(one.system or "", None), (one.system or "", one.version)}
        ):
            continue
        if words and not _says(one, words):
            continue
        yield one


def _says(one: Contains, words: Iterable[str]) -> bool:
    """Whether code, display and other names hold every word, in any order."""
    names = (one.code or "", one.display or "", *(d.value for d in one.designation))
    text = " ".join(names).casefold()
    return all(word in text for word in words)


def _shown(given: Given, members: Sequence[Contains]) -> Iterator[Contains]:
    """The members as they are answered."""
    properties = frozenset(given.texts("property"))
    with_names = given.flag("includeDesignations")
    for one in members:
        extension = one.extension
        if properties:
            extension = tuple(held for held in extension if _code_of(held) in properties)
        designation = one.designation if with_names else ()
        if extension is one.extension and designation is one.designation:
            yield one
        else:
            yield msgspec.structs.replace(one, extension=extension, designation=designation)


def _code_of(extension: Extension) -> str | None:
    """The property that an extension is about."""
    return next((part.value_code for part in extension.extension if part.url == "code"), None)


def _extensions(
    found: Prepared | ValueSet, composer: Composer, given: Given
) -> Iterator[Extension]:
    """What is said of the expansion as a whole."""
    if isinstance(found, Prepared) and found.value_set.expansion is not None:
        asked = frozenset(given.texts("property"))
        for extension in found.value_set.expansion.extension:
            if not asked or _code_of(extension) in asked:
                yield extension
    if composer.fragments:
        yield _UNCLOSED


def _echoed(given: Given) -> Iterator[ExpansionParameter]:
    """The parameters as they were asked."""
    for name, values in given.values.items():
        if name in _NOT_ECHOED:
            continue
        for value in values:
            match value:
                case bool():
                    yield ExpansionParameter(name, value_boolean=value)
                case int():
                    yield ExpansionParameter(name, value_integer=value)
                case Day():
                    yield ExpansionParameter(name, value_date_time=value.text)
                case str():
                    yield _text(name, value)
                case _:
                    continue


def _text(name: str, value: str) -> ExpansionParameter:
    if name in _STRINGS:
        return ExpansionParameter(name, value_string=value)
    if name in _CODES:
        return ExpansionParameter(name, value_code=value)
    return ExpansionParameter(name, value_uri=value)


def _noted(composer: Composer, value_set: ValueSet) -> Iterator[ExpansionParameter]:
    """What the expansion was made of, and what a reader must know of it."""
    for one in composer.value_sets:
        yield ExpansionParameter("used-valueset", value_uri=one)
    for one in composer.systems:
        yield ExpansionParameter("used-codesystem", value_uri=one)
    for one in composer.fragments:
        yield ExpansionParameter("used-fragment", value_uri=one)
    if value_set.status in _STATUSES:
        name = "warning-draft" if value_set.status == "draft" else "warning-withdrawn"
        yield ExpansionParameter(name, value_uri=canonical(value_set))
    if value_set.experimental:
        yield ExpansionParameter("warning-experimental", value_uri=canonical(value_set))
    for text in composer.warnings:
        yield ExpansionParameter("warning", value_string=text)


def _value(parameter: ExpansionParameter) -> str:
    return msgspec.json.encode(parameter).decode()


def _answer(value_set: ValueSet, expansion: Expansion, given: Given) -> ValueSet:
    """The value set with its expansion; its definition only where it was asked for."""
    # A status is needed in FHIR, and not of those who bring a definition.
    status = value_set.status or "unknown"
    if given.flag("includeDefinition"):
        return msgspec.structs.replace(value_set, status=status, expansion=expansion)
    return msgspec.structs.replace(
        value_set,
        status=status,
        meta=None,
        extension=tuple(one for one in value_set.extension if one.url == _PERIOD),
        description=None,
        purpose=None,
        contact=(),
        use_context=(),
        jurisdiction=(),
        compose=None,
        expansion=expansion,
    )
