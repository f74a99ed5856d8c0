"""Fixtures: the product's own data, loaded once, and the judge of hook calls built on it."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import settings

from answers import answer_to
from defib_coverage.content import load
from defib_coverage.hooks.evaluation import Evaluator
from defib_coverage.hooks.wire import decode_request
from fhir_builders import Json, by_keys, sign

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from defib_coverage.coverage.determination import Determination
    from defib_coverage.coverage.determine import Knowledge
    from defib_coverage.hooks.response import HookResponse

TODAY = date(2026, 11, 21)
# No deadlines: a busy machine is slow, not wrong. The same examples every time.
settings.register_profile("project", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("project")


@pytest.fixture(scope="session", autouse=True)
def _own_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test writes to the ledger of whoever runs it: not even a service with no settings."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session")
def knowledge() -> Knowledge:
    """Policies, codes and wording as shipped."""
    return load().knowledge()


@pytest.fixture(scope="session")
def evaluate(knowledge: Knowledge) -> Callable[..., tuple[Determination, ...]]:
    """Judge the body of a hook call."""
    evaluator = Evaluator(knowledge)

    def judge(body: bytes, today: date = TODAY) -> tuple[Determination, ...]:
        return evaluator.evaluate(decode_request(body, knowledge.index), today).determinations

    return judge


@pytest.fixture(scope="session")
def answer(knowledge: Knowledge) -> Callable[..., HookResponse]:
    """Answer the body of a hook call."""
    evaluator = Evaluator(knowledge)

    def answered(body: bytes, today: date = TODAY) -> HookResponse:
        return answer_to(evaluator, body, today)

    return answered


@pytest.fixture(scope="session")
def judge(
    evaluate: Callable[..., tuple[Determination, ...]],
) -> Callable[..., list[Json]]:
    """Judge orders against a chart; the determinations as they go over the wire."""

    def all_of(
        orders: Sequence[Json],
        resources: Sequence[Json],
        today: date = TODAY,
        prefetch: Json | None = None,
    ) -> list[Json]:
        body = sign(orders, by_keys(resources) if prefetch is None else prefetch)
        found: list[Json] = json.loads(msgspec.json.encode(evaluate(body, today)))
        return found

    return all_of
