"""Payers that a site has configured: how their Coverages are told, and what they want."""

from __future__ import annotations

from typing import Literal

import msgspec

PriorAuthorization = Literal["no-auth", "auth-needed", "performpa"]


class Plan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A Medicare payer: traditional, or a Medicare Advantage plan.

    ``label`` names it on cards. A Coverage is one of its if its payor has one of ``identifiers`` or
    its type one of ``types`` (``system|code``), or if one of ``names`` stands in the words of its
    payor, class or type. ``prior_authorization`` is what its orders need.
    """

    id: str
    label: str
    identifiers: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    prior_authorization: PriorAuthorization = "no-auth"
