"""Names that mean the same thing, as data: countries, currencies, languages, cities, and a few small vocabularies.

``cldr.json`` holds the names of CLDR, ``reviewed.toml`` what people say beside them and which parameters hold names of
which kind. A parameter is known by its name alone, so that the same tool is read alike in every dataset. Nothing here
decides whether values are equal; that is :mod:`training.evaluate.equality_rules`.
"""

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from dataset_tools.arabic.compare import fold_letters
from dataset_tools.arabic.digits_for_words import digits_for_words

__all__ = ["Field", "Vocabulary", "alias", "field_of", "folded", "table", "unscored"]

_FOLDER = Path(__file__).parent
_TOKEN = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])|[^\W\d_A-Za-z]+")
_PUNCTUATION = str.maketrans("،؛؟٪٫", ",;?%.")
_GROUPED = re.compile(r"(?<![\d.,٬])[1-9]\d{0,2}(?:[,٬]\d{3})+(?![\d,٬])")
_ARTICLE = "ال"
_SHORTEST = 5  # letters of a word that may have lost its article: ال is part of shorter ones, as in ألم
# A city parameter often holds a country: البحرين, الكويت.
_FALLBACK = {"city": "country"}


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """A few things with many names.

    Attributes:
        article: whether the article is left out of every word.
        drop: words that add nothing beside others.
        words: other spellings of single words.
        names: whole values to what they name.
    """

    article: bool
    drop: frozenset[str]
    words: Mapping[str, str]
    names: Mapping[str, str]

    def __hash__(self) -> int:
        return id(self)

    def canonical(self, text: str) -> str:
        """What a folded text names; the text in its plainest form where it is not known."""
        plain = self._plain(text)
        return self.names.get(plain, plain)

    def _plain(self, text: str) -> str:
        words = [_bare(word) if self.article else word for word in text.split()]
        words = [word for word in words if word not in self.drop] or words
        return " ".join(self.words.get(word, word) for word in words)


class Field(NamedTuple):
    """What a parameter's name says about its values.

    Attributes:
        kind: country, currency, language or city; empty for none.
        lists: whether a text lists things in no order.
        vocabulary: the vocabulary of its values, if it has one.
    """

    kind: str = ""
    lists: bool = False
    vocabulary: Vocabulary | None = None


def folded(text: str) -> str:
    """A text with letters, digits and punctuation folded, single spaces, and number words as digits."""
    return digits_for_words(_figures(" ".join(fold_letters(text).split())))


def _figures(text: str) -> str:
    """Figures as they stand in English: ``3.5`` for ``3٫5``, ``20%`` for ``20 ٪``, ``5000`` for ``5,000``."""
    text = _GROUPED.sub(lambda number: number[0].replace(",", "").replace("٬", ""), text)
    return text.translate(_PUNCTUATION).replace(" %", "%")


def alias(kind: str, text: str) -> str | None:
    """The code of what a folded text names, such as ``currency:SAR``; None where no thing of that kind is so called."""
    found = table(kind).get(_key(text, kind))
    if found is None and kind in _FALLBACK:
        return alias(_FALLBACK[kind], text)
    return found


@cache
def table(kind: str) -> Mapping[str, str]:
    """Folded name to code, for one kind. A name of two things names neither of them, unless it is the code of one."""
    known: dict[str, set[str]] = {}
    codes_themselves = {_key(folded(code), kind): f"{kind}:{code}" for code in _cldr()[kind]}
    for source in (_cldr(), _reviewed()["names"]):
        for code, names in source[kind].items():
            for name in names:
                known.setdefault(_key(folded(name), kind), set()).add(f"{kind}:{code}")
    return {name: codes.pop() for name, codes in known.items() if len(codes) == 1 and name} | codes_themselves


@lru_cache(maxsize=4096)
def field_of(tool: str, parameter: str) -> Field:
    """What the name of a tool's parameter says about its values."""
    words = _words(parameter)
    reviewed = _reviewed()
    kinds: dict[str, list[str]] = reviewed["parameters"]
    kind = next((kind for kind, names in kinds.items() if not set(names).isdisjoint(words)), "")
    name = "_".join(words)
    lists = any(_ends(name, end) for end in reviewed["lists"]["parameters"])
    of_tool = set(_words(tool))
    for vocabulary, entry in zip(_vocabularies(), reviewed["vocabulary"], strict=True):
        if any(_ends(name, end) for end in entry["parameters"]) and not (
            "tools" in entry and of_tool.isdisjoint(entry["tools"])
        ):
            return Field(kind, lists, vocabulary)
    return Field(kind, lists)


def unscored(benchmark: str) -> Mapping[str, frozenset[str]]:
    """Tool to the parameters that the published scoring of a benchmark leaves out; empty for an unknown one."""
    return _unscored().get(benchmark, {})


@cache
def _unscored() -> dict[str, dict[str, frozenset[str]]]:
    return {
        benchmark: {tool: frozenset(parameters) for tool, parameters in tools.items()}
        for benchmark, tools in _reviewed()["unscored"].items()
    }


@cache
def _vocabularies() -> list[Vocabulary]:
    return [_vocabulary(entry) for entry in _reviewed()["vocabulary"]]


def _vocabulary(entry: Mapping[str, Any]) -> Vocabulary:
    article = entry.get("article", False)

    def plain(words: Iterable[str]) -> list[str]:
        return [" ".join(_bare(part) if article else part for part in folded(word).split()) for word in words]

    words = {form: word for word, forms in entry.get("words", {}).items() for form in plain(forms)}
    drop = frozenset(plain(entry.get("drop", ())))
    nameless = Vocabulary(article, drop, words, {})
    names = {nameless.canonical(folded(form)): name for name, forms in entry.get("names", {}).items() for form in forms}
    return Vocabulary(article, drop, words, names)


def _key(text: str, kind: str) -> str:
    """A folded name as the tables hold it: without articles and without a word that only says the kind."""
    words = [_bare(word) for word in text.split()]
    if len(words) > 1 and words[0] in _titles(kind):
        del words[0]
    return " ".join(words).rstrip(".")


@cache
def _titles(kind: str) -> frozenset[str]:
    return frozenset(_bare(folded(word)) for word in _reviewed()["titles"].get(kind, ()))


def _bare(word: str) -> str:
    return word[len(_ARTICLE) :] if len(word) >= _SHORTEST and word.startswith(_ARTICLE) else word


def _words(name: str) -> list[str]:
    """The words of a name: ``fromCurrency``, ``from_currency`` and ``from-currency`` alike."""
    return [word.lower() for word in _TOKEN.findall(name)]


def _ends(name: str, end: str) -> bool:
    return name == end or name.endswith(f"_{end}")


@cache
def _cldr() -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = json.loads((_FOLDER / "cldr.json").read_text(encoding="utf-8"))
    return found


@cache
def _reviewed() -> dict[str, Any]:
    return tomllib.loads((_FOLDER / "reviewed.toml").read_text(encoding="utf-8"))
