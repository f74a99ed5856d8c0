"""``selftest``: all is well with the real service, and a broken one is found out."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from threading import Thread
from time import sleep
from typing import TYPE_CHECKING, Any

import jwt
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from command_line import ROOT, environment, run
from defib_coverage.app import create_app
from defib_coverage.fhir.needs import KEYS
from defib_coverage.hooks.trust.signing import new_key, write_key
from defib_coverage.selftest.action_rules import COVERAGE_INFORMATION as URL
from defib_coverage.selftest.answer_rules import broken_rules
from defib_coverage.selftest.caller import Answer
from defib_coverage.selftest.calls import body_of, call
from defib_coverage.settings import Settings
from live_server import TODAY, bundle, running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

Json = dict[str, Any]
_PATIENCE = 60
ISSUER = "https://ehr.example.org"
AUDIENCE = "https://cds.example.org"
STRANGERS = {
    "unsigned",
    "unsigned-determinations",
    "unsigned-feedback",
    "unsigned-look-up",
    "garbage",
    "three-dots",
    "algorithm-none",
    "issuer-unknown",
}
REGISTERED = {
    "token-good",
    "feedback-audience",
    "token-replayed",
    "algorithm-symmetric",
    "audience-elsewhere",
    "expired",
    "from-the-future",
    "life-too-long",
    "kid-unknown",
    "key-of-another",
    "claims-changed",
    "jku-elsewhere",
}


class Report:
    """What one run printed."""

    def __init__(self, done: subprocess.CompletedProcess[bytes]) -> None:
        self.code = done.returncode
        self.errors = done.stderr.decode()
        self.text = done.stdout.decode()

    @property
    def content(self) -> Json:
        content: Json = json.loads(self.text)
        return content

    def named(self, outcome: str, group: str = "") -> set[str]:
        """The names of the checks of a group, or of all, with an outcome."""
        return {
            r["name"]
            for r in self.content["results"]
            if r["outcome"] == outcome and r["group"].startswith(group)
        }


def trial(*arguments: str) -> Report:
    """Run the real command."""
    done = subprocess.run(
        [sys.executable, "-m", "defib_coverage", "selftest", *arguments],
        capture_output=True,
        check=False,
        cwd=ROOT,
        env=environment(),
    )
    return Report(done)


# ----------------------------------------------------------------------------------- broken servers


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """Serve an application from this process; where it answers."""
    config = uvicorn.Config(
        app,
        port=0,
        log_level="critical",
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=1,
    )
    listening = config.bind_socket()
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        while not server.started:
            sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(_PATIENCE)


def everywhere(answer: Callable[[Request, bytes], Response]) -> ASGIApp:
    """An application that gives the same kind of answer to all requests."""

    async def endpoint(request: Request) -> Response:
        return answer(request, await request.body())

    methods = ["GET", "POST", "PUT"]
    return Starlette(routes=[Route("/{path:path}", endpoint, methods=methods)])


def between(app: ASGIApp, change: Callable[[bytes], bytes]) -> ASGIApp:
    """An application that changes every body before another sees it."""

    async def changed(scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)

        async def once() -> Message:
            return {"type": "http.request", "body": change(body), "more_body": False}

        await app(scope, once, send)

    return changed


def silent(_: Request, __: bytes) -> Response:
    return JSONResponse({"cards": []})


def broken(request: Request, _: bytes) -> Response:
    """A server that tells of itself and of who called."""
    who = request.headers.get("authorization", "nobody")
    return JSONResponse({"diagnostics": who, "trace": 'File "app.py", line 7, in call'}, 500)


def echo(_: Request, body: bytes) -> Response:
    return Response(body, media_type="application/json")


def complete(body: bytes) -> bytes:
    """Make a call look complete: what was withheld, failed or cut short was never there."""
    try:
        request = json.loads(body)
        prefetch = request["prefetch"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return body
    if not isinstance(prefetch, dict):
        return body
    for key, value in prefetch.items():
        if isinstance(value, dict):
            entries = [e for e in value.get("entry", []) if "issue" not in e["resource"]]
            whole = value["resourceType"] != "Bundle" and "issue" not in value
            prefetch[key] = value if whole else bundle() | {"entry": entries}
    empty = {key: bundle() for key in KEYS if key != "patient"}
    return json.dumps(request | {"prefetch": empty | prefetch}).encode()


def after(app: ASGIApp, change: Callable[[bytes], bytes]) -> ASGIApp:
    """An application whose answers are changed on their way."""

    async def changed(scope: Scope, receive: Receive, send: Send) -> None:
        async def spoiled(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [(k, v) for k, v in message["headers"] if k != b"content-length"]
                await send({**message, "headers": kept})
            else:
                await send({**message, "body": change(message["body"])})

        await app(scope, receive, spoiled)

    return changed


def unescaped(body: bytes) -> bytes:
    """An answer that has lost the backslashes that keep markup from effect."""
    return body.replace(rb"\\", b"")


def meddled(body: bytes) -> bytes:
    """An answer that changes the status of the order that it gives back."""
    return body.replace(b'"status":"draft"', b'"status":"active"')


def rounded(body: bytes) -> bytes:
    """An answer of a server that has read the order's numbers and written them anew."""
    return body.replace(b"1.500", b"1.5")


