"""Reading the ledger: decisions with their answers, sums, exports, and the page of the report."""

from __future__ import annotations

import json
import re
from contextlib import closing
from datetime import date, timedelta
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from fhir.resources.R4B.auditevent import AuditEvent
from fhir.resources.R4B.provenance import Provenance
from sqlalchemy import update

from defib_coverage.database.engine import open_database, open_reader, read_url
from defib_coverage.database.tables import DECISION
from defib_coverage.fhir.systems import CANONICAL_BASE
from defib_coverage.ledger import exporting, reading
from defib_coverage.ledger.counting import count
from defib_coverage.ledger.fhir_events import audit_event, provenance
from defib_coverage.ledger.page import page_of
from defib_coverage.ledger.records import Answered, Card
from defib_coverage.ledger.report import Period, Reason, Unmatched, report
from defib_coverage.ledger.secrets import Secrets, pack
from defib_coverage.ledger.store import Store
from ledgers import KEY, SECRET, decision, feedback
from live_server import sign

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection

    from defib_coverage.coverage.determination import Determination
    from defib_coverage.ledger.records import Record
    from defib_coverage.ledger.report import Rates, Report

pytest_plugins = ("databases",)
SECRETS = Secrets(SECRET)
DAY_ONE = date(2026, 11, 20)
EVERYTHING = Period()
HOSTILE = "<script>alert(1)</script>\"'&\x1b[2J\u202e"


def keep(database: str, *records: Record, day: date = DAY_ONE) -> None:
    with closing(Store(read_url(database), KEY, lambda: day)) as store:
        for record in records:
            store.append([record])


@pytest.fixture
def look(database: str) -> Iterator[Callable[[], Connection]]:
    """A connection to the ledger as it is when it is asked for."""
    engine = open_reader(read_url(database))
    opened = []

    def connect() -> Connection:
        opened.append(engine.connect())
        return opened[-1]

    yield connect
    for connection in opened:
        connection.close()
    engine.dispose()


# ---------------------------------------------------------------------------------------- decisions


@pytest.fixture
def determination(evaluate: Callable[..., tuple[Determination, ...]]) -> Determination:
    (found,) = evaluate(json.dumps(sign()).encode())
    return found


def test_a_decision_is_read_with_what_became_of_it(
    database: str, look: Callable[[], Connection], determination: Determination
) -> None:
    packed = pack(SECRETS.without_names(msgspec.json.encode(determination)))
    one = decision(1, determination=packed, findings=("a", "b"))
    first, second = one.cards
    suggestion = first.suggestions[0]
    keep(
        database,
        Answered((one,)),
        feedback(first.id, reason_code="c", reason_system="s", time="2026-11-22T10:00:02.000000Z"),
        feedback(first.id, outcome="accepted", suggestions=(suggestion,), comment=None),
        feedback("unknown"),
    )
    (found,) = reading.decided(look(), KEY, reading.by_decision(one.id), 5)
    for name in ("id", "time", "call", "client", "status", "findings", "service_date", "policy"):
        assert getattr(found, name) == getattr(one, name)
    assert [card.id for card in found.cards] == [first.id, second.id]
    overridden, accepted = found.cards[0].answers
    assert (overridden.outcome, overridden.reason_code, overridden.has_comment) == (
        "overridden",
        "c",
        True,
    )
    assert (accepted.suggestions, accepted.has_comment) == ((suggestion,), False)
    assert found.cards[1].answers == ()
    assert (found.place.position, found.place.length, found.place.holds) == (1, 4, True)
    assert found.determination is not None
    assert found.determination.findings[0].text == determination.findings[0].text
    assert "locked" not in msgspec.json.encode(found).decode()


