"""What a loaded model is to whoever asks it: something that answers prompts."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from dataset_tools.prompt.render import Segment

__all__ = ["MAX_TOKENS", "Answer", "Decoder"]

MAX_TOKENS = 256
"""Tokens that an answer may have, where nothing else is asked for."""


class Answer(NamedTuple):
    """What a model wrote.

    Attributes:
        text: the text with its control tokens, without the one that stopped it.
        tokens: how many tokens it has.
        stopped: whether the model stopped by itself; if not, it was cut off at the limit.
    """

    text: str
    tokens: int
    stopped: bool


class Decoder(Protocol):
    """A loaded model."""

    @property
    def facts(self) -> dict[str, Any]:
        """What it runs on, for the record: library and version, device, numbers."""

    def answers(self, prompts: "Sequence[Sequence[Segment]]", max_tokens: int) -> Iterator[tuple[int, Answer]]:
        """An answer to each prompt, with the prompt's place, in whatever order they come.

        Raises:
            InputError: a prompt is longer than what the model reads.
            TrainingError: memory or hardware do not let it go on.
        """
