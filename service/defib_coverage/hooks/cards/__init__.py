"""Cards: what a clinician sees of the determinations of one call, a module a card."""

from defib_coverage.hooks.cards.deck import build_cards

__all__ = ["build_cards"]
