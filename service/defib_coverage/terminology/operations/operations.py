"""Runs the operations of a terminology server on what is published."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

from defib_coverage.terminology.operations.code_system_index import CodeSystemIndex
from defib_coverage.terminology.operations.code_validating import validate_in_system
from defib_coverage.terminology.operations.errors import quoted, refusal
from defib_coverage.terminology.operations.expanding import expand
from defib_coverage.terminology.operations.given import Given
from defib_coverage.terminology.operations.inputs import INPUTS
from defib_coverage.terminology.operations.looking_up import look_up
from defib_coverage.terminology.operations.map_shelf import Maps
from defib_coverage.terminology.operations.parameters import read_input
from defib_coverage.terminology.operations.quick import QuickAnswers
from defib_coverage.terminology.operations.quick_reading import QuickReader
from defib_coverage.terminology.operations.scope import Scope
from defib_coverage.terminology.operations.shelf import Shelf
from defib_coverage.terminology.operations.subsuming import subsumes
from defib_coverage.terminology.operations.translating import translate
from defib_coverage.terminology.operations.validating import validate
from defib_coverage.terminology.resources import CodeSystem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import date, datetime

    from defib_coverage.coverage.determine import Knowledge
    from defib_coverage.terminology.catalogue import Catalogue
    from defib_coverage.terminology.elements import Parameters
    from defib_coverage.terminology.operations.code_system_index import HeldSystem
    from defib_coverage.terminology.operations.known_systems import KnownSystem
    from defib_coverage.terminology.operations.parameters import Pairs
    from defib_coverage.terminology.resources import ValueSet

T = TypeVar("T")
_encode = msgspec.json.Encoder().encode


class Operations:
    """The operations on value sets, code systems and concept maps.

    ``quick`` holds the answers that are made beforehand; ``reader`` answers plain requests whether
    a code is in a value set with them, before anything else is tried.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        knowledge: Knowledge,
        today: Callable[[], date],
        now: Callable[[], datetime],
    ) -> None:
        """Prepare what is published.

        Args:
            catalogue: everything that is published.
            knowledge: what it was made of.
            today: the day for requests that ask for none.
            now: the moment, for the timestamp of expansions; with a time zone.
        """
        self._catalogue = catalogue
        self._knowledge = knowledge
        self._today = today
        self._now = now
        self._shelf = Shelf(catalogue)
        self._index = CodeSystemIndex(catalogue)
        self._maps = Maps(catalogue)
        self._systems: Mapping[str, KnownSystem] = {
            one.id: self._index.systems[one.url]
            for one in catalogue.resources
            if isinstance(one, CodeSystem) and one.id is not None and one.url is not None
        }
        self.quick = QuickAnswers(self._shelf, self._scope(Given({})))
        self.reader = QuickReader(self.quick, today)

    def systems(self) -> Iterator[HeldSystem]:
        """The code systems that are known."""
        return self._index.held(self._today())

    def inputs(self, resource_type: str, operation: str) -> tuple[str, ...]:
        """The parameters that an operation takes, by their names."""
        table = INPUTS[resource_type, operation]
        return tuple(name for name, known in table.items() if known.refused is None)

    def run(
        self,
        resource_type: str,
        operation: str,
        instance: str | None,
        given: Pairs | bytes | bytearray,
    ) -> bytes:
        """Run one operation.

        Args:
            resource_type: ValueSet, CodeSystem or ConceptMap.
            operation: its name without the dollar sign.
            instance: the id in the path, None at the level of the type.
            given: the names and values of a GET's query, or the body of a POST.

        Returns:
            The resource that it answers, as JSON.

        Raises:
            TerminologyError: 400 for bad input, 404 for an unknown operation, id or code, 422 for
                what is not known or not offered.
        """
        if isinstance(given, (bytes, bytearray)):
            found = self.answer(resource_type, operation, instance, content=given)
        else:
            found = self.answer(resource_type, operation, instance, given)
        return _encode(found)

    def answer(
        self,
        resource_type: str,
        operation: str,
        instance: str | None = None,
        pairs: Pairs = (),
        content: bytes | bytearray | None = None,
    ) -> ValueSet | Parameters:
        """Run one operation that may have a query and a body; as ``run`` does otherwise."""
        table = INPUTS.get((resource_type, operation))
        if table is None:
            known = ", ".join(f"{kind}/${name}" for kind, name in INPUTS)
            text = f"there is no {quoted(f'{resource_type}/${operation}')}; there are {known}"
            raise refusal(404, "not-supported", text)
        scope = self._scope(read_input(pairs, content, table))
        match resource_type, operation:
            case "ValueSet", "expand":
                return expand(scope, _found(self._shelf.by_id, instance), self._now())
            case "ValueSet", _:
                return validate(scope, _found(self._shelf.by_id, instance))
            case "ConceptMap", _:
                return translate(scope, self._maps, _found(self._maps.by_id, instance))
            case _, "validate-code":
                return validate_in_system(scope, _found(self._systems, instance))
            case _, "lookup":
                system = _found(self._systems, instance)
                return look_up(scope, system, self._knowledge, self._catalogue.families)
            case _:
                return subsumes(scope, _found(self._systems, instance))

    def _scope(self, given: Given) -> Scope:
        return Scope(self._catalogue, self._shelf, self._index, given, self._today())


def _found(held: Mapping[str, T], instance: str | None) -> T | None:
    """What the id of a path names; None without one."""
    if instance is None:
        return None
    found = held.get(instance)
    if found is None:
        near = [one for one in held if one.startswith(f"{instance}-")]
        hint = f"; ids end with the version: {', '.join(near)}" if near else ""
        text = f"there is no {quoted(instance)}{hint}"
        raise refusal(404, "not-found", text, tx="not-found")
    return found
