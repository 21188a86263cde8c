"""Prompt of a record in display lines with its mask, without a tokenizer.

The mask is decided for each segment of the prompt, so it is the same for every tokenizer. `afg-data show` shows tokens.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from dataset_tools.prompt.render import Segment, segments
from dataset_tools.samples.tokenizer import CONTROL_TOKENS
from dataset_tools.show.bidi_lines import PromptLine, lines
from dataset_tools.show.token_spans import LabelRun, Piece
from schemas.record import Record

__all__ = ["MaskedPrompt", "masked_prompt"]

_CUT = re.compile(f"({'|'.join(map(re.escape, sorted(CONTROL_TOKENS, key=len, reverse=True)))})")


@dataclass(frozen=True, slots=True)
class MaskedPrompt:
    """One record as the model reads it.

    Attributes:
        id: id of the record.
        about: dialect and domain, as far as they are known.
        lines: display lines of the prompt.
    """

    id: str
    about: tuple[str, ...]
    lines: Sequence[PromptLine]


def masked_prompt(record: Record) -> MaskedPrompt:
    """Return the prompt of a record.

    Raises:
        RenderError: the chat template cannot express the record.
    """
    about = tuple(word for word in (record["dialect"], record["domain"]) if word)
    return MaskedPrompt(record["id"], about, list(lines(_runs(segments(record)))))


def _runs(parts: Sequence[Segment]) -> Iterator[LabelRun]:
    at = 0
    for trained, group in groupby(parts, key=lambda part: part.trained):
        pieces = []
        for text in (text for part in group for text in _CUT.split(part.text) if text):
            pieces.append(Piece(text, at, at + 1))
            at += 1
        yield LabelRun(trained, tuple(pieces))
