"""Glaive v2: two texts, ``system`` with the functions and ``chat`` with marked speakers.

System prose that only introduces the functions is dropped and counted; other prose becomes the developer turn. Rows
without functions are negatives: they keep their text and offer no tools.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from dataset_tools.changes import Change, Log
from dataset_tools.errors import RowError
from dataset_tools.records.declarations import read_tools
from dataset_tools.records.layouts.base import Context, Draft, Layout, text
from dataset_tools.records.layouts.conversation import MessageBuilder, draft, read_call_list
from dataset_tools.records.layouts.embedded import read_json_at, read_objects
from dataset_tools.records.layouts.families import carrier
from dataset_tools.records.literals import skip_space
from schemas.record import JsonObject, ToolCall

__all__ = ["LAYOUT"]

_SPEAKER = re.compile(r"^(USER|ASSISTANT|FUNCTION RESPONSE):", re.MULTILINE)
_CALL = "<functioncall>"
_END = "<|endoftext|>"
# Arguments in single quotes: JSON that may have quotes itself.
_HEAD = re.compile(r"""\{\s*+"name"\s*+:\s*+("(?:[^"\\]++|\\.)*+")\s*+,\s*+"arguments"\s*+:\s*+'""")
_TAIL = re.compile(r"\s*+'\s*+\}")
# Sentences of the published set that only announce functions.
_BOILERPLATE = ("access to the following functions", "no access to external functions", "You are a helpful assistant")


def _recognises(row: Mapping[str, Any]) -> bool:
    return carrier(row) == "chat" and "system" in row


def _convert(row: JsonObject, log: Log, context: Context) -> Draft:  # noqa: ARG001 - signature of Layout.convert
    if not isinstance(row["chat"], str):
        raise RowError("unreadable-messages", "chat is not text")
    conversation = MessageBuilder(log)
    declared = _system(text(row["system"]), conversation, log)
    has_turns = False
    for speaker, said in _turns(row["chat"], log):
        has_turns = True
        if speaker == "ASSISTANT":
            _answer(said, conversation, log)
        elif speaker == "USER":
            conversation.say("user", said)
        else:
            conversation.result(said)
    if not has_turns:
        raise RowError("unreadable-messages", "chat has no USER: or ASSISTANT: turn")
    return draft(row, conversation.messages, read_tools(declared, log), {"system", "chat"})


def _system(prose: str, conversation: MessageBuilder, log: Log) -> list[JsonObject]:
    """Return the functions after the prose, as written; keep prose that is not an announcement."""
    start = prose.find("{")
    declared = read_objects(prose, start, log, "tools") if start >= 0 else []
    said = (prose[:start] if start >= 0 else prose).strip()
    said = said.removeprefix("SYSTEM:").strip()
    if any(sentence in said for sentence in _BOILERPLATE):
        log.append(Change("dropped-field", "system", said, None))
    elif said:
        conversation.say("developer", said)
    return declared


def _turns(chat: str, log: Log) -> Iterator[tuple[str, str]]:
    """Yield the speaker and the text of each turn, without the end mark."""
    marks = list(_SPEAKER.finditer(chat))
    before = chat[: marks[0].start()].strip() if marks else ""
    if before:
        log.append(Change("dropped-field", "chat", before, None))
    ends = [mark.start() for mark in marks[1:]] + [len(chat)]
    for mark, end in zip(marks, ends, strict=False):  # without marks: one end, no turn
        yield mark[1], chat[mark.end() : end].replace(_END, "").strip()


def _answer(said: str, conversation: MessageBuilder, log: Log) -> None:
    content, *written = said.split(_CALL)
    calls: list[ToolCall] = []
    rest = [content.strip()]
    for part in written:
        path = f"{conversation.path()}.tool_calls"
        value, end = _call(part, log, f"{path}[{len(calls)}]")
        calls.extend(read_call_list(value, log, path, len(calls)))
        rest.append(part[end:].strip())
    conversation.call(calls, "\n".join(filter(None, rest)))


def _call(part: str, log: Log, path: str) -> tuple[Any, int]:
    """Return the call at the start of a part, and its end."""
    at = skip_space(part, 0)
    head = _HEAD.match(part, at)
    if head is not None:
        try:
            arguments = read_json_at(part, head.end(), [], path)
        except RowError:
            arguments = None  # for example escaped twice: the general reader below tries
        tail = _TAIL.match(part, arguments.end) if arguments else None
        if arguments is not None and tail is not None:
            name = read_json_at(part, head.start(1), log, path).value
            return {"name": name, "arguments": arguments.value}, tail.end()
    found = read_json_at(part, at, log, path)
    return found.value, found.end


LAYOUT = Layout("glaive", "Glaive function calling v2", _recognises, _convert)
