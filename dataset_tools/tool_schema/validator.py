"""Compiled JSON Schemas with a fast decision and an explanation of failures.

``jsonschema-rs`` decides, and ``jsonschema`` explains failures in its well-known messages. Schemas are untrusted:

- a ``$ref`` is never fetched; one that leaves the document makes the schema invalid;
- patterns run on a linear-time engine, those with look-around on one with limited backtracking; the patterns of
  explanations do the same and never reach Python's ``re``;
- recursion is limited by the deciding engine, which also explains where ``jsonschema`` would recurse too deeply.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import jsonschema_rs
from jsonschema_rs import Draft202012Validator, FancyRegexOptions, RegexOptions

from dataset_tools.errors import AfgError
from schemas.record import JsonObject

__all__ = ["InvalidSchemaError", "SchemaError", "Validator", "dotted"]

# Steps of backtracking: an ordinary pattern takes a few hundred, a hostile one 2**n.
_BACKTRACK_LIMIT = 100_000
_PATTERN_SIZE = 1 << 20
_LONGEST_WALK = 100_000  # steps of a schema with its references followed
_MOST_REFERENCES = 2_000  # references that an explanation follows; usually a few
# Characters; messages quote the value, which may be long.
_LONGEST_MESSAGE = 400
# Levels; an explanation quotes the value at each, so its cost is quadratic in the depth.
_DEEPEST_VALUE = 100


class InvalidSchemaError(AfgError):
    """A schema that is not valid JSON Schema Draft 2020-12 or refers to something outside itself."""


class SchemaError(NamedTuple):
    """One violation of a schema.

    Attributes:
        path: keys and indexes from the root of the value to the wrong part.
        keyword: the JSON Schema keyword that fails, such as ``required``.
        message: the violation, in English.
        allowed: the keyword's value in the schema, such as the list of an ``enum``.
    """

    path: tuple[str | int, ...]
    keyword: str
    message: str
    allowed: Any


class _TooLongError(Exception):
    """An explanation that takes too many steps: a hostile schema can require 2**n."""


class Validator:
    """One compiled schema.

    Raises:
        InvalidSchemaError: the schema is invalid; ``what`` is the reason.
    """

    __slots__ = ("_decide", "_schema")

    def __init__(self, schema: JsonObject) -> None:
        self._schema = schema
        self._decide = _compile(schema).is_valid

    def is_valid(self, value: object) -> bool:
        """Return whether ``value`` meets the schema; False if it is nested too deeply for the engine or not JSON."""
        try:
            return self._decide(value)
        except ValueError:
            return False

    def errors(self, value: object) -> Iterator[SchemaError]:
        """Yield the violations in the order of the schema; none if and only if ``is_valid`` returns True."""
        try:
            if self._decide(value):
                return
        except ValueError as refusal:
            yield _unexplained(refusal)
            return
        if _deeper_than(_DEEPEST_VALUE, value):
            yield SchemaError((), "schema", f"the value is nested more than {_DEEPEST_VALUE} levels deep", None)
            return
        found = False
        for error in _explain(self._schema, value):
            found = True
            yield error
        if not found:
            yield from _engine_errors(self._schema, value)


def dotted(path: tuple[str | int, ...]) -> str:
    """Return a path as reports show it: ``.city`` or ``.items[2].name``; empty for the root."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)


def _compile(schema: JsonObject) -> Draft202012Validator:
    if _mentions(schema, {"$ref"}) and _walk(schema, schema, {}) > _LONGEST_WALK:
        raise InvalidSchemaError(f"its references multiply to more than {_LONGEST_WALK:,} steps")
    try:
        return _engine(schema, RegexOptions(size_limit=_PATTERN_SIZE))
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError):
        pass  # the pattern may need look-around; the second engine supports it or reports the error
    try:
        return _engine(schema, FancyRegexOptions(backtrack_limit=_BACKTRACK_LIMIT, size_limit=_PATTERN_SIZE))
    except jsonschema_rs.ValidationError as error:
        where = dotted(tuple(error.instance_path))
        raise InvalidSchemaError(error.message, where=where.lstrip(".")) from error
    except (jsonschema_rs.ReferencingError, ValueError) as error:
        raise InvalidSchemaError(str(error).splitlines()[0]) from error


def _walk(node: object, root: JsonObject, known: dict[str, int]) -> int:
    """Return the number of steps through a schema with each reference followed; a few lines can make it 2**n.

    A recursive reference counts one step, because its cost depends on the value.
    """
    steps = 1 + sum(_walk(item, root, known) for item in _members(node))
    target = node.get("$ref") if isinstance(node, dict) else None
    if isinstance(target, str) and target.startswith("#/"):
        if target not in known:
            known[target] = 1
            parts = [part.replace("~1", "/").replace("~0", "~") for part in target[2:].split("/")]
            known[target] = _walk(_at(root, list(parts)), root, known)
        steps += known[target]
    return min(steps, _LONGEST_WALK + 1)


