"""The prompt of a record in lines, trained and ignored parts apart, without a tokenizer.

What is trained is decided part by part of the prompt, so this is what any tokenizer's mask comes to; single tokens are
shown by `afg-data show`.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from dataset_tools.prompt.render import Segment, segments
from dataset_tools.samples.tokenizer import CONTROL_TOKENS
from dataset_tools.show.bidi_lines import Line, lines
from dataset_tools.show.token_spans import Piece, Run
from schemas.record import Record

__all__ = ["MaskedPrompt", "masked_prompt"]

_CUT = re.compile(f"({'|'.join(map(re.escape, sorted(CONTROL_TOKENS, key=len, reverse=True)))})")


@dataclass(frozen=True, slots=True)
class MaskedPrompt:
    """One record as the model reads it.

    Attributes:
        id: its id.
        about: its dialect and domain, as far as they are known.
        lines: its prompt, each stretch with whether it is trained.
    """

    id: str
    about: tuple[str, ...]
    lines: Sequence[Line]


def masked_prompt(record: Record) -> MaskedPrompt:
    """The prompt of a record.

    Raises:
        RenderError: the chat template cannot express it.
    """
    about = tuple(word for word in (record["dialect"], record["domain"]) if word)
    return MaskedPrompt(record["id"], about, list(lines(_runs(segments(record)))))


def _runs(parts: Sequence[Segment]) -> Iterator[Run]:
    at = 0
    for trained, group in groupby(parts, key=lambda part: part.trained):
        pieces = []
        for text in (text for part in group for text in _CUT.split(part.text) if text):
            pieces.append(Piece(text, at, at + 1))
            at += 1
        yield Run(trained, tuple(pieces))
