"""Claims and explanations of benefit as payers write them: what of them is an order of ours.

Every chart below is a patient's of its own; all of them are judged in one run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from audit_exports import write
from audit_population import charted
from audit_runs import Outcome, audited
from audit_shapes import Shape
from fhir_builders import Json, concept, lvef, nyha, patient, resource, visit

if TYPE_CHECKING:
    from collections.abc import Sequence

DAY = "2026-11-10"
BLUE_BUTTON = "https://bluebutton.cms.gov/resources/codesystem/hcpcs"
HCPCS = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
UNDIAGNOSED = (patient(), lvef(30, "2026-11-01"), nyha(2, "2026-11-01"), visit())


def bill(kind: str, *lines: Json, **fields: object) -> Json:
    """A bill of some lines."""
    made = resource(kind, **({"id": "bill", "status": "active", "item": list(lines)} | fields))
    made["patient"] = made.pop("subject")
    return made


def line(code: str = "33249", system: str = "cpt", **fields: object) -> Json:
    """A line of a bill."""
    return {"sequence": 1, "productOrService": concept(code, system), "servicedDate": DAY, **fields}


def diagnoses(*roles: str) -> list[Json]:
    """A pair that an implant may rest on, in these roles."""
    types = [
        concept(role, "http://terminology.hl7.org/CodeSystem/ex-diagnosistype") for role in roles
    ]
    return [
        {"sequence": number, "diagnosisCodeableConcept": concept(code, "icd10cm"), "type": types}
        for number, code in enumerate(("I25.5", "I50.22"), 1)
    ]


CHARTS: dict[str, Sequence[Json]] = {
    "cpt-as-hcpcs": [bill("ExplanationOfBenefit", line(system=HCPCS))],
    "cpt-of-medicare": [bill("ExplanationOfBenefit", line(system=BLUE_BUTTON))],
    "device-of-medicare": [bill("ExplanationOfBenefit", line("C1721", BLUE_BUTTON))],
    "below-a-line": [
        bill(
            "Claim",
            line(
                "99223",
                sequence=3,
                detail=[
                    {"sequence": 1, "productOrService": concept("99223", "cpt")},
                    {
                        "sequence": 2,
                        "productOrService": concept("33249", "cpt"),
                        "subDetail": [{"productOrService": concept("C1721", "hcpcs")}],
                    },
                ],
            ),
        )
    ],
    **{
        f"use-{use}": [bill("Claim", line(), use=use)]
        for use in ("claim", "preauthorization", "predetermination")
    },
    "claimed": [bill("Claim", line(), diagnosis=diagnoses("principal")), *UNDIAGNOSED],
    "claimed-and-admitting": [
        bill("Claim", line(), diagnosis=diagnoses("admitting", "principal")),
        *UNDIAGNOSED,
    ],
    "admitting": [bill("Claim", line(), diagnosis=diagnoses("admitting")), *UNDIAGNOSED],
    "reason-of-visit": [
        bill("Claim", line(), diagnosis=diagnoses("patientreasonforvisit")),
        *UNDIAGNOSED,
    ],
    "admitting-and-pointed-at": [
        bill("Claim", line(diagnosisSequence=[1, 2]), diagnosis=diagnoses("admitting")),
        *UNDIAGNOSED,
    ],
    "in-one-stay": [
        resource(
            "Procedure",
            id="done",
            status="completed",
            code=concept("33249", "cpt"),
            performedDateTime="2026-11-09",
        ),
        bill("Claim", line(), billablePeriod={"start": "2026-11-08", "end": "2026-11-11"}),
    ],
    "years-after": [
        resource(
            "Procedure",
            id="done",
            status="completed",
            code=concept("33249", "cpt"),
            performedDateTime="2019-11-09",
        ),
        bill("Claim", line(), billablePeriod={"start": "2026-11-08", "end": "2026-11-11"}),
    ],
    "added": [
        bill(
            "ExplanationOfBenefit",
            line("99223", diagnosisSequence=[2]),
            line("99223", sequence=2, diagnosisSequence=[1]),
            diagnosis=diagnoses("principal"),
            provider={"reference": "Organization/main"},
            addItem=[
                {"productOrService": concept("99223", "cpt"), "servicedDate": DAY},
                {
                    "itemSequence": [1, 2],
                    "productOrService": concept("33249", "cpt"),
                    "servicedPeriod": {"start": DAY},
                    "provider": [{"reference": "Practitioner/dr-9"}],
                    "detail": [{"productOrService": concept("C1721", "hcpcs")}],
                },
            ],
        ),
        *UNDIAGNOSED,
    ],
    "not-ours": [bill("ExplanationOfBenefit", line("99223", BLUE_BUTTON))],
}


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    folder = tmp_path_factory.mktemp("bills")
    charts = [charted(name, *records) for name, records in CHARTS.items()]
    export = write(folder / "export", charts, Shape(name="bills"))
    return audited(export.folder, folder / "out")


def rows_of(outcome: Outcome, name: str) -> list[Json]:
    return [row for row in outcome.rows if row["patient"] == f"Patient/{name}"]


@pytest.mark.parametrize("name", ["cpt-as-hcpcs", "cpt-of-medicare", "device-of-medicare"])
def test_code_of_ours_is_told_by_whatever_name_its_system_has(name: str, audit: Outcome) -> None:
    (row,) = rows_of(audit, name)
    assert row["order"]["class"] == "initial-implant"


def test_code_that_is_not_ours_is_no_order(audit: Outcome) -> None:
    assert rows_of(audit, "not-ours") == []


def test_line_that_the_payer_has_added_is_billed_too(audit: Outcome) -> None:
    """It stands for the lines that it names, with what they claim."""
    rows = rows_of(audit, "added")
    names = [f"ExplanationOfBenefit/added.bill#added-2{below}" for below in ("", ".1")]
    assert [row["order"]["reference"] for row in rows] == names
    for row in rows:
        assert (row["status"], row["order"]["serviceDate"]) == ("covered", DAY)
        assert (row["audit"]["performed"], row["audit"]["operator"]) == (True, "Practitioner/dr-9")


def test_what_stands_below_a_line_is_billed_too(audit: Outcome) -> None:
    rows = rows_of(audit, "below-a-line")
    names = ["Claim/below-a-line.bill#3.2", "Claim/below-a-line.bill#3.2.1"]
    assert [row["order"]["reference"] for row in rows] == names
    assert {row["order"]["serviceDate"] for row in rows} == {DAY}


def test_what_is_asked_for_beforehand_was_not_performed(audit: Outcome) -> None:
    performed = {
        use: [row["audit"]["performed"] for row in rows_of(audit, f"use-{use}")]
        for use in ("claim", "preauthorization", "predetermination")
    }
    assert performed == {"claim": [True], "preauthorization": [False], "predetermination": [False]}


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("claimed", "covered"),
        ("claimed-and-admitting", "covered"),
        ("admitting-and-pointed-at", "covered"),
        # Why a patient came is no diagnosis that the bill claims.
        ("admitting", "conditional"),
        ("reason-of-visit", "conditional"),
    ],
)
def test_diagnosis_counts_in_the_role_of_a_claimed_one(
    name: str, status: str, audit: Outcome
) -> None:
    (row,) = rows_of(audit, name)
    assert row["status"] == status


@pytest.mark.parametrize(
    ("name", "order_class"), [("in-one-stay", "initial-implant"), ("years-after", "replacement")]
)
def test_bill_of_another_day_of_a_stay_bills_the_implant_of_that_stay(
    name: str, order_class: str, audit: Outcome
) -> None:
    by_kind = {row["audit"]["kind"]: row["order"]["class"] for row in rows_of(audit, name)}
    assert by_kind == {"Procedure": "initial-implant", "Claim": order_class}
