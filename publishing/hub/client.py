"""The Hub as a destination, through huggingface_hub: its present state, and the steps that change it."""

import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from dataset_tools.errors import OutputError, UsageError
from publishing.hub.errors import with_retries
from publishing.hub.plan import RemoteFile, RemoteRepository, RepositoryPlan, plan_changes
from publishing.release.repositories import CARD, Repository, check_name

if TYPE_CHECKING:
    from huggingface_hub import Collection, HfApi

__all__ = ["Hub"]


class Hub:
    """The Hugging Face Hub as the destination of one release.

    Args:
        name: ``ORG/NAME`` of the merged model; the names of the other repositories start with it.
        api: the client, with its address and token; by default the user's own.
        wait: sleeps for a number of seconds between two tries.

    Raises:
        UsageError: the name is not valid.
    """

    def __init__(self, name: str, api: "HfApi | None" = None, wait: Callable[[float], None] = time.sleep) -> None:
        self.name = check_name(name)
        self._given = api
        self._wait = wait
        self._sending = threading.local()  # the repository that a thread sends to

    @cached_property
    def _api(self) -> "HfApi":
        from huggingface_hub import HfApi

        return self._given or HfApi(library_name="arabic-functiongemma")

    @property
    def address(self) -> str:
        """Return the address of the Hub."""
        return str(self._api.endpoint)

    @property
    def token(self) -> str:
        """Return the user's token; empty without one."""
        from huggingface_hub import get_token

        return self._api.token if isinstance(self._api.token, str) else get_token() or ""

    def require_token(self) -> None:
        """Require a token.

        Raises:
            UsageError: there is no token.
        """
        if not self.token:
            raise UsageError("no token for the Hub", hint="set HF_TOKEN, or run `hf auth login`")

    def url(self, repository: Repository) -> str:
        """Return the page of a repository."""
        return f"{self.address}/{'datasets/' if repository.kind == 'dataset' else ''}{repository.name}"

    def state(self, repository: Repository, revision: str | None = None) -> RemoteRepository | None:
        """Return the present state of a repository; None if it does not exist or the token cannot read it.

        Raises:
            OutputError: the Hub cannot be read.
        """
        return with_retries(repository.name, partial(self._state, repository, revision), self._wait)

    def plan(self, repository: Repository, *, delete: bool = False) -> RepositoryPlan:
        """Compare a repository with its present state.

        Raises:
            InputError: the human sections of a card are damaged.
            OutputError: the Hub cannot be read.
        """
        return with_retries(repository.name, partial(self._plan, repository, delete=delete), self._wait)

    def send(self, planned: RepositoryPlan, message: str, *, private: bool, delete: bool) -> RepositoryPlan:
        """Create a repository if needed, and commit what it lacks; return the plan that was carried out.

        Files that the Hub has are not sent again, nor large files that arrived before a failure.

        Raises:
            OutputError: the Hub refuses it, or a file to replace or delete has changed since the plan.
        """

        def step() -> RepositoryPlan:
            now = self._plan(planned.repository, delete=delete)
            if now.remote is None:
                name, kind = planned.repository.name, planned.repository.kind
                self._api.create_repo(name, repo_type=kind, private=private or None, exist_ok=True)
                now = self._plan(planned.repository, delete=delete)
            self._require_unchanged(planned, now)
            if not now.up_to_date:
                self._commit(now, message)
            return now

        return with_retries(planned.repository.name, step, self._wait)

    def tag(self, repository: Repository, tag: str, commit: str) -> None:
        """Set a tag on a commit.

        Raises:
            OutputError: the Hub refuses it, or the tag exists for another commit.
        """

        def step() -> None:
            self._api.create_tag(repository.name, tag=tag, revision=commit, repo_type=repository.kind, exist_ok=True)
            there = self._state(repository, tag)
            if there is None or there.commit != commit:
                what = f"the tag {tag} exists for another commit"
                raise OutputError(what, where=self.url(repository), hint="choose another --tag")

        with_retries(repository.name, step, self._wait)

    def collect(self, repositories: Sequence[Repository], *, private: bool) -> str:
        """Add repositories to the collection that is named like the model; return its page.

        Raises:
            OutputError: the Hub refuses it.
        """
        owner, title = self.name.split("/")

        def step() -> str:
            collection = self._collection(owner, title)
            if collection is None:
                collection = self._api.create_collection(title, namespace=owner, private=private, exists_ok=True)
            listed = {(item.item_type, item.item_id) for item in collection.items}
            for repository in repositories:
                if (repository.kind, repository.name) not in listed:
                    self._api.add_collection_item(collection.slug, repository.name, repository.kind, exists_ok=True)
            return str(collection.url)

        return with_retries(title, step, self._wait)

    @contextmanager
    def warnings_to(self, log: Callable[[str], None]) -> Iterator[None]:
        """Pass the Hub's warnings about commits to ``log``, with the repository, from every thread."""

        def show(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
            if issubclass(category, UserWarning):  # others are for developers
                log(f"{getattr(self._sending, 'name', self.address)}: {' '.join(str(message).split())}")

        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.showwarning = show
            yield

    def _state(self, repository: Repository, revision: str | None = None) -> RemoteRepository | None:
        from huggingface_hub import RepoFile
        from huggingface_hub.errors import RepositoryNotFoundError

        name, kind = repository.name, repository.kind
        try:
            info = self._api.repo_info(name, repo_type=kind, revision=revision)
        except RepositoryNotFoundError:
            return None
        commit = str(info.sha)
        files = {
            item.path: RemoteFile(item.size, item.blob_id, item.lfs.sha256 if item.lfs else "")
            for item in self._api.list_repo_tree(name, repo_type=kind, revision=commit, recursive=True)
            if isinstance(item, RepoFile)
        }
        refs = self._api.list_repo_refs(name, repo_type=kind)
        return RemoteRepository(commit, files, bool(info.private), {tag.name: tag.target_commit for tag in refs.tags})

    def _plan(self, repository: Repository, *, delete: bool) -> RepositoryPlan:
        return plan_changes(repository, self._state(repository), partial(self._card, repository), delete=delete)

    def _card(self, repository: Repository, remote: RemoteRepository) -> str:
        with tempfile.TemporaryDirectory() as folder:
            path = self._api.hf_hub_download(
                repository.name, CARD, repo_type=repository.kind, revision=remote.commit, local_dir=folder
            )
            return Path(path).read_text(encoding="utf-8")

    def _require_unchanged(self, planned: RepositoryPlan, now: RepositoryPlan) -> None:
        """Require that files to replace or delete are those of the plan; a card keeps its human sections anyway."""
        before = planned.remote.files if planned.remote else {}
        after = now.remote.files if now.remote else {}
        touched = {*(file.path for file in now.uploads), *now.deletions} & after.keys()
        changed = sorted(path for path in touched if path != CARD and before.get(path) != after[path])
        if changed:
            what = f"{changed[0]} has changed on the Hub since the plan was made"
            hint = "run the same command again and check the plan"
            raise OutputError(what, where=self.url(now.repository), hint=hint)

    def _commit(self, plan: RepositoryPlan, message: str) -> None:
        """Send a plan as one commit on top of the commit that it was made for."""
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        additions = [CommitOperationAdd(file.path, file.source) for file in plan.uploads]
        for operation, file in zip(additions, plan.uploads, strict=True):
            operation.upload_info.sha256 = bytes.fromhex(file.sha256)  # saves reading large files again
        self._sending.name = plan.repository.name
        self._api.create_commit(
            plan.repository.name,
            [*additions, *(CommitOperationDelete(path, is_folder=False) for path in plan.deletions)],
            repo_type=plan.repository.kind,
            commit_message=message,
            parent_commit=plan.remote.commit if plan.remote else None,
        )

    def _collection(self, owner: str, title: str) -> "Collection | None":
        """Return the owner's collection with this title. A listing shows only its first items, so it is read again."""
        for found in self._api.list_collections(owner=owner):
            if found.title == title:
                return self._api.get_collection(found.slug)
        return None
