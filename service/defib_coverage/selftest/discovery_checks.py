"""What discovery must say."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from defib_coverage.hooks.configuration import VERSIONS
from defib_coverage.hooks.discovery import SERVICE_IDS
from defib_coverage.selftest.answer_rules import read_object
from defib_coverage.selftest.caller import DISCOVERY
from defib_coverage.selftest.card_rules import values
from defib_coverage.selftest.checks import Check, Group, unmet

if TYPE_CHECKING:
    from defib_coverage.selftest.caller import Caller
    from defib_coverage.selftest.charts import Json

_OK = 200
_SPOKEN = "davinci-crd.version"
_VERSION = re.compile(r"\d+\.\d+")
_TOKEN = re.compile(r"\{\{(.*?)\}\}")
_QUERY = re.compile(r"[A-Z][A-Za-z]+(/p1|\?[A-Za-z_-]+=[^&\s{}]+(&[A-Za-z_-]+=[^&\s{}]+)*)")


def _document(caller: Caller) -> Json:
    answer = caller.get(DISCOVERY)
    if answer.status != _OK or answer.kind != "application/json":
        unmet("200 with application/json", answer.short())
    try:
        return read_object(answer.content)
    except ValueError:
        unmet("an object of strict JSON", "something else")


def _services(caller: Caller) -> list[Json]:
    found: Any = _document(caller).get("services")
    if not isinstance(found, list) or not all(isinstance(s, dict) for s in found) or not found:
        unmet("a list of services", "none")
    return found


def _shape(caller: Caller) -> None:
    for service in _services(caller):
        for member in ("hook", "id", "description"):
            value = service.get(member)
            if not isinstance(value, str) or not value.strip():
                unmet(f"a text as {member} of every service", "a service without")
        if not re.fullmatch(r"[A-Za-z0-9._~-]+", service["id"]):
            unmet("ids that can stand in a URL", "another")


def _four(caller: Caller) -> None:
    found = {(s.get("id"), s.get("hook")) for s in _services(caller)}
    missing = [service for service, hook in SERVICE_IDS.items() if (service, hook) not in found]
    if missing:
        unmet("the four services, each with its hook", "not among them: " + ", ".join(missing))


def _templates(caller: Caller) -> None:
    for service in _services(caller):
        templates = service.get("prefetch")
        if not isinstance(templates, dict) or not templates:
            unmet("prefetch templates", "a service without")
        for key, template in templates.items():
            if not isinstance(template, str) or set(_TOKEN.findall(template)) - {
                "context.patientId"
            }:
                unmet("templates with the token context.patientId only", f"another in {key}")
            if not _QUERY.fullmatch(_TOKEN.sub("p1", template)):
                unmet("a read or a plain search of one type", f"another in {key}")


def _versions(caller: Caller) -> None:
    for service in _services(caller):
        extension = service.get("extension")
        found = extension.get(_SPOKEN) if isinstance(extension, dict) else None
        if not isinstance(found, list) or not all(_VERSION.fullmatch(str(one)) for one in found):
            unmet(f"{_SPOKEN} as a list of versions", "a service without")
        if not set(VERSIONS) <= set(found):
            unmet("the versions " + ", ".join(VERSIONS), ", ".join(found))


def _whole(caller: Caller) -> None:
    if any(value in (None, "", [], {}) for value in values(_document(caller))):
        unmet("nothing null or empty", "something is")


def _stable(caller: Caller) -> None:
    if _document(caller) != _document(caller):
        unmet("the same document twice", "two that differ")


def _open(caller: Caller) -> None:
    _services(caller.anonymous())


def group() -> Group:
    """The checks of discovery."""
    checks = (
        Check("discovery-shape", "every service has hook, id and description", _shape),
        Check("discovery-services", "the four services are listed, each with its hook", _four),
        Check("discovery-prefetch", "templates are reads or plain searches by patient", _templates),
        Check("discovery-versions", "the versions of CRD are named", _versions),
        Check("discovery-whole", "nothing is null or empty", _whole),
        Check("discovery-stable", "two calls get the same document", _stable),
        Check("discovery-without-token", "discovery asks for no token", _open),
    )
    return Group("discovery", checks)
