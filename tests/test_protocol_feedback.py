"""Over HTTP, what clinicians did with cards is kept once, refused clearly, and never repeated."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings, strategies

from command_line import ROOT
from defib_coverage import __version__
from defib_coverage.database.tables import DECISION, FEEDBACK
from defib_coverage.hooks.feedback import (
    LARGEST_FEEDBACK,
    LONGEST_COMMENT,
    LONGEST_ID,
    LONGEST_SYSTEM,
    MOST_ENTRIES,
    MOST_SUGGESTIONS,
)
from defib_coverage.hooks.openapi import describe
from defib_coverage.ledger.lookup import MOST_BYTES, MOST_FOUND
from defib_coverage.ledger.secrets import Secrets
from ledgers import SECRET, breaches, held, rows
from live_server import JSON_TYPE, SERVICE_IDS, Json, issue_of, open_chart, running, sign
from registered import PUBLIC, client_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    import requests
    from sqlalchemy import Row

    from live_server import Live
    from registered import Registered

pytest_plugins = ("databases", "live_server")

SIGN = f"/cds-services/{SERVICE_IDS['order-sign']}"
PATH = f"{SIGN}/feedback"
NAME = "Mrs. Agnes Underhill"
WHEN = "2026-11-20T10:00:00Z"
REASON = {"code": "patient-declined", "system": "https://ehr.example.org/reasons"}


class Service:
    """A service that keeps a ledger, and what it keeps."""

    def __init__(self, live: Live, database: str) -> None:
        self.live = live
        self.database = database

    def card(self) -> Json:
        """A card that it has sent, with suggestions."""
        cards = self.live.cards(sign(chart=open_chart()))
        return next(card for card in cards if card.get("suggestions"))

    def send(self, *entries: object) -> requests.Response:
        return self.live.post(PATH, json.dumps({"feedback": entries}).encode())

    def kept(self, card: str) -> list[Row[Any]]:
        """The answers to a card."""
        return [row for row in rows(self.database, FEEDBACK) if row.card == card]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("ledger")
    url = f"sqlite:///{folder}/ledger.db"
    with running(ledger="refuse", state=str(folder), database=url, ledger_key=SECRET) as live:
        yield Service(live, url)


def overridden(card: str, **more: object) -> Json:
    return {"card": card, "outcome": "overridden", "outcomeTimestamp": WHEN} | more


def accepted(card: str, *suggestions: str, **more: object) -> Json:
    told = [{"id": suggestion} for suggestion in suggestions]
    entry = overridden(card) | {"outcome": "accepted", "acceptedSuggestions": told}
    return entry | more


# ------------------------------------------------------------------------------------- what is kept


def test_an_accepted_suggestion_is_kept_with_the_decision_that_it_is_about(
    service: Service,
) -> None:
    card = service.card()
    suggestion = card["suggestions"][0]["uuid"]
    response = service.send(accepted(card["uuid"], suggestion))
    assert response.status_code == 200
    assert response.json() == {}
    (row,) = service.kept(card["uuid"])
    assert (row.outcome, row.service) == ("accepted", SERVICE_IDS["order-sign"])
    assert json.loads(row.suggestions) == [suggestion]
    assert row.outcome_time == "2026-11-20T10:00:00.000000Z"
    (decision,) = (d for d in rows(service.database, DECISION) if d.id == row.decision)
    assert card["uuid"] in decision.cards
    assert breaches(service.database, Secrets(SECRET).chain) == []


def test_the_reason_of_an_override_is_kept_and_its_comment_only_encrypted(
    service: Service,
) -> None:
    card = service.card()["uuid"]
    why = {"reason": REASON | {"display": "x"}, "userComment": f"{NAME} refuses"}
    assert service.send(overridden(card, overrideReason=why)).status_code == 200
    (row,) = service.kept(card)
    assert (row.reason_system, row.reason_code) == (REASON["system"], REASON["code"])
    assert NAME.encode() not in row.comment
    assert Secrets(SECRET).open(row.comment).decode() == f"{NAME} refuses"


@pytest.mark.parametrize(
    "why",
    [{"reason": REASON}, {"reason": {"code": "x"}}, {"userComment": NAME}, None],
)
def test_reason_and_comment_may_each_be_absent(service: Service, why: Json | None) -> None:
    card = str(uuid4())
    assert service.send(overridden(card, overrideReason=why)).status_code == 200
    assert len(service.kept(card)) == 1


def test_one_body_may_tell_of_several_cards_and_of_one_card_several_times(
    service: Service,
) -> None:
    first, second = service.card(), service.card()
    suggestion = first["suggestions"][0]["uuid"]
    later = {"outcomeTimestamp": "2026-11-20T10:05:00Z"}
    response = service.send(
        overridden(first["uuid"]),
        overridden(second["uuid"]),
        accepted(first["uuid"], suggestion, **later),
    )
    assert response.status_code == 200
    assert [r.outcome for r in service.kept(first["uuid"])] == ["overridden", "accepted"]
    assert [r.outcome for r in service.kept(second["uuid"])] == ["overridden"]


def test_nothing_to_tell_is_legal(service: Service) -> None:
    assert service.send().status_code == 200


def test_a_repeat_is_answered_the_same_and_kept_once(service: Service) -> None:
    card = service.card()["uuid"]
    entry = overridden(card, overrideReason={"userComment": NAME})
    # The same instant, and the same uuid, written in another way.
    same = entry | {"outcomeTimestamp": "2026-11-20T05:00:00.000-05:00"}
    same["card"] = f"urn:uuid:{card.upper()}"
    for body in ((entry,), (entry,), (entry, entry), (same,)):
        assert service.send(*body).status_code == 200
    assert len(service.kept(card)) == 1
    assert service.send(overridden(card)).status_code == 200
    assert len(service.kept(card)) == 2


def test_an_unknown_card_is_no_error_and_kept_apart(service: Service) -> None:
    other = "a card of somebody else"
    known = str(uuid4())
    for card, named in ((known, known), (other, Secrets(SECRET).digest("card", other))):
        assert service.send(overridden(card)).status_code == 200
        (row,) = service.kept(named)
        assert row.decision is None


def test_members_that_are_not_known_are_passed_over(service: Service) -> None:
    entry = overridden(str(uuid4()), extension={"org.example": NAME}, future=[1])
    body = json.dumps({"feedback": [entry], "extension": {}, "future": None}).encode()
    assert service.live.post(PATH, body).status_code == 200


def test_the_same_from_many_at_once_over_two_processes_is_kept_once(
    database: str, tmp_path: Path
) -> None:
    url = database
    shared = {"ledger": "refuse", "state": str(tmp_path), "database": url, "ledger_key": SECRET}
    with running(**shared) as one, running(**shared) as other:
        cards = [Service(one, url).card()["uuid"] for _ in range(5)]
        body = json.dumps({"feedback": [overridden(card) for card in cards]}).encode()
        with ThreadPoolExecutor(8) as pool:
            made = [pool.submit(live.post, PATH, body) for live in (one, other) * 8]
        assert {future.result().status_code for future in made} == {200}
    kept = rows(url, FEEDBACK)
    assert sorted(row.card for row in kept) == sorted(cards)
    assert all(row.decision for row in kept)
    assert breaches(url, Secrets(SECRET).chain) == []


# ---------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"card": None}, "feedback[0].card"),
        ({"card": ""}, "feedback[0].card"),
        ({"card": 7}, "feedback[0].card"),
        ({"card": "a\x00b"}, "feedback[0].card"),
        ({"card": "x" * (LONGEST_ID + 1)}, "feedback[0].card"),
        ({"outcome": "ignored"}, "feedback[0].outcome"),
        ({"outcome": "Accepted"}, "feedback[0].outcome"),
        ({"outcome": None}, "feedback[0].outcome"),
        ({"outcomeTimestamp": None}, "feedback[0].outcomeTimestamp"),
        ({"outcomeTimestamp": "2026-11-20"}, "feedback[0].outcomeTimestamp"),
        ({"outcomeTimestamp": "2026-11-20T10:00:00"}, "feedback[0].outcomeTimestamp"),
        ({"outcomeTimestamp": "0001-01-01T00:00:00+14:00"}, "feedback[0].outcomeTimestamp"),
        ({"outcomeTimestamp": 1763632800}, "feedback[0].outcomeTimestamp"),
        ({"outcome": "accepted"}, "feedback[0].acceptedSuggestions"),
        (
            {"outcome": "accepted", "acceptedSuggestions": []},
            "feedback[0].acceptedSuggestions",
        ),
        ({"acceptedSuggestions": ["a"]}, "feedback[0].acceptedSuggestions[0]"),
        ({"acceptedSuggestions": [{"id": "a"}, {}]}, "feedback[0].acceptedSuggestions[1].id"),
        ({"acceptedSuggestions": [{"id": "\n"}]}, "feedback[0].acceptedSuggestions[0].id"),
        (
            {"acceptedSuggestions": [{"id": "a"}] * (MOST_SUGGESTIONS + 1)},
            "feedback[0].acceptedSuggestions",
        ),
        ({"overrideReason": {}}, "feedback[0].overrideReason"),
        ({"overrideReason": {"userComment": ""}}, "feedback[0].overrideReason"),
        ({"overrideReason": NAME}, "feedback[0].overrideReason"),
        ({"overrideReason": {"reason": {}}}, "feedback[0].overrideReason.reason.code"),
        (
            {"overrideReason": {"reason": {"code": "x", "system": "\x00"}}},
            "feedback[0].overrideReason.reason.system",
        ),
        (
            {"overrideReason": {"reason": {"code": "x", "system": "x" * (LONGEST_SYSTEM + 1)}}},
            "feedback[0].overrideReason.reason.system",
        ),
        (
            {"overrideReason": {"userComment": "x" * (LONGEST_COMMENT + 1)}},
            "feedback[0].overrideReason.userComment",
        ),
    ],
)
def test_a_malformed_entry_is_refused_with_its_place(
    service: Service, change: Json, place: str
) -> None:
    entry = overridden(str(uuid4()), overrideReason={"userComment": NAME}) | change
    before = len(rows(service.database, FEEDBACK))
    response = service.send(entry)
    assert response.status_code == 400
    assert issue_of(response)["expression"] == [place]
    assert len(rows(service.database, FEEDBACK)) == before


@pytest.mark.parametrize("name", ["card", "outcome", "outcomeTimestamp"])
def test_a_member_that_must_be_there_is_asked_for(service: Service, name: str) -> None:
    entry = overridden(str(uuid4()))
    del entry[name]
    response = service.send(overridden(str(uuid4())), entry)
    assert response.status_code == 400
    assert issue_of(response)["expression"] == [f"feedback[1].{name}"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b"null", 400),
        (b"{}", 400),
        (b'{"feedback": null}', 400),
        (b'{"feedback": {}}', 400),
        (b'{"feedback": [], "feedback": []}', 400),
        (b'{"feedback": [], "x": {"a": 1, "a": 2}}', 400),
        (b'{"feedback": [], "x": "\\ud800"}', 400),
        (b'{"feedback": [], "x": "\xff"}', 400),
        (b'{"feedback": [], "x": NaN}', 400),
        (b'{"feedback": [], "x": ' + b"[" * 5000 + b"]" * 5000 + b"}", 400),
        (b'{"feedback": [' + b"{}," * MOST_ENTRIES + b"{}]}", 400),
        (b'{"feedback": [], "x": [' + b"[]," * 200_000 + b"[]]}", 413),
        (b'{"feedback": [], "x": "' + b"x" * LARGEST_FEEDBACK + b'"}', 413),
    ],
)
def test_what_is_no_feedback_is_refused(service: Service, body: bytes, status: int) -> None:
    response = service.live.post(PATH, body)
    assert response.status_code == status
    assert issue_of(response)["diagnostics"]


@pytest.mark.parametrize("unread", [b"1e400", b'"\\u003a"'])
def test_no_depth_is_too_much_for_the_second_look(service: Service, unread: bytes) -> None:
    call = json.dumps(sign()).encode()[:-1]
    for depth in range(900, 1010, 5):
        deep = b'"x": ' + b"[" * depth + b"]" * depth + b', "y": ' + unread + b"}"
        for path, start in ((PATH, b'{"feedback": []'), (SIGN, call)):
            assert service.live.post(path, start + b", " + deep).status_code in {200, 400}


def test_more_entries_than_one_body_may_hold_are_refused_whole(service: Service) -> None:
    card = str(uuid4())
    entries = [
        overridden(card, overrideReason={"userComment": str(n)}) for n in range(MOST_ENTRIES + 1)
    ]
    assert service.send(*entries).status_code == 400
    assert service.kept(card) == []
    assert service.send(*entries[:-1]).status_code == 200
    assert len(service.kept(card)) == MOST_ENTRIES


def test_path_method_and_type_are_those_of_calls(service: Service) -> None:
    live = service.live
    assert live.post("/cds-services/none-of-ours/feedback", b"{}").status_code == 404
    assert live.get(PATH).status_code == 405
    assert live.post(PATH, b"{}", {"Content-Type": "text/plain"}).status_code == 415
    response = service.send()
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"


def test_nothing_of_a_comment_is_repeated_or_logged(service: Service) -> None:
    why = {"reason": REASON | {"display": NAME}, "userComment": NAME}
    good = overridden(str(uuid4()), overrideReason=why)
    for entry in (
        good,
        good | {"outcome": NAME},
        good | {"card": [NAME]},
        good | {"outcomeTimestamp": NAME},
        good | {NAME: NAME, "outcome": None},
    ):
        response = service.send(entry)
        assert NAME not in response.text
        assert response.status_code in {200, 400}
    assert NAME not in service.live.log()


def test_feedback_has_a_line_of_its_own_in_the_log(service: Service) -> None:
    service.send(overridden(str(uuid4())), overridden(str(uuid4())), accepted(str(uuid4()), "s"))
    service.send({})
    good, bad = (json.loads(line) for line in service.live.log().splitlines()[-2:])
    assert good["event"] == "feedback"
    assert good["service"] == SERVICE_IDS["order-sign"]
    assert good["outcomes"] == {"overridden": 2, "accepted": 1}
    assert set(good) == {"time", "level", "event", "service", "outcomes", "milliseconds"}
    assert (bad["event"], bad["status"], bad["issue"]) == ("refused", 400, "required")
    assert bad["service"] == SERVICE_IDS["order-sign"] + "/feedback"


# ------------------------------------------------------------------------------------- who may call


@pytest.fixture(scope="module")
def closed(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Service, dict[str, Registered]]]:
    folder = tmp_path_factory.mktemp("closed")
    with_clients, clients = client_file(folder, north="", south="", eager="calls_per_minute = 1")
    url = f"sqlite:///{folder}/ledger.db"
    keeping = {"ledger": "refuse", "state": str(folder), "database": url, "ledger_key": SECRET}
    with running(**keeping, **with_clients) as live:
        yield Service(live, url), clients


def test_feedback_needs_the_token_that_a_call_needs(
    closed: tuple[Service, dict[str, Registered]],
) -> None:
    service, clients = closed
    body = {"feedback": [overridden(str(uuid4()))]}
    for headers in (None, JSON_TYPE | {"Authorization": "Bearer x.y.z"}):
        response = service.live.post(PATH, json.dumps(body).encode(), headers)
        assert response.status_code == 401
        assert issue_of(response)["code"] == "login"
    token = clients["north"].token(PATH)
    statuses = [
        clients["north"].post(service.live, PATH, body, token).status_code for _ in range(2)
    ]
    assert statuses == [200, 401]
    assert rows(service.database, FEEDBACK)[-1].client == "north"


def test_the_token_may_be_made_out_to_the_service_or_to_its_feedback(
    closed: tuple[Service, dict[str, Registered]],
) -> None:
    service, clients = closed
    north = clients["north"]
    body = {"feedback": [overridden(str(uuid4()))]}
    other = f"/cds-services/{SERVICE_IDS['order-select']}"
    for audience, status in (
        (PUBLIC + PATH, 200),
        (PUBLIC + SIGN, 200),
        (PUBLIC + other, 401),
        (PUBLIC + "/cds-services", 401),
        (service.live.base + PATH, 401),
    ):
        token = north.token(PATH, aud=audience)
        assert north.post(service.live, PATH, body, token).status_code == status
    # And not the other way round.
    token = north.token(SIGN, aud=PUBLIC + PATH)
    assert north.post(service.live, SIGN, sign(), token).status_code == 401


def test_a_card_of_another_client_is_an_unknown_card(
    closed: tuple[Service, dict[str, Registered]],
) -> None:
    service, clients = closed
    cards = clients["north"].send(service.live, sign(chart=open_chart())).json()["cards"]
    card = cards[0]["uuid"]
    for name in ("south", "north"):
        body = {"feedback": [overridden(card)]}
        assert clients[name].post(service.live, PATH, body).status_code == 200
    by_client = {row.client: row.decision for row in service.kept(card)}
    assert by_client["south"] is None
    assert by_client["north"] is not None


def test_feedback_counts_towards_the_calls_of_a_minute(
    closed: tuple[Service, dict[str, Registered]],
) -> None:
    service, clients = closed
    answers = [clients["eager"].post(service.live, PATH, {"feedback": []}) for _ in range(2)]
    assert [a.status_code for a in answers] == [200, 429]
    assert int(answers[1].headers["Retry-After"]) > 0


# ---------------------------------------------------------------------------- where nothing is kept


def test_without_a_ledger_there_is_no_feedback_and_discovery_promises_none(
    live: Live, service: Service
) -> None:
    response = live.post(PATH, json.dumps({"feedback": [overridden("x")]}).encode())
    assert response.status_code == 404
    assert issue_of(response)["code"] == "not-supported"
    promised = {
        name: [s["usageRequirements"] for s in server.get("/cds-services").json()["services"]]
        for name, server in (("off", live), ("on", service.live))
    }
    assert not any("feedback" in text for text in promised["off"])
    assert all("feedback" in text for text in promised["on"])


def test_what_cannot_be_kept_is_to_be_sent_again(service: Service) -> None:
    card = service.card()["uuid"]
    with held(service.database):
        response = service.send(overridden(card))
    assert response.status_code == 503
    assert issue_of(response)["code"] == "transient"
    assert int(response.headers["Retry-After"]) > 0
    assert service.kept(card) == []
    assert service.send(overridden(card)).status_code == 200
    assert len(service.kept(card)) == 1


# how it is described


def test_the_document_tells_the_bounds() -> None:
    text = (ROOT / "docs" / "feedback.md").read_text(encoding="utf-8")
    assert f"uuid; at most {LONGEST_ID} characters" in text
    assert f"at most {MOST_SUGGESTIONS} |" in text
    assert f"`code` ({LONGEST_ID} characters)" in text
    assert f"`system` ({LONGEST_SYSTEM})" in text
    assert f"`userComment` ({LONGEST_COMMENT})" in text
    assert f"at most {MOST_ENTRIES} entries" in text
    assert f"newest {MOST_FOUND}" in text
    assert f"more than {MOST_BYTES >> 20} MB" in text


def test_the_feedback_of_the_document_is_taken(service: Service) -> None:
    text = (ROOT / "docs" / "feedback.md").read_text(encoding="utf-8")
    (body,) = re.findall(r"-d '(\{.*?\})'", text, re.DOTALL)
    assert service.live.post(PATH, body.encode()).status_code == 200


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=strategies.data())
def test_feedback_made_up_from_the_description_is_answered_as_described(
    service: Service, data: strategies.DataObject
) -> None:
    schema = schemathesis.openapi.from_dict(describe(__version__))
    for path in (PATH, "/determinations/{assertionId}"):
        operation = schema[path]["POST" if path == PATH else "GET"]
        case = data.draw(operation.as_strategy())
        case.call_and_validate(base_url=service.live.base)
