"""FunctionGemma's prompt: the exact text that the model's chat template gives for a record, without Jinja.

The text is made in segments that say what each part is, so that whoever tokenizes it knows what the model is trained
to produce: :attr:`Segment.trained`. What the template cannot express is a :class:`RenderError`, never another text.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from dataset_tools.prompt.values import RenderError, require_text, write_declaration, write_object
from dataset_tools.tool_schema.content_cache import ContentCache

__all__ = ["TRAINED", "Kind", "RenderError", "Segment", "render", "segments"]


class Kind(StrEnum):
    """What a part of the prompt is."""

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

    __hash__ = str.__hash__  # an enumeration's own is Python code, and kinds are looked up for every segment


TRAINED = frozenset({Kind.ANSWER, Kind.CALL, Kind.STOP})
"""The kinds that the model learns to produce."""


class Segment(NamedTuple):
    """A part of the prompt.

    Attributes:
        text: the part, control tokens written out.
        kind: ``header`` is ``<start_of_turn>ROLE`` with its newline; ``developer`` and ``user`` what they say,
            ``declaration`` one tool, ``end`` the end of their turns; ``answer``, ``call`` and ``stop`` what the model
            produces; ``response`` a tool's result; ``newline`` the one after a turn.
    """

    text: str
    kind: Kind

    @property
    def trained(self) -> bool:
        """Whether the model learns to produce this part."""
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
    """The prompt that the chat template gives for a row, ``<bos>`` included.

    Args:
        row: a record, or any object with ``messages`` and ``tools``. Its own ``add_generation_prompt`` counts too.
        generation_prompt: whether to end with the header of the turn that the model is to write.

    Raises:
        RenderError: the template cannot express the row.
    """
    return "".join([segment.text for segment in segments(row, generation_prompt=generation_prompt)])


def segments(row: Mapping[str, Any], *, generation_prompt: bool = False) -> list[Segment]:
    """The prompt in parts; see :func:`render`.

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
        raise RenderError("a list of tools is needed", where="tools")
    parts = [_BOS]
    before = ""  # what the text ends with: "" after a turn, else "call" or "result" inside the model's turn
    for position, message in enumerate(messages):
        try:
            before = _message(message, before, parts) if position else _first(message, tools, parts)
        except RenderError as error:
            raise error if error.where.startswith("tools") else error.inside(f"messages[{position}]") from None
    if generation_prompt or row.get("add_generation_prompt") is True:
        if before == "call":
            hint = "leave the call out, or add its result"
            raise RenderError("no generation prompt after an unanswered call", where="messages", hint=hint)
        if not before:
            parts.append(_HEADERS["assistant"])
    return parts


def _first(message: Any, tools: list[Any], parts: list[Segment]) -> str:  # noqa: ANN401 - foreign data
    """The first message; the declarations stand in the developer's turn, which must be it."""
    role = _role(message)
    if role not in ("developer", "system"):
        if tools:
            # Published copies of the template differ here: some write a developer turn of their own, some none.
            raise RenderError("tools without a developer turn", hint="begin with a developer message")
        return _message(message, "", parts)
    parts.append(_HEADERS[role])
    _say(message, Kind.DEVELOPER, parts)
    for position, tool in enumerate(tools):
        parts.append(_declaration(tool, position))
    parts += (_END, _NEWLINE)
    return ""


def _message(message: Any, before: str, parts: list[Segment]) -> str:  # noqa: ANN401 - foreign data
    """One message; gives what the text ends with, as ``before`` says what it ended with."""
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
        raise RenderError("a system message after the first", hint="name the role developer")
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
        raise RenderError("a list of calls is needed").inside(".tool_calls")
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
        raise RenderError("a call needs the wrapper", hint='{"type": "function", "function": {…}}')
    arguments = function.get("arguments")
    if not isinstance(arguments, dict):
        hint = "decode them first" if isinstance(arguments, str) else ""
        raise RenderError("arguments must be an object", hint=hint).inside(".function.arguments")
    try:
        written = write_object(arguments)
    except RenderError as error:
        raise error.inside(".function.arguments") from None
    return f"<start_function_call>call:{_name(function, '.function')}{written}<end_function_call>"


def _result(message: Mapping[str, Any], before: str, parts: list[Segment]) -> str:
    """A tool's result. The first one stands after the token that stopped the call; only that one is the model's."""
    if not before:
        raise RenderError("a result without a call before it")
    name, content = _name(message, ""), message.get("content")
    if isinstance(content, str):
        content = {"value": content}
    elif not isinstance(content, dict):
        raise RenderError("a result is text or an object").inside(".content")
    elif content.keys() >= {"name", "response"}:
        # The template takes such an object for a wrapped result of its own name.
        raise RenderError("a result with the keys name and response", hint="rename one of them").inside(".content")
    try:
        written = write_object(content)
    except RenderError as error:
        raise error.inside(".content") from None
    start = "" if before == "call" else "<start_function_response>"
    parts.append(Segment(f"{start}response:{name}{written}<end_function_response>", Kind.RESPONSE))
    return "result"


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
    """A declaration, or why there is none: either is worth remembering."""
    try:
        return Segment(write_declaration(tool), Kind.DECLARATION)
    except RenderError as error:
        return error.with_traceback(None)


_declarations = ContentCache(_declare)


def _role(message: Any) -> str:  # noqa: ANN401 - foreign data
    role = message.get("role") if isinstance(message, dict) else None
    if not isinstance(role, str) or (role not in _HEADERS and role != "tool"):
        raise RenderError(f"no role that the template knows: {role!r}").inside(".role")
    return role


def _name(holder: Mapping[str, Any], path: str) -> str:
    try:
        name = require_text(holder.get("name"))
    except RenderError as error:
        raise error.inside(f"{path}.name") from None
    if not name:
        raise RenderError("a name is needed").inside(f"{path}.name")
    return name
