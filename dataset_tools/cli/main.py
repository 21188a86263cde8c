"""``afg-data``: the command line over :mod:`dataset_tools`.

Each command parses its options, makes one library call and prints the result. Heavy imports are inside the commands, so
``--help`` is fast.
"""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from dataset_tools.bundled import SamplePart
from dataset_tools.cli import options as opt
from dataset_tools.cli.datasets import dedup_command, report_command, split_command, stats_command
from dataset_tools.cli.records import clean_command, import_command
from dataset_tools.cli.samples import build_command, parse_command, render_command, show_command
from dataset_tools.display.command_line import command_line, run_app
from dataset_tools.display.console import ShardProgress, stdout_console
from dataset_tools.errors import UsageError

__all__ = ["app", "main"]


class Format(StrEnum):
    """Output formats of ``validate``."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


class Level(StrEnum):
    """Lowest severity at which ``validate`` fails."""

    ERROR = "error"
    WARNING = "warning"


def validate_command(
    sources: opt.Sources,
    format_: Annotated[Format, typer.Option("--format", help="Output format; --json is --format json.")] = Format.TEXT,
    fail_on: Annotated[Level, typer.Option(help="Exit with 1 from this severity.")] = Level.ERROR,
    tools_file: opt.ToolsFile = None,
    layout: opt.LayoutName = "",
    examples: opt.Examples = 3,
    html: opt.Html = None,
    as_json: opt.AsJson = False,
    engine: opt.EngineName = opt.EngineChoice.LOCAL,
    ray_address: opt.RayAddress = "",
    workers: opt.WorkersOrTasks = None,
    quiet: opt.Quiet = False,
) -> None:
    """Check every row; report defects with place and repair.

    Examples:
        afg-data validate clean.jsonl --fail-on warning
        afg-data validate raw/ --json > findings.json
    """
    from dataset_tools.checks.base import Severity
    from dataset_tools.cli.text import github_annotations, print_validation
    from dataset_tools.io.output_paths import check_outputs
    from dataset_tools.records.reading import Inputs
    from dataset_tools.validation.validate import ValidateOptions, validate

    format_ = Format.JSON if as_json else format_
    # An annotation is one finding at its line, so GitHub gets them all.
    shown = -1 if format_ is Format.GITHUB else examples
    options = ValidateOptions(
        examples=shown,
        reading=opt.read_options(layout, tools_file),
        work=opt.work_of(engine, ray_address, workers),
    )
    inputs = Inputs.of(sources)
    check_outputs(inputs.stamps.paths, files=(html,))
    with ShardProgress("validate", inputs.size, quiet=quiet) as progress:
        result = validate(inputs, options, on_shard=progress.shard_done)
    if html:
        from dataset_tools.report.pages import validation_page
        from dataset_tools.validation.excerpts import excerpts

        opt.write_page(html, validation_page(sources, result, excerpts(inputs, result, options)))
    if format_ is Format.JSON:
        opt.print_json(result.as_json())
    elif format_ is Format.GITHUB:
        sys.stdout.writelines(f"{line}\n" for line in github_annotations(result))
    else:
        print_validation(result, stdout_console())
    if result.has(Severity(fail_on)):
        raise typer.Exit(1)


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


app = command_line(
    "afg-data",
    "Arabic function-calling data, from any layout to training samples.",
    {
        "sample": sample_command,
        "import": import_command,
        "clean": clean_command,
        "validate": validate_command,
        "dedup": dedup_command,
        "split": split_command,
        "stats": stats_command,
        "report": report_command,
        "build": build_command,
        "show": show_command,
        "render": render_command,
        "parse": parse_command,
        "checks": checks_command,
        "layouts": layouts_command,
    },
)


def main() -> None:
    """Run ``afg-data``."""
    run_app(app, "afg-data")


if __name__ == "__main__":
    main()
