"""The service with default settings, as the benchmark starts it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage.app import create_app
from defib_coverage.settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI


def application() -> FastAPI:
    """The service."""
    return create_app(Settings())
