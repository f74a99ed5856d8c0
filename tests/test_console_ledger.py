"""The ledger's pages: sums of a period, one decision with its reasons, and whether it is whole."""

from __future__ import annotations

import asyncio
import html
import re
import shutil
import sqlite3
from contextlib import closing
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
import requests
from sqlalchemy import func, select

from defib_coverage.database.engine import open_reader, read_url
from defib_coverage.database.tables import DECISION
from defib_coverage.ledger.browsing import Browser, SlowError
from defib_coverage.ledger.counting import bounds_of, count
from defib_coverage.ledger.durations import STEPS, durations, together
from defib_coverage.ledger.neighbourhood import neighbourhood
from defib_coverage.ledger.report import NOBODY, Choice, Period, report
from defib_coverage.ledger.store import Store
from ledger_history import LAST, SECRETS, Kept, write_history
from ledgers import KEY, breaches, call, feedback, rows
from live_server import order, running, sign
from registered import client_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from live_server import Live

pytest_plugins = ("databases", "live_server")
NOTHING = "No decision with this assertion id is kept."
HOSTILE = "<script>alert(1)</script>\u202e`rm`"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    return write_history(tmp_path_factory.mktemp("state"))


@pytest.fixture(scope="module")
def books(kept: Kept) -> Iterator[Live]:
    with running(**kept.settings) as live:
        yield live


@pytest.fixture
def copy(kept: Kept, tmp_path: Path) -> Kept:
    """The same ledger, to be spoiled."""
    return Kept(shutil.copytree(kept.state, tmp_path / "state"), kept.assertions)


def url_of(kept: Kept) -> str:
    return f"sqlite:///{kept.state}/defib-coverage.db"


def spoilt(kept: Kept, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(kept.state / "defib-coverage.db")) as connection:
        connection.execute(statement, values)
        connection.commit()


