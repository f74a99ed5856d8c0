"""What a call may ask for by Da Vinci CRD: options, their values, and a version."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from live_server import (
    Json,
    condition,
    coverage,
    issue_of,
    open_chart,
    order,
    procedure,
    running,
    sign,
)
from registered import client_file

if TYPE_CHECKING:
    from pathlib import Path

    from live_server import Live

pytest_plugins = ("live_server",)
TOPICS = {"appropriate-use", "claim", "limits", "clinical-reminder", "guideline"}
TEMPORARY = "http://hl7.org/fhir/us/davinci-crd/CodeSystem/temp"
PUBLISHED = "http://terminology.hl7.org/CodeSystem/cdshooks-card-type"
LONGER = "waiting-period-90-days"


def _asking(configuration: object, **more: object) -> Json:
    """A call that gets a card of every kind and a system action, and what it asks for."""
    infarction = condition("I21.4", "c-infarction", onsetDateTime="2026-11-10")
    chart = [*open_chart(), infarction, coverage()]
    extension = {"davinci-crd.configuration": configuration, **more}
    return sign(order(), chart=chart, extension=extension)


def _topics(live: Live, configuration: object) -> set[str]:
    return {card["source"]["topic"]["code"] for card in live.cards(_asking(configuration))}


def test_every_kind_of_card_has_an_option_in_discovery(live: Live) -> None:
    for service in live.get("/cds-services").json()["services"]:
        assert service["extension"]["davinci-crd.version"] == ["2.0", "2.2"]
        options = service["extension"]["davinci-crd.configuration-options"]
        by_code = {option["code"]: option for option in options}
        assert set(by_code) == {*TOPICS, "coverage-info", "max-cards", LONGER}
        for member in ("code", "name", "description"):
            assert len({option[member] for option in options}) == len(options)
        for code in TOPICS | {"coverage-info"}:
            assert (by_code[code]["type"], by_code[code]["default"]) == ("boolean", True)
        assert (by_code[LONGER]["type"], by_code[LONGER]["default"]) == ("boolean", False)
        assert by_code["max-cards"]["type"] == "integer"
        assert type(by_code["max-cards"]["default"]) is int


def test_without_options_every_kind_is_sent(live: Live) -> None:
    assert _topics(live, {}) == TOPICS
    assert _topics(live, dict.fromkeys(TOPICS, True)) == TOPICS


@pytest.mark.parametrize("topic", sorted(TOPICS))
def test_a_kind_that_is_switched_off_is_not_sent(live: Live, topic: str) -> None:
    assert _topics(live, {topic: False}) == TOPICS - {topic}


def test_all_kinds_may_be_switched_off(live: Live) -> None:
    answer = live.send(_asking(dict.fromkeys(TOPICS, False))).json()
    assert answer["cards"] == []
    assert len(answer["systemActions"]) == 1


def test_coverage_information_may_be_switched_off(live: Live) -> None:
    answer = live.send(_asking({"coverage-info": False})).json()
    assert "systemActions" not in answer
    assert len(answer["cards"]) >= len(TOPICS)


@pytest.mark.parametrize("most", [0, 1, 3, 1000])
def test_the_most_important_cards_are_sent_first(live: Live, most: int) -> None:
    def summaries(configuration: Json) -> list[str]:
        return [card["summary"] for card in live.cards(_asking(configuration))]

    assert summaries({"max-cards": most}) == summaries({})[:most]


def test_the_longer_reading_holds_until_both_readings_are_over(live: Live) -> None:
    def last_day(day: str, performed: str, *, longer: bool) -> str | None:
        bypass = procedure("33533", "p-bypass", performedDateTime=performed)
        extension = {"davinci-crd.configuration": {LONGER: longer}}
        drafted = order(occurrenceDateTime=day)
        request = sign(drafted, chart=[*open_chart(), bypass], extension=extension)
        windows = live.determination(request)["waitingPeriods"]
        return windows[0]["lastExcludedDay"] + ", " + windows[0]["length"] if windows else None

    # Three months that are 92 days are not cut short.
    for longer in (False, True):
        assert last_day("2026-11-20", "2026-08-20", longer=longer) == "2026-11-20, 3 months"
    # February makes three months shorter than 90 days.
    assert last_day("2027-05-01", "2027-01-31", longer=False) is None
    assert last_day("2027-05-01", "2027-01-31", longer=True) == "2027-05-01, 90 days"


@pytest.mark.parametrize(
    ("configuration", "ignored"),
    [
        ({"claim": "no"}, 1),
        ({"claim": 0, "limits": None}, 2),
        ({"alt-drug": False, "max-cards": -3}, 2),
        ({"max-cards": True, "coverage-info": 1}, 2),
        ({"max-cards": 2.5, "": False}, 2),
        ({"max-cards": 1001}, 1),
        ({"max-cards": 2**63}, 1),
        ({"max-cards": 10**30}, 1),
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
    answer = live.send(request).json()
    assert {card["source"]["topic"]["code"] for card in answer["cards"]} == TOPICS
    assert answer["systemActions"]
    (line,) = [one for one in live.log().splitlines() if request["hookInstance"] in one]
    assert f'"optionsIgnored":{ignored}' in line


@pytest.mark.parametrize("version", ["2.3", "2.1", "1.0", "", "newest", 2, ["2.0"]])
def test_a_version_that_is_not_spoken_is_400(live: Live, version: object) -> None:
    request = sign(extension={"davinci-crd.requestedVersion": version})
    response = live.send(request)
    assert response.status_code == 400
    assert issue_of(response)["expression"] == ["extension.davinci-crd.requestedVersion"]


@pytest.mark.parametrize(
    ("version", "system"), [(None, TEMPORARY), ("2.0", TEMPORARY), ("2.2", PUBLISHED)]
)
def test_the_kinds_of_cards_are_told_in_the_system_of_the_version(
    live: Live, version: str | None, system: str
) -> None:
    request = _asking({}, **{"davinci-crd.requestedVersion": version})
    assert {card["source"]["topic"]["system"] for card in live.cards(request)} == {system}


def test_a_call_wins_over_its_clients_defaults(tmp_path: Path) -> None:
    settings, clients = client_file(tmp_path, ehr="options = { limits = false, max-cards = 2 }")
    with running(**settings) as live:
        silent = clients["ehr"].send(live, _asking({})).json()["cards"]
        assert len(silent) == 2
        asking = _asking({"limits": True, "max-cards": 20})
        asked = clients["ehr"].send(live, asking).json()["cards"]
        assert {card["source"]["topic"]["code"] for card in asked} == TOPICS
