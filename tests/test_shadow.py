"""Drafts tried in the shadow: the answers stay as they are, the ledger says what would differ."""

from __future__ import annotations

import asyncio
import json
import time
import zlib
from contextlib import closing
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from alembic import command
from alembic.config import Config

from command_line import edited_policy, run, words
from defib_coverage.content import load
from defib_coverage.database.engine import open_database, read_url
from defib_coverage.database.tables import DIFFERENCE
from defib_coverage.database.upgrade import upgrade
from defib_coverage.drafts import lay_over
from defib_coverage.fhir.fetching import Fetched, search
from defib_coverage.hooks.evaluation import Evaluator
from defib_coverage.hooks.wire import decode_request
from defib_coverage.ledger.records import Departure, LedgerError, Shadowed
from defib_coverage.ledger.store import Store
from defib_coverage.shadow import Seen, Shadow
from fhir_servers import wild_server
from ledgers import KEY, SECRET, breaches, call, rows
from live_server import (
    bundle,
    condition,
    coverage,
    lvef,
    nyha,
    order,
    patient,
    running,
    sign,
    visit,
)
from served import serving
from test_drafts import edited_set
from test_protocol_metrics import samples, value

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sqlalchemy import Row

    from defib_coverage.ledger.ledger import Departed
    from fhir_servers import Exchange
    from live_server import Json, Live

pytest_plugins = ("databases", "live_server")
DOS = date(2026, 11, 20)
_PATIENCE = 30.0


def chart(days_before: int | None, name: str = "infarction-77") -> list[Json]:
    """A chart that covers but for an infarction some days before the service date."""
    found = [
        patient(),
        coverage(),
        condition("I25.2", "old", onsetDateTime="2019-03-01"),
        condition("I50.22", "failure"),
        lvef(28),
        nyha(),
        visit(),
    ]
    if days_before is not None:
        day = DOS - timedelta(days=days_before)
        found.append(condition("I21.4", name, onsetDateTime=day.isoformat()))
    return found


def request_of(days_before: int | None) -> Json:
    return sign(order(occurrenceDateTime=DOS.isoformat()), chart=chart(days_before))


@pytest.fixture
def thirty(tmp_path: Path) -> Path:
    return edited_policy(tmp_path, ('last_excluded = "40 days"', 'last_excluded = "30 days"'))


