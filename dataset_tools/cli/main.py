"""``afg-data``: the command line over :mod:`dataset_tools`.

A command parses its options, makes one library call and reports what comes back. Everything heavy is imported
inside the command that needs it, so that ``--help`` answers at once.
"""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from dataset_tools.bundled import SamplePart
from dataset_tools.cli import datasets, records, samples
from dataset_tools.cli.options import (
    EngineChoice,
    EngineName,
    Html,
    LayoutName,
    RayAddress,
    Sources,
    ToolsFile,
    WorkersOrTasks,
    check_page,
    find,
    print_json,
    progress_of,
    reading_of,
    work_of,
    write_page,
)
from dataset_tools.display.console import EXIT_CODES, run_app, stdout_console
from dataset_tools.errors import UsageError

__all__ = ["app", "main"]

_CODES = "\n".join(f"{code:>5}  {meaning}" for code, meaning in EXIT_CODES.items())
app = typer.Typer(
    name="afg-data",
    help="Arabic function-calling data, from any layout to what a model is trained on: clean, validate, split, build.",
    epilog=f"\b\nExit codes:\n{_CODES}",
    no_args_is_help=True,
    rich_markup_mode=None,  # rich costs a tenth of a second that a help text is not worth
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Format(StrEnum):
    """How ``validate`` prints its result."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


class Level(StrEnum):
    """From which severity on ``validate`` fails."""

    ERROR = "error"
    WARNING = "warning"


records.mount(app)


@app.command("validate")
def validate_command(
    sources: Sources,
    format_: Annotated[Format, typer.Option("--format", help="How to print the findings.")] = Format.TEXT,
    fail_on: Annotated[Level, typer.Option(help="Exit with 1 from this severity on.")] = Level.ERROR,
    tools_file: ToolsFile = None,
    layout: LayoutName = "",
    examples: Annotated[int, typer.Option(min=0, help="Findings of each check to show; all are counted.")] = 3,
    html: Html = None,
    engine: EngineName = EngineChoice.LOCAL,
    ray_address: RayAddress = "",
    workers: WorkersOrTasks = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Check every row: what is wrong, where, what mends it.

    Example: afg-data validate clean.jsonl --fail-on warning
    """
    from dataset_tools.checks.base import Severity
    from dataset_tools.cli.text import github_annotations, print_validation
    from dataset_tools.validation.validate import ValidateOptions, validate

    # An annotation is one finding at its line, so GitHub gets them all.
    shown = -1 if format_ is Format.GITHUB else examples
    options = ValidateOptions(
        examples=shown,
        reading=reading_of(layout, tools_file),
        work=work_of(engine, ray_address, workers),
    )
    files = find(sources)
    check_page(html, files)
    with progress_of("validate", files, quiet=quiet) as progress:
        result = validate(files, options, on_shard=progress.shard_done)
    if html:
        from dataset_tools.report.pages import validation_page
        from dataset_tools.validation.excerpts import excerpts

        write_page(html, validation_page(sources, result, excerpts(files, result, options)))
    if format_ is Format.JSON:
        print_json(result.as_json())
    elif format_ is Format.GITHUB:
        sys.stdout.writelines(f"{line}\n" for line in github_annotations(result))
    else:
        print_validation(result, stdout_console())
    if result.has(Severity(fail_on)):
        raise typer.Exit(1)


samples.mount(app)
datasets.mount(app)


@app.command("checks")
def checks_command(
    code: Annotated[str, typer.Argument(help="One check, to explain.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the catalogue as JSON.")] = False,
) -> None:
    """List the checks of the catalogue, or explain one.

    Example: afg-data checks ungrounded-argument
    """
    from dataset_tools.checks.base import catalogue
    from dataset_tools.cli.text import check_facts, print_check, print_checks

    if code and code not in catalogue():
        raise UsageError(f"there is no check {code!r}", hint="`afg-data checks` lists them")
    if as_json:
        chosen = [catalogue()[code]] if code else catalogue().values()
        print_json([check_facts(check) for check in chosen])
    elif code:
        print_check(catalogue()[code], stdout_console())
    else:
        print_checks(stdout_console())


@app.command("layouts")
def layouts_command(
    as_json: Annotated[bool, typer.Option("--json", help="Print the list as JSON.")] = False,
) -> None:
    """List the layouts that are recognised.

    Example: afg-data layouts
    """
    from dataset_tools.records.layouts import all_layouts

    if as_json:
        print_json([{"name": layout.name, "title": layout.title} for layout in all_layouts()])
        return
    for layout in all_layouts():
        sys.stdout.write(f"{layout.name:<16}{layout.title}\n")


@app.command("sample")
def sample_command(
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write; .jsonl.")],
    dirty: Annotated[bool, typer.Option("--dirty", help="The edition with known defects.")] = False,
    part: Annotated[
        SamplePart, typer.Option("--part", help="All rows, those to train on, or those held out to test on.")
    ] = SamplePart.ALL,
    rows: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="With --part train: so many new rows of the same phrases.")
    ] = None,
) -> None:
    """Write the bundled sample, clean or with known defects, whole or one part of it.

    With --rows, rows to train on are drawn anew from its phrases; none asks or calls what a held-out row does.

    Example: afg-data sample --dirty --part train -o raw.jsonl
    """
    from dataset_tools.bundled.drawing import draw
    from dataset_tools.bundled.parts import text
    from dataset_tools.io.writer import write_file

    if output.suffix != ".jsonl":
        raise UsageError(f"{output}: the sample is JSON Lines", hint="end its name in .jsonl")
    if rows is not None and (dirty or part is not SamplePart.TRAIN):
        raise UsageError("--rows draws rows to train on", hint="with --part train, and without --dirty")
    write_file(output, (text(part, dirty=dirty) if rows is None else draw(rows)).encode())


def main() -> None:
    """Run ``afg-data``."""
    run_app(app, "afg-data")
