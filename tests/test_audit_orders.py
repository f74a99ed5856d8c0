"""Which records an audit takes as orders of ours, and what it says of each beside what is decided.

Every chart below is a patient's of its own; all of them are judged in one run.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

import pyarrow.parquet
import pytest

from audit_exports import write
from audit_population import TODAY, charted
from audit_runs import Outcome, audited
from audit_shapes import Shape
from fhir_builders import (
    Json,
    b3_chart,
    concept,
    device_request,
    lvef,
    nyha,
    order,
    patient,
    procedure,
    resource,
    visit,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

DAY = "2026-11-10"
OURS = "33249"
CPT = "http://www.ama-assn.org/go/cpt"
PCS = "http://www.cms.gov/Medicare/Coding/ICD10"
ICD10CM = "icd10cm"


def reference(name: str) -> Json:
    return {"reference": name}


def line(code: str = OURS, system: str = "cpt", **fields: object) -> Json:
    """A line of a bill."""
    return {"productOrService": concept(code, system), **fields}


def bill(kind: str, *lines: Json, name: str = "bill", **fields: object) -> Json:
    """A Claim or an ExplanationOfBenefit, active unless said otherwise."""
    made = resource(kind, **({"id": name, "status": "active", "item": list(lines)} | fields))
    made["patient"] = made.pop("subject")
    return made


def diagnoses(*codes: str) -> list[Json]:
    """The diagnoses of a bill, numbered from 1."""
    return [
        {"sequence": number, "diagnosisCodeableConcept": concept(code, ICD10CM)}
        for number, code in enumerate(codes, 1)
    ]


# A chart that speaks for an implant but for its diagnoses, which only a claim may have.
UNDIAGNOSED = (patient(), lvef(30, "2026-11-01"), nyha(2, "2026-11-01"), visit())
DONE = procedure(OURS, DAY, id="done")
STAY = resource("Encounter", id="stay", period={"start": "2026-11-09", "end": "2026-11-12"})
CHARTS: dict[str, Sequence[Json]] = {
    **{
        f"procedure-{status}": [procedure(OURS, DAY, id="done", status=status)]
        for status in (
            *("completed", "in-progress", "preparation", "not-done", "on-hold", "stopped"),
            *("entered-in-error", "unknown"),
        )
    },
    "procedure-not-ours": [procedure("33208", DAY, id="done")],
    "procedure-in-a-stay": [
        procedure(OURS, None, id="done", encounter=reference("Encounter/stay")),
        STAY,
    ],
    "procedure-in-a-period": [
        procedure(OURS, None, id="done", performedPeriod={"start": DAY, "end": "2026-11-11"})
    ],
    **{
        f"{kind}-{status}": [bill(kind, line(servicedDate=DAY), status=status)]
        for kind in ("Claim", "ExplanationOfBenefit")
        for status in ("active", "cancelled", "draft", "entered-in-error")
    },
    "lines": [
        bill(
            "Claim",
            line("99223", sequence=1, servicedDate=DAY),
            line(sequence=2, servicedDate=DAY),
            line("33225", sequence=7, servicedDate=DAY),
            line("C1721", "hcpcs", servicedDate=DAY),
        )
    ],
    "head": [
        bill(
            "Claim",
            billablePeriod={"start": "2026-11-09", "end": "2026-11-12"},
            procedure=[
                {"sequence": 1, "procedureCodeableConcept": concept("4A023N7", PCS)},
                {"sequence": 2, "date": DAY, "procedureCodeableConcept": concept("0JH608Z", PCS)},
                {"procedureCodeableConcept": concept("02HK3KZ", PCS)},
            ],
        )
    ],
    "done-to-a-day": [procedure(OURS, None, id="done", performedPeriod={"end": DAY})],
    "done-in-words": [procedure(OURS, None, id="done", performedString=DAY)],
    "done-in-odd-words-in-a-stay": [
        procedure(OURS, "10/11/2026", id="done", encounter=reference("Encounter/stay")),
        STAY,
    ],
    "done-for-now": [procedure(OURS, None, id="done", status="in-progress")],
    "bill-to-a-day": [bill("Claim", line(), billablePeriod={"end": DAY}, created="2026-11-15")],
    "bill-around-an-odd-day": [
        bill("Claim", line(servicedDate="20261110"), billablePeriod={"start": DAY})
    ],
    "line-to-a-day": [
        bill(
            "Claim",
            line(servicedPeriod={"end": DAY}),
            billablePeriod={"start": "2026-11-08", "end": "2026-11-12"},
        )
    ],
    "day-of-line": [bill("Claim", line(servicedPeriod={"start": DAY}), created="2026-11-15")],
    "day-of-bill": [bill("Claim", line(), billablePeriod={"start": DAY}, created="2026-11-15")],
    "day-of-writing": [bill("Claim", line(), created="2026-11-15")],
    "order-of-writing": [order(day=None, authoredOn="2026-11-03", status="active")],
    "order-of-today": [order(day=None, status="active")],
    "claimed": [
        bill("Claim", line(servicedDate=DAY), diagnosis=diagnoses("I25.5", "I50.22")),
        *UNDIAGNOSED,
    ],
    "claimed-by-pointer": [
        bill(
            "Claim",
            line(sequence=1, servicedDate=DAY, diagnosisSequence=[1, 3]),
            diagnosis=diagnoses("I25.5", "E11.9", "I50.22"),
        ),
        *UNDIAGNOSED,
    ],
    "claimed-of-another-line": [
        bill(
            "Claim",
            line(sequence=1, servicedDate=DAY, diagnosisSequence=[2]),
            line("93306", sequence=2, servicedDate=DAY, diagnosisSequence=[1, 3]),
            diagnosis=diagnoses("I25.5", "E11.9", "I50.22"),
        ),
        *UNDIAGNOSED,
    ],
    "claimed-by-reference": [
        bill(
            "Claim",
            line(servicedDate=DAY),
            diagnosis=[{"sequence": 1, "diagnosisReference": reference("Condition/seen")}],
        ),
        *(one | {"id": "seen"} for one in b3_chart() if "I25.5" in json.dumps(one)),
        *UNDIAGNOSED,
    ],
    "cancelled-claim-says-nothing": [
        DONE,
        bill(
            "Claim",
            line(servicedDate=DAY),
            status="cancelled",
            diagnosis=diagnoses("I25.5", "I50.22"),
        ),
        *UNDIAGNOSED,
    ],
    "device-on-a-shelf": [
        device_request("C1721", DAY, status="active", codeReference=reference("Device/shelf"))
        | {"codeCodeableConcept": None},
        {"resourceType": "Device", "id": "shelf", "type": concept("C1721", "hcpcs")},
    ],
    "thrice": [
        order(day=DAY, id="asked", status="completed"),
        procedure(OURS, DAY, id="done", basedOn=[reference("ServiceRequest/asked")]),
        bill("Claim", line(sequence=1, servicedDate=DAY)),
        *b3_chart(),
    ],
    "carried-out-later": [
        order(day=None, id="asked", status="completed", authoredOn="2026-10-20"),
        procedure(OURS, DAY, id="done", basedOn=[reference("ServiceRequest/asked")]),
        *b3_chart(),
    ],
    "taken-out-later": [
        order(day="2026-10-20", id="asked", status="completed"),
        procedure("33241", DAY, id="done", basedOn=[reference("ServiceRequest/asked")]),
    ],
    "carried-out-sometime": [
        order(day=DAY, id="asked", status="completed"),
        procedure(OURS, None, basedOn=[reference("ServiceRequest/asked")]),
        *b3_chart(),
    ],
    "odd-line-of-three": [
        bill(
            "Claim",
            line(sequence=1, servicedDate="20261110"),
            line(sequence=2, servicedDate=DAY),
            line("33225", sequence=3, servicedDate=DAY),
        )
    ],
    "asked-beforehand": [
        bill("Claim", line(servicedDate="20261110"), created=DAY, use="preauthorization")
    ],
    "odd-addition": [
        bill(
            "ExplanationOfBenefit",
            line(servicedDate=DAY),
            addItem=[{"itemSequence": ["1"], "productOrService": concept("99223", "cpt")}],
        )
    ],
    "never-told-when": [order(day=None, id="asked", status="completed", authoredOn="2026-10-20")],
    "place-of-order": [
        order(
            day=DAY,
            locationReference=[{"reference": "Location/ep", "display": "EP laboratory 2"}],
            performer=[reference("https://fhir.example.org/r4/Practitioner/dr-9/_history/2")],
        )
    ],
    "place-of-procedure": [
        procedure(
            OURS,
            DAY,
            id="done",
            location=reference("Location/ep"),
            performer=[{"actor": {"reference": "Practitioner/dr-9", "display": "Dr. Nine"}}],
        )
    ],
    "place-of-claim": [
        bill(
            "Claim",
            line(servicedDate=DAY, careTeamSequence=[2]),
            facility=reference("Location/main"),
            careTeam=[
                {"sequence": 1, "provider": reference("Practitioner/dr-1")},
                {"sequence": 2, "provider": reference("Practitioner/dr-2")},
            ],
        )
    ],
}

# Members that cannot be read, in a record that may be an order.
ODD: dict[str, Json] = {
    "meta": {"meta": "2026"},
    "extension": {"extension": "none"},
    "identifier": {"id": 4711},
    "deletion": {"deleted": "ServiceRequest/other"},
    "reason": {"reasonCode": "heart failure"},
    "writing": {"authoredOn": 20261110},
}

# Which records then say that something of them is left out.
UNREAD = {
    "identifier": {"ServiceRequest"},
    "reason": {"ServiceRequest", "Procedure"},
    "writing": {"ServiceRequest"},
}
# What may be an order, and says in no way that can be read what, whether or when.
UNKNOWN: dict[str, Json] = {
    "unknown-code": procedure(OURS, DAY) | {"code": 5},
    "unknown-status": procedure(OURS, DAY) | {"status": 5},
    "unknown-day": procedure(OURS, DAY) | {"performedDateTime": 20261110},
    "unknown-lines": bill("Claim", line(servicedDate=DAY), item="none"),
    "unknown-line": bill("Claim", line(servicedDate=DAY), line(servicedDate=5)),
    "unknown-bill": bill("Claim", line(servicedDate=DAY), status=["active"]),
    "unknown-request": order(day=DAY) | {"code": {"coding": [{"system": CPT, "code": 33249}]}},
    "unknown-words": order(day=DAY) | {"code": OURS},
    "unknown-device": device_request("C1721", DAY)
    | {"codeCodeableConcept": {"coding": [None, *concept("C1721", "hcpcs")["coding"]]}},
    "unknown-added": bill("ExplanationOfBenefit", addItem=5),
}
# What was carried out on a day that nothing tells.
UNDATED: dict[str, Json] = {
    "undated": procedure(OURS, None),
    "undated-in-words": procedure(OURS, "10/11/2026"),
    "undated-in-no-month": procedure(OURS, "2026-11-31"),
    "undated-by-age": procedure(OURS, None, performedAge={"value": 71, "code": "a"}),
    "undated-bill": bill("Claim", line()),
    "undated-line": bill("Claim", line(servicedDate="20261110"), created="2026-11-15"),
}
# Beside these.
UNDATED_PARTS = {"carried-out-sometime": None, "odd-line-of-three": "line 1"}
# What is none of ours, however odd.
NOT_OURS: dict[str, Json] = {
    "odd-pacemaker": procedure("33208", DAY) | {"status": 5, "performedDateTime": 20261110},
    "odd-visit": bill("Claim", line("99223"), status=5, created=5, provider="none"),
    "odd-day": procedure("33208", "10/11/2026"),
    "odd-days": bill("Claim", line("99223", servicedDate="20261110")),
}


class Audit(NamedTuple):
    """What came of the charts."""

    outcome: Outcome
    out: Path

    def of(self, patient: str) -> dict[str, Json]:
        """The rows of a patient, by what the patient's records call their orders."""
        rows = (row for row in self.outcome.rows if row["patient"] == f"Patient/{patient}")
        return {row["order"]["reference"].replace(f"{patient}.", ""): row for row in rows}


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    folder = tmp_path_factory.mktemp("orders")
    charts = [charted(name, *records) for name, records in CHARTS.items()]
    for name, odd in ODD.items():
        charts.append(charted(f"odd-{name}", order(day=DAY), procedure(OURS, DAY, id="done")))
        for one in charts[-1].everything():
            one.update(odd)
    charts += [charted(name, record) for name, record in (UNKNOWN | UNDATED | NOT_OURS).items()]
    export = write(folder / "export", charts, Shape(name="orders", parts=2))
    return Audit(audited(export.folder, folder / "out"), folder / "out")


