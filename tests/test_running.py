"""The service as it is run: stopped while it works, in several workers, on several machines."""

from __future__ import annotations

import json
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import requests

from ledgers import SECRET, breaches, rows
from live_server import JSON_TYPE, SERVICE_IDS, covered_chart, sign
from registered import client_file
from served import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytest_plugins = ("databases",)
PATH = f"/cds-services/{SERVICE_IDS['order-sign']}"
_PATIENCE = 30.0


@contextmanager
def silent_server() -> Iterator[str]:
    """A FHIR server that takes connections and says nothing: calls wait for it."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/r4"


def request(fhir_server: str | None = None) -> dict[str, Any]:
    """A call of its own; one with a FHIR server has to ask it."""
    made = sign(chart=covered_chart()[1:]) | {"hookInstance": str(uuid4())}
    if fhir_server is not None:
        del made["prefetch"]["observations"]
        made["fhirServer"] = fhir_server
    return made


def post(base: str, sent: dict[str, Any], token: str | None = None) -> int:
    headers = JSON_TYPE if token is None else JSON_TYPE | {"Authorization": f"Bearer {token}"}
    answer = requests.post(base + PATH, json.dumps(sent), headers=headers, timeout=_PATIENCE)
    return answer.status_code


def kept(database: str) -> list[str]:
    return sorted(row.hook_instance for row in rows(database))


def of(database: str, folder: Path) -> dict[str, str]:
    """The settings of a service that keeps a ledger."""
    return {
        "database": database,
        "ledger": "refuse",
        "ledger_key": SECRET,
        "state": str(folder / "state"),
    }


@pytest.mark.parametrize("workers", ["1", "2"])
def test_told_to_stop_it_finishes_what_it_began(
    database: str, tmp_path: Path, workers: str
) -> None:
    with silent_server() as fhir:
        settings = of(database, tmp_path) | {"fhir_servers": fhir, "development": "true"}
        sent = [request(fhir) for _ in range(6)]
        with (
            serving(tmp_path, "--workers", workers, **settings) as server,
            ThreadPoolExecutor(6) as pool,
        ):
            base = server.base()
            answers = [pool.submit(post, base, one) for one in sent]
            time.sleep(1.0)
            assert not any(answer.done() for answer in answers)
            server.process.send_signal(signal.SIGTERM)
            assert [answer.result() for answer in answers] == [200] * 6
            server.process.wait(_PATIENCE)
        assert "Cancel" not in server.log()
    assert kept(database) == sorted(one["hookInstance"] for one in sent)
    assert breaches(database) == []


def ready(base: str) -> tuple[int, dict[str, str]]:
    answer = requests.get(f"{base}/ready", timeout=_PATIENCE)
    return answer.status_code, answer.json()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_told_to_stop_it_says_so_first_and_goes_on_for_a_while(
    tmp_path: Path, workers: str
) -> None:
    with serving(tmp_path, "--workers", workers, drain_seconds="3") as server:
        base = server.base()
        assert ready(base)[0] == 200
        server.process.send_signal(signal.SIGTERM)
        told = time.monotonic()
        while ready(base)[0] == 200:  # the first process tells its workers
            assert time.monotonic() - told < 2
        assert ready(base)[1]["service"] == "stopping"
        assert ready(base)[1]["status"] == "not-ready"
        assert post(base, request()) == 200
        server.process.wait(_PATIENCE)
        assert time.monotonic() - told > 2.5


def test_told_twice_it_stops_at_once(tmp_path: Path) -> None:
    with serving(tmp_path, drain_seconds="60") as server:
        base = server.base()
        server.process.send_signal(signal.SIGTERM)
        while ready(base)[0] == 200:
            time.sleep(0.05)
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(10)


@contextmanager
def two_machines(tmp_path: Path, settings: dict[str, str]) -> Iterator[list[str]]:
    """Two services of two workers each, with a state folder each."""
    with ExitStack() as stack:
        bases = []
        for name in ("one", "two"):
            folder = tmp_path / name
            folder.mkdir()
            own = settings | {"state": str(folder / "state")}
            bases.append(stack.enter_context(serving(folder, "--workers", "2", **own)).base())
        yield bases


def test_several_machines_share_one_postgresql(postgresql_database: str, tmp_path: Path) -> None:
    """A token that one has seen is refused by the other; all append to one chain."""
    registration, clients = client_file(tmp_path, ehr="")
    settings = of(postgresql_database, tmp_path) | registration
    with two_machines(tmp_path, settings) as (one, two):
        sent = [request() for _ in range(40)]
        tokens = [clients["ehr"].token(PATH) for _ in sent]
        with ThreadPoolExecutor(8) as pool:
            # Both get every call at the same time: one of them may answer.
            twice = [
                [pool.submit(post, base, body, token) for base in (one, two)]
                for body, token in zip(sent, tokens, strict=True)
            ]
            statuses = [sorted(answer.result() for answer in both) for both in twice]
        assert statuses == [[200, 401]] * 40
        for base in (one, two):
            for token in tokens[:5]:
                assert post(base, request(), token) == 401
    assert kept(postgresql_database) == sorted(body["hookInstance"] for body in sent)
    assert breaches(postgresql_database) == []
