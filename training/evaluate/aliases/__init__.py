"""Aliases of countries, currencies, languages and cities, and small vocabularies, as data.

``cldr.json`` has the names of CLDR; ``reviewed.toml`` has colloquial names, and the parameters that hold names of each
kind. A parameter is identified by its name only, so that a tool is treated the same in every dataset. Equality itself
is in :mod:`training.evaluate.equality_rules`.
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
_SHORTEST = 5  # letters of a word with an article; in shorter ones ال is part of the word, as in ألم
# A city parameter often has a country as value: البحرين, الكويت.
_FALLBACK = {"city": "country"}


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Values with many names.

    Attributes:
        article: True if the article is removed from every word.
        drop: words without meaning next to others.
        words: single words by spelling.
        names: values by name.
    """

    article: bool
    drop: frozenset[str]
    words: Mapping[str, str]
    names: Mapping[str, str]

    def __hash__(self) -> int:
        return id(self)

    def canonical(self, text: str) -> str:
        """Return the value that a folded text names; the simplified text if it is unknown."""
        plain = self._plain(text)
        return self.names.get(plain, plain)

    def _plain(self, text: str) -> str:
        words = [_bare(word) if self.article else word for word in text.split()]
        words = [word for word in words if word not in self.drop] or words
        return " ".join(self.words.get(word, word) for word in words)


class Field(NamedTuple):
    """Kind of the values of a parameter.

    Attributes:
        kind: country, currency, language or city; empty for others.
        lists: True if a text is a list without order.
        vocabulary: vocabulary of the values, if there is one.
    """

    kind: str = ""
    lists: bool = False
    vocabulary: Vocabulary | None = None


def folded(text: str) -> str:
    """Return a text with folded letters, digits and punctuation, single spaces, and number words as digits."""
    return digits_for_words(_figures(" ".join(fold_letters(text).split())))


def _figures(text: str) -> str:
    """Return a text with numbers in English form: ``3.5`` for ``3٫5``, ``20%`` for ``20 ٪``, ``5000`` for ``5,000``."""
    text = _GROUPED.sub(lambda number: number[0].replace(",", "").replace("٬", ""), text)
    return text.translate(_PUNCTUATION).replace(" %", "%")


def alias(kind: str, text: str) -> str | None:
    """Return the code that a folded text names, such as ``currency:SAR``; None if it is not a name of that kind."""
    found = table(kind).get(_key(text, kind))
    if found is None and kind in _FALLBACK:
        return alias(_FALLBACK[kind], text)
    return found


@cache
def table(kind: str) -> Mapping[str, str]:
    """Return the codes of one kind by folded name; an ambiguous name is left out unless it is itself a code."""
    known: dict[str, set[str]] = {}
    codes_themselves = {_key(folded(code), kind): f"{kind}:{code}" for code in _cldr()[kind]}
    for source in (_cldr(), _reviewed()["names"]):
        for code, names in source[kind].items():
            for name in names:
                known.setdefault(_key(folded(name), kind), set()).add(f"{kind}:{code}")
    return {name: codes.pop() for name, codes in known.items() if len(codes) == 1 and name} | codes_themselves


@lru_cache(maxsize=4096)
def field_of(tool: str, parameter: str) -> Field:
    """Return the kind of the values of a parameter, from its name."""
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
    """Return the parameters that the published scoring of a benchmark leaves out, by tool."""
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
    """Return a folded name without articles and without a word that only names the kind."""
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
    """Return the words of a name such as ``fromCurrency``, ``from_currency`` or ``from-currency``."""
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
