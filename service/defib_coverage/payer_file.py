"""The file of a site's Medicare payers: read whole, checked whole. Any fault refuses to start."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, get_type_hints

import msgspec

from defib_coverage.errors import DataError, Fault
from defib_coverage.fhir.payers import identifier_key, name_key, type_key
from defib_coverage.fhir.plans import Plan
from defib_coverage.fhir.read_coverage import LONGEST_NAME
from defib_coverage.tables import Finding, closed, read_entry, read_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

_HINTS = {
    name: hint
    for name, hint in get_type_hints(Plan, include_extras=True).items()
    if name != "id"  # the table's name
}
_FORMAT = "docs/payers.md describes the format"


def read_payers(path: Path | None) -> tuple[Plan, ...]:
    """Read and check the payer file; without one there are no configured payers.

    Raises:
        DataError: with every fault found, each with file, key, reason and remedy.
    """
    if path is None:
        return ()
    faults: list[Fault] = []
    table = read_table(path, str(path), faults)
    if table is None:
        raise DataError(faults)
    findings: list[Finding] = [
        (key, "unknown key", closed(key, {"payers"})) for key in table if key != "payers"
    ]
    entries = table.get("payers")
    if not isinstance(entries, dict) or not entries:
        remedy = "Add one, or leave the setting out"
        findings.append(("payers", "there is no table [payers.<id>]", remedy))
        entries = {}
    plans = [_plan(name, entry, findings) for name, entry in entries.items()]
    found = tuple(plan for plan in plans if plan is not None)
    for plan in found:
        findings.extend(_mark_faults(plan))
    findings.extend(_shared(found))
    if findings:
        raise DataError([Fault(str(path), *finding) for finding in findings])
    return found


def _plan(name: str, entry: object, findings: list[Finding]) -> Plan | None:
    """Decode one entry as far as it can be; a finding for every key that is wrong."""
    key = f"payers.{name}"
    read = read_entry(key, entry, _HINTS, _FORMAT, findings)
    if read is None or not isinstance(entry, dict):
        return None
    if "label" not in entry:
        findings.append((f"{key}.label", "is missing", "Name the payer as cards are to name it"))
    elif "label" in read:
        findings.extend(_label_faults(read["label"], f"{key}.label"))
    if not any(entry.get(field) for field in ("identifiers", "types", "names")):
        reason = "nothing tells a Coverage of this payer"
        findings.append((key, reason, "Add identifiers, types or names"))
    return msgspec.convert({"id": name, "label": ""} | read, Plan)


def _label_faults(label: str, key: str) -> Iterator[Finding]:
    if not label.strip():
        yield key, "is empty", "Name the payer as cards are to name it"
    elif len(label) > LONGEST_NAME:
        yield key, f"is longer than {LONGEST_NAME} characters", "Shorten it"
    elif not label.isprintable():
        yield key, "holds a line break or another character that cannot be shown", "Remove it"


def _mark_faults(plan: Plan) -> Iterator[Finding]:
    """Marks that no Coverage can have."""
    key = f"payers.{plan.id}"
    for field, texts in (("identifiers", plan.identifiers), ("types", plan.types)):
        form = "system|value" if field == "identifiers" else "system|code"
        for number, text in enumerate(texts):
            system = text.rpartition("|")[0].strip()
            if "|" not in text:
                yield f"{key}.{field}[{number}]", f"{text!r} is not {form}", f"Write {form}"
            elif ":" not in system and (system or field == "types"):
                reason = f"{text!r} does not begin with the URI of a code system"
                remedy = "Write the URI as the Coverages have it, such as https://nahdo.org/sopt"
                yield f"{key}.{field}[{number}]", reason, remedy
            elif not text.rpartition("|")[2].strip():
                reason = f"{text!r} ends where its {form.partition('|')[2]} should stand"
                yield f"{key}.{field}[{number}]", reason, f"Write {form}"
    for number, name in enumerate(plan.names):
        if not name.strip():
            yield f"{key}.names[{number}]", "is empty", "Remove it"


def _shared(plans: Sequence[Plan]) -> Iterator[Finding]:
    """Marks that stand in two entries: a Coverage that has one would be of either."""
    kinds: tuple[tuple[str, Callable[[str], str]], ...] = (
        ("identifiers", _identifier),
        ("types", _type),
        ("names", name_key),
    )
    for field, as_compared in kinds:
        owners: defaultdict[str, list[str]] = defaultdict(list)
        for plan in plans:
            texts: tuple[str, ...] = getattr(plan, field)
            for number, text in enumerate(texts):
                others = [one for one in owners[as_compared(text)] if one != plan.id]
                if others:
                    place = f"payers.{plan.id}.{field}[{number}]"
                    reason = f"{text!r} stands in payers.{others[0]} too"
                    yield place, reason, "Let it stand where it belongs"
                owners[as_compared(text)].append(plan.id)


def _identifier(text: str) -> str:
    system, _, value = text.partition("|")
    return identifier_key(system, value)


def _type(text: str) -> str:
    system, _, code = text.rpartition("|")
    return type_key(system, code)
