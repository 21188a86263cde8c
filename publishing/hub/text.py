"""A plan and the result of publishing, as tables and as JSON."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from dataset_tools.display.console import counted, print_table
from publishing.hub.plan import FileState, RepositoryPlan
from publishing.hub.publish import Prepared, Published

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["overruled_lines", "plan_as_json", "print_plan", "print_published"]

_STYLES = {
    FileState.NEW: "green",
    FileState.CHANGED: "yellow",
    FileState.UNCHANGED: "dim",
    FileState.DELETED: "red",
    FileState.KEPT: "dim",
}


def plan_as_json(prepared: Prepared) -> list[dict[str, Any]]:
    """Return every repository with the state of each file."""
    return [
        {
            "name": plan.repository.name,
            "kind": plan.repository.kind,
            "exists": plan.remote is not None,
            "files": [asdict(file) for file in plan.files],
            "card_diff": list(plan.card_diff),
            "overruled": list(plan.overruled),
        }
        for plan in prepared.plans
    ]


def overruled_lines(prepared: Prepared) -> Iterable[str]:
    """Yield a line for each human section that differs and keeps the destination's text."""
    for plan in prepared.plans:
        for section in plan.overruled:
            what = f"section {section!r} of the card differs; the destination's text is kept"
            yield f"{plan.repository.name}: {what} (to publish yours, change or empty the section there)"


def print_plan(prepared: Prepared, console: "Console", *, unchanged: bool = True) -> None:
    """Print every repository with its files, sizes and states, and the changes of the card.

    Args:
        prepared: the plan.
        console: the terminal.
        unchanged: whether unchanged files are listed.
    """
    from rich.table import Table

    for plan in prepared.plans:
        kind = "" if plan.repository.kind == "model" else f" ({plan.repository.kind})"
        summary = "a new repository" if plan.remote is None else _summary(plan)
        console.print(f"[bold]{plan.repository.name}[/]{kind}: {summary}")
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 2))
        table.add_column(justify="left")
        table.add_column()
        table.add_column(justify="right")
        shown = [file for file in plan.files if unchanged or file.state is not FileState.UNCHANGED]
        for file in shown:
            table.add_row(str(file.state), file.path, _size(file.size), style=_STYLES[file.state])
        if shown:
            console.print(table)
        for line in plan.card_diff:
            console.print(f"    {line}", markup=False, style={"+": "green", "-": "red"}.get(line[:1], "dim"))


def print_published(published: Published, console: "Console") -> None:
    """Print a table of the repositories, then their full addresses, even in a narrow terminal."""
    rows = [
        (item.name, counted(item.sent, "file"), _size(item.bytes), counted(item.verified, "file"), item.commit[:8])
        for item in published.repositories
    ]
    print_table(("repository", "sent", "size", "verified", "commit"), rows, console, left=(0, 4))
    tag = f"tag {published.tag}" if published.tag else ""
    for line in (*(item.url for item in published.repositories), tag, published.collection):
        if line:
            console.print(line, markup=False, soft_wrap=True)


def _summary(plan: RepositoryPlan) -> str:
    counts = [(len(plan.paths(state)), str(state)) for state in FileState]
    return ", ".join(f"{count} {name}" for count, name in counts if count) or "empty"


def _size(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size >= 1e5 else f"{size:,} B"  # noqa: PLR2004 - a tenth of a megabyte
