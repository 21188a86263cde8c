"""Ways to damage the text of a record that ``clean`` is expected to undo.

Each function takes a record and a source of chance, alters the record in place and returns the path of the damage,
or None where the record has no place for it. The places are chosen so that the damage is the row's only defect:
words that no argument quotes, and strings whose bytes survive the wrong decoding and back.
"""

import random
import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any

from schemas.record import Record

__all__ = ["Damage", "argument_strings", "in_answer", "in_argument", "in_user", "recoded", "word_damage"]

Damage = Callable[[Record, random.Random], str | None]
"""Alters a record and returns where, or None."""

Edit = Callable[[str, random.Random], str | None]
"""Alters one text, or returns None where it cannot."""

_ARABIC = re.compile(r"[\u0621-\u063a\u0641-\u064a]")
_WORD = re.compile(r"[\u0621-\u063a\u0641-\u064a]{4,}")
_LATIN = re.compile(r"[A-Za-z]")


def argument_strings(record: Record) -> Iterator[tuple[dict[str, Any], str, str]]:
    """Each string argument: the object that holds it, its key, its path."""
    for index, message in enumerate(record["messages"]):
        for number, item in enumerate(message.get("tool_calls", [])):
            arguments = item["function"]["arguments"]
            path = f"messages[{index}].tool_calls[{number}].function.arguments"
            for name, value in arguments.items():
                if isinstance(value, str):
                    yield arguments, name, f"{path}.{name}"


def in_user(edit: Edit) -> Damage:
    """Damage to the first user message."""

    def damage(record: Record, rng: random.Random) -> str | None:
        text = edit(record["messages"][1]["content"], rng)
        if text is None:
            return None
        record["messages"][1]["content"] = text
        return "messages[1].content"

    return damage


def in_answer(edit: Edit) -> Damage:
    """Damage to the closing answer."""

    def damage(record: Record, rng: random.Random) -> str | None:
        last = len(record["messages"]) - 1
        content = record["messages"][last].get("content")
        text = edit(content, rng) if content else None
        if text is None:
            return None
        record["messages"][last]["content"] = text
        return f"messages[{last}].content"

    return damage


def in_argument(edit: Edit) -> Damage:
    """Damage to one string argument that is written in Arabic letters."""

    def damage(record: Record, rng: random.Random) -> str | None:
        for arguments, name, path in argument_strings(record):
            text = edit(arguments[name], rng) if len(_ARABIC.findall(arguments[name])) > 3 else None  # noqa: PLR2004
            if text is not None:
                arguments[name] = text
                return path
        return None

    return damage


def word_damage(edit: Edit) -> Damage:
    """Damage to one word of the user message that no argument quotes, so that grounding stays whole."""

    def damage(record: Record, rng: random.Random) -> str | None:
        text = record["messages"][1]["content"]
        quoted = repr([m.get("tool_calls") for m in record["messages"]])
        words = [match for match in _WORD.finditer(text) if match[0].removeprefix("و") not in quoted]
        rng.shuffle(words)
        for word in words:
            changed = edit(word[0], rng)
            if changed is not None:
                record["messages"][1]["content"] = text[: word.start()] + changed + text[word.end() :]
                return "messages[1].content"
        return None

    return damage


def recoded(*steps: tuple[str, str], pure_arabic: bool = False) -> Edit:
    """Text written in one encoding and read in another, where the way back is exact."""

    def edit(text: str, _rng: random.Random) -> str | None:
        if pure_arabic and _LATIN.search(text):
            return None
        changed = text
        try:
            for written, read in steps:
                changed = changed.encode(written).decode(read)
            back = changed
            for written, read in reversed(steps):
                back = back.encode(read).decode(written)
        except UnicodeError:
            return None
        # A control character could not be told from other dirt, and a repair of cp1252 would not expect it.
        if back != text or changed == text or any(unicodedata.category(c) == "Cc" for c in changed):
            return None
        return changed

    return edit
