"""Parser of FunctionGemma's output: text and function calls.

This file needs only Python's standard library, so it can be shipped with a model and copied anywhere::

    from parser import parse

    parsed = parse("<start_function_call>call:get_weather{city:<escape>جدة<escape>}<end_function_call>")
    parsed.tool_calls  # [{"name": "get_weather", "arguments": {"city": "جدة"}}]

The parser is a recursive descent in linear time and limited depth. Text between two ``<escape>`` is data. Deviations
from the format are listed in ``warnings``; a call that cannot be parsed raises :class:`ParseError`.
"""

import re
from dataclasses import dataclass, field
from typing import Any

__all__ = ["MAX_DEPTH", "MAX_DIGITS", "ParseError", "Parsed", "parse"]

MAX_DEPTH = 200
"""Maximum nesting of arguments; the arguments themselves are the first level."""

MAX_DIGITS = 4000
"""Maximum digits of a number, because converting digits takes quadratic time."""

_LONGEST_NUMBER = MAX_DIGITS + 1  # characters; plus one for a sign
_MAX_WARNINGS = 100
_SHOWN = 40  # characters of the output that a warning quotes

_TOKENS = r"<(?:pad|eos|bos|unk|(?:start|end)_(?:of_turn|function_(?:declaration|call|response)))>"
_CALL, _END_CALL, _ESCAPE = "<start_function_call>", "<end_function_call>", "<escape>"
_STOPS = ("<start_function_response>", "<end_of_turn>", "<eos>")
_TOKEN = re.compile(rf"{_TOKENS}|{_ESCAPE}")
_HEAD = re.compile(r"\s*(?:<bos>\s*)?(?:<start_of_turn>model\n)?")
_KEY_END = re.compile(rf":|{_ESCAPE}|{_TOKENS}")
_BARE_END = re.compile(rf"[,{{}}\[\]]|{_ESCAPE}|{_TOKENS}")
_NAME_END = re.compile(rf"{{|{_ESCAPE}|{_TOKENS}")
_PREFIX = re.compile(r"\s*call(?:\s*:|\s)")
_SPACE = re.compile(r"\s*")
# The usual form of a key and a value, up to the next delimiter; a fast path for the step-by-step methods.
_PLAIN_KEY = r"[^\s:<,{}\[\]](?:[^:<,{}\[\]]*[^\s:<,{}\[\]])?"
_PLAIN_ITEM = re.compile(rf"({_PLAIN_KEY}):(?:{_ESCAPE}([^<]*){_ESCAPE}|(-?(?:0|[1-9][0-9]{{0,15}})))(?=([,}}]))")
_INTEGER = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_LOOSE_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_GROUPED = re.compile(r"[+-]?[0-9]{1,3}(?:٬[0-9]{3})+(?:\.[0-9]*)?")
_IDENTIFIER = re.compile(r"\+|-?0[0-9]")  # start of telephone and customer numbers, which are identifiers
_WORDS = {"true": True, "false": False, "null": None, "None": None}

# Arabic-Indic and Persian digits, and their decimal separator.
_DIGITS = str.maketrans({**{chr(zero + n): str(n) for zero in (0x660, 0x6F0) for n in range(10)}, "٫": "."})


class ParseError(ValueError):
    """Output that cannot be parsed: ``what`` is wrong at the character ``position``, from 0."""

    def __init__(self, what: str, position: int) -> None:
        super().__init__(what, position)
        self.what = what
        self.position = position

    def __str__(self) -> str:
        return f"{self.what} at character {self.position}"


@dataclass(slots=True)
class Parsed:
    """A parsed output.

    Attributes:
        content: the text without calls, control tokens and outer white space.
        tool_calls: the calls in order, each with ``name`` and ``arguments``.
        recovered: True if a missing end of a call was added.
        warnings: all deviations from the format and from the schemas.
    """

    content: str = ""
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    recovered: bool = False
    warnings: list[str] = field(default_factory=list)


def parse(text: str, tools: list[dict[str, Any]] | None = None) -> Parsed:
    """Parse text and calls of a model's output, up to the first token that stops generation.

    Args:
        text: the output, decoded with its control tokens.
        tools: the declarations in the prompt. With them, arguments get the types of the schemas; without them, only
            escaped values are known to be strings.

    Raises:
        ParseError: a call cannot be parsed.
    """
    return _Reader(text, tools).read()


