"""The memory of used tokens: in one process, in SQLite and in PostgreSQL."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from command_line import ROOT
from defib_coverage.errors import RequestError, SettingsError
from defib_coverage.hooks.trust.replay import TokensInMemory
from defib_coverage.hooks.trust.replay_database import TokensInDatabase
from tokens import ISSUER, NOW, Clock, caller, refusal, token, trusting

pytest_plugins = ("databases",)
# Several of these race for the same ids: each prints how many it won.
RACER = f"""
import asyncio, sys
from defib_coverage.hooks.trust.replay_database import TokensInDatabase
tokens = TokensInDatabase(sys.argv[1], lambda: {NOW})
print("ready", flush=True)
sys.stdin.readline()
async def race():
    ids = [f"jti-{{n % 100}}" for n in range(300)]
    return sum(await asyncio.gather(*(tokens.remember("i", j, {NOW} + 300) for j in ids)))
print(asyncio.run(race()))
tokens.close()
"""


def remember(
    tokens: TokensInDatabase | TokensInMemory, jti: str, expires: float = NOW + 300
) -> bool:
    return asyncio.run(tokens.remember(ISSUER, jti, expires))


def rows(url: str) -> int:
    engine = create_engine(url)
    with engine.connect() as connection:
        found = connection.execute(text("select count(*) from used_token")).scalar_one()
    engine.dispose()
    return int(found)


# ---------------------------------------------------------------------------------------- database


def test_workers_share_what_they_saw(database: str) -> None:
    with (
        closing(TokensInDatabase(database, Clock())) as one,
        closing(TokensInDatabase(database, Clock())) as two,
    ):
        assert remember(one, "1")
        assert not remember(one, "1")
        assert not remember(two, "1")
        assert remember(two, "2")
        assert not remember(one, "2")
        assert asyncio.run(one.remember("https://o.example", "1", NOW + 300))


def test_a_replay_at_another_worker_is_refused(
    database: str, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        closing(trusting(used=TokensInDatabase(database, Clock()))) as one,
        closing(trusting(used=TokensInDatabase(database, Clock()))) as two,
    ):
        good = token()
        assert caller(one, good).id == "ehr"
        assert refusal(caplog, two, good) == "token-replayed client=ehr"


def test_a_worker_that_starts_again_still_knows(database: str) -> None:
    with closing(TokensInDatabase(database, Clock())) as before:
        assert remember(before, "1")
    with closing(TokensInDatabase(database, Clock())) as after:
        assert not remember(after, "1")


@pytest.mark.parametrize(
    "jti", ["\0", "a\0b", "\N{WINKING FACE}", "'; drop table used_token; --", "j" * 256]
)
def test_any_id_can_be_remembered(database: str, jti: str) -> None:
    with (
        closing(TokensInDatabase(database, Clock())) as one,
        closing(TokensInDatabase(database, Clock())) as two,
    ):
        assert remember(one, jti)
        assert not remember(two, jti)
        assert remember(two, jti + "x")


def test_ids_are_not_kept_as_they_are(tmp_path: Path) -> None:
    with closing(TokensInDatabase(f"sqlite:///{tmp_path}/tokens", Clock())) as tokens:
        assert remember(tokens, "an-id-that-can-be-found")
    assert not any(b"an-id-that-can-be" in path.read_bytes() for path in tmp_path.iterdir())


def test_of_several_processes_one_wins(database: str) -> None:
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, database],
            env={"PYTHONPATH": str(ROOT / "service")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    won = [int(racer.communicate(timeout=60)[0]) for racer in racers]
    assert sum(won) == 100
    assert rows(database) == 100


def test_ended_tokens_are_purged(database: str) -> None:
    clock = Clock()
    with closing(TokensInDatabase(database, clock)) as tokens:
        for number in range(20):
            assert remember(tokens, f"early-{number}")
        assert remember(tokens, "late", NOW + 5000)
        clock.time = NOW + 2000
        assert remember(tokens, "next", NOW + 2300)
        assert rows(database) == 2
    with closing(TokensInDatabase(database, clock)) as again:
        assert not remember(again, "late", NOW + 5000)


def test_a_token_that_may_still_be_good_elsewhere_is_not_purged(database: str) -> None:
    """The clocks of machines differ."""
    clock = Clock()
    with closing(TokensInDatabase(database, clock)) as tokens:
        assert remember(tokens, "1", NOW + 300)
        clock.time = NOW + 400
        assert remember(tokens, "2", NOW + 700)
    with closing(TokensInDatabase(database, Clock())) as slow:
        assert not remember(slow, "1", NOW + 300)


def test_a_database_that_fails_lets_nobody_in(
    database: str, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(trusting(used=TokensInDatabase(database, Clock()))) as trust:
        assert caller(trust, token(jti="before")).id == "ehr"
        engine = create_engine(database, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text("drop table used_token"))
        engine.dispose()
        with pytest.raises(RequestError) as caught:
            caller(trust, token(jti="after"))
        assert (caught.value.status, caught.value.code) == (503, "transient")
        assert "used_token" not in caught.value.message
        assert "insert" not in caplog.text.lower()


def test_sqlite_writes_ahead(tmp_path: Path) -> None:
    """A worker that reads does not keep another from writing."""
    url = f"sqlite:///{tmp_path}/tokens"
    with closing(TokensInDatabase(url, Clock())) as tokens:
        engine = create_engine(url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text("begin"))
            connection.execute(text("select count(*) from used_token")).scalar_one()
            assert remember(tokens, "1")
            connection.execute(text("rollback"))
        engine.dispose()


def test_a_locked_database_is_not_waited_for_without_end(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/tokens"
    with closing(TokensInDatabase(url, Clock())) as tokens:
        engine = create_engine(url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text("begin immediate"))
            with pytest.raises(RequestError) as caught:
                remember(tokens, "1")
            connection.execute(text("rollback"))
        engine.dispose()
        assert caught.value.status == 503
        assert remember(tokens, "1")


def test_a_postgresql_that_starts_again_is_used_again(postgresql_database: str) -> None:
    with closing(TokensInDatabase(postgresql_database, Clock())) as tokens:
        assert remember(tokens, "before the end")
        engine = create_engine(postgresql_database, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(
                text(
                    "select pg_terminate_backend(pid) from pg_stat_activity "
                    "where pid <> pg_backend_pid() and datname = 'postgres'"
                )
            )
        engine.dispose()
        assert remember(tokens, "after the end")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "tokens.sqlite",
        "sqlite://",
        "sqlite:///:memory:",
        "mysql://user:secret@host/name",
        "postgresql://user:secret@host/name",
        "postgresql+asyncpg://user:secret@host/name",
        "postgresql+psycopg://user:secret@127.0.0.1:1/name",
        "sqlite:////nowhere/at/all/tokens",
    ],
)
def test_a_database_that_cannot_be_used_refuses_to_start(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        TokensInDatabase(url, Clock())
    assert str(caught.value).startswith("DEFIB_COVERAGE_DATABASE: ")
    assert "secret" not in str(caught.value)


# ------------------------------------------------------------------------------------------ memory


def test_memory_is_bounded_and_fails_closed() -> None:
    clock = Clock()
    tokens = TokensInMemory(clock, most=3)
    assert all(remember(tokens, str(number), NOW + 10 + number) for number in range(3))
    assert not remember(tokens, "1")
    with pytest.raises(RequestError) as caught:
        remember(tokens, "one more")
    assert caught.value.status == 503
    clock.time = NOW + 11.5
    assert remember(tokens, "one more")
    assert not remember(tokens, "2")
    assert remember(tokens, "0")


def test_memory_that_starts_again_has_forgotten() -> None:
    assert remember(TokensInMemory(Clock()), "1")
    assert remember(TokensInMemory(Clock()), "1")


def test_memory_tells_issuers_and_ids_apart() -> None:
    tokens = TokensInMemory(Clock())

    async def pairs() -> list[bool]:
        given = [("a", "b c"), ("a b", "c"), ("a", "b"), ("a", "b\0"), ("a", "B")]
        return [await tokens.remember(*pair, NOW + 1) for pair in given]

    assert asyncio.run(pairs()) == [True] * 5
