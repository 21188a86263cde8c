"""``afg-data stats``: what a dataset is made of, in numbers, as one library call.

A stage counts a shard, the counts merge in the order of the shards, and the result is made of the merged counts; so
it does not depend on the number of workers.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from itertools import cycle
from pathlib import Path
from typing import Any

from dataset_tools.checks.row_view import Row
from dataset_tools.errors import RowError
from dataset_tools.executor.run import Work, run
from dataset_tools.prompt.render import RenderError, Segment, segments
from dataset_tools.readers.shards import Shard, plan_shards
from dataset_tools.records.converter import Converter
from dataset_tools.records.reading import Inputs, Reading, record_batches
from dataset_tools.samples.masking import Encoder
from dataset_tools.samples.tokenizer import find_tokenizer, load_tokenizer, require_functiongemma
from dataset_tools.stats.counts import LETTERS, ArgumentCounts, Counts

__all__ = ["LIMIT", "NO_CALL", "Stats", "StatsOptions", "stats"]

LIMIT = 4096
"""The length in tokens past which rows are counted: what ``afg-data build`` keeps at most, unless told otherwise."""

NO_CALL = "(no call)"
"""The column of the matrix for rows that call nothing; no tool can have this name."""

_BARS = 20  # of a histogram, at most


@dataclass(frozen=True, slots=True, kw_only=True)
class StatsOptions:
    """Options of ``stats``.

    Attributes:
        tokenizer: a folder, or ``ORG/NAME[@REVISION]`` on the Hub, to count tokens with; empty for none.
        min_cell: a dialect with fewer rows than this that call a tool, or that call nothing, is told.
        reading: how rows are read.
        work: the processes that do the work.
    """

    tokenizer: str = ""
    min_cell: int = 5
    reading: Reading = field(default_factory=Reading)
    work: Work = field(default_factory=Work)


@dataclass(frozen=True, slots=True)
class Stats:
    """Statistics of a dataset.

    Attributes:
        facts: the object that ``--json`` prints.
    """

    facts: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """The object that ``--json`` prints."""
        return self.facts


class StatsStage:
    """Counts one shard: a pure function of the shard, so any process may run it."""

    def __init__(self, converter: Converter, tokenizer_folder: Path | None) -> None:
        self._converter = converter
        self._folder = tokenizer_folder

    def __getstate__(self) -> tuple[Converter, Path | None]:
        """Return the pickled state, without loaded objects."""
        return (self._converter, self._folder)

    def __setstate__(self, state: tuple[Converter, Path | None]) -> None:
        self._converter, self._folder = state

    @cached_property
    def _encoder(self) -> Encoder | None:
        return Encoder(load_tokenizer(self._folder)) if self._folder else None

    def __call__(self, shard: Shard) -> Counts:
        """The counts of one shard."""
        counts = Counts()
        for batch in record_batches(shard, self._converter):
            counts.rows += len(batch)
            rows: list[Row] = []
            for raw, outcome, log in batch:
                if isinstance(outcome, RowError):
                    counts.unreadable[outcome.code] += 1
                else:
                    rows.append(Row(outcome, log, shard.file.place, raw.line))
            counts.observe(rows)
            self._measure(rows, counts)
        return counts

    def _measure(self, rows: list[Row], counts: Counts) -> None:
        """Count the records by the lengths of their prompts."""
        prompts: list[list[Segment]] = []
        for row in rows:
            try:
                prompts.append(segments(row.record))
            except RenderError:
                counts.not_renderable += 1
        counts.prompt_characters.update([sum([len(part.text) for part in parts]) for parts in prompts])
        if self._encoder:
            counts.tokens.update([len(tokens) for tokens in self._encoder.tokens(prompts)])


def stats(
    sources: Sequence[str] | Inputs,
    options: StatsOptions | None = None,
    *,
    on_shard: Callable[[Shard, Counts], None] | None = None,
) -> Stats:
    """Count what the rows of ``sources`` are made of.

    Args:
        sources: files, folders, globs or ``hf://datasets/...``, in any known layout.
        options: see :class:`StatsOptions`.
        on_shard: called after each shard, in order, for progress.

    Raises:
        UsageError: an option makes no sense.
        InputError: a source or the tokenizer cannot be read, or not one row.
    """
    options = options or StatsOptions()
    inputs = Inputs.of(sources)
    found = find_tokenizer(options.tokenizer) if options.tokenizer else None
    if found:
        require_functiongemma(found)
    stage = StatsStage(options.reading.converter(), found.folder if found else None)
    total = Counts()
    with closing(run(stage, plan_shards(inputs.files), options.work, on_done=on_shard)) as parts:
        for part in parts:
            total.merge(part)
    inputs.require_rows(total.rows, total.records)
    return Stats(_facts(total, options, found.name if found else ""))


def _facts(total: Counts, options: StatsOptions, tokenizer: str) -> dict[str, Any]:
    negatives = sum(total.negatives.values())
    groundable = sum(counts.groundable for counts in total.arguments.values())
    ungrounded = sum(counts.ungrounded for counts in total.arguments.values())
    return {
        "rows": total.rows,
        "records": total.records,
        "unreadable": _by_name(total.unreadable),
        "messages": {"total": sum(total.roles.values()), "by_role": _by_name(total.roles)} | _per_row(total.messages),
        "calls": {"total": sum(total.called.values())} | _per_row(total.calls),
        "tools": {
            "distinct": len(total.offered),
            **_per_row(total.tools),
            "by_name": {
                name: {
                    "offered": total.offered[name],
                    "requiring": total.requiring[name],
                    "rows_calling": total.calling[name],
                    "calls": total.called[name],
                }
                for name in _most_first(total.calling + total.offered, total.calling)
            },
        },
        "gold_position": _positions(total),
        "questions": {
            "repeated": total.questions.findings(0).findings,
            "holding": {name: total.letters[name] for name in LETTERS},
        },
        "negatives": {"rows": negatives, "share": _share(negatives, total.records)},
        "dialects": _by_count(total.dialects),
        "domains": _by_count(total.domains),
        "matrix": _matrix(total, options.min_cell),
        "arguments": {name: _argument(counts) for name, counts in sorted(total.arguments.items())},
        "null_arguments": total.nulls,
        "grounded": {
            "values": groundable,
            "grounded": groundable - ungrounded,
            "share": _share(groundable - ungrounded, groundable),
        },
        "lengths": _lengths(total, tokenizer),
    }


def _positions(total: Counts) -> dict[str, Any]:
    """Return the positions of the first called tool, and the number of rows expected by chance."""
    most = max(total.choices, default=0)
    return {
        "rows": sum(total.positions.values()),
        "positions": [
            {
                "position": at + 1,
                "rows": total.positions[at],
                "chance": round(sum(n / offered for offered, n in sorted(total.choices.items()) if offered > at), 1),
            }
            for at in range(most)
        ],
    }


def _matrix(total: Counts, min_cell: int) -> dict[str, Any]:
    dialects, tools = sorted(total.dialects), sorted(total.offered | total.calling)
    rows = {
        (dialect, tool): total.negatives[dialect] if tool == NO_CALL else total.cells[dialect, tool]
        for dialect in dialects
        for tool in (*sorted(total.calling), NO_CALL)
    }
    return {
        "dialects": {
            dialect: {
                "rows": total.dialects[dialect],
                "negatives": total.negatives[dialect],
                "tools": {
                    tool: {"calling": total.cells[dialect, tool], "negatives": total.negative_cells[dialect, tool]}
                    for tool in tools
                },
            }
            for dialect in dialects
        },
        "min_cell": min_cell,
        "cells": len(rows),
        "thin": [
            {"dialect": dialect, "tool": tool, "rows": count}
            for (dialect, tool), count in rows.items()
            if count < min_cell
        ],
    }


def _argument(counts: ArgumentCounts) -> dict[str, Any]:
    grounded = counts.groundable - counts.ungrounded
    return {
        "values": sum(counts.types.values()),
        "declared": _by_count(counts.declared),
        "types": _by_count(counts.types),
        "scripts": _by_count(counts.scripts),
        "described": counts.described,
        "outside_description": counts.outside,
        "groundable": counts.groundable,
        "grounded": grounded,
        "grounded_share": _share(grounded, counts.groundable),
    }


def _lengths(total: Counts, tokenizer: str) -> dict[str, Any]:
    lengths: dict[str, Any] = {
        "question_characters": _spread(total.question_characters),
        "prompt_characters": _spread(total.prompt_characters),
        "not_renderable": total.not_renderable,
    }
    if tokenizer:
        over = sum(rows for length, rows in total.tokens.items() if length > LIMIT)
        lengths["tokens"] = _spread(total.tokens) | {"tokenizer": tokenizer, "limit": LIMIT, "over_limit": over}
    return lengths


def _spread(lengths: Counter[int]) -> dict[str, Any]:
    """The least, the middle and the most of some lengths, and how many rows stand in each step."""
    rows = sum(lengths.values())
    if not rows:
        return {"rows": 0}
    step = _step(max(lengths) - min(lengths))
    steps = Counter[int]()
    for length, count in lengths.items():
        steps[length // step] += count
    return {
        "rows": rows,
        "total": sum(length * count for length, count in lengths.items()),
        "mean": round(sum(length * count for length, count in lengths.items()) / rows, 1),
        "least": min(lengths),
        "median": _quantile(lengths, 50),
        "p95": _quantile(lengths, 95),
        "most": max(lengths),
        "histogram": [
            {"from": at * step, "to": (at + 1) * step - 1, "rows": steps[at]}
            for at in range(min(steps), max(steps) + 1)
        ],
    }


def _step(span: int) -> int:
    """Return the width of the bars of a histogram: a round number that gives few bars."""
    step, factors = 1, cycle((2.0, 2.5, 2.0))
    while span // step >= _BARS:
        step = int(step * next(factors))
    return step


def _quantile(lengths: Counter[int], percent: int) -> int:
    """The least length that at least so many percent of the rows do not exceed."""
    wanted = sum(lengths.values()) * percent
    seen = 0
    for length, rows in sorted(lengths.items()):
        seen += rows
        if seen * 100 >= wanted:
            return length
    raise AssertionError("some length reaches every share")


def _per_row(counts: Counter[int]) -> dict[str, Any]:
    return {"per_row": {str(number): rows for number, rows in sorted(counts.items())}}


def _by_name(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items()))


def _by_count(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _most_first(names: Counter[str], order: Counter[str]) -> list[str]:
    return sorted(names, key=lambda name: (-order[name], name))


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None
