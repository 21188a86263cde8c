"""Rows that can be no sample: each is rejected with its place and reason, and none is ever cut off."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataset_tools.cleaning.clean import clean
from dataset_tools.errors import InputError
from dataset_tools.pipeline.to_file import Outputs
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
    """How a row is rejected that stands in the second line of three, the others good."""
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
    """The template would print None, which is read back as a word."""
    line = _rejected(tmp_path, row(ASKED, calls(call(**arguments))))
    assert line["code"] == "ambiguous-call"
    assert "null, which the template prints as None (remove the argument)" in line["reason"]
    assert line["reason"].startswith("messages[2].tool_calls[0].function.arguments.")
    assert line["hint"] == "what the format cannot carry cannot be learned"


def test_nulls_of_a_table_never_reach_a_prompt(tmp_path: Path) -> None:
    """Parquet writes a null for each argument that another row has: no sample of it, and a whole one once cleaned."""
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
    with pytest.raises(InputError, match=r"not one of 2 rows could be used; the first: .*arguments\.hours: null"):
        build([source], tmp_path / "out", str(tokenizer_path()), options)
    clean([source], Outputs(cleaned, tmp_path / "r.jsonl"))
    build([str(cleaned)], tmp_path / "out", str(tokenizer_path()), options)
    assert [_text(sample) for sample in read_samples(tmp_path / "out")] == [render(record) for record in rows]


@pytest.mark.parametrize("token", ["<escape>", "<end_of_turn>", "<start_function_call>", "<bos>"])
@pytest.mark.parametrize("place", ["argument", "user", "answer", "result", "description"])
def test_a_control_token_inside_text_is_rejected(tmp_path: Path, place: str, token: str) -> None:
    """It would be read as what it is, by the model and by every parser."""
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
    """The template has no form for it."""
    line = _rejected(tmp_path, row(ASKED, calls(call()), say("user", "وبعدين؟"), say("assistant", "صحو")))
    assert line["code"] == "not-renderable"
    assert line["reason"] == "messages[3]: a turn of the user after an unanswered call"
    assert line["hint"] == "add the result of the call"


def test_a_row_in_which_the_model_says_nothing_is_rejected(tmp_path: Path) -> None:
    """There is nothing to train on."""
    line = _rejected(tmp_path, row(ASKED))
    assert (line["code"], line["hint"]) == ("nothing-trained", "end with an answer or a call")


def test_tools_without_a_developers_turn_are_rejected(tmp_path: Path) -> None:
    """Published templates differ there; cleaning adds the turn."""
    record = row(ASKED, say("assistant", "لا"))
    line = _rejected(tmp_path, {**record, "messages": record["messages"][1:]})
    assert line["code"] == "not-renderable"
    assert "tools without a developer turn" in line["reason"]


def test_a_key_that_reads_as_another_is_rejected(tmp_path: Path) -> None:
    """A colon inside a key."""
    line = _rejected(tmp_path, row(ASKED, calls(call(**{"a:b": 1}))))
    assert line["code"] == "ambiguous-call"
    assert "the key 'a:b' differs when parsed" in line["reason"]


def test_a_line_that_is_no_json_is_rejected_as_text(tmp_path: Path) -> None:
    """The code is the one of cleaning, and the line itself is kept."""
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
    """Its last token is the stop."""
    report = build_rows(tmp_path, [GOOD], max_length=GOOD_LENGTH)
    (sample,) = read_samples(report.output)
    assert len(sample["input_ids"]) == GOOD_LENGTH
    assert sample["labels"][-1] == 50
    assert _text(sample) == render(GOOD)


def test_a_row_one_token_longer_is_rejected(tmp_path: Path) -> None:
    """Never cut off: there is no sample of it at all."""
    longer = row(ASKED, calls(call(city="جدةجدة")))
    line = _rejected(tmp_path, longer, max_length=GOOD_LENGTH)
    assert line["code"] == "too-long"
    assert line["reason"] == "56 tokens; at most 55"
    assert line["hint"] == "--fit drops tools that are not called"


def _with_distractors(count: int, *called: str) -> Row:
    """A row with `f` and tools of 16 or so tokens beside it."""
    answer = calls(*map(call, called)) if called else say("assistant", "لا")
    return {**row(ASKED, answer, tools=[tool("f"), *[tool(f"g{number}") for number in range(count)]]), "id": "r"}


def test_fit_drops_as_few_tools_as_it_must(tmp_path: Path) -> None:
    """The row fits, its call is whole, what stays keeps its order, and one tool more would not have fitted."""
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


def test_fit_leaves_rows_alone_that_are_short_enough(tmp_path: Path) -> None:
    """Nothing is dropped that need not be."""
    report = build_rows(tmp_path, [_with_distractors(3, "g1")], fit=True)
    assert report.facts["tools_dropped"] == {"tools": 0, "rows": 0}


def test_fit_never_drops_a_called_tool(tmp_path: Path) -> None:
    """If all that is left is called and it is still too long, the row is rejected."""
    record = _with_distractors(2, "f", "g0", "g1")
    (whole,) = read_samples(build_rows(tmp_path, [record]).output)
    line = _rejected(tmp_path, record, max_length=len(whole["input_ids"]) - 1, fit=True)
    assert line["code"] == "too-long"
    assert line["reason"] == f"{len(whole['input_ids'])} tokens; at most {len(whole['input_ids']) - 1}"
    assert line["hint"] == "no tool is left that could go"


def test_what_rejected_rows_would_have_lost_is_not_counted(tmp_path: Path) -> None:
    """Tools are dropped of rows that are samples: not of one that is too long all the same, or that trains nothing."""
    long = row(say("user", "جدة " * 99), say("assistant", "لا"), tools=[tool(name) for name in "fgh"])
    _rejected(tmp_path, long, max_length=GOOD_LENGTH, fit=True)
    assert build_rows(tmp_path, [GOOD, long], max_length=GOOD_LENGTH, fit=True).facts["tools_dropped"]["tools"] == 0
    silent = {**long, "messages": long["messages"][:-1]}
    assert build_rows(tmp_path, [GOOD, silent], max_tools=1).facts["tools_dropped"] == {"tools": 0, "rows": 0}


def test_a_row_that_loses_tools_twice_is_one_row(tmp_path: Path) -> None:
    """First to be so many, then to be so short."""
    (whole,) = read_samples(build_rows(tmp_path, [_with_distractors(0)]).output)
    record = {**_with_distractors(9, "f")}
    report = build_rows(tmp_path, [record], max_tools=5, fit=True, max_length=len(whole["input_ids"]) + 10)
    assert report.facts["tools_dropped"] == {"tools": 9, "rows": 1}


def test_what_fit_drops_follows_from_seed_and_id(tmp_path: Path) -> None:
    """The same in every run; other rows and other seeds lose other tools."""
    records = [{**_with_distractors(9, "f"), "id": f"r{number}"} for number in range(8)]
    (size, *_) = [len(sample["input_ids"]) for sample in read_samples(build_rows(tmp_path, records).output)]

    def texts(seed: int) -> list[str]:
        report = build_rows(tmp_path, records, max_length=size - 30, fit=True, shuffle_seed=seed)
        assert report.facts["tools_dropped"]["rows"] == 8
        # The order is the shuffle's; which tools are left is what fitting decides.
        return ["".join(sorted(set(_text(sample).split("<start_function_declaration>")))) for sample in
                read_samples(report.output)]  # fmt: skip

    first = texts(1)
    assert texts(1) == first
    assert texts(2) != first
    assert len(set(first)) > 1


def test_the_length_report_counts_rows_before_anything_is_dropped(tmp_path: Path) -> None:
    """Bars of 128 tokens, and how many rows each limit would keep, rows that are too long among them."""
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
