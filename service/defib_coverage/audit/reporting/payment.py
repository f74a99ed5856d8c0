"""The payment table that a user hands in: what each code pays, and on which days."""

from __future__ import annotations

import csv
import re
from bisect import bisect_right
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from defib_coverage.documents.document import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from defib_coverage.audit.reporting.events import Event

_NEEDED, _ALSO = ("code", "amount"), ("from", "until")
# More than any payment, and less than what overflows a sum.
_MOST = Decimal(10) ** 9
# As people and spreadsheets write it. 31,25 may be a comma that is a point elsewhere: no guess.
_AMOUNT = re.compile(
    r"(?:[$] *)?(?:[0-9]+|[1-9][0-9]{0,2}(?:,[0-9]{3})+)(?:[.][0-9]{1,2})?", re.ASCII
)


class Price(NamedTuple):
    """What a code pays for services on the days from ``first`` to ``last``."""

    first: date
    last: date
    amount: Decimal
    line: int


class Priced(NamedTuple):
    """The highest amount among an event's codes, and the code that pays it."""

    code: str
    amount: Decimal


class PaymentTable:
    """What codes pay."""

    def __init__(self, prices: Mapping[str, Sequence[Price]]) -> None:
        """Keep the prices of each code; they must stand in the order of their days."""
        self._prices = prices

    def amount(self, code: str | None, day: date) -> Decimal | None:
        """What a code pays on a day; None where the table does not say."""
        prices = self._prices.get(_spelled(code or ""), ())
        at = bisect_right(prices, day, key=lambda price: price.first) - 1
        return prices[at].amount if at >= 0 and day <= prices[at].last else None

    def of(self, event: Event) -> Priced | None:
        """The highest amount of an event; None where no code of it is in the table.

        Only rows that came to the event's status count: what is covered is not at risk. An order
        counts beside the procedure that it led to, which may have another code system's code.
        """
        found = [
            Priced(_spelled(row.order.code or ""), amount)
            for row in event.rows
            if row.status == event.status
            and (amount := self.amount(row.order.code, event.day)) is not None
        ]
        return max(found, key=lambda one: (one.amount, one.code), default=None)


def codes_of(event: Event) -> tuple[str, ...]:
    """The codes that a payment table would have to hold for an event."""
    codes = (r.order.code for r in event.rows if r.status == event.status)
    return tuple(sorted({_spelled(code) for code in codes if code}))


def read_payment_table(path: Path) -> PaymentTable:
    """Read a table with the columns code and amount, and perhaps from and until.

    Raises:
        InputError: it cannot be read, or a line of it is wrong.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return PaymentTable(_read(path, file))
    except OSError as error:
        message = f"{path}: cannot be read ({error.strerror})"
        raise InputError(message) from error
    except UnicodeDecodeError as error:
        message = f"{path}: is not UTF-8 text"
        raise InputError(message) from error


def _read(path: Path, file: Iterable[str]) -> dict[str, list[Price]]:
    reader = csv.reader(file, strict=True)
    prices: dict[str, list[Price]] = {}
    try:
        places = _columns(path, next(reader, []))
        for cells in reader:
            if any(cell.strip() for cell in cells):
                code, price = _price(f"{path}: line {reader.line_num}", cells, places)
                prices.setdefault(code, []).append(price)
    except csv.Error as error:
        message = f"{path}: line {reader.line_num}: is no CSV ({error})"
        raise InputError(message) from error
    if not prices:
        message = f"{path}: holds no amounts"
        raise InputError(message)
    for code, found in prices.items():
        found.sort()
        for before, after in pairwise(found):
            if after.first <= before.last:
                one, other = sorted((before.line, after.line))
                message = (
                    f"{path}: line {other}: {code[:20]} has an amount for the same days "
                    f"already in line {one}"
                )
                raise InputError(message)
    return prices


def _columns(path: Path, heads: Sequence[str]) -> dict[str, int]:
    names = [head.strip().lower() for head in heads]
    wrong = [name for name in names if name not in {*_NEEDED, *_ALSO}]
    if not set(_NEEDED) <= set(names) or wrong or len(set(names)) < len(names):
        message = f"{path}: line 1: must name the columns code, amount[, from, until]"
        raise InputError(message)
    return {name: place for place, name in enumerate(names)}


def _price(where: str, cells: Sequence[str], places: Mapping[str, int]) -> tuple[str, Price]:
    if len(cells) > len(places):
        # Most often 30,000.00 without quotes.
        message = f"{where}: has {len(cells)} cells, the first line names {len(places)}"
        raise InputError(message)

    def cell(name: str) -> str:
        place = places.get(name)
        return "" if place is None or place >= len(cells) else cells[place].strip()

    code = _spelled(cell("code"))
    if not code:
        message = f"{where}: has no code"
        raise InputError(message)
    first = _day(where, "from", cell("from")) or date.min
    last = _day(where, "until", cell("until")) or date.max
    if last < first:
        message = f"{where}: until is before from"
        raise InputError(message)
    return code, Price(first, last, _amount(where, cell("amount")), int(where.rpartition(" ")[2]))


def _amount(where: str, text: str) -> Decimal:
    amount = Decimal(text.lstrip("$ ").replace(",", "")) if _AMOUNT.fullmatch(text) else _MOST
    if amount >= _MOST:
        message = f"{where}: {text[:20]!r} is no amount such as 30250.00 or 30,250.00"
        raise InputError(message)
    return amount


def _day(where: str, column: str, text: str) -> date | None:
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.isoformat() != text:
        message = f"{where}: {column} {text[:20]!r} is no day such as 2024-01-31"
        raise InputError(message)
    return day


def _spelled(code: str) -> str:
    """A code as codes are compared: in capitals, without space around."""
    return code.strip().upper()
