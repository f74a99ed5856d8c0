"""What a question about a code costs: beside an endpoint that answers a constant, and in a batch.

Eight connections keep each server busy: its throughput is measured, not the wait for an answer.
"""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from itertools import cycle, islice
from statistics import median
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

from load import Answer, Connection, WrongAnswerError
from servers import Server, Subject

if TYPE_CHECKING:
    from collections.abc import Sequence

CONSTANT = Subject("Starlette, a constant", "bare_constant:app", cards=0)
CONNECTIONS = 8
CALLS = 4000
ROUNDS = 7
BATCH = 10_000
_BASE = "https://defib-coverage.example/fhir"
_ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
# Claim codes of all lists, codes of near misses, and codes that are nobody's.
CODES = (
    *("I46.2", "I46.9", "I47.20", "I49.01", "I25.2", "I25.5", "I42.0", "I42.1", "I50.22"),
    *("Z45.02", "T82.110A", "I50.9", "I21.4", "I10", "E11.9", "X99.9", "Z00.6", "I47.2"),
)
_SET = f"{_BASE}/ValueSet/b1-diagnoses"


class Throughput(NamedTuple):
    """Answers a second."""

    get: float
    post: float


class Asked(NamedTuple):
    """What was measured: both servers by method, and codes a second inside one batch."""

    ours: Throughput
    constant: Throughput
    batch_get: float
    batch_post: float


def measure_terminology(subject: Subject) -> Asked:
    """Ask both servers the same questions in turn.

    Raises:
        StartError: a server did not start.
        WrongAnswerError: a server answered wrongly.
        OSError: a server could not be reached.
    """
    gets = [_get(code) for code in CODES]
    posts = [_post("/ValueSet/$validate-code", _parameters(code)) for code in CODES]
    with ExitStack() as stack:
        servers = [stack.enter_context(Server(one)) for one in (subject, CONSTANT)]
        for server in servers:
            server.wait()
            _check(server)
        seen: list[tuple[Throughput, Throughput]] = []
        for number in range(ROUNDS):
            ordered = servers if number % 2 else servers[::-1]
            found = {
                server: Throughput(_drive(server.port, gets), _drive(server.port, posts))
                for server in ordered
            }
            seen.append((found[servers[0]], found[servers[1]]))
        ours, constant = (
            Throughput(median(t.get for t in column), median(t.post for t in column))
            for column in zip(*seen, strict=True)
        )
        batches = [_batch(servers[0].port, with_body=way) for way in (False, True)]
    return Asked(ours, constant, *batches)


def print_terminology(asked: Asked) -> None:
    """Print what was measured."""
    print(f"\nValueSet/$validate-code, {CONNECTIONS} connections; answers a second")
    print(f"{'':<24}{'GET':>10}{'POST':>10}")
    for name, one in (("ours", asked.ours), (CONSTANT.name, asked.constant)):
        print(f"{name:<24}{one.get:>10,.0f}{one.post:>10,.0f}")
    print(f"one batch of {BATCH:,}; codes a second")
    print(f"{'ours':<24}{asked.batch_get:>10,.0f}{asked.batch_post:>10,.0f}")


def _query(code: str) -> str:
    return urlencode({"url": _SET, "system": _ICD10CM, "code": code, "date": "2026-11-20"})


def _parameters(code: str) -> dict[str, object]:
    return {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "url", "valueUri": _SET},
            {"name": "system", "valueUri": _ICD10CM},
            {"name": "code", "valueCode": code},
            {"name": "date", "valueDateTime": "2026-11-20"},
        ],
    }


def _get(code: str) -> bytes:
    path = f"/fhir/ValueSet/$validate-code?{_query(code)}"
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\n\r\n".encode()


def _post(path: str, content: object) -> bytes:
    body = json.dumps(content).encode()
    head = (
        f"POST /fhir{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\n"
        f"Content-Type: application/fhir+json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _check(server: Server) -> None:
    """Refuse a server that does not answer as it should.

    Raises:
        WrongAnswerError: with the status and the beginning of the body.
    """
    connection = Connection(server.port)
    try:
        for code, expected in (("I47.20", True), ("I10", False)):
            for request in (_get(code), _post("/ValueSet/$validate-code", _parameters(code))):
                answer = connection.call(request)
                if server.subject is not CONSTANT and _result(answer) is not expected:
                    message = f"{code}: {answer.status} {answer.body[:200]!r}"
                    raise WrongAnswerError(message)
    finally:
        connection.close()


def _result(answer: Answer) -> bool:
    named = {p["name"]: p for p in json.loads(answer.body)["parameter"]}
    return bool(named["result"]["valueBoolean"])


def _drive(port: int, requests: Sequence[bytes]) -> float:
    """Answers a second, with every connection asking its next question at once."""
    connections = [Connection(port) for _ in range(CONNECTIONS)]
    try:
        questions = list(islice(cycle(requests), CALLS))
        start = time.perf_counter()
        for first in range(0, CALLS, CONNECTIONS):
            for one, question in zip(connections, questions[first:], strict=False):
                one.send(question)
            for one in connections:
                status = one.receive().status
                if status != 200:  # noqa: PLR2004 - HTTP's OK
                    message = f"expected 200, got {status}"
                    raise WrongAnswerError(message)
        return CALLS / (time.perf_counter() - start)
    finally:
        for one in connections:
            one.close()


def _batch(port: int, *, with_body: bool) -> float:
    """Codes a second inside one batch: the best of three, after one to warm up.

    Raises:
        WrongAnswerError: not every code got its answer.
    """
    entries: list[dict[str, object]] = []
    for code in islice(cycle(CODES), BATCH):
        if with_body:
            asked = {"method": "POST", "url": "ValueSet/$validate-code"}
            entries.append({"resource": _parameters(code), "request": asked})
        else:
            url = f"ValueSet/$validate-code?{_query(code)}"
            entries.append({"request": {"method": "GET", "url": url}})
    request = _post("", {"resourceType": "Bundle", "type": "batch", "entry": entries})
    connection = Connection(port)
    seconds = []
    try:
        for _ in range(4):
            start = time.perf_counter()
            answer = connection.call(request)
            seconds.append(time.perf_counter() - start)
            if answer.body.count(b'"name":"result"') != BATCH:
                message = f"a batch got {answer.status}: {answer.body[:200]!r}"
                raise WrongAnswerError(message)
    finally:
        connection.close()
    return BATCH / min(seconds[1:])
