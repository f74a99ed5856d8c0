"""Cards: what a clinician sees of the determinations of one call, a module a card."""

from defib_coverage.hooks.cards.deck import Deck

__all__ = ["Deck"]
