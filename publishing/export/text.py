"""Result of an export as a table or as JSON."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from publishing.export.agreement import same_answers
from publishing.export.export import ExportResult

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["as_json", "print_device"]


def as_json(result: ExportResult) -> dict[str, Any]:
    """Return ``release.json`` without the list of files, plus the steps made now."""
    made = {"made": list(result.made), "left_out": result.left_out}
    return {"release": str(result.path), **made, **result.manifest}


def print_device(result: ExportResult, console: "Console") -> None:
    """Print size, memory and speed of each GGUF file on the machine that made it."""
    from rich.table import Table

    files: Mapping[str, Mapping[str, Any]] = result.manifest["gguf"]
    if not files:
        return
    speeds = next(iter(files.values()))["speed"]
    threads = " / ".join(str(speed["threads"]) for speed in speeds)
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("file", no_wrap=True)
    for name in ("size", "memory", "reads", "writes", "same answers"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, facts in sorted(files.items(), key=lambda item: -item[1]["size"]):
        table.add_row(
            name,
            f"{facts['size'] / 1e6:,.1f} MB",
            f"{facts['peak_memory_mib']:,.0f} MiB" if facts["peak_memory_mib"] is not None else "",
            _rates(facts, "prefill"),
            _rates(facts, "decode"),
            same_answers(facts),
        )
    console.print(table)
    cpus = ", ".join(dict.fromkeys(facts["cpu"] for facts in files.values()))
    line = f"tokens/s on {threads} threads of {cpus}, at {speeds[0]['context']:,} tokens of context"
    console.print(line, style="dim", markup=False)


def _rates(facts: Mapping[str, Any], what: str) -> str:
    return " / ".join(f"{speed[f'{what}_tokens_per_second']:,.0f}" for speed in facts["speed"])
