"""What a visitor asks for in the address of a page, read within bounds."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from typing import TYPE_CHECKING

from defib_coverage.coverage.dates import DAY
from defib_coverage.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.requests import Request

LONGEST = 120
"""Of a text that is asked for."""
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


class Asked:
    """The query of a request; names that a page does not know are passed over."""

    def __init__(self, request: Request) -> None:
        """Read the query of ``request``."""
        self._query = request.query_params

    def text(self, name: str) -> str:
        """The text of a name, without white space around it; ``""`` where none is given.

        Raises:
            RequestError: 400 for one that is given twice, too long, or holds control characters.
        """
        given = self._query.getlist(name)
        if len(given) > 1:
            raise RequestError(400, "invalid", "It is given more than once.", name)
        return one_line("".join(given).strip(), name)

    def day(self, name: str) -> date | None:
        """The day of a name; None where none is given.

        Raises:
            RequestError: 400 for what is no day.
        """
        text = self.text(name)
        if not text:
            return None
        day = day_in(text)
        if day is None:
            message = "This is no day such as 2026-11-20."
            raise RequestError(400, "invalid", message, name)
        return day

    def choice(self, name: str, known: Collection[str]) -> str | None:
        """One of the known texts; None where none is given.

        Raises:
            RequestError: 400 for another.
        """
        text = self.text(name)
        if text and text not in known:
            raise RequestError(400, "invalid", "There is no such choice.", name)
        return text or None


def day_in(text: str) -> date | None:
    """The day that a text is; None where it is none."""
    try:
        # Other spellings of ISO 8601, such as 20261120, are more often slips than meant.
        return date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        return None


def one_line(text: str, place: str) -> str:
    """A text that is one short line.

    Args:
        text: the text.
        place: where it came from.

    Raises:
        RequestError: 400 for one that is too long, or holds control characters.
    """
    if len(text) > LONGEST:
        message = f"It is too long: at most {LONGEST} characters."
        raise RequestError(400, "too-long", message, place)
    if any(unicodedata.category(letter) == "Cc" for letter in text):
        raise RequestError(400, "invalid", "It holds control characters.", place)
    return text


def day_before(day: date) -> date:
    """The day before; the first day of all stays."""
    return day if day == date.min else day - DAY
