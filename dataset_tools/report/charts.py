"""What a dataset is made of as parts of a page: lengths, places of the called tool, dialects and tools, prompts."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from dataset_tools.display.bar_chart import Bar, bars
from dataset_tools.display.html import isolated, table, text
from dataset_tools.show.bidi_lines import Line, Shape, Stretch
from dataset_tools.stats.stats import LIMIT, NO_CALL
from dataset_tools.stats.text import NONE

__all__ = ["heat_part", "lengths_part", "positions_part", "prompt_lines", "steps_part"]

_BARS = 40  # of a histogram of lengths, at most
_SHADES = 10
_DECLARATION = "<start_function_declaration>"
_TAGS = {
    Shape.CONTROL: ('<span dir="ltr">', "</span>"),
    Shape.CODE: ('<span dir="ltr">', "</span>"),
    Shape.VALUE: ("<bdi>", "</bdi>"),
    Shape.PROSE: ('<span class="prose">', "</span>"),
}


def lengths_part(lengths: Mapping[str, Any]) -> str:
    """How long the prompts are: in tokens where they were counted, with the length past which rows are left out."""
    tokens = lengths.get("tokens")
    found = tokens or lengths["prompt_characters"]
    if not found["rows"]:
        return "<p>No row can be written as a prompt.</p>"
    unit = "tokens" if tokens else "characters"
    numbers = {"least": "least", "median": "half of the rows have at most", "p95": "95% have at most", "most": "most"}
    told = "; ".join(f"{name} {found[key]:,}" for key, name in numbers.items())
    more = f" {tokens['over_limit']:,} rows are longer than {LIMIT:,}." if tokens else ""
    note = "" if tokens else ' <span class="quiet">With --tokenizer they are counted in tokens.</span>'
    return f"<p>In {unit}: {told}.{more}{note}</p>" + steps_part(found["histogram"], unit, LIMIT if tokens else None)


def steps_part(steps: Sequence[Mapping[str, int]], unit: str, limit: int | None) -> str:
    """A histogram of lengths, wide enough to show a limit.

    Args:
        steps: ``from``, ``to`` and ``rows`` of each step, all equally wide.
        unit: what is counted.
        limit: where a line stands.
    """
    width = steps[0]["to"] - steps[0]["from"] + 1
    most = max(steps[-1]["from"] + width, limit or 0)
    wide = width * max(1, -(-most // (_BARS * width)))
    rows = [0] * (steps[-1]["from"] // wide + 1)
    for step in steps:
        rows[step["from"] // wide] += step["rows"]
    shown = [Bar(f"{at * wide:,}", number) for at, number in enumerate(rows)]
    if limit is not None:
        shown += [Bar(f"{at * wide:,}", 0) for at in range(len(rows), -(-limit // wide) + 1)]
    told = f"Rows by length in {unit}, in steps of {wide:,}"
    line = None if limit is None else (limit / wide, f"{limit:,}")
    numbers = [(f"{at * wide:,} to {(at + 1) * wide - 1:,}", f"{number:,}") for at, number in enumerate(rows)]
    return _figure(
        bars(shown, told=told, across=f"{unit}, in steps of {wide:,}", limit=line), told, (unit, "rows"), numbers
    )


def positions_part(gold: Mapping[str, Any]) -> str:
    """Where the called tool stands among those offered, beside what chance would give."""
    if not gold["rows"]:
        return "<p>No row has a choice between tools.</p>"
    places = gold["positions"]
    shown = [Bar(f"{place['position']:,}", place["rows"], place["chance"]) for place in places]
    told = "Rows by the place of the called tool; the lines are what chance gives"
    numbers = [(f"{place['position']:,}", f"{place['rows']:,}", f"{place['chance']:,}") for place in places]
    note = "<p>Bars that keep to the lines give nothing away; a high first bar teaches to take the first tool.</p>"
    return note + _figure(bars(shown, told=told, across="place"), told, ("place", "rows", "by chance"), numbers)


def _figure(drawing: str, told: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return (
        f'<figure>{drawing}<figcaption class="quiet">{text(told)}.</figcaption>'
        f"<details><summary>The numbers</summary>{table(columns, rows)}</details></figure>"
    )


def heat_part(facts: Mapping[str, Any]) -> str:
    """Rows that call a tool, for each dialect; a cell with few rows stands out."""
    matrix = facts["matrix"]
    dialects = list(matrix["dialects"])
    most = max(
        (entry["tools"][tool]["calling"] for entry in matrix["dialects"].values() for tool in entry["tools"]), default=0
    )
    order = sorted(facts["tools"]["by_name"].items(), key=lambda item: (-item[1]["rows_calling"], item[0]))
    lines = [
        (tool, [matrix["dialects"][dialect]["tools"][tool]["calling"] for dialect in dialects], counts["rows_calling"])
        for tool, counts in order
        if counts["rows_calling"]
    ]
    negatives = [matrix["dialects"][dialect]["negatives"] for dialect in dialects]
    lines.append((NO_CALL, negatives, facts["negatives"]["rows"]))
    head = "".join(f'<th scope="col">{isolated(dialect or NONE)}</th>' for dialect in dialects)
    body = "\n".join(
        f'<tr><th scope="row">{isolated(tool)}</th>{"".join(_cell(cell, most) for cell in cells)}'
        f'<td class="none number">{whole:,}</td></tr>'
        for tool, cells, whole in lines
    )
    thin = f"{len(matrix['thin']):,} of {matrix['cells']:,} cells hold fewer than {matrix['min_cell']:,} rows."
    return (
        f'<p>{thin}</p><div class="scroll" tabindex="0" role="region" aria-label="Rows by dialect and tool">'
        f'<table class="heat"><thead><tr><th scope="col">tool</th>{head}'
        f'<th scope="col">all</th></tr></thead>\n<tbody>\n{body}\n</tbody></table></div>'
    )


def _cell(rows: int, most: int) -> str:
    if not rows:
        return '<td class="none">0</td>'
    return f'<td class="cell h{min(_SHADES, round(_SHADES * rows / max(most, 1)))}">{rows:,}</td>'


def prompt_lines(lines: Iterable[Line]) -> str:
    """A prompt, what is trained marked; the declarations of its tools are folded away."""
    parts = []
    for declares, group in groupby(lines, key=_declares):
        shown = list(group)
        inner = "\n".join(_line(line) for line in shown)
        tools = f"{len(shown):,} declaration{'s' * (len(shown) > 1)}, not trained"
        parts.append(f"<details><summary>{tools}</summary>{inner}</details>" if declares else inner)
    return "\n".join(parts)


def _declares(line: Line) -> bool:
    return line.stretches[0].bits[0].text == _DECLARATION


def _line(line: Line) -> str:
    parts = []
    for trained, group in groupby(line.stretches, key=lambda stretch: stretch.trained):
        inner = "".join(_stretch(stretch) for stretch in group)
        parts.append(f"<mark>{inner}</mark>" if trained else f'<span class="ignored">{inner}</span>')
    return f'<p class="line" dir="auto">{"".join(parts)}</p>'


def _stretch(stretch: Stretch) -> str:
    opened, closed = _TAGS[stretch.shape]
    return f"{opened}{text(''.join(bit.text for bit in stretch.bits).removesuffix(chr(10)))}{closed}"