@pytest.mark.parametrize("name", [name for name in CHARTS if name.startswith("procedure-")])
def test_procedure_that_was_carried_out_is_an_order(name: str, audit: Audit) -> None:
    done = name.partition("-")[2] in {"completed", "in-progress", "in-a-stay", "in-a-period"}
    assert list(audit.of(name)) == (["Procedure/done"] if done else [])


@pytest.mark.parametrize("kind", ["Claim", "ExplanationOfBenefit"])
def test_bill_that_was_cancelled_or_never_sent_is_no_order(kind: str, audit: Audit) -> None:
    assert list(audit.of(f"{kind}-active")) == [f"{kind}/bill#1"]
    for status in ("cancelled", "draft", "entered-in-error"):
        assert audit.of(f"{kind}-{status}") == {}


def test_each_line_of_a_bill_that_is_ours_is_an_order(audit: Audit) -> None:
    rows = audit.of("lines")
    assert {name: row["order"]["class"] for name, row in rows.items()} == {
        "Claim/bill#2": "initial-implant",
        # The fourth, which has no number.
        "Claim/bill#4": "initial-implant",
        "Claim/bill#7": "lead-only",
    }
    # The lead stands or falls with the implant of the same bill.
    assert rows["Claim/bill#7"]["order"]["dependsOn"] == "Claim/lines.bill#2"
    assert rows["Claim/bill#2"]["audit"]["sameDay"] == ["Claim/lines.bill#4", "Claim/lines.bill#7"]
    assert len({row["audit"]["line"] for row in rows.values()}) == 1


