"""Calls leave their decisions in the ledger before they are answered."""

from __future__ import annotations

import json
import os
import stat
import zlib
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import create_engine, text

from command_line import run
from defib_coverage.errors import SettingsError
from defib_coverage.keeping import Keeping
from defib_coverage.ledger.secrets import Secrets
from defib_coverage.settings import Settings
from ledgers import SECRET, breaches, rows
from live_server import (
    bundle,
    condition,
    coverage,
    covered_chart,
    lvef,
    order,
    patient,
    running,
    sign,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Row

    from live_server import Json, Live

pytest_plugins = ("databases",)
SECRETS = Secrets(SECRET)
NAME = "Agnes Underhill"


def _order(identifier: str, code: str = "33249") -> Json:
    return order(id=identifier, code={"coding": [{"system": CPT, "code": code}]})


CPT = "http://www.ama-assn.org/go/cpt"
CHART = [patient(), coverage(), condition("I25.5", "c"), lvef(30)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def keeping(folder: Path) -> Iterator[Live]:
    with running(
        ledger="refuse", state=str(folder), ledger_key=SECRET, ledger_content="response"
    ) as live:
        yield live


@pytest.fixture(scope="module")
def database_of(folder: Path) -> str:
    return f"sqlite:///{folder}/defib-coverage.db"


def _last(database: str) -> Row[Any]:
    return rows(database)[-1]


def test_a_decision_tells_what_was_decided_and_not_of_whom(keeping: Live, database_of: str) -> None:
    request = sign(chart=CHART)
    answer = keeping.send(request)
    assert answer.status_code == 200
    kept = _last(database_of)
    assert kept.hook_instance == request["hookInstance"]
    assert kept.service == "defibrillator-order-sign"
    assert (kept.client, kept.status) == (None, "conditional")
    assert (kept.order_code, kept.order_class) == ("33249", "initial-implant")
    assert kept.policy == "2018-02-15"
    assert isinstance(kept.service_date, date)
    assert kept.patient == SECRETS.digest("patient", "", request["context"]["patientId"])
    cards = json.loads(str(kept.cards))
    sent = answer.json()["cards"]
    assert [(c["id"], c["kind"]) for c in cards] == [
        (c["uuid"], c["source"]["topic"]["code"]) for c in sent
    ]
    (action,) = answer.json()["systemActions"]
    assert str(kept.assertion_id) in json.dumps(action)


def test_the_determination_is_kept_without_names(keeping: Live, database_of: str) -> None:
    request = sign(chart=CHART)
    whole = keeping.determination(request)
    packed = _last(database_of).determination
    assert isinstance(packed, bytes)
    kept = json.loads(zlib.decompress(packed))
    assert kept["status"] == whole["status"]
    assert kept["findings"][0]["code"] == whole["findings"][0]["code"]
    assert kept["order"]["reference"].startswith("ServiceRequest/")
    named = {r for r in _references(whole) if r}
    assert named
    text = json.dumps(kept)
    for reference in named:
        assert reference not in text
    # The same record has the same digest everywhere: what rests on what can still be told.
    assert len(_references(kept)) == len(_references(whole))
    assert len(set(_references(kept))) == len(set(_references(whole)))


@pytest.mark.parametrize("payor", [{"display": NAME}, {"reference": "Patient/p1", "display": NAME}])
def test_no_name_of_a_payor_is_kept(keeping: Live, database_of: str, payor: Json) -> None:
    request = sign(chart=[*CHART[:1], coverage(payor=[payor]), *CHART[2:]])
    assert keeping.send(request).status_code == 200
    packed = _last(database_of).determination
    assert isinstance(packed, bytes)
    text = zlib.decompress(packed)
    assert b'"standing":"' in text
    assert NAME.encode() not in text


def _references(value: object) -> list[str]:
    if isinstance(value, dict):
        own = [value[k] for k in ("reference", "dependsOn") if isinstance(value.get(k), str)]
        return own + [r for v in value.values() for r in _references(v)]
    if isinstance(value, list):
        return [r for v in value for r in _references(v)]
    return []


def test_the_response_is_kept_where_the_setting_says_so_and_opens_with_the_key(
    keeping: Live, database_of: str
) -> None:
    answer = keeping.send(sign(chart=CHART))
    locked = _last(database_of).response
    assert isinstance(locked, bytes)
    assert b"summary" not in locked
    assert SECRETS.open(locked) == answer.content
    with pytest.raises(ValueError, match="another key"):
        Secrets(SECRET + "!").open(locked)


def test_every_order_of_a_call_has_its_decision(keeping: Live, database_of: str) -> None:
    before = len(rows(database_of))
    request = sign(chart=CHART)
    request["context"]["draftOrders"] = bundle(_order("one"), _order("two"), _order("x", "99213"))
    answer = keeping.send(request)
    found = rows(database_of)[before:]
    assert len(found) == 2
    assert len({row.call for row in found}) == 1
    assert len({row.assertion_id for row in found}) == 2
    cards = [card["id"] for row in found for card in json.loads(row.cards)]
    assert sorted(cards) == sorted(card["uuid"] for card in answer.json()["cards"])


def test_a_call_that_decides_nothing_leaves_nothing(keeping: Live, database_of: str) -> None:
    before = len(rows(database_of))
    assert keeping.send(sign(_order("x", "99213"), chart=CHART)).json() == {"cards": []}
    assert keeping.post("/determinations", b"{").status_code == 400
    assert len(rows(database_of)) == before
    assert breaches(database_of, SECRETS.chain) == []


def test_the_same_facts_have_one_assertion_and_many_decisions(
    keeping: Live, database_of: str
) -> None:
    request = sign(chart=covered_chart())
    for _ in range(3):
        assert keeping.send(request).status_code == 200
    last = rows(database_of)[-3:]
    assert len({row.assertion_id for row in last}) == 1
    assert len({row.id for row in last}) == 3


def test_files_of_the_service_are_its_own(keeping: Live, folder: Path) -> None:
    assert keeping.get("/health").ok
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_a_database_that_is_gone_refuses_the_call(tmp_path: Path) -> None:
    with running(ledger="refuse", state=str(tmp_path), ledger_key=SECRET) as live:
        assert live.send(sign(chart=CHART)).status_code == 200
        for path in tmp_path.glob("defib-coverage.db*"):
            path.write_bytes(b"no database " * 1000)
        answer = live.send(sign(chart=CHART))
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "1"
        assert answer.json()["issue"][0]["code"] == "transient"
        assert "ledger-unavailable" in live.log()
        assert live.get("/health").ok


# ----------------------------------------------------------------------------------------- opening


def test_a_key_is_made_once_beside_a_file(tmp_path: Path) -> None:
    settings = Settings(state=str(tmp_path))
    first = Keeping(settings).secrets
    assert Keeping(settings).secrets.chain == first.chain
    assert first.chain != SECRETS.chain
    assert not list(tmp_path.glob("*.key?*"))


@pytest.mark.parametrize("held", [b"", b"\n", b"x" * 31, b"x" * 31 + b" \n", b"\xff" * 40])
def test_a_file_that_holds_no_key_refuses_to_start(tmp_path: Path, held: bytes) -> None:
    file = tmp_path / "defib-coverage.db.key"
    file.write_bytes(held)
    with pytest.raises(SettingsError, match=r"LEDGER_KEY: .*\.db\.key holds no ") as refused:
        Keeping(Settings(state=str(tmp_path)))
    assert "Put the copy of the key there" in str(refused.value)
    assert "xxx" not in str(refused.value)
    assert file.read_bytes() == held
    file.write_bytes(b"x" * 32)
    Keeping(Settings(state=str(tmp_path)))


def test_a_shared_database_wants_a_key(postgresql_database: str, tmp_path: Path) -> None:
    settings = Settings(database=postgresql_database, state=str(tmp_path))
    with pytest.raises(SettingsError, match="LEDGER_KEY: must be a secret"):
        Keeping(settings)


def test_a_folder_that_cannot_be_made_refuses_to_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match=r"STATE: .* cannot be made"):
        Keeping(Settings(state=str(tmp_path / "file")))


def test_a_spool_that_cannot_be_made_refuses_to_start(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("")
    Keeping(Settings(state=str(tmp_path)))
    with pytest.raises(SettingsError, match=r"STATE: .*/spool cannot be used \(File exists\)"):
        Keeping(Settings(state=str(tmp_path), ledger="spool"))


def test_a_spool_that_cannot_be_made_is_told_by_the_command(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("")
    done = run("serve", "--port", "0", settings={"STATE": str(tmp_path), "LEDGER": "spool"})
    assert done.returncode == 2
    assert done.stderr.endswith("/spool cannot be used (File exists)\n")


def test_a_spool_in_which_no_file_can_be_made_refuses_to_start(tmp_path: Path) -> None:
    # A link to a folder where even an administrator makes no files.
    (tmp_path / "spool").symlink_to("/proc/self/fd")
    with pytest.raises(SettingsError, match=r"STATE: .*/spool cannot be used"):
        Keeping(Settings(state=str(tmp_path), ledger="spool"))


@pytest.mark.parametrize("umask", [0o022, 0o000])
def test_a_file_that_is_named_is_made_for_nobody_else(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        with running(
            ledger="spool", state=str(tmp_path / "state"), database=f"sqlite:///{tmp_path}/l.db"
        ) as live:
            assert live.send(sign(chart=CHART)).status_code == 200
            files = sorted(tmp_path.glob("l.db*"))
            modes = {stat.S_IMODE(file.stat().st_mode) for file in files}
    finally:
        os.umask(before)
    assert [file.name for file in files] == ["l.db", "l.db-shm", "l.db-wal", "l.db.key"]
    assert modes == {0o600}


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_table_that_is_gone_refuses_to_start(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path}/l.db"
    if kind == "postgresql":
        url = request.getfixturevalue("postgresql_database")
    settings = Settings(state=str(tmp_path), database=url, ledger_key=SECRET)
    Keeping(settings)
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("DROP TABLE day"))
    engine.dispose()
    with pytest.raises(SettingsError) as refused:
        Keeping(settings)
    told = {
        "sqlite": f"{tmp_path}/l.db cannot be used (no such table: day)",
        "postgresql": "cannot be used (ProgrammingError). Check that it runs",
    }
    assert str(refused.value) == f"DEFIB_COVERAGE_DATABASE: {told[kind]}"


def test_another_key_refuses_to_start(tmp_path: Path) -> None:
    with running(ledger="refuse", state=str(tmp_path), ledger_key=SECRET) as live:
        assert live.send(sign(chart=CHART)).status_code == 200
    Keeping(Settings(state=str(tmp_path), ledger_key=SECRET))
    with pytest.raises(SettingsError, match="is not the key of this ledger"):
        Keeping(Settings(state=str(tmp_path), ledger_key=SECRET + "!"))