def tried(live: Live, orders: int) -> Mapping[str, float]:
    """What became of orders in the shadow, once so many were tried."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        found = samples(live.get("/metrics").text)
        told = {
            outcome: value(found, "shadow_total", outcome=outcome) or 0
            for outcome in ("same", "different", "flipped", "failed", "skipped")
        }
        if sum(told.values()) >= orders or time.monotonic() > deadline:
            return {name: number for name, number in told.items() if number}
        time.sleep(0.05)


def departed(url: str, number: int) -> list[Row[Any]]:
    """The rows of differences, once there are so many."""
    deadline = time.monotonic() + _PATIENCE
    while len(found := rows(url, DIFFERENCE)) < number and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


# ------------------------------------------------------------------------------- over HTTP


def test_what_would_differ_is_kept_and_nothing_else(
    database: str, tmp_path: Path, thirty: Path
) -> None:
    settings = {"database": database, "ledger_key": SECRET, "state": str(tmp_path)}
    with running(ledger="refuse", metrics="on", shadow=str(thirty), **settings) as live:
        digest = live.get("/ready").json()["shadow"]
        for days in (None, 20, 35, 40, 41):
            assert live.send(request_of(days)).status_code == 200
        # Orders that are not ours leave nothing here either.
        elsewhere = order(
            code={"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": "99213"}]}
        )
        assert live.send(sign(elsewhere, chart=chart(35))).status_code == 200
        assert tried(live, 5) == {"same": 2, "different": 1, "flipped": 2}
        found = departed(database, 3)
    decisions = {row.id: row for row in rows(database)}
    assert len(decisions) == 5
    assert sorted((row.status_before, row.status_after) for row in found) == [
        ("not-covered", "covered"),
        ("not-covered", "covered"),
        ("not-covered", "not-covered"),
    ]
    for row in found:
        assert row.draft_digest == digest != row.data_digest
        decision = decisions[row.decision]
        assert decision.status == row.status_before
        assert (decision.data_digest, decision.service) == (row.data_digest, row.service)
        assert (row.order_code, row.service_date, row.unread) == ("33249", DOS, 0)
        text = zlib.decompress(row.detail).decode()
        for private in ("infarction-77", "order-1", "p1"):
            assert private not in text
        (window,) = json.loads(text)["waitingPeriods"]
        assert window["reference"].startswith("Condition/")
    assert breaches(database) == []
    environment = {name.upper(): text for name, text in settings.items()}
    done = run("ledger", "verify", settings=environment)
    assert "8 rows" in done.stdout
    assert done.stdout.endswith("OK: no row was changed, deleted or put in\n")
    page = words(run("ledger", "shadow", settings=environment).stdout)
    assert f"Draft {digest[:12]} beside {found[0].data_digest[:12]}" in page
    assert "2 orders with another status, 1 with the same for other reasons" in page
    assert "5 decisions in the period" in page
    assert "33249 of 2026-11-20: not covered -> covered" in page
    assert "it ended on 2026-11-15, so the order of 2026-11-20 is no longer inside it." in page
    told = json.loads(run("ledger", "shadow", "--all", "--json", settings=environment).stdout)
    (draft,) = told["drafts"]
    assert (draft["flips"], draft["differences"], draft["unread"]) == (2, 1, 0)
    assert draft["statuses"] == {"not-covered": {"covered": 2, "not-covered": 1}}
    assert draft["flipsByReason"][0] == {
        "reason": "criterion no-recent-mi not met to met",
        "orders": 2,
    }
    assert [d["decision"] for d in told["departures"]] == [row.decision for row in found][::-1]


def test_answers_are_those_without_a_shadow(live: Live, tmp_path: Path, thirty: Path) -> None:
    with running(ledger="refuse", state=str(tmp_path), shadow=str(thirty)) as shadowed:
        for days in (None, 20, 35, 41):
            request = request_of(days)
            body = json.dumps(request).encode()
            assert (
                shadowed.post("/determinations", body).content
                == live.post("/determinations", body).content
            )
            cards = (one.send(request).json()["cards"] for one in (shadowed, live))
            summaries = [[card["summary"] for card in found] for found in cards]
            assert summaries[0] == summaries[1]


def test_a_change_of_a_row_is_found(tmp_path: Path, thirty: Path) -> None:
    url = f"sqlite:///{tmp_path}/defib-coverage.db"
    settings = {"ledger": "refuse", "state": str(tmp_path), "ledger_key": SECRET}
    with running(shadow=str(thirty), **settings) as live:
        live.send(request_of(35))
        assert len(departed(url, 1)) == 1
    assert breaches(url) == []
    engine = open_database(read_url(url))
    with engine.begin() as connection:
        connection.execute(DIFFERENCE.update().values(status_after="conditional"))
    engine.dispose()
    (breach,) = breaches(url)
    assert breach.startswith("difference ")


def test_columns_alone_are_kept_where_the_setting_says_so(tmp_path: Path, thirty: Path) -> None:
    url = f"sqlite:///{tmp_path}/defib-coverage.db"
    settings = {"ledger": "refuse", "state": str(tmp_path), "ledger_content": "columns"}
    with running(shadow=str(thirty), **settings) as live:
        live.send(request_of(35))
        (row,) = departed(url, 1)
    assert row.detail is None
    assert json.loads(row.reasons)[0] == "waiting period MI closed"
    page = words(run("ledger", "shadow", settings={"STATE": str(tmp_path)}).stdout)
    assert "- waiting period MI closed" in page


def test_nothing_is_fetched_twice(tmp_path: Path) -> None:
    """A draft of a value set reads the chart again, from what was fetched for the call."""
    draft = edited_set(tmp_path, "acute-mi", ('code = "I21.4"', 'code = "I21.49"'))
    records = chart(35)

    def answer(exchange: Exchange) -> None:
        kind = exchange.path.split("/")[2].split("?")[0]
        found = [one for one in records if one["resourceType"] == kind]
        if "?" not in exchange.path:
            exchange.answer(found[0] if found else {}, "200 OK" if found else "404 Not Found")
            return
        exchange.answer(bundle(*found))

    asked: list[list[str]] = []
    for shadow in ({}, {"shadow": str(draft)}):
        with wild_server(answer) as fhir:
            base = f"{fhir.root}/r4"
            state = tmp_path / f"state{len(asked)}"
            settings = {"fhir_servers": base, "development": "true", "state": str(state)}
            with running(ledger="refuse", metrics="on", **settings, **shadow) as live:
                request = sign(order(occurrenceDateTime=DOS.isoformat()))
                request |= {"prefetch": {}, "fhirServer": base}
                assert live.send(request).status_code == 200
                if shadow:
                    assert tried(live, 1) == {"flipped": 1}
            asked.append(sorted(fhir.paths()))
    assert asked[0] == asked[1]
    assert asked[0]
    (row,) = rows(f"sqlite:///{tmp_path}/state1/defib-coverage.db", DIFFERENCE)
    assert (row.status_before, row.status_after, row.unread) == ("not-covered", "covered", 0)


def test_several_workers_try_it_too(tmp_path: Path, thirty: Path) -> None:
    options = ("--workers", "2", "--shadow", str(thirty))
    url = f"sqlite:///{tmp_path}/defib-coverage.db"
    with serving(tmp_path, *options, ledger="refuse", state=str(tmp_path)) as server:
        from live_server import Live  # noqa: PLC0415 - its name alone is for the type checker

        live = Live(server.base(), tmp_path / "log")
        expected = lay_over(load(), [thirty]).content.digest
        assert live.get("/ready").json()["shadow"] == expected
        for _ in range(4):
            assert live.send(request_of(35)).status_code == 200
        assert len(departed(url, 4)) == 4


# ------------------------------------------------------------------------------- settings


def test_a_draft_that_cannot_be_used_refuses_to_start(tmp_path: Path) -> None:
    path = edited_policy(tmp_path, ('"40 days"', '"6 weeks"'))
    settings = {"LEDGER": "refuse", "STATE": str(tmp_path)}
    for workers in ("1", "2"):
        done = run(
            "serve", "--port", "0", "--workers", workers, "--shadow", path, settings=settings
        )
        assert done.returncode == 2
        assert f"{path}: waiting.MI.last_excluded: '6 weeks' is not a length" in done.stderr
    done = run("settings", settings=settings | {"SHADOW": str(path)})
    assert done.returncode == 2
    assert done.stderr.startswith(f"{path}: waiting.MI.last_excluded: ")


def test_a_shadow_needs_a_ledger(thirty: Path) -> None:
    done = run("serve", "--port", "0", "--shadow", thirty, settings={"LEDGER": "off"})
    assert done.returncode == 2
    assert done.stderr == (
        "DEFIB_COVERAGE_SHADOW: needs a ledger to write to, and DEFIB_COVERAGE_LEDGER is off\n"
    )


def test_a_name_that_the_environment_divides_is_refused(tmp_path: Path) -> None:
    done = run("serve", "--port", "0", "--shadow", tmp_path / "a:b.toml")
    assert done.returncode == 2
    assert "stands in a settings file" in words(done.stderr)


def test_settings_tell_the_drafts_and_their_digest(tmp_path: Path, thirty: Path) -> None:
    codes = edited_set(tmp_path, "acute-mi", ('purpose = "starts', 'purpose = "opens'))
    digest = lay_over(load(), [thirty, codes]).content.digest
    settings = {"SHADOW": f"{thirty}:{codes}", "LEDGER": "refuse"}
    page = run("settings", settings=settings).stdout
    assert f"digest {digest}" in page
    found = json.loads(run("settings", "--json", settings=settings).stdout)
    assert found["shadowDigest"] == digest
    (row,) = [row for row in found["settings"] if row["name"] == "shadow"]
    assert row["value"] == [str(thirty), str(codes)]
    file = tmp_path / "settings.toml"
    file.write_text(f'shadow = ["{thirty}", "{codes}"]\n')
    done = run("settings", "--config", file, "--json", settings={"LEDGER": "refuse"})
    found = json.loads(done.stdout)
    assert found["shadowDigest"] == digest
    assert "shadowDigest" not in json.loads(run("settings", "--json").stdout)


# -------------------------------------------------------------------------- one by itself


class Keeper:
    """Takes the place of a ledger."""

    def __init__(self, error: Exception | None = None) -> None:
        self.kept: list[Departed] = []
        self._error = error

    async def depart(self, departed: Departed) -> None:
        if self._error is not None:
            raise self._error
        self.kept.append(departed)


def seen_of(body: bytes, **changes: Any) -> Seen:  # noqa: ANN401 - members of a call
    """A call as it was answered by the present rules."""
    knowledge = load().knowledge()
    decoded = decode_request(body, knowledge.index)
    found = Evaluator(knowledge).evaluate(decoded, DOS).determinations
    given: dict[str, Any] = {
        "service": "defibrillator-order-sign",
        "client": None,
        "decoded": decoded,
        "today": DOS,
        "longer_reading": False,
        "brought": {},
        "why_not": "nothing was asked",
        "found": found,
        "decisions": {},
    }
    return Seen(**(given | changes))


class Trial:
    """A shadow with what it counted."""

    def __init__(self, *drafts: Path, keeper: Keeper | None = None) -> None:
        content = load()
        after = lay_over(content, drafts).content.knowledge()
        self.counted: list[dict[str, int]] = []
        self.keeper = keeper or Keeper()
        self.shadow = Shadow(content.knowledge(), after, (), self._count)
        ledger: Any = self.keeper
        self.shadow.ledger = ledger

    def _count(self, outcomes: Mapping[str, int], _: float) -> None:
        self.counted.append(dict(outcomes))

    def look(self, *seen: Seen) -> None:
        """Try calls, and wait for all of them."""

        async def work() -> None:
            for one in seen:
                self.shadow.look(one)
            await self.shadow.close()

        asyncio.run(work())


def body_of(days_before: int | None, **more: object) -> bytes:
    return json.dumps(request_of(days_before) | more).encode()


def test_a_fault_is_counted_and_told_and_goes_no_further(
    thirty: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trial = Trial(thirty, keeper=Keeper(LedgerError("lost")))
    trial.look(seen_of(body_of(35)))
    assert trial.counted == [{"failed": 1}]
    (record,) = caplog.records
    line: Any = record.__dict__["line"]
    assert (line.what, line.error) == ("shadow-fault", "LedgerError")


def test_a_call_that_the_draft_refuses_is_a_fault(thirty: Path) -> None:
    seen = seen_of(body_of(35))
    bare = decode_request(
        json.dumps(request_of(35) | {"prefetch": {}}).encode(), load().knowledge().index
    )
    trial = Trial(thirty)
    trial.look(seen._replace(decoded=bare), seen)
    assert sorted(trial.counted, key=str) == [{"failed": 1}, {"flipped": 1}]
    assert len(trial.keeper.kept) == 1


def test_more_than_can_wait_is_left_out_and_counted(thirty: Path) -> None:
    body = body_of(35)
    padded = body[:-1] + b" " * (40 * 1024 * 1024) + b"}"
    large = seen_of(body)
    large = large._replace(decoded=type(large.decoded)(large.decoded.request, (), padded))
    trial = Trial(thirty)
    trial.look(large, large, large)
    assert trial.counted == [{"skipped": 1}, {"skipped": 1}, {"flipped": 1}]
    trial.look(large)
    assert trial.counted[3:] == [{"flipped": 1}]


def test_what_the_draft_would_have_looked_up_is_counted(tmp_path: Path) -> None:
    """Another code of an observation asks in other words; what came is all that there is."""
    draft = edited_set(
        tmp_path,
        "lvef",
        ("[\n", '[\n  { system = "loinc", code = "99999-9", label = "another fraction" },\n'),
    )
    request = request_of(None)
    del request["prefetch"]["observations"]
    body = json.dumps(request).encode()
    present = load().knowledge()
    decoded = decode_request(body, present.index)
    steps = Evaluator(present).steps(decoded, DOS)
    queries = next(steps)
    assert [query.name for query in queries] == ["observations"]
    trial = Trial(draft)
    brought = {query: Fetched() for query in queries}
    found = Evaluator(present).judge_again(decoded, DOS, brought).evaluation.determinations
    seen = seen_of(body, decoded=decoded, brought=brought, why_not=None, found=found)
    trial.look(seen)
    assert trial.counted == [{"same": 1}]
    (kept,) = trial.keeper.kept
    assert kept.unread == 1
    same = Trial(edited_policy(tmp_path, ('"40 days"', '"30 days"')))
    same.look(seen)
    assert [one.unread for one in same.keeper.kept] == [0]
    other = search("elsewhere", "Observation?patient={{context.patientId}}", "p1")
    again = Evaluator(present).judge_again(decoded, DOS, {other: Fetched()})
    assert again.unread == 1
    assert again.evaluation.failed


# ------------------------------------------------------------------------------ the ledger


def departure(number: int = 0, **changes: Any) -> Departure:  # noqa: ANN401 - its members
    """A departure of its own."""
    given: dict[str, Any] = {
        "id": f"departure-{number}",
        "time": "2026-11-22T10:00:00.000000Z",
        "service": "defibrillator-order-sign",
        "order_class": "initial-implant",
        "service_date": DOS,
        "data_digest": "d" * 64,
        "draft_digest": "e" * 64,
        "status_before": "not-covered",
        "status_after": "covered",
        "reasons": ("waiting period MI closed",),
    }
    return Departure(**(given | changes))


def test_differences_are_purged_with_their_days(database: str) -> None:
    days = [date(2026, 11, day) for day in (1, 2, 20)]
    for number, day in enumerate(days):
        with closing(Store(read_url(database), KEY, lambda day=day: day)) as store:  # type: ignore[misc]
            store.append([call(number), Shadowed((departure(number), departure(number + 10)))])
    assert breaches(database) == []
    assert [row.position for row in rows(database, DIFFERENCE)] == [2, 3] * 3
    with closing(Store(read_url(database), KEY, lambda: days[-1])) as store:
        assert store.purge(5) == days[0]
        assert store.purge(5) == days[1]
        assert store.purge(5) is None
    assert {row.day for row in rows(database, DIFFERENCE)} == {days[-1]}
    assert breaches(database) == []


def test_what_is_there_already_is_left_out(database: str) -> None:
    with closing(Store(read_url(database), KEY, lambda: DOS)) as store:
        store.append([Shadowed((departure(1),))])
        store.append([Shadowed((departure(1), departure(2)))], again=True)
    assert [row.id for row in rows(database, DIFFERENCE)] == ["departure-1", "departure-2"]
    assert breaches(database) == []


def test_a_ledger_of_before_is_taken_along(empty_database: str) -> None:
    url = read_url(empty_database)
    engine = open_database(url, transactions="write")
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", "defib_coverage:database/migrations")
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    engine.dispose()
    with closing(Store(url, KEY, lambda: DOS)) as store:
        store.append([call(1, orders=2)])
    assert upgrade(url) == ("0001", "0002")
    with closing(Store(url, KEY, lambda: DOS)) as store:
        store.append([Shadowed((departure(1),)), call(5)])
    assert [row.position for row in rows(empty_database)] == [1, 2, 3]
    assert [row.position for row in rows(empty_database, DIFFERENCE)] == [4]
    assert breaches(empty_database) == []


def test_differences_wait_in_the_spool_and_are_exported(tmp_path: Path, thirty: Path) -> None:
    url = f"sqlite:///{tmp_path}/defib-coverage.db"
    settings = {"ledger": "spool", "state": str(tmp_path), "ledger_key": SECRET}
    with running(metrics="on", shadow=str(thirty), **settings) as live:
        from ledgers import locked  # noqa: PLC0415

        with locked(tmp_path):
            assert live.send(request_of(35)).status_code == 200
            assert tried(live, 1) == {"flipped": 1}
        assert len(departed(url, 1)) == 1
    environment = {name.upper(): text for name, text in settings.items()}
    for form in ("ndjson", "parquet"):
        folder = tmp_path / form
        done = run("ledger", "export", "-o", folder, "--format", form, settings=environment)
        assert words(done.stdout).endswith(f"{folder}/differences.{form}: 1 row")
    (line,) = (tmp_path / "ndjson" / "differences.ndjson").read_text().splitlines()
    kept = json.loads(line)
    assert kept["reasons"][0] == "waiting period MI closed"
    assert kept["difference"]["statusAfter"] == "covered"
