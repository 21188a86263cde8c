"""Splits without leakage, verified by an independent comparison of all pairs of rows."""

import json
import random
from collections import Counter
from hashlib import sha256
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from dataset_tools.bundled import defects_path, dirty_path, sample_path
from dataset_tools.cleaning.clean import clean
from dataset_tools.dedup.dedup import dedup
from dataset_tools.errors import InputError, UsageError
from dataset_tools.executor.run import Work
from dataset_tools.pipeline.outputs import Outputs
from dataset_tools.split.split import SplitOptions, SplitReport, split
from tests.dataset_tools.split.split_rows import overlaps, splits

WORDS = [
    "متى",
    "أين",
    "كيف",
    "سعر",
    "رحلة",
    "فندق",
    "مطعم",
    "طقس",
    "غدا",
    "اليوم",
    "صباحا",
    "مساء",
    "قريب",
    "بعيد",
    "رخيص",
    "جديد",
    "بيت",
    "شارع",
    "سوق",
    "طبيب",
    "موعد",
    "حجز",
    "رقم",
]


def made(number: int, draw: random.Random, *, city: str = "") -> dict[str, Any]:
    """Return a row unrelated to all others, unless ``city`` is given."""
    call = {"name": "a", "arguments": {"city": city or f"مدينة {number}"}}
    return {
        "id": f"row-{number}",
        "messages": [
            {"role": "user", "content": " ".join(draw.choices(WORDS, k=9)) + f" {number}"},
            {"role": "assistant", "tool_calls": [{"type": "function", "function": call}]},
        ],
        "tools": [{"type": "function", "function": {"name": "a", "parameters": {"type": "object"}}}],
        "dialect": draw.choice(["gulf", "msa", "msa", "msa"]),
    }


def write(path: Path, rows: list[Any]) -> str:
    """Write rows as JSON Lines; return the name of the file."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def run(source: str | Path, folder: Path, **options: Any) -> tuple[SplitReport, dict[str, str]]:
    """Return the report, and the split of each row by id."""
    report = split([str(source)], folder, SplitOptions(format="jsonl", **options))
    return report, {row["id"]: name for name, rows in splits(folder).items() for row in rows}


@pytest.mark.parametrize("near", [0.8, 0.5])
def test_splits_of_the_sample_do_not_overlap(tmp_path: Path, near: float) -> None:
    """No pair of rows in different splits shares a question or a call, by the independent comparison."""
    report, placed = run(sample_path(), tmp_path / "data", near=near, by=("dialect",))
    assert len(placed) == 480
    assert report.rejected == {}
    found = splits(tmp_path / "data")
    assert set(found) == {"train", "validation", "test"}
    for one, other in combinations(found.values(), 2):
        assert overlaps(one, other, near) == []


def test_the_independent_comparison_finds_overlaps(tmp_path: Path) -> None:
    """Rows split by position overlap hundreds of times, and the duplicates of the dirty sample are found."""
    rows = [json.loads(line) for line in sample_path().read_text("utf-8").splitlines()]
    assert len(overlaps(rows[:240], rows[240:], 0.8)) > 30
    clean([str(dirty_path())], Outputs(tmp_path / "clean.jsonl", tmp_path / "rejects.jsonl"))
    dirty = [json.loads(line) for line in (tmp_path / "clean.jsonl").read_text("utf-8").splitlines()]
    kinds = Counter(kind for *_, kind in overlaps(dirty[:400], dirty[400:], 0.8))
    assert kinds["question"] >= 8


def test_splits_of_real_data_do_not_overlap(shared_data: Path, tmp_path: Path) -> None:
    """AISA-ArabicFC, with Arrow's nulls, does not overlap either."""
    _, placed = run(shared_data / "aisa_dev.parquet", tmp_path / "data", by=("dialect",))
    assert len(placed) == 545
    for one, other in combinations(splits(tmp_path / "data").values(), 2):
        assert overlaps(one, other, 0.8) == []


def test_injected_duplicates_stay_with_their_originals(tmp_path: Path) -> None:
    """Each injected duplicate is in the split of the row that it repeats."""
    outputs = Outputs(tmp_path / "distinct.jsonl", tmp_path / "rejects.jsonl")
    dedup([str(dirty_path())], outputs)
    lines = map(json.loads, outputs.rejects.read_text("utf-8").splitlines())
    copies = {line["row"]["id"]: line["repeats"] for line in lines if "repeats" in line}
    assert len(copies) == 8
    _, placed = run(dirty_path(), tmp_path / "data", test=0.4, validation=0.2)
    assert all(placed[copy] == placed[first] for copy, first in copies.items())
    assert len({placed[copy] for copy in copies}) > 1


