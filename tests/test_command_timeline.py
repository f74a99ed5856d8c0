"""The timeline in text: one bar a waiting period, then every day that matters."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec
import pytest

from command_line import words
from defib_coverage.command.timeline import timeline
from defib_coverage.coverage.determination import (
    Determination,
    JudgedOrder,
    WaitingPeriodResult,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from defib_coverage.coverage.determine import Knowledge
    from defib_coverage.coverage.policy import EventName, WaitingEvent

INFARCTION = WaitingPeriodResult(
    event="MI",
    event_date="2026-10-25",
    reference="Condition/mi",
    last_excluded_day=date(2026, 12, 4),
    first_eligible_day=date(2026, 12, 5),
    days_remaining=16,
    length="40 days",
    certainty="definite",
    applies=True,
    exception=None,
    citation="P-B2",
)
BYPASS = msgspec.structs.replace(
    INFARCTION,
    event="CABG",
    event_date="2026-10-01",
    reference="Procedure/cabg",
    last_excluded_day=date(2027, 1, 1),
    first_eligible_day=date(2027, 1, 2),
    days_remaining=44,
)


def of(*windows: WaitingPeriodResult, earliest: date | None = None) -> Determination:
    order = JudgedOrder(
        reference="ServiceRequest/o",
        system=None,
        code="33249",
        class_="initial-implant",
        service_date=date(2026, 11, 19),
        service_date_basis="occurrence",
    )
    return Determination(
        order=order,
        policy=None,
        status="not-covered",
        waiting_periods=windows,
        earliest_eligible_date=earliest,
    )


@pytest.fixture(scope="module")
def rules(knowledge: Knowledge) -> Mapping[EventName, WaitingEvent]:
    return knowledge.library.versions[-1].waiting


def test_nothing_to_show(rules: Mapping[EventName, WaitingEvent]) -> None:
    assert timeline(of(), rules, 78) == []


def test_bars_share_one_scale(rules: Mapping[EventName, WaitingEvent]) -> None:
    lines = timeline(of(INFARCTION, BYPASS, earliest=date(2027, 1, 2)), rules, 78)
    infarction, bypass, service = lines[:3]
    assert infarction.startswith("MI ")
    assert bypass.startswith("CABG ")
    assert bypass.index("*") < infarction.index("*") < service.index("^")
    assert service.index("^") < infarction.index(">") < bypass.index(">")
    assert set(bypass[bypass.index("*") + 1 : -1]) == {"#"}
    assert lines[-6:] == [
        "2026-10-01  CABG: bypass surgery, day 0 (Procedure/cabg)",
        "2026-10-25  MI: infarction, day 0 (Condition/mi)",
        "2026-11-19  service date, 44 days before the first eligible day",
        "2026-12-04  MI: last excluded day, 40 days after",
        "2027-01-01  CABG: last excluded day, 3 months after",
        "2027-01-02  first eligible day",
    ]


def test_service_date_on_the_last_excluded_day(rules: Mapping[EventName, WaitingEvent]) -> None:
    last = msgspec.structs.replace(
        INFARCTION,
        last_excluded_day=date(2026, 11, 19),
        first_eligible_day=date(2026, 11, 20),
    )
    lines = timeline(of(last, earliest=date(2026, 11, 20)), rules, 78)
    assert "2026-11-19  service date, 1 day before the first eligible day" in lines


def test_unknown_date_reaches_back_and_is_only_possible(
    rules: Mapping[EventName, WaitingEvent],
) -> None:
    unknown = msgspec.structs.replace(INFARCTION, event_date=None, certainty="possible")
    lines = timeline(of(unknown, earliest=date(2026, 12, 5)), rules, 78)
    bar = lines[0].removeprefix("MI").strip()
    assert bar.startswith("<?")
    assert bar.endswith("?>")
    assert "unknown     MI: infarction, day 0 (Condition/mi)" in lines
    assert "2026-12-04  MI: last possible day, 40 days after" in lines


def test_date_of_a_month_begins_on_its_first_day(rules: Mapping[EventName, WaitingEvent]) -> None:
    month = msgspec.structs.replace(INFARCTION, event_date="2026-10", certainty="possible")
    lines = timeline(of(month, earliest=date(2026, 12, 5)), rules, 78)
    assert lines[0].removeprefix("MI").strip().startswith("*?")
    assert "2026-10     MI: infarction, some day in 2026-10 is day 0 (Condition/mi)" in lines


@pytest.mark.parametrize(
    ("exception", "why"),
    [
        ("replacement", "does not bind a replacement"),
        (None, "binds no indication of this patient"),
    ],
)
def test_window_that_does_not_bind(
    rules: Mapping[EventName, WaitingEvent],
    exception: str | None,
    why: str,
) -> None:
    free = msgspec.structs.replace(INFARCTION, applies=False, exception=exception)
    lines = timeline(of(free), rules, 78)
    assert "2026-11-19  service date" in lines
    assert f"2026-12-04 MI: last excluded day, 40 days after; {why}" in words("\n".join(lines))
    assert "2026-12-05  first day outside every waiting period" in lines


def test_pacemaker_exception_is_told(rules: Mapping[EventName, WaitingEvent]) -> None:
    paced = msgspec.structs.replace(INFARCTION, exception="pacemaker")
    lines = timeline(of(paced, earliest=date(2026, 12, 5)), rules, 78)
    last = "2026-12-04  MI: last excluded day, 40 days after"
    assert f"{last}; pacemaker exception possible" in lines


@pytest.mark.parametrize("width", [40, 60, 78, 100])
def test_lines_fit(rules: Mapping[EventName, WaitingEvent], width: int) -> None:
    last_day = msgspec.structs.replace(
        BYPASS,
        reference="Procedure/" + "a" * 20,
        last_excluded_day=date.max,
        first_eligible_day=date.max,
    )
    lines = timeline(of(INFARCTION, last_day, earliest=date.max), rules, width)
    bars = lines[:3]
    assert max(len(line) for line in bars) <= width
    assert max(len(line) for line in lines) <= max(width, 74)
