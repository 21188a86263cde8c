"""Distinction of Arabic from Persian and Urdu in the same script.

Its only purpose is to keep the letters of Persian and Urdu rows; it is not a language detector.
"""

import re
from collections.abc import Iterable
from typing import Final

from dataset_tools.arabic.letters import (
    ARABIC_WORDS,
    FARSI_YEH,
    KEHEH,
    LETTER_CLASS,
    PERSIAN_WORDS,
    URDU_LETTERS,
    ZWNJ,
)

# Repairs depend on the language only in texts with one of these.
_DOUBTFUL: Final = re.compile(f"[{FARSI_YEH}{KEHEH}{ZWNJ}{URDU_LETTERS}]")
_NON_JOINER: Final = re.compile(f"(?<=[{LETTER_CLASS}]){ZWNJ}(?=[{LETTER_CLASS}])")
_URDU: Final = re.compile(f"[{URDU_LETTERS}]")
_WORD: Final = re.compile(f"[{LETTER_CLASS}]+")
_LEAST_EVIDENCE: Final = 2


def _is_arabic_word(word: str) -> bool:
    """Return whether `word` is spelled as only in Arabic: with the article, with ة, or a frequent word."""
    return word in ARABIC_WORDS or "ة" in word or (word.startswith(("ال", "وال")) and len(word) > 4)  # noqa: PLR2004


def looks_arabic(texts: Iterable[str]) -> bool:
    """Return False if the texts of a row are Persian or Urdu rather than Arabic.

    Evidence: Persian function words, non-joiners between letters, letters of Urdu only. پ چ ژ گ do not count, because
    Arabic dialects and names use them. Two pieces of evidence are required, and more than there are Arabic words.
    """
    row = [text for text in texts if not text.isascii()]
    if not any(map(_DOUBTFUL.search, row)):
        return True
    other = arabic = 0
    for text in row:
        words = _WORD.findall(text)
        arabic += sum(map(_is_arabic_word, words))
        if _DOUBTFUL.search(text):
            other += sum(word in PERSIAN_WORDS for word in words)
            other += len(_NON_JOINER.findall(text)) + len(_URDU.findall(text))
    return other < _LEAST_EVIDENCE or other <= arabic
