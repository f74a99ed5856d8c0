"""What an audit knows of an order's day: nothing that was written down later, unless told to.

The orders are of 10 May 2024. Each chart below is a patient's; all are judged in one run, and in
another one with ``--hindsight``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from audit_exports import write
from audit_population import charted
from audit_runs import Outcome, audited
from audit_shapes import Shape
from fhir_builders import (
    Json,
    concept,
    condition,
    device,
    device_request,
    lvef,
    nyha,
    order,
    patient,
    procedure,
    resource,
    statement,
    visit,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

DAY = "2024-05-10"
BEFORE, AFTER = "2024-05-09", "2024-05-11"
REST = (
    patient(),
    condition("I50.22", "2023-01-10"),
    nyha(2, "2024-04-01"),
    visit("2024-04-01"),
)
HEART = condition("I25.5", "2023-01-10")
READING = lvef(30, "2024-04-01")
IMPLANT = procedure("33249", DAY)


def infarction(recorded: str | None, onset: str = "2024-04-30") -> Json:
    """Within the forty days before the order, as far as it is known of."""
    return condition("I21.4", onset, recordedDate=recorded)


def planned(**fields: object) -> Json:
    """A stent that is ordered for after the implant."""
    made = {"status": "active", "intent": "order", "code": concept("92928", "cpt")}
    return resource("ServiceRequest", **made, occurrenceDateTime="2024-05-27", **fields)


def booked(**fields: object) -> Json:
    """The same as an appointment."""
    actor = {"actor": {"reference": "Patient/p1"}, "status": "accepted"}
    made = resource(
        "Appointment",
        status="booked",
        serviceType=[concept("92928", "cpt")],
        start="2024-05-27T09:00:00Z",
        participant=[actor],
        **fields,
    )
    del made["subject"]
    return made


class Case(NamedTuple):
    """A chart, and what is found: as it was known on the day, and in hindsight."""

    name: str
    chart: Sequence[Json]
    known: str
    hindsight: str


COVERED, OPEN, WAITING = "covered", "conditional", "not-covered"
ORDER = order(day=DAY, id="implant")
RECORDED = (
    Case("all-known", [ORDER, HEART, READING], COVERED, COVERED),
    # What a diagnosis or a reading was written down for the first time after the implant.
    Case(
        "diagnosis-later",
        [ORDER, condition("I25.5", "2023-01-10", recordedDate=AFTER), READING],
        OPEN,
        COVERED,
    ),
    Case("reading-later", [ORDER, HEART, lvef(30, "2024-04-01", issued=AFTER)], OPEN, COVERED),
    Case("infarction-later", [ORDER, HEART, READING, infarction(AFTER)], COVERED, WAITING),
    Case("infarction-known", [ORDER, HEART, READING, infarction(BEFORE)], WAITING, WAITING),
    Case("infarction-same-day", [ORDER, HEART, READING, infarction(DAY)], WAITING, WAITING),
    Case("infarction-never-said", [ORDER, HEART, READING, infarction(None)], WAITING, WAITING),
    # Some day of May 2024: it may have been known.
    Case("infarction-in-may", [ORDER, HEART, READING, infarction("2024-05")], WAITING, WAITING),
    Case("infarction-in-june", [ORDER, HEART, READING, infarction("2024-06")], COVERED, WAITING),
    # The day is that of the place where it was written.
    Case(
        "infarction-far-east",
        [ORDER, HEART, READING, infarction("2024-05-11T01:00:00+09:00")],
        COVERED,
        WAITING,
    ),
    Case(
        "infarction-far-west",
        [ORDER, HEART, READING, infarction("2024-05-10T23:00:00-08:00")],
        WAITING,
        WAITING,
    ),
    # What happened after the implant counts in neither way.
    Case("infarction-after", [ORDER, HEART, READING, infarction(AFTER, AFTER)], COVERED, COVERED),
    # A stent that was planned on the day, or only later.
    Case("plan-known", [ORDER, HEART, READING, planned(authoredOn=BEFORE)], OPEN, OPEN),
    Case("plan-later", [ORDER, HEART, READING, planned(authoredOn=AFTER)], COVERED, OPEN),
    Case("plan-undated", [ORDER, HEART, READING, planned()], OPEN, OPEN),
    Case("booking-known", [ORDER, HEART, READING, booked(created=BEFORE)], OPEN, OPEN),
    Case("booking-later", [ORDER, HEART, READING, booked(created=AFTER)], COVERED, OPEN),
)


def carried_out(start: str) -> Json:
    """The same appointment once it was kept."""
    return booked(created=BEFORE) | {"status": "fulfilled", "start": start}


# What was carried out, or ended, since: on the day it was still planned, or still held.
DONE = planned(authoredOn=BEFORE) | {"status": "completed"}
DONE_BEFORE = DONE | {"occurrenceDateTime": BEFORE}
KEPT = carried_out("2024-05-27T09:00:00Z")
KEPT_BEFORE = carried_out("2024-05-09T09:00:00Z")
FAMILIAL = condition("I42.0", "2023-01-10")
DRUGS = "20352", "29046"
STOPPED = [statement(code, "2023-05-01", AFTER, status="stopped") for code in DRUGS]
STOPPED_BEFORE = [statement(code, "2023-05-01", BEFORE, status="stopped") for code in DRUGS]
SINCE = (
    Case("plan-carried-out", [ORDER, HEART, READING, DONE], OPEN, OPEN),
    Case("plan-carried-out-before", [ORDER, HEART, READING, DONE_BEFORE], COVERED, COVERED),
    Case("booking-kept", [ORDER, HEART, READING, KEPT], OPEN, OPEN),
    Case("booking-kept-before", [ORDER, HEART, READING, KEPT_BEFORE], COVERED, COVERED),
    Case(
        "own-booking-kept",
        [
            order(day=None, id="implant", status="completed", authoredOn="2024-04-02"),
            carried_out(f"{DAY}T09:00:00Z")
            | {"basedOn": [{"reference": "ServiceRequest/implant"}], "serviceType": []},
            HEART,
            READING,
        ],
        COVERED,
        COVERED,
    ),
    Case("drugs-stopped", [ORDER, FAMILIAL, READING, *STOPPED], COVERED, COVERED),
    Case("drugs-stopped-before", [ORDER, FAMILIAL, READING, *STOPPED_BEFORE], OPEN, OPEN),
)
# One Condition that says what the implant is for, and that it is there.
BOTH = HEART | {
    "recordedDate": DAY,
    "code": {
        "coding": [
            *concept("I25.5", "icd10cm")["coding"],
            *concept("Z95.810", "icd10cm")["coding"],
        ]
    },
}
TOLD_AT_ONCE = (Case("diagnosis-and-status", [procedure("33249", DAY), BOTH, READING], "", ""),)
# A device of today's chart, and whether it was in place on the day: then it is an exchange.
FIRST, EXCHANGE = "initial-implant", "replacement"
NEW = {"reference": "Device/new"}
DONE_LATER = procedure("33262", "2025-01-07", usedReference=[NEW])
# A device whose type is a code that devices are billed by, too.
BILLABLE = device() | {
    "id": "new",
    "type": {
        "coding": [*concept("72506001", "snomed")["coding"], *concept("C1721", "hcpcs")["coding"]]
    },
}


def asked_for(day: str, status: str, **fields: object) -> Json:
    """The same device, asked for."""
    made = device_request("C1721", day, status=status, codeReference=NEW, **fields)
    del made["codeCodeableConcept"]
    return made


DEVICES = (
    Case("own-device", [IMPLANT, device()], FIRST, FIRST),
    Case("own-procedure", [IMPLANT], FIRST, FIRST),
    Case("order-of-own-procedure", [ORDER, IMPLANT, device()], FIRST, FIRST),
    Case("device-without-implant", [ORDER, device()], EXCHANGE, EXCHANGE),
    Case("earlier-implant", [procedure("33249", "2015-03-02"), IMPLANT], EXCHANGE, EXCHANGE),
    Case(
        "earlier-implant-and-devices",
        [procedure("33249", "2015-03-02"), device(), IMPLANT, device()],
        EXCHANGE,
        EXCHANGE,
    ),
    Case("later-implant", [ORDER, procedure("33249", "2025-01-07"), device()], FIRST, FIRST),
    Case(
        "named-by-own-implant",
        [
            procedure("33249", DAY, focalDevice=[{"manipulated": {"reference": "Device/new"}}]),
            device() | {"id": "new"},
        ],
        FIRST,
        FIRST,
    ),
    Case(
        "named-by-later-implant",
        [
            ORDER,
            procedure("33249", "2025-01-07", usedReference=[{"reference": "Device/new"}]),
            device() | {"id": "new"},
        ],
        FIRST,
        FIRST,
    ),
    Case(
        "another-beside-the-named",
        [
            procedure("33249", DAY, usedReference=[{"reference": "Device/new"}]),
            device() | {"id": "new"},
            device() | {"id": "old"},
        ],
        EXCHANGE,
        EXCHANGE,
    ),
    Case(
        "named-by-an-earlier-implant-too",
        [asked_for("2019-01-07", "completed"), ORDER, DONE_LATER, BILLABLE],
        EXCHANGE,
        EXCHANGE,
    ),
    Case(
        "asked-for-before",
        [
            asked_for("2024-03-01", "active"),
            procedure("33249", DAY, usedReference=[NEW]),
            BILLABLE,
        ],
        FIRST,
        FIRST,
    ),
    Case(
        "asked-for-twice",
        [asked_for("2024-03-01", "revoked"), asked_for(DAY, "active", id="again"), BILLABLE],
        FIRST,
        FIRST,
    ),
    Case("made-later", [ORDER, device() | {"manufactureDate": "2024-06-01"}], FIRST, FIRST),
    Case("made-earlier", [ORDER, device() | {"manufactureDate": "2019"}], EXCHANGE, EXCHANGE),
)
# What is written of a device in place, and whether a first implant has brought it about.
STATUS = "Z95.810"


def carried(status: str = STATUS, system: str = "icd10cm", **fields: object) -> Json:
    """What is written of a device in place, with no day but those that are named."""
    return condition(status, None, system=system) | fields


CARRIED = (
    Case("written-after", [IMPLANT, carried(recordedDate=f"{DAY}T15:00:00-04:00")], FIRST, FIRST),
    Case("written-on-leaving", [IMPLANT, carried(recordedDate=AFTER)], FIRST, FIRST),
    Case("since-then", [IMPLANT, carried(onsetDateTime=DAY, recordedDate=AFTER)], FIRST, FIRST),
    Case("since-a-time", [IMPLANT, carried(onsetPeriod={"start": DAY})], FIRST, FIRST),
    Case(
        "written-in-snomed",
        [IMPLANT, carried("443325000", "snomed", recordedDate=DAY)],
        FIRST,
        FIRST,
    ),
    Case(
        "written-before-what-was-asked-for-is-done",
        [ORDER, procedure("33249", AFTER), carried(recordedDate=AFTER)],
        FIRST,
        FIRST,
    ),
    Case("written-before", [IMPLANT, carried(recordedDate=BEFORE)], EXCHANGE, EXCHANGE),
    Case("since-before", [IMPLANT, carried(onsetDateTime=BEFORE)], EXCHANGE, EXCHANGE),
    Case("never-dated", [IMPLANT, carried()], EXCHANGE, EXCHANGE),
    Case("seen-for-one", [IMPLANT, carried("Z45.02", recordedDate=DAY)], EXCHANGE, EXCHANGE),
    # A first device has no troubles before it is there.
    Case(
        "written-beside-troubles",
        [IMPLANT, carried(recordedDate=DAY), condition("T82.111A", None, recordedDate=DAY)],
        EXCHANGE,
        EXCHANGE,
    ),
    Case(
        "written-before-troubles",
        [IMPLANT, carried(recordedDate=DAY), condition("T82.120A", None, recordedDate=AFTER)],
        FIRST,
        FIRST,
    ),
    Case(
        "written-with-a-visit",
        [
            IMPLANT,
            carried(
                recordedDate=DAY,
                code={
                    "coding": [
                        *concept("Z45.02", "icd10cm")["coding"],
                        *concept("443325000", "snomed")["coding"],
                    ]
                },
            ),
        ],
        EXCHANGE,
        EXCHANGE,
    ),
    # Nothing was put in: it was there.
    Case("only-asked-for", [ORDER, carried(recordedDate=DAY)], EXCHANGE, EXCHANGE),
)
CASES = {
    case.name: case._replace(chart=[*case.chart, *rest])
    for cases, rest in (
        (RECORDED, REST),
        (SINCE, REST),
        (TOLD_AT_ONCE, REST),
        (DEVICES, (*REST, HEART, READING)),
        (CARRIED, (*REST, HEART, READING)),
    )
    for case in cases
}


class Runs(NamedTuple):
    """The same export, judged as the charts were known and in hindsight."""

    known: Outcome
    hindsight: Outcome


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    folder = tmp_path_factory.mktemp("look-back")
    charts = [charted(case.name, *case.chart) for case in CASES.values()]
    export = write(folder / "export", charts, Shape(name="look-back"))
    return Runs(
        audited(export.folder, folder / "known"),
        audited(export.folder, folder / "hindsight", "--hindsight"),
    )


def rows_of(outcome: Outcome, name: str) -> list[Json]:
    """The rows of a patient on the day."""
    return [
        row
        for row in outcome.rows
        if row["patient"] == f"Patient/{name}" and row["order"]["serviceDate"] == DAY
    ]


@pytest.mark.parametrize("case", RECORDED, ids=lambda case: case.name)
def test_what_was_written_down_later_counts_in_hindsight_only(case: Case, runs: Runs) -> None:
    (known,), (hindsight,) = rows_of(runs.known, case.name), rows_of(runs.hindsight, case.name)
    assert (known["status"], hindsight["status"]) == (case.known, case.hindsight)
    assert (known["audit"]["knownAt"], hindsight["audit"]["knownAt"]) == (DAY, None)


@pytest.mark.parametrize("case", SINCE, ids=lambda case: case.name)
def test_what_was_carried_out_or_ended_since_was_not_on_the_day(case: Case, runs: Runs) -> None:
    (known,), (hindsight,) = rows_of(runs.known, case.name), rows_of(runs.hindsight, case.name)
    assert (known["status"], hindsight["status"]) == (case.known, case.hindsight)


def test_order_is_of_the_day_of_the_appointment_that_was_kept(runs: Runs) -> None:
    (row,) = rows_of(runs.known, "own-booking-kept")
    assert row["order"]["serviceDateBasis"] == "appointment"


@pytest.mark.parametrize("case", DEVICES + CARRIED, ids=lambda case: case.name)
def test_device_counts_where_it_was_in_place_before(case: Case, runs: Runs) -> None:
    for outcome, expected in ((runs.known, case.known), (runs.hindsight, case.hindsight)):
        found = rows_of(outcome, case.name)
        assert {row["order"]["class"] for row in found} == {expected}


def test_diagnosis_that_says_that_too_is_left_in_the_chart(runs: Runs) -> None:
    """The same record speaks for the implant."""
    for outcome in runs:
        (row,) = rows_of(outcome, "diagnosis-and-status")
        assert row["status"] == COVERED


def test_every_order_of_a_patient_has_its_row(runs: Runs) -> None:
    assert [len(rows_of(runs.known, case.name)) for case in CASES.values()] == [
        2 if case.name == "order-of-own-procedure" else 1 for case in CASES.values()
    ]
