"""The bytes of a file in a store; every error of the store becomes an OSError."""

import errno
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from dataset_tools.errors import UsageError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["RemoteStream", "os_errors"]


class RemoteStream(io.RawIOBase):
    """A readable stream over a stream of fsspec."""

    def __init__(self, stream: BinaryIO, path: Path) -> None:
        self._stream = stream
        self._path = path

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True; a stream that cannot seek fails in :meth:`seek`."""
        return True

    def read(self, size: int = -1, /) -> bytes:
        """Return up to ``size`` bytes, or all that are left."""
        with os_errors(self._path):
            return self._stream.read(size)

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Fill the buffer; return the number of bytes."""
        view = memoryview(buffer).cast("B")
        content = self.read(len(view))
        view[: len(content)] = content
        return len(content)

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Set the position and return it."""
        with os_errors(self._path):
            self._stream.seek(offset, whence)
            return self._stream.tell()

    def tell(self) -> int:
        """Return the position."""
        return self._stream.tell()

    def close(self) -> None:
        """Close the stream of the store."""
        if not self.closed:
            self._stream.close()
        super().close()


@contextmanager
def os_errors(path: Path) -> Iterator[None]:
    """Turn every error of a store into an OSError with an errno."""
    try:
        yield
    except FileNotFoundError as error:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path)) from error
    except FileExistsError as error:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from error
    except PermissionError as error:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path)) from error
    except OSError as error:
        if error.errno is None:
            error.strerror, error.errno = str(error) or type(error).__name__, errno.EIO
        raise
    except UsageError:
        raise
    except Exception as error:
        # Each store's client has errors of its own, for missing credentials or a lost connection.
        raise OSError(errno.EIO, f"{type(error).__name__}: {error}", str(path)) from error
