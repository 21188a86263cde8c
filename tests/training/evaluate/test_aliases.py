"""Tables of aliases: complete, consistent, and without ambiguous names."""

import json
from collections import defaultdict
from typing import Any

import pytest

from tools.make_cldr import CLDR, names
from training.evaluate import aliases
from training.evaluate.aliases import alias, field_of, folded, table, unscored

_REVIEWED: dict[str, Any] = aliases._reviewed()


def _alias(kind: str, name: str) -> str | None:
    return alias(kind, folded(name))


@pytest.mark.parametrize("kind", ["country", "currency", "language", "city"])
def test_every_reviewed_name_is_known(kind: str) -> None:
    """Every name in the reviewed table leads to its own code."""
    for code, spoken in _REVIEWED["names"][kind].items():
        for name in spoken:
            assert _alias(kind, name) == f"{kind}:{code}", name


def test_cldr_knows_its_own_codes() -> None:
    """Every ISO code of a country, currency or language is a name of itself."""
    cldr = json.loads(CLDR.read_text(encoding="utf-8"))
    for kind in ("country", "currency", "language"):
        lost = [code for code in cldr[kind] if _alias(kind, code) != f"{kind}:{code}"]
        assert not lost


def test_names_in_both_languages_meet() -> None:
    """The Arabic and the English name of nearly every entry lead to one code."""
    cldr = json.loads(CLDR.read_text(encoding="utf-8"))
    for kind, codes in cldr.items():
        apart = [code for code, spoken in codes.items() if len({_alias(kind, name) for name in spoken}) > 1]
        assert len(apart) <= len(codes) * 0.05, apart


def test_an_ambiguous_name_has_no_code() -> None:
    """A name that is itself a code keeps it."""
    cldr = json.loads(CLDR.read_text(encoding="utf-8"))
    shared = 0
    for kind, codes in cldr.items():
        owners: dict[str, set[str]] = defaultdict(set)
        for code, spoken in codes.items():
            for name in spoken:
                owners[aliases._key(folded(name), kind)].add(code)
        themselves = {aliases._key(folded(code), kind) for code in codes}
        for name, found in owners.items():
            if len(found) > 1 and name not in themselves:
                shared += 1
                assert table(kind).get(name) is None
    assert shared > 0


def test_bare_currency_words_have_no_code() -> None:
    """A word that several currencies share is not a currency."""
    for word in (
        "ريال",
        "دينار",
        "درهم",
        "ليرة",
        "جنيه",
        "دولار",
        "الريال",
        "دنانير",
        "فرنك",
        "pound",
        "dinar",
        "dollar",
    ):
        assert _alias("currency", word) is None


def test_reviewed_vocabularies_are_consistent() -> None:
    """In a vocabulary each name is unique and canonical, and each spelling belongs to one word."""
    for entry, vocabulary in zip(_REVIEWED["vocabulary"], aliases._vocabularies(), strict=True):
        seen = defaultdict(set)
        for name, forms in entry.get("names", {}).items():
            for form in forms:
                seen[vocabulary.canonical(folded(form))].add(name)
                assert vocabulary.canonical(folded(form)) == name
        assert all(len(names) == 1 for names in seen.values())
        forms = [folded(form) for forms in entry.get("words", {}).values() for form in forms]
        assert len(forms) == len(set(forms))


@pytest.mark.parametrize(
    "tool, parameter, kind, lists",
    [
        ("t", "currency", "currency", False),
        ("t", "fromCurrency", "currency", False),
        ("t", "target-language", "language", False),
        ("t", "country_code", "country", False),
        ("t", "country", "country", True),
        ("t", "departure_city", "city", False),
        ("t", "capacity", "", False),
        ("t", "electricity", "", False),
        ("t", "order_items", "", True),
        ("t", "items_per_page", "", False),
        ("t", "عملة", "", False),
    ],
)
def test_a_parameter_is_identified_by_whole_words(tool: str, parameter: str, kind: str, lists: bool) -> None:  # noqa: FBT001
    """The words of its name count, not the letters."""
    field = field_of(tool, parameter)
    assert (field.kind, field.lists) == (kind, lists)


def test_unscored_parameters_belong_to_a_benchmark() -> None:
    """AISA's scoring leaves parameters out; other data have none."""
    assert unscored("aisa")["get_weather"] == {"country"}
    assert not unscored("")


def test_no_name_is_empty() -> None:
    """No name is empty after folding."""
    assert not any("" in table(kind) for kind in ("country", "currency", "language", "city"))


def test_the_cldr_file_matches_babel() -> None:
    """The same version of Babel gives the same names."""
    babel = pytest.importorskip("babel", reason="Babel is needed only to write cldr.json again")
    if babel.__version__ != "2.18.0":
        pytest.skip(f"cldr.json was made with Babel 2.18.0, not {babel.__version__}")
    assert json.loads(CLDR.read_text(encoding="utf-8")) == names()
