"""Faults in the product's own data refuse to start and name file, key, reason and remedy."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from defib_coverage.content import data_root, load, load_version
from defib_coverage.errors import DataError, SettingsError
from defib_coverage.settings import Settings, read_settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from defib_coverage.errors import Fault

POLICY = "policies/ncd-20.4/2018-02-15.toml"
CARDS = "cards/ncd-20.4.toml"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of the data, to break."""
    for folder in ("policies", "valuesets", "cards"):
        shutil.copytree(data_root() / folder, tmp_path / folder)
    return tmp_path


def _faults(root: Path) -> tuple[Fault, ...]:
    with pytest.raises(DataError) as caught:
        load(root=root)
    faults = caught.value.faults
    assert faults
    for fault in faults:
        assert fault.file
        assert fault.key
        assert fault.reason
        assert fault.remedy
        assert str(fault) in str(caught.value)
    return faults


def _break(root: Path, file: str, old: str, new: str) -> tuple[Fault, ...]:
    """Replace the first place of a text in a file, and load."""
    path = root / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return _faults(root)


def _about(faults: tuple[Fault, ...], file: str, key: str) -> Fault:
    """The fault of a file and key, among any others that follow from it."""
    name = file.rpartition("/")[2]
    found = [f for f in faults if f.file.endswith(name) and key in f.key]
    assert found, [str(f) for f in faults]
    return found[0]


def test_the_data_as_shipped_load(root: Path) -> None:
    assert load(root=root).digest == load().digest


# ---------------------------------------------------------------------------------- the policy file

UNUSED = """[criteria.unused]
kind = "judgement"
label = "x"
cite = "P-B5"
if_not_documented = "clear"
needs = []

"""
POLICY_FAULTS = {
    "an unknown key at the top": (
        'title = "Implantable',
        'titel = "x"\ntitle = "Implantable',
        "-",
        "title",
    ),
    "an unknown key of a criterion": (
        'modality_procedures = "lvef-modality"',
        'modality_procedure = "lvef-modality"',
        "criteria.lvef-30",
        "modality_procedures",
    ),
    "an unknown key of an order class": (
        "diagnosis_support = true",
        "diagnosis_suport = true",
        "orders.",
        "diagnosis_support",
    ),
    "an unknown kind of criterion": (
        'kind = "judgement"',
        'kind = "judgment"',
        "criteria.severe-dilated",
        "",
    ),
    "an unknown value set": (
        'partners = "heart-failure-partners"',
        'partners = "heart-failure-partner"',
        "criteria.b2-pairing.partners",
        "heart-failure-partners",
    ),
    "an unknown criterion": (
        '"lvef-30", "nyha-not-iv"',
        '"lvef-31", "nyha-not-iv"',
        "indications.B2.all_of",
        "lvef-3",
    ),
    "an unknown indication": (
        'indications = ["B1", "B2"',
        'indications = ["B1", "B9"',
        "orders.initial-implant.indications",
        "",
    ),
    "an unknown paragraph": (
        'cite = "P-B2-CODES"',
        'cite = "P-B2-KODES"',
        "cite",
        "P-B2-CODES",
    ),
    "an unknown finding": (
        'finding = "revasc-candidate-suspected"',
        'finding = "revasc-candidate-suspect"',
        "criteria.no-revascularisation-candidate.finding",
        "revasc-candidate-suspected",
    ),
    "an unknown event": (
        'event = "CABG"',
        'event = "CABGS"',
        "criteria.no-recent-cabg",
        "",
    ),
    "a wrong date": ("effective = 2018-02-15", 'effective = "February"', "effective", ""),
    "a bad length": ('within = "2 days"', 'within = "2 weeks"', "within", ""),
    "a length of nothing": ('at_least = "3 months"', 'at_least = "0 months"', "at_least", ""),
    "a bad percentage": ('at_most = "30 %"', 'at_most = "30"', "criteria.lvef-30.at_most", ""),
    "a class that does not exist": ("allowed = [2, 3]", "allowed = [2, 5]", "allowed", ""),
    "a number in quotes": ("rank = 2", 'rank = "2"', "indications.B1.rank", ""),
    "a criterion that nothing uses": (
        "[criteria.high-risk]",
        UNUSED + "[criteria.high-risk]",
        "criteria.unused",
        "",
    ),
    "an unknown word for silence": (
        'if_not_documented = "clear"',
        'if_not_documented = "cleared"',
        "if_not_documented",
        "",
    ),
    "an unknown need": ('needs = ["conditions"]', 'needs = ["condition"]', "needs", ""),
    "an order class without rule": (
        "[orders.revision]\ndiagnosis_support = true\n",
        "",
        "orders.revision",
        "",
    ),
}


