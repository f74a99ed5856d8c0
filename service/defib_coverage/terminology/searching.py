"""The published resources as a FHIR server shows them: read by id, searched."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec

from defib_coverage.errors import RequestError
from defib_coverage.terminology.elements import Artifact, Coding, Meta
from defib_coverage.terminology.exchanged import Bundle, BundleEntry, BundleLink, BundleSearch
from defib_coverage.terminology.search_parameters import PAGED, fulfils, unusable

if TYPE_CHECKING:
    from defib_coverage.terminology.catalogue import Catalogue
    from defib_coverage.terminology.queries import Pairs

KINDS = ("ValueSet", "CodeSystem", "ConceptMap", "Library", "PlanDefinition")
PAGE = 50
_MOST = 500
_encode = msgspec.json.Encoder().encode
# What a summary leaves out.
_CONTENT: Mapping[str, Mapping[str, Any]] = {
    "ValueSet": {"compose": None, "expansion": None},
    "CodeSystem": {"concept": ()},
    "ConceptMap": {"group": ()},
    "Library": {"related_artifact": (), "contained": ()},
    "PlanDefinition": {"action": (), "related_artifact": ()},
}
_SUBSETTED = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"


_SUMMARY = "_summary"
_SUMMARIES = frozenset({"true", "false", "count", "data", "text"})


class Page(msgspec.Struct, frozen=True):
    """Which part of what was found is wanted, and how much of each resource."""

    count: int = PAGE
    offset: int = 0
    summary: str = "false"


class Searching:
    """Every published resource, by type and id, the newest release first."""

    def __init__(self, catalogue: Catalogue) -> None:
        """Show what a catalogue holds."""
        self._held: defaultdict[str, dict[str, Artifact]] = defaultdict(dict)
        for resource in catalogue.resources:
            self._held[_kind(resource)][resource.id or ""] = resource

    def read(self, kind: str, identifier: str) -> bytes:
        """A resource as JSON.

        Raises:
            RequestError: 404 for one that there is not.
        """
        held = self._held[kind]
        found = held.get(identifier)
        if found is None:
            near = [one for one in held if one.startswith(f"{identifier}-")]
            hint = f"; ids end with the version: {', '.join(near)}" if near else ""
            message = f"there is no {kind} with this id{hint}"
            raise RequestError(404, "not-found", message, kind)
        return _encode(found)

    def search(self, kind: str, query: Pairs, base: str) -> Bundle:
        """The resources of a type that fulfil every parameter.

        Args:
            kind: the type.
            query: names and values; values with commas between are alternatives.
            base: the URL of the server, for links.

        Raises:
            RequestError: 400 for a parameter or value that cannot be used.
        """
        page = _page(query)
        found = list(self._held[kind].values())
        for name, value in query:
            if name not in PAGED:
                found = [one for one in found if fulfils(one, name, value)]
        shown = found[page.offset : page.offset + page.count]
        links = [BundleLink("self", _link(base, kind, query, page.offset))]
        if page.summary == "count":
            return Bundle(type="searchset", total=len(found), link=tuple(links))
        if page.offset + page.count < len(found) and page.count:
            further = _link(base, kind, query, page.offset + page.count)
            links.append(BundleLink("next", further))
        return Bundle(
            type="searchset",
            total=len(found),
            link=tuple(links),
            entry=tuple(
                BundleEntry(
                    full_url=f"{base}/{kind}/{one.id}",
                    resource=msgspec.Raw(_encode(_cut(one, page.summary))),
                    search=BundleSearch("match"),
                )
                for one in shown
            ),
        )


def _kind(resource: Artifact) -> str:
    return str(resource.__struct_config__.tag)


def _link(base: str, kind: str, query: Pairs, offset: int) -> str:
    kept = [(name, value) for name, value in query if name != "_offset"]
    if offset:
        kept.append(("_offset", str(offset)))
    return f"{base}/{kind}?{urlencode(kept)}" if kept else f"{base}/{kind}"


def _page(query: Pairs) -> Page:
    """What the parameters say that are about the answer.

    Raises:
        RequestError: 400 for a value that cannot be used.
    """
    given = dict(query)
    summary = given.get(_SUMMARY, "false")
    if summary not in _SUMMARIES:
        raise unusable(_SUMMARY, "is none of true, false, count, data and text")
    count = _number("_count", given.get("_count", str(PAGE)))
    return Page(min(count, _MOST), _number("_offset", given.get("_offset", "0")), summary)


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(2**31)):
        raise unusable(name, "is no number from 0 on")
    return int(text)


def _cut(resource: Artifact, summary: str) -> Artifact:
    """As much of a resource as a summary shows."""
    if summary not in {"true", "text"}:
        return resource
    meta = resource.meta or Meta()
    tag = (*meta.tag, Coding(system=_SUBSETTED, code="SUBSETTED"))
    return msgspec.structs.replace(
        resource, meta=msgspec.structs.replace(meta, tag=tag), **_CONTENT[_kind(resource)]
    )
