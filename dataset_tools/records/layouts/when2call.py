"""When2Call: call, ask back, answer directly or decline; a source of good negatives.

Test rows have one answer for each of the four and the label of the right one, which becomes the assistant's message;
the other answers stay in ``meta``. Training rows have messages; preference rows add a chosen and a rejected answer.
"""

from collections.abc import Mapping
from typing import Any

from dataset_tools.changes import Log
from dataset_tools.errors import RowError
from dataset_tools.records.declarations import read_tools
from dataset_tools.records.layouts.base import Context, Draft, Layout
from dataset_tools.records.layouts.conversation import draft, read_call_list
from dataset_tools.records.layouts.embedded import split_tags
from dataset_tools.records.layouts.families import carrier, chat_kind
from dataset_tools.records.literals import decode_json
from dataset_tools.records.messages import read_messages
from dataset_tools.records.results import text_of
from schemas.record import JsonObject, Message, ToolCall

__all__ = ["LAYOUT"]


def _recognises(row: Mapping[str, Any]) -> bool:
    if carrier(row) == "question":
        return "correct_answer" in row and "answers" in row
    return chat_kind(row) == "when2call"


def _convert(row: JsonObject, log: Log, context: Context) -> Draft:  # noqa: ARG001 - signature of Layout.convert
    return _training(row, log) if "messages" in row else _test(row, log)


def _test(row: JsonObject, log: Log) -> Draft:
    label, answers, question = row["correct_answer"], row["answers"], row["question"]
    if not isinstance(question, str):
        raise RowError("unreadable-messages", "question is not text")
    if not isinstance(answers, dict) or not isinstance(label, str):
        raise RowError("missing-answer", "answers is not an object, or correct_answer is not a label")
    if not isinstance(answers.get(label), str):
        raise RowError("missing-answer", f"correct_answer is {label!r}, but answers has no text for it")
    messages: list[Message] = [{"role": "user", "content": question}, {"role": "assistant", "content": answers[label]}]
    _read_calls(messages[1], log, "messages[1]")
    if label == "tool_call" and "tool_calls" not in messages[1]:
        raise RowError("unreadable-calls", "the answer tool_call has no <TOOLCALL>")
    found = draft(row, messages, read_tools(row.get("tools"), log), {"question", "answers", "tools", "uuid"})
    if isinstance(row.get("uuid"), str):
        found["id"] = row["uuid"]
    elif row.get("uuid") is not None:
        found["meta"]["uuid"] = row["uuid"]
    found["meta"]["answers"] = {key: value for key, value in answers.items() if key != label}
    found["meta"]["requires_function"] = "tool_calls" in messages[1]
    return found


def _training(row: JsonObject, log: Log) -> Draft:
    said = row["messages"]
    if "chosen_response" in row and isinstance(said, list):
        chosen = row["chosen_response"]
        said = [*said, {"role": "assistant", "content": chosen} if isinstance(chosen, str) else chosen]
    messages = read_messages(said, log)
    for position, message in enumerate(messages):
        if message["role"] == "assistant":
            _read_calls(message, log, f"messages[{position}]")
    return draft(row, messages, read_tools(row["tools"], log), {"messages", "tools", "chosen_response"})


def _read_calls(message: Message, log: Log, path: str) -> None:
    """Convert ``<TOOLCALL>[…]</TOOLCALL>`` in the text of a message to calls, in place."""
    content, written = split_tags(text_of(message), "TOOLCALL", path)
    calls: list[ToolCall] = []
    for text in written:
        value = decode_json(text, log, f"{path}.tool_calls")
        calls.extend(read_call_list(value, log, f"{path}.tool_calls", len(calls)))
    if not calls:
        return
    if content:
        message["content"] = content
    else:
        del message["content"]
    message["tool_calls"] = [*message.get("tool_calls", []), *calls]


LAYOUT = Layout("when2call", "When2Call", _recognises, _convert)
