"""Both forms of the tokenizer give the same ids, and so does a text in parts."""

from typing import Any

from hypothesis import given, settings

from tests.dataset_tools.samples.tokenizer_texts import (
    PLAIN_WITH_SPACE_PICTURE,
    TOKEN,
    WITH_TOKENS,
    cut,
    ids,
    sample_prompts,
)
from tests.prompt_rows import goldens
from tests.properties import examples


def _prompts_differ(prompts: list[str], tokenizer: Any, model: Any) -> list[str]:
    """Return the parts of prompts for which SentencePiece gives other ids."""
    parts = dict.fromkeys(part for prompt in prompts for part in cut(prompt) if not TOKEN.fullmatch(part))
    assert len(parts) > 100
    return [part for part in parts if ids(tokenizer, part) != model.encode(part)]


def _in_parts(tokenizer: Any, text: str) -> list[int]:
    """Return the ids of a text: control tokens looked up, other parts encoded alone."""
    found: list[int] = []
    for part in cut(text):
        found += [tokenizer.convert_tokens_to_ids(part)] if TOKEN.fullmatch(part) else ids(tokenizer, part)
    return found


def test_both_forms_agree_on_recorded_renderings(tokenizer: Any, model: Any) -> None:
    """They give the same ids for every text between control tokens."""
    assert _prompts_differ([found["text"] for found in goldens()], tokenizer, model) == []


def test_both_forms_agree_on_the_sample(tokenizer: Any, model: Any) -> None:
    """They give the same ids for every text between control tokens."""
    assert _prompts_differ(sample_prompts(), tokenizer, model) == []


@given(PLAIN_WITH_SPACE_PICTURE)
@settings(max_examples=examples(500))
def test_both_forms_agree_on_any_text(tokenizer: Any, model: Any, text: str) -> None:
    """They agree on runs, unknown letters, and text that looks like a control token or a byte; decoding too."""
    expected = model.encode(text)
    assert ids(tokenizer, text) == expected
    assert tokenizer.decode(expected) == model.decode(expected)


def test_parts_give_the_ids_of_the_whole_on_recorded_renderings(tokenizer: Any) -> None:
    """Masks are made by parts, and the model must get the ids of the whole."""
    texts = [found["text"] for found in goldens()]
    assert [text for text in texts if _in_parts(tokenizer, text) != ids(tokenizer, text)] == []


def test_parts_give_the_ids_of_the_whole_on_the_sample(tokenizer: Any) -> None:
    """The same holds for every prompt of the demo."""
    assert [text for text in sample_prompts() if _in_parts(tokenizer, text) != ids(tokenizer, text)] == []


@given(WITH_TOKENS)
@settings(max_examples=examples(500))
def test_parts_give_the_ids_of_the_whole_on_any_text(tokenizer: Any, text: str) -> None:
    """The same holds for any text next to any control token, also reserved ones."""
    assert _in_parts(tokenizer, text) == ids(tokenizer, text)
