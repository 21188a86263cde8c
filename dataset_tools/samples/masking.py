"""Samples: a prompt as token ids with labels that say what the model is trained to produce.

``labels`` holds the id where the model is trained and -100, which PyTorch's cross-entropy ignores, everywhere else.
The segments of :mod:`dataset_tools.prompt.render` decide; :func:`mask_problems` derives the mask a second time
from the finished ids alone, so that a mistake of either is noticed.
"""

from array import array
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from dataset_tools.prompt.render import TRAINED, Kind, Segment
from dataset_tools.samples.token_cache import ID_BYTES, WordIds
from dataset_tools.samples.tokenizer import CONTROL_TOKENS, STOP_IDS

if TYPE_CHECKING:
    import numpy as np
    from tokenizers import Tokenizer

__all__ = ["IGNORED", "Encoder", "Samples", "Tokens", "join", "mask_problems"]

IGNORED = -100
"""The label of a token that the loss leaves out."""

_ESCAPE = "<escape>"
_ESCAPE_BLOCK = array("i", [CONTROL_TOKENS[_ESCAPE]]).tobytes()
_BOS = CONTROL_TOKENS["<bos>"]
_TURN, _END_TURN = CONTROL_TOKENS["<start_of_turn>"], CONTROL_TOKENS["<end_of_turn>"]
_RESPONSE, _END_RESPONSE = CONTROL_TOKENS["<start_function_response>"], CONTROL_TOKENS["<end_function_response>"]
_LAST_CONTROL = max(CONTROL_TOKENS.values())

# What repeats from row to row, and is worth being remembered as a whole.
_REPEATING = frozenset((Kind.BOS, Kind.HEADER, Kind.DEVELOPER, Kind.DECLARATION, Kind.END, Kind.STOP, Kind.NEWLINE))
_MOST_BYTES = 32 << 20


class Tokens:
    """The tokens of one prompt, segment by segment, as 32-bit integers in the machine's order.

    Attributes:
        blocks: the ids of each segment.
        trained: for each segment, whether the model is trained to produce it.
    """

    __slots__ = ("blocks", "trained")

    def __init__(self, blocks: list[bytes], trained: list[bool]) -> None:
        self.blocks = blocks
        self.trained = trained

    def __len__(self) -> int:
        """How many tokens there are."""
        return sum(map(len, self.blocks)) // ID_BYTES

    def input_ids(self) -> list[int]:
        """The ids, as a list."""
        return array("i", b"".join(self.blocks)).tolist()


class Samples(NamedTuple):
    """The tokens of several rows, one row after another.

    Attributes:
        input_ids: the ids, 32-bit integers.
        labels: the id of each trained token, :data:`IGNORED` for all others.
        offsets: where each row starts, and the end of the last.
    """

    input_ids: "np.ndarray"
    labels: "np.ndarray"
    offsets: "np.ndarray"


class Encoder:
    """Turns segments into tokens.

    Declarations and the frames of turns repeat from row to row: their ids are remembered whole. All else is made of
    words that were met before, and of a few new ones. Values between escapes are separated from what frames them, so
    that the frame of a call is such a word.
    """

    def __init__(self, tokenizer: "Tokenizer") -> None:
        self._texts = WordIds(tokenizer)
        self._known: dict[str, bytes] = {}
        self._held = 0

    def tokens(self, rows: Sequence[Sequence[Segment]]) -> list[Tokens]:
        """The tokens of each prompt, whole: nothing is cut off."""
        known = self._known
        made: list[Tokens] = []
        new: list[tuple[list[bytes], int, Segment]] = []
        for parts in rows:
            blocks = [known.get(text, b"") for text, _ in parts]
            made.append(Tokens(blocks, [kind in TRAINED for _, kind in parts]))
            # No segment is empty.
            new += [(blocks, at, parts[at]) for at, block in enumerate(blocks) if not block]
        pieces = [part.text.split(_ESCAPE) for _, _, part in new]
        encoded = self._texts.encode(list(chain.from_iterable(pieces)))
        start = 0
        for (blocks, at, part), texts in zip(new, pieces, strict=True):
            stop = start + len(texts)
            block = blocks[at] = encoded[start] if len(texts) == 1 else _ESCAPE_BLOCK.join(encoded[start:stop])
            start = stop
            if part.kind in _REPEATING:
                self._remember(part.text, block)
        return made

    def _remember(self, text: str, block: bytes) -> None:
        if text in self._known:
            return
        self._held += len(text) + len(block)
        if self._held > _MOST_BYTES:
            self._known.clear()
            self._held = len(text) + len(block)
        self._known[text] = block


