"""Facts of a dataset, computed from the merged counts: shares, matrices and histograms."""

from collections import Counter
from itertools import cycle
from typing import Any

from dataset_tools.stats.counts import LETTERS, ArgumentCounts, Counts

__all__ = ["LIMIT", "NO_CALL", "stats_facts"]

LIMIT = 4096
"""Default maximum length of ``afg-data build`` in tokens; longer rows are counted."""

NO_CALL = "(no call)"
"""Name of the matrix cells for rows without a call; no tool can have this name."""

_BARS = 20  # of a histogram, at most


def stats_facts(total: Counts, min_cell: int, tokenizer: str) -> dict[str, Any]:
    """Return the object that ``--json`` prints.

    Args:
        total: the counts of all rows.
        min_cell: cells of the matrix with fewer rows than this are listed.
        tokenizer: name of the tokenizer that the tokens were counted with; empty for none.
    """
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
                for name in sorted(total.calling + total.offered, key=lambda name: (-total.calling[name], name))
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
        "matrix": _matrix(total, min_cell),
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
    """Return the distribution of some lengths: minimum, median, maximum and histogram."""
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
    """Return the smallest length that at least ``percent`` of the rows do not exceed."""
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


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None