def gullible(app: ASGIApp) -> ASGIApp:
    """An application before which tokens are read, but never verified."""

    async def gated(scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        token = headers.get(b"authorization", b"").decode().removeprefix("Bearer ")
        try:
            claims = jwt.decode(token, options={"verify_signature": False})
        except jwt.PyJWTError:
            claims = {}
        asked = scope["method"] != "GET" or scope["path"] != "/cds-services"
        if asked and claims.get("iss") != ISSUER:
            issue = {"severity": "error", "code": "login", "diagnostics": "a token is required"}
            refusal = {"resourceType": "OperationOutcome", "issue": [issue]}
            await JSONResponse(refusal, 401)(scope, receive, send)
        else:
            await app(scope, receive, send)

    return gated


@pytest.fixture(scope="module")
def client_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A client file with one client, and its keys beside it."""
    folder = tmp_path_factory.mktemp("clients")
    key = new_key()
    write_key(key, folder / "ehr.private.json")
    (folder / "ehr.jwks.json").write_text(json.dumps({"keys": [key.public()]}))
    file = folder / "clients.toml"
    file.write_text(f'[clients.ehr]\nissuer = "{ISSUER}"\nkeys = "ehr.jwks.json"\n')
    return file


@pytest.fixture(scope="module")
def reports(
    client_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Report]]:
    """A trial of every server, side by side: each spends most of its time waiting."""
    real = create_app(Settings(ledger="off"), today=lambda: TODAY)
    client = ("--client", "ehr", "--file", str(client_file))
    with ExitStack() as stack:

        def at(app: ASGIApp) -> str:
            return stack.enter_context(serving(app))

        def kept(name: str) -> dict[str, str]:
            return {"ledger": "refuse", "state": str(tmp_path_factory.mktemp(name))}

        trusting = {"clients": str(client_file), "public_base": AUDIENCE}
        closed = stack.enter_context(running(**trusting, **kept("closed")))
        targets: dict[str, tuple[str, ...]] = {
            "real": (stack.enter_context(running(**kept("real"))).base, "--json"),
            "closed": (closed.base, "--json", *client, "--audience", AUDIENCE),
            "silent": (at(everywhere(silent)), "--json"),
            "page": (at(everywhere(silent)),),
            "broken": (at(everywhere(broken)), "--json", *client),
            "echo": (at(everywhere(echo)), "--json"),
            "credulous": (at(between(after(real, unescaped), complete)), "--json"),
            "meddling": (at(after(real, meddled)), "--json"),
            "rounding": (at(after(real, rounded)), "--json"),
            "gullible": (at(gullible(real)), "--json", *client),
            "unnamed": (at(gullible(real)), "--json"),
            "elsewhere": (closed.base, "--json", *client, "--audience", "https://else.example"),
        }
        with ThreadPoolExecutor(len(targets)) as pool:
            made = {name: pool.submit(trial, *target) for name, target in targets.items()}
            yield {name: one.result() for name, one in made.items()}


# ----------------------------------------------------------------------------------- the real thing


def test_the_service_passes(reports: dict[str, Report]) -> None:
    report = reports["real"]
    assert report.named("failed") == set()
    assert report.code == 0
    assert report.content["open"] is True
    assert report.content["passed"] > 100
    # Of an open service nothing is claimed about tokens.
    assert report.named("skipped") == STRANGERS | REGISTERED
    assert report.content["skipped"] == len(STRANGERS | REGISTERED)


def test_the_service_passes_as_a_registered_client_sees_it(reports: dict[str, Report]) -> None:
    report = reports["closed"]
    assert report.named("failed") == set()
    assert report.code == 0
    assert report.content["open"] is False
    assert report.named("skipped") == set()
    assert report.named("passed", "trust") == STRANGERS | REGISTERED


def test_a_service_without_a_ledger_is_not_asked_for_feedback(reports: dict[str, Report]) -> None:
    skipped = {r["came"] for r in reports["gullible"].content["results"] if "look-up" in r["group"]}
    assert skipped == {"the service keeps no ledger"}
    assert reports["gullible"].named("failed", "feedback") == set()
    assert len(reports["real"].named("passed", "feedback")) > 10


# ---------------------------------------------------------------------- what is broken is found out


@pytest.mark.parametrize(
    ("server", "passed"),
    [
        ("silent", {"discovery-stable", "good-calls-meanwhile", "gzip-call", "quick"}),
        ("broken", set[str]()),
        ("echo", {"good-calls-meanwhile", "gzip-call", "quick"}),
    ],
)
def test_a_server_that_says_the_same_to_all_fails_all_but_a_few(
    reports: dict[str, Report],
    server: str,
    passed: set[str],
) -> None:
    assert reports[server].named("passed") == passed
    assert reports[server].code == 1


def test_a_server_that_takes_what_is_withheld_for_nothing_fails(
    reports: dict[str, Report],
) -> None:
    keys = ("conditions", "procedures", "observations")
    partly = ("failed", "failed-in-part", "next-page", "total-above")
    assert reports["credulous"].named("failed", "awkward") == {
        *(f"{kind}-{key}" for kind in (*partly, "withheld") for key in keys),
        "withheld-encounters",
        "withheld-devices",
        "withheld-medication-requests",
        "nothing-usable",
        "only-patient",
        "own-keys-bare",
        "own-keys-unusable",
    }


def test_a_server_that_changes_an_order_fails(reports: dict[str, Report]) -> None:
    failed = {r["name"]: r for r in reports["meddling"].content["results"]}
    for name in ("order-sign-covered", "order-dispatch-covered", "order-said-before"):
        assert failed[name]["outcome"] == "failed"
        assert "S07-S08 the order comes back as it was sent" in failed[name]["came"]
    assert reports["meddling"].named("passed", "discovery")
    assert not reports["meddling"].named("failed", "wrong")
    assert reports["rounding"].named("failed", "good") == {"order-as-written"}


def a_sign_call() -> tuple[bytes, Json]:
    """A call, and what a service says to it: one action, without a card."""
    body = body_of(call("order-select"))
    request = json.loads(body)
    (entry,) = request["context"]["draftOrders"]["entry"]
    values: dict[str, Json] = {
        "coverage": {"valueReference": {"reference": "Coverage/selftest-coverage"}},
        "covered": {"valueCode": "conditional"},
        "pa-needed": {"valueCode": "no-auth"},
        "info-needed": {"valueCode": "OTH"},
        "reason": {"valueCodeableConcept": {"text": "something is open"}},
        "date": {"valueDate": "2025-03-01"},
        "coverage-assertion-id": {"valueString": "7"},
    }
    statement = [{"url": url} | value for url, value in values.items()]
    order = entry["resource"] | {"extension": [{"url": URL, "extension": statement}]}
    action = {"type": "update", "description": "it is written", "resource": order}
    return body, {"cards": [], "systemActions": [action]}


def broken_by(change: Callable[[Json], object]) -> set[str]:
    """The ids of the rules that an answer breaks once it is changed."""
    body, content = a_sign_call()
    change(content)
    text = json.dumps(content, separators=(",", ":")).encode()
    answer = Answer(200, "application/json", text, 0.1)
    orders = frozenset({"ServiceRequest/selftest-order"})
    return {rule.split()[0] for rule in broken_rules(answer, body, orders)}


def _action(content: Json) -> Json:
    action: Json = content["systemActions"][0]
    return action


def _parts(content: Json) -> list[Json]:
    parts: list[Json] = _action(content)["resource"]["extension"][0]["extension"]
    return parts


def test_an_action_by_the_rules_breaks_none() -> None:
    assert broken_by(lambda _: None) == set()


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        (lambda c: c.update(systemActions=[]), {"R05"}),
        (lambda c: c.update(systemActions={"0": _action(c)}), {"R05", "S01"}),
        (lambda c: _action(c).update(type="create"), {"S02-S05"}),
        (lambda c: _action(c).pop("description"), {"S02-S05"}),
        (lambda c: _action(c).update(resourceId="ServiceRequest/selftest-order"), {"S02-S05"}),
        (lambda c: _action(c)["resource"].update(id="another"), {"S06-S11", "S07-S08"}),
        (lambda c: _action(c)["resource"].pop("requester"), {"S07-S08"}),
        (lambda c: _action(c)["resource"].update(quantity=1), {"S07-S08"}),
        (lambda c: c["systemActions"].append(_action(c)), {"S09"}),
        (
            lambda c: _parts(c).append({"url": "doc-needed", "valueCode": "clinical"}),
            {"S10"},
        ),
        (lambda c: _parts(c).pop(0), {"K01-K04"}),
        (lambda c: _parts(c).append({"url": "price", "valueString": "1"}), {"K01-K04"}),
        (lambda c: _parts(c)[1].update(valueString="x"), {"K01-K04"}),
        (lambda c: _parts(c)[2].update(valueCode="perhaps"), {"K01-K04"}),
        (lambda c: _parts(c)[4].update(valueCodeableConcept={"text": " "}), {"K01-K04"}),
        (lambda c: _parts(c).pop(3), {"Kq1-Kq5"}),
        (lambda c: _parts(c)[1].update(valueCode="covered"), {"Kq1-Kq5"}),
        (
            lambda c: _parts(c).append({"url": "questionnaire", "valueCanonical": "urn:q"}),
            {"Kq1-Kq5"},
        ),
        (lambda c: _parts(c)[2].update(valueCode="satisfied"), {"Kq1-Kq5"}),
    ],
)
def test_each_rule_of_an_action_is_asked(
    change: Callable[[Json], object], broken: set[str]
) -> None:
    assert broken_by(change) == broken


def test_a_server_that_lets_markup_through_fails(reports: dict[str, Report]) -> None:
    markup = {n for n in reports["credulous"].named("failed", "hostile") if "markup" in n}
    assert markup == {f"markup-{n}" for n in range(1, 6)}


def test_a_server_that_reads_tokens_without_verifying_them_fails(
    reports: dict[str, Report],
) -> None:
    failed = reports["gullible"].named("failed", "trust")
    assert failed == (REGISTERED | {"algorithm-none"}) - {"token-good"}


def test_a_failure_says_what_was_expected_and_what_came(reports: dict[str, Report]) -> None:
    failures = {r["name"]: r for r in reports["silent"].content["results"]}
    assert failures["nan"]["expected"] == "400"
    assert failures["nan"]["came"] == "200, application/json, 12 bytes"
    assert failures["withheld-conditions"]["asks"]


def test_a_token_is_never_printed(reports: dict[str, Report]) -> None:
    for report in reports.values():
        assert "eyJ" not in report.text + report.errors
    assert "[token]" in reports["broken"].text


# ----------------------------------------------------------------------------------- how it is said


def test_a_service_that_wants_a_token_is_not_passed_without_one(
    reports: dict[str, Report],
) -> None:
    report = reports["unnamed"]
    assert report.code == 2
    assert report.named("failed") == set()
    assert report.named("passed", "trust") == STRANGERS
    groups = {r["group"] for r in report.content["results"] if r["outcome"] == "passed"}
    assert groups == {"discovery", "trust: strangers"}


def test_where_a_client_is_not_let_in_little_is_tried_and_it_is_said_why(
    reports: dict[str, Report],
) -> None:
    report = reports["elsewhere"]
    assert report.code == 2
    assert report.named("failed") == set()
    groups = {r["group"] for r in report.content["results"] if r["outcome"] == "passed"}
    assert groups == {"discovery", "trust: strangers"}


def test_the_page_has_a_line_a_check_and_ends_with_a_summary(reports: dict[str, Report]) -> None:
    page = reports["page"].text
    lines = page.splitlines()
    assert lines[0].endswith("is OPEN: it answers whoever calls, without a token.")
    assert "  ok   discovery-stable: two calls get the same document" in lines
    number = lines.index("  FAIL nan: 400 for a body that is not honest JSON")
    assert lines[number + 1] == "       expected 400; came 200, application/json, 12 bytes"
    assert f"  {len(REGISTERED)} checks skipped: the service wants no token" in page
    report = reports["silent"]
    counted = " ".join(f"{report.content[o]} {o}," for o in ("passed", "failed", "skipped"))
    assert lines[-1] == f"{len(report.content['results'])} checks: {counted.removesuffix(',')}"
    assert "\x1b" not in page
    assert reports["page"].code == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["http://127.0.0.1:1"], "could not be reached (ConnectionError)"),
        (["ftp://cds.example.org"], "is no base URL"),
        (["http://cds.example.org:port"], "is no base URL"),
        (["http://127.0.0.1:1", "--audience", "cds"], "is no base URL"),
        (["http://127.0.0.1:1", "--key", "key.json"], "name it with --client"),
        (
            ["http://127.0.0.1:1", "--client", "ehr", "--file", "none.toml"],
            "none.toml: -: cannot be read",
        ),
        (["http://127.0.0.1:1", "--client", "other", "--file", "FILE"], "It has: ehr"),
        (
            ["http://127.0.0.1:1", "--client", "ehr", "--file", "FILE", "--key", "none.json"],
            "holds no private key",
        ),
    ],
)
def test_what_cannot_be_tried_is_said_in_one_line(
    client_file: Path,
    arguments: list[str],
    message: str,
) -> None:
    done = run("selftest", *(str(client_file) if a == "FILE" else a for a in arguments))
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
