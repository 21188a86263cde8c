"""Commands of ``afg-data`` for prompts and samples: render, build, show, parse."""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dataset_tools.cli import options as opt
from dataset_tools.display.console import ShardProgress, stderr_console, stdout_console
from dataset_tools.errors import UsageError

if TYPE_CHECKING:
    from dataset_tools.samples.render_rows import RenderProblem

__all__ = ["build_command", "parse_command", "render_command", "show_command"]


def render_command(
    sources: opt.Sources,
    output: Annotated[
        str,
        typer.Option("--output", "-o", metavar="FILE", help="File to write: .jsonl, .jsonl.gz, .jsonl.zst."),
    ] = "",
    generation_prompt: Annotated[
        bool, typer.Option("--generation-prompt", help="End with the header of the next model turn.")
    ] = False,
    layout: opt.LayoutName = "",
    tools_file: opt.ToolsFile = None,
    workers: opt.Workers = 1,
    quiet: opt.Quiet = False,
) -> None:
    """Print each row as the prompt text of the model, as JSONL.

    Rows that FunctionGemma's template cannot express are reported on stderr; the exit code is then 1.

    Examples:
        afg-data render clean.jsonl -o texts.jsonl
        afg-data render test.parquet --generation-prompt > prompts.jsonl
    """
    from dataset_tools.io.output_paths import check_outputs
    from dataset_tools.io.remote_path import as_path
    from dataset_tools.io.writer import Sink
    from dataset_tools.records.reading import Inputs
    from dataset_tools.samples.render_rows import render_rows

    def report(problem: "RenderProblem") -> None:
        who = problem.id or "row"
        sys.stderr.write(f"{problem.file}:{problem.line}: {who}: {problem.reason}\n")

    inputs = Inputs.of(sources, tools_file)
    converter = opt.read_options(layout, tools_file).converter()
    path = as_path(output) if output else None
    check_outputs(inputs.stamps.paths, lines=(path,))
    with Sink(path) if path else nullcontext(sys.stdout.buffer) as out:
        counts = render_rows(
            inputs,
            out,
            generation_prompt=generation_prompt,
            converter=converter,
            work=opt.work_of(opt.EngineChoice.LOCAL, "", workers),
            on_problem=report,
        )
    sys.stdout.flush()
    if counts.refused or (path and not quiet):
        sys.stderr.write(f"{counts.rendered:,} of {counts.rows:,} rows rendered{f' → {path}' if path else ''}\n")
    if counts.refused:
        raise typer.Exit(1)


