"""Which files a run reads: files, folders, globs and Hub datasets become one list, each looked at before any work."""

import codecs
import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import orjson

from dataset_tools.errors import InputError, UsageError
from dataset_tools.jsonl import BOM, read_chunks
from dataset_tools.manifest import data_among, part_files

__all__ = ["ENDINGS", "Compression", "DataFile", "Format", "find_files", "split_ending"]

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
"""The endings of the files that are read."""

_READ = f"files that end in {', '.join(ENDINGS)} are read"
_TO_A_FILE = "a file is read more than once: write what it gives to a file first"
_PARTIAL = (".partial", ".part", ".tmp", ".temp", ".incomplete", ".crdownload", "~")
_MAGIC = {"gz": b"\x1f\x8b", "zst": b"\x28\xb5\x2f\xfd", "parquet": b"PAR1"}
_LEAST_PARQUET = 12  # bytes: the magic twice and the length of the footer
_HEAD = 1 << 16


@dataclass(frozen=True, slots=True)
class DataFile:
    """One file of rows.

    Attributes:
        path: where it is.
        dataset: the name of the folder or Hub repository it was found in, else its own name without endings.
        name: its name as records keep it: relative to the folder that was asked for.
        format: what it holds; "json" is one array, or objects over several lines.
        compression: how its text is packed.
    """

    path: Path
    dataset: str
    name: str
    format: Format
    compression: Compression

    @property
    def place(self) -> str:
        """How people find it: its path as it was given, or its name in a Hub repository (ORG/NAME)."""
        return f"{self.dataset}/{self.name}" if "/" in self.dataset else str(self.path)


def split_ending(name: str) -> tuple[str, str]:
    """A file's name without its data ending, and that ending; empty if it has none that is read."""
    ending = next((ending for ending in sorted(ENDINGS, key=len, reverse=True) if name.lower().endswith(ending)), "")
    return name[: len(name) - len(ending)], ending


def find_files(sources: Sequence[str]) -> list[DataFile]:
    """The data files that ``sources`` mean, in the order of the sources and sorted within each.

    A source is a file, a folder, a glob, or ``hf://datasets/ORG/NAME[@REV][/path-or-glob]``.

    Raises:
        InputError: a source does not exist, holds no data, or is visibly not what its name says.
        UsageError: a file is meant twice, or a source has no name.
    """
    found: dict[Path, DataFile] = {}
    for source in sources:
        if not source:  # to Path it is the current folder
            raise UsageError("an empty name is no file", hint="is a variable of your shell not set?")
        if source == "-":
            raise InputError("standard input is not read", hint=_TO_A_FILE)
        for path, dataset, name, key in _expand(source):
            if key in found:
                raise UsageError(f"{path} is given twice", hint="name each file once, itself or by its folder")
            found[key] = _inspect(path, dataset, name)
    return list(found.values())


def _expand(source: str) -> Iterator[tuple[Path, str, str, Path]]:
    """Path, dataset, name and identity of each file of one source."""
    if source.startswith("hf://"):
        from dataset_tools.hub_source import fetch  # noqa: PLC0415 - most runs read local files

        folder, dataset, fetched = fetch(source, ENDINGS)
        # In the Hub's cache equal files share one inode, so there a file is its path.
        yield from ((path, dataset, path.relative_to(folder).as_posix(), path) for path in data_among(fetched))
        return
    path = Path(source)
    try:
        if path.is_dir():
            dataset = path.resolve().name
            files = _walk(path)
            yield from ((file, dataset, file.relative_to(path).as_posix(), file.resolve()) for file in files)
            return
        if path.exists():
            yield path, split_ending(path.name)[0], path.name, path.resolve()
            return
    except PermissionError as error:
        raise InputError("no permission to read it", where=source, hint="check the rights of its folder") from error
    base = Path(*_fixed(path))
    # Not Path.glob: it cannot start at a pattern that is absolute.
    matches = sorted(Path(match) for match in glob.glob(source, recursive=True) if Path(match).is_file())  # noqa: PTH207
    if not matches:
        what = "no file matches" if glob.has_magic(source) else "there is no such file or folder"
        raise InputError(what, where=source, hint="" if path.is_absolute() else f"looked in {Path.cwd()}")
    for file in data_among(matches) or matches:
        yield file, split_ending(file.name)[0], file.relative_to(base).as_posix(), file.resolve()


