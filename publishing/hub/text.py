"""A plan and the result of publishing, as tables or as JSON; nothing is decided here."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from publishing.hub.plan import Change, RepositoryPlan
from publishing.hub.publish import Published

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["plan_as_json", "print_plan", "print_published", "published_as_json"]

_STYLES = {
    Change.NEW: "green",
    Change.CHANGED: "yellow",
    Change.UNCHANGED: "dim",
    Change.DELETED: "red",
    Change.KEPT: "dim",
}


def plan_as_json(plans: Iterable[RepositoryPlan]) -> list[dict[str, Any]]:
    """Every repository with every file and what happens to it."""
    return [
        {
            "name": plan.repository.name,
            "kind": plan.repository.kind,
            "exists": plan.standing is not None,
            "files": [asdict(item) for item in plan.changes],
            "card_diff": list(plan.card_diff),
            "overruled": list(plan.overruled),
        }
        for plan in plans
    ]


def print_plan(plans: Iterable[RepositoryPlan], console: "Console", *, whole: bool = True) -> None:
    """Every repository, file and size, what happens to it, and how the card changes.

    Args:
        plans: what is planned.
        console: where it is printed.
        whole: whether the files are listed that nothing happens to.
    """
    from rich.table import Table

    for plan in plans:
        kind = "" if plan.repository.kind == "model" else f" ({plan.repository.kind})"
        state = "a new repository" if plan.standing is None else _summary(plan)
        console.print(f"[bold]{plan.repository.name}[/]{kind}: {state}")
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 2))
        table.add_column(justify="left")
        table.add_column()
        table.add_column(justify="right")
        shown = [item for item in plan.changes if whole or item.change is not Change.UNCHANGED]
        for item in shown:
            table.add_row(str(item.change), item.path, _size(item.size), style=_STYLES[item.change])
        if shown:
            console.print(table)
        for line in plan.card_diff:
            console.print(f"    {line}", markup=False, style=_diff_style(line))


def print_published(published: Published, console: "Console") -> None:
    """Each repository with what was sent and verified; then its address, whole, however narrow the terminal is."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("repository", "sent", "size", "verified", "commit"):
        right = name in ("sent", "size", "verified")
        table.add_column(name, justify="right" if right else "left", overflow="fold", no_wrap=right)
    for item in published.repositories:
        sent, verified = f"{item.sent} files", f"{item.verified} files"
        table.add_row(item.name, sent, _size(item.bytes), verified, item.commit[:8])
    console.print(table)
    for item in published.repositories:
        console.print(item.url, markup=False, soft_wrap=True)
    if published.tag:
        console.print(f"tag {published.tag}", markup=False)
    console.print(published.collection, markup=False, soft_wrap=True)


def published_as_json(published: Published) -> dict[str, Any]:
    """The result with every field."""
    return asdict(published)


def _summary(plan: RepositoryPlan) -> str:
    counts = [(len(plan.paths(change)), str(change)) for change in Change]
    return ", ".join(f"{count} {name}" for count, name in counts if count) or "empty"


def _size(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size >= 1e5 else f"{size:,} B"  # noqa: PLR2004 - a tenth of a megabyte


def _diff_style(line: str) -> str:
    return {"+": "green", "-": "red"}.get(line[:1], "dim")
