"""Headers for browsers on every answer, calls from other origins, and bugs without words."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import re
from typing import TYPE_CHECKING

import pytest
import requests

from defib_coverage.app import create_app
from defib_coverage.logs import Incident
from defib_coverage.settings import read_settings
from edge_server import serving
from live_server import JSON_TYPE, issue_of, running, sign

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from edge_server import Edge
    from live_server import Live

pytest_plugins = ("live_server",)
SIGN = "/cds-services/defibrillator-order-sign"
GOOD = json.dumps(sign()).encode()
SANDBOX = "https://sandbox.cds-hooks.org"


def _broken_clock() -> date:
    message = "Ann Larkwell, MRN-40031"
    raise ValueError(message)


@pytest.fixture(scope="module")
def edge() -> Iterator[Edge]:
    """The product with a clock that fails, for a client in a browser, reached by https."""
    settings = read_settings(
        {
            "DEFIB_COVERAGE_CORS_ORIGINS": f"{SANDBOX}, http://localhost:8080",
            "DEFIB_COVERAGE_PUBLIC_BASE": "https://cds.example.org",
        },
    )
    with serving(create_app(settings, today=_broken_clock)) as server:
        yield server


def _answers(base: str) -> dict[int, requests.Response]:
    return {
        200: requests.get(base + "/cds-services", timeout=30),
        400: requests.post(base + SIGN, b"{", headers=JSON_TYPE, timeout=30),
        404: requests.get(base + "/no-such-path", timeout=30),
        405: requests.get(base + SIGN, timeout=30),
        415: requests.post(base + SIGN, b"{", headers={"Content-Type": "x"}, timeout=30),
        500: requests.post(base + SIGN, GOOD, headers=JSON_TYPE, timeout=30),
    }


def test_every_answer_tells_browsers_what_not_to_do(edge: Edge) -> None:
    for status, answer in _answers(edge.base).items():
        assert answer.status_code == status
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert answer.headers["strict-transport-security"].startswith("max-age=")


def test_https_is_demanded_only_where_it_is_served(live: Live) -> None:
    answer = live.post(SIGN, GOOD)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert "strict-transport-security" not in answer.headers


def test_the_page_of_the_api_may_run_its_own_scripts_alone(live: Live) -> None:
    page = live.get("/docs")
    policy = page.headers["content-security-policy"]
    scripts = policy.partition("script-src ")[2].partition(";")[0]
    assert "unsafe" not in scripts
    (inline,) = re.findall(r"<script>(.*?)</script>", page.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
    assert scripts == f"'self' 'sha256-{digest}'"
    for path in re.findall(r'(?:src|href)="(/[^"]+)"', page.text):
        file = live.get(path)
        assert file.status_code == 200
        assert file.headers["x-content-type-options"] == "nosniff"
        assert file.headers["etag"]
        assert "no-store" not in file.headers.get("cache-control", "")


# ---------------------------------------------------------------------------------- other origins


def _preflight(edge: Edge, path: str, origin: str, method: str = "POST") -> requests.Response:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    return requests.options(edge.base + path, headers=headers, timeout=30)


@pytest.mark.parametrize("origin", [SANDBOX, "http://localhost:8080"])
def test_a_known_origin_may_call(edge: Edge, origin: str) -> None:
    for path, method in ((SIGN, "POST"), ("/cds-services", "GET")):
        answer = _preflight(edge, path, origin, method)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == origin
        assert method in answer.headers["access-control-allow-methods"]
        allowed = answer.headers["access-control-allow-headers"].lower()
        assert {"authorization", "content-type"} <= set(allowed.split(", "))
        assert "access-control-allow-credentials" not in answer.headers


def test_the_call_itself_carries_the_header_whatever_its_answer(edge: Edge) -> None:
    headers = JSON_TYPE | {"Origin": SANDBOX}
    for status, body in ((500, GOOD), (400, b"{"), (400, b"")):
        answer = requests.post(edge.base + SIGN, body, headers=headers, timeout=30)
        assert answer.status_code == status
        assert answer.headers["access-control-allow-origin"] == SANDBOX
        assert "Origin" in answer.headers["vary"]
    answer = requests.get(edge.base + "/nowhere", headers=headers, timeout=30)
    assert answer.status_code == 404
    assert answer.headers["access-control-allow-origin"] == SANDBOX


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", SANDBOX + ".evil.example", "http://sandbox.cds-hooks.org"],
)
def test_an_unknown_origin_may_not(edge: Edge, origin: str) -> None:
    answer = _preflight(edge, SIGN, origin)
    assert answer.status_code == 400
    assert "access-control-allow-origin" not in answer.headers
    answer = requests.get(edge.base + "/cds-services", headers={"Origin": origin}, timeout=30)
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


def test_a_real_call_from_a_known_origin_is_answered() -> None:
    with running(cors_origins=SANDBOX) as live:
        answer = live.post(SIGN, GOOD, JSON_TYPE | {"Origin": SANDBOX})
        assert answer.json()["cards"]
        assert answer.headers["access-control-allow-origin"] == SANDBOX


def test_without_origins_no_page_may_call(live: Live) -> None:
    answer = live.post(SIGN, GOOD, JSON_TYPE | {"Origin": SANDBOX})
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


# ------------------------------------------------------------------------------------------- bugs


def test_a_bug_is_told_by_a_number_and_logged_without_its_message(
    edge: Edge,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.DEBUG):
        answer = requests.post(edge.base + SIGN, GOOD, headers=JSON_TYPE, timeout=30)
    assert answer.status_code == 500
    issue = issue_of(answer)
    assert issue["code"] == "exception"
    incident = issue["diagnostics"].rpartition(" ")[2]
    errors = [r for r in caplog.records if r.levelno >= logging.WARNING]
    assert len(errors) == 1
    line = getattr(errors[0], "line", None)
    assert isinstance(line, Incident)
    assert (line.id, line.error) == (incident, "ValueError")
    assert re.fullmatch(r"_broken_clock:\d+", line.place)
    assert errors[0].exc_info is None
    said = caplog.text + answer.text + str(line)
    assert "Larkwell" not in said
    assert "40031" not in said
