"""Evaluation end to end: every metric counted by hand, and errors in one line."""

import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dataset_tools.errors import InputError, OutputError, UsageError
from dataset_tools.prompt.render import render
from dataset_tools.records.reading import ReadOptions
from tests.training.eval_data import DEVELOPER, TOOLS, call, record, write_lines
from training.evaluate.eval_file import Evaluation, read_evaluation, write_evaluation
from training.evaluate.evaluate import GoldOptions, evaluate, evaluate_model, read_questions
from training.evaluate.metrics import METRICS
from training.tiny import base_path

RECORDS = [
    record("right", call("get_weather", city="جدة", days=3)),
    record("numbers", call("convert", amount=500, currency="SAR"), dialect="gulf", domain="banking"),
    record("fair", call("convert", amount=5.0, currency="ريال سعودي"), dialect="gulf", domain="banking"),
    record("value", call("get_weather", city="جدة", days=3), dialect="egyptian"),
    record("keys", call("get_weather", city="أبها", days=2)),
    record("name", call("get_weather", city="جدة")),
    record("missed", call("get_weather", city="دبي")),
    record("unread", call("get_weather", city="دبي")),
    record("parallel", call("get_weather", city="جدة"), call("convert", amount=1)),
    record("count", call("get_weather", city="جدة"), call("get_weather", city="أبها")),
    record("quiet", dialect="levantine"),
    record("false", dialect="levantine"),
]
ANSWERS: list[dict[str, Any]] = [
    {
        "id": "right",
        "text": "<start_function_call>call:get_weather{city:<escape>جدة<escape>,days:3}<end_function_call>",
    },
    {"id": "numbers", "tool_calls": [call("convert", amount=500.0, currency="SAR")]},
    {"id": "fair", "tool_calls": [call("convert", amount="خمسة", currency="SAR")]},
    {"id": "value", "tool_calls": [call("get_weather", city="مكة", days="كثير")]},
    {"id": "keys", "tool_calls": [call("get_weather", city="أبها", hours=2)]},
    {"id": "name", "tool_calls": [call("convert", city="جدة")]},
    {"id": "missed", "text": "في أي مدينة؟"},
    {"id": "unread", "text": "<start_function_call>weather{city:جدة}<end_function_call>"},
    {"id": "parallel", "tool_calls": [call("convert", amount=1), call("get_weather", city="جدة")]},
    {"id": "count", "tool_calls": [call("get_weather", city="أبها")]},
    {"id": "quiet", "text": "أهلًا"},
    {"id": "false", "tool_calls": [call("get_weather", city="جدة")]},
]


@pytest.fixture
def evaluation(tmp_path: Path) -> Evaluation:
    """Return the evaluation of the answers above."""
    data, answers = write_lines(tmp_path / "data.jsonl", RECORDS), write_lines(tmp_path / "answers.jsonl", ANSWERS)
    return evaluate([str(data)], answers)


def test_every_metric_is_counted_by_hand(evaluation: Evaluation) -> None:
    """Hits and rows of each metric."""
    counted = {name: (metric.hits, metric.n) for name, metric in evaluation.metrics.items()}
    assert counted == {
        "parsed": (11, 12),
        "fn_acc": (7, 12),  # right, numbers, fair, value, keys, parallel, quiet
        "arg_em_raw": (2, 10),  # right, parallel
        "arg_em_nfc": (2, 10),
        "arg_em_numbers": (3, 10),
        "arg_em_fair": (4, 10),
        "key_f1": (None, 10),
        "argument_acc": (10, 17),
        "missed_calls": (1, 10),
        "false_calls": (1, 2),
    }
    assert list(counted) == list(METRICS)
    # 2 + 2 + 2 + 2 + 1 + 0 + 0 + 0 + 2 + 1 right names of 14 predicted and 17 gold ones.
    assert evaluation.metrics["key_f1"].value == 2 * 12 / (14 + 17)


def test_an_unreadable_call_without_gold_is_a_false_call(tmp_path: Path) -> None:
    """The model tried to call a tool."""
    data = write_lines(tmp_path / "data.jsonl", [record("quiet")])
    answers = write_lines(tmp_path / "answers.jsonl", [{"id": "quiet", "text": "<start_function_call>weather{"}])
    metrics = evaluate([str(data)], answers).metrics
    assert {name: metrics[name].hits for name in ("parsed", "fn_acc", "false_calls")} == {
        "parsed": 0,
        "fn_acc": 0,
        "false_calls": 1,
    }


