"""Judges a call with its FHIR server at hand: what the steps ask for is fetched from it."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.fhir.answers import NOT_SUPPLIED
from defib_coverage.fhir.client import FhirClient, FhirServer
from defib_coverage.fhir.references import is_id
from defib_coverage.network.addresses import Reach, read_networks, same_base
from defib_coverage.network.transport import Host

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date
    from pathlib import Path

    from defib_coverage.fhir.fetching import Cause, Fetched, Query
    from defib_coverage.hooks.evaluation import Evaluation, Evaluator
    from defib_coverage.hooks.request import Decoded

# Threads that one FHIR server may keep busy: fifty calls at once with five searches each take
# about four rounds of them.
_THREADS = 64
PATIENT_REFUSED = "the patient's id is none that can be asked for"
"""Why nothing was fetched of a patient whose id is no FHIR id."""
SERVER_REFUSED = "this FHIR server may not be asked"
"""Why nothing was fetched from a server that is not configured for the caller."""


class Access(msgspec.Struct, frozen=True):
    """The FHIR servers that a caller may have read; the same base stands for the same server."""

    servers: tuple[FhirServer, ...] = ()

    def find(self, base: str) -> FhirServer | None:
        """The configured server that a call names."""
        return next((one for one in self.servers if same_base(one.base, base)), None)


class Fetches(msgspec.Struct):
    """What was fetched for one call: how many queries, why some failed, how long it took.

    ``refused``: the call names a FHIR server that may not be read for this caller. ``brought`` is
    what came, where it is kept for who judges the call again; ``why_not`` why nothing was asked
    for.
    """

    queries: int = 0
    causes: dict[Cause, int] = {}
    seconds: float = 0.0
    refused: bool = False
    brought: dict[Query, Fetched] | None = None
    why_not: str | None = None


class Hosts:
    """The connections to every configured FHIR server; a base has the same for all callers."""

    def __init__(self, authorities: Path | None, *, development: bool) -> None:
        """Connect to nothing yet.

        Args:
            authorities: certificates to trust instead of the usual ones.
            development: whether private addresses and this machine may be connected to.
        """
        self._authorities = authorities
        self._development = development
        self._hosts: dict[tuple[str, Reach], Host] = {}

    def access(self, bases: Sequence[str], networks: Sequence[str] = ()) -> Access:
        """What a caller may have read.

        Args:
            bases: the FHIR base URLs.
            networks: the private networks in which they may stand.

        Raises:
            ValueError: a network is none.
        """
        reach = Reach(read_networks(networks), self._development)
        servers = [FhirServer(base.rstrip("/"), self._host(base, reach), reach) for base in bases]
        return Access(tuple(servers))

    def _host(self, base: str, reach: Reach) -> Host:
        # A connection is checked when it is made, so callers who may reach less share none.
        key = (base.rstrip("/"), reach)
        if key not in self._hosts:
            self._hosts[key] = Host(f"fhir-{len(self._hosts)}", _THREADS, self._authorities)
        return self._hosts[key]

    def close(self) -> None:
        """Close all connections."""
        for host in self._hosts.values():
            host.close()


class Fetcher:
    """Judges calls, fetching what they do not bring."""

    def __init__(self, evaluator: Evaluator, seconds: float) -> None:
        """Judge by ``evaluator``, fetching for at most ``seconds`` a call."""
        self._evaluator = evaluator
        self._index = evaluator.knowledge.index
        self._seconds = seconds

    async def judge(
        self,
        decoded: Decoded,
        today: date,
        access: Access,
        fetches: Fetches,
        *,
        longer_reading: bool = False,
    ) -> Evaluation:
        """What the orders of a call come to.

        Args:
            decoded: the call.
            today: the day of the call.
            access: the FHIR servers that the caller may have read.
            fetches: where it is noted what was fetched.
            longer_reading: whether waiting periods last until their longer reading is over.

        Raises:
            RequestError: as the steps of the evaluator.
        """
        base = decoded.fhir_server
        evaluate = partial(self._evaluator.evaluate, decoded, today, longer_reading=longer_reading)
        server = None if base is None else access.find(base)
        if base is None:
            fetches.why_not = NOT_SUPPLIED
        elif server is None:
            fetches.refused = True
            fetches.why_not = SERVER_REFUSED
        elif not is_id(decoded.patient_id):
            fetches.why_not = PATIENT_REFUSED
        if server is None or fetches.why_not is not None:
            return evaluate(fetches.why_not or NOT_SUPPLIED)
        steps = self._evaluator.steps(decoded, today, longer_reading=longer_reading)
        try:
            queries = next(steps)
            client = FhirClient(
                server,
                decoded.access_token,
                decoded.patient_id,
                self._index,
                time.monotonic() + self._seconds,
            )
            while True:
                begin = time.monotonic()
                fetched = await client.fetch(queries)
                _note(fetches, fetched, time.monotonic() - begin)
                queries = steps.send(fetched)
        except StopIteration as done:
            found: Evaluation = done.value
            return found


def _note(fetches: Fetches, fetched: Mapping[Query, Fetched], seconds: float) -> None:
    fetches.seconds += seconds
    if fetches.brought is not None:
        fetches.brought.update(fetched)
    fetches.queries += len(fetched)
    for one in fetched.values():
        if one.cause is not None:
            fetches.causes[one.cause] = fetches.causes.get(one.cause, 0) + 1
