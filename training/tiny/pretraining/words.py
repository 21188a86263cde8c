"""Where words come from: lists, made-up words, and the pieces of the tokenizer, so that each of them is met."""

import json
import random
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from training.tiny import tokenizer_path
from training.tiny.vocabulary import SPACE

__all__ = ["ENGLISH", "LANGUAGES", "Draw", "table"]

T = TypeVar("T")

ENGLISH = "english"
LANGUAGES = ("msa", "gulf", "egyptian", "levantine", "maghrebi", ENGLISH)
"""What a row's user speaks: the sample's five varieties of Arabic, and English."""

_ROOT_LETTERS = "بتثجحخدذرزسشصضطظعغفقكلمنهوي"
# Shapes of Arabic words around three letters.
_SHAPES = (
    "{0}ا{1}{2}", "م{0}{1}و{2}", "ت{0}{1}ي{2}", "{0}{1}ي{2}", "{0}{1}ا{2}", "است{0}{1}ا{2}", "م{0}ا{1}{2}ة",
    "ان{0}{1}ا{2}", "{0}{1}{2}ة", "أ{0}{1}ا{2}", "{0}و{1}{2}", "مت{0}{1}{2}", "{0}{1}{2}ي", "{0}{1}و{2}ة", "{0}{1}{2}",
)  # fmt: skip
_SHORTEST_PIECE = 2


@cache
def table() -> dict[str, Any]:
    """The word lists."""
    lists: dict[str, Any] = json.loads(Path(__file__).with_name("words.json").read_text(encoding="utf-8"))
    return lists


@cache
def _pieces() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The tokenizer's pieces that look like Arabic words, and those that look like English ones."""
    found = json.loads((tokenizer_path() / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    words = sorted({piece.removeprefix(SPACE) for piece in found})
    words = [word for word in words if len(word) >= _SHORTEST_PIECE and word.isalpha()]
    return tuple(word for word in words if not word.isascii()), tuple(word for word in words if word.isascii())


class Draw:
    """A source of chance that speaks one language.

    Attributes:
        rng: the chance.
        language: one of :data:`LANGUAGES`.
    """

    def __init__(self, rng: random.Random, language: str) -> None:
        self.rng = rng
        self.language = language

    @property
    def english(self) -> bool:
        """Whether the user speaks English."""
        return self.language == ENGLISH

    def chance(self, share: float) -> bool:
        """True in this share of cases."""
        return self.rng.random() < share

    def pick(self, items: Sequence[T]) -> T:
        """One of the items."""
        return items[int(self.rng.random() * len(items))]

    def listed(self, name: str) -> Any:  # noqa: ANN401 - lists hold words, or pairs of words
        """One entry of a list that is kept by language."""
        return self.pick(table()[name][self.language])

    def word(self) -> str:
        """Any word of the user's language."""
        return self.english_word() if self.english else self.arabic_word()

    def words(self, most: int) -> str:
        """One to so many words."""
        return " ".join([self.word() for _ in range(1 + int(self.rng.random() * most))])

    def arabic_word(self) -> str:
        """An Arabic word: a listed one, a piece of the tokenizer, two of them joined, or one made from a root."""
        share = self.rng.random()
        if share < 0.2:  # noqa: PLR2004 - the shares stand side by side
            return str(self.pick(table()[self.pick(("objects", "labels", "adjectives"))])[0])
        if share < 0.55:  # noqa: PLR2004
            return self.pick(_pieces()[0])
        if share < 0.65:  # noqa: PLR2004
            return self.pick(_pieces()[0]) + self.pick(_pieces()[0])
        root = [self.pick(_ROOT_LETTERS) for _ in range(3)]
        made = self.pick(_SHAPES).format(*root)
        return f"ال{made}" if self.chance(0.3) else made

    def english_word(self) -> str:
        """An English word: a listed one, a piece of the tokenizer, or one made from syllables."""
        share = self.rng.random()
        if share < 0.3:  # noqa: PLR2004 - as above
            return str(self.pick(table()[self.pick(("objects", "labels", "adjectives"))])[1])
        if share < 0.6:  # noqa: PLR2004
            return self.pick(_pieces()[1])
        return "".join([self.pick(table()["syllables"]) for _ in range(2 + int(self.rng.random() * 2))])

    def identifier(self, *words: str) -> str:
        """A name in the manner of programs."""
        parts = [part for word in words for part in word.split("_")]
        if self.chance(0.85):
            return "_".join(parts)
        return parts[0] + "".join([part.capitalize() for part in parts[1:]])
