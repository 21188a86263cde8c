"""Properties of ``clean``: counts, meaning, idempotence, folds, files and rejects."""

import gzip
import json
import re
import signal
import subprocess
import sys
import time
import unicodedata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from dataset_tools.arabic.folding import FOLDS, compile_fold
from dataset_tools.bundled import dirty_path, sample_path
from dataset_tools.cleaning.clean import CleanOptions, ImportOptions, clean, import_data
from dataset_tools.cleaning.repairer import DEVELOPER_TURN, Repairer
from dataset_tools.dedup.keys import key_of
from dataset_tools.errors import InputError, OutputError, UsageError
from dataset_tools.executor.run import Work
from dataset_tools.pipeline.outputs import Outputs
from dataset_tools.pipeline.stage import RunReport, ShardResult
from dataset_tools.prompt.round_trip import result_problem
from dataset_tools.readers.shards import Shard, plan_shards
from dataset_tools.records.reading import Inputs
from dataset_tools.validation.validate import validate

BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
SOME = settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
FEWER = settings(SOME, max_examples=30)  # for tests that write files

# Letters of five dialects, marks, digits and repaired characters; no backslash or Latin-1, which may be decoded.
ALPHABET = "ابتةثجحخدذرزسشصضطظعغفقكلمنهويىءأإآؤئپچڤگگ" + "َُِّْٰ" + "٠١٢٣٤٥٦٧٨٩۵٫٬؟،" + "abcXYZ019.-"
SHAPED = "ﺟﺪﺓﷲﻻ"
DIRT = "ـ" + "یک" + "\u0653\u0654" + "\u200b\u200c\u200d\ufeff\u00ad" + "\u200f\u202e\u2068\u2069" + "😀"
arabic_words = st.lists(st.text(ALPHABET + DIRT + SHAPED, min_size=1, max_size=8), min_size=1, max_size=6)
# Random shaped letters look like text in visual order, of which a part may be reversed and another may not.
unshaped_words = st.lists(st.text(ALPHABET + DIRT, min_size=1, max_size=8), min_size=1, max_size=6)
any_text = st.one_of(
    st.text(max_size=20),
    arabic_words.map(" ".join),
    st.sampled_from(
        ["", "هـ", "ط§ظ„ط·ظ‚ط³ ظپظٹ ط¬ط¯ط©", r"\u0637\u0642\u0633", "ÇáØÞÓ Ýí ÌÏÉ", "ﷺ ½ m²", "Café", "کتاب"]
    ),
)
keys = st.one_of(
    st.text("abcمدينة_\u200b\u200cـی", min_size=1, max_size=6), st.sampled_from(["format", "pattern", "city"])
)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**63), st.floats(allow_nan=False, allow_infinity=False), any_text
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=8
)
results = st.dictionaries(keys, values, max_size=3)
kinds = st.sampled_from(
    ["string", "integer", "number", "boolean", "object", "array", ["integer", "null"], ["string", "null"]]
)
schemas = st.recursive(
    st.fixed_dictionaries(
        {"type": kinds}, optional={"description": any_text, "enum": st.lists(any_text | st.none(), max_size=3)}
    ),
    lambda inner: st.fixed_dictionaries(
        {"type": st.just("object"), "properties": st.dictionaries(keys, inner, max_size=3)},
        optional={"required": st.lists(keys, max_size=2), "items": inner},
    ),
    max_leaves=4,
)


@st.composite
def records(draw: st.DrawFn) -> dict[str, Any]:
    """A record with arbitrary text, arguments and declarations."""
    names = draw(st.lists(st.text("abطقس_", min_size=1, max_size=5), min_size=1, max_size=3, unique=True))
    tools = []
    for name in names:
        properties = draw(st.dictionaries(keys, schemas, max_size=3))
        function = {
            "name": name,
            "description": draw(any_text),
            "parameters": {"type": "object", "properties": properties},
        }
        tools.append({"type": "function", "function": function})
    called = draw(st.sampled_from([*names, "غير_معروف"]))
    offered = next(
        (tool["function"]["parameters"]["properties"] for tool in tools if tool["function"]["name"] == called), {}
    )
    arguments = {name: draw(values) for name in offered} | draw(st.dictionaries(keys, values, max_size=2))
    call = {"type": "function", "function": {"name": called, "arguments": arguments}}
    return {
        "id": "r1",
        "messages": [
            {"role": "user", "content": draw(any_text)},
            {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "content": draw(any_text | results | results.map(json.dumps)), "name": called},
            {"role": "assistant", "content": draw(any_text)},
        ],
        "tools": tools,
        "dialect": "gulf",
        "domain": "",
        "source": {"dataset": "d", "file": "d.jsonl", "line": 1},
        "meta": {},
    }


def _write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def _clean_file(source: Path, target: Path, **options: Any) -> RunReport:
    return clean([str(source)], Outputs(target), CleanOptions(**options))


def _clean_rows(rows: list[dict[str, Any]], **options: Any) -> tuple[list[dict[str, Any]], RunReport]:
    """Clean rows through files; return the written rows and the report."""
    with TemporaryDirectory() as folder:
        target = Path(folder, "out.jsonl")
        report = _clean_file(_write(Path(folder, "in.jsonl"), rows), target, **options)
        return [json.loads(line) for line in target.read_text(encoding="utf-8").split("\n")[:-1]], report


