"""``serve``: the web service in this process, or in several workers."""

from __future__ import annotations

import ipaddress
import os
import socket
import ssl
import sys
from typing import TYPE_CHECKING, NamedTuple

import uvicorn

from defib_coverage import logs
from defib_coverage.app import create_app
from defib_coverage.callers import Callers
from defib_coverage.content import load
from defib_coverage.edge.protocol import BoundedProtocol
from defib_coverage.errors import SettingsError
from defib_coverage.payer_file import read_payers
from defib_coverage.running import exposition
from defib_coverage.settings import PREFIX, read_settings

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from fastapi import FastAPI

    from defib_coverage.settings import Settings

_APPLICATION = "defib_coverage.command.serving:application"
LAST_ANSWERS = 10
"""How long what is still being answered may take when the server stops, in seconds."""


def application() -> FastAPI:
    """The service with its settings from the environment: what a worker runs.

    Raises:
        SettingsError: a setting cannot be used.
        DataError: the data, the site's overlay or the payer file cannot be used.
    """
    logs.configure()
    return create_app(read_settings(os.environ))


class Certificate(NamedTuple):
    """The files of a TLS certificate, with its chain, and of its private key."""

    certificate: Path
    key: Path


def serve(host: str, port: int, workers: int, tls: Certificate | None = None) -> None:
    """Serve until told to stop.

    Args:
        host: the address to listen on.
        port: the port; 0 takes a free one.
        workers: the number of processes.
        tls: what to serve https with; plain http without it.

    Raises:
        SettingsError: a setting cannot be used.
        DataError: the data, the site's overlay or the payer file cannot be used.
    """
    settings = read_settings(os.environ)
    if tls is not None:
        _check(tls, settings.public_base)
    _check_free(host, port)
    if workers > 1 and settings.tokens_required and settings.database is None:
        message = (
            f"{PREFIX}DATABASE: must name where {workers} workers share the ids of used tokens, "
            "such as sqlite:////var/lib/defib-coverage/tokens.db"
        )
        raise SettingsError(message)
    logs.configure()
    several = workers > 1
    if several:
        _look_before(settings)
    with _counting(settings, workers):
        app = None if several else application()
        if settings.metrics_address is not None:
            own = None if app is None else app.state.metrics.registry
            exposition.listen(*settings.metrics_address, own)
        _tell(settings, host)
        uvicorn.run(
            app or _APPLICATION,
            host=host,
            port=port,
            workers=workers,
            factory=several,
            http=BoundedProtocol,
            ws="none",
            # The log is ours: a path or a message may name a patient.
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=LAST_ANSWERS,
            ssl_certfile=None if tls is None else tls.certificate,
            ssl_keyfile=None if tls is None else tls.key,
        )


def _look_before(settings: Settings) -> None:
    """Look what workers need: one that cannot start would be started again without end.

    Raises:
        SettingsError: a setting cannot be used.
        DataError: the data, the site's overlay, the payer file or the client file cannot be used.
    """
    content = load(settings.overlay_folder)
    if settings.shadow:
        from defib_coverage.drafts import lay_over  # noqa: PLC0415 - as below

        lay_over(content, settings.shadow_files, settings.overlay_folder)
    read_payers(settings.payer_file)
    Callers(settings).close()
    if settings.ledger != "off":
        # Costs memory and time to import: only where it is used.
        from defib_coverage.keeping import Keeping  # noqa: PLC0415

        Keeping(settings)


def _counting(settings: Settings, workers: int) -> AbstractContextManager[None]:
    """Where metrics are counted."""
    if workers > 1 and settings.metrics != "off":
        return exposition.together(settings.state_folder)
    return exposition.alone()


def _tell(settings: Settings, host: str) -> None:
    """Tell who may call."""
    if settings.tokens_required:
        text = f"Calls must carry a client's token, made out to {settings.public_base}"
        logs.write(logs.News(text=text))
    else:
        sys.stderr.write(banner(host))
        sys.stderr.flush()


def _check_free(host: str, port: int) -> None:
    """Refuse an address that cannot be listened on, before anything is loaded.

    Raises:
        SettingsError: it is taken, or not this machine's.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        reason = (
            error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        )
        message = f"{host}:{port}: cannot be listened on ({reason})"
        raise SettingsError(message) from error


def _check(tls: Certificate, public_base: str | None) -> None:
    """Refuse files that https cannot be served with, before any worker is started.

    Raises:
        SettingsError: one of them is missing, or they do not fit; or tokens are made out to http.
    """
    if public_base is not None and not public_base.startswith("https://"):
        message = f"{PREFIX}PUBLIC_BASE: must begin with https:// where https is served"
        raise SettingsError(message)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*tls)
    except OSError as error:
        reason = getattr(error, "reason", None) or error.strerror
        message = f"{tls.certificate}, {tls.key}: are no certificate and its key ({reason})"
        raise SettingsError(message) from error


def banner(host: str) -> str:
    """What must be known before the first call: nobody is asked who they are."""
    lines = [
        "OPEN DEVELOPMENT SERVER, NO AUTHENTICATION",
        "Whoever reaches it is answered. Use invented patients only.",
    ]
    if not _is_loopback(host):
        lines += [
            "",
            f"WARNING: {host} CAN BE REACHED FROM OTHER MACHINES.",
            "Put a gateway with TLS and authentication before it, or listen on 127.0.0.1.",
        ]
    rule = "=" * max(len(line) for line in lines)
    return "\n".join([rule, *lines, rule, ""])


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
