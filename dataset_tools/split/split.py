"""``afg-data split``: train, validation and test without leakage, as one library call.

Every row is read twice: first for its keys, then to write it to its split. The folder has a file for each split, and
``split.json`` with the facts for a dataset card.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from dataset_tools.dedup.keys import Keys, KeyStage, read_keys
from dataset_tools.dedup.minhash import bands_for
from dataset_tools.errors import InputError, UsageError
from dataset_tools.executor.run import run
from dataset_tools.io.atomic_folder import AtomicFolder
from dataset_tools.io.checksums import describe_file
from dataset_tools.io.output_paths import check_outputs
from dataset_tools.io.writer import Sink
from dataset_tools.pipeline.outputs import Outputs, RejectsFile
from dataset_tools.pipeline.row_decisions import decided
from dataset_tools.readers.shards import Shard, plan_shards
from dataset_tools.readers.sources import DataFile
from dataset_tools.records.reading import Inputs
from dataset_tools.split.division import FIELDS, FORMATS, SPLITS, Division, SplitOptions, divide, require_shares
from dataset_tools.split.facts import public_name, read_report, split_facts
from dataset_tools.split.stage import SplitShard, SplitStage

__all__ = ["SPLIT_FILE", "SPLIT_FILES", "SplitOptions", "SplitReport", "split"]

SPLIT_FILE = "split.json"
"""File with the facts of a split."""

CARD = "README.md"
"""Dataset card, kept when the folder is replaced."""

SPLIT_FILES = (SPLIT_FILE, *(f"{name}.{ending}" for name in SPLITS for ending in FORMATS), CARD)
"""Files of a split folder."""


@dataclass(frozen=True, slots=True)
class SplitReport:
    """Report of a split; ``rows_in == rows_out + sum(rejected.values())``.

    Attributes:
        output: the folder.
        facts: the object in ``split.json``.
    """

    output: Path
    facts: Mapping[str, Any]

    @property
    def rejected(self) -> dict[str, int]:
        """Return the number of rows without a split, by the code of the reason."""
        return dict(self.facts["rejected"])


def split(
    sources: Sequence[str] | Inputs,
    output: Path,
    options: SplitOptions | None = None,
    *,
    rejects: Path | None = None,
    on_shard: Callable[[Shard, Any], None] | None = None,
) -> SplitReport:
    """Split the rows of ``sources``; no two splits share a question, a similar question or a call.

    Args:
        sources: files, folders, globs or ``hf://datasets/...``, in any known layout.
        output: the folder to write; an earlier split is replaced when the new one is complete.
        options: see :class:`SplitOptions`.
        rejects: file for rejected rows with reasons; next to the folder if None.
        on_shard: called after each shard, in order and in both passes, for progress.

    Raises:
        UsageError: an option is invalid, no row has a field of ``by``, or a source is also evaluation data.
        InputError: a source cannot be read, has no usable row, or changes during the run.
        OutputError: a result cannot be written.
    """
    options = options or SplitOptions()
    require_shares(options.test, options.validation)
    if options.format not in FORMATS:
        raise UsageError(f"unknown format {options.format!r}", hint=" or ".join(FORMATS))
    inputs = Inputs.of(sources, options.reading.tools_file)
    held_out = Inputs.of(options.against)
    rejected = Outputs(output, rejects).rejects_file()
    _require_apart(inputs, held_out)
    check_outputs([*inputs.stamps.paths, *held_out.stamps.paths], folder=output, lines=(rejected.path,))
    reports = [read_report(path) for path in options.reports]
    converter = options.reading.converter()
    bands = bands_for(options.near) if options.near is not None else None
    stage = KeyStage(converter, bands, (*FIELDS, *options.by))
    keys = read_keys([*held_out.files, *inputs.files], stage, options.work, on_shard)
    _require_fields(keys, options.by)
    unread = _require_held_out(keys, held_out.files)
    division = divide(keys, held_out.files, options)
    with rejected, AtomicFolder(output, SPLIT_FILES) as folder:
        shards = decided(plan_shards(inputs.files), division.decisions(inputs.files))
        total = _write(SplitStage(converter, options.format), shards, rejected, folder, division, options, on_shard)
        division = division.without(total.lost)
        usable = sum(map(len, division.splits.values()))
        inputs.require_rows(total.rows, usable, total.first_reject)
        written = {name: describe_file(folder.file(f"{name}.{options.format}")) for name in division.splits}
        facts = split_facts(options, division, total.rows, dict(sorted(total.rejected.items())), written)
        facts |= {"inputs": _described(inputs.files), "against_unread": unread, "against": _described(held_out.files)}
        facts |= {"reports": reports}
        _keep_card(folder)
        folder.write(SPLIT_FILE, orjson.dumps(facts, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        inputs.stamps.require_unchanged()
        held_out.stamps.require_unchanged()
    return SplitReport(output, facts)


def _keep_card(folder: AtomicFolder) -> None:
    """Keep the card of an earlier split, because people edit it."""
    card = folder.path / CARD
    if card.is_file():
        folder.write(CARD, card.read_bytes())


def _described(files: Sequence[DataFile]) -> list[dict[str, Any]]:
    return [describe_file(file.path, public_name(file)) for file in files]


def _require_apart(inputs: Inputs, held_out: Inputs) -> None:
    """Reject a source that is also evaluation data."""
    both = {file.path.resolve() for file in inputs.files} & {file.path.resolve() for file in held_out.files}
    if both:
        raise UsageError(f"{min(both)} is both a source and evaluation data", hint="name another file with --against")


def _require_fields(keys: Keys, by: Sequence[str]) -> None:
    """Reject a field that no row has; it is probably misspelt."""
    for at, name in enumerate(by, start=len(FIELDS)):
        if keys.rows and not any(row.labels[at] for row in keys.rows):
            raise UsageError(f"no row has the field {name!r}", hint="--by takes fields of the record or of its meta")


def _require_held_out(keys: Keys, held_out: Sequence[DataFile]) -> int:
    """Return the number of unreadable rows of the evaluation data; their questions may leak.

    Raises:
        InputError: a file has no readable row.
    """
    read = {row.file for row in keys.rows}
    for file in held_out:
        if file.place not in read:
            what = "no row of this evaluation data can be read"
            raise InputError(what, where=file.place, hint="`afg-data validate` shows the reasons")
    return sum(keys.unread[file.place] for file in held_out)


def _write(
    stage: SplitStage,
    shards: Iterable[Shard],
    rejects: RejectsFile,
    folder: AtomicFolder,
    division: Division,
    options: SplitOptions,
    on_shard: Callable[[Shard, Any], None] | None,
) -> SplitShard:
    """Write every row to its split or to the rejects; return the counts."""
    total = SplitShard()
    with ExitStack() as stack:
        sinks = {name: stack.enter_context(Sink(folder.file(f"{name}.{options.format}"))) for name in division.splits}
        for part in stack.enter_context(closing(run(stage, shards, options.work, on_done=on_shard))):
            for name, sink in sinks.items():
                sink.write_payload(part.payloads[name])
            rejects.write(part.rejects)
            total.merge(part)
    rejects.finish()
    return total
