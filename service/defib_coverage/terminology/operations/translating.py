"""ConceptMap/$translate: what a code is mapped to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from defib_coverage.terminology.elements import Coding, Parameter, Parameters
from defib_coverage.terminology.operations.errors import not_found, quoted, refusal
from defib_coverage.terminology.operations.pins import split
from defib_coverage.terminology.resources import ConceptMap

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from defib_coverage.terminology.operations.given import Given
    from defib_coverage.terminology.operations.map_shelf import Maps
    from defib_coverage.terminology.operations.scope import Scope

# The other way round: what is narrower from here is wider from there.
_REVERSED = {
    "narrower": "wider",
    "wider": "narrower",
    "subsumes": "specializes",
    "specializes": "subsumes",
}
# The value sets between which a map is sought, as R4 and as later releases call them.
_ENDS: Mapping[str, tuple[str, str]] = {
    "source": ("source", "sourceScope"),
    "target": ("target", "targetScope"),
}
_NO_MATCH = frozenset({"unmatched", "disjoint"})


class _Match(msgspec.Struct, frozen=True):
    """What a code is mapped to, by which map."""

    equivalence: str
    concept: Coding
    comment: str | None
    url: str | None
    version: str | None


def translate(scope: Scope, maps: Maps, instance: ConceptMap | None) -> Parameters:
    """What a code is mapped to.

    Args:
        scope: what the request sees.
        maps: the published maps.
        instance: the map of the path.

    Raises:
        TerminologyError: 400 for parameters that are missing or contradict each other; 422 for a
            map that is not known, for a release of a code system that is not, and for a source or
            target that no map names.
    """
    given = scope.given
    codings, backwards = _asked(given)
    for coding in codings:
        _check_release(scope, coding)
    wanted = _wanted(scope)
    chosen = _maps(scope, maps, instance)
    _check_ends(chosen, given)
    matches = dict.fromkeys(
        match
        for one in chosen
        if _fits(one, given)
        for coding in codings
        for match in _matches(scope, one, coding, wanted, backwards=backwards)
    )
    good = any(match.equivalence not in _NO_MATCH for match in matches)
    parameters = [Parameter("result", value_boolean=good)]
    if not good:
        names = ", ".join(quoted(f"{one.system or ''}#{one.code}") for one in codings)
        text = f"no map says what {names[:1000]} is{_respelt(scope, codings)}"
        parameters.append(Parameter("message", value_string=text))
    return Parameters(parameter=(*parameters, *map(_written, matches)))


def _check_release(scope: Scope, coding: Coding) -> None:
    """Refuse a version of a known code system that is not known."""
    system = scope.system(coding.system or "", coding.version)
    if system is None or coding.version in {None, system.version}:
        return
    version = coding.version or ""
    if not scope.has_release(system, version):
        known = ", ".join(scope.releases(system)) or "none by name"
        text = f"{system.url} is not known in version {quoted(version)}; known: {known}"
        raise not_found(text, place="version")


def _wanted(scope: Scope) -> str | None:
    """The code system in which mappings are sought; None for any."""
    given = scope.given
    name = given.only_one_of("targetsystem", "targetSystem")
    if "targetCode" in given:
        name = "sourceSystem" if "sourceSystem" in given else None
    uri = None if name is None else given.text(name)
    return None if uri is None else scope.index.understood(uri)


def _asked(given: Given) -> tuple[tuple[Coding, ...], bool]:
    """The codings to be translated, and whether the maps are read from target to source."""
    named = given.only_one_of(
        *("code", "coding", "codeableConcept"),
        *("sourceCode", "sourceCoding", "sourceCodeableConcept"),
        *("targetCode", "targetCoding", "targetCodeableConcept"),
    )
    given.only_one_of("system", "sourceSystem")
    given.only_one_of("version", "sourceVersion")
    for name in ("version", "sourceVersion"):
        given.goes_with(name, "code", "sourceCode", "targetCode")
    if named is None:
        text = "code with system, coding or codeableConcept is needed"
        raise refusal(400, "required", text, place="code")
    from_target = named.startswith("target")
    if from_target and "reverse" in given:
        text = f"{named} and reverse contradict each other"
        raise refusal(400, "invalid", text, place="reverse")
    concept = given.concept(named)
    coding = given.one(named, Coding)
    codings: Sequence[Coding]
    if concept is not None:
        codings = concept.coding
    elif coding is not None:
        codings = (coding,)
    else:
        codings = (_by_code(given, named),)
    for one in codings:
        if not one.code or not one.system:
            text = "a coding needs system and code"
            raise refusal(400, "required", text, place=named)
    if not codings:
        raise refusal(400, "required", "the CodeableConcept has no coding", place=named)
    return tuple(codings), from_target or given.flag("reverse")


def _by_code(given: Given, named: str) -> Coding:
    """A code with the system beside it."""
    if named == "targetCode":
        names: Sequence[str] = ("targetSystem", "targetsystem")
    else:
        names = ("system", "sourceSystem")
    system = next((uri for name in names if (uri := given.text(name)) is not None), None)
    if system is None:
        raise refusal(400, "required", f"{named} needs {names[0]}", place=names[0])
    version = given.text("version") or given.text("sourceVersion")
    return Coding(system=system, version=version, code=given.text(named))


def _maps(scope: Scope, maps: Maps, instance: ConceptMap | None) -> Sequence[ConceptMap]:
    """The maps that are read."""
    given = scope.given
    named = given.only_one_of("url", "conceptMap")
    version = given.text("conceptMapVersion")
    if instance is not None:
        if named is not None or version not in {None, instance.version}:
            text = f"{named or 'conceptMapVersion'} and the map of the path contradict each other"
            raise refusal(400, "invalid", text, place=named)
        return (instance,)
    if named == "conceptMap":
        brought = given.one("conceptMap", ConceptMap)
        if brought is None:
            raise refusal(400, "invalid", "conceptMap must be a ConceptMap", place=named)
        return (brought,)
    if named is None:
        given.goes_with("conceptMapVersion", "url")
        return (*scope.maps, *maps.on(scope.day))
    url, pinned = split(given.text("url") or "")
    if None not in {pinned, version} and pinned != version:
        text = "conceptMapVersion and the version of the url contradict each other"
        raise refusal(400, "invalid", text, place="conceptMapVersion")
    asked = version or pinned
    for one in scope.maps:
        if one.url == url and asked in {None, one.version}:
            return (one,)
    found = maps.choose(url, asked, scope.day)
    if found is None:
        text = f"the map {quoted(url)} is not known"
        raise not_found(text, place="url")
    return (found,)


def _check_ends(maps: Sequence[ConceptMap], given: Given) -> None:
    """Refuse value sets as source and target that none of the maps names."""
    for place, names in _ENDS.items():
        name = given.only_one_of(*names)
        asked = None if name is None else given.text(name)
        if asked is not None and not any(_end(one, place) == asked for one in maps):
            held = ", ".join(sorted({end for one in maps if (end := _end(one, place))})) or "none"
            text = f"no map that is read has the {place} {quoted(asked)}; they name {held[:1000]}"
            raise not_found(text, place=name)


def _end(one: ConceptMap, place: str) -> str | None:
    """The value set from which or to which a map leads, where it names one."""
    if place == "source":
        return one.source_canonical or one.source_uri
    return one.target_canonical or one.target_uri


def _fits(one: ConceptMap, given: Given) -> bool:
    """Whether a map is between the value sets that are asked for, as far as it names them."""
    return all(
        _end(one, place) in {None, given.text(name)}
        for place, names in _ENDS.items()
        for name in names
        if name in given
    )


def _matches(
    scope: Scope, one: ConceptMap, coding: Coding, wanted: str | None, *, backwards: bool
) -> Iterator[_Match]:
    """What a map says of a coding."""
    system = scope.understood(coding.system or "")
    for group in one.group:
        here, there = (group.source, group.target)
        version = group.target_version
        if backwards:
            here, there, version = there, here, group.source_version
        if here not in {system, coding.system} or wanted not in {None, there}:
            continue
        for element in group.element:
            for target in element.target:
                if (target if backwards else element).code != coding.code:
                    continue
                equivalence = target.equivalence
                concept = Coding(there, version, target.code, target.display)
                if backwards:
                    concept = Coding(there, version, element.code, element.display)
                    equivalence = _REVERSED.get(equivalence, equivalence)
                yield _Match(equivalence, concept, target.comment, one.url, one.version)


def _respelt(scope: Scope, codings: Sequence[Coding]) -> str:
    """The right spelling of codes that are spelt wrongly, for a message."""
    found = []
    for one in codings:
        system, code = scope.system(one.system or ""), one.code or ""
        right = None if system is None else system.meant(code)
        if right is not None:
            found.append(f"; {quoted(code)} is spelt {quoted(right)}")
    return "".join(found)


def _written(match: _Match) -> Parameter:
    """A match as it is answered."""
    parts = [Parameter("equivalence", value_code=match.equivalence)]
    if match.concept.code is not None:
        parts.append(Parameter("concept", value_coding=match.concept))
    if match.comment is not None:
        parts.append(Parameter("comment", value_string=match.comment))
    if match.url is not None:
        canonical = match.url if match.version is None else f"{match.url}|{match.version}"
        parts.append(Parameter("source", value_uri=match.url))
        parts.append(Parameter("originMap", value_canonical=canonical))
    return Parameter("match", part=tuple(parts))
