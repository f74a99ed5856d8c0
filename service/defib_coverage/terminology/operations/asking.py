"""Which value set a request is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage.terminology.operations.errors import quoted, refusal
from defib_coverage.terminology.operations.pins import split
from defib_coverage.terminology.operations.shelf import Prepared
from defib_coverage.terminology.resources import ValueSet

if TYPE_CHECKING:
    from defib_coverage.terminology.operations.given import Given
    from defib_coverage.terminology.operations.scope import Scope


def value_set_asked(scope: Scope, instance: Prepared | None) -> Prepared | ValueSet:
    """The value set of a request: the instance, the one brought, or the one that a url names.

    Raises:
        TerminologyError: 400 for none, for several, for versions that contradict each other; 422
            for one that is not known.
    """
    given = scope.given
    version = given.text("valueSetVersion")
    if version is not None and given.flag("includeDraft"):
        text = "includeDraft and valueSetVersion contradict each other: a version is taken as it is"
        raise refusal(400, "invalid", text, place="includeDraft")
    named = given.only_one_of("url", "valueSet")
    if instance is not None:
        if named is not None:
            text = f"{named} and the value set of the path contradict each other"
            raise refusal(400, "invalid", text, place=named)
        _same_version(version, instance.published.version)
        return instance
    if named is None:
        raise refusal(400, "required", "url or valueSet is needed", place="url")
    if named == "valueSet":
        return _brought(given, version)
    url, pinned = split(given.text("url") or "")
    if not url:
        raise refusal(400, "invalid", "the url before | is empty", place="url")
    if pinned is not None:
        _same_version(version, pinned)
    asked = version or pinned
    return scope.value_set(url if asked is None else f"{url}|{asked}")


def _brought(given: Given, version: str | None) -> ValueSet:
    found = given.one("valueSet", ValueSet)
    if found is None:
        raise refusal(400, "invalid", "valueSet must be a ValueSet", place="valueSet")
    _same_version(version, found.version)
    return found


def _same_version(asked: str | None, pinned: str | None) -> None:
    if asked is not None and asked != pinned:
        have = "has none" if pinned is None else f"is {quoted(pinned)}"
        text = f"valueSetVersion is {quoted(asked)}, and the version of the value set {have}"
        raise refusal(400, "invalid", text, place="valueSetVersion")
