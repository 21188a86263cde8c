"""The chat interface of the OpenAI API, as far as a model of calls needs it: requests to prompts, answers to replies.

Prompts come from the project's own renderer and calls from its own parser, so that a client needs neither. Decoding is
greedy and whole: what a request asks beyond that is refused, and never left out in silence; only the settings of
sampling, which every client sends, are.
"""

import json
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from dataset_tools.cleaning.repairer import DEVELOPER_TURN
from dataset_tools.errors import InputError, RowError
from dataset_tools.prompt.parser import ParseError, parse
from dataset_tools.prompt.render import RenderError, Segment, segments
from dataset_tools.records.converter import require_shallow, require_valid
from dataset_tools.records.declarations import read_tools
from dataset_tools.records.messages import read_messages
from schemas.record import JsonObject, Message, Record, Tool
from training.answers.decoder import Answer

__all__ = ["ChatRequest", "read_request", "reply", "tool_calls"]

_UNDERSTOOD: Final[dict[str, tuple[Any, ...]]] = {
    "stream": (False,),
    "n": (1,),
    "logprobs": (False,),
    "stop": ([],),
    "response_format": ({"type": "text"},),
    "tool_choice": ("auto", "none"),
    "functions": (),
    "function_call": (),
}
"""What a request may say where the answer would have to be another; null is always understood."""


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A request that can be answered.

    Attributes:
        prompt: what the model is given.
        tools: what it may call.
        max_tokens: where its answer is cut off.
    """

    prompt: list[Segment]
    tools: list[Tool]
    max_tokens: int


def read_request(body: Any, tools: Sequence[Tool], max_tokens: int) -> ChatRequest:  # noqa: ANN401 - foreign data
    """Read the body of a request.

    Args:
        body: the decoded JSON.
        tools: the tools of a request that names none.
        max_tokens: the most that an answer may have, which a request may lower.

    Raises:
        InputError: it cannot be answered; ``where`` is the field that is to blame.
    """
    if not isinstance(body, dict):
        raise InputError("the body is no JSON object", hint='{"messages": [...], "tools": [...]}')
    for name, values in _UNDERSTOOD.items():
        if (value := body.get(name)) is not None and value not in values:
            shown = " or ".join(json.dumps(known) for known in values) or "null"
            raise InputError(f"only {shown} is supported", where=name)
    offered = _tools(body, tools)
    messages = _messages(body)
    record: Record = {
        "id": "request", "messages": messages, "tools": offered, "dialect": "", "domain": "",
        "source": {"dataset": "", "file": "", "line": 1}, "meta": {},
    }  # fmt: skip
    try:
        require_valid(record)
        require_shallow(record)
        prompt = segments(record, generation_prompt=True)
    except RowError as error:
        raise InputError(error.what, where="messages") from error
    except RenderError as error:
        raise InputError(str(error), where="messages", hint=error.hint) from error
    return ChatRequest(prompt, offered, _limit(body, max_tokens))


def reply(request: ChatRequest, answer: Answer, model: str) -> JsonObject:
    """The reply to a request; an answer whose calls cannot be read is its content as it stands."""
    try:
        found = parse(answer.text, cast("list[dict[str, Any]]", request.tools))
        content, calls = found.content, tool_calls(found.tool_calls)
    except ParseError:
        content, calls = answer.text, []
    message: JsonObject = {"role": "assistant", "content": content or None, "refusal": None}
    if calls:
        message["tool_calls"] = calls
    reason = "tool_calls" if calls else "stop" if answer.stopped else "length"
    return {
        "id": f"chatcmpl-{secrets.token_hex(12)}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": reason}],
    }


def tool_calls(calls: Sequence[JsonObject]) -> list[JsonObject]:
    """Calls in the form of the OpenAI API: each with an id, its arguments as JSON text."""
    return [
        {
            "id": f"call_{secrets.token_hex(12)}",
            "type": "function",
            "function": {"name": call["name"], "arguments": json.dumps(call["arguments"], ensure_ascii=False)},
        }
        for call in calls
    ]


def _tools(body: JsonObject, tools: Sequence[Tool]) -> list[Tool]:
    if body.get("tool_choice") == "none":
        return []
    try:
        return read_tools(body["tools"], []) if body.get("tools") is not None else list(tools)
    except RowError as error:
        raise InputError(error.what, where="tools") from error


def _messages(body: JsonObject) -> list[Message]:
    """The messages, after the developer turn without which the model calls nothing."""
    try:
        messages = read_messages(body.get("messages"), [])
    except RowError as error:
        raise InputError(error.what, where="messages") from error
    if messages[0]["role"] == "developer":
        return messages
    return [{"role": "developer", "content": DEVELOPER_TURN}, *messages]


def _limit(body: JsonObject, most: int) -> int:
    name = next((name for name in ("max_completion_tokens", "max_tokens") if body.get(name) is not None), "")
    asked = body[name] if name else most
    if not isinstance(asked, int) or isinstance(asked, bool) or asked < 1:
        raise InputError("a whole number from 1 on is needed", where=name)
    return min(asked, most)
