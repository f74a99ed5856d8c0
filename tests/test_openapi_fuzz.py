"""Calls made up from the OpenAPI description: the service keeps to what it says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from defib_coverage import __version__
from defib_coverage.hooks.openapi import describe

if TYPE_CHECKING:
    from live_server import Live

pytest_plugins = ("live_server",)
schema = schemathesis.openapi.from_dict(describe(__version__))


@schema.parametrize()
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_operation_answers_as_described(case: schemathesis.Case[Any], live: Live) -> None:
    # A selection must be an order of the same call, which a schema cannot say.
    loose = case.path.endswith(("order-select", "determinations"))
    excluded: list[Any] = [positive_data_acceptance] if loose else []
    case.call_and_validate(base_url=live.base, excluded_checks=excluded)
