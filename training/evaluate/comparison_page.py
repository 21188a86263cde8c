"""HTML page of a comparison: metrics side by side, differences with intervals, and the rows that flipped."""

from collections.abc import Iterator
from html import escape

from dataset_tools.display.chart import interval_bar
from dataset_tools.display.html import isolated, table
from training.evaluate.compare import Comparison, Flip
from training.evaluate.intervals import MetricChange
from training.evaluate.metrics import METRICS, Metric
from training.evaluate.page_parts import article, calls_html, evaluation_shell, rows_section
from training.evaluate.text import TITLES, change_cells, percent, span, verdict_of

__all__ = ["comparison_page"]

_MOST = 500


def comparison_page(comparison: Comparison) -> str:
    """Return the page of a comparison; it needs no network, fonts or libraries."""
    first, *others = comparison.names
    rows = len(comparison.evaluations[0].verdicts)
    facts = f"{rows:,} rows, {len(comparison.flips):,} flipped. Baseline: {isolated(first)}"
    body = "\n".join((_side_by_side(comparison), *_differences(comparison), _flips(comparison)))
    return evaluation_shell(f"{', '.join(others)} compared with {first}", facts, body)


def _side_by_side(comparison: Comparison) -> str:
    rows = []
    for name in METRICS:
        metrics = [found.metrics[name] for found in comparison.evaluations]
        rows.append((TITLES[name], *map(_metric, metrics), f"{metrics[0].n:,}"))
    columns = ("", *(isolated(name) for name in comparison.names), "of")
    return "<h2>Metrics in percent, with 95% intervals</h2>\n" + table(columns, rows)


def _metric(metric: Metric) -> str:
    bar = "" if metric.value is None else interval_bar(metric.low, metric.value, metric.high)
    return f'<td class="metric"><b>{percent(metric.value)}</b> <small class="quiet">{span(metric)}</small>{bar}</td>'


def _differences(comparison: Comparison) -> Iterator[str]:
    first, *others = comparison.names
    for other, changes in zip(others, comparison.changes, strict=True):
        columns = ("", "points", "95% interval", "p", "gained", "lost", "")
        rows = [(TITLES[name], *_change(name, change)) for name, change in changes.items()]
        yield f"<h2>{isolated(other)} compared with {isolated(first)}</h2>\n{table(columns, rows)}"
    yield (
        f'<p class="quiet">Gained rows are right only in the other, lost rows only in {isolated(first)}; '
        "p is McNemar&rsquo;s exact test.</p>"
    )


def _change(name: str, change: MetricChange) -> tuple[str, ...]:
    word = verdict_of(name, change)
    mark = f'<td class="{word}">{word}</td>' if word in ("better", "worse") else "<td>–</td>"
    return *map(escape, change_cells(name, change)), mark


def _flips(comparison: Comparison) -> str:
    flips = comparison.flips
    kinds = [("flipped", "all", len(flips))] if flips else []
    for at, name in enumerate(comparison.names[1:], 1) if flips else ():
        kinds.append((f"gained-{at}", f"gained by {name}", sum(f.right[at] and not f.right[0] for f in flips)))
        kinds.append((f"lost-{at}", f"lost by {name}", sum(f.right[0] and not f.right[at] for f in flips)))
    articles = (_article(flip, comparison.names) for flip in flips[:_MOST])
    return rows_section("Flipped rows", kinds, articles, len(flips) - _MOST)


def _article(flip: Flip, names: list[str]) -> str:
    first = flip.verdicts[0]
    kinds = ["flipped"]
    for at, right in enumerate(flip.right[1:], 1):
        if right != flip.right[0]:
            kinds.append(f"gained-{at}" if right else f"lost-{at}")
    answers = []
    for name, right, verdict in zip(names, flip.right, flip.verdicts, strict=True):
        tag = f'<span class="tag {"good" if right else "bad"}">{"right" if right else "wrong"}</span>'
        opened = "" if right else " open"
        answers.append(
            f"<details{opened}><summary>{isolated(name)} {tag}</summary>\n{calls_html(verdict, name)}\n</details>"
        )
    return article(kinds, first, "", answers)
