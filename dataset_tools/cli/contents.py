"""Commands of ``afg-data`` for what the package contains: sample, checks, layouts."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from dataset_tools.bundled import SamplePart
from dataset_tools.cli import options as opt
from dataset_tools.display.console import stdout_console
from dataset_tools.errors import UsageError

__all__ = ["checks_command", "layouts_command", "sample_command"]


def checks_command(
    code: Annotated[str, typer.Argument(metavar="CODE", help="Explain this check.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the catalogue as JSON.")] = False,
) -> None:
    """List the checks of the catalogue, or explain one.

    Examples:
        afg-data checks
        afg-data checks ungrounded-argument
    """
    from dataset_tools.checks.base import catalogue
    from dataset_tools.cli.text import check_facts, print_check, print_checks

    if code and code not in catalogue():
        raise UsageError(f"unknown check {code!r}", hint="`afg-data checks` lists them")
    if as_json:
        chosen = [catalogue()[code]] if code else catalogue().values()
        opt.print_json([check_facts(check) for check in chosen])
    elif code:
        print_check(catalogue()[code], stdout_console())
    else:
        print_checks(stdout_console())


def layouts_command(
    as_json: Annotated[bool, typer.Option("--json", help="Print the list as JSON.")] = False,
) -> None:
    """List the dataset layouts that are recognised.

    Examples:
        afg-data layouts
        afg-data layouts --json
    """
    from dataset_tools.records.layouts import all_layouts

    if as_json:
        opt.print_json([{"name": layout.name, "title": layout.title} for layout in all_layouts()])
        return
    for layout in all_layouts():
        sys.stdout.write(f"{layout.name:<16}{layout.title}\n")


def sample_command(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The file; .jsonl.")],
    dirty: Annotated[bool, typer.Option("--dirty", help="The copy with known defects.")] = False,
    part: Annotated[
        SamplePart, typer.Option("--part", help="All rows, training rows or held-out rows.")
    ] = SamplePart.ALL,
    rows: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="With --part train: draw N new rows from its phrases.")
    ] = None,
) -> None:
    """Write the bundled sample, clean or with known defects.

    With --rows, new rows are drawn from its phrases; none repeats the question or calls of a held-out row.

    Examples:
        afg-data sample --dirty -o raw.jsonl
        afg-data sample --part train --rows 2000 -o drawn.jsonl
    """
    from dataset_tools.bundled.drawing import draw
    from dataset_tools.bundled.parts import text
    from dataset_tools.io.writer import write_file

    if output.suffix != ".jsonl":
        raise UsageError(f"{output}: the sample is JSON Lines", hint="end its name in .jsonl")
    if rows is not None and (dirty or part is not SamplePart.TRAIN):
        raise UsageError("--rows draws training rows only", hint="use --part train without --dirty")
    write_file(output, (text(part, dirty=dirty) if rows is None else draw(rows)).encode())
