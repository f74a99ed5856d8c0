"""Lines and files of an export that cannot be read, or are hard to: each with its fate.

They belong to patients without an order of ours (or to nobody at all), so that no determination
may change by them; ``odd_lines`` makes the same ones for a patient of choice.

PYTEST_DONT_REWRITE: nothing here asserts.
"""

from __future__ import annotations

import gzip
import json
import random
import zlib
from typing import Literal, NamedTuple

# What becomes of a line: a patient's record, shared by many, of a type that no rule reads, about no
# patient; not usable; nothing at all.
Fate = Literal["record", "shared", "unread", "nobody", "rejected", "blank"]

_DEEP = 100_000
LONG = 20 << 20
# What an audit holds of one line.
LONGEST = 64 << 20


class Odd(NamedTuple):
    """An odd line: its name, its text, its fate, and words of the reason where it is rejected."""

    kind: str
    text: bytes
    fate: Fate
    reason: str = ""
    resource_type: str = "Condition"


class OddFile(NamedTuple):
    """A file that is odd as a whole: its bytes, and what must be told of it.

    ``fates`` are those of the lines that can be made out; ``reason`` are words of why the rest
    cannot.
    """

    name: str
    body: bytes
    fates: tuple[Fate, ...]
    reason: str = ""


def condition(patient: str = "Patient/odd", **more: object) -> bytes:
    """A Condition that decides much where it counts: an infarction a fortnight ago."""
    return json.dumps(
        {
            "resourceType": "Condition",
            "id": "odd",
            "subject": {"reference": patient},
            "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "I21.4"}]},
            "onsetDateTime": "2026-11-06",
            **more,
        }
    ).encode()


def odd_lines(patient: str = "Patient/odd") -> tuple[Odd, ...]:
    """One line of each kind."""
    return (*not_json(patient), *no_resources(patient), *_whose(patient), *hard(patient))


