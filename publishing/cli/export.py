"""``afg export``: parse, make one library call, report."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from dataset_tools.display.console import stderr_console, stdout_console
from dataset_tools.errors import UsageError

__all__ = ["export_command"]

_QUANTS = "f16,q8_0,q4_k_m"
_LEFT_OUT = 1
_PROVEN = "  ✓"


def export_command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder that `afg train` wrote.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="RELEASE", help="The folder of the release.")],
    name: Annotated[str, typer.Option(metavar="NAME", help="The model's name; the folder's if none is given.")] = "",
    quant: Annotated[str, typer.Option(metavar="LIST", help="Types of the GGUF files, or none.")] = _QUANTS,
    verify: Annotated[int, typer.Option(min=1, metavar="N", help="Prompts that the proofs ask.")] = 8,
    prompts: Annotated[
        Path | None, typer.Option(metavar="DATA", help="Held-out records to take them from, in any known layout.")
    ] = None,
    llama_cpp: Annotated[
        Path | None, typer.Option("--llama-cpp", metavar="DIR", help="llama.cpp's sources, for their converter.")
    ] = None,
    base: Annotated[
        str, typer.Option(metavar="PATH|ID", help="Where the base lies, if the run does not find it.")
    ] = "",
    base_id: Annotated[
        str, typer.Option("--base-id", metavar="ORG/NAME@REVISION", help="What the base is on the Hub.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")] = False,
) -> None:
    """Make a release of a run: adapter, merged weights and GGUF files, each proven before it counts.

    A proof that does not hold is exit code 5; without llama.cpp the other two parts are made, and the code is 1. The
    same command goes on where it was interrupted.

    Example: afg export run -o release
    """
    from publishing.export.export import ExportOptions, export
    from publishing.export.text import as_json as result_as_json
    from publishing.export.text import print_device
    from training.answers.decoder import let_threads_sleep

    let_threads_sleep()
    options = ExportOptions(name, _quants(quant), verify, prompts, llama_cpp, base, base_id)
    result = export(run, output, options, (lambda _line: None) if quiet else _tell)
    if not quiet:
        made = f"made {len(result.made)} step{'s' if len(result.made) > 1 else ''}"
        done = made if result.made else "nothing to do, all of it is there and whole"
        _tell(f"{output}: {done}")
    if as_json:
        sys.stdout.write(json.dumps(result_as_json(result), ensure_ascii=False) + "\n")
    elif not quiet:
        print_device(result, stdout_console())
    if result.left_out:
        sys.stderr.write(f"{result.left_out}\n")
        raise typer.Exit(_LEFT_OUT)


def _quants(named: str) -> tuple[str, ...]:
    from publishing.export.gguf import QUANTS

    found = tuple(dict.fromkeys(part.strip().lower() for part in named.split(",") if part.strip()))
    if found in {(), ("none",)}:
        return ()
    if unknown := [part for part in found if part not in QUANTS]:
        raise UsageError(f"{unknown[0]!r} is no type of a GGUF file", hint=f"--quant {','.join(QUANTS)}, or none")
    return found


def _tell(line: str) -> None:
    console = stderr_console()
    if line.startswith(_PROVEN):
        console.print(_PROVEN, style="green", end="")
        line = line.removeprefix(_PROVEN)
    console.print(line, markup=False, soft_wrap=True, style=None if line.startswith(" ") else "bold")
