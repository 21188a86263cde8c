"""Recognition of layouts by the field with the conversation and the fields next to it.

Every recogniser compares the one result of one of these functions, so no two of them match the same row.
"""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

__all__ = ["carrier", "chat_kind", "has_own_source", "sharegpt_kind"]

# The first of these that a row has decides; the others are then ordinary fields.
_CARRIERS = ("messages", "conversations", "chat", "query_ar", "question", "query", "ground_truth")

ChatKind: TypeAlias = Literal["record", "aisa", "when2call", "mobile-actions", "metga97", "openai", ""]
ShareGptKind: TypeAlias = Literal["toolace", "apigen-mt", "hermes", ""]


def carrier(row: Mapping[str, Any]) -> str:
    """Return the field with the conversation of a row; empty if there is none."""
    for name in _CARRIERS:
        if name in row:
            return name
    return ""


def chat_kind(row: Mapping[str, Any]) -> ChatKind:
    """Return the layout of a row with ``messages``; empty for none."""
    if "messages" not in row:
        return ""
    if "tools_sampled" in row or "tool_called" in row:
        return "aisa"
    if "tools" not in row:
        return "openai" if "functions" in row else ""
    return _with_tools(row)


def _with_tools(row: Mapping[str, Any]) -> ChatKind:
    if has_own_source(row):
        return "record"
    tools = row["tools"]
    if "chosen_response" in row or (isinstance(tools, list) and tools and isinstance(tools[0], str)):
        return "when2call"
    if isinstance(row.get("metadata"), str):
        return "mobile-actions"
    return "metga97" if isinstance(row.get("meta"), dict) else "openai"


def has_own_source(row: Mapping[str, Any]) -> bool:
    """Return whether a row has the ``source`` of a record, not another object of that name."""
    source = row.get("source")
    return isinstance(source, dict) and source.keys() == {"dataset", "file", "line"}


def sharegpt_kind(row: Mapping[str, Any]) -> ShareGptKind:
    """Return the layout of a row with ``conversations``; empty for none."""
    if carrier(row) != "conversations":
        return ""
    if "system" in row:
        return "apigen-mt" if "tools" in row else "toolace"
    turns = row["conversations"]
    speakers = [turn.get("from") for turn in turns if isinstance(turn, dict)] if isinstance(turns, list) else []
    return "apigen-mt" if "function_call" in speakers else "hermes"