def test_procedures_at_the_head_of_a_bill_are_orders(audit: Audit) -> None:
    days = {name: row["order"]["serviceDate"] for name, row in audit.of("head").items()}
    assert days == {"Claim/bill#procedure-2": DAY, "Claim/bill#procedure-3": "2026-11-09"}


@pytest.mark.parametrize(
    ("name", "day", "basis"),
    [
        ("procedure-in-a-stay", "2026-11-09", "occurrence"),
        ("procedure-in-a-period", DAY, "occurrence"),
        ("done-to-a-day", DAY, "occurrence"),
        ("done-in-words", DAY, "occurrence"),
        ("done-in-odd-words-in-a-stay", "2026-11-09", "occurrence"),
        ("done-for-now", TODAY, "today"),
        ("bill-to-a-day", DAY, "occurrence"),
        ("bill-around-an-odd-day", DAY, "occurrence"),
        ("line-to-a-day", DAY, "occurrence"),
        ("day-of-line", DAY, "occurrence"),
        ("day-of-bill", DAY, "occurrence"),
        ("day-of-writing", "2026-11-15", "authored-assumed"),
        # Looking back, what was ordered before today and has no day is of the day it was written.
        ("order-of-writing", "2026-11-03", "authored-assumed"),
        ("order-of-today", TODAY, "today"),
    ],
)
def test_order_is_of_the_day_that_its_record_tells(
    name: str, day: str, basis: str, audit: Audit
) -> None:
    (row,) = audit.of(name).values()
    assert (row["order"]["serviceDate"], row["order"]["serviceDateBasis"]) == (day, basis)
    assert row["audit"]["knownAt"] == day


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("claimed", "covered"),
        ("claimed-by-pointer", "covered"),
        ("claimed-of-another-line", "conditional"),
        ("claimed-by-reference", "conditional"),
        ("cancelled-claim-says-nothing", "conditional"),
    ],
)
def test_diagnoses_of_a_claim_count_for_its_lines(name: str, status: str, audit: Audit) -> None:
    assert {row["status"] for row in audit.of(name).values()} == {status}


