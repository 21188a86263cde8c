"""The values inside FunctionGemma's prompt as text: arguments, results and tool declarations.

This is the inner half of :mod:`dataset_tools.prompt.render`; turns and segments are made there. Each function writes
exactly what the model's chat template writes, or raises :class:`RenderError`: a wrong text is never the result.
"""

import math
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from dataset_tools.errors import AfgError
from dataset_tools.prompt.parser import MAX_DEPTH, MAX_DIGITS

__all__ = ["RenderError", "require_text", "write_declaration", "write_object"]

# The template drops every property of one of these names, whatever it declares; `required` still lists it.
_DROPPED = frozenset({"description", "type", "properties", "required", "nullable"})

_CONTROL = re.compile(r"<(?:pad|eos|bos|unk|escape|(?:start|end)_(?:of_turn|function_(?:declaration|call|response)))>")
_INTEGER_BITS = int(MAX_DIGITS * math.log2(10))


class RenderError(AfgError):
    """A record holds what the chat template cannot express: ``where`` is the path in the record."""

    def inside(self, path: str) -> "RenderError":
        """The same error, its place seen from one level further out."""
        self.where = path + self.where
        return self


def require_text(value: Any) -> str:  # noqa: ANN401 - foreign data
    """``value``, if it is text that the tokenizer reads as nothing but text.

    Raises:
        RenderError: it is no text, or holds a control token.
    """
    if not isinstance(value, str):
        raise _unlike("text", value)
    if "<" in value and (token := _CONTROL.search(value)):
        raise RenderError(f"the text holds the control token {token[0]}", hint="remove it or write it otherwise")
    return value


def write_object(value: Mapping[str, Any], depth: int = 1, *, escape_keys: bool = False) -> str:
    """``{key:value,…}``, keys sorted without regard to case as Jinja's ``dictsort`` does; null is written ``None``.

    Raises:
        RenderError: a key or a value cannot be written.
    """
    pieces = []
    for key, inner in _sorted(value):
        if type(inner) is str and "<" not in inner:  # as most are
            written = f"<escape>{inner}<escape>"
        else:
            try:
                written = _write(inner, depth, escape_keys=escape_keys)
            except RenderError as error:
                raise error.inside(f".{key}") from None
        pieces.append(f"<escape>{key}<escape>:{written}" if escape_keys else f"{key}:{written}")
    return "{" + ",".join(pieces) + "}"


def write_declaration(tool: Any) -> str:  # noqa: ANN401 - foreign data
    """A tool as the template declares it, from ``<start_function_declaration>`` to ``<end_function_declaration>``.

    Raises:
        RenderError: the template cannot express the tool.
    """
    if not isinstance(tool, dict) or not isinstance(tool.get("function"), dict):
        raise RenderError("a tool needs the wrapper", hint='{"type": "function", "function": {…}}')
    function = tool["function"]
    try:
        name = _text_of(function, "name", default=None)
        _require_name(name)
        written = f"declaration:{name}{{description:<escape>{_text_of(function, 'description')}<escape>"
        parameters = function.get("parameters")
        if parameters:
            try:
                written += f",parameters:{{{_parameters(parameters)}}}"
            except RenderError as error:
                raise error.inside(".parameters") from None
    except RenderError as error:
        raise error.inside(".function") from None
    return f"<start_function_declaration>{written}}}<end_function_declaration>"


