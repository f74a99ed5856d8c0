"""The value sets as one static HTML page: nothing from elsewhere, and no text becomes markup.

Style and script stand in the page under their digests: its policy lets nothing else run or load.
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from defib_coverage.terminology.describing import SOFTWARE

if TYPE_CHECKING:
    from defib_coverage.terminology.listing import Listing
    from defib_coverage.terminology.releases import Release

_TITLE = "Defibrillator coverage: value sets"
_ROLES = (
    ("primary", "Diagnoses of a claim"),
    ("required-secondary", "Diagnoses that must stand beside them"),
    ("order", "Order codes"),
    ("evidence", "What a chart may show"),
)


def page_of(listing: Listing) -> bytes:
    """The page, in UTF-8: all rows are in it, and a script searches and compares them.

    Without scripts every code is shown with its days.
    """
    environment = Environment(
        loader=PackageLoader("defib_coverage.terminology", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["days"] = _days
    style, script = (_source(environment, name) for name in ("style.css", "script.js"))
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_digest(style)}'; "
        f"script-src '{_digest(script)}'; base-uri 'none'; form-action 'none'"
    )
    text = environment.get_template("index.html.jinja").render(
        title=_TITLE,
        policy=policy,
        listing=listing,
        roles=_ROLES,
        cpt_notice=next((n for n in listing.notices if n.startswith("CPT")), ""),
        software=SOFTWARE,
        style=Markup(style),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own file
    )
    return text.encode()


def _source(environment: Environment, name: str) -> str:
    """A file beside the template, as it is."""
    if environment.loader is None:
        raise FileNotFoundError(name)
    text, _, _ = environment.loader.get_source(environment, name)
    return text


def _digest(text: str) -> str:
    """How a policy names what stands in the page."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _days(release: Release) -> str:
    """The service days of a release."""
    if release.until is None:
        return f"from {release.effective}"
    return f"{release.effective} to {release.until}"