def _call(row: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(m for m in row["messages"] if "tool_calls" in m)["tool_calls"][0]["function"]
    return found


def _row(text: str, arguments: dict[str, Any], properties: dict[str, Any], name: str = "book") -> dict[str, Any]:
    """Return a record with one call of one tool."""
    function = {"name": name, "parameters": {"type": "object", "properties": properties}}
    return {
        "id": "r1",
        "messages": [
            {"role": "user", "content": text},
            {
                "role": "assistant",
                "tool_calls": [{"type": "function", "function": {"name": name, "arguments": arguments}}],
            },
        ],
        "tools": [{"type": "function", "function": function}],
    }


def _arguments(text: str, arguments: dict[str, Any], properties: dict[str, Any], **options: Any) -> dict[str, Any]:
    rows, _ = _clean_rows([_row(text, arguments, properties)], **options)
    found: dict[str, Any] = _call(rows[0])["arguments"]
    return found


# --- meaning, by an independent normaliser ---

_FARSI = str.maketrans("یک", "يك")
_INVISIBLE = re.compile(f"[{BIDI}\u200b\u200c\u200d\u2060\ufeff\u00adـ]")
_SPACE = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")


_SHAPED = re.compile("[\ufb50-\ufdff\ufe70-\ufefc]")


def _same_text(text: str) -> str:
    """Return a text without everything that cleaning may change, except decoding."""
    shaped = "".join(
        unicodedata.normalize("NFKC", c) if "\ufb50" <= c <= "\ufdf2" or "\ufe70" <= c <= "\ufefc" else c for c in text
    )
    return unicodedata.normalize("NFC", _INVISIBLE.sub("", _SPACE.sub(" ", shaped)).translate(_FARSI)).replace(" ", "")


def _decodable(text: str) -> bool:
    """Return whether a string may encode another one: escapes, or Latin-1 letters."""
    return (
        "\\u" in text
        or bool(re.search("[\u0080-\u00ff\u0152-\u02dc\u2013-\u2122]", text))
        or "ط" in text
        or "ظ" in text
    )


def _same_value(before: Any, after: Any) -> bool:
    """Return whether two values have the same meaning: numbers by value, texts without marks, containers by item."""
    if isinstance(before, str) and isinstance(after, str):
        same = sorted if _SHAPED.search(before) else str  # shaped text may be in visual order, which is reversed
        return _decodable(before) or same(_same_text(before)) == same(_same_text(after))
    if isinstance(before, str):  # a number that was written as text
        return isinstance(after, (int, float)) and not isinstance(after, bool) and _number(before) == after
    if isinstance(before, list):
        return isinstance(after, list) and len(before) == len(after) and all(map(_same_value, before, after))
    if isinstance(before, dict):
        # A null stays only if the tool allows it; its key may be repaired.
        nulls = {_same_text(key) for key, value in after.items() if value is None} if isinstance(after, dict) else set()
        kept = [(key, value) for key, value in before.items() if value is not None or _same_text(key) in nulls]
        return (
            isinstance(after, dict)
            and len(kept) == len(after)
            and all(
                (_decodable(old) or _same_text(old) == _same_text(new)) and _same_value(value, after[new])
                for (old, value), new in zip(kept, after, strict=True)
            )
        )
    return (type(before) is type(after) and before == after) or (isinstance(before, float) and before == after)


def _number(text: str) -> float | None:
    digits = "".join(str(unicodedata.digit(c)) if c.isdigit() else c for c in text)
    try:
        return float(digits.replace("٫", ".").replace("٬", "").replace(",", "").replace("−", "-"))
    except ValueError:
        return None


# --- properties ---


@SOME
@given(
    st.lists(records(), min_size=1, max_size=3), st.lists(st.sampled_from(["{", "[]", '{"a": 1}', "نص"]), max_size=2)
)
def test_no_row_vanishes(rows: list[dict[str, Any]], bad: list[str]) -> None:
    """Input rows equal output rows plus rejects, and the files match the report."""
    with TemporaryDirectory() as folder:
        source, target = Path(folder, "in.jsonl"), Path(folder, "out.jsonl")
        rows = [*rows, _row("مرحبا", {}, {})]  # a run without a usable row is an error
        _write(source, rows)
        with source.open("a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in bad)
        report = _clean_file(source, target)
        rejects = Path(folder, "out.rejects.jsonl")
        assert report.rows_in == len(rows) + len(bad)
        assert target.read_bytes().count(b"\n") == report.rows_out == report.rows_in - sum(report.rejected.values())
        assert (rejects.read_bytes().count(b"\n") if rejects.exists() else 0) == sum(report.rejected.values())


@FEWER
@given(records(), st.sets(st.sampled_from(FOLDS)))
@example(_row("\u200b\u200cab", {"a\u200b": 1, "a\u200c": 2}, {}), set())
def test_cleaning_is_idempotent(record: dict[str, Any], folds: set[str]) -> None:
    """The second run writes the same bytes and reports no rule, with folds and without."""
    with TemporaryDirectory() as folder:
        once, twice = Path(folder, "once.jsonl"), Path(folder, "twice.jsonl")
        source = _write(Path(folder, "in.jsonl"), [record, _row("مرحبا", {}, {})])
        first = _clean_file(source, once, fold=tuple(sorted(folds)))
        # Random text may look like another encoding, and random forms like text in visual order.
        assert first.rejected.keys() <= {"undecodable-text", "visual-order"}
        second = _clean_file(once, twice, fold=tuple(sorted(folds)))
        assert second.rules == {}
        assert twice.read_bytes() == once.read_bytes()


@FEWER
@given(records())
@example(
    _row(
        "كم",
        {"format": "ﺟﺪﺓ", "days": 3.0, "far": 1e300},
        {"days": {"type": ["integer", "null"]}, "far": {"type": "integer"}},
    )
)
@example(_row("كم", {"a": 1, "a\u200b": 2, "a\u200c": 3}, {}))
@example(_row("كم", {"a\u200b": 2, "a\u200c": 3}, {}))
def test_the_meaning_of_a_call_never_changes(record: dict[str, Any]) -> None:
    """Tool and arguments stay the same: numbers by value, texts up to the listed repairs."""
    rows, report = _clean_rows([record, _row("مرحبا", {}, {})])
    assume(not report.rejected)
    before, after = _call(record), _call(rows[0])
    assert _same_text(before["name"]) == _same_text(after["name"])
    assert _same_value(before["arguments"], after["arguments"]), (before, after)
    assert [_same_text(t["function"]["name"]) for t in record["tools"]] == [
        _same_text(t["function"]["name"]) for t in rows[0]["tools"]
    ]


def _result_row(content: Any) -> dict[str, Any]:
    row = _row("مرحبا", {}, {})
    row["messages"].append({"role": "tool", "name": "book", "content": content})
    return row


@FEWER
@given(results)
@example({"a:b": 1})
@example({"_": "ﷲﺓ"})
@example({"_": "ﷲﺑ"})
@example({"name": "x", "response": "y"})
@example({"a\u200b": 1, "a": [{"ﺟﺪﺓ": "\u202eﺟﺪﺓ"}]})
def test_a_result_keeps_its_meaning_as_an_object_and_as_text(result: dict[str, Any]) -> None:
    """An object stays one; its JSON text becomes the same object, or stays if the prompt cannot express it."""
    texts = json.dumps(result), json.dumps(result, ensure_ascii=False, indent=1)
    rows, report = _clean_rows([*(_result_row(content) for content in (result, *texts)), _row("مرحبا", {}, {})])
    assume(not report.rejected)
    kept, *found = (row["messages"][-1]["content"] for row in rows[:3])
    assert _same_value(result, kept)
    decoded = [content for content in found if not isinstance(content, str)]
    assert all(json.dumps(content) == json.dumps(kept) for content in decoded)
    if not result_problem(result):
        assert len(decoded) == report.rules["decode-result"]["changes"] == 2
        keys = {key_of(row, "f", 1) for row in [{**row, "id": "r"} for row in rows[:3]]}  # type: ignore[arg-type]
        assert len(keys) == 1


def test_a_decoded_result_is_traced(tmp_path: Path) -> None:
    """The report counts it, and the trace has both values before the repairs inside the object."""
    text = '{"المدينة": "ﺟﺪﺓ", "بيان": null}'
    source, target = _write(tmp_path / "in.jsonl", [_result_row(text)]), tmp_path / "out.jsonl"
    report = clean([str(source)], Outputs(target, trace=tmp_path / "trace.jsonl"), CleanOptions(developer_turn=False))
    [row] = map(json.loads, target.read_text(encoding="utf-8").splitlines())
    assert row["messages"][2] == {"role": "tool", "content": {"المدينة": "جدة", "بيان": None}, "name": "book"}
    changes = list(map(json.loads, (tmp_path / "trace.jsonl").read_text(encoding="utf-8").splitlines()))
    assert [(change["rule"], change["path"], change["before"], change["after"]) for change in changes] == [
        ("decode-result", "messages[2].content", text, {"المدينة": "ﺟﺪﺓ", "بيان": None}),
        ("presentation-form", "messages[2].content.المدينة", "ﺟﺪﺓ", "جدة"),
    ]
    assert report.rules["decode-result"]["rows"] == 1


def test_a_result_is_repaired_as_user_text() -> None:
    """Direction marks stay in values and are removed from nothing; folds reach keys and values."""
    content = {"أ": "\u202eمدرسة", "b": [{"c": "أحمد"}]}
    rows, _ = _clean_rows([_result_row(content)], developer_turn=False)
    assert rows[0]["messages"][2]["content"] == content
    rows, _ = _clean_rows([_result_row(content)], developer_turn=False, fold=("alef",))
    assert rows[0]["messages"][2]["content"] == {"ا": "\u202eمدرسة", "b": [{"c": "احمد"}]}


def test_text_that_becomes_json_by_a_repair_is_decoded() -> None:
    """A no-break space between two keys is no JSON until it is repaired."""
    rows, report = _clean_rows([_result_row('{"a": 1,\u00a0"b": 2}')], developer_turn=False)
    assert rows[0]["messages"][2]["content"] == {"a": 1, "b": 2}
    assert report.rules.keys() == {"spaces", "decode-result"}


def test_a_result_that_the_prompt_cannot_express_stays_text(tmp_path: Path) -> None:
    """Cleaning keeps the text, and validation says why."""
    text = '{"12:00": "صلاة"}'
    source = _write(tmp_path / "in.jsonl", [_result_row(text)])
    _clean_file(source, tmp_path / "out.jsonl")
    found = validate([str(tmp_path / "out.jsonl")]).checks["result-encoded"]["examples"]
    reason = "clean keeps the text: the key '12:00' is ambiguous in the prompt; a person decides"
    assert [(one["path"], one["hint"]) for one in found] == [("messages[3].content", reason)]


@FEWER
@given(results)
def test_objects_survive_both_formats(result: dict[str, Any]) -> None:
    """JSON Lines and Parquet give the same record, without keys of other rows."""
    with TemporaryDirectory() as folder:
        source = _write(
            Path(folder, "in.jsonl"), [_result_row(result), _result_row({"x": {"y": 1}}), _result_row("نص")]
        )
        for name in ("a.jsonl", "a.parquet", "b.jsonl"):
            report = import_data([str(source)], Outputs(Path(folder, name)), ImportOptions())
            assert (report.rows_out, report.rules) == (3, {})
            source = Path(folder, name)
        assert Path(folder, "a.jsonl").read_bytes() == Path(folder, "b.jsonl").read_bytes()
        rows = [json.loads(line) for line in source.read_text(encoding="utf-8").split("\n")[:-1]]
        assert json.dumps(rows[0]["messages"][2]["content"]) == json.dumps(json.loads(json.dumps(result)))
        assert [row["messages"][2]["content"] for row in rows[1:]] == [{"x": {"y": 1}}, "نص"]


def _repaired(text: str, arguments: dict[str, Any], enum: list[str], fold: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return a record after the repairs alone."""
    row = _row(text, arguments, {"city": {"type": "string", "enum": enum, "description": text}})
    cleaned: dict[str, Any] = json.loads(json.dumps(Repairer(fold).repair(row, [])))  # type: ignore[arg-type]
    return cleaned


def _without_bidi(text: str) -> str:
    return re.sub(f"[{BIDI}]", "", text)


@SOME
@given(unshaped_words, st.data())
def test_copying_still_works(words: list[str], data: st.DataObject) -> None:
    """Words that an argument copies from the user's text stay equal, except direction marks."""
    start = data.draw(st.integers(0, len(words) - 1))
    stop = data.draw(st.integers(start + 1, len(words)))
    copied = " ".join(words[start:stop])
    row = _repaired(" ".join(words), {"city": copied}, [copied])
    said, argument = _without_bidi(row["messages"][1]["content"]), _call(row)["arguments"]["city"]
    assert argument in said
    assert row["tools"][0]["function"]["parameters"]["properties"]["city"]["enum"] == [argument]


def test_text_in_visual_order_is_reversed_or_rejected() -> None:
    """Words stored backwards are reversed; what may be backwards, next to such words, rejects the row."""
    rows, report = _clean_rows(
        [
            _row("؟ﺓﺪﺟ ﻲﻓ", {"city": "ﺓﺪﺟ"}, {}),
            _row("New York ﺎﻜﻳﺮﻣﺃ ﻲﻓ", {"city": "New York"}, {}),
            _row("؟ﺓﺪﺟ ﻲﻓ", {"city": "ﺭﺍﺩ"}, {}),
            _row("أين", {"city": "ﺩﺍﺭ"}, {}),
        ]
    )
    assert report.rejected == {"visual-order": 2}
    assert rows[0]["messages"][1]["content"] == "في جدة؟"
    assert [_call(row)["arguments"]["city"] for row in rows] == ["جدة", "دار"]


def test_words_of_another_language_stay_on_every_side() -> None:
    """A Kurdish argument keeps its letters, as do its sentence and the enum; the rest is Arabic."""
    row = _repaired("ابحث فی هەولێری کانی عن کتاب", {"city": "هەولێری کانی", "item": "کتاب"}, ["هەولێری کانی"])
    assert row["messages"][1]["content"] == "ابحث في هەولێری کانی عن كتاب"
    assert _call(row)["arguments"] == {"city": "هەولێری کانی", "item": "كتاب"}
    assert row["tools"][0]["function"]["parameters"]["properties"]["city"]["enum"] == ["هەولێری کانی"]


@SOME
@given(unshaped_words, st.sets(st.sampled_from(FOLDS), min_size=1), st.data())
def test_folds_reach_every_side_together(words: list[str], folds: set[str], data: st.DataObject) -> None:
    """Text, argument, enum and description get the same folds."""
    copied = " ".join(words[: data.draw(st.integers(1, len(words)))])
    fold = compile_fold(sorted(folds))
    row = _repaired(" ".join(words), {"city": copied}, [copied], tuple(sorted(folds)))
    schema = row["tools"][0]["function"]["parameters"]["properties"]["city"]
    said, argument = _without_bidi(row["messages"][1]["content"]), _call(row)["arguments"]["city"]
    assert argument in said
    assert schema["enum"] == [argument]
    assert schema["description"] == said
    assert all(fold(text) == text for text in (said, argument))


@pytest.mark.parametrize(
    "fold,before,after",
    [
        ("dediac", "مَدْرَسَة", "مدرسة"),
        ("alef", "أحمد", "احمد"),
        ("alef-maksura", "مستشفى", "مستشفي"),
        ("teh-marbuta", "جدة", "جده"),
        ("digits", "٣٥ رأس", "35 رأس"),
    ],
)
def test_each_fold_reaches_names_and_keys_too(fold: str, before: str, after: str) -> None:
    """Tool names, parameter names, required lists, calls and results are folded like the texts."""
    row = _row(before, {before: before}, {before: {"type": "string", "enum": [before]}}, name=before)
    row["tools"][0]["function"]["parameters"]["required"] = [before]
    row["messages"].append({"role": "tool", "name": before, "content": before})
    rows, _ = _clean_rows([row], fold=(fold,), developer_turn=False)
    assert json.dumps(rows[0], ensure_ascii=False).count(before) == 0
    assert json.dumps(rows[0], ensure_ascii=False).count(after) == 10
    assert rows[0]["tools"][0]["function"]["parameters"]["required"] == [after]


def test_a_persian_row_keeps_its_letters_on_every_side() -> None:
    """A Persian conversation gets no Arabic letters in text, argument or enum."""
    text = "هوا در کرج چگونه است و برای فردا چه می شود"
    row = _row(text, {"city": "کرج"}, {"city": {"type": "string", "enum": ["کرج"]}})
    rows, report = _clean_rows([row])
    assert rows[0]["messages"][1]["content"] == text
    assert _call(rows[0])["arguments"] == {"city": "کرج"}
    assert rows[0]["tools"] == row["tools"]
    assert list(report.rules) == ["developer-turn"]


# --- values by their schema ---


@pytest.mark.parametrize(
    "value,schema,expected",
    [
        ("٣٫٥", {"type": "number"}, 3.5),
        ("٥٠٠", {"type": "integer"}, 500),
        ("١٬٢٥٠", {"type": "integer"}, 1250),
        ("5.0", {"type": "integer"}, 5),
        ("5.5", {"type": "integer"}, "5.5"),
        ("٥٠٠", {"type": "string"}, "٥٠٠"),
        ("٥٠٠", {"type": ["integer", "string"]}, "٥٠٠"),
        ("٥٠٠", {"type": ["integer", "null"]}, 500),
        ("0551234567", {"type": "string"}, "0551234567"),
        ("0551234567", {"type": "integer"}, "0551234567"),
        ("خمسة", {"type": "integer"}, "خمسة"),
        ("9" * 30, {"type": "integer"}, "9" * 30),
        (3.0, {"type": "integer"}, 3),
        (3.0, {"type": ["integer", "null"]}, 3),
        (3.0, {"type": "number"}, 3.0),
        (3.5, {"type": "integer"}, 3.5),
        (1e300, {"type": "integer"}, 1e300),
        (["٣", 4.0], {"type": "array", "items": {"type": "integer"}}, [3, 4]),
        ({"days": "٣"}, {"type": "object", "properties": {"days": {"type": "integer"}}}, {"days": 3}),
        ("٣", {"anyOf": [{"type": "integer"}, {"type": "null"}]}, 3),
        ("٣", {"oneOf": [{"type": "integer"}, {"type": "string"}]}, "٣"),
        ("٣", {"anyOf": [{"type": "integer"}, {"const": "٣"}]}, "٣"),
        ("٣", {"allOf": [{"type": "integer"}, {"minimum": 1}]}, 3),
        (3.0, {"anyOf": [{"type": "integer"}, {"type": "number"}]}, 3.0),
        ("٣", {"$ref": "#/properties/count"}, 3),
        ("٣", {"$ref": "#/properties/value"}, "٣"),
        ("٣", {"$ref": "https://example.org/count.json"}, "٣"),
        (["٣", "٣", "٣"], {"prefixItems": [{"type": "integer"}, {"type": "string"}]}, [3, "٣", "٣"]),
        (["ا", "٣"], {"prefixItems": [{"type": "string"}], "items": {"type": "integer"}}, ["ا", 3]),
        (
            {"at": "٣"},
            {"anyOf": [{"type": "null"}, {"type": "object", "properties": {"at": {"type": "integer"}}}]},
            {"at": 3},
        ),
    ],
    ids=str,
)
def test_numbers_get_the_type_that_the_schema_declares(value: Any, schema: dict[str, Any], expected: Any) -> None:
    """A number in digits is converted if the schema declares it and nothing is lost; other values stay."""
    properties = {"value": schema, "count": {"type": "integer"}}
    found = _arguments("عايز ٣", {"value": value}, properties)["value"]
    assert (type(found), found) == (type(expected), expected)


def test_a_phone_number_where_an_integer_is_declared_stays_a_finding(tmp_path: Path) -> None:
    """A value with leading zeros stays text, and validation reports its type."""
    source = _write(
        tmp_path / "in.jsonl", [_row("رقمي 0551234567", {"phone": "0551234567"}, {"phone": {"type": "integer"}})]
    )
    _clean_file(source, tmp_path / "out.jsonl")
    assert validate([str(tmp_path / "out.jsonl")]).checks["argument-type"]["rows"] == 1


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "null"},
        {"type": ["string", "null"]},
        {"enum": ["ذكر", None]},
        {"type": "string", "nullable": True},
        {"anyOf": [{"type": "string"}, {"type": "null"}]},
        {"anyOf": [{"type": ["string", "null"]}, {"type": "integer"}]},
        {"$ref": "#/properties/other"},
        {"allOf": [{"$ref": "#/properties/other"}], "description": "النوع"},
        {"type": "string", "enum": ["ذكر"], "nullable": True},
        {"allOf": [{"type": "string"}], "nullable": True},
        {"description": "أي شيء"},
        {},
    ],
    ids=str,
)
def test_a_null_that_the_schema_admits_is_kept(schema: dict[str, Any], tmp_path: Path) -> None:
    """A null stays if the schema allows it, also by reference or enum, and validation agrees."""
    row = _row("مرحبا", {"kind": None}, {"kind": schema, "other": {"type": ["string", "null"]}})
    rows, _ = _clean_rows([row])
    found = validate([str(_write(tmp_path / "in.jsonl", [row]))]).checks
    assert not found.keys() & {"null-value", "argument-type", "argument-enum", "argument-constraint"}
    assert _call(rows[0])["arguments"] == {"kind": None}
    assert rows[0]["tools"][0]["function"]["parameters"]["properties"]["kind"] == schema


