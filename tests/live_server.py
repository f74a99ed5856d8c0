"""The real server for protocol tests, and the calls that they send to it.

``live`` is a session fixture: uvicorn in a process of its own on a free loopback port. Today is
always 20 November 2026 there. PYTEST_DONT_REWRITE: nothing here asserts.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from copy import deepcopy
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import requests
import uvicorn

import defib_coverage
from defib_coverage import logs
from defib_coverage.app import create_app
from defib_coverage.edge.protocol import BoundedProtocol
from defib_coverage.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, MutableMapping

    from fastapi import FastAPI

TODAY = date(2026, 11, 20)
SERVICE_IDS = {
    "order-select": "defibrillator-order-select",
    "order-sign": "defibrillator-order-sign",
    "order-dispatch": "defibrillator-order-dispatch",
    "appointment-book": "defibrillator-appointment-book",
}
KEYS = {
    "Patient": "patient",
    "Coverage": "coverage",
    "Condition": "conditions",
    "Procedure": "procedures",
    "Observation": "observations",
    "MedicationRequest": "medicationRequests",
    "MedicationStatement": "medicationStatements",
    "Encounter": "encounters",
    "Device": "devices",
    "ServiceRequest": "serviceRequests",
    "DocumentReference": "documents",
}
NEEDED = (
    "conditions",
    "procedures",
    "observations",
    "medicationRequests",
    "encounters",
    "devices",
)
CPT = "http://www.ama-assn.org/go/cpt"
HCPCS = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
LOINC = "http://loinc.org"
JSON_TYPE = {"Content-Type": "application/json"}
_PATIENCE = 60

Json = dict[str, Any]


# -------------------------------------------------------------------------------------- the server


class Live:
    """A running server: where it answers, and what it logged."""

    def __init__(self, base: str, log: Path) -> None:
        self.base = base
        self._log = log

    def log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def get(self, path: str) -> requests.Response:
        return requests.get(self.base + path, timeout=_PATIENCE)

    def post(
        self,
        path: str,
        body: bytes,
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send a body as it is."""
        sent = dict(JSON_TYPE if headers is None else headers)
        return requests.post(self.base + path, data=body, headers=sent, timeout=_PATIENCE)

    def send(self, request: Json) -> requests.Response:
        """Send a request to the service of its hook."""
        path = f"/cds-services/{SERVICE_IDS[request['hook']]}"
        return self.post(path, json.dumps(request).encode())

    def cards(self, request: Json) -> list[Json]:
        """The cards of a request that must be answered."""
        response = self.send(request)
        if response.status_code != requests.codes.ok:
            raise AssertionError(response.text[:2000])
        cards: list[Json] = response.json()["cards"]
        return cards

    def determinations(self, request: Json) -> list[Json]:
        """The determinations of a request that must be answered."""
        response = self.post("/determinations", json.dumps(request).encode())
        if response.status_code != requests.codes.ok:
            raise AssertionError(response.text[:2000])
        found: list[Json] = response.json()["determinations"]
        return found

    def determination(self, request: Json) -> Json:
        """The determination of a request with one order."""
        (found,) = self.determinations(request)
        return found


@contextmanager
def running(**settings: str) -> Iterator[Live]:
    """Start the server with settings, wait until it is healthy, stop it in the end."""
    with TemporaryDirectory() as folder:
        log = Path(folder, "log")
        environment = {k: v for k, v in os.environ.items() if not k.startswith("DEFIB_COVERAGE_")}
        # A ledger is for those who look into it.
        environment["DEFIB_COVERAGE_LEDGER"] = "off"
        environment |= {f"DEFIB_COVERAGE_{k.upper()}": v for k, v in settings.items()}
        environment["PYTHONPATH"] = str(Path(defib_coverage.__file__).parents[1])
        with (
            log.open("wb") as sink,
            subprocess.Popen(
                [sys.executable, __file__],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=sink,
            ) as process,
        ):
            try:
                port = int(process.stdout.readline() or 0) if process.stdout is not None else 0
                live = Live(f"http://127.0.0.1:{port}", log)
                _wait(live, process)
                yield live
            finally:
                process.terminate()