def test_every_error_has_its_class(evaluation: Evaluation) -> None:
    """Each row has its own mistakes, and the classes are counted over all rows."""
    mistakes = {verdict.id: [tuple(mistake) for mistake in verdict.mistakes] for verdict in evaluation.verdicts}
    assert {identity: found for identity, found in mistakes.items() if found} == {
        "value": [("value", "get_weather", "city"), ("type", "get_weather", "days")],
        "keys": [("missing", "get_weather", "days"), ("unexpected", "get_weather", "hours")],
        "name": [("wrong-name", "convert", "")],
        "missed": [("missed-call", "get_weather", "")],
        "unread": [("unreadable", "", "")],
        "count": [("count", "", "")],
        "false": [("false-call", "get_weather", "")],
    }
    assert evaluation.errors["value"] == {"times": 1, "rows": 1}
    assert sum(count["times"] for count in evaluation.errors.values()) == 9
    assert [verdict.id for verdict in evaluation.verdicts if not verdict.right] == [
        identity for identity, found in mistakes.items() if found
    ]


def test_groups_add_up(evaluation: Evaluation) -> None:
    """Every row is in one dialect, one domain, and the group of each of its tools."""
    dialects = evaluation.groups["dialect"]
    assert {name: (metrics["fn_acc"].hits, metrics["fn_acc"].n) for name, metrics in dialects.items()} == {
        "msa": (3, 7),
        "gulf": (2, 2),
        "levantine": (1, 2),
        "egyptian": (1, 1),
    }
    assert {name: metrics["parsed"].n for name, metrics in evaluation.groups["tool"].items()} == {
        "get_weather": 8,
        "convert": 3,
        "(no call)": 2,
    }
    types = {name: (found["fair"].hits, found["fair"].n) for name, found in evaluation.groups["argument type"].items()}
    assert types == {"string": (6, 11), "integer": (1, 3), "number": (3, 3)}
    assert evaluation.groups["parameter"]["convert.amount"]["raw"].hits == 1
    assert dialects["levantine"]["arg_em_fair"].value is None


def test_text_is_parsed_with_the_tools_of_its_row(tmp_path: Path) -> None:
    """A bare number is a string if the schema says so."""
    text = "<start_function_call>call:get_weather{city:5,days:<escape>٣<escape>}<end_function_call>"
    data = write_lines(tmp_path / "data.jsonl", [record("a", call("get_weather", city="5", days=3))])
    answers = write_lines(tmp_path / "answers.jsonl", [{"id": "a", "text": text}])
    assert evaluate([str(data)], answers).metrics["arg_em_raw"].value == 1


def test_calls_may_come_in_openai_form(tmp_path: Path) -> None:
    """With the wrapper, and with arguments as JSON text."""
    calls = [{"type": "function", "function": {"name": "get_weather", "arguments": '{"city": "جدة"}'}}]
    data = write_lines(tmp_path / "data.jsonl", [record("1", call("get_weather", city="جدة"))])
    answers = write_lines(tmp_path / "answers.jsonl", [{"id": 1, "tool_calls": calls}])
    assert evaluate([str(data)], answers).metrics["arg_em_raw"].value == 1


def test_a_question_ends_before_the_answer(tmp_path: Path) -> None:
    """It has the messages before the first calls, or before the last answer."""
    long = record("long", call("get_weather", city="جدة"))
    long["messages"] += [
        {"role": "tool", "name": "get_weather", "content": "{}"},
        {"role": "assistant", "content": "صحو"},
    ]
    chat = record("chat")
    data = write_lines(tmp_path / "data.jsonl", [long, chat])
    first, second = read_questions([str(data)])
    assert (first.messages, first.prompt) == ([DEVELOPER, {"role": "user", "content": "سؤال long"}], "سؤال long")
    assert [gold.as_json() for gold in first.gold] == [call("get_weather", city="جدة")]
    assert render(first.record(), generation_prompt=True).endswith("سؤال long<end_of_turn>\n<start_of_turn>model\n")
    assert (second.messages, second.gold) == ([DEVELOPER, {"role": "user", "content": "سؤال chat"}], [])


