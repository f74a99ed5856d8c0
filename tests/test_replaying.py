"""Two determinations of one order compared: which flip under a draft, and why.

What must flip is worked out from the dates of the charts alone, by the plain arithmetic of days.
"""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from command_line import edited_policy
from defib_coverage.content import load
from defib_coverage.drafts import lay_over
from defib_coverage.hooks.evaluation import Evaluator
from defib_coverage.hooks.wire import decode_request
from defib_coverage.replaying.comparing import Comparer
from defib_coverage.replaying.draft_words import draft_changes
from defib_coverage.replaying.summary import Tally
from fhir_builders import b1_chart, b2_chart, b4_chart, by_keys, condition, order, procedure, sign
from test_drafts import edited_set
from test_vignettes import EVERY, prefetch_of, today_of

if TYPE_CHECKING:
    from pathlib import Path

    from defib_coverage.replaying.difference import Difference
    from fhir_builders import Json

CONTENT = load()
TODAY = date(2026, 11, 21)
DOS = date(2026, 11, 20)


class Sides:
    """The present knowledge, that of drafts, and what both say of a call."""

    def __init__(self, *files: Path) -> None:
        self.before = CONTENT.knowledge()
        self.after = lay_over(CONTENT, files).content.knowledge()
        self._evaluators = [Evaluator(self.before), Evaluator(self.after)]
        self._comparer = Comparer(self.before, self.after)
        self.tally = Tally()

    def differences(self, body: bytes, today: date = TODAY) -> dict[str, Difference | None]:
        """What differs, by the reference of the order."""
        was, now = (
            one.evaluate(decode_request(body, one.knowledge.index), today).determinations
            for one in self._evaluators
        )
        found = {}
        for before, after in zip(was, now, strict=True):
            assert before.order.reference == after.order.reference
            difference = self._comparer.compare(before, after)
            self.tally.add(before.status, difference)
            found[before.order.reference] = difference
        return found

    def difference(self, chart: list[Json], **more: object) -> Difference | None:
        """What differs for an order of the service date."""
        (found,) = self.differences(sign([order("33249")], by_keys(chart), **more)).values()
        return found


@pytest.fixture
def thirty(tmp_path: Path) -> Sides:
    return Sides(
        edited_policy(tmp_path, ('last_excluded = "40 days"', 'last_excluded = "30 days"'))
    )


def infarction(days_before: int) -> Json:
    return condition("I21.4", (DOS - timedelta(days=days_before)).isoformat())


@pytest.mark.parametrize("days", [*range(25, 46)])
def test_thirty_days_flip_what_lies_31_to_40_days_before(thirty: Sides, days: int) -> None:
    difference = thirty.difference([*b2_chart(), infarction(days)])
    if 31 <= days <= 40:
        assert difference is not None
        assert (difference.status_before, difference.status_after) == ("not-covered", "covered")
        assert (difference.indications_before, difference.indications_after) == ((), ("B2",))
        assert difference.earliest_before == DOS + timedelta(days=41 - days)
        assert difference.earliest_after is None
    elif days <= 30:
        assert difference is not None
        assert not difference.is_flip
        assert difference.reasons == ("waiting period MI moved",)
    else:
        assert difference is None


def test_a_flip_says_why_in_plain_words(thirty: Sides) -> None:
    difference = thirty.difference([*b2_chart(), infarction(35)])
    assert difference is not None
    (window,) = difference.waiting_periods
    assert window.text == (
        "The 40-day window after the infarction of 2026-10-16 (to 2026-11-25) is now 30 days: it "
        "ended on 2026-11-15, so the order of 2026-11-20 is no longer inside it."
    )
    assert (window.change, window.event, window.citation) == ("closed", "MI", "P-B2")
    assert (window.last_before, window.last_after) == (date(2026, 11, 25), None)
    (criterion,) = difference.criteria
    assert (criterion.id, criterion.before, criterion.after) == ("no-recent-mi", "not-met", "met")
    assert criterion.citation_before == criterion.citation_after == "P-B2"
    assert [f.code for f in difference.findings] == ["waiting-period-open"]
    assert difference.reasons == (
        "waiting period MI closed",
        "criterion no-recent-mi not met to met",
    )
    # No sentence names a record: references stand in members of that name alone.
    assert not any("Condition/" in sentence for sentence in difference.sentences)
    assert window.reference.startswith("Condition/")


def test_another_obstacle_keeps_the_status(thirty: Sides) -> None:
    stent = procedure("415070008", "2026-10-01", system="snomed")
    difference = thirty.difference([*b2_chart(), infarction(35), stent])
    assert difference is not None
    assert not difference.is_flip
    assert [w.event for w in difference.waiting_periods] == ["MI"]


