"""A ledger with a history: some weeks of decisions by two hospitals, and what clinicians answered.

PYTEST_DONT_REWRITE: nothing here asserts.
"""

from __future__ import annotations

import json
from contextlib import closing
from datetime import date, timedelta
from functools import partial
from hashlib import sha256
from random import Random
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from defib_coverage.content import load
from defib_coverage.database.engine import read_url
from defib_coverage.database.upgrade import upgrade
from defib_coverage.hooks.evaluation import Evaluator
from defib_coverage.hooks.wire import decode_request
from defib_coverage.ledger.records import Answered, Card
from defib_coverage.ledger.secrets import Secrets, pack
from defib_coverage.ledger.store import Store
from ledgers import SECRET, decision, feedback
from live_server import (
    condition,
    coverage,
    covered_chart,
    lvef,
    nyha,
    open_chart,
    order,
    patient,
    sign,
    visit,
)

if TYPE_CHECKING:
    from pathlib import Path

    from defib_coverage.coverage.determination import Determination
    from defib_coverage.ledger.records import Feedback

LAST = date(2026, 11, 20)
SECRETS = Secrets(SECRET)
_KINDS = ("appropriate-use", "claim", "limits", "clinical-reminder")
_REASONS = (
    "documented-elsewhere",
    "documented-elsewhere",
    "clinical-exception",
    "patient-declined",
    "ask-the-cardiologist",
)
_EVERY_WEEK = 7
_WEEKDAYS = 5


class Kept(NamedTuple):
    """What was written: the state folder, and an assertion id of each status."""

    state: Path
    assertions: dict[str, str]

    @property
    def settings(self) -> dict[str, str]:
        """Settings of a service that keeps this ledger."""
        return {"ledger": "refuse", "state": str(self.state), "ledger_key": SECRET}


def judged() -> tuple[Determination, ...]:
    """Determinations of each status, for invented patients."""
    recent = condition("I21.4", "c-infarction", onsetDateTime="2026-10-26")
    unpaired = [patient(), coverage(), condition("I25.5", "c"), lvef(28), nyha(), visit()]
    calls = (
        sign(chart=[*covered_chart(), coverage()]),
        sign(chart=[*covered_chart(), coverage(), recent]),
        sign(chart=open_chart()),
        sign(chart=unpaired),
        sign(order("33262"), chart=[*covered_chart(), coverage()]),
        sign(chart=[patient(), coverage()]),
    )
    evaluator = Evaluator(load().knowledge())
    index = load().knowledge().index
    return tuple(
        evaluator.evaluate(decode_request(json.dumps(one).encode(), index), LAST).determinations[0]
        for one in calls
    )


def write_history(state: Path, days: int = 40, a_day: int = 12) -> Kept:
    """Write the ledger into a state folder."""
    state.mkdir(parents=True, exist_ok=True)
    url = read_url(f"sqlite:///{state}/defib-coverage.db")
    upgrade(url)
    random = Random(20260401)  # noqa: S311 - no secret
    found = judged()
    assertions: dict[str, str] = {}
    for back in reversed(range(days)):
        day = LAST - timedelta(days=back)
        busy = a_day if day.weekday() < _WEEKDAYS else a_day // 4
        with closing(
            Store(url, SECRETS.chain, partial(date.fromordinal, day.toordinal()))
        ) as store:
            for number in range(max(1, busy + random.randint(-a_day // 3, a_day // 3))):
                one = random.choices(found, (9, 3, 4, 4, 3, 1))[0]
                _keep(store, one, f"{day}T{8 + number % 10:02}:{number % 60:02}", random)
                assertions.setdefault(one.status, _assertion(one))
    return Kept(state, assertions)


def _assertion(one: Determination) -> str:
    return sha256(msgspec.json.encode(one.findings)).hexdigest()[:32]


def _keep(store: Store, one: Determination, time: str, random: Random) -> None:
    kinds = [] if one.status == "covered" else random.sample(_KINDS, random.randint(1, 3))
    ids = [f"{random.getrandbits(128):032x}" for _ in range(8)]
    named = [f"{i[:8]}-{i[8:12]}-{i[12:16]}-{i[16:20]}-{i[20:]}" for i in ids]
    cards = tuple(
        Card(named[place], kind, (named[place + 3],) if kind == "claim" else ())
        for place, kind in enumerate(kinds)
    )
    client = random.choice(("mercy-north", "st-anne"))
    made = decision(
        time=f"{time}:07.000000Z",
        client=client,
        patient=SECRETS.digest("patient", client, str(random.random())),
        status=one.status,
        order_code=one.order.code,
        order_class=one.order.class_,
        service_date=one.order.service_date,
        policy=None if one.policy is None else one.policy.version,
        data_digest=one.data_digest,
        findings=tuple(dict.fromkeys(f.code for f in one.findings)),
        indications=one.indications_met,
        assertion_id=_assertion(one),
        milliseconds=round(random.lognormvariate(1.0, 0.7), 3),
        determination=pack(SECRETS.without_names(msgspec.json.encode(one))),
    )
    store.append([Answered((msgspec.structs.replace(made, cards=cards),))])
    if cards and random.random() < 0.4:
        store.append([_answer(cards[0], client, time, random)])


def _answer(card: Card, client: str, time: str, random: Random) -> Feedback:
    when = {"time": f"{time}:47.000000Z", "outcome_time": f"{time}:45Z", "client": client}
    if random.random() < 0.55:
        return feedback(
            card.id, outcome="accepted", suggestions=card.suggestions, comment=None, **when
        )
    reason = random.choice(_REASONS)
    own = reason == "ask-the-cardiologist"
    system = "urn:mercy:reasons" if own else "https://defib-coverage.example/reasons"
    return feedback(card.id, reason_code=reason, reason_system=system, **when)
