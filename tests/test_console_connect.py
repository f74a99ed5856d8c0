"""The connect page: addresses, commands and calls that work as they stand, and its two buttons."""

from __future__ import annotations

import html
import json
import re
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
import requests
from starlette.requests import Request

from command_line import environment
from defib_coverage.console.addresses import Base, is_on_this_machine
from defib_coverage.console.sample_calls import STORIES
from defib_coverage.console.self_check import SelfCheck
from defib_coverage.console.views.connecting import connecting
from defib_coverage.content import load
from defib_coverage.settings import Settings
from live_server import SERVICE_IDS, running
from registered import PUBLIC, client_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from live_server import Live

pytest_plugins = ("live_server",)
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
PART = {"X-Console-Part": "1"}
STATUSES = {
    "missing-secondary": "conditional",
    "waiting-period": "not-covered",
    "covered": "covered",
}
_PATIENCE = 120


@pytest.fixture(scope="module")
def keeping(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """An open service with a ledger."""
    state = str(tmp_path_factory.mktemp("state"))
    with running(ledger="refuse", state=state) as live:
        yield live


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A service that wants tokens."""
    settings, _ = client_file(tmp_path_factory.mktemp("clients"), ehr="")
    with running(**settings) as live:
        yield live


def commands(page: requests.Response) -> dict[str, str]:
    """The lines that can be copied, by their names."""
    found = re.findall(r'<pre [^>]*id="copy-([a-z-]+)">(.*?)</pre>', page.text, re.DOTALL)
    return {name: html.unescape(lines) for name, lines in found}


def shell(lines: str, folder: Path, **variables: str) -> str:
    """What a person who pastes lines into a shell sees; the program is this checkout's."""
    program = folder / "defib-coverage"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m defib_coverage "$@"\n')
    program.chmod(0o700)
    given = environment() | variables
    given["PATH"] = f"{folder}:{given['PATH']}"
    done = subprocess.run(
        ["/bin/sh", "-ec", lines],
        capture_output=True,
        check=False,
        cwd=folder,
        env=given,
        text=True,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def said(page: requests.Response) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page.text)).split())


# --------------------------------------------------------------------- addresses, commands, calls


def test_addresses_are_those_that_were_asked(keeping: Live) -> None:
    page = keeping.get("/connect")
    assert page.status_code == 200
    assert len(page.content) < 300_000
    assert "open Whoever reaches this service is answered." in said(page)
    for hook, service in SERVICE_IDS.items():
        assert f"{keeping.base}/cds-services/{service}" in page.text, hook
    seen = re.findall(r'<a href="(/[^"]*)">http', page.text)
    assert len(seen) == 5
    for path in seen:
        assert keeping.get(path).status_code == 200
    live = keeping.get("/cds-services").json()
    (shown,) = re.findall(r'<pre [^>]*id="discovery-json">(.*?)</pre>', page.text, re.DOTALL)
    assert json.loads(html.unescape(shown)) == live


def test_a_public_base_stands_in_every_address(closed: Live) -> None:
    page = closed.get("/connect")
    assert f"{PUBLIC}/cds-services/defibrillator-order-sign" in page.text
    assert closed.base not in page.text


def test_a_host_that_is_none_is_refused(live: Live) -> None:
    for host in ("$(reboot)", "a b", "<b>", ""):
        answer = requests.get(live.base + "/connect", headers={"Host": host}, timeout=30)
        assert answer.status_code == 400
        assert host == "" or host not in answer.text


def test_calls_with_curl_work_as_they_stand(keeping: Live, tmp_path: Path) -> None:
    lines = commands(keeping.get("/connect"))
    services = json.loads(shell(lines["discovery"], tmp_path))["services"]
    assert {one["id"] for one in services} == {*SERVICE_IDS.values()}
    assert shell(lines["sample"], tmp_path) == ""
    answer = shell(lines["order-sign"], tmp_path)
    assert json.loads(answer)["cards"]
    (found,) = json.loads(shell(lines["determinations"], tmp_path))["determinations"]
    assert found["status"] == "conditional"
    assert shell(lines["feedback"], tmp_path) == "{}"
    (assertion,) = re.findall(r'"coverage-assertion-id","valueString":"([^"]+)"', answer)
    looked_up = json.loads(shell(lines["look-up"], tmp_path, ASSERTION_ID=assertion))
    assert looked_up["decisions"][0]["status"] == "conditional"


def test_a_client_is_registered_as_it_stands(keeping: Live, tmp_path: Path) -> None:
    lines = commands(keeping.get("/connect"))
    assert "ehr is in clients.toml" in shell(lines["add-ehr"], tmp_path)
    assert "trial.private.json" in shell(lines["add-trial"], tmp_path)
    assert "trial" in shell("defib-coverage client list", tmp_path)
    assert f"DEFIB_COVERAGE_PUBLIC_BASE={keeping.base}" in lines["restart"]
    settings = {"clients": str(tmp_path / "clients.toml"), "public_base": "http://127.0.0.1"}
    with running(**settings) as live:
        page = live.get("/connect")
        test = commands(page)["client-test"]
        assert test == "defib-coverage client test trial http://127.0.0.1"
        tried = test.replace("http://127.0.0.1", f"{live.base} --audience http://127.0.0.1")
        assert "200" in shell(tried, tmp_path)
    assert '"aud": "http://127.0.0.1/cds-services/defibrillator-order-sign"' in html.unescape(
        page.text
    )


