"""Works out the codes of a value set from its definition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from defib_coverage.terminology.operations.errors import not_found, quoted, refusal
from defib_coverage.terminology.operations.filters import matching
from defib_coverage.terminology.operations.shelf import Prepared
from defib_coverage.terminology.operations.work import Work
from defib_coverage.terminology.resources import Contains, Include, ValueSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from defib_coverage.terminology.operations.errors import TerminologyError
    from defib_coverage.terminology.operations.known_systems import KnownCode, KnownSystem
    from defib_coverage.terminology.operations.scope import Scope
    from defib_coverage.terminology.operations.shelf import Key

    Members = Mapping[Key, Contains]

_DEEPEST = 16


class Composer:
    """Works out value sets for one request, each of them once.

    ``work`` is what that took, ``systems`` and ``value_sets`` are the canonicals that were used,
    ``fragments`` the systems of which only a part is known, ``warnings`` what a reader must know of
    the result, ``notices`` what the owners of codes want to be told.
    """

    def __init__(self, scope: Scope) -> None:
        """Work within what a request can see."""
        self._scope = scope
        self._done: dict[str, Members] = {}
        self._path: list[str] = []
        self.work = Work()
        self.systems: dict[str, None] = {}
        self.value_sets: dict[str, None] = {}
        self.fragments: dict[str, None] = {}
        self.warnings: dict[str, None] = {}
        self.notices: dict[str, None] = {}

    def members(self, found: Prepared | ValueSet) -> Members:
        """The codes of a value set, by system and code, in the order of its definition.

        Raises:
            TerminologyError: 422 for a definition that breaks the rules, that leads back to
                itself, that needs what is not known, or that is too much.
        """
        value_set = found.value_set if isinstance(found, Prepared) else found
        name = canonical(value_set)
        if name in self._path:
            path = " -> ".join((*self._path, name))
            raise _invalid(f"the value set {quoted(name)} leads back to itself: {path}"[:1000])
        if len(self._path) == _DEEPEST:
            text = f"value sets stand within each other more than {_DEEPEST} deep"
            raise _invalid(text)
        if name in self._done:
            return self._done[name]
        if value_set.url is not None:
            self.value_sets[name] = None
        if value_set.copyright is not None:
            self.notices[value_set.copyright] = None
        self._path.append(name)
        members: Members
        if isinstance(found, Prepared) and self._scope.system_pins.is_empty:
            members = found.members
            self.work.look_at(len(members))
            self._used(members.values())
        else:
            members = self._composed(value_set, found if isinstance(found, Prepared) else None)
        self._path.pop()
        if value_set.url is not None:
            self._done[name] = members
        return members

    def _owned(self, systems: Iterable[str | None]) -> None:
        """Note what the owners of code systems in a set that came want to be told."""
        for uri in dict.fromkeys(systems):
            notice = None if uri is None else self._scope.notice(uri)
            if notice is not None and not any(notice in held for held in self.notices):
                self.notices[notice] = None

    def _used(self, members: Iterable[Contains]) -> None:
        """Note the releases of a published set."""
        for system, version in dict.fromkeys((m.system, m.version) for m in members):
            if system is not None and version is not None:
                self.systems[f"{system}|{version}"] = None

    def _composed(self, value_set: ValueSet, prepared: Prepared | None) -> Members:
        compose = value_set.compose
        if compose is None:
            return self._listed(value_set)
        members: dict[Key, Contains] = {}
        for part in compose.include:
            for key, contained in self._part(part).items():
                members.setdefault(key, contained)
        for part in compose.exclude:
            for key in self._part(part):
                members.pop(key, None)
        if compose.inactive is False:
            members = {key: one for key, one in members.items() if one.inactive is not True}
        if prepared is None:
            self._owned(part.system for part in compose.include)
        else:
            # What our own lists say of a code stays, whatever release it is taken in.
            held = prepared.members
            members = {
                key: msgspec.structs.replace(held.get(key, one), version=one.version)
                for key, one in members.items()
            }
        return members

    def _listed(self, value_set: ValueSet) -> Members:
        """The codes of a value set that has nothing but an expansion."""
        if value_set.expansion is None:
            text = f"the value set {quoted(canonical(value_set))} has no definition"
            raise _invalid(text)
        members: dict[Key, Contains] = {}
        left = list(reversed(value_set.expansion.contains))
        while left:
            one = left.pop()
            left.extend(reversed(one.contains))
            if one.system is not None and one.code is not None:
                flat = msgspec.structs.replace(one, contains=())
                members.setdefault((one.system, one.code), flat)
        self.work.look_at(len(members))
        self._used(members.values())
        self._owned(uri for uri, _ in members)
        return members

    def _part(self, part: Include) -> Members:
        """The codes of one include or exclude."""
        if part.system is None and not part.value_set:
            text = "a part of compose has neither system nor valueSet (vsd-1)"
            raise _invalid(text)
        if part.system is None and (part.concept or part.filter):
            text = "a part of compose has concepts or filters and no system (vsd-2)"
            raise _invalid(text)
        if part.concept and part.filter:
            text = "a part of compose has concepts and filters (vsd-3)"
            raise _invalid(text)
        members: Members | None = None
        if part.system is not None:
            members = dict(self._of_system(part, part.system))
            self.work.look_at(len(members))
        for name in part.value_set:
            imported = self.members(self._scope.value_set(name, "ValueSet.compose"))
            if members is None:
                members = imported
            else:
                members = {key: one for key, one in members.items() if key in imported}
            self.work.look_at(len(members))
        return members or {}

    def _of_system(self, part: Include, asked: str) -> Iterator[tuple[Key, Contains]]:
        """The codes of one system."""
        scope = self._scope
        uri = scope.understood(asked)
        wanted = scope.system_pins.settle(uri, part.version)
        system = scope.system(uri, wanted)
        if system is None:
            text = f"the code system {quoted(uri)} is not known: the value set cannot be expanded"
            raise not_found(text, place="ValueSet.compose")
        version = wanted or scope.release(system)
        if version is not None and not scope.has_release(system, version):
            held = ", ".join(scope.releases(system)) or "none"
            text = f"the code system {uri} is not known in version {quoted(version)}; known: {held}"
            raise not_found(text, place="ValueSet.compose")
        scope.system_pins.check(uri, version)
        if asked != uri:
            self.warnings[f"{asked} is understood as {uri}, which is the uri to write"] = None
        self.systems[uri if version is None else f"{uri}|{version}"] = None
        if part.concept:
            yield from self._enumerated(part, system, uri, version)
            return
        if not system.complete:
            if not system.brought:
                text = (
                    f"only some codes of {uri} are held here: "
                    "value sets can list its codes, not take all of them or filter them"
                )
                raise refusal(422, "not-supported", text, place="ValueSet.compose")
            self.fragments[system.canonical] = None
        self.work.look_at(len(system.codes) * (len(part.filter) + 1))
        chosen = set(system.codes)
        for condition in part.filter:
            chosen &= matching(system, condition, self.work)
        for known in system.codes.values():
            if known.code in chosen:
                yield (uri, known.code), contained(known, uri, version)

    def _enumerated(
        self, part: Include, system: KnownSystem, uri: str, version: str | None
    ) -> Iterator[tuple[Key, Contains]]:
        """The codes that a definition lists; those that are none are left out, and it is said."""
        missing = []
        for concept in part.concept:
            known = system.find(concept.code)
            if system.lacks(concept.code, version):
                missing.append(concept.code)
                continue
            made = (
                Contains(system=uri, version=version, code=concept.code)
                if known is None
                else contained(known, uri, version)
            )
            yield (
                (uri, made.code or ""),
                msgspec.structs.replace(
                    made,
                    display=concept.display or made.display,
                    designation=concept.designation or made.designation,
                ),
            )
        if missing:
            names = ", ".join(missing[:20]) + (", …" if len(missing) > 20 else "")  # noqa: PLR2004 - enough for a message
            text = f"left out, no codes of {uri}|{version or system.version}: {names}"
            self.warnings[text] = None


def contained(known: KnownCode, uri: str, version: str | None) -> Contains:
    """A code of a code system as a member of a value set."""
    return Contains(
        system=uri,
        version=version,
        code=known.code,
        display=known.display,
        designation=known.designation,
        inactive=True if known.inactive_in(version) else None,
        abstract=True if known.abstract else None,
    )


def canonical(value_set: ValueSet) -> str:
    """Url and version of a value set, as far as it has them."""
    url = value_set.url or "(without a url)"
    return url if value_set.version is None else f"{url}|{value_set.version}"


def _invalid(text: str) -> TerminologyError:
    return refusal(422, "invalid", text, tx="vs-invalid", place="ValueSet.compose")
