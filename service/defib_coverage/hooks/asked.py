"""What is asked in one call, and by whom: all that its answer depends on beside the evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import msgspec

from defib_coverage.fhir.plans import Plan
from defib_coverage.hooks.configuration import Configuration
from defib_coverage.hooks.request import Decoded


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One call.

    ``caller`` is the client's id, ``label`` what it wants the source of its cards to be called;
    ``plans`` are the configured payers by their ids.
    """

    decoded: Decoded
    configuration: Configuration
    today: date
    caller: str | None = None
    label: str | None = None
    plans: Mapping[str, Plan] = {}

    @property
    def hook(self) -> str:
        """The hook."""
        return self.decoded.request.hook

    def plan(self, name: str | None) -> Plan | None:
        """The configured payer of an id; None for what is none."""
        return None if name is None else self.plans.get(name)