def test_a_limit_asks_the_first_rows(tmp_path: Path) -> None:
    """Answers to later rows are allowed."""
    data, answers = write_lines(tmp_path / "data.jsonl", RECORDS), write_lines(tmp_path / "answers.jsonl", ANSWERS)
    assert evaluate([str(data)], answers, options=GoldOptions(limit=3)).metrics["parsed"].n == 3


def test_ids_that_do_not_match_are_listed(tmp_path: Path) -> None:
    """Rows without an answer and answers without a row are both listed."""
    data = write_lines(tmp_path / "data.jsonl", RECORDS[:3])
    answers = write_lines(tmp_path / "answers.jsonl", [ANSWERS[0], {"id": "else", "text": ""}])
    with pytest.raises(InputError) as error:
        evaluate([str(data)], answers)
    assert str(error.value) == (
        f"{answers}: 2 of 3 rows have no prediction: numbers, fair; 1 predictions have an unknown id: else "
        "(use the ids of the records)"
    )


@pytest.mark.parametrize(
    "line, what",
    [
        ("{", "the row ends too early at column 2"),
        ("[]", "the row is a list, not an object"),
        ('{"text": ""}', "the prediction has no id"),
        ('{"id": true, "text": ""}', "the prediction has no id"),
        ('{"id": "a"}', "the prediction 'a' has neither text nor a list of tool_calls"),
        ('{"id": "a", "tool_calls": [{"arguments": {}}]}', "tool_calls[0] has no function name"),
        ('{"id": "a", "tool_calls": [{"name": "f", "arguments": [1]}]}', "tool_calls[0].arguments is a list"),
        ('{"id": "right", "text": ""}', "a second prediction for the id 'right'"),
    ],
)
def test_a_malformed_line_is_refused_with_its_place(tmp_path: Path, line: str, what: str) -> None:
    """The error has the file, the line, the reason, and the expected form."""
    data = write_lines(tmp_path / "data.jsonl", RECORDS[:1])
    answers = tmp_path / "answers.jsonl"
    answers.write_text(json.dumps(ANSWERS[0], ensure_ascii=False) + "\n\n" + line + "\n", encoding="utf-8")
    with pytest.raises(InputError) as error:
        evaluate([str(data)], answers)
    assert error.value.where == f"{answers}:3"
    assert what in str(error.value)


def test_missing_gold_is_refused_with_its_place(tmp_path: Path) -> None:
    """A record that ends with the user's message needs ``requires_function: false``."""
    open_end = record("open")
    del open_end["messages"][-1]
    data, answers = tmp_path / "data.jsonl", write_lines(tmp_path / "answers.jsonl", [{"id": "open", "text": "لا"}])
    write_lines(data, [record("a"), open_end])
    with pytest.raises(InputError, match="has no gold: it ends before the assistant answers") as error:
        evaluate([str(data)], answers)
    assert error.value.where.endswith("data.jsonl:2")
    open_end["meta"] = {"requires_function": False}
    write_lines(data, [open_end])
    assert evaluate([str(data)], answers).metrics["false_calls"][:3] == (0.0, 1, 0)


def test_an_invalid_row_is_refused_with_its_place(tmp_path: Path) -> None:
    """Part of the data is never evaluated."""
    data = tmp_path / "data.jsonl"
    write_lines(data, [record("a")])
    data.write_text(data.read_text(encoding="utf-8") + '{"x": 1}\n', encoding="utf-8")
    with pytest.raises(InputError) as error:
        read_questions([str(data)])
    assert error.value.where.endswith("data.jsonl:2")
    write_lines(data, [record("a"), record("a")])
    with pytest.raises(InputError, match="a second record has the id 'a'"):
        read_questions([str(data)])


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_an_output_that_is_an_input_is_refused(tmp_path: Path) -> None:
    """Data, predictions, tools and companions of the data are protected, before a model is searched for."""
    data, answers = write_lines(tmp_path / "data.jsonl", RECORDS), write_lines(tmp_path / "a.json", ANSWERS)
    cached = write_lines(tmp_path / "eval.predictions.jsonl", RECORDS)
    before = _contents(tmp_path)
    with pytest.raises(UsageError, match=r"a\.json would overwrite an input"):
        evaluate([str(data)], answers, output=answers)
    with pytest.raises(UsageError, match=r"a\.json would overwrite an input"):
        evaluate_model([str(data)], "no/model", answers, options=GoldOptions(reading=ReadOptions(tools_file=answers)))
    with pytest.raises(UsageError, match=r"eval\.predictions\.jsonl would overwrite an input"):
        evaluate_model([str(cached)], "no/model", tmp_path / "eval.json")
    question = {"id": "simple_0", "question": [[{"role": "user", "content": "؟"}]], "function": [TOOLS[0]["function"]]}
    bfcl = write_lines(tmp_path / "BFCL_v4_simple.json", [question])
    gold = write_lines(tmp_path / "possible_answer_BFCL_v4_simple.json", [{"id": "simple_0", "ground_truth": []}])
    with pytest.raises(UsageError, match="would overwrite an input"):
        evaluate_model([str(bfcl)], "no/model", gold)
    assert before.items() <= _contents(tmp_path).items()


