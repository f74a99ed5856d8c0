"""The worked cases of the policy: a chart and an order in, the determination that must come out.

``tests/data/vignettes.json`` states them in the words of the determination contract; each names the
paragraphs it rests on. ``own_vignettes.json`` holds further ones, for what the first leave out of
the rules; there a case may also hold ``failed`` (prefetch keys whose query failed), and its
``expect`` ``absentFindings``, ``severities`` (by finding code), ``supported`` (the partner codes
that the chart documents) and ``orderFacts`` (members of the determination's order). All run as
order-sign calls, from bytes to bytes.
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from defib_coverage.coverage.findings import FINDINGS
from fhir_builders import Json, by_keys, clinical_types, everything, sign

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from defib_coverage.coverage.determination import Determination
    from defib_coverage.coverage.determine import Knowledge
    from defib_coverage.hooks.response import HookResponse

    Judge = Callable[..., list[Json]]
    Answer = Callable[..., HookResponse]
    Evaluate = Callable[..., tuple[Determination, ...]]

DATA = Path(__file__).parent / "data"
TODAY = date(2026, 11, 21)


def load_vignettes(name: str) -> list[Json]:
    """The cases of one file."""
    found: list[Json] = json.loads((DATA / name).read_text(encoding="utf-8"))
    return found


def as_params(vignettes: Sequence[Json]) -> list[object]:
    """The cases as parameters of a test, named by their ids."""
    return [pytest.param(vignette, id=vignette["id"]) for vignette in vignettes]


def today_of(vignette: Json) -> date:
    """The clock of a case."""
    return date.fromisoformat(vignette["today"]) if "today" in vignette else TODAY


VIGNETTES = load_vignettes("vignettes.json")
OWN = load_vignettes("own_vignettes.json")
EVERY = [*VIGNETTES, *OWN]
FAILED = {
    "resourceType": "OperationOutcome",
    "issue": [{"severity": "error", "code": "timeout"}],
}


def prefetch_of(vignette: Json) -> Json:
    """The prefetch of a case, with the keys whose query failed."""
    prefetch = by_keys(vignette["resources"])
    return prefetch | dict.fromkeys(vignette.get("failed", ()), FAILED)


def judged(found: Sequence[Json], vignette: Json) -> Json:
    """The determination of the order that the case is about."""
    reference = vignette["expect"]["order"]
    return next(d for d in found if d["order"]["reference"] == reference)


def differences(found: Json, expect: Json) -> Json:
    """What a determination says other than the case expects, by member; empty where all agrees."""
    wrong: Json = {}

    def compare(name: str, got: object, wanted: object) -> None:
        if got != wanted:
            wrong[name] = {"found": got, "expected": wanted}

    compare("status", found["status"], expect["status"])
    compare("indicationsMet", set(found["indicationsMet"]), set(expect["indicationsMet"]))
    compare(
        "missingSecondary",
        sorted((m["primary"], sorted(m["anyOf"])) for m in found["missingSecondary"]),
        sorted((m["primary"], sorted(m["anyOf"])) for m in expect["missingSecondary"]),
    )
    windows = found["waitingPeriods"]
    wanted = expect["waitingPeriods"]
    if len(windows) == len(wanted):
        windows = [{k: got[k] for k in want} for got, want in zip(windows, wanted, strict=True)]
    compare("waitingPeriods", windows, wanted)
    compare(
        "earliestEligibleDate",
        found["earliestEligibleDate"],
        expect.get("earliestEligibleDate"),
    )
    severities = {f["code"]: f["severity"] for f in found["findings"]}
    told = set(expect["findings"])
    compare("findings that are missing", told - severities.keys(), set())
    absent = set(expect.get("absentFindings", ()))
    compare("findings that should be absent", absent & severities.keys(), set())
    for code, severity in expect.get("severities", {}).items():
        compare(code, severities.get(code), severity)
    if expect["status"] == "covered":
        loud = {code for code, severity in severities.items() if severity == "warning"}
        compare("warnings that are too many", loud - told, set())
    for name, value in expect.get("orderFacts", {}).items():
        compare(name, found["order"][name], value)
    if "supported" in expect:
        supported = [m["supported"] for m in found["missingSecondary"]]
        compare("supported", supported, [expect["supported"]])
    return wrong


@pytest.mark.parametrize("vignette", as_params(EVERY))
def test_determination_is_the_expected_one(vignette: Json, judge: Judge) -> None:
    found = judge(vignette["orders"], [], today_of(vignette), prefetch_of(vignette))
    assert differences(judged(found, vignette), vignette["expect"]) == {}


@pytest.mark.parametrize(
    "vignette",
    as_params([v for v in EVERY if len(clinical_types(v["resources"])) > 1 and "failed" not in v]),
)
def test_whole_chart_under_a_foreign_key_gives_the_same(vignette: Json, judge: Judge) -> None:
    orders, resources = vignette["orders"], vignette["resources"]
    by_our_keys = judge(orders, resources, today_of(vignette))
    whole = judge(orders, resources, today_of(vignette), everything(resources))
    assert whole == by_our_keys


@pytest.mark.parametrize("vignette", as_params(EVERY))
def test_cards_are_short_and_quiet(
    vignette: Json,
    evaluate: Evaluate,
    answer: Answer,
) -> None:
    determinations = evaluate(sign(vignette["orders"], prefetch_of(vignette)), today_of(vignette))
    cards = answer(sign(vignette["orders"], prefetch_of(vignette)), today_of(vignette)).cards
    assert all(len(card.summary) < 140 for card in cards)
    speaking = [d for d in determinations if d.status != "not-applicable"]
    # Which coverage pays is open too, and no coverage information says so.
    open_coverage = {"several-coverages", "coverage-not-in-force"}
    warned = any(
        f.severity == "warning" or f.code in open_coverage for d in speaking for f in d.findings
    )
    if all(d.status == "covered" for d in speaking) and not warned:
        assert cards == ()
    else:
        assert len(cards) >= 1


def test_every_case_has_an_id_of_its_own_and_names_its_paragraphs(knowledge: Knowledge) -> None:
    assert len(VIGNETTES) == 170
    assert len({v["id"] for v in EVERY}) == len(EVERY)
    paragraphs = knowledge.library.versions[0].paragraphs
    for vignette in EVERY:
        assert set(vignette["expect"]["source"]) <= set(paragraphs), vignette["id"]
    for vignette in OWN:
        assert vignette["expect"]["source"], vignette["id"]


def test_every_finding_stands_in_a_case() -> None:
    expected = {code for v in EVERY for code in v["expect"]["findings"]}
    assert expected == set(FINDINGS)
