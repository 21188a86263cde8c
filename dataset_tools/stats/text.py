"""The numbers of ``afg-data stats`` as people read them."""

from typing import TYPE_CHECKING, Any

from dataset_tools.stats.stats import NO_CALL, Stats

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["NONE", "print_stats"]

NONE = "(none)"
"""What stands for rows without a dialect."""

_BAR = 40  # columns of the longest bar
_SHOWN = 40  # rows of a table that are printed; --json has all of them
_THIN = 8  # thin cells that are named


def print_stats(stats: Stats, console: "Console") -> None:
    """What the dataset is made of, from the whole to the parts."""
    facts = stats.facts
    _print_whole(facts, console)
    _print_positions(facts["gold_position"], console)
    _print_lengths(facts["lengths"], console)
    _print_matrix(facts, console)
    _print_arguments(facts["arguments"], console)


def _print_whole(facts: dict[str, Any], console: "Console") -> None:
    roles = ", ".join(f"{count:,} {role}" for role, count in facts["messages"]["by_role"].items())
    holding = ", ".join(f"{count:,} with {what}" for what, count in facts["questions"]["holding"].items() if count)
    grounded = facts["grounded"]
    lines = {
        "rows": f"{facts['records']:,} records of {facts['rows']:,} rows{_codes(facts['unreadable'])}",
        "messages": f"{facts['messages']['total']:,}: {roles}",
        "calls": f"{facts['calls']['total']:,}; rows by number of calls: {_spread(facts['calls']['per_row'])}",
        "tools": f"{facts['tools']['distinct']:,}; rows by number offered: {_spread(facts['tools']['per_row'])}",
        "no call": f"{facts['negatives']['rows']:,} rows ({_percent(facts['negatives']['share'])})",
        "questions": f"{facts['questions']['repeated']:,} repeated{'; ' * bool(holding)}{holding}",
        "grounded": f"{grounded['grounded']:,} of {grounded['values']:,} values ({_percent(grounded['share'])})",
    }
    if facts["null_arguments"]:
        lines["nulls"] = f"{facts['null_arguments']:,} null arguments that nobody gave: `afg-data clean` removes them"
    domains = {domain: rows for domain, rows in facts["domains"].items() if domain}
    if domains:
        lines["domains"] = ", ".join(f"{domain} {rows:,}" for domain, rows in domains.items())
    for name, text in lines.items():
        console.print(f"{name:<10}{text}", markup=False)


def _print_positions(gold: dict[str, Any], console: "Console") -> None:
    if not gold["rows"]:
        return
    console.print(f"\nplace of the called tool, of {gold['rows']:,} rows with a choice", style="bold")
    for place in gold["positions"]:
        bar = _bar(place["rows"], gold["rows"])
        console.print(f"{place['position']:>5}{place['rows']:>9,}  chance {place['chance']:<9,}{bar}", markup=False)


def _print_lengths(lengths: dict[str, Any], console: "Console") -> None:
    console.print("\ncharacters         least   median      95%     most", style="bold")
    names = {
        "question_characters": "question",
        "prompt_characters": "prompt",
        "tokens": "prompt, tokens",
    }
    for key, name in names.items():
        found = lengths.get(key)
        if found and found["rows"]:
            numbers = "".join(f"{found[what]:>9,}" for what in ("least", "median", "p95", "most"))
            console.print(f"{name:<15}{numbers}", markup=False)
    if lengths["not_renderable"]:
        cannot = f"{lengths['not_renderable']:,} rows cannot be written as a prompt; `afg-data clean` may help"
        console.print(cannot, markup=False)
    tokens = lengths.get("tokens")
    if tokens and tokens["rows"]:
        for bar in tokens["histogram"]:
            place = f"{bar['from']:,} to {bar['to']:,}"
            console.print(f"{place:>15}{bar['rows']:>9,}  {_bar(bar['rows'], tokens['rows'])}", markup=False)
        console.print(f"{tokens['over_limit']:,} rows over {tokens['limit']:,} tokens", markup=False)


def _print_matrix(facts: dict[str, Any], console: "Console") -> None:
    matrix, tools = facts["matrix"], facts["tools"]["by_name"]
    header = ["tool", "offered", *(dialect or NONE for dialect in matrix["dialects"]), "all"]
    rows = []
    for tool, counts in tools.items():
        cells = [entry["tools"][tool]["calling"] for entry in matrix["dialects"].values()]
        rows.append([tool, *(f"{cell:,}" for cell in (counts["offered"], *cells, counts["rows_calling"]))])
    cells = [entry["negatives"] for entry in matrix["dialects"].values()]
    last = [NO_CALL, "", *(f"{cell:,}" for cell in (*cells, facts["negatives"]["rows"]))]
    console.print("\nrows that call a tool, by dialect", style="bold")
    _print_columns(header, rows, console, last)
    if thin := matrix["thin"]:
        named = ", ".join(f"{cell['dialect'] or NONE} {cell['tool']} {cell['rows']}" for cell in thin[:_THIN])
        more = f" and {len(thin) - _THIN:,} more" if len(thin) > _THIN else ""
        found = f"warning: {len(thin):,} of {matrix['cells']:,} cells hold fewer than {matrix['min_cell']} rows"
        console.print(f"{found}: {named}{more}", style="yellow", markup=False)


def _print_arguments(arguments: dict[str, Any], console: "Console") -> None:
    if not arguments:
        return
    order = sorted(arguments.items(), key=lambda item: (-item[1]["values"], item[0]))
    rows = [
        [
            name,
            f"{found['values']:,}",
            _percent(found["grounded_share"]),
            " | ".join(_mixture(found[key]) for key in ("declared", "types", "scripts")),
        ]
        for name, found in order
    ]
    console.print("\narguments", style="bold")
    _print_columns(["argument", "values", "grounded", "declared | found | script"], rows, console)


def _print_columns(header: list[str], rows: list[list[str]], console: "Console", last: list[str] | None = None) -> None:
    """Rows in columns as wide as they need, the first from the left and numbers from the right."""
    shown = [*rows[:_SHOWN], *([last] if last else [])]
    widths = [max(len(row[at]) for row in (header, *shown)) for at in range(len(header))]
    numeric = [all(row[at][:1] in ("", "-", *"0123456789") for row in shown) for at in range(len(header))]
    for row, style in ((header, "dim"), *((row, None) for row in shown)):
        cells = [
            cell.rjust(width) if is_number else cell.ljust(width)
            for cell, width, is_number in zip(row, widths, numeric, strict=True)
        ]
        console.print("  ".join(cells).rstrip(), style=style, markup=False)
    if len(rows) > _SHOWN:
        console.print(f"… and {len(rows) - _SHOWN:,} more; --json has all of them", style="dim")


def _mixture(counts: dict[str, int]) -> str:
    """``string``, or ``string 40, integer 2`` where there is more than one."""
    if len(counts) == 1:
        return next(iter(counts)) or "-"
    return ", ".join(f"{name or '-'} {count:,}" for name, count in counts.items())


def _spread(per_row: dict[str, int]) -> str:
    shown = list(per_row.items())
    text = ", ".join(f"{number}: {rows:,}" for number, rows in shown[:_THIN])
    return f"{text}, … {shown[-1][0]}: {shown[-1][1]:,}" if len(shown) > _THIN else text


def _codes(codes: dict[str, int]) -> str:
    return "".join(f"; {count:,} {code}" for code, count in codes.items())


def _bar(rows: int, whole: int) -> str:
    return "█" * max(round(_BAR * rows / whole), rows > 0)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"
