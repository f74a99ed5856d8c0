"""``policy diff``: changes in sentences, between days and between files."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_type_hints

import msgspec
import pytest

from command_line import POLICY, edited_policy, run, words
from defib_coverage.content import load
from defib_coverage.coverage import policy
from defib_coverage.explaining.policy_changes import WORDS, policy_changes

if TYPE_CHECKING:
    from pathlib import Path

VERSION = load().versions[0]


def test_codes_that_came_and_went() -> None:
    page = words(run("policy", "diff", "2022-09-30", "2022-10-01").stdout)
    assert "B1: sustained VT or VF arrest in the history (b1-diagnoses)" in page
    assert "I47.2 (Ventricular tachycardia) left; its last day is 2022-09-30" in page
    for code in ("I47.20", "I47.21", "I47.29"):
        assert f"- {code} (" in page
    assert page.count("came; its first day is 2022-10-01.") == 3
    back = words(run("policy", "diff", "2022-10-01", "2022-09-30").stdout)
    assert "I47.2 (Ventricular tachycardia) came" in back
    assert "I47.20 (Ventricular tachycardia, unspecified) left" in back


def test_nothing_changed() -> None:
    done = run("policy", "diff", "2026-11-20", "2026-11-21")
    assert done.stdout == "From 2026-11-20 to 2026-11-21\nNothing changed.\n"
    assert "Nothing changed." in run("policy", "diff", POLICY, "2026-11-21").stdout


def test_rules_begin() -> None:
    page = run("policy", "diff", "2018-02-14", "2018-02-15").stdout
    assert "On 2018-02-14 no version of the policy is in force." in page
    assert "On 2018-02-15 version 2018-02-15 is in force." in page


def test_rules_changed(tmp_path: Path) -> None:
    path = edited_policy(
        tmp_path,
        ('at_most = "30 %"', 'at_most = "35 %"'),
        ('last_excluded = "40 days"', 'last_excluded = "60 days"'),
        ("allowed = [1, 2, 3]", "allowed = [1, 2]"),
        ('"b4-diagnosis", "b4-pairing", "severe-dilated", ', '"b4-diagnosis", "b4-pairing", '),
    )
    page = words(run("policy", "diff", "2026-11-20", path).stdout)
    assert (
        "Criterion lvef-30 (LVEF of 30 % or less): the limit changed from 30 % to 35 %."
    ) in page
    assert "the last excluded day after the event changed from 40 days to 60 days." in page
    assert "the allowed classes lost 3." in page
    assert "Indication B4 (Non-ischemic cardiomyopathy with LVEF of 35 % or less" in page
    assert "the criteria lost severe-dilated." in page


def test_parts_that_came_and_went() -> None:
    criteria = dict(VERSION.criteria)
    judgement = criteria.pop("high-risk")
    criteria["new"] = policy.Judgement("New", "P-B1", "ask", ())
    criteria["lvef-30"] = judgement
    paragraphs = dict(VERSION.paragraphs) | {"P-B1": "Other words."}
    changed = msgspec.structs.replace(VERSION, criteria=criteria, paragraphs=paragraphs)
    sentences = list(policy_changes(VERSION, changed))
    assert "The criterion high-risk (High risk of VT or VF documented) is gone." in sentences
    assert "The criterion new (New) is new." in sentences
    assert any(s.endswith("is judged in another way than before.") for s in sentences)
    assert "The paragraph P-B1 now says: Other words." in sentences


def test_order_of_a_list_counts() -> None:
    turned = tuple(reversed(VERSION.history))
    (sentence,) = policy_changes(VERSION, msgspec.structs.replace(VERSION, history=turned))
    assert sentence.endswith("stand in another order.")


MODELS = (
    *policy.Criterion.__args__,
    policy.Indication,
    policy.OrderRule,
    policy.WaitingEvent,
    policy.TimingException,
    policy.Hint,
)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_field_has_words(model: type[msgspec.Struct]) -> None:
    assert set(get_type_hints(model)) <= set(WORDS)


@pytest.mark.parametrize("side", ["2026-13-01", "nowhere.toml", ""])
def test_side_that_is_none(side: str) -> None:
    done = run("policy", "diff", "2026-11-20", side)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
