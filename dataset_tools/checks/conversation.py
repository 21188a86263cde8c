"""Defects of the conversation itself: answers that are missing, turns that the template cannot place."""

from collections.abc import Iterator

from dataset_tools.checks.base import Calls, Found, Repair, Rows, Scope, Severity, check
from dataset_tools.checks.row_view import Row

__all__: list[str] = []


@check(
    Severity.WARNING,
    Scope.ROW,
    why="Without it the base model calls nothing at all: Google's template and Unsloth's differ on who adds it",
    example='"messages": [{"role": "user", ...}]',
    repair=Repair.CLEAN,
)
def missing_developer_turn(rows: Rows) -> Iterator[tuple[Row, Found]]:
    """A record does not start with a developer turn."""
    for row in rows:
        if row.messages[0]["role"] != "developer":
            yield row, Found("messages[0]", f"the first turn is the {row.messages[0]['role']}'s")


@check(
    Severity.ERROR,
    Scope.ROW,
    why="The model is trained to say nothing",
    example='{"role": "assistant", "content": ""}',
)
def empty_answer(rows: Rows) -> Iterator[tuple[Row, Found]]:
    """A conversation has no answer, or one without text and calls."""
    for row in rows:
        answered = False
        for index, message in enumerate(row.messages):
            if message["role"] == "assistant":
                answered = True
                if "tool_calls" not in message and not message["content"].strip():
                    yield row, Found(f"messages[{index}].content", "the assistant says and calls nothing")
        if not answered:
            yield row, Found("messages", "no assistant turn: there is nothing to train on")


@check(
    Severity.ERROR,
    Scope.ROW,
    why="The chat template cannot place a turn after a call that nobody answered, nor a result that nobody asked for",
    example="assistant calls, then the user speaks",
)
def unanswered_call(rows: Rows) -> Iterator[tuple[Row, Found]]:
    """A call is followed by another turn instead of its result, or a result by no call."""
    for row in rows:
        waiting = 0
        for index, message in enumerate(row.messages):
            if message["role"] == "tool":
                if waiting == 0:
                    yield row, Found(f"messages[{index}]", "a tool result that answers no call")
                waiting = max(0, waiting - 1)
            elif waiting:
                said = (
                    f"the {message['role']} speaks while {waiting} call{'s have' if waiting > 1 else ' has'} no result"
                )
                yield row, Found(f"messages[{index}]", said)
                waiting = 0
            if "tool_calls" in message:
                waiting += len(message["tool_calls"])


@check(
    Severity.ERROR,
    Scope.CALL,
    why="The model learns to call tools that it was not offered",
    example="a call of get_wether where get_weather is declared",
)
def unknown_tool(calls: Calls) -> Iterator[tuple[Row, Found]]:
    """A call names a tool that the record does not offer."""
    for row, call in calls:
        if call.tool is None:
            names = ", ".join(view.name for view in row.tools[:8]) or "none"
            where = call.path.removesuffix("arguments") + "name"
            yield row, Found(where, f"{call.name!r} is not offered; offered: {names:.120}")
