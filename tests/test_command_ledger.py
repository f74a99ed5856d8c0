"""``ledger`` and ``db``, as a user runs them, over what a running service has kept."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import sys
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import pytest
from pyarrow import parquet
from sqlalchemy import select, text

from command_line import ROOT, Json, run, words
from databases import emptied
from defib_coverage.database.engine import open_database, read_url
from defib_coverage.database.tables import DECISION, REVISION
from defib_coverage.ledger.content import Content
from defib_coverage.ledger.records import Answered
from defib_coverage.ledger.secrets import Secrets
from defib_coverage.ledger.store import Store
from ledgers import decision, feedback
from live_server import coverage, open_chart, order, running, sign

if TYPE_CHECKING:
    import subprocess

pytest_plugins = ("databases",)
COMMENT = "Zebedee Quillfeather declined"
NOBODY = "there is no ledger"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state of a service that was called and got feedback, and is stopped."""
    state = tmp_path_factory.mktemp("state")
    with running(ledger="refuse", state=str(state), ledger_content="response") as live:
        cards = live.cards(sign(chart=[*open_chart(), coverage()]))
        live.cards(sign(order(identity="a"), order(identity="b")))
        secrets = Secrets((state / "defib-coverage.db.key").read_text().strip())
        url = read_url(f"sqlite:///{state}/defib-coverage.db")
        with closing(Store(url, secrets.chain)) as store:
            comment = secrets.lock(COMMENT.encode())
            reason = {"reason_code": "patient-declined", "reason_system": "urn:reasons"}
            store.append([feedback(cards[0]["uuid"], comment=comment, client=None, **reason)])
            store.append([feedback("unknown", comment=None)])
    return state


@pytest.fixture
def state(made: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(made, tmp_path / "state"))


