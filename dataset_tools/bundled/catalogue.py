"""What the sample is made of: its tools, its phrases and the values that fill them, read from the data files.

Nothing is composed here. Every text is brought to NFC on reading, because marks typed in another order would look
the same and differ in bytes.
"""

import json
import unicodedata
from functools import cache
from pathlib import Path
from typing import Any, cast

from schemas.record import JsonObject, Tool

__all__ = ["DIALECTS", "domains", "more_requests", "phrases", "slot_values", "small_talk", "tools"]

DIALECTS = ("msa", "gulf", "egyptian", "levantine", "maghrebi")
"""The varieties of Arabic that every domain is written in."""

_FOLDER = Path(__file__).parent


def _read(name: str) -> Any:  # noqa: ANN401 - JSON is any value
    return json.loads(unicodedata.normalize("NFC", (_FOLDER / name).read_text(encoding="utf-8")))


@cache
def tools() -> dict[str, Tool]:
    """Every tool of the sample under its name."""
    return {tool["function"]["name"]: cast("Tool", tool) for tool in _read("tools.json")["tools"]}


@cache
def domains() -> dict[str, list[str]]:
    """The names of the tools in each domain."""
    return cast("dict[str, list[str]]", _read("tools.json")["domains"])


@cache
def phrases(domain: str) -> JsonObject:
    """The hand-written texts of one domain: per tool, follow-ups, parallel requests and negatives."""
    return cast("JsonObject", _read(f"phrases/{domain}.json"))


@cache
def small_talk() -> dict[str, list[list[str]]]:
    """Pairs of small talk and its answer, by dialect."""
    return cast("dict[str, list[list[str]]]", _read("small_talk.json"))


@cache
def more_requests() -> dict[str, list[list[str]]]:
    """Requests that call for no tool and are not in the sample, by dialect: reason, text and answer."""
    return cast("dict[str, list[list[str]]]", _read("more_requests.json"))


def slot_values(name: str, dialect: str) -> list[tuple[Any, Any]]:
    """What may fill a slot: pairs of what the user says and what the argument holds."""
    values = _slots()[name]
    if isinstance(values, dict) and dialect in values:
        values = values[dialect]
    if isinstance(values, dict):
        return list(values.items())
    return [(value, value) for value in values]


@cache
def _slots() -> JsonObject:
    return cast("JsonObject", _read("slots.json"))
