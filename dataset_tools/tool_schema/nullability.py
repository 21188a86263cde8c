"""Nullability: the places where a tool's schema accepts null; other nulls are keys that Arrow filled.

OpenAPI's ``nullable: true``, which JSON Schema ignores, counts as well.
"""

from collections.abc import Iterator
from typing import Any

from schemas.record import JsonObject

__all__ = ["admits_null", "resolve", "with_nullable"]

_MOST_PARTS = 64  # per schema; limited, because untrusted schemas may contain cyclic references
_NOT_READ = ("not", "if", "$dynamicRef")  # a schema with one of these counts as refusing null
_NAMED = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_DATA = frozenset({"enum", "const", "default", "examples"})
_NULL: JsonObject = {"type": "null"}


def resolve(root: JsonObject, reference: str) -> object:
    """Return the target of a JSON pointer (RFC 6901) within the document; None for any other reference."""
    if not reference.startswith("#"):
        return None
    found: object = root
    for part in reference[1:].split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        found = found.get(name) if isinstance(found, dict) else None
    return found


def admits_null(schema: object, root: JsonObject) -> bool:
    """Return whether a schema accepts null; ``root`` is the document of its references.

    An empty schema accepts any value. None (nothing declared) refuses null.
    """
    return _admits(schema, root, {})


def _admits(schema: object, root: JsonObject, known: dict[int, bool]) -> bool:
    if not isinstance(schema, dict):
        return schema is True
    if id(schema) not in known and len(known) < _MOST_PARTS:
        known[id(schema)] = False  # a reference back to this schema adds nothing
        known[id(schema)] = schema.get("nullable") is True or all(_verdicts(schema, root, known))
    return known.get(id(schema), False)


def _verdicts(schema: JsonObject, root: JsonObject, known: dict[int, bool]) -> Iterator[bool]:
    """Yield the verdict of each keyword on null; a keyword whose value is null was filled by Arrow."""
    kinds, reference = schema.get("type"), schema.get("$ref")
    if kinds is not None:
        yield "null" in kinds if isinstance(kinds, list) else kinds == "null"
    if isinstance(schema.get("enum"), list):
        yield None in schema["enum"]
    if reference is not None:
        yield isinstance(reference, str) and _admits(resolve(root, reference), root, known)
    if isinstance(schema.get("allOf"), list):
        yield all(_admits(part, root, known) for part in schema["allOf"])
    for word in ("anyOf", "oneOf"):
        if isinstance(schema.get(word), list):
            yield any(_admits(part, root, known) for part in schema[word])
    yield schema.get("const") is None and all(schema.get(word) is None for word in _NOT_READ)


def with_nullable(schema: Any, *, names: bool = False) -> Any:  # noqa: ANN401 - JSON is any value
    """Return ``schema`` with each ``nullable: true`` as JSON Schema; ``names`` for a mapping of names to schemas."""
    if isinstance(schema, list):
        return [with_nullable(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if names:
        return {name: with_nullable(item) for name, item in schema.items()}
    wider = {
        key: item if key in _DATA else with_nullable(item, names=key in _NAMED and isinstance(item, dict))
        for key, item in schema.items()
    }
    return _widened(wider) if schema.get("nullable") is True else wider


def _widened(schema: JsonObject) -> JsonObject:
    """Return a schema that also accepts null; its keys stay where references may point to."""
    kinds, allowed = schema.get("type"), schema.get("enum")
    if isinstance(kinds, str) and kinds != "null":
        schema["type"] = [kinds, "null"]
    elif isinstance(kinds, list) and "null" not in kinds:
        schema["type"] = [*kinds, "null"]
    if isinstance(allowed, list) and None not in allowed:
        schema["enum"] = [*allowed, None]
    if "const" in schema:
        schema["enum"] = [schema.pop("const"), None]
    whole: JsonObject = {word: schema.pop(word) for word in ("$ref", "allOf", "oneOf") if word in schema}
    if whole or isinstance(schema.get("anyOf"), list):
        alternatives = schema.pop("anyOf", None)
        if isinstance(alternatives, list):
            whole["anyOf"] = alternatives
        schema["anyOf"] = [whole, _NULL]
    return schema
