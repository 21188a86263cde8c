"""Whether the texts of a row are Arabic, or Persian or Urdu in the same script.

Only asked in order to leave the letters of Persian and Urdu rows alone; not a language detector.
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

# Without any of these no repair depends on the answer, so the question need not be asked.
_DOUBTFUL: Final = re.compile(f"[{FARSI_YEH}{KEHEH}{ZWNJ}{URDU_LETTERS}]")
_NON_JOINER: Final = re.compile(f"(?<=[{LETTER_CLASS}]){ZWNJ}(?=[{LETTER_CLASS}])")
_URDU: Final = re.compile(f"[{URDU_LETTERS}]")
_WORD: Final = re.compile(f"[{LETTER_CLASS}]+")
_LEAST_EVIDENCE: Final = 2


def _is_arabic_word(word: str) -> bool:
    """Return whether only Arabic would spell `word` so: the article, ة, or a frequent word."""
    return word in ARABIC_WORDS or "ة" in word or (word.startswith(("ال", "وال")) and len(word) > 4)  # noqa: PLR2004


def looks_arabic(texts: Iterable[str]) -> bool:
    """Return False if the texts of a row read as Persian or Urdu rather than Arabic.

    Evidence of the others: Persian function words, a non-joiner between letters, letters that only
    Urdu has.  پ چ ژ گ are none, for Arabic dialects and names use them.  Two pieces are needed, and
    more than the Arabic words there are; in doubt, a row is Arabic.
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
