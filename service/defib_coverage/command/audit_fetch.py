"""``audit fetch``: what its options mean, the fetch, and what came of it."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from defib_coverage import __version__
from defib_coverage.bulk.asking import TYPES, Wanted
from defib_coverage.bulk.courier import Courier
from defib_coverage.bulk.faults import FetchError
from defib_coverage.bulk.fetching import Fetch, Ways
from defib_coverage.bulk.folder import opened
from defib_coverage.bulk.patience import Patience
from defib_coverage.bulk.places import read_places
from defib_coverage.bulk.record import Record
from defib_coverage.bulk.smart import Configuration, discover
from defib_coverage.bulk.tokens import ALGORITHMS, Backend, BackendTokens, FileToken, NoToken
from defib_coverage.command.audit_watch import say, watching
from defib_coverage.command.options import counted
from defib_coverage.documents.document import InputError
from defib_coverage.fhir.resources import TYPE_NAMES
from defib_coverage.hooks.trust.signing import read_key
from defib_coverage.network.transport import Host
from defib_coverage.settings import read_settings
from defib_coverage.tables import near

if TYPE_CHECKING:
    from defib_coverage.bulk.places import Places
    from defib_coverage.bulk.tokens import Tokens

DONE, PARTLY, INTERRUPTED = 0, 1, 130
_LONGEST_TYPE = 64
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
_FILTER = re.compile(r"[A-Z][A-Za-z]{1,63}\?[!-~]+")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The options as they were given."""

    base: str
    output: Path
    group: str | None = None
    system: bool = False
    types: str | None = None
    since: str | None = None
    filters: tuple[str, ...] = ()
    client_id: str | None = None
    key: Path | None = None
    token_url: str | None = None
    scope: str | None = None
    token_file: Path | None = None
    token_to: tuple[str, ...] = ()
    at_once: int = 3
    keep_export: bool = False
    ignore_counts: bool = False


