"""FunctionGemma's prompt: exactly the text of the model's chat template for a record, without Jinja.

The text consists of segments of a kind, from which the assistant mask follows (:attr:`Segment.trained`). A record that
the template cannot express raises :class:`RenderError`.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from dataset_tools.prompt.values import RenderError, require_text, write_declaration, write_object
from dataset_tools.tool_schema.content_cache import ContentCache

__all__ = ["TRAINED", "Kind", "RenderError", "Segment", "render", "segments", "write_result"]


class Kind(StrEnum):
    """Kinds of segments."""

    BOS = "bos"
    HEADER = "header"
    DEVELOPER = "developer"
    DECLARATION = "declaration"
    USER = "user"
    END = "end"
    ANSWER = "answer"
    CALL = "call"
    RESPONSE = "response"
    STOP = "stop"
    NEWLINE = "newline"

    __hash__ = str.__hash__  # the hash of Enum is Python code, and kinds are looked up for every segment


TRAINED = frozenset({Kind.ANSWER, Kind.CALL, Kind.STOP})
"""The kinds that the model is trained on."""


class Segment(NamedTuple):
    """A part of the prompt.

    Attributes:
        text: the text, including control tokens.
        kind: ``header``: ``<start_of_turn>ROLE`` with its newline; ``developer`` and ``user``: their text;
            ``declaration``: one tool; ``end``: the end of their turns; ``answer``, ``call`` and ``stop``: the output
            of the model; ``response``: a tool's result; ``newline``: the newline after a turn.
    """

    text: str
    kind: Kind

    @property
    def trained(self) -> bool:
        """Return whether the model is trained on this part."""
        return self.kind in TRAINED


_BOS = Segment("<bos>", Kind.BOS)
_HEADERS = {
    role: Segment(f"<start_of_turn>{shown}\n", Kind.HEADER)
    for role, shown in (("developer", "developer"), ("system", "developer"), ("user", "user"), ("assistant", "model"))
}
_STOP_CALLS = Segment("<start_function_response>", Kind.STOP)
_STOP_ANSWER = Segment("<end_of_turn>", Kind.STOP)
_END = Segment("<end_of_turn>", Kind.END)
_NEWLINE = Segment("\n", Kind.NEWLINE)
_SPOKEN = {"developer": Kind.DEVELOPER, "system": Kind.DEVELOPER, "user": Kind.USER}


def render(row: Mapping[str, Any], *, generation_prompt: bool = False) -> str:
    """Return the prompt of the chat template for a row, including ``<bos>``.

    Args:
        row: a record, or any object with ``messages`` and ``tools``; ``add_generation_prompt`` in it counts as well.
        generation_prompt: True to end with the header of the model's turn.

    Raises:
        RenderError: the template cannot express the row.
    """
    return "".join([segment.text for segment in segments(row, generation_prompt=generation_prompt)])


def segments(row: Mapping[str, Any], *, generation_prompt: bool = False) -> list[Segment]:
    """Return the prompt as segments; see :func:`render`.

    Args:
        row: as for :func:`render`.
        generation_prompt: as for :func:`render`.

    Raises:
        RenderError: the template cannot express the row.
    """
    messages, tools = row.get("messages"), row.get("tools") or []
    if not isinstance(messages, list) or not messages:
        raise RenderError("no messages", where="messages")
    if not isinstance(tools, list):
        raise RenderError("tools must be a list", where="tools")
    parts = [_BOS]
    before = ""  # end of the text so far: "" after a turn, "call" or "result" inside the model's turn
    for position, message in enumerate(messages):
        try:
            before = _message(message, before, parts) if position else _first(message, tools, parts)
        except RenderError as error:
            raise error if error.where.startswith("tools") else error.inside(f"messages[{position}]") from None
    if generation_prompt or row.get("add_generation_prompt") is True:
        if before == "call":
            hint = "remove the call, or add its result"
            raise RenderError("no generation prompt after an unanswered call", where="messages", hint=hint)
        if not before:
            parts.append(_HEADERS["assistant"])
    return parts


def _first(message: Any, tools: list[Any], parts: list[Segment]) -> str:  # noqa: ANN401 - foreign data
    """Write the first message; declarations require that it is the developer turn."""
    role = _role(message)
    if role not in ("developer", "system"):
        if tools:
            # Published copies of the template differ here: some add a developer turn, some do not.
            raise RenderError("tools without a developer turn", hint="add a developer message at the start")
        return _message(message, "", parts)
    parts.append(_HEADERS[role])
    _say(message, Kind.DEVELOPER, parts)
    for position, tool in enumerate(tools):
        parts.append(_declaration(tool, position))
    parts += (_END, _NEWLINE)
    return ""


def _message(message: Any, before: str, parts: list[Segment]) -> str:  # noqa: ANN401 - foreign data
    """Write one message; take and return the end of the text (see ``before`` in :func:`segments`)."""
    role = _role(message)
    if role == "tool":
        return _result(message, before, parts)
    if before == "call":
        raise RenderError(f"a turn of the {role} after an unanswered call", hint="add the result of the call")
    if role == "assistant":
        return _model(message, before, parts)
    if before:
        raise RenderError(f"a turn of the {role} directly after a result", hint="add the model's answer to the result")
    if role == "system":
        raise RenderError("a system message after the first", hint="use the role developer")
    parts.append(_HEADERS[role])
    _say(message, _SPOKEN[role], parts)
    parts += (_END, _NEWLINE)
    return ""


def _model(message: Mapping[str, Any], before: str, parts: list[Segment]) -> str:
    calls = message.get("tool_calls")
    if not before:
        parts.append(_HEADERS["assistant"])
    if message.get("content") is not None:
        _say(message, Kind.ANSWER, parts)
    elif not calls:
        raise RenderError("neither content nor calls")
    if not calls:
        parts += (_STOP_ANSWER, _NEWLINE)
        return ""
    if not isinstance(calls, list):
        raise RenderError("tool_calls must be a list").inside(".tool_calls")
    for position, call in enumerate(calls):
        try:
            parts.append(Segment(_call(call), Kind.CALL))
        except RenderError as error:
            raise error.inside(f".tool_calls[{position}]") from None
    parts.append(_STOP_CALLS)
    return "call"


def _call(call: Any) -> str:  # noqa: ANN401 - foreign data
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict):
        raise RenderError("a call without its wrapper", hint='write {"type": "function", "function": {…}}')
    arguments = function.get("arguments")
    if not isinstance(arguments, dict):
        hint = "decode the text first" if isinstance(arguments, str) else ""
        raise RenderError("arguments must be an object", hint=hint).inside(".function.arguments")
    try:
        written = write_object(arguments)
    except RenderError as error:
        raise error.inside(".function.arguments") from None
    return f"<start_function_call>call:{_name(function, '.function')}{written}<end_function_call>"


def _result(message: Mapping[str, Any], before: str, parts: list[Segment]) -> str:
    """Write a tool's result. The first one follows the stop token of the call, which the model produces."""
    if not before:
        raise RenderError("a result without a call before it")
    name = _name(message, "")
    try:
        written = write_result(message.get("content"))
    except RenderError as error:
        raise error.inside(".content") from None
    start = "" if before == "call" else "<start_function_response>"
    parts.append(Segment(f"{start}response:{name}{written}<end_function_response>", Kind.RESPONSE))
    return "result"


