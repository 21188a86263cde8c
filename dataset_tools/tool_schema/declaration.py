"""One tool declaration as the checks and the repairs see it, remembered by content.

Declarations repeat from row to row: the validator of each distinct one is compiled once, and whatever a check finds
in it is found once.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from typing import Any, NamedTuple

from dataset_tools.arabic.letters import PLAIN, needs_look
from dataset_tools.arabic.repair import Side, looks_arabic
from dataset_tools.tool_schema.content_cache import ContentCache
from dataset_tools.tool_schema.nullability import admits_null, with_nullable
from dataset_tools.tool_schema.validator import InvalidSchemaError, Validator
from schemas.record import JsonObject, Tool

__all__ = [
    "CONTROL_CHARACTER",
    "Text",
    "ToolView",
    "described_values",
    "flat_values",
    "is_odd",
    "leaves",
    "schema_at",
    "tool_views",
    "without_absent",
    "without_nulls",
]

CONTROL_CHARACTER = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""The control characters but tab and the line ends."""

_NO_PROPERTIES: JsonObject = {}
_MOST_PATHS = 1000  # remembered answers of one declaration: the paths come from strangers' arguments
# "(Supported values: male, female)", "القيم المسموحة: ذكر، أنثى", "one of: a, b": a list that a schema would call enum.
_VALUES = re.compile(
    r"(?:\b(?:supported|allowed|possible|valid|accepted)\s+(?:values|options)(?:\s+are)?|\bone\s+of"
    r"|القيم\s+(?:المدعومة|المسموحة|المسموح\s+بها|الممكنة|المتاحة|المقبولة)|[إا]حدى\s+القيم(?:\s+(?:التالية|الآتية))?)"
    # The list ends with its sentence; a point inside a value, as in 1.5, does not end it.
    r"\s*[:=]\s*(?P<list>(?:[^()\n.]|\.(?!\s|$))+)",
    re.IGNORECASE,
)
# Spaces are matched from their first on alone: from each of them on would take quadratic time.
_SEPARATOR = re.compile(r"(?:(?<!\s)\s+)?[,،|;؛]\s*(?:(?:or|أو)\s+)?|(?<!\s)\s+(?:or|أو)\s+")
_PLACE = re.compile(r"\[[0-9]+\]")
# Strings of a schema that are code rather than text.
_VERBATIM = (".pattern", ".format", ".$ref", ".$id", ".$schema")
# Keywords under which a schema may declare properties that are not listed at its top.
_COMPOSED = ("$ref", "$dynamicRef", "allOf", "anyOf", "oneOf", "if", "dependentSchemas", "patternProperties")


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
            self.validator = _validator(without_nulls(self.parameters))
        except InvalidSchemaError as error:
            self.schema_error = error
        # Filled by the catalogue of checks when it first meets this declaration.
        self.findings: Any = None

    @cached_property
    def closed(self) -> bool:
        """Whether an argument that is not among ``names`` is a mistake: unless the schema invites others."""
        invites = self.parameters.get("additionalProperties")
        composed = any(self.parameters.get(keyword) is not None for keyword in _COMPOSED)
        return not (invites is True or isinstance(invites, dict) or composed)

    @cached_property
    def nullable(self) -> frozenset[str]:
        """The parameters for which null is a value like any other."""
        return frozenset(name for name, item in self.properties.items() if admits_null(item, self.parameters))

    @cached_property
    def nulls(self) -> tuple[str, ...]:
        """Paths of the keys of the declaration that hold null."""
        return tuple(path for path, value in leaves(self.tool) if value is None and not path.endswith("]"))

    @cached_property
    def _integers(self) -> dict[str, bool]:
        return {}

    def takes_integer(self, path: str) -> bool:
        """Whether an integer is declared at a path such as ``.days`` or ``.items[0].count``, and no other number."""
        known = self._integers.get(path)
        if known is None:
            kinds = schema_at(self.parameters, path).get("type")
            known = kinds == "integer" or (isinstance(kinds, list) and "integer" in kinds and "number" not in kinds)
            if len(self._integers) < _MOST_PATHS:
                self._integers[path] = known
        return known

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
        strings = ((path, value) for path, value in leaves(self.tool) if isinstance(value, str))
        texts = (Text(path, value, Side.TARGET) for path, value in strings if not path.endswith(_VERBATIM))
        return tuple(text for text in texts if is_odd(text.value))

    @cached_property
    def arabic(self) -> bool:
        """Whether the declaration is in Arabic rather than in another language of the same script."""
        return looks_arabic(value for _, value in leaves(self.tool) if isinstance(value, str))


