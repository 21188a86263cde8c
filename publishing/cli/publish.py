"""``afg publish``: options to a plan, the question before anything is sent, and the result."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dataset_tools.display.console import stderr_console, stdout_console
from dataset_tools.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from publishing.hub.client import Hub
    from publishing.hub.plan import RepositoryPlan
    from publishing.hub.publish import Options, Published
    from publishing.release.manifest import Release
    from publishing.release.repositories import Repository

__all__ = ["publish_command"]


def publish_command(
    release: Annotated[Path, typer.Argument(help="The folder that the export wrote.", metavar="RELEASE")],
    hub: Annotated[str, typer.Option("--hub", help="Publish to the Hub as ORG/NAME.", metavar="ORG/NAME")] = "",
    to: Annotated[Path | None, typer.Option("--to", help="Lay the repositories out in a folder instead.")] = None,
    dataset: Annotated[Path | None, typer.Option("--dataset", help="A folder to publish as a dataset, too.")] = None,
    tag: Annotated[str, typer.Option("--tag", help="Tag every repository at the end, such as v1.0.0.")] = "",
    private: Annotated[bool, typer.Option("--private", help="Make new repositories private.")] = False,
    delete: Annotated[bool, typer.Option("--delete", help="Delete files that are only there.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would happen and send nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the plan or the result as JSON.")] = False,
) -> None:
    """Publish a release: three repositories, a commit each, verified, tagged, and one collection.

    The token comes from HF_TOKEN or from `hf auth login`. What was interrupted is completed by the same command.

    Example: afg publish release --hub ORG/NAME --tag v1.0.0 --dry-run
    """
    from publishing.hub.publish import Options
    from publishing.release.manifest import read_release
    from publishing.release.repositories import hash_soon, repositories

    if bool(hub) == bool(to):
        raise UsageError("say where: either --hub ORG/NAME or --to DIR")
    if to and (tag or private):
        raise UsageError("--tag and --private are for the Hub: a folder has neither")
    exported = read_release(release)
    found = repositories(exported, hub or f"local/{exported.name}", dataset)
    hash_soon(file for repository in found for file in repository.files)
    if to:
        _check(exported, found)
        _lay_out(exported, found, to, delete=delete, dry_run=dry_run, as_json=as_json)
        return
    client = _client(dry_run=dry_run)  # before the checks, which wait for the checksums: loading it takes as long
    _check(exported, found)
    title = hub.split("/")[1]
    _to_hub(found, client, title, Options(tag, private, delete), dry_run=dry_run, yes=yes, as_json=as_json)


def _check(release: "Release", found: "list[Repository]") -> None:
    from huggingface_hub import get_token

    from publishing.hub.preflight import problems, refuse, unlisted, without_card

    wrong = problems(release, found, get_token() or "")
    for problem in wrong[:-1] if len(wrong) == 1 else wrong:
        _tell(f"{problem.where}: {problem.what} ({problem.hint})")
    refuse(wrong)
    for name in without_card(found):
        _tell(f"{name}: no card: `afg card` writes one")
    for name in unlisted(release, found):
        _tell(f"{name}: published, but not in release.json")


def _lay_out(
    release: "Release", found: "list[Repository]", to: Path, *, delete: bool, dry_run: bool, as_json: bool
) -> None:
    from publishing.hub.local import Layout

    layout = Layout(to, release.path, *(repository.folder for repository in found))
    plans = [layout.plan(repository, delete=delete) for repository in found]
    _show(plans, as_json=as_json)
    _tell_overruled(plans)
    if not dry_run:
        for plan in plans:
            _tell(f"{layout.lay_out(plan)}: {len(plan.uploads)} files written")


def _client(*, dry_run: bool) -> "Hub":
    """The Hub, which nothing is asked of yet.

    Raises:
        UsageError: there is no token, and something is to be sent.
    """
    from huggingface_hub import HfApi, get_token
    from huggingface_hub.utils.tqdm import disable_progress_bars

    from publishing.hub.client import Hub

    if get_token() is None and not dry_run:
        raise UsageError("no token for the Hub", hint="set HF_TOKEN, or run `hf auth login`")
    if not sys.stderr.isatty():
        disable_progress_bars()
    return Hub(HfApi(library_name="arabic-functiongemma"), _tell)


def _to_hub(
    found: "list[Repository]", hub: "Hub", title: str, options: "Options", *, dry_run: bool, yes: bool, as_json: bool
) -> None:
    from huggingface_hub import get_token

    from publishing.hub.publish import carry_out, make_plan

    plan = make_plan(found, hub, title, options)
    if dry_run or not as_json:
        _show(plan.repositories, as_json=as_json, whole=dry_run)
    _tell_overruled(plan.repositories)
    if dry_run:
        known = "" if get_token() else "; without a token private repositories look new"
        _tell(f"nothing was sent to {hub.address}{known}")
        return
    if not yes and not plan.done:
        _ask(f"Send this to {hub.address}{f' and tag it {options.tag}' if options.tag else ''}?")
    _show_published(carry_out(plan, hub, _tell), as_json=as_json)


def _ask(question: str) -> None:
    if not sys.stdin.isatty():
        raise UsageError("nothing was sent: there is nobody to ask", hint="add --yes, or --dry-run to look only")
    typer.confirm(question, abort=True, err=True)


def _show(plans: "list[RepositoryPlan] | tuple[RepositoryPlan, ...]", *, as_json: bool, whole: bool = True) -> None:
    from publishing.hub.text import plan_as_json, print_plan

    if as_json:
        sys.stdout.write(json.dumps(plan_as_json(plans), ensure_ascii=False) + "\n")
    else:
        print_plan(plans, stdout_console(), whole=whole)


def _tell_overruled(plans: "Iterable[RepositoryPlan]") -> None:
    for plan in plans:
        for section in plan.overruled:
            what = f"the section {section!r} of the card stays as it stands there; the one here says something else"
            _tell(f"{plan.repository.name}: {what} (to publish it, change or empty the section there)")


def _show_published(published: "Published", *, as_json: bool) -> None:
    from publishing.hub.text import print_published, published_as_json

    if as_json:
        sys.stdout.write(json.dumps(published_as_json(published), ensure_ascii=False) + "\n")
    else:
        print_published(published, stdout_console())


def _tell(line: str) -> None:
    stderr_console().print(line, markup=False, soft_wrap=True)