def ledger(state: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return run("ledger", *arguments, settings={"STATE": str(state)})


def kept(state: Path) -> list[Json]:
    """The decisions as the table has them, oldest first."""
    engine = open_database(read_url(f"sqlite:///{state}/defib-coverage.db"))
    with engine.connect() as connection:
        rows = connection.execute(select(DECISION).order_by(DECISION.c.position)).mappings().all()
    engine.dispose()
    return [dict(row) for row in rows]


def changed(state: Path, statement: str) -> None:
    engine = open_database(read_url(f"sqlite:///{state}/defib-coverage.db"))
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


# -------------------------------------------------------------------------------------------- show


def test_a_decision_is_explained(state: Path) -> None:
    first, *_ = kept(state)
    done = ledger(state, "show", "--decision", first["id"])
    assert (done.returncode, done.stderr) == (0, "")
    page = words(done.stdout)
    for said in (
        f"Decision {first['id']}",
        f"decided {first['time']}",
        "asked by a client without a token",
        f"status {first['status']}",
        f"assertion id {first['assertion_id'] or 'none'}",
        f"data digest {first['data_digest']}",
        "overridden",
        "reason patient-declined (urn:reasons)",
        "with a comment, which stays encrypted",
        "row 1 of 5 on",
        "its link holds",
        "CONDITIONAL 33249 on",
        "Indications",
        "answer kept: --response prints it",
    ):
        assert said in page, said
    assert COMMENT not in done.stdout


def test_decisions_are_found_by_each_name(state: Path) -> None:
    rows = kept(state)
    newest_first = [row["id"] for row in reversed(rows)]

    def ids(*arguments: str) -> list[str]:
        done = ledger(state, "show", *arguments, "--json")
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return [one["id"] for one in json.loads(done.stdout)]

    assert ids("--patient", "p1") == newest_first
    assert ids("--decision", rows[1]["id"]) == [rows[1]["id"]]
    card = json.loads(rows[2]["cards"])[0]["id"]
    assert ids("--card", card) == [rows[2]["id"]]
    assertion = rows[0]["assertion_id"]
    assert ids(assertion) == [r["id"] for r in reversed(rows) if r["assertion_id"] == assertion]


def test_more_than_the_limit_is_told(state: Path) -> None:
    done = ledger(state, "show", "--patient", "p1", "--limit", "1", "--json")
    assert len(json.loads(done.stdout)) == 1
    assert done.stderr == "There are more than 1 decision: --limit shows them\n"


def test_the_answer_to_the_call_is_printed(state: Path) -> None:
    for row in kept(state):
        done = ledger(state, "show", "--decision", row["id"], "--response")
        assert (done.returncode, done.stderr) == (0, "")
        answer = json.loads(done.stdout)
        assert {card["id"] for card in json.loads(row["cards"])} <= {
            card["uuid"] for card in answer["cards"]
        }
    changed(state, "update decision set response = null")
    done = ledger(state, "show", "--decision", kept(state)[0]["id"], "--response")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("--response: was not kept")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), 2, "name one of ASSERTION_ID, --decision, --card and --patient"),
        (("a", "--card", "b"), 2, "name one of"),
        (("a", "--client", "b"), 2, "--client: goes with --patient"),
        (("nothing",), 1, "There is no such decision in the ledger"),
        (("--patient", "p2"), 1, "There is no such decision in the ledger"),
        (("--patient", "p1", "--client", "other"), 1, "There is no such decision"),
    ],
)
def test_nothing_to_show(state: Path, arguments: tuple[str, ...], code: int, said: str) -> None:
    done = ledger(state, "show", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(said)
    assert len(done.stderr.splitlines()) == 1


def test_a_decision_whose_link_does_not_hold(state: Path) -> None:
    changed(state, "update decision set milliseconds = 0 where position = 1")
    done = ledger(state, "show", "--decision", kept(state)[0]["id"])
    assert done.returncode == 0
    assert "ITS LINK DOES NOT HOLD; run defib-coverage ledger verify" in words(done.stdout)


def test_a_row_that_nothing_can_read(state: Path) -> None:
    changed(state, "update decision set determination = x'00' where position = 1")
    for arguments in (("show", "--decision", kept(state)[0]["id"]), ("export", "-o", state / "x")):
        done = ledger(state, *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert words(done.stderr) == (
            "the ledger holds what cannot be read. Run defib-coverage ledger verify"
        )


# ------------------------------------------------------------------------------------------ verify


def test_a_chain_that_holds(state: Path) -> None:
    done = ledger(state, "verify")
    assert (done.returncode, done.stderr) == (0, "")
    one, end, verdict = done.stdout.splitlines()
    assert one == "1 day, 5 rows"
    assert end.startswith("the chain ends with row 5 of ")
    assert verdict == "OK: no row was changed, deleted or put in"


def test_a_chain_that_does_not_hold(state: Path) -> None:
    (row, *_) = kept(state)
    changed(state, "update decision set status = 'covered' where position = 1")
    done = ledger(state, "verify")
    assert (done.returncode, done.stderr) == (1, "")
    first, *_, last = done.stdout.splitlines()
    assert first == f"{row['day']}, row 1: decision {row['id']} was changed, or one before it"
    assert last == "1 breach: the chain does not hold"


def test_a_link_that_was_noted_down(state: Path) -> None:
    link = ledger(state, "verify").stdout.splitlines()[1].split()[-1]
    assert ledger(state, "verify", "--link", link).returncode == 0
    engine = open_database(read_url(f"sqlite:///{state}/defib-coverage.db"))
    with engine.connect() as connection:
        for table in ("card", "decision", "feedback", "day", "tail"):
            connection.execute(text(f"delete from {table}"))  # noqa: S608 - names of our own
    engine.dispose()
    assert ledger(state, "verify").returncode == 0
    done = ledger(state, "verify", "--link", link)
    assert done.returncode == 1
    assert "the link that was noted down is gone" in done.stdout
    for nonsense in ("abc", "zz" * 32, link + "00"):
        done = ledger(state, "verify", "--link", nonsense)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("--link: must be 64 hexadecimal digits")


def test_a_service_goes_on_while_the_chain_is_verified(tmp_path: Path) -> None:
    with running(ledger="refuse", state=str(tmp_path)) as live:
        live.cards(sign())
        done = ledger(tmp_path, "verify")
        assert (done.returncode, done.stdout.splitlines()[0]) == (0, "1 day, 1 row")
        live.cards(sign())
        assert ledger(tmp_path, "verify").stdout.splitlines()[0] == "1 day, 2 rows"


# ------------------------------------------------------------------------------------------ export


def lines(path: Path) -> list[Json]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_ndjson(state: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    done = ledger(state, "export", "-o", folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert words(done.stdout) == (
        f"{folder}/decisions.ndjson: 3 rows {folder}/feedback.ndjson: 2 rows"
    )
    found = lines(folder / "decisions.ndjson")
    assert [one["id"] for one in found] == [row["id"] for row in kept(state)]
    assert found[0]["determination"]["status"] == found[0]["status"]
    assert "response" not in found[0]
    matched, unmatched = lines(folder / "feedback.ndjson")
    assert (matched["decision"], matched["has_comment"], matched["comment"]) == (
        found[0]["id"],
        True,
        None,
    )
    assert unmatched["decision"] is None
    modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == {0o600}


def test_parquet_says_the_same(state: Path, tmp_path: Path) -> None:
    for form in ("ndjson", "parquet"):
        done = ledger(state, "export", "--format", form, "-o", tmp_path / "out", "--with-comments")
        assert (done.returncode, done.stderr) == (0, "")
    for kind in ("decisions", "feedback"):
        plain = lines(tmp_path / "out" / f"{kind}.ndjson")
        table = parquet.read_table(tmp_path / "out" / f"{kind}.parquet").to_pylist()
        for one, row in zip(plain, table, strict=True):
            row["day"] = row["day"].isoformat()
            row["time"] = row["time"].strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            if kind == "decisions":
                row["service_date"] = row["service_date"].isoformat()
                row["determination"] = json.loads(row["determination"])
            assert row == one
    assert table[0]["comment"] == COMMENT


def test_parquet_without_its_extra(state: Path, tmp_path: Path) -> None:
    (tmp_path / "pyarrow.py").write_text("raise ModuleNotFoundError\n")
    path = f"{tmp_path}{os.pathsep}{Path(__file__).parents[1] / 'service'}"
    done = run_with(path, state, "export", "--format", "parquet", "-o", tmp_path / "out")
    assert done == (2, "--format parquet: needs pyarrow: pip install 'defib-coverage[parquet]'\n")


def run_with(path: str, state: Path, *arguments: str | Path) -> tuple[int, str]:
    import subprocess  # noqa: PLC0415 - with a path that `run` does not take

    done = subprocess.run(
        [sys.executable, "-m", "defib_coverage", "ledger", *map(str, arguments)],
        capture_output=True,
        check=False,
        text=True,
        env={"PYTHONPATH": path, "PATH": "", "DEFIB_COVERAGE_STATE": str(state)},
    )
    return done.returncode, done.stderr


def test_fhir(state: Path, tmp_path: Path) -> None:
    done = ledger(state, "export", "--format", "fhir", "-o", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    events, origins = (
        lines(tmp_path / "audit-events.ndjson"),
        lines(tmp_path / "provenances.ndjson"),
    )
    assert [one["id"] for one in events] == [one["id"] for one in origins]
    assert {one["resourceType"] for one in events} == {"AuditEvent"}
    assert {one["resourceType"] for one in origins} == {"Provenance"}
    assert len(events) == 3


def test_days_outside_the_ledger(state: Path, tmp_path: Path) -> None:
    today = datetime.now(UTC).date()
    for bound in (("--to", today - timedelta(days=2)), ("--from", today + timedelta(days=2))):
        folder = tmp_path / bound[0].strip("-")
        done = ledger(state, "export", "-o", folder, *map(str, bound))
        assert done.returncode == 0
        assert done.stdout.count(": 0 rows") == 2


def test_an_export_leaves_what_is_there_alone(state: Path, tmp_path: Path) -> None:
    (tmp_path / "feedback.ndjson").write_text("mine")
    done = ledger(state, "export", "-o", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"{tmp_path}/feedback.ndjson: is there already. Name another folder\n"
    assert sorted(path.name for path in tmp_path.glob("*.*")) == ["feedback.ndjson"]


def test_an_export_that_would_lose_rows_writes_nothing(state: Path, tmp_path: Path) -> None:
    changed(state, "delete from feedback where decision is null")
    done = ledger(state, "export", "-o", tmp_path / "out")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("the days have 5 rows, but 4 are there: nothing was written.")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_folder_that_cannot_be_made(state: Path) -> None:
    done = ledger(state, "export", "-o", "/proc/none")
    assert (done.returncode, done.stderr) == (
        2,
        "/proc/none: cannot be written (No such file or directory)\n",
    )


# ------------------------------------------------------------------------------------------ report


def test_the_report_in_words_and_as_a_page(state: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    done = ledger(state, "report", "--html", page)
    assert (done.returncode, done.stderr) == (0, "")
    said = words(done.stdout)
    for part in ("3 decisions", "Answers to cards that were never sent: 1;", "patient-declined"):
        assert part in said
    assert f"{page}: written" in done.stdout
    assert "patient-declined" in page.read_text()
    assert COMMENT not in page.read_text() + done.stdout


def test_a_page_that_cannot_be_written(state: Path) -> None:
    done = ledger(state, "report", "--html", "/proc/none/report.html")
    assert done.returncode == 2
    assert done.stderr.startswith("/proc/none/report.html: cannot be written")


@pytest.mark.parametrize("command", [("report",), ("export", "-o", "nowhere")])
def test_days_in_the_wrong_order(state: Path, command: tuple[str, ...]) -> None:
    done = ledger(state, *command, "--from", "2026-11-02", "--to", "2026-11-01")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "--to: 2026-11-01 comes before --from 2026-11-02\n"


# ------------------------------------------------------------------------------------------- purge


def test_purge(state: Path) -> None:
    long_ago = date(2020, 1, 1)
    secrets = Secrets((state / "defib-coverage.db.key").read_text().strip())
    other = state / "old"
    other.mkdir()
    url = f"sqlite:///{other}/defib-coverage.db"
    run("db", "upgrade", settings={"DATABASE": url})
    shutil.copy(state / "defib-coverage.db.key", other)
    for days in range(4):
        with closing(
            Store(read_url(url), secrets.chain, lambda n=days: long_ago + timedelta(days=n))  # type: ignore[misc]
        ) as store:
            store.append([Answered((decision(days, determination=None),))])
    done = ledger(other, "purge", "--keep-days", "1000")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "2020-01-01: purged",
        "2020-01-02: purged",
        "2020-01-03: purged",
        # The last day stays until another follows.
        "3 days purged, the last 1000 days kept",
    ]
    done = ledger(other, "verify")
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "4 days, 3 of them purged, 1 row")
    assert (
        "3 rows of the period kept no longer" in ledger(other, "export", "-o", other / "x").stdout
    )


def test_the_purge_keeps_what_the_setting_says(state: Path) -> None:
    done = run("ledger", "purge", settings={"STATE": str(state), "RETENTION_DAYS": "30"})
    assert (done.returncode, done.stdout) == (0, "0 days purged, the last 30 days kept\n")
    assert len(kept(state)) == 3


def test_a_purge_needs_a_number_of_days(state: Path) -> None:
    done = ledger(state, "purge")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("--keep-days: is missing")
    for nonsense in ("0", "-3", "many"):
        done = ledger(state, "purge", "--keep-days", nonsense)
        assert (done.returncode, done.stdout) == (2, "")
    assert len(kept(state)) == 3


# -------------------------------------------------------------------------------- opening a ledger

COMMANDS = (
    ("show", "x"),
    ("verify",),
    ("export", "-o", "nowhere"),
    ("report",),
    ("purge", "--keep-days", "3"),
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_ledger_that_is_not_there(command: tuple[str, ...], tmp_path: Path) -> None:
    done = ledger(tmp_path, *command)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{NOBODY}, for {tmp_path}/defib-coverage.db is not there" in done.stderr
    missing = {"DATABASE": f"sqlite:///{tmp_path}/none.db"}
    done = run("ledger", *command, settings=missing)
    assert done.returncode == 2
    assert f"{NOBODY}, for {tmp_path}/none.db is not there" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_ledger_without_its_key(command: tuple[str, ...], state: Path) -> None:
    (state / "defib-coverage.db.key").unlink()
    done = ledger(state, *command)
    assert (done.returncode, done.stdout) == (2, "")
    assert "the ledger's key is not there" in done.stderr
    assert not (state / "defib-coverage.db.key").exists()


NO_DATABASE = "file is not a database"


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_database_that_is_none(command: tuple[str, ...], state: Path) -> None:
    (state / "defib-coverage.db").write_text("no database " * 1000)
    for name in ("defib-coverage.db-wal", "defib-coverage.db-shm"):
        (state / name).unlink(missing_ok=True)
    done = ledger(state, *command)
    assert (done.returncode, done.stdout) == (2, "")
    file = state / "defib-coverage.db"
    assert done.stderr == f"DEFIB_COVERAGE_DATABASE: {file} cannot be used ({NO_DATABASE})\n"


# -------------------------------------------------------------------------------------------- docs

DOCUMENT = (ROOT / "docs" / "ledger.md").read_text()


@pytest.mark.parametrize(
    "line", re.findall(r"^defib-coverage (ledger .*)$", DOCUMENT, re.MULTILINE)
)
def test_the_commands_of_the_document_work(line: str, state: Path, tmp_path: Path) -> None:
    assertion = kept(state)[0]["assertion_id"]
    line = re.sub(r"\b[0-9a-f]{31,32}\b", assertion, line).replace(" november", f" {tmp_path}/n")
    done = run(*line.split(), settings={"STATE": str(state)})
    assert (done.returncode, done.stderr) == (0, "")


def test_the_options_of_the_document_exist() -> None:
    helped = "".join(
        run("ledger", name, "--help").stdout for name in ("show", "export", "purge", "verify")
    )
    helped += run("ledger", "report", "--help").stdout
    for option in re.findall(r"`(?:ledger \w+ )?(--[a-z-]+)", DOCUMENT):
        assert option in helped, option


def test_what_is_kept_is_what_the_document_says() -> None:
    told = re.search(r"says how much: (.*?)\.", DOCUMENT)
    assert told is not None
    assert re.findall(r"`(\w+)`", told[1]) == list(get_args(Content))


# ---------------------------------------------------------------------------------------------- db


def test_db_upgrade(empty_database: str) -> None:
    settings = {"DATABASE": empty_database}
    done = run("db", "upgrade", settings=settings)
    assert (done.returncode, done.stderr) == (0, "")
    _, before, now = done.stdout.splitlines()
    assert (before, now) == ("revision before: none", f"revision now: {REVISION}")
    again = run("db", "upgrade", settings=settings).stdout.splitlines()
    assert again[1:] == [
        f"revision before: {REVISION}",
        f"revision now: {REVISION} (nothing to do)",
    ]


def test_db_upgrade_of_the_default_database(tmp_path: Path) -> None:
    done = run("db", "upgrade", settings={"STATE": str(tmp_path)})
    assert done.stdout.startswith(f"database: sqlite:///{tmp_path}/defib-coverage.db\n")


def test_db_upgrade_tells_no_password_and_what_to_do() -> None:
    url = "postgresql+psycopg://me:open-sesame@127.0.0.1:9/none"
    done = run("db", "upgrade", settings={"DATABASE": url})
    assert (done.returncode, done.stdout) == (2, "")
    assert "DEFIB_COVERAGE_DATABASE: cannot be used (OperationalError)" in done.stderr
    assert "open-sesame" not in done.stderr
    done = run("db", "upgrade", settings={"DATABASE": "nonsense"})
    assert (done.returncode, done.stdout) == (2, "")


def test_db_upgrade_makes_a_file_that_nobody_else_reads(tmp_path: Path) -> None:
    mask = os.umask(0o022)
    try:
        done = run("db", "upgrade", settings={"DATABASE": f"sqlite:///{tmp_path}/ledger.db"})
    finally:
        os.umask(mask)
    assert done.returncode == 0
    assert stat.S_IMODE((tmp_path / "ledger.db").stat().st_mode) == 0o600


def test_db_upgrade_tells_what_is_wrong_with_a_file(tmp_path: Path) -> None:
    done = run("db", "upgrade", settings={"DATABASE": f"sqlite:///{tmp_path}/none/ledger.db"})
    assert done.returncode == 2
    reason = "none/ledger.db cannot be used (No such file or directory)\n"
    assert done.stderr == f"DEFIB_COVERAGE_DATABASE: {tmp_path}/{reason}"


def test_a_ledger_on_postgresql(postgresql: str) -> None:
    settings = {"DATABASE": emptied(postgresql), "LEDGER_KEY": "k" * 32}
    done = run("ledger", "verify", settings=settings)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Run defib-coverage db upgrade" in done.stderr
    assert "revision now" in run("db", "upgrade", settings=settings).stdout
    with running(ledger="refuse", database=postgresql, ledger_key="k" * 32) as live:
        live.cards(sign())
        assert run("ledger", "verify", settings=settings).stdout.startswith("1 day, 1 row\n")
        (one,) = json.loads(
            run("ledger", "show", "--patient", "p1", "--json", settings=settings).stdout
        )
        assert one["place"]["holds"] is True
        assert "1 decisions" in words(run("ledger", "report", settings=settings).stdout)
    done = run("ledger", "verify", settings={"DATABASE": postgresql})
    assert done.returncode == 2
    assert "DEFIB_COVERAGE_LEDGER_KEY: must be a secret" in done.stderr
