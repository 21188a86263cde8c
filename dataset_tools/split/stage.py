"""Rows of one shard by split: the work of each process of ``afg-data split``."""

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dataset_tools.errors import InputError, RowError
from dataset_tools.io.writer import encode
from dataset_tools.readers.row_reader import reject_line
from dataset_tools.readers.shards import Shard
from dataset_tools.records.converter import Converter
from dataset_tools.records.reading import records_of
from dataset_tools.split.division import SPLITS

if TYPE_CHECKING:
    from schemas.record import Record

__all__ = ["SplitShard", "SplitStage"]


@dataclass(slots=True)
class SplitShard:
    """Rows and counts of one shard, or counts of all shards so far.

    Attributes:
        rows: rows read.
        payloads: the encoded rows of each split.
        rejected: rejected rows by the code of the reason.
        rejects: these rows as lines.
        first_reject: place and reason of the first rejected row.
        lost: file and line of the assigned rows that could not be read again.
    """

    rows: int = 0
    payloads: dict[str, bytes] = field(default_factory=dict)
    rejected: Counter[str] = field(default_factory=Counter)
    rejects: bytes = b""
    first_reject: str = ""
    lost: list[tuple[str, int]] = field(default_factory=list)

    def merge(self, other: "SplitShard") -> None:
        """Add the counts of the shard that follows; payloads are written, not merged."""
        self.rows += other.rows
        self.rejected.update(other.rejected)
        self.first_reject = self.first_reject or other.first_reject
        self.lost += other.lost


class SplitStage:
    """Encodes the rows of one shard by split: a pure function of the shard, so any process may run it.

    Args:
        converter: converts the rows.
        ending: file format of the splits.
    """

    def __init__(self, converter: Converter, ending: str) -> None:
        self._converter = converter
        self._ending = ending

    def __call__(self, shard: Shard) -> SplitShard:
        """Return the rows of a shard by split.

        Raises:
            InputError: the file cannot be read, or has changed since its rows were assigned.
        """
        part, places = SplitShard(), dict(shard.decided)
        rows: dict[str, list[Record]] = {split: [] for split in SPLITS}
        rejects: list[bytes] = []
        for raw, record, _ in records_of(shard, self._converter):
            part.rows += 1
            place = places.get(raw.line)
            if isinstance(record, RowError):
                if place is not None:
                    part.lost.append((shard.file.place, raw.line))
                reason = record
            elif place is None:
                where = f"{shard.file.place}:{raw.line}"
                raise InputError(
                    "the row was not there before", where=where, hint="do not change the file during a run"
                )
            elif isinstance(place, RowError):
                reason = place
            else:
                rows[place].append(record)
                continue
            part.rejected[reason.code] += 1
            part.first_reject = part.first_reject or f"line {raw.line}: {reason}"
            rejects.append(reject_line(raw, reason, shard.file))
        part.payloads = {split: encode(found, f"{split}.{self._ending}") for split, found in rows.items()}
        part.rejects = b"".join(rejects)
        return part
