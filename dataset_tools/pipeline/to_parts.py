"""Writer of a job's records to a resumable folder of parts, for runs that take hours.

A part consists of consecutive shards. Its bytes depend on the inputs and the part size only, not on workers or
interruptions. A part with a marker on disk is not written again.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from dataset_tools.errors import InputError, UsageError
from dataset_tools.executor.process_setup import stop_reimport
from dataset_tools.executor.run import run
from dataset_tools.io.checksums import describe_file
from dataset_tools.io.file_formats import split_ending
from dataset_tools.io.output_paths import check_outputs
from dataset_tools.io.writer import ENDINGS, Sink, encode, json_report, remove_partials
from dataset_tools.pipeline.parts_folder import PartsFolder
from dataset_tools.pipeline.run_plan import resume_plan
from dataset_tools.pipeline.stage import Job, RunReport, ShardResult
from dataset_tools.readers.parts_manifest import MANIFEST, WORK
from dataset_tools.readers.shards import SHARD_BYTES, Shard

__all__ = ["FolderOutputs"]

_COPY = 1 << 20
_COUNTS = ("rows_in", "rows_out", "rejected", "rules", "renamed_tools")


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

    def write(self, job: Job) -> RunReport:
        """Run a job over all rows of its inputs and write the missing parts.

        Raises:
            InputError: an input cannot be read, no row is usable, or a file changed during the run.
            OutputError: a result cannot be written; the finished parts stay.
            UsageError: an output is an input or has an unknown format, or the folder cannot be resumed.
        """
        stop_reimport()
        self._check(job.inputs.stamps.paths)
        plan = resume_plan(job.command, job.options, self.cuts, job.inputs)
        with PartsFolder(self.folder, self.endings, plan, resume=self.resume, also=self.named) as folder:
            if folder.manifest is not None:
                return _report_of_whole(job, self, folder.manifest)
            count = _write_missing(job, folder, self)
            job.inputs.stamps.require_unchanged()
            return _finish(job, self, folder, count)

    def _check(self, inputs: Sequence[Path]) -> None:
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


class _Missing:
    """Iterator over the shards of unfinished parts.

    Attributes:
        count: number of parts so far, finished or not.
        under_way: part number of each yielded shard that has no result yet.
    """

    def __init__(
        self,
        folder: PartsFolder,
        shards: Iterable[Shard],
        part_bytes: int,
        on_shard: Callable[[Shard, ShardResult], None] | None,
    ) -> None:
        self.count = 0
        self.under_way: deque[int] = deque()
        self._folder = folder
        self._shards = shards
        self._part_bytes = part_bytes
        self._on_shard = on_shard

    def __iter__(self) -> Iterator[Shard]:
        held, done = self._part_bytes, False
        for shard in self._shards:
            if held >= self._part_bytes:
                done = self._folder.is_done(self.count)
                if not done:
                    self._folder.forget(self.count)
                self.count += 1
                held = 0
            held += shard.bytes_to_read
            if not done:
                self.under_way.append(self.count - 1)
                yield shard
            elif self._on_shard:
                self._on_shard(shard, ShardResult())  # its bytes count as progress


def _write_missing(job: Job, folder: PartsFolder, outputs: FolderOutputs) -> int:
    """Write every missing part; return the number of all parts."""
    missing = _Missing(folder, job.shards(outputs.shard_bytes), outputs.part_bytes, job.on_shard)
    with closing(run(job.stage, missing, job.work, isolated=True, on_done=job.on_shard)) as results:
        numbered = ((missing.under_way.popleft(), result) for result in results)
        for number, group in groupby(numbered, itemgetter(0)):
            _write_part(folder, outputs, number, (result for _, result in group))
    return missing.count


def _write_part(folder: PartsFolder, outputs: FolderOutputs, number: int, results: Iterable[ShardResult]) -> None:
    total = ShardResult()
    with ExitStack() as stack:
        sinks: dict[str, Sink] = {}
        for result in results:
            payloads = {
                "records": result.payload,
                "rejects": encode([result.rejects] if result.rejects else [], outputs.rejects_file),
                "trace": encode([result.trace] if result.trace else [], outputs.trace) if outputs.trace else b"",
            }
            for piece, payload in payloads.items():
                if payload and piece not in sinks:
                    sinks[piece] = stack.enter_context(Sink(folder.file(number, piece)))
                if payload:
                    sinks[piece].write_payload(payload)
            total.merge(result)
    folder.mark(number, total)


def _finish(job: Job, outputs: FolderOutputs, folder: PartsFolder, count: int) -> RunReport:
    """Write the files that cover all parts; the manifest last."""
    total, parts = ShardResult(), []
    for _, files, part in folder.parts(count):
        total.merge(part)
        if "records" in files:
            parts.append({**files["records"], "rows": part.written})
    if not total.written:
        folder.discard()
    report = job.report(outputs.folder, total)
    named = outputs.rejects is not None or any(folder.pieces(count, "rejects"))
    rejects = _join(folder.pieces(count, "rejects"), outputs.rejects_file) if named else None
    trace = _join(folder.pieces(count, "trace"), outputs.trace) if outputs.trace else None
    if outputs.report:
        json_report(outputs.report, report.as_json())
    counts = {name: report.as_json()[name] for name in _COUNTS}
    folder.finish({**counts, "parts": parts, "rejects": rejects, "trace": trace})
    return report


def _join(pieces: Iterable[Path], target: Path) -> dict[str, Any]:
    """Concatenate pieces into one file; return its size and SHA-256."""
    remove_partials(target.parent, target.name)
    with Sink(target) as sink:
        for piece in pieces:
            with piece.open("rb") as stream:
                while chunk := stream.read(_COPY):
                    sink.write_payload(chunk)
    return describe_file(target)


def _report_of_whole(job: Job, outputs: FolderOutputs, manifest: Mapping[str, Any]) -> RunReport:
    """Return the report of a complete folder after a check of each file."""
    written = [(outputs.folder / part["name"], part) for part in manifest["parts"]]
    written += [(outputs.rejects_file, manifest["rejects"])] if manifest["rejects"] else []
    written += [(outputs.trace, manifest["trace"])] if outputs.trace else []
    for path, entry in written:
        if not path.is_file() or describe_file(path)["sha256"] != entry["sha256"]:
            what = "missing, or changed since it was written"
            raise InputError(what, where=str(path), hint=f"remove {outputs.folder} to write everything again")
    counts = {name: manifest[name] for name in _COUNTS}
    report = RunReport(job.command, manifest["options"], job.inputs.places, str(outputs.folder), **counts)
    if outputs.report:
        json_report(outputs.report, report.as_json())
    return report
