"""``afg-data dedup``: of rows that say the same only the first is kept, as one library call.

Every row is read twice: first for what it is compared by, then to be written or rejected. What becomes of a row
depends on the rows before it alone, and a row is only ever dropped for one that is kept, so that doing it twice
changes nothing the second time.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import Any

from dataset_tools.dedup.first_pass import read_as_before
from dataset_tools.dedup.keys import Keys, KeyStage, RowKey, ShardKeys, read_keys
from dataset_tools.dedup.minhash import Buckets, bands_for
from dataset_tools.dedup.sketches import Texts
from dataset_tools.errors import RowError
from dataset_tools.executor.run import Work
from dataset_tools.pipeline.outputs import FolderOutputs, Outputs
from dataset_tools.pipeline.row_decisions import Decision, digest_of, in_order, merged
from dataset_tools.pipeline.stage import Job, RecordStage, RunReport, recorded_options
from dataset_tools.pipeline.to_file import write_records
from dataset_tools.readers.shards import Shard
from dataset_tools.records.reading import Inputs, Reading

__all__ = ["DedupOptions", "dedup", "exact_repetitions"]

# Of one bucket no more rows are compared, so that a file of one template takes no quadratic time.
_MOST_COMPARED = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class DedupOptions:
    """Options of ``dedup``.

    Attributes:
        near: how alike two questions must be, from 0.3 to 1, for the later row to be dropped if it calls the same.
            None compares no questions but equal ones.
        twins: whether rows that make the same calls are dropped though they ask otherwise.
        reading: how rows are read.
        work: the processes that do the work.
    """

    near: float | None = 0.9
    twins: bool = False
    reading: Reading = field(default_factory=Reading)
    work: Work = field(default_factory=Work)


def dedup(
    sources: Sequence[str] | Inputs,
    outputs: Outputs | FolderOutputs,
    options: DedupOptions | None = None,
    *,
    refused: Mapping[str, Mapping[int, RowError]] | None = None,
    on_shard: Callable[[Shard, Any], None] | None = None,
) -> RunReport:
    """Write the rows of ``sources`` without those that repeat one before them; those are rejects that name it.

    Args:
        sources: files, folders, globs or ``hf://datasets/...``, in any known layout.
        outputs: the files of rows and rejects.
        options: see :class:`DedupOptions`.
        refused: the rows that go, by file and line, where somebody else has found them; the rows are read once then.
        on_shard: called after each shard, in order, in each reading, for progress.

    Raises:
        UsageError: an option makes no sense, or an output is also an input.
        InputError: a source cannot be read, or changes meanwhile.
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
    if refused is not None:  # what a folder of parts depends on must be part of its plan
        recorded["refused"] = digest_of(in_order(inputs.files, refused))
    job = Job(
        command="dedup",
        inputs=inputs,
        outputs=outputs,
        stage=RecordStage(converter, None, outputs.records, trace=False),
        options=recorded,
        work=options.work,
        on_shard=on_shard,
        decisions=decisions,
    )
    return write_records(job)


def exact_repetitions(rows: Sequence[RowKey]) -> list[tuple[RowKey, RowError]]:
    """The rows that repeat one before them exactly, each with the reason, as ``dedup`` finds them with ``near=None``.

    Only rows that ask the same are compared: any engine may group rows by their question, and give each group to this
    function by itself.
    """
    keys = Keys()
    keys.add(ShardKeys("", len(rows), list(rows), list(dict.fromkeys([row.question for row in rows]))))
    keys.finish()
    return [(keys.rows[at], error) for at, error in _repetitions(keys, DedupOptions(near=None))]


def _decisions(keys: Keys, options: DedupOptions) -> Iterator[Decision]:
    for at, error in _repetitions(keys, options):
        yield Decision(keys.rows[at].file, keys.rows[at].line, error)


