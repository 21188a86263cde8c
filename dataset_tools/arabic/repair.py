"""Default repairs of Arabic text, as an ordered table of rules.

They repair damage only: wrong encodings, presentation forms, invisible characters. Diacritics, digits, punctuation,
hamza, ى/ي, ة/ه and پ چ ڤ گ are unchanged.
"""

import re
import unicodedata
from collections.abc import Callable
from enum import StrEnum
from typing import Final, NamedTuple

from dataset_tools.arabic.escapes import decode_escapes
from dataset_tools.arabic.language import looks_arabic
from dataset_tools.arabic.letters import (
    BIDI_CONTROLS,
    EXOTIC_SPACES,
    FARSI_YEH,
    KEHEH,
    LETTER_CLASS,
    MARK_CLASS,
    PRESENTATION_FORMS,
    TATWEEL,
    ZERO_WIDTH,
    ZWJ,
    ZWNJ,
    char_class,
    needs_look,
)
from dataset_tools.arabic.mojibake import repair_mojibake
from dataset_tools.arabic.normal_form import nfc

__all__ = [
    "NOTHING",
    "RULES",
    "Rule",
    "TextRole",
    "final_farsi_yeh",
    "find",
    "looks_arabic",
    "repair",
]

_EMOJI: Final = "\xa9\xae\u2190-\u21ff\u2300-\u23ff\u25a0-\u27bf\u2900-\u2bff\U0001f000-\U0001faff"
_EMOJI_END: Final = _EMOJI + "\u20e3\ufe0f\U000e0020-\U000e007f"

_SHAPED: Final = re.compile(f"[{char_class(map(chr, PRESENTATION_FORMS))}]+")
# Marks may be before, between and after tatweels; a single letter (هـ) has no letter after it.
_STRETCHED: Final = re.compile(
    f"(?<=[{LETTER_CLASS}])[{MARK_CLASS}]*{TATWEEL}[{MARK_CLASS}{TATWEEL}]*(?=[{LETTER_CLASS}])"
)
_FARSI: Final = re.compile(f"[{FARSI_YEH}{KEHEH}]")
_BIDI: Final = re.compile(f"[{BIDI_CONTROLS}]+")
_SPACES: Final = re.compile(f"[{EXOTIC_SPACES}]+")
# Scripts of India and Sri Lanka use both joiners in spelling, after a sign or a letter: ශ්‍රී, क्‍ष.
_INDIC: Final = "\u0900-\u0dff"
_JOINER: Final = f"(?<![{_EMOJI_END}{_INDIC}]){ZWJ}|(?<![{_INDIC}]){ZWJ}(?![{_EMOJI}])"
_OTHERS: Final = f"[{ZERO_WIDTH.replace(ZWJ, '').replace(ZWNJ, '')}]|{_JOINER}"
_ZERO_WIDTH: Final = re.compile(f"{_OTHERS}|(?<![{_INDIC}]){ZWNJ}")
# In Persian and Urdu the non-joiner between two letters is part of the spelling; marks may follow the first.
_ZERO_WIDTH_BUT_ZWNJ: Final = re.compile(
    f"{_OTHERS}|(?<![{LETTER_CLASS}{MARK_CLASS}{_INDIC}]){ZWNJ}|(?<![{_INDIC}]){ZWNJ}(?![{LETTER_CLASS}])"
)
_FINAL_FARSI_YEH: Final = re.compile(f"(?<=[{LETTER_CLASS}]){FARSI_YEH}(?![{LETTER_CLASS}{MARK_CLASS}{TATWEEL}{ZWNJ}])")

_FARSI_TABLE: Final = {FARSI_YEH: "ي", KEHEH: "ك"}
# The rules search before they replace, which is much faster than `translate` on Arabic text.
_ANY_ZERO_WIDTH: Final = re.compile(f"[{ZERO_WIDTH}]")


class TextRole(StrEnum):
    """Role of a text: input of the model or target."""

    INPUT = "input"
    """Text of the user, the developer or a tool."""
    TARGET = "target"
    """Text that the model must generate, and declarations, from which it copies."""


def compose(text: str) -> str:
    """Return `text` in NFC; not NFKC, which rewrites ½, m² and ﷺ."""
    return nfc(text)


def unshape(text: str) -> str:
    """Replace presentation forms by their letters; ﷼, ﷺ and isolated marks stay."""
    return _SHAPED.sub(lambda match: match[0].translate(PRESENTATION_FORMS), text)


def strip_tatweel(text: str) -> str:
    """Remove the tatweel between Arabic letters, keeping the marks on it; `هـ` stays."""
    if TATWEEL not in text:
        return text
    return _STRETCHED.sub(lambda match: match[0].replace(TATWEEL, ""), text)


def replace_farsi_letters(text: str) -> str:
    """Replace Farsi yeh and keheh by Arabic yeh and kaf."""
    return _FARSI.sub(lambda match: _FARSI_TABLE[match[0]], text)


def remove_bidi_controls(text: str) -> str:
    """Remove directional marks, embeddings, overrides and isolates."""
    return _BIDI.sub("", text)


def remove_zero_width(text: str) -> str:
    """Remove zero-width characters and soft hyphens; joiners in an emoji or an Indic script stay."""
    return _ZERO_WIDTH.sub("", text) if _ANY_ZERO_WIDTH.search(text) else text


def remove_zero_width_but_zwnj(text: str) -> str:
    """Do as `remove_zero_width`, but keep the non-joiner between two letters."""
    return _ZERO_WIDTH_BUT_ZWNJ.sub("", text) if _ANY_ZERO_WIDTH.search(text) else text


