"""The text that the tiny base is pre-trained on, and the script that does it."""

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dataset_tools.bundled import sample_path
from dataset_tools.bundled.catalogue import tools as sample_tools
from dataset_tools.samples.tokenizer import CONTROL_TOKENS, load_tokenizer
from tools.tiny.pretrain import Settings, learning_rate, pretrain
from tools.tiny.pretraining.batches import Plan, batches, encoded, records
from tools.tiny.pretraining.conversations import DEVELOPER, record
from tools.tiny.pretraining.examination import exam
from training.tiny import tokenizer_path

ROWS = records(2025, 0, 300)


def _calls(row: Any) -> list[tuple[str, Any]]:
    found = [call["function"] for message in row["messages"] for call in message.get("tool_calls", ())]
    return [(function["name"], function["arguments"]) for function in found]


def test_the_same_seed_gives_the_same_text() -> None:
    """And no other seed or shard does."""
    assert records(2025, 0, 20) == ROWS[:20]
    assert records(2025, 1, 20) != ROWS[:20]
    assert records(2026, 0, 20) != ROWS[:20]


def test_its_tools_are_not_the_samples() -> None:
    """Not one name, so that what the sample asks for is new to the model."""
    made = {tool["function"]["name"] for row in ROWS for tool in row["tools"]}
    assert len(made) > 500
    assert made.isdisjoint(sample_tools())


def test_no_request_of_the_sample_is_among_them() -> None:
    """Neither a whole question nor a whole call."""
    asked, called = set(), set()
    for line in sample_path().read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        asked |= {message["content"] for message in row["messages"] if message["role"] == "user"}
        called |= {json.dumps(call, ensure_ascii=False, sort_keys=True) for call in _calls(row)}
    assert asked.isdisjoint(m["content"] for row in ROWS for m in row["messages"] if m["role"] == "user")
    assert called.isdisjoint(
        json.dumps(call, ensure_ascii=False, sort_keys=True) for row in ROWS for call in _calls(row)
    )


def test_every_call_is_of_a_tool_that_is_offered() -> None:
    """With what it requires, and with nothing that it does not declare."""
    for row in ROWS:
        declared = {tool["function"]["name"]: tool["function"]["parameters"] for tool in row["tools"]}
        for name, arguments in _calls(row):
            assert set(declared[name].get("required", ())) <= set(arguments) <= set(declared[name]["properties"])


def test_most_arguments_stand_in_the_words_of_the_user() -> None:
    """That is what is to be learned: values are copied out of the request."""
    found = total = 0
    for row in ROWS:
        said = " ".join(message["content"] for message in row["messages"] if message["role"] == "user")
        values = [value for _, arguments in _calls(row) for value in arguments.values() if isinstance(value, str)]
        total += len(values)
        found += sum(value in said for value in values)
    assert total > 1_000
    assert found / total > 0.75


def test_a_record_begins_as_the_samples_do() -> None:
    """With the developer's sentence, word for word; some of the requests call for nothing."""
    first = json.loads(sample_path().read_text(encoding="utf-8").splitlines()[0])
    assert first["messages"][0]["content"] == DEVELOPER
    assert {row["messages"][0]["content"] for row in ROWS} == {DEVELOPER}
    silent = [not _calls(row) for row in ROWS if len(row["messages"]) == 3]
    assert any(silent)
    assert not all(silent)


def test_batches_are_the_records_in_order() -> None:
    """Whatever the number of workers; rows that are too long are cut, shorter ones end in padding."""
    plan = Plan(seed=7, length=96, rows=4, shard_rows=8)
    made = batches(plan, workers=1)
    first = [next(made) for _ in range(2)]
    made.close()
    whole = encoded(records(7, 0, 8), 96)
    assert np.array_equal(np.concatenate([batch.input_ids for batch in first]), whole.input_ids)
    assert np.array_equal(np.concatenate([batch.trained for batch in first]), whole.trained)
    assert set(whole.input_ids[:, 0].tolist()) == {CONTROL_TOKENS["<bos>"]}


def test_what_is_trained_is_what_the_model_writes() -> None:
    """In the exam's rows, that is the call from its first token to the end of its turn."""
    questions = exam(Plan(seed=2025, length=1024, rows=4, shard_rows=8), 20)
    assert 10 < len(questions.input_ids) <= 20  # those whose call stands within the row
    tokenizer = load_tokenizer(tokenizer_path())
    for ids, trained in zip(*questions, strict=True):
        text = tokenizer.decode(ids[trained].tolist(), skip_special_tokens=False)
        assert text.startswith("<start_function_call>call:")
        assert "<start_function_declaration>" not in text


def test_the_learning_rate_rises_and_falls_to_nothing() -> None:
    """At the first step a part of the warmup, in the middle the peak, at the end zero."""
    settings = Settings(warmup=10, peak=1.0, decay=0.5)
    assert [learning_rate(settings, 1, 0.0), learning_rate(settings, 10, 0.1)] == [0.1, 1.0]
    assert [learning_rate(settings, 99, 0.75), learning_rate(settings, 99, 1.0)] == [0.5, 0.0]


def test_a_record_needs_nothing_but_its_chance() -> None:
    """Two sources of the same chance give the same record, whatever was drawn before."""
    assert record(random.Random("a")) == record(random.Random("a"))


@pytest.mark.slow
def test_a_few_steps_run_on_a_processor(tmp_path: Path) -> None:
    """The script writes a model that loads, its settings and its log, and the loss is that of an untaught model."""
    from transformers import AutoModelForCausalLM

    settings = Settings(steps=3, rows=2, length=256, warmup=1, exam_rows=4, every=1)
    pretrain(tmp_path, settings, device="cpu", workers=1)
    first, *progress = [json.loads(line) for line in (tmp_path / "pretrain.jsonl").read_text("utf-8").splitlines()]
    assert first["settings"]["steps"] == 3
    assert [line["step"] for line in progress] == [1, 2, 3]
    assert progress[0]["loss"] == pytest.approx(np.log(4096), abs=0.5)
    model: Any = AutoModelForCausalLM.from_pretrained(tmp_path / "base", local_files_only=True)
    assert model.num_parameters() == first["parameters"] == 4_022_496
    assert (tmp_path / "base" / "generation_config.json").is_file()
