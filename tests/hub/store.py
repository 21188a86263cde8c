"""Contents of the test Hub: repositories with commits, branches and tags, and files on disk."""

import hashlib
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

ATTRIBUTES = b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n*.gguf filter=lfs diff=lfs merge=lfs -text\n"
"""Content of a new repository, as on the Hub."""

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a commit: ``oid`` is that of git for the content or the LFS pointer; ``sha256`` only for LFS."""

    size: int
    oid: str
    sha256: str = ""

    def as_json(self, path: str) -> dict[str, object]:
        """Return the file as endpoints list it."""
        item: dict[str, object] = {"type": "file", "path": path, "size": self.size, "oid": self.oid}
        if self.sha256:
            item["lfs"] = {
                "oid": self.sha256,
                "size": self.size,
                "pointerSize": len(pointer(self.sha256, self.size)),
            }
        return item


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit: every file by path."""

    oid: str
    parent: str
    title: str
    files: dict[str, Entry]


@dataclass(slots=True)
class Repository:
    """A model or a dataset; ``lfs`` has its uploaded large objects, committed or not."""

    kind: str
    name: str
    private: bool
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    lfs: set[str] = field(default_factory=set)

    def at(self, revision: str) -> Commit | None:
        """Return the commit of a branch, a tag or an id."""
        oid = self.branches.get(revision) or self.tags.get(revision) or revision
        return self.commits.get(oid)

    def add(self, branch: str, files: dict[str, Entry], title: str) -> Commit:
        """Add a commit to a branch."""
        parent = self.branches.get(branch, "")
        listed = "\n".join(f"{path} {entry.oid}" for path, entry in sorted(files.items()))
        text = f"{self.kind} {self.name} {len(self.commits)} {parent} {title}\n{listed}"
        commit = Commit(_sha1(text.encode()), parent, title, files)
        self.commits[commit.oid] = commit
        self.branches[branch] = commit.oid
        return commit

    def history(self, branch: str = "main") -> list[Commit]:
        """Return the commits of a branch, newest first."""
        found, commit = [], self.at(branch)
        while commit is not None:
            found.append(commit)
            commit = self.commits.get(commit.parent)
        return found


@dataclass(slots=True)
class Collection:
    """A list of repositories with a title."""

    slug: str
    title: str
    owner: str
    private: bool
    description: str
    items: list[dict[str, object]] = field(default_factory=list)


class Store:
    """All contents of a Hub, as files in ``folder``; hold ``lock`` for changes that must not interleave."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lock = threading.RLock()
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.collections: dict[str, Collection] = {}
        for part in ("blobs", "lfs", "parts"):
            (folder / part).mkdir(parents=True, exist_ok=True)

    def create(self, kind: str, name: str, *, private: bool = False) -> Repository:
        """Create a repository with its first commit."""
        repository = Repository(kind, name, private)
        repository.add("main", {".gitattributes": self.keep(ATTRIBUTES)}, "initial commit")
        self.repositories[kind, name] = repository
        return repository

    def keep(self, content: bytes) -> Entry:
        """Store a small file as git would."""
        oid = git_oid(content)
        (self.folder / "blobs" / oid).write_bytes(content)
        return Entry(len(content), oid)

    def large(self, sha256: str) -> Path:
        """Return the path of an uploaded large object."""
        return self.folder / "lfs" / sha256

    def path(self, entry: Entry) -> Path:
        """Return the content of a file."""
        return self.large(entry.sha256) if entry.sha256 else self.folder / "blobs" / entry.oid

    def put(self, kind: str, name: str, files: dict[str, bytes], *, title: str = "put") -> Commit:
        """Commit small files without HTTP, as the initial state of a test or as another user."""
        with self.lock:
            repository = self.repositories.get((kind, name)) or self.create(kind, name)
            commit = repository.at("main")
            before = commit.files if commit else {}
            return repository.add("main", before | {path: self.keep(data) for path, data in files.items()}, title)

    def read(self, kind: str, name: str, revision: str = "main") -> dict[str, bytes]:
        """Return every file of a repository with its content."""
        commit = self.repositories[kind, name].at(revision)
        return {path: self.path(entry).read_bytes() for path, entry in commit.files.items()} if commit else {}


def large_entry(sha256: str, size: int) -> Entry:
    """Return an LFS file of a commit."""
    return Entry(size, git_oid(pointer(sha256, size)), sha256)


def pointer(sha256: str, size: int) -> bytes:
    """Return the LFS pointer of a large file."""
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n".encode()


def git_oid(content: bytes) -> str:
    """Return the git object id of a content."""
    return _sha1(b"blob %d\0" % len(content) + content)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def join(parts: Iterable[Path], target: Path) -> None:
    """Join parts into a file."""
    with target.open("wb") as stream:
        for part in parts:
            stream.write(part.read_bytes())


def _sha1(content: bytes) -> str:
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()
