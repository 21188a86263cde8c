"""What the pages of evaluations have beyond every page of the project: their style and script, and intervals drawn."""

from importlib.resources import files

from dataset_tools.display.html import isolated, table, text
from dataset_tools.display.html import shell as frame
from training.evaluate.metrics import Metric

__all__ = ["KEYS", "bar", "isolated", "shell", "table", "text"]

KEYS = (
    '<p class="quiet">Keys: <kbd>/</kbd> search, <kbd>n</kbd> <kbd>p</kbd> next and previous row, '
    "<kbd>Esc</kbd> show all rows again.</p>"
)
"""What the script makes of keys, for people."""


def shell(title: str, facts: str, body: str) -> str:
    """A whole page; ``facts`` and ``body`` are HTML."""
    return frame(title, facts, body, style=_part("page.css"), script=_part("page.js"))


def bar(metric: Metric) -> str:
    """A metric and its interval drawn on a line from 0 to 1; the numbers stand beside it."""
    if metric.value is None:
        return ""
    low, width, value = 100 * metric.low, max(100 * (metric.high - metric.low), 0.5), 100 * metric.value
    return (
        '<svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="track" x="0" y="3.5" width="100" height="1"/>'
        f'<rect class="range" x="{low:.2f}" y="1" width="{width:.2f}" height="6"/>'
        f'<rect class="dot" x="{max(value - 0.6, 0):.2f}" y="0" width="1.2" height="8"/></svg>'
    )


def _part(name: str) -> str:
    return (files("training.evaluate") / "pages" / name).read_text(encoding="utf-8")
