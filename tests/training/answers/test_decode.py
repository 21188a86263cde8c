"""Decoding with every form of a model, and resuming an interrupted one."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import orjson
import pytest

from dataset_tools.errors import InputError
from dataset_tools.samples.masking import Encoder
from tests.training.eval_data import DEVELOPER, TOOLS, call, record, write_lines
from tests.training.taught import merge_by_hand, write_adapter
from training.answers.decode import DecodeOptions, decode, prompt_of
from training.answers.model_source import find_model
from training.answers.questions import Question
from training.evaluate.eval_file import Evaluation
from training.evaluate.evaluate import evaluate, evaluate_model, read_questions

ROOT = Path(__file__).parents[3]
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("taught")]


def _ask(data: Path, model: Path, out: Path, **options: Any) -> Evaluation:
    return evaluate_model([str(data)], str(model), out, decoding=DecodeOptions(**options))


def _rows(out: Path) -> list[dict[str, Any]]:
    """Return the cached answers next to a result."""
    return [orjson.loads(line) for line in out.with_suffix(".predictions.jsonl").read_bytes().splitlines()]


def _afg(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    code = "from publishing.cli.main import main; main()"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=300)


@pytest.fixture(params=["folder", "gguf"])
def model(request: pytest.FixtureRequest) -> Path:
    """Return the model in each of its forms."""
    if request.param == "gguf":
        pytest.importorskip("xllamacpp")
        return request.getfixturevalue("taught_gguf")  # type: ignore[no-any-return]
    return request.getfixturevalue("taught")  # type: ignore[no-any-return]


def test_learned_answers_are_right_in_every_metric(model: Path, known: Path, tmp_path: Path) -> None:
    """Calls, parallel calls, text, and a value with a brace are right, in both forms of the model."""
    found = _ask(known, model, tmp_path / "out.json")
    assert {name: m.value for name, m in found.metrics.items() if m.value != 1} == {"missed_calls": 0, "false_calls": 0}
    assert found.decoding["cut_off"] == 0
    assert found.decoding["model"] == str(model)


def test_cached_answers_are_predictions(model: Path, known: Path, tmp_path: Path) -> None:
    """They are in the order of the data, without the stop token, and can be scored without the model."""
    out = tmp_path / "out.json"
    asked = _ask(known, model, out)
    rows = _rows(out)
    assert [row["id"] for row in rows] == ["one", "number", "words", "parallel", "braces"]
    texts = {row["id"]: (row["text"], row["stopped"]) for row in rows}
    assert texts["words"] == ("أهلًا بك", True)
    written = "<start_function_call>call:get_weather{city:<escape>جدة<escape>,days:3}<end_function_call>"
    assert texts["one"] == (written, True)
    assert evaluate([str(known)], out.with_suffix(".predictions.jsonl")).metrics == asked.metrics


def test_both_forms_count_the_same_tokens(taught: Path, taught_gguf: Path, known: Path, tmp_path: Path) -> None:
    """The stop token is not counted."""
    pytest.importorskip("xllamacpp")
    _ask(known, taught, tmp_path / "one.json")
    _ask(known, taught_gguf, tmp_path / "two.json")
    one, two = ([row["tokens"] for row in _rows(tmp_path / name)] for name in ("one.json", "two.json"))
    assert one == two


def test_an_answer_does_not_depend_on_its_batch(taught: Path, known: Path, tmp_path: Path) -> None:
    """Longer rows in the batch, and so padding on the left, do not change an answer."""
    long = [{"role": "user", "content": "سؤال طويل " * 40}, {"role": "assistant", "content": "نعم"}]
    rows = [*map(json.loads, known.read_text(encoding="utf-8").splitlines())]
    rows.insert(2, record("long") | {"messages": [DEVELOPER, *long]})
    data = write_lines(tmp_path / "data.jsonl", rows)
    made = []
    for batch in (1, 2, 6):
        out = tmp_path / f"{batch}.json"
        _ask(data, taught, out, batch=batch, max_tokens=40)
        made.append([row["text"] for row in _rows(out)])
    assert made[0] == made[1] == made[2]


def test_a_long_answer_is_truncated_and_counted(model: Path, known: Path, tmp_path: Path) -> None:
    """The limit is in tokens, and the row says that the model did not stop."""
    found = _ask(known, model, tmp_path / "out.json", max_tokens=3)
    rows = _rows(tmp_path / "out.json")
    assert [row["tokens"] for row in rows] == [3] * 5
    assert found.decoding["cut_off"] == 5
    assert not any(row["stopped"] for row in rows)


def test_an_adapter_decodes_as_its_merged_weights_do(taught: Path, known: Path, tmp_path: Path) -> None:
    """The answers differ from those of the base."""
    adapter = write_adapter(tmp_path / "adapter", taught)
    merged = merge_by_hand(tmp_path / "merged", taught, adapter)
    texts = {}
    for name, path in (("base", taught), ("adapter", adapter), ("merged", merged)):
        _ask(known, path, tmp_path / f"{name}.json", max_tokens=30)
        texts[name] = [row["text"] for row in _rows(tmp_path / f"{name}.json")]
    assert texts["adapter"] == texts["merged"]
    assert texts["adapter"] != texts["base"]


def test_cached_answers_are_not_decoded_again(taught: Path, known: Path, tmp_path: Path, monkeypatch: Any) -> None:
    """Only missing and truncated answers are decoded, and the file is in order again."""
    out = tmp_path / "out.json"
    whole = _ask(known, taught, out)
    cache = out.with_suffix(".predictions.jsonl")
    lines = cache.read_bytes().splitlines(keepends=True)
    cache.write_bytes(lines[3] + lines[0] + lines[1][:40])
    asked = []
    tokens = Encoder.tokens

    def spied(self: Encoder, rows: Any) -> Any:
        asked.append(len(rows))
        return tokens(self, rows)

    monkeypatch.setattr(Encoder, "tokens", spied)
    again = _ask(known, taught, out)
    assert asked == [3]
    assert cache.read_bytes() == b"".join(lines)
    assert (again.metrics, again.decoding) == (whole.metrics, whole.decoding)


def test_complete_answers_need_no_model(taught: Path, known: Path, tmp_path: Path, monkeypatch: Any) -> None:
    """With all answers cached, no model is loaded."""
    out = tmp_path / "out.json"
    whole = _ask(known, taught, out)
    monkeypatch.setattr("training.answers.decode.load_decoder", None)
    assert _ask(known, taught, out).decoding == whole.decoding


def test_answers_of_another_model_or_prompt_are_decoded_again(taught: Path, known: Path, tmp_path: Path) -> None:
    """Other weights, another limit, or another prompt under the same id invalidate an answer."""
    out = tmp_path / "out.json"
    _ask(known, taught, out)
    keys = {row["id"]: row["key"] for row in _rows(out)}
    _ask(known, write_adapter(tmp_path / "adapter", taught), out, max_tokens=5)
    assert not set(keys.values()) & {row["key"] for row in _rows(out)}
    changed = [*map(json.loads, known.read_text(encoding="utf-8").splitlines())]
    changed[0]["messages"][1]["content"] += "؟"
    _ask(write_lines(tmp_path / "changed.jsonl", changed), taught, out)
    assert [name for name, key in keys.items() if {row["id"]: row["key"] for row in _rows(out)}[name] != key] == ["one"]


def test_a_killed_run_resumes(taught: Path, tmp_path: Path) -> None:
    """A repeated command decodes only the missing answers."""
    rows = [record(f"row-{at}", call("convert", amount=at)) for at in range(120)]
    data, out = write_lines(tmp_path / "data.jsonl", rows), tmp_path / "eval.json"
    cache = out.with_suffix(".predictions.jsonl")
    arguments = ("evaluate", taught, data, "-o", out, "--batch", "2", "--max-tokens", "60")
    code = "from publishing.cli.main import main; main()"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], env=environment, stderr=-3)
    end = time.monotonic() + 120
    while (not cache.is_file() or cache.read_bytes().count(b"\n") < 4) and time.monotonic() < end:
        time.sleep(0.02)
    process.kill()
    process.wait()
    there = cache.read_bytes().count(b"\n")
    assert 4 <= there < 120
    assert not out.exists()
    run = _afg(*arguments)
    assert run.returncode == 0, run.stderr
    assert f"evaluate: resuming with {there:,} of 120 answers\n" in run.stderr
    assert [row["id"] for row in _rows(out)] == [row["id"] for row in rows]
    assert orjson.loads(out.read_bytes())["rows"] == 120


def test_a_prompt_that_is_too_long_is_refused(model: Path, tmp_path: Path) -> None:
    """The message names its length and the context of the model."""
    long = record("long", call("convert", amount=1))
    long["messages"][1]["content"] = "سؤال " * 5000
    with pytest.raises(InputError, match=r"15,?1\d\d tokens.*4,?096"):
        _ask(write_lines(tmp_path / "data.jsonl", [long]), model, tmp_path / "out.json")


def test_a_gguf_file_tokenizes_like_the_tokenizer(taught_gguf: Path, taught: Path, known: Path) -> None:
    """llama.cpp gives the ids of our tokenizer for every prompt of the sample, with one `<bos>`."""
    xllamacpp = pytest.importorskip("xllamacpp")
    import httpx

    from dataset_tools.bundled import sample_path
    from dataset_tools.samples.tokenizer import load_tokenizer

    questions = read_questions([str(known)]) + read_questions([str(sample_path())])[::12]
    prompts = [prompt_of(question) for question in questions]
    ours = [tokens.input_ids() for tokens in Encoder(load_tokenizer(taught)).tokens(prompts)]
    params = xllamacpp.CommonParams()
    params.model.path, params.n_ctx, params.verbosity, params.warmup = str(taught_gguf), 64, -1, False
    server = xllamacpp.Server(params)
    for prompt, ids in zip(prompts, ours, strict=True):
        body = {"content": "".join(part.text for part in prompt).removeprefix("<bos>"), "parse_special": True}
        found = httpx.post(f"{server.listening_address}/tokenize", json=body).json()["tokens"]
        assert [2, *found] == ids
    assert len(ours) > 40


def test_a_record_that_cannot_be_rendered_is_named(taught: Path, tmp_path: Path) -> None:
    """Tools need a developer turn."""
    question = Question("row-7", [{"role": "user", "content": "مرحبا"}], TOOLS)  # type: ignore[arg-type,list-item]
    with pytest.raises(
        InputError, match=r"the record 'row-7' cannot be rendered: messages.0.: [^()]*developer turn [(][^()]*[)]$"
    ):
        decode(find_model(str(taught)), [question], tmp_path / "kept.jsonl", DecodeOptions())


def test_the_call_command_prints_calls(model: Path, tmp_path: Path) -> None:
    """One per line as JSON, with the raw text before them or as one object on request."""
    tools = tmp_path / "tools.json"
    tools.write_text(json.dumps(TOOLS), encoding="utf-8")
    run = _afg("call", model, "سؤال parallel", "--tools", tools, "--raw")
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    assert lines[0].startswith("<start_function_call>call:get_weather{city:<escape>باريس")
    expected = [call("get_weather", city="باريس"), call("get_weather", city="أبها", days=1)]
    assert list(map(json.loads, lines[1:])) == expected
    run = _afg("call", model, "سؤال one", "--tools", tools, "--json")
    found = {"tool_calls": [call("get_weather", city="جدة", days=3)], "content": "", "warnings": [], "error": ""}
    assert (run.returncode, json.loads(run.stdout)) == (0, found)


def test_the_call_command_fails_without_a_call(taught: Path, tmp_path: Path) -> None:
    """Text is not a call, and neither is a call that was truncated before its name."""
    tools = tmp_path / "tools.json"
    tools.write_text(json.dumps(TOOLS), encoding="utf-8")
    run = _afg("call", taught, "سؤال words", "--tools", tools)
    assert (run.returncode, run.stdout, run.stderr) == (
        1,
        "",
        "afg call: the model answered without calling a tool: 'أهلًا بك'\n",
    )
    run = _afg("call", taught, "سؤال one", "--tools", tools, "--json", "--max-tokens", "1")
    assert run.returncode == 1
    assert json.loads(run.stdout)["error"]


def test_the_command_asks_and_writes(taught: Path, known: Path, tmp_path: Path) -> None:
    """Metrics go to standard output; the result, the page and the answers are written side by side."""
    run = _afg("evaluate", taught, known, "-o", tmp_path / "eval.json", "--limit", "3")
    assert run.returncode == 0, run.stderr
    assert "FnAcc" in run.stdout
    assert {path.name for path in tmp_path.iterdir()} == {"eval.json", "eval.html", "eval.predictions.jsonl"}
    head = orjson.loads((tmp_path / "eval.json").read_bytes())["decoding"]
    assert (head["model"], head["kind"], head["max_tokens"]) == (str(taught), "merged", 256)
