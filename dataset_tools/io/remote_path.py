"""Paths of object stores and servers, such as ``s3://bucket/raw.jsonl``, read and written through fsspec.

Workers on other machines open such a path with their own credentials. The methods of :class:`pathlib.Path` either work
on the store or raise :class:`UsageError`; none reaches the local file system.
"""

import errno
import io
import os
import re
import stat
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path, PosixPath
from typing import IO, TYPE_CHECKING, Any, BinaryIO, NoReturn, Self, cast

from dataset_tools.errors import InputError, UsageError
from dataset_tools.io.remote_stream import RemoteStream, os_errors

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

__all__ = ["RemotePath", "as_path", "unreadable"]

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+:")
_ROOTED = ("file:", "local:", "memory:")  # stores whose paths begin at a root instead of with a bucket
_WITH_FOLDERS = {*_ROOTED, "sftp:", "ssh:", "ftp:", "smb:", "hdfs:", "webhdfs:"}  # stores that have empty folders
_TIMES = ("mtime", "LastModified", "last_modified", "updated", "created")  # names of a file's time, by store


def as_path(name: str | Path) -> Path:
    """Return the path that a name means: local, or remote if it has a scheme (``s3://bucket/key``)."""
    if isinstance(name, RemotePath):
        return name
    if isinstance(name, str) and re.match(rf"{_SCHEME.pattern}//", name):
        return RemotePath(name)
    parts = Path(name).parts
    # Path("s3://bucket/key") has dropped one of the slashes.
    return RemotePath(*parts) if isinstance(name, Path) and parts and _SCHEME.fullmatch(parts[0]) else Path(name)


def unreadable(error: OSError, path: Path, row: int = 0) -> InputError:
    """Return the error for a local or remote file that cannot be read, at a row if one is known."""
    where = f"{path}:{row}" if row else str(path)
    hint = "the failure may be temporary: try again" if isinstance(path, RemotePath) else ""
    return InputError(error.strerror or str(error), where=where, hint=hint)


