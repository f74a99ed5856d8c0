"""An audit's folder for tests: the worked cases, judged by the product, on many days and places.

``sample_rows`` makes rows by a seed; ``row`` makes one by hand; ``write_audit`` writes a folder.
"""

from __future__ import annotations

import json
import random
import re
import zlib
from collections import Counter
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.audit.manifest import (
    AppliedPolicy,
    Counts,
    InputRecord,
    Manifest,
    output_of,
)
from defib_coverage.audit.names import REJECTS, ROWS
from defib_coverage.content import load
from defib_coverage.errors import RequestError
from defib_coverage.hooks.evaluation import Evaluator
from defib_coverage.hooks.wire import decode_request
from fhir_builders import Json, by_keys, sign

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_CASES = Path(__file__).parent / "data" / "vignettes.json"
_TODAY = date(2026, 11, 21)
_DAY = re.compile(r'"(\d{4}-\d{2}-\d{2})')
_SITES = ("General", "St. Elsewhere", "Riverside", "Mercy", "Lakeside", "Tiny Clinic")
_SITE_WEIGHTS = (50, 25, 12, 8, 4, 1)
# Days by which cases are moved: from 2018 on.
_MOVES = tuple(range(0, -8 * 365, -101))


@cache
def _judged(move: int) -> tuple[Json, ...]:
    """The determinations of all cases, moved by some days."""
    knowledge = load().knowledge()
    evaluator = Evaluator(knowledge)
    found: list[Json] = []
    for case in json.loads(_CASES.read_text(encoding="utf-8")):
        text = sign(case["orders"], by_keys(case["resources"])).decode()
        body = _DAY.sub(lambda day: f'"{_moved(day[1], move)}', text).encode()
        today = _TODAY + timedelta(days=move)
        try:
            call = decode_request(body, knowledge.index)
            judged = evaluator.evaluate(call, today).determinations
        except RequestError:
            continue
        found += json.loads(msgspec.json.encode(judged))
    return tuple(found)


def _moved(day: str, move: int) -> str:
    return (date.fromisoformat(day) + timedelta(days=move)).isoformat()


def sample_rows(events: int, seed: int = 1) -> list[Json]:
    """Rows of so many events: some ordered only, some performed, some billed as well."""
    chance = random.Random(seed)  # noqa: S311 - seeded, not secret
    rows: list[Json] = []
    for number in range(events):
        judged = chance.choice(_judged(chance.choice(_MOVES)))
        patient = f"Patient/p{chance.randrange(events)}"
        where: Json = {
            "site": chance.choices(_SITES, _SITE_WEIGHTS)[0],
            "operator": f"Practitioner/dr-{min(int(chance.expovariate(0.15)), 40)}",
        }
        kinds = chance.choice(
            (
                ("ServiceRequest",),
                ("ServiceRequest", "Procedure"),
                ("Procedure",),
                ("Procedure", "Claim"),
                ("ServiceRequest", "Procedure", "Claim"),
            )
        )
        names = [f"{kind}/{number}{'#1' if kind == 'Claim' else ''}" for kind in kinds]
        for kind, name in zip(kinds, names, strict=True):
            made = json.loads(json.dumps(judged))
            made["order"]["reference"] = name
            others = [other for other in names if other != name]
            made["audit"] = {
                "kind": kind,
                "performed": kind != "ServiceRequest",
                "line": number + 1,
                "file": f"{kind}.ndjson",
                "knownAt": made["order"]["serviceDate"],
                "sameDay": others,
                **where,
            }
            made["patient"] = patient
            rows.append(made)
    return rows


