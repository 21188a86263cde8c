"""The page of a comparison: every metric side by side, differences with their intervals, and the rows that flipped."""

from html import escape

from training.evaluate.compare import Change, Comparison, Flip
from training.evaluate.html import KEYS, isolated, shell, table, text
from training.evaluate.metrics import METRICS
from training.evaluate.row_html import article, calls_html, prompt_html
from training.evaluate.text import TITLES, percent, probability, span, verdict_of

__all__ = ["comparison_page"]

_MOST = 500


def comparison_page(comparison: Comparison) -> str:
    """The page of a comparison; it needs no network, no font and no library."""
    rows = len(comparison.evaluations[0].verdicts)
    facts = f"{rows:,} rows · {len(comparison.flips):,} flipped"
    body = "\n".join((_side_by_side(comparison), *_differences(comparison), _flips(comparison)))
    return shell(" against ".join(comparison.names), facts, body)


def _side_by_side(comparison: Comparison) -> str:
    rows = []
    for name in METRICS:
        metrics = [found.metrics[name] for found in comparison.evaluations]
        cells = [f"{percent(m.value)} <span class=quiet>{span(m)}</span>" for m in metrics]
        rows.append((TITLES[name], *cells, f"{metrics[0].n:,}"))
    columns = ("", *(isolated(name) for name in comparison.names), "of")
    return "<h2>Numbers, in percent with 95% intervals</h2>\n" + table(columns, rows)


def _differences(comparison: Comparison) -> list[str]:
    first = comparison.names[0]
    parts = []
    for other, changes in zip(comparison.names[1:], comparison.changes, strict=True):
        columns = ("", "points", "95% interval", "p", "gained", "lost", "")
        rows = [(TITLES[name], *_change(name, change)) for name, change in changes.items()]
        parts.append(f"<h2>{isolated(other)} against {isolated(first)}</h2>\n{table(columns, rows)}")
    parts.append(
        '<p class="quiet">On the same rows: gained are right in the second alone, lost in the first alone; '
        "p is McNemar&rsquo;s exact test.</p>"
    )
    return parts


def _change(name: str, change: Change) -> tuple[str, ...]:
    points, low, high = (f"{100 * value:+.1f}" for value in (change.difference, change.low, change.high))
    word = verdict_of(name, change)
    mark = f'<td class="{word}">{word}</td>' if word in ("better", "worse") else "<td>–</td>"
    return points, f"{low} to {high}", escape(probability(change.p)), f"{change.gained:,}", f"{change.lost:,}", mark


def _flips(comparison: Comparison) -> str:
    flips = comparison.flips
    if not flips:
        return "<h2>Flipped rows</h2>\n<p>None.</p>"
    kinds = [("flipped", "all", len(flips))]
    for at, name in enumerate(comparison.names[1:], 1):
        kinds.append((f"gained-{at}", f"gained by {name}", sum(f.right[at] and not f.right[0] for f in flips)))
        kinds.append((f"lost-{at}", f"lost by {name}", sum(f.right[0] and not f.right[at] for f in flips)))
    chips = "".join(
        f'<button type="button" data-kind="{kind}" aria-pressed="false">{text(title)} {count:,}</button>'
        for kind, title, count in kinds
    )
    left = len(flips) - _MOST
    return "\n".join((
        "<h2>Flipped rows</h2>",
        '<div class="filters" hidden>',
        '<label for="search">Search</label> <input id="search" type="search" dir="auto" autocomplete="off">',
        '<span id="told" role="status" class="quiet"></span>',
        f'<div class="chips">{chips}</div>',
        "</div>",
        KEYS,
        f'<p class="quiet">{left:,} further rows flipped.</p>' if left > 0 else "",
        *(_article(flip, comparison.names) for flip in flips[:_MOST]),
    ))  # fmt: skip


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
    return "\n".join((
        article(kinds, first),
        f"<h3><bdi>{text(first.id)}</bdi></h3>",
        prompt_html(first),
        *answers,
        "</article>",
    ))  # fmt: skip
