"""A call as a hospital would send it: an implant and its generator, a payor that nobody knows.

``tests/data/order_sign.json`` is invented, and sent as it stands there, down to its white space.
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from fhir.resources.R4B import get_fhir_model_class

from crd_corpus import VERSIONS
from crd_judge.call import Call, Reply
from crd_judge.json_text import items, member
from crd_judge.rules import broken_rules

if TYPE_CHECKING:
    from collections.abc import Callable

    from crd_judge.call import Version
    from defib_coverage.hooks.response import HookResponse

    Answer = Callable[..., HookResponse]

TEXT = (Path(__file__).parent / "data" / "order_sign.json").read_text(encoding="utf-8")
TODAY = date(2026, 11, 21)
ORDERS = ("ServiceRequest/implant-5", "DeviceRequest/generator-5")
CONFIGURATION = '"davinci-crd.configuration"'


def asked(version: Version | None) -> str:
    """The call, for a version of CRD."""
    if version is None:
        return TEXT
    wanted = f'"davinci-crd.requestedVersion": "{version}",\n    {CONFIGURATION}'
    return TEXT.replace(CONFIGURATION, wanted)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_answer_keeps_every_rule(answer: Answer, version: Version | None) -> None:
    body = msgspec.json.encode(answer(asked(version).encode(), TODAY))
    reply = Reply(200, "application/json", body, 0)
    assert broken_rules(Call(version, "order-sign", asked(version), ORDERS, TODAY), reply) == []


@pytest.mark.parametrize("version", VERSIONS)
def test_both_orders_come_back_as_they_were_sent(answer: Answer, version: Version | None) -> None:
    body = msgspec.json.encode(answer(asked(version).encode(), TODAY)).decode()
    resources = [member(one, "resource") for one in items(member(body, "systemActions"))]
    assert [member(one, "id") for one in resources] == ['"implant-5"', '"generator-5"']
    assert member(resources[0], "quantityQuantity") == '{"value":1.00}'
    assert '"valueDecimal":90.50' in resources[0]
    for text in resources:
        order: dict[str, Any] = json.loads(text)
        get_fhir_model_class(order["resourceType"]).model_validate(order)
        (statement,) = [one for one in order["extension"] if "extension" in one]
        said = {part["url"]: part for part in statement["extension"]}
        assert said["coverage"]["valueReference"] == {"reference": "Coverage/plan-41"}
        assert said["covered"]["valueCode"] == "conditional"
        # Whom nobody knows is taken to be Medicare, and that is told.
        assert "Medicare" in said["reason"]["valueCodeableConcept"]["text"]
        coding = order["code" if "code" in order else "codeCodeableConcept"]["coding"][0]
        assert said["billingCode"]["valueCoding"] == coding


def test_the_token_of_the_call_is_in_no_answer(answer: Answer) -> None:
    token = json.loads(TEXT)["fhirAuthorization"]["access_token"]
    assert token not in msgspec.json.encode(answer(TEXT.encode(), TODAY)).decode()
