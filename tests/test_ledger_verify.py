"""The chain: whoever changes, deletes or puts in anything is noticed; who does nothing is not."""

from __future__ import annotations

import threading
from contextlib import closing, contextmanager
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sqlalchemy import Date, Float, Integer, LargeBinary, delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from defib_coverage.database.engine import open_database, open_reader, read_url
from defib_coverage.database.tables import CARD, DAY, DECISION, FEEDBACK, TAIL
from defib_coverage.ledger.records import Answered
from defib_coverage.ledger.store import Store
from defib_coverage.ledger.verify import verify
from ledgers import KEY, breaches, call, decision, feedback

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Column, Connection, Engine, Table

pytest_plugins = ("databases",)
DAY_ONE = date(2026, 11, 19)
DAYS = 4
TABLES = (DAY, DECISION, CARD, FEEDBACK)
WORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
# What a column of SQLite may hold, whatever its type.
ANYTHING = st.one_of(st.none(), WORDS, st.binary(max_size=8), st.integers(-9, 9), st.floats())
many = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _fill(url: str) -> None:
    """Four days: two that are purged, two that are not."""
    for number in range(DAYS):
        day = DAY_ONE + timedelta(days=number)
        with closing(Store(read_url(url), KEY, lambda day=day: day)) as store:  # type: ignore[misc]
            one = decision(number, client=None, order_code=None)
            store.append([call(number, orders=2), call(number, cards=0, determination=None)])
            store.append([feedback(str(uuid4())), call(number)])
            store.append([Answered((one,)), feedback(one.cards[0].id, comment=None)])
    with closing(Store(read_url(url), KEY, lambda: DAY_ONE + timedelta(days=DAYS - 1))) as store:
        assert [store.purge(1), store.purge(1), store.purge(1)] == [
            DAY_ONE,
            DAY_ONE + timedelta(days=1),
            None,
        ]


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    """A ledger of each kind of database."""
    _fill(database)
    assert breaches(database) == []
    made = open_database(read_url(database), transactions="write")
    yield made
    made.dispose()


