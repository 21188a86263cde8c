"""``afg-data clean``: lossless repair of every row, as one library call."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from dataset_tools.arabic.folding import FOLDS
from dataset_tools.cleaning.repairer import Repairer
from dataset_tools.errors import UsageError
from dataset_tools.executor.run import Work
from dataset_tools.pipeline.outputs import FolderOutputs, Outputs
from dataset_tools.pipeline.stage import Job, RecordStage, RunReport, ShardResult, recorded_options
from dataset_tools.pipeline.to_file import write_records
from dataset_tools.readers.shards import Shard
from dataset_tools.records.reading import Inputs, Reading

__all__ = ["CleanOptions", "clean"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanOptions:
    """Options of ``clean``.

    Attributes:
        fold: folds of CAMeL Tools, by name; none by default, because they lose what the user wrote.
        developer_turn: whether a record without a developer turn gets one.
        reading: how rows are read.
        rename_tools: whether tool names that FunctionGemma parsers reject are rewritten.
        work: the processes that do the work.
    """

    fold: tuple[str, ...] = ()
    developer_turn: bool = True
    reading: Reading = field(default_factory=Reading)
    rename_tools: bool = False
    work: Work = field(default_factory=Work)


def clean(
    sources: Sequence[str] | Inputs,
    outputs: Outputs | FolderOutputs,
    options: CleanOptions | None = None,
    *,
    on_shard: Callable[[Shard, ShardResult], None] | None = None,
) -> RunReport:
    """Repair every row of ``sources`` and write the records.

    Cleaning twice changes nothing the second time, and without folds what a call means never changes.

    Raises:
        UsageError: a fold or a layout does not exist, or an output is also an input.
        InputError: a source cannot be read, or changes meanwhile.
        OutputError: a result cannot be written.
    """
    options = options or CleanOptions()

    unknown = [name for name in options.fold if name not in FOLDS]
    if unknown:
        raise UsageError(f"there is no fold {unknown[0]!r}", hint=f"folds: {', '.join(FOLDS)}")
    inputs = Inputs.of(sources, options.reading.tools_file)
    converter = options.reading.converter(rename_tools=options.rename_tools)
    repairer = Repairer(options.fold, developer_turn=options.developer_turn)
    stage = RecordStage(converter, repairer.repair, outputs.records, trace=outputs.trace is not None)
    job = Job(
        command="clean",
        inputs=inputs,
        outputs=outputs,
        stage=stage,
        options=recorded_options(options),
        work=options.work,
        on_shard=on_shard,
    )
    return write_records(job)
