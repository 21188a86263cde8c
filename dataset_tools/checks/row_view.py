"""A record as the checks see it: calls with their tools, texts with their paths."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

from dataset_tools.arabic.compare import compare_key
from dataset_tools.arabic.numbers import numbers_in
from dataset_tools.arabic.repair import Language, TextRole, language_of
from dataset_tools.changes import Log
from dataset_tools.records.results import text_of
from dataset_tools.tool_schema.declaration import (
    Text,
    ToolView,
    flat_values,
    is_odd,
    leaves,
    tool_views,
    without_absent,
)
from dataset_tools.tool_schema.validator import SchemaError
from schemas.record import JsonObject, Message, Record

__all__ = ["Call", "Row"]


@dataclass(slots=True)
class Call:
    """One tool call.

    Attributes:
        message: index of its message in the record.
        position: index among the calls of the message.
        name: name of the called tool.
        arguments: its arguments without nulls that the tool does not allow: these mean absent arguments, and one check
            reports them.
        tool: the tool of that name, if it is offered.
        values: every value in the arguments, also nulls, with its path in them.
        errors: violations of the schema of the tool.
    """

    message: int
    position: int
    name: str
    arguments: JsonObject
    tool: ToolView | None
    values: list[tuple[str, Any]]
    errors: tuple[SchemaError, ...]

    @property
    def path(self) -> str:
        """Return the path of the arguments in the record."""
        return f"messages[{self.message}].tool_calls[{self.position}].function.arguments"


class Row:
    """One record with the values that checks need; rarely used ones are computed on first use."""

    __slots__ = (
        "_key_before",
        "_numbers",
        "_text_before",
        "calls",
        "changes",
        "defects",
        "file",
        "line",
        "messages",
        "names",
        "odd_texts",
        "record",
        "tools",
    )

    def __init__(self, record: Record, changes: Log, file: str, line: int) -> None:
        self.record = record
        self.changes = changes
        self.file = file
        self.line = line
        self.messages: list[Message] = record["messages"]
        self.tools = tool_views(record["tools"])
        self.names = {view.name for view in self.tools}
        self.calls: list[Call] = []
        self.defects: set[Any] = set()  # checks with a defect in this row, for the tally
        self._text_before = (0, "")  # the last result of text_before, with its argument
        self._key_before = (0, "")
        self._numbers: dict[int, set[int | float]] | None = None
        texts: list[str] = []
        escaped: list[str] = []  # strings in objects, whose JSON text may hide odd characters
        for index, message in enumerate(self.messages):
            if not self.calls and "tool_calls" in message:
                texts = ["\n".join(texts)]
                self._text_before = (index, texts[0])
            if "content" in message:
                content = message["content"]
                if isinstance(content, str):
                    texts.append(content)
                else:
                    texts.append(text_of(message))
                    escaped += [value for _, value in leaves(content) if isinstance(value, str)]
            if "tool_calls" in message:
                self._add_calls(index, message, texts)
        # Odd texts, which may need a repair or have a control token: one scan excludes them for almost all rows. The
        # line ends between the texts do not hide an odd character.
        self.odd_texts = list(self._find_odd_texts()) if is_odd("\n".join(texts + escaped)) else []

    def _add_calls(self, index: int, message: Message, texts: list[str]) -> None:
        """Add the calls of a message, and the strings in them to ``texts``."""
        for position, call in enumerate(message["tool_calls"]):
            function = call["function"]
            name, arguments = function["name"], function["arguments"]
            values = flat_values(arguments)
            tool = None
            for view in self.tools:
                if view.name == name:
                    tool = view
                    break
            absent = False
            for _, value in values:
                if isinstance(value, str):
                    texts.append(value)
                elif value is None:
                    absent = True
            if absent:
                kept = tool.nullable if tool else ()
                arguments = {key: item for key, item in arguments.items() if item is not None or key in kept}
            self.calls.append(Call(index, position, name, arguments, tool, values, _errors(tool, arguments)))

    def _find_odd_texts(self) -> Iterator[Text]:
        """Yield the odd texts of messages and calls, in order."""
        calls = iter(self.calls)
        for index, message in enumerate(self.messages):
            role = TextRole.TARGET if message["role"] == "assistant" else TextRole.INPUT
            for path, value in leaves(message.get("content"), f"messages[{index}].content"):
                if isinstance(value, str) and is_odd(value):
                    yield Text(path, value, role)
            for call in islice(calls, len(message.get("tool_calls", ()))):
                for path, value in call.values:
                    if isinstance(value, str) and is_odd(value):
                        yield Text(call.path + path, value, TextRole.TARGET)

    @property
    def language(self) -> Language:
        """Return whether the record is in Arabic, and its words of other languages of the same script."""
        return language_of(map(text_of, self.messages), [text.value for text in self.odd_texts])

    def text_before(self, stop: int) -> str:
        """Return the text before message ``stop``."""
        until, text = self._text_before
        if until != stop:
            text = "\n".join([text_of(m) for m in self.messages[:stop] if "content" in m])
            self._text_before = (stop, text)
        return text

    def key_before(self, stop: int) -> str:
        """Return the compare key of the text before message ``stop``."""
        until, key = self._key_before
        if until != stop:
            key = compare_key(self.text_before(stop))
            self._key_before = (stop, key)
        return key

    def has_number_before(self, number: float, stop: int) -> bool:
        """Return whether a message before ``stop`` contains a number, in digits or words; the latest first."""
        known = self._numbers
        if known is None:
            known = self._numbers = {}
        for index in range(stop - 1, -1, -1):
            if index not in known:
                known[index] = numbers_in(text_of(self.messages[index]))
            if number in known[index]:
                return True
        return False


def _errors(tool: ToolView | None, arguments: JsonObject) -> tuple[SchemaError, ...]:
    if tool is None or tool.validator is None or tool.validator.is_valid(arguments):
        return ()
    with suppress(RecursionError):
        # Arrow also fills nested objects with nulls, which are not errors.
        arguments = without_absent(arguments, tool.parameters, tool.parameters)
    return tuple(tool.validator.errors(arguments))
