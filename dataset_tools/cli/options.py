"""Options shared by commands of ``afg-data``, and the library values made from them."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dataset_tools.display.console import stderr_console
from dataset_tools.errors import InputError, UsageError

if TYPE_CHECKING:
    from dataset_tools.executor.run import Work
    from dataset_tools.pipeline.outputs import Outputs
    from dataset_tools.pipeline.stage import RunReport
    from dataset_tools.pipeline.to_parts import FolderOutputs
    from dataset_tools.records.reading import ReadOptions

__all__ = [
    "AsJson", "CountTokens", "EngineChoice", "EngineName", "Examples", "Html", "LayoutName", "LogJson", "MinCell",
    "OutputOrFolder", "PartsFormat", "Quiet", "RayAddress", "Rejects", "Rename", "ReportFile", "Resume", "Sources",
    "TokenizerName", "ToolsFile", "Trace", "Workers", "WorkersOrTasks", "outputs_of", "print_json", "print_run",
    "read_options", "require_undamaged", "work_of", "write_page",
]  # fmt: skip


class EngineChoice(StrEnum):
    """Place of execution."""

    LOCAL = "local"
    RAY = "ray"


_INPUT, _RESULTS, _LARGE = "Reading", "Results", "Large data"
"""Groups of options in the help; options without a group come first."""

Sources = Annotated[
    list[str], typer.Argument(metavar="SRC", help="Files, folders or globs; s3:// or hf://datasets/ORG/NAME.")
]
OutputOrFolder = Annotated[
    str,
    typer.Option(
        "--output", "-o", metavar="FILE|DIR/", help=".jsonl, .jsonl.gz, .jsonl.zst, .parquet, or DIR/ for parts."
    ),
]
PartsFormat = Annotated[
    str,
    typer.Option(
        "--parts", metavar="ENDING", help="Format of the parts of a folder [default: parquet].", rich_help_panel=_LARGE
    ),
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Continue an interrupted run into a folder.", rich_help_panel=_LARGE)
]
LogJson = Annotated[
    bool, typer.Option("--log-json", help="Report progress on stderr as JSON lines.", rich_help_panel=_LARGE)
]
LayoutName = Annotated[
    str, typer.Option("--layout", metavar="NAME", help="Read every row as this layout.", rich_help_panel=_INPUT)
]
ToolsFile = Annotated[
    Path | None,
    typer.Option(
        "--tools-file",
        "--tools",
        metavar="FILE",
        help="Tools for layouts that declare none.",
        rich_help_panel=_INPUT,
    ),
]
Rename = Annotated[
    bool, typer.Option("--rename-tools", help="Rename tools that FunctionGemma parsers reject: a.b to a_b.")
]
Rejects = Annotated[
    Path | None,
    typer.Option(
        "--rejects",
        metavar="FILE",
        help="Rejected rows with reasons [default: next to the output].",
        rich_help_panel=_RESULTS,
    ),
]
ReportFile = Annotated[
    Path | None,
    typer.Option("--report", metavar="FILE", help="Counts of every rule, as JSON.", rich_help_panel=_RESULTS),
]
Trace = Annotated[
    Path | None,
    typer.Option("--trace", metavar="FILE", help="Every change with its path, one per line.", rich_help_panel=_RESULTS),
]
Workers = Annotated[
    int, typer.Option("--workers", "-j", min=1, max=256, help="Number of processes.", rich_help_panel=_LARGE)
]
WorkersOrTasks = Annotated[
    int | None,
    typer.Option(
        "--workers",
        "-j",
        min=1,
        max=256,
        help="Number of processes [default: 1; with Ray, one per CPU].",
        rich_help_panel=_LARGE,
    ),
]
EngineName = Annotated[
    EngineChoice,
    typer.Option("--engine", help="Where to run: this machine or a Ray cluster.", rich_help_panel=_LARGE),
]
RayAddress = Annotated[
    str,
    typer.Option(
        "--ray-address",
        metavar="auto|HOST:PORT",
        help="Ray cluster [default: one started for the run].",
        rich_help_panel=_LARGE,
    ),
]
Html = Annotated[
    Path | None, typer.Option("--html", metavar="FILE", help="Also write an HTML page.", rich_help_panel=_RESULTS)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.", rich_help_panel=_RESULTS)]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no table.", rich_help_panel=_RESULTS)]
Examples = Annotated[int, typer.Option("--examples", min=0, help="Findings to show per check; all are counted.")]
MinCell = Annotated[
    int, typer.Option("--min-cell", min=0, help="Warn if a dialect has fewer rows than this for a tool.")
]
TokenizerName = Annotated[
    str, typer.Option("--tokenizer", metavar="PATH|ID", help="Folder, or ORG/NAME[@REVISION] on the Hub.")
]
CountTokens = Annotated[
    str, typer.Option("--tokenizer", metavar="PATH|ID", help="Also count tokens: a folder, or ORG/NAME on the Hub.")
]


def read_options(layout: str, tools_file: Path | None) -> "ReadOptions":
    """Return the options for reading rows."""
    from dataset_tools.records.reading import ReadOptions

    return ReadOptions(layout=layout, tools_file=tools_file)


def work_of(engine: EngineChoice, ray_address: str, workers: int | None) -> "Work":
    """Return the workers: processes of this machine, or a Ray cluster.

    Raises:
        UsageError: Ray is not installed or does not answer, or an address is given without ``--engine ray``.
    """
    from dataset_tools.executor.run import Work

    if engine is EngineChoice.LOCAL:
        if ray_address:
            raise UsageError("--ray-address needs a Ray cluster", hint="add --engine ray")
        return Work(workers=workers or 1)
    from dataset_tools.executor.ray import RayCluster

    cluster = RayCluster(ray_address, workers or 0)
    cluster.check()
    return Work(engine=cluster)


def outputs_of(
    output: str,
    parts: str,
    rejects: Path | None,
    report: Path | None,
    trace: Path | None = None,
    page: Path | None = None,
    *,
    resume: bool,
) -> "Outputs | FolderOutputs":
    """Return the outputs: a folder if ``output`` is one or ends in a slash, else a file.

    Raises:
        OutputError: the remote store does not answer.
        UsageError: ``output`` is on the Hub, or a file is combined with ``--parts`` or ``--resume``.
    """
    from dataset_tools.io.output_paths import fail
    from dataset_tools.io.remote_path import as_path
    from dataset_tools.pipeline.outputs import Outputs
    from dataset_tools.pipeline.to_parts import FolderOutputs

    if output.startswith("hf://"):
        raise UsageError(f"{output}: the output cannot be on the Hub", hint="write a local folder and upload it")
    rejects, report, trace = [other and as_path(other) for other in (rejects, report, trace)]
    path = as_path(output)
    try:
        is_folder = output.endswith("/") or path.is_dir()
    except OSError as error:
        fail(error, path, 0)
    if is_folder:
        ending = f".{(parts or 'parquet').removeprefix('.')}"
        return FolderOutputs(path, ending, rejects, report, trace, resume, page=page)
    if parts or resume:
        option = "--resume" if resume else "--parts"
        raise UsageError(f"{option} is for a folder, and {output} names a file", hint=f"-o {path.with_suffix('')}/")
    return Outputs(path, rejects, report, trace, page)


def write_page(path: Path, page: str) -> None:
    """Write an HTML page.

    Raises:
        OutputError: it cannot be written.
    """
    from dataset_tools.io.writer import write_file

    write_file(path, page.encode("utf-8", "backslashreplace"))


def print_json(value: object) -> None:
    """Write a result to standard output as one line of JSON."""
    from dataset_tools.io.json_text import dump_text

    sys.stdout.write(dump_text(value) + "\n")


def print_run(result: "RunReport", *, as_json: bool, quiet: bool) -> None:
    """Print the report of a run: JSON on stdout, or text on stderr unless ``quiet``.

    Raises:
        InputError: an input was damaged.
    """
    from dataset_tools.cli.text import print_transform

    if as_json:
        print_json(result.as_json())
    elif not quiet:
        print_transform(result, stderr_console())
    require_undamaged(result.rejected, result.output)


def require_undamaged(rejected: dict[str, int], output: str) -> None:
    """Fail if input files were damaged, after their readable rows have been written.

    Raises:
        InputError: a file was damaged.
    """
    from dataset_tools.readers.row_reader import DAMAGED

    if count := rejected.get(DAMAGED):
        what = f"the input was damaged in {count} place{'s' * (count > 1)}: only what could be read is in {output}"
        raise InputError(what, hint="the rejects list the places; download those files again")
