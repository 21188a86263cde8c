"""Frame of the evaluation pages: style, script, and the list of rows with its filters."""

from collections.abc import Iterable
from importlib.resources import files

from dataset_tools.display.html import shell, text

__all__ = ["evaluation_shell", "rows_section"]

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
