"""An evaluation or a comparison as tables for a terminal; nothing is decided here."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from training.metrics import METRICS, Metric

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from training.evaluate import Evaluation

__all__ = ["TITLES", "percent", "print_evaluation", "span"]

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
"""What people call the metrics."""

_SHOWN = ("dialect", "domain", "tool", "argument type")


def percent(value: float | None) -> str:
    """A share in percent with one decimal; a dash where there is nothing to count."""
    return "–" if value is None else f"{100 * value:.1f}"


def span(metric: Metric) -> str:
    """The interval of a metric in percent."""
    return "" if metric.value is None else f"{100 * metric.low:.1f} to {100 * metric.high:.1f}"


def print_evaluation(evaluation: "Evaluation", console: "Console") -> None:
    """Print the headline, the groups and the errors."""
    table = _table(("", "%", "95% interval", "of"))
    for name in METRICS:
        metric = evaluation.metrics[name]
        table.add_row(TITLES[name], percent(metric.value), span(metric), f"{metric.n:,}")
    console.print(table)
    for group in _SHOWN:
        values = evaluation.groups[group]
        if len(values) > 1:
            _print_group(group, values, console)
    errors = [(name, count) for name, count in evaluation.errors.items() if count["times"]]
    if errors:
        table = _table(("error", "times", "rows"))
        for name, count in sorted(errors, key=lambda entry: -entry[1]["times"]):
            table.add_row(name, f"{count['times']:,}", f"{count['rows']:,}")
        console.print(table)


def _print_group(group: str, values: dict[str, dict[str, Metric]], console: "Console") -> None:
    rows = group != "argument type"
    shown = ("fn_acc", "arg_em_raw", "arg_em_fair") if rows else ("raw", "numbers", "fair")
    titles = [TITLES.get(name, name) for name in shown]
    table = _table((group, "rows" if rows else "arguments", *titles, "95% interval"))
    for value, metrics in values.items():
        n = next(iter(metrics.values())).n
        numbers = [percent(metrics[name].value) for name in shown]
        table.add_row(value, f"{n:,}", *numbers, span(metrics[shown[-1]]))
    console.print(table)


def _table(columns: Iterable[str]) -> "Table":
    from rich.table import Table  # noqa: PLC0415 - rich is imported only to print

    table = Table(box=None, pad_edge=False, header_style="dim")
    for at, name in enumerate(columns):
        table.add_column(name, justify="left" if at == 0 else "right", no_wrap=True)
    return table
