"""JSON text, JSON objects in files, and the lines of text files, compressed or not."""

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

__all__ = ["BOM", "MAX_ROW_BYTES", "RawLine", "dump_line", "dump_text", "read_chunks", "read_object", "split_lines"]

MAX_ROW_BYTES = 16 << 20
"""Size of the longest row that is read; a longer one is rejected."""

BOM = b"\xef\xbb\xbf"

_CHUNK = 1 << 18
_ZSTD_INPUT = 1 << 15  # small, because zstd returns all output of an input chunk at once, a hundred times its size


@dataclass(slots=True)
class RawLine:
    """One line or element of a text file.

    Attributes:
        number: line or element number, from 1.
        raw: the bytes; empty if ``size`` is over :data:`MAX_ROW_BYTES`.
        size: number of bytes.
        fault: the reason why the rest of the file cannot be read; the last line only.
    """

    number: int
    raw: bytes
    size: int
    fault: str = ""


def dump_text(value: Any) -> str:  # noqa: ANN401 - JSON is any value
    """Return ``value`` as compact JSON text, with its keys in order."""
    return _dump(value).decode("utf-8")


def dump_line(value: Any) -> bytes:  # noqa: ANN401 - JSON is any value
    """Return ``value`` as one line of a JSON Lines file: UTF-8, keys in order, with a newline."""
    return _dump(value, orjson.OPT_APPEND_NEWLINE)


def _dump(value: Any, option: int | None = None) -> bytes:  # noqa: ANN401
    try:
        return orjson.dumps(value, option=option)
    except TypeError:
        # orjson is limited to 254 levels and 64-bit integers; JSON text inside a row may exceed both.
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
    """Yield the bytes [start, stop) of a file, or the whole content of a compressed file, in chunks.

    Concatenated gzip members or zstd frames are one file.

    Raises:
        DamagedError: the compressed data is truncated or damaged.
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


def split_lines(chunks: Iterable[bytes], first: int) -> Iterator[RawLine]:
    """Yield the lines of the chunks without line ends, numbered from ``first``; blank lines count but are skipped."""
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
        for raw in rest:  # complete lines within a chunk: none is too long
            raw = raw.strip(b" \t\r")  # noqa: PLW2901 - the line is the stripped one
            if raw:
                yield RawLine(number, raw, len(raw))
            number += 1
        held = []
        size = _hold(held, 0, tail)
    yield from _line(number, held, size)


def _hold(held: list[bytes], size: int, piece: bytes) -> int:
    """Add a piece of a line to those held; drop all of them once the line is too long."""
    size += len(piece)
    if size > MAX_ROW_BYTES:
        held.clear()
    else:
        held.append(piece)
    return size


def _line(number: int, held: list[bytes], size: int) -> Iterator[RawLine]:
    if size > MAX_ROW_BYTES:
        yield RawLine(number, b"", size)
        return
    raw = b"".join(held).strip(b" \t\r")
    if raw:
        yield RawLine(number, raw, len(raw))


def _plain_chunks(file: BinaryIO, start: int, stop: int) -> Iterator[bytes]:
    file.seek(start)
    left = stop - start
    while stop < 0 or left > 0:
        chunk = file.read(_CHUNK if stop < 0 else min(left, _CHUNK))
        if not chunk:
            if stop >= 0:
                raise EOFError("the file was truncated while it was read")
            return
        left -= len(chunk)
        yield chunk


def _gzip_chunks(file: BinaryIO) -> Iterator[bytes]:
    with gzip.GzipFile(fileobj=file) as stream:
        try:
            while chunk := stream.read1(_CHUNK):
                yield chunk
        except EOFError as error:
            raise EOFError("the gzip data is truncated") from error
        except (gzip.BadGzipFile, zlib.error) as error:
            raise EOFError(f"damaged gzip data: {error}") from error


def _zstd_chunks(file: BinaryIO) -> Iterator[bytes]:
    import zstandard

    # Not ZstdDecompressor.stream_reader: it does not detect a truncated file.
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
        raise EOFError("the zstd data is truncated")
