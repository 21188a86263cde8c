"""Views of tool declarations for checks and repairs, cached by content.

Rows share declarations, so each distinct one is compiled and checked once.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from typing import Any, NamedTuple

from dataset_tools.arabic.letters import PLAIN, needs_look
from dataset_tools.arabic.lost_letters import may_be_damaged
from dataset_tools.arabic.repair import Language, TextRole, language_of
from dataset_tools.tool_schema.coercion import admits_null, with_nullable
from dataset_tools.tool_schema.content_cache import ContentCache
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
"""Control characters, without tab and line ends."""

_NO_PROPERTIES: JsonObject = {}
_MOST_PATHS = 1000  # cached paths per declaration; limited, because the paths come from untrusted arguments
# "(Supported values: male, female)", "القيم المسموحة: ذكر، أنثى", "one of: a, b": an enum as text.
_VALUES = re.compile(
    r"(?:\b(?:supported|allowed|possible|valid|accepted)\s+(?:values|options)(?:\s+are)?|\bone\s+of"
    r"|القيم\s+(?:المدعومة|المسموحة|المسموح\s+بها|الممكنة|المتاحة|المقبولة)|[إا]حدى\s+القيم(?:\s+(?:التالية|الآتية))?)"
    # The list ends with its sentence, not at a point inside a value such as 1.5.
    r"\s*[:=]\s*(?P<list>(?:[^()\n.]|\.(?!\s|$))+)",
    re.IGNORECASE,
)
# The lookbehinds start a match only at the first of several spaces, which keeps the time linear.
_SEPARATOR = re.compile(r"(?:(?<!\s)\s+)?[,،|;؛]\s*(?:(?:or|أو)\s+)?|(?<!\s)\s+(?:or|أو)\s+")
_PLACE = re.compile(r"\[[0-9]+\]")
# Paths of strings in a schema that are code, not text.
_VERBATIM = (".pattern", ".format", ".$ref", ".$id", ".$schema")
# Keywords under which a schema may declare further properties.
_COMPOSED = ("$ref", "$dynamicRef", "allOf", "anyOf", "oneOf", "if", "dependentSchemas", "patternProperties")


class Text(NamedTuple):
    """A string of a record, its path, and its role in the text policy."""

    path: str
    value: str
    role: TextRole


class ToolView:
    """One distinct tool declaration.

    Attributes:
        tool: the declaration.
        name: the name that calls use.
        properties: schema of each parameter, by name.
        validator: the compiled parameter schema; None if it is invalid, with the reason in ``schema_error``.
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
        # Filled by the catalogue of checks on first use.
        self.findings: Any = None

    @cached_property
    def closed(self) -> bool:
        """Return whether an argument outside of ``names`` is an error; not if the schema allows others."""
        additional = self.parameters.get("additionalProperties")
        composed = any(self.parameters.get(keyword) is not None for keyword in _COMPOSED)
        return not (additional is True or isinstance(additional, dict) or composed)

    @cached_property
    def nullable(self) -> frozenset[str]:
        """Return the parameters that accept null."""
        return frozenset(name for name, item in self.properties.items() if admits_null(item, self.parameters))

    @cached_property
    def nulls(self) -> tuple[str, ...]:
        """Return the paths of the declaration's keys whose value is null."""
        return tuple(path for path, value in leaves(self.tool) if value is None and not path.endswith("]"))

    @cached_property
    def _integers(self) -> dict[str, bool]:
        return {}

    def takes_integer(self, path: str) -> bool:
        """Return whether the schema at a path (such as ``.items[0].count``) accepts integers but no other numbers."""
        known = self._integers.get(path)
        if known is None:
            kinds = schema_at(self.parameters, path).get("type")
            known = kinds == "integer" or (isinstance(kinds, list) and "integer" in kinds and "number" not in kinds)
            if len(self._integers) < _MOST_PATHS:
                self._integers[path] = known
        return known

    @cached_property
    def described(self) -> dict[str, list[str]]:
        """Return the allowed values that descriptions list, by parameter name."""
        return {name: values for name, item in self.properties.items() if (values := described_values(item))}

    @cached_property
    def listed(self) -> frozenset[Any]:
        """Return every value in the schema's ``enum``, ``const``, ``default`` and descriptions."""
        return frozenset(_listed(self.parameters))

    @cached_property
    def odd_texts(self) -> tuple[Text, ...]:
        """Return the strings that a repair may change or that may contain a control token, with relative paths."""
        strings = ((path, value) for path, value in leaves(self.tool) if isinstance(value, str))
        texts = (Text(path, value, TextRole.TARGET) for path, value in strings if not path.endswith(_VERBATIM))
        return tuple(text for text in texts if is_odd(text.value))

    @cached_property
    def language(self) -> Language:
        """Return whether the declaration is in Arabic, and its words of other languages of the same script."""
        return language_of([value for _, value in leaves(self.tool) if isinstance(value, str)])


