"""What the server reports of an export, counted; what it says may name patients."""

from __future__ import annotations

import gzip
from collections import Counter
from typing import TYPE_CHECKING, BinaryIO, cast

from defib_coverage.fhir.outcomes import outcome_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_LONGEST_LINE = 1 << 20


def count_issues(files: Iterable[Path]) -> dict[str, int]:
    """The issues of files of OperationOutcomes, by severity.

    A line that cannot be read counts as one error: it was meant to tell of one.

    Args:
        files: the files, compressed or not.
    """
    found: Counter[str] = Counter()
    for path in files:
        opener = gzip.open if path.suffix == ".gz" else open
        with cast("BinaryIO", opener(path, "rb")) as file:
            for line in iter(lambda: file.readline(_LONGEST_LINE), b""):
                if line.strip():
                    outcome = outcome_of(line)
                    found.update(["error"] if outcome is None else outcome.severities)
    return dict(sorted(found.items()))
