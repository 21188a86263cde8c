"""``afg-data build`` as a user meets it: what it prints, where, and how it ends."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from dataset_tools.cli import main
from tests.dataset_tools.samples.build_rows import copy_tokenizer, read_samples, write_rows
from tests.prompt_rows import call, calls, row, say, tool
from training.tiny import tokenizer_path

Command = Callable[..., Any]
TOKENIZER = str(tokenizer_path())
TOOLS = [tool(name) for name in ("f", "g", "h")]
ROWS = [
    {**row(say("user", "طقس؟"), calls(call(city="جدة")), tools=TOOLS), "id": "r1"},
    {**row(say("user", "طقس؟"), calls(call(city=None)), tools=TOOLS), "id": "r2"},
    {**row(say("user", "جدة " * 700), say("assistant", "لا"), tools=TOOLS), "id": "r3"},
]


class Ended(NamedTuple):
    """Result of a run and its output."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs ``afg-data build`` in this process, where transformers is imported once, and in the test's folder."""

    def run(*arguments: str | Path) -> Ended:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("COLUMNS", "200")
        monkeypatch.setattr(sys, "argv", ["afg-data", "build", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main.main()
        return Ended(int(left.value.code or 0), *capsys.readouterr())

    return run


@pytest.fixture
def source(tmp_path: Path) -> str:
    """Three rows: a good one, one that holds a null, a long one."""
    return write_rows(tmp_path / "rows.jsonl", ROWS)


def _facts(folder: Path) -> Any:
    return json.loads((folder / "build.json").read_text(encoding="utf-8"))


def test_what_is_printed(build: Command, source: str, tmp_path: Path) -> None:
    """Bars, limits, trained share, what was compared, rejects and where the result lies: all to standard error."""
    done = build(source, "-o", "out", "--tokenizer", TOKENIZER)
    assert (done.returncode, done.stdout) == (0, "")
    lines = done.stderr.splitlines()
    assert lines[0] == "tokens         rows"
    assert lines[1] == f"    0 to 127{1:>10} {'█' * 40}"
    facts = _facts(tmp_path / "out")
    assert "1 within 512, 2 within 1,024, 2 within 2,048, 2 within 4,096 tokens" in lines
    assert f"{facts['tokens']:,} tokens, 15 of them trained ({15 / facts['tokens']:.1%})" in lines
    assert f"2 rows equal to the output of the tokenizer's own template ({TOKENIZER}, a known template)" in lines
    assert any("ambiguous-call" in line for line in lines)
    assert lines[-1] == "3 rows in, 2 out, 1 rejected → out"


def test_every_option_reaches_the_build(build: Command, source: str, tmp_path: Path) -> None:
    """As ``build.json`` keeps them; quiet prints nothing."""
    options = ("--max-length", "999", "--shuffle-tools", "5", "--max-tools", "2", "--fit", "--verify", "all", "-q")
    done = build(source, "-o", tmp_path / "out", "--tokenizer", TOKENIZER, *options, "--workers", "2")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    facts = _facts(tmp_path / "out")
    assert facts["options"] == {"max_length": 999, "shuffle_seed": 5, "max_tools": 2, "fit": True, "verify": -1}
    assert facts["verified_rows"] == facts["rows_out"] == 2
    assert facts["tools_dropped"] == {"tools": 2, "rows": 2}


@pytest.mark.parametrize("asked,verified", [("0", 0), ("1", 1), ("all", 2)])
def test_how_many_rows_are_compared(build: Command, source: str, tmp_path: Path, asked: str, verified: int) -> None:
    """None, some, or all; the last line but two says how many."""
    done = build(source, "-o", tmp_path / "out", "--tokenizer", TOKENIZER, "--verify", asked)
    assert done.returncode == 0
    assert _facts(tmp_path / "out")["verified_rows"] == verified
    rows = "1 row" if verified == 1 else f"{verified} rows"
    assert f"{rows} equal to the output" in done.stderr


def test_no_row_is_cut_off(build: Command, source: str, tmp_path: Path) -> None:
    """The long row is rejected and reported with its code, and the run is a success."""
    options = ("--max-length", "512", "--verify", "0")
    done = build(source, "-o", tmp_path / "out", "--tokenizer", TOKENIZER, *options)
    assert done.returncode == 0
    assert [sample["id"] for sample in read_samples(tmp_path / "out")] == ["r1"]
    assert _facts(tmp_path / "out")["rejected"] == {"ambiguous-call": 1, "too-long": 1}
    assert "too-long" in done.stderr


def test_a_changed_template_ends_in_one_line(build: Command, source: str, tmp_path: Path) -> None:
    """Exit code 2, the first difference, no folder."""
    copy = copy_tokenizer(tmp_path)
    template = copy / "chat_template.jinja"
    template.write_text(template.read_text(encoding="utf-8").replace("call>call:", "call>run:"), encoding="utf-8")
    done = build(source, "-o", tmp_path / "out", "--tokenizer", copy)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("afg-data: r1: the tokenizer's chat template gives '")
    assert "call>run:f{city:" in line
    assert not (tmp_path / "out").exists()


WRONG = {
    "no source": (("absent.jsonl", "--tokenizer", TOKENIZER), "absent.jsonl: there is no such file or folder"),
    "no tokenizer": (("rows.jsonl",), "Missing option '--tokenizer'"),
    "tokenizer": (("rows.jsonl", "--tokenizer", "absent"), "'absent' is not a tokenizer"),
    "verify": (("rows.jsonl", "--tokenizer", TOKENIZER, "--verify", "some"), "--verify some: neither a number of rows"),
    "negative": (("rows.jsonl", "--tokenizer", TOKENIZER, "--verify", "-1"), "--verify -1: neither a number of rows"),
    "length": (("rows.jsonl", "--tokenizer", TOKENIZER, "--max-length", "0"), "'--max-length'"),
    "tools": (("rows.jsonl", "--tokenizer", TOKENIZER, "--max-tools", "0"), "'--max-tools'"),
    "layout": (("rows.jsonl", "--tokenizer", TOKENIZER, "--layout", "none"), "none"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_usage_is_one_line(build: Command, source: str, tmp_path: Path, name: str) -> None:
    """Exit code 2, and nothing is written."""
    arguments, message = WRONG[name]
    done = build(*arguments, "-o", "out")
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("afg-data: ")
    assert message in line
    assert list(tmp_path.iterdir()) == [Path(source)]


def test_a_folder_that_cannot_be_written_is_one_line(build: Command, source: str, tmp_path: Path) -> None:
    """Exit code 3 where a file has its name; 2 where it holds what is somebody's."""
    (tmp_path / "file").write_bytes(b"")
    done = build(source, "-o", "file", "--tokenizer", TOKENIZER, "--verify", "0")
    assert (done.returncode, done.stderr) == (3, "afg-data: file: is a file (choose another folder with -o)\n")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_bytes(b"mine")
    done = build(source, "-o", "full", "--tokenizer", TOKENIZER, "--verify", "0")
    said = "afg-data: full: the folder holds notes.txt, which would be lost (choose another folder with -o)\n"
    assert (done.returncode, done.stderr) == (2, said)


def test_a_process_of_its_own(afg_data_process: Command, source: str, tmp_path: Path) -> None:
    """As a user starts it: the same lines and code."""
    done = afg_data_process("build", source, "-o", tmp_path / "out", "--tokenizer", TOKENIZER, "--verify", "0")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.endswith(f"3 rows in, 2 out, 1 rejected → {tmp_path / 'out'}\n")
    assert "Warning" not in done.stderr


def test_json_is_what_the_folder_says(build: Command, source: str, tmp_path: Path) -> None:
    """``--json`` prints build.json alone."""
    done = build(source, "-o", "out", "--tokenizer", TOKENIZER, "--verify", "0", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == json.loads((tmp_path / "out" / "build.json").read_bytes())


def test_the_help_shows_an_example(build: Command) -> None:
    """And every option."""
    done = build("--help")
    assert (done.returncode, done.stderr) == (0, "")
    text = " ".join(done.stdout.split())
    assert "afg-data build train.parquet -o samples --tokenizer unsloth/functiongemma-270m-it" in text
    for option in ("--max-length", "--shuffle-tools", "--max-tools", "--fit", "--verify", "--workers", "--tools-file"):
        assert option in text