class _Reader:
    """One pass over a text; ``at`` only moves forward."""

    def __init__(self, text: str, tools: list[dict[str, Any]] | None) -> None:
        self.text = text
        self.at = 0
        self.parsed = Parsed()
        self.schemas = None if tools is None else _parameters(tools)

    def read(self) -> Parsed:
        """Parse the whole text."""
        texts: list[list[str]] = [[]]  # pieces between calls
        self._pass(_HEAD)
        while token := _TOKEN.search(self.text, self.at):
            texts[-1].append(self.text[self.at : token.start()])
            self.at = token.end()
            if token[0] in _STOPS:
                if re.sub(r"<(?:pad|eos)>|\s", "", self.text[self.at :]):
                    self._warn("ignored text after the end of the turn")
                self.at = len(self.text)
                break
            if token[0] == _CALL:
                self._call()
                texts.append([])
            elif token[0] not in ("<pad>", "<bos>"):
                self._warn(f"ignored a stray {token[0]}")
        texts[-1].append(self.text[self.at :])
        joined = ("".join(pieces).strip() for pieces in texts)
        self.parsed.content = "\n".join(piece for piece in joined if piece)
        return self.parsed

    def _call(self) -> None:
        """Parse the rest of a call, including its end token."""
        prefix = _PREFIX.match(self.text, self.at)
        if not prefix:
            raise ParseError("a call must begin with call:NAME", self.at)
        end = _NAME_END.search(self.text, prefix.end())
        if not end or end[0] not in ("{", _END_CALL):
            raise ParseError("a call has no arguments", prefix.end())
        name = self.text[prefix.end() : end.start()].strip()
        if not name:
            raise ParseError("a call has no name", prefix.end())
        schema = self._schema_of(name)
        arguments: dict[str, Any] = {}
        self.at = end.start()
        if end[0] == "{":
            self.at += 1
            arguments = self._object(schema, 1, name)
        else:
            self._recover(f"{name} has no braces")
        self.parsed.tool_calls.append({"name": name, "arguments": arguments})
        if not self.text.startswith(_END_CALL, self.at):
            self._pass()
        if self.text.startswith(_END_CALL, self.at):
            self.at += len(_END_CALL)
            return
        self._recover(f"{name} has no {_END_CALL}")
        if _END_CALL.startswith(self.text[self.at : self.at + len(_END_CALL)]):  # truncated inside the token
            self.at = len(self.text)

    def _schema_of(self, name: str) -> Any:  # noqa: ANN401 - foreign schemas
        if self.schemas is None:
            return None
        if name not in self.schemas:
            self._warn(f"no tool is named {name[:_SHOWN]!r}")
        return self.schemas.get(name)

    def _object(self, schema: Any, depth: int, place: str) -> dict[str, Any]:  # noqa: ANN401 - foreign schemas
        """Parse the rest of an object, including its closing brace."""
        properties = _mapping(schema, "properties")
        found = self._plain_items() if properties is None else {}
        while not self._closed("}", place, first=not found):
            start = self.at
            key = self._key()
            inner = f"{place[: 4 * _SHOWN]}.{key[:_SHOWN]}"
            if properties is not None and key not in properties:
                self._warn(f"{inner} is not declared")
            if key in found:
                self._warn(f"{inner} appears twice; the last one is used")
            if not key:
                self._warn(f"an empty key in {place} at character {start}")
            found[key] = self._value((properties or {}).get(key), depth, inner)
        return found

    def _plain_items(self) -> dict[str, Any]:
        """Parse the items in the usual form at the start of an object; a fast path."""
        found: dict[str, Any] = {}
        at = self.at
        while (item := _PLAIN_ITEM.match(self.text, at)) and item[1] not in found:
            key, literal, digits, after = item.groups()
            found[key] = int(digits) if literal is None else literal
            self.at = item.end()
            if after == "}":
                break
            at = self.at + 1
        return found

    def _list(self, schema: Any, depth: int, place: str) -> list[Any]:  # noqa: ANN401 - foreign schemas
        """Parse the rest of a list, including its closing bracket."""
        found: list[Any] = []
        items = _mapping(schema, "items")
        while not self._closed("]", place, first=not found):
            found.append(self._value(items, depth, f"{place}[{len(found)}]"))
        return found

    def _closed(self, closing: str, place: str, *, first: bool) -> bool:
        """Return whether the container ends here; otherwise skip the comma before its next element."""
        if self.text.startswith(closing, self.at):  # the usual case
            self.at += 1
            return True
        self._pass()
        if not first and self.text.startswith(",", self.at):
            self.at += 1
            self._pass()
            if not self.text.startswith(closing, self.at) and not self._ended():
                return False
            self._warn(f"{place} ends with a comma")
        if self.text.startswith(closing, self.at):
            self.at += 1
            return True
        if self._ended():
            self._recover(f"{place} has no {closing}")
            return True
        if first:
            return False
        raise ParseError(f"expected a comma or {closing}", self.at)

    def _key(self) -> str:
        """Parse a key up to its colon; colons between two escapes are data."""
        start, pieces, quoted = self.at, [], False
        while True:
            end = _KEY_END.search(self.text, self.at)
            if not end or end[0] not in (":", _ESCAPE):
                raise ParseError("a key has no value", start)
            pieces.append(self.text[self.at : end.start()])
            self.at = end.end()
            if end[0] == ":":
                break
            quoted = True
            pieces.append(self._literal())
        key = "".join(pieces).strip()
        if quoted:
            self._warn(f"the key {key[:_SHOWN]!r} is escaped")
        return key

    def _value(self, schema: Any, depth: int, place: str) -> Any:  # noqa: ANN401 - any value, foreign schemas
        self._pass()
        if self.text[self.at : self.at + 1] in ("{", "["):
            if depth >= MAX_DEPTH:
                raise ParseError(f"nested deeper than {MAX_DEPTH} levels", self.at)
            self.at += 1
            read = self._object if self.text[self.at - 1] == "{" else self._list
            value: Any = read(schema, depth + 1, place)
            return self._typed(value, "", schema, place)
        return self._scalar(schema, place)

    def _scalar(self, schema: Any, place: str) -> Any:  # noqa: ANN401 - any value, foreign schemas
        """Parse a bare token, an escaped string, or a mix of both, up to the next delimiter."""
        start, pieces, literals = self.at, [], 0
        while (end := _BARE_END.search(self.text, self.at)) and end[0] == _ESCAPE:
            pieces.append(self.text[self.at : end.start()])
            self.at = end.end()
            pieces.append(self._literal())
            literals += 1
        stop = end.start() if end else len(self.text)
        pieces.append(self.text[self.at : stop])
        self.at = stop
        if literals == 1 and not pieces[0] and not pieces[2].strip():
            return self._typed(pieces[1], "", schema, place)
        raw = "".join(pieces).strip()
        if literals:
            self._warn(f"{place} mixes bare and escaped text")
            return self._typed(raw, "", schema, place)
        if not raw and self._ended():
            raise ParseError("a key or a comma has no value", start)
        if not end and _ESCAPE.startswith(raw):  # truncated inside the token
            raise ParseError("a string has no closing <escape>", start)
        if end and end[0] in ("{", "["):
            raise ParseError(f"{end[0]} inside a bare value", stop)
        value, known = _bare(raw)
        if not known and _single_type(schema) not in _CONVERTERS:
            self._warn(f"{place} is bare text: {raw[:_SHOWN]!r}")
        return self._typed(value, raw, schema, place)

    def _literal(self) -> str:
        """Return the text up to the closing escape."""
        end = self.text.find(_ESCAPE, self.at)
        if end < 0:
            raise ParseError("a string has no closing <escape>", self.at)
        found = self.text[self.at : end]
        self.at = end + len(_ESCAPE)
        if "<" in found and (token := _TOKEN.search(found)):
            self._warn(f"a string contains the control token {token[0]}")
        return found

    def _typed(self, value: Any, raw: str, schema: Any, place: str) -> Any:  # noqa: ANN401 - any value
        """Convert ``value`` to the only type of its schema; ``raw`` is its bare token, if any."""
        kind = _single_type(schema)
        if not kind or _is(value, kind):
            return value
        if kind == "string" and raw and value is not None:
            self._warn(f"{place}: {raw[:_SHOWN]} read as a string")
            return raw
        if kind in _CONVERTERS and isinstance(value, (str, float)) and (raw or not _identifies(value)):
            read = _CONVERTERS[kind](value)
            if read is not None:
                self._warn(f"{place}: {str(value)[:_SHOWN]!r} read as {kind}")
                return read
        self._warn(f"{place} is not of type {kind}")
        return value

    def _pass(self, pattern: re.Pattern[str] = _SPACE) -> None:
        """Skip what the pattern matches here, white space by default."""
        if match := pattern.match(self.text, self.at):
            self.at = match.end()

    def _ended(self) -> bool:
        """Return whether the text or the call ends here."""
        if self.at >= len(self.text):
            return True
        token = _TOKEN.match(self.text, self.at)
        return token is not None and token[0] != _ESCAPE

    def _recover(self, what: str) -> None:
        self.parsed.recovered = True
        self._warn(what)

    def _warn(self, what: str) -> None:
        warnings = self.parsed.warnings
        if len(warnings) <= _MAX_WARNINGS:
            warnings.append(what if len(warnings) < _MAX_WARNINGS else "further warnings are omitted")


