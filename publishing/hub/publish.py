"""Publishing a release: a plan that only looks, and the steps that carry it out and can be repeated.

Repositories come first, side by side, one commit each; then every file's checksum is compared with what the Hub holds;
then the tags, once everything is there; the collection last. Each step looks at what stands there before it acts, so a
run that was interrupted anywhere is completed by the next.
"""

import re
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import wait
from dataclasses import dataclass
from functools import partial

from dataset_tools.errors import OutputError, UsageError
from publishing.hub.client import Hub
from publishing.hub.errors import attempt
from publishing.hub.plan import RepositoryPlan, Standing, compare, differing
from publishing.release.background import in_background
from publishing.release.repositories import CARD, Repository

__all__ = ["Options", "Plan", "Published", "PublishedRepository", "carry_out", "make_plan"]

_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class Options:
    """How to publish.

    Attributes:
        tag: put on every repository at the end; empty for none.
        private: whether new repositories and a new collection are seen by their owners only.
        delete: whether files that are only on the Hub are deleted there.
        wait: sleeps between tries.
    """

    tag: str = ""
    private: bool = False
    delete: bool = False
    wait: Callable[[float], None] = time.sleep


@dataclass(frozen=True, slots=True)
class Plan:
    """What publishing would do: each repository, and the title of the collection."""

    repositories: tuple[RepositoryPlan, ...]
    title: str
    options: Options

    @property
    def done(self) -> bool:
        """Whether every file, and the tag if there is one, stands there already."""
        tag = self.options.tag
        return all(item.current and (not tag or _tagged(item.standing, tag)) for item in self.repositories)


@dataclass(frozen=True, slots=True)
class PublishedRepository:
    """One repository after publishing.

    Attributes:
        name: ``ORG/NAME``.
        kind: a model or a dataset.
        url: its page.
        commit: the commit that holds the release.
        sent: how many files were sent.
        bytes: their size.
        verified: how many files' checksums were compared and found equal.
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
    """The result of publishing: the repositories, the tag on each, and the collection's page."""

    repositories: tuple[PublishedRepository, ...]
    tag: str
    collection: str


def make_plan(repositories: Iterable[Repository], hub: Hub, title: str, options: Options) -> Plan:
    """Compare repositories with what stands on the Hub. Only reads.

    Args:
        repositories: what is to be published.
        hub: where.
        title: of the collection.
        options: how.

    Raises:
        InputError: the human sections of a card are damaged.
        OutputError: the Hub cannot be read.
        UsageError: the tag is taken, or is none; a repository is public and was to be private.
    """
    tag = options.tag
    if tag and (not _TAG.fullmatch(tag) or ".." in tag or tag.endswith((".lock", ".")) or tag == "main"):
        raise UsageError(f"{tag!r} can be no tag", hint="--tag v1.0.0")
    plans = []
    for repository in repositories:
        plan = attempt(repository.name, partial(_compare, repository, hub, options), options.wait)
        if plan.standing and options.private and not plan.standing.private:
            hint = "make it private on its page first, or leave out --private"
            raise UsageError("it is public", where=hub.url(repository), hint=hint)
        _check_tag(plan, hub, options)
        plans.append(plan)
    return Plan(tuple(plans), title, options)


def _compare(repository: Repository, hub: Hub, options: Options) -> RepositoryPlan:
    standing = hub.standing(repository)
    return compare(repository, standing, lambda there: hub.card(repository, there), delete=options.delete)


def _check_tag(plan: RepositoryPlan, hub: Hub, options: Options) -> None:
    """A tag that is there must stand for the same files; the card may have been written on since.

    Raises:
        UsageError: it stands for others.
    """
    commit = _tagged(plan.standing, options.tag)
    if not commit or (plan.standing and commit == plan.standing.commit and plan.current):
        return
    repository = plan.repository
    there = attempt(repository.name, lambda: hub.standing(repository, options.tag), options.wait)
    if there is None or differing(repository, there, card=False):
        what = f"the tag {options.tag} stands there for other files"
        raise UsageError(what, where=hub.url(repository), hint="a tag never moves: take another --tag")


def _tagged(standing: Standing | None, tag: str) -> str:
    return (standing.tags or {}).get(tag, "") if standing and tag else ""


