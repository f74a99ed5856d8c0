"""The writer: what is acknowledged is kept, once and in order, whatever the database does."""

from __future__ import annotations

import asyncio
import hashlib
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from defib_coverage.database.engine import read_url
from defib_coverage.database.tables import FEEDBACK
from defib_coverage.ledger.records import Answered, LedgerError
from defib_coverage.ledger.spool import Spool, left_behind, new_spool
from defib_coverage.ledger.store import Store, StoreError
from defib_coverage.ledger.writer import Writer
from ledgers import KEY, breaches, call, feedback, rows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from defib_coverage.ledger.records import Record

pytest_plugins = ("databases",)


class Moody(Store):
    """A store whose database is down when told so, before or after it has written."""

    def __init__(self, url: str) -> None:
        super().__init__(read_url(url), KEY)
        self.mood = "up"
        self.transactions = 0

    def append(self, records: Sequence[Record], *, again: bool = False) -> None:
        if self.mood == "down":
            raise _down()
        self.transactions += 1
        super().append(records, again=again)
        if self.mood == "silent":
            raise _down()


def _down() -> StoreError:
    return StoreError("OperationalError")


async def _keep(writer: Writer, records: Sequence[Record]) -> list[BaseException | None]:
    return list(await asyncio.gather(*(writer.keep(r) for r in records), return_exceptions=True))


def _number(record: Answered) -> str:
    return str(record.decisions[0].assertion_id)


def _kept(url: str) -> list[str]:
    return [row.assertion_id for row in rows(url)]


def test_calls_that_come_together_share_a_transaction(database: str, tmp_path: Path) -> None:
    store = Moody(database)
    records = [call(number) for number in range(200)]
    with closing(Writer(store, tmp_path, spools=False)) as writer:
        assert asyncio.run(_keep(writer, records)) == [None] * 200
        assert writer.waiting == 0
    assert store.transactions < 50
    assert _kept(database) == [_number(one) for one in records]
    assert breaches(database) == []


def test_what_waits_is_written_before_the_end(database: str, tmp_path: Path) -> None:
    writer = Writer(Store(read_url(database), KEY), tmp_path, spools=False)

    async def begun() -> None:
        tasks = [asyncio.create_task(writer.keep(call(number))) for number in range(100)]
        await asyncio.sleep(0)
        writer.close()
        await asyncio.gather(*tasks)

    asyncio.run(begun())
    assert len(rows(database)) == 100


def test_without_a_spool_what_cannot_be_kept_is_refused(database: str, tmp_path: Path) -> None:
    store = Moody(database)
    with closing(Writer(store, tmp_path, spools=False)) as writer:
        store.mood = "down"
        (found,) = asyncio.run(_keep(writer, [call(1)]))
        assert isinstance(found, LedgerError)
        assert writer.down
        store.mood = "up"
        assert asyncio.run(_keep(writer, [call(2)])) == [None]
        assert not writer.down
    assert _kept(database) == [f"{2:032x}"]


def test_a_spool_keeps_the_order_and_is_replayed_once(database: str, tmp_path: Path) -> None:
    store = Moody(database)
    records = [call(number) for number in range(60)]
    folder = tmp_path / "spool"
    with closing(Writer(store, folder, spools=True)) as writer:
        assert asyncio.run(_keep(writer, records[:10])) == [None] * 10
        store.mood = "down"
        assert asyncio.run(_keep(writer, records[10:30])) == [None] * 20
        assert asyncio.run(_keep(writer, records[30:50])) == [None] * 20
        assert len(rows(database)) == 10
        store.mood = "up"
        # Without any further call.
        deadline = time.monotonic() + 20
        while writer.down and time.monotonic() < deadline:
            time.sleep(0.05)
        assert asyncio.run(_keep(writer, records[50:])) == [None] * 10
    assert _kept(database) == [_number(one) for one in records]
    assert breaches(database) == []
    assert list(folder.iterdir()) == []


def test_a_commit_that_was_not_answered_is_found_again(database: str, tmp_path: Path) -> None:
    store = Moody(database)
    records: list[Record] = [call(number) for number in range(10)]
    with closing(Writer(store, tmp_path, spools=True)) as writer:
        store.mood = "silent"
        assert asyncio.run(_keep(writer, records)) == [None] * 10
        store.mood = "up"
    assert len(rows(database)) == 10
    assert breaches(database) == []


def test_feedback_on_a_card_in_the_spool_finds_its_decision(database: str, tmp_path: Path) -> None:
    store = Moody(database)
    one = call(1)
    with closing(Writer(store, tmp_path, spools=True)) as writer:
        store.mood = "down"
        card = one.decisions[0].cards[0].id
        assert asyncio.run(_keep(writer, [one, feedback(card)])) == [None, None]
        store.mood = "up"
    assert [row.decision for row in rows(database, FEEDBACK)] == [one.decisions[0].id]


