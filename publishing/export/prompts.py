"""Prompts for the checks of an export, from records that were not trained on."""

import json
from dataclasses import dataclass
from pathlib import Path

from dataset_tools.bundled import SamplePart
from dataset_tools.bundled.parts import text
from dataset_tools.errors import UsageError
from dataset_tools.prompt.render import RenderError, segments
from publishing.export.stops import call_texts
from training.answers.questions import Question, question_of
from training.evaluate.evaluate import read_questions

__all__ = ["Prompt", "held_out_prompts"]

_BOS = "<bos>"


@dataclass(frozen=True, slots=True)
class Prompt:
    """A record's prompt.

    Attributes:
        id: id of the record.
        text: from the BOS to the header of the model's turn.
        call_texts: texts that a call may hold.
    """

    id: str
    text: str
    call_texts: tuple[str, ...] = ()

    @property
    def without_bos(self) -> str:
        """The text without its BOS, which llama.cpp adds itself."""
        return self.text.removeprefix(_BOS)


def held_out_prompts(count: int, data: Path | None = None) -> list[Prompt]:
    """Render prompts of rows that are spread evenly over the data.

    Args:
        count: number of prompts; all rows if there are fewer.
        data: records in any layout; the held-out part of the bundled sample by default.

    Raises:
        InputError: the data cannot be read, or a row has no reference answer.
        UsageError: ``count`` is below 1, or a record cannot be rendered.
    """
    if count < 1:
        raise UsageError(f"{count} prompts prove nothing", hint="--verify takes 1 or more")
    questions = _bundled_questions() if data is None else _questions_of(data)
    step = max(len(questions) / count, 1)
    return [_prompt(questions[int(at * step)]) for at in range(min(count, len(questions)))]


def _bundled_questions() -> list[Question]:
    rows = map(json.loads, text(SamplePart.TEST).splitlines())
    return [question for row in rows if (question := question_of(row))]


def _questions_of(data: Path) -> list[Question]:
    return read_questions([str(data)])


def _prompt(question: Question) -> Prompt:
    try:
        parts = segments(question.record(), generation_prompt=True)
    except RenderError as error:
        what = f"the record {question.id!r} cannot be rendered as a prompt: {error}"
        raise UsageError(what, hint="choose other data with --prompts") from error
    return Prompt(question.id, "".join([part.text for part in parts]), tuple(call_texts(question)))
