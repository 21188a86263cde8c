"""Outputs of a run: one file of records or a folder of parts, checked against the inputs before any work."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from dataset_tools.errors import OutputError, UsageError
from dataset_tools.io.file_formats import split_ending
from dataset_tools.io.writer import ENDINGS, Sink, check_outputs, encode, write_file
from dataset_tools.readers.parts_manifest import MANIFEST, WORK
from dataset_tools.readers.shards import SHARD_BYTES

__all__ = ["FolderOutputs", "Outputs", "RejectsFile"]


@dataclass(frozen=True, slots=True)
class Outputs:
    """Files of a run that writes its records to one file.

    Attributes:
        records: the records, in the format of the file's ending.
        rejects: the rejected rows with their reasons; None for a file next to the records, if there are any.
        report: the counts, as JSON; None for no file.
        trace: every change, a line each; None for no file.
        page: a page that the caller writes afterwards; None for no file.
        shard_bytes: input that one process is given at a time.
    """

    records: Path
    rejects: Path | None = None
    report: Path | None = None
    trace: Path | None = None
    page: Path | None = None
    shard_bytes: int = SHARD_BYTES

    @property
    def rejects_file(self) -> Path:
        """Return the file of the rejects: by default ``train.rejects.jsonl`` for ``train.jsonl.gz``."""
        return self.rejects or self._default_rejects()

    @property
    def names_rejects(self) -> bool:
        """Return whether the user named another file for the rejects than the default."""
        return self.rejects is not None and self.rejects != self._default_rejects()

    def _default_rejects(self) -> Path:
        return self.records.parent / f"{split_ending(self.records.name)[0]}.rejects.jsonl"

    def check(self, inputs: Sequence[Path]) -> None:
        """Check, before any work, that each file can be written and is neither an input nor another output.

        Raises:
            OutputError: a file cannot be written.
            UsageError: an output is an input or another output, or holds lines and is named Parquet.
        """
        check_outputs(inputs, files=(self.records, self.report, self.page), lines=(self.rejects_file, self.trace))


@dataclass(frozen=True, slots=True)
class FolderOutputs:
    """Files of a run that writes its records in parts.

    Attributes:
        folder: the folder of the parts, of their manifest, and of the rejects if no other file is named.
        ending: the ending of the parts, with its dot.
        rejects: the rejected rows; None for ``rejects.jsonl`` in the folder, if there are any.
        report: the counts, as JSON; None for no file.
        trace: every change, a line each; None for no file.
        resume: whether to resume an interrupted run.
        part_bytes: input that makes a part: bytes on disk, or of text if a file is compressed.
        shard_bytes: input that one process is given at a time.
        page: a page that the caller writes afterwards; None for no file.
    """

    folder: Path
    ending: str = ".parquet"
    rejects: Path | None = None
    report: Path | None = None
    trace: Path | None = None
    resume: bool = False
    part_bytes: int = 128 << 20
    shard_bytes: int = SHARD_BYTES
    page: Path | None = None

    @property
    def records(self) -> Path:
        """Return the first part, whose ending gives the format of all."""
        return self.folder / f"part-00000{self.ending}"

    @property
    def rejects_file(self) -> Path:
        """Return the file of the rejects."""
        return self.rejects or self.folder / "rejects.jsonl"

    @property
    def named(self) -> list[Path]:
        """Return the files that the user named."""
        return [path for path in (self.rejects, self.report, self.trace, self.page) if path is not None]

    @property
    def endings(self) -> dict[str, str]:
        """Return the ending of each piece of a part."""
        trace = split_ending(self.trace.name)[1] if self.trace else ""
        return {"records": self.ending, "rejects": split_ending(self.rejects_file.name)[1], "trace": trace}

    @property
    def cuts(self) -> dict[str, Any]:
        """Return the options of the output that its bytes depend on, for the plan of the run."""
        return {
            "parts_format": self.ending,
            "part_bytes": self.part_bytes,
            "shard_bytes": self.shard_bytes,
            "rejects_format": self.endings["rejects"],
            "trace_format": self.endings["trace"],
        }

    def check(self, inputs: Sequence[Path]) -> None:
        """Check, before any work, that each file can be written and is neither an input nor another output.

        Raises:
            OutputError: a file cannot be written.
            UsageError: an output is an input or another output, or has a format that is not written.
        """
        if self.ending not in ENDINGS:
            known = ", ".join(ending.removeprefix(".") for ending in ENDINGS)
            raise UsageError(f"parts cannot be {self.ending.removeprefix('.')!r}", hint=f"--parts {known}")
        for path in self.named:
            if self._has_itself(path):
                what = f"{path}: the folder has a file of this name itself"
                raise UsageError(what, hint="name another, or one elsewhere")
        check_outputs(inputs, folder=self.folder, files=(self.report, self.page), lines=(self.rejects, self.trace))
        encode([], self.rejects_file)  # refuses an ending that is not written
        if self.trace:
            encode([], self.trace)

    def _has_itself(self, path: Path) -> bool:
        """Return whether a name is that of the folder, or of something that is always written into it."""
        try:
            inside = path.resolve().relative_to(self.folder.resolve()).parts
        except ValueError:
            return False
        if inside == ("rejects.jsonl",):
            return path != self.rejects
        return not inside or inside[0] == MANIFEST or inside[0].startswith((WORK, "part-"))


class RejectsFile:
    """The file of a run's rejects, created with the first one; it appears when the block ends without an error.

    Enter it before the file of records, so that it appears after that file. A run without rejects removes the file of
    an earlier run, or empties it if the user ``named`` it.

    Raises:
        OutputError: the file cannot be written.
    """

    def __init__(self, path: Path, *, named: bool) -> None:
        self._path = path
        self._named = named
        self._sink: Sink | None = None

    def __enter__(self) -> Self:
        return self

    def write(self, lines: bytes) -> None:
        """Append rejects; nothing for none."""
        if not lines:
            return
        if self._sink is None:
            self._sink = Sink(self._path)
            self._sink.__enter__()
        self._sink.write_payload(encode([lines], self._path))

    def finish(self) -> None:
        """Flush to disk before any output file is renamed."""
        if self._sink is not None:
            self._sink.finish()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._sink is not None:
            self._sink.__exit__(kind, error, trace)
        elif kind is None:
            self._clear()

    def _clear(self) -> None:
        if self._named:
            write_file(self._path, encode([], self._path))
            return
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(error.strerror or str(error), where=str(self._path)) from error