def test_order_procedure_and_claim_of_one_implant_are_no_evidence_for_each_other(
    audit: Audit,
) -> None:
    rows = audit.of("thrice")
    names = ["Claim/bill#1", "Procedure/done", "ServiceRequest/asked"]
    assert sorted(rows) == names
    for name, row in rows.items():
        assert (row["status"], row["order"]["class"]) == ("covered", "initial-implant")
        beside = [one.replace("thrice.", "") for one in row["audit"]["sameDay"]]
        assert beside == [one for one in names if one != name]
        # The procedure tells that the order was carried out, and when.
        assert row["audit"]["performed"] == (name != "ServiceRequest/asked")
        assert row["audit"]["kind"] == name.split("/")[0]


def test_order_was_carried_out_on_the_day_of_its_procedure(audit: Audit) -> None:
    performed = {
        (row["order"]["serviceDate"], row["audit"]["performed"])
        for row in audit.of("carried-out-later").values()
    }
    assert performed == {("2026-10-20", False), (DAY, True)}
    (row,) = audit.of("never-told-when").values()
    assert row["audit"]["performed"] is True


def test_device_that_is_nobodys_yet_tells_what_is_ordered(audit: Audit) -> None:
    (row,) = audit.of("device-on-a-shelf").values()
    assert (row["order"]["code"], row["order"]["class"]) == ("C1721", "initial-implant")
    counts = audit.outcome.manifest["counts"]
    assert (counts["shared"], counts["noPatient"]) == (1, 0)


