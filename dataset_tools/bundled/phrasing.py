"""Hand-written templates filled with values: the words of the user and the arguments of the calls.

A slot is ``{city}``, ``{address.city}`` for a nested argument, or ``{2.city}`` for the second of several calls. Text
and argument come from one draw, which keeps every argument grounded in the conversation.
"""

import random
import re
from typing import Any

from dataset_tools.bundled.catalogue import phrases, slot_values, tools
from schemas.record import JsonObject

__all__ = ["Speaker", "Wish", "schema_of"]

Wish = tuple[str, JsonObject]
"""A tool to call with the arguments fixed by the words of the template; ``$name`` refers to an earlier value."""

_SLOT = re.compile(r"\{(?:(?P<call>\d)\.)?(?P<name>[a-z_]+(?:\.[a-z_]+)?)\}")
_EASTERN = str.maketrans("0123456789.", "٠١٢٣٤٥٦٧٨٩٫")
_EASTERN_SHARE = 0.3


def schema_of(tool: str) -> JsonObject:
    """Return the declared parameters of a tool of the sample."""
    return tools()[tool]["function"]["parameters"]


class Speaker:
    """The user of one conversation: draws values in one dialect, without repetition."""

    def __init__(self, rng: random.Random, domain: str, dialect: str) -> None:
        """Create a speaker of ``dialect`` in ``domain``."""
        self._rng = rng
        self._tools: JsonObject = phrases(domain)["tools"]
        self._dialect = dialect
        self._said: set[tuple[str, str]] = set()
        # One person uses one kind of digits.
        self._eastern = rng.random() < _EASTERN_SHARE

    def say(self, template: str, wishes: list[Wish], known: JsonObject) -> tuple[str, list[JsonObject]]:
        """Return the filled text and the arguments of each call.

        ``known`` has the earlier values of the conversation, to which fixed arguments may refer.

        Raises:
            ValueError: the template leaves a required argument without a value.
        """
        drawn: list[JsonObject] = [{} for _ in wishes]

        def fill(match: re.Match[str]) -> str:
            return self._fill(match, wishes, drawn)

        text = _SLOT.sub(fill, template)
        known = {**known, **{name: value for values in drawn for name, value in values.items()}}
        return text, [self._arguments(wish, values, known) for wish, values in zip(wishes, drawn, strict=True)]

    def _fill(self, match: re.Match[str], wishes: list[Wish], drawn: list[JsonObject]) -> str:
        name = match["name"]
        owners = [int(match["call"]) - 1] if match["call"] else range(len(wishes))
        owners = [i for i in owners if name.split(".")[0] in schema_of(wishes[i][0])["properties"]]
        tool = wishes[owners[0]][0]
        slot = self._tools[tool].get("slots", {}).get(name, name)
        schema = schema_of(tool)["properties"][name.split(".")[0]]
        surface, value = self._several(slot) if schema["type"] == "array" else self._draw(slot)
        for owner in owners:
            drawn[owner][name] = value
        return surface

    def _draw(self, slot: str) -> tuple[str, Any]:
        values = slot_values(slot, self._dialect)
        fresh = [pair for pair in values if (slot, str(pair[0])) not in self._said] or values
        surface, value = self._rng.choice(fresh)
        self._said.add((slot, str(surface)))
        text = str(surface)
        if not isinstance(surface, str) and self._eastern:
            text = text.translate(_EASTERN)
        return text, value

    def _several(self, slot: str) -> tuple[str, list[Any]]:
        """Return two values in the order of the list, so that hours go from morning to evening."""
        values = slot_values(slot, self._dialect)
        fresh = [pair for pair in values if (slot, pair[0]) not in self._said]
        chosen = self._rng.sample(fresh if len(fresh) > 1 else values, 2)
        chosen.sort(key=values.index)
        self._said.update((slot, surface) for surface, _ in chosen)
        return " و".join(surface for surface, _ in chosen), [value for _, value in chosen]

    def _arguments(self, wish: Wish, drawn: JsonObject, known: JsonObject) -> JsonObject:
        tool, fixed = wish
        values = {**drawn, **{name: _resolve(value, known) for name, value in fixed.items()}}
        schema = schema_of(tool)
        arguments: JsonObject = {}
        for name, item in schema["properties"].items():
            if item["type"] == "object":
                nested = {part: values[f"{name}.{part}"] for part in item["properties"] if f"{name}.{part}" in values}
                arguments.update({name: nested} if nested else {})
            elif name in values:
                arguments[name] = values[name]
        missing = [name for name in schema["required"] if name not in arguments]
        if missing:
            message = f"a template of {tool} has no {', '.join(missing)}"
            raise ValueError(message)
        return arguments


def _resolve(value: Any, known: JsonObject) -> Any:  # noqa: ANN401 - any argument
    return known[value[1:]] if isinstance(value, str) and value.startswith("$") else value
