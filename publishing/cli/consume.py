"""``afg pull`` and ``afg verify``: the consumer's side of a release."""

import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dataset_tools.display.console import stderr_console, stdout_console

if TYPE_CHECKING:
    from publishing.verify.files import Check

__all__ = ["pull_command", "verify_command"]

_SLOW = ("load", "smoke")  # checks that are told as they are made; the others are in the table soon enough

_Tag = Annotated[str, typer.Option("--tag", help="A tag or commit; what is newest if left out.", metavar="TAG")]
_Parts = Annotated[list[str] | None, typer.Option("--part", help="adapter, merged or gguf; repeat it.", metavar="PART")]
_Quant = Annotated[
    str, typer.Option("--quant", help="Of the GGUF files only the one of this type, such as Q8_0.", metavar="TYPE")
]


def pull_command(
    name: Annotated[str, typer.Argument(help="A release on the Hub.", metavar="ORG/NAME")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Where to; the folder NAME if left out.")
    ] = None,
    tag: _Tag = "",
    part: _Parts = None,
    quant: _Quant = "",
) -> None:
    """Fetch a release from the Hub, every file held against its recorded checksum.

    Example: afg pull ORG/NAME --tag v1.0.0 --quant Q8_0
    """
    from publishing.hub.pull import pull

    _no_bars_in_files()
    folder = output or Path(name.split("/")[-1])
    pulled = pull(name, folder, tag=tag, parts=part or (), quant=quant, tell=_tell)
    for absent in pulled.absent:
        _tell(f"{absent}/: not fetched")
    _tell(f"{folder}: {pulled.written} files written, all as recorded")


def verify_command(
    source: Annotated[str, typer.Argument(help="A folder, or a release on the Hub.", metavar="DIR|ORG/NAME")],
    tag: _Tag = "",
    part: _Parts = None,
    quant: _Quant = "",
    quick: Annotated[bool, typer.Option("--quick", help="Checksums and headers only: load no model.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print every check as JSON.")] = False,
) -> None:
    """Check a release: checksums, headers, and the models themselves on the prompts recorded at the export.

    Exits with 1 if a check fails.

    Example: afg verify ORG/NAME --tag v1.0.0
    """
    from publishing.hub.pull import pull
    from publishing.release.manifest import read_release
    from publishing.verify.verify import verify

    with tempfile.TemporaryDirectory() as folder:
        if Path(source).is_dir():
            release = read_release(Path(source))
        else:
            _no_bars_in_files()
            release = pull(source, Path(folder), tag=tag, parts=part or (), quant=quant, tell=_tell).release
        checks = []
        for check in verify(release, load=not quick):
            checks.append(check)
            _tell(f"{check.what} {check.where}: {check.result}", quiet=as_json or check.what not in _SLOW)
    if as_json:
        sys.stdout.write(json.dumps([asdict(check) for check in checks], ensure_ascii=False) + "\n")
    else:
        _print(checks)
    if any(check.result == "failed" for check in checks):
        raise typer.Exit(1)


def _print(checks: "list[Check]") -> None:
    """Each kind of check with its counts, and each that is not as it should be."""
    from collections import Counter

    from rich.table import Table

    console = stdout_console()
    counts = Counter((check.what, str(check.result)) for check in checks)
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("check", "ok", "failed", "skipped"):
        table.add_column(column, justify="left" if column == "check" else "right")
    for what in dict.fromkeys(check.what for check in checks):
        table.add_row(what, *(str(counts[what, result]) for result in ("ok", "failed", "skipped")))
    console.print(table)
    for check in checks:
        if check.result != "ok":
            style = "red" if check.result == "failed" else "dim"
            console.print(f"{check.result}  {check.what} {check.where}: {check.told}", style=style, markup=False)


def _no_bars_in_files() -> None:
    """The client's progress bars are for somebody who watches."""
    if not sys.stderr.isatty():
        from huggingface_hub.utils.tqdm import disable_progress_bars

        disable_progress_bars()


def _tell(line: str, *, quiet: bool = False) -> None:
    if not quiet:
        stderr_console().print(line, markup=False, soft_wrap=True)
