"""The repairs of ``afg-data clean``, on one record: text by the policy table, structure by the tool's schema.

Text and arguments always get the same letters, because the model learns to copy one into the other; what the user
wrote and what the model must generate differ only in the rules that :mod:`dataset_tools.arabic.repair` says.
"""

from collections.abc import Callable, Sequence
from typing import Any, cast

from dataset_tools.arabic.folding import compile_fold
from dataset_tools.arabic.letters import needs_look
from dataset_tools.arabic.mojibake import undecodable
from dataset_tools.arabic.numbers import parse_number
from dataset_tools.arabic.repair import Side, final_farsi_yeh, looks_arabic, repair
from dataset_tools.changes import Change, Log
from dataset_tools.errors import RowError
from dataset_tools.memory import ByContent
from dataset_tools.rows import call_path
from dataset_tools.tool_view import leaves
from schemas.record import JsonObject, Message, Record, Tool

__all__ = ["DEVELOPER_TURN", "Repairer"]

DEVELOPER_TURN = "You are a model that can do function calling with the following functions"
"""The sentence that makes FunctionGemma call functions; without a developer turn it calls none."""

# Strings of a schema that are code, and keys whose values are not for people.
_VERBATIM = frozenset({"pattern", "patternProperties", "format", "$ref", "$id", "$schema"})
_PASSES = 8


class Repairer:
    """Repairs records; remembers each distinct declaration, because they repeat from row to row.

    Args:
        fold: folds of CAMeL Tools to apply to text, arguments, enums and descriptions together; none by default.
        developer_turn: whether to add a developer turn where a record has none.

    Raises:
        ValueError: a fold of that name does not exist.
    """

    def __init__(self, fold: Sequence[str] = (), *, developer_turn: bool = True) -> None:
        self._fold_names = tuple(fold)
        self._fold: Callable[[str], str] | None = None
        self._developer_turn = developer_turn
        self._memory: ByContent[tuple[Tool, tuple[Change, ...]]] = ByContent()

    def __reduce__(self) -> tuple[Any, ...]:
        """Cross to another process as the options alone: memory and folds are rebuilt there."""
        return (_rebuild, (self._fold_names, self._developer_turn))

    def repair(self, record: Record, log: Log) -> Record:
        """The record, repaired; every change is logged. The given record is altered and must not be used again.

        Raises:
            RowError: ``undecodable-text``, when text is in an encoding that is recognised and not repaired.
        """
        if self._fold_names and self._fold is None:
            self._fold = compile_fold(self._fold_names)
        messages = record["messages"]
        if self._developer_turn and messages[0]["role"] != "developer":
            turn: Message = {"role": "developer", "content": DEVELOPER_TURN}
            log.append(Change("developer-turn", "messages[0]", None, turn))
            messages.insert(0, turn)
        record["tools"] = [self._tool(tool, f"tools[{i}]", log) for i, tool in enumerate(record["tools"])]
        for _ in range(_PASSES):
            # A repair may uncover what another rule mends, or change the language that the row seems to be in.
            before = len(log)
            self._texts(messages, log)
            if len(log) == before:
                break
        self._arguments(messages, record["tools"], log)
        return record

    def _texts(self, messages: list[Message], log: Log) -> None:
        arabic: bool | None = None
        for index, message in enumerate(messages):
            side = Side.TARGET if message["role"] == "assistant" else Side.INPUT
            content = message.get("content")
            if content is not None and (self._fold or needs_look(content)):
                arabic = _is_arabic(messages) if arabic is None else arabic
                message["content"] = self._text(content, side, f"messages[{index}].content", log, arabic=arabic)
            for position, call in enumerate(message.get("tool_calls", ())):
                function = call["function"]
                if self._fold or _any_odd(function["arguments"]):
                    arabic = _is_arabic(messages) if arabic is None else arabic
                    path = f"{call_path(index, position)}.arguments"
                    function["arguments"] = self._walk(function["arguments"], path, log, arabic=arabic)
                if needs_look(function["name"]):
                    path = f"{call_path(index, position)}.name"
                    function["name"] = self._text(function["name"], Side.TARGET, path, log, arabic=True)

    def _text(self, text: str, side: Side, path: str, log: Log, *, arabic: bool) -> str:
        """One string, repaired and folded."""
        if needs_look(text):
            encoding = undecodable(text)
            if encoding is not None:
                raise RowError("undecodable-text", f"{path} looks like {encoding} text read with another encoding")
            if arabic and final_farsi_yeh(text):
                log.append(Change("farsi-yeh-final", path, text, text))
            clean, rules = repair(text, side, arabic=arabic)
            log.extend(Change(rule, path, text, clean) for rule in rules)
            text = clean
        if self._fold is not None:
            folded = self._fold(text)
            if folded != text:
                log.append(Change("fold", path, text, folded))
                text = folded
        return text

    def _walk(self, value: Any, path: str, log: Log, *, arabic: bool) -> Any:  # noqa: ANN401 - JSON is any value
        """Every string in ``value``, keys included, repaired as text that the model generates or copies from."""
        if isinstance(value, str):
            return self._text(value, Side.TARGET, path, log, arabic=arabic)
        if isinstance(value, list):
            return [self._walk(item, f"{path}[{i}]", log, arabic=arabic) for i, item in enumerate(value)]
        if not isinstance(value, dict):
            return value
        result: JsonObject = {}
        for key, item in value.items():
            name = self._text(key, Side.TARGET, f"{path}.{key}", log, arabic=arabic) if needs_look(key) else key
            name = key if name in value else name  # two keys must not become one
            result[name] = item if key in _VERBATIM else self._walk(item, f"{path}.{name}", log, arabic=arabic)
        return result

    def _tool(self, tool: Tool, path: str, log: Log) -> Tool:
        clean, changes = self._memory.get(tool, self._clean_tool)
        for change in changes:
            log.append(change._replace(path=path + change.path))
        return clean

    def _clean_tool(self, tool: Tool) -> tuple[Tool, tuple[Change, ...]]:
        changes: Log = []
        clean = _strip_nulls(tool, "", changes)
        arabic = looks_arabic(text for _, text in leaves(clean) if isinstance(text, str))
        for _ in range(_PASSES):
            before = len(changes)
            clean = self._walk(clean, "", changes, arabic=arabic)
            if len(changes) == before:
                break
        return cast("Tool", clean), tuple(changes)

    def _arguments(self, messages: list[Message], tools: list[Tool], log: Log) -> None:
        """Nulls out of the arguments, and numbers as the tool's schema has them."""
        for index, message in enumerate(messages):
            for position, call in enumerate(message.get("tool_calls", ())):
                function = call["function"]
                schema = next((t["function"].get("parameters") for t in tools if t["function"]["name"] == function["name"]), None)
                path = f"{call_path(index, position)}.arguments"
                function["arguments"] = _typed(function["arguments"], schema or {}, path, log)


