"""What could still bring an order to be covered: another day, or a visit that is held first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage.coverage.policy import Visit, WaitingPeriod
from defib_coverage.coverage.truth import Truth

if TYPE_CHECKING:
    from defib_coverage.coverage.determination import CriterionResult, Determination
    from defib_coverage.coverage.policy import PolicyLibrary, PolicyVersion


class Outlook:
    """The outlook of orders that were judged by one version of the policy."""

    def __init__(self, policy: PolicyVersion) -> None:
        """Know the version's criteria of either kind."""
        self.policy = policy
        named = policy.criteria.items()
        self._waits = frozenset(name for name, one in named if isinstance(one, WaitingPeriod))
        self._visits = frozenset(name for name, one in named if isinstance(one, Visit))

    def waits_only(self, found: Determination) -> bool:
        """Whether an order is kept by waiting periods, and by nothing else that is certain.

        Not where a measurement or a sign decides against it as well: another day would not help.
        """
        if found.earliest_eligible_date is None:
            return False
        if any(result.truth is Truth.NOT_MET for result in found.always):
            return False
        return any(
            all(
                result.truth is not Truth.NOT_MET or result.id in self._waits
                for result in indication.criteria
            )
            for indication in found.indications
            if indication.candidate
        )

    def open_visits(self, found: Determination) -> list[CriterionResult]:
        """The visit's criterion as the candidates have it, where to hold one helps the order."""
        if found.status != "conditional" and not self.waits_only(found):
            return []
        return [
            result
            for indication in found.indications
            if indication.candidate
            for result in indication.criteria
            if result.gaps and result.id in self._visits
        ]


class Outlooks:
    """The outlooks by all versions of the policy."""

    def __init__(self, library: PolicyLibrary) -> None:
        """Know every version of a library."""
        self._by_version = {one.version: Outlook(one) for one in library.versions}

    def by_policy(self, found: Determination) -> Outlook:
        """The outlook by the policy that an order was judged by."""
        if found.policy is None:  # a determination that is told was made by a policy
            message = f"{found.order.reference} was judged by no policy"
            raise LookupError(message)
        return self._by_version[found.policy.version]
