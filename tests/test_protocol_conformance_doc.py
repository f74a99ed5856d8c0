"""The conformance document names tests that exist, and every requirement of its sections."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")
SECTIONS = {
    "A": (1, 18),
    "B": (19, 28),
    "C": (29, 52),
    "D": (53, 63),
    "E": (64, 92),
    "H": (116, 122),
    "J": (130, 141),
}


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
            if not row[3]:
                assert re.search("not claimed", row[2]), row
