"""``afg-data``: the command line over :mod:`dataset_tools`, and its commands for records: import, clean, validate.

Each command parses its options, makes one library call and prints the result. Heavy imports are inside the commands, so
``--help`` is fast.
"""

import sys
from enum import StrEnum
from typing import Annotated

import typer

from dataset_tools.cli import options as opt
from dataset_tools.cli.contents import checks_command, layouts_command, sample_command
from dataset_tools.cli.datasets import dedup_command, report_command, split_command, stats_command
from dataset_tools.cli.samples import build_command, parse_command, render_command, show_command
from dataset_tools.display.command_line import command_line, run_app
from dataset_tools.display.console import ShardProgress, stdout_console

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


def import_command(
    sources: opt.Sources,
    output: opt.OutputOrFolder,
    layout: opt.LayoutName = "",
    tools_file: opt.ToolsFile = None,
    rename_tools: opt.Rename = False,
    rejects: opt.Rejects = None,
    report: opt.ReportFile = None,
    as_json: opt.AsJson = False,
    parts: opt.PartsFormat = "",
    resume: opt.Resume = False,
    log_json: opt.LogJson = False,
    engine: opt.EngineName = opt.EngineChoice.LOCAL,
    ray_address: opt.RayAddress = "",
    workers: opt.WorkersOrTasks = None,
    quiet: opt.Quiet = False,
) -> None:
    """Convert any known layout to records; repair nothing.

    Examples:
        afg-data import raw/ -o records.jsonl
        afg-data import hf://datasets/ORG/NAME -o records/ -j 4 --resume
    """
    from dataset_tools.cleaning.clean import ImportOptions, import_data
    from dataset_tools.records.reading import Inputs

    options = ImportOptions(
        reading=opt.read_options(layout, tools_file),
        rename_tools=rename_tools,
        work=opt.work_of(engine, ray_address, workers),
    )
    outputs = opt.outputs_of(output, parts, rejects, report, resume=resume)
    inputs = Inputs.of(sources)
    with ShardProgress("import", inputs.size, quiet=quiet, log_json=log_json) as progress:
        result = import_data(inputs, outputs, options, on_shard=progress.shard_done)
    opt.print_run(result, as_json=as_json, quiet=quiet)


def clean_command(
    sources: opt.Sources,
    output: opt.OutputOrFolder,
    fold: Annotated[
        str,
        typer.Option(
            metavar="NAME,...",
            help="Also fold: dediac, alef, alef-maksura, teh-marbuta, digits.",
        ),
    ] = "",
    developer_turn: Annotated[bool, typer.Option(help="Add the developer turn if it is missing.")] = True,
    layout: opt.LayoutName = "",
    tools_file: opt.ToolsFile = None,
    rename_tools: opt.Rename = False,
    rejects: opt.Rejects = None,
    report: opt.ReportFile = None,
    trace: opt.Trace = None,
    html: opt.Html = None,
    as_json: opt.AsJson = False,
    parts: opt.PartsFormat = "",
    resume: opt.Resume = False,
    log_json: opt.LogJson = False,
    engine: opt.EngineName = opt.EngineChoice.LOCAL,
    ray_address: opt.RayAddress = "",
    workers: opt.WorkersOrTasks = None,
    quiet: opt.Quiet = False,
) -> None:
    """Convert any known layout to records and repair them.

    Rows that cannot be repaired are rejected with file, line and reason.

    Examples:
        afg-data clean raw.jsonl -o clean.jsonl --report report.json
        afg-data clean s3://bucket/raw/ -o clean/ -j 4 --resume
    """
    from dataset_tools.cleaning.clean import CleanOptions, clean
    from dataset_tools.records.reading import Inputs

    folds = tuple(name.strip() for name in fold.split(",") if name.strip())
    options = CleanOptions(
        fold=folds,
        developer_turn=developer_turn,
        reading=opt.read_options(layout, tools_file),
        rename_tools=rename_tools,
        work=opt.work_of(engine, ray_address, workers),
    )
    outputs = opt.outputs_of(output, parts, rejects, report, trace, html, resume=resume)
    inputs = Inputs.of(sources)
    with ShardProgress("clean", inputs.size, quiet=quiet, log_json=log_json) as progress:
        result = clean(inputs, outputs, options, on_shard=progress.shard_done)
    if html:
        from dataset_tools.report.pages import cleaning_page

        opt.write_page(html, cleaning_page(result))
    opt.print_run(result, as_json=as_json, quiet=quiet)


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
