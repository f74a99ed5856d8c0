"""``selftest``: tries a running service out, and prints what it found."""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec
from rich.console import Console
from rich.text import Text

from defib_coverage.command.options import counted
from defib_coverage.command.page import plain
from defib_coverage.documents.document import InputError
from defib_coverage.hooks.trust.signing import read_key
from defib_coverage.selftest.caller import Caller, Signer
from defib_coverage.selftest.checks import Result, run
from defib_coverage.selftest.tokens import read_registered
from defib_coverage.selftest.trial import prepare
from defib_coverage.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from defib_coverage.selftest.checks import Outcome

_MARKS: dict[Outcome, tuple[str, str]] = {
    "passed": ("ok  ", "green"),
    "failed": ("FAIL", "bold red"),
}


class Target(msgspec.Struct, frozen=True):
    """What to try: the options of the command."""

    url: str
    client: str | None = None
    file: str = "clients.toml"
    audience: str | None = None
    key: str | None = None


class Report(msgspec.Struct, frozen=True):
    """All results of one trial."""

    url: str
    open: bool
    passed: int
    failed: int
    skipped: int
    results: tuple[Result, ...]


def selftest(target: Target, *, as_json: bool) -> tuple[str, int]:
    """Try a service out; prints as it goes, but JSON only in the end.

    Returns:
        The JSON to print, or an empty text; and the exit code.

    Raises:
        InputError: an option cannot be used.
        SettingsError: the client or its key cannot be used.
        UnreachableError: there is no service at the URL.
    """
    caller = _caller(target)
    trial = prepare(caller, time.time)
    console = Console(highlight=False, quiet=as_json)
    if trial.open:
        message = f"{caller.base} is OPEN: it answers whoever calls, without a token."
        console.print(Text(message, style="bold yellow"), soft_wrap=True)
    results: list[Result] = []
    for group in trial.groups:
        console.print(Text(f"\n{group.name}", style="bold"))
        for result in run(group, caller):
            results.append(result)
            for line in _lines(result):
                console.print(line, soft_wrap=True)
        if group.skipped is not None:
            skipped = f"  {counted(len(group.checks), 'check')} skipped: {group.skipped}"
            console.print(Text(skipped, style="yellow"), soft_wrap=True)
    count = Counter(r.outcome for r in results)
    report = Report(
        caller.base,
        trial.open,
        count["passed"],
        count["failed"],
        count["skipped"],
        tuple(results),
    )
    summary = (
        f"\n{counted(len(results), 'check')}: {report.passed} passed, {report.failed} failed, "
        f"{report.skipped} skipped"
    )
    console.print(Text(summary, style="bold"), soft_wrap=True)
    text = msgspec.json.format(msgspec.json.encode(report), indent=2).decode() if as_json else ""
    return text, 1 if report.failed else 2 if trial.blocked is not None else 0


def _caller(target: Target) -> Caller:
    """Who calls, and where."""
    base = target.url.rstrip("/")
    for url in (base, target.audience or base):
        try:
            parts = urlsplit(url)
            usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and not parts.query
            usable = usable and parts.port != 0
        except ValueError:
            usable = False
        if not usable:
            message = f"{url}: is no base URL such as https://cds.example.org"
            raise InputError(message)
    ca_bundle = read_settings(os.environ).ca_bundle
    if target.client is None:
        if target.key is not None or target.audience is not None:
            message = "--key and --audience are of a client: name it with --client"
            raise InputError(message)
        return Caller(base, None, ca_bundle)
    file = Path(target.file)
    registered = read_registered(file, target.client)
    key = read_key(
        Path(target.key) if target.key else file.parent / f"{target.client}.private.json"
    )
    audience = (target.audience or base).rstrip("/")
    signer = Signer(key, registered.issuer, audience, time.time, registered.tenant)
    return Caller(base, signer, ca_bundle)


def _lines(result: Result) -> Iterator[Text]:
    """One line a check that was made; below a failure what was expected and what came."""
    if result.outcome == "skipped":
        return
    yield Text.assemble("  ", _MARKS[result.outcome], f" {result.name}: {result.asks}")
    if result.outcome == "failed":
        yield Text(plain(f"       expected {result.expected}; came {result.came}"))
