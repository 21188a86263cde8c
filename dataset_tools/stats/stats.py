"""``afg-data stats``: the content of a dataset in numbers, as one library call.

A stage counts each shard, and the counts merge in order. So the result does not depend on the number of workers.
"""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from dataset_tools.checks.row_view import Row
from dataset_tools.errors import RowError
from dataset_tools.executor.run import Work, run
from dataset_tools.prompt.render import RenderError, Segment, segments
from dataset_tools.readers.shards import Shard, plan_shards
from dataset_tools.records.converter import Converter
from dataset_tools.records.reading import Inputs, ReadOptions, record_batches
from dataset_tools.samples.masking import Encoder
from dataset_tools.samples.tokenizer import find_tokenizer, load_tokenizer, require_functiongemma
from dataset_tools.stats.counts import Counts
from dataset_tools.stats.facts import stats_facts

__all__ = ["Stats", "StatsOptions", "stats"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatsOptions:
    """Options of ``stats``.

    Attributes:
        tokenizer: a folder, or ``ORG/NAME[@REVISION]`` on the Hub, to count tokens with; empty for none.
        min_cell: minimum rows of a dialect for each tool and for no call; smaller cells are listed.
        reading: options for reading rows.
        work: the processes that do the work.
    """

    tokenizer: str = ""
    min_cell: int = 5
    reading: ReadOptions = field(default_factory=ReadOptions)
    work: Work = field(default_factory=Work)


@dataclass(frozen=True, slots=True)
class Stats:
    """Statistics of a dataset.

    Attributes:
        facts: the object that ``--json`` prints.
    """

    facts: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Return the object that ``--json`` prints."""
        return self.facts


class StatsStage:
    """Counts one shard: a pure function of the shard, so any process may run it."""

    def __init__(self, converter: Converter, tokenizer_folder: Path | None) -> None:
        self._converter = converter
        self._folder = tokenizer_folder

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the arguments, without loaded objects."""
        return type(self), (self._converter, self._folder)

    @cached_property
    def _encoder(self) -> Encoder | None:
        return Encoder(load_tokenizer(self._folder)) if self._folder else None

    def __call__(self, shard: Shard) -> Counts:
        """Return the counts of one shard."""
        counts = Counts()
        for batch in record_batches(shard, self._converter):
            counts.rows += len(batch)
            rows: list[Row] = []
            for raw, outcome, log in batch:
                if isinstance(outcome, RowError):
                    counts.unreadable[outcome.code] += 1
                else:
                    rows.append(Row(outcome, log, shard.file.place, raw.line))
            counts.observe(rows)
            self._measure(rows, counts)
        return counts

    def _measure(self, rows: list[Row], counts: Counts) -> None:
        """Count the records by length of the prompt."""
        prompts: list[list[Segment]] = []
        for row in rows:
            try:
                prompts.append(segments(row.record))
            except RenderError:
                counts.not_renderable += 1
        counts.prompt_characters.update([sum([len(part.text) for part in parts]) for parts in prompts])
        if self._encoder:
            counts.tokens.update([len(tokens) for tokens in self._encoder.tokens(prompts)])


def stats(
    sources: Sequence[str] | Inputs,
    options: StatsOptions | None = None,
    *,
    on_shard: Callable[[Shard, Counts], None] | None = None,
) -> Stats:
    """Return statistics of the rows of ``sources``.

    Args:
        sources: files, folders, globs or ``hf://datasets/...``, in any known layout.
        options: see :class:`StatsOptions`.
        on_shard: called after each shard, in order, for progress.

    Raises:
        UsageError: an option is invalid.
        InputError: a source or the tokenizer cannot be read, or no row is usable.
    """
    options = options or StatsOptions()
    inputs = Inputs.of(sources)
    found = find_tokenizer(options.tokenizer) if options.tokenizer else None
    if found:
        require_functiongemma(found)
    stage = StatsStage(options.reading.converter(), found.folder if found else None)
    total = Counts()
    with closing(run(stage, plan_shards(inputs.files), options.work, on_done=on_shard)) as parts:
        for part in parts:
            total.merge(part)
    inputs.require_rows(total.rows, total.records)
    return Stats(stats_facts(total, options.min_cell, found.name if found else ""))
