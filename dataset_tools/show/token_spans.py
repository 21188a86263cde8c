"""Token texts, and runs of trained or ignored tokens as pieces of whole characters.

A character outside the vocabulary is encoded as UTF-8 bytes, one token each, which are joined here. Bytes that form no
character are shown by name, ``<0xD8>``.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from dataset_tools.errors import InputError
from dataset_tools.samples.masking import IGNORED
from dataset_tools.samples.tokenizer import CONTROL_TOKENS

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["LabelRun", "Piece", "label_runs", "token_texts"]

_BYTE = re.compile(r"<0x([0-9A-F]{2})>")
_SPACE = "▁"  # a space in SentencePiece
_LONGEST = 4  # bytes of a character


class Piece(NamedTuple):
    """Text of whole characters from the tokens [start, stop); almost always one token."""

    text: str
    start: int
    stop: int


class LabelRun(NamedTuple):
    """Adjacent tokens that are all trained, or all ignored."""

    trained: bool
    pieces: tuple[Piece, ...]

    @property
    def text(self) -> str:
        """Return the text of the run."""
        return "".join([piece.text for piece in self.pieces])


def token_texts(input_ids: Sequence[int], tokenizer: "Tokenizer") -> list[str]:
    """Return the text of each token; a byte token is ``<0xD8>``.

    Raises:
        InputError: an id is not in the vocabulary.
    """
    texts = []
    for token in input_ids:
        name = tokenizer.id_to_token(token) if token >= 0 else None
        if name is None:
            what = f"id {token} is not in this vocabulary of {tokenizer.get_vocab_size():,}"
            raise InputError(what, hint="name the tokenizer that made the samples with --tokenizer")
        texts.append(name if name in CONTROL_TOKENS else name.replace(_SPACE, " "))
    return texts


def label_runs(texts: Sequence[str], labels: Sequence[int]) -> Iterator[LabelRun]:
    """Yield the runs of a sample in order; together they hold every token once.

    Args:
        texts: text of each token, from :func:`token_texts`.
        labels: label of each token.
    """
    for trained, places in groupby(range(len(texts)), key=lambda at: labels[at] != IGNORED):
        yield LabelRun(trained, tuple(_pieces(texts, list(places))))


def _pieces(texts: Sequence[str], places: Sequence[int]) -> Iterator[Piece]:
    for is_byte, group in groupby(places, key=lambda at: _BYTE.fullmatch(texts[at]) is not None):
        run = list(group)
        if is_byte:
            yield from _characters(texts, run)
        else:
            yield from (Piece(texts[at], at, at + 1) for at in run)


def _characters(texts: Sequence[str], places: Sequence[int]) -> Iterator[Piece]:
    """Join byte tokens to characters."""
    held = bytes(int(texts[at][3:5], 16) for at in places)
    at = 0
    while at < len(held):
        found = ((size, _decoded(held[at : at + size])) for size in range(1, _LONGEST + 1))
        size, text = next(((size, text) for size, text in found if text), (1, texts[places[at]]))
        yield Piece(text, places[at], places[at] + size)
        at += size


def _decoded(held: bytes) -> str:
    try:
        return held.decode("utf-8")
    except UnicodeDecodeError:
        return ""
