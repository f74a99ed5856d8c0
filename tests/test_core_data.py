"""Small texts that data files hold: limits, placeholders, and what a code is called."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from defib_coverage.coverage.findings import FINDINGS, severity
from defib_coverage.coverage.policy import parse_limit
from defib_coverage.coverage.wording import placeholders

if TYPE_CHECKING:
    from defib_coverage.coverage.determine import Knowledge


def test_limit_is_a_number_of_its_unit() -> None:
    assert parse_limit("30 %", "%") == 30
    assert parse_limit("110 /min", "/min") == 110


@pytest.mark.parametrize("text", ["30", "30%", "30 percent", "% 30"])
def test_what_is_no_limit_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a limit such as '30 %'"):
        parse_limit(text, "%")


def test_placeholders_stand_in_braces() -> None:
    assert placeholders("{primary} of {date}: 100 %") == ["primary", "date"]


@pytest.mark.parametrize("template", ["{date:>10}", "{date!r}"])
def test_placeholder_stands_alone(template: str) -> None:
    with pytest.raises(ValueError, match="must stand alone"):
        placeholders(template)


def test_code_is_called_by_its_title_or_by_our_words(knowledge: Knowledge) -> None:
    index = knowledge.index
    (title,) = index.find("icd10cm", "I25.5")
    assert index.label(title) == "Ischemic cardiomyopathy"
    for system, code in (("cpt", "33249"), ("rxnorm", "1999031")):
        match = index.find(system, code)[0]
        assert index.label(match) in {match.entry.label, index.value_sets[match.value_set].title}


@pytest.mark.parametrize(
    ("code", "origins", "met", "expected"),
    [
        # Always a warning, but for what comes from an indication that is not the one met.
        ("lvef-too-high", {"B3"}, (), "warning"),
        ("lvef-too-high", {"B3"}, ("B1",), "info"),
        ("code-not-effective", {"B1", "B3"}, ("B3",), "warning"),
        # What speaks of the patient or the order as a whole stays one.
        ("not-clinically-stable", set(), ("B1",), "warning"),
        ("order-code-not-effective", set(), ("B6",), "warning"),
        # Open questions are news only while nothing is met.
        ("sdm-missing", {"B3"}, (), "warning"),
        ("sdm-missing", {"B3"}, ("B1",), "info"),
        ("assumes-medicare", set(), (), "info"),
    ],
)
def test_finding_weighs_by_what_is_met(
    code: str,
    origins: set[str],
    met: tuple[str, ...],
    expected: str,
) -> None:
    assert severity(code, origins, met) == expected


def test_every_finding_has_its_sentence_and_no_sentence_is_left_over(
    knowledge: Knowledge,
) -> None:
    assert set(knowledge.wording.findings) == set(FINDINGS)