def _rebuild(fold: tuple[str, ...], developer_turn: bool) -> Repairer:  # noqa: FBT001 - pickle passes positions
    return Repairer(fold, developer_turn=developer_turn)


def _is_arabic(messages: list[Message]) -> bool:
    return looks_arabic(message["content"] for message in messages if "content" in message)


def _any_odd(value: object) -> bool:
    if isinstance(value, str):
        return needs_look(value)
    if isinstance(value, dict):
        return any(_any_odd(key) or _any_odd(item) for key, item in value.items())
    return isinstance(value, list) and any(map(_any_odd, value))


def _strip_nulls(value: Any, path: str, log: Log) -> Any:  # noqa: ANN401 - JSON is any value
    """A declaration without the keys that Arrow filled with null; the members of lists, as in an enum, stay."""
    if isinstance(value, list):
        return [_strip_nulls(item, f"{path}[{i}]", log) for i, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    result: JsonObject = {}
    for key, item in value.items():
        if item is None:
            log.append(Change("strip-null", f"{path}.{key}", None, None))
        else:
            result[key] = _strip_nulls(item, f"{path}.{key}", log)
    return result


def _typed(value: Any, schema: Any, path: str, log: Log) -> Any:  # noqa: ANN401 - JSON is any value
    """``value`` with the types that ``schema`` declares, where that loses nothing; the same object if nothing changes."""
    schema = schema if isinstance(schema, dict) else {}
    if isinstance(value, dict):
        return _typed_object(value, schema, path, log)
    if isinstance(value, list):
        items = [_typed(item, schema.get("items"), f"{path}[{i}]", log) for i, item in enumerate(value)]
        return items
    kind = schema.get("type")
    if isinstance(value, float) and kind == "integer" and value.is_integer():
        log.append(Change("integer-float", path, value, int(value)))
        return int(value)
    if isinstance(value, str) and kind in ("integer", "number"):
        number = parse_number(value)
        if isinstance(number, float) and kind == "integer":
            number = int(number) if number.is_integer() else None
        if number is not None:
            log.append(Change("numeric-string", path, value, number))
            return number
    return value


def _typed_object(value: JsonObject, schema: JsonObject, path: str, log: Log) -> JsonObject:
    properties = schema.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    result: JsonObject = {}
    for key, item in value.items():
        declared = properties.get(key)
        if item is None and not _admits_null(declared):
            log.append(Change("strip-null", f"{path}.{key}", None, None))
        elif item is None or declared is None and not isinstance(item, (dict, list)):
            result[key] = item
        else:
            result[key] = _typed(item, declared, f"{path}.{key}", log)
    return result


def _admits_null(schema: object) -> bool:
    if not isinstance(schema, dict):
        return False
    kinds, allowed = schema.get("type"), schema.get("enum")
    return kinds == "null" or (isinstance(kinds, list) and "null" in kinds) or (isinstance(allowed, list) and None in allowed)
