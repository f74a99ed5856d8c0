"""One fault each: changes of a good exchange, and the rules that they break.

PYTEST_DONT_REWRITE: nothing here asserts.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, NamedTuple

from crd_exchange import ONE, TEMP, TOKEN, part
from crd_judge.json_text import Json

if TYPE_CHECKING:
    from collections.abc import Callable

    from crd_judge.call import Version


class Fault(NamedTuple):
    """One change of a good answer, and the rules that it breaks."""

    rules: str
    change: Callable[[Json], object]
    version: Version | None = None
    hook: str = "order-sign"


def first(found: Json) -> Json:
    """The card with suggestions."""
    one: Json = found["cards"][0]
    return one


def second(found: Json) -> Json:
    """The card with links."""
    one: Json = found["cards"][1]
    return one


def offer(found: Json) -> Json:
    one: Json = first(found)["suggestions"][0]
    return one


def done(found: Json, number: int) -> Json:
    one: Json = offer(found)["actions"][number]
    return one


def update(found: Json, number: int = 0) -> Json:
    one: Json = found["systemActions"][number]
    return one


def said(found: Json, number: int = 0) -> Json:
    """The statement of an update."""
    one: Json = update(found, number)["resource"]["extension"][-1]
    return one


def add(found: Json, *parts: Json, number: int = 0) -> None:
    said(found, number)["extension"].extend(parts)


def drop(found: Json, url: str, number: int = 0) -> None:
    told = said(found, number)
    told["extension"] = [one for one in told["extension"] if one["url"] != url]


def put(found: Json, url: str, kind: str, value: object, number: int = 0) -> None:
    drop(found, url, number)
    add(found, part(url, kind, value), number=number)


def code(found: Json, url: str, value: str, number: int = 0) -> None:
    put(found, url, "Code", value, number)


def detail(*parts: Json) -> Json:
    return {"url": "detail", "extension": list(parts)}


def purposeless(found: Json) -> None:
    drop(found, "reason", 1)


def indeterminate(found: Json) -> None:
    code(found, "covered", "indeterminate")
    drop(found, "reason")


def twice(found: Json) -> None:
    other = deepcopy(said(found))
    other["extension"][0] = part("coverage", "Reference", {"reference": "Coverage/c2"})
    update(found)["resource"]["extension"].append(other)


def again(found: Json) -> None:
    other = deepcopy(said(found))
    other["extension"][-1] = part("coverage-assertion-id", "String", "id-3")
    update(found)["resource"]["extension"].append(other)


def smuggled(found: Json) -> None:
    done(found, 0)["resource"]["extension"].append(said(found))


def reordered(found: Json) -> None:
    resource = update(found)["resource"]
    resource["status"] = resource.pop("status")


def not_covered(found: Json) -> None:
    code(found, "covered", "not-covered")


def unauthorized(found: Json) -> None:
    not_covered(found)
    drop(found, "pa-needed")


def contradictory(found: Json) -> None:
    not_covered(found)
    code(found, "pa-needed", "auth-needed")


def wordless(found: Json) -> None:
    code(found, "info-needed", "OTH", 1)
    drop(found, "reason", 1)
    drop(found, "doc-purpose", 1)


def before_authorization(found: Json) -> None:
    code(found, "doc-purpose", "withpa", 1)
    code(found, "pa-needed", "auth-needed", 1)


DETAIL_CODE = part("code", "CodeableConcept", {"text": "x"})
FAULTS = [
    Fault("R04", lambda f: f.update(cards={"uuid": "x"})),
    Fault("R05", lambda f: first(f).update(links=[])),
    Fault("R05", lambda f: f.update(extension={})),
    Fault("R05 S07", lambda f: update(f)["resource"].update(note=[])),
    Fault("R05 S01 S04", lambda f: f.update(systemActions=[])),
    Fault("R09", lambda f: first(f).update(detail=f"with {TOKEN}")),
    Fault("R10", lambda f: f.update(meta=1)),
    Fault("C01", lambda f: first(f).update(summary="x" * 140)),
    Fault("C01", lambda f: first(f).update(summary="two\nlines")),
    Fault("C01", lambda f: first(f).pop("summary")),
    Fault("C02", lambda f: first(f).update(indicator="hard-stop")),
    Fault("C03", lambda f: first(f)["source"].pop("label")),
    Fault("C04", lambda f: first(f)["source"].update(url="/policy")),
    Fault("C04", lambda f: first(f)["source"].update(icon="data:image/png;base64,AA")),
    Fault("C05", lambda f: first(f)["source"].pop("topic")),
    Fault("C05", lambda f: first(f)["source"]["topic"].pop("system")),
    Fault("C06", lambda f: first(f)["source"]["topic"].update(code="documentation")),
    Fault("C06", lambda f: first(f)["source"]["topic"].update(system=TEMP), "2.2"),
    Fault("C07", lambda f: first(f).pop("uuid")),
    Fault("C08", lambda f: first(f).update(uuid="urn:uuid:11111111-1111-4111-8111-111111111105")),
    Fault("C08", lambda f: offer(f).update(uuid="one")),
    Fault("C09", lambda f: offer(f).update(uuid=first(f)["uuid"])),
    Fault("C10", lambda f: first(f).update(detail=["text"])),
    Fault("C11", lambda f: first(f).pop("selectionBehavior")),
    Fault("C11", lambda f: first(f).update(selectionBehavior="all")),
    Fault("C12", lambda f: offer(f).pop("label")),
    Fault("C12", lambda f: first(f)["suggestions"].append("text")),
    Fault("C13", lambda f: offer(f).pop("uuid")),
    Fault("C14", lambda f: offer(f).update(isRecommended="true")),
    Fault(
        "C14",
        lambda f: (
            first(f).update(selectionBehavior="at-most-one"),
            first(f)["suggestions"][1].update(isRecommended=True),
        ),
    ),
    Fault("C15", lambda f: offer(f).update(actionSelectionBehavior="all")),
    Fault("C16", lambda f: done(f, 0).update(type="Update")),
    Fault("C16", lambda f: done(f, 0).pop("description")),
    Fault("C17", lambda f: done(f, 1)["resource"].pop("authoredOn")),
    Fault("C17", lambda f: done(f, 1)["resource"].pop("code")),
    Fault("C17 C18", lambda f: done(f, 0).update(resource="text")),
    Fault("C18", lambda f: done(f, 0)["resource"].update(id="other")),
    Fault("C18", lambda f: done(f, 0).update(resourceId=ONE)),
    Fault("C19", lambda f: done(f, 2).update(resourceId="ServiceRequest/other")),
    Fault("C19", lambda f: done(f, 2).update(resource={"resourceType": "ServiceRequest"})),
    Fault("C19", lambda f: offer(f)["actions"].pop(1)),
    Fault("C20", lambda f: first(f)["overrideReasons"][0].pop("display")),
    Fault("C20", lambda f: first(f).update(overrideReasons=["text"])),
    Fault("C21", lambda f: first(f).update(overrideReasons=first(f)["overrideReasons"] * 2)),
    Fault("C22", lambda f: second(f)["links"][0].update(url="policy.html")),
    Fault("C22", lambda f: second(f)["links"][0].update(type="relative")),
    Fault("C22", lambda f: second(f)["links"][0].pop("label")),
    Fault("C22", lambda f: second(f).update(links=["https://payer.example"])),
    Fault("C23", lambda f: second(f)["links"][0].update(appContext="x")),
    Fault("C23", lambda f: second(f)["links"][1].update(appContext={"x": 1})),
    Fault("C24", lambda f: second(f)["links"][0].update(autolaunchable="false")),
    Fault("C25", lambda f: first(f).update(priority=1)),
    Fault("C25", lambda f: first(f)["source"].update(title="x")),
    Fault("C25", lambda f: done(f, 0).update(reference="x")),
    Fault("C25", lambda f: f["cards"].append("text")),
    Fault("C26", lambda f: first(f).update(extension=["x"])),
    Fault(
        "C26",
        lambda f: first(f)["extension"].update(
            {"davinci-crd.associated-resource": [{"reference": "ServiceRequest/other"}]},
        ),
    ),
    Fault("C27", lambda f: first(f).pop("extension")),
    Fault("C28", smuggled),
    Fault("C28", lambda f: first(f)["extension"].update({"said": said(f)})),
    Fault("C29", lambda f: first(f).update(links=second(f)["links"])),
    Fault("C30", lambda f: first(f).update(indicator="critical")),
    Fault("C31", lambda f: first(f).update(detail="<img src=x>")),
    Fault("C31", lambda f: offer(f).update(label="<b>now</b>")),
    Fault("C31", lambda f: first(f).update(detail="[go](javascript:alert)")),
    Fault("C32", lambda f: first(f)["overrideReasons"][0].update(code="because")),
    Fault("S01 S04", lambda f: f.pop("systemActions")),
    Fault("S02", lambda f: f["systemActions"].append({"type": "create", "description": "x"})),
    Fault("S02", lambda f: f["systemActions"].append({"type": "none", "description": "x"})),
    Fault("S02", lambda f: f["systemActions"].append("text")),
    Fault("S03", lambda f: update(f).pop("description")),
    Fault("S04", lambda f: f["systemActions"].pop(0)),
    Fault("S05", lambda f: update(f).update(resourceId=ONE)),
    Fault("S05", lambda f: update(f).update(type="create")),
    Fault("S06 S04", lambda f: update(f)["resource"].update(id="other")),
    Fault("S07", lambda f: update(f)["resource"].update(status="active")),
    Fault("S07 S08", lambda f: update(f)["resource"]["extension"].pop(0), "2.2"),
    Fault("S07", reordered),
    Fault("S08 S07", lambda f: update(f)["resource"]["quantityQuantity"].update(value=1.250001)),
    Fault("S09", lambda f: f["systemActions"].append(deepcopy(update(f)))),
    Fault(
        "S10",
        lambda f: add(f, part("doc-needed", "Code", "clinical")),
        hook="order-select",
    ),
    Fault("K01", lambda f: add(f, part("note", "String", "x"))),
    Fault("K01", lambda f: said(f).update(valueString="x")),
    Fault("K01", lambda f: add(f, part("expiry-date", "Date", "2027-01-01")), "2.0"),
    Fault(
        "K01",
        lambda f: add(
            f, part("response", "Reference", {"reference": "QuestionnaireResponse/1"}), number=1
        ),
        "2.2",
    ),
    Fault("K02", lambda f: drop(f, "date")),
    Fault("K02", lambda f: add(f, part("covered", "Code", "covered"))),
    Fault("K02", lambda f: add(f, part("pa-needed", "Code", "no-auth"))),
    Fault("K02", lambda f: add(f, part("doc-needed", "Code", "admin"), number=1), "2.0"),
    Fault("K03", lambda f: put(f, "covered", "String", "covered")),
    Fault("K03 K06", lambda f: put(f, "date", "Date", 20261121)),
    Fault("K03", lambda f: put(f, "billingCode", "CodeableConcept", {"system": "x", "code": "y"})),
    Fault("K03", lambda f: add(f, part("contact", "ContactDetail", {"name": "x"})), "2.0"),
    Fault("K03", lambda f: add(f, part("contact", "ContactPoint", {"value": "x"})), "2.2"),
    Fault("K03", lambda f: add(f, part("dependency", "Reference", {"display": "x"}))),
    Fault("K04", lambda f: code(f, "covered", "yes")),
    Fault("K04", lambda f: code(f, "covered", "indeterminate"), "2.0"),
    Fault("K04", lambda f: code(f, "doc-needed", "both", 1), "2.2"),
    Fault("K04", lambda f: code(f, "doc-needed", "both", 1)),
    Fault("K04", lambda f: code(f, "doc-needed", "patient", 1), "2.0"),
    Fault("K05", lambda f: put(f, "coverage", "Reference", {"reference": "Coverage/other"})),
    Fault("K05", lambda f: put(f, "coverage", "Reference", {"reference": "Coverage/foreign"})),
    Fault("K06", lambda f: put(f, "date", "Date", "2026-11-22")),
    Fault("K06", lambda f: put(f, "date", "Date", "2026-11")),
    Fault("K06", lambda f: put(f, "date", "Date", "2026-02-30")),
    Fault("K07", lambda f: put(f, "coverage-assertion-id", "String", " ")),
    Fault("K07", twice),
    Fault("K08", again),
    Fault("K08", again, "2.0"),
    Fault("K09", lambda f: put(f, "reason", "CodeableConcept", {"coding": [{"code": "x"}]})),
    Fault(
        "K09",
        lambda f: put(
            f, "reason", "CodeableConcept", {"coding": [{"system": TEMP, "code": "technical"}]}
        ),
        "2.0",
    ),
    Fault("K10", lambda f: add(f, detail(DETAIL_CODE)), "2.0"),
    Fault(
        "K10", lambda f: add(f, detail(DETAIL_CODE, part("value", "Boolean", value=True))), "2.2"
    ),
    Fault("K10", lambda f: add(f, detail(DETAIL_CODE, part("value", "Code", "x"))), "2.0"),
    Fault("K11", lambda f: put(f, "billingCode", "Coding", {"code": "1"})),
    Fault("K12", lambda f: add(f, part("questionnaire", "Canonical", "form"), number=1)),
    Fault("K13", lambda f: add(f, part("expiry-date", "Date", "2026-11-20")), "2.2"),
    Fault("Kq1", lambda f: add(f, part("questionnaire", "Canonical", "http://x.example/q"))),
    Fault("Kq2", lambda f: drop(f, "pa-needed")),
    Fault("Kq2", lambda f: drop(f, "pa-needed"), "2.0"),
    Fault("Kq2", not_covered, "2.2"),
    Fault("Kq2", contradictory, "2.0"),
    Fault("Kq3", lambda f: drop(f, "info-needed", 1)),
    Fault("Kq3", lambda f: add(f, part("info-needed", "Code", "location"))),
    Fault("Kq4 Kqv", lambda f: code(f, "doc-purpose", "withpa", 1)),
    Fault("Kq5", lambda f: code(f, "pa-needed", "satisfied")),
    Fault("Kq5", lambda f: add(f, part("satisfied-pa-id", "String", "x"))),
    Fault(
        "Kq6",
        wordless,
    ),
    Fault("Kq8", purposeless),
    Fault("Kq8", purposeless, "2.2"),
    Fault("Kq9", indeterminate, "2.2"),
    Fault("Kqv", unauthorized, "2.0"),
    Fault("Kqv", unauthorized),
    Fault(
        "Kqv",
        before_authorization,
        "2.2",
    ),
]
