"""Where the results of a run go when the records are written in parts, and how the parts are cut."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dataset_tools.errors import UsageError
from dataset_tools.io.writer import ENDINGS, encode
from dataset_tools.pipeline.to_file import check_files
from dataset_tools.readers.parts_manifest import MANIFEST, WORK
from dataset_tools.readers.sources import split_ending

__all__ = ["FolderOutputs"]

PART_BYTES = 128 << 20
"""Input that makes a part: bytes on disk, or of text where a file is compressed."""

SHARD_BYTES = 4 << 20
"""Input that one process is given at a time."""


@dataclass(frozen=True, slots=True)
class FolderOutputs:
    """Where the results go when the records are written in parts.

    Attributes:
        folder: the folder of the parts, of their manifest, and of the rejects unless they are to go elsewhere.
        ending: that of the parts, with its dot.
        rejects: the rows that no record could be made of; None for ``rejects.jsonl`` in the folder, if there are any.
        report: the counts, as JSON; None for no file.
        trace: every change, a line each; None for no file.
        resume: whether a run that was interrupted is gone on with.
        part_bytes: how much input makes a part.
        shard_bytes: how much input one process is given at a time.
    """

    folder: Path
    ending: str = ".parquet"
    rejects: Path | None = None
    report: Path | None = None
    trace: Path | None = None
    resume: bool = False
    part_bytes: int = field(default_factory=lambda: PART_BYTES)
    shard_bytes: int = field(default_factory=lambda: SHARD_BYTES)

    @property
    def records(self) -> Path:
        """The first part: what says the form of all."""
        return self.folder / f"part-00000{self.ending}"

    @property
    def rejects_file(self) -> Path:
        """Where the rejects go."""
        return self.rejects or self.folder / "rejects.jsonl"

    @property
    def endings(self) -> dict[str, str]:
        """The ending of each piece of a part."""
        return {"records": self.ending, "rejects": _ending(self.rejects_file), "trace": _ending(self.trace)}

    @property
    def cuts(self) -> dict[str, Any]:
        """How the output is written, as the plan has it."""
        return {
            "parts_format": self.ending,
            "part_bytes": self.part_bytes,
            "shard_bytes": self.shard_bytes,
            "rejects_format": self.endings["rejects"],
            "trace_format": self.endings["trace"],
        }

    def check(self, inputs: Sequence[Path]) -> None:
        """Make sure, before any work, that each output can be written and that none is in the way of another.

        Raises:
            OutputError: one cannot be.
            UsageError: one is an input or another output, or of a form that is not written.
        """
        if self.ending not in ENDINGS:
            known = ", ".join(ending.removeprefix(".") for ending in ENDINGS)
            raise UsageError(f"parts cannot be {self.ending.removeprefix('.')!r}", hint=f"--parts {known}")
        folder = self.folder.resolve()
        for path in inputs:
            if path.resolve().parent == folder:
                what = f"{path} is read, and lies in the folder of the output"
                raise UsageError(what, hint="choose another with -o")
        for named in (self.rejects, self.report, self.trace):
            if named is not None and self._has_itself(named):
                what = f"{named}: the folder has a file of this name itself"
                raise UsageError(what, hint="name another, or one elsewhere")
        check_files([self.report], [self.rejects, self.trace], inputs)
        encode([], self.rejects_file)  # refuses an ending that is not written
        if self.trace:
            encode([], self.trace)

    def _has_itself(self, path: Path) -> bool:
        """Whether a name is that of the folder, or of something that is written into it unasked."""
        try:
            inside = path.resolve().relative_to(self.folder.resolve()).parts
        except ValueError:
            return False
        if inside == ("rejects.jsonl",):
            return path != self.rejects
        return not inside or inside[0] == MANIFEST or inside[0].startswith((WORK, "part-"))


def _ending(path: Path | None) -> str:
    return split_ending(path.name)[1] if path else ""
