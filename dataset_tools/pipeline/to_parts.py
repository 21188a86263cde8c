"""Writer of a job's records to a resumable folder of parts, for runs that take hours.

A part consists of consecutive shards. Its bytes depend on the inputs and the part size only, not on workers or
interruptions. A part with a marker on disk is not written again.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from dataset_tools.errors import InputError
from dataset_tools.executor.process_setup import stop_reimport
from dataset_tools.executor.run import run
from dataset_tools.io.atomic_file import remove_partials
from dataset_tools.io.checksums import describe_file
from dataset_tools.io.writer import Sink, encode, json_report
from dataset_tools.pipeline.outputs import FolderOutputs
from dataset_tools.pipeline.parts_folder import PartsFolder
from dataset_tools.pipeline.run_plan import resume_plan
from dataset_tools.pipeline.stage import Job, RunReport, ShardResult
from dataset_tools.readers.shards import Shard

__all__ = ["write_parts"]

_COPY = 1 << 20
_COUNTS = ("rows_in", "rows_out", "rejected", "rules", "renamed_tools")


def write_parts(job: Job, outputs: FolderOutputs) -> RunReport:
    """Run a job over all rows of its inputs and write the missing parts.

    Raises:
        InputError: an input cannot be read, no row is usable, or a file changed during the run.
        OutputError: a result cannot be written; the finished parts stay.
        UsageError: the folder cannot be resumed.
    """
    stop_reimport()
    outputs.check(job.inputs.paths)
    plan = resume_plan(job.command, job.options, outputs.cuts, job.inputs)
    with PartsFolder(outputs.folder, outputs.endings, plan, resume=outputs.resume, also=outputs.named) as folder:
        if folder.manifest is not None:
            return _report_of_whole(job, outputs, folder.manifest)
        count = _write_missing(job, folder, outputs)
        job.inputs.stamps.require_unchanged()
        return _finish(job, outputs, folder, count)


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
            held += shard.held
            if not done:
                self.under_way.append(self.count - 1)
                yield shard
            elif self._on_shard:
                self._on_shard(shard, ShardResult())  # its bytes count as progress


def _write_missing(job: Job, folder: PartsFolder, outputs: FolderOutputs) -> int:
    """Write every missing part; return the number of all parts."""
    missing = _Missing(folder, job.shards(), outputs.part_bytes, job.on_shard)
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
    """Return the report of a complete folder after a check of each file.

    Raises:
        InputError: a file is missing or changed.
    """
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
