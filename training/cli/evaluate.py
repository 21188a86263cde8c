"""``afg evaluate``, ``afg compare`` and ``afg call``: parse, make one library call, report."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from dataset_tools.cli.options import LayoutName, Quiet, ToolsFile, read_options
from dataset_tools.display.console import Progress, stdout_console
from dataset_tools.errors import UsageError
from training.answers.decoder import MAX_TOKENS, let_threads_sleep
from training.cli.options import BaseName, MaxTokens, ModelName
from training.cli.progress import AnswerProgress

__all__ = ["call_command", "compare_command", "evaluate_command"]


def evaluate_command(
    names: Annotated[list[str], typer.Argument(metavar="[MODEL] DATA", help="Model, and records in any layout.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Result, .json; a page goes next to it.")
    ],
    predictions: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Score these outputs: JSONL of id and text or tool_calls.")
    ] = None,
    limit: Annotated[int, typer.Option(metavar="N", min=0, help="Ask the first N rows only; 0 for all.")] = 0,
    batch: Annotated[int, typer.Option(metavar="N", min=0, help="Prompts decoded together; 0 chooses by device.")] = 0,
    max_tokens: MaxTokens = MAX_TOKENS,
    base: BaseName = "",
    layout: LayoutName = "",
    tools_file: ToolsFile = None,
    quiet: Quiet = False,
) -> None:
    """Score a model's calls against reference answers.

    MODEL is a run of afg train, an adapter, a folder with weights, a GGUF file, or one of these on the Hub. Its answers
    are cached next to the result, so a repeated command resumes. Without MODEL, score the outputs in --predictions.

    Examples:
        afg evaluate run held-out.jsonl -o eval.json
        afg evaluate --predictions outputs.jsonl held-out.jsonl -o eval.json
    """
    from training.answers.decode import DecodeOptions
    from training.evaluate.evaluate import GoldOptions, evaluate, evaluate_model
    from training.evaluate.text import print_evaluation

    let_threads_sleep()
    model, data = _model_and_data(names, predictions)
    options = GoldOptions(reading=read_options(layout, tools_file), limit=limit)
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
    """Return the model, empty for predictions, and the data."""
    if predictions is not None and len(names) != 1:
        raise UsageError(f"{len(names)} names with --predictions", hint="name one DATA and no model")
    if predictions is None and len(names) == 1:
        raise UsageError("nothing to evaluate", hint="name a MODEL before DATA, or use --predictions FILE")
    if len(names) > 2:  # noqa: PLR2004 - a model and data
        raise UsageError(f"{len(names)} names", hint="name one MODEL and one DATA")
    return (names[0], names[1]) if predictions is None else ("", names[0])


def call_command(
    model: ModelName,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The user's message.")],
    tools: Annotated[
        Path, typer.Option("--tools", "--tools-file", metavar="FILE", help="The model's tools: a JSON array.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print one object: calls, text, warnings, error.")] = False,
    raw: Annotated[bool, typer.Option("--raw", help="Also print the model's text.")] = False,
    max_tokens: MaxTokens = MAX_TOKENS,
    base: BaseName = "",
) -> None:
    """Ask a model once and print its calls, one JSON per line.

    The exit code is 1 if the model makes no call.

    Examples:
        afg call run "ما حالة الطقس في جدة غدًا؟" --tools tools.json
        afg call release/gguf/NAME-Q8_0.gguf "حوّل 100 ريال إلى درهم" --tools tools.json --json
    """
    from dataset_tools.io.json_text import dump_text
    from training.answers.call import call, why_no_call
    from training.answers.decode import DecodeOptions

    let_threads_sleep()
    answer = call(model, text, tools, DecodeOptions(batch=1, max_tokens=max_tokens, base=base))
    if as_json:
        shown = {"tool_calls": answer.calls, "content": answer.content, "warnings": answer.warnings}
        shown |= {"error": answer.problem, **({"text": answer.text} if raw else {})}
        sys.stdout.write(dump_text(shown) + "\n")
    else:
        lines = [*([answer.text] if raw else []), *map(dump_text, answer.calls)]
        sys.stdout.writelines(f"{line}\n" for line in lines)
    if not answer.calls:
        if not as_json:
            sys.stderr.write(f"afg call: {why_no_call(answer)}\n")
        raise typer.Exit(1)


def compare_command(
    results: Annotated[list[Path], typer.Argument(metavar="A B ...", help="Results of evaluate; A is the baseline.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Page to write, .html.")] = None,
    flips: Annotated[int, typer.Option(metavar="N", min=0, help="Flipped rows to print; the page has more.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print the comparison as JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """Compare evaluations of the same rows, with paired intervals.

    Examples:
        afg compare base.json tuned.json
        afg compare base.json tuned.json q8.json -o compare.html
    """
    from dataset_tools.io.json_text import dump_text
    from dataset_tools.io.writer import write_file
    from training.evaluate.compare import compare_files
    from training.evaluate.comparison_page import comparison_page
    from training.evaluate.text import print_comparison

    if output is not None and output.suffix != ".html":
        raise UsageError(f"{output}: the page is HTML", hint="use a name that ends in .html")
    comparison = compare_files(results)
    if output is not None:
        write_file(output, comparison_page(comparison).encode())
    if as_json:
        sys.stdout.write(dump_text(comparison.as_json()) + "\n")
    elif not quiet:
        print_comparison(comparison, stdout_console(), flips)