@pytest.mark.parametrize("hook", SERVICE_IDS)
@pytest.mark.parametrize("story", [one.name for one in STORIES])
def test_each_sample_tells_its_story(live: Live, hook: str, story: str) -> None:
    answer = live.get(f"/connect/samples/{story}/{hook}.json")
    assert answer.headers["content-type"] == "application/json"
    request = answer.json()
    assert request["hook"] == hook
    assert live.determination(request)["status"] == STATUSES[story]


def test_there_are_no_other_samples(live: Live) -> None:
    for path in ("covered/order-nothing", "nothing/order-sign"):
        assert live.get(f"/connect/samples/{path}.json").status_code == 400


# ------------------------------------------------------------------------------------ the test call


def test_a_test_call_goes_through_the_whole_service(keeping: Live) -> None:
    form = {"hook": "order-sign", "story": "missing-secondary"}
    page = requests.post(keeping.base + "/connect/test-call", data=form, timeout=30)
    assert page.status_code == 200
    assert "200 order-sign answered in" in said(page)
    assert "I25.5 needs a partner diagnosis on the claim" in said(page)
    (request,) = re.findall(r'<pre [^>]*id="test-request">(.*?)</pre>', page.text, re.DOTALL)
    (answer,) = re.findall(r'<pre [^>]*id="test-answer">(.*?)</pre>', page.text, re.DOTALL)
    instance = json.loads(html.unescape(request))["hookInstance"]
    assert json.loads(html.unescape(answer))["cards"]
    # It was kept, and stands in the log, as any other call.
    (link,) = set(re.findall(r'href="(/ledger/[^"]+)"', page.text))
    assert instance in keeping.get(link).text
    assert instance in keeping.log()


def test_a_part_of_the_page_is_enough_for_a_script(live: Live) -> None:
    form = {"hook": "appointment-book", "story": "covered"}
    part = requests.post(live.base + "/connect/test-call", data=form, headers=PART, timeout=30)
    assert part.status_code == 200
    assert "appointment-book answered in" in said(part)
    assert "<html" not in part.text
    # No ledger is kept there: nothing leads to it.
    assert "/ledger/" not in part.text


@pytest.mark.parametrize(
    ("body", "headers", "status", "told"),
    [
        (b"hook=order-sign&story=x", FORM, 400, "story: must be one of"),
        (b"hook=<b>&story=covered", FORM, 400, "hook: must be one of"),
        (b"", FORM, 400, "hook: must be one of"),
        (b"\xff=1", FORM, 400, "the form cannot be read"),
        (b"a=1&" * 120, FORM, 400, "the form cannot be read"),
        (b"hook", {"Content-Type": "text/plain"}, 415, "must be application/json"),
        (b"x" * (17 * 1024 * 1024), FORM, 413, "larger than"),
    ],
    ids=["story", "hook", "empty", "no text", "many", "type", "large"],
)
def test_a_poor_form_is_refused_in_words(
    live: Live, body: bytes, headers: dict[str, str], status: int, told: str
) -> None:
    page = live.post("/connect/test-call", body, headers)
    assert page.status_code == status
    assert told in said(page)
    assert page.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=["origin", "null", "garbled", "cross-site", "same-site"],
)
def test_another_site_may_not_send_calls(live: Live, headers: dict[str, str]) -> None:
    for path in ("/connect/test-call", "/connect/self-check"):
        body = b"hook=order-sign&story=covered"
        page = live.post(path, body, FORM | headers)
        assert page.status_code == 403
        assert "Only a page of this service may ask for that." in said(page)


def test_where_tokens_are_required_it_says_what_to_do_instead(closed: Live) -> None:
    page = closed.get("/connect")
    assert "A call needs a client's token here" in said(page)
    assert "<form" not in page.text
    assert commands(page)["selftest"].endswith(
        f"selftest {PUBLIC} --client trial --file clients.toml"
    )
    assert 'Authorization: Bearer $TOKEN"' in commands(page)["order-sign"]
    for path in ("/connect/test-call", "/connect/self-check"):
        answer = closed.post(path, b"hook=order-sign&story=covered", FORM)
        assert answer.status_code == 403
        assert "token" in said(answer) or "open" in said(answer)


# ---------------------------------------------------------------------------------- the self-check