def test_outputs_are_checked_before_a_model_is_searched_for(tmp_path: Path) -> None:
    """A result that is not JSON, and a folder in place of the page."""
    data = write_lines(tmp_path / "data.jsonl", RECORDS)
    with pytest.raises(UsageError, match="the result is JSON"):
        evaluate_model([str(data)], "no/model", tmp_path / "eval.txt")
    (tmp_path / "eval.html").mkdir()
    with pytest.raises(OutputError, match=r"eval\.html"):
        evaluate_model([str(data)], "no/model", tmp_path / "eval.json")


def test_the_file_holds_the_whole_evaluation(evaluation: Evaluation, tmp_path: Path) -> None:
    """Reading it gives the same evaluation, and each row is on its own line."""
    path = tmp_path / "eval.json"
    write_evaluation(path, evaluation)
    assert read_evaluation(path) == evaluation
    lines = path.read_text(encoding="utf-8").splitlines()
    assert sum(line.startswith('    {"id":') for line in lines) == len(RECORDS)


@pytest.mark.parametrize(
    "text, what",
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ('{"format": 0, "items": [], "metrics": {}}', "its format is 0; this version reads 1"),
        ('{"format": 1, "items": [{}], "metrics": {}}', "not the result of an evaluation: KeyError('name')"),
    ],
)
def test_a_file_that_is_not_an_evaluation_is_refused(tmp_path: Path, text: str, what: str) -> None:
    """In one line, with the command that writes one."""
    path = tmp_path / "eval.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as error:
        read_evaluation(path)
    assert what in str(error.value)
    assert "afg evaluate" in str(error.value)


def test_possible_answers_are_accepted(tmp_path: Path) -> None:
    """In BFCL's files any accepted value is right, and an optional argument may be absent."""
    question = {"id": "simple_0", "question": [[{"role": "user", "content": "؟"}]], "function": [TOOLS[0]["function"]]}
    truth = {"id": "simple_0", "ground_truth": [{"get_weather": {"city": ["جدة", "Jeddah"], "days": [1, ""]}}]}
    data = write_lines(tmp_path / "BFCL_v4_simple.json", [question])
    write_lines(tmp_path / "possible_answer_BFCL_v4_simple.json", [truth])
    answers = tmp_path / "answers.jsonl"
    for arguments, right in (
        ({"city": "Jeddah"}, True),
        ({"city": "جدة", "days": 1}, True),
        ({"city": "جدة", "days": 2}, False),
        ({"city": "مكة"}, False),
        ({"days": 1}, False),
    ):
        write_lines(answers, [{"id": "simple_0", "tool_calls": [{"name": "get_weather", "arguments": arguments}]}])
        assert evaluate([str(data)], answers).metrics["arg_em_raw"].hits == right


def test_the_command_prints_and_writes(afg: Callable[..., Any], tmp_path: Path) -> None:
    """Metrics go to standard output and to the file, and nothing to standard error."""
    data, answers = write_lines(tmp_path / "data.jsonl", RECORDS), write_lines(tmp_path / "answers.jsonl", ANSWERS)
    out = tmp_path / "eval.json"
    run = afg("evaluate", "--predictions", answers, data, "-o", out)
    assert (run.returncode, run.stderr) == (0, "")
    assert "ArgEM Arabic fair" in run.stdout
    assert json.loads(out.read_text(encoding="utf-8"))["metrics"]["fn_acc"]["hits"] == 7
    assert afg("evaluate", "--predictions", answers, data, "-o", out, "-q").stdout == ""


