"""Further worked cases, in the format of the first: what those leave out of the rules.

Beside the members of the first file a case may hold ``failed`` (prefetch keys whose query failed),
and its ``expect`` may hold ``absentFindings``, ``severities`` (by finding code), ``supported`` (the
partner codes that the chart documents) and ``orderFacts`` (members of the determination's order).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from defib_coverage.coverage.findings import FINDINGS
from defib_coverage.hooks.cards import build_cards
from fhir_builders import Json, by_keys, clinical_types, everything, sign
from test_vignettes import (
    VIGNETTES,
    as_params,
    differences,
    judged,
    load_vignettes,
    today_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from defib_coverage.coverage.determination import Determination
    from defib_coverage.coverage.determine import Knowledge

    Judge = Callable[..., list[Json]]
    Evaluate = Callable[..., tuple[Determination, ...]]

OWN = load_vignettes("own_vignettes.json")
FAILED = {
    "resourceType": "OperationOutcome",
    "issue": [{"severity": "error", "code": "timeout"}],
}


def prefetch_of(vignette: Json) -> Json:
    """The prefetch of a case, with the keys whose query failed."""
    prefetch = by_keys(vignette["resources"])
    return prefetch | dict.fromkeys(vignette.get("failed", ()), FAILED)


@pytest.mark.parametrize("vignette", as_params(OWN))
def test_determination_is_the_expected_one(vignette: Json, judge: Judge) -> None:
    prefetch = prefetch_of(vignette)
    found = judge(vignette["orders"], [], today_of(vignette), prefetch)
    determination = judged(found, vignette)
    expect = vignette["expect"]
    wrong = differences(determination, expect)
    severities = {f["code"]: f["severity"] for f in determination["findings"]}
    unwanted = severities.keys() & set(expect.get("absentFindings", ()))
    if unwanted:
        wrong["findings that should be absent"] = unwanted
    for code, severity in expect.get("severities", {}).items():
        if severities.get(code) != severity:
            wrong[code] = severities.get(code)
    for name, value in expect.get("orderFacts", {}).items():
        if determination["order"][name] != value:
            wrong[name] = determination["order"][name]
    if "supported" in expect:
        supported = [m["supported"] for m in determination["missingSecondary"]]
        if supported != [expect["supported"]]:
            wrong["supported"] = supported
    assert wrong == {}


@pytest.mark.parametrize(
    "vignette",
    as_params([v for v in OWN if len(clinical_types(v["resources"])) > 1 and "failed" not in v]),
)
def test_whole_chart_under_a_foreign_key_gives_the_same(vignette: Json, judge: Judge) -> None:
    orders, resources = vignette["orders"], vignette["resources"]
    by_our_keys = judge(orders, resources, today_of(vignette))
    whole = judge(orders, resources, today_of(vignette), everything(resources))
    assert whole == by_our_keys


@pytest.mark.parametrize("vignette", as_params(OWN))
def test_cards_are_short_and_quiet(
    vignette: Json,
    evaluate: Evaluate,
    knowledge: Knowledge,
) -> None:
    determinations = evaluate(sign(vignette["orders"], prefetch_of(vignette)), today_of(vignette))
    cards = build_cards(determinations, knowledge)
    assert all(len(card.summary) < 140 for card in cards)
    speaking = [d for d in determinations if d.status != "not-applicable"]
    warned = any(f.severity == "warning" for d in speaking for f in d.findings)
    if all(d.status == "covered" for d in speaking) and not warned:
        assert cards == ()
    else:
        assert len(cards) >= 1


def test_every_case_has_an_id_of_its_own_and_names_its_paragraphs(knowledge: Knowledge) -> None:
    ids = [v["id"] for v in (*OWN, *VIGNETTES)]
    assert len(ids) == len(set(ids))
    paragraphs = knowledge.library.versions[0].paragraphs
    for vignette in OWN:
        assert vignette["expect"]["source"], vignette["id"]
        assert set(vignette["expect"]["source"]) <= set(paragraphs), vignette["id"]


def test_every_finding_stands_in_a_case() -> None:
    expected = {code for v in (*OWN, *VIGNETTES) for code in v["expect"]["findings"]}
    assert expected == set(FINDINGS)
