"""Which records of a patient an audit brings together, finds orders in, and tells of."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from audit_exports import write
from audit_population import TODAY, charted
from audit_runs import Outcome, audited, run_here
from audit_shapes import Shape
from defib_coverage.audit.heads import Heads, Unusable
from defib_coverage.audit.keeping import Kept
from defib_coverage.audit.records import Gathering
from defib_coverage.audit.shared import SharedRecords, build
from defib_coverage.content import load
from fhir_builders import (
    INSTANCE,
    Json,
    bundle,
    by_keys,
    concept,
    condition,
    lvef,
    nyha,
    order,
    patient,
    procedure,
    resource,
    visit,
)

if TYPE_CHECKING:
    from pathlib import Path

DAY = "2026-11-10"
ORDER = order(day=DAY, id="asked")
UNDATED = {"performedDateTime": 20261110}


def bill(code: str) -> Json:
    """A bill that says oddly where it was."""
    made = resource("Claim", id="bill", status="active", facility="main")
    made["item"] = [{"productOrService": concept(code, "cpt"), "servicedDate": DAY}]
    made["patient"] = made.pop("subject")
    return made


CHARTS: dict[str, list[Json]] = {
    "odd-procedure": [ORDER, procedure("33249", None, id="done") | UNDATED],
    "odd-procedure-not-ours": [ORDER, procedure("99213", None, id="done") | UNDATED],
    "odd-procedure-without-code": [
        ORDER,
        procedure("33249", None, id="done") | UNDATED | {"code": 5},
    ],
    "odd-bill": [ORDER, bill("33249")],
    "odd-bill-not-ours": [ORDER, bill("99213")],
}


@pytest.fixture(scope="module")
def heads() -> Heads:
    return Heads(load(None).knowledge("https://defib-coverage.example/fhir").index)


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    folder = tmp_path_factory.mktemp("records")
    charts = [charted(name, *records) for name, records in CHARTS.items()]
    export = write(folder / "export", charts, Shape(name="records", layout="mixed"))
    return audited(export.folder, folder / "out")


def test_record_that_cannot_be_read_is_told_where_it_may_be_an_order(audit: Outcome) -> None:
    reasons = [one["reason"] for one in audit.rejects]
    # Two are plainly coded as something else, and of a bill its place is not needed to judge.
    assert reasons == ["may be an order, and cannot be read"] * 2
    assert audit.manifest["counts"]["unjudged"] == 2
    assert audit.manifest["counts"]["orders"] == len(CHARTS) + 1


@pytest.mark.parametrize(
    "reference", ["4711", "patient/4711", "urn:oid:1.2.840.1", "Person of interest/4711", "/4711"]
)
def test_patient_by_no_usable_name_is_not_taken_for_nobody(reference: str, heads: Heads) -> None:
    text = b'{"resourceType": "Condition", "subject": {"reference": "%s"}}' % reference.encode()
    with pytest.raises(Unusable, match="no usable id"):
        heads.read(text)


@pytest.mark.parametrize("other", ["#room", "Practitioner?identifier=http://x/npi|9", "4711"])
def test_appointment_is_the_patients_whoever_else_takes_part(other: str, heads: Heads) -> None:
    def appointment(*actors: str) -> bytes:
        made = [{"actor": {"reference": one}} for one in actors]
        return json.dumps({"resourceType": "Appointment", "participant": made}).encode()

    assert heads.read(appointment(other, "Patient/a")).patients == ("Patient/a",)
    assert heads.read(appointment("Practitioner/b")).kind == "nobody"
    with pytest.raises(Unusable):
        heads.read(appointment(other))


def test_records_without_ids_are_told_apart(tmp_path: Path, heads: Heads) -> None:
    build(tmp_path / "shared.sqlite", iter(()))
    texts = [
        b'{"resourceType":"Condition","subject":{"reference":"Patient/a"},"note":[{"text":"%d"}]}'
        % number
        # Texts of which a short digest is the same.
        for number in (5980961, 10200400)
    ]
    with SharedRecords(tmp_path / "shared.sqlite") as shared:
        lines = [("record", Kept(0, at, text)) for at, text in enumerate([*texts, texts[0]])]
        found = Gathering(heads, shared).patient("Patient/a", lines)
    assert {one.text for one in found.records} == set(texts)
    # The same text again is the same record.
    assert (found.read, found.older) == (3, 1)


@pytest.mark.parametrize(
    ("written", "day", "status"),
    [
        # Nine days after an infarction, whenever the audit is made.
        ("2024-05-10", "2024-05-10", "not-covered"),
        ("2024-07-10", "2024-07-10", "covered"),
        (None, TODAY, "covered"),
    ],
)
def test_hook_request_is_of_the_day_on_which_its_orders_were_written(
    written: str | None, day: str, status: str, tmp_path: Path
) -> None:
    chart = [patient(), condition("I25.5", "2023-01-10"), condition("I50.22", "2023-01-10")]
    chart += [lvef(30, "2024-04-01"), nyha(2, "2024-04-01"), visit("2024-04-01")]
    chart.append(condition("I21.4", "2024-05-01"))
    call = {
        "hook": "order-sign",
        "hookInstance": INSTANCE,
        "context": {
            "userId": "Practitioner/dr-1",
            "patientId": "p1",
            "draftOrders": bundle([order(day=None, authoredOn=written)]),
        },
        "prefetch": by_keys(chart),
    }
    (tmp_path / "calls.ndjson").write_text(json.dumps(call), encoding="utf-8")
    (row,) = run_here(tmp_path / "calls.ndjson", tmp_path / "out").rows
    assert (row["order"]["serviceDate"], row["status"]) == (day, status)
