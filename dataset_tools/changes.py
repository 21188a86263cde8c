"""What an adapter or a repair did to a row: one small fact per change, so that nothing happens silently.

Every function that alters data takes a ``log`` and appends to it. The reports count the facts by rule; the trace
writes them all.
"""

from typing import Any, NamedTuple, TypeAlias

__all__ = ["Change", "Log", "call_path"]


class Change(NamedTuple):
    """One alteration: the rule that made it, where in the record, the value before and after.

    ``path`` reads like ``messages[1].tool_calls[0].function.arguments.city``.
    """

    rule: str
    path: str
    before: Any
    after: Any


Log: TypeAlias = list[Change]


def call_path(message: int, position: int) -> str:
    """Where the function of a call stands in the record."""
    return f"messages[{message}].tool_calls[{position}].function"
