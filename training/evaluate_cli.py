"""``afg evaluate`` and ``afg compare``: parse, make one library call, report."""

from pathlib import Path
from typing import Annotated

import typer

from dataset_tools.console import Progress, stdout_console
from dataset_tools.errors import UsageError

__all__ = ["add_commands"]


def add_commands(app: typer.Typer) -> None:
    """Add the commands to an application."""
    app.command("evaluate")(evaluate_command)


def evaluate_command(
    source: Annotated[str, typer.Argument(metavar="DATA", help="Records with gold answers, in any known layout.")],
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
    from dataset_tools.output import check_writable  # noqa: PLC0415
    from dataset_tools.shards import total_bytes  # noqa: PLC0415
    from training.eval_file import write_evaluation  # noqa: PLC0415
    from training.evaluate import GoldOptions, evaluate  # noqa: PLC0415
    from training.evaluate_text import print_evaluation  # noqa: PLC0415

    if predictions is None:
        raise UsageError("nothing to evaluate", hint="name outputs with --predictions FILE")
    if output.suffix != ".json":
        raise UsageError(f"{output}: the result is JSON", hint="end its name in .json")
    files = find_data([source])
    check_writable(output, [predictions, *(file.path for file in files)])
    with Progress("evaluate", total_bytes(files), quiet=quiet) as progress:
        options = GoldOptions(layout, tools_file, limit)
        evaluation = evaluate(files, predictions, options, on_shard=progress.shard_done)
    write_evaluation(output, evaluation)
    if not quiet:
        print_evaluation(evaluation, stdout_console())
