"""Evaluations and comparisons as tables for a terminal."""

from itertools import islice
from typing import TYPE_CHECKING

from dataset_tools.display.console import counted, isolate, print_table
from training.evaluate.metrics import LOWER_IS_BETTER, METRICS, Metric

if TYPE_CHECKING:
    from rich.console import Console

    from training.evaluate.compare import Comparison
    from training.evaluate.eval_file import Evaluation
    from training.evaluate.intervals import MetricChange

__all__ = [
    "TITLES", "change_cells", "percent", "print_comparison", "print_evaluation", "probability", "span", "verdict_of",
]  # fmt: skip

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

_WIDE = 24  # columns of a terminal for each evaluation with its interval
_SHOWN = ("dialect", "domain", "tool", "argument type")
_MOST = 10  # values printed of a group; the file and the page have all
_PROMPT = 60  # characters printed of a prompt


def percent(value: float | None) -> str:
    """Return a share in percent with one decimal, or a dash for None."""
    return "–" if value is None else f"{100 * value:.1f}"


def span(metric: Metric) -> str:
    """Return the interval of a metric in percent."""
    return "" if metric.value is None else f"{100 * metric.low:.1f} to {100 * metric.high:.1f}"


def print_evaluation(evaluation: "Evaluation", console: "Console") -> None:
    """Print the metrics, the groups and the errors."""
    metrics = evaluation.metrics
    rows = [
        (TITLES[name], percent(metrics[name].value), span(metrics[name]), f"{metrics[name].n:,}") for name in METRICS
    ]
    print_table(("", "%", "95% interval", "of"), rows, console)
    for group in _SHOWN:
        values = evaluation.groups[group]
        if len(values) > 1:
            _print_group(group, values, console)
    errors = sorted(evaluation.errors.items(), key=lambda entry: -entry[1]["times"])
    counts = [(name, f"{count['times']:,}", f"{count['rows']:,}") for name, count in errors if count["times"]]
    if counts:
        print_table(("error", "times", "rows"), counts, console)


def _print_group(group: str, values: dict[str, dict[str, Metric]], console: "Console") -> None:
    by_row = group != "argument type"
    shown = ("fn_acc", "arg_em_raw", "arg_em_fair") if by_row else ("raw", "numbers", "fair")
    columns = (group, "rows" if by_row else "arguments", *(TITLES.get(name, name) for name in shown), "95% interval")
    rows = []
    for value, metrics in islice(values.items(), _MOST):
        numbers = [percent(metrics[name].value) for name in shown]
        rows.append((value, f"{next(iter(metrics.values())).n:,}", *numbers, span(metrics[shown[-1]])))
    if len(values) > _MOST:
        rows.append((f"and {len(values) - _MOST:,} more", *[""] * (len(columns) - 1)))
    print_table(columns, rows, console)


def probability(p: float) -> str:
    """Return a probability with three decimals."""
    return "<0.001" if p < 0.001 else f"{p:.3f}"  # noqa: PLR2004 - smallest value with three decimals


def verdict_of(metric: str, change: "MetricChange") -> str:
    """Return better, worse, or a dash where the difference is not significant."""
    if change.p >= _SURE:
        return "–"
    return "better" if (change.difference > 0) != (metric in LOWER_IS_BETTER) else "worse"


def change_cells(metric: str, change: "MetricChange") -> tuple[str, ...]:
    """Return points, interval, p, and the numbers of rows that are right only in the second and only in the first."""
    points, low, high = (f"{100 * value:+.1f}" for value in (change.difference, change.low, change.high))
    flipped = [f"{change.gained:,}", f"{change.lost:,}"]
    if metric in LOWER_IS_BETTER:  # there, a row that counts is wrong
        flipped.reverse()
    return points, f"{low} to {high}", probability(change.p), *flipped


def print_comparison(comparison: "Comparison", console: "Console", flips: int) -> None:
    """Print the metrics of all evaluations, their differences from the first, and some rows that flipped."""
    first, *others = comparison.names
    spans = not console.is_terminal or console.width >= _WIDE * (len(comparison.names) + 1)
    titles = [title for name in comparison.names for title in (name, *["95% interval"] * spans)]
    columns = ("%", *titles, "of")
    rows: list[tuple[str, ...]] = []
    for name in METRICS:
        metrics = [found.metrics[name] for found in comparison.evaluations]
        cells = [cell for metric in metrics for cell in (percent(metric.value), *[span(metric)] * spans)]
        rows.append((TITLES[name], *cells, f"{metrics[0].n:,}"))
    print_table(columns, rows, console)
    for other, changes in zip(others, comparison.changes, strict=True):
        columns = (f"{other} compared with {first}", "points", "95% interval", "p", "gained", "lost", "")
        rows = [
            (TITLES[name], *change_cells(name, change), verdict_of(name, change)) for name, change in changes.items()
        ]
        print_table(columns, rows, console)
    if flips and comparison.flips:
        rows = []
        for flip in islice(comparison.flips, flips):
            marks = ("right" if right else "wrong" for right in flip.right)
            prompt = " ".join(flip.verdicts[0].prompt.split())
            shown = prompt if len(prompt) <= _PROMPT else f"{prompt[: _PROMPT - 1]}…"
            rows.append((flip.id, *marks, isolate(shown)))
        columns = ("flipped rows", *comparison.names, "prompt")
        print_table(columns, rows, console, left=range(len(columns)))
    console.print(f"{counted(len(comparison.flips), 'row')} flipped", style="dim")
