"""Decisions as FHIR R4: an AuditEvent says who asked what, a Provenance what a decision rests on.

Patients are named by the ledger's keyed digest, as an identifier.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from defib_coverage.ledger.exporting import DecisionRow

Json = dict[str, Any]
_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
_URI = "urn:ietf:rfc:3986"
_PRODUCT = "defib-coverage"
# The agents, entities and outcomes of an AuditEvent, as its code systems number them.
_PERSON, _SYSTEM = "1", "2"
_PATIENT, _REPORT = "1", "3"
_SUCCESS = "0"
_SERVER = "4"


def audit_event(row: DecisionRow, base: str) -> Json:
    """The call of a client that a decision was made in.

    Args:
        row: the decision.
        base: the canonical base, below which identifiers are ours.
    """
    return {
        "resourceType": "AuditEvent",
        "id": row.id,
        "type": _coding(f"{_TERMINOLOGY}/audit-event-type", "rest", "RESTful Operation"),
        "subtype": [_coding("http://hl7.org/fhir/restful-interaction", "operation", "operation")],
        "action": "E",
        "recorded": row.time,
        "outcome": _SUCCESS,
        "agent": [
            {"who": _client(row, base), "requestor": True},
            {"who": {"display": _PRODUCT}, "requestor": False},
        ],
        "source": {
            "observer": {"display": _PRODUCT},
            "type": [_coding(f"{_TERMINOLOGY}/security-source-type", _SERVER, None)],
        },
        "entity": [
            {
                "what": {"identifier": {"system": f"{base}/patient-digest", "value": row.patient}},
                "type": _coding(f"{_TERMINOLOGY}/audit-entity-type", _PERSON, "Person"),
                "role": _coding(f"{_TERMINOLOGY}/object-role", _PATIENT, "Patient"),
            },
            {
                "what": _decision(row),
                "type": _coding(f"{_TERMINOLOGY}/audit-entity-type", _SYSTEM, "System Object"),
                "role": _coding(f"{_TERMINOLOGY}/object-role", _REPORT, "Report"),
                "detail": [{"type": t, "valueString": v} for t, v in _details(row) if v],
            },
        ],
    }


def provenance(row: DecisionRow, base: str) -> Json:
    """What a decision rests on: the policy version, and the data files as their digest.

    Args:
        row: the decision.
        base: the canonical base, below which identifiers are ours.
    """
    sources = [("data-digest", row.data_digest)]
    if row.policy is not None:
        sources.insert(0, ("policy-version", row.policy))
    return {
        "resourceType": "Provenance",
        "id": row.id,
        "target": [_decision(row)],
        "occurredDateTime": row.time,
        "recorded": row.time,
        "activity": {"coding": [_coding(f"{_TERMINOLOGY}/v3-DataOperation", "CREATE", "create")]},
        "agent": [
            _agent("assembler", {"display": _PRODUCT}),
            _agent("enterer", _client(row, base)),
        ],
        "entity": [
            {
                "role": "source",
                "what": {"identifier": {"system": f"{base}/{kind}", "value": value}},
            }
            for kind, value in sources
        ],
    }


def _agent(kind: str, who: Json) -> Json:
    system = f"{_TERMINOLOGY}/provenance-participant-type"
    return {"type": {"coding": [_coding(system, kind, None)]}, "who": who}


def _decision(row: DecisionRow) -> Json:
    identifier = {"system": _URI, "value": f"urn:uuid:{row.id}"}
    return {"identifier": identifier, "display": f"coverage determination: {row.status}"}


def _client(row: DecisionRow, base: str) -> Json:
    if row.client is None:
        return {"display": "a client without a token"}
    return {"identifier": {"system": f"{base}/client", "value": row.client}}


def _details(row: DecisionRow) -> list[tuple[str, str | None]]:
    return [
        ("status", row.status),
        ("service", row.service),
        ("hookInstance", row.hook_instance),
        ("orderCode", row.order_code),
        ("orderClass", row.order_class),
        ("serviceDate", row.service_date.isoformat()),
        ("findings", " ".join(row.findings)),
        ("indicationsMet", " ".join(row.indications)),
        ("assertionId", row.assertion_id),
        ("link", row.link),
    ]


def _coding(system: str, code: str, display: str | None) -> Json:
    found = {"system": system, "code": code}
    return found if display is None else found | {"display": display}
