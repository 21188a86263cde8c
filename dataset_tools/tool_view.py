"""One tool declaration as the checks and the repairs see it, remembered by content.

Declarations repeat from row to row: the validator of each distinct one is compiled once, and whatever a check finds
in it is found once.
"""

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple

import orjson

from dataset_tools.arabic.letters import needs_look
from dataset_tools.arabic.repair import Side
from dataset_tools.validators import InvalidSchemaError, Validator
from schemas.record import JsonObject, Tool

__all__ = ["Text", "ToolView", "described_values", "flat_values", "leaves", "tool_view", "without_nulls"]

# A hostile file could offer a new tool in every row: past this many the memory starts anew.
_MEMORY_LIMIT = 20_000
_memory: dict[bytes, "ToolView"] = {}
_NO_PROPERTIES: JsonObject = {}
# "(Supported values: male, female)", "القيم المسموحة: ذكر، أنثى", "one of: a, b": a list that a schema would call enum.
_VALUES = re.compile(
    r"\(?\s*(?:supported|allowed|possible|valid|accepted)\s+values(?:\s+are)?\s*[:=]\s*(?P<en>[^()\n]+)"
    r"|\bone\s+of\s*[:=]\s*(?P<one>[^()\n.]+)"
    r"|القيم\s+(?:المدعومة|المسموحة|المسموح\s+بها|الممكنة|المتاحة|المقبولة)\s*[:=]\s*(?P<ar>[^()\n]+)",
    re.IGNORECASE,
)
_SEPARATOR = re.compile(r"\s*[,،|;؛/]\s*|\s+(?:or|أو)\s+")


class Text(NamedTuple):
    """A string of a record, where it stands, and which column of the text policy applies to it."""

    path: str
    value: str
    side: Side


class ToolView:
    """One distinct tool declaration.

    Attributes:
        tool: the declaration.
        name: the name that calls use.
        properties: parameter name to its schema.
        validator: the compiled parameter schema, or None when it is invalid; ``schema_error`` then says why.
    """

    def __init__(self, tool: Tool) -> None:
        self.tool = tool
        function = tool["function"]
        self.name = function["name"]
        parameters = function.get("parameters")
        self.parameters: JsonObject = parameters if isinstance(parameters, dict) else {}
        properties = self.parameters.get("properties")
        self.properties: JsonObject = properties if isinstance(properties, dict) else _NO_PROPERTIES
        self.names = frozenset(self.properties)
        self.validator: Validator | None = None
        self.schema_error: InvalidSchemaError | None = None
        try:
            self.validator = Validator(without_nulls(self.parameters))
        except InvalidSchemaError as error:
            self.schema_error = error
        # Filled by the catalogue of checks when it first meets this declaration.
        self.findings: Any = None

    @cached_property
    def closed(self) -> bool:
        """Whether an argument that is not declared is a mistake: unless the schema invites others."""
        invites = self.parameters.get("additionalProperties")
        return not (invites is True or isinstance(invites, dict) or "patternProperties" in self.parameters)

    @cached_property
    def nulls(self) -> tuple[str, ...]:
        """Paths of the keys of the declaration that hold null."""
        return tuple(path for path, value in leaves(self.tool) if value is None and not path.endswith("]"))

    @cached_property
    def described(self) -> dict[str, list[str]]:
        """Parameter name to the values that its description lists as the only ones allowed."""
        return {name: values for name, item in self.properties.items() if (values := described_values(item))}

    @cached_property
    def listed(self) -> frozenset[Any]:
        """Every value that the schema itself offers: enumerated, constant and default ones."""
        return frozenset(_listed(self.parameters))

    @cached_property
    def odd(self) -> tuple[Text, ...]:
        """The strings of the declaration in which a repair may act or a control token stand, paths relative to it."""
        texts = (Text(path, value, Side.TARGET) for path, value in leaves(self.tool) if isinstance(value, str))
        return tuple(text for text in texts if needs_look(text.value) or "<" in text.value)


def tool_view(tool: Tool) -> ToolView:
    """The view of a declaration, shared by all rows that offer the same one."""
    key = orjson.dumps(tool)
    view = _memory.get(key)
    if view is None:
        if len(_memory) >= _MEMORY_LIMIT:
            _memory.clear()
        view = _memory[key] = ToolView(tool)
    return view


def without_nulls(value: Any) -> Any:  # noqa: ANN401 - JSON is any value
    """``value`` without the keys that hold null, at any depth; a list keeps its nulls. Shared where nothing changes."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value


def flat_values(arguments: JsonObject) -> list[tuple[str, Any]]:
    """Every value in ``arguments`` that is not a container, with its path: the leaves, fast for flat objects."""
    values: list[tuple[str, Any]] = []
    for key, item in arguments.items():
        if isinstance(item, (dict, list)):
            values.extend(leaves(item, f".{key}"))
        else:
            values.append((f".{key}", item))
    return values


def leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Every value in ``value`` that is not a container, with its path; keys of objects are not values."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, f"{path}.{key}")
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from leaves(item, f"{path}[{position}]")
    else:
        yield path, value


def described_values(schema: JsonObject) -> list[str]:
    """The values that a description lists as the only ones allowed, when the schema itself has no ``enum``."""
    description = schema.get("description")
    if not isinstance(description, str) or "enum" in schema:
        return []
    found = _VALUES.search(description)
    if found is None:
        return []
    listed = found["en"] or found["one"] or found["ar"]
    values = [value.strip(" .'\"«»") for value in _SEPARATOR.split(listed)]
    return [value for value in values if value]


def _listed(schema: JsonObject) -> Iterator[Any]:
    """The scalars under ``enum``, ``const`` and ``default``, and those that descriptions list, at any depth."""
    stack: list[Any] = [schema]
    while stack:
        node = stack.pop()
        if isinstance(node, list):
            stack.extend(node)
        elif isinstance(node, dict):
            offered = [node.get("const"), node.get("default"), *described_values(node)]
            offered.extend(node["enum"] if isinstance(node.get("enum"), list) else ())
            yield from (value for value in offered if isinstance(value, (str, int, float)))
            stack.extend(node.values())
