"""The part of the OpenAI chat API that a function-calling model needs: requests to prompts, answers to replies.

Decoding is greedy. Sampling settings, which every client sends, are ignored; other unsupported settings are refused.
"""

import json
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from dataset_tools.cleaning.repairer import DEVELOPER_TURN
from dataset_tools.errors import InputError, RowError
from dataset_tools.prompt.render import RenderError, Segment, segments
from dataset_tools.records.converter import require_shallow, require_valid
from dataset_tools.records.declarations import read_tools
from dataset_tools.records.messages import read_messages
from dataset_tools.records.results import decode_result
from schemas.record import JsonObject, Message, Tool
from training.answers.decoder import Answer
from training.answers.predictions import parse_answer
from training.answers.questions import Question

__all__ = ["ChatRequest", "read_request", "reply", "tool_calls"]

_ACCEPTED: Final[dict[str, tuple[Any, ...]]] = {
    "stream": (False,),
    "n": (1,),
    "logprobs": (False,),
    "stop": ([],),
    "response_format": ({"type": "text"},),
    "tool_choice": ("auto", "none"),
    "functions": (),
    "function_call": (),
}
"""Accepted values of settings that would change the answer; null is always accepted."""


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A valid request.

    Attributes:
        prompt: the prompt.
        tools: the model's tools.
        max_tokens: limit of the tokens in the answer.
    """

    prompt: list[Segment]
    tools: list[Tool]
    max_tokens: int


def read_request(body: Any, tools: Sequence[Tool], max_tokens: int) -> ChatRequest:  # noqa: ANN401 - foreign data
    """Read the body of a request.

    Args:
        body: the decoded JSON.
        tools: tools for a request without any.
        max_tokens: limit of the tokens in an answer; a request may lower it.

    Raises:
        InputError: the request is invalid or unsupported; ``where`` is the field.
    """
    if not isinstance(body, dict):
        raise InputError("the body is not a JSON object", hint='{"messages": [...], "tools": [...]}')
    for name, values in _ACCEPTED.items():
        if (value := body.get(name)) is not None and value not in values:
            shown = " or ".join(json.dumps(known) for known in values) or "null"
            raise InputError(f"only {shown} is supported", where=name)
    offered = _tools(body, tools)
    messages = _messages(body)
    record = Question("request", messages, offered).record()
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
    """Return the reply to a request; an answer that cannot be parsed becomes its content."""
    parsed = parse_answer(answer.text, request.tools)
    content, calls = answer.text if parsed.problem else parsed.content, tool_calls(parsed.calls)
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
    """Return calls in OpenAI form: each with an id, its arguments as JSON text."""
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
    """Return the messages, with the developer turn that the model was trained with if there is none."""
    try:
        messages = read_messages(body.get("messages"), [])
        for message in messages:
            decode_result(message, "", [])
    except RowError as error:
        raise InputError(error.what, where="messages") from error
    if messages[0]["role"] == "developer":
        return messages
    return [{"role": "developer", "content": DEVELOPER_TURN}, *messages]


def _limit(body: JsonObject, most: int) -> int:
    name = next((name for name in ("max_completion_tokens", "max_tokens") if body.get(name) is not None), "")
    asked = body[name] if name else most
    if not isinstance(asked, int) or isinstance(asked, bool) or asked < 1:
        raise InputError("must be an integer of at least 1", where=name)
    return min(asked, most)
