"""The package: reproducible, complete, one version for each url, CPT only where it is said."""

from __future__ import annotations

import hashlib
import importlib
import json
import re
import subprocess
import sys
import tarfile
from datetime import date, timedelta
from io import BytesIO
from typing import TYPE_CHECKING

import msgspec
import pytest

from command_line import ROOT, environment, run
from defib_coverage.terminology.describing import PUBLISHER
from defib_coverage.terminology.package import package_of, resource_file
from publications import (
    BASE,
    CPT_URI,
    VERSIONS,
    catalogue,
    cpt_numbers,
    packed,
    resources_in,
    unpacked,
)

if TYPE_CHECKING:
    from pathlib import Path

EVERY = [
    pytest.param(version, licensed, id=f"{version}{'' if licensed else '-without-cpt'}")
    for version in VERSIONS
    for licensed in (True, False)
]
NOTICE = re.compile(r"CPT © Copyright \d{4} American Medical Association\. All rights reserved\.")
BREAKPOINTS = {
    "2018.2.15": date(2018, 2, 15),
    "2019.10.1": date(2019, 10, 1),
    "2021.10.1": date(2021, 10, 1),
    "2022.10.1": date(2022, 10, 1),
    "2023.1.1": date(2023, 1, 1),
}


def written(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir())}


def publish(folder: Path, *arguments: str, hash_seed: str, zone: str) -> dict[str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "defib_coverage", "publish", *arguments, "-o", str(folder)],
        capture_output=True,
        check=False,
        cwd=ROOT,
        env=environment() | {"PYTHONHASHSEED": hash_seed, "TZ": zone},
    )
    assert done.returncode == 0, done.stderr.decode()
    return written(folder)


@pytest.mark.parametrize("command", ["package --revision R6", "history", "tables", "page"])
def test_twice_gives_the_same_bytes_whatever_the_process(command: str, tmp_path: Path) -> None:
    asked = command.split()
    first = publish(tmp_path / "first", *asked, hash_seed="1", zone="Asia/Tokyo")
    second = publish(tmp_path / "second", *asked, hash_seed="2", zone="America/New_York")
    assert first
    assert first == second


@pytest.mark.parametrize(("version", "licensed"), EVERY)
def test_the_archive_names_no_machine_and_no_hour(version: str, *, licensed: bool) -> None:
    body = packed(version, licensed=licensed).body
    # The flags and the time of the gzip header: no file name, no time.
    assert body[3:8] == b"\0\0\0\0\0"
    with tarfile.open(fileobj=BytesIO(body)) as tar:
        entries = tar.getmembers()
    assert [entry.name for entry in entries][:2] == ["package/package.json", "package/.index.json"]
    for entry in entries:
        assert entry.name.startswith("package/")
        assert entry.isreg()
        assert (entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname, entry.mode) == (
            *(0, 0, 0, "", "", 0o644),
        )


@pytest.mark.parametrize(("version", "licensed"), EVERY)
def test_the_description(version: str, *, licensed: bool) -> None:
    package = packed(version, licensed=licensed)
    files = unpacked(package.body)
    told = json.loads(files["package/package.json"])
    name = "defib-coverage.ncd20-4" + ("" if licensed else ".without-cpt")
    assert package.filename == f"{name}-{version}.tgz"
    assert re.fullmatch(r"([a-z][a-z0-9-]*)(\.[a-z][a-z0-9-]*)+", told["name"])
    assert told | {"date": "", "description": "", "title": ""} == {
        "name": name,
        "version": version,
        "tools-version": 3,
        "type": "Conformance",
        "date": "",
        "license": "not-open-source",
        "canonical": BASE,
        "url": BASE,
        "homepage": BASE,
        "title": "",
        "description": "",
        "fhirVersions": ["4.0.1"],
        "dependencies": {"hl7.fhir.r4.core": "4.0.1"},
        "author": PUBLISHER,
        "maintainers": [{"name": PUBLISHER, "url": BASE}],
        "jurisdiction": "urn:iso:std:iso:3166#US",
        "directories": {"lib": "package"},
        "notForPublication": True,
    }
    assert re.fullmatch(r"20\d{12}", told["date"])
    assert told["title"]
    assert told["description"]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_description_names_the_revisions_of_its_release_only(version: str) -> None:
    release = catalogue().releases.versioned(version)
    assert release is not None
    body = packed(version, licensed=True).body
    texts = [str(json.loads(unpacked(body)["package/package.json"])["description"])]
    texts += [r["description"] for r in resources_in(body).values() if "description" in r]
    named = {name for text in texts for name in re.findall(r"\bR[0-9]\b", text)}
    assert named == {name for name in release.revisions if name != "original"}


