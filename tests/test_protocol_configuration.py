"""What a call may ask for by Da Vinci CRD: kinds of cards switched off, a version."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from live_server import Json, condition, issue_of, open_chart, order, sign

if TYPE_CHECKING:
    from live_server import Live

pytest_plugins = ("live_server",)
TOPICS = {"appropriate-use", "claim", "limits", "clinical-reminder", "guideline"}


def _asking(configuration: object) -> Json:
    """A call that gets a card of every kind, and what it asks for."""
    infarction = condition("I21.4", "c-infarction", onsetDateTime="2026-11-10")
    chart = [*open_chart(), infarction]
    return sign(order(), chart=chart, extension={"davinci-crd.configuration": configuration})


def _topics(live: Live, configuration: object) -> set[str]:
    return {card["source"]["topic"]["code"] for card in live.cards(_asking(configuration))}


def test_every_kind_of_card_has_an_option_in_discovery(live: Live) -> None:
    for service in live.get("/cds-services").json()["services"]:
        options = service["extension"]["davinci-crd.configuration-options"]
        assert {option["code"] for option in options} == TOPICS
        for member in ("code", "name", "description"):
            assert len({option[member] for option in options}) == len(options)
        for option in options:
            assert option["type"] == "boolean"
            assert option["default"] is True


def test_without_options_every_kind_is_sent(live: Live) -> None:
    assert _topics(live, {}) == TOPICS
    assert _topics(live, dict.fromkeys(TOPICS, True)) == TOPICS


@pytest.mark.parametrize("topic", sorted(TOPICS))
def test_a_kind_that_is_switched_off_is_not_sent(live: Live, topic: str) -> None:
    assert _topics(live, {topic: False}) == TOPICS - {topic}


def test_all_kinds_may_be_switched_off(live: Live) -> None:
    assert _topics(live, dict.fromkeys(TOPICS, False)) == set()


@pytest.mark.parametrize(
    ("configuration", "ignored"),
    [
        ({"claim": "no"}, 1),
        ({"claim": 0, "limits": None}, 2),
        ({"alt-drug": False, "max-cards": 3}, 2),
        ([{"code": "claim"}], 1),
        ("none", 1),
    ],
)
def test_options_that_make_no_sense_change_nothing_and_are_counted_in_the_log(
    live: Live,
    configuration: object,
    ignored: int,
) -> None:
    request = _asking(configuration)
    assert {card["source"]["topic"]["code"] for card in live.cards(request)} == TOPICS
    (line,) = [one for one in live.log().splitlines() if request["hookInstance"] in one]
    assert f'"optionsIgnored":{ignored}' in line


@pytest.mark.parametrize("version", ["2.2", "2.1", "1.0", "", "newest", 2, ["2.0"]])
def test_a_version_that_is_not_spoken_is_400(live: Live, version: object) -> None:
    request = sign(extension={"davinci-crd.requestedVersion": version})
    response = live.send(request)
    assert response.status_code == 400
    assert issue_of(response)["expression"] == ["extension.davinci-crd.requestedVersion"]


def test_the_version_that_is_spoken_may_be_asked_for(live: Live) -> None:
    assert live.cards(sign(extension={"davinci-crd.requestedVersion": "2.0"}))
