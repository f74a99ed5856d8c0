"""Good input with random damage: answered or refused, in time, in bounded memory, without a trace.

Hypothesis and not atheris: what decides here is written in C by others (msgspec), where atheris
sees no coverage, and Hypothesis names the fewest changes that fail. It runs 5,000 inputs;
``make soak`` runs 200,000. SOAK_INPUTS and SOAK_SEED choose how many and which.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
from copy import deepcopy
from random import Random
from typing import TYPE_CHECKING, NoReturn

import msgspec
import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

import fuzz_seeds
from defib_coverage.app import create_app
from defib_coverage.content import load
from defib_coverage.errors import RequestError
from defib_coverage.fhir.client import FhirServer
from defib_coverage.hooks.answer import Answerer
from defib_coverage.hooks.asked import Asked
from defib_coverage.hooks.configuration import Configuration
from defib_coverage.hooks.evaluation import Evaluator
from defib_coverage.hooks.fetching import Access, Fetcher, Fetches
from defib_coverage.hooks.openapi import Determinations
from defib_coverage.hooks.outcome import outcome_of
from defib_coverage.hooks.wire import decode_request
from defib_coverage.network.addresses import Reach
from defib_coverage.network.transfer import Reason, Transfer, TransferError
from defib_coverage.network.transport import Host, Reply, Result
from defib_coverage.settings import Settings
from live_server import TODAY, Json, asked, every_call, in_process
from mutation import Mutator, damage
from soak import INPUTS, change, damaged, soak

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from mutation import Tree

APP = create_app(Settings(ledger="off"), today=lambda: TODAY)
SIGN = "/cds-services/defibrillator-order-sign"
CALLS = fuzz_seeds.calls()
ASKING = fuzz_seeds.asking_calls()
ANSWERS = json.dumps(fuzz_seeds.answers()).encode()
REFUSALS = fuzz_seeds.refusals()
TEXTS = [json.dumps(one).encode() for one in CALLS]
OF_CALLS = Mutator([*CALLS[:5], *CALLS[-150:]])
TROUBLE = 0.1  # the share of a server's answers that are none
AGAIN = 50  # one input in so many is judged twice


@pytest.fixture(autouse=True)
def _no_trace() -> Iterator[None]:
    """Whatever was sent: good calls are answered as before; and what is logged is not kept."""
    good = [json.dumps(call).encode() for call in every_call().values()]
    before = [in_process(APP, "/determinations", body) for body in good]
    assert all(status == 200 for status, _ in before)
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)
    assert [in_process(APP, "/determinations", body) for body in good] == before


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as running:
        yield running


def _strict(text: bytes) -> Json:
    """An answer as a reader sees it that takes nothing but JSON."""

    def refuse(constant: str) -> NoReturn:
        raise AssertionError(constant)

    found: Json = json.loads(text.decode(), parse_constant=refuse)
    return found


def _check(status: int, answer: bytes, member: str) -> None:
    found = _strict(answer)
    if status == 200:
        assert isinstance(found[member], list)
        return
    assert 400 <= status < 500, answer
    assert found["resourceType"] == "OperationOutcome"
    assert found["issue"][0]["diagnostics"]


# ------------------------------------------------------------------------------------------ bodies


def test_a_good_call_with_random_damage_is_answered(runner: asyncio.Runner) -> None:
    def check(example: int, changes: list[int]) -> bool:
        tree = json.loads(TEXTS[example])
        left = change(OF_CALLS, tree, changes)
        body = damaged(tree, left, TEXTS[-example])
        note(f"body: {body[:5000]!r}")
        chance = Random(str(changes))  # noqa: S311 - seeded, so that a failure can be repeated
        headers = []
        if chance.random() < 0.03:
            body = gzip.compress(body, 1)
            headers.append((b"content-encoding", b"gzip"))
            if chance.random() < 0.5:
                body = damage(body, chance, TEXTS[0])
        path, member = f"/cds-services/defibrillator-{CALLS[example]['hook']}", "cards"
        again = changes[0] % AGAIN == 0
        if again or chance.random() < 0.2:
            path, member = "/determinations", "determinations"
        status, answer = runner.run(asked(APP, path, body, *headers))
        _check(status, answer, member)
        if again:
            assert runner.run(asked(APP, path, body, *headers)) == (status, answer)
        return status == 200

    soak("bodies", check, len(CALLS), INPUTS * 7 // 10)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=15,
)
OTHER_BODIES = st.binary(max_size=200) | JSON_VALUES.map(lambda value: json.dumps(value).encode())


@settings(max_examples=400)
@given(OTHER_BODIES)
def test_any_other_body_is_refused(body: bytes) -> None:
    for path, member in ((SIGN, "cards"), ("/determinations", "determinations")):
        status, answer = in_process(APP, path, body)
        assert status >= 400
        _check(status, answer, member)


# ----------------------------------------------------------------------------- answers of a server


class _Hasty(Transfer):
    """A transfer that does not wait, but ends as if it had."""

    def pause(self, seconds: float) -> None:
        if seconds >= self.left():
            raise TransferError(Reason.TOO_LATE)


class _Written(Host):
    """A FHIR server whose answers are written down."""

    def __init__(self, answers: Tree, left: Sequence[Random]) -> None:
        self._answers = answers
        self._left = left

    async def run(
        self,
        work: Sequence[Callable[[Transfer], Result]],
        deadline: float,
        reach: Reach,
    ) -> list[Result | TransferError]:
        return [_done(one, _Hasty(deadline, reach)) for one in work]

    def get(
        self,
        url: str,
        headers: Mapping[str, str],  # noqa: ARG002 - as Host has it
        transfer: Transfer,
        most_bytes: int,
        take: Callable[[int], bool] = lambda _: True,
    ) -> Reply:
        transfer.left()
        told = _answer_to(self._answers, url)
        if not isinstance(told, dict) or not isinstance(told.get("status"), int):
            raise TransferError(Reason.NOT_REACHABLE)
        body = damaged(told.get("body"), self._left, TEXTS[0])
        if len(body) > most_bytes or not take(len(body)):
            raise TransferError(Reason.TOO_LARGE)
        given = told.get("headers")
        pairs = given.items() if isinstance(given, dict) else ()
        lower = {k.lower(): v for k, v in pairs if isinstance(v, str)}
        return Reply(told["status"], lower, body)


def _done(one: Callable[[Transfer], Result], transfer: Transfer) -> Result | TransferError:
    try:
        return one(transfer)
    except TransferError as error:
        return error


def _answer_to(answers: Tree, url: str) -> Tree:
    """What is told for a URL: for the page, the resource, the type; for others anything."""
    path, _, query = url.removeprefix(f"{fuzz_seeds.BASE}/").partition("?")
    told = list(answers) or [path]
    names = (f"{path}?page=2" if "page=2" in query else path, told[len(url) % len(told)])
    return next((answers[name] for name in names if name in answers), None)


def test_whatever_a_fhir_server_answers_the_call_is_judged(runner: asyncio.Runner) -> None:
    knowledge = load().knowledge()
    fetcher = Fetcher(Evaluator(knowledge), seconds=60)
    answerer = Answerer(knowledge)
    calls = [decode_request(json.dumps(call).encode(), knowledge.index) for call in ASKING]

    def judged(example: int, changes: list[int]) -> tuple[int, bytes]:
        answers = json.loads(ANSWERS)
        chance = Random(str(changes))  # noqa: S311 - seeded, so that a failure can be repeated
        for name in answers:
            if chance.random() < TROUBLE:
                answers[name] = deepcopy(chance.choice(REFUSALS))
        left = change(OF_CALLS, answers, changes)
        reach = Reach()
        access = Access((FhirServer(fuzz_seeds.BASE, _Written(answers, left), reach),))
        try:
            found = runner.run(fetcher.judge(calls[example], TODAY, access, Fetches()))
        except RequestError as error:
            return error.status, outcome_of(error)
        asked = Asked(decoded=calls[example], configuration=Configuration(), today=TODAY)
        assert _strict(msgspec.json.encode(answerer.answer(found, asked)))
        return 200, msgspec.json.encode(Determinations(found.determinations))

    def check(example: int, changes: list[int]) -> bool:
        found = judged(example, changes)
        _check(*found, "determinations")
        if changes[0] % AGAIN == 0:
            assert judged(example, changes) == found
        return found[0] == 200

    soak("answers of a FHIR server", check, len(calls), INPUTS * 3 // 10)
