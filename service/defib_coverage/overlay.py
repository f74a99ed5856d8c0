"""A site's own folder: local codes and licensed value sets that extend what counts as evidence.

It extends the evidence sets only; the article's own lists and order codes stay as published.
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import msgspec

from defib_coverage.coverage.codes import CodeEntry, ValueSet, normalise
from defib_coverage.errors import Fault
from defib_coverage.fhir.systems import SYSTEM_URIS, alias_of

if TYPE_CHECKING:
    import hashlib
    from collections.abc import Iterator
    from pathlib import Path


class SiteCode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A code of the site: ``system`` is a URI or one of our short names."""

    system: str
    code: str
    display: str | None = None


class OverlayFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One TOML file of the overlay: the set it extends, codes, words, FHIR ValueSet files."""

    extends: str
    codes: tuple[SiteCode, ...] = ()
    words: tuple[str, ...] = ()
    fhir: tuple[str, ...] = ()


class _Concept(msgspec.Struct):
    code: str = ""
    system: str | None = None
    display: str | None = None
    contains: list[_Concept] = []


class _Include(msgspec.Struct, rename="camel"):
    system: str | None = None
    concept: list[_Concept] = []
    filter: list[object] = []
    value_set: list[str] = []


class _Expansion(msgspec.Struct):
    contains: list[_Concept] = []


class _Compose(msgspec.Struct):
    include: list[_Include] = []
    exclude: list[object] = []


class _FhirValueSet(msgspec.Struct, rename="camel"):
    resource_type: str
    expansion: _Expansion | None = None
    compose: _Compose | None = None


def apply_overlay(
    folder: Path,
    value_sets: dict[str, ValueSet],
    digest: hashlib._Hash,
    faults: list[Fault],
) -> None:
    """Extend ``value_sets`` by every TOML file of ``folder``; what is wrong becomes a fault."""
    if not folder.is_dir():
        faults.append(Fault(str(folder), "overlay", "is no folder", "Name the site's folder"))
        return
    for path in sorted(folder.glob("*.toml")):
        try:
            content = path.read_bytes()
        except OSError as error:
            reason = f"cannot be read ({error.strerror})"
            faults.append(Fault(path.name, "-", reason, "Check the permissions"))
            continue
        digest.update(path.name.encode() + b"\0" + content + b"\0")
        try:
            overlay = msgspec.convert(tomllib.loads(content.decode()), OverlayFile)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
            faults.append(Fault(path.name, "-", str(error), "See valuesets/README.md"))
            continue
        base = value_sets.get(overlay.extends)
        if base is None or base.role != "evidence":
            reason = f"{overlay.extends!r} is no evidence value set"
            remedy = "Extend a set of role 'evidence'; the article's lists cannot be changed"
            faults.append(Fault(path.name, "extends", reason, remedy))
            continue
        codes = list(overlay.codes)
        for name in overlay.fhir:
            codes.extend(_fhir_codes(folder / name, digest, faults))
        value_sets[base.id] = _extended(base, codes, overlay.words, path.name, faults)


def _extended(
    base: ValueSet,
    codes: list[SiteCode],
    words: tuple[str, ...],
    file: str,
    faults: list[Fault],
) -> ValueSet:
    known = {(entry.system, entry.code): entry for entry in base.codes}
    for site in codes:
        system = site.system if site.system in SYSTEM_URIS else alias_of(site.system)
        # A site's own code system keeps its URI as its name.
        system = system or site.system
        code = normalise(system, site.code)
        if not code:
            faults.append(Fault(file, "codes", "a code is empty", "Remove it"))
            continue
        before = known.get((system, code))
        entry = before or CodeEntry(system=system, code=code)
        known[system, code] = msgspec.structs.replace(entry, display=site.display or entry.display)
    return msgspec.structs.replace(base, codes=tuple(known.values()), words=base.words + words)


def _fhir_codes(path: Path, digest: hashlib._Hash, faults: list[Fault]) -> Iterator[SiteCode]:
    """The codes of a FHIR ValueSet: its expansion, else the concepts it lists."""
    try:
        content = path.read_bytes()
        value_set = msgspec.json.decode(content, type=_FhirValueSet)
    except OSError as error:
        reason = f"cannot be read ({error.strerror})"
        faults.append(Fault(path.name, "-", reason, "Check the name under 'fhir'"))
        return
    except (msgspec.MsgspecError, RecursionError) as error:
        faults.append(Fault(path.name, "-", f"is no FHIR ValueSet: {error}", "Export it again"))
        return
    digest.update(path.name.encode() + b"\0" + content + b"\0")
    if value_set.resource_type != "ValueSet":
        faults.append(Fault(path.name, "resourceType", "is not ValueSet", "Name a ValueSet file"))
        return
    found: list[tuple[str | None, Any]] = []
    if value_set.expansion is not None:
        pending = list(value_set.expansion.contains)
        while pending:
            concept = pending.pop(0)
            pending.extend(concept.contains)
            found.append((concept.system, concept))
    elif value_set.compose is not None and _is_listed(value_set.compose):
        found = [(i.system, concept) for i in value_set.compose.include for concept in i.concept]
    codes = [SiteCode(s, c.code, c.display) for s, c in found if s is not None and c.code]
    if not codes:
        reason = "lists no codes by itself; a set with filters or exclusions must be expanded"
        faults.append(Fault(path.name, "expansion", reason, "Export the expansion"))
    yield from codes


def _is_listed(compose: _Compose) -> bool:
    """Whether the listed concepts are the whole set: nothing filtered, nothing excluded."""
    return not compose.exclude and not any(i.filter or i.value_set for i in compose.include)
