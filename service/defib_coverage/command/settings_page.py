"""``settings``: every setting, its value, where that came from, and what it means."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import msgspec

from defib_coverage.setting_meanings import MEANINGS, SECRETS
from defib_coverage.setting_sources import PREFIX, has_password
from defib_coverage.settings import find_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from defib_coverage.command.page import Page
    from defib_coverage.setting_sources import Source

_HIDDEN = "***"


class Row(msgspec.Struct, frozen=True):
    """A setting as it is shown: no secret stands in it."""

    name: str
    variable: str
    value: object
    source: Source
    meaning: str


def rows(environment: Mapping[str, str]) -> list[Row]:
    """All settings, in the order in which they are told of.

    Raises:
        SettingsError: one of them cannot be used.
    """
    settings, sources = find_settings(environment)
    return [
        Row(
            name=name,
            variable=PREFIX + name.upper(),
            value=_shown(name, getattr(settings, name)),
            source=sources.get(name, "default"),
            meaning=meaning,
        )
        for name, meaning in MEANINGS.items()
    ]


def print_rows(found: list[Row], page: Page) -> None:
    """Print settings for a person."""
    for row in found:
        page.heading(f"{row.variable} = {_written(row.value)} ({row.source})")
        page.line(row.meaning.replace("`", ""), 4)


def _written(value: object) -> str:
    """A value as a person writes it in the environment."""
    if value is None or value == ():
        return "-"
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _shown(name: str, value: object) -> object:
    """A value without what is secret in it."""
    if value is not None and name in SECRETS:
        return _HIDDEN
    if isinstance(value, str) and has_password(value):
        return _without_password(value)
    return value


def _without_password(url: str) -> str:
    """A URL with its password hidden; whoever has one in its parameters sees none of them."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return _HIDDEN
    before, at, host = parts.netloc.rpartition("@")
    user, colon, _ = before.partition(":")
    netloc = f"{user}{colon}{_HIDDEN if colon else ''}{at}{host}"
    query = _HIDDEN if has_password(urlunsplit(parts._replace(netloc=host))) else parts.query
    return urlunsplit(parts._replace(netloc=netloc, query=query))