def _fixed(path: Path) -> Iterator[str]:
    for part in path.parts:
        if glob.has_magic(part):
            return
        yield part


def _walk(folder: Path) -> list[Path]:
    """The data files below a folder, without hidden and unfinished ones; of a folder of parts, the parts."""

    def refuse(error: OSError) -> None:
        raise InputError(error.strerror or str(error), where=str(error.filename)) from error

    found: list[Path] = []
    for current, folders, names in os.walk(folder, onerror=refuse):
        parts = part_files(Path(current))
        if parts is not None:
            found.extend(parts)
            folders.clear()
            continue
        folders[:] = [name for name in folders if not name.startswith(".")]
        wanted = (name for name in names if not name.startswith(".") and not name.endswith(_PARTIAL))
        found.extend(Path(current, name) for name in wanted if split_ending(name)[1])
    if not found:
        raise InputError("no data in this folder", where=str(folder), hint=_READ)
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())


def _inspect(path: Path, dataset: str, name: str) -> DataFile:
    """Look at the beginning of a file, so that a wrong one is told before hours of work."""
    if path.exists() and not path.is_file():  # opening a pipe waits until somebody writes into it
        raise InputError("a pipe or a device, not a file", where=str(path), hint=_TO_A_FILE)
    ending = split_ending(path.name)[1]
    if not ending:
        raise InputError("unknown kind of file", where=str(path), hint=_READ)
    form, compression = _BY_ENDING[ending]
    try:
        with path.open("rb") as file:
            head = file.read(_LEAST_PARQUET)
            file.seek(max(file.seek(0, os.SEEK_END) - 4, 0))
            tail = file.read(4)
    except PermissionError as error:
        raise InputError("no permission to read it", where=str(path), hint=f"chmod +r {path}") from error
    except OSError as error:
        raise InputError(error.strerror or str(error), where=str(path)) from error
    if not head:
        raise InputError("the file is empty", where=str(path))
    kind = "parquet" if form == "parquet" else compression
    _require_kind(path, kind, head, tail)
    if form != "parquet":
        sample = _sample(read_chunks(path, compression))
        _require_utf8(path, sample)
        form = _layout(sample) if form == "json" else form
    return DataFile(path, dataset, name, form, compression)


def _require_kind(path: Path, kind: str, head: bytes, tail: bytes) -> None:
    """Refuse a file whose first bytes say another kind than its name.

    Raises:
        InputError: as it says.
    """
    actual = next((name for name, magic in _MAGIC.items() if head.startswith(magic)), "")
    if kind == "parquet" and actual == "parquet" and (tail != _MAGIC["parquet"] or len(head) < _LEAST_PARQUET):
        what = "half a Parquet file: its footer is missing"
        raise InputError(what, where=str(path), hint="download or write it again")
    if kind == "zst" and head[1:4] == b"\x2a\x4d\x18":
        return  # a skippable frame may stand first
    if actual != kind:
        named = {"gz": "gzip data", "zst": "zstd data", "parquet": "a Parquet file", "": "plain text"}
        what = f"not {named[kind]} as its name says" + (f", but {named[actual]}" if actual else "")
        raise InputError(what, where=str(path), hint="rename it to what it is, or download it again")


def _sample(chunks: Iterable[bytes]) -> bytes:
    """The first bytes of a text; fewer if it is cut off there, which reading will tell with the line."""
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
    """Refuse UTF-16 and UTF-32, in which not even the lines can be found.

    Raises:
        InputError: it is one of them.
    """
    encoding = _wide_encoding(sample)
    if encoding:
        hint = f"iconv -f {encoding} -t UTF-8 {path.name} > utf8-{path.name}"
        raise InputError(f"the text is {encoding}, not UTF-8", where=str(path), hint=hint)


def _wide_encoding(sample: bytes) -> str:
    marks = {
        codecs.BOM_UTF32_LE: "UTF-32",  # before UTF-16, whose mark it begins with
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


def _layout(sample: bytes) -> Format:
    """Whether a ``.json`` file holds one object a line, or an array or objects over several lines."""
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
