"""Where a tool's schema takes null for a value, and where a null is only a key that Arrow filled.

Besides JSON Schema's own ways, OpenAPI's ``nullable: true`` is understood, which JSON Schema ignores.
"""

from collections.abc import Iterator
from typing import Any

from schemas.record import JsonObject

__all__ = ["admits_null", "resolve", "with_nullable"]

_MOST_PARTS = 64  # of one schema that are looked at: schemas come from strangers, and a reference may lead in a circle
_NOT_READ = ("not", "if", "$dynamicRef")  # a schema with one of these is taken to refuse null
_NAMED = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_DATA = frozenset({"enum", "const", "default", "examples"})
_NULL: JsonObject = {"type": "null"}


def resolve(root: JsonObject, reference: str) -> object:
    """What a JSON pointer (RFC 6901) within the document points to; None for any other reference."""
    if not reference.startswith("#"):
        return None
    found: object = root
    for part in reference[1:].split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        found = found.get(name) if isinstance(found, dict) else None
    return found


def admits_null(schema: object, root: JsonObject) -> bool:
    """Whether null meets a schema; ``root`` is the document that its references point into.

    A schema that says nothing of the value takes any. None, where nothing is declared, takes no null.
    """
    return _admits(schema, root, {})


def _admits(schema: object, root: JsonObject, known: dict[int, bool]) -> bool:
    if not isinstance(schema, dict):
        return schema is True
    if id(schema) not in known and len(known) < _MOST_PARTS:
        known[id(schema)] = False  # while it is looked at: a reference to itself adds nothing
        known[id(schema)] = schema.get("nullable") is True or all(_verdicts(schema, root, known))
    return known.get(id(schema), False)


def _verdicts(schema: JsonObject, root: JsonObject, known: dict[int, bool]) -> Iterator[bool]:
    """What each keyword says of null; a keyword that holds null itself was filled by Arrow and says nothing."""
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
    """``schema`` with each ``nullable: true`` said in JSON Schema; ``names`` for a mapping of names to schemas."""
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
    """A schema that takes null besides what it takes; its own keys stay where references may point to them."""
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
