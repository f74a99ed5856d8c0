"""A server may answer a push with anything: it is refused in one line, or read; nothing else."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import msgspec
import pytest

from defib_coverage.command.fhir_connection import Connection, Destination, Reply, ServerError
from defib_coverage.command.fhir_writer import FhirWriter, WriteError
from defib_coverage.terminology.comparing import differences
from defib_coverage.terminology.push_plan import Held, Server, Step, plan
from fhir_stores import outcome, result
from mutation import Mutator, damage, encode
from pushes import decoded, parcels

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mutation import Tree

BASE = "https://fhir.example.org/r4"
ROUNDS = 1500
SET = next(one for one in parcels() if one.id.startswith("old-mi-"))
STEP = Step("create", SET)


class Answering(Connection):
    """A connection on which every request gets the same answer."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(Destination(BASE))
        self._same = reply

    def send(
        self,
        method: str,  # noqa: ARG002 - all the same
        url: str,  # noqa: ARG002
        body: bytes | None = None,  # noqa: ARG002
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        for value in (headers or {}).values():
            assert value.isascii()
            assert value.isprintable()
        return self._same


def check(server: FhirWriter) -> None:
    server.check(["ValueSet"])


def read(server: FhirWriter) -> None:
    held = server.read(SET.place)
    assert held is None or isinstance(held, Held)
    there = {} if held is None else {SET.place: held}
    (step,) = plan([SET], Server(there, {}), replace=True).steps
    server.put(step)


def listed(server: FhirWriter) -> None:
    found = server.listed("ValueSet", SET.url)
    assert all(one.url == SET.url for one in found)
    plan([SET], Server({}, {SET.url: found}))


def validate(server: FhirWriter) -> None:
    assert SET.probe is not None
    answer = server.validate(SET.probe)
    assert answer.text.isprintable()
    assert len(answer.text) < 400


def put(server: FhirWriter) -> None:
    server.put(STEP)


ENTRIES = [
    {"resource": {"resourceType": "ValueSet", "id": "x", "url": SET.url, "version": "1.0.0"}}
]
ANSWERS: dict[Callable[[FhirWriter], None], Tree] = {
    check: {
        "resourceType": "CapabilityStatement",
        "fhirVersion": "4.0.1",
        "rest": [
            {
                "resource": [
                    {
                        "type": "ValueSet",
                        "interaction": [{"code": "update"}],
                        "operation": [{"name": "validate-code"}],
                    }
                ]
            }
        ],
    },
    read: decoded(SET),
    listed: {
        "resourceType": "Bundle",
        "link": [{"relation": "self", "url": f"{BASE}/ValueSet?url={SET.url}"}],
        "entry": ENTRIES,
    },
    validate: result(value=False, message="no"),
    put: outcome("invalid", "no"),
}


@pytest.mark.parametrize("ask", ANSWERS, ids=lambda ask: ask.__name__)
def test_any_answer_is_read_or_refused(ask: Callable[[FhirWriter], None]) -> None:
    good = ANSWERS[ask]
    mutator = Mutator(list(ANSWERS.values()))
    done = {"read": 0, "refused": 0}
    for seed in range(ROUNDS):
        chance = Random(seed)  # noqa: S311 - no secret
        tree = msgspec.json.decode(msgspec.json.encode(good))
        for _ in range(chance.choice((0, 1, 1, 2, 4))):
            mutator.change(tree, chance)
        body = encode(tree)
        if chance.random() < 0.1:
            body = damage(body, chance, encode(good))
        status = chance.choice((200, 200, 200, 200, 201, 400, 404, 410, 422, 500))
        connection = Answering(Reply(status, "application/fhir+json", body))
        said = ""
        try:
            ask(FhirWriter(connection))
        except (ServerError, WriteError) as error:
            said = str(error)
        finally:
            connection.close()
        done["refused" if said else "read"] += 1
        assert said.isprintable()
        assert len(said) < 600
    assert min(done.values()) or ask is validate, done


def test_any_resource_can_be_compared_with_ours() -> None:
    mutator = Mutator([decoded(SET)])
    for seed in range(ROUNDS):
        chance = Random(seed)  # noqa: S311
        tree = decoded(SET)
        for _ in range(chance.choice((1, 2, 4))):
            mutator.change(tree, chance)
        try:
            there = msgspec.json.encode(msgspec.json.decode(encode(tree)))
        except (msgspec.MsgspecError, RecursionError, UnicodeError):
            continue
        for difference in differences(SET.body, there, with_tags=True):
            assert difference.pointer.startswith("/")
            assert len(str(difference)) < 10_000
