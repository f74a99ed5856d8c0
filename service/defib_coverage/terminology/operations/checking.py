"""Whether a coding is in a value set, and if not, why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from defib_coverage.fhir.systems import CPT_SUFFIX
from defib_coverage.terminology.operations.displays import names_of
from defib_coverage.terminology.operations.errors import issue, quoted
from defib_coverage.terminology.operations.history import days_in, told
from defib_coverage.terminology.operations.verdicts import (
    Place,
    Verdict,
    as_asked,
    no_code,
    no_system,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from defib_coverage.terminology.elements import Coding
    from defib_coverage.terminology.exchanged import Issue
    from defib_coverage.terminology.operations.known_systems import KnownCode, KnownSystem
    from defib_coverage.terminology.operations.scope import Scope
    from defib_coverage.terminology.operations.shelf import Key
    from defib_coverage.terminology.resources import Contains


class Rules(msgspec.Struct, frozen=True):
    """How strictly a code is looked at."""

    lenient: bool = False
    membership_only: bool = False
    abstract: bool = False
    active_only: bool = False


class Checker:
    """Checks codings against one value set."""

    def __init__(
        self,
        scope: Scope,
        members: Mapping[Key, Contains],
        name: str,
        rules: Rules = Rules(),  # noqa: B008 - frozen
    ) -> None:
        """Check against members.

        Args:
            scope: what the request sees.
            members: the codes of the value set.
            name: its canonical.
            rules: how strictly.
        """
        self._scope = scope
        self._members = members
        self._name = name
        self._rules = rules

    def check(self, coding: Coding, place: Place) -> Verdict:
        """The verdict on a coding.

        Args:
            coding: any.
            place: where it stands.
        """
        start = as_asked(coding)
        if not coding.code:
            return msgspec.structs.replace(start, issues=(no_code(place),))
        if not coding.system:
            issues = (no_system(place), self._absent(coding, place))
            return msgspec.structs.replace(start, issues=issues)
        uri = self._scope.understood(coding.system)
        system = self._scope.system(uri, coding.version)
        said = tuple(_respelt(coding.system, uri, place))
        member = self._members.get((uri, coding.code))
        if member is None and system is not None and not system.case_sensitive:
            known = system.find(coding.code)
            member = None if known is None else self._members.get((uri, known.code))
        if member is not None:
            verdict = self._inside(coding, uri, system, member, place)
        elif system is None:
            verdict = self._unknown(coding, place)
        else:
            verdict = self._outside(coding, uri, system, place)
        return msgspec.structs.replace(verdict, issues=(*said, *verdict.issues))

    def _inside(
        self,
        coding: Coding,
        uri: str,
        system: KnownSystem | None,
        member: Contains,
        place: Place,
    ) -> Verdict:
        """The verdict on a member: its version, its display, its standing."""
        code = member.code or ""
        known = None if system is None else system.find(code)
        names = names_of((member, known))
        issues: list[Issue] = []
        unknown = None
        if coding.version is not None:
            unknown = unknown_release(self._scope, system, uri, coding.version)
            issues.extend(self._version(coding.version, unknown, uri, system, member, place))
        inactive = member.inactive is True
        if coding.version is not None and known is not None and unknown is None:
            inactive = known.inactive_in(coding.version)
        if inactive and self._rules.active_only:
            text = f"{quoted(code)} of {uri} is not active"
            issues.append(issue("error", "business-rule", text, tx="code-rule", place=place.code))
        elif inactive:
            text = f"{quoted(code)} of {uri} is inactive: its use should be looked at"
            issues.append(
                issue("warning", "business-rule", text, tx="code-comment", place=place.code)
            )
        if member.abstract and not self._rules.abstract:
            text = f"{quoted(code)} of {uri} is abstract: it groups codes and is not to be used"
            issues.append(issue("error", "business-rule", text, tx="code-rule", place=place.code))
        if not self._rules.membership_only:
            what = f"{uri}#{code}"
            lenient = self._rules.lenient
            issues.extend(names.check(coding.display, what, lenient=lenient, place=place.display))
        return Verdict(
            system=uri,
            code=code,
            inside=True,
            version=member.version,
            display=names.display,
            inactive=inactive,
            unknown=unknown,
            issues=tuple(issues),
        )

    def _version(  # noqa: PLR0913, PLR0917 - all that is known of a member
        self,
        asked: str,
        unknown: str | None,
        uri: str,
        system: KnownSystem | None,
        member: Contains,
        place: Place,
    ) -> Iterator[Issue]:
        """What is wrong with the version of a member.

        Those who ask state the release of the claim: another than the set's is no fault where it
        has the code.
        """
        if unknown is not None:
            yield unknown_version(self._scope, uri, asked, place)
        elif not same_release(asked, member.version):
            code = member.code or ""
            if system is not None and system.lacks(code, asked):
                known = system.find(code)
                why = "" if known is None else f": {known.lifetime()}"
                text = f"{quoted(code)} is no code of {uri}|{asked}{why}"
                yield issue("error", "code-invalid", text, tx="invalid-code", place=place.code)
                return
            text = (
                f"the value set {self._name} takes {uri} in version {quoted(member.version or '')}"
                f"; {quoted(asked)} has the code, too"
            )
            yield issue("warning", "invalid", text, tx="vs-invalid", place=place.version)

    def _unknown(self, coding: Coding, place: Place) -> Verdict:
        """The verdict on a code of a system that is not known."""
        system = coding.system or ""
        text = f"the code system {quoted(system)} is not known: its codes cannot be looked at"
        found = issue("error", "not-found", text, tx="not-found", place=place.system)
        start = as_asked(coding)
        issues = (found, self._absent(coding, place))
        return msgspec.structs.replace(start, unknown=system, issues=issues)

    def _outside(self, coding: Coding, uri: str, system: KnownSystem, place: Place) -> Verdict:
        """The verdict on a code that the value set does not hold."""
        code = coding.code or ""
        known = system.find(code)
        issues: list[Issue] = []
        unknown = None
        if coding.version is not None:
            unknown = unknown_release(self._scope, system, uri, coding.version)
            if unknown is not None:
                issues.append(unknown_version(self._scope, uri, coding.version, place))
        normalised = system.respelt(code)
        if (uri, normalised) not in self._members:
            normalised = system.meant(code)
        reasons = [*self._reasons(uri, code, known, normalised)]
        issues.append(self._absent(coding, place, reasons))
        if known is None and system.complete:
            text = f"{quoted(code)} is no code of {system.canonical}"
            issues.append(issue("error", "code-invalid", text, tx="invalid-code", place=place.code))
        return Verdict(
            system=uri,
            code=code,
            version=coding.version or (system.version if system.complete else None),
            display=None if known is None else known.display,
            inactive=known is not None
            and known.inactive_in(coding.version or self._scope.release(system)),
            normalised=normalised,
            unknown=unknown,
            issues=tuple(issues),
        )

    def _reasons(
        self, uri: str, code: str, known: KnownCode | None, normalised: str | None
    ) -> Iterator[str]:
        """What helps whoever asked: spelling, other days, what replaced the code."""
        if normalised is not None:
            inside = "is" if (uri, normalised) in self._members else "is not"
            yield f"it is spelt {quoted(normalised)}, which {inside} in the value set"
        base, colon, _ = code.partition(":")
        if colon and (uri, base) in self._members:
            yield f"the value set lists {quoted(base)}, without modifiers"
        url = self._name.partition("|")[0]
        periods = [*days_in(self._scope.shelf.by_url.get(url, ()), (uri, normalised or code))]
        if periods and (uri, normalised or code) not in self._members:
            yield f"it is in {url} for services {told(periods)}"
        sibling = url.removesuffix(CPT_SUFFIX) if url.endswith(CPT_SUFFIX) else url + CPT_SUFFIX
        beside = days_in(self._scope.shelf.by_url.get(sibling, ()), (uri, normalised or code))
        if any(True for _ in beside):
            yield f"it stands in {sibling}: codes of CPT have value sets of their own"
        if known is not None and known.successors:
            yield f"it was{known.replaced().removeprefix(',')}"

    def _absent(self, coding: Coding, place: Place, reasons: list[str] | None = None) -> Issue:
        """The issue that a code is not in the value set."""
        what = f"{coding.system or ''}#{coding.code}"
        text = f"{quoted(what)} is not in the value set {self._name}"
        if reasons:
            text = f"{text}: {'; '.join(reasons)}"
        return issue("error", "code-invalid", text, tx="not-in-vs", place=place.code)


def _respelt(asked: str, uri: str, place: Place) -> Iterator[Issue]:
    """That a uri was understood as another."""
    if asked != uri:
        text = f"{quoted(asked)} is understood as {uri}, which is the uri to write"
        yield issue("information", "informational", text, place=place.system)


def same_release(asked: str, held: str | None) -> bool:
    """Whether a version asked for is the one that is held; a dated edition is its edition."""
    return held is None or asked == held or asked.startswith(f"{held}/")


def unknown_release(scope: Scope, system: KnownSystem | None, uri: str, version: str) -> str | None:
    """The canonical of a version that is not known; None for one that is."""
    if system is None or scope.has_release(system, version):
        return None
    return f"{uri}|{version}"


def unknown_version(scope: Scope, uri: str, version: str, place: Place) -> Issue:
    """The issue that a version of a known system is not known."""
    system = scope.system(uri)
    known = "" if system is None else ", ".join(scope.releases(system))
    text = f"{uri} is not known in version {quoted(version)}; known: {known or 'none by name'}"
    return issue("error", "not-found", text, tx="not-found", place=place.version)
