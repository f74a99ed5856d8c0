"""A code system as far as it is known: its codes, their places in a hierarchy, their properties."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.coverage.codes import LONGEST_CODE, normalise
from defib_coverage.terminology.elements import Designation
from defib_coverage.terminology.resources import CodeSystem, Concept, ConceptProperty

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_STANDARD = "http://hl7.org/fhir/concept-properties#"
_ENDED = frozenset({"retired", "inactive", "deprecated", "withdrawn"})


class KnownCode(msgspec.Struct, frozen=True):
    """A code of a code system.

    ``first`` and ``last`` are the releases between which it is known to be valid, None for no known
    bound; ``successors`` replaced it. ``inactive`` is what the code system itself says.
    """

    code: str
    display: str | None = None
    definition: str | None = None
    designation: tuple[Designation, ...] = ()
    property: tuple[ConceptProperty, ...] = ()
    parents: tuple[str, ...] = ()
    inactive: bool = False
    abstract: bool = False
    first: str | None = None
    last: str | None = None
    successors: tuple[str, ...] = ()

    def valid_in(self, release: str | None) -> bool:
        """Whether it is a code of a release; of any, as far as is known, for None."""
        if release is None:
            return True
        return (self.first or release) <= release <= (self.last or release)

    def inactive_in(self, release: str | None) -> bool:
        """Whether it is one no more: said to be inactive, or gone before a release."""
        if release is None or self.last is None:
            return self.inactive
        return self.inactive or release > self.last

    def lifetime(self) -> str:
        """The releases that have it and what replaced it, for a message."""
        first = f" from {self.first}" if self.first is not None else ""
        last = f" through {self.last}" if self.last is not None else ""
        return f"it is one{first}{last}{self.replaced()}"

    def replaced(self) -> str:
        """What replaced it, for a message; nothing where nothing did."""
        return f", replaced by {', '.join(self.successors)}" if self.successors else ""


class KnownSystem(msgspec.Struct, frozen=True):
    """A code system; ``alias`` is the short name of a foreign one.

    One that is not ``complete`` holds some of its codes: a code that it lacks may yet exist.
    ``brought`` ones came with the request. ``folded`` finds the codes of one where case does not
    matter.
    """

    url: str
    title: str
    version: str | None
    codes: Mapping[str, KnownCode]
    complete: bool = True
    case_sensitive: bool = True
    alias: str | None = None
    brought: bool = False
    properties: tuple[str, ...] = ()
    folded: Mapping[str, str] = {}

    @property
    def canonical(self) -> str:
        """Url and version; the url where no version is known."""
        return self.url if self.version is None else f"{self.url}|{self.version}"

    def find(self, code: str) -> KnownCode | None:
        """A code; in any case where case does not matter."""
        found = self.codes.get(code)
        if found is None and not self.case_sensitive:
            return self.codes.get(self.folded.get(code.casefold(), code))
        return found

    def lacks(self, code: str, release: str | None) -> bool:
        """Whether a release is known to lack a code.

        Args:
            code: any text.
            release: of a foreign system; None for none by name.
        """
        known = self.find(code)
        if known is None:
            return self.complete
        return self.alias is not None and not known.valid_in(release)

    def respelt(self, code: str) -> str | None:
        """How a code is rightly spelt, whether or not it exists; None for one that is."""
        if self.alias is None or len(code) > LONGEST_CODE:
            return None
        right = normalise(self.alias, code)
        return None if right == code else right

    def meant(self, code: str) -> str | None:
        """The code that is known under the right spelling of one that is spelt wrongly, or None."""
        right = self.respelt(code)
        return None if right is None or self.find(right) is None else right

    def ancestors(self, code: str) -> set[str]:
        """Every code above a code, itself not."""
        found: set[str] = set()
        left = [code]
        while left:
            known = self.codes.get(left.pop())
            above = () if known is None else known.parents
            left.extend(parent for parent in above if parent not in found)
            found.update(above)
        return found - {code}

    def descendants(self, code: str) -> set[str]:
        """Every code below a code, itself not."""
        children = self.children()
        found: set[str] = set()
        left = [code]
        while left:
            below = children.get(left.pop(), ())
            left.extend(child for child in below if child not in found)
            found.update(below)
        return found - {code}

    def children(self) -> Mapping[str, tuple[str, ...]]:
        """The codes directly below each code."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        for known in self.codes.values():
            for parent in known.parents:
                found[parent].append(known.code)
        return {parent: tuple(below) for parent, below in found.items()}


def known_from(resource: CodeSystem, *, brought: bool) -> KnownSystem:
    """A code system out of its resource.

    Args:
        resource: a CodeSystem with a url.
        brought: whether it came with the request.
    """
    meanings = {
        declared.code: declared.uri.removeprefix(_STANDARD)
        for declared in resource.property
        if declared.uri is not None and declared.uri.startswith(_STANDARD)
    }
    codes: dict[str, KnownCode] = {}
    for concept, parents in _walk(resource.concept):
        codes[concept.code] = _known_code(concept, parents, meanings)
    case_sensitive = resource.case_sensitive is not False
    return KnownSystem(
        url=resource.url or "",
        title=resource.title or resource.name or resource.url or "",
        version=resource.version,
        codes=codes,
        complete=resource.content == "complete",
        case_sensitive=case_sensitive,
        folded={} if case_sensitive else {code.casefold(): code for code in codes},
        brought=brought,
        properties=tuple(declared.code for declared in resource.property),
    )


def _walk(concepts: tuple[Concept, ...]) -> Iterator[tuple[Concept, tuple[str, ...]]]:
    """Every concept with the code that it stands below, in the order written."""
    left: list[tuple[Concept, tuple[str, ...]]] = [(one, ()) for one in reversed(concepts)]
    while left:
        concept, parents = left.pop()
        yield concept, parents
        left.extend((child, (concept.code,)) for child in reversed(concept.concept))


def _known_code(
    concept: Concept, parents: tuple[str, ...], meanings: Mapping[str, str]
) -> KnownCode:
    inactive = abstract = False
    above = [*parents]
    for held in concept.property:
        meaning = meanings.get(held.code, held.code)
        if meaning == "parent" and held.value_code is not None:
            above.append(held.value_code)
        elif meaning == "inactive":
            inactive = inactive or held.value_boolean is True
        elif meaning == "status":
            inactive = inactive or held.value_code in _ENDED
        elif meaning == "notSelectable":
            abstract = held.value_boolean is True
    return KnownCode(
        code=concept.code,
        display=concept.display,
        definition=concept.definition,
        designation=concept.designation,
        property=concept.property,
        # Each once: a walk must not take a way twice.
        parents=tuple(dict.fromkeys(above)),
        inactive=inactive,
        abstract=abstract,
    )
