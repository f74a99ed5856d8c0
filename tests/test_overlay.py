"""A site's own folder: it extends what counts as evidence, end to end, and nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from defib_coverage.app import create_app
from defib_coverage.content import load
from defib_coverage.errors import DataError
from defib_coverage.settings import Settings
from live_server import (
    TODAY,
    Json,
    concept,
    condition,
    covered_chart,
    in_process,
    lvef,
    nyha,
    observation,
    running,
    sign,
    visit,
)

if TYPE_CHECKING:
    from pathlib import Path

LOCAL = "https://hospital.example/codes"
SNOMED = "http://snomed.info/sct"
EXPANSION: Json = {
    "resourceType": "ValueSet",
    "status": "active",
    "expansion": {
        "contains": [
            {"system": LOCAL, "code": "SDM-CLINIC", "display": "Decision clinic"},
            {"abstract": True, "contains": [{"system": LOCAL, "code": "SDM-NESTED"}]},
        ],
    },
}
COMPOSE: Json = {
    "resourceType": "ValueSet",
    "status": "draft",
    "compose": {
        "include": [
            {"system": LOCAL, "concept": [{"code": "SDM-COMPOSED"}, {"code": "SDM-SECOND"}]},
            {"system": SNOMED, "concept": [{"code": "1156040003", "display": "licensed title"}]},
        ],
    },
}


def _overlay(folder: Path, text: str, **files: Json) -> Path:
    """An overlay folder with one TOML file and FHIR files beside it."""
    folder.mkdir(exist_ok=True)
    (folder / "site.toml").write_text(text, encoding="utf-8")
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def _status(overlay: Path | None, request: Json) -> str:
    """The status of the one order of a call, by the service with an overlay."""
    settings = Settings(ledger="off", overlay=None if overlay is None else str(overlay))
    app = create_app(settings, today=lambda: TODAY)
    status, answer = in_process(app, "/determinations", json.dumps(request).encode())
    assert status == 200
    (found,) = json.loads(answer)["determinations"]
    return str(found["status"])


def _with_visit(code: str, system: str = LOCAL) -> Json:
    """A chart that is complete but for the visit, which carries a code of the site."""
    chart = [r for r in covered_chart() if r["resourceType"] != "Encounter"]
    return sign(chart=[*chart, visit() | {"type": [concept(code, system)]}])


def _faults(overlay: Path) -> list[tuple[str, str, str, str]]:
    with pytest.raises(DataError) as caught:
        load(overlay)
    with pytest.raises(DataError):
        create_app(Settings(overlay=str(overlay)))
    return [(f.file, f.key, f.reason, f.remedy) for f in caught.value.faults]


# ---------------------------------------------------------------------------------- what it extends


def test_a_local_code_counts_as_a_shared_decision_making_visit(tmp_path: Path) -> None:
    text = f'extends = "shared-decision-making"\ncodes = [{{ system = "{LOCAL}", code = "SDM-1" }}]'
    overlay = _overlay(tmp_path / "site", text)
    assert _status(None, _with_visit("SDM-1")) == "conditional"
    assert _status(overlay, _with_visit("SDM-1")) == "covered"
    assert _status(overlay, _with_visit("SDM-2")) == "conditional"
    assert _status(overlay, _with_visit("SDM-1", "https://other.example")) == "conditional"


@pytest.mark.parametrize(
    ("code", "system"),
    [
        ("SDM-CLINIC", LOCAL),
        ("SDM-NESTED", LOCAL),
        ("SDM-COMPOSED", LOCAL),
        ("SDM-SECOND", LOCAL),
        ("1156040003", SNOMED),
    ],
)
def test_the_codes_of_a_fhir_value_set_count(tmp_path: Path, code: str, system: str) -> None:
    text = 'extends = "shared-decision-making"\nfhir = ["expanded.json", "composed.json"]'
    overlay = _overlay(tmp_path / "site", text, expanded=EXPANSION, composed=COMPOSE)
    assert _status(None, _with_visit(code, system)) == "conditional"
    assert _status(overlay, _with_visit(code, system)) == "covered"


def test_a_local_lvef_code_is_read_as_a_reading(tmp_path: Path) -> None:
    text = f'extends = "lvef"\ncodes = [{{ system = "{LOCAL}", code = "EF" }}]'
    overlay = _overlay(tmp_path / "site", text)
    reading = lvef(32) | {"code": concept("EF", LOCAL)}
    chart = [r for r in covered_chart() if r["id"] != "lvef"]
    assert _status(None, sign(chart=[*chart, reading])) == "conditional"
    assert _status(overlay, sign(chart=[*chart, reading])) == "covered"
    high = lvef(60, "high") | {"code": concept("EF", LOCAL)}
    assert _status(overlay, sign(chart=[*chart, high])) == "not-covered"


def test_a_local_infarction_code_opens_the_waiting_period(tmp_path: Path) -> None:
    text = f'extends = "acute-mi"\ncodes = [{{ system = "{LOCAL}", code = "MI" }}]'
    overlay = _overlay(tmp_path / "site", text)
    event = condition("x", "c-mi", code=concept("MI", LOCAL), onsetDateTime="2026-11-10")
    request = sign(chart=[*covered_chart(), event])
    assert _status(None, request) == "covered"
    assert _status(overlay, request) == "not-covered"


def test_words_of_the_site_are_a_hint_and_never_proof(tmp_path: Path) -> None:
    overlay = _overlay(
        tmp_path / "site", 'extends = "shared-decision-making"\nwords = ["option grid"]'
    )
    hint = visit() | {"type": [{"text": "Option Grid used"}]}
    chart = [r for r in covered_chart() if r["resourceType"] != "Encounter"]
    assert _status(overlay, sign(chart=[*chart, hint])) == "conditional"


def test_local_evidence_is_no_claim_code(tmp_path: Path) -> None:
    text = f"""extends = "ischemic-cardiomyopathy-evidence"
