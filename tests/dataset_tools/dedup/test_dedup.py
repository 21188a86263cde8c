"""Dedup of one file: exact and near duplicates, conflicts and twins."""

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataset_tools.arabic.compare import compare_key
from dataset_tools.bundled import defects_path, dirty_path, sample_path
from dataset_tools.dedup.dedup import DedupOptions, dedup
from dataset_tools.dedup.keys import call_key
from dataset_tools.dedup.minhash import similarity
from dataset_tools.errors import UsageError
from dataset_tools.executor.run import Work
from dataset_tools.pipeline.outputs import Outputs
from dataset_tools.pipeline.stage import RunReport
from tests.dataset_tools.dedup.made_rows import read, row, write

NEAR = "كم تبعد أقرب صيدلية مناوبة عن بيتي في حي الروضة يا صديقي"
CALL = ("a", {"city": "جدة"})


def run(folder: Path, rows: Any, **options: Any) -> tuple[RunReport, list[str], dict[str, tuple[str, str]]]:
    """Return the report, the kept ids, and code and repeated id of each dropped row."""
    source = write(folder / "in.jsonl", rows)
    outputs = Outputs(folder / "out.jsonl", folder / "rejects.jsonl")
    report = dedup([source], outputs, DedupOptions(**options))
    rejects = {reject["row"]["id"]: (reject["code"], reject["repeats"]) for reject in read(outputs.rejects)}
    return report, [kept["id"] for kept in read(outputs.records)], rejects


def test_spellings_of_one_question_are_equal(tmp_path: Path) -> None:
    """Diacritics, tatweel, alef, yeh, teh marbuta, digits, punctuation and spaces are ignored; the text is kept."""
    first = row("1", "أين ٣ مكتبات في القاهرة؟", CALL)
    rows = [
        first,
        row("2", "اين 3 مكتبات  في القاهره", CALL),
        row("3", "أَيْنَ ٣ مكتبـات في القاهرة؟!", CALL),
        row("4", "اين ۳ مکتبات فى القاهرة", CALL),
        row("5", "أين ٤ مكتبات في القاهرة؟", CALL),
    ]
    _, kept, rejects = run(tmp_path, rows, near=None)
    assert kept == ["1", "5"]
    assert rejects == dict.fromkeys("234", ("duplicate", "1"))
    assert read(tmp_path / "out.jsonl")[0]["messages"][0]["content"] == "أين ٣ مكتبات في القاهرة؟"


def test_a_reject_names_the_repeated_row_and_its_line(tmp_path: Path) -> None:
    """A reject holds file, line, code, reason, repeated id and the unchanged row."""
    rows = [row("1", "سؤال", CALL), row("2", "سؤال؟", CALL)]
    run(tmp_path, rows)
    assert read(tmp_path / "rejects.jsonl") == [
        {
            "file": "in.jsonl",
            "line": 2,
            "code": "duplicate",
            "reason": "asks and calls the same as '1' (line 1)",
            "hint": "the first is kept",
            "repeats": "1",
            "row": rows[1],
        }
    ]


def test_the_same_row_in_another_file_is_found(tmp_path: Path) -> None:
    """The reason names the other file."""
    one = write(tmp_path / "one.jsonl", [row("1", "سؤال", CALL)])
    two = write(tmp_path / "two.jsonl", [row("2", "سؤال", CALL), row("3", "غيره", CALL)])
    outputs = Outputs(tmp_path / "out.jsonl", tmp_path / "rejects.jsonl")
    dedup([one, two], outputs)
    [reject] = read(outputs.rejects)
    assert reject["reason"] == f"asks and calls the same as '1' ({one} line 1)"
    assert [kept["id"] for kept in read(outputs.records)] == ["1", "3"]


def test_one_question_with_other_tools_is_kept(tmp_path: Path) -> None:
    """A row that does not offer the tool that the other row calls is kept."""
    rows = [row("1", "سؤال", CALL), row("2", "سؤال", offered=["b"]), row("3", "سؤال", ("b", {}), offered=["b"])]
    _, kept, rejects = run(tmp_path, rows)
    assert kept == ["1", "2"]
    assert rejects == {"3": ("conflicting-duplicate", "2")}


def test_two_answers_to_one_question_conflict(tmp_path: Path) -> None:
    """If both rows offer the tool, one answer is wrong: a conflict, not a duplicate."""
    rows = [row("1", "سؤال", CALL), row("2", "سؤال", ("a", {"city": "مكة"}))]
    _, kept, rejects = run(tmp_path, rows)
    assert kept == ["1"]
    assert rejects == {"2": ("conflicting-duplicate", "1")}