def test_an_order_that_no_window_binds_does_not_flip(thirty: Sides) -> None:
    difference = thirty.difference([*b1_chart(), infarction(35)])
    assert difference is None or not difference.is_flip


def test_vignettes_flip_by_their_own_dates(thirty: Sides) -> None:
    """Whose windows, as the cases state them, are of infarctions only and end ten days earlier.

    Nothing else may stand in the way: no finding but those of the window itself.
    """
    of_a_window = {"waiting-period-open", "event-date-imprecise", "wearable-bridge"}
    expected: set[str] = set()
    found: set[str] = set()
    for case in EVERY:
        expect = case["expect"]
        windows = expect["waitingPeriods"]
        (day,) = {
            str(o.get("occurrenceDateTime") or o.get("occurrencePeriod", {}).get("start", ""))[:10]
            for o in case["orders"]
            if f"{o['resourceType']}/{o['id']}" == expect["order"]
        }
        closes = windows and all(
            w["event"] == "MI"
            and date.fromisoformat(w["lastExcludedDay"]) - timedelta(days=10)
            < date.fromisoformat(day)
            for w in windows
        )
        held_back = expect["status"] in {"not-covered", "conditional"}
        if closes and held_back and of_a_window.issuperset(expect["findings"]):
            expected.add(case["id"])
        body = sign(case["orders"], prefetch_of(case))
        difference = thirty.differences(body, today_of(case))[expect["order"]]
        if difference is not None and difference.is_flip:
            assert difference.status_after == "covered"
            found.add(case["id"])
    assert found == expected
    assert len(found) >= 8
    assert {"W-MI-39", "W-MI-LEAP", "W-MI-MONTH-EDGE", "O-MI-40TH-DAY"} <= found


def test_a_longer_period_opens_windows(tmp_path: Path) -> None:
    sides = Sides(edited_policy(tmp_path, ('"40 days"', '"50 days"')))
    difference = sides.difference([*b2_chart(), infarction(45)])
    assert difference is not None
    assert (difference.status_before, difference.status_after) == ("covered", "not-covered")
    assert difference.waiting_periods[0].text == (
        "The 40-day window after the infarction of 2026-10-06 (to 2026-11-15) is now 50 days: it "
        "lasts to 2026-11-25, so the order of 2026-11-20 is inside it."
    )


def test_a_window_of_months_says_its_end(tmp_path: Path) -> None:
    sides = Sides(
        edited_policy(tmp_path, ('last_excluded = "3 months"', 'last_excluded = "14 days"'))
    )
    stent = procedure("415070008", "2026-10-01", system="snomed")
    difference = sides.difference([*b2_chart(), stent])
    assert difference is not None
    assert difference.status_after == "covered"
    assert difference.waiting_periods[0].text == (
        "The 3-month window after the coronary angioplasty or stent of 2026-10-01 (to 2027-01-01) "
        "is now 14 days: it ended on 2026-10-15, so the order of 2026-11-20 is no longer inside it."
    )


def test_an_event_that_nobody_dated_is_told_by_its_window(thirty: Sides) -> None:
    (case,) = [case for case in EVERY if case["id"] == "O-OLD-MI-RECORDED-OPEN"]
    body = sign(case["orders"], prefetch_of(case))
    difference = thirty.differences(body, today_of(case))[case["expect"]["order"]]
    assert difference is not None
    assert difference.waiting_periods[0].text == (
        "The 40-day window after the infarction of an unknown day (to 2026-11-20 at the latest) is "
        "now 30 days: it ended on 2026-11-10, so the order of 2026-11-20 is no longer inside it."
    )


def test_a_limit_is_told_with_its_change(tmp_path: Path) -> None:
    sides = Sides(edited_policy(tmp_path, ('at_most = "30 %"', 'at_most = "20 %"')))
    difference = sides.difference(b2_chart())
    assert difference is not None
    assert (difference.status_before, difference.status_after) == ("covered", "not-covered")
    (text,) = [one.text for one in difference.criteria]
    assert "was met and is now not met: the limit changed from 30 % to 20 %" in text


def test_a_code_that_leaves_a_value_set_takes_its_window(tmp_path: Path) -> None:
    sides = Sides(edited_set(tmp_path, "acute-mi", ('code = "I21.4"', 'code = "I21.49"')))
    assert sides.difference([*b2_chart(), condition("I21.9", "2026-11-10")]) is None
    difference = sides.difference([*b2_chart(), condition("I21.4", "2026-11-10")])
    assert difference is not None
    assert (difference.status_before, difference.status_after) == ("not-covered", "covered")
    assert difference.waiting_periods[0].text == (
        "The 40-day window after the infarction of 2026-11-10 (to 2026-12-20) is not counted any "
        "longer."
    )


