"""Tools, phrases and slot values of the sample, read from the data files.

Every text is normalised to NFC, because marks in another order look the same but differ in bytes.
"""

import json
import unicodedata
from functools import cache
from pathlib import Path
from typing import Any, cast

from schemas.record import JsonObject, Tool

__all__ = ["DIALECTS", "domains", "more_requests", "phrases", "slot_values", "small_talk", "tools"]

DIALECTS = ("msa", "gulf", "egyptian", "levantine", "maghrebi")
"""Dialects that every domain is written in."""

_FOLDER = Path(__file__).parent


def _read(name: str) -> Any:  # noqa: ANN401 - any JSON value
    return json.loads(unicodedata.normalize("NFC", (_FOLDER / name).read_text(encoding="utf-8")))


@cache
def tools() -> dict[str, Tool]:
    """Return every tool of the sample by name."""
    return {tool["function"]["name"]: cast("Tool", tool) for tool in _read("tools.json")["tools"]}


@cache
def domains() -> dict[str, list[str]]:
    """Return the names of the tools in each domain."""
    return cast("dict[str, list[str]]", _read("tools.json")["domains"])


@cache
def phrases(domain: str) -> JsonObject:
    """Return the hand-written texts of one domain: per tool, follow-ups, parallel requests and negatives."""
    return cast("JsonObject", _read(f"phrases/{domain}.json"))


@cache
def small_talk() -> dict[str, list[list[str]]]:
    """Return pairs of small talk and its answer, by dialect."""
    return cast("dict[str, list[list[str]]]", _read("small_talk.json"))


@cache
def more_requests() -> dict[str, list[list[str]]]:
    """Return requests without a call that are not in the sample, by dialect: reason, text and answer."""
    return cast("dict[str, list[list[str]]]", _read("more_requests.json"))


def slot_values(name: str, dialect: str) -> list[tuple[Any, Any]]:
    """Return the values of a slot: pairs of the user's words and the argument."""
    values = _slots()[name]
    if isinstance(values, dict) and dialect in values:
        values = values[dialect]
    if isinstance(values, dict):
        return list(values.items())
    return [(value, value) for value in values]


@cache
def _slots() -> JsonObject:
    return cast("JsonObject", _read("slots.json"))
