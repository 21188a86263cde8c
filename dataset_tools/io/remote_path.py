"""Places that are not in the file system, as ``s3://bucket/raw.jsonl``: whatever fsspec reaches, used like a path.

A machine that is given such a path opens it with its own credentials. What is written appears under its name when it
is whole: it is made in a file of this machine first, and then sent.
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
from typing import TYPE_CHECKING, Any, BinaryIO, Self, cast

from dataset_tools.errors import InputError, UsageError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["RemotePath", "as_path", "unreadable"]

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+:")
_ROOTED = ("file:", "local:", "memory:")  # stores whose paths begin at a root instead of with the name of a bucket
_WITH_FOLDERS = {*_ROOTED, "sftp:", "ssh:", "ftp:", "smb:", "hdfs:", "webhdfs:"}  # those that know empty folders
_MOMENTS = ("mtime", "LastModified", "last_modified", "updated", "created")  # what stores call the time of a file


def as_path(name: str | Path) -> Path:
    """The place that people mean by a name: in the file system, or, as in ``s3://bucket/key``, elsewhere."""
    if isinstance(name, RemotePath):
        return name
    if isinstance(name, str) and re.match(rf"{_SCHEME.pattern}//", name):
        return RemotePath(name)
    parts = Path(name).parts
    # A path that was one already has lost one of its slashes.
    return RemotePath(*parts) if isinstance(name, Path) and parts and _SCHEME.fullmatch(parts[0]) else Path(name)


def unreadable(error: OSError, path: Path, row: int = 0) -> InputError:
    """What a user is told where a file, here or in a store, cannot be read on, at a row if that is known."""
    where = f"{path}:{row}" if row else str(path)
    hint = "a store or a network may fail for a while: try again" if isinstance(path, RemotePath) else ""
    return InputError(error.strerror or str(error), where=where, hint=hint)


