"""What one card says, before it is framed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from defib_coverage.hooks.configuration import CardTopic
from defib_coverage.hooks.response import Link
from defib_coverage.hooks.suggestions import Offer


class Content(msgspec.Struct, frozen=True):
    """What one card says.

    ``parts`` are the paragraphs of its detail, in markdown; ``offers`` the suggestions that it
    makes; ``links`` where it leads, never beside suggestions.
    """

    topic: CardTopic
    indicator: Literal["info", "warning"]
    summary: str
    parts: Sequence[str]
    offers: Sequence[Offer] = ()
    links: tuple[Link, ...] = ()
