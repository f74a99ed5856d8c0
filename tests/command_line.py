"""The real command line for tests: started as a user starts it, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "docs" / "samples"
POLICY = ROOT / "policies" / "ncd-20.4" / "2018-02-15.toml"
WAITING = SAMPLES / "order-sign-waiting-period.json"
MISSING = SAMPLES / "order-sign-missing-secondary.json"
COVERED = SAMPLES / "order-sign-covered.json"

Json = dict[str, Any]


def environment(settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment, with no settings but those given, and no colours."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("DEFIB_COVERAGE_")}
    path = {"PYTHONPATH": str(ROOT / "service"), "NO_COLOR": "1", "COLUMNS": "80"}
    # A ledger is for those who look into it.
    path["DEFIB_COVERAGE_LEDGER"] = "off"
    return kept | path | {f"DEFIB_COVERAGE_{k}": v for k, v in (settings or {}).items()}


def run(
    *arguments: str | Path,
    stdin: bytes = b"",
    settings: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    done = subprocess.run(
        [sys.executable, "-m", "defib_coverage", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        check=False,
        cwd=ROOT,
        env=environment(settings),
    )
    return subprocess.CompletedProcess(
        done.args,
        done.returncode,
        done.stdout.decode(),
        done.stderr.decode(),
    )


def determinations(*arguments: str | Path, stdin: bytes = b"") -> list[Json]:
    """What ``evaluate --json`` prints."""
    done = run("evaluate", *arguments, "--json", stdin=stdin)
    if done.returncode:
        raise AssertionError(done.stderr)
    found: list[Json] = json.loads(done.stdout)["determinations"]
    return found


def words(text: str) -> str:
    """A page without its line breaks."""
    return " ".join(text.split())


def edited_policy(folder: Path, *changes: tuple[str, str]) -> Path:
    """A policy file of any name with texts replaced."""
    text = POLICY.read_text()
    for before, after in changes:
        if before not in text:
            message = f"the policy no longer says {before!r}"
            raise AssertionError(message)
        text = text.replace(before, after)
    path = folder / "draft.toml"
    path.write_text(text)
    return path