def carry_out(plan: Plan, hub: Hub, tell: Callable[[str], None] = lambda _: None) -> Published:
    """Do what a plan says; what is done already is left as it is.

    Args:
        plan: the plan.
        hub: the Hub that it was made for.
        tell: is given a line for each step.

    Raises:
        OutputError: the Hub refuses something, cannot be reached, or holds other files than were sent. What is under
            way to the other repositories has ended by then.
    """
    options = plan.options
    for item in plan.repositories:
        tell(_announced(item))
    done = _publish_all(plan.repositories, hub, options)
    for item, published in zip(plan.repositories, done, strict=True):
        if options.tag and not _tagged(item.standing, options.tag):
            tell(f"{published.name}: tag {options.tag}")
            attempt(published.name, partial(_tag, item.repository, hub, options.tag, published), options.wait)
    found = [item.repository for item in plan.repositories]
    collection = attempt(plan.title, lambda: hub.collect(found, plan.title, private=options.private), options.wait)
    return Published(tuple(done), options.tag, collection)


def _tag(repository: Repository, hub: Hub, tag: str, published: PublishedRepository) -> None:
    hub.tag(repository, tag, published.commit)
    there = hub.standing(repository, tag)
    if there is None or there.commit != published.commit:
        raise OutputError(f"the tag {tag} was put elsewhere meanwhile", where=published.url, hint="take another --tag")


def _announced(planned: RepositoryPlan) -> str:
    name, sent = planned.repository.name, planned.uploads
    if planned.current:
        return f"{name}: all {len(planned.repository.files)} files are there"
    return f"{name}: sending {len(sent)} files, {sum(file.size for file in sent) / 1e6:,.1f} MB"


def _publish_all(plans: Sequence[RepositoryPlan], hub: Hub, options: Options) -> list[PublishedRepository]:
    """Bring all repositories to what is planned, side by side: the Hub checks one file while another is sent."""
    with hub.heard():
        coming = in_background([partial(_publish, planned, hub, options) for planned in plans], len(plans))
        try:
            return [future.result() for future in coming]
        except Exception:
            wait(coming)
            raise


def _publish(planned: RepositoryPlan, hub: Hub, options: Options) -> PublishedRepository:
    """Bring one repository to what is planned, and prove it."""
    repository = planned.repository
    sent = planned.uploads
    size = sum(file.size for file in sent)
    final = attempt(repository.name, lambda: _send(planned, hub, options), options.wait)
    commit = _verify(final, hub, options)
    url = hub.url(repository)
    return PublishedRepository(
        repository.name, repository.kind, url, commit, len(sent), size, len(final.repository.files)
    )


def _send(planned: RepositoryPlan, hub: Hub, options: Options) -> RepositoryPlan:
    """Look again, and commit what is missing; gives the plan that was carried out."""
    now = _compare(planned.repository, hub, options)
    if now.standing is None:
        hub.create(planned.repository, private=options.private)
        now = _compare(planned.repository, hub, options)
    _require_same(planned, now, hub)
    if not now.current:
        hub.commit(now, f"Publish {planned.repository.part}{f' {options.tag}' if options.tag else ''}")
    return now


def _require_same(planned: RepositoryPlan, now: RepositoryPlan, hub: Hub) -> None:
    """What is to be replaced or deleted must be what the plan has seen; a card keeps what people write into it.

    Raises:
        OutputError: somebody has changed it since.
    """
    before = planned.standing.files if planned.standing else {}
    after = now.standing.files if now.standing else {}
    touched = [path for path in after if path in {file.path for file in now.uploads} or path in now.deletions]
    changed = [path for path in touched if path != CARD and before.get(path) != after[path]]
    if changed:
        what = f"{changed[0]} was changed there since the plan was made"
        raise OutputError(what, where=hub.url(now.repository), hint="run the same command again and look at the plan")


def _verify(final: RepositoryPlan, hub: Hub, options: Options) -> str:
    """The newest commit, if every file of it is what it should be.

    Raises:
        OutputError: a file differs or is missing.
    """
    repository = final.repository
    standing = attempt(repository.name, lambda: hub.standing(repository), options.wait)
    wrong = differing(repository, standing) if standing else [file.path for file in repository.files]
    if standing is None or wrong:
        more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        what = f"{wrong[0]}{more}: the Hub does not hold what was sent"
        raise OutputError(what, where=hub.url(repository), hint="run the same command again")
    return standing.commit
