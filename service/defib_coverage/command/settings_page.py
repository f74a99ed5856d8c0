"""``settings``: every setting, its value, where that came from, and what it means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from defib_coverage.content import load
from defib_coverage.drafts import lay_over
from defib_coverage.setting_meanings import MEANINGS
from defib_coverage.setting_sources import PREFIX
from defib_coverage.setting_values import shown_value, written_value
from defib_coverage.settings import find_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from defib_coverage.command.page import Page
    from defib_coverage.setting_sources import Source


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
            value=shown_value(name, getattr(settings, name)),
            source=sources.get(name, "default"),
            meaning=meaning,
        )
        for name, meaning in MEANINGS.items()
    ]


def shadow_digest(environment: Mapping[str, str]) -> str | None:
    """The digest of the data with the drafts that are tried in the shadow; None without any.

    Raises:
        DataError: a draft, or what it is laid over, cannot be used.
        SettingsError: a setting cannot be used.
    """
    settings = find_settings(environment).settings
    if not settings.shadow:
        return None
    overlay = settings.overlay_folder
    return lay_over(load(overlay), settings.shadow_files, overlay).content.digest


def print_rows(found: list[Row], digest: str | None, page: Page) -> None:
    """Print settings for a person; ``digest`` is that of the drafts."""
    for row in found:
        page.heading(f"{row.variable} = {written_value(row.value, row.name)} ({row.source})")
        page.line(row.meaning.replace("`", ""), 4)
        if row.name == "shadow" and digest is not None:
            page.line(f"digest {digest}", 4)
