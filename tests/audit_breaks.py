"""Audits that are broken off at a point that is exactly known, with all of their processes.

Run as a program this is ``defib-coverage``, ended by the signal in ``BREAK_BY`` at the first file
of the audit in ``BREAK_IN`` that one of its processes opens or renames after it has come to the
point in ``BREAK_AT``: a name of ``POINTS``, or how many files one process opens and renames before.

PYTEST_DONT_REWRITE: nothing here asserts.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from command_line import ROOT, environment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_PATIENCE = 120


def broken_off(
    *arguments: str | Path,
    out: Path,
    point: str | int,
    by: int = signal.SIGKILL,
    settings: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """``defib-coverage`` with these arguments, broken off where an audit has come to a point."""
    with suppress(FileNotFoundError):
        _mark(out).rmdir()
    breaking = {"BREAK_IN": str(out), "BREAK_AT": str(point), "BREAK_BY": str(int(by))}
    return subprocess.run(
        [sys.executable, __file__, *arguments],
        cwd=ROOT,
        env=environment(settings) | breaking,
        capture_output=True,
        text=True,
        check=False,
        timeout=_PATIENCE,
        start_new_session=True,
    )


def _mark(out: Path) -> Path:
    """Is made by the one process that breaks the run off."""
    return out.with_name(f"{out.name}.broken")


def _files(pattern: str, least: int) -> Callable[[Path], bool]:
    return lambda out: sum(1 for _ in (out / "work").glob(pattern)) >= least


def _written(out: Path) -> bool:
    return (out / "manifest.json").exists()


def _half_cleared(out: Path) -> bool:
    return _written(out) and not _files("*/", 4)(out)


POINTS: Mapping[str, Callable[[Path], bool]] = {
    "begun": _files("job.json", 1),
    "some scanned": _files("scans/*.json", 20),
    # What is kept of small files goes into one, which is not whole yet.
    "some kept": _files("pages/*.part", 1),
    "judging": _files("rows/*.rows", 1),
    "writing": lambda out: (out / "manifest.json.part").exists(),
    "written": _written,
    "half cleared": _half_cleared,
}


def _break(out: Path, point: str, by: int) -> None:
    """End the processes of this one's session where the point is come to, once."""
    inside, work = f"{out}{os.sep}", str(out / "work")
    files = 0

    def come_to() -> bool:
        nonlocal files
        files += 1
        return files >= int(point) if point.isdecimal() else POINTS[point](out)

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event not in {"open", "os.rename"}:
            return
        path = str(arguments[0])
        if path.startswith(inside) and path != work and come_to():
            with suppress(FileExistsError):
                _mark(out).mkdir()
                os.killpg(0, by)

    sys.addaudithook(hook)


if __name__ in {"__main__", "__mp_main__"}:
    _break(Path(os.environ["BREAK_IN"]), os.environ["BREAK_AT"], int(os.environ["BREAK_BY"]))
    if __name__ == "__main__":
        from defib_coverage.__main__ import main

        main()
