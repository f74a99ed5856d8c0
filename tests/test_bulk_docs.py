"""docs/fetching.md says what ``audit fetch`` is and does."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from bulk_fetches import CONDITIONS, PATIENTS
from bulk_server import bulk_server
from command_line import ROOT, run
from defib_coverage.bulk.asking import TYPES
from defib_coverage.bulk.faults import BUSY
from defib_coverage.bulk.patience import Patience
from defib_coverage.hooks.trust.signing import read_key

if TYPE_CHECKING:
    from pathlib import Path

TEXT = (ROOT / "docs" / "fetching.md").read_text()
COMMANDS = re.findall(r"^\.venv/bin/defib-coverage (.*)$", TEXT, re.MULTILINE)


def test_the_walk_through_prints_what_it_says(tmp_path: Path) -> None:
    command = shlex.split(COMMANDS[-1])
    out = tmp_path / "export"
    with bulk_server(PATIENTS, CONDITIONS) as server:
        server.polls, server.retry_after = 1, "1"
        command[command.index("http://127.0.0.1:8080/fhir")] = server.base
        command[command.index("export")] = str(out)
        done = run(*command, "--at-once", "1")
        (asked,) = server.paths("GET", "$export")
        assert "_type=Patient,Condition" in asked.path
    told = TEXT.rpartition("```\n")[0].rpartition("```\n")[2]
    assert done.stdout.replace(str(out), "export") == told
    assert done.returncode == 0


def test_the_key_that_it_makes_is_one_that_signs(tmp_path: Path) -> None:
    (command,) = [one for one in COMMANDS if one.startswith("client add")]
    words = [str(tmp_path / one) if "." in one else one for one in shlex.split(command)]
    assert run(*words).returncode == 0
    assert read_key(tmp_path / "audit.private.json").algorithm == "ES384"
    assert any("--key audit.private.json" in one for one in COMMANDS)


def test_every_option_is_told_and_exists() -> None:
    shown = set(re.findall(r"--[a-z][a-z-]+", run("audit", "fetch", "--help").stdout))
    told = set(re.findall(r"--[a-z][a-z-]+", TEXT))
    assert shown - told <= {"--output", "--help"}
    assert told - shown <= {"--issuer", "--file"}


def test_types_and_numbers_are_those_of_the_code() -> None:
    (line,) = re.findall(r"^`Patient`, .*$", TEXT, re.MULTILINE)
    assert tuple(re.findall(r"`(\w+)`", line)) == TYPES
    patience = Patience()
    assert patience.least == 1
    assert patience.most == 3600
    assert f"after {patience.first:.0f} seconds" in TEXT
    assert f"up to {patience.longest / 60:.0f} minutes" in TEXT
    assert f"borne {patience.attempts} times in a row" in TEXT
    assert f"({', '.join(str(one) for one in sorted(BUSY))})" in TEXT
