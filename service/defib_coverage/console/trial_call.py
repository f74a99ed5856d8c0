"""A test call: a sample sent through the whole service, and what came back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.console.own_calls import post_to
from defib_coverage.console.sample_calls import STORIES, sample_call
from defib_coverage.console.views.json_text import pretty
from defib_coverage.errors import RequestError
from defib_coverage.hooks.discovery import SERVICE_IDS
from defib_coverage.hooks.request import HOOKS, HookName

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp

SERVICES: dict[HookName, str] = {hook: service for service, hook in SERVICE_IDS.items()}
"""The services by their hooks."""
_OK = 200
_FIELDS = ("hook", "story")
_ASSERTION = re.compile(rb'"coverage-assertion-id",\s*"valueString":\s*"([A-Za-z0-9._-]{1,64})"')


class _Card(msgspec.Struct, frozen=True):
    summary: str
    indicator: str
    detail: str = ""


class _Answer(msgspec.Struct, frozen=True, rename="camel"):
    cards: tuple[_Card, ...] = ()
    system_actions: tuple[msgspec.Raw, ...] = ()


class Asked(msgspec.Struct, frozen=True):
    """Which call is sent: a hook, and the patient's story."""

    hook: HookName
    story: str


class TrialCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call and its answer, both in lines; ``assertions`` are the ids that the orders got."""

    asked: Asked
    path: str
    status: int
    milliseconds: float
    request: str
    answer: str
    cards: tuple[_Card, ...]
    actions: int
    assertions: tuple[str, ...]


def asked_in(fields: Mapping[str, bytes]) -> Asked:
    """What a form asks for.

    Raises:
        RequestError: 400, there is no such hook or story.
    """
    return asked_for(*(fields.get(name, b"").decode("utf-8", "replace") for name in _FIELDS))


def asked_for(hook: str, story: str) -> Asked:
    """What is asked for by name.

    Raises:
        RequestError: 400, there is no such hook or story.
    """
    for known in HOOKS:
        if known == hook:
            break
    else:
        message = f"hook: must be one of {', '.join(HOOKS)}"
        raise RequestError(400, "value", message, "hook")
    names = [one.name for one in STORIES]
    if story not in names:
        message = f"story: must be one of {', '.join(names)}"
        raise RequestError(400, "value", message, "story")
    return Asked(known, story)


async def made_call(app: ASGIApp, asked: Asked, host: bytes) -> TrialCall:
    """Send the call that is asked for to the service itself."""
    path = f"/cds-services/{SERVICES[asked.hook]}"
    body = sample_call(asked.hook, asked.story)
    answer = await post_to(app, path, body, host)
    read = msgspec.json.decode(answer.body, type=_Answer) if answer.status == _OK else _Answer()
    return TrialCall(
        asked=asked,
        path=path,
        status=answer.status,
        milliseconds=answer.milliseconds,
        request=body.decode(),
        answer=pretty(answer.body),
        cards=read.cards,
        actions=len(read.system_actions),
        assertions=tuple(dict.fromkeys(one.decode() for one in _ASSERTION.findall(answer.body))),
    )
