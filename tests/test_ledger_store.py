"""Rows of the ledger: appended once, all or none, one after another whoever writes."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import insert, text

from command_line import environment
from databases import emptied
from defib_coverage.database import upgrade as upgrading
from defib_coverage.database.engine import open_database, read_url
from defib_coverage.database.tables import FEEDBACK, REVISION, TABLES
from defib_coverage.database.upgrade import check, upgrade
from defib_coverage.errors import SettingsError
from defib_coverage.ledger.records import Answered
from defib_coverage.ledger.store import Store, StoreError
from ledgers import KEY, breaches, call, decision, feedback, positions, rows

pytest_plugins = ("databases",)
DAY_ONE = date(2026, 11, 22)
# Several of these append at once.
APPENDER = """
import sys
sys.path.insert(0, sys.argv[2])
from defib_coverage.database.engine import read_url
from defib_coverage.ledger.records import Answered
from defib_coverage.ledger.store import Store
from ledgers import KEY, call
store = Store(read_url(sys.argv[1]), KEY)
print("ready", flush=True)
sys.stdin.readline()
for number in range(40):
    store.append([call(number), call(number)])
store.close()
"""


def _store(url: str, day: date = DAY_ONE) -> Store:
    return Store(read_url(url), KEY, lambda: day)


def test_what_is_appended_stands_there_as_it_was(database: str) -> None:
    one = decision(1)
    with closing(_store(database)) as store:
        store.append([call(5, orders=2), feedback(one.cards[0].id)])
        store.append([call(9)])
    found = rows(database)
    assert [(row.position, row.assertion_id) for row in found] == [
        (1, f"{5:032x}"),
        (2, f"{6:032x}"),
        (4, f"{9:032x}"),
    ]
    assert found[0].determination == b"\x00\xffpacked"
    assert found[0].milliseconds == 1.234
    assert found[0].service_date == date(2026, 11, 20)
    assert len({row.link for row in found}) == 3
    assert [row.position for row in rows(database, FEEDBACK)] == [3]
    assert breaches(database) == []


def test_a_day_follows_the_day_before(database: str) -> None:
    for number in (0, 1, 3):
        with closing(_store(database, DAY_ONE + timedelta(days=number))) as store:
            store.append([call(number)])
    # The clock of another machine is behind: what it appends comes after all the same.
    with closing(_store(database, DAY_ONE)) as store:
        store.append([call(9)])
    assert [(row.day.day, row.position) for row in rows(database)] == [
        (22, 1),
        (23, 1),
        (25, 1),
        (25, 2),
    ]
    assert breaches(database) == []


def test_feedback_finds_its_decision_also_of_the_same_batch(database: str) -> None:
    before, together = decision(1), decision(2)
    with closing(_store(database)) as store:
        store.append([Answered((before,))])
        store.append(
            [
                Answered((together,)),
                feedback(before.cards[1].id),
                feedback(together.cards[0].id),
                feedback("no-such-card"),
            ]
        )
    found = [row.decision for row in rows(database, FEEDBACK)]
    assert found == [before.id, together.id, None]


def test_the_same_answer_is_kept_once(database: str) -> None:
    with closing(_store(database)) as store:
        store.append([feedback("card", "said"), feedback("card", "said"), feedback("card")])
        store.append([feedback("card", "said")])
    assert len(rows(database, FEEDBACK)) == 2
    assert positions(database) == [1, 2]
    assert breaches(database) == []


def test_what_may_be_there_already_is_left_out(database: str) -> None:
    records = [call(number) for number in range(5)]
    with closing(_store(database)) as store:
        store.append(records[:3])
        store.append(records, again=True)
        store.append(records, again=True)
    assert len(rows(database)) == 5
    assert breaches(database) == []


def test_all_of_a_batch_is_kept_or_none(database: str) -> None:
    twice = call(1)
    with closing(_store(database)) as store:
        store.append([call(0)])
        with pytest.raises(StoreError, match=r"UniqueViolation|IntegrityError"):
            store.append([call(2), twice, twice])
        store.append([call(3)])
    assert [row.assertion_id[-1] for row in rows(database)] == ["0", "3"]
    assert positions(database) == [1, 2]
    assert breaches(database) == []


def test_processes_that_append_at_once_make_one_chain(database: str) -> None:
    command = [sys.executable, "-c", APPENDER, database, str(Path(__file__).parent)]
    workers = [
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(), text=True
        )
        for _ in range(3)
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        worker.communicate("go\n", timeout=120)
        assert worker.returncode == 0
    assert positions(database) == list(range(1, 241))
    assert breaches(database) == []


# ------------------------------------------------------------------------------------------ tables


def test_the_steps_make_the_tables_of_this_version(database: str) -> None:
    engine = open_database(read_url(database))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, TABLES) == []
    engine.dispose()
    steps = Path(upgrading.__file__).parent / "migrations"
    assert ScriptDirectory(str(steps)).get_heads() == [REVISION]
    assert upgrade(read_url(database)) == (REVISION, REVISION)


def test_used_tokens_of_before_there_were_steps_are_kept(empty_database: str) -> None:
    url = read_url(empty_database)
    engine = open_database(url)
    with engine.connect() as connection:
        used = TABLES.tables["used_token"]
        used.create(connection)
        connection.execute(insert(used).values(("issuer", "jti", 1.0)))
    with pytest.raises(SettingsError, match="Run defib-coverage db upgrade"):
        check(url)
    assert upgrade(url) == (None, REVISION)
    check(url)
    with engine.connect() as connection:
        assert connection.execute(text("select count(*) from used_token")).scalar() == 1
    engine.dispose()


def test_tables_of_a_later_version_are_refused(database: str) -> None:
    engine = open_database(read_url(database))
    with engine.connect() as connection:
        connection.execute(text("update alembic_version set version_num = '9999'"))
    engine.dispose()
    for use in (check, upgrade):
        with pytest.raises(SettingsError, match="later version"):
            use(read_url(database))


def test_only_a_new_file_gets_its_tables_by_itself(postgresql: str, tmp_path: Path) -> None:
    check(read_url(f"sqlite:///{tmp_path}/new.db"))
    assert rows(f"sqlite:///{tmp_path}/new.db") == []
    with pytest.raises(SettingsError, match="Run defib-coverage db upgrade"):
        check(read_url(emptied(postgresql)))