def replace_exotic_spaces(text: str) -> str:
    """Replace each no-break, wide or narrow space by U+0020."""
    return _SPACES.sub(lambda match: " " * len(match[0]), text)


class Rule(NamedTuple):
    """One repair: name in reports, description, function, and the texts it applies to."""

    name: str
    doc: str
    function: Callable[[str], str]
    roles: frozenset[TextRole]
    elsewhere: Callable[[str], str] | None
    """The function for rows in Persian or Urdu; None if the rule does not apply to them."""
    pattern: re.Pattern[str] | None
    """The pattern for `find`; None if only a comparison before and after can detect a change."""


_BOTH: Final = frozenset(TextRole)
_TARGET: Final = frozenset({TextRole.TARGET})


def _rule(
    name: str,
    doc: str,
    function: Callable[[str], str],
    pattern: re.Pattern[str] | None = None,
    roles: frozenset[TextRole] = _BOTH,
    elsewhere: Callable[[str], str] | None = None,
) -> Rule:
    """Return a rule with the same function for every row, unless `elsewhere` is given."""
    return Rule(name, doc, function, roles, elsewhere or function, pattern)


RULES: Final[tuple[Rule, ...]] = (
    _rule("escaped-unicode", r"Literal \u0627 sequences, from JSON written twice.", decode_escapes),
    _rule("mojibake", "Text decoded with the wrong codec.", repair_mojibake),
    _rule("nfc", "Characters that are not in Unicode's composed form (NFC).", compose),
    _rule("presentation-form", "Shaped forms instead of plain letters.", unshape, _SHAPED),
    _rule("tatweel", "Tatweel stretching a word between two letters.", strip_tatweel, _STRETCHED),
    _rule("farsi-letters", "Farsi yeh or keheh in an Arabic row.", replace_farsi_letters, _FARSI)._replace(
        elsewhere=None
    ),
    _rule(
        "bidi-control",
        "Invisible characters that control the direction of text.",
        remove_bidi_controls,
        _BIDI,
        roles=_TARGET,
    ),
    _rule(
        "zero-width",
        "Zero-width characters and soft hyphens within text.",
        remove_zero_width,
        _ZERO_WIDTH,
        elsewhere=remove_zero_width_but_zwnj,
    ),
    _rule("spaces", "No-break and other unusual spaces.", replace_exotic_spaces, _SPACES),
)
"""The default repairs in order: decoding first, because it produces letters."""

NOTHING: Final[tuple[str, ...]] = ()
_BY_NAME: Final = {rule.name: rule for rule in RULES}


def _select(role: TextRole, *, arabic: bool) -> tuple[tuple[str, Callable[[str], str]], ...]:
    """Return the names and functions of the rules for one role in one kind of row."""
    chosen = ((rule.name, rule.function if arabic else rule.elsewhere) for rule in RULES if role in rule.roles)
    return tuple((name, function) for name, function in chosen if function is not None)


_SELECTED: Final = {(role, arabic): _select(role, arabic=arabic) for role in TextRole for arabic in (True, False)}


def _to_fixed_point(text: str, role: TextRole, *, arabic: bool) -> tuple[str, set[str]]:
    """Apply the rules until none changes the text.

    This terminates: decoding an escape removes a backslash, and no rule adds one; undoing mojibake reduces the
    characters outside ASCII or turns Latin ones into Arabic; the other rules write only characters that they ignore.
    """
    changed: set[str] = set()
    while True:
        before = text
        for name, function in _SELECTED[role, arabic]:
            after = function(text)
            if after != text:
                changed.add(name)
                text = after
        if text == before or not needs_look(text):
            return text, changed


def repair(text: str, role: TextRole, *, arabic: bool = True) -> tuple[str, tuple[str, ...]]:
    """Return the repaired text and the names of the rules that changed it, in the order of the table.

    `arabic` is False for a row in Persian or Urdu (see `looks_arabic`). Both roles get the same letters:
    `TextRole.INPUT` keeps bidi controls, unless one would block a repair that the target gets. The function is
    idempotent.
    """
    if not needs_look(text):
        return text, NOTHING
    clean, changed = _to_fixed_point(text, role, arabic=arabic)
    if role is TextRole.INPUT and _BIDI.search(clean):
        target, more = _to_fixed_point(text, TextRole.TARGET, arabic=arabic)
        if remove_bidi_controls(clean) != target:
            clean, changed = target, more
    return clean, tuple(name for name in _BY_NAME if name in changed) or NOTHING


def find(name: str, text: str, *, arabic: bool = True) -> tuple[int, int] | None:
    """Return the first span of `text` that the rule `name` would change, or None.

    The span of a decoding is the whole text. Raises KeyError for an unknown name.
    """
    rule = _BY_NAME[name]
    function = rule.function if arabic else rule.elsewhere
    if function is None or not needs_look(text):
        return None
    if rule.pattern is not None:
        pattern = rule.pattern if function is rule.function else _ZERO_WIDTH_BUT_ZWNJ
        match = pattern.search(text)
        return match.span() if match else None
    after = function(text)
    if after == text:
        return None
    return _first_sequence(text) if name == "nfc" else (0, len(text))


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


def final_farsi_yeh(text: str) -> bool:
    """Return whether a word ends in Farsi yeh, which may mean ى or ي."""
    return FARSI_YEH in text and _FINAL_FARSI_YEH.search(text) is not None
