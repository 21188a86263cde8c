"""Commands of ``afg-data`` for whole datasets: dedup, report, split, stats."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from dataset_tools.cli import options as opt
from dataset_tools.display.console import ShardProgress, stderr_console, stdout_console

__all__ = ["dedup_command", "report_command", "split_command", "stats_command"]


class SplitFormat(StrEnum):
    """File formats of ``split``."""

    PARQUET = "parquet"
    JSONL = "jsonl"


def dedup_command(
    sources: opt.Sources,
    output: opt.OutputOrFolder,
    near: Annotated[
        float,
        typer.Option(metavar="SIMILARITY", help="Drop near-duplicates from this Jaccard similarity; 0: off."),
    ] = 0.9,
    twins: Annotated[
        bool, typer.Option("--twins", help="Also drop rows with equal calls but other questions.")
    ] = False,
    layout: opt.LayoutName = "",
    tools_file: opt.ToolsFile = None,
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
    """Drop rows that repeat an earlier row, exactly or nearly.

    Dropped rows are written to the rejects; each names the row that it repeats.

    Examples:
        afg-data dedup clean.jsonl -o distinct.jsonl
        afg-data dedup clean/ -o distinct/ --near 0.8 --twins -j 4
    """
    from dataset_tools.dedup.dedup import DedupOptions, dedup
    from dataset_tools.records.reading import Inputs

    options = DedupOptions(
        near=near or None,
        twins=twins,
        reading=opt.read_options(layout, tools_file),
        work=opt.work_of(engine, ray_address, workers),
    )
    outputs = opt.outputs_of(output, parts, rejects, report, resume=resume)
    inputs = Inputs.of(sources)
    with ShardProgress("dedup", inputs.size, quiet=quiet, passes=2, log_json=log_json) as progress:
        result = dedup(inputs, outputs, options, on_shard=progress.shard_done)
    opt.print_run(result, as_json=as_json, quiet=quiet)


def report_command(
    sources: opt.Sources,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The page; .html.")],
    tokenizer: opt.CountTokens = "",
    examples: opt.Examples = 3,
    min_cell: opt.MinCell = 5,
    layout: opt.LayoutName = "",
    tools_file: opt.ToolsFile = None,
    workers: opt.Workers = 1,
    quiet: opt.Quiet = False,
) -> None:
    """Write one HTML page about a dataset; it needs no network.

    Examples:
        afg-data report raw.jsonl -o report.html
        afg-data report data/train.parquet -o report.html --tokenizer gemma/
    """
    from dataset_tools.io.output_paths import check_outputs
    from dataset_tools.records.reading import Inputs
    from dataset_tools.report.pages import report_page
    from dataset_tools.report.report import PASSES, ReportOptions, report

    options = ReportOptions(
        tokenizer=tokenizer,
        min_cell=min_cell,
        examples=examples,
        reading=opt.read_options(layout, tools_file),
        work=opt.work_of(opt.EngineChoice.LOCAL, "", workers),
    )
    inputs = Inputs.of(sources)
    check_outputs(inputs.stamps.paths, files=(output,))
    with ShardProgress("report", inputs.size, quiet=quiet, passes=PASSES) as progress:
        result = report(inputs, options, on_shard=progress.shard_done)
    opt.write_page(output, report_page(result))
    if not quiet:
        sys.stderr.write(f"{result.before.rows:,} rows → {output}\n")


def split_command(
    sources: opt.Sources,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the splits.")],
    test: Annotated[float, typer.Option(metavar="SHARE", help="Share of test rows.")] = 0.1,
    validation: Annotated[float, typer.Option(metavar="SHARE", help="Share of validation rows.")] = 0.1,
    seed: Annotated[int, typer.Option(metavar="SEED", help="Random seed.")] = 0,
    by: Annotated[str, typer.Option(metavar="FIELD,...", help="Stratify by these fields.")] = "",
    near: Annotated[
        float,
        typer.Option(metavar="SIMILARITY", help="Keep questions this similar together; 0: equal ones only."),
    ] = 0.8,
    against: Annotated[
        list[str] | None,
        typer.Option("--against", metavar="FILE", help="Drop rows that overlap this evaluation set. Repeatable."),
    ] = None,
    made_by: Annotated[
        list[Path] | None,
        typer.Option("--made-by", metavar="FILE", help="Include this clean/dedup report in the card. Repeatable."),
    ] = None,
    format_: Annotated[SplitFormat, typer.Option("--format", help="File format of the splits.")] = SplitFormat.PARQUET,
    layout: opt.LayoutName = "",
    tools_file: opt.ToolsFile = None,
    rejects: opt.Rejects = None,
    as_json: opt.AsJson = False,
    engine: opt.EngineName = opt.EngineChoice.LOCAL,
    ray_address: opt.RayAddress = "",
    workers: opt.WorkersOrTasks = None,
    quiet: opt.Quiet = False,
) -> None:
    """Split into train, validation and test without leakage.

    No question and no call of one split occurs in another, not even in another spelling.

    Examples:
        afg-data split distinct.jsonl -o data --by dialect
        afg-data split distinct.jsonl -o data --test 0 --against test.jsonl
    """
    from dataset_tools.cli.text import print_split
    from dataset_tools.records.reading import Inputs
    from dataset_tools.split.split import SplitOptions, split

    fields = tuple(name.strip() for name in by.split(",") if name.strip())
    options = SplitOptions(
        test=test,
        validation=validation,
        seed=seed,
        by=fields,
        near=near or None,
        against=tuple(against or ()),
        reports=tuple(made_by or ()),
        format=format_.value,
        reading=opt.read_options(layout, tools_file),
        work=opt.work_of(engine, ray_address, workers),
    )
    inputs = Inputs.of(sources)
    with ShardProgress("split", inputs.size, quiet=quiet, passes=2) as progress:
        result = split(inputs, output, options, rejects=rejects, on_shard=progress.shard_done)
    if as_json:
        opt.print_json(dict(result.facts))
    elif not quiet:
        print_split(result, stderr_console())
    opt.require_undamaged(result.rejected, str(output))


def stats_command(
    sources: opt.Sources,
    tokenizer: opt.CountTokens = "",
    min_cell: opt.MinCell = 5,
    as_json: opt.AsJson = False,
    layout: opt.LayoutName = "",
    tools_file: opt.ToolsFile = None,
    engine: opt.EngineName = opt.EngineChoice.LOCAL,
    ray_address: opt.RayAddress = "",
    workers: opt.WorkersOrTasks = None,
    quiet: opt.Quiet = False,
) -> None:
    """Count tools, dialects, arguments, lengths and tokens.

    Examples:
        afg-data stats clean.jsonl --json
        afg-data stats clean.jsonl --tokenizer unsloth/functiongemma-270m-it
    """
    from dataset_tools.records.reading import Inputs
    from dataset_tools.stats.stats import StatsOptions, stats
    from dataset_tools.stats.text import print_stats

    options = StatsOptions(
        tokenizer=tokenizer,
        min_cell=min_cell,
        reading=opt.read_options(layout, tools_file),
        work=opt.work_of(engine, ray_address, workers),
    )
    inputs = Inputs.of(sources)
    with ShardProgress("stats", inputs.size, quiet=quiet) as progress:
        result = stats(inputs, options, on_shard=progress.shard_done)
    if as_json:
        opt.print_json(result.as_json())
    else:
        print_stats(result, stdout_console())
