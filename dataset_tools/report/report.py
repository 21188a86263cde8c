"""``afg-data report``: findings, effect of cleaning, statistics and prompts of a dataset, as one library call."""

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
from dataset_tools.records.reading import Inputs, ReadOptions, records_of
from dataset_tools.show.masked_prompt import MaskedPrompt, masked_prompt
from dataset_tools.stats.stats import Stats, StatsOptions, stats
from dataset_tools.validation.excerpts import Excerpts, excerpts
from dataset_tools.validation.validate import ValidateOptions, ValidationResult, validate

__all__ = ["PASSES", "DatasetReport", "ReportOptions", "report"]

PASSES = 4
"""Number of times that every row is read, for progress."""

_SEARCHED = 2000  # rows searched for prompts


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOptions:
    """Options of ``report``.

    Attributes:
        tokenizer: a folder, or ``ORG/NAME[@REVISION]`` on the Hub, to count tokens with; empty for characters.
        min_cell: minimum rows of a dialect for each tool; smaller cells are marked.
        examples: findings to show for each check.
        prompts: number of prompts to show.
        reading: options for reading rows.
        work: the processes that do the work.
    """

    tokenizer: str = ""
    min_cell: int = 5
    examples: int = 3
    prompts: int = 5
    reading: ReadOptions = field(default_factory=ReadOptions)
    work: Work = field(default_factory=Work)


@dataclass(frozen=True, slots=True)
class DatasetReport:
    """Facts about a dataset.

    Attributes:
        sources: names of the data files.
        before: result of validation.
        values: values at the paths of the findings.
        cleaning: report of cleaning.
        after: result of validation after cleaning.
        stats: statistics of the cleaned rows.
        prompts: prompts of some cleaned rows.
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
    """Validate and clean a dataset in a temporary folder, and collect the facts for its page.

    Args:
        sources: files, folders, globs or ``hf://datasets/...``, in any known layout.
        options: see :class:`ReportOptions`.
        on_shard: called after each shard, in order, for progress; every row is read :data:`PASSES` times.

    Raises:
        UsageError: an option is invalid.
        InputError: a source or the tokenizer cannot be read, or no row is usable.
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
    """Return prompts for each dialect, one with and one without a call; those with a call come first."""
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