def _validator(schema: JsonObject) -> Validator:
    """Return the validator of a schema with ``nullable`` applied, unless that breaks a reference."""
    wider = with_nullable(schema)
    if wider != schema:
        with suppress(InvalidSchemaError):
            return Validator(wider)
    return Validator(schema)


_SUSPECT = re.compile(f"[^{re.escape(''.join(c for c in PLAIN if c != '<' and not CONTROL_CHARACTER.match(c)))}]")


def is_odd(text: str) -> bool:
    """Return whether a text check may find something in ``text``; one scan decides for most texts."""
    if _SUSPECT.search(text) is None:
        return "??" in text or ("06" in text and needs_look(text))
    return needs_look(text) or "<" in text or may_be_damaged(text) or CONTROL_CHARACTER.search(text) is not None


_views: ContentCache[ToolView] = ContentCache(ToolView, shared=True)


def tool_views(tools: list[Tool]) -> list[ToolView]:
    """Return the views of declarations, shared between rows; the declarations must not be changed."""
    return _views.known(tools) or [_views.get(tool) for tool in tools]


def without_nulls(value: Any) -> Any:  # noqa: ANN401 - JSON is any value
    """Return ``value`` without null keys, at any depth; lists keep their nulls. Unchanged parts are shared."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value


def flat_values(arguments: JsonObject) -> list[tuple[str, Any]]:
    """Return the leaves of ``arguments`` with their paths; fast for flat objects."""
    values: list[tuple[str, Any]] = []
    for key, item in arguments.items():
        if isinstance(item, (dict, list)):
            values.extend(leaves(item, f".{key}"))
        else:
            values.append((f".{key}", item))
    return values


def leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Yield every value in ``value`` that is not an object or a list, with its path."""
    # A stack, because untrusted values may be nested deeper than Python recurses.
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
    """Return the schema under ``properties`` and ``items`` at a path such as ``.items[0].count``; empty if none."""
    # A name that contains a dot makes a path ambiguous; the longest declared name wins.
    node: Any = schema
    while path and isinstance(node, dict):
        if path[0] == "[":
            # In the name of an argument, as in `a[b`, brackets are ordinary characters.
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
    """Return ``value`` without null keys for which ``schema`` refuses null, at any depth; lists keep their nulls."""
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
    """Return the allowed values that a description lists; empty if the schema has an ``enum``."""
    description = schema.get("description") if isinstance(schema, dict) else None
    if not isinstance(schema, dict) or not isinstance(description, str) or schema.get("enum") is not None:
        return []
    found = _VALUES.search(description)
    if found is None:
        return []
    values = _SEPARATOR.split(found["list"])
    if len(values) == 1:
        values = values[0].split("/")  # male/female; with another separator a slash is part of a value: km/h
    stripped = [value.strip(" .'\"`«»“”[]") for value in values]
    return [value for value in stripped if value]


def _listed(schema: JsonObject) -> Iterator[Any]:
    """Yield the scalars of ``enum``, ``const``, ``default`` and descriptions, at any depth."""
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
