"""Equality of argument values: four rules, each more lenient than the one before.

raw
    The JSON value and its type are identical: 3 is not 3.0.
nfc
    Texts are equal in Unicode's composed form (NFC).
numbers
    Numbers are equal by value: 5000, 5000.0, "5000", "5,000" and "٥٠٠٠".
fair
    Different spellings of one value are equal, as in AISA-ArabicFC's scoring v1.2: folded letters and digits, number
    words, lists in any order, and names with one meaning (الأردن and Jordan, ريال سعودي and SAR).

Each rule maps a value to a key, and values are equal if their keys are; so every rule is an equivalence relation. Equal
keys under one rule imply equal keys under every later rule.
"""

import re
from enum import IntEnum
from functools import lru_cache
from typing import Any, Final, TypeAlias

from dataset_tools.arabic.normal_form import nfc
from dataset_tools.arabic.numbers import parse_number
from training.evaluate.aliases import Field, alias, field_of, folded

__all__ = ["NEVER", "RULES", "EqualityRule", "is_blank", "key", "strictest"]


class EqualityRule(IntEnum):
    """A rule; the strictest is first."""

    RAW = 0
    NFC = 1
    NUMBERS = 2
    FAIR = 3


RULES: Final = tuple(EqualityRule)
NEVER: Final = len(RULES)
"""Result of :func:`strictest` for values that differ under every rule."""

Key: TypeAlias = tuple[Any, ...]

_NO_FIELD: Final = Field()
_SEPARATOR: Final = re.compile(r"[,،;؛/&\n]|(?<!\S)(?:و|and)(?!\S)|(?<!\S)و(?=ال\S)")
_AND: Final = "و"


def strictest(first: Any, second: Any, tool: str = "", parameter: str = "") -> int:  # noqa: ANN401 - any JSON value
    """Return the strictest rule under which two values of a parameter are equal; :data:`NEVER` without one."""
    if type(first) is type(second) and first == second and isinstance(first, (str, int, bool)):
        return EqualityRule.RAW
    for rule in RULES:
        if key(first, rule, tool, parameter) == key(second, rule, tool, parameter):
            return rule
    return NEVER


def key(value: Any, rule: EqualityRule, tool: str = "", parameter: str = "") -> Key:  # noqa: ANN401 - any JSON value
    """Return the key by which a rule compares a value of a parameter.

    Only the fair rule uses the names: they say which values are names of countries and the like, and which are lists.
    """
    return _fair(value, field_of(tool, parameter)) if rule is EqualityRule.FAIR else _plain(value, rule)


def is_blank(value: Any) -> bool:  # noqa: ANN401 - any JSON value
    """Return whether a value is a text of white space only, which the fair rule treats as absent."""
    return isinstance(value, str) and not value.strip()


def _plain(value: Any, rule: EqualityRule) -> Key:  # noqa: ANN401
    """Return the key under one of the three stricter rules."""
    match value:
        case str():
            return _text(value, rule)
        case bool() | None:
            return ("constant", value)
        case int() | float():
            return ("number", value) if rule is EqualityRule.NUMBERS else (type(value).__name__, value)
        case list():
            return ("list", *(_plain(item, rule) for item in value))
        case dict():
            members = {_name(name, rule): _plain(item, rule) for name, item in value.items()}
            return ("object", *sorted(members.items(), key=lambda member: member[0]))
    raise TypeError(f"not a JSON value: {type(value).__name__}")


def _text(value: str, rule: EqualityRule) -> Key:
    if rule is EqualityRule.RAW:
        return ("text", value)
    number = parse_number(value) if rule is EqualityRule.NUMBERS else None
    return ("text", nfc(value)) if number is None else ("number", number)


def _name(name: str, rule: EqualityRule) -> str:
    return name if rule is EqualityRule.RAW else nfc(name)


def _fair(value: Any, field: Field) -> Key:  # noqa: ANN401
    match value:
        case str():
            return _fair_list(value, field) if field.lists else _fair_text(value, field)
        case bool() | None:
            return ("constant", value)
        case int() | float():
            return _unordered([("number", value)]) if field.lists else ("number", value)
        case list():
            return _fair_items([_fair(item, field._replace(lists=False)) for item in value])
        case dict():
            present = {name: item for name, item in value.items() if item is not None and not is_blank(item)}
            members = {nfc(name): _fair(item, field_of("", name)) for name, item in present.items()}
            return ("object", *sorted(members.items(), key=lambda member: member[0]))
    raise TypeError(f"not a JSON value: {type(value).__name__}")


def _fair_items(keys: list[Key]) -> Key:
    """Return the key of an array without order; numbers and arrays keep theirs: they are coordinates or matrices."""
    if any(found[0] in ("number", "list", "unordered") for found in keys):
        return ("list", *keys)
    return _unordered(keys)


def _unordered(keys: list[Key]) -> Key:
    return ("unordered", *sorted(keys, key=repr))


@lru_cache(maxsize=1 << 16)
def _fair_text(value: str, field: Field) -> Key:
    number = parse_number(value.strip())
    if number is not None:
        return ("number", number)
    text = folded(value)
    if field.kind and (code := alias(field.kind, text)):
        return ("name", code)
    if field.vocabulary:
        text = field.vocabulary.canonical(text)
    number = parse_number(text)
    return ("text", text) if number is None else ("number", number)


@lru_cache(maxsize=1 << 16)
def _fair_list(value: str, field: Field) -> Key:
    """Return the key of a text that is a list: its parts without order."""
    one = field._replace(lists=False)
    if parse_number(value.strip()) is not None:  # 1,000 is not a list
        return _unordered([_fair_text(value, one)])
    parts = [part for piece in _SEPARATOR.split(value) for part in _names_joined(piece.strip(), one) if part]
    return _unordered([_fair_text(part, one) for part in parts or [value]])


def _names_joined(part: str, field: Field) -> list[str]:
    """Split ``سوريا ولبنان`` if the left part is a name of the parameter's kind; else the و may belong to the word."""
    words = part.split()
    if field.kind:
        for at, word in enumerate(words[1:], 1):
            if not word.startswith(_AND):
                continue
            left, right = " ".join(words[:at]), " ".join((word.removeprefix(_AND), *words[at + 1 :]))
            if alias(field.kind, folded(left)):
                return [left, *_names_joined(right, field)]
    return [part]
