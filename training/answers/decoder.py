"""The interface of a loaded model, and its answers."""

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from dataset_tools.prompt.render import Segment

__all__ = ["MAX_TOKENS", "Answer", "Decoder", "let_threads_sleep"]

MAX_TOKENS = 256
"""Default limit of the tokens in an answer."""


class Answer(NamedTuple):
    """The answer of a model.

    Attributes:
        text: the text with its control tokens, without the stop token.
        tokens: number of tokens in the text.
        stopped: False if the answer was truncated at the limit.
    """

    text: str
    tokens: int
    stopped: bool


class Decoder(Protocol):
    """A loaded model."""

    @property
    def facts(self) -> dict[str, Any]:
        """Library and version, device, and dtype."""

    def answers(self, prompts: "Sequence[Sequence[Segment]]", max_tokens: int) -> Iterator[tuple[int, Answer]]:
        """Yield the index of each prompt with its answer, in any order.

        Raises:
            InputError: a prompt is longer than the context of the model.
            TrainingError: out of memory, or a hardware failure.
        """


def let_threads_sleep() -> None:
    """Let idle threads of torch and llama.cpp sleep unless the environment says otherwise; call before importing torch.

    Spinning threads slow decoding down many times if another program uses a core.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
