"""Rows of text files: each bad row is reported with its line, each good one is unchanged."""

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset_tools.errors import RowError
from dataset_tools.io.json_text import dump_line, dump_text, parse_json, parse_row
from dataset_tools.readers.json_array import ArrayError, split_elements
from tests.dataset_tools.io.stages import reason, rows_of
from tests.properties import examples

ROOT = Path(__file__).parents[3]
GOOD = b'{"a":1}\n'

UNREADABLE = {
    "NaN": (b'{"a": NaN}', "NaN at column 7 is not JSON; write null or a number"),
    "Infinity": (b'{"a": Infinity}', "Infinity at column 7 is not JSON"),
    "-Infinity": (b'{"a": -Infinity}', "-Infinity at column 8 is not JSON"),
    "too large": (b'{"a": 1e999}', "number is infinity"),
    "lone surrogate": (b'{"a": "\\ud83d"}', "a lone surrogate"),
    "encoded surrogate": (b'{"a": "\xed\xa0\xbd"}', "not UTF-8: byte 0xED at offset 7"),
    "NUL": (b'{"a": "x\0y"}', "a NUL byte at column 9"),
    "list": (b"[1, 2]", "the row is a list, not an object"),
    "text": (b'"a"', "the row is text"),
    "number": (b"7", "the row is a number"),
    "null": (b"null", "the row is null"),
    "cut off": (b'{"a": "x', "the row ends too early"),
    "python": (b"{'a': 1}", "single quotes are Python"),
    "csv": (b"id,text", "not JSON: 'id,text' at column 1"),
    "nested": (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "nested deeper than 254 levels"),
    "nested less": (b'{"a":' * 300 + b"1" + b"}" * 300, "nested deeper than 254 levels"),
    "twice": (b'{"city": 1, "city": 2}', "duplicate key 'city' in one object"),
    "twice, deep": (b'{"x": [{"city": 1, "city": 1}]}', "duplicate key 'city'"),
    "twice, escaped": (b'{"city": 1, "c\\u0069ty": 2}', "duplicate key 'city'"),
    "twice, hidden": (b'{"a": "\\u0022\\u0022", "a": ""}', "duplicate key 'a'"),
    "long integer": (b'{"a": 12345678901234567890123}', "the number 12345678901234567890123 exceeds 64 bits"),
    "long negative": (b'{"a": -9223372036854775809}', "the number -9223372036854775809 exceeds 64 bits"),
    "windows-1256": (
        '{"a": "ما هي حالة الطقس في مدينة الرياض اليوم"}'.encode("cp1256"),
        "iconv -f WINDOWS-1256 -t UTF-8",
    ),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_a_bad_row_has_a_reason(case: str, tmp_path: Path) -> None:
    """Each kind of bad row has its reason, alone and between good rows."""
    raw, expected = UNREADABLE[case]
    path = tmp_path / "x.jsonl"
    path.write_bytes(raw)
    assert expected in reason(path)
    path.write_bytes(GOOD + raw + b"\r\n" + GOOD)
    rows = rows_of(path)
    assert [row.value for row in rows] == [{"a": 1}, None, {"a": 1}]
    assert rows[1].line == 2
    assert rows[1].raw == raw


def test_csv_named_jsonl(tmp_path: Path) -> None:
    """Every line of a CSV file is an unreadable row with a hint."""
    path = tmp_path / "x.jsonl"
    path.write_text("id,text\n1,سلام\n")
    assert [row.line for row in rows_of(path)] == [1, 2]
    assert all("CSV" in str(row.error) for row in rows_of(path)[:1])


def test_byte_order_mark_blank_lines_and_line_ends(tmp_path: Path) -> None:
    """A byte order mark, CRLF, blank lines and a missing last newline change no row, and blank lines count."""
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a":1}\r\n\r\n  \n{"a":2}\n\n{"a":3}')
    assert [(row.line, row.value) for row in rows_of(path)] == [(1, {"a": 1}), (4, {"a": 2}), (6, {"a": 3})]


def test_a_huge_line_is_skipped_in_bounded_memory(tmp_path: Path) -> None:
    """A line of 50 MB is one unreadable row that is never in memory; the next rows are read."""
    path = tmp_path / "x.jsonl"
    with path.open("wb") as file:
        file.write(GOOD + b'{"a":"')
        for _ in range(50):
            file.write(b"x" * (1 << 20))
        file.write(b'"}\n' + GOOD)
    script = """
import resource, sys
from pathlib import Path
from tests.dataset_tools.io.stages import rows_of
base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
rows = rows_of(Path(sys.argv[1]))
print([(row.line, str(row.error)) for row in rows])
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base) // 1024)
"""
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, cwd=ROOT, check=True)
    rows, growth = done.stdout.splitlines()
    assert "(2, 'the row has 50 MB, more than 16 MB" in rows
    assert "(1, 'None')" in rows
    assert "(3, 'None')" in rows
    assert int(growth) < 120


