"""Calls for trying a connection out: each hook, and an invented patient with one of few stories."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from defib_coverage.selftest.calls import body_of, call
from defib_coverage.selftest.charts import condition, covered_chart, unpaired_chart

if TYPE_CHECKING:
    from defib_coverage.hooks.request import HookName
    from defib_coverage.selftest.charts import Json

# 25 days before the day of the order.
_INFARCTION = "2025-02-13"


class Story(msgspec.Struct, frozen=True):
    """What is the matter with the patient: its short name, and in words."""

    name: str
    words: str


STORIES = (
    Story("missing-secondary", "The heart failure that the claim needs is not on file"),
    Story("waiting-period", "Infarction 25 days before the order"),
    Story("covered", "Everything is documented"),
)


def sample_call(hook: HookName, story: str) -> bytes:
    """The body of a call, as an EHR would send it, in lines.

    Raises:
        KeyError: there is no such story.
    """
    request = call(hook, _CHARTS[story]())
    return msgspec.json.format(body_of(request), indent=2)


def _waiting_chart() -> list[Json]:
    return [*covered_chart(), condition("I21.4", "selftest-infarction", _INFARCTION)]


_CHARTS = {
    "covered": covered_chart,
    "missing-secondary": unpaired_chart,
    "waiting-period": _waiting_chart,
}