def _write(value: Any, depth: int, *, escape_keys: bool) -> str:  # noqa: ANN401 - foreign data
    if isinstance(value, str):
        return f"<escape>{require_text(value)}<escape>"
    if not isinstance(value, (dict, list)):
        return _write_bare(value)
    if depth >= MAX_DEPTH:
        raise RenderError(f"nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, dict):
        return write_object(value, depth + 1, escape_keys=escape_keys)
    return _list(value, depth + 1, escape_keys=escape_keys)


def _write_bare(value: Any) -> str:  # noqa: ANN401 - foreign data
    if value is None:
        return "None"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        if value.bit_length() >= _INTEGER_BITS:
            raise RenderError(f"an integer of more than {MAX_DIGITS} digits", hint="write it as text")
        return str(value)
    if not isinstance(value, float):
        raise RenderError(f"a {type(value).__name__} is no JSON value")
    if not math.isfinite(value):
        raise RenderError(f"{value} is no number that can be written")
    return repr(value)


def _list(values: list[Any], depth: int, *, escape_keys: bool) -> str:
    pieces = []
    for position, inner in enumerate(values):
        try:
            pieces.append(_write(inner, depth, escape_keys=escape_keys))
        except RenderError as error:
            raise error.inside(f"[{position}]") from None
    return "[" + ",".join(pieces) + "]"


def _sorted(value: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The items as Jinja's ``dictsort`` gives them."""
    return [(key, value[key]) for key in _in_order(tuple(value))]


@lru_cache(maxsize=4096)
def _in_order(keys: tuple[str, ...]) -> list[str]:
    """The keys sorted without regard to case; those that differ only in case keep their order."""
    return sorted(map(require_text, keys), key=str.lower)


def _parameters(schema: Any) -> str:  # noqa: ANN401 - foreign data
    """The inside of ``parameters:{…}``."""
    kind = _type_of(schema)  # first: that it is an object at all
    pieces = []
    if properties := schema.get("properties"):
        pieces.append(f"properties:{{{_properties(properties)}}}")
    if required := schema.get("required"):
        pieces.append(f"required:{_names(required)}")
    pieces.append(f"type:<escape>{kind}<escape>")
    return ",".join(pieces)


def _properties(properties: Any, depth: int = 1) -> str:  # noqa: ANN401 - foreign data
    if not isinstance(properties, dict):
        raise _unlike("an object", properties).inside(".properties")
    pieces = []
    for name, schema in _sorted(properties):
        if name not in _DROPPED:
            try:
                pieces.append(f"{name}:{{{_property(schema, depth)}}}")
            except RenderError as error:
                raise error.inside(f".properties.{name}") from None
    return ",".join(pieces)


def _property(schema: Any, depth: int) -> str:  # noqa: ANN401 - foreign data
    """The inside of ``name:{…}``: description, what the type adds, type."""
    if depth > MAX_DEPTH:
        raise RenderError(f"nested deeper than {MAX_DEPTH} levels")
    kind = _type_of(schema)
    pieces = [f"description:<escape>{_text_of(schema, 'description')}<escape>"]
    if kind == "STRING" and (values := schema.get("enum")):
        pieces.append(f"enum:{_enum(values)}")
    elif kind == "ARRAY":
        items = schema.get("items")
        if isinstance(items, dict) and items:
            try:
                pieces.append(f"items:{{{_items(items, depth)}}}")
            except RenderError as error:
                raise error.inside(".items") from None
    elif kind == "OBJECT":
        if "properties" not in schema and (odd := sorted(schema.keys() - _DROPPED)):
            # The template then takes the schema itself for the map of its properties.
            raise RenderError(
                f"an object without properties would declare {odd[0]!r} as one", hint="add properties: {}"
            )
        pieces.append(f"properties:{{{_properties(schema.get('properties', {}), depth + 1)}}}")
        if required := schema.get("required"):
            pieces.append(f"required:{_names(required)}")
    pieces.append(f"type:<escape>{kind}<escape>")
    return ",".join(pieces)


def _items(items: dict[str, Any], depth: int) -> str:
    """The inside of ``items:{…}``: unlike in a property, every keyword is written, sorted, but for nulls."""
    kind = _type_of(items)
    pieces = []
    for key, value in _sorted(items):
        if value is None:
            continue
        if key == "properties":
            pieces.append(f"properties:{{{_properties(value, depth + 1)}}}")
        elif key == "required":
            pieces.append(f"required:{_names(value)}")
        elif key == "type":
            pieces.append(f"type:<escape>{kind}<escape>")
        else:
            try:
                # Here, and nowhere else, the template escapes the keys of objects too.
                pieces.append(f"{key}:{_write(value, depth, escape_keys=True)}")
            except RenderError as error:
                raise error.inside(f".{key}") from None
    return ",".join(pieces)


def _type_of(schema: Any) -> str:  # noqa: ANN401 - foreign data
    """The one type of a schema, in upper case."""
    if not isinstance(schema, dict):
        raise _unlike("a schema", schema)
    kind = schema.get("type")
    if isinstance(kind, list):
        raise RenderError("a list of types", hint="one type for each schema").inside(".type")
    if not isinstance(kind, str) or not kind:
        choice = next((word for word in ("anyOf", "oneOf", "allOf", "$ref") if word in schema), "")
        raise RenderError(f"no type but {choice}" if choice else "no type", hint="one type for each schema")
    try:
        return require_text(kind).upper()
    except RenderError as error:
        raise error.inside(".type") from None


def _text_of(holder: dict[str, Any], key: str, default: str | None = "") -> str:
    """The text under ``key``; null is refused, because the template would print it as ``None``."""
    try:
        return require_text(holder.get(key, default))
    except RenderError as error:
        raise error.inside(f".{key}") from None


def _require_name(name: str) -> None:
    if not name:
        raise RenderError("a name is needed").inside(".name")


def _enum(values: Any) -> str:  # noqa: ANN401 - foreign data
    try:
        if not isinstance(values, list):
            raise _unlike("a list", values)
        return _list(values, 1, escape_keys=True)
    except RenderError as error:
        raise error.inside(".enum") from None


def _names(names: Any) -> str:  # noqa: ANN401 - foreign data
    """A list of property names, as ``required`` has them."""
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise RenderError("a list of names is needed").inside(".required")
    return _list(names, 1, escape_keys=False)


def _unlike(needed: str, value: Any) -> RenderError:  # noqa: ANN401 - foreign data
    """The error of a value of the wrong type; a null mostly comes from a table, and cleaning takes it out."""
    if value is None:
        return RenderError(f"{needed} is needed, not null", hint="afg-data clean takes nulls out")
    return RenderError(f"{needed} is needed, not {type(value).__name__}")