@pytest.mark.parametrize(
    ("name", "site", "operator"),
    [
        ("place-of-order", "EP laboratory 2", "Practitioner/dr-9"),
        ("place-of-procedure", "Location/ep", "Dr. Nine"),
        ("place-of-claim", "Location/main", "Practitioner/dr-2"),
        ("order-of-today", None, None),
    ],
)
def test_row_says_where_and_by_whom(
    name: str, site: str | None, operator: str | None, audit: Audit
) -> None:
    (row,) = audit.of(name).values()
    assert (row["audit"]["site"], row["audit"]["operator"]) == (site, operator)


@pytest.mark.parametrize("name", ODD)
def test_order_with_an_odd_member_is_still_an_order(name: str, audit: Audit) -> None:
    rows = audit.of(f"odd-{name}")
    assert {row["audit"]["kind"] for row in rows.values()} == {"ServiceRequest", "Procedure"}
    unread = {
        row["audit"]["kind"]
        for row in rows.values()
        if "order-partly-unread" in {one["code"] for one in row["findings"]}
    }
    assert unread == UNREAD.get(name, set())


def test_record_that_may_be_an_order_and_cannot_be_read_is_told(audit: Audit) -> None:
    """Of what is ours whether and when it was done must be known, of the rest nothing."""
    told = {(one["file"].partition(".")[0], one["reason"]) for one in audit.outcome.rejects}
    unknown = "may be an order, and cannot be read"
    undated = "was carried out, and no day is told that can be read"
    unknown_types = {one["resourceType"] for one in UNKNOWN.values()}
    assert told == {(kind, unknown) for kind in unknown_types} | {
        (kind, undated) for kind in ("Procedure", "Claim")
    }
    assert {name for name in (*UNKNOWN, *UNDATED) if audit.of(name)} == set()
    reasons = Counter(one["reason"] for one in audit.outcome.rejects)
    assert reasons == {unknown: len(UNKNOWN), undated: len(UNDATED) + len(UNDATED_PARTS)}
    counts = audit.outcome.manifest["counts"]
    assert counts["unjudged"] == counts["rejects"] == reasons.total()


def test_line_without_a_day_costs_no_other_line(audit: Audit) -> None:
    assert sorted(audit.of("odd-line-of-three")) == ["Claim/bill#2", "Claim/bill#3"]
    parts = {one["part"] for one in audit.outcome.rejects if "no day" in one["reason"]}
    assert "line 1" in parts


def test_what_is_asked_beforehand_is_of_the_day_it_was_written(audit: Audit) -> None:
    (row,) = audit.of("asked-beforehand").values()
    assert row["order"]["serviceDateBasis"] == "authored-assumed"
    assert "order-partly-unread" in {one["code"] for one in row["findings"]}


def test_addition_that_cannot_be_read_costs_no_line(audit: Audit) -> None:
    (row,) = audit.of("odd-addition").values()
    assert "order-partly-unread" in {one["code"] for one in row["findings"]}


def test_procedure_without_a_day_is_no_evidence_against_its_order(audit: Audit) -> None:
    (row,) = audit.of("carried-out-sometime").values()
    assert (row["order"]["class"], row["status"]) == ("initial-implant", "covered")
    assert row["audit"]["performed"] is True


def test_removal_does_not_tell_when_an_implant_was_carried_out(audit: Audit) -> None:
    performed = [row["audit"]["performed"] for row in audit.of("taken-out-later").values()]
    assert performed == [True, True]


def test_rows_are_sorted_by_patient_day_and_order(audit: Audit) -> None:
    keys = [
        (
            crc32(row["patient"].encode()),
            row["patient"],
            row["order"]["serviceDate"],
            row["order"]["reference"],
        )
        for row in audit.outcome.rows
    ]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys) > 30


def test_parquet_has_the_rows_of_the_text(audit: Audit) -> None:
    table = pyarrow.parquet.read_table(audit.out / "determinations.parquet")
    assert [json.loads(text) for text in table["determination"].to_pylist()] == audit.outcome.rows
    for row, found in zip(audit.outcome.rows, table.to_pylist(), strict=True):
        assert found["reference"] == row["order"]["reference"]
        assert found["service_date"].isoformat() == row["order"]["serviceDate"]
        assert (found["patient"], found["status"]) == (row["patient"], row["status"])
        assert (found["site"], found["line"]) == (row["audit"]["site"], row["audit"]["line"])


def test_counts_are_those_of_the_rows(audit: Audit) -> None:
    rows, counts = audit.outcome.rows, audit.outcome.manifest["counts"]
    assert counts["orders"] == len(rows)
    assert counts["patients"] == len({row["patient"] for row in rows})
    assert counts["byStatus"] == Counter(row["status"] for row in rows)
