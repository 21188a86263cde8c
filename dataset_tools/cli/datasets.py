"""The commands of ``afg-data`` that look at a dataset as a whole: what it is made of, what repeats, how it is split."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from dataset_tools.cli.options import (
    EngineChoice,
    EngineName,
    LayoutName,
    LogJson,
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
    check_page,
    find,
    outputs_of,
    print_json,
    progress_of,
    reading_of,
    require_whole,
    tell_report,
    work_of,
    write_page,
)
from dataset_tools.display.console import stderr_console, stdout_console

__all__ = ["mount"]


class SideFormat(StrEnum):
    """How ``split`` writes its sides."""

    PARQUET = "parquet"
    JSONL = "jsonl"


def mount(app: typer.Typer) -> None:
    """Add the commands to ``afg-data``."""
    app.command("dedup")(dedup_command)
    app.command("report")(report_command)
    app.command("split")(split_command)
    app.command("stats")(stats_command)


def dedup_command(
    sources: Sources,
    output: OutputOrFolder,
    near: Annotated[
        float,
        typer.Option(
            metavar="LIKENESS", help="Drop a row that calls the same and asks so nearly the same; 0 for no such row."
        ),
    ] = 0.9,
    twins: Annotated[bool, typer.Option("--twins", help="Drop rows that only make the same calls, too.")] = False,
    layout: LayoutName = "",
    tools_file: ToolsFile = None,
    rejects: Rejects = None,
    report: ReportFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    parts: PartsFormat = "",
    resume: Resume = False,
    log_json: LogJson = False,
    engine: EngineName = EngineChoice.LOCAL,
    ray_address: RayAddress = "",
    workers: WorkersOrTasks = None,
    quiet: Quiet = False,
) -> None:
    """Keep the first of rows that say the same; the others are rejects that name the row they repeat.

    Example: afg-data dedup clean.jsonl -o distinct.jsonl
    """
    from dataset_tools.dedup.dedup import DedupOptions, dedup

    options = DedupOptions(
        near=near or None,
        twins=twins,
        reading=reading_of(layout, tools_file),
        work=work_of(engine, ray_address, workers),
    )
    outputs = outputs_of(output, parts, rejects, report, resume=resume)
    files = find(sources)
    with progress_of("dedup", files, quiet=quiet, passes=2, log_json=log_json) as progress:
        result = dedup(files, outputs, options, on_shard=progress.shard_done)
    tell_report(result, as_json=as_json, quiet=quiet)


def report_command(
    sources: Sources,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The page to write; .html.")],
    tokenizer: Annotated[
        str, typer.Option("--tokenizer", metavar="PATH|ID", help="Count tokens, too: a folder, or ORG/NAME on the Hub.")
    ] = "",
    examples: Annotated[int, typer.Option(min=0, help="Findings of each check to show; all are counted.")] = 3,
    min_cell: Annotated[int, typer.Option(min=0, help="Tell where a dialect has fewer rows of a tool.")] = 5,
    layout: LayoutName = "",
    tools_file: ToolsFile = None,
    workers: Workers = 1,
    quiet: Quiet = False,
) -> None:
    """Write one page for the browser with all there is to see of a dataset; it needs no network.

    Example: afg-data report raw.jsonl -o report.html
    """
    from dataset_tools.report.pages import report_page
    from dataset_tools.report.report import PASSES, ReportOptions, report

    options = ReportOptions(
        tokenizer=tokenizer,
        min_cell=min_cell,
        examples=examples,
        reading=reading_of(layout, tools_file),
        work=work_of(EngineChoice.LOCAL, "", workers),
    )
    files = find(sources)
    check_page(output, files)
    with progress_of("report", files, quiet=quiet, passes=PASSES) as progress:
        result = report(files, options, on_shard=progress.shard_done)
    write_page(output, report_page(result))
    if not quiet:
        sys.stderr.write(f"{result.before.rows:,} rows → {output}\n")


def split_command(
    sources: Sources,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="The folder of sides to write.")],
    test: Annotated[float, typer.Option(metavar="SHARE", help="The share of rows to test on.")] = 0.1,
    validation: Annotated[float, typer.Option(metavar="SHARE", help="The share of rows to watch training with.")] = 0.1,
    seed: Annotated[int, typer.Option(help="Another one gives another split.")] = 0,
    by: Annotated[
        str, typer.Option(metavar="FIELD,...", help="Fields whose values are on every side in the same shares.")
    ] = "",
    near: Annotated[
        float,
        typer.Option(metavar="LIKENESS", help="Questions that are so nearly the same stay together; 0: equal ones."),
    ] = 0.8,
    against: Annotated[
        list[str] | None,
        typer.Option(
            "--against", metavar="FILE", help="Leave out what repeats a row of this evaluation data. Repeat it."
        ),
    ] = None,
    made_by: Annotated[
        list[Path] | None,
        typer.Option("--made-by", metavar="FILE", help="A report of clean or dedup, kept for the card. Repeat it."),
    ] = None,
    format_: Annotated[SideFormat, typer.Option("--format", help="The format of the sides.")] = SideFormat.PARQUET,
    layout: LayoutName = "",
    tools_file: ToolsFile = None,
    rejects: Rejects = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what split.json holds.")] = False,
    engine: EngineName = EngineChoice.LOCAL,
    ray_address: RayAddress = "",
    workers: WorkersOrTasks = None,
    quiet: Quiet = False,
) -> None:
    """Divide rows into train, validation and test, so that no side repeats a question or a call of another.

    Example: afg-data split distinct.jsonl -o data --by dialect
    """
    from dataset_tools.cli.text import print_split
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
    files = find(sources)
    with progress_of("split", files, quiet=quiet, passes=2) as progress:
        result = split(files, output, options, rejects=rejects, on_shard=progress.shard_done)
    if as_json:
        print_json(dict(result.facts))
    elif not quiet:
        print_split(result, stderr_console())
    require_whole(result.rejected, str(output))


def stats_command(
    sources: Sources,
    tokenizer: Annotated[
        str, typer.Option("--tokenizer", metavar="PATH|ID", help="Count tokens too: a folder, or ORG/NAME on the Hub.")
    ] = "",
    min_cell: Annotated[
        int, typer.Option(min=0, help="Tell each dialect with fewer rows than this of a tool, or without a call.")
    ] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="Print all of it as JSON.")] = False,
    layout: LayoutName = "",
    tools_file: ToolsFile = None,
    engine: EngineName = EngineChoice.LOCAL,
    ray_address: RayAddress = "",
    workers: WorkersOrTasks = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Count what a dataset is made of: tools, dialects, arguments, lengths.

    Example: afg-data stats clean.jsonl --tokenizer unsloth/functiongemma-270m-it
    """
    from dataset_tools.stats.stats import StatsOptions, stats
    from dataset_tools.stats.text import print_stats

    options = StatsOptions(
        tokenizer=tokenizer,
        min_cell=min_cell,
        reading=reading_of(layout, tools_file),
        work=work_of(engine, ray_address, workers),
    )
    files = find(sources)
    with progress_of("stats", files, quiet=quiet) as progress:
        result = stats(files, options, on_shard=progress.shard_done)
    if as_json:
        print_json(result.as_json())
    else:
        print_stats(result, stdout_console())
