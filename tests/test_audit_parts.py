"""The parts of the audit's engine by themselves: slices, lines, the cohort, buckets on disk."""

from __future__ import annotations

import gzip
from array import array
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from defib_coverage.audit.cohort import Cohort
from defib_coverage.audit.inputs import TOGETHER, InputFile, Slice, find_files, slices_of, together
from defib_coverage.audit.keeping import Kept, Wanted, bucket_of, keep, kept, size_of
from defib_coverage.audit.lines import LONGEST, Line, read_lines
from defib_coverage.audit.scanning import Place, places_of
from defib_coverage.documents.document import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

HASHES = st.integers(0, 2**32 - 1)
TEXTS = st.lists(
    st.binary(max_size=40).map(lambda b: b.replace(b"\n", b" ").replace(b"\xef", b"")), max_size=12
)


def file_of(path: Path, text: bytes) -> InputFile:
    path.write_bytes(text)
    (found,) = find_files([str(path)], path.parent / "out")
    return found


def lines_in(file: InputFile, pieces: tuple[Slice, ...]) -> Iterator[Line]:
    for piece in pieces:
        yield from read_lines(file, piece)


@given(texts=TEXTS, size=st.integers(1, 60), ended=st.booleans(), crlf=st.booleans())
def test_slices_of_any_size_hold_every_line_once(
    texts: list[bytes], size: int, *, ended: bool, crlf: bool
) -> None:
    ending = b"\r\n" if crlf else b"\n"
    whole = ending.join(texts) + (ending if ended and texts else b"")
    expected = whole.split(b"\n")
    if not expected[-1]:
        expected.pop()
    with TemporaryDirectory() as folder:
        file = file_of(Path(folder) / "a.ndjson", whole)
        found = list(lines_in(file, slices_of([file], size)))
        assert [line.text for line in found] == expected
        with Path(file.path).open("rb") as raw:
            for line in found:
                raw.seek(line.offset)
                assert raw.read(len(line.text)) == line.text


@given(texts=TEXTS, cut=st.integers(1, 80))
def test_a_cut_off_gzip_gives_what_came_before_and_says_so(texts: list[bytes], cut: int) -> None:
    whole = b"".join(text + b"\n" for text in texts)
    packed = gzip.compress(whole)
    with TemporaryDirectory() as folder:
        file = file_of(Path(folder) / "a.ndjson.gz", packed[: max(len(packed) - cut, 12)])
        found = list(lines_in(file, slices_of([file])))
    assert found[-1].number is None
    assert found[-1].fault == "the file ends in the middle of its compressed data"
    texts_found = [line.text for line in found[:-1]]
    assert whole.startswith(b"\n".join(texts_found))


def test_gzip_of_several_members_is_one_text(tmp_path: Path) -> None:
    packed = gzip.compress(b'{"a"') + gzip.compress(b": 1}\n{}\n")
    file = file_of(tmp_path / "a.ndjson.gz", packed)
    assert [line.text for line in lines_in(file, slices_of([file]))] == [b'{"a": 1}', b"{}"]