codes = [{{ system = "{LOCAL}", code = "ICM" }}]"""
    overlay = _overlay(tmp_path / "site", text)
    event = condition("x", "c-icm", code=concept("ICM", LOCAL))
    chart = [r for r in covered_chart() if r["id"] != "c-ischemic"]
    assert _status(overlay, sign(chart=[*chart, event])) == "conditional"


def test_several_files_add_up_and_a_code_of_the_product_may_be_named_again(tmp_path: Path) -> None:
    folder = _overlay(tmp_path / "site", 'extends = "nyha"\ncodes = []')
    for number in (1, 2):
        text = f'extends = "lvef"\ncodes = [{{ system = "{LOCAL}", code = "EF{number}" }}]'
        (folder / f"{number}.toml").write_text(text, encoding="utf-8")
    again = 'extends = "lvef"\ncodes = [{ system = "http://loinc.org", code = "8806-2" }]'
    (folder / "3.toml").write_text(again, encoding="utf-8")
    (value_set,) = (v for v in load(folder).value_sets if v.id == "lvef")
    codes = [(entry.system, entry.code) for entry in value_set.codes]
    assert {(LOCAL, "EF1"), (LOCAL, "EF2")} <= set(codes)
    assert len(set(codes)) == len(codes)
    (reading,) = (e for e in value_set.codes if e.code == "8806-2")
    assert reading.modality == "echo"
    assert _status(folder, sign(chart=covered_chart())) == "covered"


def test_the_digest_tells_an_overlay_from_none_and_from_another(tmp_path: Path) -> None:
    one = _overlay(tmp_path / "one", 'extends = "lvef"\nfhir = ["v.json"]', v=EXPANSION)
    two = _overlay(tmp_path / "two", 'extends = "lvef"\nfhir = ["v.json"]', v=COMPOSE)
    assert len({load().digest, load(one).digest, load(two).digest}) == 3
    assert load(one).digest == load(one).digest


def test_a_server_reads_its_overlay_from_the_environment(tmp_path: Path) -> None:
    text = f'extends = "shared-decision-making"\ncodes = [{{ system = "{LOCAL}", code = "SDM-1" }}]'
    with running(overlay=str(_overlay(tmp_path / "site", text))) as server:
        assert server.determination(_with_visit("SDM-1"))["status"] == "covered"
        assert server.cards(_with_visit("SDM-1")) == []


def test_other_observations_of_the_site_stay_unread(tmp_path: Path) -> None:
    overlay = _overlay(tmp_path / "site", 'extends = "lvef"\ncodes = []')
    other = observation("x", "o9", code=concept("EF", LOCAL), valueInteger=70)
    assert _status(overlay, sign(chart=[*covered_chart(), other, nyha()])) == "covered"


# ---------------------------------------------------------------------------------- what it may not


@pytest.mark.parametrize(
    "name",
    [
        "b1-diagnoses",
        "b3-diagnoses",
        "b6-diagnoses",
        "heart-failure-partners",
        "transplant-bridge-partners",
        "orders-initial-implant",
        "orders-removal",
        "devices-generator",
        "no-such-set",
    ],
)
def test_the_articles_lists_and_order_codes_cannot_be_extended(tmp_path: Path, name: str) -> None:
    overlay = _overlay(tmp_path / "site", f'extends = "{name}"\ncodes = []')
    ((file, key, reason, remedy),) = _faults(overlay)
    assert (file, key) == ("site.toml", "extends")
    assert name in reason
    assert "cannot be changed" in remedy


BROKEN = {
    "no TOML": 'extends = "lvef',
    "no extends": "codes = []",
    "an unknown key": 'extends = "lvef"\ncode = []',
    "a code without system": 'extends = "lvef"\ncodes = [{ code = "EF" }]',
    "a code that is a number": f'extends = "lvef"\ncodes = [{{ system = "{LOCAL}", code = 7 }}]',
    "an empty code": f'extends = "lvef"\ncodes = [{{ system = "{LOCAL}", code = "" }}]',
    "a file that is not there": 'extends = "lvef"\nfhir = ["no-such.json"]',
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_an_overlay_that_cannot_be_read_refuses_to_start(tmp_path: Path, text: str) -> None:
    faults = _faults(_overlay(tmp_path / "site", text))
    assert len(faults) == 1
    assert faults[0][0] in {"site.toml", "no-such.json"}
    assert all(faults[0])


NO_VALUE_SET: dict[str, Json] = {
    "another resource": {"resourceType": "CodeSystem"},
    "no codes": {"resourceType": "ValueSet"},
    "a filter": {
        "resourceType": "ValueSet",
        "compose": {"include": [{"system": SNOMED, "filter": [{"property": "concept"}]}]},
    },
    "a filter beside listed codes": {
        "resourceType": "ValueSet",
        "compose": {
            "include": [
                {"system": LOCAL, "concept": [{"code": "A"}]},
                {"system": SNOMED, "filter": [{"property": "concept"}]},
            ],
        },
    },
    "an exclusion": {
        "resourceType": "ValueSet",
        "compose": {
            "include": [{"system": LOCAL, "concept": [{"code": "A"}, {"code": "B"}]}],
            "exclude": [{"system": LOCAL, "concept": [{"code": "B"}]}],
        },
    },
    "wrong types": {"resourceType": "ValueSet", "expansion": {"contains": "x"}},
}


@pytest.mark.parametrize("content", NO_VALUE_SET.values(), ids=NO_VALUE_SET)
def test_a_fhir_file_that_does_not_list_its_codes_refuses_to_start(
    tmp_path: Path,
    content: Json,
) -> None:
    text = 'extends = "shared-decision-making"\nfhir = ["v.json"]'
    faults = _faults(_overlay(tmp_path / "site", text, v=content))
    assert [file for file, *_ in faults] == ["v.json"]
    assert all(faults[0])


def test_a_fhir_file_that_is_no_json_refuses_to_start(tmp_path: Path) -> None:
    overlay = _overlay(tmp_path / "site", 'extends = "lvef"\nfhir = ["v.json"]')
    for content in (b"", b"<ValueSet/>", b"[" * 100_000, b"\xff"):
        (overlay / "v.json").write_bytes(content)
        ((file, *_),) = _faults(overlay)
        assert file == "v.json"


def test_an_overlay_that_is_no_folder_refuses_to_start(tmp_path: Path) -> None:
    ((file, key, _, _),) = _faults(tmp_path / "no-such-folder")
    assert file.endswith("no-such-folder")
    assert key == "overlay"


def test_an_overlay_of_text_that_is_not_utf8_refuses_to_start(tmp_path: Path) -> None:
    overlay = _overlay(tmp_path / "site", "")
    (overlay / "site.toml").write_bytes('extends = "lvéf"'.encode("latin-1"))
    ((file, *_),) = _faults(overlay)
    assert file == "site.toml"
