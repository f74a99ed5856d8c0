"""CodeSystem/$subsumes: whether one code stands above another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage.terminology.elements import Coding, Parameter, Parameters
from defib_coverage.terminology.operations.errors import not_found, quoted, refusal

if TYPE_CHECKING:
    from defib_coverage.terminology.operations.known_systems import KnownSystem
    from defib_coverage.terminology.operations.scope import Scope


def subsumes(scope: Scope, instance: KnownSystem | None) -> Parameters:
    """How two codes of a code system stand to each other.

    Args:
        scope: what the request sees.
        instance: the code system of the path.

    Raises:
        TerminologyError: 400 for parameters that are missing or contradict each other; 404 for an
            unknown code; 422 for an unknown code system, and for two codes of one whose hierarchy
            is not held here.
    """
    first, second = _pair(scope, instance)
    uri = first.system or ""
    system = instance or scope.system(uri, first.version)
    if system is None:
        text = f"the code system {quoted(uri)} is not known"
        raise not_found(text, place="system")
    for version in (first.version, second.version):
        if version not in {None, system.version} and not scope.has_release(system, version or ""):
            text = f"{system.url} is not known in version {quoted(version or '')}"
            raise not_found(text, place="version")
    codes = []
    for coding, place in ((first, "codeA"), (second, "codeB")):
        found = system.find(coding.code or "")
        if found is None:
            text = f"{quoted(coding.code or '')} is not known in {system.url}"
            raise refusal(404, "not-found", text, tx="invalid-code", place=place)
        codes.append(found.code)
    return Parameters(parameter=(Parameter("outcome", value_code=_outcome(system, *codes)),))


def _outcome(system: KnownSystem, first: str, second: str) -> str:
    if first == second:
        return "equivalent"
    if not system.complete and not system.brought:
        text = f"the hierarchy of {system.url} is not held here: only equal codes can be compared"
        raise refusal(422, "not-supported", text)
    if first in system.ancestors(second):
        return "subsumes"
    return "subsumed-by" if second in system.ancestors(first) else "not-subsumed"


def _pair(scope: Scope, instance: KnownSystem | None) -> tuple[Coding, Coding]:
    """The two codes, each with its system."""
    given = scope.given
    for kind in ("A", "B"):
        if given.only_one_of(f"code{kind}", f"coding{kind}") is None:
            text = f"code{kind} or coding{kind} is needed"
            raise refusal(400, "required", text, place=f"code{kind}")
    own = None if instance is None else instance.url
    system, version = given.text("system"), given.text("version")
    pair = [
        given.one(f"coding{kind}", Coding)
        or Coding(system=system or own, version=version, code=given.text(f"code{kind}"))
        for kind in ("A", "B")
    ]
    first, second = (one if one.system else Coding(own, one.version, one.code) for one in pair)
    for one, kind in ((first, "A"), (second, "B")):
        if not one.code:
            raise refusal(400, "required", f"coding{kind} has no code", place=f"coding{kind}")
        if not one.system:
            raise refusal(400, "required", "the system of the codes is needed", place="system")
    asked = {scope.index.understood(one.system or "") for one in (first, second)}
    if own is not None:
        asked.add(own)
    if system is not None:
        asked.add(scope.index.understood(system))
    if len(asked) > 1:
        text = "both codes must be of one code system"
        raise refusal(400, "invalid", text, place="system")
    if None not in {first.version, second.version} and first.version != second.version:
        raise refusal(400, "invalid", "both codes must be of one version", place="version")
    return first, second
