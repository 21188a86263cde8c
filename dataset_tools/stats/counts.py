"""Counts of ``afg-data stats`` that merge; :mod:`dataset_tools.stats.facts` computes the result from them."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields

from dataset_tools.arabic.letters import ARABIC_INDIC_DIGITS, EXTENDED_DIGITS, MARKS, TATWEEL, ZERO_WIDTH
from dataset_tools.checks.base import Calls, catalogue
from dataset_tools.checks.repetition import DuplicateQuery, query_of
from dataset_tools.checks.row_view import Call, Row
from dataset_tools.tool_schema.declaration import schema_at

__all__ = ["LETTERS", "ArgumentCounts", "Counts"]

_INDEX = re.compile(r"\[\d+\]")
_ARABIC = re.compile("[\u0621-\u063a\u0641-\u064a\u0671-\u06d3\ufb50-\ufdff\ufe70-\ufefc]")
_LATIN = re.compile("[A-Za-z\u00c0-\u024f]")

LETTERS = {
    "arabic-indic digits": re.compile(f"[{ARABIC_INDIC_DIGITS}{EXTENDED_DIGITS}]"),
    "ascii digits": re.compile("[0-9]"),
    "diacritics": re.compile(f"[{MARKS}]"),
    "tatweel": re.compile(TATWEEL),
    "zero-width marks": re.compile(f"[{ZERO_WIDTH}]"),
    "latin letters": _LATIN,
}
"""Kinds of characters by which questions are counted."""


@dataclass(slots=True)
class ArgumentCounts:
    """The values of one argument of one tool.

    Attributes:
        declared: values by declared type; empty without one.
        types: values by actual type.
        scripts: texts by their script: Arabic, Latin, both or neither.
        described: values whose parameter's description lists allowed values; ``outside`` counts those not listed.
        groundable: texts and numbers, which a conversation can contain.
        ungrounded: those that occur neither in the conversation before the call nor in the schema.
    """

    declared: Counter[str] = field(default_factory=Counter)
    types: Counter[str] = field(default_factory=Counter)
    scripts: Counter[str] = field(default_factory=Counter)
    described: int = 0
    outside: int = 0
    groundable: int = 0
    ungrounded: int = 0


@dataclass(slots=True)
class Counts:
    """Counts of some rows, as plain data that can be pickled.

    Attributes:
        rows: rows read, readable or not.
        unreadable: rows without a record, by the code of the reason.
        roles: messages by role.
        messages, calls, tools: records by number of messages, calls and tools.
        dialects, domains: records by dialect and by domain.
        offered: records by offered tool; ``calling`` by called tool, once each.
        called: calls by tool.
        positions: records with at least two tools, by position from 0 of the first called tool.
        choices: the same records by number of tools.
        cells: records by dialect and called tool.
        negatives: records without a call, by dialect.
        negative_cells: records without a call, by dialect and offered tool.
        requiring: records by offered tool with a required argument.
        nulls: null arguments that the tool does not allow, as Arrow fills missing keys; not counted as values.
        letters: records by the :data:`LETTERS` in their question.
        questions: finds repeated questions.
        arguments: by tool and path, such as ``book_table.guests`` or ``order.items[].count``.
        question_characters: records by length of the question; ``prompt_characters`` of the whole prompt.
        tokens: records by length of the prompt in tokens; empty without a tokenizer.
        not_renderable: records that the prompt format cannot express.
    """

    rows: int = 0
    unreadable: Counter[str] = field(default_factory=Counter)
    roles: Counter[str] = field(default_factory=Counter)
    messages: Counter[int] = field(default_factory=Counter)
    calls: Counter[int] = field(default_factory=Counter)
    tools: Counter[int] = field(default_factory=Counter)
    dialects: Counter[str] = field(default_factory=Counter)
    domains: Counter[str] = field(default_factory=Counter)
    offered: Counter[str] = field(default_factory=Counter)
    calling: Counter[str] = field(default_factory=Counter)
    called: Counter[str] = field(default_factory=Counter)
    positions: Counter[int] = field(default_factory=Counter)
    choices: Counter[int] = field(default_factory=Counter)
    cells: Counter[tuple[str, str]] = field(default_factory=Counter)
    negatives: Counter[str] = field(default_factory=Counter)
    negative_cells: Counter[tuple[str, str]] = field(default_factory=Counter)
    requiring: Counter[str] = field(default_factory=Counter)
    nulls: int = 0
    letters: Counter[str] = field(default_factory=Counter)
    questions: DuplicateQuery = field(default_factory=DuplicateQuery)
    arguments: dict[str, ArgumentCounts] = field(default_factory=dict)
    question_characters: Counter[int] = field(default_factory=Counter)
    prompt_characters: Counter[int] = field(default_factory=Counter)
    tokens: Counter[int] = field(default_factory=Counter)
    not_renderable: int = 0

    @property
    def records(self) -> int:
        """Return the number of rows with a record."""
        return self.rows - sum(self.unreadable.values())

    def observe(self, rows: Sequence[Row]) -> None:
        """Count some records; the stage counts rows and prompts."""
        self.questions.observe(rows)
        for row in rows:
            self._observe_shape(row)
            self._observe_tools(row)
            for call in row.calls:
                self._observe_call(row, call)

    def merge(self, other: "Counts") -> None:
        """Add the counts of other rows."""
        _add(self, other)
        self.questions.merge(other.questions)
        for name, counts in other.arguments.items():
            _add(self.arguments.setdefault(name, ArgumentCounts()), counts)

    def _observe_shape(self, row: Row) -> None:
        self.roles.update([message["role"] for message in row.messages])
        self.messages[len(row.messages)] += 1
        self.calls[len(row.calls)] += 1
        self.tools[len(row.tools)] += 1
        self.dialects[row.record["dialect"]] += 1
        self.domains[row.record["domain"]] += 1
        question = query_of(row)
        self.question_characters[len(question)] += 1
        self.letters.update([name for name, pattern in LETTERS.items() if pattern.search(question)])

    def _observe_tools(self, row: Row) -> None:
        dialect = row.record["dialect"]
        self.offered.update(row.names)
        self.requiring.update({view.name for view in row.tools if view.parameters.get("required")})
        if not row.calls:
            self.negatives[dialect] += 1
            self.negative_cells.update([(dialect, name) for name in row.names])
            return
        names = [call.name for call in row.calls]
        self.called.update(names)
        self.calling.update(set(names))
        self.cells.update([(dialect, name) for name in set(names)])
        first = row.calls[0].tool
        if first is not None and len(row.tools) > 1:  # a choice needs two
            self.positions[row.tools.index(first)] += 1
            self.choices[len(row.tools)] += 1

    def _observe_call(self, row: Row, call: Call) -> None:
        for path, value in call.values:
            if value is None and path[1:] not in call.arguments:
                self.nulls += "[" not in path and "." not in path[1:]
                continue
            counts = self._of_argument(call, path)
            counts.declared[_declared(call, path)] += 1
            kind = _kind(value)
            counts.types[kind] += 1
            if kind == "string":
                counts.scripts[_script(value)] += 1
                counts.described += call.tool is not None and path[1:] in call.tool.described
            counts.groundable += kind in ("string", "integer", "number")
        for path in _found("ungrounded-argument", row, call):
            self._of_argument(call, path).ungrounded += 1
        for path in _found("argument-described-enum", row, call):
            self._of_argument(call, path).outside += 1

    def _of_argument(self, call: Call, path: str) -> ArgumentCounts:
        return self.arguments.setdefault(call.name + _INDEX.sub("[]", path), ArgumentCounts())


def _found(code: str, row: Row, call: Call) -> list[str]:
    """Return the paths that a check reports in the arguments of a call, so that stats and validate agree."""
    find = catalogue()[code].call
    calls: Calls = [(row, call)]
    return [found.path.removeprefix(call.path) for _, found in find(calls)] if find else []


def _declared(call: Call, path: str) -> str:
    declared = schema_at(call.tool.parameters, path).get("type") if call.tool else None
    return "|".join(map(str, declared)) if isinstance(declared, list) else str(declared or "")


def _kind(value: object) -> str:
    """Return the JSON Schema type of a value that is not a container."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "string"
    return "integer" if isinstance(value, int) else "number"


def _script(text: str) -> str:
    arabic, latin = _ARABIC.search(text) is not None, _LATIN.search(text) is not None
    if arabic and latin:
        return "both"
    return "arabic" if arabic else "latin" if latin else "neither"


def _add(mine: ArgumentCounts | Counts, other: ArgumentCounts | Counts) -> None:
    """Add the counters and numbers of the same kind of counts."""
    for name in (entry.name for entry in fields(mine)):
        count, further = getattr(mine, name), getattr(other, name)
        if isinstance(count, Counter):
            count.update(further)
        elif isinstance(count, int):
            setattr(mine, name, count + further)
