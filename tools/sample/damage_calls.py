"""Damage to the calls, turns and tools of a record that ``clean`` repairs.

Each function alters the record in place and returns the path, or None if it does not fit.
"""

import json
import random
from collections.abc import Iterator
from typing import Any

from schemas.record import JsonObject, Record
from tools.sample.damage_text import Damage

__all__ = [
    "calls_of",
    "drop_developer",
    "encode_arguments",
    "float_integer",
    "null_argument",
    "null_property",
    "properties_of",
    "rename_type",
    "spell_number",
    "unwrap_tool",
]  # fmt: skip

_EASTERN = str.maketrans("0123456789.", "٠١٢٣٤٥٦٧٨٩٫")
_FOREIGN_TYPES = {"object": "dict", "string": "str", "integer": "int", "number": "float"}


def calls_of(record: Record) -> Iterator[tuple[JsonObject, JsonObject, str]]:
    """Yield each call: its function, the declared parameters, and the path of the function."""
    declared = {tool["function"]["name"]: tool["function"]["parameters"] for tool in record["tools"]}
    for index, message in enumerate(record["messages"]):
        for number, item in enumerate(message.get("tool_calls", [])):
            function: Any = item["function"]
            yield function, declared[function["name"]], f"messages[{index}].tool_calls[{number}].function"


def properties_of(record: Record, *, called: bool) -> Iterator[tuple[JsonObject, str, str]]:
    """Yield each property of the tools that are called, or of those that are not: parameters, name, path."""
    names = {function["name"] for function, _, _ in calls_of(record)}
    for index, tool in enumerate(record["tools"]):
        if (tool["function"]["name"] in names) == called:
            parameters = tool["function"]["parameters"]
            for name in parameters["properties"]:
                yield parameters, name, f"tools[{index}].function.parameters.properties.{name}"


def encode_arguments(how: str) -> Damage:
    """Return a damage that encodes arguments as text: ``json``, ``json-twice`` or ``python``."""

    def damage(record: Record, _rng: random.Random) -> str | None:
        for function, _, path in calls_of(record):
            arguments = function["arguments"]
            text = repr(arguments) if how == "python" else json.dumps(arguments, ensure_ascii=False)
            function["arguments"] = json.dumps(text, ensure_ascii=False) if how == "json-twice" else text
            return f"{path}.arguments"
        return None

    return damage


def null_argument(record: Record, _rng: random.Random) -> str | None:
    """Add an omitted optional argument as null, as Arrow does."""
    for function, schema, path in calls_of(record):
        for name in schema["properties"]:
            if name not in function["arguments"]:
                function["arguments"][name] = None
                return f"{path}.arguments.{name}"
    return None


def null_property(record: Record, rng: random.Random) -> str | None:
    """Set the enum of a property without one to null, as Arrow does."""
    called = rng.choice((True, False))
    places = [p for p in properties_of(record, called=called) if "enum" not in p[0]["properties"][p[1]]]
    if not places:
        return None
    parameters, name, path = rng.choice(places)
    parameters["properties"][name]["enum"] = None
    return f"{path}.enum"


def float_integer(record: Record, _rng: random.Random) -> str | None:
    """Convert an integer to a float, as pandas does in a column with gaps: 3.0."""
    return _numeric(record, ("integer",), float)


def spell_number(record: Record, _rng: random.Random) -> str | None:
    """Convert a number to text in Arabic-Indic digits."""
    return _numeric(record, ("integer", "number"), lambda value: str(value).translate(_EASTERN))


def _numeric(record: Record, kinds: tuple[str, ...], change: Any) -> str | None:  # noqa: ANN401 - a function of a number
    for function, schema, path in calls_of(record):
        for name, value in function["arguments"].items():
            if schema["properties"][name]["type"] in kinds:
                function["arguments"][name] = change(value)
                return f"{path}.arguments.{name}"
    return None


def rename_type(record: Record, rng: random.Random) -> str | None:
    """Rename a type to its name in Python."""
    index = rng.randrange(len(record["tools"]))
    parameters = record["tools"][index]["function"]["parameters"]
    path = f"tools[{index}].function.parameters"
    places = [(parameters, path)]
    places += [(item, f"{path}.properties.{name}") for name, item in parameters["properties"].items()]
    places = [(schema, where) for schema, where in places if schema["type"] in _FOREIGN_TYPES]
    schema, where = rng.choice(places)
    schema["type"] = _FOREIGN_TYPES[schema["type"]]
    return f"{where}.type"


def unwrap_tool(record: Record, rng: random.Random) -> str | None:
    """Remove the function wrapper of a tool."""
    index = rng.randrange(len(record["tools"]))
    tools: list[Any] = record["tools"]
    tools[index] = tools[index]["function"]
    return f"tools[{index}]"


def drop_developer(record: Record, _rng: random.Random) -> str | None:
    """Remove the developer turn."""
    del record["messages"][0]
    return "messages"