def test_a_real_base_is_for_publication() -> None:
    base = "https://terminology.hospital.org/fhir"
    release = catalogue().releases.latest
    resources = catalogue().of(release)
    body = package_of(release, resources, base, licensed=True).body
    told = json.loads(unpacked(body)["package/package.json"])
    assert told["canonical"] == base
    assert "notForPublication" not in told


@pytest.mark.parametrize(("version", "licensed"), EVERY)
def test_the_index_agrees_with_the_files(version: str, *, licensed: bool) -> None:
    package = packed(version, licensed=licensed)
    resources = resources_in(package.body)
    index = json.loads(unpacked(package.body)["package/.index.json"])
    assert index["index-version"] == 2
    assert [row["filename"] for row in index["files"]] == list(resources)
    for row in index["files"]:
        resource = resources[row.pop("filename")]
        assert {"resourceType", "id", "url", "version"} <= row.keys()
        assert row == {name: resource[name] for name in row}
        left_out = {"kind", "type", "supplements", "content", "valueSet", "derivation"} - row.keys()
        assert not [name for name in left_out if isinstance(resource.get(name), str)]


@pytest.mark.parametrize(("version", "licensed"), EVERY)
def test_one_file_a_resource_one_version_a_url(version: str, *, licensed: bool) -> None:
    package = packed(version, licensed=licensed)
    resources = resources_in(package.body)
    assert sum(package.counts.values()) == len(resources)
    assert len({one["url"] for one in resources.values()}) == len(resources)
    for name, one in resources.items():
        assert name == f"{one['resourceType']}-{one['id']}.json"
        assert one["version"] == ("1.0.0" if one["resourceType"] == "CodeSystem" else version)
        assert one["url"].startswith(f"{BASE}/{one['resourceType']}/")


@pytest.mark.parametrize(("version", "licensed"), EVERY)
def test_guide_and_manifest_name_what_is_inside(version: str, *, licensed: bool) -> None:
    resources = resources_in(packed(version, licensed=licensed).body)
    (guide,) = (r for r in resources.values() if r["resourceType"] == "ImplementationGuide")
    (manifest,) = (r for r in resources.values() if r["resourceType"] == "Library")
    named = {r["reference"]["reference"] for r in guide["definition"]["resource"]}
    held = {f"{r['resourceType']}/{r['id']}" for r in resources.values() if r is not guide}
    assert named == held
    parts = [r["resource"] for r in manifest["relatedArtifact"] if r["type"] == "composed-of"]
    assert sorted(parts) == sorted(
        f"{r['url']}|{r['version']}" for r in resources.values() if r not in (guide, manifest)
    )


@pytest.mark.parametrize(("version", "licensed"), EVERY)
def test_every_resource_is_fhir_r4(version: str, *, licensed: bool) -> None:
    for name, text in unpacked(packed(version, licensed=licensed).body).items():
        kind = name.removeprefix("package/").partition("-")[0]
        if name.endswith(".json") and kind[0].isupper():
            model = getattr(importlib.import_module(f"fhir.resources.R4B.{kind.lower()}"), kind)
            model.model_validate_json(text)


def test_two_resources_of_one_url_are_refused() -> None:
    release = catalogue().releases.latest
    resources = catalogue().of(release)
    again = msgspec.structs.replace(resources[0], id="another")
    with pytest.raises(ValueError, match="two resources of one url or id"):
        package_of(release, (*resources, again), BASE, licensed=True)


# --------------------------------------------------------------------------------------------- CPT


def test_there_are_cpt_numbers_to_look_for() -> None:
    assert {"33249", "33270", "92953"} <= cpt_numbers()
    assert all(re.fullmatch(r"\d{5}|\d{4}[TF]", code) for code in cpt_numbers())