def test_a_similar_question_with_the_same_call_is_dropped(tmp_path: Path) -> None:
    """A changed letter is found; a row with another call or below the threshold is kept."""
    near = NEAR.replace("صديقي", "صديقتي")
    assert 0.8 < similarity(NEAR, near) < 0.95
    other = NEAR.replace("الروضة", "الروضه الجديدة")
    rows = [row("1", NEAR, CALL), row("2", near, CALL), row("3", other, ("a", {"city": "مكة"}))]
    assert run(tmp_path, rows, near=0.7)[1:] == (["1", "3"], {"2": ("near-duplicate", "1")})
    assert run(tmp_path, rows, near=0.95)[1] == ["1", "2", "3"]
    assert run(tmp_path, rows, near=None)[1] == ["1", "2", "3"]


def test_a_row_is_only_dropped_for_a_kept_row(tmp_path: Path) -> None:
    """In a chain of similar rows the second is dropped, so the third repeats no kept row."""
    chain = [NEAR[at : at + 40] for at in range(0, 9, 4)]
    first, second, third = chain
    threshold = min(similarity(first, second), similarity(second, third))
    assert similarity(first, third) < threshold
    rows = [row(str(at), question, CALL) for at, question in enumerate(chain)]
    assert run(tmp_path, rows, near=threshold)[1:] == (["0", "2"], {"1": ("near-duplicate", "0")})


def test_twins_are_dropped_only_when_asked(tmp_path: Path) -> None:
    """Different questions with the same call stay by default."""
    rows = [row("1", "ما حال الطقس في جدة؟", CALL), row("2", "هل تمطر اليوم عندهم", ("a", {"city": "جده"}))]
    assert run(tmp_path, rows)[1] == ["1", "2"]
    assert run(tmp_path, rows, twins=True)[1:] == (["1"], {"2": ("templated-twin", "1")})


def test_rows_without_a_call_are_no_twins(tmp_path: Path) -> None:
    """Two rows without calls are not twins."""
    rows = [row("1", "ما اسمك؟"), row("2", "كيف حالك اليوم؟")]
    assert run(tmp_path, rows, twins=True)[1] == ["1", "2"]


def test_calls_are_compared_by_what_they_mean() -> None:
    """Order, nulls, spellings and whole floats are ignored; names, values, types and missing arguments are not."""
    key = call_key({"name": "a", "arguments": {"x": 1, "city": "مكة"}})
    assert call_key({"name": "a", "arguments": {"city": "مكه", "x": 1.0, "y": None}}) == key
    others: list[Any] = [{"x": 1}, {"x": 1, "city": "جدة"}, {"x": "1", "city": "مكة"}, {"x": True, "city": "مكة"}]
    assert key not in [call_key({"name": "a", "arguments": arguments}) for arguments in others]
    assert call_key({"name": "b", "arguments": {"x": 1, "city": "مكة"}}) != key
    assert call_key({"name": "a", "arguments": {"x": 2**70}}) == call_key(
        {"name": "a", "arguments": {"x": float(2**70)}}
    )


@pytest.mark.parametrize("twins", [False, True])
def test_the_second_time_changes_nothing(tmp_path: Path, twins: bool) -> None:  # noqa: FBT001 - a parameter
    """No kept row repeats another kept row."""
    run(tmp_path, [json.loads(line) for line in sample_path().read_text("utf-8").splitlines()], near=0.3, twins=twins)
    again = Outputs(tmp_path / "again.jsonl", tmp_path / "again.rejects.jsonl")
    report = dedup([str(tmp_path / "out.jsonl")], again, DedupOptions(near=0.3, twins=twins))
    assert report.rejected == {}


def test_no_clean_row_of_the_sample_is_dropped(tmp_path: Path) -> None:
    """The sample has no near duplicates at similarity 0.8."""
    for near in (0.9, 0.8):
        outputs = Outputs(tmp_path / "out.jsonl", tmp_path / "rejects.jsonl")
        report = dedup([str(sample_path())], outputs, DedupOptions(near=near))
        assert (report.rows_in, report.rows_out, report.rejected) == (480, 480, {})


def _asked(record: Any) -> str:
    return " ".join(message["content"] for message in record["messages"] if message["role"] == "user")


def test_every_injected_duplicate_of_the_sample_is_found(tmp_path: Path) -> None:
    """Exactly the listed rows are dropped, each with the id of its original."""
    outputs = Outputs(tmp_path / "out.jsonl", tmp_path / "rejects.jsonl")
    dedup([str(dirty_path())], outputs)
    injected = {d["id"] for d in json.loads(defects_path().read_bytes()) if d["defect"] == "duplicate-query"}
    found = {reject["row"]["id"]: reject["repeats"] for reject in read(outputs.rejects) if "repeats" in reject}
    assert set(found) == injected
    asked = {kept["id"]: _asked(kept) for kept in read(outputs.records)}
    rejected = {reject["row"]["id"]: _asked(reject["row"]) for reject in read(outputs.rejects) if "repeats" in reject}
    for identity, repeated in found.items():
        assert compare_key(rejected[identity]) == compare_key(asked[repeated])


