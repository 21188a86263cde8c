"""JSON text out, and the lines of text files in, compressed or not: bytes only, no opinion about what a row is."""

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from dataset_tools.errors import DamagedError, InputError
from dataset_tools.io.remote_path import unreadable

__all__ = ["BOM", "MAX_ROW_BYTES", "Line", "dump_line", "dump_text", "read_chunks", "read_object", "split_lines"]

MAX_ROW_BYTES = 16 << 20
"""The longest row that is held in memory; a longer one is counted and skipped."""

BOM = b"\xef\xbb\xbf"

_CHUNK = 1 << 18
_ZSTD_INPUT = 1 << 15  # a frame may expand a hundredfold, and all of an input chunk's output comes at once


@dataclass(slots=True)
class Line:
    """One line or element of a text file.

    Attributes:
        number: its number, from 1.
        raw: its bytes; empty where ``size`` is over :data:`MAX_ROW_BYTES`.
        size: how many bytes it has.
        fault: why the file cannot be read from here on, in a last line that stands for all that is lost.
    """

    number: int
    raw: bytes
    size: int
    fault: str = ""


def dump_text(value: Any) -> str:  # noqa: ANN401 - JSON is any value
    """``value`` as compact JSON text, its keys in their order."""
    return _dump(value).decode("utf-8")


def dump_line(value: Any) -> bytes:  # noqa: ANN401 - JSON is any value
    """``value`` as one line of a JSON Lines file: UTF-8, its keys in their order, ending in a newline."""
    return _dump(value, orjson.OPT_APPEND_NEWLINE)


def _dump(value: Any, option: int | None = None) -> bytes:  # noqa: ANN401
    try:
        return orjson.dumps(value, option=option)
    except TypeError:
        # orjson stops at 254 levels and at 64 bits; JSON text inside a row may hold more of either.
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return text.encode("utf-8") + (b"\n" if option else b"")


def read_object(path: Path, hint: str = "") -> dict[str, Any]:
    """Return the JSON object that a file holds.

    Not by orjson: it turns an integer of more than 64 bits into a float, and some configurations hold one.

    Raises:
        InputError: the file is missing, cannot be read, or holds anything else; ``hint`` says what to do.
    """
    try:
        value = json.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise InputError(error.strerror or str(error), where=str(path), hint=hint) from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"not JSON: {error}", where=str(path), hint=hint) from error
    if not isinstance(value, dict):
        raise InputError("not a JSON object", where=str(path), hint=hint)
    return value


def read_chunks(path: Path, compression: str = "", start: int = 0, stop: int = -1) -> Iterator[bytes]:
    """The bytes [start, stop) of a file, or all that a compressed file holds, in pieces.

    Several gzip members or zstd frames one after another are one file, as ``cat`` makes them.

    Raises:
        DamagedError: it ends inside its compressed data, or that is broken.
        InputError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            if compression == "gz":
                yield from _gzip_chunks(file)
            elif compression == "zst":
                yield from _zstd_chunks(file)
            else:
                yield from _plain_chunks(file, start, stop)
    except EOFError as error:
        raise DamagedError(str(error), where=str(path), hint="download or write it again") from error
    except OSError as error:
        raise unreadable(error, path) from error


def split_lines(chunks: Iterable[bytes], first: int) -> Iterator[Line]:
    """The lines that chunks hold, numbered from ``first``, without their ends; blank lines count but are left out."""
    number = first
    held: list[bytes] = []
    size = 0
    for chunk in chunks:
        head, *rest = chunk.split(b"\n")
        size = _hold(held, size, head)
        if not rest:
            continue
        yield from _line(number, held, size)
        number += 1
        tail = rest.pop()
        for raw in rest:  # complete lines; within a chunk, so none is too long
            raw = raw.strip(b" \t\r")  # noqa: PLW2901 - the line is the stripped one
            if raw:
                yield Line(number, raw, len(raw))
            number += 1
        held = []
        size = _hold(held, 0, tail)
    yield from _line(number, held, size)


def _hold(held: list[bytes], size: int, piece: bytes) -> int:
    """Add a piece of a line to those held, and let go of them all once the line is too long."""
    size += len(piece)
    if size > MAX_ROW_BYTES:
        held.clear()
    else:
        held.append(piece)
    return size


def _line(number: int, held: list[bytes], size: int) -> Iterator[Line]:
    if size > MAX_ROW_BYTES:
        yield Line(number, b"", size)
        return
    raw = b"".join(held).strip(b" \t\r")
    if raw:
        yield Line(number, raw, len(raw))


def _plain_chunks(file: BinaryIO, start: int, stop: int) -> Iterator[bytes]:
    file.seek(start)
    left = stop - start
    while stop < 0 or left > 0:
        chunk = file.read(_CHUNK if stop < 0 else min(left, _CHUNK))
        if not chunk:
            if stop >= 0:
                raise EOFError("the file became shorter while it was read")
            return
        left -= len(chunk)
        yield chunk


def _gzip_chunks(file: BinaryIO) -> Iterator[bytes]:
    with gzip.GzipFile(fileobj=file) as stream:
        try:
            while chunk := stream.read1(_CHUNK):
                yield chunk
        except EOFError as error:
            raise EOFError("the gzip data is cut off: the file is not whole") from error
        except (gzip.BadGzipFile, zlib.error) as error:
            raise EOFError(f"damaged gzip data: {error}") from error


def _zstd_chunks(file: BinaryIO) -> Iterator[bytes]:
    import zstandard

    # Not ZstdDecompressor.stream_reader: it takes a file that is cut off for one that ends there.
    frame: zstandard.ZstdDecompressionObj | None = None
    try:
        while data := file.read(_ZSTD_INPUT):
            while data:
                frame = frame or zstandard.ZstdDecompressor().decompressobj()
                chunk = frame.decompress(data)
                data, frame = (frame.unused_data, None) if frame.eof else (b"", frame)
                if chunk:
                    yield chunk
    except zstandard.ZstdError as error:
        raise EOFError(f"damaged zstd data: {error}") from error
    if frame is not None:
        raise EOFError("the zstd data is cut off: the file is not whole")
