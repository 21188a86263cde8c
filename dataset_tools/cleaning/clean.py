"""``afg-data import`` and ``clean`` as library calls: rows of any known layout as records, with or without repair."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from dataset_tools.arabic.folding import FOLDS
from dataset_tools.cleaning.repairer import Repairer
from dataset_tools.errors import UsageError
from dataset_tools.executor.run import Work
from dataset_tools.pipeline.outputs import Outputs
from dataset_tools.pipeline.stage import Job, RecordStage, RunReport, ShardResult, recorded_options
from dataset_tools.pipeline.to_parts import FolderOutputs
from dataset_tools.readers.shards import Shard
from dataset_tools.records.reading import Inputs, ReadOptions, Step

__all__ = ["CleanOptions", "ImportOptions", "clean", "import_data"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanOptions:
    """Options of ``clean``.

    Attributes:
        fold: names of CAMeL Tools folds; none by default, because folds are lossy.
        developer_turn: whether to add a developer turn to a record without one.
        reading: options for reading rows.
        rename_tools: whether to rewrite tool names that FunctionGemma parsers reject.
        work: the worker processes.
    """

    fold: tuple[str, ...] = ()
    developer_turn: bool = True
    reading: ReadOptions = field(default_factory=ReadOptions)
    rename_tools: bool = False
    work: Work = field(default_factory=Work)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """Options of ``import``; see :class:`CleanOptions` for the fields."""

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
    return _write("import", sources, outputs, options or ImportOptions(), on_shard)


def clean(
    sources: Sequence[str] | Inputs,
    outputs: Outputs | FolderOutputs,
    options: CleanOptions | None = None,
    *,
    on_shard: Callable[[Shard, ShardResult], None] | None = None,
) -> RunReport:
    """Repair every row of ``sources`` and write the records.

    Cleaning is idempotent, and without folds it never changes the meaning of a call.

    Raises:
        UsageError: a fold or a layout does not exist, or an output is also an input.
        InputError: a source cannot be read or changes during the run.
        OutputError: a result cannot be written.
    """
    options = options or CleanOptions()
    unknown = [name for name in options.fold if name not in FOLDS]
    if unknown:
        raise UsageError(f"there is no fold {unknown[0]!r}", hint=f"folds: {', '.join(FOLDS)}")
    return _write("clean", sources, outputs, options, on_shard)


def _write(
    command: str,
    sources: Sequence[str] | Inputs,
    outputs: Outputs | FolderOutputs,
    options: ImportOptions | CleanOptions,
    on_shard: Callable[[Shard, ShardResult], None] | None,
) -> RunReport:
    inputs = Inputs.of(sources, options.reading.tools_file)
    converter = options.reading.converter(rename_tools=options.rename_tools)
    repair: Step | None = None
    if isinstance(options, CleanOptions):
        repair = Repairer(options.fold, developer_turn=options.developer_turn).repair
    stage = RecordStage(converter, repair, outputs.records, trace=outputs.trace is not None)
    recorded = recorded_options(options)
    job = Job(command=command, inputs=inputs, stage=stage, options=recorded, work=options.work, on_shard=on_shard)
    return outputs.write(job)
