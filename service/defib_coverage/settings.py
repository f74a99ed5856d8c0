"""Settings, from environment variables ``DEFIB_COVERAGE_*`` and a file."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, get_type_hints
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import msgspec
import platformdirs

from defib_coverage.errors import SettingsError
from defib_coverage.fhir.systems import CANONICAL_BASE
from defib_coverage.ledger.content import Content
from defib_coverage.network.addresses import fhir_base_fault
from defib_coverage.setting_meanings import FILES, SECRETS
from defib_coverage.setting_sources import PREFIX, Given, Source, gather, has_password

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PREFIX", "Settings", "SettingsFound", "find_settings", "read_settings"]
_Seconds = Annotated[float, msgspec.Meta(gt=0, le=60)]
_LAST_PORT = 65535
_Number = Annotated[int, msgspec.Meta(gt=0)]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one installation runs.

    ``config`` is the file that further settings come from. ``zone`` is the facility's time zone:
    an order without a date is judged today in it. ``overlay`` is the folder of the site's own value
    sets, ``payers`` the file of its Medicare payers. ``shadow`` are files of drafts that are tried
    on every call beside what is in force.

    ``clients`` is the file of the CDS clients that may call, ``trust`` whether a call must carry
    the token of one (by default: if there is such a file). ``public_base`` is the URL under which
    clients reach the service; their tokens are made out to it. ``database`` is where several
    workers share the ids of tokens that were used.

    ``ledger`` says what becomes of a call whose decision cannot be kept: it is refused, or answered
    and kept in a spool until it can; or that no ledger is kept. ``ledger_key`` is the secret of its
    digests, ``ledger_content`` how much is kept of each decision, ``retention_days`` for how long.
    ``state`` is the folder of what the service itself writes.

    ``fhir_servers`` are the FHIR base URLs that may be read when trust is open; a client's own
    stand in its entry. ``fhir_seconds`` is how long one call may wait for FHIR servers.
    ``ca_bundle`` holds the certificates of authorities that the machine does not know.
    ``development`` allows plain http and private addresses.

    ``max_body`` is the largest request body in bytes, ``receive_seconds`` how long a request may
    take to arrive, ``max_calls`` how many calls are answered at a time. ``cors_origins`` are the
    origins of clients that run in a browser.

    ``canonical_base`` is the URL below which what this installation publishes is named.
    ``terminology`` says whether ``/fhir`` answers questions about it, and whether CPT numbers are
    among its answers.

    ``console`` says whether the web pages are shown; by default all of them are where trust is
    open, and where it is not, those that show no patient data.

    ``metrics`` says who may read the metrics: nobody, whoever reaches the service, or whoever
    reaches an address of their own. ``drain_seconds`` is how long the service goes on taking calls
    after it was told to stop, so that those who ask whether it is ready send theirs elsewhere.
    """

    config: str | None = None
    zone: str = "America/New_York"
    overlay: str | None = None
    payers: str | None = None
    shadow: tuple[str, ...] = ()
    clients: str | None = None
    trust: Literal["open", "required"] | None = None
    public_base: str | None = None
    database: str | None = None
    state: str | None = None
    ledger: Literal["refuse", "spool", "off"] = "refuse"
    ledger_key: Annotated[str, msgspec.Meta(min_length=32)] | None = None
    ledger_content: Content = "determination"
    retention_days: Annotated[int, msgspec.Meta(gt=0, le=36_500)] | None = None
    fhir_servers: tuple[str, ...] = ()
    fhir_seconds: _Seconds = 2.0
    ca_bundle: str | None = None
    development: bool = False
    max_body: _Number = 16 * 1024 * 1024
    receive_seconds: _Seconds = 10.0
    max_calls: _Number = 200
    cors_origins: tuple[str, ...] = ()
    metrics: str = "off"
    canonical_base: str = CANONICAL_BASE
    terminology: Literal["on", "without-cpt", "off"] = "on"
    console: Literal["on", "off"] | None = None
    drain_seconds: Annotated[float, msgspec.Meta(ge=0, le=60)] = 0.0

    @property
    def time_zone(self) -> ZoneInfo:
        """The facility's zone."""
        return ZoneInfo(self.zone)

    @property
    def overlay_folder(self) -> Path | None:
        """The overlay as a path."""
        return Path(self.overlay) if self.overlay else None

    @property
    def payer_file(self) -> Path | None:
        """The payer file as a path."""
        return Path(self.payers) if self.payers else None

    @property
    def shadow_files(self) -> tuple[Path, ...]:
        """The files of drafts as paths."""
        return tuple(Path(one) for one in self.shadow)

    @property
    def client_file(self) -> Path | None:
        """The client file as a path."""
        return Path(self.clients) if self.clients else None

    @property
    def authorities(self) -> Path | None:
        """The file of further certificate authorities as a path."""
        return Path(self.ca_bundle) if self.ca_bundle else None

    @property
    def state_folder(self) -> Path:
        """The folder of what the service writes, by default the user's own for such things."""
        return Path(self.state) if self.state else platformdirs.user_state_path("defib-coverage")

    @property
    def metrics_address(self) -> tuple[str, int] | None:
        """Host and port where the metrics are read, where they have an address of their own."""
        host, _, port = self.metrics.rpartition(":")
        is_port = port.isascii() and port.isdigit() and 0 < int(port) <= _LAST_PORT
        return (host.strip("[]"), int(port)) if host and is_port else None

    @property
    def pages(self) -> Literal["all", "without-patients", "none"]:
        """Which pages of the console are shown."""
        if self.console == "off":
            return "none"
        return "all" if self.console == "on" or not self.tokens_required else "without-patients"

    @property
    def tokens_required(self) -> bool:
        """Whether a call must carry the token of a known client."""
        return self.trust == "required" or (self.trust is None and self.client_file is not None)