@pytest.mark.parametrize("spools", [True, False])
def test_the_spool_of_a_process_that_ended_is_adopted(
    database: str, tmp_path: Path, *, spools: bool
) -> None:
    records = [call(number) for number in range(5)]
    spool = new_spool(tmp_path)
    spool.append(records)
    assert left_behind(tmp_path) == []  # while it is held
    spool.close()
    with spool.path.open("ab") as cut:
        cut.write(b"0123456789abcdef {half a li")
    with closing(Writer(Store(read_url(database), KEY), tmp_path, spools=spools)) as writer:
        assert asyncio.run(_keep(writer, [call(9)])) == [None]
    assert _kept(database) == [*map(_number, records), f"{9:032x}"]
    assert list(tmp_path.glob("*.spool")) == []


@pytest.mark.parametrize("spools", [True, False])
def test_a_changed_line_is_left_out_and_set_aside(
    database: str, tmp_path: Path, *, spools: bool
) -> None:
    spool = new_spool(tmp_path)
    spool.append([call(number) for number in range(3)])
    spool.close()
    lines = spool.path.read_bytes().splitlines(keepends=True)
    lines[1] = lines[1].replace(b"conditional", b"not-covered")
    spool.path.write_bytes(b"".join(lines))
    Writer(Store(read_url(database), KEY), tmp_path, spools=spools).close()
    assert [row.status for row in rows(database)] == ["conditional"] * 2
    assert spool.path.with_suffix(".damaged").read_bytes() == b"".join(lines)


def test_a_spool_that_cannot_be_written_refuses(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="exists"):
        new_spool(tmp_path / "file")


def test_a_spool_says_whether_records_wait(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "one.spool")
    assert not spool
    spool.append([call(1)])
    assert spool
    part = spool.oldest(10)
    assert (len(part.records), part.damaged) == (1, 0)
    assert spool.took(part) == 0
    assert not spool
    assert spool.size == 0
    spool.close()
    assert list(tmp_path.iterdir()) == []


def test_a_line_of_another_version_is_set_aside(database: str, tmp_path: Path) -> None:
    spool = new_spool(tmp_path)
    spool.append([call(1)])
    spool.close()
    text = b'{"type":"other"}'
    digest = hashlib.blake2b(text, digest_size=16).hexdigest().encode()
    with spool.path.open("ab") as more:
        more.write(digest + b" " + text + b"\n")
    Writer(Store(read_url(database), KEY), tmp_path, spools=True).close()
    assert len(rows(database)) == 1
    assert text in spool.path.with_suffix(".damaged").read_bytes()


def test_spools_are_replayed_oldest_first(database: str, tmp_path: Path) -> None:
    for number in range(8):
        spool = new_spool(tmp_path)
        spool.append([call(number)])
        spool.close()
    Writer(Store(read_url(database), KEY), tmp_path, spools=True).close()
    assert _kept(database) == [f"{number:032x}" for number in range(8)]


def test_calls_do_not_wait_for_all_of_a_spool(database: str, tmp_path: Path) -> None:
    spool = new_spool(tmp_path)
    spool.append([call(number, cards=0) for number in range(5000)])
    spool.close()
    slow = Slow(database)
    with closing(Writer(slow, tmp_path, spools=True)) as writer:
        begin = time.monotonic()
        assert asyncio.run(_keep(writer, [call(9999)])) == [None]
        waited = time.monotonic() - begin
        slow.seconds = 0.0
    # Ten parts of half a second each wait there.
    assert waited < 3
    assert len(rows(database)) == 5001
    assert _kept(database)[-1] == f"{9999:032x}"


class Slow(Store):
    """A store whose transactions take their time."""

    def __init__(self, url: str) -> None:
        super().__init__(read_url(url), KEY)
        self.seconds = 0.5

    def append(self, records: Sequence[Record], *, again: bool = False) -> None:
        time.sleep(self.seconds)
        super().append(records, again=again)


class Faulty(Store):
    """A store with a fault of its own."""

    def __init__(self, url: str) -> None:
        super().__init__(read_url(url), KEY)
        self.faulty = True

    def append(self, records: Sequence[Record], *, again: bool = False) -> None:
        if self.faulty:
            raise OverflowError
        super().append(records, again=again)


def test_a_fault_of_the_writer_refuses_and_the_next_call_is_kept(
    database: str, tmp_path: Path
) -> None:
    store = Faulty(database)
    with closing(Writer(store, tmp_path, spools=False)) as writer:
        (found,) = asyncio.run(_keep(writer, [call(1)]))
        assert isinstance(found, LedgerError)
        store.faulty = False
        assert asyncio.run(_keep(writer, [call(2)])) == [None]
    assert _kept(database) == [f"{2:032x}"]


def test_who_asks_without_a_record_learns_whether_one_could_be_kept(
    database: str, tmp_path: Path
) -> None:
    store = Moody(database)
    with closing(Writer(store, tmp_path, spools=False)) as writer:
        asyncio.run(writer.probe())
        assert asyncio.run(_keep(writer, [call(1)])) == [None]
        asyncio.run(writer.probe())
        store.mood = "down"
        with pytest.raises(LedgerError):
            asyncio.run(writer.probe())
    assert len(rows(database)) == 1
    assert breaches(database) == []
