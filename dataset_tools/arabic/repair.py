"""Default repairs of Arabic text, as an ordered table of rules.

They repair damage only: wrong encodings, presentation forms, invisible characters. Diacritics, digits, punctuation,
hamza, ى/ي, ة/ه and پ چ ڤ گ are unchanged.
"""

import re
from collections.abc import Callable, Iterable
from enum import StrEnum
from functools import partial
from typing import Final, NamedTuple, Protocol

from dataset_tools.arabic.escapes import decode_escapes
from dataset_tools.arabic.language import Language, foreign_words, looks_arabic
from dataset_tools.arabic.letters import needs_look
from dataset_tools.arabic.mojibake import repair_mojibake
from dataset_tools.arabic.rules import (
    BIDI,
    FARSI,
    SHAPED,
    SPACES,
    STRETCHED,
    ZERO_WIDTH_CHARACTER,
    compose,
    remove_bidi_controls,
    remove_zero_width,
    remove_zero_width_but_zwnj,
    replace_exotic_spaces,
    replace_farsi_letters,
    strip_tatweel,
    unshape,
)

__all__ = [
    "NOTHING",
    "RULES",
    "Language",
    "Rule",
    "TextRole",
    "language_of",
    "looks_arabic",
    "repair",
    "rule_function",
]


from dataset_tools.arabic.visual_order import in_logical_order


class TextRole(StrEnum):
    """Role of a text: input of the model or target."""

    INPUT = "input"
    """Text of the user, the developer or a tool."""
    TARGET = "target"
    """Text that the model must generate, and declarations, from which it copies."""


class _WithWords(Protocol):
    """Function of a rule that depends on the words of other languages in an Arabic row."""

    def __call__(self, text: str, kept: frozenset[str] = ...) -> str: ...


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
    _rule("visual-order", "Shaped text whose letters are stored from left to right.", in_logical_order),
    _rule("presentation-form", "Shaped forms instead of plain letters.", unshape, SHAPED),
    _rule("tatweel", "Tatweel stretching a word between two letters.", strip_tatweel, STRETCHED),
    _rule("farsi-letters", "Letters ی ک ڪ ۃ of other languages in Arabic text.", replace_farsi_letters, FARSI)._replace(
        elsewhere=None
    ),
    _rule(
        "bidi-control",
        "Invisible characters that control the direction of text.",
        remove_bidi_controls,
        BIDI,
        roles=_TARGET,
    ),
    _rule(
        "zero-width",
        "Zero-width characters and soft hyphens within text.",
        remove_zero_width,
        ZERO_WIDTH_CHARACTER,
        elsewhere=remove_zero_width_but_zwnj,
    ),
    _rule("spaces", "No-break and other unusual spaces.", replace_exotic_spaces, SPACES),
)
"""The default repairs in order: decoding first, because it produces letters."""

NOTHING: Final[tuple[str, ...]] = ()
_OF_ARABIC: Final[dict[str, _WithWords]] = {
    "farsi-letters": replace_farsi_letters,
    "zero-width": remove_zero_width,
}
_DECODING: Final = RULES[:5]
_BY_NAME: Final = {rule.name: rule for rule in RULES}


def _select(role: TextRole, *, arabic: bool) -> tuple[tuple[str, Callable[[str], str]], ...]:
    """Return the names and functions of the rules for one role in one kind of row."""
    chosen = ((rule.name, rule.function if arabic else rule.elsewhere) for rule in RULES if role in rule.roles)
    return tuple((name, function) for name, function in chosen if function is not None)


_SELECTED: Final = {(role, arabic): _select(role, arabic=arabic) for role in TextRole for arabic in (True, False)}


def _to_fixed_point(text: str, role: TextRole, language: Language) -> tuple[str, set[str]]:
    """Apply the rules until none changes the text.

    This terminates: decoding an escape removes a backslash, and no rule adds one; undoing mojibake reduces the
    characters outside ASCII or turns other ones into Arabic; the other rules write only characters that they ignore.
    """
    changed: set[str] = set()
    while True:
        before = text
        for name, function in _SELECTED[role, language.arabic]:
            with_words = _OF_ARABIC.get(name) if language.arabic and language.kept else None
            after = with_words(text, language.kept) if with_words else function(text)
            if after != text:
                changed.add(name)
                text = after
        if text == before or not needs_look(text):
            return text, changed


def language_of(texts: Iterable[str], others: Iterable[str] = ()) -> Language:
    """Return the language of a row: `texts` decide whether it is Arabic; words of `others` may be kept, too.

    Damaged text is decoded first.
    """
    said = [_decoded(text) for text in texts]
    if not looks_arabic(said):
        return Language(arabic=False)
    return Language(arabic=True, kept=foreign_words((*said, *map(_decoded, others))))


def _decoded(text: str) -> str:
    if needs_look(text):
        for rule in _DECODING:
            text = rule.function(text)
    return text


def repair(
    text: str, role: TextRole, *, arabic: bool = True, kept: frozenset[str] | None = None
) -> tuple[str, tuple[str, ...]]:
    """Return the repaired text and the names of the rules that changed it, in the order of the table.

    `arabic` and `kept` are those of the row (see `language_of`); without `kept`, the text decides about its own words.
    Both roles get the same letters: `TextRole.INPUT` keeps bidi controls, unless one would block a repair that the
    target gets. The function is idempotent.
    """
    if not needs_look(text):
        return text, NOTHING
    language = Language(arabic, foreign_words([_decoded(text)]) if kept is None and arabic else kept or frozenset())
    clean, changed = _to_fixed_point(text, role, language)
    if role is TextRole.INPUT and BIDI.search(clean):
        target, more = _to_fixed_point(text, TextRole.TARGET, language)
        if remove_bidi_controls(clean) != target:
            clean, changed = target, more
    return clean, tuple(name for name in _BY_NAME if name in changed) or NOTHING


def rule_function(name: str, language: Language) -> Callable[[str], str] | None:
    """Return the function of a rule for a language, or None; raise KeyError for an unknown name."""
    rule = _BY_NAME[name]
    if not language.arabic:
        return rule.elsewhere
    with_words = _OF_ARABIC.get(name)
    return rule.function if with_words is None else partial(with_words, kept=language.kept)
