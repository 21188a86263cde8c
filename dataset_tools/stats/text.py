"""Statistics as text for a terminal."""

from typing import TYPE_CHECKING, Any

from dataset_tools.display.console import counted, print_table, text_bar
from dataset_tools.stats.facts import NO_CALL
from dataset_tools.stats.stats import Stats

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["NONE", "print_stats"]

NONE = "(none)"
"""Name of the group of rows without a dialect."""

_SHOWN = 40  # rows of a table that are printed
_THIN = 8  # thin cells that are named


def print_stats(stats: Stats, console: "Console") -> None:
    """Print the statistics of a dataset, totals first."""
    facts = stats.facts
    _print_totals(facts, console)
    _print_positions(facts["gold_position"], console)
    _print_lengths(facts["lengths"], console)
    _print_matrix(facts, console)
    _print_arguments(facts["arguments"], console)


def _print_totals(facts: dict[str, Any], console: "Console") -> None:
    roles = ", ".join(f"{count:,} {role}" for role, count in facts["messages"]["by_role"].items())
    holding = ", ".join(f"{count:,} with {what}" for what, count in facts["questions"]["holding"].items() if count)
    unreadable = "".join(f"; {count:,} {code}" for code, count in facts["unreadable"].items())
    grounded, negatives = facts["grounded"], facts["negatives"]
    lines = {
        "rows": f"{facts['records']:,} records of {counted(facts['rows'], 'row')}{unreadable}",
        "messages": f"{facts['messages']['total']:,}: {roles}",
        "calls": f"{facts['calls']['total']:,}; rows by number of calls: {_spread(facts['calls']['per_row'])}",
        "tools": f"{facts['tools']['distinct']:,}; rows by number offered: {_spread(facts['tools']['per_row'])}",
        "no call": f"{counted(negatives['rows'], 'row')} ({_percent(negatives['share'])})",
        "questions": f"{facts['questions']['repeated']:,} repeated{'; ' * bool(holding)}{holding}",
        "grounded": f"{grounded['grounded']:,} of {grounded['values']:,} values ({_percent(grounded['share'])})",
    }
    if nulls := facts["null_arguments"]:
        lines["nulls"] = f"{counted(nulls, 'null argument')} from Arrow: `afg-data clean` removes them"
    domains = {domain: rows for domain, rows in facts["domains"].items() if domain}
    if domains:
        lines["domains"] = ", ".join(f"{domain} {rows:,}" for domain, rows in domains.items())
    for name, text in lines.items():
        console.print(f"{name:<10}{text}", markup=False)


def _print_positions(gold: dict[str, Any], console: "Console") -> None:
    if not gold["rows"]:
        return
    console.print(f"\nposition of the called tool in {counted(gold['rows'], 'row')} with a choice", style="bold")
    for entry in gold["positions"]:
        counts = f"{entry['position']:>5}{entry['rows']:>9,}  chance {entry['chance']:<9,}"
        console.print(f"{counts}{text_bar(entry['rows'], gold['rows'])}", markup=False)


def _print_lengths(lengths: dict[str, Any], console: "Console") -> None:
    console.print("\ncharacters         least   median      95%     most", style="bold")
    names = {"question_characters": "question", "prompt_characters": "prompt", "tokens": "prompt, tokens"}
    for key, name in names.items():
        found = lengths.get(key)
        if found and found["rows"]:
            numbers = "".join(f"{found[what]:>9,}" for what in ("least", "median", "p95", "most"))
            console.print(f"{name:<15}{numbers}", markup=False)
    if bad := lengths["not_renderable"]:
        console.print(f"{counted(bad, 'row')} cannot be rendered as a prompt; `afg-data clean` may help", markup=False)
    tokens = lengths.get("tokens")
    if tokens and tokens["rows"]:
        for bar in tokens["histogram"]:
            span = f"{bar['from']:,} to {bar['to']:,}"
            console.print(f"{span:>15}{bar['rows']:>9,}  {text_bar(bar['rows'], tokens['rows'])}", markup=False)
        console.print(f"{counted(tokens['over_limit'], 'row')} over {tokens['limit']:,} tokens", markup=False)


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
    print_table(header, [*rows[:_SHOWN], last], console)
    _print_more(len(rows), console)
    if thin := matrix["thin"]:
        named = ", ".join(f"{cell['dialect'] or NONE} {cell['tool']} {cell['rows']}" for cell in thin[:_THIN])
        more = f" and {len(thin) - _THIN:,} more" if len(thin) > _THIN else ""
        found = f"warning: {len(thin):,} of {matrix['cells']:,} cells have fewer than {matrix['min_cell']} rows"
        console.print(f"{found}: {named}{more}", style="yellow", markup=False)


def _print_arguments(arguments: dict[str, Any], console: "Console") -> None:
    if not arguments:
        return
    order = sorted(arguments.items(), key=lambda item: (-item[1]["values"], item[0]))
    rows = [
        (
            name,
            f"{found['values']:,}",
            _percent(found["grounded_share"]),
            " | ".join(_mixture(found[key]) for key in ("declared", "types", "scripts")),
        )
        for name, found in order[:_SHOWN]
    ]
    console.print("\narguments", style="bold")
    columns = ("argument", "values", "grounded", "declared | found | script")
    print_table(columns, rows, console, left=(0, 3), flexible=(3,))
    _print_more(len(arguments), console)


def _print_more(rows: int, console: "Console") -> None:
    if rows > _SHOWN:
        console.print(f"… and {rows - _SHOWN:,} more; --json has all of them", style="dim")


def _mixture(counts: dict[str, int]) -> str:
    """Return ``string``, or ``string 40, integer 2`` if there is more than one."""
    if len(counts) == 1:
        return next(iter(counts)) or "-"
    return ", ".join(f"{name or '-'} {count:,}" for name, count in counts.items())


def _spread(per_row: dict[str, int]) -> str:
    shown = list(per_row.items())
    text = ", ".join(f"{number}: {rows:,}" for number, rows in shown[:_THIN])
    return f"{text}, … {shown[-1][0]}: {shown[-1][1]:,}" if len(shown) > _THIN else text


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"
