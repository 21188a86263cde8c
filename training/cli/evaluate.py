"""``afg evaluate``, ``afg compare`` and ``afg call``: parse, make one library call, report."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from dataset_tools.display.console import stdout_console
from dataset_tools.display.progress import Progress
from dataset_tools.errors import UsageError
from training.answers.decoder import MAX_TOKENS, let_threads_sleep
from training.answers.progress import AnswerProgress

__all__ = ["add_commands"]


def add_commands(app: typer.Typer) -> None:
    """Add the commands to an application."""
    app.command("evaluate")(evaluate_command)
    app.command("compare")(compare_command)
    app.command("call")(call_command)


def evaluate_command(
    names: Annotated[
        list[str],
        typer.Argument(metavar="[MODEL] DATA", help="What is asked, and records with gold in any known layout."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The result, as JSON; a page stands beside it.")],
    predictions: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Outputs made elsewhere: JSONL of id and text, or of id and tool_calls."),
    ] = None,
    limit: Annotated[int, typer.Option(min=0, help="Ask only the first rows; 0 asks all.")] = 0,
    batch: Annotated[int, typer.Option(min=0, help="Rows decoded together; 0 for what suits the machine.")] = 0,
    max_tokens: Annotated[int, typer.Option(min=1, help="Where an answer is cut off.")] = MAX_TOKENS,
    base: Annotated[str, typer.Option(metavar="PATH|ID", help="An adapter's base, where it is not found.")] = "",
    layout: Annotated[str, typer.Option("--layout", metavar="NAME", help="Read every row as this layout.")] = "",
    tools_file: Annotated[
        Path | None, typer.Option("--tools-file", metavar="FILE", help="Tools for layouts that declare none.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no table.")] = False,
) -> None:
    """Score a model's calls against reference answers.

    MODEL is a run of afg train, an adapter, a folder with weights, a GGUF file, or one of these on the Hub. Its answers
    are cached next to the result, so a repeated command resumes. Without MODEL, score the outputs in --predictions.

    Example: afg evaluate run held-out.jsonl -o eval.json

    Example: afg evaluate --predictions outputs.jsonl held-out.jsonl -o eval.json
    """
    from dataset_tools.records.reading import Reading
    from training.answers.decode import DecodeOptions
    from training.evaluate.evaluate import GoldOptions, evaluate, evaluate_model
    from training.evaluate.text import print_evaluation

    let_threads_sleep()
    model, data = _model_and_data(names, predictions)
    options = GoldOptions(reading=Reading(layout=layout, tools_file=tools_file), limit=limit)
    if predictions is not None:
        with Progress("evaluate", quiet=quiet) as reading:
            evaluation = evaluate(
                [data],
                predictions,
                output=output,
                options=options,
                on_rows=lambda rows, done, total: reading.show(done, total, f"{rows:,} rows"),
            )
    else:
        decoding = DecodeOptions(batch=batch, max_tokens=max_tokens, base=base)
        with AnswerProgress(quiet=quiet) as progress:
            evaluation = evaluate_model(
                [data], model, output, options=options, decoding=decoding, on_answers=progress.answered
            )
    if not quiet:
        print_evaluation(evaluation, stdout_console())


def _model_and_data(names: list[str], predictions: Path | None) -> tuple[str, str]:
    """The model, empty where predictions stand for it, and the data.

    Raises:
        UsageError: there are not as many names as there must be.
    """
    if predictions is not None and len(names) != 1:
        raise UsageError(f"{len(names)} sources of gold", hint="with --predictions, name one DATA and no model")
    if predictions is None and len(names) == 1:
        raise UsageError("nothing to evaluate", hint="name a MODEL before DATA, or outputs with --predictions FILE")
    if len(names) > 2:  # noqa: PLR2004 - a model and data
        raise UsageError(f"{len(names)} names", hint="name one MODEL and one DATA")
    return (names[0], names[1]) if predictions is None else ("", names[0])


def call_command(
    model: Annotated[str, typer.Argument(help="A run, an adapter, a folder with weights, a GGUF file, or a Hub id.")],
    text: Annotated[str, typer.Argument(help="What the user says.")],
    tools: Annotated[Path, typer.Option("--tools", metavar="FILE", help="The tools it may call: a JSON array.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one object: calls, text, warnings.")] = False,
    raw: Annotated[bool, typer.Option("--raw", help="Print what the model wrote, too.")] = False,
    max_tokens: Annotated[int, typer.Option(min=1, help="Where the answer is cut off.")] = MAX_TOKENS,
    base: Annotated[str, typer.Option(metavar="PATH|ID", help="An adapter's base, where it is not found.")] = "",
) -> None:
    """Try a model: print the calls that it makes as JSON, one a line; exit 1 if there is none.

    Example: afg call run "ما حالة الطقس في جدة غدًا؟" --tools tools.json
    """
    from dataset_tools.io.jsonl import dump_text
    from training.answers.call import call
    from training.answers.decode import DecodeOptions

    let_threads_sleep()
    made = call(model, text, tools, DecodeOptions(batch=1, max_tokens=max_tokens, base=base))
    if as_json:
        sys.stdout.write(dump_text(made.as_json(raw=raw)) + "\n")
    else:
        lines = [*([made.text] if raw else []), *map(dump_text, made.calls)]
        sys.stdout.writelines(f"{line}\n" for line in lines)
    if not made.calls:
        if not as_json:
            sys.stderr.write(f"afg call: {made.why_none}\n")
        raise typer.Exit(1)


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
    from dataset_tools.io.jsonl import dump_text
    from dataset_tools.io.writer import write_file
    from training.evaluate.compare import compare_files
    from training.evaluate.comparison_page import comparison_page
    from training.evaluate.text import print_comparison

    if output is not None and output.suffix != ".html":
        raise UsageError(f"{output}: the page is HTML", hint="end its name in .html")
    comparison = compare_files(results)
    if output is not None:
        write_file(output, comparison_page(comparison).encode())
    if as_json:
        sys.stdout.write(dump_text(comparison.as_json()) + "\n")
    else:
        print_comparison(comparison, stdout_console(), flips)
