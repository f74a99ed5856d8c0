"""The chart as it stood: what was written down later does not count for a look back."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING

import msgspec
import pytest

from defib_coverage.coverage.determine import Terms, determine
from defib_coverage.fhir.answers import read_answers
from defib_coverage.fhir.order_reader import read_order
from defib_coverage.fhir.raw import decode_order
from defib_coverage.fhir.reader import ChartReader
from defib_coverage.fhir.references import PatientCheck
from defib_coverage.hooks.wire import decode_request
from fhir_builders import (
    PATIENT,
    Json,
    b2_chart,
    b3_chart,
    by_keys,
    condition,
    lvef,
    order,
    sign,
)

if TYPE_CHECKING:
    from defib_coverage.coverage.determination import Determination
    from defib_coverage.coverage.determine import Knowledge

DOS = date(2026, 11, 20)


def look_back(chart: list[Json], knowledge: Knowledge, known_at: date | None) -> Determination:
    """Judge an order of the service date by what was known on a day; None: by all that is known."""
    index = knowledge.index
    decoded = decode_request(sign([order()], by_keys(chart)), index)
    read, _ = ChartReader(index).read(read_answers(decoded.request.prefetch), PATIENT)
    drafted = decode_order(msgspec.Raw(json.dumps(order()).encode()))
    assert drafted is not None
    judged = read_order(drafted[0], "ServiceRequest/order-1", index, PatientCheck(PATIENT))
    (found,) = determine([judged], read, knowledge, Terms(today=DOS, known_at=known_at))
    return found


def test_infarction_that_was_written_down_later_was_not_known(knowledge: Knowledge) -> None:
    chart = [*b2_chart(), condition("I21.4", "2026-11-10", recordedDate="2026-11-25")]
    assert look_back(chart, knowledge, None).status == "not-covered"
    assert look_back(chart, knowledge, DOS).status == "covered"
    assert look_back(chart, knowledge, date(2026, 11, 25)).status == "not-covered"


def test_reading_that_was_issued_later_was_not_known(knowledge: Knowledge) -> None:
    chart = [*b3_chart(), lvef(45, "2026-11-18", issued="2026-11-24T09:00:00Z")]
    assert look_back(chart, knowledge, None).status == "not-covered"
    assert look_back(chart, knowledge, DOS).status == "covered"


@pytest.mark.parametrize("known_at", [None, DOS])
def test_record_without_a_day_of_writing_is_taken_as_known(
    known_at: date | None,
    knowledge: Knowledge,
) -> None:
    assert look_back(b3_chart(), knowledge, known_at).indications_met == ("B3",)


def test_record_that_may_have_been_written_by_then_is_known(knowledge: Knowledge) -> None:
    chart = [*b2_chart(), condition("I21.4", "2026-11-10", recordedDate="2026-11")]
    assert look_back(chart, knowledge, DOS).status == "not-covered"
