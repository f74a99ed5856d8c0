"""Purging: old days lose their rows and keep their place in the chain."""

from __future__ import annotations

import time
from contextlib import closing
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, text

from databases import emptied
from defib_coverage.database.engine import open_database, read_url
from defib_coverage.database.tables import CARD, FEEDBACK
from defib_coverage.database.upgrade import upgrade
from defib_coverage.ledger.records import Answered
from defib_coverage.ledger.store import Store, StoreError
from defib_coverage.ledger.writer import Writer
from defib_coverage.logs import Trouble
from ledgers import KEY, breaches, call, decision, feedback, rows

if TYPE_CHECKING:
    from pathlib import Path

pytest_plugins = ("databases",)
DAY_ONE = date(2026, 11, 1)


def _store(url: str, number: int = 0) -> Store:
    return Store(read_url(url), KEY, lambda: DAY_ONE + timedelta(days=number))


def _fill(url: str, days: int) -> None:
    for number in range(days):
        one = decision(number)
        with closing(_store(url, number)) as store:
            store.append([Answered((one,)), feedback(one.cards[0].id), feedback("unknown")])


def _days(url: str) -> list[int]:
    return [row.day.day for row in rows(url)]


def test_days_go_one_by_one_and_the_chain_holds(database: str) -> None:
    _fill(database, 5)
    purged = []
    with closing(_store(database, 4)) as store:
        while (day := store.purge(2)) is not None:
            purged.append(day.day)
            assert breaches(database) == []
            assert _days(database) == list(range(day.day + 1, 6))
    assert purged == [1, 2]
    assert len(rows(database, FEEDBACK)) == 6


def test_what_comes_after_a_purge_follows_on(database: str) -> None:
    _fill(database, 2)
    with closing(_store(database, 100)) as store:
        # The last day stays until another follows.
        assert [store.purge(1), store.purge(1)] == [DAY_ONE, None]
        store.append([call(1)])
        assert [store.purge(1), store.purge(1)] == [DAY_ONE + timedelta(days=1), None]
    assert breaches(database) == []
    assert len(rows(database)) == 1


def test_a_clock_that_ran_ahead_leaves_a_ledger_that_goes_on(database: str) -> None:
    _fill(database, 1)
    with closing(_store(database, 40)) as ahead:
        assert ahead.purge(30) is None
    with closing(_store(database, 1)) as store:
        store.append([call(1)])
    assert breaches(database) == []
    assert len(rows(database)) == 2


@pytest.mark.parametrize("keep", [-5, 0, 1, 10**12])
def test_today_is_never_purged(database: str, keep: int) -> None:
    _fill(database, 2)
    with closing(_store(database, 1)) as store:
        assert store.purge(keep) is None
    assert _days(database) == [1, 2]


def test_a_ledger_without_rows(database: str) -> None:
    with closing(_store(database)) as store:
        assert store.purge(1) is None


def test_a_day_that_is_none(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    upgrade(read_url(url))
    _fill(url, 2)
    engine = open_database(read_url(url))
    with engine.connect() as connection:
        first = {"first": DAY_ONE.isoformat()}
        connection.execute(text("update day set day = '2000-99-99' where day = :first"), first)
    engine.dispose()
    with closing(_store(url, 9)) as store, pytest.raises(StoreError):
        store.purge(1)


def test_a_database_without_tables(postgresql: str) -> None:
    with closing(_store(emptied(postgresql))) as store, pytest.raises(StoreError):
        store.purge(1)


def test_the_service_purges_by_itself(database: str, tmp_path: Path) -> None:
    _fill(database, 4)
    writer = Writer(_store(database, 30), tmp_path, spools=False, keep_days=28)
    deadline = time.monotonic() + 20
    while _days(database) != [3, 4] and time.monotonic() < deadline:
        time.sleep(0.05)
    writer.close()
    assert _days(database) == [3, 4]
    assert breaches(database) == []


def test_a_service_that_cannot_purge_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"sqlite:///{tmp_path}/none.db"
    writer = Writer(_store(url), tmp_path, spools=False, keep_days=1)
    deadline = time.monotonic() + 20
    while not caplog.records and time.monotonic() < deadline:
        time.sleep(0.01)
    writer.close()
    lines = [getattr(record, "line", None) for record in caplog.records]
    assert lines == [Trouble(what="ledger-not-purged", error="OperationalError")]


def test_what_is_purged_is_not_left_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    upgrade(read_url(f"sqlite:///{path}"))
    _fill(f"sqlite:///{path}", 2)
    first, second = (row.id.encode() for row in rows(f"sqlite:///{path}"))
    assert first in path.read_bytes()
    with closing(_store(f"sqlite:///{path}", 2)) as store:
        assert store.purge(1) == DAY_ONE
    held = b"".join(one.read_bytes() for one in tmp_path.iterdir())
    assert first not in held
    assert second in held


def test_cards_go_with_their_decisions(database: str) -> None:
    _fill(database, 2)
    with closing(_store(database, 1)) as store:
        store.append([call(7)])
    with closing(_store(database, 2)) as store:
        assert store.purge(1) == DAY_ONE
    assert len(_rows_of_cards(database)) == 4
    assert breaches(database) == []


def _rows_of_cards(url: str) -> list[str]:
    engine = open_database(read_url(url))
    with engine.connect() as connection:
        found = list(connection.execute(select(CARD.c.id)).scalars())
    engine.dispose()
    return found
