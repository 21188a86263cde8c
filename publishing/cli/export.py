"""Command ``afg export``."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from dataset_tools.cli.options import Quiet
from dataset_tools.display.console import stderr_console, stdout_console
from dataset_tools.errors import UsageError
from publishing.cli.terminal import write_json

__all__ = ["export_command"]

_QUANTS = "f16,q8_0,q4_k_m"
_LEFT_OUT = 1
_PASSED = "  ✓"


def export_command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder that `afg train` wrote.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="RELEASE", help="Folder of the release.")],
    name: Annotated[str, typer.Option(metavar="NAME", help="Model name; default: the folder's name.")] = "",
    quant: Annotated[str, typer.Option(metavar="LIST", help="GGUF types, or none.")] = _QUANTS,
    verify: Annotated[int, typer.Option(min=1, metavar="N", help="Number of prompts for the checks.")] = 8,
    prompts: Annotated[Path | None, typer.Option(metavar="DATA", help="Held-out records for the prompts.")] = None,
    llama_cpp: Annotated[Path | None, typer.Option(metavar="DIR", help="llama.cpp's sources with converter.")] = None,
    base: Annotated[str, typer.Option(metavar="PATH|ID", help="Base, if it has moved.")] = "",
    base_id: Annotated[str, typer.Option(metavar="ORG/NAME@REVISION", help="The base's name on the Hub.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """Export a run: adapter, merged weights and GGUF, each proven.

    A failed proof is exit code 5. Without llama.cpp the other two parts are made, and the exit code is 1. Run the
    same command again to resume.

    Examples:
        afg export run -o release
        afg export run -o release --quant Q8_0 --prompts test.parquet
    """
    from publishing.export.export import ExportOptions, export
    from publishing.export.text import as_json as result_as_json
    from publishing.export.text import print_device
    from training.answers.decoder import let_threads_sleep

    let_threads_sleep()
    options = ExportOptions(
        name=name,
        quants=_quants(quant),
        verify=verify,
        prompts=prompts,
        llama_cpp=llama_cpp,
        base=base,
        base_id=base_id,
    )
    result = export(run, output, options, (lambda _line: None) if quiet else _print_line)
    if not quiet:
        made = f"made {len(result.made)} step{'s' if len(result.made) > 1 else ''}"
        _print_line(f"{output}: {made if result.made else 'nothing to do, everything exists and is complete'}")
    if as_json:
        write_json(result_as_json(result))
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
        raise UsageError(f"{unknown[0]!r} is not a GGUF type", hint=f"--quant {','.join(QUANTS)}, or none")
    return found


def _print_line(line: str) -> None:
    console = stderr_console()
    if line.startswith(_PASSED):
        console.print(_PASSED, style="green", end="")
        line = line.removeprefix(_PASSED)
    console.print(line, markup=False, soft_wrap=True, style=None if line.startswith(" ") else "bold")
