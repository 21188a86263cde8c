"""Comparison of text and ids with the chat template of the tokenizer.

The only module of dataset_tools that imports transformers.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dataset_tools.errors import InputError
from dataset_tools.prompt.render import render
from dataset_tools.samples.tokenizer import load_tokenizer
from schemas.record import Record

__all__ = ["Verifier"]

_AROUND = 40  # characters or ids shown around the first difference


class Verifier:
    """Compares rows with the ``apply_chat_template`` and the ids of the tokenizer.

    Args:
        folder: the folder of the tokenizer.

    Raises:
        InputError: transformers cannot load it, or loads another vocabulary than that of ``tokenizer.json``.
    """

    def __init__(self, folder: Path) -> None:
        from transformers import AutoTokenizer

        self._folder = folder
        # It warns about a missing model configuration, which is not needed.
        logging.getLogger("transformers").setLevel(logging.ERROR)
        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        except (OSError, ValueError, TypeError, AttributeError, ImportError) as error:
            what = f"transformers cannot load this tokenizer: {str(error).splitlines()[0]:.200}"
            raise InputError(what, where=str(folder), hint="--verify 0 skips the comparison") from error
        # From files that it misreads, transformers can silently make a tokenizer of five tokens.
        ours = load_tokenizer(folder).get_vocab_size()
        if len(self._tokenizer) != ours:
            what = f"transformers reads {len(self._tokenizer):,} tokens, tokenizer.json has {ours:,}"
            raise InputError(what, where=str(folder), hint="save the tokenizer with transformers again")

    @property
    def has_template(self) -> bool:
        """Return whether the tokenizer has a chat template."""
        return bool(self._tokenizer.chat_template)

    def require_equal(self, record: Record, input_ids: list[int]) -> None:
        """Require that the template and the tokenizer give the same text and ids for a record.

        Raises:
            InputError: they differ; the message has the first difference.
        """
        ours = render(record)
        if self.has_template:
            theirs = self._template_text(record)
            if theirs != ours:
                raise _differs(record, "the tokenizer's chat template", *_first_difference(ours, theirs))
        theirs = self._tokenizer(ours, add_special_tokens=False)["input_ids"]
        if theirs != input_ids:
            raise _differs(record, "the tokenizer", *_first_difference(input_ids, theirs))

    def _template_text(self, record: Record) -> str:
        from jinja2 import TemplateError

        try:
            return str(self._tokenizer.apply_chat_template(record["messages"], tools=record["tools"], tokenize=False))
        except (TemplateError, TypeError, ValueError, KeyError) as error:
            what = f"the tokenizer's chat template fails on {record['id']!r}: {error!s:.200}"
            raise InputError(what, where=str(self._folder), hint="is it FunctionGemma's?") from error


def _first_difference(ours: Sequence[Any], theirs: Sequence[Any]) -> tuple[Any, Any]:
    """Return both sequences around their first difference."""
    pairs = enumerate(zip(ours, theirs, strict=False))
    place = next((at for at, (a, b) in pairs if a != b), min(len(ours), len(theirs)))
    start = max(0, place - _AROUND // 2)
    return ours[start : place + _AROUND], theirs[start : place + _AROUND]


def _differs(record: Record, what: str, ours: Any, theirs: Any) -> InputError:  # noqa: ANN401 - text or ids
    hint = "the model was trained with other prompts: use the tokenizer of google/functiongemma-270m-it"
    message = f"{what} gives {theirs!r}, but afg-data gives {ours!r}"
    return InputError(message, where=record["id"], hint=hint)