@given(
    st.lists(st.tuples(st.sampled_from("ابتث"), st.sampled_from("xy"), st.booleans()), min_size=1, max_size=12),
    st.booleans(),
)
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_row_is_kept_or_repeats_one_that_is(tmp_path: Path, drawn: list[Any], twins: bool) -> None:  # noqa: FBT001
    """Counts add up, the order and the first of equal rows stay, and no two kept rows are duplicates."""
    rows = [
        row(str(at), question * 6, *([("a", {"v": value})] if calls else ()))
        for at, (question, value, calls) in enumerate(drawn)
    ]
    report, kept, rejects = run(tmp_path, rows, twins=twins)
    assert report.rows_in == len(rows) == len(kept) + len(rejects)
    assert sum(report.rejected.values()) == len(rejects)
    assert kept == sorted(kept, key=int)
    for identity, (_, repeats) in rejects.items():
        assert repeats in kept
        assert int(repeats) < int(identity)
    said = Counter(drawn[int(identity)] if drawn[int(identity)][2] else drawn[int(identity)][0] for identity in kept)
    assert set(said.values()) == {1}


def test_any_number_of_workers_gives_the_same_bytes(tmp_path: Path) -> None:
    """Duplicates across shards are found by any number of processes."""
    draw = random.Random(5)
    rows = [row(str(at), f"السؤال {draw.randrange(900)} {'عن الطقس ' * 300}", CALL) for at in range(2000)]
    source = write(tmp_path / "in.jsonl", rows)
    written = []
    for workers in (1, 3):
        outputs = Outputs(tmp_path / f"{workers}.jsonl", tmp_path / f"{workers}.rejects.jsonl")
        report = dedup([source], outputs, DedupOptions(work=Work(workers=workers)))
        assert 700 < report.rows_out < 900 < report.rejected["duplicate"]
        written.append((outputs.records.read_bytes(), outputs.rejects.read_bytes()))
    assert written[0] == written[1]


def test_unreadable_rows_are_rejects(tmp_path: Path) -> None:
    """An unreadable row repeats nothing and has no id."""
    source = write(tmp_path / "in.jsonl", [row("1", "سؤال", CALL), "{", {"odd": 1}, row("2", "سؤال", CALL)])
    outputs = Outputs(tmp_path / "out.jsonl", tmp_path / "rejects.jsonl")
    report = dedup([source], outputs)
    assert report.rejected == {"duplicate": 1, "unknown-layout": 1, "unreadable-row": 1}
    assert [reject.get("repeats") for reject in read(outputs.rejects)] == [None, None, "1"]


def test_a_question_without_letters_is_compared_by_all_messages(tmp_path: Path) -> None:
    """Punctuation alone has no key, so it does not make rows equal."""
    rows = [row("1", "؟؟"), row("2", "!"), row("3", "؟")]
    rows[1]["messages"][1]["content"] = "ماذا تقصد؟"
    assert run(tmp_path, rows)[1] == ["1", "2"]


def test_bad_options_are_refused_before_reading(tmp_path: Path) -> None:
    """A similarity out of range and an output that is an input are refused."""
    source = write(tmp_path / "in.jsonl", [row("1", "سؤال", CALL)])
    with pytest.raises(UsageError, match="the similarity 2 is out of range"):
        dedup([source], Outputs(tmp_path / "o.jsonl", tmp_path / "r.jsonl"), DedupOptions(near=2))
    with pytest.raises(UsageError, match="would overwrite an input"):
        dedup([source], Outputs(Path(source), tmp_path / "r.jsonl"))


def test_the_command_prints_its_counts(afg_data: Any, tmp_path: Path) -> None:
    """Counts go to standard error, the JSON report to standard output; the help has an example."""
    write(tmp_path / "in.jsonl", [row("1", NEAR, CALL), row("2", NEAR, CALL), row("3", "غيره", CALL)])
    done = afg_data("dedup", "in.jsonl", "-o", "out.jsonl", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert "rejected  duplicate: 1 row\n" in done.stderr
    assert "3 rows in, 2 out, 1 rejected → out.jsonl" in done.stderr
    done = afg_data("dedup", "in.jsonl", "-o", "out.jsonl", "--json", "--twins", "--near", "0", cwd=tmp_path)
    report = json.loads(done.stdout)
    assert report["rejected"] == {"duplicate": 1, "templated-twin": 1}
    assert report["options"] == {"near": None, "twins": True, "layout": "", "tools_file": ""}
    done = afg_data("dedup", "in.jsonl", "-o", "out.jsonl", "--near", "3", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("afg-data: the similarity 3 is out of range")