def _bare(raw: str) -> tuple[Any, bool]:
    """Return the value of a bare token, and whether the format defines it."""
    if raw in _WORDS:
        return _WORDS[raw], True
    number = _number(raw) if _NUMBER.fullmatch(raw) else None
    return (raw, False) if number is None else (number, True)


def _number(text: str) -> int | float | None:
    """Return a number of ASCII digits; None if it is too long or too large."""
    if len(text) > _LONGEST_NUMBER:
        return None
    if _INTEGER.fullmatch(text):
        return int(text)
    number = float(text)
    return None if number in (float("inf"), float("-inf")) else number


def _to_number(value: str | float) -> int | float | None:
    if isinstance(value, float):
        return value
    digits = value.strip()
    if len(digits) > _LONGEST_NUMBER:
        return None
    digits = digits.translate(_DIGITS)
    if _GROUPED.fullmatch(digits):
        digits = digits.replace("٬", "")
    return _number(digits) if _LOOSE_NUMBER.fullmatch(digits) else None


def _identifies(value: str | float) -> bool:
    """Return whether a value is an identifier of digits, not a number: ``0551234567``, ``+966551234567``."""
    return isinstance(value, str) and _IDENTIFIER.match(value.strip()[:3].translate(_DIGITS)) is not None


def _to_integer(value: str | float) -> int | None:
    number = _to_number(value)
    if isinstance(number, float):
        return int(number) if number.is_integer() else None
    return number


