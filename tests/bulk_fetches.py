"""Fetches of a test: in this process with short pauses, or by the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, cast

from bulk_server import Exported, ndjson
from command_line import ROOT, environment
from defib_coverage.bulk.asking import Wanted
from defib_coverage.bulk.courier import Courier
from defib_coverage.bulk.fetching import Fetch, Ways
from defib_coverage.bulk.folder import opened
from defib_coverage.bulk.patience import Patience
from defib_coverage.bulk.places import read_places
from defib_coverage.bulk.record import Record
from defib_coverage.bulk.tokens import Backend, BackendTokens, NoToken
from defib_coverage.network.transport import Host

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from bulk_server import BulkServer
    from defib_coverage.bulk.tokens import Tokens
    from defib_coverage.hooks.trust.signing import SigningKey

SOON = Patience(first=0.01, longest=0.05, least=0.01, most=0.5, attempts=4)
PATIENTS = Exported("Patient", ndjson("Patient", 20))
CONDITIONS = Exported("Condition", ndjson("Condition", 2000, note="x" * 100))
MORE_CONDITIONS = Exported("Condition", ndjson("Condition", 30, note="y"))


class Seen:
    """A watch that keeps what it was told."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.pauses: list[tuple[str, float]] = []
        self.size = 0

    def told(self, line: str) -> None:
        self.lines.append(line)

    def waits(self, why: str, seconds: float) -> None:
        self.pauses.append((why, seconds))

    def begins(self, files: int, done: int) -> None:
        self.lines.append(f"begins {files} {done}")

    def came(self, size: int) -> None:
        self.size += size

    def loaded(self, file: str, lines: int) -> None:
        self.lines.append(f"loaded {file} {lines}")


def fetch(  # noqa: PLR0913 - what a test may change
    server: BulkServer,
    folder: Path,
    *,
    key: SigningKey | None = None,
    wanted: Wanted | None = None,
    ways: Ways | None = None,
    token_to: Sequence[str] = (),
    patience: Patience = SOON,
    watch: Seen | None = None,
    authorities: Path | None = None,
) -> Record:
    """Fetch all of a server's export in this process."""
    places = read_places(server.base, token_to, development=False)
    wanted = wanted or Wanted()
    fresh = Record(version="0", base=places.base, export=wanted.url(places.base), started="now")
    with closing(Host("fetch", 9, authorities)) as host, opened(folder, fresh) as there:
        tokens: Tokens = NoToken()
        if key is not None:
            backend = Backend("audit", key, f"{server.root}/token", "system/*.rs")
            tokens = BackendTokens(backend, host, patience)
        courier = Courier(host, places, tokens)
        ways = ways or Ways()
        made = Fetch(wanted, there, courier, ways=ways, patience=patience, watch=watch or Seen())
        return made.run()


@contextmanager
def under_way(server: BulkServer, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A fetch in a process of its own."""
    command = [sys.executable, "-m", "defib_coverage", "audit", "fetch", server.base]
    with subprocess.Popen(
        [*command, "-o", str(folder), "--at-once", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment(),
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def kept(folder: Path) -> dict[str, Any]:
    """``fetch.json`` as it stands."""
    return cast("dict[str, Any]", json.loads((folder / "fetch.json").read_text()))


def contents(folder: Path) -> dict[str, bytes]:
    """Everything in a folder but the record, by name."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "fetch.json"
    }
