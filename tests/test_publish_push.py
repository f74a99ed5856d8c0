"""``publish push`` against a real FHIR server: there and back, nothing lowered, nothing changed."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from command_line import environment, run, words
from defib_coverage.terminology.comparing import differences
from defib_coverage.terminology.parcels import TYPES
from fhir_servers import real_server
from pushes import BEFORE, CURRENT, OLDEST, decoded, parcels

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fhir_servers import RealServer

TOKEN = "aZ09-._~+/secret=="  # noqa: S105 - invented


@pytest.fixture
def fhir() -> Iterator[RealServer]:
    with real_server() as server:
        yield server


def push(server: RealServer, *options: str) -> subprocess.CompletedProcess[str]:
    return run("publish", "push", "--to", server.base, *options)


def writes(server: RealServer) -> int:
    """How often anything of our types was written to a server."""
    return sum(server.get(f"{name}/_history?_count=1")["total"] for name in TYPES)


def test_what_is_pushed_comes_back_as_it_was_and_is_not_pushed_twice(fhir: RealServer) -> None:
    first = push(fhir)
    assert first.returncode == 0
    assert "The canonical base is an example's" in first.stderr
    count = len(parcels())
    for line in (
        f"Plan: {count} resources: {count} to create.",
        f"Wrote {count} resources.",
        f"Read back: {count} of {count} resources as sent.",
    ):
        assert line in first.stdout
    # It has no $validate-code: that is no success.
    assert "Not checked: the server answers no $validate-code (404" in first.stdout
    for one in parcels():
        assert differences(one.body, fhir.text(one.place), with_tags=True) == ()
    assert writes(fhir) == count

    second = push(fhir)
    assert second.returncode == 0
    assert f"Plan: {count} resources: {count} to leave as they are." in second.stdout
    assert "Wrote" not in second.stdout
    assert writes(fhir) == count


def test_a_dry_run_prints_the_plan_and_writes_nothing(fhir: RealServer) -> None:
    done = push(fhir, "--dry-run")
    assert done.returncode == 0
    assert "  create ValueSet/b1-diagnoses-2023.1.1\n" in done.stdout
    assert done.stdout.endswith("Dry run: nothing was written.\n")
    assert writes(fhir) == 0


def test_a_lower_version_is_refused_and_nothing_is_written(fhir: RealServer) -> None:
    ours = next(one for one in parcels() if one.id == f"b1-diagnoses-{CURRENT}")
    newer = decoded(ours) | {"id": "from-another-source", "version": "2023.10.1"}
    fhir.store([newer])
    done = push(fhir)
    assert done.returncode == 1
    (line,) = [line for line in done.stdout.splitlines() if "refused" in line]
    assert "the server holds version 2023.10.1, higher than 2023.1.1" in line
    assert line.endswith(" (ValueSet/from-another-source)")
    assert done.stdout.endswith("Nothing was written.\n")
    assert writes(fhir) == 1
    assert push(fhir, "--dry-run").returncode == 1


def test_the_next_release_becomes_the_highest(fhir: RealServer) -> None:
    only = ("--only", "ValueSet")
    assert push(fhir, "--on", "2021-10-01", *only).returncode == 0
    done = push(fhir, "--history", "--dry-run", *only)
    assert done.returncode == 0
    highest = "2021.10.1 is there, this becomes the highest"
    assert f"  create ValueSet/b1-diagnoses-{CURRENT}: {highest}\n" in done.stdout
    assert f"  create ValueSet/b1-diagnoses-{BEFORE}\n" in done.stdout


def test_a_push_ends_also_where_nobody_reads(fhir: RealServer) -> None:
    command = [sys.executable, "-m", "defib_coverage", "publish", "push", "--only", "CodeSystem"]
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [*command, "--to", fhir.base],
            stdout=writing,
            stderr=subprocess.PIPE,
            env=environment(),
            check=False,
            text=True,
        )
    finally:
        os.close(writing)
    assert (done.returncode, writes(fhir)) == (0, 6)
    assert "Error" not in done.stderr


def test_an_older_release_goes_beside_the_newer_with_all_of_them_only(fhir: RealServer) -> None:
    assert push(fhir).returncode == 0
    before = writes(fhir)
    refused = push(fhir, "--revision", "R5")
    assert refused.returncode == 1
    assert f"the server holds version {CURRENT}" in refused.stdout
    assert f"higher than {BEFORE}" in refused.stdout
    lines = refused.stdout.splitlines()
    (place,) = (number for number, line in enumerate(lines) if "  refused " in line)
    count = re.fullmatch(r"  refused (\d+) resources: the server holds .*", lines[place])
    assert count is not None
    assert [line.startswith("    ") for line in lines[place + 1 :]] == [True] * 6 + [False] * 2
    assert lines[place + 6] == f"    and {int(count[1]) - 5} more"
    assert writes(fhir) == before
    assert push(fhir, "--history").returncode == 0
    every = parcels(CURRENT, "2019.10.1", "2021.10.1", BEFORE, OLDEST)
    assert writes(fhir) == len(every)
    for one in every:
        assert differences(one.body, fhir.text(one.place), with_tags=True) == ()
    # Now it stands there.
    assert push(fhir, "--revision", "R5").returncode == 0
    assert push(fhir, "--on", "2018-02-15", "--transaction").returncode == 0
    assert writes(fhir) == len(every)


def test_other_content_of_a_version_is_refused_by_path_and_replaced_when_told(
    fhir: RealServer,
) -> None:
    assert push(fhir, "--only", "ValueSet").returncode == 0
    ours = next(one for one in parcels() if one.id == f"b2-diagnoses-{CURRENT}")
    theirs = decoded(ours)
    theirs["compose"]["include"][0]["concept"][0]["code"] = "I25.3"
    fhir.store([theirs])
    before = writes(fhir)
    done = push(fhir)
    assert done.returncode == 1
    assert f"refused {ours.place}: the server holds other content" in done.stdout
    assert '    /compose/include/0/concept/0/code: "I25.2" here, "I25.3" there\n' in done.stdout
    assert writes(fhir) == before

    done = push(fhir, "--replace", "--only", "ValueSet")
    assert done.returncode == 0
    assert f"  replace {ours.place}: other content of this version\n" in done.stdout
    assert '"I25.2" here, "I25.3" there' in done.stdout
    assert writes(fhir) == before + 1
    assert differences(ours.body, fhir.text(ours.place)) == ()


def test_a_transaction_writes_the_same(fhir: RealServer) -> None:
    done = push(fhir, "--transaction", "--history", "--without-cpt")
    assert done.returncode == 0
    assert "ValueSet/pci-cpt" not in done.stdout
    places = [line.split()[1] for line in done.stdout.splitlines() if "  create " in line]
    assert len(places) == writes(fhir)
    assert len({place.rpartition("-")[0] for place in places}) < len(places)
    by_place = {p.place: p for p in parcels(CURRENT, "2019.10.1", "2021.10.1", BEFORE, OLDEST)}
    shared = [place for place in places if place in by_place]
    assert len(places) - len(shared) == 5
    for place in shared:
        assert differences(by_place[place].body, fhir.text(place), with_tags=True) == ()


def test_a_lower_version_under_an_id_of_ours_is_not_lost(fhir: RealServer) -> None:
    ours = next(one for one in parcels() if one.type == "CodeSystem")
    fhir.store([decoded(ours) | {"version": "0.9.0"}])
    done = push(fhir, "--only", "CodeSystem")
    assert done.returncode == 1
    reason = f"version 0.9.0 stands under the id of {ours.version} there"
    assert f"  refused {ours.place}: {reason}\n" in done.stdout
    assert fhir.get(ours.place)["version"] == "0.9.0"
    assert fhir.get(ours.place)["meta"]["versionId"] == "1"


def test_the_token_of_a_variable_is_sent_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    with real_server(token=TOKEN) as fhir:
        options = ("--only", "CodeSystem")
        without = push(fhir, *options)
        assert (without.returncode, without.stdout.count("create")) == (2, 0)
        assert "asks who is calling (401); name the variable of a token" in without.stderr
        monkeypatch.setenv("OUR_TOKEN", f"{TOKEN}\n")
        done = push(fhir, *options, "--token-env", "OUR_TOKEN")
        assert done.returncode == 0
        assert TOKEN not in done.stdout + done.stderr
        monkeypatch.setenv("OUR_TOKEN", "another-secret")
        refused = push(fhir, *options, "--token-env", "OUR_TOKEN")
        assert refused.returncode == 2
        assert "the token is refused" in refused.stderr
        assert "another-secret" not in refused.stdout + refused.stderr


def test_a_person_is_asked_before_anything_is_written(fhir: RealServer) -> None:
    for answer, code, said in (("n", 1, "Nothing was written."), ("y", 0, "Wrote 6 resources.")):
        assert writes(fhir) == 0
        status, text = at_a_terminal(answer, fhir.base)
        assert status == code, text
        assert "Write 6 resources? [y/N]" in text
        assert said in words(text)
    assert writes(fhir) == 6


def at_a_terminal(answer: str, base: str) -> tuple[int, str]:
    """What a person sees who answers the question."""
    person, terminal = pty.openpty()
    command = [sys.executable, "-m", "defib_coverage", "publish", "push", "--only", "CodeSystem"]
    with subprocess.Popen(
        [*command, "--to", base],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env=environment(),
    ) as process:
        os.close(terminal)
        os.write(person, f"{answer}\n".encode())
        seen = b""
        try:
            while chunk := os.read(person, 4096):
                seen += chunk
        except OSError:
            pass  # The other end is closed.
        finally:
            os.close(person)
        return process.wait(), seen.decode()