def test_wrong_usage_of_the_command_is_one_line(afg: Callable[..., Any], tmp_path: Path) -> None:
    """No predictions, another ending, too many names, missing data."""
    data = write_lines(tmp_path / "data.jsonl", RECORDS)
    for arguments, message in (
        ([data, "-o", tmp_path / "e.json"], "afg: nothing to evaluate"),
        ([data, "--predictions", data, "-o", tmp_path / "e.txt"], "the result is JSON"),
        ([data, data, "--predictions", data, "-o", tmp_path / "e.json"], "2 names with --predictions"),
        ([tmp_path / "none.jsonl", "--predictions", data, "-o", tmp_path / "e.json"], "none.jsonl"),
    ):
        run = afg("evaluate", *arguments)
        assert (run.returncode, run.stdout, run.stderr.count("\n")) == (2, "", 1)
        assert message in run.stderr


def _bad(folder: Path) -> dict[str, tuple[list[Any], str]]:
    """Return the arguments and the message for each kind of invalid input."""
    data = write_lines(folder / "data.jsonl", RECORDS[:3])
    other_ids = write_lines(folder / "ids.jsonl", [ANSWERS[0], {"id": "else", "text": ""}])
    open_end = record("open")
    del open_end["messages"][-1]
    no_gold = write_lines(folder / "open.jsonl", [open_end])
    model = shutil.copytree(base_path(), folder / "model")
    gguf = folder / "llama.gguf"
    name, value = b"general.architecture", b"llama"
    gguf.write_bytes(
        struct.pack("<4sIQQ", b"GGUF", 3, 0, 1)
        + struct.pack(f"<Q{len(name)}sIQ{len(value)}s", len(name), name, 8, len(value), value)
    )
    (folder / "tools.json").write_text(json.dumps(TOOLS), encoding="utf-8")
    (folder / "broken.json").write_text('[{"name": ', encoding="utf-8")
    (folder / "empty.json").write_text("[]", encoding="utf-8")
    out = ["-o", folder / "e.json"]
    return {
        "no tokenizer": (["evaluate", model, data, *out], "no tokenizer.json in this folder"),
        "architecture": (["evaluate", gguf, data, *out], "a GGUF of the architecture 'llama', not 'gemma3'"),
        "ids": (
            ["evaluate", "--predictions", other_ids, data, *out],
            "2 of 3 rows have no prediction: numbers, fair",
        ),
        "no gold": (
            ["evaluate", "--predictions", other_ids, no_gold, *out],
            "has no gold: it ends before the assistant",
        ),
        "no tools file": (["call", "tiny", "س", "--tools", folder / "none.json"], "there is no such file"),
        "broken tools": (["call", "tiny", "س", "--tools", folder / "broken.json"], "no list of tools"),
        "empty tools": (["call", "tiny", "س", "--tools", folder / "empty.json"], "the file has no tools"),
        "no model": (["call", folder / "none", "س", "--tools", folder / "tools.json"], "is not a model"),
        "served without tokenizer": (["serve", model], "no tokenizer.json in this folder"),
    }


@pytest.mark.parametrize("kind", [
    "no tokenizer", "architecture", "ids", "no gold", "no tools file", "broken tools", "empty tools", "no model",
    "served without tokenizer",
])  # fmt: skip
def test_invalid_input_is_one_line_and_exit_code_two(kind: str, afg: Callable[..., Any], tmp_path: Path) -> None:
    """Nothing is written."""
    arguments, message = _bad(tmp_path)[kind]
    run = afg(*arguments)
    assert (run.returncode, run.stdout, run.stderr.count("\n")) == (2, "", 1), run.stderr
    assert message in run.stderr
    assert not (tmp_path / "e.json").exists()


@pytest.mark.slow
def test_the_gold_of_real_data_is_right(shared_data: Path, tmp_path: Path) -> None:
    """Gold scored against itself is right, in AISA's data and in BFCL's with parallel and irrelevant rows."""
    names = ("simple_python", "parallel", "irrelevance")
    sources = [shared_data / "aisa_dev.parquet", *(shared_data / "bfcl_ar" / f"BFCL_v4_{name}.json" for name in names)]
    for source in sources:
        questions = read_questions([str(source)])
        made = [
            {"id": question.id, "tool_calls": [gold.as_json() for gold in reversed(question.gold)]}
            for question in questions
        ]
        found = evaluate([str(source)], write_lines(tmp_path / "answers.jsonl", made))
        assert all(verdict.right and verdict.level in (0, None) for verdict in found.verdicts)
        assert len(found.verdicts) == len(questions)