def test_a_null_that_no_schema_admits_is_removed() -> None:
    """Nulls from Arrow are removed from arguments and declarations at any depth."""
    properties = {"city": {"type": "string", "description": None}, "trip": {"type": "object", "properties": None}}
    rows, report = _clean_rows([_row("جدة", {"city": "جدة", "days": None, "trip": {"to": None}}, properties)])
    assert _call(rows[0])["arguments"] == {"city": "جدة", "trip": {}}
    assert rows[0]["tools"][0]["function"]["parameters"]["properties"] == {
        "city": {"type": "string"},
        "trip": {"type": "object"},
    }
    assert report.rules["strip-null"]["changes"] == 4


# --- options ---


def test_the_developer_turn_is_added_by_default() -> None:
    """A record without a developer turn gets one unless the option is off."""
    row = _row("احجز لي", {}, {})
    with_turn, _ = _clean_rows([row])
    without, _ = _clean_rows([row], developer_turn=False)
    assert with_turn[0]["messages"][0] == {"role": "developer", "content": DEVELOPER_TURN}
    assert without[0]["messages"] == row["messages"]


def test_renamed_tools_are_listed_in_the_report() -> None:
    """Names with dots are rewritten in declarations, calls and results; the report maps them."""
    row = _row("احجز", {}, {}, name="hotel.book")
    row["messages"].append({"role": "tool", "name": "hotel.book", "content": "{}"})
    row["tools"].extend(
        {"type": "function", "function": {"name": name}} for name in ("hotel_book", "hotel_book", "حجز")
    )
    rows, report = _clean_rows([row], rename_tools=True, developer_turn=False)
    assert [tool["function"]["name"] for tool in rows[0]["tools"]] == ["hotel_book_", "hotel_book", "hotel_book", "___"]
    assert _call(rows[0])["name"] == rows[0]["messages"][2]["name"] == "hotel_book_"
    assert report.as_json()["renamed_tools"] == {"hotel.book": "hotel_book_", "حجز": "___"}
    kept, report = _clean_rows([row])
    assert _call(kept[0])["name"] == "hotel.book"
    assert report.renamed_tools == {}


