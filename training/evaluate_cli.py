"""``afg evaluate`` and ``afg compare``: parse, make one library call, report."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from dataset_tools.console import Progress, stdout_console
from dataset_tools.errors import UsageError

__all__ = ["add_commands"]


def add_commands(app: typer.Typer) -> None:
    """Add the commands to an application."""
    app.command("evaluate")(evaluate_command)
    app.command("compare")(compare_command)


def evaluate_command(
    names: Annotated[
        list[str], typer.Argument(metavar="[MODEL] DATA", help="Records with gold answers, in any known layout.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The result, as JSON; a page stands beside it.")],
    predictions: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Outputs made elsewhere: JSONL of id and text, or of id and tool_calls."),
    ] = None,
    limit: Annotated[int, typer.Option(min=0, help="Ask only the first rows; 0 asks all.")] = 0,
    layout: Annotated[str, typer.Option("--layout", metavar="NAME", help="Read every row as this layout.")] = "",
    tools_file: Annotated[
        Path | None, typer.Option("--tools-file", metavar="FILE", help="Tools for layouts that declare none.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no table.")] = False,
) -> None:
    """Hold a model's calls against gold: numbers with intervals, and a page of the errors.

    Example: afg evaluate --predictions outputs.jsonl held-out.jsonl -o eval.json
    """
    from dataset_tools.converting import find_data  # noqa: PLC0415
    from dataset_tools.output import check_writable, write_file  # noqa: PLC0415
    from dataset_tools.shards import total_bytes  # noqa: PLC0415
    from training.eval_file import write_evaluation  # noqa: PLC0415
    from training.evaluate import GoldOptions, evaluate  # noqa: PLC0415
    from training.evaluate_page import evaluation_page  # noqa: PLC0415
    from training.evaluate_text import print_evaluation  # noqa: PLC0415

    if predictions is None:
        raise UsageError("nothing to evaluate", hint="name outputs with --predictions FILE")
    if len(names) != 1:
        raise UsageError(f"{len(names)} sources of gold", hint="with --predictions, name one DATA and no model")
    if output.suffix != ".json":
        raise UsageError(f"{output}: the result is JSON", hint="end its name in .json")
    files = find_data(names)
    page = output.with_suffix(".html")
    for path in (output, page):
        check_writable(path, [predictions, *(file.path for file in files)])
    with Progress("evaluate", total_bytes(files), quiet=quiet) as progress:
        options = GoldOptions(layout, tools_file, limit)
        evaluation = evaluate(files, predictions, options, on_shard=progress.shard_done)
    write_evaluation(output, evaluation)
    write_file(page, evaluation_page(evaluation).encode())
    if not quiet:
        print_evaluation(evaluation, stdout_console())


def compare_command(
    results: Annotated[
        list[Path],
        typer.Argument(metavar="A B [C ...]", help="Results of afg evaluate; A is what the others are held to."),
    ],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write a page of it; .html.")] = None,
    flips: Annotated[int, typer.Option(min=0, help="Flipped rows to print; the page has more.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print the comparison as JSON.")] = False,
) -> None:
    """Compare evaluations of the same rows: differences with paired intervals, and the rows that flipped.

    Example: afg compare base.json tuned.json q8.json
    """
    from dataset_tools.jsonl import dump_text  # noqa: PLC0415
    from dataset_tools.output import write_file  # noqa: PLC0415
    from training.compare import compare_files  # noqa: PLC0415
    from training.compare_page import comparison_page  # noqa: PLC0415
    from training.evaluate_text import print_comparison  # noqa: PLC0415

    if output is not None and output.suffix != ".html":
        raise UsageError(f"{output}: the page is HTML", hint="end its name in .html")
    comparison = compare_files(results)
    if output is not None:
        write_file(output, comparison_page(comparison).encode())
    if as_json:
        sys.stdout.write(dump_text(comparison.as_json()) + "\n")
    else:
        print_comparison(comparison, stdout_console(), flips)