@pytest.mark.parametrize("name", POLICY_FAULTS)
def test_a_fault_of_the_policy_names_file_key_and_remedy(root: Path, name: str) -> None:
    old, new, key, remedy = POLICY_FAULTS[name]
    fault = _about(_break(root, POLICY, old, new), POLICY, key)
    assert remedy in fault.remedy


def test_a_policy_file_must_bear_the_name_of_its_first_day(root: Path) -> None:
    (root / POLICY).rename(root / "policies/ncd-20.4/2018-02-16.toml")
    fault = _about(_faults(root), "2018-02-16.toml", "effective")
    assert "2018-02-15" in fault.reason


def test_two_versions_of_one_day_are_refused(root: Path) -> None:
    shutil.copy(root / POLICY, root / "policies/ncd-20.4/2018-02-15b.toml")
    assert _about(_faults(root), "2018-02-15b.toml", "effective")


def test_a_version_of_another_policy_is_refused(root: Path) -> None:
    faults = _break(root, POLICY, 'id = "ncd-20.4"', 'id = "ncd-20.5"')
    assert faults


def test_a_draft_version_is_checked_by_itself(root: Path) -> None:
    path = root / POLICY
    path.write_text(
        path.read_text(encoding="utf-8").replace('at_most = "30 %"', 'at_most = "thirty"'),
        encoding="utf-8",
    )
    with pytest.raises(DataError) as caught:
        load_version(path, load())
    assert _about(caught.value.faults, POLICY, "criteria.lvef-30.at_most")


# ----------------------------------------------------------------------------------- the value sets

IMPLANT = '{ system = "cpt", code = "33249",'
LVEF = '{ system = "loinc", code = "8806-2",'
VALUE_SET_FAULTS = {
    "an unknown key": ("lvef", 'title = "LVEF', 'titles = "x"\ntitle = "LVEF', "-", "title"),
    "an unknown key of a code": (
        "lvef",
        'modality = "echo"',
        'modalty = "echo"',
        "codes",
        "modality",
    ),
    "an unknown system": ("lvef", LVEF, LVEF.replace("loinc", "loincs"), "8806-2", "loinc"),
    "a duplicate code": ("lvef", LVEF, LVEF + ' label = "x" },\n' + LVEF, "8806-2", "Remove"),
    "a code without its dot": ("old-mi", '"I25.2"', '"I252"', "I252", "published"),
    "a display of CPT": (
        "orders-initial-implant",
        IMPLANT,
        IMPLANT + ' display = "x",',
        "33249",
        "own words",
    ),
    "a display of LOINC": ("lvef", LVEF, LVEF + ' display = "x",', "8806-2", "own words"),
    "a display of SNOMED CT": (
        "lvef",
        'code = "250908004",',
        'code = "250908004", display = "x",',
        "250908004",
        "own words",
    ),
    "a wrong date": (
        "orders-initial-implant",
        "from = 2018-02-15",
        'from = "yesterday"',
        "codes",
        "",
    ),
    "a code to be looked up that is not known": (
        "ambulance-defibrillation",
        'see_also = ["A0382"]',
        'see_also = ["A0383"]',
        "A0384",
        "Did you mean",
    ),
    "days the wrong way round": (
        "orders-initial-implant",
        "from = 2018-02-15",
        "from = 2018-02-15, until = 2018-02-14",
        "33249",
        "",
    ),
    "an id that is not the file's name": ("lvef", 'id = "lvef"', 'id = "lvefs"', "id", ""),
    "an unknown role": ("lvef", 'role = "evidence"', 'role = "evidenz"', "role", ""),
    "an order class on a set that has none": (
        "lvef",
        'role = "evidence"',
        'role = "evidence"\norder_class = "removal"',
        "order_class",
        "",
    ),
    "an order set without class": (
        "orders-removal",
        'order_class = "removal"\n',
        "",
        "order_class",
        "",
    ),
    "a code that is a number": ("lvef", 'code = "8806-2"', "code = 8806", "codes", ""),
}


@pytest.mark.parametrize("name", VALUE_SET_FAULTS)
def test_a_fault_of_a_value_set_names_file_key_and_remedy(root: Path, name: str) -> None:
    value_set, old, new, key, remedy = VALUE_SET_FAULTS[name]
    file = f"valuesets/{value_set}.toml"
    fault = _about(_break(root, file, old, new), file, key)
    assert remedy in fault.remedy


