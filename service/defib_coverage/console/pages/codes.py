"""``/codes``: What a code means here, on which days, and what it needs beside it."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from defib_coverage.console.asked import Asked, one_line
from defib_coverage.console.page import Door, Page
from defib_coverage.console.views.change_bar import ChosenDay, chosen_day
from defib_coverage.console.views.code import code_view
from defib_coverage.console.views.linking import Linker
from defib_coverage.console.views.search import Wanted, search_view
from defib_coverage.console.views.value_set import Download, Files, SetOnDay, set_view, table_of
from defib_coverage.errors import RequestError
from defib_coverage.explaining.code_facts import system_named
from defib_coverage.explaining.code_lookup import CodeLookup, is_code
from defib_coverage.explaining.code_search import CodeSearch, Only
from defib_coverage.explaining.code_sentences import LISTS
from defib_coverage.families import load_families
from defib_coverage.terminology.releases import Releases
from defib_coverage.terminology.sets import CPT, Publisher

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from defib_coverage.console.site import Site
    from defib_coverage.coverage.codes import ValueSet
    from defib_coverage.terminology.sets import PublishedSet

_FHIR = "/fhir"
_PAGE = re.compile(r"[1-9]\d{0,3}", re.ASCII)
_NOT_FOUND = 404


class CodesPage(Page):
    """The search, the page of a code, the page of a value set and its table."""

    door = Door(
        "/codes",
        "Codes",
        "What a code means here, on which days, and what it needs beside it.",
    )

    def __init__(self, site: Site) -> None:
        """Index the words of all codes and publish all value sets, once."""
        super().__init__(site)
        self._knowledge = site.service.knowledge
        self._search = CodeSearch(self._knowledge.index)
        self._releases = Releases(self._knowledge.library.versions)
        base = self._knowledge.canonical_base
        self._families = load_families()
        publisher = Publisher(self._releases, self._families, base)
        self._published: defaultdict[str, list[PublishedSet]] = defaultdict(list)
        for one in publisher.publish(self._knowledge.index.value_sets.values()):
            self._published[one.source.id].append(one)

    def routes(self) -> Sequence[BaseRoute]:
        """The pages; sets come first: no code is called so."""
        return (
            Route(self.door.path, self._find, methods=["GET"]),
            Route("/codes/sets.csv", self._every_table, methods=["GET"]),
            Route("/codes/sets/{name}.csv", self._table, methods=["GET"]),
            Route("/codes/sets/{name}", self._set, methods=["GET"]),
            Route("/codes/{code}", self._show, methods=["GET"]),
        )

    # ------------------------------------------------------------------------------------- search

    async def _find(self, request: Request) -> Response:
        """The search; with ``part=results`` only what it found, for a page that is open."""
        asked = Asked(request)
        chosen, linker = self._day(asked)
        view = search_view(self._wanted(asked), chosen, self._knowledge, self._search, linker)
        part = asked.choice("part", ("results",))
        template = "codes.html" if part is None else "parts/found.html"
        return self.site.page(template, view, here=self.door.path)

    def _wanted(self, asked: Asked) -> Wanted:
        """What is searched for.

        Raises:
            RequestError: 400 for what there is not.
        """
        index = self._knowledge.index
        only = Only(
            asked.choice("system", {one.system for one in self._search.codes}),
            asked.choice("role", tuple(LISTS)),
            asked.choice("list", tuple(index.value_sets)),
        )
        page = asked.text("page") or "1"
        if _PAGE.fullmatch(page) is None:
            raise RequestError(400, "invalid", "This is no number of a page.", "page")
        return Wanted(asked.text("q"), only, int(page))

    # --------------------------------------------------------------------------------------- code

    async def _show(self, request: Request) -> Response:
        asked = Asked(request)
        text = one_line(request.path_params["code"].strip(), "code")
        system = asked.text("system")
        chosen, linker = self._day(asked)
        if system and system_named(system, self._knowledge.index) is None:
            raise RequestError(400, "invalid", "No value set uses this code system.", "system")
        lookup = CodeLookup(self._knowledge, self._families, chosen.day)
        found = lookup.answer(text, system or None).codes
        if not any(map(is_code, found)):
            wanted = Wanted(text, Only())
            near = search_view(wanted, chosen, self._knowledge, self._search, linker)
            return self.site.page("code-unknown.html", near, here=self.door.path, status=_NOT_FOUND)
        view = code_view(found, chosen, linker, self._served, system)
        return self.site.page("code.html", view, here=self.door.path)

    def _served(self, system: str) -> str | None:
        """Where FHIR tells of the codes of a system; None where it does not."""
        shown = self.site.service.settings.terminology
        is_told = shown == "on" or (shown == "without-cpt" and system != CPT)
        return _FHIR if is_told else None

    # ---------------------------------------------------------------------------------- value set

    async def _set(self, request: Request) -> Response:
        chosen, linker = self._day(Asked(request))
        found = self._found_set(request, chosen)
        settings = self.site.service.settings
        library = self._knowledge.library
        view = set_view(
            found,
            chosen,
            library.in_force(chosen.day) or library.versions[0],
            linker,
            Files(
                self._downloads(found, linker),
                site=settings.overlay is not None,
                without_cpt=not self._licensed,
            ),
        )
        return self.site.page("set.html", view, here=self.door.path)

    async def _table(self, request: Request) -> Response:
        chosen, _ = self._day(Asked(request))
        found = self._found_set(request, chosen)
        return self._file(found.value_set.id, (found,), chosen)

    async def _every_table(self, request: Request) -> Response:
        """All value sets in one table."""
        chosen, _ = self._day(Asked(request))
        sets = self._knowledge.index.value_sets.values()
        return self._file("value-sets", [self._on_day(vs, chosen) for vs in sets], chosen)

    def _file(self, name: str, found: Sequence[SetOnDay], chosen: ChosenDay) -> Response:
        disposition = f'attachment; filename="{name}-{chosen.day}.csv"'
        return Response(
            table_of(found, licensed=self._licensed),
            headers={"Content-Disposition": disposition},
            media_type="text/csv; charset=utf-8",
        )

    @property
    def _licensed(self) -> bool:
        return self.site.service.settings.terminology != "without-cpt"

    def _found_set(self, request: Request, chosen: ChosenDay) -> SetOnDay:
        """The value set of an address.

        Raises:
            RequestError: 404 for an unknown one.
        """
        value_set = self._knowledge.index.value_sets.get(request.path_params["name"])
        if value_set is None:
            raise RequestError(_NOT_FOUND, "not-found", "There is no such value set.")
        return self._on_day(value_set, chosen)

    def _on_day(self, value_set: ValueSet, chosen: ChosenDay) -> SetOnDay:
        release = self._releases.on(chosen.day)
        published = self._published[value_set.id]
        return SetOnDay(
            value_set, chosen.day, tuple(one for one in published if one.release is release)
        )

    def _downloads(self, found: SetOnDay, linker: Linker) -> tuple[Download, ...]:
        files = [Download("Table (CSV)", linker.table(found.value_set.id))]
        if self.site.service.settings.terminology != "off":
            files += [
                Download(
                    "FHIR ValueSet of CPT numbers (JSON)"
                    if one.licensed
                    else "FHIR ValueSet (JSON)",
                    f"{_FHIR}/ValueSet/{one.resource_id}",
                )
                for one in found.published
                if self._licensed or not one.licensed
            ]
        return tuple(files)

    def _day(self, asked: Asked) -> tuple[ChosenDay, Linker]:
        """The chosen day, and what makes links that keep it."""
        on = asked.day("on")
        chosen = chosen_day(on, self.site.service.today(), self._knowledge)
        version = self._knowledge.library.in_force(chosen.day)
        return chosen, Linker(self._knowledge.index, version, on)