class RemotePath(PosixPath):
    """A file or a folder of a store that fsspec supports; its first part is the scheme.

    Methods that read or write the store raise :class:`OSError`, with an ``errno`` where the store reports the cause,
    and :class:`UsageError` if the package for this store is not installed.
    """

    def __str__(self) -> str:
        """Return the address with its scheme."""
        parts = self.parts
        if not parts or not _SCHEME.fullmatch(parts[0]):
            return super().__str__()  # the result of relative_to
        return f"{parts[0]}//{'/' * (parts[0] in _ROOTED)}{'/'.join(parts[1:])}"

    def __fspath__(self) -> str:
        """Return the address, so that functions of the local file system find nothing instead of a wrong file."""
        return str(self)

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:  # noqa: ANN401 - one of many methods
        raise UsageError("not possible in a store", where=str(self), hint="copy the file to this machine first")

    chmod = lchmod = group = owner = readlink = is_mount = samefile = hardlink_to = symlink_to = rglob = walk = _refuse

    def is_absolute(self) -> bool:
        """Return True for any path with a scheme."""
        return bool(_SCHEME.fullmatch(self.parts[0]) if self.parts else None)

    def absolute(self) -> Self:
        """Return the path itself."""
        return self

    def resolve(self, strict: bool = False) -> Self:  # noqa: ARG002, FBT001, FBT002 - the signature of Path
        """Return the path itself: a store has no links."""
        return self

    @contextmanager
    def _store(self) -> Iterator[tuple[Any, str]]:
        """Yield the file system and the name in it; errors of the store become OSError."""
        import fsspec

        with os_errors(self):
            try:
                yield fsspec.url_to_fs(str(self), use_listings_cache=False)
            except (ImportError, ValueError) as error:  # the package is not installed, or the scheme is unknown
                hint = "install the fsspec package for this store"
                raise UsageError(str(error), where=str(self), hint=hint) from error

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:  # noqa: ARG002 - the signature of Path
        """Return type, size and time, as far as the store reports them."""
        with self._store() as (store, name):
            info = store.info(name)
        time = next((info[key] for key in _TIMES if info.get(key)), 0)
        seconds = time.timestamp() if isinstance(time, datetime) else time if isinstance(time, float) else 0
        mode = stat.S_IFDIR if info["type"] == "directory" else stat.S_IFREG
        values = (mode, 0, 0, 1, 0, 0, info.get("size") or 0, 0, int(seconds), 0)
        return os.stat_result(values, {"st_mtime": seconds, "st_mtime_ns": int(seconds * 1e9)})

    def exists(self, *, follow_symlinks: bool = True) -> bool:  # noqa: ARG002 - as above
        """Return whether the file or folder exists."""
        return self._mode() != 0

    def is_file(self, *, follow_symlinks: bool = True) -> bool:  # noqa: ARG002
        """Return whether it is a file."""
        return stat.S_ISREG(self._mode())

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:  # noqa: ARG002
        """Return whether it is a folder, or a prefix of other names."""
        return stat.S_ISDIR(self._mode())

    def _mode(self) -> int:
        try:
            return self.stat().st_mode
        except FileNotFoundError:
            return 0

    def open(  # type: ignore[override]
        self,
        mode: str = "r",
        buffering: int = -1,  # noqa: ARG002 - the signature of Path
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
    ) -> IO[Any]:
        """Return a stream for reading, of bytes (``rb``) or text (``r``).

        Raises:
            UsageError: another mode; a file of a store is written as a whole, by :meth:`write_bytes` or :meth:`put`.
        """
        if mode not in {"r", "rt", "rb"}:
            raise UsageError(f"cannot be opened with mode {mode!r}", where=str(self), hint="write it as a whole")
        with self._store() as (store, name):
            stream = cast("BinaryIO", RemoteStream(store.open(name, "rb"), self))
        return stream if mode == "rb" else io.TextIOWrapper(stream, encoding or "utf-8", errors, newline)

    def read_bytes(self) -> bytes:
        """Return the content."""
        with self._store() as (store, name):
            return bytes(store.cat_file(name))

    def write_bytes(self, data: "ReadableBuffer") -> int:
        """Write the content, replacing an existing file; return the number of bytes."""
        content = bytes(data)
        with self._store() as (store, name):
            store.pipe_file(name, content)
        return len(content)

    def write_text(
        self, data: str, encoding: str | None = None, errors: str | None = None, newline: str | None = None
    ) -> int:
        """Write the content as text, replacing an existing file; return the number of characters."""
        self.write_bytes(data.replace("\n", newline or "\n").encode(encoding or "utf-8", errors or "strict"))
        return len(data)

    def touch(self, mode: int = 0o666, exist_ok: bool = True) -> None:  # noqa: ARG002, FBT001, FBT002 - as above
        """Create an empty file; an existing one keeps its content and its time."""
        if not self.exists():
            self.write_bytes(b"")
        elif not exist_ok:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(self))

    def put(self, source: Path) -> None:
        """Upload a local file; it appears under this name when it is complete, where the store supports that."""
        with self._store() as (store, name):
            store.put_file(str(source), name)

    def rename(self, target: str | os.PathLike[str]) -> Self:
        """Move the file or folder within its store, as a copy and a removal; return the new path.

        Raises:
            UsageError: the target is in another store.
        """
        from fsspec.core import strip_protocol

        place = as_path(os.fspath(target))
        if not isinstance(place, RemotePath) or place.parts[0] != self.parts[0]:
            raise UsageError(f"cannot be moved to {place}", where=str(self), hint="move it within its store")
        with self._store() as (store, name):
            store.mv(name, strip_protocol(str(place)), recursive=self.is_dir())
        return type(self)(place)

    replace = rename

    def iterdir(self) -> Generator[Self, None, None]:
        """Yield the entries of the folder, sorted by name."""
        with self._store() as (store, name):
            listed = store.ls(name, detail=False)
        names = sorted(entry.rstrip("/").rsplit("/", 1)[-1] for entry in listed if entry.strip("/") != name.strip("/"))
        return (self / entry for entry in names)

    def glob(self, pattern: str, **_: object) -> Generator[Self, None, None]:
        """Yield the entries of the folder whose names match; none if there is no folder.

        Raises:
            UsageError: the pattern is for more than one level.
        """
        if "/" in pattern or "**" in pattern:
            self._refuse()
        with suppress(FileNotFoundError):
            yield from (path for path in self.iterdir() if fnmatchcase(path.name, pattern))

    def matches(self) -> list[Self]:
        """Return the files that match this path as a pattern, by the rules of fsspec."""
        with self._store() as (store, name):
            found = [entry for entry, info in store.glob(name, detail=True).items() if info["type"] == "file"]
        return [type(self)(entry if "://" in entry else f"{self.parts[0]}//{entry}") for entry in sorted(found)]

    def files(self) -> list[Self]:
        """Return every file below the folder, at any depth."""
        with self._store() as (store, name):
            found = store.find(name)
        return [self / entry[len(name) :].lstrip("/") for entry in sorted(found)]

    def mkdir(self, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        """Create the folder and its parents; nothing to do in an object store, which has no empty folders."""
        if self.parts[0] in _WITH_FOLDERS:
            with self._store() as (store, name):
                store.makedirs(name, exist_ok=exist_ok)

    def unlink(self, missing_ok: bool = False) -> None:  # noqa: FBT001, FBT002 - as above
        """Remove the file."""
        try:
            with self._store() as (store, name):
                store.rm_file(name)
        except FileNotFoundError:
            if not missing_ok:
                raise

    def rmdir(self) -> None:
        """Remove the folder, which must be empty; nothing to do in an object store."""
        if self.parts[0] in _WITH_FOLDERS:
            with self._store() as (store, name):
                store.rmdir(name)

    def remove_all(self) -> None:
        """Remove the folder with its content, if it exists."""
        try:
            with self._store() as (store, name):
                store.rm(name, recursive=True)
        except FileNotFoundError:
            return
