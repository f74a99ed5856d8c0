"""CodeSystem/$lookup: what is known of a code."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from defib_coverage.coverage.codes import LONGEST_CODE, normalise
from defib_coverage.terminology.operations.errors import not_found, quoted, refusal
from defib_coverage.terminology.resources import (
    Coding,
    ConceptProperty,
    Parameter,
    Parameters,
)
from defib_coverage.terminology.sets import CPT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import date

    from defib_coverage.terminology.operations.known_systems import KnownCode, KnownSystem
    from defib_coverage.terminology.operations.scope import Scope

    Explain = Callable[[str, str, date], Iterable[ConceptProperty]]
    """More properties of a code: by the short name of its system, the code and the day."""

_MOST_NEAR = 5
_CLOSE = 0.6
_NO_TEXT = "no text of CPT is held here: the display is the code itself"


def look_up(scope: Scope, instance: KnownSystem | None, explain: Explain | None) -> Parameters:
    """What is known of a code.

    Args:
        scope: what the request sees.
        instance: the code system of the path.
        explain: more properties; None for none.

    Raises:
        TerminologyError: 400 for parameters that are missing or contradict each other; 404 for an
            unknown code; 422 for an unknown code system or release.
    """
    coding = _asked(scope, instance)
    uri, code = coding.system or "", coding.code or ""
    system = instance or scope.system(uri, coding.version)
    if system is None:
        text = f"the code system {quoted(uri)} is not known"
        raise not_found(text, place="system")
    version = coding.version
    if version is not None and version != system.version and not scope.has_release(system, version):
        known = ", ".join(scope.releases(system)) or "none by name"
        text = f"{system.url} is not known in version {quoted(version)}; known: {known}"
        raise not_found(text, place="version")
    if version is None:
        named = scope.index.release_on(system, scope.day) if scope.dated else None
        version = named or system.version
    found = system.find(code)
    if found is None:
        text = f"{quoted(code)} is not known in {system.url}{_near(system, code)}"
        raise refusal(404, "not-found", text, tx="invalid-code", place="code")
    parameters = _parts(system, found, version)
    asked = set(scope.given.texts("property")) - {"*"}
    more: Iterable[ConceptProperty] = ()
    if explain is not None and not system.brought:
        name = system.alias or system.url.rpartition("/")[2]
        more = explain(name, found.code, scope.day)
    properties = (*_properties(system, found), *more)
    return Parameters(
        parameter=(
            *parameters,
            *(_property(one) for one in properties if not asked or one.code in asked),
        )
    )


def _asked(scope: Scope, instance: KnownSystem | None) -> Coding:
    """System, version and code of a request."""
    given = scope.given
    named = given.only_one_of("code", "coding")
    for name in ("system", "version"):
        given.goes_with(name, "code")
    if named is None:
        raise refusal(400, "required", "code with system, or coding, is needed", place="code")
    coding = given.one("coding", Coding) or Coding(
        system=given.text("system"), version=given.text("version"), code=given.text("code")
    )
    if instance is not None:
        if coding.system not in {None, instance.url}:
            text = "the system and the code system of the path contradict each other"
            raise refusal(400, "invalid", text, place="system")
        return coding if coding.code else _needed("coding.code")
    if not coding.system:
        return _needed("system")
    return coding if coding.code else _needed("coding.code")


def _needed(name: str) -> Coding:
    raise refusal(400, "required", f"{name} is needed", place=name)


def _near(system: KnownSystem, code: str) -> str:
    """Codes that may have been meant, for a message."""
    if len(code) > LONGEST_CODE:
        return ""
    right = normalise(system.alias or "", code)
    if system.find(right) is not None:
        return f": it is spelt {quoted(right)}"
    if system.brought:
        return ""
    near = difflib.get_close_matches(right, list(system.codes), _MOST_NEAR, _CLOSE)
    some = "" if system.complete else "; only some of its codes are held here"
    return (f": near are {', '.join(near)}" if near else "") + some


def _parts(system: KnownSystem, found: KnownCode, version: str | None) -> Iterator[Parameter]:
    """Name, version, display, other names."""
    yield Parameter("name", value_string=system.title)
    if version is not None:
        yield Parameter("version", value_string=version)
    # Its own words stand in for a title that is not held; of CPT there are none.
    names = [one.value for one in found.designation]
    yield Parameter("display", value_string=found.display or next(iter(names), found.code))
    yield Parameter("code", value_code=found.code)
    yield Parameter("system", value_uri=system.url)
    for one in found.designation:
        parts = [Parameter("value", value_string=one.value)]
        if one.use is not None:
            parts.insert(0, Parameter("use", value_coding=one.use))
        if one.language is not None:
            parts.insert(0, Parameter("language", value_code=one.language))
        yield Parameter("designation", part=tuple(parts))


def _properties(system: KnownSystem, found: KnownCode) -> Iterator[ConceptProperty]:
    """What the code system itself says of a code."""
    yield ConceptProperty("inactive", value_boolean=found.inactive)
    if found.definition is not None:
        yield ConceptProperty("definition", value_string=found.definition)
    for parent in found.parents:
        yield ConceptProperty("parent", value_code=parent)
    for child in system.children().get(found.code, ()):
        yield ConceptProperty("child", value_code=child)
    for successor in found.successors:
        yield ConceptProperty("successor", value_code=successor)
    yield from (one for one in found.property if one.code not in {"parent", "child", "inactive"})
    if system.alias == CPT:
        yield ConceptProperty("text", value_string=_NO_TEXT)


def _property(one: ConceptProperty) -> Parameter:
    """A property as it is answered."""
    value = Parameter(
        "value",
        value_code=one.value_code,
        value_string=one.value_string,
        value_boolean=one.value_boolean,
        value_integer=one.value_integer,
        value_decimal=one.value_decimal,
        value_date_time=one.value_date_time,
        value_coding=one.value_coding,
    )
    return Parameter("property", part=(Parameter("code", value_code=one.code), value))