def _wait(live: Live, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if live.get("/health").ok:
                return
        except requests.ConnectionError:
            time.sleep(0.05)
    message = f"the server did not start: {live.log()}"
    raise RuntimeError(message)


@pytest.fixture(scope="session")
def live() -> Iterator[Live]:
    with running() as server:
        yield server


def in_process(app: FastAPI, path: str, body: bytes) -> tuple[int, bytes]:
    """Post a body to an application in this process, as a server would: status and answer."""
    return asyncio.run(asked(app, path, body))


async def asked(
    app: FastAPI, path: str, body: bytes, *headers: tuple[bytes, bytes]
) -> tuple[int, bytes]:
    """The same inside a loop that runs, with further headers."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"content-type", b"application/json"), *headers],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
    }
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    status = next(m["status"] for m in sent if m["type"] == "http.response.start")
    return status, b"".join(m.get("body", b"") for m in sent if m["type"] == "http.response.body")


def _serve() -> None:
    """Serve on a free port, whose number is the first line of the output."""
    logs.configure()
    app = create_app(read_settings(os.environ), today=lambda: TODAY)
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        log_config=None,
        access_log=False,
        http=BoundedProtocol,
        ws="none",
    )
    listening = config.bind_socket()
    sys.stdout.write(f"{listening.getsockname()[1]}\n")
    sys.stdout.flush()
    # From here on the output is a log like the rest: nobody empties the pipe.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    uvicorn.Server(config).run(sockets=[listening])


# ---------------------------------------------------------------------------------- FHIR resources


def concept(code: str, system: str) -> Json:
    return {"coding": [{"system": system, "code": code}]}


def order(
    code: str = "33249", system: str = CPT, /, identity: str = "order-1", **more: object
) -> Json:
    """A ServiceRequest for today."""
    return _draft("ServiceRequest", identity) | {"code": concept(code, system)} | more


def device_order(code: str = "C1721", /, identity: str = "device-1", **more: object) -> Json:
    """A DeviceRequest for today."""
    return _draft("DeviceRequest", identity) | {"codeCodeableConcept": concept(code, HCPCS)} | more


def _draft(resource_type: str, identity: str) -> Json:
    return {
        "resourceType": resource_type,
        "id": identity,
        "status": "draft",
        "intent": "order",
        "subject": {"reference": "Patient/p1"},
        "requester": {"reference": "Practitioner/dr-1"},
        "authoredOn": "2026-11-16",
        "occurrenceDateTime": "2026-11-20",
    }


def condition(code: str, identity: str, /, **more: object) -> Json:
    """A confirmed, active Condition by its ICD-10-CM code."""
    system = "http://terminology.hl7.org/CodeSystem/condition"
    return {
        "resourceType": "Condition",
        "id": identity,
        "subject": {"reference": "Patient/p1"},
        "code": concept(code, ICD10CM),
        "clinicalStatus": concept("active", f"{system}-clinical"),
        "verificationStatus": concept("confirmed", f"{system}-ver-status"),
        "onsetDateTime": "2025-04-01",
    } | more


def procedure(code: str, identity: str, /, **more: object) -> Json:
    """A completed Procedure by its CPT code."""
    return {
        "resourceType": "Procedure",
        "id": identity,
        "status": "completed",
        "subject": {"reference": "Patient/p1"},
        "code": concept(code, CPT),
    } | more


def coverage(identity: str = "cov-1", /, **more: object) -> Json:
    """An active Coverage by traditional Medicare."""
    return {
        "resourceType": "Coverage",
        "id": identity,
        "status": "active",
        "type": concept("12", "https://nahdo.org/sopt"),
        "subscriberId": "1EG4-TE5-MK73",
        "beneficiary": {"reference": "Patient/p1"},
        "payor": [{"display": "Medicare"}],
    } | more


def observation(code: str, identity: str, /, **more: object) -> Json:
    """A final Observation by its LOINC code."""
    return {
        "resourceType": "Observation",
        "id": identity,
        "status": "final",
        "subject": {"reference": "Patient/p1"},
        "code": concept(code, LOINC),
        "effectiveDateTime": "2026-11-01",
    } | more


def lvef(value: float, identity: str = "lvef", unit: str = "%", **more: object) -> Json:
    amount = {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}
    return observation("8806-2", identity, valueQuantity=amount, **more)


def nyha(code: str = "LA28406-9", identity: str = "nyha") -> Json:
    return observation("88020-3", identity, valueCodeableConcept=concept(code, LOINC))


def visit(identity: str = "visit") -> Json:
    """A shared decision-making visit held by a physician."""
    system = "https://defib-coverage.example/fhir/CodeSystem/defib-evidence"
    qualification = concept("MD", "http://terminology.hl7.org/CodeSystem/v2-0360")
    return {
        "resourceType": "Encounter",
        "id": identity,
        "status": "finished",
        "type": [concept("shared-decision-making", system)],
        "subject": {"reference": "Patient/p1"},
        "period": {"start": "2026-11-05", "end": "2026-11-05"},
        "contained": [
            {
                "resourceType": "Practitioner",
                "id": "who",
                "qualification": [{"code": qualification}],
            },
        ],
        "participant": [{"individual": {"reference": "#who"}}],
    }


def patient(identity: str = "p1", **more: object) -> Json:
    return {"resourceType": "Patient", "id": identity, "birthDate": "1958-05-14"} | more


def covered_chart() -> list[Json]:
    """A chart that covers a first implant by B3."""
    return [
        patient(),
        condition("I25.5", "c-ischemic"),
        condition("I50.22", "c-failure"),
        lvef(32),
        nyha(),
        visit(),
    ]


def open_chart() -> list[Json]:
    """The same chart before heart failure, class and visit were documented: conditional."""
    return [patient(), condition("I25.5", "c-ischemic"), lvef(32)]


# ----------------------------------------------------------------------------------------- requests


def bundle(*resources: Json, **more: object) -> Json:
    """A searchset; without entry where nothing was found."""
    found: Json = {"resourceType": "Bundle", "type": "searchset"}
    if resources:
        found["entry"] = [
            {
                "fullUrl": f"https://ehr.example.org/fhir/{r.get('resourceType')}/{r.get('id')}",
                "resource": r,
            }
            for r in resources
        ]
    return found | more


def prefetch_of(*resources: Json) -> Json:
    """Every key that discovery asks for, each with its resources, an empty Bundle for none."""
    sorted_out: dict[str, list[Json]] = {key: [] for key in KEYS.values() if key != "patient"}
    prefetch: Json = {}
    for resource in resources:
        key = KEYS[resource["resourceType"]]
        if key == "patient":
            prefetch[key] = resource
        else:
            sorted_out[key].append(resource)
    return prefetch | {key: bundle(*found) for key, found in sorted_out.items()}


def collection(*orders: Json) -> Json:
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [
            {
                "fullUrl": f"https://ehr.example.org/fhir/{o.get('resourceType')}/{o.get('id')}",
                "resource": o,
            }
            for o in orders
        ],
    }


def sign(
    *orders: Json,
    chart: list[Json] | None = None,
    hook: str = "order-sign",
    **more: object,
) -> Json:
    """An order-sign call (or order-select, with every order selected)."""
    drafted = list(orders) or [order()]
    context: Json = {
        "userId": "Practitioner/dr-1",
        "patientId": "p1",
        "draftOrders": collection(*drafted),
    }
    if hook == "order-select":
        context["selections"] = [f"{o['resourceType']}/{o['id']}" for o in drafted]
    request: Json = {
        "hook": hook,
        "hookInstance": str(uuid4()),
        "context": context,
        "prefetch": prefetch_of(*(open_chart() if chart is None else chart)),
    }
    return deepcopy(request | more)


def dispatch(*references: str, chart: list[Json] | None = None, **prefetch: Json) -> Json:
    """An order-dispatch call; the orders stand under further prefetch keys."""
    return {
        "hook": "order-dispatch",
        "hookInstance": str(uuid4()),
        "context": {
            "patientId": "p1",
            "dispatchedOrders": list(references),
            "performer": "Organization/lab-1",
        },
        "prefetch": prefetch_of(*(open_chart() if chart is None else chart)) | prefetch,
    }


def book(appointment: Json, *, chart: list[Json] | None = None, **prefetch: Json) -> Json:
    """An appointment-book call."""
    return {
        "hook": "appointment-book",
        "hookInstance": str(uuid4()),
        "context": {
            "userId": "Practitioner/dr-1",
            "patientId": "p1",
            "appointments": collection(appointment),
        },
        "prefetch": prefetch_of(*(open_chart() if chart is None else chart)) | prefetch,
    }


def appointment(**more: object) -> Json:
    """A proposed Appointment on 4 January 2027."""
    return {
        "resourceType": "Appointment",
        "id": "appointment-1",
        "status": "proposed",
        "start": "2027-01-04T09:00:00-05:00",
        "end": "2027-01-04T12:00:00-05:00",
        "participant": [{"actor": {"reference": "Patient/p1"}, "status": "accepted"}],
    } | more


def every_call() -> dict[str, Json]:
    """A good call of each hook."""
    return {
        "order-sign": sign(),
        "order-select": sign(hook="order-select"),
        "order-dispatch": dispatch("ServiceRequest/order-1", ordered=order()),
        "appointment-book": book(
            appointment(basedOn=[{"reference": "ServiceRequest/order-1"}]),
            ordered=order(),
        ),
    }


def gaps_of(determination: Json) -> list[Json]:
    """Every gap of a determination."""
    criteria = [c for i in determination["indications"] for c in i["criteria"]]
    return [g for c in criteria + determination["always"] for g in c["gaps"]]


def issue_of(response: requests.Response) -> Json:
    """The one issue of an OperationOutcome; what is none fails."""
    kind = response.headers["content-type"].partition(";")[0]
    outcome = response.json()
    if kind != "application/fhir+json" or outcome["resourceType"] != "OperationOutcome":
        message = f"no OperationOutcome: {kind} {response.text[:500]}"
        raise AssertionError(message)
    (issue,) = outcome["issue"]
    if not {"severity", "code", "diagnostics"} <= set(issue) or not all(issue.values()):
        message = f"an issue without severity, code or diagnostics: {issue}"
        raise AssertionError(message)
    found: Json = issue
    return found


if __name__ == "__main__":
    _serve()
