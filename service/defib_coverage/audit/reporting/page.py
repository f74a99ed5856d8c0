"""The report as one HTML page: no script, nothing from elsewhere, and no text becomes markup."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from defib_coverage.audit.reporting.at_risk import ALL_TOLD
from defib_coverage.audit.reporting.day import RECORDED
from defib_coverage.audit.reporting.ranking import GROUPS, Entry
from defib_coverage.audit.reporting.section import Section
from defib_coverage.audit.reporting.table import told
from defib_coverage.audit.reporting.tiles import Tile
from defib_coverage.ledger.charts import shown

if TYPE_CHECKING:
    from collections.abc import Callable

_TITLE = "Audit of defibrillator orders"


class Work(msgspec.Struct, frozen=True):
    """The worklist: its first entries, and how many it has."""

    first: tuple[Entry, ...]
    number: int


class View(msgspec.Struct, frozen=True, kw_only=True):
    """What the page tells.

    ``work`` is None, and ``least`` a number, where numbers below ``least`` are hidden; ``priced``:
    a payment table was given.
    """

    facts: tuple[tuple[str, str], ...]
    tiles: tuple[Tile, ...]
    sections: tuple[Section, ...]
    work: Work | None
    least: int | None
    priced: bool


def page_of(view: View) -> bytes:
    """The page, in UTF-8."""
    environment = Environment(
        loader=PackageLoader("defib_coverage.audit.reporting", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalized,
    )
    filters: dict[str, Callable[..., object]] = {"told": told}
    environment.filters.update(filters)
    style = _source(environment, "style.css")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    text = environment.get_template("index.html.jinja").render(
        title=_TITLE,
        policy=f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; "
        "form-action 'none'",
        style=Markup(style),  # noqa: S704 - our own file
        view=view,
        groups=GROUPS,
        recorded=RECORDED,
        all_told=ALL_TOLD,
    )
    return text.encode("utf-8", "replace")


def _source(environment: Environment, name: str) -> str:
    """A file beside the template, as it is."""
    if environment.loader is None:
        raise FileNotFoundError(name)
    text, _, _ = environment.loader.get_source(environment, name)
    return text


def _finalized(value: object) -> object:
    """What an expression came to, without what would hide or turn what stands beside it."""
    return shown(value) if isinstance(value, str) and not isinstance(value, Markup) else value
