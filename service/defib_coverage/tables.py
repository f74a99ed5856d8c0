"""TOML files as tables of named entries, and what is wrong with what stands in them."""

from __future__ import annotations

import difflib
import re
import tomllib
from typing import TYPE_CHECKING, Any

import msgspec

from defib_coverage.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

Finding = tuple[str, str, str]
"""What is wrong in a file: key, reason, remedy."""
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def read_table(path: Path, name: str, faults: list[Fault]) -> dict[str, Any] | None:
    """Read one TOML file; a file that is none becomes a fault."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        faults.append(
            Fault(name, "-", f"cannot be read ({error.strerror})", "Check path and permissions"),
        )
    except UnicodeDecodeError:
        faults.append(Fault(name, "-", "is not UTF-8 text", "Save the file as UTF-8"))
    except tomllib.TOMLDecodeError as error:
        faults.append(
            Fault(name, "-", f"is not valid TOML: {error}", "Mend the line that is named"),
        )
    return None


def near(name: str, known: Iterable[str]) -> str:
    """What to do about a name that does not exist."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"Did you mean {close[0]!r}" if close else "Use a name that exists"


def closed(key: str, known: Iterable[str]) -> str:
    """What to do about a key that a closed format does not know."""
    remedy = near(key, known)
    return remedy if remedy.startswith("Did") else "Remove the key: the format is closed"


def is_entry_id(text: str) -> bool:
    """Whether a text may name an entry: letters, digits, ``-`` and ``_``, at most 64."""
    return _ID.fullmatch(text) is not None


def read_entry(
    key: str,
    entry: object,
    hints: Mapping[str, Any],
    remedy: str,
    findings: list[Finding],
) -> dict[str, Any] | None:
    """The fields of one named entry, each by its type, as far as they can be read.

    Args:
        key: where it stands: the table's name, a dot, its own.
        entry: what stands there.
        hints: the types of the fields that the format knows.
        remedy: what to do about a value that cannot be read.
        findings: where everything that is wrong is added.
    """
    if not is_entry_id(key.partition(".")[2]):
        reason = "the id is not made of letters, digits, - and _ (at most 64)"
        findings.append((key, reason, "Give the table another name"))
    if not isinstance(entry, dict):
        findings.append((key, "is no table", remedy))
        return None
    read: dict[str, Any] = {}
    for field, value in entry.items():
        if field not in hints:
            reason = "unknown key" if field != "id" else "the id is the table's name"
            findings.append((f"{key}.{field}", reason, closed(field, hints)))
            continue
        try:
            read[field] = msgspec.convert(value, hints[field])
        except msgspec.ValidationError as error:
            reason, _, _ = str(error).partition(" - at `$")
            findings.append((f"{key}.{field}", reason[:1].lower() + reason[1:], remedy))
    return read
