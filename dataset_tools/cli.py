"""``afg-data``: the command line over :mod:`dataset_tools`.

A command parses its options, makes one library call and reports what comes back. Everything heavy is imported
inside the command that needs it, so that ``--help`` answers at once.
"""

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dataset_tools import cli_datasets
from dataset_tools.cli_options import (
    LayoutName,
    Output,
    Quiet,
    Rejects,
    Rename,
    ReportFile,
    Sources,
    TokenizerName,
    ToolsFile,
    Trace,
    Workers,
    find,
    progress_of,
    require_whole,
)
from dataset_tools.console import EXIT_CODES, run_app, stderr_console, stdout_console
from dataset_tools.errors import UsageError
from dataset_tools.sample import SamplePart

if TYPE_CHECKING:
    from dataset_tools.rendering import Problem

__all__ = ["app", "main"]

_CODES = "\n".join(f"{code:>5}  {meaning}" for code, meaning in EXIT_CODES.items())
app = typer.Typer(
    name="afg-data",
    help="Arabic function-calling data: import it from any layout, clean it, validate it.",
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


@app.command("import")
def import_command(
    sources: Sources,
    output: Output,
    layout: LayoutName = "",
    tools_file: ToolsFile = None,
    rename_tools: Rename = False,
    rejects: Rejects = None,
    report: ReportFile = None,
    workers: Workers = 1,
    quiet: Quiet = False,
) -> None:
    """Read any known layout and write records; nothing is repaired.

    Example: afg-data import raw/ -o records.jsonl
    """
    from dataset_tools.importing import ImportOptions, import_data  # noqa: PLC0415
    from dataset_tools.reporting import print_transform  # noqa: PLC0415
    from dataset_tools.transform import Outputs  # noqa: PLC0415

    options = ImportOptions(layout, tools_file, rename_tools, workers)
    outputs = Outputs(output, rejects or Outputs.default_rejects(output), report)
    files = find(sources)
    with progress_of("import", files, quiet=quiet) as progress:
        result = import_data(files, outputs, options, on_shard=progress.shard_done)
    if not quiet:
        print_transform(result, stderr_console())
    require_whole(result.rejected, result.output)


@app.command("clean")
def clean_command(
    sources: Sources,
    output: Output,
    fold: Annotated[
        str,
        typer.Option(
            metavar="NAME,...",
            help="Fold letters in text and arguments together: dediac, alef, alef-maksura, teh-marbuta, digits.",
        ),
    ] = "",
    developer_turn: Annotated[bool, typer.Option(help="Add the developer turn where it is missing.")] = True,
    layout: LayoutName = "",
    tools_file: ToolsFile = None,
    rename_tools: Rename = False,
    rejects: Rejects = None,
    report: ReportFile = None,
    trace: Trace = None,
    workers: Workers = 1,
    quiet: Quiet = False,
) -> None:
    """Repair every row without losing anything, and write records.

    Example: afg-data clean raw.jsonl -o clean.jsonl --report report.json
    """
    from dataset_tools.cleaning import CleanOptions, clean  # noqa: PLC0415
    from dataset_tools.reporting import print_transform  # noqa: PLC0415
    from dataset_tools.transform import Outputs  # noqa: PLC0415

    folds = tuple(name.strip() for name in fold.split(",") if name.strip())
    options = CleanOptions(folds, developer_turn, layout, tools_file, rename_tools, workers)
    outputs = Outputs(output, rejects or Outputs.default_rejects(output), report, trace)
    files = find(sources)
    with progress_of("clean", files, quiet=quiet) as progress:
        result = clean(files, outputs, options, on_shard=progress.shard_done)
    if not quiet:
        print_transform(result, stderr_console())
    require_whole(result.rejected, result.output)


@app.command("validate")
def validate_command(
    sources: Sources,
    format_: Annotated[Format, typer.Option("--format", help="How to print the findings.")] = Format.TEXT,
    fail_on: Annotated[Level, typer.Option(help="Exit with 1 from this severity on.")] = Level.ERROR,
    tools_file: ToolsFile = None,
    layout: LayoutName = "",
    examples: Annotated[int, typer.Option(min=0, help="Findings of each check to show; all are counted.")] = 3,
    workers: Workers = 1,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Check every row: what is wrong, where, what mends it.

    Example: afg-data validate clean.jsonl --fail-on warning
    """
    from dataset_tools.checks.base import Severity  # noqa: PLC0415
    from dataset_tools.jsonl import dump_text  # noqa: PLC0415
    from dataset_tools.reporting import github_annotations, print_validation  # noqa: PLC0415
    from dataset_tools.validate import Options, validate  # noqa: PLC0415

    # An annotation is one finding at its line, so GitHub gets them all.
    options = Options(layout, tools_file, workers, -1 if format_ is Format.GITHUB else examples)
    files = find(sources)
    with progress_of("validate", files, quiet=quiet) as progress:
        result = validate(files, options, on_shard=progress.shard_done)
    if format_ is Format.JSON:
        sys.stdout.write(dump_text(result.as_json()) + "\n")
    elif format_ is Format.GITHUB:
        sys.stdout.writelines(f"{line}\n" for line in github_annotations(result))
    else:
        print_validation(result, stdout_console())
    if result.has(Severity(fail_on)):
        raise typer.Exit(1)


@app.command("render")
def render_command(
    sources: Sources,
    generation_prompt: Annotated[
        bool, typer.Option("--generation-prompt", help="End with the header of the turn that the model is to write.")
    ] = False,
    workers: Workers = 1,
) -> None:
    """Print each row as the text that the model reads, as JSONL.

    A row that FunctionGemma's template cannot express is told on standard error, and the exit code is 1.
    Example: afg-data render clean.jsonl > texts.jsonl
    """
    from dataset_tools.rendering import render_rows  # noqa: PLC0415

    def tell(problem: "Problem") -> None:
        who = problem.id or "row"
        sys.stderr.write(f"{problem.file}:{problem.line}: {who}: {problem.reason}\n")

    counts = render_rows(
        sources, sys.stdout.buffer, generation_prompt=generation_prompt, workers=workers, on_problem=tell
    )
    sys.stdout.flush()
    if counts.refused:
        sys.stderr.write(f"{counts.rendered:,} of {counts.rows:,} rows rendered\n")
        raise typer.Exit(1)


@app.command("build")
def build_command(
    sources: Sources,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="The folder of samples to write.")],
    tokenizer: TokenizerName,
    max_length: Annotated[int, typer.Option(min=1, help="The most tokens of a sample; none is ever cut off.")] = 4096,
    shuffle_tools: Annotated[
        int | None,
        typer.Option(metavar="SEED", help="Shuffle each row's tools, so that no place gives the answer away."),
    ] = None,
    max_tools: Annotated[int | None, typer.Option(min=1, help="Offer at most so many tools; called ones stay.")] = None,
    fit: Annotated[bool, typer.Option("--fit", help="Drop tools that are not called where a row is too long.")] = False,
    verify: Annotated[
        str, typer.Option(metavar="N|all", help="Rows to compare with the tokenizer's own chat template.")
    ] = "200",
    layout: LayoutName = "",
    tools_file: ToolsFile = None,
    workers: Workers = 1,
    quiet: Quiet = False,
) -> None:
    """Make the masked samples that a model is trained on: Parquet, for datasets and TRL.

    Example: afg-data build clean.jsonl -o samples --tokenizer unsloth/functiongemma-270m-it --shuffle-tools 7
    """
    from dataset_tools.build_stage import SampleOptions  # noqa: PLC0415
    from dataset_tools.building import BuildOptions, build  # noqa: PLC0415
    from dataset_tools.reporting import print_build  # noqa: PLC0415

    if verify != "all" and not verify.isdecimal():
        raise UsageError(f"--verify {verify}: neither a number of rows nor all")
    count = -1 if verify == "all" else int(verify)
    samples = SampleOptions(max_length, shuffle_tools, max_tools, fit, count)
    files = find(sources)
    with progress_of("build", files, quiet=quiet) as progress:
        options = BuildOptions(samples, layout, tools_file, workers)
        report = build(files, output, tokenizer, options, on_shard=progress.shard_done)
    if not quiet:
        print_build(report, stderr_console())
    require_whole(report.rejected, str(report.output))


@app.command("show")
def show_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that `afg-data build` has written.")],
    row: Annotated[
        int | None, typer.Option(min=0, help="The sample, counted from 0 as datasets does [default: 0].")
    ] = None,
    identity: Annotated[str | None, typer.Option("--id", metavar="ID", help="The sample with this id.")] = None,
    count: Annotated[
        int, typer.Option("--count", "-n", min=1, max=1000, help="Samples to show, from that one on.")
    ] = 1,
    ids: Annotated[bool, typer.Option("--ids", help="List every token with its id.")] = False,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page for the browser instead.")] = None,
    tokenizer: Annotated[
        str, typer.Option("--tokenizer", metavar="PATH|ID", help="Another place of the tokenizer [default: as built].")
    ] = "",
) -> None:
    """Show samples as text, what is trained and what is ignored told apart.

    Example: afg-data show samples --row 3
    """
    from dataset_tools.preview import preview  # noqa: PLC0415

    found = preview(folder, row, identity=identity, count=count, tokenizer=tokenizer)
    if html is None:
        from dataset_tools.show_text import print_preview  # noqa: PLC0415

        print_preview(found, stdout_console(), ids=ids)
        return
    from dataset_tools.output import write_file  # noqa: PLC0415
    from dataset_tools.show_html import page  # noqa: PLC0415

    write_file(html, page(found).encode("utf-8"))
    shown = "1 sample" if len(found.views) == 1 else f"{len(found.views):,} samples"
    sys.stderr.write(f"{shown} → {html}\n")


cli_datasets.mount(app)


@app.command("parse")
def parse_command(
    source: Annotated[str, typer.Argument(metavar="FILE", help="A model's outputs; - for standard input.")] = "-",
    tools: Annotated[Path | None, typer.Option(metavar="FILE", help="Tools that give the arguments types.")] = None,
) -> None:
    """Read a model's raw outputs and print their calls, as JSONL.

    Takes plain lines, or JSONL with id and text. The exit code is 1 if an output could not be read.
    Example: afg-data parse outputs.jsonl --tools tools.json
    """
    from dataset_tools.converting import load_tools  # noqa: PLC0415
    from dataset_tools.parsing import open_outputs, parse_rows  # noqa: PLC0415

    declared = list(load_tools(tools).values()) if tools else None
    with open_outputs(source) as stream:
        counts = parse_rows(stream, sys.stdout.buffer, tools=declared)
    sys.stdout.flush()
    if counts.failed:
        sys.stderr.write(f"{counts.parsed:,} of {counts.rows:,} outputs read\n")
        raise typer.Exit(1)


@app.command("checks")
def checks_command(
    code: Annotated[str, typer.Argument(help="One check, to explain.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the catalogue as JSON.")] = False,
) -> None:
    """List the checks of the catalogue, or explain one.

    Example: afg-data checks ungrounded-argument
    """
    from dataset_tools.checks.base import catalogue  # noqa: PLC0415
    from dataset_tools.jsonl import dump_text  # noqa: PLC0415
    from dataset_tools.reporting import check_facts, print_check, print_checks  # noqa: PLC0415

    if code and code not in catalogue():
        raise UsageError(f"there is no check {code!r}", hint="`afg-data checks` lists them")
    if as_json:
        chosen = [catalogue()[code]] if code else catalogue().values()
        sys.stdout.write(dump_text([check_facts(check) for check in chosen]) + "\n")
    elif code:
        print_check(catalogue()[code], stdout_console())
    else:
        print_checks(stdout_console())


@app.command("layouts")
def layouts_command() -> None:
    """List the layouts that are recognised.

    Example: afg-data layouts
    """
    from dataset_tools.layouts import all_layouts  # noqa: PLC0415

    for layout in all_layouts():
        sys.stdout.write(f"{layout.name:<16}{layout.title}\n")


@app.command("sample")
def sample_command(
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write; .jsonl.")],
    dirty: Annotated[bool, typer.Option("--dirty", help="The edition with known defects.")] = False,
    part: Annotated[
        SamplePart, typer.Option("--part", help="All rows, those to train on, or those held out to test on.")
    ] = SamplePart.ALL,
) -> None:
    """Write the bundled sample, clean or with known defects, whole or one part of it.

    Example: afg-data sample --dirty --part train -o raw.jsonl
    """
    from dataset_tools.output import write_file  # noqa: PLC0415
    from dataset_tools.sample.parts import text  # noqa: PLC0415

    if output.suffix != ".jsonl":
        raise UsageError(f"{output}: the sample is JSON Lines", hint="end its name in .jsonl")
    write_file(output, text(part, dirty=dirty).encode())


def main() -> None:
    """Run ``afg-data``."""
    run_app(app, "afg-data")