def _engine(schema: JsonObject, patterns: RegexOptions | FancyRegexOptions) -> Draft202012Validator:
    return Draft202012Validator(schema, validate_formats=True, pattern_options=patterns, offline=True)


def _explain(schema: JsonObject, value: object) -> Iterator[SchemaError]:
    """Yield the errors of jsonschema; those of the engine where jsonschema would run patterns or not terminate."""
    # For a part with its own `$schema`, jsonschema would switch to a class that uses Python's patterns.
    rest = {key: item for key, item in schema.items() if key != "$schema"}
    if _mentions(rest, {"patternProperties", "$schema"}):
        yield from _engine_errors(schema, value)
        return
    explainer = _explainer_class()
    try:
        explainer["steps"][0] = 0
        explain = explainer["class"](rest, format_checker=explainer["formats"], registry=explainer["registry"])
        errors = list(explain.iter_errors(value))
    except _TooLongError:
        yield SchemaError((), "schema", "the value violates the schema in too many ways to list", None)
        return
    except (RecursionError, ArithmeticError, explainer["unresolvable"]):
        yield from _engine_errors(schema, value)
        return
    for error in errors:
        keyword = "falseSchema" if error.validator is None else str(error.validator)
        yield SchemaError(tuple(error.absolute_path), keyword, _short(error.message), error.validator_value)


def _engine_errors(schema: JsonObject, value: object) -> Iterator[SchemaError]:
    try:
        errors = list(_compile(schema).iter_errors(value))
    except ValueError as refusal:  # the engine can decide about deeper values than it can explain
        yield _unexplained(refusal)
        return
    for error in errors:
        keyword = str(error.schema_path[-1]) if error.schema_path else "schema"
        if error.kind.name == "falseSchema":
            keyword = "falseSchema"
        allowed = _at(schema, error.schema_path)
        yield SchemaError(tuple(error.instance_path), keyword, _short(error.message), allowed)


def _unexplained(refusal: ValueError) -> SchemaError:
    return SchemaError((), "schema", f"the value cannot be checked: {str(refusal).splitlines()[0]}", None)


def _short(message: str) -> str:
    return message if len(message) <= _LONGEST_MESSAGE else message[:_LONGEST_MESSAGE] + "..."


def _at(schema: Any, path: list[str | int]) -> Any:  # noqa: ANN401 - JSON is any value
    """Return the keyword's value in the schema; None if the path goes through a reference."""
    for part in path:
        try:
            schema = schema[part]
        except (KeyError, IndexError, TypeError):
            return None
    return schema


def _deeper_than(limit: int, value: object) -> bool:
    level = [value]
    for _ in range(limit + 1):
        level = [item for node in level for item in _members(node)]
        if not level:
            return False
    return True


def _members(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _mentions(schema: object, keywords: set[str]) -> bool:
    stack = [schema]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            if not keywords.isdisjoint(node):
                return True
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)
    return False


@lru_cache(maxsize=1)
def _explainer_class() -> dict[str, Any]:
    """Return a class of jsonschema whose patterns run on the limited engine, with a registry that fetches nothing.

    It is loaded on first use, because runs over clean data need no explanation.
    """
    import jsonschema
    import referencing
    from referencing.exceptions import Unresolvable

    def pattern(_: Any, regex: str, instance: Any, __: Any) -> Iterator[Any]:  # noqa: ANN401 - jsonschema's signature
        if isinstance(instance, str) and not _pattern(regex).is_valid(instance):
            yield jsonschema.ValidationError(f"{instance!r} does not match {regex!r}")

    base = jsonschema.Draft202012Validator
    steps = [0]

    def counted(follow: Any) -> Any:  # noqa: ANN401 - jsonschema's signature
        def run(*arguments: Any) -> Any:  # noqa: ANN401
            steps[0] += 1
            if steps[0] > _MOST_REFERENCES:
                raise _TooLongError
            return follow(*arguments)

        return run

    # Only references can multiply the steps through a schema.
    followed = {keyword: counted(base.VALIDATORS[keyword]) for keyword in ("$ref", "$dynamicRef")}
    return {
        "class": jsonschema.validators.extend(base, {"pattern": pattern, **followed}),
        "steps": steps,
        "formats": base.FORMAT_CHECKER,
        "registry": referencing.Registry(),
        "unresolvable": Unresolvable,
    }


@lru_cache(maxsize=1024)
def _pattern(regex: str) -> Draft202012Validator:
    return _compile({"pattern": regex})
