"""Over HTTP, who called learns what was decided under an assertion id, and nobody else does."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote

import msgspec
import pytest
import requests

from defib_coverage import __version__
from defib_coverage.database.engine import read_url
from defib_coverage.hooks.openapi import describe
from defib_coverage.ledger.lookup import MOST_BYTES, MOST_FOUND, Found
from defib_coverage.ledger.secrets import Secrets, pack
from defib_coverage.ledger.store import Store
from ledgers import SECRET, breaches, call, held, rows
from live_server import Json, Live, coverage, issue_of, open_chart, running, sign
from registered import PUBLIC, Registered, client_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytest_plugins = ("databases", "live_server")

ROOT = "/determinations/"
UNKNOWN = "0" * 32
CHART = [*open_chart(), coverage()]


def keeping(url: str, folder: Path) -> dict[str, str]:
    """The settings of a service that keeps its ledger in a database."""
    return {"ledger": "refuse", "state": str(folder), "database": url, "ledger_key": SECRET}


def assertion_of(response: requests.Response) -> str:
    """The id that the first order of an answer carries."""
    extension = response.json()["systemActions"][0]["resource"]["extension"][-1]["extension"]
    parts = {part["url"]: part for part in extension}
    assertion: str = parts["coverage-assertion-id"]["valueString"]
    return assertion


def decided(live: Live, assertion: str) -> list[Json]:
    response = live.get(ROOT + assertion)
    assert response.status_code == 200
    found: list[Json] = response.json()["decisions"]
    assert response.json()["total"] == len(found)
    return found


@pytest.fixture
def service(database: str, tmp_path: Path) -> Iterator[Live]:
    with running(**keeping(database, tmp_path)) as live:
        yield live


def test_every_decision_of_an_assertion_is_told_newest_first(service: Live, database: str) -> None:
    request = sign(chart=CHART)
    assertions = {assertion_of(service.send(request)) for _ in range(3)}
    (assertion,) = assertions
    service.send(sign(chart=[coverage()]))
    before = rows(database)
    found = decided(service, assertion)
    assert [d["position"]["number"] for d in found] == [3, 2, 1]
    assert [d["position"]["link"] for d in found] == [r.link.hex() for r in before[2::-1]]
    assert {d["position"]["day"] for d in found} == {before[0].day.isoformat()}
    newest = found[0]
    assert newest["assertionId"] == assertion
    assert newest["status"] == "conditional"
    assert newest["service"] == "defibrillator-order-sign"
    assert newest["hookInstance"] == request["hookInstance"]
    assert newest["orderCode"] == "33249"
    assert newest["serviceDate"] == "2026-11-20"
    assert "nyha-missing" in newest["findings"]
    assert newest["cards"][0]["id"] == json.loads(before[2].cards)[0]["id"]
    assert datetime.fromisoformat(newest["time"]) <= datetime.now(UTC)
    # It was looked at, and nothing else.
    assert rows(database) == before
    assert breaches(database, Secrets(SECRET).chain) == []


def test_the_determination_is_told_with_digests_for_references(service: Live) -> None:
    request = sign(chart=CHART)
    response = service.send(request)
    whole = service.determination(request)
    (found,) = decided(service, assertion_of(response))
    kept = found["determination"]
    assert (kept["status"], kept["findings"]) == (whole["status"], whole["findings"])
    assert kept["order"]["reference"] != whole["order"]["reference"]
    assert kept["order"]["reference"].startswith("ServiceRequest/")
    text = json.dumps(found)
    assert not any(name in text for name in ("order-1", "p1", "c-ischemic", "dr-1"))


def test_what_is_kept_by_columns_is_told_without_the_determination(
    database: str, tmp_path: Path
) -> None:
    with running(**keeping(database, tmp_path), ledger_content="columns") as live:
        (found,) = decided(live, assertion_of(live.send(sign(chart=CHART))))
    assert found["status"] == "conditional"
    assert "determination" not in found


def test_the_newest_are_told_where_there_are_many(service: Live, database: str) -> None:
    with closing(Store(read_url(database), Secrets(SECRET).chain)) as store:
        store.append([call(assertion_id="many", determination=None) for _ in range(MOST_FOUND + 5)])
    content = service.get(f"{ROOT}many").json()
    assert content["total"] == MOST_FOUND + 5
    numbers = [d["position"]["number"] for d in content["decisions"]]
    assert numbers == list(range(MOST_FOUND + 5, 5, -1))


@pytest.mark.parametrize(
    ("sizes", "told"),
    [
        ([MOST_BYTES // 4] * 6, 4),
        ([MOST_BYTES // 4] * 4, 4),
        ([MOST_BYTES + 1] * 2, 1),
        ([2, MOST_BYTES], 1),
        ([MOST_BYTES, 2, 2], 2),
    ],
)
def test_an_answer_holds_no_more_than_some_bytes_of_determinations(
    service: Live, database: str, sizes: list[int], told: int
) -> None:
    with closing(Store(read_url(database), Secrets(SECRET).chain)) as store:
        for size in sizes:
            kept = pack(b'"' + b"x" * (size - 2) + b'"')
            store.append([call(assertion_id="large", determination=kept)])
    content = service.get(f"{ROOT}large").json()
    assert content["total"] == len(sizes)
    numbers = [d["position"]["number"] for d in content["decisions"]]
    assert numbers == list(range(len(sizes), len(sizes) - told, -1))


def test_calls_are_answered_while_decisions_are_looked_up(service: Live) -> None:
    assertion = assertion_of(service.send(sign(chart=CHART)))
    with ThreadPoolExecutor(8) as pool:
        looked = [pool.submit(service.get, ROOT + assertion) for _ in range(40)]
        called = [pool.submit(service.send, sign(chart=CHART)) for _ in range(40)]
        assert {f.result().status_code for f in (*looked, *called)} == {200}
    assert len(decided(service, assertion)) == 41


def test_a_writer_that_holds_the_ledger_hinders_no_look_up(service: Live, database: str) -> None:
    assertion = assertion_of(service.send(sign(chart=CHART)))
    with held(database):
        assert len(decided(service, assertion)) == 1


# what is not there


@pytest.fixture(scope="module")
def closed(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Live, dict[str, Registered]]]:
    folder = tmp_path_factory.mktemp("closed")
    settings, clients = client_file(folder, north="", south="", eager="calls_per_minute = 1")
    with running(ledger="refuse", state=str(folder), **settings) as live:
        yield live, clients


def look(live: Live, client: Registered, assertion: str, **claims: object) -> requests.Response:
    """Look decisions up as a client."""
    token = client.token(ROOT + assertion, **claims)
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(live.base + ROOT + assertion, headers=headers, timeout=60)


@pytest.mark.parametrize("name", [UNKNOWN, "x" * 65, "a%20b", "%00", "%F0%9F%AB%80", "' or 1=1"])
def test_an_id_under_which_nothing_is_kept_is_not_found(
    closed: tuple[Live, dict[str, Registered]], name: str
) -> None:
    live, clients = closed
    path = unquote(name)
    response = requests.get(
        live.base + ROOT + name,
        headers={"Authorization": f"Bearer {clients['north'].token(ROOT + path)}"},
        timeout=60,
    )
    assert response.status_code == 404
    assert issue_of(response)["code"] == "not-found"
    assert response.headers["cache-control"] == "no-store"


def test_other_paths_and_methods_are_none(closed: tuple[Live, dict[str, Registered]]) -> None:
    live, _ = closed
    assert live.get(ROOT).status_code == 404
    assert live.get(f"{ROOT}a/b").status_code == 404
    assert live.post(ROOT + UNKNOWN, b"{}").status_code == 405
    assert live.get("/determinations").status_code == 405


def test_a_client_sees_its_own_decisions_only(closed: tuple[Live, dict[str, Registered]]) -> None:
    live, clients = closed
    assertion = assertion_of(clients["north"].send(live, sign(chart=CHART)))
    assert look(live, clients["north"], assertion).json()["decisions"][0]["client"] == "north"
    others, nobodys = (look(live, clients["south"], name) for name in (assertion, UNKNOWN))
    assert others.status_code == nobodys.status_code == 404
    assert others.content == nobodys.content


def test_looking_up_needs_a_token_of_its_own(closed: tuple[Live, dict[str, Registered]]) -> None:
    live, clients = closed
    north = clients["north"]
    assertion = assertion_of(north.send(live, sign(chart=CHART)))
    response = live.get(ROOT + assertion)
    assert response.status_code == 401
    assert issue_of(response)["code"] == "login"
    for audience, status in (
        (PUBLIC + ROOT + assertion, 200),
        (PUBLIC + "/determinations", 200),
        (PUBLIC + ROOT, 401),
        (PUBLIC, 401),
        (live.base + ROOT + assertion, 401),
    ):
        assert look(live, north, assertion, aud=audience).status_code == status
    eager = [look(live, clients["eager"], UNKNOWN).status_code for _ in range(2)]
    assert eager == [404, 429]


def test_the_log_says_that_someone_looked_and_not_at_what(
    closed: tuple[Live, dict[str, Registered]],
) -> None:
    live, clients = closed
    assertion = assertion_of(clients["north"].send(live, sign(chart=CHART)))
    look(live, clients["north"], assertion)
    line = json.loads(live.log().splitlines()[-1])
    assert (line["event"], line["client"]) == ("look-up", "north")
    assert line["found"] >= 1
    look(live, clients["south"], assertion)
    line = json.loads(live.log().splitlines()[-1])
    assert (line["event"], line["service"], line["status"]) == ("refused", "look-up", 404)
    assert assertion not in live.log()


def test_without_a_ledger_there_is_nothing_to_look_up(live: Live) -> None:
    response = live.get(ROOT + UNKNOWN)
    assert response.status_code == 404
    assert issue_of(response)["code"] == "not-supported"


def test_a_ledger_that_cannot_be_read_is_said_to_be_so(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    with running(**keeping(url, tmp_path)) as live:
        for file in tmp_path.glob("ledger.db*"):
            file.unlink()
        (tmp_path / "ledger.db").mkdir()
        response = live.get(ROOT + UNKNOWN)
        log = live.log()
    assert response.status_code == 503
    assert issue_of(response)["code"] == "transient"
    assert "ledger-unreadable" in log


# how it is described


def test_the_description_tells_every_member_of_a_decision() -> None:
    answers = describe(__version__)["paths"]["/determinations/{assertionId}"]["get"]["responses"]
    schema = answers["200"]["content"]["application/json"]["schema"]
    told = schema["properties"]["decisions"]["items"]
    fields = {f.encode_name: f.required for f in msgspec.structs.fields(Found)}
    assert set(told["properties"]) == set(fields)
    assert set(told["required"]) == {name for name, required in fields.items() if required}
    assert f"the newest {MOST_FOUND}" in answers["200"]["description"]
