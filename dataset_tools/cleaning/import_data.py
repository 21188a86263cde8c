"""``afg-data import`` as a library call: rows of any known layout as records, without repair."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from dataset_tools.executor.run import Work
from dataset_tools.pipeline.outputs import Outputs
from dataset_tools.pipeline.stage import Job, RecordStage, RunReport, ShardResult, recorded_options
from dataset_tools.pipeline.to_parts import FolderOutputs
from dataset_tools.readers.shards import Shard
from dataset_tools.records.reading import Inputs, ReadOptions

__all__ = ["ImportOptions", "import_data"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """Options of ``import``; see :class:`dataset_tools.cleaning.clean.CleanOptions` for the fields."""

    reading: ReadOptions = field(default_factory=ReadOptions)
    rename_tools: bool = False
    work: Work = field(default_factory=Work)


def import_data(
    sources: Sequence[str] | Inputs,
    outputs: Outputs | FolderOutputs,
    options: ImportOptions | None = None,
    *,
    on_shard: Callable[[Shard, ShardResult], None] | None = None,
) -> RunReport:
    """Read every row of ``sources`` and write it as a record.

    Only the structure changes; values, nulls and letters stay. The report counts the decisions of the reader (quotes,
    type names, property maps).

    Raises:
        UsageError: a layout does not exist, or an output is also an input.
        InputError: a source cannot be read or changes during the run.
        OutputError: a result cannot be written.
    """
    options = options or ImportOptions()
    inputs = Inputs.of(sources, options.reading.tools_file)
    converter = options.reading.converter(rename_tools=options.rename_tools)
    stage = RecordStage(converter, None, outputs.records, trace=outputs.trace is not None)
    job = Job(
        command="import",
        inputs=inputs,
        stage=stage,
        options=recorded_options(options),
        work=options.work,
        on_shard=on_shard,
    )
    return outputs.write(job)
