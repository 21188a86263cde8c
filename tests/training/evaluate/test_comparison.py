"""Comparisons: paired differences counted by hand, flipped rows, and evaluations that cannot be compared."""

import json
import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from dataset_tools.errors import InputError, UsageError
from publishing.cli import main
from tests.training.eval_data import call, record, write_lines
from training.evaluate.compare import compare, compare_files
from training.evaluate.eval_file import Evaluation, write_evaluation
from training.evaluate.evaluate import evaluate
from training.evaluate.text import print_comparison, verdict_of

RECORDS = [record(f"r{n}", call("get_weather", city="جدة", days=n)) for n in range(6)] + [record("quiet")]


def _answers(*right: int, quiet: bool = True) -> list[dict[str, Any]]:
    """Return answers that are right in some rows."""
    made = [
        {"id": f"r{n}", "tool_calls": [call("get_weather", city="جدة" if n in right else "مكة", days=n)]}
        for n in range(6)
    ]
    return [*made, {"id": "quiet", "tool_calls": [] if quiet else [call("get_weather")]}]


def _evaluation(folder: Path, answers: list[dict[str, Any]], records: list[dict[str, Any]] = RECORDS) -> Evaluation:
    data = write_lines(folder / "data.jsonl", records)
    return evaluate([str(data)], write_lines(folder / "answers.jsonl", answers))


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Return three results: the base, one that gains three rows and loses one, and one with a false call."""
    paths = []
    for name, answers in (
        ("base", _answers(0, 1)),
        ("tuned", _answers(1, 2, 3, 4)),
        ("small", _answers(0, 1, quiet=False)),
    ):
        paths.append(tmp_path / f"{name}.json")
        write_evaluation(paths[-1], _evaluation(tmp_path, answers))
    return paths


def test_differences_are_paired(files: list[Path]) -> None:
    """Gained and lost rows are counted for each metric, against the baseline."""
    found = compare_files(files)
    assert found.names == ["base", "tuned", "small"]
    tuned, small = found.changes
    fair = tuned["arg_em_fair"]
    assert (fair.n, fair.gained, fair.lost, fair.difference, fair.p) == (6, 3, 1, 2 / 6, 0.625)
    assert fair.low < 2 / 6 < fair.high
    assert (tuned["fn_acc"].gained, tuned["fn_acc"].lost, tuned["fn_acc"].n) == (0, 0, 7)
    assert (small["false_calls"].n, small["false_calls"].gained, small["fn_acc"].lost) == (1, 1, 1)


def test_flipped_rows_are_right_in_some_evaluations(files: list[Path]) -> None:
    """They are in the order of the data."""
    flips = {flip.id: flip.right for flip in compare_files(files).flips}
    assert flips == {
        "r0": [True, False, True],
        "r2": [False, True, False],
        "r3": [False, True, False],
        "r4": [False, True, False],
        "quiet": [True, True, False],
    }


def test_an_evaluation_against_itself_has_no_difference(tmp_path: Path) -> None:
    """No row flips, and every interval contains zero."""
    one = _evaluation(tmp_path, _answers(0, 1))
    found = compare([one, one], ["a", "b"])
    assert found.flips == []
    assert all(
        change.difference == 0 and change.p == 1 and change.low < 0 < change.high
        for change in found.changes[0].values()
    )


def test_a_difference_is_named_only_if_significant(tmp_path: Path) -> None:
    """Six rows gained and none lost is better; more false calls are worse."""
    many = [record(f"r{n}", call("get_weather", city="جدة")) for n in range(6)] + [record(f"q{n}") for n in range(6)]

    def answers(right: bool) -> list[dict[str, Any]]:  # noqa: FBT001 - a test's own shorthand
        calls = [{"id": f"r{n}", "tool_calls": [call("get_weather", city="جدة" if right else "مكة")]} for n in range(6)]
        return calls + [{"id": f"q{n}", "tool_calls": [call("get_weather")] if right else []} for n in range(6)]

    first, second = (_evaluation(tmp_path, answers(right), many) for right in (False, True))
    (changes,) = compare([first, second], ["a", "b"]).changes
    assert verdict_of("arg_em_raw", changes["arg_em_raw"]) == "better"
    assert verdict_of("false_calls", changes["false_calls"]) == "worse"
    assert verdict_of("parsed", changes["parsed"]) == "–"


def test_other_rows_cannot_be_compared(tmp_path: Path) -> None:
    """The message lists the ids of both sides; different gold under the same ids is refused, too."""
    one = _evaluation(tmp_path, _answers(0))
    fewer = _evaluation(tmp_path, _answers(0)[:3], RECORDS[:3])
    with pytest.raises(InputError) as error:
        compare([one, fewer], ["a", "b"])
    assert str(error.value) == "a and b: b lacks 4 rows: r3, r4, r5, quiet (evaluate both on the same data)"
    changed = [record("r0", call("get_weather", city="أبها")), *RECORDS[1:]]
    with pytest.raises(InputError, match="the gold of 1 rows differs: r0"):
        compare([one, _evaluation(tmp_path, _answers(0), changed)], ["a", "b"])


def test_a_copy_with_other_ids_is_paired_by_question_and_gold(tmp_path: Path) -> None:
    """The order of the copy does not matter; a question that occurs twice cannot be paired."""
    one = _evaluation(tmp_path, _answers(0, 1))
    renamed = [{**row, "id": f"copy-{row['id']}"} for row in reversed(RECORDS)]
    answers = [{**row, "id": f"copy-{row['id']}"} for row in _answers(1, 2, 3)]
    found = compare([one, _evaluation(tmp_path, answers, renamed)], ["a", "b"])
    fair = found.changes[0]["arg_em_fair"]
    assert (fair.n, fair.gained, fair.lost) == (6, 2, 1)
    assert [flip.id for flip in found.flips] == ["r0", "r2", "r3"]
    twice = _evaluation(tmp_path, [*answers, {**answers[0], "id": "again"}], [*renamed, {**renamed[-1], "id": "again"}])
    with pytest.raises(InputError, match="b lacks 7 rows"):
        compare([one, twice], ["a", "b"])


def test_two_different_files_are_needed(files: list[Path]) -> None:
    """One file, or the same file twice, is refused."""
    for paths in (files[:1], [files[0], files[0]]):
        with pytest.raises(UsageError, match="two or more different results"):
            compare_files(paths)


def test_files_of_one_name_are_named_by_their_folders(files: list[Path], tmp_path: Path) -> None:
    """``base/eval.json`` and ``tuned/eval.json`` are base and tuned."""
    paths = []
    for path in files[:2]:
        paths.append(tmp_path / path.stem / "eval.json")
        paths[-1].parent.mkdir()
        paths[-1].write_bytes(path.read_bytes())
    assert compare_files(paths).names == ["base", "tuned"]


def test_the_command_prints_tables_json_and_a_page(files: list[Path], tmp_path: Path) -> None:
    """All show one comparison."""
    page = tmp_path / "compare.html"
    names = list(map(str, files))
    result = CliRunner().invoke(main.app, ["compare", *names, "-o", str(page), "--flips", "2"])
    assert result.exit_code == 0
    assert "tuned compared with base" in result.output
    assert "5 rows flipped" in result.output
    assert "r2" in result.output
    assert "r3" not in result.output
    assert "gained by tuned 3" in page.read_text(encoding="utf-8")
    assert CliRunner().invoke(main.app, ["compare", *names, "-q"]).output == ""
    found = json.loads(CliRunner().invoke(main.app, ["compare", *names, "--json"]).output)
    assert found["changes"]["tuned"]["arg_em_fair"]["gained"] == 3
    assert found["flips"][0] == {"id": "r0", "right": {"base": True, "tuned": False, "small": True}}


def _printed(files: list[Path], **console: Any) -> list[str]:
    out = StringIO()
    print_comparison(compare_files(files), Console(file=out, **console), 5)
    return out.getvalue().splitlines()


def test_one_table_has_all_evaluations_with_their_intervals(files: list[Path]) -> None:
    """Each share is next to its interval; the number of rows is last."""
    lines = _printed(files, width=20)
    assert re.split(" {2,}", lines[0].strip()) == [
        "%", "base", "95% interval", "tuned", "95% interval", "small", "95% interval", "of",
    ]  # fmt: skip
    line = next(line for line in lines if line.startswith("parsed"))
    assert len(re.findall(r"100\.0 +\d+\.\d to 100\.0", line)) == 3


def test_no_cell_is_truncated_in_a_file(files: list[Path]) -> None:
    """Only a terminal truncates long prompts, and never the ids before them."""
    assert not any("\u2026" in line for line in _printed(files, width=20))
    lines = _printed(files, width=39, force_terminal=True, color_system=None)
    at = next(at for at, line in enumerate(lines) if line.startswith("flipped rows"))
    assert [line.split()[0] for line in lines[at + 1 : at + 6]] == ["r0", "r2", "r3", "r4", "quiet"]
    assert all("\u2026" not in line[:32] for line in lines[at:])
