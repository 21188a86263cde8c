"""``afg publish``: prepare, show the plan, ask, carry out, report."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dataset_tools.cli.options import Quiet
from dataset_tools.display.console import stdout_console
from dataset_tools.errors import UsageError
from publishing.cli.terminal import hide_progress_bars, log, log_unless, write_json

if TYPE_CHECKING:
    from publishing.hub.client import Hub
    from publishing.hub.local import LocalFolder
    from publishing.hub.publish import Prepared

__all__ = ["publish_command"]


def publish_command(
    release: Annotated[Path, typer.Argument(help="Folder written by `afg export`.", metavar="RELEASE")],
    hub: Annotated[str, typer.Option("--hub", help="Publish to the Hub as ORG/NAME.", metavar="ORG/NAME")] = "",
    to: Annotated[
        Path | None, typer.Option("--to", metavar="DIR", help="Write the repositories to a folder instead.")
    ] = None,
    dataset: Annotated[
        Path | None, typer.Option("--dataset", metavar="DIR", help="Also publish this folder as a dataset.")
    ] = None,
    tag: Annotated[str, typer.Option("--tag", metavar="TAG", help="Tag all repositories, such as v1.0.0.")] = "",
    private: Annotated[bool, typer.Option("--private", help="Make new repositories private.")] = False,
    delete: Annotated[bool, typer.Option("--delete", help="Delete remote files that are not in this release.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and send nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the plan or the result as JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """Publish a release: scan, plan, upload, verify, tag.

    Up to four repositories, one commit each, and one collection. The token comes from HF_TOKEN or `hf auth login`.
    Run the same command again to complete an interrupted run.

    Examples:
        afg publish release --hub ORG/NAME --tag v1.0.0 --dry-run
        afg publish release --to out --dataset data
    """
    from publishing.hub.publish import PublishOptions, carry_out, prepare
    from publishing.hub.text import print_published

    destination = _destination(hub, to, dry_run=dry_run, quiet=quiet)
    prepared = prepare(
        release, destination, PublishOptions(dataset=dataset, tag=tag, private=private, delete=delete), log
    )
    asks = bool(hub) and not yes and not prepared.done
    _show_plan(prepared, dry_run=dry_run, as_json=as_json, quiet=quiet and not asks and not dry_run)
    if dry_run:
        return
    if asks:
        _confirm(f"Send this to {destination.address}{f' and tag it {tag}' if tag else ''}?")
    published = carry_out(prepared, log_unless(quiet))
    if as_json:
        write_json(asdict(published))
    elif not quiet:
        print_published(published, stdout_console())


def _destination(hub: str, to: Path | None, *, dry_run: bool, quiet: bool) -> "Hub | LocalFolder":
    from publishing.hub.client import Hub
    from publishing.hub.local import LocalFolder

    if bool(hub) == bool(to):
        raise UsageError("no destination", hint="choose either --hub ORG/NAME or --to DIR")
    if to:
        return LocalFolder(to)
    hide_progress_bars(quiet=quiet)
    destination = Hub(hub)
    if not dry_run:
        destination.require_token()
    return destination


def _show_plan(prepared: "Prepared", *, dry_run: bool, as_json: bool, quiet: bool) -> None:
    from publishing.hub.client import Hub
    from publishing.hub.text import overruled_lines, plan_as_json, print_plan

    if as_json and dry_run:
        write_json(plan_as_json(prepared))
    elif not as_json and not quiet:
        print_plan(prepared, stdout_console(), unchanged=dry_run)
    for line in overruled_lines(prepared):
        log(line)
    if dry_run and isinstance(prepared.destination, Hub):
        unknown = "" if prepared.destination.token else "; without a token private repositories look new"
        log(f"nothing was sent to {prepared.destination.address}{unknown}")


def _confirm(question: str) -> None:
    """Ask; an answer other than yes ends the command."""
    if not sys.stdin.isatty():
        raise UsageError("nothing was sent: no terminal to ask on", hint="add --yes, or --dry-run for the plan only")
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        log("nothing was sent")
        raise typer.Exit(1)