@pytest.mark.parametrize("version", VERSIONS)
def test_without_cpt_there_is_no_cpt_code_in_any_file(version: str) -> None:
    looked_for = re.compile(rf"\b(?:{'|'.join(cpt_numbers())})\b")
    for name, text in unpacked(packed(version, licensed=False).body).items():
        assert looked_for.findall(text.decode()) == [], name
        assert CPT_URI not in text.decode(), name


@pytest.mark.parametrize("version", VERSIONS)
def test_without_cpt_the_plan_still_names_the_value_sets(version: str) -> None:
    resources = resources_in(packed(version, licensed=False).body)
    (plan,) = (r for r in resources.values() if r["resourceType"] == "PlanDefinition")
    assert f"{BASE}/ValueSet/orders-initial-implant-cpt|{version}" in json.dumps(plan)
    assert not [name for name in resources if re.fullmatch(r"ValueSet-.*-cpt-.*", name)]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_notice_goes_with_the_codes(version: str) -> None:
    body = packed(version, licensed=True).body
    files, resources = unpacked(body), resources_in(body)
    held = [r for r in resources.values() if f'"{CPT_URI}"' in json.dumps(r)]
    assert held
    assert {r["resourceType"] for r in held} == {"ValueSet"}
    assert all(r["id"].endswith(f"-cpt-{version}") for r in held)
    (guide,) = (r for r in resources.values() if r["resourceType"] == "ImplementationGuide")
    # The codes of a year are published in the year before.
    year = int(version.partition(".")[0]) - 1
    for one in (*held, guide):
        assert NOTICE.match(one["copyright"])
        assert f"Copyright {year}" in one["copyright"]
    for name in ("README.md", "LICENSE"):
        assert NOTICE.search(files[f"package/{name}"].decode())


@pytest.mark.parametrize("version", VERSIONS)
def test_no_word_is_said_of_a_cpt_code(version: str) -> None:
    seen = set()
    for resource in resources_in(packed(version, licensed=True).body).values():
        if resource["resourceType"] != "ValueSet":
            continue
        included = (
            one
            for include in resource["compose"]["include"]
            if include["system"] == CPT_URI
            for one in include["concept"]
        )
        contained = (c for c in resource["expansion"]["contains"] if c["system"] == CPT_URI)
        for one in (*included, *contained):
            seen.add(one["code"])
            assert not {"display", "designation"} & one.keys()
    assert seen == cpt_numbers()


# ------------------------------------------------------------------------------------- the command


@pytest.mark.parametrize("version", VERSIONS)
def test_a_breakpoint_day_and_the_day_before(version: str, tmp_path: Path) -> None:
    day = BREAKPOINTS[version]
    done = run("publish", "package", "--on", day.isoformat(), "-o", tmp_path)
    assert done.returncode == 0, done.stderr
    path = tmp_path / f"defib-coverage.ncd20-4-{version}.tgz"
    assert path.read_bytes() == packed(version, licensed=True).body
    assert f"sha256 {hashlib.sha256(path.read_bytes()).hexdigest()}" in done.stdout
    assert f"{path}: {path.stat().st_size} bytes" in done.stdout
    before = (day - timedelta(days=1)).isoformat()
    done = run("publish", "package", "--on", before, "--without-cpt", "-o", tmp_path)
    place = VERSIONS.index(version)
    if place == 0:
        assert done.returncode == 2
        assert f"--on {before}: nothing is in force before 2018-02-15\n" in done.stderr
    else:
        name = f"defib-coverage.ncd20-4.without-cpt-{VERSIONS[place - 1]}.tgz"
        expected = packed(VERSIONS[place - 1], licensed=False).body
        assert (tmp_path / name).read_bytes() == expected


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("original", "2018.2.15"),
        ("R2", "2019.10.1"),
        ("r3", "2021.10.1"),
        ("R4", "2022.10.1"),
        ("R5", "2022.10.1"),
        ("R6", "2023.1.1"),
        ("2019.10.1", "2019.10.1"),
    ],
)
def test_a_revision_or_a_version_names_a_release(name: str, version: str, tmp_path: Path) -> None:
    done = run("publish", "package", "--revision", name, "-o", tmp_path)
    assert done.returncode == 0, done.stderr
    assert [p.name for p in tmp_path.iterdir()] == [f"defib-coverage.ncd20-4-{version}.tgz"]