def test_a_partner_code_that_leaves_makes_a_pair_missing(tmp_path: Path) -> None:
    sides = Sides(
        edited_set(tmp_path, "heart-failure-partners", ('code = "I50.22"', 'code = "I50.9"'))
    )
    difference = sides.difference(b2_chart())
    assert difference is not None
    assert difference.is_flip
    (pair,) = difference.missing_secondary
    assert (pair.primary, pair.change) == ("I25.2", "came")
    assert "I50.22" not in pair.any_of
    assert pair.text.startswith("I25.2 now needs one of ")
    assert "missing pair I25.2 came" in difference.reasons


def test_an_order_code_that_leaves_is_judged_no_longer(tmp_path: Path) -> None:
    change = ('code = "33249"', 'code = "33248"')
    sides = Sides(edited_set(tmp_path, "orders-initial-implant", change))
    difference = sides.difference(b2_chart())
    assert difference is not None
    assert (difference.status_before, difference.status_after) == ("covered", "not-applicable")
    assert "The order is judged no longer." in difference.others
    assert difference.criteria == ()


def test_a_version_that_begins_later_leaves_earlier_orders_alone(tmp_path: Path) -> None:
    path = edited_policy(
        tmp_path, ("effective = 2018-02-15", "effective = 2026-11-21"), ('"40 days"', '"30 days"')
    )
    sides = Sides(path)
    chart = [*b2_chart(), infarction(35)]
    assert sides.difference(chart) is None
    late = sign([order("33249", day="2026-11-22")], by_keys([*b2_chart(), infarction(33)]))
    (difference,) = sides.differences(late, date(2026, 11, 22)).values()
    assert difference is not None
    assert difference.is_flip
    assert (difference.policy_before, difference.policy_after) == ("2018-02-15", "2026-11-21")


def test_the_same_rules_differ_in_nothing(tmp_path: Path) -> None:
    path = edited_policy(tmp_path, ("[waiting.MI]", "# The same rules.\n[waiting.MI]"))
    sides = Sides(path)
    assert sides.before.digest != sides.after.digest
    for case in EVERY:
        found = sides.differences(sign(case["orders"], prefetch_of(case)), today_of(case))
        assert set(found.values()) == {None}
    summary = sides.tally.summary()
    assert (summary.flips, summary.differences) == (0, 0)
    assert summary.same == summary.orders >= len(EVERY)


def test_the_summary_adds_up(thirty: Sides) -> None:
    for days in range(25, 46):
        thirty.difference([*b2_chart(), infarction(days)])
    summary = thirty.tally.summary()
    assert (summary.orders, summary.flips, summary.differences, summary.same) == (21, 10, 6, 5)
    assert summary.statuses == {
        "covered": {"covered": 5, "not-covered": 0},
        "not-covered": {"covered": 10, "not-covered": 6},
    }
    told = {one.reason: one.orders for one in summary.flips_by_reason}
    assert told == {
        "waiting period MI closed": 10,
        "criterion no-recent-mi not met to met": 10,
    }
    assert json.loads(msgspec.json.encode(summary))["flipsByReason"][0]["orders"] == 10


def test_what_a_draft_changes_is_told_in_sentences(tmp_path: Path) -> None:
    policy = edited_policy(tmp_path, ('last_excluded = "40 days"', 'last_excluded = "30 days"'))
    codes = edited_set(tmp_path, "acute-mi", ('code = "I21.4"', 'code = "I21.49"'))
    sides = Sides(policy, codes)
    assert list(draft_changes(sides.before, sides.after)) == [
        (
            "Waiting period MI (infarction): the last excluded day after the event changed from 40 "
            "days to 30 days."
        ),
        "acute-mi: I21.4 (Non-ST elevation (NSTEMI) myocardial infarction) is gone.",
        "acute-mi: I21.49 (Non-ST elevation (NSTEMI) myocardial infarction) is new.",
    ]


def test_differences_of_b4_stay_apart_by_order(tmp_path: Path) -> None:
    sides = Sides(edited_policy(tmp_path, ('"40 days"', '"30 days"')))
    orders = [order("33249", id="one"), order("33249", day="2026-11-10", id="two")]
    body = sign(orders, by_keys([*b4_chart(), infarction(35)]))
    found = sides.differences(body)
    first, second = found["ServiceRequest/one"], found["ServiceRequest/two"]
    assert first is not None
    assert first.is_flip
    assert second is not None
    assert not second.is_flip
