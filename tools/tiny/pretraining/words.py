"""Sources of words: lists, made-up words, and the pieces of the tokenizer."""

import json
import random
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from tools.tiny.vocabulary import SPACE
from training.tiny import tokenizer_path

__all__ = ["ENGLISH", "LANGUAGES", "Draw", "table"]

T = TypeVar("T")

ENGLISH = "english"
LANGUAGES = ("msa", "gulf", "egyptian", "levantine", "maghrebi", ENGLISH)
"""Languages of users: the sample's five varieties of Arabic, and English."""

_ROOT_LETTERS = "بتثجحخدذرزسشصضطظعغفقكلمنهوي"
# Patterns of Arabic words with three root letters.
_SHAPES = (
    "{0}ا{1}{2}", "م{0}{1}و{2}", "ت{0}{1}ي{2}", "{0}{1}ي{2}", "{0}{1}ا{2}", "است{0}{1}ا{2}", "م{0}ا{1}{2}ة",
    "ان{0}{1}ا{2}", "{0}{1}{2}ة", "أ{0}{1}ا{2}", "{0}و{1}{2}", "مت{0}{1}{2}", "{0}{1}{2}ي", "{0}{1}و{2}ة", "{0}{1}{2}",
)  # fmt: skip
_ARABIC_PIECE = re.compile("[\u0621-\u0652\u0671\u067e\u0686\u06a4\u06af]{2,}")
_ENGLISH_PIECE = re.compile("[A-Za-z]{2,}")


@cache
def table() -> dict[str, Any]:
    """Return the word lists."""
    lists: dict[str, Any] = json.loads(Path(__file__).with_name("words.json").read_text(encoding="utf-8"))
    return lists


@cache
def _pieces(form: re.Pattern[str]) -> tuple[str, ...]:
    """Return the tokenizer's pieces that look like words or parts of words.

    All are used equally often: LoRA does not change embeddings, so a piece that never occurs here stays noise and
    cannot be copied.
    """
    found = json.loads((tokenizer_path() / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    words = sorted({piece.removeprefix(SPACE) for piece in found})
    return tuple(word for word in words if form.fullmatch(word))


class Draw:
    """A random generator of words in one language.

    Attributes:
        rng: the random generator.
        language: one of :data:`LANGUAGES`.
    """

    def __init__(self, rng: random.Random, language: str) -> None:
        self.rng = rng
        self.language = language

    @property
    def english(self) -> bool:
        """True if the language is English."""
        return self.language == ENGLISH

    def chance(self, share: float) -> bool:
        """Return True with this probability."""
        return self.rng.random() < share

    def pick(self, items: Sequence[T]) -> T:
        """Return a random item."""
        return items[int(self.rng.random() * len(items))]

    def listed(self, name: str) -> Any:  # noqa: ANN401 - lists hold words, or pairs of words
        """Return a random entry of a list of the language."""
        return self.pick(table()[name][self.language])

    def word(self) -> str:
        """Return a random word of the language."""
        return self.english_word() if self.english else self.arabic_word()

    def words(self, most: int) -> str:
        """Return one to ``most`` words."""
        return " ".join([self.word() for _ in range(1 + int(self.rng.random() * most))])

    def arabic_word(self) -> str:
        """Return a piece of the tokenizer, two joined pieces, a listed word, or one made from a root."""
        share = self.rng.random()
        if share < 0.64:
            return self.pick(_pieces(_ARABIC_PIECE))
        if share < 0.74:
            return self.pick(_pieces(_ARABIC_PIECE)) + self.pick(_pieces(_ARABIC_PIECE))
        if share < 0.86:
            return str(self.pick(table()[self.pick(("objects", "labels", "adjectives"))])[0])
        root = [self.pick(_ROOT_LETTERS) for _ in range(3)]
        made = self.pick(_SHAPES).format(*root)
        return f"ال{made}" if self.chance(0.3) else made

    def english_word(self) -> str:
        """Return a piece of the tokenizer, a listed word, or one made from syllables."""
        share = self.rng.random()
        if share < 0.6:
            return self.pick(_pieces(_ENGLISH_PIECE))
        if share < 0.85:
            return str(self.pick(table()[self.pick(("objects", "labels", "adjectives"))])[1])
        return "".join([self.pick(table()["syllables"]) for _ in range(2 + int(self.rng.random() * 2))])

    def identifier(self, *words: str) -> str:
        """Join words to an identifier in snake case or camel case."""
        parts = [part for word in words for part in word.split("_")]
        if self.chance(0.85):
            return "_".join(parts)
        return parts[0] + "".join([part.capitalize() for part in parts[1:]])