def test_today_by_default(tmp_path: Path) -> None:
    done = run("publish", "package", "-o", tmp_path / "new" / "folder")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "new" / "folder" / "defib-coverage.ncd20-4-2023.1.1.tgz").exists()
    assert "set DEFIB_COVERAGE_CANONICAL_BASE" in done.stderr


def test_the_base_comes_from_the_option_or_the_setting(tmp_path: Path) -> None:
    base = "https://terminology.hospital.org/fhir"
    option = run("publish", "package", "--canonical", base, "-o", tmp_path / "option")
    setting = run("publish", "package", "-o", tmp_path / "set", settings={"CANONICAL_BASE": base})
    assert (option.returncode, option.stderr) == (setting.returncode, setting.stderr) == (0, "")
    assert written(tmp_path / "option") == written(tmp_path / "set")
    (path,) = (tmp_path / "option").iterdir()
    for name, text in unpacked(path.read_bytes()).items():
        assert BASE not in text.decode(), name
    assert all(r["url"].startswith(base) for r in resources_in(path.read_bytes()).values())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--on", "2022-01-01", "--revision", "R3"], "give one of them"),
        (["--on", "2022-1-1"], "is no day such as 2026-11-20"),
        (["--on", "yesterday"], "is no day such as 2026-11-20"),
        (["--on", "2018-02-14"], "nothing is in force before 2018-02-15"),
        (["--revision", "R7"], "--revision R7: is none of original, R1, R2, R3, R4, R5, R6"),
        (["--revision", "2022.10.01"], "nor of the versions 2018.2.15, 2019.10.1"),
        (["--revision", ""], "is none of"),
        (["--canonical", "ftp://terminology.example"], "is no http or https URL"),
        (["--canonical", "https://terminology.example/"], "no slash"),
        (["--canonical", ""], "is no http or https URL"),
    ],
)
def test_bad_options_are_told(options: list[str], message: str, tmp_path: Path) -> None:
    done = run("publish", "package", *options, "-o", tmp_path / "out")
    assert done.returncode == 2
    assert message in " ".join(done.stderr.replace("│", " ").split())
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_folder_must_be_named() -> None:
    done = run("publish", "package")
    assert done.returncode == 2
    assert "--output" in done.stderr


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run("publish", "package", "-o", tmp_path / "file")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{tmp_path / 'file'}: cannot be written (File exists)" in done.stderr
    taken = tmp_path / "out" / "defib-coverage.ncd20-4-2023.1.1.tgz"
    taken.mkdir(parents=True)
    done = run("publish", "package", "-o", tmp_path / "out")
    assert (done.returncode, done.stdout) == (2, "")
    assert "cannot be written" in done.stderr
    assert [p.name for p in (tmp_path / "out").iterdir()] == [taken.name]


def test_an_older_file_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / packed("2021.10.1", licensed=True).filename
    path.write_bytes(b"half a fi")
    done = run("publish", "package", "--revision", "R3", "-o", tmp_path)
    assert done.returncode == 0
    assert path.read_bytes() == packed("2021.10.1", licensed=True).body
    assert list(tmp_path.iterdir()) == [path]


def test_a_disk_that_is_full_leaves_the_older_file(tmp_path: Path) -> None:
    path = tmp_path / packed("2021.10.1", licensed=True).filename
    path.write_bytes(b"older")
    command = 'ulimit -f 16; exec "$@"'
    asked = ["publish", "package", "--revision", "R3", "-o", str(tmp_path)]
    done = subprocess.run(
        ["bash", "-c", command, "bash", sys.executable, "-m", "defib_coverage", *asked],
        capture_output=True,
        check=False,
        cwd=ROOT,
        env=environment() | {"PYTHONDONTWRITEBYTECODE": "1"},
        text=True,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{tmp_path}: cannot be written (File too large)" in done.stderr
    assert path.read_bytes() == b"older"
    assert list(tmp_path.iterdir()) == [path]


def test_files_are_named_as_the_specification_says() -> None:
    (first, *_) = catalogue().of(catalogue().releases.latest)
    assert resource_file(first) == f"CodeSystem-{first.id}.json"
    for one in catalogue().resources:
        assert re.fullmatch(r"[A-Za-z0-9.-]{1,64}", one.id or "")
