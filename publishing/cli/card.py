"""Command ``afg card``."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dataset_tools.cli.options import Quiet
from dataset_tools.errors import InputError, UsageError
from publishing.cli.terminal import log_unless

if TYPE_CHECKING:
    from publishing.scan.scan import ScanFinding

__all__ = ["card_command"]


def card_command(
    release: Annotated[Path, typer.Argument(help="Release; with --check also a folder or a card.", metavar="RELEASE")],
    run: Annotated[Path | None, typer.Option(metavar="RUN", help="The exported run.")] = None,
    evaluation: Annotated[Path | None, typer.Option("--eval", metavar="FILE", help="Result of `afg evaluate`.")] = None,
    base: Annotated[
        Path | None, typer.Option("--compare", metavar="FILE", help="Result of the base, same rows.")
    ] = None,
    data: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="build.json, report, or stats; repeatable.")
    ] = None,
    hub: Annotated[str, typer.Option(help="Name on the Hub.", metavar="ORG/NAME")] = "",
    dataset: Annotated[Path | None, typer.Option(metavar="DIR", help="Also write a card for this data.")] = None,
    dataset_license: Annotated[str, typer.Option(metavar="ID", help="Licence of the dataset, such as cc-by-4.0.")] = "",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Write the cards into this folder.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Check cards, write nothing; exit 1 on problems.")] = False,
    quiet: Quiet = False,
) -> None:
    """Write model and dataset cards from measured results.

    Text between the marks for humans is kept.

    Examples:
        afg card release --run run --eval eval.json --data samples/build.json --hub ORG/NAME
        afg card release --check
    """
    from publishing.cards.dataset import make_dataset_card
    from publishing.cards.hub_terms import is_gemma
    from publishing.cards.render import make_cards, write_card
    from publishing.cards.sources import base_of, read_sources
    from publishing.release.manifest import MANIFEST, read_release
    from publishing.release.repositories import check_name

    log = log_unless(quiet)
    if check:
        cards = _cards_of(release)
        is_release = (release / MANIFEST).is_file()
        _check(cards, log, gemma=is_gemma(base_of(read_release(release))) if is_release else None)
        return
    if base and not evaluation:
        raise UsageError("--compare needs --eval: a comparison takes two evaluations")
    if hub:
        check_name(hub)
    exported = read_release(release)
    sources = read_sources(exported, run=run, evaluation=evaluation, base_evaluation=base, data=data or (), hub=hub)
    folders = {card: (output or release) / card.part for card in make_cards(sources)}
    if dataset:
        folders[make_dataset_card(dataset, sources.data, hub, dataset_license)] = dataset
    for card, folder in folders.items():
        changed = write_card(card, folder)
        log(f"{folder / 'README.md'}: {'written' if changed else 'unchanged'}")
    for what in dict.fromkeys(what for card in folders for what in card.missing):
        log(f"not measured: {what}")
    _check({folder / "README.md": card.part for card, folder in folders.items()}, log, gemma=is_gemma(sources.base))


def _cards_of(path: Path) -> dict[Path, str]:
    """Return the cards at a path, each with its part."""
    from publishing.release.repositories import CARD, SUFFIXES

    if path.is_file():
        part = path.resolve().parent.name
        return {path: part if part in SUFFIXES else ""}
    found = {path / part / CARD: part for part in SUFFIXES if (path / part / CARD).is_file()}
    if (path / CARD).is_file():
        found[path / CARD] = ""
    if not found:
        raise InputError(f"there is no {CARD}", where=str(path), hint="`afg card` without --check writes them")
    return found


def _check(cards: dict[Path, str], log: Callable[[str], None], *, gemma: bool | None) -> None:
    """Print the problems of cards; exit with 1 if there are any."""
    from huggingface_hub import get_token

    from publishing.cards.lint import lint
    from publishing.scan.scan import scan_file

    problems: list[ScanFinding] = []
    for path, part in cards.items():
        problems += lint(path, part, gemma=None if part == "dataset" else gemma)
        problems += scan_file(path, get_token() or "") if path.is_file() else ()
    for problem in problems:
        sys.stdout.write(f"{problem.where}: {problem.what} ({problem.hint})\n")
    log(f"{len(cards)} cards, {len(problems)} problems")
    if problems:
        raise typer.Exit(1)
