"""The bundled sample: reproducible, balanced, valid and grounded; the dirty copy has the listed defects only."""

import json
import re
import unicodedata
from collections import Counter
from functools import cache
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import schemas
from dataset_tools.bundled import defects_path, dirty_path, sample_path
from dataset_tools.bundled.catalogue import DIALECTS, domains, phrases, slot_values, tools
from tools.sample import make_dirty, make_sample
from tools.sample.defects import DEFECTS, LINE_DEFECTS

ROWS = 480
DEVELOPER = "You are a model that can do function calling with the following functions"
RESERVED = {"type", "description", "properties", "required", "nullable"}
DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩٫", "0123456789.")


@cache
def records() -> list[dict[str, Any]]:
    """Return the parsed clean sample."""
    return [json.loads(line) for line in sample_path().read_text(encoding="utf-8").splitlines()]


@cache
def defects() -> list[dict[str, Any]]:
    """Return the listed defects."""
    listed: list[dict[str, Any]] = json.loads(defects_path().read_text(encoding="utf-8"))
    return listed


def calls(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the calls of a row, in order."""
    return [call["function"] for message in record["messages"] for call in message.get("tool_calls", [])]


def declared(record: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the parameters of each offered tool."""
    return {tool["function"]["name"]: tool["function"]["parameters"] for tool in record["tools"]}


def leaves(value: Any, schema: dict[str, Any]) -> list[tuple[Any, dict[str, Any]]]:
    """Yield each plain value of an argument, with its schema."""
    if isinstance(value, list):
        return [leaf for item in value for leaf in leaves(item, schema["items"])]
    if isinstance(value, dict):
        return [leaf for name, item in value.items() for leaf in leaves(item, schema["properties"][name])]
    return [(value, schema)]


def test_sample_is_reproducible() -> None:
    """The committed sample is that of the script, byte for byte."""
    assert make_sample.make().encode() == sample_path().read_bytes()


def test_dirty_sample_is_reproducible() -> None:
    """The committed dirty sample and its list are those of the script, byte for byte."""
    dirty, listed = make_dirty.make(sample_path().read_text(encoding="utf-8"))
    assert dirty.encode() == dirty_path().read_bytes()
    assert listed.encode() == defects_path().read_bytes()


def test_counts_are_balanced() -> None:
    """Dialects and domains have the same number of rows, and each kind of conversation its share."""
    assert len(records()) == ROWS
    assert sample_path().stat().st_size < 1_500_000
    assert len(tools()) == 28
    cells = Counter((record["dialect"], record["domain"]) for record in records())
    assert cells == dict.fromkeys([(dialect, domain) for dialect in DIALECTS for domain in domains()], 12)
    kinds = Counter(record["meta"]["kind"] for record in records())
    assert kinds == {"single": 260, "parallel": 60, "multi-turn": 80, "negative": 80}
    called = Counter(call["name"] for record in records() for call in calls(record))
    assert called.keys() == tools().keys()
    assert {len(record["tools"]) for record in records()} == {4, 5, 6}


def test_every_tool_belongs_to_one_domain() -> None:
    """Each tool is in one domain, and has phrases in all dialects."""
    named = [name for names in domains().values() for name in names]
    assert sorted(named) == sorted(tools())
    for domain, names in domains().items():
        for name in names:
            texts = phrases(domain)["tools"][name]["phrases"]
            assert tuple(texts) == DIALECTS
            assert all(len({str(text) for text in group}) >= 4 for group in texts.values())


def test_tools_are_declared_as_the_chat_template_needs() -> None:
    """Tools are valid JSON Schema with Arabic descriptions, without names that the template drops."""
    for tool in tools().values():
        parameters = tool["function"]["parameters"]
        Draft202012Validator.check_schema(parameters)
        assert re.search("[\u0621-\u064a]", tool["function"]["description"])
        for name, item in parameters["properties"].items():
            assert re.fullmatch("[a-z]+(_[a-z]+)*", name)
            assert name not in RESERVED
            assert re.search("[\u0621-\u064a]", item["description"])


def test_rows_follow_the_record_schema() -> None:
    """Each row is a record with id, line and a first developer turn."""
    validator = Draft202012Validator(schemas.load("record"))
    for line, record in enumerate(records(), start=1):
        validator.validate(record)
        assert list(record) == ["id", "messages", "tools", "dialect", "domain", "source", "meta"]
        assert record["id"] == f"sample-{line:04d}"
        assert record["source"] == {"dataset": "arabic-functiongemma-sample", "file": "sample.jsonl", "line": line}
        assert record["messages"][0] == {"role": "developer", "content": DEVELOPER}
        assert record["meta"]["tools_called"] == [call["name"] for call in calls(record)]


def test_turns_are_complete() -> None:
    """Calls before the end are answered in order, and each row ends with calls or text."""
    for record in records():
        messages = record["messages"]
        for index, message in enumerate(messages[:-1]):
            if "tool_calls" in message:
                names = [call["function"]["name"] for call in message["tool_calls"]]
                results = messages[index + 1 : index + 1 + len(names)]
                assert [result.get("name") for result in results] == names
                assert all(isinstance(result["content"], dict) for result in results)
        assert messages[-1]["role"] == "assistant"
        assert all(not isinstance(text := message.get("content", "?"), str) or text.strip() for message in messages)
        assert (record["meta"]["kind"] == "negative") == (not calls(record))


def test_calls_are_valid() -> None:
    """Each call names an offered tool, and its arguments satisfy the schema, without other keys."""
    for record in records():
        for call in calls(record):
            schema = {**declared(record)[call["name"]], "additionalProperties": False}
            Draft202012Validator(schema).validate(call["arguments"])


def test_arguments_are_grounded() -> None:
    """Each argument value is in the conversation before its call, or in an enum."""
    for record in records():
        text = ""
        for message in record["messages"]:
            for call in message.get("tool_calls", []):
                schema = declared(record)[call["function"]["name"]]
                for value, item in leaves(call["function"]["arguments"], schema):
                    if isinstance(value, bool) or value in item.get("enum", ()):
                        continue
                    assert str(value) in text or str(value) in text.translate(DIGITS), (record["id"], value)
            text += f"\n{message.get('content', '')}"


def test_position_of_the_called_tool_is_uniform() -> None:
    """The called tool is at each position about equally often."""
    for size in (4, 5, 6):
        places = Counter(
            list(declared(record)).index(calls(record)[0]["name"])
            for record in records()
            if len(record["tools"]) == size and len(set(record["meta"]["tools_called"])) == 1
        )
        expected = sum(places.values()) / size
        assert len(places) == size
        # The 99.9% point of chi-square is below 21 for up to five degrees of freedom.
        assert sum((count - expected) ** 2 / expected for count in places.values()) < 21


def test_no_query_repeats() -> None:
    """No two rows start with the same question, also without digits and marks."""
    keys: Counter[str] = Counter()
    for record in records():
        text = record["messages"][1]["content"].translate(DIGITS)
        keys["".join(c for c in text if not unicodedata.combining(c))] += 1
    assert max(keys.values()) == 1


def test_text_is_clean() -> None:
    """The sample has no defect of letters."""
    text = sample_path().read_text(encoding="utf-8")
    assert unicodedata.is_normalized("NFC", text)
    # Tatweel before a space is allowed: it joins a particle, as in "الـ 3" and "بـ 300".
    assert not re.search("\u0640[\u0621-\u064a]", text)
    dirt = "\u06cc\u06a9\ufb50-\ufdff\ufe70-\ufeff\u200b-\u200f\u202a-\u202e\u2066-\u2069\u00a0\u00ad"
    assert not re.search(f"[{dirt}]", text)


def test_text_is_varied() -> None:
    """Some requests have diacritics, some Arabic-Indic digits, some Latin names."""
    queries = [record["messages"][1]["content"] for record in records()]
    for pattern in ("[\u064e-\u0650\u0652]", "[٠-٩]", "[A-Za-z]{2}", "؟", "،"):
        assert sum(bool(re.search(pattern, query)) for query in queries) >= 15, pattern


@pytest.mark.parametrize("dialect", DIALECTS)
def test_slots_have_values_in_each_dialect(dialect: str) -> None:
    """Values are text or numbers, and no list is empty."""
    for name in ("city", "date", "district", "amount", "service"):
        assert slot_values(name, dialect)


def test_listed_rows_differ_and_others_do_not() -> None:
    """The list has exactly the lines that differ from the clean sample."""
    clean = sample_path().read_text(encoding="utf-8").splitlines()
    dirty = dirty_path().read_text(encoding="utf-8").split("\n")[:-1]
    assert len(dirty) == len(clean)
    changed = {line for line, pair in enumerate(zip(clean, dirty, strict=True), start=1) if pair[0] != pair[1]}
    assert changed == {defect["line"] for defect in defects()}
    assert all(defect["id"] == f"sample-{defect['line']:04d}" for defect in defects())


def test_each_defect_has_eight_rows() -> None:
    """Every kind of defect is in eight rows, one defect per row."""
    counts = Counter(defect["defect"] for defect in defects())
    names = [*(defect.name for defect in DEFECTS), *LINE_DEFECTS, "duplicate-query", "result-json"]
    assert counts == dict.fromkeys(names, 8)
    assert len({defect["line"] for defect in defects()}) == len(defects())
    assert all(defect["repairable"] == (defect["rule"] is not None) for defect in defects())


def test_paths_of_defects_exist() -> None:
    """Each listed path exists in its row, unless the damage removed it."""
    dirty = dirty_path().read_text(encoding="utf-8").split("\n")
    gone = {"missing-argument"}
    for defect in defects():
        if not defect["path"] or defect["defect"] in gone:
            continue
        value = json.loads(dirty[defect["line"] - 1])
        for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", defect["path"]):
            value = value[int(index)] if index else value[name]


def test_repeated_queries_repeat() -> None:
    """Each duplicate starts with the question of an earlier undamaged row."""
    dirty = dirty_path().read_text(encoding="utf-8").split("\n")
    for defect in defects():
        if defect["defect"] == "duplicate-query":
            query = json.loads(dirty[defect["line"] - 1])["messages"][1]["content"]
            assert any(record["messages"][1]["content"] == query for record in records()[: defect["line"] - 1])
