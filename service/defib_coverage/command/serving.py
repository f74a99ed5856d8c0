"""``serve``: the web service in this process, or in several workers."""

from __future__ import annotations

import ipaddress
import os
import sys
from typing import TYPE_CHECKING

import uvicorn

from defib_coverage.app import create_app
from defib_coverage.content import load
from defib_coverage.edge.protocol import BoundedProtocol
from defib_coverage.settings import read_settings

if TYPE_CHECKING:
    from fastapi import FastAPI

_APPLICATION = "defib_coverage.command.serving:application"
# What is still being answered when the server is told to stop, in seconds.
_LAST_ANSWERS = 10


def application() -> FastAPI:
    """The service with its settings from the environment: what a worker runs.

    Raises:
        SettingsError: a setting cannot be used.
        DataError: the data or the site's overlay cannot be used.
    """
    return create_app(read_settings(os.environ))


def serve(host: str, port: int, workers: int) -> None:
    """Serve until told to stop.

    Args:
        host: the address to listen on.
        port: the port; 0 takes a free one.
        workers: the number of processes.

    Raises:
        SettingsError: a setting cannot be used.
        DataError: the data or the site's overlay cannot be used.
    """
    app: FastAPI | str = _APPLICATION
    if workers == 1:
        app = application()
    else:
        # A worker that cannot start would be started again without end: look before.
        load(read_settings(os.environ).overlay_folder)
    sys.stderr.write(banner(host))
    sys.stderr.flush()
    uvicorn.run(
        app,
        host=host,
        port=port,
        workers=workers,
        factory=workers > 1,
        http=BoundedProtocol,
        ws="none",
        # The path of a mistaken call may name a patient.
        access_log=False,
        timeout_graceful_shutdown=_LAST_ANSWERS,
    )


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
