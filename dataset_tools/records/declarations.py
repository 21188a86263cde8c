"""Conversion of foreign tool declarations to function-wrapped JSON Schema.

Declarations repeat from row to row, so each distinct one is converted once and cached by its JSON text.
"""

import re
from typing import Any, cast

from dataset_tools.changes import Change, Log
from dataset_tools.errors import RowError
from dataset_tools.records.literals import decode_json
from dataset_tools.tool_schema.content_cache import ContentCache
from schemas.record import JsonObject, Tool

__all__ = ["MAX_DEPTH", "TYPE_NAMES", "read_tools"]

MAX_DEPTH = 64
"""Maximum nesting of a parameter schema: far above real ones, far below Python's recursion limit."""

TYPE_NAMES = {
    "str": "string", "string": "string", "text": "string", "char": "string",
    "int": "integer", "integer": "integer", "long": "integer", "bigint": "integer",
    "float": "number", "double": "number", "number": "number",
    "bool": "boolean", "boolean": "boolean",
    "dict": "object", "object": "object", "hashmap": "object",
    "list": "array", "array": "array", "tuple": "array", "set": "array", "arraylist": "array",
    "null": "null", "none": "null", "nonetype": "null",
}  # fmt: skip
"""Type names of other languages and datasets, in lower case, each with its name in JSON Schema."""

_ANY = {"any", "typing.any", ""}
_GENERIC = re.compile(r"(?:typing\.)?(?P<outer>\w+)\[(?P<inner>.*)\]", re.DOTALL)
_OPTIONAL = re.compile(r"\s*,\s*optional\b.*", re.DOTALL | re.IGNORECASE)
_NAMED_SCHEMAS = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_LISTED_SCHEMAS = ("anyOf", "oneOf", "allOf", "prefixItems")
_SINGLE_SCHEMAS = ("items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames")

# Type names have a word or two; longer text would only cost time.
_LONGEST_TYPE = 200

# Cached paths of one declaration: few rows offer more tools than this.
_PLACES = 64


class _Known:
    """A converted declaration, and its changes for each place where it occurs."""

    __slots__ = ("_places", "changes", "tool")

    def __init__(self, tool: Tool, changes: Log) -> None:
        self.tool = tool
        self.changes = changes
        self._places: dict[str, Log] = {}

    def changes_at(self, path: str) -> Log:
        """Return the changes with paths that start at ``path``."""
        found = self._places.get(path)
        if found is None:
            found = [change._replace(path=path + change.path) for change in self.changes]
            if len(self._places) < _PLACES:
                self._places[path] = found
        return found


def read_tools(value: Any, log: Log, path: str = "tools") -> list[Tool]:  # noqa: ANN401 - foreign data
    """Return the tools of a record, from a list, from JSON text of a list, or from a list of JSON texts.

    Accepts declarations with and without the function wrapper, JSON Schema parameters and bare property maps, and the
    type names of :data:`TYPE_NAMES`; logs changes. The returned declarations are shared: do not alter them.

    Raises:
        RowError: ``unreadable-tools``, ``unreadable-json`` or ``schema-too-deep``.
    """
    if isinstance(value, str):
        value = decode_json(value or "[]", log, path)
    if value is None:
        return []
    if isinstance(value, dict):
        value = [value]
    if not isinstance(value, list):
        raise RowError("unreadable-tools", f"{path} is not a list of tools")
    known = _cache.known(value)
    if known is None:
        known = [_read(raw, f"{path}[{position}]", log) for position, raw in enumerate(value)]
    for position, tool in enumerate(known):
        if tool.changes:
            log.extend(tool.changes_at(f"{path}[{position}]"))
    return [tool.tool for tool in known]


def _read(raw: Any, path: str, log: Log) -> _Known:  # noqa: ANN401 - foreign data
    """Return one converted tool, from the cache if possible."""
    if isinstance(raw, str):
        raw = decode_json(raw, log, path)
    try:
        return _cache.get(raw)
    except TypeError as error:
        if "ecursion" in str(error):
            raise RowError("schema-too-deep", f"{path} is nested too deeply") from error
        raise RowError("unreadable-tools", f"{path} cannot be written as JSON: {error}") from error
    except RowError as error:
        raise RowError(error.code, f"{path}{error.what}", hint=error.hint) from None


def _know(raw: Any) -> _Known:  # noqa: ANN401 - foreign data
    changes: Log = []
    return _Known(_convert(raw, changes, ""), changes)


_cache = ContentCache(_know, shared=True)


def _convert(raw: Any, log: Log, path: str) -> Tool:  # noqa: ANN401 - foreign data
    if not isinstance(raw, dict):
        raise RowError("unreadable-tools", f"{path} is not an object")
    function = raw.get("function")
    if isinstance(function, dict):
        if raw.get("type") not in (None, "function"):
            log.append(Change("wrap-tool", f"{path}.type", raw.get("type"), "function"))
        for key, value in raw.items():
            if value is not None and key not in {"type", "function"}:
                log.append(Change("dropped-field", f"{path}.{key}", value, None))
    else:
        function = {key: value for key, value in raw.items() if key != "type" or value != "function"}
        log.append(Change("wrap-tool", path, raw, {"type": "function", "function": function}))
    if not isinstance(function.get("name"), str) or not function["name"]:
        raise RowError("unreadable-tools", f"{path} has no name")
    return cast("Tool", {"type": "function", "function": _function(function, log, f"{path}.function")})


