"""``afg-data dedup`` as a library call: removal of rows that repeat an earlier row.

Each row is read twice: a first pass reads its key, a second pass writes or rejects it. A row is dropped only for an
earlier row that is kept, so dedup is idempotent.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import Any

from dataset_tools.dedup.first_pass import read_as_before
from dataset_tools.dedup.keys import Keys, KeyStage, RowKey, ShardKeys, read_keys
from dataset_tools.dedup.minhash import Buckets, Texts, bands_for
from dataset_tools.errors import RowError
from dataset_tools.executor.run import Work
from dataset_tools.pipeline.outputs import Outputs
from dataset_tools.pipeline.row_decisions import Decision, digest_of, in_order, merged
from dataset_tools.pipeline.stage import Job, RecordStage, RunReport, recorded_options
from dataset_tools.pipeline.to_parts import FolderOutputs
from dataset_tools.readers.shards import Shard
from dataset_tools.records.reading import Inputs, ReadOptions

__all__ = ["DedupOptions", "dedup", "exact_repetitions"]

# Limit of compared rows per bucket, against quadratic time in a file of one template.
_MOST_COMPARED = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class DedupOptions:
    """Options of ``dedup``.

    Attributes:
        near: Jaccard similarity of the questions, from 0.3 to 1, from which a later row with the same calls is dropped;
            None compares only equal questions.
        twins: whether to drop rows with the same calls and different questions.
        reading: options for reading rows.
        work: the worker processes.
    """

    near: float | None = 0.9
    twins: bool = False
    reading: ReadOptions = field(default_factory=ReadOptions)
    work: Work = field(default_factory=Work)


def dedup(
    sources: Sequence[str] | Inputs,
    outputs: Outputs | FolderOutputs,
    options: DedupOptions | None = None,
    *,
    refused: Mapping[str, Mapping[int, RowError]] | None = None,
    on_shard: Callable[[Shard, Any], None] | None = None,
) -> RunReport:
    """Write the rows of ``sources`` that repeat no earlier row; the others become rejects that name it.

    Args:
        sources: files, folders, globs or ``hf://datasets/...``, in any known layout.
        outputs: the output files.
        options: see :class:`DedupOptions`.
        refused: rows to drop by file and line, if known already, as from a cluster; rows are then read only once.
        on_shard: progress callback after each shard of each pass, in order.

    Raises:
        UsageError: an option is out of range, or an output is also an input.
        InputError: a source cannot be read or changes during the run.
        OutputError: a result cannot be written.
    """
    options = options or DedupOptions()
    inputs = Inputs.of(sources, options.reading.tools_file)
    converter = options.reading.converter()
    bands = bands_for(options.near) if options.near is not None else None
    isolated = isinstance(outputs, FolderOutputs)

    def decisions() -> Iterator[Decision]:
        if refused is not None:
            return in_order(inputs.files, refused)
        stage = KeyStage(converter, bands)
        read = partial(read_keys, inputs.files, stage, options.work, on_shard, isolated=isolated)
        keys = read_as_before(outputs.folder, read) if isinstance(outputs, FolderOutputs) else read()
        return merged(inputs.files, _decisions(keys, options), keys.poison)

    recorded = recorded_options(options)
    if refused is not None:  # the plan of a folder of parts must contain it
        recorded["refused"] = digest_of(in_order(inputs.files, refused))
    job = Job(
        command="dedup",
        inputs=inputs,
        stage=RecordStage(converter, None, outputs.records, trace=False),
        options=recorded,
        work=options.work,
        on_shard=on_shard,
        decisions=decisions,
    )
    return outputs.write(job)


def exact_repetitions(rows: Sequence[RowKey]) -> list[tuple[RowKey, RowError]]:
    """Return the rows that ``dedup`` drops with ``near=None``, each with its reason.

    Only rows with the same question are compared, so an engine may group rows by question and call this per group.
    """
    keys = Keys()
    keys.add(ShardKeys("", len(rows), list(rows), list(dict.fromkeys([row.question for row in rows]))))
    keys.finish()
    return [(keys.rows[at], error) for at, error in _repetitions(keys, DedupOptions(near=None))]


def _decisions(keys: Keys, options: DedupOptions) -> Iterator[Decision]:
    for at, error in _repetitions(keys, options):
        yield Decision(keys.rows[at].file, keys.rows[at].line, error)


def _repetitions(keys: Keys, options: DedupOptions) -> Iterator[tuple[int, RowError]]:
    """Yield the index of each row that repeats a kept row, with the reason."""
    asked: dict[int, list[int]] = defaultdict(list)  # kept rows by question, if several rows ask it
    again = _asked_again(keys)
    called: dict[tuple[bytes, ...], int] = {}  # first kept row by calls
    alike = _Alike(keys, options.near) if options.near is not None and keys.hashes is not None else None
    for at, row in enumerate(keys.rows):
        place = keys.places[at]
        error = _same_question(row, [keys.rows[kept] for kept in asked.get(place, ())])
        buckets = alike.buckets(at) if error is None and alike and row.question else []
        if alike and buckets:
            error = alike.repetition(at, buckets)
        if error is None and options.twins and row.calls in called:
            kept = keys.rows[called[row.calls]]
            error = _error("templated-twin", f"same calls as {_place(kept, row)}, but another question", kept)
        if error is not None:
            yield at, error
            continue
        if place in again:
            asked[place].append(at)
        if row.calls:
            called.setdefault(row.calls, at)
        if alike and buckets:
            alike.keep(at, buckets)


def _asked_again(keys: Keys) -> set[int]:
    """Return the questions that several rows ask."""
    met = bytearray(len(keys.questions))
    again = set()
    for place in keys.places:
        if met[place]:
            again.add(place)
        met[place] = 1
    return again


def _same_question(row: RowKey, kept: list[RowKey]) -> RowError | None:
    """Return the reason to drop a row, given the kept rows with the same question; None to keep it."""
    if not row.question:
        return None
    for other in kept:
        if other.calls == row.calls:
            return _error("duplicate", f"asks and calls the same as {_place(other, row)}", other)
    for other in kept:
        # If a row does not offer the tool that the other calls, both answers are right.
        if set(other.called) <= set(row.offered) and set(row.called) <= set(other.offered):
            what = f"asks the same as {_place(other, row)}, but makes other calls with the same tools"
            return _error("conflicting-duplicate", what, other, "one of the two answers is wrong or incomplete")
    return None


class _Alike:
    """Index of kept rows for the search by equal calls and similar questions."""

    def __init__(self, keys: Keys, threshold: float) -> None:
        if keys.hashes is None or keys.sketches is None:
            raise ValueError("the keys were read without bands")
        self._keys = keys
        self._texts = Texts(keys.questions, keys.sketches, threshold)
        self._buckets = Buckets(keys.hashes)
        keys.hashes = None  # unused from here, and a seventh of the memory
        self._kept: dict[tuple[int, tuple[bytes, ...]], list[int]] = defaultdict(list)

    def buckets(self, at: int) -> list[int]:
        """Return the buckets that a row shares with rows of other questions."""
        return self._buckets.of(self._keys.places[at])

    def repetition(self, at: int, buckets: list[int]) -> RowError | None:
        """Return the reason to drop a row; None to keep it."""
        row, places = self._keys.rows[at], self._keys.places
        near = sorted(set(chain.from_iterable([self._kept.get((bucket, row.calls), ()) for bucket in buckets])))
        for first, share in self._texts.alike(places[at], [places[other] for other in near]):
            kept = self._keys.rows[near[first]]
            what = f"same calls as {_place(kept, row)}, and a question with similarity {share:.2f}"
            return _error("near-duplicate", what, kept)
        return None

    def keep(self, at: int, buckets: list[int]) -> None:
        """Add a kept row, with which later rows are compared."""
        calls = self._keys.rows[at].calls
        for bucket in buckets:
            kept = self._kept[bucket, calls]
            if len(kept) < _MOST_COMPARED:
                kept.append(at)


def _error(code: str, what: str, kept: RowKey, hint: str = "the first is kept") -> RowError:
    return RowError(code, what, hint=hint, repeats=kept.id)


def _place(kept: RowKey, row: RowKey) -> str:
    """Return id and line of a kept row, and its file if that differs from the file of ``row``."""
    where = f"line {kept.line}" if kept.file == row.file else f"{kept.file} line {kept.line}"
    return f"{kept.id!r} ({where})"