def not_json(patient: str = "Patient/odd") -> tuple[Odd, ...]:
    """What is no JSON of a single value, whoever's it was meant to be."""
    whole = condition(patient, note=[{"text": "NOTE"}])

    def noted(text: bytes) -> bytes:
        return whole.replace(b"NOTE", text)

    def valued(text: bytes) -> bytes:
        return whole.replace(b'"NOTE"', text)

    return (
        Odd("Latin-1", noted(b"caf\xe9"), "rejected", "UTF-8"),
        Odd("half a letter", noted(b"\xe2\x82"), "rejected", "UTF-8"),
        Odd("overlong NUL", noted(b"\xc0\x80"), "rejected", "UTF-8"),
        Odd("surrogate as bytes", noted(b"\xed\xa0\x80"), "rejected", "UTF-8"),
        Odd("UTF-16", whole.decode().encode("utf-16-le").replace(b"\n", b""), "rejected"),
        Odd("cut off", whole[: len(whole) // 2], "rejected", "cut off"),
        Odd("cut off after a backslash", whole[:20] + b"\\", "rejected", "cut off"),
        Odd("without its beginning", whole[len(whole) // 2 :], "rejected", "no JSON"),
        Odd("two resources", whole + whole, "rejected"),
        Odd("comma behind it", whole + b",", "rejected"),
        Odd("words", b"ERROR: export failed, see log", "rejected", "no JSON"),
        Odd("comment", b"// " + whole, "rejected", "no JSON"),
        Odd("single quotes", whole.replace(b'"', b"'"), "rejected", "no JSON"),
        Odd("NaN", valued(b"NaN"), "rejected", "no JSON"),
        Odd("Infinity", valued(b"-Infinity"), "rejected", "no JSON"),
        Odd("leading zero", valued(b"0123"), "rejected", "no JSON"),
        Odd("control character", noted(b"\x01"), "rejected"),
        Odd("NUL", noted(b"\0"), "rejected"),
        Odd("only NULs", b"\0" * 512, "rejected"),
        Odd("deep list", valued(b"[" * _DEEP + b"]" * _DEEP), "rejected", "deep"),
        Odd("deep object", valued(b'{"x":' * _DEEP + b"1" + b"}" * _DEEP), "rejected", "deep"),
        Odd("deep and open", valued(b"[" * _DEEP), "rejected"),
    )


def no_resources(patient: str = "Patient/odd") -> tuple[Odd, ...]:
    """JSON that is no resource of R4."""
    whole = condition(patient)
    kind = b'"resourceType": "Condition", '

    def typed(text: bytes) -> bytes:
        return whole.replace(b'"Condition"', text)

    return (
        Odd("list", b"[" + whole + b"]", "rejected", "list"),
        Odd("empty list", b"[]", "rejected", "list"),
        Odd("text", b'"Condition"', "rejected", "value"),
        Odd("number", b"33249", "rejected", "value"),
        Odd("null", b"null", "rejected", "value"),
        Odd("true", b"true", "rejected", "value"),
        Odd("empty object", b"{}", "rejected", "resourceType"),
        Odd("no resourceType", whole.replace(kind, b""), "rejected", "resourceType"),
        Odd("resourceType null", typed(b"null"), "rejected", "resourceType"),
        Odd("resourceType a number", typed(b"4"), "rejected", "resourceType"),
        Odd("unknown resourceType", typed(b'"Diagnosis"'), "rejected", "resource type"),
        Odd("type in small letters", typed(b'"condition"'), "rejected", "resource type"),
        Odd("type of R5", typed(b'"Transport"'), "rejected", "resource type"),
    )


def _whose(patient: str) -> tuple[Odd, ...]:
    """Records whose patient is told oddly, or not at all."""
    whole = condition(patient)
    subject = json.dumps({"reference": patient}).encode()

    def of(text: bytes) -> bytes:
        return whole.replace(subject, text)

    contained = b'{"reference": "#p"}, "contained": [{"resourceType": "Patient", "id": "p"}]'
    identifier = b'{"identifier": {"system": "urn:example:mrn", "value": "4711"}}'
    return (
        Odd("no subject", whole.replace(b'"subject": ' + subject + b", ", b""), "rejected"),
        Odd("subject null", of(b"null"), "rejected"),
        Odd("subject empty", of(b"{}"), "rejected"),
        Odd("subject a text", of(b'"Patient/odd"'), "rejected"),
        Odd("reference a number", of(b'{"reference": 4711}'), "rejected"),
        Odd("reference empty", of(b'{"reference": ""}'), "rejected", "identifier"),
        Odd("no id in it", of(b'{"reference": "Patient/"}'), "rejected", "id"),
        Odd("blank in its id", of(b'{"reference": "Patient/4 7"}'), "rejected", "id"),
        Odd("search for it", of(b'{"reference": "Patient?identifier=x|4"}'), "rejected", "search"),
        Odd("identifier only", of(identifier), "rejected", "identifier"),
        Odd("name only", of(b'{"display": "Doe, Jane"}'), "rejected", "name"),
        Odd("patient inside", of(contained), "rejected", "inside"),
        Odd("group", of(b'{"reference": "Group/clinic"}'), "nobody"),
        Odd("other kind", of(b'{"reference": "https://x.example/r4/Location/1"}'), "nobody"),
    )


def hard(patient: str = "Patient/odd") -> tuple[Odd, ...]:
    """Records that can be used, odd as they are."""
    whole = condition(patient, note=[{"text": "NOTE"}])
    device = b'{"resourceType": "Device", "id": "shelf", "status": "active"}'
    task = b'{"resourceType": "Task", "id": "t", "for": {"reference": "Patient/odd"}}'
    digits = b"9" * 5000
    separators = "\u2028\u2029\u0085\u00a0\ufeff".encode()

    def noted(text: bytes) -> bytes:
        return whole.replace(b"NOTE", text)

    def valued(text: bytes) -> bytes:
        return whole.replace(b'"NOTE"', text)

    return (
        Odd("20 MB", noted(b"x" * LONG), "record"),
        Odd("line ends of Unicode", noted(separators), "record"),
        Odd("5,000 digits", valued(digits), "record"),
        Odd("5,000 decimals", valued(b"0." + digits), "record"),
        Odd("1e400", valued(b"1e400"), "record"),
        Odd("lone surrogate", noted(b"\\ud800"), "rejected", "surrogate"),
        Odd("escaped NUL", noted(b"\\u0000"), "record"),
        Odd("deep enough", valued(b"[" * 100 + b"]" * 100), "record"),
        Odd("same member twice", whole[:-1] + b', "onsetDateTime": "2026-11-06"}', "record"),
        Odd("no id", whole.replace(b'"id": "odd", ', b""), "record"),
        Odd("odd id", whole.replace(b'"id": "odd"', b'"id": "a b/c"'), "record"),
        Odd("id a number", whole.replace(b'"id": "odd"', b'"id": 4711'), "record"),
        Odd("meta a text", condition(patient, meta="2026"), "record"),
        Odd("version a number", condition(patient, meta={"lastUpdated": 2026}), "record"),
        Odd("member deleted", condition(patient, deleted=True), "record"),
        Odd("code a number", condition(patient, code=5), "record"),
        Odd("codings an object", condition(patient, code={"coding": {"code": "I21.4"}}), "record"),
        Odd("date a number", condition(patient, onsetDateTime=20261106), "record"),
        Odd("shelf", device, "shared", resource_type="Device"),
        Odd("unread type", task, "unread", resource_type="Task"),
    )


def odd_files() -> tuple[OddFile, ...]:
    """One file of each kind, with lines of a patient without any order."""
    texts = [
        condition("Patient/odd-one", id=f"odd-{n}", note=[{"text": noise_of(n)}])
        for n in range(300)
    ]
    lines = b"".join(text + b"\n" for text in texts)
    packed = gzip.compress(lines, mtime=0)
    half = packed[: len(packed) // 2]
    # What any reader can still make out, and a line that breaks off.
    whole = zlib.decompressobj(wbits=31).decompress(half).count(b"\n")
    ten = b"".join(lines.splitlines(keepends=True)[:10])
    good: tuple[Fate, ...] = ("record",) * 10
    array = b"[\n" + texts[0] + b",\n" + texts[1] + b"\n]\n"
    cut: tuple[Fate, ...] = (*good[:1] * whole, "rejected")
    return (
        OddFile("cut.ndjson.gz", half, cut, "ends in the middle"),
        OddFile("header.ndjson.gz", packed[:2], (), "ends in the middle"),
        OddFile("more.ndjson.gz", gzip.compress(ten) + b"more", good, "damaged"),
        OddFile("padded.ndjson.gz", gzip.compress(ten) + b"\0" * 512, good),
        OddFile("plain.ndjson.gz", ten, good),
        OddFile("packed.ndjson", gzip.compress(ten), good),
        OddFile("words.ndjson.gz", b"502 Bad Gateway\n\n", ("rejected", "blank")),
        OddFile(
            "zip.ndjson.gz", b"PK\x03\x04\x14\0\0\0\x08\0" + bytes(range(11, 99)), ("rejected",)
        ),
        OddFile("array.ndjson", array, ("rejected", "rejected", "record", "rejected")),
        OddFile("carriage.ndjson", ten.replace(b"\n", b"\r"), ("rejected",)),
        OddFile("nothing.ndjson", b"", ()),
        OddFile("nothing.ndjson.gz", b"", ()),
        OddFile("packed-nothing.ndjson.gz", gzip.compress(b""), ()),
        OddFile("blank.ndjson", b"\n \r\n\t\n", ("blank",) * 3),
        OddFile("mark.ndjson", b"\xef\xbb\xbf", ("blank",)),
    )


def noise_of(seed: int) -> str:
    """Text that packs badly."""
    return random.Random(seed).randbytes(400).hex()  # noqa: S311 - seeded, not secret


ODD = odd_lines()
FILES = odd_files()
# What lies beside an export and is no part of it.
NOT_READ = {
    "README.txt": b"exported on Friday",
    ".hidden.ndjson": condition(),
    "Condition.ndjson.part": condition(),
    "errors/1.ndjson": b'{"resourceType": "OperationOutcome", "issue": []}',
}