def test_a_pattern_that_is_no_regular_expression_is_refused(root: Path) -> None:
    path = root / "valuesets/lvef.toml"
    text = path.read_text(encoding="utf-8")
    rule = '\npatterns = [{ system = "icd10pcs", pattern = "0JH6([0", label = "x" }]\n'
    path.write_text(text + rule, encoding="utf-8")
    assert _about(_faults(root), "lvef.toml", "patterns")


def test_an_empty_value_set_is_refused(root: Path) -> None:
    path = root / "valuesets/lvef.toml"
    head = path.read_text(encoding="utf-8").partition("codes = [")[0]
    path.write_text(head, encoding="utf-8")
    assert _about(_faults(root), "lvef.toml", "codes")


# -------------------------------------------------------------------------------------- the wording

WORDING_FAULTS = {
    "a sentence is missing": ('\ndiagnosis = "', '\ndiagnoses = "', "asks.diagnosis", ""),
    "a sentence that nothing uses": (
        '\nbridge = "',
        '\nbridges = "x"\nbridge = "',
        "details.bridges",
        "bridge",
    ),
    "an unknown key of a finding": (
        "[findings.sdm-missing]\n",
        '[findings.sdm-missing]\ntexts = "x"\n',
        "findings.sdm-missing",
        "text",
    ),
    "an unknown placeholder": ("{service_date}", "{service_dat}", "", "service_date"),
    "a placeholder with a format": ("{service_date}", "{service_date:>10}", "", ""),
    "a placeholder with a conversion": ("{service_date}", "{service_date!r}", "", ""),
    "an opening brace too many": ("{service_date}", "{{service_date}", "", ""),
    "a closing brace too many": ("{service_date}", "{service_date}}", "", ""),
    "a summary that could reach 140 characters": (
        'checklist = "',
        'checklist = "' + "x" * 90,
        "summaries.checklist",
        "",
    ),
    "a summary without a longest form": (
        'checklist = "',
        'checklist = "{label} ',
        "summaries.checklist",
        "detail",
    ),
    "a suggestion of two lines": (
        'text = "Add {code}',
        'text = "Add\\n{code}',
        "suggestions.add-code.text",
        "one line",
    ),
    "a suggestion that nothing makes": (
        "[suggestions.add-code]",
        '[suggestions.add-codes]\ntext = "x"\ndescription = "x"\n\n[suggestions.add-code]',
        "suggestions.add-codes",
        "add-code",
    ),
    "an unknown reason": (
        "[overrides.patient-declined]",
        "[overrides.patient-refused]",
        "overrides.patient-refused",
        "",
    ),
    "a reason that is missing": (
        "[overrides.patient-declined]",
        "[overrides.patient-refused]",
        "overrides.patient-declined",
        "add",
    ),
    "a reason without text": (
        'display = "The patient declined"',
        'display = " "',
        "overrides.patient-declined.display",
        "one line",
    ),
    "a reason with the text of another": (
        'display = "The patient declined"',
        'display = "Documented elsewhere"',
        "overrides.patient-declined.display",
        "its own",
    ),
    "a reason with a placeholder": (
        'display = "The patient declined"',
        'display = "{order} declined"',
        "overrides.patient-declined.display",
        "placeholder",
    ),
    "a reason on no card": (
        'cards = ["clinical-reminder"]',
        "cards = []",
        "overrides.patient-declined.cards",
        "topic",
    ),
    "a reason twice on a card": (
        'cards = ["clinical-reminder"]',
        'cards = ["clinical-reminder", "clinical-reminder"]',
        "overrides.patient-declined.cards",
        "topic",
    ),
    "a reason on the card of the sources": (
        'cards = ["clinical-reminder"]',
        'cards = ["guideline"]',
        "overrides.patient-declined",
        "",
    ),
    "a reason with an unknown key": (
        'display = "The patient declined"',
        'display = "The patient declined"\nlabels = "x"',
        "overrides.patient-declined",
        "",
    ),
    "an unknown section": ("[labels]", '[label]\nx = "x"\n\n[labels]', "-", "labels"),
}


@pytest.mark.parametrize("name", WORDING_FAULTS)
def test_a_fault_of_the_wording_names_file_key_and_remedy(root: Path, name: str) -> None:
    old, new, key, remedy = WORDING_FAULTS[name]
    fault = _about(_break(root, CARDS, old, new), CARDS, key)
    assert remedy.lower() in fault.remedy.lower()


