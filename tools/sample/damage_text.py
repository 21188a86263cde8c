"""Damage to the text of a record that ``clean`` must repair.

Each damage alters a record in place and returns its path, or None if it does not fit. It is the only defect of the row:
it affects words that no argument quotes, and strings whose wrong decoding can be undone.
"""

import random
import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any

from dataset_tools.records.results import text_of
from schemas.record import Record

__all__ = ["Damage", "argument_strings", "in_answer", "in_argument", "in_user", "recoded", "word_damage"]

Damage = Callable[[Record, random.Random], str | None]
"""Alters a record and returns the path, or None."""

Edit = Callable[[str, random.Random], str | None]
"""Returns the altered text, or None."""

_ARABIC = re.compile(r"[\u0621-\u063a\u0641-\u064a]")
_WORD = re.compile(r"[\u0621-\u063a\u0641-\u064a]{4,}")
_LATIN = re.compile(r"[A-Za-z]")


def argument_strings(record: Record) -> Iterator[tuple[dict[str, Any], str, str]]:
    """Yield each string argument: the object with it, its key, its path."""
    for index, message in enumerate(record["messages"]):
        for number, item in enumerate(message.get("tool_calls", [])):
            arguments = item["function"]["arguments"]
            path = f"messages[{index}].tool_calls[{number}].function.arguments"
            for name, value in arguments.items():
                if isinstance(value, str):
                    yield arguments, name, f"{path}.{name}"


def in_user(edit: Edit) -> Damage:
    """Return a damage of the first user message."""

    def damage(record: Record, rng: random.Random) -> str | None:
        text = edit(text_of(record["messages"][1]), rng)
        if text is None:
            return None
        record["messages"][1]["content"] = text
        return "messages[1].content"

    return damage


def in_answer(edit: Edit) -> Damage:
    """Return a damage of the closing answer."""

    def damage(record: Record, rng: random.Random) -> str | None:
        last = len(record["messages"]) - 1
        content = text_of(record["messages"][last])
        text = edit(content, rng) if content else None
        if text is None:
            return None
        record["messages"][last]["content"] = text
        return f"messages[{last}].content"

    return damage


def in_argument(edit: Edit) -> Damage:
    """Return a damage of one string argument in Arabic letters."""

    def damage(record: Record, rng: random.Random) -> str | None:
        for arguments, name, path in argument_strings(record):
            text = edit(arguments[name], rng) if len(_ARABIC.findall(arguments[name])) > 3 else None  # noqa: PLR2004
            if text is not None:
                arguments[name] = text
                return path
        return None

    return damage


def word_damage(edit: Edit) -> Damage:
    """Return a damage of one word of the user message that no argument quotes, so that arguments stay grounded."""

    def damage(record: Record, rng: random.Random) -> str | None:
        text = text_of(record["messages"][1])
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
    """Return an edit that decodes text with wrong encodings, if that can be undone exactly."""

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
        # A control character would be another defect, and the repair of cp1252 does not expect it.
        if back != text or changed == text or any(unicodedata.category(c) == "Cc" for c in changed):
            return None
        return changed

    return edit
