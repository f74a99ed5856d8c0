"""``validate``: what is wrong with a resource, a Bundle or a hook request, for an integrator."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import msgspec

from defib_coverage.command.documents import read_document
from defib_coverage.command.fhir_check import Problem, problems_of
from defib_coverage.content import load
from defib_coverage.documents.document import InputError, refused
from defib_coverage.errors import RequestError
from defib_coverage.fhir.raw import BAD
from defib_coverage.hooks.undecoded import refusal
from defib_coverage.hooks.wire import decode_request
from defib_coverage.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from defib_coverage.documents.document import Document

Json = dict[str, Any]
_ORDER_BUNDLES = ("draftOrders", "appointments")


def validate(path: str) -> tuple[list[Problem], int]:
    """Check a file; its problems, and how many resources were looked at.

    Raises:
        InputError: the file cannot be used.
    """
    document = read_document(path)
    try:
        content: Json = msgspec.json.decode(document.body)
    except BAD as error:
        raise refused(document.name, refusal(document.body, error)) from error
    problems: list[Problem] = []
    if "hook" in content:
        problems += _envelope_problems(document)
        resources = list(_resources_of_request(content))
    elif "resourceType" in content:
        resources = list(_entries("", content))
    else:
        message = f"{document.name}: has neither 'hook' nor 'resourceType'"
        raise InputError(message)
    told = {problem.place for problem in problems}
    for place, resource in resources:
        problems += (p for p in problems_of(resource, place) if p.place not in told)
    return problems, len(resources)


def _envelope_problems(document: Document) -> Iterator[Problem]:
    """What the service itself would refuse."""
    index = load(read_settings(os.environ).overlay_folder).knowledge().index
    try:
        decode_request(document.body, index)
    except RequestError as error:
        yield Problem(error.place or "the request", error.message)


def _resources_of_request(request: Json) -> Iterator[tuple[str, object]]:
    """Every order and every prefetched resource, with its place; ``null`` is an empty answer."""
    context = request.get("context")
    if isinstance(context, dict):
        for name in _ORDER_BUNDLES:
            if context.get(name) is not None:
                yield from _entries(f"context.{name}", context[name])
    prefetch = request.get("prefetch")
    if isinstance(prefetch, dict):
        for key, value in prefetch.items():
            if value is not None:
                yield from _entries(f"prefetch.{key}", value)


def _entries(place: str, value: object) -> Iterator[tuple[str, object]]:
    """A resource; of a Bundle its frame and every entry by itself, so that one spoils only one."""
    if not isinstance(value, dict) or value.get("resourceType") != "Bundle":
        yield place, value
        return
    entries = value.get("entry")
    frame = dict(value)
    inner: list[tuple[str, object]] = []
    if isinstance(entries, list):
        kept: list[object] = []
        for number, entry in enumerate(entries):
            if not isinstance(entry, dict):
                kept.append(entry)
                continue
            kept.append({k: v for k, v in entry.items() if k != "resource"} or {"id": "empty"})
            if "resource" in entry:
                at = f"{place}.entry[{number}].resource".lstrip(".")
                inner.extend(_entries(at, entry["resource"]))
        frame["entry"] = kept
        if not kept:
            del frame["entry"]
    yield place, frame
    yield from inner
