"""``publish push``: the plan, the writing, and what the server holds afterwards."""

from __future__ import annotations

import os
import sys
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
import typer

from defib_coverage.command.documents import InputError
from defib_coverage.command.fhir_connection import Connection, ServerError, destination
from defib_coverage.command.fhir_writer import FhirWriter, WriteError
from defib_coverage.command.options import counted
from defib_coverage.command.publishing import canonical_base
from defib_coverage.command.push_checks import ask_for_codes, read_back
from defib_coverage.command.push_page import print_plan, say, say_all
from defib_coverage.command.push_source import Choice, choose, open_source
from defib_coverage.fhir.systems import CANONICAL_BASE
from defib_coverage.settings import PREFIX, read_settings
from defib_coverage.terminology.parcels import TYPES, parcels_of
from defib_coverage.terminology.push_plan import Plan, Server, plan

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from defib_coverage.command.fhir_connection import Destination
    from defib_coverage.command.push_checks import Checked
    from defib_coverage.terminology.parcels import Parcel
    from defib_coverage.terminology.push_plan import Step
    from defib_coverage.terminology.releases import Release

DONE, DIFFERENT = 0, 1


class Push(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a push: where, which releases and types, and how.

    ``token_name`` is the environment variable of a bearer token, ``canonical`` the canonical base
    where it is not that of the settings. ``transaction`` writes all in one Bundle, ``replace``
    writes over other content of the same version, ``dry_run`` stops after the plan.
    """

    to: str
    token_name: str | None = None
    choice: Choice = Choice()
    canonical: str | None = None
    without_cpt: bool = False
    types: tuple[str, ...] = TYPES
    transaction: bool = False
    replace: bool = False
    dry_run: bool = False


def read_types(text: str | None) -> tuple[str, ...]:
    """The types that ``--only`` names, with commas between; all where it is not given.

    Raises:
        InputError: one is not pushed.
    """
    names = TYPES if text is None else tuple(part.strip() for part in text.split(","))
    for name in names:
        if name not in TYPES:
            message = f"--only: {name!r} is none of {', '.join(TYPES)}"
            raise InputError(message)
    return names


def push(asked: Push) -> int:
    """Push, and print what is done; the exit code.

    Raises:
        InputError: an option cannot be used.
        ServerError: the server cannot be reached, or is none.
        SettingsError: a setting cannot be used.
    """
    settings = read_settings(os.environ)
    to = destination(
        asked.to,
        asked.token_name,
        os.environ,
        ca_bundle=settings.ca_bundle,
        development=settings.development,
    )
    if canonical_base(asked.canonical) == CANONICAL_BASE and not to.is_local:
        message = (
            f"--to {to.base}: others would read urls below {CANONICAL_BASE}, which is an "
            f"example's; set {PREFIX}CANONICAL_BASE or --canonical to a URL of yours"
        )
        raise InputError(message)
    today = datetime.now(settings.time_zone).date()
    source = open_source(asked.canonical, without_cpt=asked.without_cpt)
    releases = choose(source.catalogue.releases, asked.choice, today)
    parcels = parcels_of(source.resources(releases), source.mark, asked.types)
    _print_head(to, releases, today)
    connection = Connection(to)
    try:
        server = FhirWriter(connection)
        server.check(dict.fromkeys(parcel.type for parcel in parcels))
        return _Pushing(asked, server, parcels).run()
    finally:
        connection.close()


def _print_head(to: Destination, releases: Sequence[Release], today: date) -> None:
    say(f"To {to.base}")
    for release in releases:
        say(f"  {release.version}: {release.title}")
        if release.effective > today:
            _warn(
                f"{release.version} is not in force yet: who asks for a url without its version "
                f"gets it before {release.effective}"
            )
    if to.exposed:
        _warn("plain http: what is sent can be changed on its way")


def _warn(text: str) -> None:
    say(f"WARNING: {text}", err=True)


class _Pushing:
    """One push to one server."""

    def __init__(self, asked: Push, server: FhirWriter, parcels: Sequence[Parcel]) -> None:
        self._asked = asked
        self._server = server
        self._parcels = parcels

    def run(self) -> int:
        """Plan, write, check; the exit code."""
        planned = plan(self._parcels, self._found(), replace=self._asked.replace)
        print_plan(planned)
        if planned.refused:
            say("Nothing was written.")
            return DIFFERENT
        if self._asked.dry_run:
            say("Dry run: nothing was written.")
            return DONE
        if planned.writes and not _agreed(planned):
            say("Nothing was written.")
            return DIFFERENT
        if not self._write(planned.writes):
            return DIFFERENT
        return self._check([step.parcel for step in planned.writes])

    def _found(self) -> Server:
        """What the server holds of all that is to be pushed."""
        held = {}
        for parcel in self._parcels:
            found = self._server.read(parcel.place)
            if found is not None:
                held[parcel.place] = found
        urls = dict.fromkeys((parcel.type, parcel.url) for parcel in self._parcels)
        return Server(held, {url: self._server.listed(name, url) for name, url in urls})

    def _write(self, steps: Sequence[Step]) -> bool:
        """Write; whether the server took everything."""
        if not steps:
            return True
        written = 0
        try:
            if self._asked.transaction:
                self._server.transact(steps)
                written = len(steps)
            else:
                for step in steps:
                    self._server.put(step)
                    written += 1
        except WriteError as error:
            where = "the transaction" if self._asked.transaction else steps[written].parcel.place
            say(f"{where}: is not taken: {error}")
            say(_stopped(written, steps))
            return False
        except ServerError as error:
            message = f"{error}\n{_stopped(written, steps)}"
            raise ServerError(message) from error
        say(f"Wrote {counted(written, 'resource')}.")
        return True

    def _check(self, written: Sequence[Parcel]) -> int:
        """Read back and ask for codes; the exit code."""
        faults = 0
        if written:
            faults += _told(read_back(self._server, written))
        faults += _told(ask_for_codes(self._server, self._parcels))
        return DIFFERENT if faults else DONE


def _told(checked: Checked) -> int:
    """Print what was found; how much of it is wrong."""
    say_all((*checked.faults, *checked.summary))
    return len(checked.faults)


def _agreed(planned: Plan) -> bool:
    """Whether to write: asked where a person sits, taken for granted where none does."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return True
    return typer.confirm(f"Write {counted(len(planned.writes), 'resource')}?")


def _stopped(written: int, steps: Sequence[Step]) -> str:
    return (
        f"Stopped: {written} of {counted(len(steps), 'resource')} written; "
        "the same push again writes the rest."
    )
