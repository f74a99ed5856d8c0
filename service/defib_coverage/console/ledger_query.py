"""What a visitor of the ledger asks for: a period, a client, a class of orders."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, get_args

import msgspec

from defib_coverage.console.asked import day_in
from defib_coverage.coverage.codes import OrderClass
from defib_coverage.errors import RequestError
from defib_coverage.ledger.report import Choice, Period

if TYPE_CHECKING:
    from collections.abc import Mapping

CLASSES: tuple[str, ...] = get_args(OrderClass)
USUAL_DAYS = 30
"""How many days are looked at where nobody says which."""
_LONGEST_NAME = 200


class Query(msgspec.Struct, frozen=True):
    """What is asked for.

    ``days`` is how many days up to the ledger's last, None where ``period`` says it.
    """

    period: Period
    days: int | None
    choice: Choice

    def period_at(self, last: date) -> Period:
        """The period, for a ledger that ends on a day."""
        if self.days is None:
            return self.period
        return Period(last - timedelta(days=self.days - 1), last)


def read_query(parameters: Mapping[str, str]) -> Query:
    """Read the parameters of an address.

    Raises:
        RequestError: 400, one of them cannot be used.
    """
    first, last = _day(parameters, "from"), _day(parameters, "to")
    if first is not None and last is not None and last < first:
        message = f"to: {last} comes before {first}, from which on is asked"
        raise RequestError(400, "value", message, "to")
    usual = "from" not in parameters and "to" not in parameters
    order_class = parameters.get("class") or None
    if order_class is not None and order_class not in CLASSES:
        message = f"class: is none of {', '.join(CLASSES)}"
        raise RequestError(400, "value", message, "class")
    client = parameters.get("client") or None
    if client is not None and len(client) > _LONGEST_NAME:
        raise RequestError(400, "value", "client: is longer than any client's name", "client")
    return Query(Period(first, last), USUAL_DAYS if usual else None, Choice(client, order_class))


def _day(parameters: Mapping[str, str], name: str) -> date | None:
    text = parameters.get(name) or None
    if text is None:
        return None
    day = day_in(text)
    if day is None:
        message = f"{name}: must be a day such as 2026-11-20"
        raise RequestError(400, "value", message, name)
    return day
