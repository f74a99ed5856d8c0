"""Files and options that cannot be used: one plain line, exit code 2, never a traceback."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from command_line import COVERED, WAITING, Json, run

UNUSABLE = {
    "empty": b"",
    "white space": b" \n ",
    "list": b"[1, 2]",
    "number": b"42",
    "text": b'"hook"',
    "null": b"null",
    "no JSON": b"hello",
    "cut off": COVERED.read_bytes()[:1500],
    "binary": bytes(range(256)),
    "other encoding": COVERED.read_text().encode("utf-16"),
    "letters of no encoding": b'{"hook": "\xff\xfe"}',
    "damaged gzip": gzip.compress(COVERED.read_bytes())[:200],
    "gzip of nothing": gzip.compress(b""),
    "too deep": b'{"a":' * 100_000,
    "not a number": b'{"hook": NaN}',
    "endless number": b'{"hook": ' + b"9" * 5000 + b"}",
    "lone surrogate": b'{"hook": "\\ud800"}',
    "neither": b"{}",
}


@pytest.mark.parametrize("command", ["evaluate", "validate"])
@pytest.mark.parametrize("body", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_unusable_file(command: str, body: bytes) -> None:
    done = run(command, "-", stdin=body)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("stdin: ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", ["evaluate", "validate"])
@pytest.mark.parametrize(
    ("path", "reason"),
    [("nowhere.json", "No such file or directory"), ("docs", "Is a directory")],
)
def test_unreadable_file(command: str, path: str, reason: str) -> None:
    done = run(command, path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"{path}: cannot be read ({reason})\n"


def request(**changes: object) -> Json:
    made: Json = json.loads(WAITING.read_bytes()) | changes
    return made


@pytest.mark.parametrize(
    ("body", "place", "message"),
    [
        (request(hook="patient-view"), "hook", "the hook is none of"),
        (request(hookInstance="x"), "hookInstance", "hookInstance is not a UUID"),
        (request(context={}), "context.userId", "userId is missing"),
        (request(prefetch={}), "prefetch", "prefetch keys absent: conditions"),
        (request(prefetch={"conditions": 5}), "prefetch.conditions", "expected a resource or null"),
        ({"resourceType": "Bundle", "entry": 5}, "entry", "expected `array`, got `int`"),
    ],
)
def test_refused_request_names_the_place(body: Json, place: str, message: str) -> None:
    done = run("evaluate", "-", stdin=json.dumps(body).encode())
    assert done.returncode == 2
    assert done.stderr.startswith(f"stdin: {place}: {message}")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"resourceType": "Patient"}, "holds the resource type 'Patient', not a CDS Hooks request"),
        ({"resourceType": 5}, "holds an object, not a CDS Hooks request"),
        ({"resourceType": "Bundle"}, "holds no Patient; say whose chart it is with --patient"),
        (
            {
                "resourceType": "Bundle",
                "entry": [{"resource": {"resourceType": "Patient", "id": "a"}}],
            },
            "holds no draft or active defibrillator order; name one with --order",
        ),
    ],
)
def test_bundle_that_says_too_little(body: Json, message: str) -> None:
    done = run("evaluate", "-", stdin=json.dumps(body).encode())
    assert done.returncode == 2
    assert done.stderr.startswith(f"stdin: {message}")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--order", "33294"), "--order 33294: is no defibrillator order code; near: CPT 332"),
        (("--order", "?"), "--order ?: is no defibrillator order code; `policy show` lists"),
        (("--order", "A0392"), "--order A0392: is known (ambulance defibrillation supplies"),
        (("--date", "2026-11-20"), "--date: is the service date of --order, which is missing"),
    ],
)
def test_order_options(options: tuple[str, ...], message: str) -> None:
    body = b'{"resourceType": "Bundle", "entry": []}'
    done = run("evaluate", "-", "--patient", "p1", *options, stdin=body)
    assert done.returncode == 2
    assert done.stderr.startswith(message)


@pytest.mark.parametrize("options", [("--order", "33249"), ("--patient", "p1")])
def test_hook_request_says_all_itself(options: tuple[str, ...]) -> None:
    done = run("evaluate", WAITING, *options)
    assert done.returncode == 2
    assert "is a hook request; --order and --patient go with a Bundle" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("evaluate",),
        ("evaluate", WAITING, "--date", "20261120"),
        ("evaluate", WAITING, "--today", "2026-02-30"),
        ("evaluate", WAITING, "--order-system", "icd9"),
        ("policy", "show", "--on", "tomorrow"),
        ("policy", "schema", "order"),
        ("serve", "--port", "70000"),
        ("serve", "--workers", "0"),
        ("nothing",),
        ("--nothing",),
    ],
    ids=str,
)
def test_wrong_usage(arguments: tuple[str | Path, ...]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "Usage: " in done.stderr


@pytest.mark.parametrize(
    "command", [("evaluate", WAITING), ("policy", "show"), ("validate", WAITING)]
)
def test_settings_that_cannot_be_used(command: tuple[str | Path, ...]) -> None:
    done = run(*command, settings={"ZONE": "Mars/Olympus"})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("DEFIB_COVERAGE_ZONE: 'Mars/Olympus' is not a time zone")


def test_overlay_that_cannot_be_used() -> None:
    done = run("evaluate", WAITING, settings={"OVERLAY": "/nowhere"})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("/nowhere: overlay: is no folder.")


def test_version_and_help() -> None:
    assert run("--version").stdout == "defib-coverage 0.1.0\n"
    for command in ("serve", "evaluate", "validate", "policy"):
        assert command in run("--help").stdout
        assert run(command, "--help").returncode == 0
    assert run().returncode == 2
