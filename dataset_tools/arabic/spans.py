"""Place of the first defect in a text, for findings."""

import unicodedata
from typing import Final

from dataset_tools.arabic.letters import needs_look
from dataset_tools.arabic.normal_form import nfc
from dataset_tools.arabic.repair import RULES, Language, rule_function

__all__ = ["find", "only_order_of_marks"]

_BY_NAME: Final = {rule.name: rule for rule in RULES}


def find(name: str, text: str, language: Language | None = None) -> tuple[int, int] | None:
    """Return the first span of `text` that the rule `name` would change in a row of `language` (Arabic), or None.

    The span of a decoding is the whole text. Raises KeyError for an unknown name.
    """
    rule = _BY_NAME[name]
    function = rule_function(name, language or Language())
    if function is None or not needs_look(text):
        return None
    after = function(text)
    if after == text:
        return None
    if rule.pattern is None:
        return _first_sequence(text) if name == "nfc" else (0, len(text))
    # A match before the first change stays because of the language; a tatweel is marked with the marks before it.
    start = next(at for at, char in enumerate(text) if after[at : at + 1] != char)
    match = rule.pattern.search(text, 0 if name == "tatweel" else start)
    return match.span() if match else (start, start + 1)


def only_order_of_marks(text: str) -> bool:
    """Return whether `text` becomes NFC by another order of its marks, without composing a letter."""
    composed = nfc(text)
    return composed != text and sorted(composed) == sorted(text)


def _first_sequence(text: str) -> tuple[int, int]:
    """Return the span of the first base character with marks that is not in NFC."""
    start = 0
    while start < len(text):
        end = _past_marks(text, start + 1)
        if not unicodedata.is_normalized("NFC", text[start:end]):
            return start, end
        # Hangul composes letters, so the next starter may belong to this sequence.
        if not unicodedata.is_normalized("NFC", text[start : end + 1]):
            return start, _past_marks(text, end + 1)
        start = end
    return 0, len(text)


def _past_marks(text: str, at: int) -> int:
    """Return the end of the combining marks at `at`."""
    while at < len(text) and unicodedata.combining(text[at]):
        at += 1
    return at
