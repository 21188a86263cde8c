"""Parts of the evaluation pages: frame, list of rows with filters, and a row with gold and answer side by side."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from html import escape
from importlib.resources import files
from typing import Any

from dataset_tools.display.html import isolated, shell, text
from schemas.record import JsonObject
from training.evaluate.equality_rules import NEVER, RULES
from training.evaluate.metrics import GROUPS
from training.evaluate.scoring import Verdict

__all__ = ["article", "calls_html", "evaluation_shell", "rows_section"]

_PIECES = re.compile(r'"(?:[^"\\]|\\.)*"|[^"]+')
_ABSENT = '<span class="absent">absent</span>'
_HEAD = '<thead><tr><th scope="col">argument</th><th scope="col">gold</th><th scope="col">{answer}</th></tr></thead>'
_KEYS = (
    '<p class="quiet keys">Keys: <kbd>/</kbd> search, <kbd>n</kbd> <kbd>p</kbd> next and previous row, '
    "<kbd>Esc</kbd> show all rows again.</p>"
)


def evaluation_shell(title: str, facts: str, body: str) -> str:
    """Return a complete page; ``facts`` and ``body`` are HTML."""
    return shell(title, facts, body, style=_resource("page.css"), script=_resource("page.js"))


def rows_section(title: str, filters: Iterable[tuple[str, str, int]], articles: Iterable[str], hidden: int) -> str:
    """Return a list of rows with buttons that filter it.

    Args:
        title: heading.
        filters: kind, name and number of rows for each button.
        articles: rows, as HTML.
        hidden: number of rows that are not on the page.
    """
    chips = "".join(
        f'<button type="button" data-kind="{kind}" aria-pressed="false">{text(name)} {count:,}</button>'
        for kind, name, count in filters
    )
    if not chips:
        return f"<h2>{title}</h2>\n<p>None.</p>"
    return "\n".join((
        f"<h2>{title}</h2>",
        '<div class="filters" hidden>',
        '<label for="search">Search</label> <input id="search" type="search" dir="auto" autocomplete="off">',
        '<span id="shown" role="status" class="quiet"></span>',
        f'<div class="chips">{chips}</div>',
        "</div>",
        _KEYS,
        f'<p class="quiet">{hidden:,} more rows are only in the JSON output.</p>' if hidden > 0 else "",
        *articles,
    ))  # fmt: skip


def _resource(name: str) -> str:
    return (files("training.evaluate") / "pages" / name).read_text(encoding="utf-8")


def article(kinds: Sequence[str], verdict: Verdict, tags: str, parts: Iterable[str]) -> str:
    """Return a row with its id, tags, prompt and further parts, and the data that the filters of the page read."""
    tools = escape(json.dumps(list(GROUPS["tool"](verdict)), ensure_ascii=False))
    dialect = escape(GROUPS["dialect"](verdict)[0])
    opening = f'<article data-kinds="{" ".join(kinds)}" data-dialect="{dialect}" data-tools="{tools}">'
    prompt = f'<p class="prompt" dir="auto">{text(verdict.prompt)}</p>'
    return "\n".join((opening, f"<h3>{isolated(verdict.id)}{tags}</h3>", prompt, *parts, "</article>"))


def calls_html(verdict: Verdict, answer: str = "answer") -> str:
    """Return the calls of a row next to gold, and the raw output if it could not be parsed or has no call."""
    parts = []
    for at, other, levels in sorted(verdict.pairs, key=lambda pair: pair[0] is None):
        wanted = None if at is None else verdict.gold[at]
        made = None if other is None else verdict.calls[other]
        parts.append(_call_html(wanted, made, verdict, levels, answer))
    if verdict.problem:
        parts.append(f"<p>{text(verdict.problem)}</p>")
    if verdict.text and (verdict.problem or not verdict.calls):
        parts.append(f'<pre dir="auto">{text(verdict.text)}</pre>')
    elif not verdict.calls:
        parts.append('<p class="absent">no call</p>')
    return "\n".join(parts)


def _call_html(
    wanted: JsonObject | None, made: JsonObject | None, verdict: Verdict, levels: Mapping[str, int], answer: str
) -> str:
    tool = (wanted or made or {}).get("name", "")
    name = isolated(tool)
    if wanted is None:
        name += ' <span class="tag bad">not expected</span>'
    elif made is None:
        name += ' <span class="tag bad">not called</span>'
    elif wanted["name"] != made["name"]:
        name += f' <span class="tag bad">answered with {isolated(made["name"])}</span>'
    gold, given = _present(wanted), _present(made)
    mistakes = {mistake.parameter for mistake in verdict.mistakes if mistake.tool == tool}
    rows = []
    for key in dict.fromkeys((*gold, *given)):
        level = levels.get(key, NEVER)
        wrong = level == NEVER and key in mistakes  # other arguments are optional or not scored
        left, right = _sides(gold.get(key), given.get(key), marked=wrong)
        kind = ' class="wrong"' if wrong else ""
        note = f' <span class="tag">equal under {RULES[level].name.lower()}</span>' if 0 < level < NEVER else ""
        rows.append(f'<tr{kind}><th scope="row">{isolated(key)}</th><td>{left}</td><td>{right}{note}</td></tr>')
    body = f"{_HEAD.format(answer=text(answer))}<tbody>\n{''.join(rows)}\n</tbody>"
    return f'<div class="scroll"><table class="call"><caption>{name}</caption>{body}</table></div>'


def _present(call: JsonObject | None) -> JsonObject:
    return {key: value for key, value in call["arguments"].items() if value is not None} if call else {}


def _sides(first: Any, second: Any, *, marked: bool) -> tuple[str, str]:  # noqa: ANN401 - any JSON value
    """Return gold's value and the answer's, with differences marked if ``marked``."""
    if first is None or second is None or not marked:
        left, right = (_ABSENT if value is None else _whole(value) for value in (first, second))
        return left, right
    if isinstance(first, str) and isinstance(second, str):
        left, right = _marked(first.split(" "), second.split(" "), " ")
        return f"<bdi>{left}</bdi>", f"<bdi>{right}</bdi>"
    left, right = _marked(_json(first), _json(second))  # with quotes: "3" and 3 differ
    return f'<bdi dir="ltr">{left}</bdi>', f'<bdi dir="ltr">{right}</bdi>'


def _whole(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Return text in its own direction; other JSON left to right, with its strings in theirs."""
    return isolated(value) if isinstance(value, str) else f'<bdi dir="ltr">{"".join(map(_token, _json(value)))}</bdi>'


