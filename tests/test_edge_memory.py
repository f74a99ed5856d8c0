"""Memory between calls: what one call gives back, the next one takes."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import pytest

from edge_server import process_of
from live_server import running, sign


def _faults(process: int) -> int:
    """Pages that the system has handed to a process so far, without reading a disk for them."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return int(fields[7])


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_a_call_after_a_call_asks_the_system_for_no_memory() -> None:
    request = sign()
    request["prefetch"]["others"] = {"resourceType": "Basic", "text": {"div": "x" * 2_000_000}}
    with running() as live:
        process = process_of(live.base).pid
        for _ in range(5):
            assert live.send(request).status_code == 200
        before = _faults(process)
        for _ in range(10):
            assert live.send(request).status_code == 200
        pages = (_faults(process) - before) / 10
    # Handed out anew, the body alone would be as many pages as it has.
    assert pages < 2_000_000 / os.sysconf("SC_PAGE_SIZE") / 4
