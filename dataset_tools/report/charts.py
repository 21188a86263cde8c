"""Statistics of a dataset as sections of a page: prompt lengths, positions of the called tool, dialects and tools."""

from collections.abc import Mapping, Sequence
from itertools import repeat
from typing import Any

from dataset_tools.display.chart import Bar, bar_chart
from dataset_tools.display.html import figure, heat_table
from dataset_tools.stats.facts import LIMIT, NO_CALL
from dataset_tools.stats.text import NONE

__all__ = ["heat_section", "histogram", "lengths_section", "positions_section"]

_BARS = 40  # of a histogram, at most
_FAR = 1.5  # a limit beyond this multiple of the longest row is not drawn
_SHADES = 10


def lengths_section(lengths: Mapping[str, Any]) -> str:
    """Return the lengths of the prompts, in tokens where they were counted."""
    tokens = lengths.get("tokens")
    found = tokens or lengths["prompt_characters"]
    if not found["rows"]:
        return "<p>No row can be rendered as a prompt.</p>"
    unit = "tokens" if tokens else "characters"
    names = {"least": "shortest", "median": "median", "p95": "95th percentile", "most": "longest"}
    numbers = ", ".join(f"{name} {found[key]:,}" for key, name in names.items())
    limit = f" {tokens['over_limit']:,} rows are longer than {LIMIT:,}." if tokens else ""
    note = "" if tokens else ' <span class="quiet">Use --tokenizer to count tokens.</span>'
    chart = histogram(found["histogram"], unit, LIMIT if tokens else None)
    return f"<p>Length in {unit}: {numbers}.{limit}{note}</p>{chart}"


def histogram(steps: Sequence[Mapping[str, int]], unit: str, limit: int | None) -> str:
    """Return a histogram of lengths.

    Args:
        steps: ``from``, ``to`` and ``rows`` of each step, all of one width.
        unit: unit of the lengths.
        limit: longest allowed length, drawn as a line unless it is far from the longest row.
    """
    width = steps[0]["to"] - steps[0]["from"] + 1
    end = steps[-1]["from"] + width
    drawn = limit if limit and limit <= _FAR * end else None
    wide = width * max(1, -(-max(end, drawn or 0) // (_BARS * width)))
    rows = [0] * (steps[-1]["from"] // wide + 1)
    for step in steps:
        rows[step["from"] // wide] += step["rows"]
    bars = [Bar(f"{at * wide:,}", number) for at, number in enumerate(rows)]
    bars += [Bar(f"{at * wide:,}", 0) for at in range(len(rows), -(-(drawn or 0) // wide))]
    caption = f"Rows by length in {unit}, in steps of {wide:,}."
    if limit and not drawn:
        caption += f" The limit of {limit:,} is beyond the axis."
    line = (drawn / wide, f"limit {drawn:,}") if drawn else (0, "")
    chart = bar_chart(bars, label=caption, axes=(unit, "rows"), edges=True, limit=line)
    numbers = [(f"{at * wide:,} to {(at + 1) * wide - 1:,}", f"{number:,}") for at, number in enumerate(rows)]
    return figure(chart, caption, (unit, "rows"), numbers)


def positions_section(gold: Mapping[str, Any]) -> str:
    """Return the positions of the called tool among the offered ones, and the number expected by chance."""
    if not gold["rows"]:
        return "<p>No row offers a choice between tools.</p>"
    entries = gold["positions"]
    bars = [Bar(f"{entry['position']:,}", entry["rows"], entry["chance"]) for entry in entries]
    caption = "Rows by position of the called tool."
    chart = bar_chart(bars, label=caption, axes=("position", "rows"), mark="expected by chance")
    numbers = [(f"{entry['position']:,}", f"{entry['rows']:,}", f"{entry['chance']:,}") for entry in entries]
    note = "<p>Bars should be close to the lines. A high first bar teaches the model to call the first tool.</p>"
    return note + figure(chart, caption, ("position", "rows", "by chance"), numbers)


def heat_section(facts: Mapping[str, Any]) -> str:
    """Return the number of rows that call a tool, for each dialect; cells with few rows are marked."""
    matrix, tools = facts["matrix"], facts["tools"]["by_name"]
    entries = matrix["dialects"].values()
    called = [(-counts["rows_calling"], tool) for tool, counts in tools.items() if counts["rows_calling"]]
    lines = [(tool, [entry["tools"][tool]["calling"] for entry in entries], -count) for count, tool in sorted(called)]
    most = max((count for _, counts, _ in lines for count in counts), default=0)
    lines.append((NO_CALL, [entry["negatives"] for entry in entries], facts["negatives"]["rows"]))
    thin = {(cell["tool"], cell["dialect"]) for cell in matrix["thin"]}
    rows = []
    for tool, counts, total in lines:
        marked = [(tool, dialect) in thin for dialect in matrix["dialects"]]
        cells = "".join(map(_cell, counts, marked, repeat(most)))
        rows.append((tool, f'{cells}<td class="sum number">{total:,}</td>'))
    note = f"{len(thin):,} of {matrix['cells']:,} cells (marked) have fewer than {matrix['min_cell']:,} rows."
    columns = [*(dialect or NONE for dialect in matrix["dialects"]), "all"]
    return f"<p>{note}</p>{heat_table('Rows by dialect and tool', columns, rows, 'counts')}"


def _cell(rows: int, thin: bool, most: int) -> str:  # noqa: FBT001 - mapped
    kind = "thin" if thin else f"h{min(_SHADES, round(_SHADES * rows / max(most, 1)))}"
    return f'<td class="cell {kind}">{rows:,}</td>'
