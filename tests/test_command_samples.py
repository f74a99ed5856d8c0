"""The sample requests: complete, conformant to the CRD 2.0.1 profiles, and never out of date."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from command_line import COVERED, MISSING, SAMPLES, WAITING, Json, determinations
from defib_coverage.fhir.needs import KEYS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CPT = "http://www.ama-assn.org/go/cpt"
EVERY = pytest.mark.parametrize(
    "sample",
    sorted(SAMPLES.glob("*.json")),
    ids=lambda path: path.stem,
)


def read(path: Path) -> Json:
    request: Json = json.loads(path.read_bytes())
    return request


def codings(value: object) -> Iterator[Json]:
    if isinstance(value, dict):
        if "system" in value and "code" in value:
            yield value
        for inner in value.values():
            yield from codings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from codings(inner)


@EVERY
def test_every_prefetch_key_is_there(sample: Path) -> None:
    assert set(read(sample)["prefetch"]) == set(KEYS)


@EVERY
def test_orders_follow_the_crd_profile(sample: Path) -> None:
    request = read(sample)
    bundle = request["context"]["draftOrders"]
    assert bundle["type"] == "collection"
    for entry in bundle["entry"]:
        order = entry["resource"]
        assert entry["fullUrl"].endswith(f"{order['resourceType']}/{order['id']}")
        assert order["status"] == "draft"
        assert order["intent"] == "order"
        assert order["subject"] == {"reference": f"Patient/{request['context']['patientId']}"}
        assert order["requester"]["reference"].startswith("Practitioner/")
        assert order["authoredOn"] < order["occurrenceDateTime"]
        assert order["occurrenceDateTime"][:4] in {"2026", "2027"}


@EVERY
def test_coverage_follows_the_crd_profile(sample: Path) -> None:
    request = read(sample)
    (entry,) = request["prefetch"]["coverage"]["entry"]
    coverage = entry["resource"]
    assert coverage["status"] == "active"
    assert coverage["subscriberId"]
    assert coverage["beneficiary"]["reference"] == f"Patient/{request['context']['patientId']}"
    assert coverage["payor"][0]["reference"].startswith("Organization/")
    assert "costToBeneficiary" not in coverage


@EVERY
def test_licensed_codes_have_no_title(sample: Path) -> None:
    assert [c for c in codings(read(sample)) if "display" in c] == []
    order = read(sample)["context"]["draftOrders"]["entry"][0]["resource"]
    assert order["code"] == {"coding": [{"system": CPT, "code": "33249"}]}


@pytest.mark.parametrize(
    ("sample", "status", "met", "earliest"),
    [
        (WAITING, "not-covered", [], "2026-12-05"),
        (MISSING, "conditional", [], None),
        (COVERED, "covered", ["B3"], None),
    ],
    ids=["waiting-period", "missing-secondary", "covered"],
)
def test_answer_is_the_same_on_any_day(
    sample: Path,
    status: str,
    met: list[str],
    earliest: str | None,
) -> None:
    for today in ("2026-01-01", "2031-12-31"):
        (found,) = determinations(sample, "--today", today)
        assert found["status"] == status
        assert found["indicationsMet"] == met
        assert found["earliestEligibleDate"] == earliest


def test_missing_secondary_is_supported_by_the_chart() -> None:
    (found,) = determinations(MISSING)
    (missing,) = found["missingSecondary"]
    assert (missing["primary"], missing["supported"]) == ("I25.5", ["I50.22"])


def test_samples_are_not_shown_from_a_server_that_runs_already() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        done = subprocess.run(
            [sys.executable, str(SAMPLES / "try.py"), port],
            capture_output=True,
            check=False,
            text=True,
        )
    assert done.returncode == 1
    assert f"Port {port} is taken" in done.stdout