@contextmanager
def trying(engine: Engine) -> Iterator[Connection]:
    """A transaction that leaves nothing behind; what the database refuses is no example."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            driver = connection.connection.driver_connection
            assert driver is not None
            driver.text_factory = lambda raw: raw.decode("utf-8", "replace")
        try:
            yield connection
        except DBAPIError:
            assume(condition=False)
        finally:
            connection.rollback()


def noticed(connection: Connection) -> bool:
    # To its end: a cursor that is left open is the server's.
    return bool([state for state in verify(connection, KEY) if state.breaches])


def raw(connection: Connection, table: Table) -> list[tuple[Any, ...]]:
    """The rows as the driver gives them, each value with its type."""
    found = connection.exec_driver_sql(f"SELECT * FROM {table.name}").all()  # noqa: S608 - ours
    return sorted((tuple((type(v).__name__, repr(v)) for v in row) for row in found), key=repr)


def value_of(column: Column[Any], engine: Engine) -> st.SearchStrategy[Any]:
    """What somebody may write into a column."""
    if engine.dialect.name == "sqlite":
        return ANYTHING
    if isinstance(column.type, Date):
        return st.dates(date(2026, 11, 17), date(2026, 11, 24))
    if isinstance(column.type, Integer):
        return st.integers(-3, 20)
    if isinstance(column.type, Float):
        return st.floats(allow_nan=False)
    return st.binary(max_size=8) if isinstance(column.type, LargeBinary) else WORDS


def some_row(connection: Connection, table: Table, data: st.DataObject) -> Any:  # noqa: ANN401
    rows = connection.execute(
        select(table.primary_key.columns[0]).order_by("day")
        if table is not CARD
        else select(CARD.c.id).order_by(CARD.c.decision, CARD.c.kind)
    ).all()
    return rows[data.draw(st.integers(0, len(rows) - 1))][0]


@many
@given(data=st.data())
def test_any_value_that_is_changed_is_noticed(engine: Engine, data: st.DataObject) -> None:
    table = data.draw(st.sampled_from(TABLES))
    column = data.draw(st.sampled_from([*table.columns]))
    key = table.primary_key.columns[0]
    with trying(engine) as connection:
        before = raw(connection, table)
        row = some_row(connection, table, data)
        parameters = {"value": data.draw(value_of(column, engine)), "row": row}
        if engine.dialect.name == "sqlite" and isinstance(row, date):
            parameters["row"] = row.isoformat()
        statement = f"UPDATE {table.name} SET {column.name} = :value WHERE {key.name} = :row"  # noqa: S608
        connection.execute(text(statement), parameters)
        assume(raw(connection, table) != before)
        assert noticed(connection)


@many
@given(data=st.data())
def test_any_row_that_is_deleted_is_noticed(engine: Engine, data: st.DataObject) -> None:
    table = data.draw(st.sampled_from(TABLES))
    with trying(engine) as connection:
        row = some_row(connection, table, data)
        if table is DECISION and data.draw(st.booleans()):
            connection.execute(delete(CARD).where(CARD.c.decision == row))
        connection.execute(delete(table).where(table.primary_key.columns[0] == row))
        assert noticed(connection)


@many
@given(data=st.data())
def test_any_row_that_is_put_in_is_noticed(engine: Engine, data: st.DataObject) -> None:
    table = data.draw(st.sampled_from(TABLES))
    key = table.primary_key.columns[0]
    with trying(engine) as connection:
        row = some_row(connection, table, data)
        copy = dict(connection.execute(select(table).where(key == row)).mappings().one())
        if table is DAY:
            copy["day"] = data.draw(st.dates(date(2026, 11, 10), date(2026, 11, 30)))
        else:
            copy["id"] = str(uuid4())
        if "position" in copy:
            copy["position"] = data.draw(st.integers(-2, 12))
            copy["day"] = data.draw(st.dates(date(2026, 11, 17), date(2026, 11, 24)))
        if table is FEEDBACK:
            copy["said"] = str(uuid4())
        if table is CARD and engine.dialect.name == "sqlite" and data.draw(st.booleans()):
            copy["decision"] = str(uuid4())
        connection.execute(insert(table), copy)
        assert noticed(connection)


@many
@given(data=st.data())
def test_rows_that_change_places_are_noticed(engine: Engine, data: st.DataObject) -> None:
    with trying(engine) as connection:
        table = data.draw(st.sampled_from([DECISION, FEEDBACK]))
        one, other = some_row(connection, table, data), some_row(connection, table, data)
        assume(one != other)
        places = {
            row.id: {"day": row.day, "position": row.position}
            for row in connection.execute(select(table).where(table.c.id.in_([one, other])))
        }
        links = data.draw(st.booleans())
        if links:
            for row in connection.execute(select(table).where(table.c.id.in_([one, other]))):
                places[row.id]["link"] = row.link
        nowhere = {"day": date(2000, 1, 1), "position": 0}
        connection.execute(update(table).where(table.c.id == one), nowhere)
        connection.execute(update(table).where(table.c.id == other), places[one])
        connection.execute(update(table).where(table.c.id == one), places[other])
        assert noticed(connection)


@pytest.mark.parametrize("told", [False, True], ids=["", "with the day's length and head"])
@pytest.mark.parametrize("number", range(1, 8))
def test_a_tail_that_is_cut_off_is_noticed(engine: Engine, number: int, *, told: bool) -> None:
    with trying(engine) as connection:
        day = connection.execute(select(DAY).order_by(DAY.c.day.desc()).limit(1)).one()
        length = day.length - number
        lost = select(DECISION.c.id).where(DECISION.c.day == day.day, DECISION.c.position > length)
        connection.execute(delete(CARD).where(CARD.c.decision.in_(lost)))
        for table in (DECISION, FEEDBACK):
            connection.execute(
                delete(table).where(table.c.day == day.day, table.c.position > length)
            )
        if told:
            last = [
                connection.execute(
                    select(table.c.link).where(table.c.day == day.day, table.c.position == length)
                ).scalar()
                for table in (DECISION, FEEDBACK)
            ]
            head = next((link for link in last if link is not None), b"\0" * 32)
            changed = {"length": length, "head": head}
            connection.execute(update(DAY).where(DAY.c.day == day.day), changed)
        assert noticed(connection)


def test_an_older_state_is_told_by_its_last_link_only(engine: Engine, database: str) -> None:
    def head() -> str:
        with engine.connect() as connection:
            *_, last = verify(connection, KEY)
            connection.rollback()
        return last.head

    noted = head()
    with engine.connect() as connection:
        end = connection.execute(select(TAIL)).one()
        connection.rollback()
    today = DAY_ONE + timedelta(days=DAYS)
    with closing(Store(read_url(database), KEY, lambda: today)) as store:
        store.append([call(1, cards=0)])
    assert head() != noted
    with engine.begin() as connection:
        for table in (DECISION, DAY):
            connection.execute(delete(table).where(table.c.day == today))
    assert breaches(database) == ["the last days are missing, or the row of the end was changed"]
    with engine.begin() as connection:
        connection.execute(update(TAIL).values(day=end.day, seal=end.seal))
    # Who has a copy of the older state can put it in place.
    assert breaches(database) == []
    assert head() == noted


def test_another_key_opens_nothing(engine: Engine, database: str) -> None:
    assert breaches(database, b"another key")[0].startswith("the row of the day was changed")
    del engine


def test_what_is_wrong_is_named_by_its_place(engine: Engine) -> None:
    with trying(engine) as connection:
        changed = DECISION.c.position == 2
        connection.execute(update(DECISION).where(changed), {"status": "covered"})
        found = [b for state in verify(connection, KEY) for b in state.breaches]
        rows = connection.execute(select(DECISION).where(changed).order_by(DECISION.c.day)).all()
    assert [(b.day, b.position, b.what) for b in found] == [
        (str(row.day), 2, f"decision {row.id} was changed, or one before it") for row in rows
    ]


def _changed(engine: Engine, table: Table, **values: str) -> list[tuple[str, int | None, str]]:
    """What is found once a row of the third day was changed."""
    row = text(f"UPDATE {table.name} SET {next(iter(values))} = :value WHERE day = :day")  # noqa: S608
    if table is DECISION:
        row = text(f"{row.text} AND position = 2")
    with trying(engine) as connection:
        day = str(DAY_ONE + timedelta(days=2))
        connection.execute(row, {"value": next(iter(values.values())), "day": day})
        return [(b.day, b.position, b.what) for s in verify(connection, KEY) for b in s.breaches]


DATES = ["infinity", "-infinity", "2026-11-20 BC", "20260-11-20", "2026-11-21"]


@pytest.mark.parametrize("value", DATES)
def test_a_date_that_none_can_hold_is_named_by_its_row(engine: Engine, value: str) -> None:
    third = str(DAY_ONE + timedelta(days=2))
    ((day, position, what),) = _changed(engine, DECISION, service_date=value)
    assert (day, position) == (third, 2)
    assert what.endswith("was changed, or one before it")


@pytest.mark.parametrize("value", DATES)
def test_a_day_that_none_can_hold_is_a_breach(engine: Engine, value: str) -> None:
    if value == "2026-11-21":
        value = "2030-01-01"
    found = _changed(engine, DAY, day=value)
    assert (str(value), None, "the row of the day was changed, or that of the day before") in found


def test_dates_verify_however_the_server_writes_them(engine: Engine) -> None:
    with trying(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL DateStyle = 'German'"))
        assert not noticed(connection)


@pytest.mark.parametrize("value", ["[" * 100_000, '[{"x":' * 100_000, "7", "[[]]", "no json"])
def test_cards_that_cannot_be_read_are_named_by_their_row(engine: Engine, value: str) -> None:
    third = str(DAY_ONE + timedelta(days=2))
    found = _changed(engine, DECISION, cards=value)
    assert [place for *place, _ in found] == [[third, 2], [third, 2]]
    assert "the cards of decision" in found[1][2]


def test_verifying_neither_sees_nor_hinders_who_appends(engine: Engine, database: str) -> None:
    del engine
    reader = open_reader(read_url(database))
    done = threading.Event()

    def append() -> None:
        day = DAY_ONE + timedelta(days=DAYS - 1)
        with closing(Store(read_url(database), KEY, lambda: day)) as store:
            for number in range(20):
                store.append([call(number)])
        done.set()

    with reader.connect() as connection:
        states = verify(connection, KEY)
        first = next(states)
        writer = threading.Thread(target=append)
        writer.start()
        assert done.wait(20)
        writer.join()
        seen = [first, *states]
    reader.dispose()
    assert [state.breaches for state in seen] == [()] * DAYS
    assert seen[-1].length == 7
    assert breaches(database) == []


def test_rows_are_told_as_they_are_looked_at(engine: Engine) -> None:
    told: list[int] = []
    look: Callable[[int], None] = told.append
    with engine.connect() as connection:
        states = list(verify(connection, KEY, look))
        connection.rollback()
    assert sum(told) == sum(state.length for state in states if state.purged is None)
