"""Repair of one record: text by the policy table, arguments by the tool's schema.

Text and arguments get the same letters, because the model learns to copy from one to the other.
:mod:`dataset_tools.arabic.repair` lists the rules that differ between input and target text.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

from dataset_tools.arabic.encodings import undecodable
from dataset_tools.arabic.folding import compile_fold
from dataset_tools.arabic.letters import needs_look
from dataset_tools.arabic.repair import Language, TextRole, language_of, repair
from dataset_tools.arabic.rules import final_farsi_yeh
from dataset_tools.arabic.visual_order import ambiguous_order, unproven_order
from dataset_tools.changes import Change, Log
from dataset_tools.errors import RowError
from dataset_tools.records.results import decode_result, text_of
from dataset_tools.tool_schema.coercion import typed_arguments
from dataset_tools.tool_schema.content_cache import ContentCache
from schemas.record import JsonObject, Message, Record, Tool

__all__ = ["DEVELOPER_TURN", "Repairer"]

DEVELOPER_TURN = "You are a model that can do function calling with the following functions"
"""Developer message that makes FunctionGemma call functions; without it the model calls none."""

# Schema keywords whose strings are code, not text. An argument of such a name is still text.
_VERBATIM = frozenset({"pattern", "format", "$ref", "$id", "$schema"})
_NOTHING: frozenset[str] = frozenset()
_PASSES = 8


class Repairer:
    """Repair of records, with a cache of tool declarations, which repeat from row to row.

    Args:
        fold: names of CAMeL Tools folds for text, arguments, enums and descriptions; none by default.
        developer_turn: whether to add a developer turn to a record without one.

    Raises:
        ValueError: a fold does not exist.
    """

    def __init__(self, fold: Sequence[str] = (), *, developer_turn: bool = True) -> None:
        self._fold_names = tuple(fold)
        self._fold: Callable[[str], str] | None = None
        self._developer_turn = developer_turn
        self._cache: ContentCache[dict[bool, tuple[Tool, tuple[Change, ...]]]] = ContentCache(
            self._clean_tool, shared=True
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the options only; the other process rebuilds cache and folds."""
        return (_rebuild, (self._fold_names, self._developer_turn))

    def repair(self, record: Record, log: Log) -> Record:
        """Repair a record in place, log every change and return it.

        Raises:
            RowError: ``undecodable-text``: the encoding of a text is recognised but cannot be repaired;
                ``visual-order``: the letters of a text are stored backwards, and their order is not certain.
        """
        if self._fold_names and self._fold is None:
            self._fold = compile_fold(self._fold_names)
        messages = record["messages"]
        if self._developer_turn and messages and messages[0]["role"] != "developer":
            turn: Message = {"role": "developer", "content": DEVELOPER_TURN}
            log.append(Change("developer-turn", "messages[0]", None, turn))
            messages.insert(0, turn)
        for _ in range(_PASSES):
            # A repair may enable another rule or change the detected language.
            before = len(log)
            self._texts(messages, log)
            if len(log) == before:
                break
        _require_order(log)
        record["tools"] = self._tools(record["tools"], messages, log)
        self._arguments(messages, record["tools"], log)
        return record

    def _texts(self, messages: list[Message], log: Log) -> None:
        language: Language | None = None
        for index, message in enumerate(messages):
            role = TextRole.TARGET if message["role"] == "assistant" else TextRole.INPUT
            decode_result(message, f"messages[{index}]", log)
            content = message.get("content")
            if content is not None and (self._fold or _any_odd(content)):
                language = language or _language(messages)
                path = f"messages[{index}].content"
                message["content"] = self._walk(content, path, log, language, role=role)
            for position, call in enumerate(message.get("tool_calls", ())):
                function = call["function"]
                if self._fold or _any_odd(function["arguments"]):
                    language = language or _language(messages)
                    path = f"messages[{index}].tool_calls[{position}].function.arguments"
                    function["arguments"] = self._walk(function["arguments"], path, log, language)
                if self._fold or needs_look(function["name"]):
                    language = language or _language(messages)
                    path = f"messages[{index}].tool_calls[{position}].function.name"
                    function["name"] = self._text(function["name"], TextRole.TARGET, path, log, language)
            name = message.get("name")
            if name is not None and (self._fold or needs_look(name)):
                language = language or _language(messages)
                message["name"] = self._text(name, TextRole.TARGET, f"messages[{index}].name", log, language)

    def _text(self, text: str, role: TextRole, path: str, log: Log, language: Language) -> str:
        if needs_look(text):
            encoding = undecodable(text)
            if encoding is not None:
                raise RowError("undecodable-text", f"{path} looks like {encoding} text read with another encoding")
            if language.arabic and final_farsi_yeh(text, language.kept):
                log.append(Change("farsi-yeh-final", path, text, text))
            if unproven_order(text):
                raise RowError("visual-order", f"{path} is shaped text in visual order that cannot be reversed safely")
            clean, rules = repair(text, role, arabic=language.arabic, kept=language.kept)
            log.extend(Change(rule, path, text, clean) for rule in rules)
            text = clean
        if self._fold is not None:
            folded = self._fold(text)
            if folded != text:
                log.append(Change("fold", path, text, folded))
                text = folded
        return text

    def _walk(
        self,
        value: Any,  # noqa: ANN401 - JSON is any value
        path: str,
        log: Log,
        language: Language,
        *,
        role: TextRole = TextRole.TARGET,
        verbatim: frozenset[str] = _NOTHING,
    ) -> Any:  # noqa: ANN401
        """Return a value with every string, keys included, repaired as text of that role."""
        if isinstance(value, str):
            return self._text(value, role, path, log, language)
        if isinstance(value, list):
            return [
                self._walk(item, f"{path}[{i}]", log, language, role=role, verbatim=verbatim)
                for i, item in enumerate(value)
            ]
        if not isinstance(value, dict):
            return value
        result: JsonObject = {}
        for key, item in value.items():
            if key in verbatim and isinstance(item, str):
                result[key] = item
                continue
            name = self._key(key, value, result, f"{path}.{key}", log, language, role=role)
            result[name] = self._walk(item, f"{path}.{name}", log, language, role=role, verbatim=verbatim)
        return result

    def _key(
        self,
        key: str,
        value: JsonObject,
        result: JsonObject,
        path: str,
        log: Log,
        language: Language,
        *,
        role: TextRole,
    ) -> str:
        """Return a repaired key, or the key unchanged if it would collide with another key of the object."""
        if not (self._fold or needs_look(key)):
            return key
        changes: Log = []
        name = self._text(key, role, path, changes, language)
        if name == key or name in value or name in result:
            return key
        log.extend(changes)
        return name

    def _tools(self, tools: list[Tool], messages: list[Message], log: Log) -> list[Tool]:
        """Return declarations repaired by the language of the conversation, because arguments copy their letters."""
        language: Language | None = None
        clean: list[Tool] = []
        for position, tool in enumerate(tools):
            repaired = self._cache.get(tool)
            if len(repaired) > 1 and language is None:
                language = _language(messages)
            if len(repaired) == 1 or language is None:
                found, changes = repaired[True]
            elif language.arabic and language.kept:
                found, changes = self._cleaned(tool, language)
            else:
                found, changes = repaired[language.arabic]
            path = f"tools[{position}]"
            log.extend(change._replace(path=path + change.path) for change in changes)
            clean.append(found)
        return clean

    def _clean_tool(self, tool: Tool) -> dict[bool, tuple[Tool, tuple[Change, ...]]]:
        """Return a repaired declaration for Arabic rows, and one for other rows if it differs."""
        arabic, other = self._cleaned(tool, Language()), self._cleaned(tool, Language(arabic=False))
        return {True: arabic} if arabic == other else {True: arabic, False: other}

    def _cleaned(self, tool: Tool, language: Language) -> tuple[Tool, tuple[Change, ...]]:
        changes: Log = []
        clean = _strip_nulls(tool, "", changes)
        if language.arabic:
            own = language_of((), filter(needs_look, _strings(tool)))
            language = language._replace(kept=language.kept | own.kept)
        for _ in range(_PASSES):
            before = len(changes)
            clean = self._walk(clean, "", changes, language, verbatim=_VERBATIM)
            if len(changes) == before:
                break
        return cast("Tool", clean), tuple(changes)

    def _arguments(self, messages: list[Message], tools: list[Tool], log: Log) -> None:
        """Remove nulls from the arguments and convert numbers to the types of the tool's schema."""
        for index, message in enumerate(messages):
            for position, call in enumerate(message.get("tool_calls", ())):
                function = call["function"]
                schema = next(
                    (t["function"].get("parameters") for t in tools if t["function"]["name"] == function["name"]), None
                )
                path = f"messages[{index}].tool_calls[{position}].function.arguments"
                function["arguments"] = typed_arguments(function["arguments"], schema or {}, path, log)


