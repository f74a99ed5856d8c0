"""Yardstick (a): FastAPI that parses the call the way its users do, and answers a fixed card."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request

from fixed import RESPONSE

app = FastAPI()


@app.post("/cds-services/{service_id}")
async def call(service_id: str, request: Request) -> dict[str, Any]:  # noqa: ARG001 - part of the path
    """Parse, read nothing, answer."""
    await request.json()
    return RESPONSE