def fetch(asked: Asked) -> int:
    """Fetch an export, and print what is done; the exit code.

    Raises:
        InputError: an option cannot be used.
        SettingsError: a setting or the key cannot be used.
        FetchError: the export cannot be fetched.
    """
    settings = read_settings(os.environ)
    places = read_places(asked.base, asked.token_to, development=settings.development)
    wanted = _wanted(asked)
    _check_token_options(asked)
    fresh = Record(
        version=__version__,
        base=places.base,
        export=wanted.url(places.base),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    patience = Patience()
    host = Host("fetch", asked.at_once + 1, settings.authorities)
    try:
        with opened(asked.output, fresh) as folder, watching() as watch:
            if folder.record.removed:
                watch.told("This export was fetched before")
                tokens: Tokens = NoToken()
            else:
                tokens = _tokens(asked, places, host, patience)
            ways = Ways(
                at_once=asked.at_once,
                keep_export=asked.keep_export,
                any_count=asked.ignore_counts,
            )
            courier = Courier(host, places, tokens)
            record = Fetch(wanted, folder, courier, ways=ways, patience=patience, watch=watch).run()
    except KeyboardInterrupt:
        say("Interrupted. The same command goes on from here.", err=True)
        return INTERRUPTED
    finally:
        host.close()
    return _report(record, asked.output)


def _wanted(asked: Asked) -> Wanted:
    """The export that options ask for.

    Raises:
        InputError: they cannot be used.
    """
    if asked.group is not None and asked.system:
        message = "--group and --system name different exports: give one of them"
        raise InputError(message)
    if asked.group is not None and _ID.fullmatch(asked.group) is None:
        message = "--group: is no id of FHIR"
        raise InputError(message)
    types = TYPES
    if asked.types is not None:
        names = [part.strip() for part in asked.types.split(",")]
        types = () if names == ["all"] else tuple(dict.fromkeys(names))
    for name in types:
        _check_type(name, "--types")
    for one in asked.filters:
        if _FILTER.fullmatch(one) is None:
            message = f"--type-filter: {one!r} is no search such as Observation?status=final"
            raise InputError(message)
        kind = one.partition("?")[0]
        _check_type(kind, "--type-filter")
        if types and kind not in types:
            message = f"--type-filter: {kind} is not among the types asked for"
            raise InputError(message)
    if asked.since is not None:
        _check_instant(asked.since)
    return Wanted(
        group=asked.group,
        system=asked.system,
        types=types,
        since=asked.since,
        filters=asked.filters,
    )


def _check_type(name: str, option: str) -> None:
    """Refuse a type that FHIR R4 does not have: a server may leave it out without a word.

    Raises:
        InputError: there is none of that name.
    """
    if name not in TYPE_NAMES:
        named = name[:_LONGEST_TYPE]
        message = f"{option}: {named!r} is no type of FHIR R4. {near(named, sorted(TYPE_NAMES))}"
        raise InputError(message)


def _check_instant(text: str) -> None:
    """Refuse what is no instant of FHIR.

    Raises:
        InputError: it is none.
    """
    try:
        # Fractions beyond microseconds are good FHIR all the same.
        good = _INSTANT.fullmatch(text) and datetime.fromisoformat(re.sub(r"\.\d+", "", text))
    except ValueError:
        good = None
    if not good:
        message = f"--since: {text!r} is no instant such as 2026-01-01T00:00:00Z"
        raise InputError(message)


def _check_token_options(asked: Asked) -> None:
    """Refuse options of which one lacks the other.

    Raises:
        InputError: one does.
    """
    if (asked.client_id is None) != (asked.key is None):
        message = "--client-id and --key go together"
        raise InputError(message)
    if asked.token_file is not None and asked.client_id is not None:
        message = "--client-id and --token-file both name a token: give one of them"
        raise InputError(message)
    for name, value in (("--token-url", asked.token_url), ("--scope", asked.scope)):
        if value is not None and asked.client_id is None:
            message = f"{name}: is for --client-id"
            raise InputError(message)


def _tokens(asked: Asked, places: Places, host: Host, patience: Patience) -> Tokens:
    """Where the token comes from.

    Raises:
        InputError: an option cannot be used.
        SettingsError: the key cannot be used.
        FetchError: the server does not say where tokens are granted.
    """
    if asked.token_file is not None:
        return FileToken(asked.token_file)
    if asked.client_id is None or asked.key is None:
        return NoToken()
    key = read_key(asked.key)
    if key.algorithm not in ALGORITHMS:
        message = (
            f"--key: {asked.key}: signs {key.algorithm}; SMART takes {' or '.join(ALGORITHMS)}"
        )
        raise InputError(message)
    url = asked.token_url
    if url is not None:
        fault = places.fault(url)
        if fault is not None:
            message = f"--token-url: {fault}"
            raise InputError(message)
    found = Configuration() if url and asked.scope else _discovered(places, host, url)
    scope = asked.scope or found.scope
    backend = Backend(asked.client_id, key, url or found.token_endpoint or "", scope)
    return BackendTokens(backend, host, patience)


def _discovered(places: Places, host: Host, url: str | None) -> Configuration:
    """What the server tells of its tokens; where their URL is given, it may tell nothing.

    Raises:
        FetchError: it tells nothing, and no URL is given.
    """
    try:
        return discover(places, host)
    except FetchError:
        if url is None:
            raise
        return Configuration()


def _report(record: Record, output: Path) -> int:
    """Print what was fetched; the exit code."""
    files = [one for one in record.files or () if one.section == "output"]
    lines = sum(one.lines or 0 for one in files)
    size = sum(one.bytes or 0 for one in files)
    say(
        f"{output}: {counted(lines, 'resource')} in {counted(len(files), 'file')}, "
        f"{size:,} bytes, as of {record.transaction_time}"
    )
    deleted = [one for one in record.files or () if one.section == "deleted"]
    if deleted:
        say(f"  {output / 'deleted'}: {counted(len(deleted), 'file')} of what was deleted since")
    if record.issues:
        parts = ", ".join(f"{number} {name}" for name, number in record.issues.items())
        say(f"  {output / 'errors'}: the server reports {parts}")
    if record.issues.keys() & {"fatal", "error"}:
        say("WARNING: part of the export is missing, as the server reports", err=True)
        return PARTLY
    return DONE
