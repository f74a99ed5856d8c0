"""Values of settings as they may be shown: no secret and no password stands in them."""

from __future__ import annotations

import os
from urllib.parse import urlsplit, urlunsplit

from defib_coverage.setting_meanings import FILES, SECRETS
from defib_coverage.setting_sources import has_password

_HIDDEN = "***"


def shown_value(name: str, value: object) -> object:
    """The value of the setting of that name without what is secret in it."""
    if value is not None and name in SECRETS:
        return _HIDDEN
    if isinstance(value, str) and has_password(value):
        return _without_password(value)
    return value


def written_value(value: object, name: str = "") -> str:
    """A value as a person writes it in the environment; a dash where there is none.

    Args:
        value: the value.
        name: of its setting.
    """
    if value is None or value == ():
        return "-"
    if isinstance(value, tuple):
        return (os.pathsep if name in FILES else ",").join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


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