def _repetitions(keys: Keys, options: DedupOptions) -> Iterator[tuple[int, RowError]]:
    """Each row that repeats a row that is kept, with the reason."""
    asked: dict[int, list[int]] = defaultdict(list)  # kept rows by their question, where several rows ask it
    again = _asked_again(keys)
    called: dict[tuple[bytes, ...], int] = {}  # the first kept row by its calls
    alike = _Alike(keys, options.near) if options.near is not None and keys.hashes is not None else None
    for at, row in enumerate(keys.rows):
        place = keys.places[at]
        error = _same_question(row, [keys.rows[kept] for kept in asked.get(place, ())])
        buckets = alike.buckets(at) if error is None and alike and row.question else []
        if alike and buckets:
            error = alike.repetition(at, buckets)
        if error is None and options.twins and row.calls in called:
            kept = keys.rows[called[row.calls]]
            error = _error(
                "templated-twin", f"makes the same calls as {_place(kept, row)}, though it asks otherwise", kept
            )
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
    """The questions that more than one row asks."""
    met = bytearray(len(keys.questions))
    again = set()
    for place in keys.places:
        if met[place]:
            again.add(place)
        met[place] = 1
    return again


def _same_question(row: RowKey, kept: list[RowKey]) -> RowError | None:
    """Why a row is superfluous beside kept ones that ask the same; None if it is not."""
    if not row.question:
        return None
    for other in kept:
        if other.calls == row.calls:
            return _error("duplicate", f"asks and calls the same as {_place(other, row)}", other)
    for other in kept:
        # Where a row does not offer what the other calls, both answers are right: the pair teaches the difference.
        if set(other.called) <= set(row.offered) and set(row.called) <= set(other.offered):
            what = f"asks the same as {_place(other, row)}, but calls otherwise, though both offer the same tools"
            return _error("conflicting-duplicate", what, other, "one of the two answers is wrong or incomplete")
    return None


class _Alike:
    """Finds a kept row that makes the same calls and asks nearly the same."""

    def __init__(self, keys: Keys, threshold: float) -> None:
        if keys.hashes is None or keys.sketches is None:
            raise ValueError("the keys were read without bands")
        self._keys = keys
        self._texts = Texts(keys.questions, keys.sketches, threshold)
        self._buckets = Buckets(keys.hashes)
        keys.hashes = None  # nobody reads them again, and they are a seventh of the memory
        self._kept: dict[tuple[int, tuple[bytes, ...]], list[int]] = defaultdict(list)

    def buckets(self, at: int) -> list[int]:
        """The bands that a row shares with rows that ask otherwise."""
        return self._buckets.of(self._keys.places[at])

    def repetition(self, at: int, buckets: list[int]) -> RowError | None:
        """Why a row is superfluous; None if it is not."""
        row, places = self._keys.rows[at], self._keys.places
        near = sorted(set(chain.from_iterable([self._kept.get((bucket, row.calls), ()) for bucket in buckets])))
        for first, share in self._texts.alike(places[at], [places[other] for other in near]):
            kept = self._keys.rows[near[first]]
            what = f"asks nearly the same ({share:.2f}) as {_place(kept, row)}, and calls the same"
            return _error("near-duplicate", what, kept)
        return None

    def keep(self, at: int, buckets: list[int]) -> None:
        """Compare later rows with this one."""
        calls = self._keys.rows[at].calls
        for bucket in buckets:
            kept = self._kept[bucket, calls]
            if len(kept) < _MOST_COMPARED:
                kept.append(at)


def _error(code: str, what: str, kept: RowKey, hint: str = "the first is kept") -> RowError:
    return RowError(code, what, hint=hint, repeats=kept.id)


def _place(kept: RowKey, row: RowKey) -> str:
    """The id of a kept row and where it stands, as seen from the row that repeats it."""
    where = f"line {kept.line}" if kept.file == row.file else f"{kept.file} line {kept.line}"
    return f"{kept.id!r} ({where})"
