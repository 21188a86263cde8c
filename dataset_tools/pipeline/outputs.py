"""Output files of a run that writes its records to one file.

Workers encode shards; this process writes them in shard order. So the bytes do not depend on the number of workers,
and memory does not depend on the file size.
"""

from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from dataset_tools.errors import OutputError
from dataset_tools.executor.run import run
from dataset_tools.io.file_formats import split_ending
from dataset_tools.io.output_paths import check_outputs
from dataset_tools.io.writer import Sink, encode, json_report, write_file
from dataset_tools.pipeline.stage import Job, RunReport, ShardResult
from dataset_tools.readers.shards import SHARD_BYTES

__all__ = ["Outputs", "RejectsFile"]


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
    def default_rejects(self) -> Path:
        """Return the rejects file if none is named: ``train.rejects.jsonl`` for ``train.jsonl.gz``."""
        return self.records.parent / f"{split_ending(self.records.name)[0]}.rejects.jsonl"

    def rejects_file(self) -> "RejectsFile":
        """Return the rejects file, not yet open."""
        default = self.default_rejects
        return RejectsFile(self.rejects or default, self.rejects not in {None, default})

    def write(self, job: Job) -> RunReport:
        """Run a job over all rows of its inputs and write the results.

        Raises:
            InputError: an input cannot be read, no row is usable, or a file changed during the run.
            OutputError: a result cannot be written; no file gets its final name then.
            UsageError: an output is an input or another output, or holds lines and is named Parquet.
        """
        rejects, total = self.rejects_file(), ShardResult()
        files = (self.records, self.report, self.page)
        check_outputs(job.inputs.stamps.paths, files=files, lines=(rejects.path, self.trace))
        with rejects, ExitStack() as stack:
            trace = stack.enter_context(Sink(self.trace)) if self.trace else None
            records = stack.enter_context(Sink(self.records))
            results = run(job.stage, job.shards(self.shard_bytes), job.work, on_done=job.on_shard)
            for result in stack.enter_context(closing(results)):
                records.write_payload(result.payload)
                if trace:
                    trace.write(result.trace)
                rejects.write(result.rejects)
                total.merge(result)
            report = job.report(self.records, total)
            job.inputs.stamps.require_unchanged()
            for file in (records, trace, rejects):
                if file is not None:
                    file.finish()
        if self.report:
            json_report(self.report, report.as_json())
        return report


@dataclass(slots=True)
class RejectsFile(AbstractContextManager["RejectsFile"]):
    """Rejects file of a run, created with the first reject and renamed when the block ends without an error.

    Enter it before the records file, so that it is renamed after that file. A run without rejects removes the file of
    an earlier run, or empties it if the user ``named`` it.

    Raises:
        OutputError: the file cannot be written.
    """

    path: Path
    named: bool
    _sink: Sink | None = field(default=None, init=False)

    def write(self, lines: bytes) -> None:
        """Append encoded rejects, if any."""
        if not lines:
            return
        if self._sink is None:
            self._sink = Sink(self.path)
            self._sink.__enter__()
        self._sink.write(lines)

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
        if self.named:
            write_file(self.path, encode([], self.path))
            return
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(error.strerror or str(error), where=str(self.path)) from error
