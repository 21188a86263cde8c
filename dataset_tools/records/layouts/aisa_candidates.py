"""AISA-ArabicFC with the offered tools as names: one question and one call, declarations from ``--tools-file``.

The public copy with shuffled candidates is in this layout. A row that requires no function has no answer, so its
record ends with the question.
"""

from collections.abc import Mapping
from typing import Any

from dataset_tools.changes import Log
from dataset_tools.errors import RowError
from dataset_tools.records.layouts.base import Context, Draft, Layout
from dataset_tools.records.layouts.conversation import MessageBuilder, draft
from dataset_tools.records.literals import read_arguments
from dataset_tools.records.messages import call
from schemas.record import JsonObject, Tool

__all__ = ["LAYOUT"]

_USED = {"context", "user", "arguments", "candidate_tools"}


def _recognises(row: Mapping[str, Any]) -> bool:
    return "candidate_tools" in row and "user" in row and "messages" not in row


def _convert(row: JsonObject, log: Log, context: Context) -> Draft:
    for field in ("context", "user"):
        if not isinstance(row.get(field), str):
            raise RowError("unreadable-messages", f"{field} is not text")
    conversation = MessageBuilder(log)
    conversation.say("developer", row["context"])
    conversation.say("user", row["user"])
    if row.get("requires_function"):
        if not isinstance(name := row.get("tool_called"), str) or not name:
            raise RowError("missing-call", "requires_function is true, but tool_called is empty")
        path = "messages[2].tool_calls[0].function.arguments"
        conversation.call([call(name, read_arguments(row.get("arguments"), log, path))])
    return draft(row, conversation.messages, _offered(row["candidate_tools"], context.tools), _USED)


def _offered(names: Any, declared: Mapping[str, Tool]) -> list[Tool]:  # noqa: ANN401 - foreign data
    """Return the declarations of the candidates, in their order."""
    if not declared:
        raise RowError("no-declarations", "the row names its tools but declares none", hint="pass --tools-file FILE")
    if not isinstance(names, list):
        raise RowError("unreadable-tools", "candidate_tools is not a list of names")
    unknown = [name for name in names if not isinstance(name, str) or name not in declared]
    if unknown:
        raise RowError("no-declarations", f"the tools file does not declare {unknown[0]!r}")
    return [declared[name] for name in names]


LAYOUT = Layout("aisa-candidates", "AISA-ArabicFC with names of candidates", _recognises, _convert)
