"""What a page of the console is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.routing import BaseRoute

    from defib_coverage.console.service import Service
    from defib_coverage.console.site import Site


class Door(NamedTuple):
    """How a page is reached: its path, its name in the menu, what it is for, in one sentence.

    ``shows_patients``: whether patient data may stand on it, so that strangers may not see it.
    """

    path: str
    name: str
    promise: str
    shows_patients: bool = False


class Page(ABC):
    """A page, or a few that belong together: everything at and below the path of its door."""

    door: ClassVar[Door]

    def __init__(self, site: Site) -> None:
        """Be a page of ``site``."""
        self.site = site

    @classmethod
    def is_there(cls, service: Service) -> bool:  # noqa: ARG003 - most do not ask
        """Whether a service has what the page tells of."""
        return True

    @abstractmethod
    def routes(self) -> Sequence[BaseRoute]:
        """What answers, in the order in which it is tried."""
