"""Log of the changes that layouts and repairs make to a row.

Every function that alters data takes a ``log`` and appends to it. Reports count the changes by rule; the trace lists
them all.
"""

from typing import Any, NamedTuple, TypeAlias

__all__ = ["Change", "Log", "shared_start"]


class Change(NamedTuple):
    """One change: the rule, the path in the record, and the value before and after.

    ``path`` reads like ``messages[1].tool_calls[0].function.arguments.city``.
    """

    rule: str
    path: str
    before: Any
    after: Any


Log: TypeAlias = list[Change]


def shared_start(before: str, after: str) -> int:
    """Return the length of the common start of two texts."""
    pairs = enumerate(zip(before, after, strict=False))
    return next((at for at, (left, right) in pairs if left != right), min(len(before), len(after)))
