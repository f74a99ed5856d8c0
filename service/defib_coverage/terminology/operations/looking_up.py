"""CodeSystem/$lookup: what is known of a code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage.coverage.codes import LONGEST_CODE
from defib_coverage.explaining.code_facts import facts_of
from defib_coverage.explaining.lookup_properties import PropertyCoding, lookup_properties
from defib_coverage.explaining.near_codes import near_codes
from defib_coverage.terminology.elements import Coding, Parameter, Parameters
from defib_coverage.terminology.operations.errors import not_found, quoted, refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from defib_coverage.coverage.determine import Knowledge
    from defib_coverage.explaining.lookup_properties import LookupProperty
    from defib_coverage.families import Families
    from defib_coverage.terminology.operations.known_systems import KnownCode, KnownSystem
    from defib_coverage.terminology.operations.scope import Scope
    from defib_coverage.terminology.resources import ConceptProperty

_DESIGNATION = "designation"


def look_up(
    scope: Scope, instance: KnownSystem | None, knowledge: Knowledge, families: Families
) -> Parameters:
    """What is known of a code.

    Args:
        scope: what the request sees.
        instance: the code system of the path.
        knowledge: what our own lists and the policy say of codes.
        families: the codes that families of codes stand for, and official titles.

    Raises:
        TerminologyError: 400 for parameters that are missing or contradict each other; 404 for a
            code that is unknown, or unknown in the release asked for; 422 for an unknown code
            system or release.
    """
    coding = _asked(scope, instance)
    uri, code, version = coding.system or "", coding.code or "", coding.version
    system = instance or scope.system(uri, version)
    if system is None:
        text = f"the code system {quoted(uri)} is not known"
        raise not_found(text, place="system")
    if version is not None and version != system.version and not scope.has_release(system, version):
        known = ", ".join(scope.releases(system)) or "none by name"
        text = f"{system.url} is not known in version {quoted(version)}; known: {known}"
        raise not_found(text, place="version")
    found = system.find(code)
    if found is None:
        text = f"{quoted(code)} is not known in {system.url}{_near(system, code)}"
        raise refusal(404, "not-found", text, tx="invalid-code", place="code")
    release = version or scope.release(system)
    inactive = found.inactive_in(release)
    if system.alias is not None and not found.valid_in(release):
        if version is not None or scope.dated or not inactive:
            text = f"{quoted(code)} is no code of {system.url}|{release}: {found.lifetime()}"
            raise refusal(404, "not-found", text, tx="invalid-code", place="code")
        # People look up what they find in old charts: it is told as it was last.
        release = found.last
    if release is not None and not scope.has_release(system, release):
        release = None
    asked = set(scope.given.texts("property")) - {"*"}
    with_names = not asked or _DESIGNATION in asked
    properties = (
        *_properties(system, found, inactive=inactive),
        *_facts(scope, system, found, knowledge, families),
    )
    return Parameters(
        parameter=(
            *_parts(system, found, release, with_names=with_names),
            *(one for one in properties if not asked or one.part[0].value_code in asked),
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
    right = system.meant(code)
    if right is not None:
        return f": it is spelt {quoted(right)}"
    near = [] if system.brought else near_codes(code, system.codes)
    some = "" if system.complete else "; only some of its codes are held here"
    return (f": near are {', '.join(near)}" if near else "") + some


def _parts(
    system: KnownSystem, found: KnownCode, version: str | None, *, with_names: bool
) -> Iterator[Parameter]:
    """Name, version, display, other names."""
    yield Parameter("name", value_string=system.title)
    if version is not None:
        yield Parameter("version", value_string=version)
    # Our own words stand in for a title that is not held; of CPT it is the code itself.
    names = [one.value for one in found.designation]
    yield Parameter("display", value_string=found.display or next(iter(names), found.code))
    yield Parameter("code", value_code=found.code)
    yield Parameter("system", value_uri=system.url)
    for one in found.designation if with_names else ():
        parts = [Parameter("value", value_string=one.value)]
        if one.use is not None:
            parts.insert(0, Parameter("use", value_coding=one.use))
        if one.language is not None:
            parts.insert(0, Parameter("language", value_code=one.language))
        yield Parameter(_DESIGNATION, part=tuple(parts))


def _properties(system: KnownSystem, found: KnownCode, *, inactive: bool) -> Iterator[Parameter]:
    """What the code system itself says of a code."""
    yield _property("inactive", Parameter("value", value_boolean=inactive))
    if found.definition is not None:
        yield _property("definition", Parameter("value", value_string=found.definition))
    for parent in found.parents:
        yield _property("parent", Parameter("value", value_code=parent))
    for child in system.children().get(found.code, ()):
        yield _property("child", Parameter("value", value_code=child))
    for one in found.property:
        if one.code not in {"parent", "child", "inactive"}:
            yield _property(one.code, _value(one))


def _facts(
    scope: Scope,
    system: KnownSystem,
    found: KnownCode,
    knowledge: Knowledge,
    families: Families,
) -> Iterator[Parameter]:
    """What our own lists and the policy say of a code on the day."""
    if system.brought:
        return
    name = system.alias or system.url.rpartition("/")[2]
    for facts in facts_of(found.code, knowledge, families, scope.day, name):
        for one in lookup_properties(facts):
            # Codes of a system that is kept out of all answers are no neighbours either.
            if isinstance(one.value, PropertyCoding) and scope.system(one.value.system) is None:
                continue
            yield _property(one.code, _typed(one), one.description)


def _property(code: str, value: Parameter, description: str | None = None) -> Parameter:
    """A property as it is answered."""
    said = () if description is None else (Parameter("description", value_string=description),)
    return Parameter("property", part=(Parameter("code", value_code=code), value, *said))


def _typed(one: LookupProperty) -> Parameter:
    """The value of a fact in its FHIR type."""
    match one.value:
        case bool():
            return Parameter("value", value_boolean=one.value)
        case PropertyCoding(system=system, code=code, display=display):
            return Parameter("value", value_coding=Coding(system, None, code, display))
        case text if one.type == "code":
            return Parameter("value", value_code=text)
        case text if one.type == "dateTime":
            return Parameter("value", value_date_time=text)
        case text:
            return Parameter("value", value_string=text)


def _value(one: ConceptProperty) -> Parameter:
    """The value of a property of a code system."""
    return Parameter(
        "value",
        value_code=one.value_code,
        value_string=one.value_string,
        value_boolean=one.value_boolean,
        value_integer=one.value_integer,
        value_decimal=one.value_decimal,
        value_date_time=one.value_date_time,
        value_coding=one.value_coding,
    )
