"""What the words of an option may be, and numbers as they are said."""

from __future__ import annotations

from datetime import date

import typer


def read_day(text: str) -> date:
    """Read a day such as ``2026-11-20``.

    Raises:
        typer.BadParameter: the text is no such day.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    # Other spellings of ISO 8601, such as 20261120, are more often slips than meant.
    if day is None or day.isoformat() != text:
        message = f"{text!r} is no day such as 2026-11-20"
        raise typer.BadParameter(message)
    return day


def counted(number: int, one: str, many: str | None = None) -> str:
    """A number of things in words; ``many`` is a plural that is not made by an ``s``."""
    return f"{number} {one if number == 1 else many or one + 's'}"