def test_decisions_are_found_by_every_name_newest_first(
    database: str, look: Callable[[], Connection]
) -> None:
    digest = SECRETS.digest("patient", "ehr", "p1")
    made = [decision(n, assertion_id="same", patient=digest, determination=None) for n in range(4)]
    for number, one in enumerate(made):
        day = DAY_ONE + timedelta(days=number // 2)
        keep(database, Answered((one, decision(50 + number, determination=None))), day=day)
    newest = [one.id for one in reversed(made)]
    where = reading.by_assertion("same")
    assert [d.id for d in reading.decided(look(), KEY, where, 9)] == newest
    assert [d.id for d in reading.decided(look(), KEY, where, 2)] == newest[:2]
    where = reading.by_patient(SECRETS, "ehr", "p1")
    assert [d.id for d in reading.decided(look(), KEY, where, 9)] == newest
    assert reading.decided(look(), KEY, reading.by_patient(SECRETS, None, "p1"), 9) == []
    where = reading.by_card(made[2].cards[1].id)
    assert [d.id for d in reading.decided(look(), KEY, where, 9)] == [made[2].id]
    assert all(d.place.holds for d in reading.decided(look(), KEY, where, 9))
    assert reading.decided(look(), KEY, reading.by_card("none"), 9) == []


def test_a_decision_tells_that_its_own_link_does_not_hold(
    database: str, look: Callable[[], Connection]
) -> None:
    one, two = decision(1, determination=None), decision(2, determination=None)
    keep(database, Answered((one, two)))
    engine = open_database(read_url(database))
    with engine.connect() as connection:
        changed = update(DECISION).where(DECISION.c.id == two.id)
        connection.execute(changed, {"status": "covered"})
    engine.dispose()
    holds = [
        reading.decided(look(), KEY, reading.by_decision(d.id), 1)[0].place.holds
        for d in (one, two)
    ]
    assert holds == [True, False]


def test_the_answer_to_a_call_is_found_from_each_of_its_decisions(
    database: str, look: Callable[[], Connection]
) -> None:
    locked = SECRETS.lock(b'{"cards":[]}')
    made = [decision(n, call="one", determination=None) for n in range(3)]
    first = msgspec.structs.replace(made[0], response=locked)
    keep(database, Answered((decision(9),)), Answered((first, *made[1:])))
    for one in made:
        (found,) = reading.decided(look(), KEY, reading.by_decision(one.id), 1)
        assert reading.response_of(look(), SECRETS, found) == b'{"cards":[]}'


# --------------------------------------------------------------------------------------------- sums


def filled(database: str) -> None:
    """Four decisions of two clients, with answers of every kind."""
    offers, silent = Card("card-a", "claim", ("s-1",)), Card("card-b", "limits")
    more: dict[str, Any] = {"determination": None}
    keep(
        database,
        Answered((decision(1, findings=("x", "y"), **more),)),
        Answered((msgspec.structs.replace(decision(2, **more), cards=(offers, silent)),)),
        Answered((decision(3, cards=0, client=None, findings=(), status="covered", **more),)),
        feedback("card-a", outcome="overridden", reason_code="changed my mind"),
        feedback("card-b", reason_code="why", reason_system="urn:s"),
        feedback("card-c", reason_code="why", reason_system="urn:s"),
        feedback("never-sent"),
        feedback("card-a", outcome="accepted", suggestions=("s-1",)),
    )
    third = msgspec.structs.replace(
        decision(4, policy=None, **more), cards=(Card("card-c", "claim"),)
    )
    other = feedback("card-b", client="other", outcome="accepted")
    later = DAY_ONE + timedelta(days=1)
    keep(database, Answered((third,)), feedback("card-c"), other, day=later)


def rate(rates: tuple[Rates, ...], name: str) -> tuple[Any, ...]:
    (found,) = [one for one in rates if one.name == name]
    return (found.decisions, found.cards, found.accepted, found.overridden, found.taken)


def summed(connection: Connection, period: Period = EVERYTHING) -> Report:
    return report(count(connection, period))


def test_what_was_decided_and_answered_is_summed_up(
    database: str, look: Callable[[], Connection]
) -> None:
    filled(database)
    found = summed(look())
    total = found.total
    assert (total.decisions, total.cards, total.offers) == (4, 5, 3)
    assert (total.accepted, total.overridden, total.taken) == (1, 2, 1)
    assert total.acceptance == pytest.approx(1 / 3)
    assert total.override == pytest.approx(2 / 3)
    assert rate(found.by_finding, "sdm-missing") == (2, 3, 1, 2, 1)
    assert rate(found.by_finding, "x") == rate(found.by_finding, "y") == (1, 2, 0, 0, 0)
    assert rate(found.by_finding, "(no finding)") == (1, 0, 0, 0, 0)
    assert rate(found.by_kind, "claim") == (0, 2, 1, 1, 1)
    assert rate(found.by_kind, "limits") == (0, 3, 0, 1, 0)
    assert rate(found.by_client, "ehr") == (3, 5, 1, 2, 1)
    assert rate(found.by_client, "(open service)") == (1, 0, 0, 0, 0)
    assert rate(found.by_policy, "(no policy in force)") == (1, 1, 0, 1, 0)
    assert found.reasons == (Reason("(no reason given)", None, 1), Reason("why", "urn:s", 1))
    assert found.statuses == (
        (DAY_ONE.isoformat(), {"conditional": 2, "covered": 1}),
        ((DAY_ONE + timedelta(days=1)).isoformat(), {"conditional": 1}),
    )
    # The first answer to card-c came before the card; another client's to card-b is nobody's.
    assert found.unmatched == Unmatched(unknown=2)


def test_a_period_is_of_decisions_whenever_their_answers_came(
    database: str, look: Callable[[], Connection]
) -> None:
    filled(database)
    later = Period(DAY_ONE + timedelta(days=1))
    found = summed(look(), later)
    assert (found.total.decisions, found.total.cards, found.total.overridden) == (1, 1, 1)
    assert [one.name for one in found.by_kind] == ["claim"]
    assert found.unmatched == Unmatched(unknown=1)
    assert summed(look(), Period(None, DAY_ONE)).total.decisions == 3
    assert summed(look(), Period(date(2027, 1, 1))).total.decisions == 0


def test_answers_to_what_is_purged_are_counted_apart(
    database: str, look: Callable[[], Connection]
) -> None:
    one = decision(1)
    keep(database, Answered((one,)))
    later = DAY_ONE + timedelta(days=1)
    keep(database, feedback(one.cards[0].id), day=later)
    with closing(Store(read_url(database), KEY, lambda: later)) as store:
        assert store.purge(1) is None
    with closing(Store(read_url(database), KEY, lambda: later + timedelta(days=1))) as store:
        assert store.purge(1) == DAY_ONE
    found = summed(look())
    assert (found.total.decisions, found.total.answered) == (0, 0)
    assert found.unmatched == Unmatched(purged=1)


def test_long_periods_are_told_by_month(database: str, look: Callable[[], Connection]) -> None:
    for number, day in enumerate((DAY_ONE, DAY_ONE + timedelta(days=70))):
        made = decision(number, time=f"{day}T10:00:00.000000Z")
        keep(database, Answered((made,)), day=day)
    assert [time for time, _ in summed(look()).statuses] == ["2026-11", "2027-01"]


def test_an_empty_ledger_has_a_report(look: Callable[[], Connection]) -> None:
    found = summed(look())
    assert found.total.decisions == 0
    assert found.total.acceptance is None
    assert b"<h2>By client</h2><p>nothing</p>" in page_of(found, "nothing yet")


# --------------------------------------------------------------------------------------------- page


class _Page(HTMLParser):
    """Which elements and attributes a page has, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_shows_hostile_text_as_text_and_needs_nothing(
    database: str, look: Callable[[], Connection]
) -> None:
    card = Card("card-x", "claim")
    made = decision(1, cards=0, client=HOSTILE, policy=HOSTILE[:32], findings=(HOSTILE,))
    answer = feedback("card-x", reason_code=HOSTILE, reason_system=f"javascript:{HOSTILE}")
    keep(database, Answered((msgspec.structs.replace(made, cards=(card,)),)), answer)
    text = page_of(summed(look()), "Decisions").decode()
    page = _Page(text)
    told = {"html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "div", "b", "span"}
    told |= {"figure", "svg", "g", "rect", "text", "line", "table", "tr", "th", "td"}
    assert set(page.tags) <= told
    assert {"svg", "table"} <= set(page.tags)
    names = {name for name, _ in page.attributes}
    assert not {name for name in names if name.startswith("on")} | (names & {"href", "src"})
    assert "<script>alert(1)</script>" in page.text
    assert not re.search(r"[\x00-\x08\x0b-\x1f\u202e]", text)
    assert "url(" not in text
    assert "prefers-color-scheme: dark" in text


# ------------------------------------------------------------------------------------------- export


def test_every_row_is_exported_as_it_stands(
    database: str, look: Callable[[], Connection], determination: Determination
) -> None:
    encoded = SECRETS.without_names(msgspec.json.encode(determination))
    one = decision(1, determination=pack(encoded))
    comment = SECRETS.lock("she said no: \x00ü".encode())
    keep(database, Answered((one, decision(2, determination=None))))
    keep(database, feedback(one.cards[0].id, comment=comment), feedback("unknown", comment=None))
    connection = look()
    first, second = exporting.decisions(connection, EVERYTHING)
    assert (first.id, first.position, second.determination) == (one.id, 1, None)
    assert bytes(first.determination or b"") == encoded
    assert first.cards == one.cards
    matched, unmatched = exporting.feedback(connection, EVERYTHING, None)
    assert (matched.decision, matched.has_comment, matched.comment) == (one.id, True, None)
    assert (unmatched.decision, unmatched.has_comment) == (None, False)
    opened, _ = exporting.feedback(connection, EVERYTHING, SECRETS)
    assert opened.comment == "she said no: \x00ü"
    with pytest.raises(ValueError, match="another key"):
        list(exporting.feedback(connection, EVERYTHING, Secrets("x" * 32)))
    assert exporting.expected(connection, EVERYTHING) == exporting.Expected(4, 0)
    nothing = Period(DAY_ONE + timedelta(days=1))
    assert exporting.expected(connection, nothing) == exporting.Expected(0, 0)
    assert list(exporting.decisions(connection, nothing)) == []


def test_more_rows_than_one_part_are_exported_in_order(
    database: str, look: Callable[[], Connection]
) -> None:
    number = exporting.PART + 3
    made = tuple(decision(n, cards=0, determination=None) for n in range(number))
    keep(database, Answered(made))
    found = list(exporting.decisions(look(), EVERYTHING))
    assert [row.id for row in found] == [one.id for one in made]


def test_decisions_are_fhir_resources(database: str, look: Callable[[], Connection]) -> None:
    keep(
        database,
        Answered(
            (
                decision(1, determination=None),
                decision(2, client=None, policy=None, order_code=None, determination=None),
            )
        ),
    )
    for row in exporting.decisions(look(), EVERYTHING):
        event = AuditEvent.model_validate(audit_event(row, CANONICAL_BASE))
        origin = Provenance.model_validate(provenance(row, CANONICAL_BASE))
        for resource in (event, origin):
            text = resource.model_dump_json()
            assert row.id in text
            assert row.data_digest in text or resource is event
        assert row.patient in event.model_dump_json()
