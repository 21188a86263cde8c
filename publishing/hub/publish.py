"""Publishing a release: ``prepare`` reads, scans and compares it, ``carry_out`` sends it. Both can be repeated.

The repositories are sent in parallel, one commit each. Then every checksum is compared, the tags are set, and the
collection is made last. Each step looks at the destination first, so the next run completes an interrupted one.
"""

import re
from collections.abc import Callable, Sequence
from concurrent.futures import wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dataset_tools.display.console import counted
from dataset_tools.errors import OutputError, UsageError
from publishing.hub.client import Hub
from publishing.hub.local import LocalFolder
from publishing.hub.plan import RepositoryPlan, differing
from publishing.hub.preflight import CheckedRelease
from publishing.release.local_files import in_background, start_hashing
from publishing.release.manifest import read_release
from publishing.release.repositories import repositories

__all__ = ["Prepared", "PublishOptions", "Published", "PublishedRepository", "carry_out", "prepare"]

_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_Log = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishOptions:
    """Options of publishing.

    Attributes:
        dataset: a folder to publish as a dataset.
        tag: a tag for every repository; empty for none.
        private: whether new repositories and a new collection are private.
        delete: whether files that are only at the destination are deleted.
    """

    dataset: Path | None = None
    tag: str = ""
    private: bool = False
    delete: bool = False


@dataclass(frozen=True, slots=True)
class Prepared:
    """A checked release and the plan for each of its repositories."""

    checked: CheckedRelease
    destination: Hub | LocalFolder
    options: PublishOptions
    plans: tuple[RepositoryPlan, ...]

    @property
    def done(self) -> bool:
        """Return whether all files, and the tag if given, are already at the destination."""
        tag = self.options.tag
        return all(plan.up_to_date and (not tag or _commit_of(plan, tag)) for plan in self.plans)


@dataclass(frozen=True, slots=True)
class PublishedRepository:
    """One repository after publishing.

    Attributes:
        name: ``ORG/NAME``.
        kind: a model or a dataset.
        url: its page or folder.
        commit: the commit with the release; empty for a folder.
        sent: the number of files sent.
        bytes: their size.
        verified: the number of files whose checksums are equal.
    """

    name: str
    kind: str
    url: str
    commit: str
    sent: int
    bytes: int
    verified: int


@dataclass(frozen=True, slots=True)
class Published:
    """The repositories, the tag of each, and the page of the collection; a folder has neither."""

    repositories: tuple[PublishedRepository, ...]
    tag: str = ""
    collection: str = ""


def prepare(
    release: Path,
    destination: Hub | LocalFolder,
    options: PublishOptions = PublishOptions(),
    log: _Log = lambda _: None,
) -> Prepared:
    """Read, scan and check a release, and compare it with its destination. Only reads.

    Args:
        release: the folder that the export wrote.
        destination: the Hub, or a folder.
        options: the options.
        log: receives a line for each finding and warning.

    Raises:
        InputError: the release cannot be read, or must not be published.
        OutputError: the Hub cannot be read.
        UsageError: an option is not valid, the tag exists for different files, a repository is public but should be
            private, or the output folder overlaps the release.
    """
    _require_valid(options, destination)
    exported = read_release(release)
    name = destination.name if isinstance(destination, Hub) else f"local/{exported.name}"
    found = repositories(exported, name, options.dataset)
    start_hashing(file for repository in found for file in repository.files)  # while the client loads
    checked = CheckedRelease(exported, found, _own_token(destination), log)
    if isinstance(destination, LocalFolder):
        destination.require_separate(found, [exported.path, *(repository.folder for repository in found)])
    plans = []
    for repository in found:
        plan = destination.plan(repository, delete=options.delete)
        if isinstance(destination, Hub):
            _require_private(plan, destination, options)
            _require_free_tag(plan, destination, options)
        plans.append(plan)
    return Prepared(checked, destination, options, tuple(plans))


def carry_out(prepared: Prepared, log: _Log = lambda _: None) -> Published:
    """Send the changes of a plan, then compare every checksum; existing files are not sent again.

    Args:
        prepared: the checked release and its plan.
        log: receives a line for each step.

    Raises:
        InputError: a file has changed since it was scanned.
        OutputError: the destination refuses something or cannot be reached, or a checksum differs. Uploads to the
            other repositories have ended by then.
        UsageError: there is no token for the Hub.
    """
    destination, options, plans = prepared.destination, prepared.options, prepared.plans
    prepared.checked.require_unchanged()
    if isinstance(destination, LocalFolder):
        return Published(tuple(_write(plan, destination, log) for plan in plans))
    destination.require_token()
    done = _send_all(plans, destination, options, log)
    for plan, published in zip(plans, done, strict=True):
        if options.tag and not _commit_of(plan, options.tag):
            log(f"{published.name}: tag {options.tag}")
            destination.tag(plan.repository, options.tag, published.commit)
    collection = destination.collect([plan.repository for plan in plans], private=options.private)
    return Published(tuple(done), options.tag, collection)