def test_new_rows_do_not_move_others(tmp_path: Path) -> None:
    """Number and order of rows do not matter: the split is a hash of the group."""
    draw = random.Random(3)
    rows = [made(number, draw) for number in range(600)]
    _, before = run(write(tmp_path / "few.jsonl", rows[:300]), tmp_path / "few")
    draw.shuffle(rows)
    _, after = run(write(tmp_path / "many.jsonl", rows), tmp_path / "many")
    assert {identity: after[identity] for identity in before} == before
    assert set(before.values()) == {"train", "validation", "test"}


def test_a_row_connects_groups(tmp_path: Path) -> None:
    """A row with the calls of three earlier rows puts them in one split."""
    draw = random.Random(4)
    rows = [made(number, draw) for number in range(200)]
    link = made(900, draw)
    link["messages"][1]["tool_calls"] = [rows[at]["messages"][1]["tool_calls"][0] for at in (5, 90, 150)]
    _, placed = run(write(tmp_path / "in.jsonl", [*rows, link]), tmp_path / "data", test=0.3, validation=0.3)
    assert len({placed[f"row-{number}"] for number in (5, 90, 150, 900)}) == 1


def test_shares_hold_in_every_stratum(tmp_path: Path) -> None:
    """Shares are within two points and a row, also for a rare dialect; without strata they are not."""
    draw = random.Random(5)
    rows = [made(number, draw) for number in range(400)]
    source = write(tmp_path / "in.jsonl", rows)
    report, placed = run(source, tmp_path / "data", test=0.2, validation=0.1, by=("dialect",))
    for dialect in ("gulf", "msa"):
        inside = Counter(placed[row["id"]] for row in rows if row["dialect"] == dialect)
        total = sum(inside.values())
        assert abs(inside["test"] / total - 0.2) <= 0.02 + 1 / total
        assert abs(inside["validation"] / total - 0.1) <= 0.04 + 2 / total
        assert {"of": [dialect], "rows": dict(inside)} in report.facts["strata"]


def test_fields_in_meta_can_be_strata(tmp_path: Path) -> None:
    """Rows can be stratified by fields of the source in ``meta``."""
    report, _ = run(sample_path(), tmp_path / "data", by=("kind",))
    assert {"single", "parallel"} <= {stratum["of"][0] for stratum in report.facts["strata"]}


