"""``afg pull`` and ``afg verify``: download and verification of a release."""

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dataset_tools.cli.options import Quiet
from dataset_tools.display.console import counted, print_table, stdout_console
from publishing.cli.terminal import hide_progress_bars, log_unless, write_json

if TYPE_CHECKING:
    from publishing.verify.files import VerifyCheck

__all__ = ["pull_command", "verify_command"]

_SLOW = ("load", "smoke")  # reported while they run; the others are fast

_Tag = Annotated[str, typer.Option("--tag", help="A tag or commit; by default the newest.", metavar="TAG")]
_Parts = Annotated[list[str] | None, typer.Option("--part", help="adapter, merged or gguf; repeat it.", metavar="PART")]
_Quant = Annotated[str, typer.Option("--quant", help="Only the GGUF file of this type, such as Q8_0.", metavar="TYPE")]


def pull_command(
    name: Annotated[str, typer.Argument(help="Release on the Hub.", metavar="ORG/NAME")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Output folder; by default NAME.")
    ] = None,
    tag: _Tag = "",
    part: _Parts = None,
    quant: _Quant = "",
    quiet: Quiet = False,
) -> None:
    """Fetch a release from the Hub and verify every checksum.

    Examples:
        afg pull ORG/NAME --tag v1.0.0
        afg pull ORG/NAME --part gguf --quant Q8_0 -o model
    """
    from publishing.hub.pull import pull

    hide_progress_bars(quiet=quiet)
    log = log_unless(quiet)
    folder = output or Path(name.split("/")[-1])
    pulled = pull(name, folder, tag=tag, parts=part or (), quant=quant, log=log)
    for absent in pulled.absent:
        log(f"{absent}/: not downloaded")
    log(f"{folder}: {counted(pulled.written, 'file')} written, all checksums match")


def verify_command(
    source: Annotated[str, typer.Argument(help="Folder, or release on the Hub.", metavar="DIR|ORG/NAME")],
    tag: _Tag = "",
    part: _Parts = None,
    quant: _Quant = "",
    quick: Annotated[bool, typer.Option("--quick", help="Checksums and headers only; load no model.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print every check as JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """Check a release: checksums, headers, recorded answers.

    The models are loaded and answer the prompts recorded at export. The exit code is 1 if a check fails.

    Examples:
        afg verify release
        afg verify ORG/NAME --tag v1.0.0 --quick
    """
    from publishing.hub.pull import pull
    from publishing.release.manifest import read_release
    from publishing.verify.verify import verify

    log = log_unless(quiet)
    with tempfile.TemporaryDirectory() as folder:
        if Path(source).is_dir():
            release = read_release(Path(source))
        else:
            hide_progress_bars(quiet=quiet)
            release = pull(source, Path(folder), tag=tag, parts=part or (), quant=quant, log=log).release
        checks = []
        for check in verify(release, load=not quick):
            checks.append(check)
            if check.what in _SLOW and not as_json:
                log(f"{check.what} {check.where}: {check.result}")
    if as_json:
        write_json([asdict(check) for check in checks])
    else:
        _print(checks, quiet=quiet)
    if any(check.result == "failed" for check in checks):
        raise typer.Exit(1)


def _print(checks: "list[VerifyCheck]", *, quiet: bool) -> None:
    """Print the counts of each kind of check, and each check that is not ok; only failed checks if ``quiet``."""
    from collections import Counter

    console, results = stdout_console(), ("ok", "failed", "skipped")
    counts = Counter((check.what, str(check.result)) for check in checks)
    kinds = dict.fromkeys(check.what for check in checks)
    rows = [(what, *(str(counts[what, result]) for result in results)) for what in kinds]
    if not quiet:
        print_table(("check", *results), rows, console)
    for check in checks:
        if check.result == "failed" or (check.result == "skipped" and not quiet):
            style = "red" if check.result == "failed" else "dim"
            console.print(f"{check.result}  {check.what} {check.where}: {check.detail}", style=style, markup=False)