def join(rows: Sequence[Tokens]) -> Samples:
    """The samples of several rows."""
    import numpy as np

    blocks = list(chain.from_iterable([row.blocks for row in rows]))
    input_ids = np.frombuffer(b"".join(blocks), dtype=np.int32)
    sizes = np.fromiter(map(len, blocks), dtype=np.int32, count=len(blocks)) // ID_BYTES
    trained = np.repeat(np.fromiter(chain.from_iterable([row.trained for row in rows]), dtype=bool), sizes)
    ends = np.concatenate(([0], np.cumsum(sizes)))  # of the blocks
    offsets = ends[np.cumsum([0, *[len(row.blocks) for row in rows]])].astype(np.int32)
    return Samples(input_ids, np.where(trained, input_ids, np.int32(IGNORED)), offsets)


def mask_problems(samples: Samples, header: Sequence[int]) -> Iterator[tuple[int, str]]:
    """Every row whose labels are not what its ids alone demand, with the reason.

    Demanded are one ``<bos>``, at the start; something trained; a stop token as the last trained one; and as trained
    the model's turns without their header, up to each stop, and without the results of tools.

    Args:
        samples: the rows; at least one.
        header: the ids of ``model`` and its newline, which follow ``<start_of_turn>`` where the model's turn begins.
    """
    import numpy as np

    input_ids, labels, offsets = samples
    starts, rows = offsets[:-1], len(offsets) - 1
    # Few tokens are controls or trained, so all but the first look at each is at their places alone.
    controls = np.flatnonzero(input_ids.view(np.uint32) <= _LAST_CONTROL)
    trained = np.flatnonzero(labels != IGNORED)
    expected = np.where(_expected(input_ids, controls, offsets, header), input_ids, np.int32(IGNORED))
    bos = _rows_of(controls[input_ids[controls] == _BOS], offsets)
    before = np.searchsorted(trained, offsets)  # how many trained tokens stand before each row
    last = trained[before[1:] - 1] if len(trained) else starts
    wrong = np.zeros(rows, dtype=bool)
    wrong[_rows_of(np.flatnonzero(labels != expected), offsets)] = True
    checks = (
        ((np.bincount(bos, minlength=rows) != 1) | (input_ids[starts] != _BOS), "not exactly one <bos>, at the start"),
        (before[1:] == before[:-1], "nothing is trained"),
        (~np.isin(input_ids[last], list(STOP_IDS)), "the last trained token does not stop the model"),
        (wrong, "the labels are not those of the model's turns"),
    )
    for row in np.flatnonzero(np.logical_or.reduce([failed for failed, _ in checks])):
        yield int(row), "; ".join(reason for failed, reason in checks if failed[row])


def _rows_of(places: "np.ndarray", offsets: "np.ndarray") -> "np.ndarray":
    """In which row each of some places is."""
    import numpy as np

    return np.searchsorted(offsets, places, side="right") - 1


def _expected(
    input_ids: "np.ndarray", controls: "np.ndarray", offsets: "np.ndarray", header: Sequence[int]
) -> "np.ndarray":
    """Which tokens belong to the model, read from the control tokens, whose places are given."""
    import numpy as np

    expected = np.zeros(len(input_ids), dtype=bool)
    borders = np.zeros(_LAST_CONTROL + 1, dtype=bool)
    borders[[_TURN, _END_TURN, _RESPONSE, _END_RESPONSE]] = True
    controls = controls[borders[input_ids[controls]]]
    padded = np.concatenate((input_ids, np.full(len(header) + 1, -1, dtype=input_ids.dtype)))
    is_model = np.logical_and.reduce([padded[controls + 1 + at] == token for at, token in enumerate(header)])
    places = zip(
        controls.tolist(),
        input_ids[controls].tolist(),
        is_model.tolist(),
        _rows_of(controls, offsets).tolist(),
        strict=True,
    )
    start, row_before, answered = -1, -1, False
    for at, token, model, row in places:
        if token == _TURN or row != row_before:
            start = at + 1 + len(header) if token == _TURN and model else -1
            row_before, answered = row, False
        elif token == _END_RESPONSE:
            start, answered = at + 1, True
        elif start >= 0:
            # A response directly after another is the next tool's, and not the model's doing.
            if not (token == _RESPONSE and answered and at == start):
                expected[start : at + 1] = True
            start, answered = -1, False
    return expected
