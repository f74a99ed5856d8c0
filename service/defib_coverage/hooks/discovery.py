"""The discovery document: four services, what they are for, what they want prefetched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from defib_coverage.fhir.needs import READ_TYPES, templates
from defib_coverage.hooks.configuration import OPTIONS, VERSIONS, Option, Version
from defib_coverage.hooks.request import HookName

if TYPE_CHECKING:
    from defib_coverage.coverage.codes import CodeIndex

SERVICE_IDS: dict[str, HookName] = {
    "defibrillator-order-select": "order-select",
    "defibrillator-order-sign": "order-sign",
    "defibrillator-order-dispatch": "order-dispatch",
    "defibrillator-appointment-book": "appointment-book",
}
_TITLES = {
    "order-select": "Defibrillator coverage: order selected",
    "order-sign": "Defibrillator coverage: order signed",
    "order-dispatch": "Defibrillator coverage: order dispatched",
    "appointment-book": "Defibrillator coverage: appointment booked",
}
_DESCRIPTION = (
    "Holds orders for implantable defibrillators against Medicare NCD 20.4 and billing article "
    "A56326 on their service date: required secondary diagnosis, waiting periods after "
    "infarction, bypass and stent, and the documentation that is still open."
)


_USAGE = (
    "What prefetch leaves open is read from fhirServer with the call's access token, which should "
    "allow reading and searching " + ", ".join(READ_TYPES) + "."
)

_FEEDBACK = (
    " Feedback on cards is taken, as CDS Hooks describes it, at /feedback below the service."
)


class ServiceExtension(msgspec.Struct, frozen=True):
    """What Da Vinci CRD adds to a service: the options that a call may set, the versions spoken."""

    options: tuple[Option, ...] = msgspec.field(name="davinci-crd.configuration-options")
    versions: tuple[Version, ...] = msgspec.field(name="davinci-crd.version")


class Service(msgspec.Struct, frozen=True, rename="camel"):
    """One entry of the discovery document."""

    hook: HookName
    id: str
    title: str
    description: str
    usage_requirements: str
    prefetch: dict[str, str]
    extension: ServiceExtension


class Discovery(msgspec.Struct, frozen=True):
    """The discovery document."""

    services: tuple[Service, ...]


def discovery(index: CodeIndex, *, feedback: bool) -> Discovery:
    """The document for the value sets in use.

    Args:
        index: of the value sets.
        feedback: whether feedback is taken.
    """
    usage = _USAGE + _FEEDBACK if feedback else _USAGE
    prefetch = templates(index)
    extension = ServiceExtension(OPTIONS, VERSIONS)
    return Discovery(
        tuple(
            Service(hook, service_id, _TITLES[hook], _DESCRIPTION, usage, prefetch, extension)
            for service_id, hook in SERVICE_IDS.items()
        ),
    )
