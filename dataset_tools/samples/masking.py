"""Assistant mask: prompts as token ids with labels.

A label is the token id where the model is trained and -100, which PyTorch's cross-entropy ignores, elsewhere. The
segments of :mod:`dataset_tools.prompt.render` decide; :func:`mask_problems` derives the mask a second time from the
ids alone, so that a mistake of either is noticed.
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
"""The label of a token that the loss ignores."""

_ESCAPE = "<escape>"
_ESCAPE_BLOCK = array("i", [CONTROL_TOKENS[_ESCAPE]]).tobytes()
_BOS = CONTROL_TOKENS["<bos>"]
_TURN, _END_TURN = CONTROL_TOKENS["<start_of_turn>"], CONTROL_TOKENS["<end_of_turn>"]
_RESPONSE, _END_RESPONSE = CONTROL_TOKENS["<start_function_response>"], CONTROL_TOKENS["<end_function_response>"]
_LAST_CONTROL = max(CONTROL_TOKENS.values())

# Segments that repeat from row to row; their ids are cached whole.
_REPEATING = frozenset((Kind.BOS, Kind.HEADER, Kind.DEVELOPER, Kind.DECLARATION, Kind.END, Kind.STOP, Kind.NEWLINE))
_MOST_BYTES = 32 << 20


class Tokens:
    """The tokens of one prompt, segment by segment, as 32-bit integers in the machine's order.

    Attributes:
        blocks: the ids of each segment.
        trained: one flag per segment: true if the model is trained to produce it.
    """

    __slots__ = ("blocks", "trained")

    def __init__(self, blocks: list[bytes], trained: list[bool]) -> None:
        self.blocks = blocks
        self.trained = trained

    def __len__(self) -> int:
        """Return the number of tokens."""
        return sum(map(len, self.blocks)) // ID_BYTES

    def input_ids(self) -> list[int]:
        """Return the ids."""
        return array("i", b"".join(self.blocks)).tolist()


class Samples(NamedTuple):
    """The concatenated tokens of several rows.

    Attributes:
        input_ids: 32-bit integers, shape (tokens,).
        labels: the id of each trained token, :data:`IGNORED` for all others; same shape.
        offsets: the start of each row, and the end of the last; shape (rows + 1,).
    """

    input_ids: "np.ndarray"
    labels: "np.ndarray"
    offsets: "np.ndarray"


class Encoder:
    """Converts segments to tokens.

    The ids of declarations and of the frames of turns are cached, because they repeat from row to row. All other text
    is split at escapes and spaces into words, most of which are cached too.
    """

    def __init__(self, tokenizer: "Tokenizer") -> None:
        self._texts = WordIds(tokenizer)
        self._known: dict[str, bytes] = {}
        self._held = 0

    def tokens(self, rows: Sequence[Sequence[Segment]]) -> list[Tokens]:
        """Return the tokens of each prompt, without truncation."""
        known = self._known
        made: list[Tokens] = []
        new: list[tuple[list[bytes], int, Segment]] = []
        for parts in rows:
            blocks = [known.get(text, b"") for text, _ in parts]
            made.append(Tokens(blocks, [kind in TRAINED for _, kind in parts]))
            # An empty block is a cache miss: no segment is empty.
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
    """Return the samples of several rows."""
    import numpy as np

    blocks = list(chain.from_iterable([row.blocks for row in rows]))
    input_ids = np.frombuffer(b"".join(blocks), dtype=np.int32)
    sizes = np.fromiter(map(len, blocks), dtype=np.int32, count=len(blocks)) // ID_BYTES
    trained = np.repeat(np.fromiter(chain.from_iterable([row.trained for row in rows]), dtype=bool), sizes)
    ends = np.concatenate(([0], np.cumsum(sizes)))  # of the blocks
    offsets = ends[np.cumsum([0, *[len(row.blocks) for row in rows]])].astype(np.int32)
    return Samples(input_ids, np.where(trained, input_ids, np.int32(IGNORED)), offsets)


def mask_problems(samples: Samples, header: Sequence[int]) -> Iterator[tuple[int, str]]:
    """Yield every row whose labels do not follow from its ids, with the reason.

    A row must have one ``<bos>``, at the start; at least one trained token; and a stop token as the last trained one.
    Trained are the model's turns without their header, up to and including each stop, and without tool results.

    Args:
        samples: at least one row.
        header: the ids of ``model`` and its newline, which follow ``<start_of_turn>`` at the start of a model's turn.
    """
    import numpy as np

    input_ids, labels, offsets = samples
    starts, rows = offsets[:-1], len(offsets) - 1
    # Few tokens are controls or trained, so most steps only look at their positions.
    controls = np.flatnonzero(input_ids.view(np.uint32) <= _LAST_CONTROL)
    trained = np.flatnonzero(labels != IGNORED)
    expected = np.where(_expected(input_ids, controls, offsets, header), input_ids, np.int32(IGNORED))
    bos = _rows_of(controls[input_ids[controls] == _BOS], offsets)
    before = np.searchsorted(trained, offsets)  # number of trained tokens before each row
    last = trained[before[1:] - 1] if len(trained) else starts
    wrong = np.zeros(rows, dtype=bool)
    wrong[_rows_of(np.flatnonzero(labels != expected), offsets)] = True
    checks = (
        ((np.bincount(bos, minlength=rows) != 1) | (input_ids[starts] != _BOS), "not exactly one <bos>, at the start"),
        (before[1:] == before[:-1], "no token is trained"),
        (~np.isin(input_ids[last], list(STOP_IDS)), "the last trained token is not a stop token"),
        (wrong, "the labels are not those of the model's turns"),
    )
    for row in np.flatnonzero(np.logical_or.reduce([failed for failed, _ in checks])):
        yield int(row), "; ".join(reason for failed, reason in checks if failed[row])


def _rows_of(places: "np.ndarray", offsets: "np.ndarray") -> "np.ndarray":
    """Return the row of each position."""
    import numpy as np

    return np.searchsorted(offsets, places, side="right") - 1


def _expected(
    input_ids: "np.ndarray", controls: "np.ndarray", offsets: "np.ndarray", header: Sequence[int]
) -> "np.ndarray":
    """Return the mask of the model's tokens, derived from the control tokens at the given positions."""
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
            # The model does not write the start of a response that directly follows another.
            if not (token == _RESPONSE and answered and at == start):
                expected[start : at + 1] = True
            start, answered = -1, False
    return expected
