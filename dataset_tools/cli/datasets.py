"""The commands of ``afg-data`` that look at a dataset as a whole: what it is made of, what repeats, how it is split."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from dataset_tools.cli.options import (
    AsJson,
    CountTokens,
    EngineChoice,
    EngineName,
    Examples,
    LayoutName,
    LogJson,
    MinCell,
    OutputOrFolder,
    PartsFormat,
    Quiet,
    RayAddress,
    Rejects,
    ReportFile,
    Resume,
    Sources,
    ToolsFile,
    Workers,
    WorkersOrTasks,
    outputs_of,
    print_json,
    reading_of,
    require_whole,
    tell_report,
    work_of,
    write_page,
)
from dataset_tools.display.console import stderr_console, stdout_console
from dataset_tools.display.progress import ShardProgress

__all__ = ["dedup_command", "report_command", "split_command", "stats_command"]


class SplitFormat(StrEnum):
    """File formats of ``split``."""

    PARQUET = "parquet"
    JSONL = "jsonl"


def dedup_command(
    sources: Sources,
    output: OutputOrFolder,
    near: Annotated[
        float,
        typer.Option(metavar="SIMILARITY", help="Drop near-duplicates from this Jaccard similarity; 0: off."),
    ] = 0.9,
    twins: Annotated[
        bool, typer.Option("--twins", help="Also drop rows with equal calls but other questions.")
    ] = False,
    layout: LayoutName = "",
    tools_file: ToolsFile = None,
    rejects: Rejects = None,
    report: ReportFile = None,
    as_json: AsJson = False,
    parts: PartsFormat = "",
    resume: Resume = False,
    log_json: LogJson = False,
    engine: EngineName = EngineChoice.LOCAL,
    ray_address: RayAddress = "",
    workers: WorkersOrTasks = None,
    quiet: Quiet = False,
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
        reading=reading_of(layout, tools_file),
        work=work_of(engine, ray_address, workers),
    )
    outputs = outputs_of(output, parts, rejects, report, resume=resume)
    inputs = Inputs.of(sources)
    with ShardProgress("dedup", inputs.size, quiet=quiet, passes=2, log_json=log_json) as progress:
        result = dedup(inputs, outputs, options, on_shard=progress.shard_done)
    tell_report(result, as_json=as_json, quiet=quiet)


def report_command(
    sources: Sources,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The page; .html.")],
    tokenizer: CountTokens = "",
    examples: Examples = 3,
    min_cell: MinCell = 5,
    layout: LayoutName = "",
    tools_file: ToolsFile = None,
    workers: Workers = 1,
    quiet: Quiet = False,
) -> None:
    """Write one HTML page about a dataset; it needs no network.

    Examples:
        afg-data report raw.jsonl -o report.html
        afg-data report data/train.parquet -o report.html --tokenizer gemma/
    """
    from dataset_tools.io.writer import check_outputs
    from dataset_tools.records.reading import Inputs
    from dataset_tools.report.pages import report_page
    from dataset_tools.report.report import PASSES, ReportOptions, report

    options = ReportOptions(
        tokenizer=tokenizer,
        min_cell=min_cell,
        examples=examples,
        reading=reading_of(layout, tools_file),
        work=work_of(EngineChoice.LOCAL, "", workers),
    )
    inputs = Inputs.of(sources)
    check_outputs(inputs.paths, files=(output,))
    with ShardProgress("report", inputs.size, quiet=quiet, passes=PASSES) as progress:
        result = report(inputs, options, on_shard=progress.shard_done)
    write_page(output, report_page(result))
    if not quiet:
        sys.stderr.write(f"{result.before.rows:,} rows → {output}\n")


def split_command(
    sources: Sources,
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
    layout: LayoutName = "",
    tools_file: ToolsFile = None,
    rejects: Rejects = None,
    as_json: AsJson = False,
    engine: EngineName = EngineChoice.LOCAL,
    ray_address: RayAddress = "",
    workers: WorkersOrTasks = None,
    quiet: Quiet = False,
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
        reading=reading_of(layout, tools_file),
        work=work_of(engine, ray_address, workers),
    )
    inputs = Inputs.of(sources)
    with ShardProgress("split", inputs.size, quiet=quiet, passes=2) as progress:
        result = split(inputs, output, options, rejects=rejects, on_shard=progress.shard_done)
    if as_json:
        print_json(dict(result.facts))
    elif not quiet:
        print_split(result, stderr_console())
    require_whole(result.rejected, str(output))


def stats_command(
    sources: Sources,
    tokenizer: CountTokens = "",
    min_cell: MinCell = 5,
    as_json: AsJson = False,
    layout: LayoutName = "",
    tools_file: ToolsFile = None,
    engine: EngineName = EngineChoice.LOCAL,
    ray_address: RayAddress = "",
    workers: WorkersOrTasks = None,
    quiet: Quiet = False,
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
        reading=reading_of(layout, tools_file),
        work=work_of(engine, ray_address, workers),
    )
    inputs = Inputs.of(sources)
    with ShardProgress("stats", inputs.size, quiet=quiet) as progress:
        result = stats(inputs, options, on_shard=progress.shard_done)
    if as_json:
        print_json(result.as_json())
    else:
        print_stats(result, stdout_console())
