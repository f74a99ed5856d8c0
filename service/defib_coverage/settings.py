"""Settings, from environment variables ``DEFIB_COVERAGE_*``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import msgspec

from defib_coverage.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "DEFIB_COVERAGE_"


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one installation runs.

    ``zone`` is the facility's time zone: an order without a date is judged today in it. ``overlay``
    is the folder of the site's own value sets. ``max_body`` is the largest request body in bytes.
    """

    zone: str = "America/New_York"
    overlay: str | None = None
    max_body: Annotated[int, msgspec.Meta(gt=0)] = 16 * 1024 * 1024

    @property
    def time_zone(self) -> ZoneInfo:
        """The facility's zone."""
        return ZoneInfo(self.zone)

    @property
    def overlay_folder(self) -> Path | None:
        """The overlay as a path."""
        return Path(self.overlay) if self.overlay else None


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read the settings from an environment.

    Raises:
        SettingsError: an unknown or unusable setting, by name.
    """
    given = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environment.items()
        if name.startswith(PREFIX)
    }
    known = Settings.__struct_fields__
    for name in given:
        if name not in known:
            names = ", ".join(PREFIX + field.upper() for field in known)
            message = f"{PREFIX}{name.upper()}: no such setting. Use one of {names}"
            raise SettingsError(message)
    try:
        settings = msgspec.convert(given, Settings, strict=False)
        settings.time_zone  # noqa: B018 - a zone that does not exist must refuse to start
    except msgspec.ValidationError as error:
        message = f"{PREFIX}MAX_BODY: {given['max_body']!r} is no number of bytes above 0"
        raise SettingsError(message) from error
    except (KeyError, ValueError, OSError) as error:
        message = f"{PREFIX}ZONE: {settings.zone!r} is not a time zone, such as America/Chicago"
        raise SettingsError(message) from error
    return settings
