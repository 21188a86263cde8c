"""``eval.html``: the numbers of an evaluation and the rows to look at, on one page."""

from collections import defaultdict
from collections.abc import Mapping
from html import escape

from training.evaluate.equality_rules import Rule
from training.evaluate.evaluate import Evaluation
from training.evaluate.html import KEYS, bar, isolated, shell, table, text
from training.evaluate.metrics import GROUPS, METRICS, Metric
from training.evaluate.row_html import article, calls_html, prompt_html, tags_html
from training.evaluate.scoring import ERRORS, Verdict
from training.evaluate.text import TITLES, percent, span

__all__ = ["evaluation_page"]

_MOST_ERRORS, _MOST_LENIENT = 500, 200
_LENIENT = "fair-alone"


def evaluation_page(evaluation: Evaluation) -> str:
    """The page of an evaluation; it needs no network, no font and no library."""
    data = ", ".join(isolated(source) for source in evaluation.data)
    facts = f"{len(evaluation.verdicts):,} rows of {data}"
    body = "\n".join((_headline(evaluation), _heat_map(evaluation), _groups(evaluation), _rows(evaluation)))
    return shell(evaluation.name, facts, body)


def _headline(evaluation: Evaluation) -> str:
    rows = [
        (
            TITLES[name],
            f'<td class="number strong">{percent(metric.value)}</td>',
            span(metric),
            f"<td>{bar(metric)}</td>",
            f"{metric.n:,}",
            f'<td class="means">{escape(METRICS[name])}</td>',
        )
        for name, metric in evaluation.metrics.items()
    ]
    return "<h2>Numbers</h2>\n" + table(("", "%", "95% interval", "", "of", ""), rows)


def _heat_map(evaluation: Evaluation) -> str:
    """The share of rows that are right under the fair rule, for each dialect and tool."""
    counts: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for verdict in evaluation.verdicts:
        for tool in GROUPS["tool"](verdict):
            counts[GROUPS["dialect"](verdict)[0], tool].append(verdict.right)
    dialects, tools = list(evaluation.groups["dialect"]), list(evaluation.groups["tool"])
    head = "".join(f'<th scope="col">{isolated(dialect)}</th>' for dialect in dialects)
    lines = "\n".join(
        f'<tr><th scope="row">{isolated(tool)}</th>{"".join(_heat(dialect, tool, counts) for dialect in dialects)}</tr>'
        for tool in tools
    )
    return (
        "<h2>Dialect and tool</h2>\n"
        '<p class="quiet">Rows that are right under the fair rule, in percent. A cell shows its errors below.</p>\n'
        f'<div class="scroll"><table class="heat"><thead><tr><th></th>{head}</tr></thead>\n<tbody>\n{lines}\n</tbody>'
        "</table></div>"
    )


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
    parts = ["<h2>In parts</h2>"]
    for group, values in evaluation.groups.items():
        if values:
            parts.append(
                f"<details><summary>By {group}, {len(values):,}</summary>\n{_group(group, values)}\n</details>"
            )
    return "\n".join(parts)


def _group(group: str, values: Mapping[str, Mapping[str, Metric]]) -> str:
    names = list(next(iter(values.values())))
    of = "rows" if group in GROUPS else "arguments"
    titles = [TITLES.get(name, name) for name in names]
    last = "arg_em_fair" if group in GROUPS else "fair"
    rows = [
        (
            isolated(value),
            f"{next(iter(metrics.values())).n:,}",
            *(percent(metrics[name].value) for name in names),
            span(metrics[last]),
            f"<td>{bar(metrics[last])}</td>",
        )
        for value, metrics in values.items()
    ]
    return table((group, of, *titles, f"interval of {TITLES.get(last, last)}", ""), rows)


def _rows(evaluation: Evaluation) -> str:
    wrong = [verdict for verdict in evaluation.verdicts if not verdict.right]
    lenient = [verdict for verdict in evaluation.verdicts if verdict.right and verdict.level == Rule.FAIR]
    if not wrong and not lenient:
        return "<h2>Errors</h2>\n<p>None.</p>"
    chips = [_chip("wrong", "all errors", len(wrong))]
    chips += [_chip(error, error, count["rows"]) for error, count in evaluation.errors.items() if count["rows"]]
    chips += [_chip(_LENIENT, "right under the fair rule alone", len(lenient))] if lenient else []
    shown = [*wrong[:_MOST_ERRORS], *lenient[:_MOST_LENIENT]]
    left = len(wrong) + len(lenient) - len(shown)
    note = f'<p class="quiet">{left:,} further rows are only in the JSON file.</p>' if left else ""
    return "\n".join((
        "<h2>Errors</h2>",
        '<div class="filters" hidden>',
        '<label for="search">Search</label> <input id="search" type="search" dir="auto" autocomplete="off">',
        '<span id="told" role="status" class="quiet"></span>',
        f'<div class="chips">{"".join(chips)}</div>',
        "</div>",
        KEYS,
        note,
        *(_article(verdict) for verdict in shown),
    ))  # fmt: skip


def _chip(kind: str, title: str, count: int) -> str:
    return f'<button type="button" data-kind="{kind}" aria-pressed="false">{title} {count:,}</button>'


def _article(verdict: Verdict) -> str:
    kinds = (
        ["wrong", *dict.fromkeys(mistake.error for mistake in verdict.mistakes)] if not verdict.right else [_LENIENT]
    )
    meanings = "; ".join(dict.fromkeys(ERRORS[mistake.error] for mistake in verdict.mistakes))
    about = [isolated(word) for word in (*GROUPS["dialect"](verdict), verdict.domain) if word]
    return "\n".join((
        article(kinds, verdict),
        f"<h3><bdi>{text(verdict.id)}</bdi> {tags_html(verdict)}</h3>",
        f'<p class="facts">{" · ".join([*about, *([meanings] if meanings else [])])}</p>',
        prompt_html(verdict),
        calls_html(verdict),
        "</article>",
    ))  # fmt: skip
