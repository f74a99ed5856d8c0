"""Discovery: what the service says of itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import pytest

from live_server import NEEDED, SERVICE_IDS, Json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from live_server import Live

pytest_plugins = ("live_server",)


def _services(live: Live) -> list[Json]:
    response = live.get("/cds-services")
    assert response.status_code == 200
    services: list[Json] = response.json()["services"]
    return services


def _values(node: object) -> Iterator[object]:
    yield node
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for value in inner:
        yield from _values(value)


def test_discovery_answers_with_an_object_that_holds_services(live: Live) -> None:
    response = live.get("/cds-services")
    assert response.status_code == 200
    assert response.headers["content-type"].partition(";")[0] == "application/json"
    assert isinstance(response.json(), dict)
    assert isinstance(response.json()["services"], list)


def test_discovery_lists_one_service_for_each_of_the_four_hooks(live: Live) -> None:
    assert {s["hook"]: s["id"] for s in _services(live)} == SERVICE_IDS
    assert len(_services(live)) == 4


def test_every_service_has_hook_id_title_and_description_as_text(live: Live) -> None:
    for service in _services(live):
        for member in ("hook", "id", "title", "description"):
            assert isinstance(service[member], str)
            assert service[member].strip()


def test_service_ids_need_no_escaping_in_a_url(live: Live) -> None:
    for service in _services(live):
        assert re.fullmatch(r"[A-Za-z0-9._~-]+", service["id"])


def test_every_listed_service_can_be_called_at_its_path(live: Live) -> None:
    for service in _services(live):
        assert live.post(f"/cds-services/{service['id']}", b"{}").status_code == 400


def test_discovery_holds_no_null_and_nothing_empty(live: Live) -> None:
    for value in _values(live.get("/cds-services").json()):
        assert value not in (None, "", [], {})


def test_discovery_is_the_same_on_every_call(live: Live) -> None:
    assert len({live.get("/cds-services").content for _ in range(5)}) == 1


def test_discovery_extensions_if_any_are_objects(live: Live) -> None:
    for service in _services(live):
        assert isinstance(service.get("extension", {}), dict)


def test_prefetch_is_an_object_of_named_templates(live: Live) -> None:
    for service in _services(live):
        assert set(NEEDED) <= set(service["prefetch"])
        assert all(isinstance(t, str) and t for t in service["prefetch"].values())


def test_prefetch_templates_use_only_tokens_that_every_hook_and_version_has(live: Live) -> None:
    for service in _services(live):
        for template in service["prefetch"].values():
            assert set(re.findall(r"\{\{(.*?)\}\}", template)) == {"context.patientId"}
            assert not re.search(r"[{}]", re.sub(r"\{\{.*?\}\}", "", template))


def test_prefetch_templates_are_reads_or_plain_searches_of_one_type(live: Live) -> None:
    for service in _services(live):
        for template in service["prefetch"].values():
            filled = template.replace("{{context.patientId}}", "p1")
            parts = urlsplit(filled)
            assert not parts.scheme
            assert not parts.netloc
            if not parts.query:
                assert re.fullmatch(r"[A-Z][A-Za-z]+/p1", parts.path)
                continue
            assert re.fullmatch(r"[A-Z][A-Za-z]+", parts.path)
            query = parse_qsl(parts.query, strict_parsing=True)
            assert ("patient", "p1") in query
            # No chains, no modifiers, no includes: equality on reference and token parameters.
            assert {name for name, _ in query} <= {"patient", "status", "code"}


@pytest.mark.parametrize("path", ["/cds-services", "/cds-services?x=1"])
def test_discovery_is_found_in_the_spellings_that_clients_use(live: Live, path: str) -> None:
    assert live.get(path).status_code == 200


def test_api_page_needs_no_other_host(live: Live) -> None:
    # Hospital networks rarely reach the outside: the page and its scripts are the service's own.
    page = live.get("/docs")
    assert page.status_code == 200
    loaded = re.findall(r"(?:src|href)=\"([^\"]+)\"", page.text)
    assert loaded
    for path in loaded:
        assert urlsplit(path).netloc == ""
        assert live.get(path).status_code == 200
