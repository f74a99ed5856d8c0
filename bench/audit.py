"""What an audit costs: patients a second, memory, and how both grow with the number of patients.

Makes bulk exports (``audit_export.py``), and runs ``defib-coverage audit run`` over them as a user
would: one process after another, the files in the machine's page cache.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import psutil

from audit_export import generate
from export_lines import Plan

SIZES = (20_000, 200_000)
RATE, MEMORY, GROWTH = 2500.0, 300.0, 1.2
_LOOK = 0.1
_DAY = "2026-11-21"
_CHUNK = 1 << 22


class Measured(NamedTuple):
    """One run: its time, CPU time, largest memory of all its processes, and orders found."""

    patients: int
    seconds: float
    cpu: float
    peak_mb: float
    orders: int


def measure(export: Path, out: Path, patients: int, engine: list[str]) -> Measured:
    """Run an audit and watch it."""
    _warm(export)
    command = [sys.executable, "-m", "defib_coverage", "audit", "run", str(export)]
    command += ["-o", str(out), "--today", _DAY, *engine]
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    watched = _Watched(process.pid)
    while process.poll() is None:
        watched.look()
        time.sleep(_LOOK)
    seconds = time.perf_counter() - began
    if process.returncode:
        sys.exit(f"audit run ended with {process.returncode}")
    counts = json.loads((out / "manifest.json").read_bytes())["counts"]
    shutil.rmtree(out)
    return Measured(patients, seconds, watched.cpu, watched.peak / 2**20, counts["orders"])


class _Watched:
    """The memory and the CPU time of a process and all that it started."""

    def __init__(self, pid: int) -> None:
        self.peak = 0
        self._process = psutil.Process(pid)
        self._cpu: dict[int, float] = {}

    @property
    def cpu(self) -> float:
        """Seconds, up to the last look."""
        return sum(self._cpu.values())

    def look(self) -> None:
        """Look once: pages that processes share count once."""
        memory = 0
        try:
            family = [self._process, *self._process.children(recursive=True)]
        except psutil.Error:
            return
        for one in family:
            try:
                memory += one.memory_full_info().pss
                times = one.cpu_times()
                self._cpu[one.pid] = times.user + times.system
            except psutil.Error:
                continue
        self.peak = max(self.peak, memory)


def _warm(export: Path) -> None:
    """Read every file once, so that the disk is not what is measured."""
    for path in export.iterdir():
        with path.open("rb") as file:
            while file.read(_CHUNK):
                pass


def show(name: str, runs: list[Measured]) -> None:
    """Print the runs of an engine, and how it grows."""
    print(f"\n{name}")
    head = ("patients", "seconds", "CPU s", "patients/s", "peak MB", "orders")
    print("".join(f"{one:>12}" for one in head))
    for run in runs:
        print(
            f"{run.patients:>12,}{run.seconds:>12.1f}{run.cpu:>12.1f}"
            f"{run.patients / run.seconds:>12,.0f}{run.peak_mb:>12.0f}{run.orders:>12,}"
        )
    small, large = runs
    many = large.patients / small.patients
    time_grows = large.seconds / small.seconds / many
    memory_grows = large.peak_mb / small.peak_mb
    print(f"{many:.0f} times the patients: {time_grows:.2f} of the time for each,", end=" ")
    print(f"{memory_grows:.2f} of the memory")
    _target("time a patient grows at most", time_grows, GROWTH, above=False)
    _target("memory grows at most", memory_grows, GROWTH, above=False)
    if name == "embedded":
        _target("patients a second", large.patients / large.seconds, RATE, above=True)
        _target("peak memory, MB", max(run.peak_mb for run in runs), MEMORY, above=False)


def _target(name: str, found: float, bound: float, *, above: bool) -> None:
    reached = found >= bound if above else found <= bound
    print(f"  {name} {bound:,.1f}: {found:,.2f} {'yes' if reached else 'NO'}")


def main() -> None:
    """Measure both engines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--folder", type=Path, help="where exports are kept for the next run")
    parser.add_argument("--engine", choices=("embedded", "spark"), help="only this one")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="audit-bench-") as temporary:
        folder = asked.folder or Path(temporary)
        for engine in ("embedded", "spark"):
            if asked.engine not in {None, engine}:
                continue
            options = ["--engine", "spark", "--master", "local[2]"] if engine == "spark" else []
            runs = []
            for patients in SIZES:
                export = folder / f"export-{patients}"
                if not export.exists():
                    generate(Plan(export, patients), processes=2)
                runs.append(measure(export, Path(temporary) / "out", patients, options))
            show(engine, runs)


if __name__ == "__main__":
    main()
