"""ValueSet/$validate-code: whether a code is in a value set on a day."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from defib_coverage.terminology.elements import CodeableConcept, Coding
from defib_coverage.terminology.exchanged import Issue
from defib_coverage.terminology.operations.asking import value_set_asked
from defib_coverage.terminology.operations.checking import Checker, Rules
from defib_coverage.terminology.operations.composing import Composer, canonical
from defib_coverage.terminology.operations.errors import issue, quoted, refusal
from defib_coverage.terminology.operations.shelf import Prepared
from defib_coverage.terminology.operations.verdicts import Place, Verdict, answer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from defib_coverage.terminology.elements import Parameters
    from defib_coverage.terminology.operations.given import Given
    from defib_coverage.terminology.operations.scope import Scope
    from defib_coverage.terminology.operations.shelf import Key
    from defib_coverage.terminology.resources import Contains


def validate(scope: Scope, instance: Prepared | None) -> Parameters:
    """Whether the code that the parameters name is in the value set that they name.

    Args:
        scope: what the request sees.
        instance: the value set of the path.

    Raises:
        TerminologyError: 400 for parameters that are missing or contradict each other; 422 for a
            value set that is not known or cannot be worked out.
    """
    given = scope.given
    asked = what_is_asked(given, ("system", "systemVersion", "display", "inferSystem"))
    found = value_set_asked(scope, instance)
    members = Composer(scope).members(found)
    value_set = found.value_set if isinstance(found, Prepared) else found
    name = canonical(value_set)
    checker = Checker(scope, members, name, rules_of(given))
    used = None if value_set.url is None else name
    match asked:
        case CodeableConcept():
            verdicts = concept_verdicts(checker, asked)
            return answer(verdicts, concept=asked, extra=_of_all(verdicts, name), used=used)
        case Coding():
            return answer([checker.check(asked, Place.within("Coding"))], used=used)
        case str():
            return answer([_by_code(checker, given, asked, members)], used=used)


def rules_of(given: Given) -> Rules:
    """How strictly the parameters want a code to be looked at."""
    return Rules(
        lenient=given.flag("lenient-display-validation"),
        membership_only=given.flag("valueset-membership-only"),
        abstract=given.flag("abstract"),
        active_only=given.flag("activeOnly"),
    )


def what_is_asked(given: Given, beside: Sequence[str]) -> str | Coding | CodeableConcept:
    """What is to be validated.

    Args:
        given: the input.
        beside: the parameters that belong to a code by itself.

    Raises:
        TerminologyError: 400 for none and for several, and for parts of a code without one.
    """
    named = given.only_one_of("code", "coding", "codeableConcept")
    for name in beside:
        given.goes_with(name, "code")
    asked: str | Coding | CodeableConcept | None = given.text("code")
    asked = asked or given.one("coding", Coding) or given.concept("codeableConcept")
    if named is None or asked is None:
        raise refusal(400, "required", "code, coding or codeableConcept is needed", place="code")
    return asked


def concept_verdicts(checker: Checker, concept: CodeableConcept) -> tuple[Verdict, ...]:
    """The verdicts on all codings of a concept; that one is not in the set is no error itself."""
    return tuple(
        _beside_others(checker.check(coding, Place.within(f"CodeableConcept.coding[{number}]")))
        for number, coding in enumerate(concept.coding)
    )


def _beside_others(verdict: Verdict) -> Verdict:
    issues = tuple(
        issue(
            "information",
            one.code,
            one.details.text or "",
            tx="this-code-not-in-vs",
            place=next(iter(one.expression), None),
        )
        if one.details is not None and any(c.code == "not-in-vs" for c in one.details.coding)
        else one
        for one in verdict.issues
    )
    return msgspec.structs.replace(verdict, issues=issues)


def _of_all(verdicts: Sequence[Verdict], name: str) -> tuple[Issue, ...]:
    """The issue that no coding of a concept is in the value set."""
    if any(verdict.inside for verdict in verdicts):
        return ()
    if not verdicts:
        text = "the CodeableConcept has no coding"
        return (issue("error", "invalid", text, tx="invalid-data", place="CodeableConcept"),)
    text = f"no coding of the CodeableConcept is in the value set {name}"
    return (issue("error", "code-invalid", text, tx="not-in-vs", place="CodeableConcept"),)


def _by_code(checker: Checker, given: Given, code: str, members: Mapping[Key, Contains]) -> Verdict:
    """The verdict on a code by itself."""
    system, display = given.text("system"), given.text("display")
    version = given.text("systemVersion")
    if system is None and not given.flag("inferSystem"):
        text = "a code needs its system, or inferSystem"
        raise refusal(400, "required", text, place="system")
    if system is None:
        systems = dict.fromkeys(uri for uri, one in members if one == code)
        if len(systems) != 1:
            return _not_inferred(code, tuple(systems))
        system = next(iter(systems))
    coding = Coding(system=system, version=version, code=code, display=display)
    return checker.check(coding, Place())


def _not_inferred(code: str, systems: Sequence[str]) -> Verdict:
    where = (
        f"several systems have it: {', '.join(systems)}" if systems else "no member is so called"
    )
    text = f"the system of {quoted(code)} cannot be inferred: {where}"
    found = issue("error", "not-found", text, tx="cannot-infer", place="code")
    return msgspec.structs.replace(Verdict(None, code), issues=(found,))
