"""What the service counts and measures: by one worker, by several, and nothing of a patient."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from typing import TYPE_CHECKING

import psutil
import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from command_line import WAITING, run
from ledgers import locked
from live_server import JSON_TYPE, SERVICE_IDS, covered_chart, running, sign
from registered import client_file
from served import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from live_server import Live
    from served import Serving

pytest_plugins = ("live_server",)
SIGN = SERVICE_IDS["order-sign"]
_PATIENCE = 30.0

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(text: str) -> Samples:
    """Every sample, by its short name and labels."""
    return {
        (s.name.removeprefix("defib_coverage_"), frozenset(s.labels.items())): s.value
        for family in text_string_to_metric_families(text)
        for s in family.samples
    }


def value(found: Samples, name: str, **labels: str) -> float | None:
    return found.get((name, frozenset(labels.items())))


@pytest.fixture
def measured() -> Iterator[Live]:
    with running(metrics="on") as live:
        yield live


def test_nobody_may_read_them_by_default(live: Live) -> None:
    assert live.get("/metrics").status_code == 404


def test_calls_are_counted_by_what_became_of_them(measured: Live) -> None:
    for _ in range(3):
        assert measured.send(sign(chart=covered_chart())).status_code == 200
    assert measured.post(f"/cds-services/{SIGN}", b"{").status_code == 400
    assert measured.post("/cds-services/no-such", b"{}").status_code == 404
    assert measured.post("/determinations", WAITING.read_bytes()).status_code == 200
    answer = measured.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    found = samples(answer.text)
    calls = {labels: n for (name, labels), n in found.items() if name == "calls_total"}
    assert calls == {
        frozenset({("service", SIGN), ("client", ""), ("outcome", "answered")}): 3,
        frozenset({("service", SIGN), ("client", ""), ("outcome", "refused")}): 1,
        frozenset({("service", "unknown"), ("client", ""), ("outcome", "refused")}): 1,
        frozenset({("service", "determinations"), ("client", ""), ("outcome", "answered")}): 1,
    }
    assert value(found, "refused_total", status="400") == 1
    assert value(found, "refused_total", status="404") == 1
    assert value(found, "determinations_total", status="covered") == 3
    assert value(found, "determinations_total", status="not-covered") == 1
    assert value(found, "findings_total", code="waiting-period-open") == 1
    assert (value(found, "gaps_total", kind="not-found") or 0) > 0
    assert value(found, "call_seconds_count", service=SIGN) == 3
    for stage in ("receive", "decode", "judge", "answer"):
        assert value(found, "stage_seconds_count", stage=stage) == 4
        assert value(found, "stage_seconds_bucket", stage=stage, le="+Inf") == 4
    assert value(found, "stage_seconds_count", stage="ledger") is None
    assert value(found, "incidents_total") == 0
    assert value(found, "calls_in_progress") == 0


def test_no_sample_tells_of_a_patient(measured: Live) -> None:
    request = sign(chart=covered_chart())
    request["context"]["patientId"] = "larkwell-40031"
    request["hookInstance"] = "5f2d3f9c-0000-4000-8000-00000000beef"
    measured.send(request)
    measured.post("/cds-services/larkwell-40031", json.dumps(request).encode())
    text = measured.get("/metrics").text
    for private in ("larkwell", "beef", "order-1", "33249", "I25"):
        assert private not in text


def test_what_could_not_be_fetched_is_counted_by_cause() -> None:
    base = "http://127.0.0.1:9/r4"
    with running(metrics="on", fhir_servers=base, development="true") as live:
        request = sign(chart=covered_chart())
        del request["prefetch"]["observations"]
        request["fhirServer"] = base
        assert live.send(request).status_code == 200
        found = samples(live.get("/metrics").text)
    assert (value(found, "fetches_total") or 0) >= 1
    assert value(found, "fetch_failures_total", cause="not-reachable") == value(
        found, "fetches_total"
    )
    assert value(found, "stage_seconds_count", stage="fetch") == 1


def test_calls_of_known_clients_are_told_apart(tmp_path: Path) -> None:
    settings, clients = client_file(tmp_path, one="", two="")
    with running(metrics="on", **settings) as live:
        for client in (clients["one"], clients["two"], clients["two"]):
            assert client.send(live, sign(chart=covered_chart())).status_code == 200
        assert live.send(sign()).status_code == 401
        found = samples(live.get("/metrics").text)
    assert value(found, "calls_total", service=SIGN, client="one", outcome="answered") == 1
    assert value(found, "calls_total", service=SIGN, client="two", outcome="answered") == 2
    assert value(found, "calls_total", service=SIGN, client="", outcome="refused") == 1
    assert value(found, "refused_total", status="401") == 1


def test_the_ledger_is_measured(tmp_path: Path) -> None:
    with running(metrics="on", ledger="refuse", state=str(tmp_path)) as live:
        for _ in range(2):
            assert live.send(sign(chart=covered_chart())).status_code == 200
        found = samples(live.get("/metrics").text)
    assert value(found, "ledger_commit_seconds_count") == 2
    assert value(found, "stage_seconds_count", stage="ledger") == 2
    assert value(found, "ledger_queue") == 0
    assert value(found, "ledger_spool_bytes") == 0
    assert value(found, "ledger_down") == 0


def test_what_waits_in_the_spool_is_measured(tmp_path: Path) -> None:
    def becomes(live: Live, *, down: int) -> Samples:
        deadline = time.monotonic() + _PATIENCE
        while True:
            found = samples(live.get("/metrics").text)
            if value(found, "ledger_down") == down or time.monotonic() > deadline:
                return found
            time.sleep(0.2)

    with running(metrics="on", ledger="spool", state=str(tmp_path)) as live:
        with locked(tmp_path):
            assert live.send(sign(chart=covered_chart())).status_code == 200
            found = becomes(live, down=1)
            assert value(found, "ledger_down") == 1
            assert (value(found, "ledger_spool_bytes") or 0) > 0
        found = becomes(live, down=0)
        assert value(found, "ledger_down") == 0
        assert value(found, "ledger_spool_bytes") == 0


def test_feedback_is_counted_by_outcome(tmp_path: Path) -> None:
    given = {"outcome": "overridden", "outcomeTimestamp": "2026-11-20T10:00:00Z"}
    told = [given | {"card": f"card-{n}"} for n in range(3)]
    with running(metrics="on", ledger="refuse", state=str(tmp_path)) as live:
        body = json.dumps({"feedback": told}).encode()
        assert live.post(f"/cds-services/{SIGN}/feedback", body).status_code == 200
        assert live.post(f"/cds-services/{SIGN}/feedback", b"{").status_code == 400
        assert live.get("/determinations/none").status_code == 404
        found = samples(live.get("/metrics").text)
    assert value(found, "feedback_total", service=SIGN, outcome="overridden") == 3
    refused = {"client": "", "outcome": "refused"}
    assert value(found, "calls_total", service=f"{SIGN}/feedback", **refused) == 1
    assert value(found, "calls_total", service="look-up", **refused) == 1


# ---------------------------------------------------------------------------------- several workers


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def call(base: str, times: int) -> None:
    for _ in range(times):
        # A connection each: the kernel hands them to either worker.
        answer = requests.post(
            f"{base}/determinations", WAITING.read_bytes(), headers=JSON_TYPE, timeout=_PATIENCE
        )
        assert answer.status_code == 200


def answered(found: Samples) -> float | None:
    return value(found, "calls_total", service="determinations", client="", outcome="answered")


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("apart", [False, True], ids=["same-port", "own-port"])
def test_what_all_workers_counted_is_read_together(
    tmp_path: Path, *, workers: str, apart: bool
) -> None:
    own = f"127.0.0.1:{free_port()}"
    settings = {"metrics": own if apart else "on", "state": str(tmp_path / "state")}
    with serving(tmp_path, "--workers", workers, **settings) as server:
        base = server.base()
        call(base, 12)
        for _ in range(4):  # whichever is asked
            page = requests.get(f"http://{own}/metrics" if apart else f"{base}/metrics", timeout=30)
            assert answered(samples(page.text)) == 12
        if apart:
            assert requests.get(f"{base}/metrics", timeout=30).status_code == 404
    assert list((tmp_path / "state").glob("metrics/*")) == []


def _started(server: Serving, workers: int) -> None:
    """Wait until so many workers have started, one after another."""
    deadline = time.monotonic() + _PATIENCE
    while server.log().count("Application startup complete") < workers:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_worker_that_died_leaves_its_counts_and_no_gauge(tmp_path: Path) -> None:
    state = tmp_path / "state"
    settings = {"metrics": "on", "state": str(state), "ledger": "spool"}
    with serving(tmp_path, "--workers", "2", **settings) as server:
        base = server.base()
        _started(server, 2)
        call(base, 12)
        before = {path.name for path in state.glob("metrics/*/gauge_live*")}
        assert len(before) == 2
        victim = next(
            child.pid
            for child in psutil.Process(server.process.pid).children()
            if f"gauge_livesum_{child.pid}.db" in before
        )
        os.kill(victim, signal.SIGKILL)
        _started(server, 3)
        call(base, 3)
        assert answered(samples(requests.get(f"{base}/metrics", timeout=30).text)) == 15
        after = {path.name for path in state.glob("metrics/*/gauge_live*")}
        assert f"gauge_livesum_{victim}.db" not in after
        assert len(after) == 2


def test_what_a_killed_service_left_is_removed(tmp_path: Path) -> None:
    left = tmp_path / "state" / "metrics" / "left"
    left.mkdir(parents=True)
    (left / "lock").touch()
    (left / "counter_1.db").write_bytes(b"")
    settings = {"metrics": "on", "state": str(tmp_path / "state")}
    with serving(tmp_path, "--workers", "2", **settings) as server:
        server.base()
        assert not left.exists()


def test_an_address_that_is_taken_refuses_to_start() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = run("serve", "--port", "0", settings={"METRICS": address})
    assert done.returncode == 2
    assert done.stderr.endswith(
        f"DEFIB_COVERAGE_METRICS: {address} cannot be listened on (Address already in use)\n"
    )
