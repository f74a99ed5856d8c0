"""A FHIR server with nothing to do but wait: every search takes the same time."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from charts import make_chart

if TYPE_CHECKING:
    from starlette.requests import Request

LATENCY = 0.050
"""Seconds that a search takes."""
RESOURCES = 25


def _searches() -> dict[str, bytes]:
    """What each resource type's search finds: the records of the synthetic chart."""
    found: defaultdict[str, list[object]] = defaultdict(list)
    for value in json.loads(make_chart(RESOURCES).body)["prefetch"].values():
        for entry in (value or {}).get("entry", []):
            found[entry["resource"]["resourceType"]].append(entry)
    return {
        name: json.dumps({"resourceType": "Bundle", "type": "searchset", "entry": e}).encode()
        for name, e in found.items()
    }


_FOUND = _searches()
_NOTHING = b'{"resourceType":"Bundle","type":"searchset","total":0}'


async def search(request: Request) -> Response:
    """Wait, then answer."""
    await asyncio.sleep(LATENCY)
    body = _FOUND.get(request.path_params["resource_type"], _NOTHING)
    return Response(body, media_type="application/fhir+json")


app = Starlette(routes=[Route("/fhir/{resource_type}", search)])
