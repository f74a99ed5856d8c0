"""The data of the product: found, loaded once, checked whole. Any fault in it refuses to start."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from defib_coverage.checks import (
    check_place,
    check_policy,
    check_see_also,
    check_value_set,
    check_wording,
    decode,
)
from defib_coverage.coverage.codes import CodeIndex, ValueSet
from defib_coverage.coverage.determine import Knowledge
from defib_coverage.coverage.policy import PolicyLibrary, PolicyVersion
from defib_coverage.coverage.wording import Wording
from defib_coverage.errors import DataError, Fault
from defib_coverage.fhir.systems import CANONICAL_BASE
from defib_coverage.overlay import apply_overlay
from defib_coverage.tables import read_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

POLICY = "ncd-20.4"


class Content(msgspec.Struct, frozen=True):
    """What the data files hold: the value sets, the policy versions, the wording."""

    value_sets: tuple[ValueSet, ...]
    versions: tuple[PolicyVersion, ...]
    wording: Wording
    digest: str

    def knowledge(self, canonical_base: str = CANONICAL_BASE) -> Knowledge:
        """The content as the core uses it; its own code systems are below ``canonical_base``."""
        return Knowledge(
            PolicyLibrary(self.versions),
            CodeIndex(self.value_sets),
            self.wording,
            self.digest,
            canonical_base,
        )


def data_root() -> Path:
    """The folder that holds ``policies``, ``valuesets`` and ``cards``.

    Inside an installed wheel that is ``data`` in the package, in a checkout the repository.
    """
    package = Path(__file__).resolve().parent
    installed = package / "data"
    return installed if installed.is_dir() else package.parents[1]


def load(overlay: Path | None = None, root: Path | None = None) -> Content:
    """Load and check everything.

    Args:
        overlay: a site's own folder, which may extend the evidence value sets.
        root: the data root; the product's own by default.

    Raises:
        DataError: with every fault found, each with file, key, reason and remedy.
    """
    root = data_root() if root is None else root
    faults: list[Fault] = []
    digest = hashlib.sha256()
    value_sets: dict[str, ValueSet] = {}
    files: dict[str, str] = {}
    for path, table in _tables(root, root / "valuesets", digest, faults):
        value_set = decode(table, ValueSet, f"valuesets/{path.name}", faults)
        if value_set is not None:
            value_sets[value_set.id] = value_set
            check_value_set(value_set, path, faults)
            files[value_set.id] = f"valuesets/{path.name}"
    if not faults:
        # A bad pattern or code has its own fault.
        check_see_also(value_sets, files, faults)
    if overlay is not None:
        apply_overlay(overlay, value_sets, digest, faults)
    versions: list[PolicyVersion] = []
    for path, table in _tables(root, root / "policies" / POLICY, digest, faults):
        version = decode(table, PolicyVersion, f"policies/{POLICY}/{path.name}", faults)
        if version is not None:
            versions.append(version)
            check_policy(version, f"policies/{POLICY}/{path.name}", value_sets, faults)
            check_place(version, path, faults)
    wording: Wording | None = None
    for path, table in _tables(root, root / "cards", digest, faults):
        wording = decode(table, Wording, f"cards/{path.name}", faults)
        if wording is not None:
            check_wording(wording, path, value_sets, faults)
    if faults or wording is None:
        raise DataError(faults)
    return Content(tuple(value_sets.values()), tuple(versions), wording, digest.hexdigest())


def load_version(path: Path, content: Content) -> PolicyVersion:
    """Load one policy file by itself, against the value sets of ``content``.

    Raises:
        DataError: with every fault found.
    """
    faults: list[Fault] = []
    version = None
    table = read_table(path, path.name, faults)
    if table is not None:
        version = decode(table, PolicyVersion, path.name, faults)
        if version is not None:
            check_policy(version, path.name, {v.id: v for v in content.value_sets}, faults)
    if faults or version is None:
        raise DataError(faults)
    return version


def _tables(
    root: Path,
    folder: Path,
    digest: hashlib._Hash,
    faults: list[Fault],
) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every TOML file of a folder, in the order of names, added to the digest."""
    paths: Sequence[Path] = sorted(folder.glob("*.toml"))
    if not paths:
        faults.append(
            Fault(str(folder), "-", "the folder holds no data file", "Reinstall the package"),
        )
    for path in paths:
        name = path.relative_to(root).as_posix()
        digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
        table = read_table(path, name, faults)
        if table is not None:
            yield path, table
