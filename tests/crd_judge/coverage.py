"""The rules of coverage information (K) of the judge of CRD answers, version by version."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from crd_judge.call import Broken, Facts, Version
from crd_judge.statements import RULES as INVARIANTS
from crd_judge.statements import codes_of, contradictions, coverage_of, parts_of, values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crd_judge.json_text import Json

RULES = {
    "K01": "only sub-extensions of the version in use, no value beside them",
    "K02": "cardinalities",
    "K03": "each sub-extension has its own value and no other",
    "K04": "codes come from the value sets of the version in use",
    "K05": "coverage is a Coverage of this patient, as the client supplied it",
    "K06": "date is a full date, not in the future",
    "K07": "coverage-assertion-id differs between coverages",
    "K08": "2.0: one coverage-assertion-id for one coverage of an order",
    "K09": "reason is a CodeableConcept with text, or with a code of the reason list",
    "K10": "detail has code and value, in 2.2 a category too",
    "K11": "billingCode is a Coding with system and code",
    "K12": "questionnaire is an absolute canonical URL",
    "K13": "expiry-date is a date that is not before date",
    **INVARIANTS,
}
_TYPES: dict[str, tuple[str, type]] = {
    "coverage": ("valueReference", dict),
    "covered": ("valueCode", str),
    "pa-needed": ("valueCode", str),
    "doc-needed": ("valueCode", str),
    "doc-purpose": ("valueCode", str),
    "info-needed": ("valueCode", str),
    "billingCode": ("valueCoding", dict),
    "reason": ("valueCodeableConcept", dict),
    "dependency": ("valueReference", dict),
    "questionnaire": ("valueCanonical", str),
    "response": ("valueReference", dict),
    "date": ("valueDate", str),
    "coverage-assertion-id": ("valueString", str),
    "satisfied-pa-id": ("valueString", str),
    "expiry-date": ("valueDate", str),
}
_CONTACT = {"2.0": "valueContactPoint", "2.2": "valueContactDetail"}
_ONLY = {"response": "2.0", "expiry-date": "2.2"}
_ONCE = {"coverage", "covered", "date", "coverage-assertion-id"}
_AT_MOST_ONCE = {"pa-needed", "satisfied-pa-id", "expiry-date"}
_PURPOSES = "withpa withclaim withorder retain-doc OTH"
_NEEDED = "performer location timeframe contract-window OTH"
_CODES: dict[Version, dict[str, str]] = {
    "2.0": {
        "covered": "covered not-covered conditional",
        "pa-needed": "no-auth auth-needed satisfied performpa conditional",
        "doc-needed": "clinical admin both conditional",
        "doc-purpose": _PURPOSES,
        "info-needed": _NEEDED,
    },
    "2.2": {
        "covered": "covered not-covered conditional indeterminate",
        "pa-needed": "no-auth auth-needed satisfied performpa conditional indeterminate",
        "doc-needed": "clinical admin patient conditional indeterminate",
        "doc-purpose": _PURPOSES,
        "info-needed": f"{_NEEDED} detail-code",
    },
}
_TEMP = "http://hl7.org/fhir/us/davinci-crd/CodeSystem/temp"
_REASONS: dict[Version, set[str]] = {
    "2.0": {"gold-card", "detail-code"},
    "2.2": {
        "auth-out-network",
        "coverage-not-found",
        "gold-card",
        "no-active-coverage",
        "no-member-found",
        "technical",
    },
}
_CATEGORIES = {"cat-limitation", "cat-decisional", "cat-other"}
_DETAIL_VALUES = {"valueBoolean", "valueString", "valuePeriod", "valueQuantity"}
_MEMBERS = {"id", "url", "extension"}
# What 2.2 answers where the Coverage named by the order is one that nobody has.
_WITHOUT_COVERAGE = {"not-covered", "indeterminate"}


def broken_statements(
    facts: Facts, order: Json, told: Json, known: list[Json], place: str
) -> Iterator[Broken]:
    """The rules that a new statement of an order breaks.

    Args:
        facts: the call.
        order: the order as sent.
        told: the statement.
        known: all statements that stand on the order now.
        place: where in the answer.
    """
    found: dict[tuple[str, str], Broken] = {}
    for version in facts.versions:
        for check in (_shape, _content, contradictions):
            for rule, what in check(facts, version, told):
                found[rule, what] = Broken(rule, what, place)
    for rule, what in (*_coverage(facts, order, told), *_identity(facts, told, known)):
        found[rule, what] = Broken(rule, what, place)
    yield from found.values()


def _shape(_: Facts, version: Version, told: Json) -> Iterator[tuple[str, str]]:
    """Names, numbers and types."""
    if told.keys() - _MEMBERS:
        yield "K01", f"beside the parts: {sorted(told.keys() - _MEMBERS)}"
    parts = told.get("extension")
    parts = parts if isinstance(parts, list) else []
    urls = [part.get("url") if isinstance(part, dict) else None for part in parts]
    for url in urls:
        if url not in {*_TYPES, "detail", "contact"} or _ONLY.get(str(url), version) != version:
            yield "K01", f"{url} is none of {version}"
    for url in _ONCE:
        if urls.count(url) != 1:
            yield "K02", f"{url} {urls.count(url)} times"
    most = _AT_MOST_ONCE | ({"doc-needed"} if version == "2.0" else set())
    for url in most:
        if urls.count(url) > 1:
            yield "K02", f"{url} {urls.count(url)} times"
    for part in parts:
        if isinstance(part, dict) and part.get("url") != "detail":
            yield from _typed(version, part)


def _typed(version: Version, part: Json) -> Iterator[tuple[str, str]]:
    url = str(part.get("url"))
    name, kind = (_CONTACT[version], dict) if url == "contact" else _TYPES.get(url, ("", str))
    if name and (part.keys() - {"id", "url"} != {name} or not isinstance(part.get(name), kind)):
        yield "K03", f"{url}: {sorted(part.keys() - {'url'})}"
    if name == "valueReference" and isinstance(part.get(name), dict):
        reference = part[name].get("reference")
        if not isinstance(reference, str) or not reference:
            yield "K03", f"{url}: no reference"


def _content(facts: Facts, version: Version, told: Json) -> Iterator[tuple[str, str]]:
    """Values, each by itself."""
    for url, listed in _CODES[version].items():
        foreign = set(codes_of(told, url)) - set(listed.split())
        if foreign:
            yield "K04", f"{url} {foreign} in {version}"
    for value in values(told, "reason"):
        if isinstance(value, dict) and not _is_reason(version, value):
            yield "K09", str(value)
    details = [part for part in parts_of(told) if part.get("url") == "detail"]
    for part in details:
        yield from _detail(version, part)
    for value in values(told, "billingCode"):
        if not isinstance(value, dict) or not value.get("system") or not value.get("code"):
            yield "K11", str(value)
    forms = values(told, "questionnaire")
    if not all(isinstance(one, str) and urlsplit(one).scheme for one in forms):
        yield "K12", str(forms)
    yield from _dates(facts, told)


def _dates(facts: Facts, told: Json) -> Iterator[tuple[str, str]]:
    days = [_day(value) for value in values(told, "date")]
    if any(day is None or day > facts.today for day in days):
        yield "K06", str(values(told, "date"))
    for value in values(told, "expiry-date"):
        last = _day(value)
        if last is None or any(day is not None and last < day for day in days):
            yield "K13", str(value)


def _day(value: object) -> date | None:
    if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


def _is_reason(version: Version, value: Json) -> bool:
    codings = value.get("coding", [])
    listed = any(one.get("system") == _TEMP for one in codings)
    known = [one for one in codings if one.get("code") in _REASONS[version]]
    return bool(value.get("text")) or (listed and bool(known))


def _detail(version: Version, part: Json) -> Iterator[tuple[str, str]]:
    inner = {one.get("url"): one for one in part.get("extension", []) if isinstance(one, dict)}
    wanted = {"code", "value"} | ({"category"} if version == "2.2" else set())
    allowed = _DETAIL_VALUES | ({"valueUrl"} if version == "2.2" else set())
    if not wanted <= inner.keys() or inner.keys() - wanted - {"qualification"}:
        yield "K10", f"detail {sorted(map(str, inner))} in {version}"
    if "value" in inner and len(inner["value"].keys() & allowed) != 1:
        yield "K10", f"detail value in {version}"
    if "code" in inner and not isinstance(inner["code"].get("valueCodeableConcept"), dict):
        yield "K10", "detail code"
    if "category" in inner and inner["category"].get("valueCode") not in _CATEGORIES:
        yield "K10", "detail category"


def _coverage(facts: Facts, order: Json, told: Json) -> Iterator[tuple[str, str]]:
    coverage = coverage_of(told)
    known = set(facts.coverages)
    if facts.version == "2.2" and _WITHOUT_COVERAGE & set(codes_of(told, "covered")):
        known |= {str(one.get("reference")) for one in order.get("insurance", [])}
    if coverage is None or not coverage.startswith("Coverage/") or coverage not in known:
        yield "K05", str(coverage)


def _identity(facts: Facts, told: Json, known: list[Json]) -> Iterator[tuple[str, str]]:
    """Assertion ids beside those of the other statements of the order."""
    mine = codes_of(told, "coverage-assertion-id")
    if not all(one.strip() for one in mine):
        yield "K07", "empty"
    for other in known:
        theirs = codes_of(other, "coverage-assertion-id")
        if coverage_of(other) != coverage_of(told) and set(mine) & set(theirs):
            yield "K07", f"{mine} of two coverages"
        if coverage_of(other) == coverage_of(told) and theirs != mine and "2.0" in facts.versions:
            yield "K08", f"{mine} and {theirs} of one coverage"
