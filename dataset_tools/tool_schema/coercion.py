"""Types of arguments by the tool's schema: places that accept null, and lossless conversion of numbers.

Numbers may be written as text or as floats. The type may be in the schema itself, behind a local ``$ref``, in
``anyOf``, ``oneOf`` or ``allOf``. If alternatives disagree, the value is unchanged. Nulls elsewhere are keys that Arrow
filled. OpenAPI's ``nullable: true``, which JSON Schema ignores, counts as accepting null.
"""

from collections.abc import Iterator
from typing import Any

from dataset_tools.arabic.numbers import exact_number
from dataset_tools.changes import Change, Log
from schemas.record import JsonObject

__all__ = ["admits_null", "resolve", "typed_arguments", "with_nullable"]

_INTEGERS = range(-(2**63), 2**64)  # integers that JSON readers support
_COMPOSED = frozenset({"$ref", "anyOf", "oneOf", "allOf"})
_MOST_BRANCHES = 64  # per value; limited, because untrusted schemas may contain cyclic references

_MOST_PARTS = 64  # per schema; limited, because untrusted schemas may contain cyclic references
_NOT_READ = ("not", "if", "$dynamicRef")  # a schema with one of these counts as refusing null
_NAMED = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_DATA = frozenset({"enum", "const", "default", "examples"})
_NULL: JsonObject = {"type": "null"}


def typed_arguments(arguments: JsonObject, schema: JsonObject, path: str, log: Log) -> JsonObject:
    """Return the arguments with the types of the tool's parameters, without nulls that these refuse.

    Args:
        arguments: the arguments of the call.
        schema: the tool's ``parameters``, a JSON Schema of type object.
        path: path of the arguments, for the log.
        log: receives a change for each ``integer-float``, ``numeric-string`` and ``strip-null``.
    """
    typing = _Typing(schema, log)
    return typing.of_object(arguments, typing.branches(schema), path)


class _Typing:
    """One pass over the arguments of one call; ``root`` is the document of the references."""

    def __init__(self, root: JsonObject, log: Log) -> None:
        self._root = root
        self._log = log

    def of_object(self, value: JsonObject, branches: list[JsonObject], path: str) -> JsonObject:
        """Return the members of an object, each converted by its declarations in the branches."""
        result: JsonObject = {}
        one = branches[0] if len(branches) == 1 else None  # the usual case
        for key, item in value.items():
            declared = _property(one, key) if one else _only([_property(branch, key) for branch in branches])
            if isinstance(item, str) and (not isinstance(declared, dict) or declared.get("type") == "string"):
                result[key] = item  # most arguments
            elif item is None and not admits_null(declared, self._root):
                self._log.append(Change("strip-null", f"{path}.{key}", None, None))
            elif item is None or (declared is None and not isinstance(item, (dict, list))):
                result[key] = item
            else:
                result[key] = self._value(item, declared, f"{path}.{key}")
        return result

    def _value(self, value: Any, schema: object, path: str) -> Any:  # noqa: ANN401 - JSON is any value
        branches = self.branches(schema)
        if isinstance(value, dict):
            return self.of_object(value, branches, path)
        if isinstance(value, list):
            return [
                self._value(item, _only([_member(branch, at) for branch in branches]), f"{path}[{at}]")
                for at, item in enumerate(value)
            ]
        kinds = set().union(*map(_kinds, branches))
        if isinstance(value, float):
            return self._whole_float(value, kinds, path)
        if isinstance(value, str) and "string" not in kinds and kinds & {"integer", "number"}:
            return self._number(value, kinds, path)
        return value

    def _whole_float(self, value: float, kinds: set[str], path: str) -> int | float:
        whole = _whole(value) if "integer" in kinds and "number" not in kinds else None
        if whole is None:
            return value
        self._log.append(Change("integer-float", path, value, whole))
        return whole

    def _number(self, value: str, kinds: set[str], path: str) -> str | int | float:
        number = exact_number(value)
        number = number if "number" in kinds else _whole(number)
        if number is None or not (isinstance(number, float) or number in _INTEGERS):
            return value
        self._log.append(Change("numeric-string", path, value, number))
        return number

    def branches(self, schema: object) -> list[JsonObject]:
        """Return the schema and all parts it is composed of; empty if there are too many."""
        if not isinstance(schema, dict):
            return []
        if _COMPOSED.isdisjoint(schema):
            return [schema]
        found: list[JsonObject] = []
        waiting: list[object] = [schema]
        while waiting:
            branch = waiting.pop(0)
            if not isinstance(branch, dict) or any(branch is known for known in found):
                continue
            found.append(branch)
            if len(found) > _MOST_BRANCHES:
                return []
            waiting.extend(self._parts(branch))
        return found

    def _parts(self, branch: JsonObject) -> Iterator[object]:
        if isinstance(branch.get("$ref"), str):
            yield resolve(self._root, branch["$ref"])
        if isinstance(branch.get("allOf"), list):
            yield from branch["allOf"]
        for word in ("anyOf", "oneOf"):
            alternatives = branch.get(word)
            for schema in alternatives if isinstance(alternatives, list) else ():
                yield schema
                if isinstance(schema, dict) and "type" not in schema and _COMPOSED.isdisjoint(schema):
                    yield {"type": "string"}  # an alternative without a type also accepts text


def _property(schema: JsonObject, key: str) -> object:
    properties = schema.get("properties")
    return properties.get(key) if isinstance(properties, dict) else None


def _member(schema: JsonObject, at: int) -> object:
    """Return the schema of a list's member, from ``prefixItems`` or ``items``."""
    first = schema.get("prefixItems")
    if isinstance(first, list) and at < len(first):
        return first[at]
    return schema.get("items")


def _only(declared: list[object]) -> object:
    """Return the only declaration of all branches; several become alternatives."""
    found = [schema for schema in declared if schema is not None]
    return found[0] if len(found) == 1 else {"anyOf": found} if found else None


def _kinds(schema: JsonObject) -> set[str]:
    kinds = schema.get("type")
    return {kind for kind in (kinds if isinstance(kinds, list) else [kinds]) if isinstance(kind, str)}


def _whole(number: float | None) -> int | None:
    """Return a whole number as an integer, if JSON readers support it; else None."""
    if number is None or number != int(number):
        return None
    return int(number) if int(number) in _INTEGERS else None


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
