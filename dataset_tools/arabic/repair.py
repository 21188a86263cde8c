"""Default repairs of Arabic text, as an ordered table of rules.

They repair damage only: wrong encodings, presentation forms, invisible characters. Diacritics, digits, punctuation,
hamza, ى/ي, ة/ه and پ چ ڤ گ are unchanged.
"""

import re
from collections.abc import Callable
from enum import StrEnum
from typing import Final, NamedTuple

from dataset_tools.arabic.escapes import decode_escapes
from dataset_tools.arabic.language import FOREIGN_WORD, is_foreign, looks_arabic
from dataset_tools.arabic.letters import (
    ARABIC_LOOK_ALIKES,
    BIDI_CONTROLS,
    EXOTIC_SPACES,
    FARSI_YEH,
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
    "looks_arabic",
    "repair",
]

_EMOJI: Final = "\xa9\xae\u2190-\u21ff\u2300-\u23ff\u25a0-\u27bf\u2900-\u2bff\U0001f000-\U0001faff"
_EMOJI_END: Final = _EMOJI + "\u20e3\ufe0f\U000e0020-\U000e007f"

_SHAPED: Final = re.compile(f"[{char_class(map(chr, PRESENTATION_FORMS))}]+")
# A tatweel before a mark is the seat of the mark (شَيْـًٔا); a single letter (هـ) has no letter after it. The possessive
# quantifiers keep the time linear.
_LOOSE: Final = f"{TATWEEL}(?![{MARK_CLASS}])"
_STRETCHED: Final = re.compile(
    f"(?<=[{LETTER_CLASS}])(?:[{MARK_CLASS}]|{TATWEEL}(?=[{MARK_CLASS}]))*+"
    f"{_LOOSE}[{MARK_CLASS}{TATWEEL}]*+(?=[{LETTER_CLASS}])"
)
_LOOSE_TATWEEL: Final = re.compile(_LOOSE)
_LOOK_ALIKES: Final = "".join(ARABIC_LOOK_ALIKES)
_FARSI: Final = re.compile(f"[{_LOOK_ALIKES}]")
_WORD: Final = re.compile(f"[{LETTER_CLASS}{MARK_CLASS}{TATWEEL}{ZWNJ}]+")
_BIDI: Final = re.compile(f"[{BIDI_CONTROLS}]+")
# A no-break or thin space may carry a mark.
_SPACES: Final = re.compile(f"(?:[{EXOTIC_SPACES}](?![{MARK_CLASS}\u0300-\u036f]))+")
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

_FARSI_TABLE: Final = str.maketrans(ARABIC_LOOK_ALIKES)
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
    """Remove the tatweel between Arabic letters; `هـ` and a tatweel that carries a mark stay."""
    if TATWEEL not in text:
        return text
    return _STRETCHED.sub(lambda match: _LOOSE_TATWEEL.sub("", match[0]), text)


def replace_farsi_letters(text: str) -> str:
    """Replace ی ک ڪ ۃ by ي ك ك ة, except in a text or a word of another language."""
    if _FARSI.search(text) is None:
        return text
    if FOREIGN_WORD.search(text) is None:
        return text if is_foreign(text) else text.translate(_FARSI_TABLE)
    return text if is_foreign(text) else _WORD.sub(_in_arabic_letters, text)


def _in_arabic_letters(word: re.Match[str]) -> str:
    return word[0] if FOREIGN_WORD.search(word[0]) else word[0].translate(_FARSI_TABLE)


def remove_bidi_controls(text: str) -> str:
    """Remove directional marks, embeddings, overrides and isolates."""
    return _BIDI.sub("", text)


def remove_zero_width(text: str) -> str:
    """Remove zero-width characters and soft hyphens; joiners in an emoji or an Indic script stay.

    The non-joiner stays between the letters of a text in another language.
    """
    if _ANY_ZERO_WIDTH.search(text) is None:
        return text
    if ZWNJ in text and is_foreign(text):
        return remove_zero_width_but_zwnj(text)
    return _ZERO_WIDTH.sub("", text)


def remove_zero_width_but_zwnj(text: str) -> str:
    """Do as `remove_zero_width`, but keep the non-joiner between two letters."""
    return _ZERO_WIDTH_BUT_ZWNJ.sub("", text) if _ANY_ZERO_WIDTH.search(text) else text


def replace_exotic_spaces(text: str) -> str:
    """Replace each no-break, wide or narrow space by U+0020, unless it carries a mark."""
    return _SPACES.sub(lambda match: " " * len(match[0]), text)


class Rule(NamedTuple):
    """One repair: name in reports, description, function, and the texts it applies to."""

    name: str
    doc: str
    function: Callable[[str], str]
    roles: frozenset[TextRole]
    elsewhere: Callable[[str], str] | None
    """The function for rows in another language; None if the rule does not apply to them."""
    pattern: re.Pattern[str] | None
    """The pattern of the characters that change, for `find`; None for a change of the whole text or of its marks."""


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
    _rule(
        "farsi-letters", "Letters ی ک ڪ ۃ of other languages in Arabic text.", replace_farsi_letters, _FARSI
    )._replace(elsewhere=None),
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

    `arabic` is False for a row in another language (see `looks_arabic`). Both roles get the same letters:
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


def final_farsi_yeh(text: str) -> bool:
    """Return whether an Arabic word ends in Farsi yeh, which may mean ى or ي."""
    if FARSI_YEH not in text or is_foreign(text):
        return False
    words = (text[: match.end()] for match in _FINAL_FARSI_YEH.finditer(text))
    return any(not FOREIGN_WORD.search(_WORD.findall(word)[-1]) for word in words)