def _rebuild(fold: tuple[str, ...], developer_turn: bool) -> Repairer:  # noqa: FBT001 - pickle passes positions
    return Repairer(fold, developer_turn=developer_turn)


def _require_order(log: Log) -> None:
    """Raise RowError for shaped text that is right in either order, if another text of the row was backwards."""
    backwards = {change.path for change in log if change.rule == "visual-order"}
    for change in log if backwards else ():
        if change.rule == "presentation-form" and change.path not in backwards and ambiguous_order(change.before):
            raise RowError("visual-order", f"{change.path} is shaped text that may be in visual order, as in its row")


def _language(messages: list[Message]) -> Language:
    calls = (call for message in messages for call in message.get("tool_calls", ()))
    return language_of(
        map(text_of, messages), (text for call in calls for text in _strings(call["function"]) if needs_look(text))
    )


def _strings(value: object) -> Iterator[str]:
    """Yield every string and key in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _strings(item)


def _any_odd(value: object) -> bool:
    """Return whether a string or key in ``value`` may need repair; optimised for flat objects."""
    if isinstance(value, str):
        return needs_look(value)
    if isinstance(value, dict):
        for key, item in value.items():
            if needs_look(key):
                return True
            if isinstance(item, str):
                if needs_look(item):
                    return True
            elif _any_odd(item):
                return True
        return False
    return isinstance(value, list) and any(map(_any_odd, value))


def _strip_nulls(value: Any, path: str, log: Log) -> Any:  # noqa: ANN401 - JSON is any value
    """Return a declaration without the keys that Arrow filled with null; nulls in lists, as in an enum, stay."""
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
