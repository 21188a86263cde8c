"""Questions to a model: the messages of a record before its answer, and the reference calls (gold)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice, product
from typing import Any

from dataset_tools.records.results import text_of
from schemas.record import JsonObject, Message, Record, Tool

__all__ = ["GoldCall", "Question", "question_of"]

_ANSWERS = "possible_answer"
_MOST = 256  # combined accepted values of one nested argument


@dataclass(frozen=True, slots=True)
class GoldCall:
    """A reference call.

    Attributes:
        name: the tool.
        accepted: parameter to its accepted values, the first of which is shown.
        optional: parameters that may also be absent.
    """

    name: str
    accepted: dict[str, tuple[Any, ...]]
    optional: frozenset[str] = frozenset()

    def as_json(self) -> JsonObject:
        """Return the call with the first accepted value of each required argument."""
        arguments = {name: values[0] for name, values in self.accepted.items() if name not in self.optional}
        return {"name": self.name, "arguments": arguments}


@dataclass(slots=True)
class Question:
    """One record as a question to a model.

    Attributes:
        id: the record's id.
        messages: the messages before the answer.
        tools: the tools of the record.
        gold: the reference calls; empty if the answer is text.
        dialect: of the record.
        domain: of the record.
        benchmark: benchmark whose published scoring leaves parameters out; empty for others.
    """

    id: str
    messages: list[Message]
    tools: list[Tool]
    gold: list[GoldCall] = field(default_factory=list)
    dialect: str = ""
    domain: str = ""
    benchmark: str = ""

    @property
    def prompt(self) -> str:
        """The last user message."""
        return next((text_of(m) for m in reversed(self.messages) if m["role"] == "user"), "")

    def record(self) -> Record:
        """Return the question as a record without answer, for a generation prompt."""
        return {
            "id": self.id,
            "messages": self.messages,
            "tools": self.tools,
            "dialect": self.dialect,
            "domain": self.domain,
            "source": {"dataset": "", "file": "", "line": 1},
            "meta": {},
        }


def question_of(record: Record) -> Question | None:
    """Return the question of a record: the answer is its first turn with calls, else its last assistant turn.

    None if there is no gold: the record ends with the user's message, without ``requires_function: false``.
    """
    meta = record["meta"]
    at, answer = _answer(record["messages"])
    if answer is None and meta.get("requires_function") is not False:
        return None
    calls = [call["function"] for call in answer.get("tool_calls", ())] if answer else []
    truth = meta.get(_ANSWERS)
    if calls and isinstance(truth, list):
        gold = [_accepted_call(name, arguments) for call in truth for name, arguments in call.items()]
    else:
        gold = [_plain_call(call["name"], call["arguments"]) for call in calls]
    return Question(
        id=record["id"],
        messages=record["messages"][:at],
        tools=record["tools"],
        gold=gold,
        dialect=record["dialect"],
        domain=record["domain"],
        benchmark="aisa" if {"requires_function", "tool_called"} <= meta.keys() else "",
    )


def _answer(messages: list[Message]) -> tuple[int, Message | None]:
    """Return the index of the answer and the answer; without an answer, the number of messages."""
    for at, message in enumerate(messages):
        if message.get("tool_calls"):
            return at, message
    last = len(messages) - 1
    if last >= 0 and messages[last]["role"] == "assistant":
        return last, messages[last]
    return len(messages), None


def _plain_call(name: str, arguments: JsonObject) -> GoldCall:
    """Return a call with one value for each argument; a null argument counts as absent."""
    return GoldCall(name, {key: (value,) for key, value in arguments.items() if value is not None})


def _accepted_call(name: str, arguments: JsonObject) -> GoldCall:
    """Return a call of BFCL's accepted answers, where an empty text means that the argument may be absent."""
    accepted = {key: _alternatives(values) for key, values in arguments.items()}
    optional = frozenset(key for key, values in arguments.items() if isinstance(values, list) and "" in values)
    kept = {key: values for key, values in accepted.items() if values}
    return GoldCall(name, kept, optional & kept.keys())


def _alternatives(values: Any) -> tuple[Any, ...]:  # noqa: ANN401 - foreign data
    """Return the accepted values of an argument."""
    listed = values if isinstance(values, list) else [values]
    return tuple(islice((one for value in listed if value != "" for one in _concrete(value)), _MOST))


def _concrete(value: Any) -> Iterator[Any]:  # noqa: ANN401 - foreign data
    """Yield the values that one accepted value means: its objects hold lists of accepted values again."""
    if isinstance(value, dict):
        names = list(value)
        choices = [_choices(value[name]) for name in names]
        for chosen in islice(product(*choices), _MOST):
            yield {name: one[0] for name, one in zip(names, chosen, strict=True) if one}
    elif isinstance(value, list):
        for chosen in islice(product(*(list(islice(_concrete(item), _MOST)) for item in value)), _MOST):
            yield list(chosen)
    else:
        yield value


def _choices(values: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401 - foreign data
    """Return the values of a nested argument, each in a tuple; the empty tuple means absent."""
    left_out: list[tuple[Any, ...]] = [()] if isinstance(values, list) and "" in values else []
    return [(value,) for value in _alternatives(values)] + left_out
