"""What a push would do on a server: created, replaced, left alone, refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec
from semver import Version

from defib_coverage.terminology.comparing import Difference, differences
from defib_coverage.terminology.parcels import Parcel

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Action = Literal["create", "replace", "unchanged", "refused"]
WRITES: frozenset[Action] = frozenset({"create", "replace"})


class Listed(msgspec.Struct, frozen=True):
    """A resource that the server finds by a url."""

    place: str
    url: str
    version: str | None


class Held(msgspec.Struct, frozen=True):
    """What the server holds at a place; ``revision`` is its own version id."""

    url: str | None
    version: str | None
    revision: str | None
    body: bytes


class Step(msgspec.Struct, frozen=True):
    """What becomes of one resource, and why.

    ``other`` is what of the server's the reason is about, its place or its url. ``revision`` is the
    server's version id that may be overwritten, None for no condition.
    """

    action: Action
    parcel: Parcel
    reason: str = ""
    differences: tuple[Difference, ...] = ()
    revision: str | None = None
    other: str = ""


class Plan(msgspec.Struct, frozen=True):
    """All steps, in the order of writing."""

    steps: tuple[Step, ...]

    def of(self, *actions: Action) -> tuple[Step, ...]:
        """The steps of some actions."""
        return tuple(step for step in self.steps if step.action in actions)

    @property
    def writes(self) -> tuple[Step, ...]:
        """The steps that write."""
        return self.of(*WRITES)

    @property
    def refused(self) -> tuple[Step, ...]:
        """The steps that must not be done; one of them, and nothing is written at all."""
        return self.of("refused")


class Server(msgspec.Struct, frozen=True):
    """What is on the server: by place what stands where we would write, by url all versions."""

    held: Mapping[str, Held]
    listed: Mapping[str, Sequence[Listed]]


def plan(parcels: Sequence[Parcel], server: Server, *, replace: bool = False) -> Plan:
    """Compare what is to be pushed with what the server holds.

    A push would lower a version where the server has a higher one of a url than any that is pushed:
    many servers take what was written last for the newest. The content of a url and version is
    never changed unless ``replace`` says so.

    Args:
        parcels: what is to be pushed, in the order of writing.
        server: what is there.
        replace: whether other content of the same url and version is written over.
    """
    highest: dict[str, Version] = {}
    for parcel in parcels:
        version = Version.parse(parcel.version)
        highest[parcel.url] = max(version, highest.get(parcel.url, version))
    steps = []
    for parcel in parcels:
        step = _step(parcel, server.held.get(parcel.place), replace=replace)
        if step.action in WRITES:
            others = [o for o in server.listed.get(parcel.url, ()) if o.place != parcel.place]
            step = _beside(step, others, highest[parcel.url])
        steps.append(step)
    return Plan(tuple(steps))


def _step(parcel: Parcel, held: Held | None, *, replace: bool) -> Step:
    """What becomes of a resource, by what stands at its place."""
    if held is None:
        return Step("create", parcel)
    refused = _misplaced(parcel, held)
    if refused is not None:
        return refused
    found = differences(parcel.body, held.body)
    if not found:
        return Step("unchanged", parcel)
    if replace:
        reason = "other content of this version"
        return Step("replace", parcel, reason, found, revision=held.revision)
    reason = "the server holds other content of this version; --replace writes over it"
    return Step("refused", parcel, reason, found)


def _misplaced(parcel: Parcel, held: Held) -> Step | None:
    """The refusal of what must not be written over what stands at its place."""
    if held.url != parcel.url:
        other = held.url or "one without a url"
        return Step("refused", parcel, "another resource has this id there", other=other)
    version = _read(held.version)
    if version is None:
        return Step("refused", parcel, _unordered(held.version))
    if version > Version.parse(parcel.version):
        reason = f"the server holds version {version} there, higher than {parcel.version}"
        return Step("refused", parcel, reason)
    if held.version != parcel.version:
        # Each version of ours has an id of its own: somebody else's, and it would be lost.
        reason = f"version {held.version} stands under the id of {parcel.version} there"
        return Step("refused", parcel, reason)
    return None


def _beside(step: Step, listed: Iterable[Listed], highest: Version) -> Step:
    """What becomes of a resource, by what else the server has of its url."""
    parcel = step.parcel
    below: Version | None = None
    for other in listed:
        version = _read(other.version)
        reason = None
        if version is None:
            reason = _unordered(other.version)
        elif other.version == parcel.version:
            reason = "the server holds this version already, under another id"
        elif version > highest:
            reason = (
                f"the server holds version {version}, higher than {highest}, the highest that is "
                "pushed; an older release goes with --history only"
            )
        if reason is not None:
            return Step("refused", parcel, reason, other=other.place)
        if version is not None and (below is None or version > below):
            below = version
    if step.action == "create" and below is not None and below < highest == _read(parcel.version):
        return Step("create", parcel, f"{below} is there, this becomes the highest")
    return step


def _unordered(version: str | None) -> str:
    said = "without a version" if version is None else f"of version {version!r}"
    return f"the server holds one {said}: which is higher cannot be told"


def _read(version: str | None) -> Version | None:
    """A semantic version; None for anything else, such as ``20231001``."""
    try:
        return None if version is None else Version.parse(version)
    except ValueError:
        return None