def _json(value: Any) -> list[str]:  # noqa: ANN401 - any JSON value
    """Split JSON into pieces; each string is a piece with its quotes."""
    return _PIECES.findall(json.dumps(value, ensure_ascii=False))


def _marked(one: Sequence[str], two: Sequence[str], joint: str = "") -> tuple[str, str]:
    """Mark the pieces that the other value lacks; marks inside words would break the joining of Arabic letters."""
    changes = SequenceMatcher(None, one, two, autojunk=False).get_opcodes()
    left = [_run(one[a:b], joint, "" if kind == "equal" else "ins") for kind, a, b, _, _ in changes if a < b]
    right = [_run(two[c:d], joint, "" if kind == "equal" else "del") for kind, _, _, c, d in changes if c < d]
    return joint.join(left), joint.join(right)


def _run(pieces: Sequence[str], joint: str, tag: str) -> str:
    inner = joint.join(map(_token, pieces))
    return f"<{tag}>{inner}</{tag}>" if tag else inner


def _token(piece: str) -> str:
    """Return a piece as HTML; a JSON string is isolated within its quotes."""
    quoted = len(piece) > 1 and piece[0] == piece[-1] == '"'
    return f"&quot;{isolated(piece[1:-1])}&quot;" if quoted else text(piece)