class SettingsFound(NamedTuple):
    """The settings, and where those came from that are no defaults."""

    settings: Settings
    sources: Mapping[str, Source]


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read the settings from an environment, and from the file that it names.

    Raises:
        SettingsError: as ``find_settings``.
    """
    return find_settings(environment).settings


def find_settings(environment: Mapping[str, str]) -> SettingsFound:
    """Read the settings, and remember where each came from.

    Raises:
        SettingsError: an unknown or unusable setting, by name; or a file that cannot be used.
    """
    hints = get_type_hints(Settings, include_extras=True)
    given = gather(environment, hints)
    read = {name: _converted(name, one, hints[name]) for name, one in given.items()}
    settings = Settings(**read)
    _check(settings)
    return SettingsFound(settings, {name: one.source for name, one in given.items()})


def _converted(name: str, given: Given, hint: Any) -> Any:  # noqa: ANN401 - as its type says
    """A value by its setting's own type.

    Raises:
        SettingsError: it is none; a secret is not repeated.
    """
    value, in_text = given.value, given.source == "environment"
    if in_text and isinstance(value, str) and hint == tuple[str, ...]:
        # A path may hold a comma or a space.
        texts = value.split(os.pathsep) if name in FILES else value.replace(",", " ").split()
        value = [one for one in texts if one]
    try:
        return msgspec.convert(value, hint, strict=not in_text)
    except msgspec.ValidationError as error:
        hidden = name in SECRETS or has_password(str(given.value))
        shown = "what is set" if hidden else repr(given.value)
        other = "list of texts" if hint == tuple[str, ...] else "text"
        message = f"{given.place}: {shown} is no {_WANTED.get(name, other)}"
        raise SettingsError(message) from error


def canonical_base_fault(base: str) -> str | None:
    """Why a text cannot be the beginning of canonical URLs; None where it can."""
    parts = urlsplit(base)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        return "is no http or https URL"
    if parts.query or parts.fragment or base.endswith("/") or not base.isprintable() or " " in base:
        return "must end with its path: no slash, no query and no fragment after it"
    return None


_WANTED = {
    "max_body": "number of bytes above 0",
    "max_calls": "number above 0",
    "fhir_seconds": "number of seconds above 0, at most 60",
    "receive_seconds": "number of seconds above 0, at most 60",
    "development": "true or false",
    "trust": "mode of trust: open or required",
    "terminology": "way to answer at /fhir: on, without-cpt or off",
    "console": "way to show the pages: on or off",
    "ledger": "way to keep a ledger: refuse, spool or off",
    "ledger_key": "secret of at least 32 characters",
    "ledger_content": "amount to keep: columns, determination or response",
    "retention_days": "number of days from 1 to 36500",
    "drain_seconds": "number of seconds, at most 60",
}


def _check(settings: Settings) -> None:
    """What single values cannot tell.

    Raises:
        SettingsError: settings that are unusable, or contradict each other.
    """
    try:
        settings.time_zone  # noqa: B018 - a zone that does not exist must refuse to start
    except (KeyError, ValueError, OSError) as error:
        message = f"{PREFIX}ZONE: {settings.zone!r} is not a time zone, such as America/Chicago"
        raise SettingsError(message) from error
    _check_addresses(settings)
    fault = canonical_base_fault(settings.canonical_base)
    if fault is not None:
        message = f"{PREFIX}CANONICAL_BASE: {settings.canonical_base} {fault}"
        raise SettingsError(message)
    if settings.metrics not in {"on", "off"} and settings.metrics_address is None:
        message = (
            f"{PREFIX}METRICS: {settings.metrics!r} is neither on nor off nor an address such as "
            "127.0.0.1:9464"
        )
        raise SettingsError(message)
    if settings.shadow and settings.ledger == "off":
        message = f"{PREFIX}SHADOW: needs a ledger to write to, and {PREFIX}LEDGER is off"
        raise SettingsError(message)
    if settings.tokens_required and settings.client_file is None:
        message = f"{PREFIX}TRUST: is required, so {PREFIX}CLIENTS must name the client file"
        raise SettingsError(message)
    if settings.tokens_required and settings.public_base is None:
        message = (
            f"{PREFIX}PUBLIC_BASE: must be the URL under which clients reach the service, such as "
            "https://cds.example.org: their tokens are made out to it"
        )
        raise SettingsError(message)
    if settings.tokens_required and settings.fhir_servers:
        message = (
            f"{PREFIX}FHIR_SERVERS: is for an open service; with a client file the FHIR servers "
            "stand in each client's entry"
        )
        raise SettingsError(message)


def _check_addresses(settings: Settings) -> None:
    """URLs that nobody could call, and files that hold no certificate.

    Raises:
        SettingsError: the first that is found.
    """
    for base in settings.fhir_servers:
        fault = fhir_base_fault(base, development=settings.development)
        if fault is not None:
            message = f"{PREFIX}FHIR_SERVERS: {base} {fault}"
            if "https" in fault:
                message += f"; {PREFIX}DEVELOPMENT=true allows http, for invented patients"
            raise SettingsError(message)
    if settings.public_base is not None:
        # What a proxy makes of plain http is its own matter.
        fault = fhir_base_fault(settings.public_base, development=True)
        if fault is not None:
            message = f"{PREFIX}PUBLIC_BASE: {settings.public_base} {fault}"
            raise SettingsError(message)
    for origin in settings.cors_origins:
        parts = urlsplit(origin)
        if parts.scheme not in {"http", "https"} or f"{parts.scheme}://{parts.netloc}" != origin:
            message = (
                f"{PREFIX}CORS_ORIGINS: {origin} is no origin such as "
                "https://sandbox.cds-hooks.org: scheme, host and port, nothing after them"
            )
            raise SettingsError(message)
    if settings.authorities is not None:
        try:
            ssl.create_default_context(cafile=settings.authorities)
        except OSError as error:
            message = f"{PREFIX}CA_BUNDLE: {settings.authorities} holds no certificates"
            raise SettingsError(message) from error