def test_a_fold_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    """The error lists the known folds."""
    with pytest.raises(UsageError, match=r"no fold 'hamza'.*dediac"):
        _clean_file(sample_path(), tmp_path / "out.jsonl", fold=("hamza",))


# --- files ---


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a dirty file of several shards."""
    path = tmp_path_factory.mktemp("large") / "large.jsonl"
    text = dirty_path().read_bytes()
    path.write_bytes(text * (9_500_000 // len(text) + 1))
    assert len(list(plan_of(path))) == 3
    return path


def plan_of(path: Path) -> list[Any]:
    """Return the shards of a file."""
    return list(plan_shards(Inputs.of([str(path)]).files))


@pytest.mark.parametrize("ending", [".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet"])
def test_workers_do_not_change_a_byte(ending: str, tmp_path: Path) -> None:
    """One, two and three processes write the same records, rejects, trace and report of a file of many shards."""
    written = []
    for workers in (1, 2, 3):
        target, rejects, trace, report = (
            tmp_path / f"{workers}{name}" for name in (ending, "r.jsonl", "t.jsonl", ".json")
        )
        target = tmp_path / str(workers) / f"out{ending}"
        outputs = Outputs(target, rejects, report, trace, shard_bytes=200_000)
        clean([str(dirty_path())], outputs, CleanOptions(work=Work(workers=workers)))
        facts = json.loads(report.read_text(encoding="utf-8"))
        facts.pop("output")
        written.append((target.read_bytes(), rejects.read_bytes(), trace.read_bytes(), facts))
    assert written[0] == written[1] == written[2]


def test_a_killed_run_leaves_nothing_under_the_final_name(large: Path, tmp_path: Path) -> None:
    """SIGKILL during writing leaves no output under its final name."""
    target = tmp_path / "out.jsonl"
    extra = ["--report", tmp_path / "report.json", "--trace", tmp_path / "trace.jsonl"]
    command = [sys.executable, "-m", "dataset_tools", "clean", large, "-o", target, *extra]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not any(path.stat().st_size for path in tmp_path.glob(".out.jsonl.*.partial")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")] == []


def test_an_error_in_the_middle_keeps_the_earlier_output(tmp_path: Path) -> None:
    """If writing fails, the file of an earlier run stays and no temporary file is left."""
    target = tmp_path / "out.jsonl"
    target.write_text("earlier", encoding="utf-8")

    def fail(shard: Shard, _: ShardResult) -> None:
        if shard.index:
            raise OutputError("no space left")

    outputs = Outputs(target, shard_bytes=50_000)
    with pytest.raises(OutputError):
        clean([str(sample_path())], outputs, on_shard=fail)
    assert target.read_text(encoding="utf-8") == "earlier"
    assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]


def test_a_reject_holds_place_reason_and_row(tmp_path: Path) -> None:
    """Each reject holds file, line, code, reason, hint and the row; rejects of an earlier run are removed."""
    good, target = _row("مرحبا", {}, {}), tmp_path / "out.jsonl"
    source = _write(tmp_path / "in.jsonl", [good, {"سؤال": "كيفك؟"}])
    with source.open("a", encoding="utf-8") as file:
        file.write('{"id": 7, "messages": [\n')
    report = _clean_file(source, target)
    rejects = [json.loads(line) for line in (tmp_path / "out.rejects.jsonl").read_text(encoding="utf-8").splitlines()]
    assert report.rejected == {"unknown-layout": 1, "unreadable-row": 1}
    assert [list(reject) for reject in rejects] == [["file", "line", "code", "reason", "hint", "row"]] * 2
    assert [(reject["file"], reject["line"], reject["code"]) for reject in rejects] == [
        ("in.jsonl", 2, "unknown-layout"),
        ("in.jsonl", 3, "unreadable-row"),
    ]
    assert [reject["row"] for reject in rejects] == [{"سؤال": "كيفك؟"}, '{"id": 7, "messages": [']
    _clean_file(_write(source, [good]), target)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl"]


def test_rows_in_another_encoding_are_rejected_with_its_name(tmp_path: Path) -> None:
    """Text of a recognised encoding that cannot be repaired is rejected."""
    garbage = "كيف الطقس في جدة اليوم يا صديقي".encode("cp720").decode("cp1252", "replace").replace("\ufffd", "")
    rows = [_row(garbage, {}, {}), _row("كيف الطقس؟", {}, {})]
    report = _clean_file(_write(tmp_path / "in.jsonl", rows), tmp_path / "out.jsonl")
    assert report.rows_in == report.rows_out + sum(report.rejected.values())
    assert report.rejected == {"undecodable-text": 1}


def test_a_file_without_a_readable_row_is_an_error(tmp_path: Path) -> None:
    """The error names the first row's reason, and nothing is written."""
    source = _write(tmp_path / "in.jsonl", [{"prompt": "مرحبا"}])
    with pytest.raises(InputError, match=r"none of 1 rows could be used; the first: line 1: .*prompt"):
        _clean_file(source, tmp_path / "out.jsonl")
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


