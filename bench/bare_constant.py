"""Yardstick of questions about codes: Starlette, and the same answer to whatever is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request

_ANSWER = (
    b'{"resourceType":"Parameters","parameter":[{"name":"result","valueBoolean":true},'
    b'{"name":"code","valueCode":"I47.20"},'
    b'{"name":"system","valueUri":"http://hl7.org/fhir/sid/icd-10-cm"},'
    b'{"name":"version","valueString":"2023"},'
    b'{"name":"display","valueString":"Ventricular tachycardia, unspecified"}]}'
)


async def answer(request: Request) -> Response:
    """Take the question in, and answer."""
    if request.method == "POST":
        await request.body()
    return Response(_ANSWER, media_type="application/fhir+json")


app = Starlette(routes=[Route("/fhir/ValueSet/$validate-code", answer, methods=["GET", "POST"])])
