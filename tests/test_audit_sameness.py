"""The same records give the same rows, wherever they stand and whoever reads them."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_bundles import write_bundles, write_calls
from audit_exports import write
from audit_odd_lines import noise_of
from audit_performed import same_orders
from audit_population import (
    Charted,
    as_uuid,
    charted,
    expected_of,
    first_vignettes,
    merged,
    population,
)
from audit_runs import WRITTEN, Quiet, audited, differences, outcome_of, run_here
from audit_shapes import Shape
from defib_coverage.audit.tasks import BUCKET
from defib_coverage.documents.document import InputError
from fhir_builders import (
    b3_chart,
    b4_chart,
    concept,
    condition,
    device,
    lvef,
    medication,
    order,
    payer,
    practitioner,
    procedure,
    visit,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fhir_builders import Json
    from live_server import Live

pytest_plugins = ("live_server",)
# All that says where a record stands, and in which spelling; not what it says.
SHAPES = st.builds(
    Shape,
    name=st.just("any"),
    seed=st.integers(0, 2**32),
    layout=st.sampled_from(["types", "mixed", "folders"]),
    parts=st.integers(1, 4),
    packing=st.sampled_from(["plain", "plain", "gzip", "members", "various"]),
    newline=st.sampled_from([b"\n", b"\r\n"]),
    bom=st.booleans(),
    last_newline=st.booleans(),
    blank=st.booleans(),
)


def conflicting() -> list[Charted]:
    """Records of which there are two states, and nothing says which is the newer one."""
    twins = [
        condition("I21.4", "2026-11-10", id="twin"),
        condition("I25.2", "2019-03-01", id="twin"),
        lvef(20, "2026-11-01", id="reading"),
        lvef(55, "2026-11-01", id="reading"),
    ]
    devices = [device() | {"id": "one"}, device() | {"id": "two", "status": "inactive"}]
    implants = [procedure("33249", day) for day in ("2015-01-08", "2024-02-29", "2026-11-20")]
    return [
        charted("twins", order(), *b3_chart(), *twins),
        charted("twin-orders", order(), order("33240"), *b3_chart()),
        charted("devices", *devices, *implants, *b3_chart()),
    ]


@pytest.fixture(scope="module")
def charts() -> list[Charted]:
    some = first_vignettes()
    half = len(some) // 2
    return [*some, *merged(some[:half], some[half : 2 * half]), *conflicting()]


def rows_of(folder: Path, size: int) -> list[Json]:
    """The rows of an export in slices of so many bytes, without where their orders stand."""
    run_here(folder / "export", folder / "out", size)
    return list(without_places(folder / "out"))


def without_places(out: Path) -> Iterator[Json]:
    for row in outcome_of(out).rows:
        del row["audit"]["file"], row["audit"]["line"]
        yield row


@pytest.fixture(scope="module")
def rows(charts: list[Charted], tmp_path_factory: pytest.TempPathFactory) -> list[Json]:
    folder = tmp_path_factory.mktemp("sameness")
    write(folder / "export", charts, Shape(name="plain", shuffled=False))
    return rows_of(folder, 1 << 26)


@settings(max_examples=12)
@given(shape=SHAPES, size=st.sampled_from([257, 1_000, 4_096, 50_000, 1 << 26]))
def test_order_of_lines_files_and_slices_changes_nothing(
    shape: Shape, size: int, charts: list[Charted], rows: list[Json]
) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / "export", charts, shape)
        assert rows_of(folder, size) == rows


def padded(one: Charted, letters: int) -> Charted:
    """A chart whose every record says much that nobody reads."""
    orders, resources = (
        tuple(
            r | {"text": {"status": "additional", "div": noise_of(n) * (letters // 800)}}
            for n, r in enumerate(records)
        )
        for records in (one.orders, one.resources)
    )
    return Charted(one.patient, orders, resources)


def test_patients_in_several_buckets_are_judged_the_same(
    charts: list[Charted], rows: list[Json], tmp_path: Path
) -> None:
    """Some patients have more than is brought together at a time; all have more than one bucket."""
    large = [padded(one, 2_400_000 if n < 2 else 40_000) for n, one in enumerate(charts)]
    write(tmp_path / "export", large, Shape(name="large", parts=2))
    size = sum(path.stat().st_size for path in (tmp_path / "export").glob("*.ndjson"))
    assert size > 4 * BUCKET
    assert rows_of(tmp_path, 1 << 22) == rows


def same_hash() -> tuple[str, str]:
    """The ids of two patients whom the audit's hash does not tell apart."""
    known: dict[int, str] = {}
    for number in range(1 << 20):
        identity = sha256(str(number).encode()).hexdigest()[:16]
        other = known.setdefault(crc32(f"Patient/{identity}".encode()), identity)
        if other != identity:
            return other, identity
    raise AssertionError