def test_the_report_holds_the_run(tmp_path: Path) -> None:
    """The report holds command, versions, options, inputs, output, counts, and three samples per rule."""
    outputs = Outputs(tmp_path / "out.jsonl", tmp_path / "rejects.jsonl", tmp_path / "report.json")
    clean([str(dirty_path())], outputs, CleanOptions(fold=("alef",)))
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert list(report) == [
        "command", "version", "python", "options", "inputs", "output",
        "rows_in", "rows_out", "rejected", "rules", "renamed_tools",
    ]  # fmt: skip
    assert report["command"] == "clean"
    assert report["options"] == {
        "fold": ["alef"], "developer_turn": True, "layout": "", "tools_file": "", "rename_tools": False,
    }  # fmt: skip
    assert (report["inputs"], report["output"]) == ([str(dirty_path())], str(outputs.records))
    assert (report["rows_in"], report["rows_out"]) == (480, 456)
    assert report["rejected"] == {"unknown-layout": 8, "unreadable-row": 16}
    for rule, entry in report["rules"].items():
        assert list(entry) == ["rows", "changes", "samples"]
        assert 0 < entry["rows"] <= entry["changes"]
        assert len(entry["samples"]) == min(3, entry["changes"])
        keys_of = ["id", "file", "line", "rule", "path", "before", "after"]
        assert all(list(sample) == keys_of and sample["rule"] == rule for sample in entry["samples"])


