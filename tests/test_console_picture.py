"""The timeline of ``/try``: whose colour the days have, how an event is drawn, the scale."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from defib_coverage.console.views.lanes import blocked_days
from defib_coverage.console.views.picture import Picture, picture
from test_command_timeline import INFARCTION, of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from defib_coverage.coverage.determination import Determination, WaitingPeriodResult
    from defib_coverage.coverage.determine import Knowledge
    from defib_coverage.coverage.policy import EventName, WaitingEvent

OWN = date(2026, 11, 20)


@pytest.fixture(scope="module")
def rules(knowledge: Knowledge) -> Mapping[EventName, WaitingEvent]:
    return knowledge.library.versions[-1].waiting


def on(day: date, *windows: WaitingPeriodResult) -> Determination:
    found = of(*windows)
    return msgspec.structs.replace(
        found, order=msgspec.structs.replace(found.order, service_date=day)
    )


def month(day: date) -> WaitingPeriodResult:
    """An infarction of some day in October 2026, as it is judged on a service date."""
    high = min(day, date(2026, 10, 31))
    last = high + timedelta(days=40)
    return msgspec.structs.replace(
        INFARCTION,
        event_date="2026-10",
        last_excluded_day=last,
        first_eligible_day=last + timedelta(days=1),
        certainty="definite" if day <= date(2026, 11, 10) else "possible",
    )


def drawn(rules: Mapping[EventName, WaitingEvent], day: date) -> Picture:
    before = None if day == OWN else on(OWN, month(OWN))
    windows = (month(day),) if date(2026, 10, 1) <= day <= date(2026, 12, 10) else ()
    return picture(on(day, *windows), before, rules, OWN)


DAYS = [date(2026, 10, 10), date(2026, 11, 5), OWN, date(2026, 12, 10)]


@pytest.mark.parametrize("day", DAYS)
def test_the_colour_belongs_to_the_days(rules: Mapping[EventName, WaitingEvent], day: date) -> None:
    (lane,) = drawn(rules, day).lanes
    assert lane == msgspec.structs.replace(drawn(rules, OWN).lanes[0], notes=lane.notes)
    assert [bar.kind for bar in lane.bars] == ["definite", "possible"]
    assert lane.label == "Infarction, some day in 2026-10"
    assert lane.notes[:2] == ("blocked through 2026-11-10", "perhaps through 2026-12-10")
    assert lane.event_width is not None
    (one,) = blocked_days(on(day, month(day)), on(OWN, month(OWN)))
    assert (one.sure, one.last) == (date(2026, 11, 10), date(2026, 12, 10))


def test_an_event_that_may_be_later_than_the_service_date_is_one_lane(
    rules: Mapping[EventName, WaitingEvent],
) -> None:
    for before in (None, on(OWN, month(OWN))):
        day = date(2026, 10, 10)
        found = picture(on(day, month(day)), before, rules, OWN)
        (lane,) = found.lanes
        assert lane.notes == (
            "blocked through 2026-11-10",
            "perhaps through 2026-12-10",
            "if it was before the service date: 2026-11-19",
        )
        assert any("if it was before the service date" in row.text for row in found.days)


def test_a_month_of_a_bypass_is_two_colours_too() -> None:
    bypass = msgspec.structs.replace(
        INFARCTION,
        event="CABG",
        event_date="2026-08",
        length="3 months",
        last_excluded_day=date(2026, 11, 30),
        first_eligible_day=date(2026, 12, 1),
        certainty="possible",
    )
    (one,) = blocked_days(on(OWN, bypass), None)
    assert (one.sure, one.last) == (date(2026, 11, 1), date(2026, 11, 30))


def test_what_was_recorded_in_the_month_bounds_the_event() -> None:
    early = msgspec.structs.replace(
        month(OWN), last_excluded_day=date(2026, 11, 24), first_eligible_day=date(2026, 11, 25)
    )
    (one,) = blocked_days(on(OWN, early), None)
    assert one.happened is not None
    assert (one.happened.high, one.happened.is_cut) == (date(2026, 10, 15), False)
    assert one.last == date(2026, 11, 24)


def test_a_doubtful_event_blocks_nothing_surely(
    rules: Mapping[EventName, WaitingEvent],
) -> None:
    doubtful = msgspec.structs.replace(INFARCTION, certainty="possible")
    (lane,) = picture(on(OWN, doubtful), None, rules, OWN).lanes
    assert [bar.kind for bar in lane.bars] == ["possible"]
    assert lane.label == "Infarction, 2026-10-25"
    assert lane.event_width is None


@pytest.mark.parametrize("edge", ["first", "last"])
@pytest.mark.parametrize("away", [0, 10, 90, 200, 500])
def test_the_edge_of_the_picture_is_the_same_place_twice(
    rules: Mapping[EventName, WaitingEvent], edge: str, away: int
) -> None:
    start = OWN + timedelta(days=away if edge == "last" else -away)
    once = drawn(rules, start)
    end = once.first + timedelta(days=once.span if edge == "last" else 0)
    twice = drawn(rules, end)
    assert (twice.first, twice.span) == (once.first, once.span)
    assert twice.position == (once.span if edge == "last" else 0)


def test_the_scale_stays_while_the_date_is_in_it(
    rules: Mapping[EventName, WaitingEvent],
) -> None:
    own = drawn(rules, OWN)
    for number in range(own.span + 1):
        moved = drawn(rules, own.first + timedelta(days=number))
        assert (moved.first, moved.span) == (own.first, own.span)
