"""Keys of rows for comparison: the question and each call, with normalised spelling.

Keys are small: those of all rows fit in memory. A second pass reads the rows themselves.
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
from dataset_tools.dedup.minhash import Bands, band_hashes, sketches
from dataset_tools.errors import RowError
from dataset_tools.executor.run import Work, run
from dataset_tools.pipeline.row_decisions import Decision, decided
from dataset_tools.readers.row_reader import POISON
from dataset_tools.readers.shards import Shard, plan_shards
from dataset_tools.readers.sources import DataFile
from dataset_tools.records.converter import Converter
from dataset_tools.records.reading import records_of
from dataset_tools.records.results import text_of
from schemas.record import FunctionCall, Record

if TYPE_CHECKING:
    import numpy as np

__all__ = ["KeyStage", "Keys", "RowKey", "ShardKeys", "call_key", "key_of", "read_keys"]


class RowKey(NamedTuple):
    """Key of one row.

    Attributes:
        file: place of its file.
        line: its line number.
        id: its id.
        question: compare key of the user's text; of all messages if there is no user text.
        calls: a digest of each call, in order.
        called: names of the called tools.
        offered: names of the offered tools.
        labels: values of the requested fields.
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
    """Keys of one shard.

    Attributes:
        file: place of its file.
        rows: number of rows, including rejected rows without a key.
        keys: keys of the readable rows, in order.
        questions: the distinct questions, in order.
        hashes: band hashes and sketches of the questions.
        poison: the fatal rows, in order, as decisions not to read them again.
    """

    file: str
    rows: int = 0
    keys: list[RowKey] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    hashes: "tuple[np.ndarray, np.ndarray] | None" = None
    poison: list[Decision] = field(default_factory=list)


class Keys:
    """Keys of all rows.

    Attributes:
        rows: keys of the readable rows, in order.
        unread: number of rejected rows per file.
        places: for each row, the index of its question.
        questions: the distinct questions, in order of first use.
        hashes: band hashes of the questions; None without near dedup.
        sketches: sketches of the questions; None without near dedup.
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
        """Add the keys of the next shard."""
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
            # Equal values of many rows share one object.
            file, calls, called, offered, labels = [
                self._held.setdefault(value, value) for value in (key.file, *key[4:])
            ]
            self.rows.append(RowKey(file, key.line, key.id, self.questions[place], calls, called, offered, labels))

    def finish(self) -> None:
        """Concatenate the arrays of all shards."""
        self._places, self._held = {}, {}  # first, because concatenation holds both copies in memory
        if self._hashes:
            import numpy as np

            self.hashes, self._hashes = np.concatenate(self._hashes), []
            self.sketches, self._sketches = np.concatenate(self._sketches), []


class KeyStage:
    """Reader of the keys of one shard; a pure function of the shard, so any process may run it.

    Args:
        converter: converts rows to records.
        bands: MinHash bands; None without near dedup.
        fields: record fields whose values are the labels of a row.
    """

    def __init__(self, converter: Converter, bands: Bands | None, fields: Sequence[str] = ()) -> None:
        self._converter = converter
        self._bands = bands
        self._fields = tuple(fields)

    def __call__(self, shard: Shard) -> ShardKeys:
        """Return the keys of the shard."""
        part = ShardKeys(shard.file.place)
        for raw, outcome, _ in records_of(shard, self._converter):
            part.rows += 1
            if not isinstance(outcome, RowError):
                part.keys.append(key_of(outcome, shard.file.place, raw.line, self._fields))
            elif outcome.code == POISON:  # the second pass reports other errors
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
    """Return the keys of all readable rows of the files.

    Args:
        files: the files.
        stage: reads the keys of a shard.
        work: the worker processes.
        on_shard: progress callback after each shard, in order.
        poison: known fatal rows, in order; they are not read.
        isolated: whether rows are read in worker processes only, so that this process survives every row.

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
    asked = [text_of(message) for message in messages if message["role"] == "user"]
    question = compare_key("\n".join(asked)) or compare_key("\n".join(map(text_of, messages)))
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
    """Return a digest that is equal for calls of the same tool with equal arguments.

    Texts are compared by their compare key and numbers by value; order and null arguments are ignored.
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
    # orjson cannot write integers beyond 64 bits.
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 63 else value  # noqa: PLR2004


def _label(record: Record, name: str) -> str:
    value: Any = record.get(name, record["meta"].get(name, ""))
    return value if isinstance(value, str) else orjson.dumps(value).decode()
