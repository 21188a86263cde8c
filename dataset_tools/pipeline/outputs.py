"""Output paths of a run: one file of records or a folder of parts."""

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
        rejects: the rejected rows with their reasons; None for a file next to the records if a row is rejected.
        report: the counts, as JSON; None for no file.
        trace: one line per change; None for no file.
        page: an HTML page that the caller writes later; None for no file.
        shard_bytes: input bytes per shard.
    """

    records: Path
    rejects: Path | None = None
    report: Path | None = None
    trace: Path | None = None
    page: Path | None = None
    shard_bytes: int = SHARD_BYTES

    @property
    def rejects_file(self) -> Path:
        """Return the rejects file; the default for ``train.jsonl.gz`` is ``train.rejects.jsonl``."""
        return self.rejects or self._default_rejects()

    @property
    def names_rejects(self) -> bool:
        """Return whether the user named a rejects file other than the default."""
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
        folder: the folder of the parts, their manifest and, by default, the rejects.
        ending: file ending of the parts, with its dot.
        rejects: the rejected rows; None for ``rejects.jsonl`` in the folder, written if a row is rejected.
        report: the counts, as JSON; None for no file.
        trace: one line per change; None for no file.
        resume: whether to resume an interrupted run.
        part_bytes: input bytes per part: on disk, or of decompressed text for compressed files.
        shard_bytes: input bytes per shard.
        page: an HTML page that the caller writes later; None for no file.
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
        """Return the path of the first part; its ending gives the format of all parts."""
        return self.folder / f"part-00000{self.ending}"

    @property
    def rejects_file(self) -> Path:
        """Return the rejects file."""
        return self.rejects or self.folder / "rejects.jsonl"

    @property
    def named(self) -> list[Path]:
        """Return the files that the user named."""
        return [path for path in (self.rejects, self.report, self.trace, self.page) if path is not None]

    @property
    def endings(self) -> dict[str, str]:
        """Return the file ending of each piece of a part."""
        trace = split_ending(self.trace.name)[1] if self.trace else ""
        return {"records": self.ending, "rejects": split_ending(self.rejects_file.name)[1], "trace": trace}

    @property
    def cuts(self) -> dict[str, Any]:
        """Return the output options that change the bytes, for the plan of the run."""
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
            UsageError: an output is an input or another output, or has an unknown format.
        """
        if self.ending not in ENDINGS:
            known = ", ".join(ending.removeprefix(".") for ending in ENDINGS)
            raise UsageError(f"parts cannot be {self.ending.removeprefix('.')!r}", hint=f"--parts {known}")
        for path in self.named:
            if self._has_itself(path):
                what = f"{path}: this name is reserved in the output folder"
                raise UsageError(what, hint="choose another name or folder")
        check_outputs(inputs, folder=self.folder, files=(self.report, self.page), lines=(self.rejects, self.trace))
        encode([], self.rejects_file)  # raises for an unknown ending
        if self.trace:
            encode([], self.trace)

    def _has_itself(self, path: Path) -> bool:
        """Return whether a path is the folder or a name that every run writes into it."""
        try:
            inside = path.resolve().relative_to(self.folder.resolve()).parts
        except ValueError:
            return False
        if inside == ("rejects.jsonl",):
            return path != self.rejects
        return not inside or inside[0] == MANIFEST or inside[0].startswith((WORK, "part-"))


class RejectsFile:
    """Rejects file of a run, created with the first reject and renamed when the block ends without an error.

    Enter it before the records file, so that it is renamed after that file. A run without rejects removes the file of
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
        """Append encoded rejects, if any."""
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
