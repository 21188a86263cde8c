"""Text and script of the tiny base's pre-training."""

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
from tools.tiny.pretraining.batches import BatchPlan, batches, encoded, records
from tools.tiny.pretraining.conversations import DEVELOPER, record
from tools.tiny.pretraining.examination import exam
from training.tiny import tokenizer_path

ROWS = records(2025, 0, 300)


def _calls(row: Any) -> list[tuple[str, Any]]:
    found = [call["function"] for message in row["messages"] for call in message.get("tool_calls", ())]
    return [(function["name"], function["arguments"]) for function in found]


def test_the_same_seed_gives_the_same_text() -> None:
    """Another seed or shard gives other text."""
    assert records(2025, 0, 20) == ROWS[:20]
    assert records(2025, 1, 20) != ROWS[:20]
    assert records(2026, 0, 20) != ROWS[:20]


def test_its_tools_are_not_the_samples() -> None:
    """No name is shared, so the sample's tools are new to the model."""
    made = {tool["function"]["name"] for row in ROWS for tool in row["tools"]}
    assert len(made) > 500
    assert made.isdisjoint(sample_tools())


def test_no_request_of_the_sample_occurs() -> None:
    """Neither a question nor a call is shared."""
    asked, called = set(), set()
    for line in sample_path().read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        asked |= {message["content"] for message in row["messages"] if message["role"] == "user"}
        called |= {json.dumps(call, ensure_ascii=False, sort_keys=True) for call in _calls(row)}
    assert asked.isdisjoint(m["content"] for row in ROWS for m in row["messages"] if m["role"] == "user")
    assert called.isdisjoint(
        json.dumps(call, ensure_ascii=False, sort_keys=True) for row in ROWS for call in _calls(row)
    )


def test_every_call_is_of_an_offered_tool() -> None:
    """A call has all required arguments and no undeclared ones."""
    for row in ROWS:
        declared = {tool["function"]["name"]: tool["function"]["parameters"] for tool in row["tools"]}
        for name, arguments in _calls(row):
            assert set(declared[name].get("required", ())) <= set(arguments) <= set(declared[name]["properties"])


def test_most_arguments_occur_in_the_request() -> None:
    """The model learns to copy values from the request."""
    found = total = 0
    for row in ROWS:
        said = " ".join(message["content"] for message in row["messages"] if message["role"] == "user")
        values = [value for _, arguments in _calls(row) for value in arguments.values() if isinstance(value, str)]
        total += len(values)
        found += sum(value in said for value in values)
    assert total > 1_000
    assert found / total > 0.75


def test_a_record_begins_as_the_samples_do() -> None:
    """The developer's sentence is the same; some requests need no call."""
    first = json.loads(sample_path().read_text(encoding="utf-8").splitlines()[0])
    assert first["messages"][0]["content"] == DEVELOPER
    assert {row["messages"][0]["content"] for row in ROWS} == {DEVELOPER}
    silent = [not _calls(row) for row in ROWS if len(row["messages"]) == 3]
    assert any(silent)
    assert not all(silent)


def test_batches_are_the_records_in_order() -> None:
    """Long rows are cut, short ones padded."""
    plan = BatchPlan(seed=7, length=96, rows=4, shard_rows=8)
    made = batches(plan, workers=1)
    first = [next(made) for _ in range(2)]
    made.close()
    whole = encoded(records(7, 0, 8), 96)
    assert np.array_equal(np.concatenate([batch.input_ids for batch in first]), whole.input_ids)
    assert np.array_equal(np.concatenate([batch.trained for batch in first]), whole.trained)
    assert set(whole.input_ids[:, 0].tolist()) == {CONTROL_TOKENS["<bos>"]}


def test_the_trained_tokens_are_the_calls() -> None:
    """In the exam's rows, they are the call up to the end of its turn."""
    questions = exam(BatchPlan(seed=2025, length=1024, rows=4, shard_rows=8), 20)
    assert 10 < len(questions.input_ids) <= 20  # rows whose call is not cut off
    tokenizer = load_tokenizer(tokenizer_path())
    for ids, trained in zip(*questions, strict=True):
        text = tokenizer.decode(ids[trained].tolist(), skip_special_tokens=False)
        assert text.startswith("<start_function_call>call:")
        assert "<start_function_declaration>" not in text


def test_the_learning_rate_rises_and_falls_to_zero() -> None:
    """It starts with a part of the peak, reaches the peak after the warmup, and ends at zero."""
    settings = Settings(warmup=10, peak=1.0, decay=0.5)
    assert [learning_rate(settings, 1, 0.0), learning_rate(settings, 10, 0.1)] == [0.1, 1.0]
    assert [learning_rate(settings, 99, 0.75), learning_rate(settings, 99, 1.0)] == [0.5, 0.0]


def test_a_record_depends_only_on_its_generator() -> None:
    """Two generators with the same seed give the same record."""
    assert record(random.Random("a")) == record(random.Random("a"))


@pytest.mark.slow
def test_a_few_steps_run_on_a_cpu(tmp_path: Path) -> None:
    """The script writes a model that loads, its settings and its log; the first loss is that of random weights."""
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
