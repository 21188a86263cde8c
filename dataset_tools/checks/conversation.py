"""Defects of conversations: missing answers, and turns that the chat template cannot place."""

from collections.abc import Iterator

from dataset_tools.checks.base import Calls, Defect, Repair, Rows, Scope, Severity, check
from dataset_tools.checks.row_view import Row
from dataset_tools.records.results import text_of

__all__: list[str] = []


@check(Severity.WARNING, Scope.ROW, example='"messages": [{"role": "user", ...}]', repair=Repair.CLEAN)
def missing_developer_turn(rows: Rows) -> Iterator[tuple[Row, Defect]]:
    """A record does not start with a developer turn.

    Without it the base model never calls a tool; Google's and Unsloth's templates differ on who adds it.
    """
    for row in rows:
        if row.messages[0]["role"] != "developer":
            yield row, Defect("messages[0]", f"the first turn has the role {row.messages[0]['role']!r}")


@check(Severity.ERROR, Scope.ROW, example='{"role": "assistant", "content": ""}')
def empty_answer(rows: Rows) -> Iterator[tuple[Row, Defect]]:
    """A conversation has no answer, or an answer without text and without calls.

    The model learns to answer with nothing.
    """
    for row in rows:
        answered = False
        for index, message in enumerate(row.messages):
            if message["role"] == "assistant":
                answered = True
                if "tool_calls" not in message and not text_of(message).strip():
                    yield row, Defect(f"messages[{index}].content", "the answer has neither text nor a call")
        if not answered:
            yield row, Defect("messages", "no assistant turn, so there is nothing to train on")


@check(Severity.ERROR, Scope.ROW, example="a user turn directly after a call")
def unanswered_call(rows: Rows) -> Iterator[tuple[Row, Defect]]:
    """A call is not followed by its result, or a result has no call.

    The chat template cannot place a turn after a call without a result, or a result without a call.
    """
    for row in rows:
        waiting = 0
        for index, message in enumerate(row.messages):
            if message["role"] == "tool":
                if waiting == 0:
                    yield row, Defect(f"messages[{index}]", "a tool result without a call")
                waiting = max(0, waiting - 1)
            elif waiting:
                missing = f"{waiting} calls have" if waiting > 1 else "1 call has"
                yield row, Defect(f"messages[{index}]", f"{missing} no result before this {message['role']} turn")
                waiting = 0
            if "tool_calls" in message:
                waiting += len(message["tool_calls"])


@check(Severity.ERROR, Scope.CALL, example="a call of get_wether where get_weather is offered")
def unknown_tool(calls: Calls) -> Iterator[tuple[Row, Defect]]:
    """A call names a tool that the record does not offer.

    The model learns to call tools that are not offered.
    """
    for row, call in calls:
        if call.tool is None:
            names = ", ".join(view.name for view in row.tools[:8]) or "none"
            where = call.path.removesuffix("arguments") + "name"
            yield row, Defect(where, f"{call.name!r} is not offered; offered: {names:.120}")
