"""The Hub as a place to publish to: what stands there, and the four ways to change it, through huggingface_hub."""

import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from publishing.hub.plan import RepositoryPlan, Standing, StandingFile
from publishing.release.repositories import CARD, Repository

if TYPE_CHECKING:
    from huggingface_hub import Collection, HfApi

__all__ = ["Hub"]


class Hub:
    """A Hub, seen through a client.

    Args:
        api: the client, with its address and token.
        tell: is given what the Hub remarks, such as a card without metadata.
    """

    def __init__(self, api: "HfApi", tell: Callable[[str], None] = lambda _: None) -> None:
        self._api = api
        self._tell = tell
        self._sending = threading.local()  # the name of the repository that a thread sends to

    @property
    def address(self) -> str:
        """Where it is."""
        return str(self._api.endpoint)

    def url(self, repository: Repository) -> str:
        """The page of a repository."""
        return f"{self.address}/{'datasets/' if repository.kind == 'dataset' else ''}{repository.name}"

    def standing(self, repository: Repository, revision: str | None = None) -> Standing | None:
        """A repository as it stands there; None if there is none, or none that the token may see."""
        from huggingface_hub import RepoFile
        from huggingface_hub.errors import RepositoryNotFoundError

        name, kind = repository.name, repository.kind
        try:
            info = self._api.repo_info(name, repo_type=kind, revision=revision)
        except RepositoryNotFoundError:
            return None
        commit = str(info.sha)
        files = {
            item.path: StandingFile(item.size, item.blob_id, item.lfs.sha256 if item.lfs else "")
            for item in self._api.list_repo_tree(name, repo_type=kind, revision=commit, recursive=True)
            if isinstance(item, RepoFile)
        }
        refs = self._api.list_repo_refs(name, repo_type=kind)
        return Standing(commit, files, bool(info.private), {tag.name: tag.target_commit for tag in refs.tags})

    def card(self, repository: Repository, standing: Standing) -> str:
        """The text of the card that stands there."""
        with tempfile.TemporaryDirectory() as folder:
            path = self._api.hf_hub_download(
                repository.name, CARD, repo_type=repository.kind, revision=standing.commit, local_dir=folder
            )
            return Path(path).read_text(encoding="utf-8")

    def create(self, repository: Repository, *, private: bool) -> None:
        """Make a repository; one that is there stays as it is."""
        self._api.create_repo(repository.name, repo_type=repository.kind, private=private or None, exist_ok=True)

    def commit(self, plan: RepositoryPlan, message: str) -> str:
        """Send what a plan says, as one commit on the commit that the plan has seen; gives the new commit.

        Files whose content the Hub has are not sent again; large ones that arrived before a failure count as such.
        """
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        additions = [CommitOperationAdd(file.path, file.source) for file in plan.uploads]
        for operation, file in zip(additions, plan.uploads, strict=True):
            operation.upload_info.sha256 = bytes.fromhex(file.sha256)  # known: large files are not read once more
        deletions = [CommitOperationDelete(path, is_folder=False) for path in plan.deletions]
        self._sending.name = plan.repository.name
        made = self._api.create_commit(
            plan.repository.name,
            [*additions, *deletions],
            repo_type=plan.repository.kind,
            commit_message=message,
            parent_commit=plan.standing.commit if plan.standing else None,
        )
        return str(made.oid)

    @contextmanager
    def heard(self) -> Iterator[None]:
        """What the Hub remarks on commits is told meanwhile, whichever thread makes them."""

        def hear(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
            if issubclass(category, UserWarning):  # others are for those who write libraries
                self._tell(f"{getattr(self._sending, 'name', self.address)}: {' '.join(str(message).split())}")

        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.showwarning = hear
            yield

    def tag(self, repository: Repository, tag: str, commit: str) -> None:
        """Put a tag on a commit; one that is there stays where it is."""
        self._api.create_tag(repository.name, tag=tag, revision=commit, repo_type=repository.kind, exist_ok=True)

    def collect(self, repositories: list[Repository], title: str, *, private: bool) -> str:
        """Put repositories into the collection of a title, which is made if there is none; gives its page."""
        owner = repositories[0].name.split("/")[0]
        collection = self._collection(owner, title)
        if collection is None:
            collection = self._api.create_collection(title, namespace=owner, private=private, exists_ok=True)
        listed = {(item.item_type, item.item_id) for item in collection.items}
        for repository in repositories:
            if (repository.kind, repository.name) not in listed:
                self._api.add_collection_item(collection.slug, repository.name, repository.kind, exists_ok=True)
        return str(collection.url)

    def _collection(self, owner: str, title: str) -> "Collection | None":
        """The owner's collection of a title. Listed ones show only their first items, so it is asked for again."""
        for found in self._api.list_collections(owner=owner):
            if found.title == title:
                return self._api.get_collection(found.slug)
        return None
