"""Defects that show while a row is read: there is no record yet, or reading it had to change something."""

from dataset_tools.changes import Change, Log
from dataset_tools.checks.base import Check, Repair, Severity, add

__all__ = ["BY_RULE", "UNREADABLE", "reading_defects"]

UNREADABLE = "unreadable-row"

_ENTRIES = (
    Check(
        UNREADABLE,
        Severity.ERROR,
        "A line is not one JSON object, or the layout's reader cannot make a conversation of it",
        "The row is lost to training; many such rows mean that the file is not what its name says",
        '{"id": 7, "messages": [',
        Repair.PERSON,
    ),
    Check(
        "unknown-layout",
        Severity.ERROR,
        "The fields of a row belong to no known layout",
        "The row is lost to training",
        '{"prompt": "...", "completion": "..."}',
        Repair.PERSON,
    ),
    Check(
        "invalid-record",
        Severity.ERROR,
        "A row breaks the record's own schema, such as a tool message without the tool's name",
        "The chat template raises an error or renders a wrong text",
        '{"role": "tool", "content": "{}"}',
        Repair.PERSON,
    ),
    Check(
        "arguments-encoded",
        Severity.WARNING,
        "Arguments are text that holds JSON or a Python literal, once or twice encoded",
        "The chat template inserts the text raw inside a second pair of braces, so the model learns broken calls",
        '"arguments": "{\\"city\\": \\"جدة\\"}"',
        Repair.CLEAN,
    ),
    Check(
        "type-name",
        Severity.WARNING,
        "A declaration names a type as another language does: dict, str, float, tuple, any",
        "The names are invalid JSON Schema, so arguments cannot be checked, and the base model never saw them",
        '"type": "dict"',
        Repair.CLEAN,
    ),
    Check(
        "missing-wrapper",
        Severity.WARNING,
        "A tool stands without its function wrapper, or in a wrapper of another type",
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
"""Changes made while reading that are defects of a file which claims to hold records, and the check that says so."""


def reading_defects(changes: Log) -> list[tuple[str, str, str]]:
    """The defects among the changes of reading: check code, path, message."""
    return [(BY_RULE[change.rule], *_defect(change)) for change in changes if change.rule in BY_RULE]


def _defect(change: Change) -> tuple[str, str]:
    """Where a change of reading found a defect, as a path in the record, and what was wrong there."""
    path, before = change.path, change.before
    if change.rule == "type-name":
        return path, f"{before!r} is no JSON Schema type; {change.after!r} is meant"
    if change.rule == "type-any":  # the record has no type there
        return path.removesuffix(".type"), f"{before!r} is no JSON Schema type; leave the type out"
    if change.rule == "wrap-tool":
        if path.endswith(".type"):
            return path, f'the type of the wrapper is {before!r}, not "function"'
        return path, "the tool has no function wrapper"
    kind = "the arguments are text, not an object" if path.endswith(".arguments") else "a value is text, not JSON"
    return path, f"{kind}: {before!r:.80}"
