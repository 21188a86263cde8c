"""From rows of any layout to records on disk: what ``afg-data import`` and ``afg-data clean`` share.

A stage turns a shard into encoded output, rejects, trace and counts; the parent process writes them in the order of
the shards. So the output's bytes do not depend on the number of workers, and memory does not depend on the file.
"""

import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dataset_tools.errors import UsageError
from dataset_tools.executor.run import Work, run
from dataset_tools.io.input_stamps import Stamps
from dataset_tools.io.writer import Sink, check_writable, encode, json_report
from dataset_tools.pipeline.row_decisions import Decision, decided
from dataset_tools.pipeline.stage import Part, Stage
from dataset_tools.readers.rejects import RejectsFile
from dataset_tools.readers.shards import Shard, plan
from dataset_tools.readers.sources import DataFile, split_ending
from dataset_tools.records.converter import companions_of, find_data, names_of
from dataset_tools.records.reading import require_rows

__all__ = [
    "Job",
    "Outputs",
    "Report",
    "check_files",
    "check_outputs",
    "make_report",
    "transform",
]


@dataclass(frozen=True, slots=True)
class Job:
    """What is done to which rows, wherever the results go.

    Attributes:
        command: what people call it.
        sources: files, folders, globs or ``hf://datasets/...``, or files that were found already.
        stage: what is done to each shard.
        work: the processes that do it.
        options: what was chosen, for the report.
        also_read: inputs beside the sources, as they were before they were read.
        on_shard: called after each shard, in order, for progress.
        decisions: makes, when the work begins, what is decided about rows beforehand, in the order of the rows.
    """

    command: str
    sources: Sequence[str] | Sequence[DataFile]
    stage: Stage
    work: Work = field(default_factory=Work)
    options: dict[str, Any] = field(default_factory=dict)
    also_read: Stamps = field(default_factory=Stamps)
    on_shard: Callable[[Shard, Part], None] | None = None
    decisions: Callable[[], Iterator[Decision]] | None = None

    def stamps(self, files: Sequence[DataFile]) -> Stamps:
        """How all inputs are now, to be asked before the work and compared after it."""
        return self.also_read.and_of([*(file.path for file in files), *companions_of(files)])

    def shards(self, files: Sequence[DataFile], **cuts: int) -> Iterator[Shard]:
        """Return the shards with the decisions about their rows; ``cuts`` go to :func:`~.shards.plan`."""
        shards = plan(files, **cuts)
        return decided(shards, self.decisions()) if self.decisions else shards


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where the results go.

    Attributes:
        records: the records, in the format that the file's ending names.
        rejects: the rows that no record could be made of, with the reasons; written only if there are any.
        report: the counts, as JSON; None for no file.
        trace: every change, a line each; None for no file.
    """

    records: Path
    rejects: Path
    report: Path | None = None
    trace: Path | None = None

    @staticmethod
    def default_rejects(records: Path) -> Path:
        """``train.jsonl.gz`` has its rejects in ``train.rejects.jsonl`` beside it."""
        return records.parent / f"{split_ending(records.name)[0]}.rejects.jsonl"

    @property
    def names_rejects(self) -> bool:
        """Whether the user said where rejects go."""
        return self.rejects != self.default_rejects(self.records)


@dataclass(frozen=True, slots=True)
class Report:
    """The counts of a run; ``rows_in == rows_out + sum(rejected.values())`` always holds."""

    command: str
    options: dict[str, Any]
    inputs: list[str]
    output: str
    rows_in: int
    rows_out: int
    rejected: dict[str, int]
    rules: dict[str, dict[str, Any]]
    renamed_tools: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The object that ``--report`` writes."""
        return {
            "command": self.command,
            "version": version("arabic-functiongemma"),
            "python": platform.python_version(),
            "options": self.options,
            "inputs": self.inputs,
            "output": self.output,
            "rows_in": self.rows_in,
            "rows_out": self.rows_out,
            "rejected": self.rejected,
            "rules": self.rules,
            "renamed_tools": self.renamed_tools,
        }


def transform(job: Job, outputs: Outputs) -> Report:
    """Do a job over every row of its sources and write what comes of it.

    Raises:
        InputError: a source cannot be read, or not one of its rows, or it changed while it was read.
        OutputError: a result cannot be written; nothing stands under its final name then.
        UsageError: an output is also an input.
    """
    files = find_data(job.sources)
    check_outputs(outputs, files, job.also_read.paths)
    inputs = job.stamps(files)
    total = Part()
    with RejectsFile(outputs.rejects, named=outputs.names_rejects) as rejects, ExitStack() as stack:
        trace = stack.enter_context(Sink(outputs.trace)) if outputs.trace else None
        records = stack.enter_context(Sink(outputs.records))
        for part in stack.enter_context(closing(run(job.stage, job.shards(files), job.work, on_done=job.on_shard))):
            records.write_payload(part.payload)
            if trace and outputs.trace and part.trace:
                trace.write_payload(encode([part.trace], outputs.trace))
            rejects.write(part.rejects)
            total.merge(part)
        require_rows(", ".join(names_of(job.sources)), total.rows, total.written, total.first_reject)
        inputs.require_same()
        for file in (records, trace, rejects):
            if file is not None:
                file.finish()
    report = make_report(job, outputs.records, total)
    if outputs.report:
        json_report(outputs.report, report.as_json())
    return report


def check_outputs(outputs: Outputs, files: Sequence[DataFile], also_read: Sequence[Path] = ()) -> None:
    """Make sure, before any work, that each output can be written and that none is in the way of another.

    Raises:
        OutputError: one cannot be.
        UsageError: one is an input or another output, or is to hold lines and named Parquet.
    """
    inputs = [*(file.path for file in files), *companions_of(files), *also_read]
    check_files([outputs.records, outputs.report], [outputs.rejects, outputs.trace], inputs)


def check_files(some: Sequence[Path | None], lines: Sequence[Path | None], inputs: Sequence[Path]) -> None:
    """The same for files by themselves; ``lines`` are those that hold lines whatever they are named.

    Raises:
        OutputError: one cannot be written.
        UsageError: one is an input or another output, or is to hold lines and named Parquet.
    """
    seen: set[Path] = set()
    for path in (*some, *lines):
        if path is None:
            continue
        if path.resolve() in seen:
            raise UsageError(f"{path} is named for two outputs", hint="each needs a file of its own")
        seen.add(path.resolve())
        if path in lines and split_ending(path.name)[1] == ".parquet":
            raise UsageError(f"{path}: rejects and traces are written as lines", hint="end its name in .jsonl")
        check_writable(path, inputs)


def make_report(job: Job, output: Path, total: Part) -> Report:
    """The report of all rows; ``output`` is what people call the result."""
    rules = {
        rule: {"rows": count.rows, "changes": count.changes, "samples": count.samples}
        for rule, count in sorted(total.rules.items())
    }
    rejected = dict(sorted(total.rejected.items()))
    return Report(
        job.command,
        job.options,
        names_of(job.sources),
        str(output),
        total.rows,
        total.written,
        rejected,
        rules,
        total.renamed,
    )
