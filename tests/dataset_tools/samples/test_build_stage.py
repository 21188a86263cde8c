"""Rejects of a build: place and reason of each row that cannot be a sample; rows are never truncated."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataset_tools.cleaning.clean import clean
from dataset_tools.errors import InputError
from dataset_tools.pipeline.outputs import Outputs
from dataset_tools.prompt.render import render
from dataset_tools.samples.build import BuildOptions, build
from dataset_tools.samples.stage import SampleOptions
from dataset_tools.samples.tokenizer import load_tokenizer
from tests.dataset_tools.samples.build_rows import build_rows, read_rejects, read_samples
from tests.prompt_rows import Row, call, calls, result, row, say, tool
from training.tiny import tokenizer_path

ASKED = say("user", "طقس؟")
GOOD = {**row(ASKED, calls(call(city="جدة"))), "id": "good"}  # 55 tokens
GOOD_LENGTH = 55


def _rejected(folder: Path, record: Row, **options: Any) -> Row:
    """Return the reject of a row in the second line of three, of which the others are valid."""
    bad = {**record, "id": "bad"}
    report = build_rows(folder, [GOOD, bad, {**GOOD, "id": "last"}], **options)
    assert [sample["id"] for sample in read_samples(report.output)] == ["good", "last"]
    (line,) = read_rejects(report.output)
    assert list(line) == ["file", "line", "code", "reason", "hint", "row"]
    assert (line["file"], line["line"], line["row"]) == ("rows.jsonl", 2, bad)
    assert (report.rows_in, report.rows_out, report.rejected) == (3, 2, {line["code"]: 1})
    return line


def _text(sample: Row) -> str:
    text: str = load_tokenizer(tokenizer_path()).decode(sample["input_ids"], skip_special_tokens=False)
    return text


@pytest.mark.parametrize("arguments", [{"city": None}, {"to": ["جدة", None]}, {"to": {"city": None}}])
def test_a_null_is_rejected(tmp_path: Path, arguments: Row) -> None:
    """A null is rejected: the template would print the word None."""
    line = _rejected(tmp_path, row(ASKED, calls(call(**arguments))))
    assert line["code"] == "ambiguous-call"
    assert "null, which the template prints as None (remove the argument)" in line["reason"]
    assert line["reason"].startswith("messages[2].tool_calls[0].function.arguments.")
    assert line["hint"] == "the prompt format cannot express it"


def test_nulls_of_a_table_never_reach_a_prompt(tmp_path: Path) -> None:
    """A Parquet row with nulls for the arguments of other rows is rejected, and is a sample once cleaned."""
    rows = [GOOD, {**row(ASKED, calls(call(hours=3))), "id": "other"}]
    table = pa.Table.from_pylist(rows)
    written = table.to_pylist()[0]["messages"][2]["tool_calls"][0]["function"]["arguments"]
    assert written == {"city": "جدة", "hours": None}
    pq.write_table(table, tmp_path / "rows.parquet")
    source, cleaned, options = (
        str(tmp_path / "rows.parquet"),
        tmp_path / "c.jsonl",
        BuildOptions(samples=SampleOptions(verify=0)),
    )
    with pytest.raises(InputError, match=r"none of 2 rows could be used; the first: .*arguments\.hours: null"):
        build([source], tmp_path / "out", str(tokenizer_path()), options)
    clean([source], Outputs(cleaned, tmp_path / "r.jsonl"))
    build([str(cleaned)], tmp_path / "out", str(tokenizer_path()), options)
    assert [_text(sample) for sample in read_samples(tmp_path / "out")] == [render(record) for record in rows]


@pytest.mark.parametrize("token", ["<escape>", "<end_of_turn>", "<start_function_call>", "<bos>"])
@pytest.mark.parametrize("place", ["argument", "user", "answer", "result", "description"])
def test_a_control_token_inside_text_is_rejected(tmp_path: Path, place: str, token: str) -> None:
    """The model and every parser would read it as a control token."""
    text = f"قبل {token} بعد"
    described = tool()
    described["function"]["description"] = text
    records = {
        "argument": row(ASKED, calls(call(city=text))),
        "user": row(say("user", text), say("assistant", "لا")),
        "answer": row(ASKED, say("assistant", text)),
        "result": row(ASKED, calls(call()), result(text), say("assistant", "لا")),
        "description": row(ASKED, say("assistant", "لا"), tools=[described]),
    }
    line = _rejected(tmp_path, records[place])
    assert line["code"] in ("not-renderable", "ambiguous-call")
    assert token in line["reason"]


def test_a_users_turn_after_an_unanswered_call_is_rejected(tmp_path: Path) -> None:
    """The template cannot render it."""
    line = _rejected(tmp_path, row(ASKED, calls(call()), say("user", "وبعدين؟"), say("assistant", "صحو")))
    assert line["code"] == "not-renderable"
    assert line["reason"] == "messages[3]: a turn of the user after an unanswered call"
    assert line["hint"] == "add the result of the call"


def test_a_row_without_a_model_turn_is_rejected(tmp_path: Path) -> None:
    """Such a row has no trained token."""
    line = _rejected(tmp_path, row(ASKED))
    assert (line["code"], line["hint"]) == ("nothing-trained", "end with an answer or a call")


def test_tools_without_a_developers_turn_are_rejected(tmp_path: Path) -> None:
    """Published templates differ here; ``clean`` adds the turn."""
    record = row(ASKED, say("assistant", "لا"))
    line = _rejected(tmp_path, {**record, "messages": record["messages"][1:]})
    assert line["code"] == "not-renderable"
    assert "tools without a developer turn" in line["reason"]


def test_a_key_that_reads_as_another_is_rejected(tmp_path: Path) -> None:
    """A key with a colon is ambiguous."""
    line = _rejected(tmp_path, row(ASKED, calls(call(**{"a:b": 1}))))
    assert line["code"] == "ambiguous-call"
    assert "the key 'a:b' differs when parsed" in line["reason"]


def test_a_line_that_is_not_json_is_rejected(tmp_path: Path) -> None:
    """The reject has the code of ``clean`` and the line."""
    source = tmp_path / "rows.jsonl"
    build_rows(tmp_path, [GOOD])
    source.write_bytes(source.read_bytes() + b'{"id": \xff\n')
    report = build(
        [str(source)], tmp_path / "out", str(tokenizer_path()), BuildOptions(samples=SampleOptions(verify=0))
    )
    (line,) = read_rejects(report.output)
    assert (line["file"], line["line"], line["code"], line["row"]) == (
        "rows.jsonl",
        2,
        "unreadable-row",
        '{"id": \\xff',
    )


# --- length ---


def test_a_row_of_exactly_the_limit_is_kept_whole(tmp_path: Path) -> None:
    """Its last token is the stop token."""
    report = build_rows(tmp_path, [GOOD], max_length=GOOD_LENGTH)
    (sample,) = read_samples(report.output)
    assert len(sample["input_ids"]) == GOOD_LENGTH
    assert sample["labels"][-1] == 50
    assert _text(sample) == render(GOOD)


def test_a_row_one_token_longer_is_rejected(tmp_path: Path) -> None:
    """It is rejected, not truncated."""
    longer = row(ASKED, calls(call(city="جدةجدة")))
    line = _rejected(tmp_path, longer, max_length=GOOD_LENGTH)
    assert line["code"] == "too-long"
    assert line["reason"] == "56 tokens; at most 55"
    assert line["hint"] == "--fit drops tools that are not called"


def _with_distractors(count: int, *called: str) -> Row:
    """Return a row with `f` and other tools of about 16 tokens each."""
    answer = calls(*map(call, called)) if called else say("assistant", "لا")
    return {**row(ASKED, answer, tools=[tool("f"), *[tool(f"g{number}") for number in range(count)]]), "id": "r"}


def test_fit_drops_as_few_tools_as_it_must(tmp_path: Path) -> None:
    """The row fits with its call, the order is kept, and one tool more would not fit."""
    record = _with_distractors(9, "g3")
    (whole,) = read_samples(build_rows(tmp_path, [record]).output)
    size = len(whole["input_ids"])
    report = build_rows(tmp_path, [record], max_length=size - 20, fit=True)
    (sample,) = read_samples(report.output)
    dropped = report.facts["tools_dropped"]
    assert dropped["rows"] == 1
    assert 1 <= dropped["tools"] <= 3
    length = len(sample["input_ids"])
    assert length <= size - 20 < length + (size - length) / dropped["tools"] + 2
    text = _text(sample)
    assert "<start_function_call>call:g3{}<end_function_call><start_function_response>" in text
    kept = [name for name in ["f", *[f"g{number}" for number in range(9)]] if f"declaration:{name}{{" in text]
    assert len(kept) == 10 - dropped["tools"]
    assert "g3" in kept
    expected = {**record, "tools": [offered for offered in record["tools"] if offered["function"]["name"] in kept]}
    assert text == render(expected)


def test_fit_does_not_change_short_rows(tmp_path: Path) -> None:
    """Rows that are short enough keep all tools."""
    report = build_rows(tmp_path, [_with_distractors(3, "g1")], fit=True)
    assert report.facts["tools_dropped"] == {"tools": 0, "rows": 0}


def test_fit_never_drops_a_called_tool(tmp_path: Path) -> None:
    """A row that is too long with called tools only is rejected."""
    record = _with_distractors(2, "f", "g0", "g1")
    (whole,) = read_samples(build_rows(tmp_path, [record]).output)
    line = _rejected(tmp_path, record, max_length=len(whole["input_ids"]) - 1, fit=True)
    assert line["code"] == "too-long"
    assert line["reason"] == f"{len(whole['input_ids'])} tokens; at most {len(whole['input_ids']) - 1}"
    assert line["hint"] == "all remaining tools are called"


def test_dropped_tools_of_rejected_rows_are_not_counted(tmp_path: Path) -> None:
    """Only tools dropped from samples are counted, not those of rows that are rejected afterwards."""
    long = row(say("user", "جدة " * 99), say("assistant", "لا"), tools=[tool(name) for name in "fgh"])
    _rejected(tmp_path, long, max_length=GOOD_LENGTH, fit=True)
    assert build_rows(tmp_path, [GOOD, long], max_length=GOOD_LENGTH, fit=True).facts["tools_dropped"]["tools"] == 0
    silent = {**long, "messages": long["messages"][:-1]}
    assert build_rows(tmp_path, [GOOD, silent], max_tools=1).facts["tools_dropped"] == {"tools": 0, "rows": 0}


def test_a_row_that_loses_tools_twice_is_one_row(tmp_path: Path) -> None:
    """A row that loses tools to ``max_tools`` and to ``fit`` is counted once."""
    (whole,) = read_samples(build_rows(tmp_path, [_with_distractors(0)]).output)
    record = {**_with_distractors(9, "f")}
    report = build_rows(tmp_path, [record], max_tools=5, fit=True, max_length=len(whole["input_ids"]) + 10)
    assert report.facts["tools_dropped"] == {"tools": 9, "rows": 1}


def test_fit_depends_on_seed_and_id_only(tmp_path: Path) -> None:
    """The same tools are dropped in every run; other ids and seeds lose others."""
    records = [{**_with_distractors(9, "f"), "id": f"r{number}"} for number in range(8)]
    (size, *_) = [len(sample["input_ids"]) for sample in read_samples(build_rows(tmp_path, records).output)]

    def texts(seed: int) -> list[str]:
        report = build_rows(tmp_path, records, max_length=size - 30, fit=True, shuffle_seed=seed)
        assert report.facts["tools_dropped"]["rows"] == 8
        # Shuffling decides the order, fitting the remaining tools.
        return ["".join(sorted(set(_text(sample).split("<start_function_declaration>")))) for sample in
                read_samples(report.output)]  # fmt: skip

    first = texts(1)
    assert texts(1) == first
    assert texts(2) != first
    assert len(set(first)) > 1


def test_the_length_report_counts_rows_before_anything_is_dropped(tmp_path: Path) -> None:
    """The report has bars of 128 tokens and the rows within each limit, before tools are dropped."""
    words = [0, 100, 500, 1000, 2040, 4090]
    records = [{**row(say("user", "جدة " * count + "؟"), say("assistant", "لا")), "id": f"r{count}"} for count in words]
    whole = build_rows(tmp_path, records, max_length=100_000)
    lengths = [len(sample["input_ids"]) for sample in read_samples(whole.output)]
    assert lengths == sorted(lengths)
    expected = {str(limit): sum(length <= limit for length in lengths) for limit in (512, 1024, 2048, 4096)}
    assert whole.facts["rows_within"] == expected
    bars = whole.facts["lengths"]
    assert [(bar["from"], bar["to"]) for bar in bars[:2]] == [(0, 127), (128, 255)]
    for bar in bars:
        within = [length for length in lengths if bar["from"] <= length <= (bar["to"] or 10**9)]
        assert bar["rows"] == len(within)
    assert sum(bar["rows"] for bar in bars) == len(records)
    short = build_rows(tmp_path, records, max_length=512)
    assert short.facts["rows_within"] == expected
    assert short.facts["lengths"] == bars
    assert short.rejected == {"too-long": len(records) - expected["512"]}
    assert short.facts["tokens"] == sum(length for length in lengths if length <= 512)
