"""The search of codes: by number in any spelling, by words, against a search without an index."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from defib_coverage.content import load
from defib_coverage.explaining.code_search import CodeSearch, ListedCode, Only, words_of

INDEX = load().knowledge().index
SEARCH = CodeSearch(INDEX)
CODES = SEARCH.codes
codes = st.sampled_from(CODES)
MEANINGS = sorted({f"{one.display or ''} {one.words or ''}".strip() for one in CODES} - {""})
known_words = st.sampled_from(sorted({word for text in MEANINGS for word in words_of(text)}))
FILLING = {"a", "an", "and", "by", "for", "in", "of", "on", "or", "the", "to", "with"}


def letters(code: str) -> str:
    return "".join(words_of(code))


def keys(found: tuple[ListedCode, ...]) -> list[tuple[str, str]]:
    return [(one.system, one.code) for one in found]


def said_of(one: ListedCode) -> set[str]:
    """The words of a code and of its value sets."""
    texts = [one.display or "", one.words or ""]
    for match in one.matches:
        value_set = INDEX.value_sets[match.value_set]
        texts += [value_set.title, *value_set.words, *value_set.abbreviations]
    return set(words_of(" ".join(texts)))


def fits(one: ListedCode, text: str) -> bool:
    """Whether a text names or describes a code, looked up word by word."""
    if letters(text) and letters(one.code).startswith(letters(text)):
        return True
    parts = [part for part in text.split() if letters(part)]
    parts = [part for part in parts if part.casefold() not in FILLING] or parts
    known = said_of(one)
    return bool(parts) and all(_part_fits(part, one, known) for part in parts)


def _part_fits(part: str, one: ListedCode, known: set[str]) -> bool:
    asked = words_of(part)
    if letters(part) and letters(one.code).startswith(letters(part)):
        return True
    return all(any(word.startswith(a) for word in known) for a in asked)


def test_every_code_of_the_value_sets_can_be_found() -> None:
    listed = {(e.system, e.code) for vs in INDEX.value_sets.values() for e in vs.codes}
    assert set(keys(CODES)) == listed
    assert len(CODES) == len(listed) > 800
    assert keys(SEARCH.find("")) == keys(SEARCH.find("  ")) == keys(CODES)


@given(one=codes, data=st.data())
def test_a_code_finds_itself_first_in_any_spelling(one: ListedCode, data: st.DataObject) -> None:
    text = "".join(data.draw(st.sampled_from((c.lower(), c.upper()))) for c in one.code)
    text = data.draw(st.sampled_from((text, text.replace(".", ""), text.replace(".", " "))))
    text = (
        data.draw(st.sampled_from(("", " ", "\t"))) + text + data.draw(st.sampled_from(("", " ")))
    )
    found = SEARCH.find(text)
    same = [other for other in found if letters(other.code) == letters(one.code)]
    assert one in same
    assert list(found[: len(same)]) == same


@given(one=codes, cut=st.integers(1, 12))
def test_the_beginning_of_a_code_finds_it(one: ListedCode, cut: int) -> None:
    assert one in SEARCH.find(one.code[:cut])


@given(one=codes, data=st.data())
def test_every_word_of_a_meaning_finds_the_code(one: ListedCode, data: st.DataObject) -> None:
    said = f"{one.display or ''} {one.words or ''}"
    word = data.draw(st.sampled_from(words_of(said) or words_of(one.code)))
    assert one in SEARCH.find(word)
    assert one in SEARCH.find(word.upper())
    assert one in SEARCH.find(said or one.code)


@given(
    text=st.one_of(
        st.text(max_size=30),
        st.lists(known_words, min_size=1, max_size=3).map(" ".join),
        st.lists(known_words.map(lambda word: word[:4]), max_size=2).map("-".join),
        st.tuples(codes, known_words).map(lambda pair: f"{pair[0].code} {pair[1]}"),
    )
)
def test_what_is_found_is_what_fits(text: str) -> None:
    found = SEARCH.find(text)
    assert len(set(keys(found))) == len(found)
    listed = set(keys(CODES))
    expected = {(one.system, one.code) for one in CODES if fits(one, text) or not text.strip()}
    # A family knows codes that no list names.
    assert set(keys(found)) & listed == expected


@given(
    text=st.one_of(known_words, st.just("")),
    system=st.sampled_from([None, *{one.system for one in CODES}]),
    role=st.sampled_from([None, "coverage", "order", "evidence"]),
    value_set=st.sampled_from([None, *INDEX.value_sets]),
)
def test_a_filter_leaves_out_and_changes_nothing_else(
    text: str, system: str | None, role: str | None, value_set: str | None
) -> None:
    def stays(one: ListedCode) -> bool:
        sets = [INDEX.value_sets[match.value_set] for match in one.matches]
        return (
            system in {None, one.system}
            and role in {None, *(vs.role for vs in sets)}
            and value_set in {None, *(vs.id for vs in sets)}
        )

    found = SEARCH.find(text, Only(system, role, value_set))
    assert list(found) == [one for one in SEARCH.find(text) if stays(one)]


def test_the_better_fit_comes_first() -> None:
    found = SEARCH.find("heart failure")
    assert [one.code for one in found[:2]] == ["I50.21", "I50.22"]
    assert keys(SEARCH.find("T82.110A"))[0] == ("icd10cm", "T82.110A")
    assert SEARCH.find("torsades de pointes")[0].code == "I47.21"
    # A word of the meaning before one of the value set, a claim code before a chart's.
    systems = [one.system for one in SEARCH.find("defibrillator")]
    assert systems[0] == "icd10cm"


def test_a_code_that_only_a_family_knows_is_found_by_its_number() -> None:
    (found,) = SEARCH.find("027034z")
    assert (found.system, found.code) == ("icd10pcs", "027034Z")
    assert ("icd10pcs", "027034Z") not in keys(CODES)
    assert SEARCH.find("027034z", Only(system="cpt")) == ()


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("hart failure", "heart failure"),
        ("cardiomyopaty", "cardiomyopathy"),
        ("Torsade de pointez", "torsade de pointes"),
        ("heart failure", None),
        ("xqzw", None),
        ("", None),
        ("9" * 100, None),
    ],
)
def test_a_slip_of_the_pen_is_put_right(text: str, meant: str | None) -> None:
    assert SEARCH.meant(text) == meant


@given(text=st.text(max_size=40))
def test_what_is_meant_finds_something(text: str) -> None:
    meant = SEARCH.meant(text)
    assert meant is None or SEARCH.find(meant)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("ICD", "defibrillator"),
        ("MI", "infarction"),
        ("heart attack", "infarction"),
        ("Heart  Attack", "infarction"),
        ("EF", "ejection"),
        ("CABG", "cabg"),
        ("PCI", "pci"),
        ("stent", "pci"),
    ],
)
def test_usual_names_find_what_is_called_otherwise(text: str, word: str) -> None:
    found = SEARCH.search(text).found
    assert word in said_of(found[0])
    assert keys(SEARCH.find(text)) == [key for key in keys(SEARCH.find(text)) if key in keys(found)]
    assert len(set(keys(found))) == len(found)


def test_other_words_add_to_what_is_called_so() -> None:
    assert ("snomed", "17073005") in keys(SEARCH.search("CABG").found)
    assert {"I25.2", "I21.4"} <= {one.code for one in SEARCH.search("MI").found}
    # What merely begins so comes last.
    assert SEARCH.search("MI").found[-1] in SEARCH.find("MI")


@pytest.mark.parametrize(
    "text", ["defibrilator", "defibrillatro", "defibrillxator", "defibrillatar"]
)
def test_a_slip_of_one_letter_is_put_right(text: str) -> None:
    answer = SEARCH.search(text)
    assert answer.read_as == "defibrillator"
    assert answer.found == SEARCH.find("defibrillator")
    assert SEARCH.search("hart").read_as is None
    assert SEARCH.search("defibrillator").read_as is None


@given(text=st.text(max_size=40))
def test_any_text_is_searched_for(text: str) -> None:
    answer = SEARCH.search(text)
    assert set(keys(SEARCH.find(text))) <= set(keys(answer.found))


def test_accents_and_large_letters_make_no_difference() -> None:
    assert keys(SEARCH.find("BRUGADÀ")) == keys(SEARCH.find("brugada")) != []
