"""File formats, by the ending of the name and confirmed by the first bytes; the content in chunks, decompressed."""

import codecs
import gzip
import os
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Literal, TypeAlias

import orjson

from dataset_tools.errors import DamagedError, InputError
from dataset_tools.io.remote_path import RemotePath, unreadable

__all__ = [
    "BOM", "ENDINGS", "READ", "TO_A_FILE", "Compression", "Format", "detect_format", "is_wanted", "read_chunks",
    "split_ending",
]  # fmt: skip

Format: TypeAlias = Literal["jsonl", "json", "parquet"]
Compression: TypeAlias = Literal["", "gz", "zst"]

_FORMATS: dict[str, Format] = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json", ".parquet": "parquet"}
_COMPRESSIONS: dict[str, Compression] = {"": "", ".gz": "gz", ".zst": "zst"}
_BY_ENDING: dict[str, tuple[Format, Compression]] = {
    plain + packed: (form, compression)
    for plain, form in _FORMATS.items()
    for packed, compression in _COMPRESSIONS.items()
    if form != "parquet" or not packed
}
ENDINGS = tuple(_BY_ENDING)
"""Endings of readable files."""

READ = f"readable files end in {', '.join(ENDINGS)}"
TO_A_FILE = "inputs are read more than once: save it to a file first"
"""Hints for inputs of another kind, and for pipes."""

BOM = b"\xef\xbb\xbf"

_PARTIAL = (".partial", ".part", ".tmp", ".temp", ".incomplete", ".crdownload", "~")
_MAGIC = {"gz": b"\x1f\x8b", "zst": b"\x28\xb5\x2f\xfd", "parquet": b"PAR1"}
_LEAST_PARQUET = 12  # bytes: the magic number twice and the length of the footer
_HEAD = 1 << 16
_CHUNK = 1 << 18
_ZSTD_INPUT = 1 << 15  # small, because zstd returns all output of an input chunk at once, a hundred times its size


def split_ending(name: str) -> tuple[str, str]:
    """Split a file's name into stem and data ending; the ending is empty if the file is not readable data."""
    ending = next((ending for ending in sorted(ENDINGS, key=len, reverse=True) if name.lower().endswith(ending)), "")
    return name[: len(name) - len(ending)], ending


def is_wanted(name: str) -> bool:
    """Return whether a file in a folder is data: neither hidden nor unfinished, with a readable ending."""
    return not name.startswith(".") and not name.endswith(_PARTIAL) and bool(split_ending(name)[1])


def detect_format(path: Path) -> tuple[Format, Compression]:
    """Return format and compression of a file, checked before any work begins.

    Raises:
        InputError: the file cannot be read, or its first bytes contradict its name.
    """
    if path.exists() and not path.is_file():  # opening a pipe would block
        raise InputError("a pipe or a device, not a file", where=str(path), hint=TO_A_FILE)
    ending = split_ending(path.name)[1]
    if not ending:
        raise InputError("unknown file format", where=str(path), hint=READ)
    form, compression = _BY_ENDING[ending]
    try:
        with path.open("rb") as file:
            head = file.read(_LEAST_PARQUET)
            file.seek(max(file.seek(0, os.SEEK_END) - 4, 0))
            tail = file.read(4)
    except PermissionError as error:
        hint = "check your permissions" if isinstance(path, RemotePath) else f"chmod +r {path}"
        raise InputError("no permission to read it", where=str(path), hint=hint) from error
    except OSError as error:
        raise unreadable(error, path) from error
    if not head:
        raise InputError("the file is empty", where=str(path))
    kind = "parquet" if form == "parquet" else compression
    _require_kind(path, kind, head, tail)
    if form != "parquet":
        sample = _sample(read_chunks(path, compression))
        _require_utf8(path, sample)
        form = _json_format(sample) if form == "json" else form
    return form, compression


def _require_kind(path: Path, kind: str, head: bytes, tail: bytes) -> None:
    """Refuse a file whose first bytes contradict its name."""
    actual = next((name for name, magic in _MAGIC.items() if head.startswith(magic)), "")
    if kind == "parquet" and actual == "parquet" and (tail != _MAGIC["parquet"] or len(head) < _LEAST_PARQUET):
        what = "truncated Parquet file: its footer is missing"
        raise InputError(what, where=str(path), hint="download or write it again")
    if kind == "zst" and head[1:4] == b"\x2a\x4d\x18":
        return  # a skippable frame may come first
    if actual != kind:
        named = {"gz": "gzip data", "zst": "zstd data", "parquet": "a Parquet file", "": "plain text"}
        what = f"not {named[kind]} as its name says" + (f", but {named[actual]}" if actual else "")
        raise InputError(what, where=str(path), hint="rename it, or download it again")


def _sample(chunks: Iterable[bytes]) -> bytes:
    """Return the first bytes of a text; fewer if it is truncated there, which reading reports with the line."""
    sample = b""
    try:
        for chunk in chunks:
            sample += chunk
            if len(sample) >= _HEAD:
                break
    except InputError:
        if not sample:
            raise
    return sample[:_HEAD]


def _require_utf8(path: Path, sample: bytes) -> None:
    """Refuse UTF-16 and UTF-32, which cannot be split into lines of bytes."""
    encoding = _wide_encoding(sample)
    if encoding:
        hint = f"iconv -f {encoding} -t UTF-8 {path.name} > utf8-{path.name}"
        raise InputError(f"the text is {encoding}, not UTF-8", where=str(path), hint=hint)


def _wide_encoding(sample: bytes) -> str:
    marks = {
        codecs.BOM_UTF32_LE: "UTF-32",  # before UTF-16: it starts with the mark of UTF-16
        codecs.BOM_UTF32_BE: "UTF-32",
        codecs.BOM_UTF16_LE: "UTF-16",
        codecs.BOM_UTF16_BE: "UTF-16",
    }
    for mark, encoding in marks.items():
        if sample.startswith(mark):
            return encoding
    # JSON begins with ASCII, so its first bytes show the pattern of NULs: `{` NUL `"` NUL.
    nul = [byte == 0 for byte in sample[:4]]
    patterns = {
        "UTF-32LE": [False, True, True, True],
        "UTF-32BE": [True, True, True, False],
        "UTF-16LE": [False, True, False, True],
        "UTF-16BE": [True, False, True, False],
    }
    return next((encoding for encoding, pattern in patterns.items() if pattern == nul), "")


def _json_format(sample: bytes) -> Format:
    """Return the real format of a ``.json`` file: ``json`` for an array or for objects over several lines."""
    text = sample.removeprefix(BOM).lstrip()
    if not text.startswith(b"{"):
        return "json" if text.startswith(b"[") else "jsonl"
    line, newline, rest = text.partition(b"\n")
    if not newline or rest.lstrip().startswith(b"{"):
        return "jsonl"
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return "json" if "unexpected end" in error.msg else "jsonl"
    return "jsonl"


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