def build_command(
    sources: opt.Sources,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the samples.")],
    tokenizer: opt.TokenizerName,
    max_length: Annotated[int, typer.Option(min=1, help="Reject samples with more tokens; none is truncated.")] = 4096,
    shuffle_tools: Annotated[
        int | None,
        typer.Option(metavar="SEED", help="Shuffle each row's tools with this random seed."),
    ] = None,
    max_tools: Annotated[int | None, typer.Option(min=1, help="Offer at most N tools; called tools stay.")] = None,
    fit: Annotated[bool, typer.Option("--fit", help="Drop uncalled tools from rows that are too long.")] = False,
    verify: Annotated[
        str, typer.Option(metavar="N|all", help="Rows to compare with the tokenizer's chat template.")
    ] = "200",
    layout: opt.LayoutName = "",
    tools_file: opt.ToolsFile = None,
    html: opt.Html = None,
    as_json: opt.AsJson = False,
    engine: opt.EngineName = opt.EngineChoice.LOCAL,
    ray_address: opt.RayAddress = "",
    workers: opt.WorkersOrTasks = None,
    quiet: opt.Quiet = False,
) -> None:
    """Build masked training samples: Parquet for datasets and TRL.

    Examples:
        afg-data build train.parquet -o samples --tokenizer unsloth/functiongemma-270m-it
        afg-data build train.parquet -o samples --tokenizer gemma/ --shuffle-tools 7 --fit
    """
    from dataset_tools.cli.text import print_build
    from dataset_tools.io.output_paths import check_outputs
    from dataset_tools.records.reading import Inputs
    from dataset_tools.samples.build import BuildOptions, build
    from dataset_tools.samples.stage import SampleOptions

    if verify != "all" and not verify.isdecimal():
        raise UsageError(f"--verify {verify}: neither a number of rows nor all")
    count = -1 if verify == "all" else int(verify)
    samples = SampleOptions(
        max_length=max_length, shuffle_seed=shuffle_tools, max_tools=max_tools, fit=fit, verify=count
    )
    reading, work = opt.read_options(layout, tools_file), opt.work_of(engine, ray_address, workers)
    options = BuildOptions(samples=samples, reading=reading, work=work)
    inputs = Inputs.of(sources)
    check_outputs(inputs.stamps.paths, folder=output, files=(html,))
    with ShardProgress("build", inputs.size, quiet=quiet) as progress:
        report = build(inputs, output, tokenizer, options, on_shard=progress.shard_done)
    if html:
        from dataset_tools.report.pages import build_page
        from dataset_tools.show.preview import preview

        opt.write_page(html, build_page(report, preview(output, count=3, tokenizer=tokenizer), max_length))
    if as_json:
        opt.print_json(dict(report.facts))
    elif not quiet:
        print_build(report, stderr_console())
    opt.require_undamaged(report.rejected, str(report.output))


def show_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder written by `afg-data build`.")],
    row: Annotated[int | None, typer.Option(min=0, help="Sample number, from 0 [default: 0].")] = None,
    identity: Annotated[str | None, typer.Option("--id", metavar="ID", help="Sample with this id.")] = None,
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=1000, help="Number of samples to show.")] = 1,
    ids: Annotated[bool, typer.Option("--ids", help="List every token with its id.")] = False,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write an HTML page instead.")] = None,
    tokenizer: Annotated[str, typer.Option("--tokenizer", metavar="PATH|ID", help="Tokenizer path, if it moved.")] = "",
) -> None:
    """Show samples with trained and ignored text marked.

    Examples:
        afg-data show samples --row 3
        afg-data show samples --count 20 --html samples.html
    """
    from dataset_tools.show.preview import preview

    found = preview(folder, row, identity=identity, count=count, tokenizer=tokenizer)
    if html is None:
        from dataset_tools.show.text import print_preview

        print_preview(found, stdout_console(), ids=ids)
        return
    from dataset_tools.io.writer import write_file
    from dataset_tools.show.samples_page import samples_page

    write_file(html, samples_page(found).encode("utf-8"))
    shown = "1 sample" if len(found.views) == 1 else f"{len(found.views):,} samples"
    sys.stderr.write(f"{shown} → {html}\n")


def parse_command(
    source: Annotated[str, typer.Argument(metavar="FILE", help="Outputs of a model; - reads standard input.")] = "-",
    tools: Annotated[
        Path | None, typer.Option("--tools", "--tools-file", metavar="FILE", help="Tools, for the types of arguments.")
    ] = None,
) -> None:
    """Parse raw outputs of a model and print the calls, as JSONL.

    Input: plain lines, or JSONL with id and text. The exit code is 1 if an output cannot be parsed.

    Examples:
        afg-data parse outputs.jsonl --tools tools.json
        cat outputs.txt | afg-data parse
    """
    from dataset_tools.records.reading import load_tools
    from dataset_tools.samples.parse_rows import open_outputs, parse_rows

    declared = list(load_tools(tools).values()) if tools else None
    with open_outputs(source) as stream:
        counts = parse_rows(stream, sys.stdout.buffer, tools=declared)
    sys.stdout.flush()
    if counts.failed:
        sys.stderr.write(f"{counts.parsed:,} of {counts.rows:,} outputs read\n")
        raise typer.Exit(1)