def _validator(schema: JsonObject) -> Validator:
    """The validator of a schema, with ``nullable`` understood unless a reference then leads nowhere."""
    wider = with_nullable(schema)
    if wider != schema:
        with suppress(InvalidSchemaError):
            return Validator(wider)
    return Validator(schema)


_SUSPECT = re.compile(f"[^{re.escape(''.join(c for c in PLAIN if c != '<' and not CONTROL_CHARACTER.match(c)))}]")


def is_odd(text: str) -> bool:
    """Whether a check of text can find anything in ``text``; no for almost all of it, after one scan."""
    return _SUSPECT.search(text) is not None and (
        needs_look(text) or "<" in text or CONTROL_CHARACTER.search(text) is not None
    )


_views: ContentCache[ToolView] = ContentCache(ToolView, shared=True)


def tool_views(tools: list[Tool]) -> list[ToolView]:
    """The views of declarations, shared by all rows that offer the same ones."""
    return _views.known(tools) or [_views.get(tool) for tool in tools]


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
    # A stack instead of recursion: values from strangers may be nested deeper than Python recurses.
    stack: list[tuple[str, Any]] = [(path, value)]
    while stack:
        path, item = stack.pop()
        if isinstance(item, dict):
            stack.extend([(f"{path}.{key}", part) for key, part in reversed(item.items())])
        elif isinstance(item, list):
            stack.extend([(f"{path}[{i}]", item[i]) for i in range(len(item) - 1, -1, -1)])
        else:
            yield path, item


def schema_at(schema: JsonObject, path: str) -> JsonObject:
    """The schema that ``properties`` and ``items`` declare at a path such as ``.items[0].count``; empty if none."""
    # A name with a dot in it is the one case where a path is ambiguous, so the longest name that is declared wins.
    node: Any = schema
    while path and isinstance(node, dict):
        if path[0] == "[":
            # In the name of an argument, as in `a[b`, brackets are letters like any other.
            place = _PLACE.match(path)
            path = path[place.end() :] if place else ""
            node = node.get("items") if place else None
            continue
        properties = node.get("properties")
        names = properties if isinstance(properties, dict) else {}
        fits = [name for name in names if path[1:].startswith(name) and path[1 + len(name) :][:1] in ("", ".", "[")]
        if not fits:
            return {}
        name = max(fits, key=len)
        path = path[1 + len(name) :]
        node = names[name]
    return node if isinstance(node, dict) else {}


def without_absent(value: Any, schema: object, root: JsonObject) -> Any:  # noqa: ANN401 - JSON is any value
    """``value`` without the keys that are null where ``schema`` admits none, at any depth; a list keeps its nulls."""
    schema = schema if isinstance(schema, dict) else {}
    if isinstance(value, list):
        return [without_absent(item, schema.get("items"), root) for item in value]
    if not isinstance(value, dict):
        return value
    properties = schema.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    return {
        key: without_absent(item, properties.get(key), root)
        for key, item in value.items()
        if item is not None or admits_null(properties.get(key), root)
    }


def described_values(schema: object) -> list[str]:
    """The values that a description lists as the only ones allowed, when the schema itself has no ``enum``."""
    description = schema.get("description") if isinstance(schema, dict) else None
    if not isinstance(schema, dict) or not isinstance(description, str) or schema.get("enum") is not None:
        return []
    found = _VALUES.search(description)
    if found is None:
        return []
    values = _SEPARATOR.split(found["list"])
    if len(values) == 1:
        values = values[0].split("/")  # male/female; beside another separator a stroke is part of a value: km/h
    stripped = [value.strip(" .'\"`«»“”[]") for value in values]
    return [value for value in stripped if value]


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
