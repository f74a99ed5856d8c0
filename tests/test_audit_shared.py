"""The file of what records of many patients point at."""

from __future__ import annotations

import resource
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from defib_coverage.audit.shared import build

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ROOM = 40_000


@contextmanager
def full_disk() -> Iterator[None]:
    """No file can become larger than a little."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (_ROOM, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_disk_that_is_full_is_told(tmp_path: Path) -> None:
    lines = [b'{"resourceType": "Practitioner", "id": "%d"}\n' % number for number in range(5000)]
    with full_disk(), pytest.raises(OSError, match="cannot be written"):
        build(tmp_path / "shared.sqlite", iter(lines))
    build(tmp_path / "shared.sqlite", iter(lines))
    assert (tmp_path / "shared.sqlite").stat().st_size > _ROOM