def test_a_summary_of_139_characters_is_the_longest(root: Path) -> None:
    path = root / CARDS
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    place = next(n for n, line in enumerate(lines) if line.startswith("checklist = "))
    for length, accepted in ((139, True), (140, False)):
        lines[place] = 'checklist = "' + "x" * length + '"'
        path.write_text("\n".join(lines), encoding="utf-8")
        if accepted:
            assert load(root=root)
        else:
            assert _about(_faults(root), CARDS, "summaries.checklist")


# -------------------------------------------------------------------------------------- whole files


@pytest.mark.parametrize("file", [POLICY, CARDS, "valuesets/lvef.toml"])
def test_a_file_that_is_no_toml_is_named(root: Path, file: str) -> None:
    (root / file).write_text('id = "unclosed', encoding="utf-8")
    assert "TOML" in _about(_faults(root), file, "-").reason


@pytest.mark.parametrize("file", [POLICY, CARDS, "valuesets/lvef.toml"])
def test_a_file_that_says_a_key_twice_is_named(root: Path, file: str) -> None:
    path = root / file
    path.write_text('id = "x"\nid = "y"\n' + path.read_text(encoding="utf-8"), encoding="utf-8")
    assert _about(_faults(root), file, "-")


@pytest.mark.parametrize("file", [POLICY, CARDS, "valuesets/lvef.toml"])
def test_a_file_that_is_not_utf8_is_named(root: Path, file: str) -> None:
    (root / file).write_bytes('title = "é"'.encode("latin-1"))
    assert "UTF-8" in _about(_faults(root), file, "-").reason


@pytest.mark.parametrize("folder", ["policies/ncd-20.4", "cards", "valuesets"])
def test_an_empty_folder_is_named(root: Path, folder: str) -> None:
    for path in (root / folder).glob("*.toml"):
        path.unlink()
    assert any(folder in f.file and "no data file" in f.reason for f in _faults(root))


def test_a_root_without_data_is_refused(tmp_path: Path) -> None:
    assert len(_faults(tmp_path)) >= 3


def test_every_fault_is_reported_and_not_only_the_first(root: Path) -> None:
    path = root / "valuesets/old-mi.toml"
    text = path.read_text(encoding="utf-8").replace('"I25.2"', '"I252"')
    path.write_text(text, encoding="utf-8")
    faults = _break(root, CARDS, "{service_date}", "{no_such}")
    assert {"old-mi.toml", "ncd-20.4.toml"} <= {f.file.rpartition("/")[2] for f in faults}


# ------------------------------------------------------------------------------------- the settings

BAD_SETTINGS: list[tuple[Mapping[str, str], str]] = [
    ({"DEFIB_COVERAGE_ZONES": "America/Chicago"}, "zones"),
    ({"DEFIB_COVERAGE_ZONE": "Mars/Olympus"}, "ZONE"),
    ({"DEFIB_COVERAGE_ZONE": ""}, "ZONE"),
    ({"DEFIB_COVERAGE_ZONE": "../../etc/passwd"}, "ZONE"),
    ({"DEFIB_COVERAGE_MAX_BODY": "many"}, "max_body"),
    ({"DEFIB_COVERAGE_MAX_BODY": "1.5"}, "max_body"),
    ({"DEFIB_COVERAGE_MAX_BODY": ""}, "max_body"),
    ({"DEFIB_COVERAGE_MAX_BODY": "0"}, "max_body"),
    ({"DEFIB_COVERAGE_MAX_BODY": "-1"}, "max_body"),
]


@pytest.mark.parametrize(("environment", "named"), BAD_SETTINGS)
def test_a_setting_that_cannot_be_used_is_named(
    environment: Mapping[str, str],
    named: str,
) -> None:
    with pytest.raises(SettingsError, match=f"(?i){named}"):
        read_settings(environment)


def test_settings_are_read_and_others_variables_left_alone() -> None:
    environment = {
        "DEFIB_COVERAGE_ZONE": "America/Chicago",
        "DEFIB_COVERAGE_MAX_BODY": "1000",
        "PATH": "/bin",
    }
    settings = read_settings(environment)
    assert settings.time_zone.key == "America/Chicago"
    assert settings.max_body == 1000
    assert read_settings({}) == Settings()
    assert read_settings({}).time_zone.key == "America/New_York"