def row(number: int = 1, **changes: object) -> Json:
    """A row of a performed order that is covered; ``audit`` and ``order`` change members."""
    order = {
        "reference": f"Procedure/{number}",
        "system": "cpt",
        "code": "33249",
        "class": "initial-implant",
        "serviceDate": "2024-03-02",
        "serviceDateBasis": "occurrence",
        "dependsOn": None,
    }
    audit = {
        "kind": "Procedure",
        "performed": True,
        "file": "Procedure.ndjson",
        "line": number,
        "knownAt": "2024-03-02",
        "site": None,
        "operator": None,
        "sameDay": [],
    }
    made: Json = {
        "patient": f"Patient/{number}",
        "policy": None,
        "status": "covered",
        "indicationsMet": [],
        "indications": [],
        "always": [],
        "missingSecondary": [],
        "waitingPeriods": [],
        "earliestEligibleDate": None,
        "findings": [],
        "coverage": None,
        "dataDigest": "d",
    }
    made |= {name: value for name, value in changes.items() if name not in {"order", "audit"}}
    for name, held in (("order", order), ("audit", audit)):
        changed = changes.get(name)
        made[name] = {**held, **(changed if isinstance(changed, dict) else {})}
    return made


def window(event: str = "MI", days: int = 12, **changes: object) -> Json:
    """An open waiting period that applies."""
    return {
        "event": event,
        "eventDate": "2024-02-01",
        "reference": "Condition/mi",
        "lastExcludedDay": "2024-03-13",
        "firstEligibleDay": "2024-03-14",
        "daysRemaining": days,
        "length": "40 days",
        "certainty": "definite",
        "applies": True,
        "exception": None,
        "citation": "P-WAIT",
        **changes,
    }


def finding(code: str, severity: str = "warning", text: str = "Something is wrong.") -> Json:
    """A finding with one record as evidence."""
    evidence = {"reference": "Observation/o1", "code": "8806-2", "value": None, "date": None}
    return {
        "code": code,
        "severity": severity,
        "text": text,
        "citation": "P-X",
        "evidence": [evidence],
        "codes": [],
    }


def pair(primary: str, partners: Sequence[str], supported: Sequence[str] = ()) -> Json:
    """A missing pair."""
    return {
        "primary": primary,
        "anyOf": [*partners],
        "supported": [*supported],
        "citation": "P-PAIR",
    }


def in_order(rows: Sequence[Json]) -> list[Json]:
    """Rows as the audit writes them."""

    def place(one: Json) -> tuple[int, str, str, str]:
        patient, order = one["patient"], one["order"]
        key = zlib.crc32(patient.encode())
        return key, patient, order["serviceDate"], order["reference"]

    return sorted(rows, key=place)


def write_audit(folder: Path, rows: Sequence[Json], rejects: Sequence[Json] = ()) -> Path:
    """Write the files of an audit's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    _write_lines(folder / "determinations.ndjson", in_order(rows))
    _write_lines(folder / "rejects.ndjson", rejects)
    patients = len({one["patient"] for one in rows})
    counts = Counts(
        lines=5 * len(rows) + len(rejects),
        blank=0,
        rejected=len(rejects),
        bundles=0,
        bundle_entries=0,
        rejected_parts=0,
        broken=0,
        records=5 * len(rows),
        with_orders=5 * len(rows),
        without_orders=0,
        older=0,
        deleted=0,
        shared=0,
        other_types=0,
        no_patient=0,
        requests=0,
        deletions=0,
        unjudged=0,
        rejects=len(rejects),
        patients=patients,
        orders=len(rows),
        by_status=Counter(one["status"] for one in rows),
    )
    manifest = Manifest(
        version="0.0",
        engine="embedded",
        hindsight=False,
        started="2026-11-21T08:00:00Z",
        finished="2026-11-21T08:01:00Z",
        today=date(2026, 11, 21),
        overlay=None,
        payers=None,
        payers_digest="00",
        canonical_base="https://defib-coverage.example/fhir",
        data_digest="sha256:0123",
        policies=(AppliedPolicy("ncd-20.4", "2018.2.15", date(2018, 2, 15)),),
        inputs=(InputRecord("a.ndjson", "/a.ndjson", 10, "00", counts.lines),),
        outputs=tuple(output_of(folder / name, name) for name in (ROWS, REJECTS)),
        counts=counts,
    )
    (folder / "manifest.json").write_bytes(msgspec.json.encode(manifest))
    return folder


def _write_lines(path: Path, rows: Sequence[Json]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(one) + "\n" for one in rows)


def read_csv(path: Path) -> Iterator[dict[str, str]]:
    """The rows of a CSV file."""
    import csv  # noqa: PLC0415

    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)