def _to_boolean(value: str | float) -> bool | None:
    return {"true": True, "false": False}.get(value.strip().lower()) if isinstance(value, str) else None


_CONVERTERS: dict[str, Any] = {"number": _to_number, "integer": _to_integer, "boolean": _to_boolean}
_TYPES: dict[str, Any] = {"string": str, "boolean": bool, "array": list, "object": dict, "null": type(None)}


def _is(value: Any, kind: str) -> bool:  # noqa: ANN401 - any value
    if kind in ("number", "integer"):
        return isinstance(value, (int, float) if kind == "number" else int) and not isinstance(value, bool)
    return kind not in _TYPES or isinstance(value, _TYPES[kind])


def _single_type(schema: Any) -> str:  # noqa: ANN401 - foreign schemas
    """Return the only type of a schema, in lower case; empty for none or several."""
    kind = schema.get("type") if isinstance(schema, dict) else None
    return kind.lower() if isinstance(kind, str) else ""


def _mapping(schema: Any, key: str) -> dict[str, Any] | None:  # noqa: ANN401 - foreign schemas
    found = schema.get(key) if isinstance(schema, dict) else None
    return found if isinstance(found, dict) else None


def _parameters(tools: list[Any]) -> dict[str, Any]:
    """Return the parameter schemas by tool name; declarations may lack the function wrapper."""
    found: dict[str, Any] = {}
    for tool in tools:
        function = _mapping(tool, "function") or tool
        name = function.get("name") if isinstance(function, dict) else None
        if isinstance(name, str):
            found[name] = function.get("parameters") or {"properties": {}}
    return found
