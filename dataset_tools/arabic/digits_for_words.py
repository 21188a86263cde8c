"""Number words in a text as digits, so that خمسة وعشرين and 25 become equal.

Stricter than ``numbers_in``: only cardinals are converted, not ordinals (الثاني) or words with other meanings.
"""

from functools import cache
from typing import Final

from dataset_tools.arabic.compare import fold_letters
from dataset_tools.arabic.number_words import HUNDRED_ENDINGS, HUNDREDS, NOT_CARDINAL, WORDS
from dataset_tools.arabic.numbers import eleven_joined, joined_number

__all__ = ["digits_for_words"]

_AND: Final = ("و", "and")
_LONGEST: Final = 15  # digits of a numeral before a word, as in ٥ آلاف
_THOUSAND: Final = 1000


def digits_for_words(text: str) -> str:
    """Write every cardinal as digits; ``text`` is folded and has single spaces.

    A compound is one number (الفين وخمسمءه is 2500), a numeral may precede a thousand (5 الاف is 5000), and a و before
    the number is kept.
    """
    words = eleven_joined(text).split(" ")
    if not any(_value(word)[0] is not None for word in words):
        return text
    written: list[str] = []
    at = 0
    while at < len(words):
        number, prefix, after = _number(words, at)
        written.append(words[at] if number is None else f"{prefix}{number}")
        at = after
    return " ".join(written)


def _number(words: list[str], at: int) -> tuple[int | None, str, int]:
    """Return the number that starts at a word, a و before it, and the index after it; None if there is no number."""
    total, attached = _value(words[at])
    numeral = total is None and words[at].isascii() and words[at].isdecimal() and len(words[at]) <= _LONGEST
    if numeral and at + 1 < len(words) and (_value(words[at + 1])[0] or 0) >= _THOUSAND:
        total = int(words[at])
    if total is None:
        return None, "", at + 1
    prefix = "و" if attached else ""
    at += 1
    while at < len(words):
        apart = words[at] in _AND and at + 1 < len(words)
        value, attached = _value(words[at + apart])
        if value is None:
            break
        together = joined_number(total, value, joined=apart or attached, ascii_word=words[at + apart].isascii())
        if together is None:
            break
        total, at = int(together), at + apart + 1
    return total, prefix, at


def _value(word: str) -> tuple[int | None, bool]:
    """Return the value of a word, and whether a و is attached to it."""
    cardinals = _cardinals()
    if word in cardinals:
        return cardinals[word], False
    if word[:1] == "و" and word[1:] in cardinals:
        return cardinals[word[1:]], True
    return None, False


@cache
def _cardinals() -> dict[str, int]:
    left_out = set(fold_letters(NOT_CARDINAL).split())
    found = {
        fold_letters(stem + ending): hundred
        for hundred, stems in HUNDREDS.items()
        for stem in stems.split()
        for ending in HUNDRED_ENDINGS.split()
    }
    for value, spellings in WORDS.items():
        found.update((word, value) for word in fold_letters(spellings).split() if word not in left_out)
    return found
