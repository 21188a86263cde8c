"""Defects found while a row is read: there is no record, or the reader had to change something."""

from dataset_tools.changes import Change, Log
from dataset_tools.checks.base import Check, Repair, Severity, add
from dataset_tools.io.json_text import UNREADABLE

__all__ = ["BY_RULE", "reading_defects"]

_ENTRIES = (
    Check(
        UNREADABLE,
        Severity.ERROR,
        "A line is not one JSON object, or its layout cannot be converted to a conversation",
        "The row is lost for training; many such rows mean that the file has another format than its name says",
        '{"id": 7, "messages": [',
        Repair.PERSON,
    ),
    Check(
        "unknown-layout",
        Severity.ERROR,
        "The fields of a row match no known layout",
        "The row is lost for training",
        '{"prompt": "...", "completion": "..."}',
        Repair.PERSON,
    ),
    Check(
        "invalid-record",
        Severity.ERROR,
        "A row breaks the schema of a record: for example, a tool message without the name of the tool",
        "The chat template fails or renders wrong text",
        '{"role": "tool", "content": "{}"}',
        Repair.PERSON,
    ),
    Check(
        "arguments-encoded",
        Severity.WARNING,
        "Arguments are JSON or a Python literal encoded as text, once or twice",
        "The chat template puts the text into a second pair of braces, so the model learns broken calls",
        '"arguments": "{\\"city\\": \\"جدة\\"}"',
        Repair.CLEAN,
    ),
    Check(
        "type-name",
        Severity.WARNING,
        "A declaration uses a type name of another language: dict, str, float, tuple, any",
        "The names are invalid in JSON Schema, so arguments cannot be checked, and the base model never saw them",
        '"type": "dict"',
        Repair.CLEAN,
    ),
    Check(
        "missing-wrapper",
        Severity.WARNING,
        "A tool has no function wrapper, or a wrapper of another type",
        "The chat template fails on it",
        '{"name": "get_weather", "parameters": {...}}',
        Repair.CLEAN,
    ),
)

for _entry in _ENTRIES:
    add(_entry)

BY_RULE = {
    "decode-arguments": "arguments-encoded",
    "python-literal": "arguments-encoded",
    "type-name": "type-name",
    "type-any": "type-name",
    "wrap-tool": "missing-wrapper",
}
"""Rules of changes that are defects in a file of records, each with its check."""


def reading_defects(changes: Log) -> list[tuple[str, str, str]]:
    """Return the changes of reading that are defects, as check code, path and message."""
    return [(BY_RULE[change.rule], *_defect(change)) for change in changes if change.rule in BY_RULE]


def _defect(change: Change) -> tuple[str, str]:
    """Return the path of a defect in the record, and its message."""
    path, before = change.path, change.before
    if change.rule == "type-name":
        return path, f"{before!r} is not a JSON Schema type; use {change.after!r}"
    if change.rule == "type-any":  # the record has no type there
        return path.removesuffix(".type"), f"{before!r} is not a JSON Schema type; omit the type"
    if change.rule == "wrap-tool":
        if path.endswith(".type"):
            return path, f'the type of the wrapper is {before!r}, not "function"'
        return path, "the tool has no function wrapper"
    kind = "the arguments are text, not an object" if path.endswith(".arguments") else "a value is text, not JSON"
    return path, f"{kind}: {before!r:.80}"
