"""Distinction of Arabic from other languages in the same script.

Its only purpose is to keep the letters of Kurdish, Pashto, Persian, Urdu, Uyghur, Sindhi and Malay text; it is not a
language detector.
"""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from dataset_tools.arabic.letters import (
    ARABIC_LOOK_ALIKES,
    ARABIC_WORDS,
    BIDI_CONTROLS,
    EXTENDED_DIGITS,
    FARSI_YEH,
    FOREIGN_CLASS,
    HEH_LOOK_ALIKES,
    KEHEH,
    LETTER_CLASS,
    MARK_CLASS,
    PERSIAN_WORDS,
    TATWEEL,
    ZERO_WIDTH,
    ZWNJ,
)

__all__ = ["TOKEN", "Language", "foreign_words", "is_foreign", "is_kept", "looks_arabic"]

# Repairs and checks depend on the language only in texts with one of these.
_DOUBTFUL: Final = re.compile(f"[{''.join(ARABIC_LOOK_ALIKES)}{ZWNJ}{HEH_LOOK_ALIKES}{EXTENDED_DIGITS}{FOREIGN_CLASS}]")
_NON_JOINER: Final = re.compile(f"(?<=[{LETTER_CLASS}]){ZWNJ}(?=[{LETTER_CLASS}])")
_URDU: Final = re.compile(f"[{HEH_LOOK_ALIKES}]")
_FOREIGN: Final = re.compile(f"[{FOREIGN_CLASS}]")
_WORD: Final = re.compile(f"[{LETTER_CLASS}{FOREIGN_CLASS}]+")
_TWO_KAFS: Final = frozenset("ڪک")  # two letters of Sindhi
_LEAST_EVIDENCE: Final = 2
_FEW_WORDS: Final = 3  # a name or a phrase, in which one word of another language decides


# A word with what other rules remove from it.
TOKEN: Final = re.compile(f"[{LETTER_CLASS}{FOREIGN_CLASS}{MARK_CLASS}{TATWEEL}{ZERO_WIDTH}{BIDI_CONTROLS}]+")
_NO_LETTER: Final = re.compile(f"[^{LETTER_CLASS}{FOREIGN_CLASS}]+")


class Language(NamedTuple):
    """Language of a row: whether it is Arabic, and the words of other languages in it."""

    arabic: bool = True
    kept: frozenset[str] = frozenset()
    """Words, as letters only, that keep their letters wherever they occur in an Arabic row (see `foreign_words`)."""


class _Evidence(NamedTuple):
    """Numbers of words in a text."""

    words: int
    arabic: int
    """Spelled as only in Arabic."""
    foreign: int
    """With a letter that Arabic lacks."""
    weak: int
    """Persian function words, non-joiners between letters, words with ہ or ھ alone, ڪ next to ک."""

    @property
    def other(self) -> int:
        """Return the evidence of another language."""
        return self.foreign + self.weak


def _is_arabic_word(word: str) -> bool:
    """Return whether `word` is spelled as only in Arabic: with the article, with ة, or a frequent word."""
    return word in ARABIC_WORDS or "ة" in word or (word.startswith(("ال", "وال")) and len(word) > 4)  # noqa: PLR2004


def _evidence(text: str) -> _Evidence:
    words: list[str] = _WORD.findall(text)
    arabic = sum(map(_is_arabic_word, words))
    if not _DOUBTFUL.search(text):
        return _Evidence(len(words), arabic, 0, 0)
    foreign = sum(_FOREIGN.search(word) is not None for word in words)
    weak = sum(word in PERSIAN_WORDS for word in words) + len(_NON_JOINER.findall(text))
    weak += _TWO_KAFS.issubset(text)
    weak += sum(_URDU.search(word) is not None and not _FOREIGN.search(word) for word in words)
    return _Evidence(len(words), arabic, foreign, weak)


def looks_arabic(texts: Iterable[str]) -> bool:
    """Return False if the texts of a row are in another language of the Arabic script.

    Evidence: words with letters that Arabic lacks, Persian function words, non-joiners between letters. پ چ ژ گ do not
    count, because Arabic dialects and names use them. Two pieces of evidence are required, and more than there are
    Arabic words.
    """
    row = [text for text in texts if not text.isascii()]
    if not any(map(_DOUBTFUL.search, row)):
        return True
    evidence = list(map(_evidence, row))
    other = sum(each.other for each in evidence)
    return other < _LEAST_EVIDENCE or other <= sum(each.arabic for each in evidence)


def is_foreign(text: str) -> bool:
    """Return whether one text is in another language of the Arabic script, whatever the language of its row is.

    The evidence is that of `looks_arabic`; in a text of up to three words, one word with a letter that Arabic lacks is
    enough, and so is a non-joiner next to ی or ک. A text without evidence has the language of its row.
    """
    if text.isascii() or not _DOUBTFUL.search(text):
        return False
    words, arabic, foreign, weak = _evidence(text)
    sure = foreign > 0 or ((KEHEH in text or FARSI_YEH in text) and _NON_JOINER.search(text) is not None)
    return foreign + weak > arabic and (foreign + weak >= _LEAST_EVIDENCE or (sure and words <= _FEW_WORDS))


def foreign_words(texts: Iterable[str]) -> frozenset[str]:
    """Return the words, as letters only, of the texts that are in another language, if a repair could change them.

    They keep their letters in every text of a row, because arguments copy words of the conversation.
    """
    return frozenset(
        _letters(word) for text in texts if is_foreign(text) for word in TOKEN.findall(text) if _DOUBTFUL.search(word)
    )


def is_kept(word: str, kept: frozenset[str]) -> bool:
    """Return whether a word of an Arabic row keeps its letters: it is in `kept`, or has a letter that Arabic lacks."""
    return _FOREIGN.search(word) is not None or (bool(kept) and _letters(word) in kept)


def _letters(word: str) -> str:
    return _NO_LETTER.sub("", word)
