"""``eval.html``: metrics of an evaluation, and the rows to look at."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import PurePath

from dataset_tools.display.chart import interval_bar
from dataset_tools.display.html import heat_table, isolated, table
from training.evaluate.equality_rules import EqualityRule
from training.evaluate.eval_file import Evaluation
from training.evaluate.metrics import GROUPS, METRICS, Metric
from training.evaluate.page_parts import article, calls_html, evaluation_shell, rows_section
from training.evaluate.scoring import ERRORS, Verdict
from training.evaluate.text import TITLES, percent, span

__all__ = ["evaluation_page"]

_MOST_ERRORS, _MOST_LENIENT = 500, 200
_LENIENT = "fair-alone"


def evaluation_page(evaluation: Evaluation) -> str:
    """Return the page of an evaluation; it needs no network, fonts or libraries."""
    data = ", ".join(isolated(source) for source in evaluation.data)
    facts = f"{len(evaluation.verdicts):,} rows of {data}"
    body = "\n".join((_summary(evaluation), _metrics(evaluation), _heat_map(evaluation), _groups(evaluation)))
    name = PurePath(evaluation.name)  # a path of this machine, or a name on the Hub
    title = f"Evaluation of {name.name if name.is_absolute() else name}"
    return evaluation_shell(title, facts, f"{body}\n{_rows(evaluation)}")


def _summary(evaluation: Evaluation) -> str:
    right, rows = sum(verdict.right for verdict in evaluation.verdicts), len(evaluation.verdicts)
    share = f" ({right / rows:.1%})" if rows else ""
    errors = [(count["rows"], name) for name, count in evaluation.errors.items() if count["rows"]]
    most = f" Most frequent error: {max(errors)[1]}, in {max(errors)[0]:,} rows." if errors else ""
    return f"<p>{right:,} of {rows:,} rows{share} are right under the fair rule.{most}</p>"


def _metrics(evaluation: Evaluation) -> str:
    rows = [
        (
            TITLES[name],
            f'<td class="number strong">{percent(metric.value)}</td>',
            span(metric),
            f"<td>{_bar(metric)}</td>",
            f"{metric.n:,}",
            f'<td class="means">{escape(METRICS[name])}</td>',
        )
        for name, metric in evaluation.metrics.items()
    ]
    return "<h2>Numbers</h2>\n" + table(("", "%", "95% interval", "", "of", ""), rows)


def _bar(metric: Metric) -> str:
    return "" if metric.value is None else interval_bar(metric.low, metric.value, metric.high)


def _heat_map(evaluation: Evaluation) -> str:
    """Return the share of rows that are right under the fair rule, by dialect and tool."""
    counts: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for verdict in evaluation.verdicts:
        for tool in GROUPS["tool"](verdict):
            counts[GROUPS["dialect"](verdict)[0], tool].append(verdict.right)
    dialects = list(evaluation.groups["dialect"])
    rows = [(tool, "".join(_heat(dialect, tool, counts) for dialect in dialects)) for tool in evaluation.groups["tool"]]
    note = "Rows that are right under the fair rule, in percent. Select a cell to list its errors below."
    cells = heat_table("Right rows by dialect and tool", dialects, rows)
    return f'<h2>Dialects and tools</h2>\n<p class="quiet">{note}</p>\n{cells}'


def _heat(dialect: str, tool: str, counts: Mapping[tuple[str, str], list[bool]]) -> str:
    right = counts.get((dialect, tool), [])
    if not right:
        return '<td class="none">·</td>'
    share = sum(right) / len(right)
    name = f"{dialect}, {tool}: {sum(right)} of {len(right)} right"
    return (
        f'<td class="h{int(share * 10)}"><button type="button" aria-label="{escape(name)}" aria-pressed="false" '
        f'data-dialect="{escape(dialect)}" data-tool="{escape(tool)}">{100 * share:.0f}<small>of {len(right)}</small>'
        "</button></td>"
    )


def _groups(evaluation: Evaluation) -> str:
    parts = (
        f"<details><summary>By {group}, {len(values):,}</summary>\n{_group(group, values)}\n</details>"
        for group, values in evaluation.groups.items()
        if values
    )
    return "\n".join(("<h2>By group</h2>", *parts))


def _group(group: str, values: Mapping[str, Mapping[str, Metric]]) -> str:
    names = list(next(iter(values.values())))
    unit, last = ("rows", "arg_em_fair") if group in GROUPS else ("arguments", "fair")
    rows = [
        (
            isolated(value),
            f"{next(iter(metrics.values())).n:,}",
            *(percent(metrics[name].value) for name in names),
            span(metrics[last]),
            f"<td>{_bar(metrics[last])}</td>",
        )
        for value, metrics in values.items()
    ]
    titles = [TITLES.get(name, name) for name in names]
    return table((group, unit, *titles, f"interval of {TITLES.get(last, last)}", ""), rows)


def _rows(evaluation: Evaluation) -> str:
    wrong = [verdict for verdict in evaluation.verdicts if not verdict.right]
    lenient = [verdict for verdict in evaluation.verdicts if verdict.right and verdict.level == EqualityRule.FAIR]
    shown = [*wrong[:_MOST_ERRORS], *lenient[:_MOST_LENIENT]]
    hidden = len(wrong) + len(lenient) - len(shown)
    filters = _filters(evaluation, len(wrong), len(lenient)) if shown else ()
    return rows_section("Errors", filters, map(_article, shown), hidden)


def _filters(evaluation: Evaluation, wrong: int, lenient: int) -> Iterator[tuple[str, str, int]]:
    yield "wrong", "all errors", wrong
    yield from ((error, error, count["rows"]) for error, count in evaluation.errors.items() if count["rows"])
    if lenient:
        yield _LENIENT, "right under the fair rule only", lenient


def _article(verdict: Verdict) -> str:
    errors = list(dict.fromkeys(mistake.error for mistake in verdict.mistakes))
    kinds = [_LENIENT] if verdict.right else ["wrong", *errors]
    tags = "".join(f' <span class="tag bad">{error}</span>' for error in errors)
    about = [isolated(word) for word in (*GROUPS["dialect"](verdict), verdict.domain) if word]
    facts = " · ".join([*about, *filter(None, ["; ".join(ERRORS[error] for error in errors)])])
    return article(kinds, verdict, tags, (f'<p class="facts">{facts}</p>', calls_html(verdict)))
