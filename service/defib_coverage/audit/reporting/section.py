"""A section of the report: words, pictures and tables about one question."""

from __future__ import annotations

import msgspec
from markupsafe import Markup  # noqa: TC002 - the type of a field

from defib_coverage.audit.reporting.table import Table


class Chart(msgspec.Struct, frozen=True):
    """A picture: what it shows, and the picture."""

    caption: str
    svg: Markup


class Section(msgspec.Struct, frozen=True):
    """A section; ``notes`` say how to read it."""

    id: str
    title: str
    notes: tuple[str, ...]
    charts: tuple[Chart, ...]
    tables: tuple[Table, ...]