@pytest.mark.parametrize("ending", ["gz", "zst"])
def test_truncated_compressed_text(ending: str, tmp_path: Path) -> None:
    """The rows before the cut are read, then one row with an error stands for the rest."""
    lines = b"".join(dump_line({"n": number, "s": str(hash(str(number)))}) for number in range(50_000))
    packed = gzip.compress(lines) if ending == "gz" else zstandard.compress(lines)
    path = tmp_path / f"x.jsonl.{ending}"
    path.write_bytes(packed[: len(packed) // 2])
    *rows, lost = rows_of(path)
    assert len(rows) > 100
    assert [row.value["n"] for row in rows if row.value] == list(range(len(rows)))
    assert (lost.line, lost.value) == (len(rows) + 1, None)
    assert lost.error is not None
    assert lost.error.code == "damaged-file"
    assert "truncated" in lost.error.what


@pytest.mark.parametrize("ending", ["gz", "zst"])
def test_members_and_frames_join(ending: str, tmp_path: Path) -> None:
    """Several gzip members or zstd frames in one file are read completely."""
    pack = gzip.compress if ending == "gz" else zstandard.compress
    path = tmp_path / f"x.jsonl.{ending}"
    path.write_bytes(pack(GOOD) + pack(b"") + pack(b'\n{"a":') + pack(b"2}\n"))
    assert [(row.line, row.value) for row in rows_of(path)] == [(1, {"a": 1}), (3, {"a": 2})]


def test_damaged_gzip_data(tmp_path: Path) -> None:
    """Damaged data is one row with an error, after the rows before it."""
    packed = bytearray(gzip.compress(GOOD * 1000 + bytes(range(256)) * 100))
    packed[len(packed) // 2] ^= 0xFF
    path = tmp_path / "x.jsonl.gz"
    path.write_bytes(packed)
    *rows, lost = rows_of(path)
    assert rows
    assert str(lost.error).startswith("damaged gzip data: ")


@pytest.mark.parametrize(
    "text, values",
    [
        (b'[{"a":1}, {"a":"],[\\"}"},\n{"a":[{}]}]', [{"a": 1}, {"a": '],["}'}, {"a": [{}]}]),
        (b" [ ] \n", []),
        (b'{\n "a": 1\n}\n', [{"a": 1}]),
        (b'{\n "a": 1\n}\n{\n "a": {"b": 2}\n}', [{"a": 1}, {"a": {"b": 2}}]),
        (b'{"a":1}\n{"a":2}\n', [{"a": 1}, {"a": 2}]),
        (b'\xef\xbb\xbf[{"a":1},]', [{"a": 1}]),
    ],
)
def test_every_form_of_json_file(text: bytes, values: list[Any], tmp_path: Path) -> None:
    """An array, objects over several lines and JSON Lines are all read from a .json file, numbered from 1."""
    path = tmp_path / "x.json"
    path.write_bytes(text)
    assert [row.value for row in rows_of(path)] == values
    assert [row.line for row in rows_of(path)] == list(range(1, len(values) + 1))


def test_bad_elements_of_an_array(tmp_path: Path) -> None:
    """A bad element is one bad row; other elements are read."""
    path = tmp_path / "x.json"
    path.write_bytes(b'[{"a":1}, 5, {"a":NaN}, , {"a":1], {"a":2,"a":3}, {"a":4}]')
    rows = rows_of(path)
    assert [row.line for row in rows] == [1, 2, 3, 4, 5, 6, 7]
    assert [row.value for row in rows] == [{"a": 1}, None, None, None, None, None, {"a": 4}]
    assert "nothing between two commas" in str(rows[3].error)


@pytest.mark.parametrize(
    "text, expected",
    [
        (b'[{"a":1}, {"a":', "truncated"),
        (b'[{"a":1},', "truncated"),
        (b'[{"a":1}\n', "truncated"),
        (b'[{"a":1}] {"b":2}', "after the end"),
    ],
)
def test_a_truncated_array(text: bytes, expected: str, tmp_path: Path) -> None:
    """The elements before the end are read, then one row with an error stands for the rest."""
    path = tmp_path / "x.json"
    path.write_bytes(text)
    first, lost = rows_of(path)
    assert first.value == {"a": 1}
    assert (lost.line, lost.value) == (2, None)
    assert expected in str(lost.error)


def test_a_huge_element_is_skipped() -> None:
    """An element over the limit has only a size, and the next one is read."""
    chunks = [b'[{"a":"', *([b"x" * (1 << 20)] * 17), b'"},{"b":1}]']
    first, second = split_elements(chunks)
    assert first.raw == b""
    assert first.size > 17 << 20
    assert (second.number, second.raw) == (2, b'{"b":1}')


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


@given(st.lists(JSON.filter(lambda value: value != ""), max_size=5), st.integers(1, 20), st.sampled_from([None, 1]))
def test_elements_do_not_depend_on_the_chunks(values: list[Any], size: int, indent: int | None) -> None:
    """Any array yields its elements, for any chunks."""
    text = json.dumps(values, ensure_ascii=False, indent=indent).encode()
    chunks = [text[start : start + size] for start in range(0, len(text), size)]
    assert [json.loads(line.raw) for line in split_elements(chunks)] == values


@given(st.binary(max_size=40).map(lambda text: b"[" + text) | st.text('[]{}",\\a ', max_size=30).map(str.encode))
def test_the_splitter_never_crashes(text: bytes) -> None:
    """Any bytes yield the same elements or the same error, for any chunks."""

    def outcome(chunks: list[bytes]) -> tuple[list[bytes], str]:
        found: list[bytes] = []
        try:
            found.extend(line.raw for line in split_elements(chunks))
        except ArrayError as error:
            return found, str(error)
        return found, ""

    whole = outcome([text])
    assert outcome([text[index : index + 1] for index in range(len(text))])[1] == whole[1]


def _write(draw: st.DrawFn, value: Any) -> str:
    """Return JSON text of ``value`` with random spaces, escapes and duplicate keys."""
    space = draw(st.sampled_from(["", "", " ", "\t", "  "]))
    if isinstance(value, dict):
        pairs = list(value.items())
        if pairs and draw(st.integers(0, 5)) == 0:
            pairs.append((draw(st.sampled_from(pairs))[0], draw(st.sampled_from(["", None, ':":', {"a": 1}]))))
        items = (f"{_write(draw, key)}{space}:{space}{_write(draw, item)}" for key, item in pairs)
        return "{" + f"{space},".join(items) + "}"
    if isinstance(value, list):
        return "[" + f",{space}".join(_write(draw, item) for item in value) + "]"
    if isinstance(value, str) and draw(st.booleans()):
        return '"' + "".join(f"\\u{ord(char):04x}" if ord(char) < 0x10000 else char for char in value) + '"'
    return json.dumps(value, ensure_ascii=draw(st.booleans()))


@st.composite
def spellings(draw: st.DrawFn) -> bytes:
    """Return random JSON text."""
    text = st.text('ab":\\\u00e9ع\n', max_size=4)
    number = st.integers(-(2**70), 2**70) | st.integers(-(10**18), 10**20) | st.integers(0, 9)
    inner = st.recursive(
        number | text | st.none() | st.floats(allow_nan=False, allow_infinity=False),
        lambda nested: st.lists(nested, max_size=3) | st.dictionaries(text, nested, max_size=4),
        max_leaves=10,
    )
    return _write(draw, draw(st.dictionaries(text, inner, max_size=4))).encode()


def _loses(raw: bytes) -> bool:
    """Return, slowly, whether a key is duplicate or an integer fits neither 64 bits nor a double."""
    lost = False

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal lost
        lost |= len({key for key, _ in found}) < len(found)
        return dict(found)

    def integer(digits: str) -> int:
        nonlocal lost
        number = int(digits)
        lost |= not (-(2**63) <= number < 2**64 or int(float(number)) == number)
        return number

    json.loads(raw, object_pairs_hook=pairs, parse_int=integer)
    return lost


@settings(max_examples=examples(250))
@given(spellings())
def test_the_fast_check_agrees_with_the_slow_one(raw: bytes) -> None:
    """A row is refused if and only if reading it would drop a key or round an integer."""
    if _loses(raw):
        with pytest.raises(RowError):
            parse_row(raw)
    else:
        assert parse_row(raw) == orjson.loads(raw)


@given(JSON)
def test_text_round_trip(value: Any) -> None:
    """Written values are read back equal, in one line."""
    assert parse_json(dump_text(value).encode()) == value
    assert dump_line(value) == dump_text(value).encode() + b"\n"
    assert dump_line(value).count(b"\n") == 1


def test_writing_what_orjson_refuses() -> None:
    """Deep nesting and long integers, as in JSON text inside a row, can be written."""
    deep: Any = 2**80
    for _ in range(300):
        deep = [deep]
    assert json.loads(dump_line(deep)) == deep
