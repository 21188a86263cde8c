"""``afg-data report``: all there is to see of a dataset, for people who would rather look, as one library call.

It is what the other commands say, gathered: the findings, what cleaning would make of the rows, what they are made
of then, and the prompts of some. Nothing is written but the page that is made of it.
"""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any

from dataset_tools.cleaning.clean import CleanOptions, clean
from dataset_tools.errors import RowError
from dataset_tools.executor.run import Work
from dataset_tools.pipeline.outputs import Outputs
from dataset_tools.pipeline.stage import RunReport
from dataset_tools.prompt.render import RenderError
from dataset_tools.readers.shards import Shard, plan_shards
from dataset_tools.readers.sources import DataFile
from dataset_tools.records.converter import Converter
from dataset_tools.records.reading import Inputs, Reading, records_of
from dataset_tools.show.masked_prompt import MaskedPrompt, masked_prompt
from dataset_tools.stats.stats import Stats, StatsOptions, stats
from dataset_tools.validation.excerpts import Excerpts, excerpts
from dataset_tools.validation.validate import ValidateOptions, ValidationResult, validate

__all__ = ["PASSES", "DatasetReport", "ReportOptions", "report"]

PASSES = 4
"""How often every row is read, for progress."""

_SEARCHED = 2000  # rows in which prompts are looked for


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOptions:
    """Options of ``report``.

    Attributes:
        tokenizer: a folder, or ``ORG/NAME[@REVISION]`` on the Hub, to count tokens with; empty for characters.
        min_cell: a dialect with fewer rows than this that call a tool is told.
        examples: findings of each check that are shown.
        prompts: rows whose prompt is shown.
        reading: how rows are read.
        work: the processes that do the work.
    """

    tokenizer: str = ""
    min_cell: int = 5
    examples: int = 3
    prompts: int = 5
    reading: Reading = field(default_factory=Reading)
    work: Work = field(default_factory=Work)


@dataclass(frozen=True, slots=True)
class DatasetReport:
    """Facts about a dataset.

    Attributes:
        sources: what was looked at, as it was named.
        before: what is wrong with it.
        values: what stands where something was found.
        cleaning: what cleaning makes of it.
        after: what is wrong then.
        stats: what it is made of then.
        prompts: some rows as the model reads them then.
    """

    sources: Sequence[str]
    before: ValidationResult
    values: Excerpts
    cleaning: RunReport
    after: ValidationResult
    stats: Stats
    prompts: Sequence[MaskedPrompt]


def report(
    sources: Sequence[str] | Inputs,
    options: ReportOptions | None = None,
    *,
    on_shard: Callable[[Shard, Any], None] | None = None,
) -> DatasetReport:
    """Look at a dataset from all sides.

    Args:
        sources: files, folders, globs or ``hf://datasets/...``, in any known layout.
        options: see :class:`ReportOptions`.
        on_shard: called after each shard, in order, for progress; every row is read :data:`PASSES` times.

    Raises:
        UsageError: an option makes no sense.
        InputError: a source or the tokenizer cannot be read, or not one row.
    """
    options = options or ReportOptions()
    inputs, reading, work = Inputs.of(sources), options.reading, options.work
    checks = ValidateOptions(examples=options.examples, reading=reading, work=work)
    before = validate(inputs, checks, on_shard=on_shard)
    values = excerpts(inputs, before, checks)
    with tempfile.TemporaryDirectory() as folder:
        outputs = Outputs(Path(folder) / "clean.jsonl", Path(folder) / "rejects.jsonl")
        cleaning = clean(inputs, outputs, CleanOptions(reading=reading, work=work), on_shard=on_shard)
        cleaned = Inputs.of([str(outputs.records)])
        after = validate(cleaned, ValidateOptions(examples=0, work=work), on_shard=on_shard)
        counted = StatsOptions(tokenizer=options.tokenizer, min_cell=options.min_cell, work=work)
        made_of = stats(cleaned, counted, on_shard=on_shard)
        prompts = _prompts(cleaned.files, options.prompts)
    return DatasetReport(inputs.places, before, values, cleaning, after, made_of, prompts)


def _prompts(files: Sequence[DataFile], count: int) -> list[MaskedPrompt]:
    """The prompts of some rows: one of each dialect first, with a call where there is one."""
    found: dict[tuple[str, bool], MaskedPrompt] = {}
    converter = Converter()
    rows = chain.from_iterable(records_of(shard, converter) for shard in plan_shards(files))
    for _, record, _ in islice(rows, _SEARCHED):
        if isinstance(record, RowError):
            continue
        calls = any(message.get("tool_calls") for message in record["messages"])
        if (record["dialect"], calls) in found:
            continue
        try:
            found[record["dialect"], calls] = masked_prompt(record)
        except RenderError:
            continue
    order = sorted(found.items(), key=lambda item: (not item[0][1], item[0][0]))
    return [prompt for _, prompt in order[:count]]