class RemotePath(PosixPath):
    """A file or a folder of a store that fsspec knows; the first part of it is the scheme.

    What is not here works on the text alone, as for any path. All that reaches the store raises :class:`OSError`, with
    a number where the store tells enough, and :class:`UsageError` if the package for this store is not installed.
    """

    def __str__(self) -> str:
        """As people write it."""
        parts = self.parts
        if not parts or not _SCHEME.fullmatch(parts[0]):
            return super().__str__()  # what relative_to leaves
        return f"{parts[0]}//{'/' * (parts[0] in _ROOTED)}{'/'.join(parts[1:])}"

    def __fspath__(self) -> str:
        """The same: what opens files by it does not know better, and finds nothing."""
        return str(self)

    @contextmanager
    def _store(self) -> Iterator[tuple[Any, str]]:
        """The file system and the name in it; what it raises becomes an error of the system."""
        import fsspec

        with _faults(self):
            try:
                yield fsspec.url_to_fs(str(self), use_listings_cache=False)
            except (ImportError, ValueError) as error:  # no package for it, or no such scheme
                raise UsageError(
                    str(error), where=str(self), hint="a store needs a package of its own beside fsspec"
                ) from error

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:  # noqa: ARG002 - the signature of Path
        """Kind, size and time, where the store tells them."""
        with self._store() as (store, name):
            info = store.info(name)
        folder = info["type"] == "directory"
        moment = next((info[key] for key in _MOMENTS if info.get(key)), 0)
        seconds = moment.timestamp() if isinstance(moment, datetime) else moment if isinstance(moment, float) else 0
        mode = stat.S_IFDIR if folder else stat.S_IFREG
        values = (mode, 0, 0, 1, 0, 0, info.get("size") or 0, 0, int(seconds), 0)
        return os.stat_result(values, {"st_mtime": seconds, "st_mtime_ns": int(seconds * 1e9)})

    def exists(self, *, follow_symlinks: bool = True) -> bool:  # noqa: ARG002 - as above
        """Whether it is there."""
        return self._mode() != 0

    def is_file(self, *, follow_symlinks: bool = True) -> bool:  # noqa: ARG002
        """Whether it is a file."""
        return stat.S_ISREG(self._mode())

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:  # noqa: ARG002
        """Whether it is a folder, or what stands for one: names that go on with a slash."""
        return stat.S_ISDIR(self._mode())

    def _mode(self) -> int:
        try:
            return self.stat().st_mode
        except FileNotFoundError:
            return 0

    def resolve(self, strict: bool = False) -> Self:  # noqa: ARG002, FBT001, FBT002 - the signature of Path
        """Itself: there are no links."""
        return self

    def open(self, mode: str = "r", *_: object, **__: object) -> BinaryIO:  # type: ignore[override]
        """A stream of its bytes."""
        if mode != "rb":
            raise ValueError(f"{self} is read as bytes only")
        with self._store() as (store, name):
            return cast("BinaryIO", _Stream(store.open(name, "rb"), self))

    def read_bytes(self) -> bytes:
        """All of it."""
        with self._store() as (store, name):
            return bytes(store.cat_file(name))

    def put(self, source: Path) -> None:
        """Make it what a local file is, at once where the store can."""
        with self._store() as (store, name):
            store.put_file(str(source), name)

    def iterdir(self) -> Generator[Self, None, None]:
        """What is in the folder."""
        with self._store() as (store, name):
            found = store.ls(name, detail=False)
        names = sorted(entry.rstrip("/").rsplit("/", 1)[-1] for entry in found if entry.strip("/") != name.strip("/"))
        return (self / entry for entry in names)

    def glob(self, pattern: str, **_: object) -> Generator[Self, None, None]:
        """What in the folder has such a name; nothing if there is no folder."""
        with suppress(FileNotFoundError):
            yield from (path for path in self.iterdir() if fnmatchcase(path.name, pattern))

    def matches(self) -> list[Self]:
        """The files that it means as a pattern, by fsspec's rules."""
        with self._store() as (store, name):
            found = [entry for entry, info in store.glob(name, detail=True).items() if info["type"] == "file"]
        return [type(self)(entry if "://" in entry else f"{self.parts[0]}//{entry}") for entry in sorted(found)]

    def files(self) -> list[Self]:
        """Every file below the folder."""
        with self._store() as (store, name):
            found = store.find(name)
        return [self / entry[len(name) :].lstrip("/") for entry in sorted(found)]

    def mkdir(self, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        """Make the folder where the store has any; elsewhere it begins with what is put into it."""
        if self.parts[0] in _WITH_FOLDERS:
            with self._store() as (store, name):
                store.makedirs(name, exist_ok=True)

    def unlink(self, missing_ok: bool = False) -> None:  # noqa: FBT001, FBT002 - as above
        """Remove the file."""
        try:
            with self._store() as (store, name):
                store.rm_file(name)
        except FileNotFoundError:
            if not missing_ok:
                raise

    def rmdir(self) -> None:
        """Remove the folder if the store has any and it is empty."""
        if self.parts[0] in _WITH_FOLDERS:
            with self._store() as (store, name):
                store.rmdir(name)

    def remove_all(self) -> None:
        """Remove the folder with all that is in it, if it is there."""
        try:
            with self._store() as (store, name):
                store.rm(name, recursive=True)
        except FileNotFoundError:
            return


class _Stream(io.RawIOBase):
    """The bytes of a file in a store; whatever fails while they are read is an error of the system."""

    def __init__(self, stream: BinaryIO, place: RemotePath) -> None:
        self._stream = stream
        self._place = place

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is, or tells otherwise when it is asked to."""
        return True

    def read(self, size: int = -1, /) -> bytes:
        """So many bytes, or all that are left."""
        with _faults(self._place):
            return self._stream.read(size)

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """As many bytes as the buffer takes."""
        view = memoryview(buffer).cast("B")
        content = self.read(len(view))
        view[: len(content)] = content
        return len(content)

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to a place."""
        with _faults(self._place):
            self._stream.seek(offset, whence)
            return self._stream.tell()

    def tell(self) -> int:
        """Where it is."""
        return self._stream.tell()

    def close(self) -> None:
        """Let go of it."""
        if not self.closed:
            self._stream.close()
        super().close()


@contextmanager
def _faults(place: RemotePath) -> Iterator[None]:
    """Make whatever a store raises an error of the system, with a number."""
    try:
        yield
    except FileNotFoundError as error:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(place)) from error
    except PermissionError as error:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(place)) from error
    except OSError as error:
        if error.errno is None:
            error.strerror, error.errno = str(error) or type(error).__name__, errno.EIO
        raise
    except UsageError:
        raise
    except Exception as error:
        # Each store's client has errors of its own: no credentials, no connection.
        raise OSError(errno.EIO, f"{type(error).__name__}: {error}", str(place)) from error
