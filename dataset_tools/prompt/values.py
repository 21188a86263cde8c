"""Text of the values in FunctionGemma's prompt: arguments, results and tool declarations.

Each function writes exactly the text of the model's chat template or raises :class:`RenderError`. Turns and segments
are in :mod:`dataset_tools.prompt.render`.
"""

import math
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from dataset_tools.errors import AfgError
from dataset_tools.prompt.parser import MAX_DEPTH, MAX_DIGITS

__all__ = ["RenderError", "require_text", "write_declaration", "write_object"]

# The template drops properties with these names; `required` still lists them.
_DROPPED = frozenset({"description", "type", "properties", "required", "nullable"})

_CONTROL = re.compile(r"<(?:pad|eos|bos|unk|escape|(?:start|end)_(?:of_turn|function_(?:declaration|call|response)))>")
_INTEGER_BITS = int(MAX_DIGITS * math.log2(10))


class RenderError(AfgError):
    """A record that the chat template cannot express; ``where`` is the path in the record."""

    def inside(self, path: str) -> "RenderError":
        """Prefix the path of the error; return the error."""
        self.where = path + self.where
        return self


def require_text(value: Any) -> str:  # noqa: ANN401 - foreign data
    """Return ``value`` if it is text without control tokens.

    Raises:
        RenderError: it is not text, or contains a control token.
    """
    if not isinstance(value, str):
        raise _unlike("text", value)
    if "<" in value and (token := _CONTROL.search(value)):
        raise RenderError(f"the text contains the control token {token[0]}", hint="remove it or spell it differently")
    return value


def write_object(value: Mapping[str, Any], depth: int = 1, *, escape_keys: bool = False) -> str:
    """Return ``{key:value,…}``, with keys sorted case-insensitively as by Jinja's ``dictsort``, and null as ``None``.

    Raises:
        RenderError: a key or a value cannot be written.
    """
    pieces = []
    for key, inner in _sorted(value):
        if type(inner) is str and "<" not in inner:  # most values
            written = f"<escape>{inner}<escape>"
        else:
            try:
                written = _write(inner, depth, escape_keys=escape_keys)
            except RenderError as error:
                raise error.inside(f".{key}") from None
        pieces.append(f"<escape>{key}<escape>:{written}" if escape_keys else f"{key}:{written}")
    return "{" + ",".join(pieces) + "}"


def write_declaration(tool: Any) -> str:  # noqa: ANN401 - foreign data
    """Return a tool's declaration, from ``<start_function_declaration>`` to ``<end_function_declaration>``.

    Raises:
        RenderError: the template cannot express the tool.
    """
    if not isinstance(tool, dict) or not isinstance(tool.get("function"), dict):
        raise RenderError("a tool without its wrapper", hint='write {"type": "function", "function": {…}}')
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
        raise RenderError(f"a {type(value).__name__} is not a JSON value")
    if not math.isfinite(value):
        raise RenderError(f"{value} is not a finite number")
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
    """Return the items in the order of Jinja's ``dictsort``."""
    return [(key, value[key]) for key in _in_order(tuple(value))]


@lru_cache(maxsize=4096)
def _in_order(keys: tuple[str, ...]) -> list[str]:
    """Return the keys sorted case-insensitively; keys that differ only in case keep their order."""
    return sorted(map(require_text, keys), key=str.lower)


def _parameters(schema: Any) -> str:  # noqa: ANN401 - foreign data
    """Return the content of ``parameters:{…}``."""
    kind = _type_of(schema)  # first, because it checks that the schema is an object
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
    """Return the content of ``name:{…}``: description, keywords of the type, type."""
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
            # The template would read the schema itself as its properties.
            raise RenderError(f"{odd[0]!r} would be declared as a property", hint="add properties: {}")
        pieces.append(f"properties:{{{_properties(schema.get('properties', {}), depth + 1)}}}")
        if required := schema.get("required"):
            pieces.append(f"required:{_names(required)}")
    pieces.append(f"type:<escape>{kind}<escape>")
    return ",".join(pieces)


def _items(items: dict[str, Any], depth: int) -> str:
    """Return the content of ``items:{…}``: all keywords except nulls, sorted, unlike in a property."""
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
                # Only here does the template escape the keys of objects.
                pieces.append(f"{key}:{_write(value, depth, escape_keys=True)}")
            except RenderError as error:
                raise error.inside(f".{key}") from None
    return ",".join(pieces)


def _type_of(schema: Any) -> str:  # noqa: ANN401 - foreign data
    """Return the only type of a schema, in upper case."""
    if not isinstance(schema, dict):
        raise _unlike("a schema", schema)
    kind = schema.get("type")
    if isinstance(kind, list):
        raise RenderError("a list of types", hint="declare one type per schema").inside(".type")
    if not isinstance(kind, str) or not kind:
        choice = next((word for word in ("anyOf", "oneOf", "allOf", "$ref") if word in schema), "")
        raise RenderError(f"{choice} instead of a type" if choice else "no type", hint="declare one type per schema")
    try:
        return require_text(kind).upper()
    except RenderError as error:
        raise error.inside(".type") from None


def _text_of(holder: dict[str, Any], key: str, default: str | None = "") -> str:
    """Return the text under ``key``; null is refused, because the template would print ``None``."""
    try:
        return require_text(holder.get(key, default))
    except RenderError as error:
        raise error.inside(f".{key}") from None


def _require_name(name: str) -> None:
    if not name:
        raise RenderError("the name is missing").inside(".name")


def _enum(values: Any) -> str:  # noqa: ANN401 - foreign data
    try:
        if not isinstance(values, list):
            raise _unlike("a list", values)
        return _list(values, 1, escape_keys=True)
    except RenderError as error:
        raise error.inside(".enum") from None


def _names(names: Any) -> str:  # noqa: ANN401 - foreign data
    """Return a list of property names, as in ``required``."""
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise RenderError("must be a list of names").inside(".required")
    return _list(names, 1, escape_keys=False)


def _unlike(needed: str, value: Any) -> RenderError:  # noqa: ANN401 - foreign data
    """Return the error for a value of the wrong type; nulls mostly come from tables."""
    if value is None:
        return RenderError(f"must be {needed}, not null", hint="`afg-data clean` removes nulls")
    return RenderError(f"must be {needed}, not {type(value).__name__}")
