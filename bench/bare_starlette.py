"""Yardstick (b): Starlette with orjson, the leanest usual way, and a fixed card as the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from fixed import RESPONSE

if TYPE_CHECKING:
    from starlette.requests import Request


async def call(request: Request) -> Response:
    """Parse, read nothing, answer."""
    orjson.loads(await request.body())
    return Response(orjson.dumps(RESPONSE), media_type="application/json")


app = Starlette(routes=[Route("/cds-services/{service_id}", call, methods=["POST"])])