def _require_valid(options: PublishOptions, destination: Hub | LocalFolder) -> None:
    tag = options.tag
    if isinstance(destination, LocalFolder) and (tag or options.private):
        raise UsageError("a folder has no tags and is not private", hint="--tag and --private are for the Hub")
    if tag and (not _TAG.fullmatch(tag) or ".." in tag or tag.endswith((".lock", ".")) or tag == "main"):
        raise UsageError(f"{tag!r} is not a valid tag", hint="--tag v1.0.0")


def _own_token(destination: Hub | LocalFolder) -> str:
    from huggingface_hub import get_token

    return destination.token if isinstance(destination, Hub) else get_token() or ""


def _require_private(plan: RepositoryPlan, hub: Hub, options: PublishOptions) -> None:
    if plan.remote and options.private and not plan.remote.private:
        hint = "make it private on its page first, or leave out --private"
        raise UsageError("the repository is public", where=hub.url(plan.repository), hint=hint)


def _require_free_tag(plan: RepositoryPlan, hub: Hub, options: PublishOptions) -> None:
    """Require that an existing tag points to the same files; only the card may differ."""
    commit = _commit_of(plan, options.tag)
    if not commit or (plan.remote and commit == plan.remote.commit and plan.up_to_date):
        return
    there = hub.state(plan.repository, options.tag)
    if there is None or differing(plan.repository, there, card=False):
        what = f"tag {options.tag} already exists and points to different files"
        raise UsageError(what, where=hub.url(plan.repository), hint="a tag never moves; choose another --tag")


def _commit_of(plan: RepositoryPlan, tag: str) -> str:
    """Return the commit of a tag; empty if the repository does not have it."""
    return plan.remote.tags.get(tag, "") if plan.remote else ""


def _write(plan: RepositoryPlan, folder: LocalFolder, log: _Log) -> PublishedRepository:
    folder.write(plan)
    _verify(plan, folder)
    log(f"{folder.folder(plan.repository)}: {counted(len(plan.uploads), 'file')} written")
    return _published(plan, plan, str(folder.folder(plan.repository)), "")


def _send_all(
    plans: Sequence[RepositoryPlan], hub: Hub, options: PublishOptions, log: _Log
) -> list[PublishedRepository]:
    """Send all repositories in parallel: the Hub checks one file while another is uploaded."""
    for plan in plans:
        log(_announcement(plan))
    with hub.warnings_to(log):
        futures = in_background([partial(_send, plan, hub, options) for plan in plans], len(plans))
        try:
            return [future.result() for future in futures]
        except Exception:
            wait(futures)
            raise


def _announcement(plan: RepositoryPlan) -> str:
    name, files = plan.repository.name, plan.uploads
    if plan.up_to_date:
        return f"{name}: all {len(plan.repository.files)} files are there"
    return f"{name}: sending {counted(len(files), 'file')}, {sum(file.size for file in files) / 1e6:,.1f} MB"


def _send(plan: RepositoryPlan, hub: Hub, options: PublishOptions) -> PublishedRepository:
    message = f"Publish {plan.repository.part}{f' {options.tag}' if options.tag else ''}"
    final = hub.send(plan, message, private=options.private, delete=options.delete)
    return _published(plan, final, hub.url(plan.repository), _verify(final, hub))


def _published(plan: RepositoryPlan, final: RepositoryPlan, url: str, commit: str) -> PublishedRepository:
    repository, sent = plan.repository, plan.uploads
    size = sum(file.size for file in sent)
    return PublishedRepository(
        repository.name, repository.kind, url, commit, len(sent), size, len(final.repository.files)
    )


def _verify(final: RepositoryPlan, destination: Hub | LocalFolder) -> str:
    """Compare every checksum with the destination; return its newest commit."""
    repository = final.repository
    state = destination.state(repository)
    wrong = differing(repository, state) if state else [file.path for file in repository.files]
    if state is None or wrong:
        more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        what = f"{wrong[0]}{more}: the destination does not have what was sent"
        raise OutputError(what, where=repository.name, hint="run the same command again")
    return state.commit
