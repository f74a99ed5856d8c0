"""``client list``: what the client file says of each client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage.command.options import counted
from defib_coverage.command.page import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from defib_coverage.hooks.trust.client_file import Registration


def describe(registration: Registration) -> Iterator[str]:
    """A client in lines: who it is, how it signs, what it may ask for."""
    client = registration.client
    yield client.id
    yield f"  issuer: {client.issuer}"
    if client.tenant is not None:
        yield f"  tenant: {plain(client.tenant)}"
    if registration.pinned is None:
        yield f"  keys: fetched from {client.jku}"
    else:
        kids = ", ".join(registration.pinned.keys)
        yield f"  keys: {plain(client.keys or '')}, kid {kids}"
    yield f"  algorithms: {', '.join(client.algorithms)}"
    yield f"  FHIR servers: {', '.join(client.fhir_servers) or 'none'}"
    if client.networks:
        yield f"  private networks: {', '.join(client.networks)}"
    calls = counted(client.calls_per_minute, "call")
    yield f"  limits: tokens live {client.longest_token} s at most; {calls} a minute"
    if client.options:
        told = (f"{code} = {str(value).lower()}" for code, value in client.options.items())
        yield f"  options: {', '.join(told)}"
    if client.payer is not None:
        yield f"  payer: {plain(client.payer)}"