def _function(function: JsonObject, log: Log, path: str) -> JsonObject:
    parameters = function.get("parameters")
    if isinstance(parameters, str):
        parameters = decode_json(parameters, log, f"{path}.parameters")
        return _function({**function, "parameters": parameters}, log, path)
    if not isinstance(parameters, dict):
        return function
    where = f"{path}.parameters"
    if _is_property_map(parameters):
        schema = _from_property_map(parameters)
        log.append(Change("property-map", where, parameters, schema))
        parameters = schema
    return {**function, "parameters": _schema(parameters, log, where, 0)[0]}


def _is_property_map(parameters: JsonObject) -> bool:
    """Return whether ``parameters`` maps names directly to properties, as in xLAM, and is not a JSON Schema."""
    if isinstance(parameters.get("type"), (str, list)) or "$ref" in parameters:
        return False
    properties = parameters.get("properties")
    if isinstance(properties, dict) and all(isinstance(item, (dict, type(None))) for item in properties.values()):
        return False
    return bool(parameters) and all(isinstance(item, dict) for item in parameters.values())


def _from_property_map(parameters: JsonObject) -> JsonObject:
    required = [name for name, item in parameters.items() if "default" not in item and not _is_optional(item)]
    return {"type": "object", "properties": parameters, "required": required}


def _is_optional(item: JsonObject) -> bool:
    name = item.get("type")
    if not isinstance(name, str) or len(name) > _LONGEST_TYPE:
        return False
    return bool(_OPTIONAL.search(name)) or name.lower().startswith(("optional[", "typing.optional["))


def _schema(schema: JsonObject, log: Log, path: str, depth: int) -> tuple[JsonObject, bool]:
    """Return the schema with type names of JSON Schema, and whether its type was marked optional."""
    if depth > MAX_DEPTH:
        raise RowError("schema-too-deep", f"{path} is nested more than {MAX_DEPTH} levels deep")
    result = dict(schema)
    optional = _rename_type(result, log, path)
    for key in _SINGLE_SCHEMAS:
        if isinstance(result.get(key), dict):
            result[key] = _schema(result[key], log, f"{path}.{key}", depth + 1)[0]
    for key in _LISTED_SCHEMAS:
        if isinstance(result.get(key), list):
            result[key] = [
                _schema(item, log, f"{path}.{key}[{i}]", depth + 1)[0] if isinstance(item, dict) else item
                for i, item in enumerate(result[key])
            ]
    for key in _NAMED_SCHEMAS:
        if isinstance(result.get(key), dict):
            _named(result, key, log, path, depth)
    return result, optional


def _named(result: JsonObject, key: str, log: Log, path: str, depth: int) -> None:
    """Convert the schemas under ``key`` in place; remove properties marked optional from ``required``."""
    named: JsonObject = {}
    for name, item in result[key].items():
        if not isinstance(item, dict):
            named[name] = item
            continue
        named[name], optional = _schema(item, log, f"{path}.{key}.{name}", depth + 1)
        required = result.get("required")
        if optional and key == "properties" and isinstance(required, list) and name in required:
            result["required"] = [other for other in required if other != name]
            log.append(Change("optional-type", f"{path}.required", required, result["required"]))
    result[key] = named


def _rename_type(schema: JsonObject, log: Log, path: str) -> bool:
    """Rename the type of ``schema`` in place; return whether it was marked optional."""
    name = schema.get("type")
    if isinstance(name, list):
        renamed = [TYPE_NAMES.get(item.lower(), item) if isinstance(item, str) else item for item in name]
        if renamed != name:
            schema["type"] = renamed
            log.append(Change("type-name", f"{path}.type", name, renamed))
        return False
    if not isinstance(name, str) or TYPE_NAMES.get(name) == name:
        return False
    if len(name) > _LONGEST_TYPE:
        return False
    bare = _OPTIONAL.sub("", name).strip()
    optional = bare != name.strip()
    meaning = _meaning(bare)
    if meaning is None:  # unknown: validation reports it
        return optional
    if meaning.pop("optional", False):
        optional = True
    del schema["type"]
    # A known type stays the first key, so that declarations are readable.
    rest = dict(schema)
    schema.clear()
    schema.update({**meaning, **rest})
    log.append(Change("type-name" if meaning else "type-any", f"{path}.type", name, meaning.get("type")))
    return optional


def _meaning(name: str) -> JsonObject | None:
    """Return a foreign type name as JSON Schema: ``List[int]`` gives an array of integers; None if unknown."""
    lowered = name.lower()
    if lowered in _ANY:
        return {}
    if lowered in TYPE_NAMES:
        return {"type": TYPE_NAMES[lowered]}
    generic = _GENERIC.fullmatch(name)
    if generic is None:
        return None
    outer, inner = generic["outer"].lower(), generic["inner"].strip()
    if outer == "optional":
        meaning = _meaning(inner)
        return None if meaning is None else {**meaning, "optional": True}
    kind = TYPE_NAMES.get(outer)
    if kind == "array":
        item = _item(inner)
        return {"type": "array", "items": item} if item else {"type": "array"}
    return {"type": kind} if kind == "object" else None


def _item(inner: str) -> JsonObject:
    """Return the schema of every item by the types in brackets; empty if they differ, as in ``Tuple[int, str]``."""
    meanings = [_meaning(name) for name in _parted(inner) if name != "..."]
    for meaning in meanings:
        if meaning:
            meaning.pop("optional", None)  # an item that may be null is still an item
    first = meanings[0] if meanings else None
    return first if first and all(meaning == first for meaning in meanings) else {}


def _parted(inner: str) -> list[str]:
    """Split types at commas that are not inside brackets."""
    parts, depth = [""], 0
    for character in inner:
        depth += (character == "[") - (character == "]")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]