def test_damaged_gzip_is_told(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(bytes(range(256)) * 100 + b"\n"))
    packed[len(packed) // 2] ^= 0xFF
    file = file_of(tmp_path / "a.ndjson.gz", bytes(packed))
    last = list(lines_in(file, slices_of([file])))[-1]
    assert last.fault == "the compressed data are damaged from here on"


def test_a_line_that_is_too_long_is_told_and_the_next_is_read(tmp_path: Path) -> None:
    long = b"[" + b"1," * (LONGEST // 2) + b"1]"
    file = file_of(tmp_path / "a.ndjson", long + b"\n{}\n" + long)
    found = list(lines_in(file, slices_of([file], 1 << 30)))
    assert [(line.number, line.text, line.fault) for line in found] == [
        (0, b"", "longer than 64 MB"),
        (1, b"{}", None),
        (2, b"", "longer than 64 MB"),
    ]


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path: Path) -> None:
    file = file_of(tmp_path / "a.ndjson", b"\xef\xbb\xbf{}\n\xef\xbb\xbf{}\n")
    assert [line.text for line in lines_in(file, slices_of([file]))] == [b"{}", b"\xef\xbb\xbf{}"]


def test_a_json_file_is_one_document(tmp_path: Path) -> None:
    file = file_of(tmp_path / "a.json", b'{\n "a": 1\n}\n')
    (found,) = lines_in(file, slices_of([file], 4))
    assert found == Line(0, 0, b'{\n "a": 1\n}\n')


@given(members=st.sets(HASHES, max_size=50), others=st.lists(HASHES, max_size=50))
def test_nobody_is_missing_from_a_cohort(members: set[int], others: list[int]) -> None:
    cohort = Cohort()
    cohort.add(members)
    copied = Cohort(bytes(cohort))
    keys = [one << 32 | 7 for one in [*sorted(members), *others]]
    assert all(one in copied for one in members)
    assert copied.find(keys) == [at for at, key in enumerate(keys) if key >> 32 in cohort]


def test_a_cohort_of_few_lets_nearly_nobody_else_in() -> None:
    cohort = Cohort()
    cohort.add(range(0, 2**32, 2**22))
    strangers = range(2**21, 2**32, 2**22)
    assert not any(one in cohort for one in strangers)


@given(
    places=st.lists(st.tuples(HASHES, st.binary(min_size=1, max_size=20)), max_size=30),
    buckets=st.integers(1, 9),
)
def test_buckets_give_back_what_was_kept(places: list[tuple[int, bytes]], buckets: int) -> None:
    text = b"".join(one + b"\n" for _, one in places)
    wanted = []
    offset = 0
    for number, (hash_, one) in enumerate(places):
        wanted.append(Place(hash_, number, offset, len(one)))
        offset += len(one) + 1
    with TemporaryDirectory() as name:
        folder = Path(name)
        file = file_of(folder / "a.ndjson", text)
        whole = Wanted(file, Slice(3, 0, 0, len(text)), wanted)
        keep([whole], buckets, folder / "000003.pages")
        found = [list(kept(bucket, buckets, folder)) for bucket in range(buckets)]
        sizes = [size_of(bucket, buckets, folder) for bucket in range(buckets)]
    expected = [
        [
            Kept(3, number, one)
            for number, (hash_, one) in enumerate(places)
            if bucket_of(hash_, buckets) == bucket
        ]
        for bucket in range(buckets)
    ]
    assert found == expected
    assert sizes == [sum(16 + len(one.text) for one in bucket) for bucket in expected]


def test_what_is_read_is_told_by_its_name(tmp_path: Path) -> None:
    for name in ("b.ndjson", "a/x.ndjson.gz", "c.json", "d.txt", ".e.ndjson", "fetch.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"{}\n")
    for name in ("errors/OperationOutcome.000.ndjson", "out/determinations.ndjson"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"{}\n")
    found = find_files([str(tmp_path)], tmp_path / "out")
    assert [one.name for one in found] == ["a/x.ndjson.gz", "b.ndjson", "c.json"]
    # Its first bytes say whether a file is compressed, not its name.
    assert not any(one.gzip for one in found)


def test_what_audits_wrote_is_not_read(tmp_path: Path) -> None:
    written = ("manifest.json", "determinations.ndjson", "rejects.ndjson", "export/x.ndjson")
    for name in (
        *("a/2025.ndjson", "audits/manifest.json", "b/determinations.ndjson"),
        *(f"audits/2024/{name}" for name in written),
        *(f"audits/2025/work/{name}" for name in ("job.json", "scans/000000.json")),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"{}\n")
    read = ["a/2025.ndjson", "audits/2024/export/x.ndjson", "b/determinations.ndjson"]
    for source in (tmp_path, tmp_path / "*", tmp_path / "**" / "*.*json"):
        found = find_files([str(source)], tmp_path / "out")
        assert {one.path for one in found} == {str(tmp_path / name) for name in read}
    for source in (tmp_path / "audits" / "2025", tmp_path / "audits" / "2024" / "rejects.ndjson"):
        with pytest.raises(InputError, match="beside what audits wrote"):
            find_files([str(source)], tmp_path / "out")


def test_the_same_file_by_two_names_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_bytes(b"{}\n")
    found = find_files([str(tmp_path), str(tmp_path / "*.ndjson")], tmp_path / "out")
    assert [one.name for one in found] == ["a.ndjson"]


def test_files_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.ndjson").write_bytes(b"{}\n")
    found = find_files([str(tmp_path / "one"), str(tmp_path / "two")], tmp_path / "out")
    assert [one.name for one in found] == [one.path for one in found]


def test_files_of_another_storage_are_listed_and_read(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.ndjson").write_bytes(b"{}\n[]\n")
    (found,) = find_files([f"file://{tmp_path}"], tmp_path / "out")
    assert (found.name, found.size) == ("a/x.ndjson", 6)
    pieces = slices_of([found], 3)
    assert [line.text for line in lines_in(found, pieces)] == [b"{}", b"[]"]


@pytest.mark.parametrize("source", ["nothing", "file:///nowhere/at/all", "unknown://x/y"])
def test_a_source_that_names_nothing_is_refused(tmp_path: Path, source: str) -> None:
    with pytest.raises(InputError, match=source):
        find_files([source], tmp_path / "out")


def test_places_are_read_in_blocks_of_any_length(tmp_path: Path) -> None:

    cohort = Cohort()
    cohort.add([5 << 20])
    count = 70_000
    rows = array("Q")
    for number in range(count):
        rows.extend(((5 << 20 if number % 1000 == 0 else 9 << 22) << 32 | 3, number * 4, number))
    path = tmp_path / "places"
    path.write_bytes(rows.tobytes())
    found = list(places_of(path, cohort))
    assert found == [Place(5 << 20, n, n * 4, 3) for n in range(0, count, 1000)]


@given(st.lists(st.integers(0, TOGETHER + 9), max_size=40))
def test_small_files_are_kept_together(sizes: list[int]) -> None:
    found = list(together(sizes))
    assert [place for one in found for place in one] == list(range(len(sizes)))
    # None but the last is small, and none is larger than a small one and a large one.
    weights = [sum(sizes[place] for place in one) for one in found]
    assert all(weight >= TOGETHER for weight in weights[:-1])
    assert all(weight < 2 * TOGETHER + 9 for weight in weights)


def test_lines_of_one_number_in_two_slices_are_both_kept(tmp_path: Path) -> None:
    wanted = []
    for number, text in enumerate((b"{}", b"[]")):
        file = file_of(tmp_path / f"{number}.ndjson", text)
        wanted.append(Wanted(file, Slice(number, number, 0, 2), [Place(5, 0, 0, 2)]))
    keep(wanted, 1, tmp_path / "000000.pages")
    assert list(kept(0, 1, tmp_path)) == [Kept(0, 0, b"{}"), Kept(1, 0, b"[]")]
