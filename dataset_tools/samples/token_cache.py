"""Cache of token ids by word.

FunctionGemma's tokenizer processes the text between two control tokens at once. But hardly any of its pieces continues
behind a space, so the ids of a text are those of its words, each with the space before it. This is checked for the
given tokenizer; a text with such a piece counts as one word. The ids are always those of the tokenizer for the text.
"""

from array import array
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from dataset_tools.samples.tokenizer import CONTROL_TOKENS, texts_across_spaces

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["ID_BYTES", "WordIds"]

ID_BYTES = 4
"""Bytes per id: ids are 32-bit integers in native byte order."""

# A control token that no prompt has: it marks the first word of each text, which has no space before it.
_MARK = "<pad>"
_MARK_ID = CONTROL_TOKENS[_MARK]
_SPACE = "▁"  # a space in pieces
_MOST_BYTES, _OVERHEAD = 32 << 20, 250  # approximate bytes of a cached word besides its letters and ids


class WordIds:
    """Tokenizes texts with a cache of words. No text may contain ``<pad>``."""

    def __init__(self, tokenizer: "Tokenizer") -> None:
        self._tokenizer = tokenizer
        self._across = texts_across_spaces(tokenizer)
        self._known: dict[str, bytes] = {}
        self._held = 0

    def encode(self, texts: Sequence[str]) -> list[bytes]:
        """Return the ids of each text."""
        if not texts:
            return []
        words, counts = self._words(texts)
        known = self._known
        ids = list(map(known.get, words))
        new = dict.fromkeys([word for word, found in zip(words, ids, strict=True) if found is None])
        fresh = dict(zip(new, self._tokenize(new), strict=True)) if new else {}
        whole = [fresh[word] if found is None else found for word, found in zip(words, ids, strict=True)]
        self._remember(fresh)
        made = []
        start = 0
        for count in counts:
            made.append(whole[start] if count == 1 else b"".join(whole[start : start + count]))
            start += count
        return made

    def _words(self, texts: Sequence[str]) -> tuple[list[str], list[int]]:
        """Return all words, the first of each text with the mark before it, and the number of words of each text."""
        if self._across is None:
            return [_MARK + text for text in texts], [1] * len(texts)
        joined = _MARK + f" {_MARK}".join(texts)
        if not _is_odd(joined, self._across):
            return joined.split(" "), [text.count(" ") + 1 for text in texts]
        split = [[_MARK + text] if _is_odd(text, self._across) else (_MARK + text).split(" ") for text in texts]
        return list(chain.from_iterable(split)), list(map(len, split))

    def _tokenize(self, words: Iterable[str]) -> list[bytes]:
        """Return the ids of each word, tokenized as one text: twice as fast as many short texts."""
        text = "".join([word if word.startswith(_MARK) else f"{_MARK} {word}" for word in words])
        ids = array("i", self._tokenizer.encode_batch_fast([text], add_special_tokens=False)[0].ids)
        made = []
        stop = 0
        while stop < len(ids):
            start = stop + 1
            try:
                stop = ids.index(_MARK_ID, start)
            except ValueError:
                stop = len(ids)
            made.append(ids[start:stop].tobytes())
        return made

    def _remember(self, fresh: dict[str, bytes]) -> None:
        if not fresh:
            return
        size = sum(map(len, fresh)) + sum(map(len, fresh.values())) + _OVERHEAD * len(fresh)
        if self._held + size > _MOST_BYTES:
            self._known.clear()
            self._held = 0
        if size <= _MOST_BYTES:
            self._known.update(fresh)
            self._held += size


def _is_odd(text: str, across: Iterable[str]) -> bool:
    """Return whether a text must not be split at spaces: a piece may have several spaces, or one after other text."""
    return "  " in text or _SPACE in text or any(piece in text for piece in across)