def test_the_self_check_runs_once_at_a_time_and_finds_nothing(keeping: Live) -> None:
    path = keeping.base + "/connect/self-check"
    started = requests.post(path, timeout=30)
    assert started.url.startswith(f"{path}?run=")
    again = requests.post(path, timeout=30)
    assert again.status_code == 409
    assert "A self-check is running." in said(again)
    end = time.monotonic() + _PATIENCE
    page = started
    while 'data-over="no"' in page.text and time.monotonic() < end:
        time.sleep(0.5)
        page = requests.get(started.url, headers=PART, timeout=30)
        assert page.status_code == 200
    assert "all well" in said(page)
    assert re.search(r"\d{3} checks: \d{3} passed, 0 failed, \d+ skipped", said(page))
    assert "slow connections 4 passed" in said(page)
    whole = requests.get(started.url, timeout=30)
    assert whole.text.count("<h1>") == 1


def test_nothing_is_told_of_a_self_check_that_is_not_known(live: Live) -> None:
    assert live.get("/connect/self-check?run=other").status_code == 404
    part = requests.get(live.base + "/connect/self-check?run=x", headers=PART, timeout=30)
    assert (part.status_code, part.content) == (204, b"")


def test_a_self_check_is_not_started_from_afar(live: Live) -> None:
    headers = {"Host": "cds.example.org"}
    page = requests.get(live.base + "/connect", headers=headers, timeout=30)
    assert "Run the self-check" not in page.text
    assert "defib-coverage selftest http://cds.example.org" in said(page)
    answer = requests.post(live.base + "/connect/self-check", headers=headers, timeout=30)
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("server", "client", "host", "expected"),
    [
        (("127.0.0.1", 8000), ("127.0.0.1", 5), "127.0.0.1:8000", True),
        (("127.0.0.1", 8000), ("127.0.0.1", 5), "localhost:8000", True),
        (("::1", 8000), ("::1", 5), "[::1]:8000", True),
        (("127.0.0.1", 80), ("127.0.0.1", 5), "localhost", True),
        (("127.0.0.1", 8000), ("127.0.0.1", 5), "localhost:9000", False),
        (("127.0.0.1", 8000), ("127.0.0.1", 5), "evil.example:8000", False),
        (("127.0.0.1", 8000), ("10.0.0.9", 5), "127.0.0.1:8000", False),
        (("10.0.0.1", 8000), ("127.0.0.1", 5), "127.0.0.1:8000", False),
        (("127.0.0.1", 8000), None, "127.0.0.1:8000", False),
        (("127.0.0.1", 8000), ("127.0.0.1", 5), "127.0.0.1:99999", False),
        (("127.0.0.1", 8000), ("127.0.0.1", 5), "<b>", False),
    ],
)
def test_who_is_on_this_machine(
    server: tuple[str, int], client: tuple[str, int] | None, host: str, *, expected: bool
) -> None:
    scope = {
        "type": "http",
        "method": "GET",
        "scheme": "http",
        "path": "/connect",
        "query_string": b"",
        "headers": [(b"host", host.encode())],
        "server": server,
        "client": client,
    }
    assert is_on_this_machine(Request(scope)) is expected


def test_a_self_check_of_nothing_says_why_it_stopped() -> None:
    check = SelfCheck()
    assert check.progress is None
    progress = check.start("http://127.0.0.1:1", None)
    end = time.monotonic() + _PATIENCE
    while not progress.is_over and time.monotonic() < end:
        time.sleep(0.05)
        progress = check.progress or progress
    assert progress.trouble is not None
    assert "could not be reached" in progress.trouble
    assert check.start("http://127.0.0.1:1", None).id != progress.id


# ---------------------------------------------------------------------------------------- settings


def test_no_secret_stands_among_the_settings() -> None:
    secret = "a secret of the ledger that nobody may see"  # noqa: S105 - it keeps nothing
    settings = Settings(
        ledger_key=secret,
        database="postgresql+psycopg://ledger:hidden-word@db.inside.example/ledger",
        clients="/etc/inside/clients.toml",
        public_base="https://cds.example.org",
    )
    index = load().knowledge().index
    base = Base("https://cds.example.org", is_set=True)
    shown = {one.variable: one for one in connecting(base, settings, index).settings}
    assert shown["DEFIB_COVERAGE_LEDGER_KEY"].value == "***"
    assert shown["DEFIB_COVERAGE_PUBLIC_BASE"].value == "https://cds.example.org"
    # Strangers may see the page: they are told nothing of the machine's insides.
    text = str(connecting(base, settings, index))
    for inside in (secret, "hidden-word", "db.inside.example", "/etc/inside"):
        assert inside not in text
    opened = connecting(base, Settings(database=settings.database, trust="open"), index)
    (database,) = [o for o in opened.settings if o.variable == "DEFIB_COVERAGE_DATABASE"]
    assert database.value == "postgresql+psycopg://ledger:***@db.inside.example/ledger"


def test_what_was_not_set_is_told_as_such(live: Live) -> None:
    assert "DEFIB_COVERAGE_PUBLIC_BASE not set" in said(live.get("/connect"))
    assert "DEFIB_COVERAGE_LEDGER off" in said(live.get("/connect"))