def test_another_seed_is_another_split(tmp_path: Path) -> None:
    """The same seed gives the same bytes for any number of workers, in both formats."""
    _, first = run(sample_path(), tmp_path / "a")
    _, other = run(sample_path(), tmp_path / "b", seed=1)
    assert first != other
    _, again = run(sample_path(), tmp_path / "c", work=Work(workers=2))
    assert again == first
    for name in ("train.jsonl", "test.jsonl", "validation.jsonl", "split.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "c" / name).read_bytes()


def test_rows_that_leak_evaluation_data_are_rejected(tmp_path: Path) -> None:
    """A respelled question, a similar one and an equal call are rejected with reasons; the rest has no overlap."""
    rows = [json.loads(line) for line in sample_path().read_text("utf-8").splitlines()]
    held_out, rest = rows[:40], rows[40:]
    evaluation = write(tmp_path / "evaluation.jsonl", held_out)
    draw = random.Random(1)
    spelled, near, called = (made(number, draw) for number in (1, 2, 3))
    asked = held_out[0]["messages"][1]["content"]
    assert held_out[0]["messages"][1]["role"] == "user"
    spelled["messages"][0]["content"] = f"{asked.replace('ا', 'أ')} !!"
    near["messages"][0]["content"] = f"{asked} طيب"
    called["messages"][1] = next(m for row in held_out for m in row["messages"] if m.get("tool_calls"))
    source = write(tmp_path / "in.jsonl", [spelled, near, called, *rest])
    report, placed = run(source, tmp_path / "data", against=(evaluation,), near=0.6)
    assert [(entry["id"], entry["code"]) for entry in report.facts["removed"][:3]] == [
        ("row-1", "leaked-question"),
        ("row-2", "leaked-near"),
        ("row-3", "leaked-call"),
    ]
    assert report.facts["removed"][0]["repeats"] == held_out[0]["id"]
    kept = [row for rows in splits(tmp_path / "data").values() for row in rows]
    assert overlaps(held_out, kept, 0.6) == []
    # Only rows that overlap the evaluation set are rejected.
    gone = [row for row in [spelled, near, called, *rest] if row["id"] not in placed]
    assert {right for _, right, _ in overlaps(held_out, gone, 0.6)} == {row["id"] for row in gone}
    assert len(gone) == sum(report.rejected.values()) == len(report.facts["removed"])
    rejects = [json.loads(line) for line in (tmp_path / "data.rejects.jsonl").read_text("utf-8").splitlines()]
    assert [reject["row"]["id"] for reject in rejects] == [row["id"] for row in gone]
    assert rejects[0]["reason"] == f"asks the same as {held_out[0]['id']!r} (line 1) of the evaluation data"


def test_unreadable_evaluation_data_is_reported(afg_data: Any, tmp_path: Path) -> None:
    """Unreadable rows give a warning; a file without a readable row is an error."""
    source = write(tmp_path / "in.jsonl", [made(at, random.Random(at)) for at in range(30)])
    half = write(tmp_path / "half.jsonl", [{"odd": 1}, made(3, random.Random(3)), {"odd": 2}])
    done = afg_data("split", source, "-o", "data", "--against", half, cwd=tmp_path)
    assert "warning: 2 rows of the evaluation set cannot be read; their questions may leak" in done.stderr
    assert json.loads((tmp_path / "data" / "split.json").read_bytes())["against_unread"] == 2
    odd = write(tmp_path / "odd.jsonl", [{"odd": 1}])
    with pytest.raises(InputError, match=r"odd.jsonl: no row of this evaluation data can be read"):
        run(source, tmp_path / "other", against=(half, odd))


def test_the_parts_of_the_sample_do_not_leak(tmp_path: Path) -> None:
    """The held-out rows of the sample do not overlap its training rows."""
    held_out = json.loads((sample_path().parent / "held_out.json").read_text("utf-8"))
    rows = [json.loads(line) for line in sample_path().read_text("utf-8").splitlines()]
    names = set(held_out if isinstance(held_out, list) else held_out["ids"])
    test = write(tmp_path / "test.jsonl", [row for row in rows if row["id"] in names])
    train = write(tmp_path / "train.jsonl", [row for row in rows if row["id"] not in names])
    report, _ = run(train, tmp_path / "data", against=(test,))
    assert (report.facts["rows_in"], report.rejected) == (390, {})


def test_copies_of_evaluation_rows_in_the_dirty_sample_are_found(tmp_path: Path) -> None:
    """With the copied rows as evaluation data, exactly these and their copies are rejected for their questions."""
    defects = [d["id"] for d in json.loads(defects_path().read_bytes()) if d["defect"] == "duplicate-query"]
    rows = [
        json.loads(line) for line in dirty_path().read_text("utf-8").splitlines() if '"id"' in line and _whole(line)
    ]
    copied = [row["messages"] for row in rows if row.get("id") in defects]
    first = [row for row in rows if row.get("messages") in copied and row["id"] not in defects]
    assert len(first) == 8
    report, _ = run(dirty_path(), tmp_path / "data", against=(write(tmp_path / "evaluation.jsonl", first),))
    leaked = {entry["id"] for entry in report.facts["removed"] if entry["code"] == "leaked-question"}
    assert leaked == {*defects, *(row["id"] for row in first)}


def _whole(line: str) -> bool:
    try:
        return bool(json.loads(line))
    except ValueError:
        return False


def test_split_json_has_the_facts_for_a_card(tmp_path: Path) -> None:
    """It has features, counts, dialects, hashes of inputs and outputs, and reports, but no local folder."""
    outputs = Outputs(tmp_path / "clean.jsonl", tmp_path / "rejects.jsonl", tmp_path / "clean.json")
    clean([str(dirty_path())], outputs)
    report = split(
        [str(outputs.records)], tmp_path / "data", SplitOptions(reports=(tmp_path / "clean.json",), by=("dialect",))
    )
    facts = json.loads((tmp_path / "data" / "split.json").read_bytes())
    assert facts == report.facts
    assert str(tmp_path) not in json.dumps(facts)
    assert facts["inputs"] == [
        {
            "name": "clean.jsonl",
            "bytes": outputs.records.stat().st_size,
            "sha256": sha256(outputs.records.read_bytes()).hexdigest(),
        }
    ]
    for name, entry in facts["splits"].items():
        content = (tmp_path / "data" / f"{name}.parquet").read_bytes()
        assert entry["file"] == {
            "name": f"{name}.parquet", "bytes": len(content), "sha256": sha256(content).hexdigest(),
        }  # fmt: skip
        assert sum(entry["dialects"].values()) == sum(entry["domains"].values()) == entry["rows"]
    assert facts["rows_in"] == facts["rows_out"] == sum(entry["rows"] for entry in facts["splits"].values()) == 456
    [cleaning] = facts["reports"]
    assert (cleaning["rows_in"], cleaning["rows_out"], cleaning["inputs"]) == (480, 456, ["dirty.jsonl"])
    assert cleaning["rules"]["tatweel"] == {"rows": 8, "changes": 8}


def test_datasets_loads_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each split is found by its name, with the recorded features and without additional nulls."""
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    import datasets

    split([str(sample_path())], tmp_path / "data")
    facts = json.loads((tmp_path / "data" / "split.json").read_bytes())
    datasets.disable_progress_bars()
    found = datasets.load_dataset(str(tmp_path / "data"), cache_dir=str(tmp_path / "cache"))
    assert {name: rows.num_rows for name, rows in found.items()} == {
        name: entry["rows"] for name, entry in facts["splits"].items()
    }
    assert found["train"].features == datasets.Features.from_dict(facts["features"])
    clean_rows = {json.loads(line)["id"]: json.loads(line) for line in sample_path().read_text("utf-8").splitlines()}
    assert all(row["messages"] == clean_rows[row["id"]]["messages"] for rows in found.values() for row in rows)


def test_an_older_split_is_replaced(tmp_path: Path) -> None:
    """Old splits are removed, a card is kept, and other files are an error."""
    source = write(tmp_path / "in.jsonl", [made(number, random.Random(number)) for number in range(60)])
    folder = tmp_path / "data"
    run(source, folder)
    (folder / "README.md").write_text("a card", encoding="utf-8")
    run(source, folder, validation=0)
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md", "split.json", "test.jsonl", "train.jsonl",
    ]  # fmt: skip
    assert (folder / "README.md").read_text("utf-8") == "a card"
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match=r"the folder holds notes\.txt"):
        run(source, folder)


def test_invalid_options_are_errors(tmp_path: Path) -> None:
    """Invalid shares, formats, evaluation data, reports and output folders are errors before the run."""
    source = write(tmp_path / "in.jsonl", [made(1, random.Random(1))])
    for options, message in (
        ({"test": 0.6, "validation": 0.4}, "invalid shares"),
        ({"test": -0.1}, "invalid shares"),
        ({"against": (source,)}, "is both a source and evaluation data"),
        ({"near": 4}, "the similarity 4 is out of range"),
    ):
        with pytest.raises(UsageError, match=message):
            run(source, tmp_path / "data", **options)
    with pytest.raises(UsageError, match="unknown format 'csv' \\(parquet or jsonl\\)"):
        split([source], tmp_path / "data", SplitOptions(format="csv"))
    with pytest.raises(UsageError, match="is read and lies in the output folder"):
        split([source], tmp_path)
    with pytest.raises(InputError, match="not a report of import, clean or dedup"):
        run(source, tmp_path / "data", reports=(sample_path().parent / "tools.json",))
    with pytest.raises(InputError, match="none of 1 rows"):
        run(source, tmp_path / "data", against=(write(tmp_path / "same.jsonl", [made(1, random.Random(1))]),))
    assert not (tmp_path / "data").exists()


def test_the_command_prints_the_splits(afg_data: Any, tmp_path: Path) -> None:
    """It prints rows, share, groups and dialects of each split; an empty split gives a warning."""
    done = afg_data("split", sample_path(), "-o", "data", "--by", "dialect,domain", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert [line.split()[0] for line in lines] == ["train", "validation", "test", "480"]
    assert lines[-1] == "480 rows in, 480 out, 0 rejected → data"
    assert "one group" not in done.stderr
    twins = write(tmp_path / "twins.jsonl", [made(at, random.Random(at), city="جدة") for at in range(9)])
    done = afg_data("split", twins, "-o", "twins", cwd=tmp_path)
    assert "warning: 9 rows are one group, connected by questions and calls" in done.stderr
    done = afg_data("split", twins, "-o", "twins", "--seed", "1", "--test", "0.3", cwd=tmp_path)
    assert done.stderr.split()[:4] == [
        "test",
        "9",
        "rows",
        "100.0%",
    ]  # important above all without training rows
    for name in ("train", "validation"):
        assert f"warning: no row is in {name}: too few groups; try another --seed" in done.stderr
    few = write(tmp_path / "few.jsonl", [made(1, random.Random(1))])
    done = afg_data("split", few, "-o", "few", cwd=tmp_path)
    assert "no row is in test: too few groups; try another --seed" in done.stderr
    done = afg_data("split", few, "-o", "few", "--json", "--format", "jsonl", "--near", "0", cwd=tmp_path)
    assert json.loads(done.stdout)["options"]["near"] is None