def test_the_trace_holds_every_change(tmp_path: Path) -> None:
    """The trace has one line per counted change, with path, before and after."""
    outputs = Outputs(tmp_path / "out.jsonl", tmp_path / "rejects.jsonl", trace=tmp_path / "trace.jsonl.gz")
    report = clean([str(dirty_path())], outputs)
    lines = [json.loads(line) for line in gzip.decompress(outputs.trace.read_bytes()).splitlines()]  # type: ignore[union-attr]
    assert len(lines) == sum(rule["changes"] for rule in report.rules.values())
    stretched = next(line for line in lines if line["rule"] == "tatweel" and line["line"] == 14)
    assert (stretched["id"], stretched["line"], stretched["path"]) == ("sample-0014", 14, "messages[1].content")
    assert stretched["before"].replace("ـ", "") == stretched["after"].replace("ـ", "")


@pytest.mark.parametrize(
    "outputs,message",
    [
        (Outputs(Path("a.jsonl"), Path("a.jsonl")), "named for two outputs"),
        (Outputs(Path("a.jsonl"), Path("r.jsonl"), trace=Path("b/../a.jsonl")), "named for two outputs"),
        (Outputs(Path("a.jsonl"), Path("r.parquet")), "written as lines"),
        (Outputs(Path("a.jsonl"), Path("r.jsonl"), trace=Path("t.parquet")), "written as lines"),
        (Outputs(Path("in.jsonl"), Path("r.jsonl")), "overwrite an input"),
    ],
)
def test_conflicting_outputs_are_refused(
    outputs: Outputs, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No output may be an input, another output, or lines under a Parquet name; nothing is written then."""
    monkeypatch.chdir(tmp_path)
    _write(tmp_path / "in.jsonl", [_row("مرحبا", {}, {})])
    with pytest.raises(UsageError, match=message):
        clean(["in.jsonl"], outputs)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["in.jsonl"]


@pytest.mark.parametrize(
    "records_name,expected",
    [
        ("a.jsonl", "a.rejects.jsonl"),
        ("train.v2.jsonl.gz", "train.v2.rejects.jsonl"),
        ("b/c.parquet", "b/c.rejects.jsonl"),
    ],
)
def test_default_names_of_rejects(records_name: str, expected: str) -> None:
    """The rejects file is named after the output without its ending."""
    assert Outputs(Path(records_name)).default_rejects == Path(expected)


def test_too_deep_json_text_is_rejected() -> None:
    """A row with JSON arguments nested too deeply to be read again is rejected."""
    deep = _row("مرحبا", {}, {})
    _call(deep)["arguments"] = '{"a":' + "[" * 900 + "]" * 900 + "}"
    rows, report = _clean_rows([deep, _row("أهلا", {}, {})])
    assert report.rejected == {"unreadable-json": 1}
    assert len(rows) == 1


_CALL = {"type": "function", "function": {"name": "w", "arguments": {"city": "جدة"}}}
_GOOD_ROW = {
    "messages": [{"role": "user", "content": "كيف الطقس في جدة؟"}, {"role": "assistant", "tool_calls": [_CALL]}],
    "tools": [{"type": "function", "function": {"name": "w", "parameters": {"type": "object"}}}],
}


def _with(*messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {**_GOOD_ROW, "messages": [*_GOOD_ROW["messages"], *messages], **fields}


def _with_call(**fields: Any) -> dict[str, Any]:
    return _with({"role": "assistant", "tool_calls": [{**_CALL, "function": {**_CALL["function"], **fields}}]})


_ODD = [{"a": 1}, 5, [], ["w"], True, False, ""]


@pytest.mark.parametrize("rename", [False, True], ids=["names", "rename"])
@pytest.mark.parametrize(
    "row",
    [
        *[_with({"role": "tool", "name": odd, "content": "حار"}) for odd in _ODD],
        *[_with({"role": "user", "name": odd, "content": "شكرا"}) for odd in _ODD],
        *[_with({"role": odd, "content": "شكرا"}) for odd in _ODD],
        *[_with({"role": "user", "content": odd}) for odd in (5, [5], True)],
        *[_with_call(name=odd) for odd in _ODD],
        *[_with_call(arguments=odd) for odd in (5, [], ["w"], True)],
        *[_with(tools=[{"type": "function", "function": {"name": odd}}]) for odd in _ODD],
        *[_with(tools=[{"type": "function", "function": {"name": "w", "parameters": odd}}]) for odd in (5, ["w"])],
        *[_with(id=odd) for odd in _ODD],
        *[_with(source=odd) for odd in _ODD],
        *[_with({"role": "tool", "tool_call_id": odd, "content": "حار"}) for odd in _ODD],
    ],
)
def test_a_row_of_odd_types_has_the_outcome_of_import(row: dict[str, Any], *, rename: bool, tmp_path: Path) -> None:
    """The other rows are written, and the odd row is a reject with the code that import gives."""
    rows = [_GOOD_ROW, row, _with({"role": "user", "content": "و"})]
    source = _write(tmp_path / "in.jsonl", rows)
    cleaned = _clean_file(source, tmp_path / "clean.jsonl", rename_tools=rename)
    outputs = Outputs(tmp_path / "import.jsonl", tmp_path / "import.rejects.jsonl")
    imported = import_data([str(source)], outputs, ImportOptions(rename_tools=rename))
    assert cleaned.rejected == imported.rejected
    assert "defect" not in cleaned.rejected
    assert cleaned.rows_out + sum(cleaned.rejected.values()) == len(rows)
    assert cleaned.rows_out >= len(rows) - 1


def test_any_exception_of_a_row_is_a_reject(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unexpected exception rejects its row only, and the reject names it."""

    def fail(_self: Repairer, messages: list[dict[str, Any]], _log: object) -> None:
        if messages[-1].get("content") == "شكرا":
            raise ZeroDivisionError("by nothing")

    monkeypatch.setattr(Repairer, "_texts", fail)
    rows = [_GOOD_ROW, _with({"role": "user", "content": "شكرا"}), _GOOD_ROW]
    report = _clean_file(_write(tmp_path / "in.jsonl", rows), tmp_path / "clean.jsonl")
    assert (report.rows_out, report.rejected) == (2, {"defect": 1})
    reject = json.loads((tmp_path / "clean.rejects.jsonl").read_bytes())
    assert (reject["file"], reject["line"], reject["code"]) == ("in.jsonl", 2, "defect")
    assert reject["reason"] == "ZeroDivisionError: by nothing"