def words(page: requests.Response) -> str:
    """What a page says, without its markup."""
    text = re.sub(r"<title>.*?</title>", "", page.text, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


def tile(page: requests.Response, name: str) -> str:
    (found,) = re.findall(rf"<li><b>([^<]*)</b> <span>{name}</span></li>", page.text)
    return str(found)


# -------------------------------------------------------------------------------------------- sums


def test_without_asking_the_last_30_days_are_shown(books: Live, kept: Kept) -> None:
    page = books.get("/ledger")
    assert page.status_code == 200
    assert len(page.content) < 300_000
    period = Period(LAST - timedelta(days=29), LAST)
    engine = open_reader(read_url(url_of(kept)))
    with engine.connect() as connection:
        counted = report(count(connection, period))
    engine.dispose()
    assert f"{period.first} to {period.last}" in words(page)
    assert tile(page, "decisions") == f"{counted.total.decisions:,}"
    assert tile(page, "cards sent") == f"{counted.total.cards:,}"
    assert tile(page, "of them accepted") == f"{counted.total.acceptance:.0%}"
    statuses = {
        name: sum(found.get(name, 0) for _, found in counted.statuses)
        for name in ("covered", "conditional", "not-covered")
    }
    assert all(statuses.values())
    for name, number in statuses.items():
        assert f"{name.replace('-', ' ')} {number:,} " in words(page)
    for name in [one.name for one in counted.by_finding] + [one.code for one in counted.reasons]:
        assert name in words(page)
    assert "The patient declined" in words(page)
    assert page.text.count('<figure class="chart"') == 2


def test_a_period_a_client_and_a_class_are_chosen(books: Live) -> None:
    def decisions(**asked: str) -> int:
        page = requests.get(books.base + "/ledger", params=asked, timeout=30)
        assert page.status_code == 200
        return int(tile(page, "decisions").replace(",", ""))

    everything = {"from": "", "to": ""}
    whole = decisions(**everything)
    assert 0 < decisions(**{"from": "2026-11-16", "to": "2026-11-20"}) < whole
    by_client = [decisions(**everything, client=one) for one in ("mercy-north", "st-anne")]
    assert sum(by_client) == whole
    by_class = [decisions(**everything, **{"class": c}) for c in ("initial-implant", "replacement")]
    assert sum(by_class) == whole
    assert all([*by_client, *by_class])
    page = books.get("/ledger?from=2026-11-16&to=&client=st-anne&class=replacement")
    assert '<option value="st-anne" selected>' in page.text
    assert '<option value="replacement" selected>' in page.text
    assert "2026-11-16 to today, asked by st-anne, replacement" in words(page)
    assert "client=st-anne&amp;class=replacement" in page.text


def test_a_period_without_decisions_says_when_there_are_some(books: Live) -> None:
    page = books.get("/ledger?from=2020-01-01&to=2020-01-31")
    first = LAST - timedelta(days=39)
    assert f"The ledger holds decisions from {first} to {LAST}." in words(page)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("from=yesterday", "from: must be a day such as 2026-11-20"),
        ("from=20261120", "from: must be a day such as 2026-11-20"),
        ("to=2026-W47-1", "to: must be a day such as 2026-11-20"),
        ("to=2026-02-30", "to: must be a day such as 2026-11-20"),
        ("from=2026-11-20&to=2026-11-19", "to: 2026-11-19 comes before 2026-11-20"),
        ("class=<b>", "class: is none of initial-implant"),
        ("client=nobody-known", "client: the ledger knows no such client"),
        ("client=" + "x" * 300, "client: is longer than any client's name"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_words(books: Live, asked: str, said: str) -> None:
    page = books.get(f"/ledger?{asked}")
    assert page.status_code == 400
    assert said in words(page)


def test_an_empty_ledger_says_so(tmp_path: Path) -> None:
    with running(ledger="refuse", state=str(tmp_path)) as live:
        page = live.get("/ledger")
        assert page.status_code == 200
        assert "Nothing is kept yet." in words(page)
        assert live.cards(sign())
        after = live.get("/ledger")
        assert tile(after, "decisions") == "1"
        assert live.get(f"/ledger?client={NOBODY}").status_code == 200


# -------------------------------------------------------------------------------------- a decision


def test_an_id_leads_to_its_decision(books: Live, kept: Kept) -> None:
    assertion = kept.assertions["not-covered"]
    asked = {"id": f" {assertion} "}
    page = requests.get(books.base + "/ledger", params=asked, timeout=30)
    assert page.url == f"{books.base}/ledger/{assertion}"
    said = words(page)
    assert "33249 on 2026-11-20 not covered" in said
    assert "whole This decision stands as it was written." in said
    for part in (
        "not met B2",
        "No infarction in the past 40 days",
        "I21.4",
        "First eligible day: 2026-12-06",
        "waiting-period-open",
        "Nothing in the chart speaks against it; a person attests to it.",
        "Nothing in the chart leads to B1",
        "a keyed digest: no name is kept",
    ):
        assert part in said, part
    assert "Patient/p1" not in page.text


def test_each_decision_under_an_id_can_be_shown(books: Live, kept: Kept) -> None:
    assertion = kept.assertions["covered"]
    under = [row for row in rows(url_of(kept)) if row.assertion_id == assertion]
    page = books.get(f"/ledger/{assertion}")
    assert f"{len(under)} decisions" in words(page)
    oldest = under[0]
    shown = books.get(f"/ledger/{assertion}?decision={oldest.id}")
    assert f"Row {oldest.position} of" in words(shown)
    assert oldest.hook_instance in shown.text
    other = next(row for row in rows(url_of(kept)) if row.assertion_id != assertion)
    assert books.get(f"/ledger/{assertion}?decision={other.id}").status_code == 404


@pytest.mark.parametrize("name", ["0" * 32, "a%20b", "%3Cscript%3E", "x" * 65, "' or 1=1"])
def test_an_unknown_id_is_not_found(books: Live, name: str) -> None:
    page = books.get(f"/ledger/{name}")
    assert page.status_code == 404
    assert NOTHING in words(page)
    assert requests.get(books.base + "/ledger", params={"id": name}, timeout=30).status_code == 404


def test_what_clients_wrote_is_shown_as_text(copy: Kept) -> None:
    (first, *_) = [row for row in rows(url_of(copy)) if row.status == "conditional"]
    card = re.findall(r'"id":"([0-9a-f-]{36})"', first.cards)[0]
    with closing(Store(read_url(url_of(copy)), KEY, lambda: LAST)) as store:
        store.append(
            [
                feedback(
                    card,
                    client=first.client,
                    reason_code=HOSTILE,
                    reason_system=HOSTILE,
                    outcome_time=HOSTILE[:40],
                )
            ]
        )
    with running(**copy.settings) as live:
        sums = live.get("/ledger?from=&to=")
        one = live.get(f"/ledger/{first.assertion_id}?decision={first.id}")
    for page in (sums, one):
        assert "&lt;script&gt;alert(1)&lt;/script&gt;[U+202E]" in page.text
        assert "<script>alert" not in page.text
        assert "\u202e" not in page.text


def test_a_ledger_of_columns_alone_has_no_reasons(tmp_path: Path) -> None:
    with running(ledger="refuse", state=str(tmp_path), ledger_content="columns") as live:
        live.cards(sign(order()))
        (row,) = rows(f"sqlite:///{tmp_path}/defib-coverage.db")
        page = live.get(f"/ledger/{row.assertion_id}") if row.assertion_id else live.get("/ledger")
    assert page.status_code == 200
    if row.assertion_id:
        assert "The determination with its reasons was not kept" in words(page)


# ---------------------------------------------------------------------------------- the chain check


SPOILED = {
    "row": ("UPDATE decision SET status='covered' WHERE id=?", "The row was changed"),
    "unreadable": ("UPDATE decision SET findings='{' WHERE id=?", "What the row says cannot"),
    "day": ("UPDATE day SET length=length+1 WHERE day=?", "The row of its day was changed"),
    "no day": ("DELETE FROM day WHERE day=?", "Its day has no row"),
    "cards": ("DELETE FROM card WHERE decision=?", "The cards that stand beside it"),
    "next": (
        "UPDATE decision SET milliseconds=9999 WHERE id=?",
        "What comes after it does not follow from it",
    ),
}


@pytest.mark.parametrize("name", SPOILED)
def test_what_was_changed_is_seen(copy: Kept, name: str) -> None:
    statement, said = SPOILED[name]
    every = rows(url_of(copy))
    place = next(
        n
        for n, row in enumerate(every)
        if row.status == "not-covered" and (row.day, row.position + 1) == _place(every[n + 1])
    )
    row = every[place]
    about = {"day": str(row.day), "no day": str(row.day), "next": every[place + 1].id}
    spoilt(copy, statement, about.get(name, row.id))
    with running(**copy.settings) as live:
        page = live.get(f"/ledger/{row.assertion_id}?decision={row.id}")
    assert page.status_code == 200
    assert "This decision does not stand as it was written." in words(page)
    assert said in words(page)


def _place(row: object) -> tuple[date, int]:
    return (row.day, row.position)  # type: ignore[attr-defined]  # a row of decisions


def test_every_row_of_a_whole_ledger_is_whole(kept: Kept) -> None:
    assert breaches(url_of(kept)) == []
    engine = open_reader(read_url(url_of(kept)))
    with engine.connect() as connection:
        for row in rows(url_of(kept)):
            found = neighbourhood(connection, KEY, row.day, row.position)
            assert found.holds, (row.day, row.position, found.broken)
    engine.dispose()


# ------------------------------------------------------------------------------ who may see, bounds


def test_where_no_ledger_is_kept_there_is_no_page(live: Live) -> None:
    assert 'href="/ledger' not in live.get("/").text
    for path in ("/ledger", "/ledger/" + "0" * 32):
        page = live.get(path)
        assert page.status_code == 404
        assert "There is no such page." in page.text


def test_where_tokens_are_required_it_is_off_until_it_is_switched_on(
    copy: Kept, tmp_path: Path
) -> None:
    closed, _ = client_file(tmp_path, ehr="")
    paths = ("/ledger", f"/ledger/{copy.assertions['covered']}")
    with running(**copy.settings, **closed) as live:
        assert [live.get(path).status_code for path in paths] == [404, 404]
    with running(**copy.settings, **closed, console="on") as live:
        assert [live.get(path).status_code for path in paths] == [200, 200]


def test_a_ledger_that_cannot_be_read_is_told_without_its_words(copy: Kept) -> None:
    with running(**copy.settings) as live:
        spoilt(copy, "DROP TABLE feedback")
        page = live.get("/ledger")
        assert page.status_code == 503
        assert "The ledger cannot be read now." in words(page)
        assert "feedback" not in words(page)
        assert "ledger-unreadable" in live.log()


def test_what_takes_too_long_is_stopped(kept: Kept) -> None:
    async def look(browser: Browser) -> None:
        with pytest.raises(SlowError):
            await browser.sums(Choice(), lambda _: Period())
        with pytest.raises(SlowError):
            await browser.under(kept.assertions["covered"])

    with closing(Browser(read_url(url_of(kept)), SECRETS.chain, longest=0.0)) as browser:
        asyncio.run(look(browser))


def test_both_databases_are_browsed_alike(database: str) -> None:
    with closing(Store(read_url(database), KEY, lambda: LAST)) as store:
        for number, client in enumerate(("b", None, "a")):
            store.append([call(number, client=client, assertion_id="same", milliseconds=1.5)])

    async def look(browser: Browser) -> None:
        sums = await browser.sums(Choice(NOBODY), lambda last: Period(last, last))
        assert (sums.first, sums.last, sums.clients) == (LAST, LAST, (NOBODY, "a", "b"))
        assert sums.report.total.decisions == len(sums.newest) == 1
        assert [one.number for one in sums.durations] == [1]
        under = await browser.under("same")
        assert under is not None
        assert (under.total, under.line.client, under.place.holds) == (3, "a", True)
        # What it says is no determination.
        assert under.decided is None
        assert await browser.under("other") is None

    with closing(Browser(read_url(database), KEY)) as browser:
        asyncio.run(look(browser))


def test_durations_are_never_less_than_is_true(kept: Kept) -> None:
    engine = open_reader(read_url(url_of(kept)))
    with engine.connect() as connection:
        whole = together(durations(connection, bounds_of(Period(), Choice())))
        taken = sorted(connection.execute(select(DECISION.c.milliseconds)).scalars())
        assert whole.number == connection.execute(select(func.count(DECISION.c.id))).scalar()
    engine.dispose()
    assert whole.slowest == taken[-1]
    for share in (0.1, 0.5, 0.95, 1.0):
        told = whole.within(share)
        exact = taken[-(-int(share * 1000) * len(taken) // 1000) - 1]
        assert told is not None
        assert exact <= told <= next((end for end in STEPS if end >= exact), taken[-1])
    assert together(()).within(0.5) is None
