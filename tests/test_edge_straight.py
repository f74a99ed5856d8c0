"""Calls of known services go past the framework; nobody can tell."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import requests

from live_server import JSON_TYPE, SERVICE_IDS, sign

if TYPE_CHECKING:
    from live_server import Live

pytest_plugins = ("live_server",)
PATHS = [f"/cds-services/{service}" for service in SERVICE_IDS.values()]
UNKNOWN = "/cds-services/defibrillator-order-signed"


@pytest.mark.parametrize("path", [*PATHS, "/determinations"])
def test_only_a_post_is_a_call(live: Live, path: str) -> None:
    for method in ("GET", "PUT", "DELETE", "HEAD"):
        answer = requests.request(method, live.base + path, timeout=30)
        assert answer.status_code == 405
        assert answer.headers["Allow"] == "POST"


@pytest.mark.parametrize("ending", ["/", "//", "/x"])
def test_what_is_no_path_of_ours_is_404(live: Live, ending: str) -> None:
    body = json.dumps(sign()).encode()
    assert live.post(PATHS[0] + ending, body, JSON_TYPE).status_code == 404


def test_refusals_are_alike_on_both_ways(live: Live) -> None:
    known = live.post(PATHS[0], b"{", JSON_TYPE)
    unknown = live.post(UNKNOWN, b"{", JSON_TYPE)
    assert (known.status_code, unknown.status_code) == (400, 404)
    same = ("content-type", "cache-control", "content-security-policy", "x-content-type-options")
    assert [known.headers[name] for name in same] == [unknown.headers[name] for name in same]
    assert known.json()["resourceType"] == unknown.json()["resourceType"] == "OperationOutcome"


def test_an_escaped_path_is_the_same_path(live: Live) -> None:
    path = f"/cds-services/%64{SERVICE_IDS['order-sign'][1:]}"
    answer = live.post(path, json.dumps(sign()).encode(), JSON_TYPE)
    assert answer.status_code == 200
