"""In the ledger, feedback stands once, with the decision that it is about, also after a spool."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from defib_coverage.database.engine import open_database, read_url
from defib_coverage.database.tables import DECISION, FEEDBACK
from defib_coverage.ledger.ledger import Given, Ledger
from defib_coverage.ledger.matching import about
from defib_coverage.ledger.records import Answered, LedgerError
from defib_coverage.ledger.secrets import Secrets
from defib_coverage.ledger.spool import new_spool
from defib_coverage.ledger.store import Store
from defib_coverage.ledger.writer import Writer
from ledgers import KEY, SECRET, breaches, call, decision, feedback, held, rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from defib_coverage.ledger.records import Record

pytest_plugins = ("databases",)
_PATIENCE = 30


def _ledger(url: str, folder: Path, *, spools: bool = False) -> Ledger:
    writer = Writer(Store(read_url(url), KEY), folder, spools=spools)
    return Ledger(writer, Secrets(SECRET), "determination")


def _given(card: str, comment: str | None = None, client: str | None = "ehr") -> Given:
    return Given("defibrillator-order-sign", client, card, "overridden", comment=comment)


def _keep(writer: Writer, *records: Record) -> None:
    async def keep() -> None:
        await asyncio.gather(*(writer.keep(record) for record in records))

    asyncio.run(keep())


def _wait(until: Callable[[], object]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not until():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_repeat_stands_once_in_one_batch_and_over_several(database: str, tmp_path: Path) -> None:
    with closing(_ledger(database, tmp_path)) as ledger:
        one, other = _given("card", "a"), _given("card", "b")
        for batch in ((one, one, other), (other,), (one, other)):
            asyncio.run(ledger.answer(*batch))
    comments = [Secrets(SECRET).open(row.comment) for row in rows(database, FEEDBACK)]
    assert comments == [b"a", b"b"]
    assert breaches(database) == []


def test_what_two_clients_say_alike_are_two_answers(database: str, tmp_path: Path) -> None:
    with closing(_ledger(database, tmp_path)) as ledger:
        asyncio.run(ledger.answer(_given("card", client="north"), _given("card", client="south")))
    assert [row.client for row in rows(database, FEEDBACK)] == ["north", "south"]


def test_two_writers_keep_one_of_what_both_are_told_at_once(database: str, tmp_path: Path) -> None:
    async def tell(*ledgers: Ledger) -> None:
        given = [_given(f"card-{number}") for number in range(20)]
        await asyncio.gather(*(ledger.answer(*given) for ledger in ledgers * 3))

    with closing(_ledger(database, tmp_path)) as one, closing(_ledger(database, tmp_path)) as other:
        asyncio.run(tell(one, other))
    assert len(rows(database, FEEDBACK)) == 20
    assert breaches(database) == []


def test_feedback_finds_its_decision_by_the_card_and_the_client_that_got_it(
    database: str,
) -> None:
    north, open_to_all = decision(client="north"), decision(client=None)
    ours, theirs = north.cards[0].id, open_to_all.cards[0].id
    with closing(Store(read_url(database), KEY)) as store:
        store.append([call(cards=0), *(Answered((d,)) for d in (north, open_to_all))])
        store.append(
            [
                feedback(ours, client="north"),
                feedback(ours, client="south"),
                feedback(theirs, client=None),
                feedback("unknown", client="north"),
            ]
        )
    found = [row.decision for row in rows(database, FEEDBACK)]
    assert found == [north.id, None, open_to_all.id, None]


def test_feedback_for_a_card_of_the_spool_is_kept_after_it_and_finds_it(
    database: str, tmp_path: Path
) -> None:
    one = decision()
    with closing(Writer(Store(read_url(database), KEY), tmp_path / "spool", spools=True)) as writer:
        with held(database):
            _keep(writer, Answered((one,)))
            _keep(writer, feedback(one.cards[0].id, "said"))
        # The database could be written to, but what waits comes first.
        _keep(writer, feedback(one.cards[1].id), feedback(one.cards[0].id, "said"))
        _wait(lambda: len(rows(database, FEEDBACK)) == 2)
    assert [row.decision for row in rows(database, FEEDBACK)] == [one.id, one.id]
    assert len(rows(database, DECISION)) == 1
    assert breaches(database) == []


def test_feedback_waits_for_what_another_process_left_behind(database: str, tmp_path: Path) -> None:
    one = decision()
    folder = tmp_path / "spool"
    with closing(new_spool(folder)) as left:
        left.append([Answered((one,))])
    with held(database):
        writer = Writer(Store(read_url(database), KEY), folder, spools=True)
        _wait(lambda: writer.down)
    with closing(writer):
        _keep(writer, feedback(one.cards[0].id))
    assert [row.decision for row in rows(database, FEEDBACK)] == [one.id]


def test_a_decision_that_another_process_keeps_later_is_found_from_the_feedback(
    database: str,
) -> None:
    ours, open_to_all, early = decision(), decision(client=None), decision()
    with closing(Store(read_url(database), KEY)) as store:
        store.append([Answered((early,)), feedback(early.cards[0].id)])
        store.append([feedback(one.cards[0].id, client=one.client) for one in (ours, open_to_all)])
        store.append([feedback(ours.cards[0].id, client="south"), feedback("unknown")])
        store.append([Answered((ours, open_to_all))])
    engine = open_database(read_url(database), transactions="read")
    with engine.connect() as connection:
        found = connection.execute(select(about()).order_by(FEEDBACK.c.position)).scalars().all()
    engine.dispose()
    assert found == [early.id, ours.id, open_to_all.id, None, None]


def test_without_a_spool_what_cannot_be_kept_is_refused(database: str, tmp_path: Path) -> None:
    with closing(_ledger(database, tmp_path)) as ledger:
        with held(database), pytest.raises(LedgerError):
            asyncio.run(ledger.answer(_given("card"), _given("other")))
        assert rows(database, FEEDBACK) == []
        asyncio.run(ledger.answer(_given("card"), _given("other")))
    assert len(rows(database, FEEDBACK)) == 2


def test_an_id_that_may_be_any_text_is_kept_as_a_digest_only(database: str, tmp_path: Path) -> None:
    name = "Mrs. Agnes Underhill"
    ours = ("6f2d3c1e-0b7a-4a4e-9a53-1c5d7e8f9a0b", "6F2D3C1E-0B7A-4A4E-9A53-1C5D7E8F9A0B")
    given = [
        Given("defibrillator-order-sign", "ehr", card, "accepted", suggestions=(name, *ours))
        for card in (name, name, name + "!", ours[0], ours[0] + "\n")
    ]
    with closing(_ledger(database, tmp_path)) as ledger:
        for batch in (given, given[1:3]):
            asyncio.run(ledger.answer(*batch))
    kept = rows(database, FEEDBACK)
    digest = Secrets(SECRET).digest
    cards = [digest("card", name), digest("card", name + "!"), ours[0]]
    assert [row.card for row in kept] == [*cards, digest("card", ours[0] + "\n")]
    told = [digest("suggestion", name), *ours]
    assert [json.loads(row.suggestions) for row in kept] == [told] * 4
    assert "Agnes" not in repr(kept)


def test_a_comment_waits_encrypted_in_the_spool_too(database: str, tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    with closing(_ledger(database, folder, spools=True)) as ledger, held(database):
        asyncio.run(ledger.answer(_given("card", "Mrs. Agnes Underhill")))
        (spool,) = folder.iterdir()
        text = spool.read_bytes()
        assert b"card" in text
        assert b"Agnes" not in text
