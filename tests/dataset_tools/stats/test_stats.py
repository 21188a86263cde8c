"""``afg-data stats``: all numbers of a small dataset, known numbers of real data, any number of workers."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dataset_tools.bundled import sample_path
from dataset_tools.errors import InputError, UsageError
from dataset_tools.executor.run import Work
from dataset_tools.stats.facts import NO_CALL
from dataset_tools.stats.stats import StatsOptions, stats
from training.tiny import tokenizer_path

Command = Callable[..., Any]


def _tool(name: str, **properties: Any) -> dict[str, Any]:
    parameters = {"type": "object", "properties": properties, "required": list(properties)[:1]}
    return {"type": "function", "function": {"name": name, "description": name, "parameters": parameters}}


WEATHER = _tool("weather", city={"type": "string"}, days={"type": "integer"})
ORDER = _tool("order", items={"type": "array", "items": {"type": "object", "properties": {"n": {"type": "integer"}}}})


def _row(identity: str, question: str, dialect: str, *calls: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    made = [{"type": "function", "function": {"name": name, "arguments": arguments}} for name, arguments in calls]
    answer = {"role": "assistant", "tool_calls": made} if calls else {"role": "assistant", "content": "عذرًا"}
    messages = [{"role": "user", "content": question}, answer]
    return {"id": identity, "dialect": dialect, "domain": "", "messages": messages, "tools": [WEATHER, ORDER]}


ROWS = [
    _row("a", "الطقس في جدة ٣ أيام", "gulf", ("weather", {"city": "جدة", "days": 3, "gone": None})),
    _row("b", "كيف الجو", "gulf", ("weather", {"city": "Riyadh", "days": 2.0})),
    _row("c", "اطلب 2 و 7", "msa", ("order", {"items": [{"n": 2}, {"n": 9}]}), ("weather", {"city": "دبي"})),
    _row("d", "كيفَ الجو؟", "msa"),
]


@pytest.fixture
def rows(tmp_path: Path) -> str:
    """Write the rows above and one that is not JSON."""
    path = tmp_path / "rows.jsonl"
    lines = [*(json.dumps(row, ensure_ascii=False) for row in ROWS), "{broken"]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def test_every_number_of_a_small_dataset(rows: str) -> None:
    """Rows, messages, calls, tools, positions, dialects and questions equal a count by hand."""
    facts = stats([rows]).facts
    assert (facts["rows"], facts["records"], facts["unreadable"]) == (5, 4, {"unreadable-row": 1})
    assert facts["messages"] == {"total": 8, "by_role": {"assistant": 4, "user": 4}, "per_row": {"2": 4}}
    assert facts["calls"] == {"total": 4, "per_row": {"0": 1, "1": 2, "2": 1}}
    assert facts["tools"] == {
        "distinct": 2,
        "per_row": {"2": 4},
        "by_name": {
            "weather": {"offered": 4, "requiring": 4, "rows_calling": 3, "calls": 3},
            "order": {"offered": 4, "requiring": 4, "rows_calling": 1, "calls": 1},
        },
    }
    assert facts["gold_position"] == {
        "rows": 3,
        "positions": [{"position": 1, "rows": 2, "chance": 1.5}, {"position": 2, "rows": 1, "chance": 1.5}],
    }
    assert facts["negatives"] == {"rows": 1, "share": 0.25}
    assert facts["dialects"] == {"gulf": 2, "msa": 2}
    assert facts["null_arguments"] == 1
    assert facts["questions"] == {
        "repeated": 1,  # b and d differ only in a diacritic
        "holding": {
            "arabic-indic digits": 1, "ascii digits": 1, "diacritics": 1, "tatweel": 0, "zero-width marks": 0,
            "latin letters": 0,
        },
    }  # fmt: skip


def test_arguments_by_type_script_and_ground(rows: str) -> None:
    """Each value counts once, with declared and actual type; grounded values are those of the check."""
    facts = stats([rows]).facts
    assert facts["arguments"] == {
        "order.items[].n": {
            "values": 2, "declared": {"integer": 2}, "types": {"integer": 2}, "scripts": {},
            "described": 0, "outside_description": 0, "groundable": 2, "grounded": 1, "grounded_share": 0.5,
        },
        "weather.city": {
            "values": 3, "declared": {"string": 3}, "types": {"string": 3}, "scripts": {"arabic": 2, "latin": 1},
            "described": 0, "outside_description": 0, "groundable": 3, "grounded": 1, "grounded_share": 0.333333,
        },
        "weather.days": {
            "values": 2, "declared": {"integer": 2}, "types": {"integer": 1, "number": 1}, "scripts": {},
            "described": 0, "outside_description": 0, "groundable": 2, "grounded": 1, "grounded_share": 0.5,
        },
    }  # fmt: skip
    assert facts["grounded"] == {"values": 7, "grounded": 3, "share": 0.428571}


def test_the_matrix_lists_thin_cells(rows: str) -> None:
    """Cells of dialect and tool, or no call, with fewer rows than the limit are listed."""
    matrix = stats([rows], StatsOptions(min_cell=1)).facts["matrix"]
    assert matrix["dialects"]["gulf"] == {
        "rows": 2,
        "negatives": 0,
        "tools": {"order": {"calling": 0, "negatives": 0}, "weather": {"calling": 2, "negatives": 0}},
    }
    assert matrix["dialects"]["msa"]["tools"]["order"] == {"calling": 1, "negatives": 1}
    assert matrix["cells"] == 6
    assert matrix["thin"] == [
        {"dialect": "gulf", "tool": "order", "rows": 0},
        {"dialect": "gulf", "tool": NO_CALL, "rows": 0},
    ]
    assert stats([rows], StatsOptions(min_cell=0)).facts["matrix"]["thin"] == []


def test_lengths_in_characters_and_tokens() -> None:
    """Every row is in each histogram, and token counts equal those of a build."""
    facts = stats([str(sample_path())], StatsOptions(tokenizer=str(tokenizer_path()))).facts
    for name in ("question_characters", "prompt_characters", "tokens"):
        spread = facts["lengths"][name]
        assert spread["rows"] == sum(bar["rows"] for bar in spread["histogram"]) == 480
        assert 1 <= len(spread["histogram"]) <= 21
        assert spread["least"] <= spread["median"] <= spread["p95"] <= spread["most"]
        assert spread["histogram"][0]["from"] <= spread["least"] <= spread["histogram"][0]["to"]
        assert spread["histogram"][-1]["from"] <= spread["most"] <= spread["histogram"][-1]["to"]
    questions = [
        "\n".join(message["content"] for message in json.loads(line)["messages"] if message["role"] == "user")
        for line in sample_path().read_text(encoding="utf-8").splitlines()
    ]
    lengths = sorted(map(len, questions))
    spread = facts["lengths"]["question_characters"]
    assert (spread["least"], spread["median"], spread["most"]) == (lengths[0], lengths[239], lengths[-1])
    assert spread["total"] == sum(lengths)
    assert facts["lengths"]["tokens"]["over_limit"] == 0
    assert "tokens" not in stats([str(sample_path())]).facts["lengths"]


def test_tokens_are_those_of_a_build(tmp_path: Path) -> None:
    """The total equals that of a build of the same rows."""
    from dataset_tools.samples.build import build

    built = build([str(sample_path())], tmp_path / "samples", str(tokenizer_path())).facts
    facts = stats([str(sample_path())], StatsOptions(tokenizer=str(tokenizer_path()))).facts
    assert facts["lengths"]["tokens"]["total"] == built["tokens"]


def test_the_clean_sample_is_grounded_and_repeats_nothing() -> None:
    """The sample has these properties by construction."""
    facts = stats([str(sample_path())]).facts
    assert facts["grounded"]["share"] == 1.0
    assert facts["questions"]["repeated"] == 0
    assert facts["negatives"]["rows"] == 80
    assert set(facts["dialects"].values()) == {96}
    assert set(facts["domains"].values()) == {60}


def test_the_numbers_do_not_depend_on_workers(tmp_path: Path) -> None:
    """One process and two count the same, over more than one shard."""
    path = tmp_path / "large.jsonl"
    path.write_bytes(sample_path().read_bytes() * 6)
    options = {"tokenizer": str(tokenizer_path())}
    one, two = (stats([str(path)], StatsOptions(work=Work(workers=workers), **options)) for workers in (1, 2))
    assert one == two
    assert one.facts["rows"] == 480 * 6
    assert one.facts["questions"]["repeated"] == 480 * 5


def test_known_numbers_of_real_data(shared_data: Path) -> None:
    """Numbers of AISA-ArabicFC equal those of independent scripts."""
    facts = stats([str(shared_data / "aisa_dev.parquet")]).facts
    assert (facts["rows"], facts["records"], facts["negatives"]["rows"]) == (545, 545, 45)
    assert facts["gold_position"]["positions"][0] == {"position": 1, "rows": 500, "chance": 125.0}
    assert facts["tools"]["per_row"] == {"4": 545}
    assert all(not tool["requiring"] for tool in facts["tools"]["by_name"].values())
    integers = [found for found in facts["arguments"].values() if list(found["declared"]) == ["integer"]]
    assert sum(found["types"].get("number", 0) for found in integers) == 61
    assert facts["questions"]["holding"]["arabic-indic digits"] == 110
    assert facts["questions"]["holding"]["diacritics"] == 16
    assert facts["questions"]["holding"]["tatweel"] == facts["questions"]["holding"]["zero-width marks"] == 0
    assert facts["questions"]["repeated"] == 1
    assert sum(found["described"] for found in facts["arguments"].values()) == 49
    assert sum(found["outside_description"] for found in facts["arguments"].values()) == 35
    assert facts["null_arguments"] == 19_480


def test_the_command_prints_text_and_json(afg_data: Command, tmp_path: Path, rows: str) -> None:
    """JSON equals the library's value; text names the numbers."""
    run = afg_data("stats", rows, "--json")
    assert (run.returncode, run.stderr) == (0, "")
    assert json.loads(run.stdout) == stats([rows]).as_json()
    run = afg_data("stats", rows, cwd=tmp_path)
    assert run.returncode == 0
    assert run.stdout.startswith("rows      4 records of 5 rows; 1 unreadable-row\n")
    assert "no call   1 row (25.0%)\n" in run.stdout
    assert "warning: 6 of 6 cells have fewer than 5 rows: gulf order 0, gulf weather 2" in run.stdout


def test_unusable_input_is_one_line(tmp_path: Path) -> None:
    """No row, no record, no tokenizer and no worker are errors."""
    blank, broken = tmp_path / "blank.jsonl", tmp_path / "broken.jsonl"
    blank.write_text("\n\n", encoding="utf-8")
    broken.write_text("{\n", encoding="utf-8")
    with pytest.raises(InputError, match="no rows"):
        stats([str(blank)])
    with pytest.raises(InputError, match="none of 1 rows could be used"):
        stats([str(broken)])
    with pytest.raises(UsageError, match="is not a tokenizer"):
        stats([str(sample_path())], StatsOptions(tokenizer=str(tmp_path / "none")))
    with pytest.raises(UsageError, match="0 workers"):
        stats([str(sample_path())], StatsOptions(work=Work(workers=0)))
