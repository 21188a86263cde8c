"""``afg-data import``: rows of any known layout as records, with nothing repaired, as one library call."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from dataset_tools.executor.run import Work
from dataset_tools.io.input_stamps import Stamps
from dataset_tools.pipeline.outputs import FolderOutputs
from dataset_tools.pipeline.run_plan import recorded_options
from dataset_tools.pipeline.stage import Part, Stage
from dataset_tools.pipeline.to_file import Job, Outputs, Report
from dataset_tools.pipeline.to_parts import write_records
from dataset_tools.readers.shards import Shard
from dataset_tools.readers.sources import DataFile
from dataset_tools.records.reading import Reading

__all__ = ["ImportOptions", "import_data"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """What ``import`` can be told; see :class:`dataset_tools.cleaning.clean.CleanOptions` for the fields."""

    reading: Reading = field(default_factory=Reading)
    rename_tools: bool = False
    work: Work = field(default_factory=Work)


def import_data(
    sources: Sequence[str] | Sequence[DataFile],
    outputs: Outputs | FolderOutputs,
    options: ImportOptions | None = None,
    *,
    on_shard: Callable[[Shard, Part], None] | None = None,
) -> Report:
    """Read every row of ``sources`` and write it as a record.

    Only the shape changes; values, nulls and letters stay as they are. Whatever a reader had to decide (quotes, type
    names, property maps) is counted in the report.

    Raises:
        UsageError: a layout does not exist, or an output is also an input.
        InputError: a source cannot be read, or changes meanwhile.
        OutputError: a result cannot be written.
    """
    options = options or ImportOptions()
    beside = Stamps([options.reading.tools_file])
    converter = options.reading.converter(rename_tools=options.rename_tools)
    stage = Stage(converter, None, outputs.records, trace=outputs.trace is not None)
    job = Job(
        "import",
        sources,
        stage,
        work=options.work,
        options=recorded_options(options),
        also_read=beside,
        on_shard=on_shard,
    )
    return write_records(job, outputs)
