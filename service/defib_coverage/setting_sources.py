"""Where settings come from: a TOML file and the environment, which wins."""

from __future__ import annotations

import difflib
import stat
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from urllib.parse import parse_qs, urlsplit

from defib_coverage.errors import SettingsError
from defib_coverage.setting_meanings import SECRETS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

PREFIX = "DEFIB_COVERAGE_"
FILE = "config"
"""The setting that names the file."""
Source = Literal["default", "file", "environment"]
# Everybody may read, or others than the owner may write. A group may read: that is how a cluster
# hands secrets to a service that is not root.
_TOO_OPEN = stat.S_IRWXO | stat.S_IWGRP
# A deployment that leaves the choice to the service may hand over an empty variable.
_UNSET_WHERE_EMPTY = {"console"}
_PARAMETERS_WITH_PASSWORDS = {"password", "sslpassword"}


class Given(NamedTuple):
    """A value as it was given, and what messages call its place."""

    value: object
    place: str
    source: Source


def gather(environment: Mapping[str, str], known: Collection[str]) -> dict[str, Given]:
    """Every setting that is given, by its name.

    Args:
        environment: the environment; others' variables are left alone.
        known: the names of the settings that there are.

    Raises:
        SettingsError: an unknown name, or a file that cannot be used.
    """
    found: dict[str, Given] = {}
    path = environment.get(PREFIX + FILE.upper())
    if path is not None:
        found.update(_from_file(Path(path), known))
    for variable, value in environment.items():
        if variable.startswith(PREFIX):
            name = variable.removeprefix(PREFIX).lower()
            _check_known(name, known, PREFIX + name.upper(), PREFIX)
            if name in _UNSET_WHERE_EMPTY and not value:
                continue
            found[name] = Given(value, variable, "environment")
    return found


def has_password(url: str) -> bool:
    """Whether a text is a URL that holds a password."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return True  # nobody can tell
    return parts.password is not None or bool(_PARAMETERS_WITH_PASSWORDS & {*parse_qs(parts.query)})


def _from_file(path: Path, known: Collection[str]) -> dict[str, Given]:
    variable = PREFIX + FILE.upper()
    try:
        with path.open("rb") as file:
            mode = path.stat().st_mode
            table = tomllib.load(file)
    except OSError as error:
        message = f"{variable}: {path} cannot be read ({error.strerror})"
        raise SettingsError(message) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        # The fault names its line; the line itself may hold a secret.
        where = f": {error}" if isinstance(error, tomllib.TOMLDecodeError) else ", not even text"
        message = f"{variable}: {path} is not valid TOML{where}"
        raise SettingsError(message) from error
    for name in table:
        if name == FILE:
            message = f"{path}: {FILE}: stands in the environment only, as {variable}"
            raise SettingsError(message)
        _check_known(name, known, f"{path}: {name}")
    secret = [name for name, value in table.items() if _is_secret(name, value)]
    if secret and mode & _TOO_OPEN:
        message = (
            f"{path}: {secret[0]}: is a secret that others can read or change. Run chmod 600 {path}"
        )
        raise SettingsError(message)
    return {name: Given(value, f"{path}: {name}", "file") for name, value in table.items()}


def _is_secret(name: str, value: Any) -> bool:  # noqa: ANN401 - whatever the file says
    return name in SECRETS or (isinstance(value, str) and has_password(value))


def _check_known(name: str, known: Collection[str], place: str, prefix: str = "") -> None:
    """Refuse a name that no setting has.

    Raises:
        SettingsError: with the closest name, else with all.
    """
    if name in known:
        return
    named = {one: prefix + (one.upper() if prefix else one) for one in known}
    close = difflib.get_close_matches(name, named, n=1)
    remedy = (
        f"Did you mean {named[close[0]]}?" if close else f"Use one of {', '.join(named.values())}"
    )
    message = f"{place}: no such setting. {remedy}"
    raise SettingsError(message)