def test_patients_of_one_hash_are_two_patients(tmp_path: Path) -> None:
    one, other = same_hash()
    infarction = condition("I21.4", "2026-11-10")
    both = [charted(one, order(), *b3_chart()), charted(other, order(), infarction, *b3_chart())]
    for n, pair in enumerate([both, [both[0], Charted(other, (), both[1].resources)]]):
        write(tmp_path / str(n) / "export", pair, Shape(name="hash", layout="mixed"))
        run_here(tmp_path / str(n) / "export", tmp_path / str(n) / "out")
    found, alone = (outcome_of(tmp_path / str(n) / "out") for n in (0, 1))
    assert {row["patient"]: row["status"] for row in found.rows} == {
        f"Patient/{one}": "covered",
        f"Patient/{other}": "not-covered",
    }
    assert [row["status"] for row in alone.rows] == ["covered"]
    assert alone.counts["withoutOrders"] == len(both[1].resources)


def pointing() -> list[Charted]:
    """Charts whose records say by others who held a visit, what a drug is, and who pays."""
    nurse, doctor = (practitioner("dr", profession) for profession in ("RN", "MD"))
    role = {
        "resourceType": "PractitionerRole",
        "id": "role",
        "practitioner": {"reference": "Practitioner/dr"},
        "code": [concept("NP", "v2-0360")],
    }
    drug = {"resourceType": "Medication", "id": "drug", "code": concept("20352", "rxnorm")}
    given = medication("x", "2026-01-15", medicationReference={"reference": "Medication/drug"})
    del given["medicationCodeableConcept"]
    insurer = {"resourceType": "Organization", "id": "insurer", "name": "Medicare"}
    covered = payer("x", payor=[{"reference": "Organization/insurer"}])
    del covered["type"]
    rest = [one for one in b3_chart() if one["resourceType"] != "Encounter"]

    def held(by: str) -> Json:
        return visit(profession=None, participant=[{"individual": {"reference": by}}])

    return [
        charted("by-doctor", order(), *rest, held("Practitioner/dr"), doctor),
        charted("by-nurse", order(), *rest, held("Practitioner/dr"), nurse),
        charted("by-role", order(), *rest, held("Practitioner/dr"), nurse, role),
        charted("by-role-alone", order(), *rest, held("PractitionerRole/role"), role),
        charted("by-nobody", order(), *rest, held("Practitioner/unknown")),
        charted("drug", order(), *b4_chart()[:-2], given, drug),
        charted("insurer", order(), *b3_chart(), covered, insurer),
        charted("other-insurer", order(), *b3_chart(), covered, insurer | {"name": "Acme Health"}),
        charted("no-insurer", order(), *b3_chart(), covered),
    ]


@pytest.mark.parametrize("size", [300, 1 << 26])
def test_records_of_many_patients_are_found_wherever_they_stand(
    size: int, live: Live, tmp_path: Path
) -> None:
    charts = pointing()
    expected = expected_of(charts, live)
    assert len({json.dumps(one["findings"]) for one in expected.values()}) > 4
    write(tmp_path / "export", charts, Shape(name="pointing", seed=3, references="various"))
    outcome = run_here(tmp_path / "export", tmp_path / "out", size)
    assert differences(outcome.requested, expected) == {}


class Meddler(Quiet):
    """Writes to a file while it is read: once whose the lines are is known."""

    def __init__(self, path: Path, text: bytes) -> None:
        self._path = path
        self._text = text

    def stage(self, name: str, total: int, unit: str) -> None:  # noqa: ARG002
        if name == "Sorting":
            self._path.write_bytes(self._text)


@pytest.mark.parametrize("text", [b"", b"{}\n" * 100_000, b"x" * 300_000])
def test_file_that_is_written_to_while_it_is_read_is_refused(
    text: bytes, charts: list[Charted], tmp_path: Path
) -> None:
    write(tmp_path / "export", charts, Shape(name="plain"))
    meddler = Meddler(tmp_path / "export" / "Condition.000.ndjson", text)
    with pytest.raises(InputError, match="was changed while it was read") as refused:
        run_here(tmp_path / "export", tmp_path / "out", progress=meddler)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_both_engines_write_the_same_bytes(live: Live, tmp_path: Path) -> None:
    """Records, Bundles and hook calls in one input: what is decided is what the service says."""
    everyone, in_bundles = population(), population(as_uuid)
    third = len(everyone) // 3
    source = tmp_path / "input"
    write(source / "records", everyone[:third], Shape(name="records", parts=2, layout="mixed"))
    write_bundles(source / "bundles", in_bundles[third : 2 * third], "transaction", 5)
    write_calls(source / "calls", everyone[2 * third :])
    outcome = audited(source, tmp_path / "embedded")
    spark = audited(source, tmp_path / "spark", "--master", "local[2]", engine="spark")
    for name in WRITTEN:
        found = (tmp_path / "spark" / name).read_bytes()
        assert found == (tmp_path / "embedded" / name).read_bytes(), name
    different = {"engine", "started", "finished"}
    assert {k for k, v in spark.manifest.items() if outcome.manifest[k] != v} <= different
    charts = [*everyone[:third], *in_bundles[third : 2 * third], *everyone[2 * third :]]
    assert differences(outcome.requested, same_orders(expected_of(charts, live))) == {}