def write_result(content: Any) -> str:  # noqa: ANN401 - foreign data
    """Return a tool's result as the template writes it: ``{key:value,…}``; text becomes ``{value:…}``.

    Raises:
        RenderError: the template cannot express it.
    """
    if isinstance(content, str):
        content = {"value": content}
    elif not isinstance(content, dict):
        raise RenderError("a result must be text or an object")
    elif content.keys() >= {"name", "response"}:
        # The template would read it as a wrapped result with its own name.
        raise RenderError("a result with the keys name and response", hint="rename one of them")
    return write_object(content)


def _say(message: Mapping[str, Any], kind: Kind, parts: list[Segment]) -> None:
    try:
        text = require_text(message.get("content")).strip()
    except RenderError as error:
        raise error.inside(".content") from None
    if text:
        parts.append(Segment(text, kind))


def _declaration(tool: Any, position: int) -> Segment:  # noqa: ANN401 - foreign data
    try:
        made = _declarations.get(tool)
    except TypeError as error:
        raise RenderError(f"cannot be written as JSON: {error}", where=f"tools[{position}]") from error
    if isinstance(made, RenderError):
        raise RenderError(made.what, where=f"tools[{position}]{made.where}", hint=made.hint)
    return made


def _declare(tool: Any) -> Segment | RenderError:  # noqa: ANN401 - foreign data
    """Return a declaration, or the error as a value, so that both are cached."""
    try:
        return Segment(write_declaration(tool), Kind.DECLARATION)
    except RenderError as error:
        return error.with_traceback(None)


_declarations = ContentCache(_declare)


def _role(message: Any) -> str:  # noqa: ANN401 - foreign data
    role = message.get("role") if isinstance(message, dict) else None
    if not isinstance(role, str) or (role not in _HEADERS and role != "tool"):
        raise RenderError(f"unknown role {role!r}").inside(".role")
    return role


def _name(holder: Mapping[str, Any], path: str) -> str:
    try:
        name = require_text(holder.get("name"))
    except RenderError as error:
        raise error.inside(f"{path}.name") from None
    if not name:
        raise RenderError("the name is missing").inside(f"{path}.name")
    return name
