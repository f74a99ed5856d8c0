"""``evaluate`` of a Bundle: the whole chart of one patient, in every shape that charts come in."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from command_line import Json, determinations, run
from fhir_builders import condition, lvef, nyha, order, patient, procedure, visit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CHART = [patient(), condition("I25.5"), condition("I50.22"), lvef(32), nyha(2), visit()]


def bundle(resources: Sequence[Json], kind: str = "collection", **more: object) -> bytes:
    entries = [{"resource": resource} for resource in resources]
    made = {"resourceType": "Bundle", "type": kind, "entry": entries, **more}
    return json.dumps(made).encode()


def transaction(resources: Sequence[Json]) -> bytes:
    """Resources named by full URLs alone, as before they are first stored."""
    text = json.dumps(resources)
    entries = []
    for number, resource in enumerate(resources):
        name = f"urn:uuid:00000000-0000-4000-8000-{number:012}"
        text = text.replace(f'"{resource["resourceType"]}/{resource["id"]}"', f'"{name}"')
        entries.append({"fullUrl": name, "request": {"method": "POST", "url": "x"}})
    for entry, resource in zip(entries, json.loads(text), strict=True):
        del resource["id"]
        entry["resource"] = resource
    return json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}).encode()


def statuses(*arguments: str, stdin: bytes) -> list[str]:
    return [d["status"] for d in determinations("-", *arguments, stdin=stdin)]


def test_bundle_is_the_whole_chart() -> None:
    done = determinations("-", "--order", "33249", "--date", "2026-11-20", stdin=bundle(CHART))
    (found,) = done
    assert found["status"] == "covered"
    assert found["order"]["system"] == "http://www.ama-assn.org/go/cpt"
    gaps = {
        gap["kind"]
        for criteria in [i["criteria"] for i in found["indications"]]
        for criterion in criteria
        for gap in criterion["gaps"]
    }
    assert "not-fetched" not in gaps


@pytest.mark.parametrize("kind", ["collection", "searchset", "batch", "document"])
def test_bundle_of_any_type(kind: str) -> None:
    assert statuses(
        *("--order", "33249", "--date", "2026-11-20"),
        stdin=bundle(CHART, kind),
    ) == ["covered"]


def test_first_page_is_not_the_whole_chart() -> None:
    more = {"link": [{"relation": "next", "url": "https://ehr.example.org/next"}]}
    (found,) = determinations(
        *("-", "--order", "33249", "--date", "2026-11-20"),
        stdin=bundle(CHART[:2], "searchset", **more),
    )
    assert "record-incomplete" in [f["code"] for f in found["findings"]]


def test_transaction_names_resources_by_full_url() -> None:
    diagnosis = condition("I25.5")
    own = order(reasonReference=[{"reference": f"Condition/{diagnosis['id']}"}])
    chart = [patient(), diagnosis, *CHART[2:], own]
    (found,) = determinations("-", stdin=transaction(chart))
    assert found["status"] == "covered"
    assert found["order"]["serviceDate"] == "2026-11-20"
    claimed = found["indications"][2]["criteria"][0]["evidence"]
    assert any(e["reference"].startswith("ServiceRequest/") for e in claimed)


def test_bundle_with_its_own_orders() -> None:
    ours = order()
    done = order("33264", id="done", status="completed")
    other = order("93000", id="other")
    stranger = order(id="stranger", subject={"reference": "Patient/p2"})
    found = determinations("-", stdin=bundle([*CHART, ours, done, other, stranger]))
    assert [d["order"]["reference"] for d in found] == ["ServiceRequest/order-1"]


def test_bundle_with_an_order_by_device() -> None:
    hcpcs = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
    code = {"coding": [{"system": hcpcs, "code": "C1721"}]}
    generator = {"resourceType": "Device", "id": "d1", "type": code}
    ordered = order() | {
        "resourceType": "DeviceRequest",
        "codeReference": {"reference": "Device/d1"},
    }
    del ordered["code"]
    (found,) = determinations("-", stdin=bundle([*CHART, ordered, generator]))
    assert (found["order"]["code"], found["status"]) == ("C1721", "covered")
    posted = transaction([*CHART, ordered, generator])
    assert statuses(stdin=posted) == ["covered"]


def test_order_by_day_of_the_clock() -> None:
    chart = [*CHART, procedure("33533", "2026-09-01")]
    asked = ("--order", "33249", "--today")
    assert statuses(*asked, "2026-12-01", stdin=bundle(chart)) == ["not-covered"]
    assert statuses(*asked, "2026-12-02", stdin=bundle(chart)) == ["covered"]


def test_several_orders() -> None:
    found = determinations(
        *("-", "--order", "g0448", "--order", "C1721", "--order", "0jh608z"),
        *("--date", "2026-11-20"),
        stdin=bundle(CHART),
    )
    assert [(d["order"]["code"], d["order"]["class"]) for d in found] == [
        ("G0448", "initial-implant"),
        ("C1721", "initial-implant"),
        ("0JH608Z", "generator-only"),
    ]
    assert found[1]["order"]["reference"] == "DeviceRequest/order-2"


def test_order_of_a_named_system_may_be_none_of_ours() -> None:
    asked = ("--order", "A0392", "--order-system", "hcpcs")
    assert statuses(*asked, stdin=bundle(CHART)) == ["not-applicable"]


def test_several_patients_need_a_choice() -> None:
    both = bundle(
        [*CHART, patient(id="p2"), condition("I46.2", subject={"reference": "Patient/p2"})]
    )
    asked = ("--order", "33249", "--date", "2026-11-20")
    done = run("evaluate", "-", *asked, stdin=both)
    assert done.returncode == 2
    assert done.stderr == "stdin: holds 2 patients; choose one with --patient: p1, p2\n"
    assert statuses(*asked, "--patient", "p1", stdin=both) == ["covered"]
    (second,) = determinations("-", *asked, "--patient", "Patient/p2", stdin=both)
    assert [i["id"] for i in second["indications"] if i["candidate"]] == ["B1"]
    done = run("evaluate", "-", *asked, "--patient", "p3", stdin=both)
    assert done.stderr == "stdin: holds no patient p3; it holds p1, p2\n"


def test_one_odd_resource_is_a_gap() -> None:
    odd = condition("I25.2") | {"onsetDateTime": 5}
    (found,) = determinations(
        *("-", "--order", "33249", "--date", "2026-11-20"),
        stdin=bundle([*CHART, odd]),
    )
    assert "record-incomplete" in [f["code"] for f in found["findings"]]


def test_site_overlay_counts(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(
        'extends = "acute-mi"\ncodes = [{ system = "urn:site", code = "MI-1" }]\n',
    )
    chart = tmp_path / "chart.json"
    infarction = condition("MI-1", "2026-11-10", system="urn:site")
    chart.write_bytes(bundle([*CHART, infarction]))
    asked = ("evaluate", chart, "--order", "33249", "--date", "2026-11-20", "--json")
    with_overlay = run(*asked, settings={"OVERLAY": os.fspath(tmp_path)})
    assert json.loads(with_overlay.stdout)["determinations"][0]["status"] == "not-covered"
    assert json.loads(run(*asked).stdout)["determinations"][0]["status"] == "covered"


def test_chart_cannot_steer_the_terminal() -> None:
    chart = [*CHART, condition("I21.4", "2026-11-01")]
    chart[-1]["id"] = "\x1b[31mred"
    done = run("evaluate", "-", "--order", "33249", "--date", "2026-11-20", stdin=bundle(chart))
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
