"""The conformance document names tests that exist, and every requirement of its sections."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from crd_judge.rules import RULES

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")
SECTIONS = {
    "A": (1, 18),
    "B": (19, 28),
    "C": (29, 52),
    "D": (53, 63),
    "E": (64, 92),
    "F": (93, 115),
    "G": (1, 15),
    "H": (116, 122),
    "I": (123, 129),
    "J": (130, 141),
}

ELEMENTS = """
    coverage covered pa-needed doc-needed doc-purpose info-needed billingCode reason detail
    dependency questionnaire response date coverage-assertion-id satisfied-pa-id contact expiry-date
"""


def _rows(section: str) -> list[list[str]]:
    """The cells of every row of a section's table."""
    text = re.split(r"^## ", TEXT, flags=re.MULTILINE)
    (body,) = (part for part in text if part.startswith(f"{section}. "))
    rows = [line.strip("|").split("|") for line in body.splitlines() if re.match(r"\| \d", line)]
    return [[cell.strip() for cell in row] for row in rows]


def test_every_test_named_exists() -> None:
    named = re.findall(r"(tests/\w+\.py)::(\w+)", TEXT)
    assert len(named) > 60
    assert len(named) == TEXT.count("tests/")
    for file, name in named:
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        assert name in {n.name for n in tree.body if isinstance(n, ast.FunctionDef)}, name


def test_every_requirement_of_the_sections_stands_in_one_row() -> None:
    for section, (first, last) in SECTIONS.items():
        numbers: list[int] = []
        for row in _rows(section):
            for part in row[0].split(","):
                low, _, high = part.strip().partition("-")
                numbers += range(int(low), int(high or low) + 1)
        assert numbers == list(range(first, last + 1))


def test_a_requirement_without_a_test_is_not_claimed_or_said_to_be_unused() -> None:
    for section in SECTIONS:
        for row in _rows(section):
            assert len(row) == 4
            if "::" not in row[3]:
                assert not row[3], row
                assert re.search("not claimed", row[2]), row


def test_every_rule_of_an_answer_stands_in_one_row_with_its_test() -> None:
    text = TEXT.partition("\n## O. ")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (\w+) \| .+ \| (.+) \|$", text, re.MULTILINE)[1:]
    assert sorted(rule for rule, _ in rows) == sorted(RULES)
    assert all("::test_" in shown for _, shown in rows)


def test_every_element_of_coverage_information_stands_in_one_row() -> None:
    named = [name.strip() for row in _rows("G") for name in row[1].split(",")]
    assert sorted(named) == sorted(ELEMENTS.split())
