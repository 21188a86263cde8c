"""The prompts that an export is proven with: questions that the model was not trained on."""

from dataclasses import dataclass
from pathlib import Path

from dataset_tools.errors import UsageError

__all__ = ["Prompt", "held_out_prompts"]

_BOS = "<bos>"


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt: the record that it is made of, and its text from the BOS to the header of the model's turn."""

    id: str
    text: str

    @property
    def without_bos(self) -> str:
        """The text without its BOS, which llama.cpp adds by itself."""
        return self.text.removeprefix(_BOS)


def held_out_prompts(count: int, data: Path | None = None) -> list[Prompt]:
    """Prompts, spread evenly over the rows.

    Args:
        count: how many, or all rows if there are fewer.
        data: records in any layout; the held-out part of the bundled sample if there are none.

    Raises:
        InputError: the data cannot be read, or a row is no prompt.
        UsageError: fewer than one is asked for.
    """
    from dataset_tools.bundled import sample_path  # noqa: PLC0415
    from dataset_tools.bundled.parts import held_out  # noqa: PLC0415
    from dataset_tools.prompt.render import RenderError, segments  # noqa: PLC0415
    from training.evaluate.evaluate import read_questions  # noqa: PLC0415 - scipy, which takes a second

    if count < 1:
        raise UsageError(f"{count} prompts prove nothing", hint="--verify takes 1 or more")
    questions = read_questions([str(data or sample_path())])
    if data is None:
        chosen = set(held_out())
        questions = [question for question in questions if question.id in chosen]
    step = max(len(questions) / count, 1)
    picked = [questions[int(at * step)] for at in range(min(count, len(questions)))]
    found = []
    for question in picked:
        try:
            parts = segments(question.record(), generation_prompt=True)
        except RenderError as error:
            raise UsageError(f"the record {question.id!r} is no prompt: {error}", hint="name other data") from error
        found.append(Prompt(question.id, "".join([part.text for part in parts])))
    return found
