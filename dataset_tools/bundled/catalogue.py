"""Tools, phrases and slot values of the sample, read from the data files, and the results of its tools.

Every text is normalised to NFC, because marks in another order look the same but differ in bytes. Results that follow
from the arguments are computed, so that the arithmetic is right; the others are drawn from hand-written payloads.
"""

import json
import random
import unicodedata
from functools import cache
from pathlib import Path
from typing import Any, cast

from schemas.record import JsonObject, Message, Tool

__all__ = [
    "DIALECTS", "answer", "domains", "more_requests", "phrases", "slot_values", "small_talk", "tool_message", "tools",
]  # fmt: skip

DIALECTS = ("msa", "gulf", "egyptian", "levantine", "maghrebi")
"""Dialects that every domain is written in."""

_FOLDER = Path(__file__).parent

# Units of each currency per dollar: rounded and fixed, for an example.
_PER_DOLLAR = {"SAR": 3.75, "AED": 3.67, "EGP": 50.0, "JOD": 0.71, "MAD": 10.0, "USD": 1.0, "EUR": 0.9}
_ZAKAT_SHARE = 0.025


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


def tool_message(rng: random.Random, domain: str, tool: str, arguments: JsonObject) -> tuple[Message, JsonObject]:
    """Return the tool message of a call, and its content, an object."""
    texts = phrases(domain)["tools"][tool]
    payload = {name: arguments[name] for name in texts.get("echo", []) if name in arguments}
    if texts["responses"]:
        payload.update(rng.choice(texts["responses"]))
    payload.update(_computed(tool, arguments))
    return {"role": "tool", "content": payload, "name": tool}, payload


def answer(rng: random.Random, domain: str, dialect: str, tool: str, values: JsonObject) -> str:
    """Return the sentence about a result, in the dialect of the user."""
    templates: list[str] = phrases(domain)["tools"][tool]["answers"][dialect]
    return rng.choice(templates).format_map(values)


def _computed(tool: str, arguments: JsonObject) -> JsonObject:
    if tool == "convert_currency":
        dollars = arguments["amount"] / _PER_DOLLAR[arguments["from_currency"]]
        result = round(dollars * _PER_DOLLAR[arguments["to_currency"]], 2)
        # 2000 instead of 2000.0.
        return {"result": int(result) if result.is_integer() else result}
    if tool == "calculate_bmi":
        return {"bmi": round(arguments["weight_kg"] / (arguments["height_cm"] / 100) ** 2, 1)}
    if tool == "calculate_zakat":
        return {"due": round((arguments["amount"] - arguments.get("debts", 0)) * _ZAKAT_SHARE)}
    return {}
