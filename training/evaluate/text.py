"""Evaluations and comparisons as tables for a terminal."""

from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING

from dataset_tools.display.console import isolate
from training.evaluate.metrics import LOWER_IS_BETTER, METRICS, Metric

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from training.evaluate.compare import Comparison, MetricChange
    from training.evaluate.eval_file import Evaluation

__all__ = ["TITLES", "flips_of", "percent", "print_comparison", "print_evaluation", "probability", "span", "verdict_of"]

_WIDE = 1000  # columns of a file
_SURE = 0.05  # p below which a difference is called better or worse

TITLES = {
    "parsed": "parsed",
    "fn_acc": "FnAcc",
    "arg_em_raw": "ArgEM raw",
    "arg_em_nfc": "ArgEM NFC",
    "arg_em_numbers": "ArgEM numbers equal",
    "arg_em_fair": "ArgEM Arabic fair",
    "key_f1": "key F1",
    "argument_acc": "arguments right",
    "missed_calls": "missed calls",
    "false_calls": "false calls",
}
"""Titles of the metrics."""

_SHOWN = ("dialect", "domain", "tool", "argument type")
_MOST = 10  # values printed of a group; the file and the page have all


def percent(value: float | None) -> str:
    """Return a share in percent with one decimal, or a dash for None."""
    return "–" if value is None else f"{100 * value:.1f}"


def span(metric: Metric) -> str:
    """Return the interval of a metric in percent."""
    return "" if metric.value is None else f"{100 * metric.low:.1f} to {100 * metric.high:.1f}"


def print_evaluation(evaluation: "Evaluation", console: "Console") -> None:
    """Print the headline, the groups and the errors."""
    table = _table(("", "%", "95% interval", "of"))
    for name in METRICS:
        metric = evaluation.metrics[name]
        table.add_row(TITLES[name], percent(metric.value), span(metric), f"{metric.n:,}")
    _show(table, console)
    for group in _SHOWN:
        values = evaluation.groups[group]
        if len(values) > 1:
            _print_group(group, values, console)
    errors = [(name, count) for name, count in evaluation.errors.items() if count["times"]]
    if errors:
        table = _table(("error", "times", "rows"))
        for name, count in sorted(errors, key=lambda entry: -entry[1]["times"]):
            table.add_row(name, f"{count['times']:,}", f"{count['rows']:,}")
        _show(table, console)


def probability(p: float) -> str:
    """Return a probability with three decimals."""
    return "<0.001" if p < 0.001 else f"{p:.3f}"  # noqa: PLR2004 - smallest value with three decimals


def verdict_of(metric: str, change: "MetricChange") -> str:
    """Return better, worse, or a dash where the difference is not significant."""
    if change.p >= _SURE:
        return "–"
    return "better" if (change.difference > 0) != (metric in LOWER_IS_BETTER) else "worse"


def flips_of(metric: str, change: "MetricChange") -> tuple[str, str]:
    """Return the rows that got better and that got worse; where lower is better, a row that counts is worse."""
    gained, lost = f"{change.gained:,}", f"{change.lost:,}"
    return (lost, gained) if metric in LOWER_IS_BETTER else (gained, lost)


def print_comparison(comparison: "Comparison", console: "Console", flips: int) -> None:
    """Print the metrics of all evaluations, their differences from the first, and some rows that flipped."""
    first, *others = comparison.names
    table = _table(("%", *(title for name in comparison.names for title in (name, "95% interval")), "of"))
    for name in METRICS:
        metrics = [found.metrics[name] for found in comparison.evaluations]
        cells = [cell for metric in metrics for cell in (percent(metric.value), span(metric))]
        table.add_row(TITLES[name], *cells, f"{metrics[0].n:,}")
    _show(table, console)
    for other, changes in zip(others, comparison.changes, strict=True):
        table = _table((f"{other} compared with {first}", "points", "95% interval", "p", "gained", "lost", ""))
        for name, change in changes.items():
            points, low, high = (f"{100 * value:+.1f}" for value in (change.difference, change.low, change.high))
            flipped = flips_of(name, change)
            table.add_row(
                TITLES[name], points, f"{low} to {high}", probability(change.p), *flipped, verdict_of(name, change)
            )
        _show(table, console)
    if flips and comparison.flips:
        table = _table(("flipped rows", *comparison.names, "prompt"), left=True)
        for flip in islice(comparison.flips, flips):
            marks = ("right" if right else "wrong" for right in flip.right)
            table.add_row(_plain(flip.id), *marks, _plain(isolate(" ".join(flip.verdicts[0].prompt.split()))))
        for column in table.columns[:-1]:  # a long prompt must not squeeze the other columns
            column.min_width = max(map(len, map(str, (column.header, *column.cells))))
        _show(table, console)
    console.print(f"{len(comparison.flips):,} rows flipped", style="dim")


def _print_group(group: str, values: dict[str, dict[str, Metric]], console: "Console") -> None:
    rows = group != "argument type"
    shown = ("fn_acc", "arg_em_raw", "arg_em_fair") if rows else ("raw", "numbers", "fair")
    titles = [TITLES.get(name, name) for name in shown]
    table = _table((group, "rows" if rows else "arguments", *titles, "95% interval"))
    for value, metrics in islice(values.items(), _MOST):
        n = next(iter(metrics.values())).n
        numbers = [percent(metrics[name].value) for name in shown]
        table.add_row(_plain(value), f"{n:,}", *numbers, span(metrics[shown[-1]]))
    if len(values) > _MOST:
        table.add_row(f"and {len(values) - _MOST:,} more")
    _show(table, console)


def _show(table: "Table", console: "Console") -> None:
    """Print a table; in a file as wide as needed, so that no cell is cut off."""
    if not console.is_terminal:
        console.width = _WIDE
    console.print(table)


def _plain(value: str) -> str:
    """Escape square brackets in text of the data, which rich would read as markup."""
    return value.replace("[", "\\[")


def _table(columns: Iterable[str], *, left: bool = False) -> "Table":
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    for at, name in enumerate(columns):
        table.add_column(name, justify="left" if at == 0 or left else "right", no_wrap=True)
    return table
