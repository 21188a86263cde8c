"""Keys by which rows are compared: the question and each call, normalised by spelling.

A stage reads the keys of a shard. They are small, so that those of all rows fit in memory, and the rows themselves
are read again when it is known what becomes of them.
"""

import hashlib
from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from dataset_tools.arabic.compare import compare_key
from dataset_tools.dedup.minhash import Bands, band_hashes
from dataset_tools.dedup.sketches import sketches
from dataset_tools.errors import RowError
from dataset_tools.executor.run import Work, run
from dataset_tools.pipeline.row_decisions import Decision, decided
from dataset_tools.readers.row_reader import POISON
from dataset_tools.readers.shards import Shard, plan_shards
from dataset_tools.readers.sources import DataFile
from dataset_tools.records.converter import Converter
from dataset_tools.records.reading import records_of
from schemas.record import FunctionCall, Record

if TYPE_CHECKING:
    import numpy as np

__all__ = ["KeyStage", "Keys", "RowKey", "ShardKeys", "call_key", "key_of", "read_keys"]


class RowKey(NamedTuple):
    """One row, as it is compared.

    Attributes:
        file: where its file is.
        line: its line there.
        id: its id.
        question: what the user asks, under the compare key; all that is said where no user speaks.
        calls: a digest of each call, in order.
        called: the names of the tools that it calls.
        offered: the names of those that it offers.
        labels: what its fields hold that were asked for.
    """

    file: str
    line: int
    id: str
    question: str
    calls: tuple[bytes, ...]
    called: tuple[str, ...]
    offered: tuple[str, ...]
    labels: tuple[str, ...]


@dataclass(slots=True)
class ShardKeys:
    """The keys of one shard.

    Attributes:
        file: where its file is.
        rows: rows read, those of which no record can be made too; these have no key.
        keys: the readable rows, in order.
        questions: the distinct questions, in order.
        hashes: the bands and the sketch of each.
        poison: the fatal rows, in order, each as the decision not to read it again.
    """

    file: str
    rows: int = 0
    keys: list[RowKey] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    hashes: "tuple[np.ndarray, np.ndarray] | None" = None
    poison: list[Decision] = field(default_factory=list)


class Keys:
    """The keys of all rows.

    Attributes:
        rows: the readable rows, in order.
        unread: by file, how many rows no record can be made of.
        places: for each row, which of the distinct questions it asks.
        questions: the distinct questions, in the order in which they are met.
        hashes: the bands of each, where questions are compared at all.
        sketches: the sketch of each, likewise.
        poison: the fatal rows, in order.
    """

    def __init__(self) -> None:
        self.rows: list[RowKey] = []
        self.unread: Counter[str] = Counter()
        self.places = array("q")
        self.questions: list[str] = []
        self.hashes: np.ndarray | None = None
        self.sketches: np.ndarray | None = None
        self.poison: list[Decision] = []
        self._places: dict[str, int] = {}
        self._held: dict[Any, Any] = {}
        self._hashes: list[np.ndarray] = []
        self._sketches: list[np.ndarray] = []

    def add(self, part: ShardKeys) -> None:
        """Take over the keys of the shard that follows."""
        known = len(self.questions)
        self.unread[part.file] += part.rows - len(part.keys)
        self.poison += part.poison
        new: list[int] = []
        for at, question in enumerate(part.questions):
            if question not in self._places:
                self._places[question] = len(self.questions)
                self.questions.append(question)
                new.append(at)
        if part.hashes is not None and len(self.questions) > known:
            hashes, drawn = part.hashes
            self._hashes.append(hashes[new])
            self._sketches.append(drawn[new])
        for key in part.keys:
            place = self._places[key.question]
            self.places.append(place)
            # What a thousand rows ask, call or offer is held once.
            file, calls, called, offered, labels = [
                self._held.setdefault(value, value) for value in (key.file, *key[4:])
            ]
            self.rows.append(RowKey(file, key.line, key.id, self.questions[place], calls, called, offered, labels))

    def finish(self) -> None:
        """Join what the shards brought."""
        self._places, self._held = {}, {}  # first, because joining takes the memory of both sides of it
        if self._hashes:
            import numpy as np

            self.hashes, self._hashes = np.concatenate(self._hashes), []
            self.sketches, self._sketches = np.concatenate(self._sketches), []


