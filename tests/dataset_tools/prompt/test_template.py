"""The chat template equals the published one and the renderer, byte for byte."""

import copy
from typing import Any

from hypothesis import HealthCheck, given, reject, settings

from dataset_tools.prompt.render import RenderError, render
from tests.dataset_tools.prompt.made_records import TOOLS, records
from tests.dataset_tools.samples.tokenizer_texts import sample_records
from tests.prompt_rows import Row, calls, goldens, row, say
from tests.properties import examples


def _applied(tokenizer: Any, record: Row) -> str:
    """Return the text of the bundled tokenizer's template."""
    return tokenizer.apply_chat_template(
        record["messages"],
        tools=record.get("tools"),
        tokenize=False,
        add_generation_prompt=record.get("add_generation_prompt", False),
    )


def test_every_recorded_rendering_is_met_byte_for_byte(tokenizer: Any) -> None:
    """Renderings of the published template."""
    rows = goldens()
    assert len(rows) >= 90
    assert [found["id"] for found in rows if _applied(tokenizer, found) != found["text"]] == []


def test_the_sample_has_the_renderers_text(tokenizer: Any) -> None:
    """This holds with and without the header of the model's turn."""
    different = []
    for record in sample_records():
        for asked in (False, True):
            one = {**record, "add_generation_prompt": asked}
            try:
                expected = render(one)
            except RenderError:
                continue
            if _applied(tokenizer, one) != expected:
                different.append((record["id"], asked))
    assert different == []


@given(TOOLS)
@settings(max_examples=examples(500), suppress_health_check=[HealthCheck.too_slow])
def test_any_declaration_has_the_renderers_text(tokenizer: Any, declared: Row) -> None:
    """For every declaration that the renderer accepts, with keywords that are kept and dropped."""
    record = row(tools=[declared])
    try:
        expected = render(record)
    except RenderError:
        reject()
    assert _applied(tokenizer, record) == expected


@given(records())
@settings(max_examples=examples(300), suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
def test_any_record_has_the_renderers_text(tokenizer: Any, record: Row) -> None:
    """For every record that the renderer accepts; the record is unchanged."""
    try:
        expected = render(record)
    except RenderError:
        reject()
    before = copy.deepcopy(record)
    assert _applied(tokenizer, record) == expected
    assert record == before


def test_deep_arguments_are_written_too(tokenizer: Any) -> None:
    """Jinja fails at a lower depth than the renderer, but not at a hundred levels."""
    value: Any = "عمق"
    for depth in range(100):
        value = {"k": value} if depth % 2 else [value]
    record = row(say("user", "س"), calls({"type": "function", "function": {"name": "f", "arguments": {"a": value}}}))
    assert _applied(tokenizer, record) == render(record)


def test_the_rendered_prompt_has_one_bos(tokenizer: Any) -> None:
    """The template writes it, so transformers must not add another."""
    record = sample_records()[0]
    encoded = tokenizer.apply_chat_template(record["messages"], tools=record["tools"], return_dict=True)
    assert encoded["input_ids"].count(2) == 1
    assert encoded["input_ids"][0] == 2
