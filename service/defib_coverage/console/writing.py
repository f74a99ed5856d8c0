"""Templates: everything that a page tells is escaped, and shows what would hide."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Mapping

_TEMPLATES = Path(__file__).with_name("templates")
# Characters that turn or hide what stands beside them, and control characters.
HIDING = re.compile(
    "[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
"""What would make a reader see another text than there is."""


def environment(told: Mapping[str, object]) -> Environment:
    """The environment of all templates.

    Args:
        told: what every template may use by name.
    """
    made = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalized,
        auto_reload=False,
    )
    made.globals.update(told)
    return made


def visible(text: str) -> str:
    """A text with the characters that would hide or turn others written out, as ``[U+202E]``."""
    return HIDING.sub(lambda found: f"[U+{ord(found[0]):04X}]", text)


def _finalized(value: object) -> object:
    """What an expression of a template came to, as it is written."""
    if isinstance(value, Markup):
        # Escaped already; what is written instead needs no escape.
        return Markup(visible(value))  # noqa: S704
    return visible(value) if isinstance(value, str) else value
