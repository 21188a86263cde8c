"""A record seen by the checks: its calls beside the tools they name, its texts with their paths."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

from dataset_tools.arabic.compare import compare_key
from dataset_tools.arabic.numbers import numbers_in
from dataset_tools.arabic.repair import Side, looks_arabic
from dataset_tools.changes import Log, call_path
from dataset_tools.tool_schema.declaration import Text, ToolView, flat_values, is_odd, tool_views, without_absent
from dataset_tools.tool_schema.validator import SchemaError
from schemas.record import JsonObject, Message, Record

__all__ = ["Call", "Row"]


@dataclass(slots=True)
class Call:
    """One tool call.

    Attributes:
        message: which message of the record makes it.
        position: which of the message's calls it is.
        name: the tool that it names.
        arguments: its arguments without those that are null where the tool takes no null: that is an absent argument,
            which one check reports and no other need know.
        tool: the tool of that name, if it is offered.
        values: every value in the arguments, nulls too, with its path in them.
        errors: how the arguments break the tool's schema.
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
        """Where the arguments stand in the record."""
        return f"{call_path(self.message, self.position)}.arguments"


class Row:
    """One record with what the checks need of it; what few of them need is computed when first asked for."""

    __slots__ = (
        "_key",
        "_numbers",
        "_said",
        "calls",
        "changes",
        "defects",
        "file",
        "line",
        "messages",
        "names",
        "odd",
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
        self.defects: set[Any] = set()  # the checks that found something, for the tally
        self._said = (0, "")
        self._key = (0, "")
        self._numbers: dict[int, set[int | float]] | None = None
        texts: list[str] = []
        for index, message in enumerate(self.messages):
            if not self.calls and "tool_calls" in message:
                texts = ["\n".join(texts)]
                self._said = (index, texts[0])
            if "content" in message:
                texts.append(message["content"])
            if "tool_calls" in message:
                self._add_calls(index, message, texts)
        # Texts in which a repair may act or a control token stand: none in almost all rows, which one scan tells. A
        # line end between two texts hides nothing that is odd in one of them.
        self.odd = list(self._odd_texts()) if is_odd("\n".join(texts)) else []

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

    def _odd_texts(self) -> Iterator[Text]:
        """The texts of the messages and their calls that are odd, in order."""
        calls = iter(self.calls)
        for index, message in enumerate(self.messages):
            if "content" in message and is_odd(message["content"]):
                side = Side.TARGET if message["role"] == "assistant" else Side.INPUT
                yield Text(f"messages[{index}].content", message["content"], side)
            for call in islice(calls, len(message.get("tool_calls", ()))):
                for path, value in call.values:
                    if isinstance(value, str) and is_odd(value):
                        yield Text(call.path + path, value, Side.TARGET)

    @property
    def arabic(self) -> bool:
        """Whether the record is in Arabic rather than in another language of the same script."""
        return looks_arabic(message["content"] for message in self.messages if "content" in message)

    def said(self, stop: int) -> str:
        """What was written before message ``stop``."""
        until, said = self._said
        if until != stop:
            said = "\n".join([m["content"] for m in self.messages[:stop] if "content" in m])
            self._said = (stop, said)
        return said

    def key(self, stop: int) -> str:
        """The same under the key that comparisons use."""
        until, key = self._key
        if until != stop:
            key = compare_key(self.said(stop))
            self._key = (stop, key)
        return key

    def states(self, number: float, stop: int) -> bool:
        """Whether it says a number, in digits or words; the latest message is asked first, being the likeliest."""
        known = self._numbers
        if known is None:
            known = self._numbers = {}
        for index in range(stop - 1, -1, -1):
            if index not in known:
                known[index] = numbers_in(self.messages[index].get("content", ""))
            if number in known[index]:
                return True
        return False


def _errors(tool: ToolView | None, arguments: JsonObject) -> tuple[SchemaError, ...]:
    if tool is None or tool.validator is None or tool.validator.is_valid(arguments):
        return ()
    with suppress(RecursionError):
        # Arrow fills nested objects too: arguments that are wrong as they stand are worth a second look without nulls.
        arguments = without_absent(arguments, tool.parameters, tool.parameters)
    return tuple(tool.validator.errors(arguments))
