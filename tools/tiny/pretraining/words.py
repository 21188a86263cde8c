"""Where words come from: lists, made-up words, and the pieces of the tokenizer, so that each of them is met."""

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
"""What a row's user speaks: the sample's five varieties of Arabic, and English."""

_ROOT_LETTERS = "بتثجحخدذرزسشصضطظعغفقكلمنهوي"
# Shapes of Arabic words around three letters.
_SHAPES = (
    "{0}ا{1}{2}", "م{0}{1}و{2}", "ت{0}{1}ي{2}", "{0}{1}ي{2}", "{0}{1}ا{2}", "است{0}{1}ا{2}", "م{0}ا{1}{2}ة",
    "ان{0}{1}ا{2}", "{0}{1}{2}ة", "أ{0}{1}ا{2}", "{0}و{1}{2}", "مت{0}{1}{2}", "{0}{1}{2}ي", "{0}{1}و{2}ة", "{0}{1}{2}",
)  # fmt: skip
_ARABIC_PIECE = re.compile("[\u0621-\u0652\u0671\u067e\u0686\u06a4\u06af]{2,}")
_ENGLISH_PIECE = re.compile("[A-Za-z]{2,}")


@cache
def table() -> dict[str, Any]:
    """The word lists."""
    lists: dict[str, Any] = json.loads(Path(__file__).with_name("words.json").read_text(encoding="utf-8"))
    return lists


@cache
def _pieces(form: re.Pattern[str]) -> tuple[str, ...]:
    """The tokenizer's pieces that look like words or parts of them.

    All of them are met equally often: fine-tuning by LoRA leaves embeddings as they are, so a piece that was never met
    here stays noise, and cannot be copied.
    """
    found = json.loads((tokenizer_path() / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    words = sorted({piece.removeprefix(SPACE) for piece in found})
    return tuple(word for word in words if form.fullmatch(word))


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
        """An Arabic word: a piece of the tokenizer, two of them joined, a listed word, or one made from a root."""
        share = self.rng.random()
        if share < 0.64:  # noqa: PLR2004 - the shares stand side by side
            return self.pick(_pieces(_ARABIC_PIECE))
        if share < 0.74:  # noqa: PLR2004
            return self.pick(_pieces(_ARABIC_PIECE)) + self.pick(_pieces(_ARABIC_PIECE))
        if share < 0.86:  # noqa: PLR2004
            return str(self.pick(table()[self.pick(("objects", "labels", "adjectives"))])[0])
        root = [self.pick(_ROOT_LETTERS) for _ in range(3)]
        made = self.pick(_SHAPES).format(*root)
        return f"ال{made}" if self.chance(0.3) else made

    def english_word(self) -> str:
        """An English word: a piece of the tokenizer, a listed word, or one made from syllables."""
        share = self.rng.random()
        if share < 0.6:  # noqa: PLR2004 - as above
            return self.pick(_pieces(_ENGLISH_PIECE))
        if share < 0.85:  # noqa: PLR2004
            return str(self.pick(table()[self.pick(("objects", "labels", "adjectives"))])[1])
        return "".join([self.pick(table()["syllables"]) for _ in range(2 + int(self.rng.random() * 2))])

    def identifier(self, *words: str) -> str:
        """A name in the manner of programs."""
        parts = [part for word in words for part in word.split("_")]
        if self.chance(0.85):
            return "_".join(parts)
        return parts[0] + "".join([part.capitalize() for part in parts[1:]])
