"""From ids back to text: each token's name, and runs of tokens that are trained or not, as pieces of whole characters.

A character that the vocabulary lacks is written as its UTF-8 bytes, one token each. Such tokens belong together: alone
they are no text. Bytes that make no character are shown by name, ``<0xD8>``.
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

__all__ = ["Piece", "Run", "label_runs", "token_texts"]

_BYTE = re.compile(r"<0x([0-9A-F]{2})>")
_SPACE = "▁"  # SentencePiece's picture of a space
_TWO, _THREE, _FOUR, _NEVER = 0xC0, 0xE0, 0xF0, 0xF8  # from where on a first byte announces so many; the last, none


class Piece(NamedTuple):
    """Whole characters and the tokens [start, stop) that make them; almost always one token."""

    text: str
    start: int
    stop: int


class Run(NamedTuple):
    """Neighbouring tokens that are all trained, or all ignored."""

    trained: bool
    pieces: tuple[Piece, ...]

    @property
    def text(self) -> str:
        """The text of the run."""
        return "".join([piece.text for piece in self.pieces])


def token_texts(input_ids: Sequence[int], tokenizer: "Tokenizer") -> list[str]:
    """The text of each token alone; a byte is ``<0xD8>``.

    Raises:
        InputError: an id is none of this tokenizer's.
    """
    texts = []
    for token in input_ids:
        name = tokenizer.id_to_token(token) if token >= 0 else None
        if name is None:
            what = f"the id {token} is not in this vocabulary of {tokenizer.get_vocab_size():,}"
            raise InputError(what, hint="name the tokenizer that made the samples with --tokenizer")
        texts.append(name if name in CONTROL_TOKENS else name.replace(_SPACE, " "))
    return texts


def label_runs(texts: Sequence[str], labels: Sequence[int]) -> Iterator[Run]:
    """The runs of a sample, in order; together they hold every token once.

    Args:
        texts: the text of each token, from :func:`token_texts`.
        labels: the label of each token.
    """
    for trained, places in groupby(range(len(texts)), key=lambda at: labels[at] != IGNORED):
        yield Run(trained, tuple(_pieces(texts, list(places))))


def _pieces(texts: Sequence[str], places: Sequence[int]) -> Iterator[Piece]:
    for is_byte, group in groupby(places, key=lambda at: _BYTE.fullmatch(texts[at]) is not None):
        run = list(group)
        if is_byte:
            yield from _characters(texts, run)
        else:
            yield from (Piece(texts[at], at, at + 1) for at in run)


def _characters(texts: Sequence[str], places: Sequence[int]) -> Iterator[Piece]:
    """The characters that byte tokens make."""
    held = bytes(int(texts[at][3:5], 16) for at in places)
    at = 0
    while at < len(held):
        size = _length(held[at])
        try:
            text = held[at : at + size].decode("utf-8")
        except UnicodeDecodeError:
            text, size = texts[places[at]], 1
        yield Piece(text, places[at], places[at] + size)
        at += size


def _length(first: int) -> int:
    """How many bytes the character has that begins with this one; 1 for a byte that begins none."""
    if first < _TWO or first >= _NEVER:
        return 1
    return 2 if first < _THREE else 3 if first < _FOUR else 4
