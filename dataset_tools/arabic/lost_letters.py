"""Damage of text that is reported and not repaired: lost letters, look-alikes and escapes that are not certain."""

import re
from typing import Final

from dataset_tools.arabic.language import is_foreign, is_kept
from dataset_tools.arabic.letters import EXTENDED_DIGITS, HEH_LOOK_ALIKES, LETTER_CLASS, MARK_CLASS

__all__ = ["find_look_alike", "find_lost_letters", "may_be_damaged"]

_LETTER: Final = r"[^\W\d_]"
_REPLACED: Final = "\ufffd"
# Question marks inside a word, several words of question marks, or nothing else.
_INSIDE: Final = re.compile(rf"{_LETTER}\?{{2,}}{_LETTER}")
_WORDS: Final = re.compile(r"(?<!\S)(?<!\?\s)\?+(?: +\?+)++(?!\S)")
_RUN: Final = re.compile(r"\?{2,}")
_ANY_LETTER: Final = re.compile(_LETTER)
_WORD: Final = re.compile(f"[{LETTER_CLASS}{MARK_CLASS}{EXTENDED_DIGITS}]+")
_LOOK_ALIKE: Final = re.compile(f"[{HEH_LOOK_ALIKES}{EXTENDED_DIGITS}]")
# Tested for every text: characters and pairs that other tests take for ordinary.
_SUSPECT: Final = re.compile(rf"[{EXTENDED_DIGITS}&%]|\?\?|u06|U\+0[67]")


def may_be_damaged(text: str) -> bool:
    """Return False only if no function of this module or `left_escape` finds something that `needs_look` ignores."""
    return _SUSPECT.search(text) is not None


def find_lost_letters(text: str, *, written: bool) -> str | None:
    """Return the first place where letters were lost: U+FFFD, or question marks instead of letters.

    `written` is False for a value that no user types, such as an argument: there, question marks alone are enough.
    Elsewhere ??? after a word or alone is punctuation.
    """
    at = text.find(_REPLACED)
    if at >= 0:
        return text[max(0, at - 12) : at + 12]
    if "??" not in text:
        return None
    if found := _INSIDE.search(text):
        return found[0]
    if (found := _WORDS.search(text)) and "??" in found[0]:
        return found[0]
    least = 2 if written else 1
    return text[:24] if len(_RUN.findall(text)) >= least and not _ANY_LETTER.search(text) else None


def find_look_alike(text: str, kept: frozenset[str] = frozenset()) -> str | None:
    """Return the first ہ, ھ or Persian digit in a word or number of Arabic text, or None.

    Words of other languages do not count (see `is_kept`).
    """
    if _LOOK_ALIKE.search(text) is None or is_foreign(text):
        return None
    for word in _WORD.findall(text):
        if (found := _LOOK_ALIKE.search(word)) and not is_kept(word, kept):
            return found[0]
    return None
