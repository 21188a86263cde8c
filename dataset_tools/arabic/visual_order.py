"""Shaped text in visual order, as PDF files and reshapers leave it: its letters are stored from left to right.

The forms of the letters show the order: an initial form begins a group of joined letters. A line is reversed only if
the result has the forms that its letters require, and reordering it for display gives the input again.
"""

import re
import unicodedata
from typing import Final, NamedTuple

from dataset_tools.arabic.bidi import base_level, reorder, to_logical_line
from dataset_tools.arabic.letters import LETTER_CLASS, LETTERS, MARKS, PRESENTATION_FORMS, TATWEEL, ZWJ, char_class

__all__ = ["ambiguous_order", "in_logical_order", "unproven_order"]

_SHAPED_CLASS: Final = char_class(map(chr, PRESENTATION_FORMS))
_SHAPED: Final = re.compile(f"[{_SHAPED_CLASS}]")
# From the first to the last shaped letter, without a plain letter between them.
_SHAPED_PART: Final = re.compile(f"[{_SHAPED_CLASS}](?:[^{LETTER_CLASS}\n]*[{_SHAPED_CLASS}])?")
_APART_BEFORE: Final = re.compile(f"(?:^|[{LETTER_CLASS}:،] )$")
_APART_AFTER: Final = re.compile(f"$|[.؟،]?$| [{LETTER_CLASS}]")
_JOINS: Final = {
    "<isolated>": (False, False),
    "<final>": (True, False),
    "<initial>": (False, True),
    "<medial>": (True, True),
}
_SKIPPED: Final = frozenset(MARKS)


class _Form(NamedTuple):
    """A shaped letter or ligature: first and last letter, and whether it joins the letter before and after it."""

    first: str
    last: str
    before: bool
    after: bool


def _forms() -> dict[str, _Form]:
    table: dict[str, _Form] = {}
    for code, text in PRESENTATION_FORMS.items():
        letters = [char for char in text if char not in _SKIPPED]
        before, after = _JOINS[unicodedata.decomposition(chr(code)).split()[0]]
        table[chr(code)] = _Form(letters[0], letters[-1], before, after)
    return table


_FORMS: Final = _forms()
_JOINING_AFTER: Final = frozenset(form.last for form in _FORMS.values() if form.after and form.first == form.last)
_JOINING_BEFORE: Final = frozenset(form.first for form in _FORMS.values() if form.before and form.first == form.last)


def _wrong_forms(text: str, *, plain_is_isolated: bool = False) -> int:
    """Return how many pairs of neighbours have forms that these letters do not take in this order.

    A plain letter may have any form, unless `plain_is_isolated`: some reshapers write isolated letters as plain ones.
    """
    wrong = 0
    left: _Form | None = None  # the letter before, None at the start of a word
    any_form = False
    for char in (*text, " "):
        if char in _SKIPPED:
            continue
        form = _FORMS.get(char)
        if form is None and plain_is_isolated and char in LETTERS:
            form = _Form(char, char, before=False, after=False)
        free = form is None and (char in LETTERS or char in (TATWEEL, ZWJ))
        if not (free or any_form):
            joined = left is not None and form is not None and _may_join(left, form)
            wrong += (left is not None and left.after != joined) or (form is not None and form.before != joined)
        left, any_form = form, free
    return wrong


def _may_join(left: _Form, right: _Form) -> bool:
    return left.last in _JOINING_AFTER and right.first in _JOINING_BEFORE


def _is_visual(text: str) -> bool:
    """Return whether the forms of a part fit its letters better backwards."""
    forwards = _wrong_forms(text)
    return forwards > 0 and _wrong_forms(text[::-1]) < forwards


def _proven(line: str) -> str | None:
    """Return the logical order of a line in visual order; None if there is no proof, or two."""
    found = set()
    for base in (1, 0):
        logical = to_logical_line(line, base)
        right = _wrong_forms(logical, plain_is_isolated=True) == 0 and base_level(logical) == base
        if right and reorder(logical, base) == line:
            found.add(logical)
    return found.pop() if len(found) == 1 else None


def _line_in_logical_order(line: str) -> str:
    if not _SHAPED.search(line) or not any(_is_visual(part) for part in _SHAPED_PART.findall(line)):
        return line
    whole = _proven(line)
    if whole is not None:
        return whole
    if _wrong_forms(line[::-1], plain_is_isolated=True) == 0:  # plain letters may be isolated ones of the same line
        return line
    # Shaped words among plain ones: each part has its own order.
    return _SHAPED_PART.sub(lambda part: _part_in_logical_order(line, part), line)


def _part_in_logical_order(line: str, part: re.Match[str]) -> str:
    """Return a part between words of Arabic; next to punctuation, digits or Latin letters, its place is not certain."""
    before, after = line[: part.start()], line[part.end() :]
    apart = _APART_BEFORE.search(before) and _APART_AFTER.match(after)
    return (_proven(part[0]) if apart and _is_visual(part[0]) else None) or part[0]


def in_logical_order(text: str) -> str:
    """Return `text` with the lines and parts in visual order reversed, where that is proven; forms stay."""
    if not _SHAPED.search(text):
        return text
    return "\n".join(map(_line_in_logical_order, text.split("\n")))


def unproven_order(text: str) -> bool:
    """Return whether a part of `text` is in visual order and cannot be reversed with certainty."""
    if not _SHAPED.search(text):
        return False
    return any(map(_is_visual, _SHAPED_PART.findall(in_logical_order(text))))


def ambiguous_order(text: str) -> bool:
    """Return whether shaped letters of `text` would be right in either order, so that only other texts can tell."""
    parts = [part for part in _SHAPED_PART.findall(text) if len(part) > 1 and part != part[::-1]]
    return any(_wrong_forms(part) == _wrong_forms(part[::-1]) for part in parts)
