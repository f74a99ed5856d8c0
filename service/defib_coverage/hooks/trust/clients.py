"""The CDS clients that may call: their issuer, their keys, and what each may ask for."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

Algorithm = Literal["ES384", "RS384", "ES512", "RS512", "PS384", "PS512", "ES256", "RS256"]


class Client(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry of the client file.

    ``issuer`` is the iss of its tokens. Its public keys are pinned in the JWK Set file ``keys``, or
    published at ``jku``: one of the two. ``algorithms`` are those that it may sign with;
    ``longest_token`` is how many seconds a token of its may live. ``tenant`` is the claim that it
    must send, if any.

    ``fhir_servers`` are the FHIR base URLs that may be read with its tokens, ``networks`` the
    private networks in which they may stand. ``payer`` replaces the label of a card's source;
    ``options`` are what its calls set unless they say otherwise (the configuration options of the
    discovery document). ``calls_per_minute`` bounds how often it may call.
    """

    id: str
    issuer: str
    keys: str | None = None
    jku: str | None = None
    algorithms: tuple[Algorithm, ...] = ("ES384", "RS384")
    longest_token: Annotated[int, msgspec.Meta(gt=0)] = 600
    tenant: str | None = None
    fhir_servers: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    payer: str | None = None
    options: dict[str, bool | int] = {}
    calls_per_minute: Annotated[int, msgspec.Meta(gt=0)] = 6000
