"""Bundles and hook calls of an audit that are odd, and records that were deleted."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

import pytest

from audit_population import Call, Charted, calls_of, charted, with_references
from audit_runs import Outcome, differences, run_here
from fhir_builders import Json, b3_chart, bundle, concept, condition, order, resource

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from live_server import Live

pytest_plugins = ("live_server",)
INFARCTION = condition("I21.4", "2026-11-10", id="infarction")


def audit_of(folder: Path, *lines: object, name: str = "input.ndjson") -> Outcome:
    """The outcome of an audit of one file; what is not bytes becomes JSON."""
    (folder / "export").mkdir(parents=True, exist_ok=True)
    texts = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in lines]
    (folder / "export" / name).write_bytes(b"\n".join(texts))
    return run_here(folder / "export", folder / "out")


def chart() -> list[Json]:
    """A patient whose implant is covered."""
    return charted("p", order(), *b3_chart()).everything()


def deletion(*names: str) -> Json:
    """What a server says of records that are gone."""
    entries = [{"request": {"method": "DELETE", "url": name}} for name in names]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def statuses(outcome: Outcome) -> list[str]:
    return [row["status"] for row in outcome.rows]


# --------------------------------------------------------------------------------------- Bundles

ODD_ENTRIES: dict[str, object] = {
    "text": "Condition",
    "number": 5,
    "list": [],
    "no resourceType": {"id": "x"},
    "unknown resourceType": {"resourceType": "Diagnosis", "id": "x"},
    "nobody's": {"resourceType": "Condition", "id": "x"},
    "Bundle": bundle([INFARCTION]),
    "hook call": {"hook": "order-sign", "context": {"patientId": "p"}},
}


def test_entry_that_cannot_be_used_costs_only_itself(tmp_path: Path) -> None:
    whole = bundle(chart())
    good = len(whole["entry"])
    whole["entry"] += [{"resource": odd} for odd in ODD_ENTRIES.values()]
    # Neither of these holds anything.
    whole["entry"] += [{}, {"resource": None}, {"fullUrl": "urn:uuid:x"}]
    outcome = audit_of(tmp_path, b"", whole)
    assert statuses(outcome) == ["covered"]
    told = [(one["line"], one["part"]) for one in outcome.rejects]
    assert told == [(2, f"entry {good + n}") for n in range(1, len(ODD_ENTRIES) + 1)]
    counts = outcome.counts
    assert (counts["lines"], counts["blank"], counts["bundles"], counts["rejected"]) == (2, 1, 1, 0)
    assert counts["rejects"] == counts["rejectedParts"] == len(ODD_ENTRIES)
    assert counts["records"] == counts["withOrders"] == good
    assert counts["bundleEntries"] == good + len(ODD_ENTRIES)


@pytest.mark.parametrize(
    "odd",
    [
        {"resourceType": "Bundle", "entry": {"resource": INFARCTION}},
        {"resourceType": "Bundle", "entry": "none"},
        {"resourceType": "Bundle", "entry": [INFARCTION, 5]},
    ],
)
def test_bundle_that_is_none_is_told(odd: Json, tmp_path: Path) -> None:
    outcome = audit_of(tmp_path, bundle(chart()), odd)
    assert statuses(outcome) == ["covered"]
    (reject,) = outcome.rejects
    assert (reject["line"], reject["part"]) == (2, None)
    assert "Bundle" in reject["reason"]
    assert outcome.counts["rejected"] == 1


@pytest.mark.parametrize("empty", [{}, {"entry": []}, {"entry": [], "total": 0, "link": []}])
def test_bundle_without_entries_is_nothing(empty: Json, tmp_path: Path) -> None:
    outcome = audit_of(tmp_path, bundle(chart()), {"resourceType": "Bundle"} | empty)
    assert statuses(outcome) == ["covered"]
    assert outcome.rejects == []
    assert outcome.counts["bundles"] == 2


def test_chart_may_stand_in_bundles_lines_and_files_at_once(tmp_path: Path) -> None:
    first, *rest = chart()
    (tmp_path / "export").mkdir()
    document = json.dumps(bundle(rest[:3]), indent=4)
    (tmp_path / "export" / "some.json").write_text(document)
    (tmp_path / "export" / "one.json").write_text(json.dumps(rest[3], indent=4))
    outcome = audit_of(tmp_path, bundle([first]), *rest[4:])
    assert statuses(outcome) == ["covered"]
    assert outcome.counts["records"] == outcome.counts["withOrders"] == len(rest) + 1


def test_record_of_several_patients_counts_for_each(tmp_path: Path) -> None:
    actors = [{"actor": {"reference": f"Patient/{one}"}} for one in ("p", "q", "p")]
    group = resource("Appointment", id="group", status="booked", participant=actors)
    outcome = audit_of(tmp_path, *chart(), group)
    counts = outcome.counts
    assert counts["lines"] == len(chart()) + 1
    assert (counts["withOrders"], counts["withoutOrders"]) == (len(chart()) + 1, 1)
    assert counts["records"] == counts["withOrders"] + counts["withoutOrders"]


@pytest.mark.parametrize("text", [b"", b" \n\t", b"[]", b"{", b'"text"', b'{"resourceType": 5}'])
def test_document_that_is_none_is_told(text: bytes, tmp_path: Path) -> None:
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "odd.json").write_bytes(text)
    outcome = audit_of(tmp_path, *chart())
    assert statuses(outcome) == ["covered"]
    told = [(one["file"], one["line"]) for one in outcome.rejects]
    assert told == ([("odd.json", 1)] if text.strip() else [])


def _as_urn(patient: str, urn: str, name: str) -> str:
    return urn if name == f"Patient/{patient}" else name


def test_name_that_only_its_own_bundle_knows_is_no_other_ones(tmp_path: Path) -> None:
    """The same urn stands for another patient in each of two Bundles."""
    urn = "urn:uuid:0e7a2c3e-0000-4000-8000-00000000000a"
    bundles = []
    for patient in ("one", "two"):
        made = charted(patient, order(), *b3_chart()).everything()
        bundles.append(bundle(made))
        for one in bundles[-1]["entry"]:
            if one["resource"]["resourceType"] == "Patient":
                one["fullUrl"] = urn
            else:
                one["resource"] = with_references(one["resource"], partial(_as_urn, patient, urn))
    outcome = audit_of(tmp_path, *bundles)
    assert statuses(outcome) == ["covered", "covered"]
    assert {row["patient"] for row in outcome.rows} == {"Patient/one", "Patient/two"}


# -------------------------------------------------------------------------------------- deletions


def test_record_that_was_deleted_does_not_count(tmp_path: Path) -> None:
    records = [*chart(), charted("p", INFARCTION).resources[0]]
    name = "Condition/p.infarction"
    with_it = audit_of(tmp_path / "with", *records)
    without = audit_of(tmp_path / "without", *records, deletion(name))
    assert (statuses(with_it), statuses(without)) == (["not-covered"], ["covered"])
    counts = without.counts
    assert (counts["deletions"], counts["deleted"]) == (1, 1)
    assert counts["records"] == counts["withOrders"] == len(records)


def test_order_that_was_deleted_has_no_row(tmp_path: Path) -> None:
    outcome = audit_of(tmp_path, deletion("ServiceRequest/p.order-1/_history/4"), *chart())
    assert outcome.rows == []
    assert outcome.counts["patients"] == 0


def test_member_called_deleted_deletes_nothing(tmp_path: Path) -> None:
    odd = {"resourceType": "Practitioner", "id": "x", "deleted": "ServiceRequest/p.order-1"}
    outcome = audit_of(tmp_path, odd, *chart())
    assert statuses(outcome) == ["covered"]
    assert outcome.counts["deletions"] == 0


# ------------------------------------------------------------------------------------- hook calls


def call_of(one: Charted) -> Json:
    (call,) = calls_of(one)
    made: Json = json.loads(call.body())
    return made


def test_calls_about_one_patient_are_judged_each_by_itself(live: Live, tmp_path: Path) -> None:
    """What one call brings is no part of the chart of another, nor of the lines beside them."""
    covered, waiting = chart(), [*chart(), *charted("p", INFARCTION).resources]
    calls = [call_of(Charted("p", (one[0],), tuple(one[1:]))) for one in (covered, waiting)]
    calls[1]["context"]["draftOrders"]["entry"][0]["resource"]["id"] = "later"
    outcome = audit_of(tmp_path, *calls, charted("p", INFARCTION).resources[0])
    assert {row["order"]["reference"]: row["status"] for row in outcome.rows} == {
        "ServiceRequest/p.order-1": "covered",
        "ServiceRequest/later": "not-covered",
    }
    expected = {
        ("Patient/p", found["order"]["reference"]): found
        for call in calls
        for found in live.determinations(call)
    }
    assert differences(outcome.determinations, expected) == {}


def appointment_call(*booked: Json) -> Json:
    made = call_of(charted("p", order(), *b3_chart()))
    context = {"userId": "Practitioner/1", "patientId": "p", "appointments": bundle(booked)}
    return made | {"hook": "appointment-book", "context": context}


def test_appointment_without_an_order_is_one_itself(live: Live, tmp_path: Path) -> None:
    booked = resource(
        "Appointment",
        id="booked",
        status="proposed",
        start="2026-11-25T08:00:00Z",
        serviceType=[concept("33249", "cpt")],
        participant=[{"actor": {"reference": "Patient/p"}, "status": "tentative"}],
    )
    call = appointment_call(booked)
    outcome = audit_of(tmp_path, call)
    (row,) = outcome.rows
    assert (row["order"]["reference"], row["audit"]["kind"]) == (
        "Appointment/booked",
        "Appointment",
    )
    (expected,) = live.determinations(call)
    assert outcome.determinations == {("Patient/p", "Appointment/booked"): expected}


def odd_calls() -> Iterator[tuple[str, Json]]:
    """Calls that the service refuses."""
    good = call_of(charted("p", order(), *b3_chart()))
    context = good["context"]
    yield "no prefetch", {k: v for k, v in good.items() if k != "prefetch"}
    yield "no instance", {k: v for k, v in good.items() if k != "hookInstance"}
    yield "unknown hook", good | {"hook": "patient-view"}
    yield "no orders", good | {"context": {"patientId": "p", "userId": "Practitioner/1"}}
    yield "orders a list", good | {"context": context | {"draftOrders": []}}
    yield "prefetch a text", good | {"prefetch": {"conditions": "none"}}


@pytest.mark.parametrize(("name", "call"), list(odd_calls()))
def test_call_that_the_service_refuses_is_told_in_its_words(
    name: str, call: Json, live: Live, tmp_path: Path
) -> None:
    response = live.post("/determinations", json.dumps(call).encode())
    assert response.status_code in {400, 412}, name
    outcome = audit_of(tmp_path, *chart(), b"", call)
    assert statuses(outcome) == ["covered"]
    (reject,) = outcome.rejects
    assert reject["line"] == len(chart()) + 2
    (issue,) = response.json()["issue"]
    assert reject["reason"].endswith(issue["diagnostics"])
    counts = outcome.counts
    assert (counts["requests"], counts["unjudged"], counts["rejects"]) == (1, 1, 1)


@pytest.mark.parametrize(
    "call",
    [
        {"hook": "order-sign"},
        {"hook": "order-sign", "context": {}},
        {"hook": "order-sign", "context": {"patientId": 5}},
        {"hook": "order-sign", "context": {"patientId": "a b"}},
        {"hook": 5, "context": {"patientId": "p"}},
    ],
)
def test_call_that_is_about_nobody_is_rejected(call: Json, tmp_path: Path) -> None:
    outcome = audit_of(tmp_path, call, *chart())
    assert statuses(outcome) == ["covered"]
    (reject,) = outcome.rejects
    assert reject["line"] == 1
    assert "hook request" in reject["reason"]
    assert outcome.counts["rejected"] == 1


def test_call_is_known_by_its_body(tmp_path: Path) -> None:
    """A call that names another patient in its orders is judged as the service does."""
    made = Call("q", tuple(chart()[:1]), tuple(chart()[1:]))
    outcome = audit_of(tmp_path, made.body())
    (row,) = outcome.rows
    assert (row["patient"], row["status"]) == ("Patient/q", "not-applicable")