class KeyStage:
    """Reads the keys of one shard: a pure function of the shard, so any process may run it.

    Args:
        converter: reads the rows.
        bands: how questions are prepared for comparing; None where they are not compared.
        fields: the fields of the record whose values are the labels of a row.
    """

    def __init__(self, converter: Converter, bands: Bands | None, fields: Sequence[str] = ()) -> None:
        self._converter = converter
        self._bands = bands
        self._fields = tuple(fields)

    def __call__(self, shard: Shard) -> ShardKeys:
        """The keys of the shard's rows."""
        part = ShardKeys(shard.file.place)
        for raw, outcome, _ in records_of(shard, self._converter):
            part.rows += 1
            if not isinstance(outcome, RowError):
                part.keys.append(key_of(outcome, shard.file.place, raw.line, self._fields))
            elif outcome.code == POISON:  # other errors are reported by the second reading
                part.poison.append(Decision(shard.file.place, raw.line, outcome))
        part.questions = list(dict.fromkeys([key.question for key in part.keys]))
        if self._bands and part.questions:
            part.hashes = band_hashes(part.questions, self._bands), sketches(part.questions)
        return part


def read_keys(
    files: Sequence[DataFile],
    stage: KeyStage,
    work: Work,
    on_shard: Callable[[Shard, Any], None] | None = None,
    poison: Sequence[Decision] = (),
    *,
    isolated: bool = False,
) -> Keys:
    """Return the keys of every readable row of some files.

    Args:
        files: the files.
        stage: reads the keys of a shard.
        work: the processes that do it.
        on_shard: called after each shard, in order.
        poison: rows that are known to be fatal, in order; they are not read.
        isolated: whether this process must survive every row.

    Raises:
        InputError: a file cannot be read.
    """
    keys = Keys()
    with closing(run(stage, decided(plan_shards(files), poison), work, isolated=isolated, on_done=on_shard)) as parts:
        for part in parts:
            keys.add(part)
    keys.finish()
    return keys


def key_of(record: Record, file: str, line: int, fields: Sequence[str] = ()) -> RowKey:
    """Return the key of a record."""
    messages = record["messages"]
    calls = [call["function"] for message in messages for call in message.get("tool_calls", ())]
    asked = [message["content"] for message in messages if message["role"] == "user" and "content" in message]
    question = compare_key("\n".join(asked)) or compare_key("\n".join([m.get("content", "") for m in messages]))
    return RowKey(
        file,
        line,
        record["id"],
        question,
        tuple([call_key(call) for call in calls]),
        tuple(dict.fromkeys([call["name"] for call in calls])),
        tuple([tool["function"]["name"] for tool in record["tools"]]),
        tuple([_label(record, name) for name in fields]),
    )


def call_key(call: FunctionCall) -> bytes:
    """A digest that calls share which name the same tool and give the same arguments.

    Texts are taken under the compare key and numbers by their value; the order of the arguments does not count, nor do
    those that are null.
    """
    text = orjson.dumps([call["name"], _folded(call["arguments"])], option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(text, digest_size=12).digest()


def _folded(value: Any) -> Any:  # noqa: ANN401 - JSON is any value
    if isinstance(value, str):
        return compare_key(value)
    if isinstance(value, dict):
        return {key: _folded(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_folded(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    # A number past 64 bits is none that orjson writes.
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 63 else value  # noqa: PLR2004


def _label(record: Record, name: str) -> str:
    value: Any = record.get(name, record["meta"].get(name, ""))
    return value if isinstance(value, str) else orjson.dumps(value).decode()
