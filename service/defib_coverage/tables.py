"""TOML files as tables, and what to do about a name in them that does not exist."""

from __future__ import annotations

import difflib
import tomllib
from typing import TYPE_CHECKING, Any

from defib_coverage.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


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
