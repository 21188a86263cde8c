"""What a model is asked and what it should answer: the gold calls of a record, and the messages before them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice, product
from typing import Any

from schemas.record import JsonObject, Message, Record, Tool

__all__ = ["GoldCall", "Question", "question_of"]

_ANSWERS = "possible_answer"
_MOST = 256  # combinations of accepted values of one nested argument


@dataclass(frozen=True, slots=True)
class GoldCall:
    """A call that should be made.

    Attributes:
        name: the tool.
        accepted: parameter to its accepted values, of which the first is shown; one value for most data.
        optional: the parameters that may be left out as well.
    """

    name: str
    accepted: dict[str, tuple[Any, ...]]
    optional: frozenset[str] = frozenset()

    def as_json(self) -> JsonObject:
        """The call with the first accepted value of each argument that must be there."""
        arguments = {name: values[0] for name, values in self.accepted.items() if name not in self.optional}
        return {"name": self.name, "arguments": arguments}


@dataclass(slots=True)
class Question:
    """One record as a question to a model.

    Attributes:
        id: the record's id.
        messages: what the model is given: everything before its answer.
        tools: the tools that it may call.
        gold: the calls that it should make; none where it should answer in words.
        dialect: of the record.
        domain: of the record.
        benchmark: whose published scoring rules apply beside the general ones; empty for none.
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
        """What the user said last."""
        return next((m.get("content", "") for m in reversed(self.messages) if m["role"] == "user"), "")

    def record(self) -> Record:
        """The question as a record without its answer, as ``prompt.render`` takes it to make a generation prompt."""
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
    """The question that a record asks: its first turn with calls or, where it has none, its last answer.

    None for a record that ends with the user's message and does not say that nothing is to be called: there is no gold.
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
    """Where the answer stands, and the answer; past the end where there is none."""
    for at, message in enumerate(messages):
        if message.get("tool_calls"):
            return at, message
    last = len(messages) - 1
    if last >= 0 and messages[last]["role"] == "assistant":
        return last, messages[last]
    return len(messages), None


def _plain_call(name: str, arguments: JsonObject) -> GoldCall:
    """A call with one value for each argument; a null argument is an absent one."""
    return GoldCall(name, {key: (value,) for key, value in arguments.items() if value is not None})


def _accepted_call(name: str, arguments: JsonObject) -> GoldCall:
    """A call of BFCL's accepted answers: an empty text among the values says that the argument may be left out."""
    accepted = {key: _alternatives(values) for key, values in arguments.items()}
    optional = frozenset(key for key, values in arguments.items() if isinstance(values, list) and "" in values)
    kept = {key: values for key, values in accepted.items() if values}
    return GoldCall(name, kept, optional & kept.keys())


def _alternatives(values: Any) -> tuple[Any, ...]:  # noqa: ANN401 - foreign data
    """Every value that one argument may take."""
    listed = values if isinstance(values, list) else [values]
    return tuple(islice((one for value in listed if value != "" for one in _concrete(value)), _MOST))


def _concrete(value: Any) -> Iterator[Any]:  # noqa: ANN401 - foreign data
    """The values that one accepted value stands for: objects in it hold lists of accepted values again."""
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
    """The values of a nested argument, each in a tuple of its own; the empty tuple leaves it out."""
    left_out: list[tuple[Any, ...]] = [()] if isinstance(values, list) and "" in values else []
    return [(value,) for value in _alternatives(values)] + left_out
