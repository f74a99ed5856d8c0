"""Drafts: the present rules and codes with policy and value set files laid over them.

A draft may have any name and stand anywhere; its faults are told by its own name. It is checked as
the product's files are, and so is what it is laid over: a list that loses a code may leave a rule
without it.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from defib_coverage.checks import (
    check_policy,
    check_see_also,
    check_value_set,
    check_wording,
    decode,
)
from defib_coverage.content import POLICY, Content
from defib_coverage.coverage.codes import ValueSet
from defib_coverage.coverage.policy import PolicyVersion, references
from defib_coverage.errors import DataError, Fault
from defib_coverage.overlay import apply_overlay
from defib_coverage.tables import near, read_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Keys that tell the two formats apart: no file of one has a key of the other.
_OF_A_POLICY = frozenset({"effective", "paragraphs", "criteria", "indications", "waiting"})
_OF_A_VALUE_SET = frozenset({"role", "purpose", "codes", "patterns", "words"})


class DraftFile(msgspec.Struct, frozen=True, rename="camel"):
    """A file that is laid over: its kind, what it stands for, and the SHA-256 of its bytes.

    ``id`` is the first day of a policy version or the id of a value set. ``replaces``: something of
    that id is there without it.
    """

    file: str
    kind: Literal["policy", "value-set"]
    id: str
    replaces: bool
    sha256: str


class Drafted(msgspec.Struct, frozen=True):
    """The content with the drafts in their places, and the files that they are."""

    content: Content
    files: tuple[DraftFile, ...]


class _Read(msgspec.Struct, frozen=True):
    """A draft as it was read."""

    path: Path
    sha256: str
    model: PolicyVersion | ValueSet

    @property
    def id(self) -> str:
        return self.model.version if isinstance(self.model, PolicyVersion) else self.model.id


def lay_over(content: Content, files: Sequence[Path], overlay: Path | None = None) -> Drafted:
    """The content with drafts in the place of what they replace, with a digest of its own.

    A policy takes the place of the version of its ``effective`` day, or joins the others from that
    day. A value set takes the place of the one with its id; a new one must be named by a policy
    that is a draft too. The digest depends on the content and on what the files hold, not on their
    names or order.

    Args:
        content: what is in force, with the overlay.
        files: the drafts.
        overlay: the site's own folder: what it adds to a set it adds to the draft of it too.

    Raises:
        DataError: with every fault found.
    """
    faults: list[Fault] = []
    read = [one for path in files if (one := _read(path, faults)) is not None]
    faults += _repeated(read)
    if faults:
        raise DataError(faults)
    value_sets = {one.id: one for one in content.value_sets}
    versions = {one.effective: one for one in content.versions}
    described = tuple(_described(one, value_sets, versions) for one in read)
    for one in read:
        if isinstance(one.model, PolicyVersion):
            versions[one.model.effective] = one.model
        else:
            value_sets[one.id] = one.model
    named = {one.id: str(one.path) for one in read}
    faults += _unused(read, content)
    _check_value_sets(read, value_sets, content, faults)
    for version in versions.values():
        file = f"policies/{version.id}/{version.version}.toml"
        check_policy(version, named.get(version.version, file), value_sets, faults)
    if overlay is not None and not faults:
        value_sets = _extended(read, value_sets, overlay, faults)
    if faults:
        raise DataError(faults)
    digest = hashlib.sha256(content.digest.encode())
    for sha256 in sorted(one.sha256 for one in read):
        digest.update(sha256.encode())
    ordered = tuple(versions[day] for day in sorted(versions))
    drafted = Content(tuple(value_sets.values()), ordered, content.wording, digest.hexdigest())
    return Drafted(drafted, described)


def _read(path: Path, faults: list[Fault]) -> _Read | None:
    """One draft, decoded by the format that its keys tell; what is wrong becomes a fault."""
    found: list[Fault] = []
    file = str(path)
    table = read_table(path, file, found)
    model: PolicyVersion | ValueSet | None = None
    if table is not None:
        kind = _kind(table)
        if kind is None:
            reason = "is neither a policy nor a value set"
            remedy = "Start from a copy of a file of policies/ or valuesets/"
            found.append(Fault(file, "-", reason, remedy))
        else:
            model = decode(table, kind, file, found)
    faults += found
    if model is None:
        return None
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        reason = f"cannot be read ({error.strerror})"
        faults.append(Fault(file, "-", reason, "Check path and permissions"))
        return None
    if isinstance(model, PolicyVersion) and model.id != POLICY:
        reason = f"{model.id!r} is another policy than {POLICY!r}"
        faults.append(Fault(file, "id", reason, "Give all versions of a policy the same id"))
    return _Read(path, digest, model)


def _kind(table: dict[str, Any]) -> type[PolicyVersion | ValueSet] | None:
    """The format of a file, by what more of its keys belong to."""
    policy, codes = len(_OF_A_POLICY & table.keys()), len(_OF_A_VALUE_SET & table.keys())
    if policy == codes:
        return None
    return PolicyVersion if policy > codes else ValueSet


def _repeated(read: Sequence[_Read]) -> Iterator[Fault]:
    """Drafts of one and the same thing: neither could be the one that counts."""
    seen: dict[str, Path] = {}
    for one in read:
        if one.id in seen:
            key = "effective" if isinstance(one.model, PolicyVersion) else "id"
            reason = f"{seen[one.id]} is a draft of {one.id} too"
            yield Fault(str(one.path), key, reason, "Name one of them")
        seen.setdefault(one.id, one.path)


def _described(
    one: _Read, value_sets: dict[str, ValueSet], versions: dict[Any, PolicyVersion]
) -> DraftFile:
    if isinstance(one.model, PolicyVersion):
        replaces = one.model.effective in versions
        return DraftFile(one.path.name, "policy", one.id, replaces, one.sha256)
    return DraftFile(one.path.name, "value-set", one.id, one.id in value_sets, one.sha256)


def _unused(read: Sequence[_Read], content: Content) -> Iterator[Fault]:
    """New value sets that no draft of a policy names: most likely their ids are slips."""
    known = {value_set.id for value_set in content.value_sets}
    used = {
        name
        for one in read
        if isinstance(one.model, PolicyVersion)
        for _, refers, name in references("", one.model, PolicyVersion)
        if refers.to == "value set"
    }
    for one in read:
        if isinstance(one.model, ValueSet) and one.id not in known | used:
            reason = f"there is no value set {one.id!r}, and no policy among the drafts names it"
            yield Fault(str(one.path), "id", reason, near(one.id, sorted(known)))


def _check_value_sets(
    read: Sequence[_Read], value_sets: dict[str, ValueSet], content: Content, faults: list[Fault]
) -> None:
    """Check the sets that are drafts, and what else rests on the codes that they may have lost."""
    drafts = {one.id: one for one in read if isinstance(one.model, ValueSet)}
    if not drafts:
        return
    found: list[Fault] = []
    for one in drafts.values():
        # The product's files are named by their ids; a draft may have any name.
        check_value_set(value_sets[one.id], Path(f"{one.id}.toml"), found)
    if not found:
        files = {name: f"valuesets/{name}.toml" for name in value_sets}
        check_see_also(value_sets, files, found)
        check_wording(content.wording, Path(f"{POLICY}.toml"), value_sets, found)
    names = {f"valuesets/{name}.toml": str(one.path) for name, one in drafts.items()}
    faults += [
        msgspec.structs.replace(fault, file=names.get(fault.file, fault.file)) for fault in found
    ]


def _extended(
    read: Sequence[_Read], value_sets: dict[str, ValueSet], overlay: Path, faults: list[Fault]
) -> dict[str, ValueSet]:
    """The sets with what the site adds to those that are drafts; the others have it already."""
    extended = dict(value_sets)
    apply_overlay(overlay, extended, hashlib.sha256(), faults)
    drafts = {one.id for one in read}
    return {name: (extended if name in drafts else value_sets)[name] for name in value_sets}
