"""CodeSystem/$validate-code: whether a code belongs to a code system."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage.terminology.elements import CodeableConcept, Coding
from defib_coverage.terminology.exchanged import Issue
from defib_coverage.terminology.operations.checking import unknown_release, unknown_version
from defib_coverage.terminology.operations.displays import names_of
from defib_coverage.terminology.operations.errors import issue, quoted, refusal
from defib_coverage.terminology.operations.known_systems import KnownSystem, known_from
from defib_coverage.terminology.operations.pins import split
from defib_coverage.terminology.operations.validating import rules_of, what_is_asked
from defib_coverage.terminology.operations.verdicts import (
    Place,
    Verdict,
    answer,
    no_code,
    no_system,
)
from defib_coverage.terminology.resources import CodeSystem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from defib_coverage.terminology.elements import Parameters
    from defib_coverage.terminology.operations.checking import Rules
    from defib_coverage.terminology.operations.known_systems import KnownCode
    from defib_coverage.terminology.operations.scope import Scope


def validate_in_system(scope: Scope, instance: KnownSystem | None) -> Parameters:
    """Whether the code that the parameters name is one of the code system that they name.

    Args:
        scope: what the request sees.
        instance: the code system of the path.

    Raises:
        TerminologyError: 400 for parameters that are missing or contradict each other.
    """
    given = scope.given
    asked = what_is_asked(given, ("version", "display"))
    named = given.only_one_of("url", "codeSystem")
    if instance is not None and named is not None:
        text = f"{named} and the code system of the path contradict each other"
        raise refusal(400, "invalid", text, place=named)
    system = instance or _brought(scope)
    url, version = split(given.text("url") or "")
    version = version or given.text("version")
    if given.text("version") not in {None, version}:
        text = "version and the version of the url contradict each other"
        raise refusal(400, "invalid", text, place="version")
    looker = _Looker(scope, rules_of(given), system, url or None)
    match asked:
        case CodeableConcept():
            verdicts = [
                looker.look(coding, Place.within(f"CodeableConcept.coding[{number}]"))
                for number, coding in enumerate(asked.coding)
            ]
            text = "the CodeableConcept has no coding"
            empty = issue("error", "invalid", text, tx="invalid-data", place="CodeableConcept")
            return answer(verdicts, concept=asked, extra=() if verdicts else (empty,))
        case Coding():
            return answer([looker.look(asked, Place.within("Coding"))])
        case str():
            if system is None and not url:
                text = "a code needs the url of its code system"
                raise refusal(400, "required", text, place="url")
            uri = url if system is None else system.url
            coding = Coding(system=uri, version=version, code=asked, display=given.text("display"))
            return answer([looker.look(coding, Place(system="url", version="version"))])


def _brought(scope: Scope) -> KnownSystem | None:
    """The code system that the parameters bring."""
    if "codeSystem" not in scope.given:
        return None
    found = scope.given.one("codeSystem", CodeSystem)
    if found is None:
        raise refusal(400, "invalid", "codeSystem must be a CodeSystem", place="codeSystem")
    return known_from(found, brought=True)


class _Looker:
    """Looks codings up in one code system, or each in its own."""

    def __init__(
        self, scope: Scope, rules: Rules, system: KnownSystem | None, url: str | None
    ) -> None:
        self._scope = scope
        self._rules = rules
        self._system = system
        self._url = url

    def look(self, coding: Coding, place: Place) -> Verdict:
        """The verdict on a coding."""
        if not coding.code:
            return Verdict(coding.system, None, issues=(no_code(place),))
        uri = coding.system or self._url or (None if self._system is None else self._system.url)
        if uri is None:
            return Verdict(None, coding.code, issues=(no_system(place),))
        wanted = self._url if self._system is None else self._system.url
        if wanted is not None and not self._same(uri, wanted):
            text = f"{quoted(coding.code)} is of {quoted(uri)}, not of {wanted}"
            found = issue("error", "invalid", text, tx="invalid-data", place=place.system)
            return Verdict(uri, coding.code, issues=(found,))
        system = self._system or self._scope.system(uri, coding.version)
        if system is None:
            text = f"the code system {quoted(uri)} is not known: its codes cannot be looked at"
            found = issue("error", "not-found", text, tx="not-found", place=place.system)
            return Verdict(uri, coding.code, version=coding.version, unknown=uri, issues=(found,))
        return self._known(coding, system, uri, place)

    def _same(self, uri: str, wanted: str) -> bool:
        understood = self._scope.index.understood
        return uri == wanted or understood(uri) == understood(wanted)

    def _known(self, coding: Coding, system: KnownSystem, uri: str, place: Place) -> Verdict:
        """The verdict on a code of a known system."""
        code, version = coding.code or "", coding.version
        issues: list[Issue] = []
        unknown = None
        if uri != system.url:
            text = f"{quoted(uri)} is understood as {system.url}, which is the uri to write"
            issues.append(issue("information", "informational", text, place=place.system))
        if version is None and not system.brought:
            version = self._scope.release(system)
        if version is not None and version != system.version:
            unknown = unknown_release(self._scope, system, system.url, version)
        if unknown is not None and version is not None:
            issues.append(unknown_version(self._scope, system.url, version, place))
        known = system.find(code)
        if known is None:
            normalised = system.meant(code)
            issues.append(_not_held(system, code, normalised, place))
            return Verdict(
                system.url,
                code,
                version=coding.version,
                normalised=normalised,
                unknown=unknown,
                issues=tuple(issues),
            )
        issues.extend(self._standing(coding, system, known, version, place))
        return Verdict(
            system=system.url,
            code=known.code,
            inside=True,
            version=version or system.version,
            display=known.display,
            inactive=known.inactive_in(version),
            unknown=unknown,
            issues=tuple(issues),
        )

    def _standing(
        self,
        coding: Coding,
        system: KnownSystem,
        known: KnownCode,
        version: str | None,
        place: Place,
    ) -> Iterator[Issue]:
        """What is to be said of a code that the system has."""
        what = f"{system.url}#{known.code}"
        if system.alias is not None and version is not None and not known.valid_in(version):
            yield issue(
                "error",
                "code-invalid",
                f"{quoted(known.code)} is no code of {system.url}|{version}: {known.lifetime()}",
                tx="invalid-code",
                place=place.code,
            )
        elif known.inactive_in(version):
            text = f"{quoted(known.code)} is inactive{known.replaced()}"
            yield issue("warning", "business-rule", text, tx="code-comment", place=place.code)
        if known.abstract and not self._rules.abstract:
            text = f"{quoted(known.code)} is abstract: it groups codes and is not to be used"
            yield issue("error", "business-rule", text, tx="code-rule", place=place.code)
        if not self._rules.membership_only:
            lenient = self._rules.lenient
            yield from names_of((known,)).check(
                coding.display, what, lenient=lenient, place=place.display
            )


def _not_held(system: KnownSystem, code: str, normalised: str | None, place: Place) -> Issue:
    """The issue that a code is not known: in a fragment it may yet exist."""
    if normalised is not None:
        text = f"{quoted(code)} is no code of {system.url}: it is spelt {quoted(normalised)}"
    elif system.complete:
        text = f"{quoted(code)} is no code of {system.canonical}"
    else:
        text = (
            f"{quoted(code)} is not among the codes of {system.url} that are held here; "
            "only some are, so that it may be one all the same"
        )
    return issue("error", "code-invalid", text, tx="invalid-code", place=place.code)
