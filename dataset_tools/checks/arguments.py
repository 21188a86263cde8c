"""Defects of arguments: values that break the schema, nulls, and values that the conversation does not mention."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from dataset_tools.arabic.compare import compare_key, same_but_for
from dataset_tools.arabic.grounding import said_in_groups, said_with_clitics
from dataset_tools.arabic.numbers import exact_number, parse_number
from dataset_tools.checks.base import Calls, Check, Defect, Repair, Scope, Severity, add, check
from dataset_tools.checks.row_view import Row
from dataset_tools.tool_schema.coercion import admits_null, typed_arguments
from dataset_tools.tool_schema.declaration import ToolView, schema_at
from dataset_tools.tool_schema.validator import dotted
from schemas.record import ToolCall

if TYPE_CHECKING:
    from dataset_tools.changes import Log

__all__ = ["canonical_for"]

_TYPE = {"type"}
_ENUM = {"enum", "const"}
_MISSING = {"required", "dependentRequired"}
_CLOSING = {"additionalProperties", "unevaluatedProperties"}
_OWN = _TYPE | _ENUM | _MISSING | _CLOSING
# With a tatweel between them, as in الـVIP, the scripts are joined on purpose.
_ARABIC_DIGITS = str.maketrans("0123456789.", "٠١٢٣٤٥٦٧٨٩٫")
_MIXED_WORD = re.compile("[A-Za-z][ء-غف-يٱ-ۓ]|[ء-غف-يٱ-ۓ][A-Za-z]")


def canonical_for(value: object, allowed: object) -> tuple[str, str] | None:
    """Return the allowed value of which ``value`` is another spelling, and the difference; else None."""
    if not isinstance(value, str) or not isinstance(allowed, list):
        return None
    for option in allowed:
        if isinstance(option, str) and (difference := same_but_for(value, option)):
            return option, difference
    return None


@check(Severity.ERROR, Scope.CALL, example='{"town": "جدة"} where the parameter is city')
def unknown_argument(calls: Calls) -> Iterator[tuple[Row, Defect]]:
    """A call has an argument that the tool does not declare.

    The model learns argument names that the tool does not take.
    """
    for row, call in calls:
        tool = call.tool
        for error in call.errors:
            if error.keyword in _CLOSING and (error.path or not (tool and tool.closed)):
                yield row, Defect(f"{call.path}{dotted(error.path)}", f"{call.name}: {error.message}")
        if tool is None or tool.names.issuperset(call.arguments) or not tool.closed or tool.validator is None:
            continue
        for name in call.arguments:
            if name not in tool.names:
                declared = ", ".join(tool.properties) or "none"
                yield (
                    row,
                    Defect(f"{call.path}.{name}", f"{call.name} has no argument {name!r}; declared: {declared:.120}"),
                )


@check(Severity.ERROR, Scope.CALL, example="{} where city is required")
def missing_argument(calls: Calls) -> Iterator[tuple[Row, Defect]]:
    """A call lacks an argument that the tool requires.

    The model learns to omit arguments that the tool requires.
    """
    for row, call in calls:
        for error in call.errors:
            if error.keyword in _MISSING:
                yield row, Defect(f"{call.path}{dotted(error.path)}", f"{call.name}: {error.message}")


@check(Severity.ERROR, Scope.CALL, example='{"amount": "٥٠٠"} where a number is declared')
def argument_type(calls: Calls) -> Iterator[tuple[Row, Defect]]:
    """The type of an argument differs from the declared type.

    The model learns to write values of the wrong type, which the tool rejects.
    """
    for row, call in calls:
        for error in call.errors:
            if error.keyword in _TYPE:
                value = _at(call.arguments, error.path)
                numeric = isinstance(value, str) and exact_number(value) is not None
                hint = "afg-data clean converts it to a number" if numeric and _wants_number(error.allowed) else ""
                yield row, Defect(f"{call.path}{dotted(error.path)}", error.message, hint)


@check(Severity.ERROR, Scope.CALL, example='"القاهره" where القاهرة is allowed')
def argument_enum(calls: Calls) -> Iterator[tuple[Row, Defect]]:
    """The value of an argument is not one of the allowed values.

    The model learns values that the tool rejects; often it is an allowed value in another spelling.
    """
    for row, call in calls:
        for error in call.errors:
            if error.keyword in _ENUM:
                meant = canonical_for(_at(call.arguments, error.path), error.allowed)
                hint = f"differs from the allowed {meant[0]!r} only by {meant[1]}" if meant else ""
                yield row, Defect(f"{call.path}{dotted(error.path)}", error.message, hint)


@check(Severity.ERROR, Scope.CALL, example='{"passengers": 0} where the minimum is 1')
def argument_constraint(calls: Calls) -> Iterator[tuple[Row, Defect]]:
    """The value of an argument breaks another rule of the schema: a range, length, pattern or format.

    The tool rejects the call.
    """
    for row, call in calls:
        for error in call.errors:
            if error.keyword not in _OWN:
                yield row, Defect(f"{call.path}{dotted(error.path)}", error.message)


@check(Severity.WARNING, Scope.CALL, example='"ذكر" where the description says (Supported values: male, female)')
def argument_described_enum(calls: Calls) -> Iterator[tuple[Row, Defect]]:
    """The value of an argument is not in the list of the parameter's description.

    Values listed in prose are rules too, but no schema enforces them, so gold values break them unnoticed.
    """
    for row, call in calls:
        for name, values in call.tool.described.items() if call.tool else ():
            value = call.arguments.get(name)
            if isinstance(value, str) and value not in values:
                listed = ", ".join(values[:8])
                message = f"{value!r:.60} is not in the description's list: {listed:.100}"
                yield row, Defect(f"{call.path}.{name}", message)


def _null_argument(calls: Calls) -> Iterator[tuple[Row, Defect]]:
    for row, call in calls:
        nulls = [path for path, value in call.values if value is None]
        if nulls and call.tool:
            nulls = _absent(nulls, row.messages[call.message]["tool_calls"][call.position], call.tool)
        if nulls:
            message = f"{len(nulls)} null arguments" if len(nulls) > 1 else "a null argument"
            yield row, Defect(f"{call.path}{nulls[0]}", message)


def _absent(nulls: list[str], call: ToolCall, tool: ToolView) -> list[str]:
    """Return the nulls that ``clean`` removes, and those in lists, which it keeps, that the schema does not allow."""
    changes: Log = []
    try:
        typed_arguments(call["function"]["arguments"], tool.parameters, "", changes)
    except RecursionError:  # nested too deeply
        return nulls
    removed = {change.path for change in changes if change.rule == "strip-null"}
    found = [path for path in nulls if path in removed]
    for path in nulls:
        declared = schema_at(tool.parameters, path) if path.endswith("]") else None
        if declared is not None and not (declared and admits_null(declared, tool.parameters)):
            found.append(path)
    return found


def _null_in_declaration(view: ToolView) -> Iterator[Defect]:
    if view.nulls:
        message = f"{len(view.nulls)} null values" if len(view.nulls) > 1 else "a null value"
        yield Defect(view.nulls[0], f"{message} in the declaration")


add(
    Check(
        "null-value",
        Severity.WARNING,
        "An argument or a part of a declaration is null; Arrow fills missing keys with null",
        "The template prints it as None, so the model learns to write arguments that were not given",
        '{"city": "جدة", "days": null}',
        Repair.CLEAN,
        call=_null_argument,
        tool=_null_in_declaration,
    )
)


@check(Severity.WARNING, Scope.CALL, example='{"days": 3.0} where an integer is declared', repair=Repair.CLEAN)
def integer_as_float(calls: Calls) -> Iterator[tuple[Row, Defect]]:
    """A whole number is a float although the tool declares an integer.

    The template writes 3.0 although the tool expects 3, and the model learns both.
    """
    for row, call in calls:
        for path, value in call.values:
            if isinstance(value, float) and call.tool and value.is_integer() and call.tool.takes_integer(path):
                yield row, Defect(f"{call.path}{path}", f"{value!r} is a float; the tool declares an integer")


@check(Severity.WARNING, Scope.CALL, example='{"city": "الرياض"} where no city was mentioned')
def ungrounded_argument(calls: Calls) -> Iterator[tuple[Row, Defect]]:
    """The value of an argument is neither in the conversation before the call nor in the schema.

    The model learns to invent values; it should copy them from the conversation, choose a listed one, or ask.
    """
    for row, call in calls:
        listed = call.tool.listed if call.tool else ()
        said = row.text_before(call.message)
        for path, value in call.values:
            if isinstance(value, str):
                if value in said or value in listed:  # almost always
                    continue
            elif not isinstance(value, (int, float)) or isinstance(value, bool) or value in listed:
                continue
            if not _is_said(value, said, row, call.message):
                yield row, Defect(f"{call.path}{path}", f"{value!r:.80} is not mentioned before the call")


def _is_said(value: str | float, said: str, row: Row, stop: int) -> bool:
    """Return whether ``said``, the text before message ``stop``, contains a value in another spelling."""
    if isinstance(value, str):
        if value.isascii() and not _may_say(said, value):
            return False
        key = compare_key(value)
        if not key or key in row.key_before(stop):
            return True
        if said_with_clitics(value, row.key_before(stop)) or said_in_groups(key, row.key_before(stop)):
            return True
        number = parse_number(value) if value[-1].isdigit() else None
        return number is not None and row.has_number_before(number, stop)
    # Most numbers are written in digits, which are faster to find than number words.
    digits = str(value).removesuffix(".0")
    if _has_numeral(said, digits) or _has_numeral(said, digits.translate(_ARABIC_DIGITS)):
        return True
    return row.has_number_before(value, stop) or said_in_groups(digits, row.key_before(stop))


def _may_say(said: str, value: str) -> bool:
    """Return whether a text has the first Latin letters of ``value`` at all: a cheap test before the comparison."""
    for character in value[:4]:
        if character.isalpha() and character.lower() not in said and character.upper() not in said:
            return False
    return True


def _has_numeral(said: str, digits: str) -> bool:
    """Return whether a text contains these digits as a whole number."""
    start = said.find(digits)
    while start >= 0:
        stop = start + len(digits)
        if not (said[start - 1 : start].isdigit() or said[stop : stop + 1].isdigit()):
            return True
        start = said.find(digits, stop)
    return False


@check(Severity.WARNING, Scope.CALL, example='"الرياضcity"')
def mixed_script_argument(calls: Calls) -> Iterator[tuple[Row, Defect]]:
    """A word of an argument mixes Arabic and Latin letters.

    It is usually a typing error, and no user will type it again.
    """
    for row, call in calls:
        for path, value in call.values:
            if isinstance(value, str) and not value.isascii() and _MIXED_WORD.search(value):
                yield row, Defect(f"{call.path}{path}", f"{value!r:.80} mixes Arabic and Latin letters in one word")


def _at(value: Any, path: tuple[str | int, ...]) -> Any:  # noqa: ANN401 - JSON is any value
    for part in path:
        value = value[part]
    return value


def _wants_number(allowed: object) -> bool:
    kinds = allowed if isinstance(allowed, list) else [allowed]
    return "number" in kinds or "integer" in kinds
