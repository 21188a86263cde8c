"""Compiled JSON Schemas: a fast yes or no, and an explanation when the answer is no.

``jsonschema-rs`` decides; ``jsonschema`` says what is wrong, in the words people know. Schemas come from strangers:

- nothing is ever fetched for a ``$ref``; one that leaves the document makes the schema invalid;
- patterns run on a linear-time engine; those that need look-around run on one with a bound on backtracking, and so do
  the patterns of the explanation, which never reach Python's ``re``;
- recursion ends in the engine that decides, and an explanation that recurses too deeply falls back to that engine's.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import jsonschema_rs
from jsonschema_rs import Draft202012Validator, FancyRegexOptions, RegexOptions

from dataset_tools.errors import AfgError
from schemas.record import JsonObject

__all__ = ["InvalidSchemaError", "SchemaError", "Validator", "dotted"]

# A match of an ordinary pattern takes a few hundred steps; a hostile one would take 2**n.
_BACKTRACK_LIMIT = 100_000
_PATTERN_SIZE = 1 << 20
_LONGEST_WALK = 100_000  # steps of a schema with its references followed
_MOST_REFERENCES = 2_000  # that an explanation follows; an ordinary one follows a few
# Messages quote the value, which may be of any size.
_LONGEST_MESSAGE = 400
# Explaining quotes the value at every level, so its cost grows with the square of the depth.
_DEEPEST_VALUE = 100


class InvalidSchemaError(AfgError):
    """A schema is not valid JSON Schema Draft 2020-12, or asks for something outside itself."""


class SchemaError(NamedTuple):
    """One way in which a value breaks a schema.

    Attributes:
        path: keys and positions from the value's root to the part that is wrong.
        keyword: the JSON Schema keyword that says no, such as ``required``.
        message: what is wrong, in English.
        allowed: the keyword's value in the schema, such as the list of an ``enum``.
    """

    path: tuple[str | int, ...]
    keyword: str
    message: str
    allowed: Any


class _TooLongError(Exception):
    """Explaining takes more steps than an explanation is worth: a hostile schema can ask for 2**n."""


class Validator:
    """One compiled schema.

    Raises:
        InvalidSchemaError: the schema is invalid; ``what`` says why.
    """

    __slots__ = ("_decide", "_schema")

    def __init__(self, schema: JsonObject) -> None:
        self._schema = schema
        self._decide = _compile(schema).is_valid

    def is_valid(self, value: object) -> bool:
        """Whether ``value`` meets the schema; no where it is nested deeper than the engine goes, or is no JSON."""
        try:
            return self._decide(value)
        except ValueError:
            return False

    def errors(self, value: object) -> Iterator[SchemaError]:
        """What is wrong with ``value``, in the order of the schema; nothing exactly when ``is_valid`` says yes."""
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
    """A path as the reports write it: ``.city`` or ``.items[2].name``; empty for the root."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)


def _compile(schema: JsonObject) -> Draft202012Validator:
    if _mentions(schema, {"$ref"}) and _walk(schema, schema, {}) > _LONGEST_WALK:
        raise InvalidSchemaError(f"its references multiply to more than {_LONGEST_WALK:,} steps")
    try:
        return _engine(schema, RegexOptions(size_limit=_PATTERN_SIZE))
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError):
        pass  # a pattern may only need look-around: the second engine has it, and names what is truly wrong
    try:
        return _engine(schema, FancyRegexOptions(backtrack_limit=_BACKTRACK_LIMIT, size_limit=_PATTERN_SIZE))
    except jsonschema_rs.ValidationError as error:
        where = dotted(tuple(error.instance_path))
        raise InvalidSchemaError(error.message, where=where.lstrip(".")) from error
    except (jsonschema_rs.ReferencingError, ValueError) as error:
        raise InvalidSchemaError(str(error).splitlines()[0]) from error


def _walk(node: object, root: JsonObject, known: dict[str, int]) -> int:
    """How many steps a schema is long when each reference is followed: a few lines can make it 2**n.

    A reference to a part that is being walked counts one step: what recursion costs depends on the value.
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
    """The errors in jsonschema's words; from the engine itself where jsonschema would run patterns or not end."""
    # For a part that names its own dialect jsonschema changes to a class of its own, with Python's patterns.
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
        yield SchemaError((), "schema", "the value breaks the schema, in too many ways to explain", None)
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
    except ValueError as refusal:  # it decides about values deeper than it can write down
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
    """The keyword's value in the schema; None where the path goes through a reference."""
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
    """A class of jsonschema with patterns handed to the bounded engine, and a registry that fetches nothing.

    Imported on first need: most runs over clean data never explain anything.
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

    # Only references can make a schema longer to walk than it is to write.
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
