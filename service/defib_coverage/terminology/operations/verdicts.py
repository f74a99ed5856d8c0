"""What a code is found to be, and the Parameters that say so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from defib_coverage.terminology.elements import CodeableConcept, Coding, Parameter, Parameters
from defib_coverage.terminology.exchanged import Issue, OperationOutcome
from defib_coverage.terminology.operations.errors import issue

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_UNKNOWN = "x-caused-by-unknown-system"


class Place(msgspec.Struct, frozen=True):
    """Where the parts of a coding stand in a request, as FHIRPath."""

    code: str = "code"
    system: str = "system"
    version: str = "systemVersion"
    display: str = "display"
    whole: str = "code"

    @classmethod
    def within(cls, path: str) -> Place:
        """The parts of a Coding."""
        return cls(
            code=f"{path}.code",
            system=f"{path}.system",
            version=f"{path}.version",
            display=f"{path}.display",
            whole=path,
        )


class Verdict(msgspec.Struct, frozen=True):
    """What one coding was found to be.

    It holds where the code is ``inside`` and no issue is an error. ``system``, ``version``,
    ``code`` and ``display`` are as they are published where the code is known, as they were asked
    otherwise. ``normalised`` is the right spelling of a code that was spelt wrongly, ``unknown`` a
    code system that is not known.
    """

    system: str | None
    code: str | None
    inside: bool = False
    version: str | None = None
    display: str | None = None
    inactive: bool = False
    normalised: str | None = None
    unknown: str | None = None
    issues: tuple[Issue, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether the code is what it was asked to be."""
        return self.inside and not any(one.severity == "error" for one in self.issues)


def softened(verdict: Verdict) -> Verdict:
    """The verdict on a coding beside one that holds: nothing of it is an error any more."""
    issues = tuple(
        msgspec.structs.replace(one, severity="warning") if one.severity == "error" else one
        for one in verdict.issues
    )
    return msgspec.structs.replace(verdict, issues=issues)


def answer(
    verdicts: Sequence[Verdict],
    *,
    concept: CodeableConcept | None = None,
    extra: Sequence[Issue] = (),
    used: str | None = None,
) -> Parameters:
    """The outcome of a validation.

    Args:
        verdicts: on every coding; the one that holds decides, the first one otherwise.
        concept: what was asked, if that was a CodeableConcept.
        extra: issues of the whole.
        used: the canonical of the value set that was asked.
    """
    decisive = next((one for one in verdicts if one.holds), None)
    if decisive is not None:
        verdicts = tuple(one if one.holds else softened(one) for one in verdicts)
    shown = decisive or next(iter(verdicts), None)
    issues = (*extra, *(one for verdict in verdicts for one in verdict.issues))
    parameters = [Parameter("result", value_boolean=decisive is not None)]
    if shown is not None:
        parameters.extend(_found(shown))
    if concept is not None:
        parameters.append(Parameter("codeableConcept", value_codeable_concept=concept))
    spellings = dict.fromkeys(v.normalised for v in verdicts if v.normalised is not None)
    parameters.extend(Parameter("normalized-code", value_code=one) for one in spellings)
    unknown = dict.fromkeys(v.unknown for v in verdicts if v.unknown is not None)
    parameters.extend(Parameter(_UNKNOWN, value_canonical=one) for one in unknown)
    if used is not None:
        parameters.append(Parameter("x-used-valueset", value_canonical=used))
    return Parameters(parameter=(*parameters, *_told(issues)))


def _found(shown: Verdict) -> Iterator[Parameter]:
    """The code that the answer is about."""
    if shown.code is not None:
        yield Parameter("code", value_code=shown.code)
    if shown.system is not None:
        yield Parameter("system", value_uri=shown.system)
    if shown.version is not None:
        yield Parameter("version", value_string=shown.version)
    if shown.display is not None:
        yield Parameter("display", value_string=shown.display)
    if shown.inactive:
        yield Parameter("inactive", value_boolean=True)
        yield Parameter("status", value_code="inactive")


def _told(issues: Sequence[Issue]) -> Iterator[Parameter]:
    """The issues, and what they say in one text."""
    texts = [_text(one) for one in issues if one.severity != "information"]
    if texts:
        yield Parameter("message", value_string="; ".join(dict.fromkeys(texts)))
    if issues:
        outcome = msgspec.json.encode(OperationOutcome(issue=tuple(issues)))
        yield Parameter("issues", resource=msgspec.Raw(outcome))


def _text(one: Issue) -> str:
    return "" if one.details is None else one.details.text or ""


def no_code(place: Place) -> Issue:
    """A coding without a code."""
    return issue("error", "invalid", "the coding has no code", tx="invalid-data", place=place.whole)


def no_system(place: Place) -> Issue:
    """A coding without a system."""
    text = "the coding has no system: a code means nothing without one"
    return issue("error", "invalid", text, tx="invalid-data", place=place.whole)


def as_asked(coding: Coding) -> Verdict:
    """The start of a verdict: what was asked, with nothing found yet."""
    return Verdict(system=coding.system, code=coding.code, version=coding.version, display=None)
