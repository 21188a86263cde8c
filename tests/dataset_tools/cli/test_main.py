"""``afg-data`` as a user meets it: help, bad input in one line with the documented exit code, interrupts and pipes."""

import gzip
import json
import os
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
import typer
from typer.testing import CliRunner

from dataset_tools.bundled import dirty_path, sample_path
from dataset_tools.checks import catalogue
from dataset_tools.cli import main
from dataset_tools.display import command_line
from dataset_tools.records.layouts import all_layouts
from publishing.cli import main as publishing_cli

Command = Callable[..., Any]
GOOD = {
    "id": "r1",
    "messages": [{"role": "user", "content": "شو الطقس؟"}, {"role": "assistant", "content": "صحو"}],
    "tools": [],
}
LINE = json.dumps(GOOD, ensure_ascii=False).encode() + b"\n"
HEAVY = (
    "torch",
    "transformers",
    "datasets",
    "camel_tools",
    "pyarrow",
    "rich",
    "jsonschema",
    "numpy",
    "huggingface_hub",
)
COMMANDS = (
    *("import", "clean", "validate", "render", "build", "show", "parse", "dedup", "report", "split", "stats"),
    *("checks", "layouts", "sample"),
)


def _one_line(run: Any, code: int) -> str:
    """The only line on standard error, for a run that ended with ``code``."""
    assert run.returncode == code, run.stderr
    assert "Traceback" not in run.stderr
    lines: list[str] = run.stderr.splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("afg-data: ")
    return lines[0]


# --- whole files that cannot be read ---


def _utf16() -> bytes:
    return LINE.decode().encode("utf-16")


FILES = {
    "gzip-named-jsonl": ("a.jsonl", gzip.compress(LINE), "not plain text as its name says, but gzip data"),
    "half-parquet": ("a.parquet", b"PAR1" + b"\x15\x04" * 40, "truncated Parquet file"),
    "no-parquet": ("a.parquet", LINE, "not a Parquet file as its name says"),
    "csv": ("a.jsonl", "سؤال,جواب\nكيفك,زين\n".encode(), "none of 2 rows could be used"),
    "utf-16": ("a.jsonl", _utf16(), "the text is UTF-16, not UTF-8"),
    "empty": ("a.jsonl", b"", "the file is empty"),
    "ending": ("a.txt", LINE, "unknown file format"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_cannot_be_read_is_one_line(name: str, afg_data: Command, tmp_path: Path) -> None:
    """The line says what is wrong with which file; nothing is written."""
    file, content, message = FILES[name]
    (tmp_path / file).write_bytes(content)
    run = afg_data("clean", file, "-o", "out.jsonl", cwd=tmp_path)
    line = _one_line(run, 2)
    assert line.startswith(f"afg-data: {file}")
    assert message in line
    assert [path.name for path in tmp_path.iterdir()] == [file]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_of_a_damaged_file_what_can_be_read_is_kept(workers: str, afg_data: Command, tmp_path: Path) -> None:
    """The rows before the cut are written, the rest is one reject, and the exit code tells of it."""
    lines = [orjson.dumps(orjson.loads(LINE) | {"id": f"row-{number}"}) for number in range(3000)]
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b"\n".join(lines))[:-2000])
    run = afg_data("clean", "a.jsonl.gz", "-o", "out.jsonl", "--quiet", "--workers", workers, cwd=tmp_path)
    assert "damaged in 1 place: only what could be read is in out.jsonl" in _one_line(run, 2)
    written = (tmp_path / "out.jsonl").read_bytes().splitlines()
    (reject,) = map(orjson.loads, (tmp_path / "out.rejects.jsonl").read_bytes().splitlines())
    assert 100 < len(written) < 3000
    assert (reject["line"], reject["code"]) == (len(written) + 1, "damaged-file")
    assert reject["reason"] == "the gzip data is truncated; the rows from here on are lost"


# --- bad rows among good ones ---

ROWS = {
    "long-line": b'{"id": "' + b"x" * (50 << 20) + b'"}\n',
    "deep": b'{"id": ' + b"[" * 10_000 + b"]" * 10_000 + b"}\n",
    "duplicate-key": b'{"id": "a", "id": "b", "messages": [], "tools": []}\n',
    "nan": b'{"id": "a", "score": NaN}\n',
    "surrogate": rb'{"id": "a", "messages": [{"role": "user", "content": "\ud83d"}]}' + b"\n",
    "nul": b'{"id": "a\x00"}\n',
    "cp1256": '{"id": "كيف الطقس في جدة"}\n'.encode("cp1256"),
    "list": b'["a"]\n',
    "empty-messages": b'{"id": "a", "messages": [], "tools": []}\n',
}


@pytest.mark.parametrize("name", ROWS)
def test_a_bad_row_is_counted_and_the_run_goes_on(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Validation counts the row as invalid at its line, cleaning rejects it, and the rows around it are read."""
    source, target = tmp_path / "a.jsonl", tmp_path / "out.jsonl"
    source.write_bytes(LINE + ROWS[name] + LINE)
    assert _main("validate", source, "--format", "json") == 1
    result = json.loads(capsys.readouterr().out)
    assert (result["rows"], result["valid"]) == (3, 2)
    assert result["checks"]["unreadable-row"]["examples"][0]["line"] == 2
    assert _main("clean", source, "-o", target) == 0
    assert "3 rows in, 2 out, 1 rejected" in " ".join(capsys.readouterr().err.split())
    assert target.read_bytes().count(b"\n") == 2


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    """A file that Windows marked as UTF-8 is read from its first row on."""
    (tmp_path / "a.jsonl").write_bytes(b"\xef\xbb\xbf" + LINE)
    assert _main("validate", tmp_path / "a.jsonl") == 0


def _main(*arguments: object) -> int:
    """The exit code of ``afg-data`` in this process."""
    before, sys.argv = sys.argv, ["afg-data", *map(str, arguments)]
    try:
        main.main()
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        sys.argv = before
    return 0


def _printed(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    code = _main(*arguments)
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert err.startswith("afg-data: ")
    return code, err


@pytest.mark.parametrize(
    "arguments,code,message",
    [
        (["validate", "none.jsonl"], 2, "none.jsonl: there is no such file or folder"),
        (["validate", "*.parquet"], 2, "no file matches"),
        (["validate", "empty"], 2, "empty: no data in this folder"),
        (["validate", "a.jsonl", "a.jsonl"], 2, "given twice"),
        (["clean", "", "-o", "out.jsonl"], 2, "a file name is empty"),
        (["validate", "-"], 2, "standard input is not read"),
        (["validate", "/dev/null"], 2, "/dev/null: a pipe or a device, not a file"),
        (["split", "a.jsonl", "-o", "out", "--by", "dialekt"], 2, "no row has the field 'dialekt'"),
        (["validate", "a.jsonl", "--layout", "alpaca"], 2, "alpaca"),
        (["validate", "a.jsonl", "--tools-file", "none.json"], 2, "none.json"),
        (["validate", "a.jsonl", "--workers", "0"], 2, "--workers"),
        (["validate", "a.jsonl", "--format", "xml"], 2, "'text', 'json', 'github'"),
        (["validate"], 2, "Missing argument 'SRC"),
        (["validate", "--nope", "a.jsonl"], 2, "--nope"),
        (["tidy"], 2, "No such command 'tidy'"),
        (["clean", "a.jsonl"], 2, "'--output'"),
        (["clean", "a.jsonl", "-o", "out.jsonl", "--fold", "alef,hamza"], 2, "no fold 'hamza'"),
        (["clean", "a.jsonl", "-o", "a.jsonl"], 2, "would overwrite an input"),
        (["clean", "a.jsonl", "-o", "out.csv"], 2, "unknown output format"),
        (["clean", "a.jsonl", "-o", "out.json"], 2, "one per line"),
        (["report", "a.jsonl", "-o", "empty"], 3, "empty: is a folder"),
        (["dedup", "a.jsonl", "-o", "."], 2, "a.jsonl is read and lies in the output folder"),
        (["clean", "a.jsonl", "-o", "."], 2, "a.jsonl is read and lies in the output folder"),
        (["clean", "a.jsonl", "-o", "out.jsonl", "--trace", "out.jsonl"], 2, "named for two outputs"),
        (["import", "a.jsonl", "-o", "a.jsonl/out.jsonl"], 3, "a.jsonl"),
        (["checks", "typos"], 2, "unknown check 'typos'"),
        (["sample", "-o", "empty"], 2, "the sample is JSON Lines"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_wrong_usage_is_one_line(
    arguments: list[str],
    code: int,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One line on standard error says what is wrong, the exit code is the documented one, and nothing is written."""
    (tmp_path / "a.jsonl").write_bytes(LINE)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    found, printed = _printed(capsys, *arguments)
    assert (found, message in printed) == (code, True), printed
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jsonl", "empty"]
    assert (tmp_path / "a.jsonl").read_bytes() == LINE


def test_a_missing_output_folder_is_made(tmp_path: Path) -> None:
    """The folders of the output are made where they are missing."""
    assert _main("clean", sample_path(), "-o", tmp_path / "a" / "b" / "out.jsonl", "-q") == 0
    assert (tmp_path / "a" / "b" / "out.jsonl").read_bytes().count(b"\n") == 480


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write everything")
def test_rights_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file without the right to read it is exit code 2, a folder without the right to write into it 3."""
    source, folder = tmp_path / "a.jsonl", tmp_path / "locked"
    source.write_bytes(LINE)
    folder.mkdir(mode=0o500)
    code, printed = _printed(capsys, "clean", source, "-o", folder / "out.jsonl")
    assert (code, "no permission to write" in printed) == (3, True)
    source.chmod(0)
    code, printed = _printed(capsys, "validate", source)
    assert (code, "no permission to read" in printed) == (2, True)


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    """When the file may not grow, the line names it and what to do, and no part of it is left."""

    def small_files() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    command = [sys.executable, "-m", "dataset_tools", "clean", sample_path(), "-o", "out.jsonl"]
    run = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
        preexec_fn=small_files,
    )
    assert "out.jsonl: the file size limit is reached" in _one_line(run, 3)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_is_one_line_and_130(tmp_path: Path) -> None:
    """Ctrl-C ends a run with the usual exit code, one line, and nothing written."""
    script = (
        "import os, signal, sys\n"
        "from dataset_tools.records import reading\n"
        "reading.read_rows = lambda shard: os.kill(os.getpid(), signal.SIGINT) or iter(())\n"
        f"sys.argv = ['afg-data', 'clean', {str(sample_path())!r}, '-o', 'out.jsonl']\n"
        "from dataset_tools.cli.main import main\n"
        "main()\n"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert "interrupted" in _one_line(run, 130)
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_stops_is_no_error() -> None:
    """``| head -1`` gets its line; no traceback and no complaint follow."""
    command = f"{sys.executable} -m dataset_tools validate {dirty_path()} --format github --examples 1000 | head -1"
    run = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)  # noqa: S607
    assert run.stdout.count("\n") == 1
    assert run.stderr == ""


# --- help and lists ---


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_an_example_and_every_option(name: str) -> None:
    """The help of a command shows one example of it and all of its options."""
    text = CliRunner().invoke(main.app, [name, "--help"], prog_name="afg-data").output
    assert re.search(rf"Examples:\s+.*afg-data {name}", text)
    command = typer.main.get_command(main.app).commands[name]  # type: ignore[attr-defined]
    assert "\n\nExamples:\n" in command.help
    for parameter in command.params:
        if parameter.param_type_name == "option":
            assert all(option in text for option in parameter.opts), parameter.opts


def test_help_lists_commands_and_exit_codes() -> None:
    """The help of ``afg-data`` names each command and what each exit code means."""
    text = CliRunner().invoke(main.app, ["--help"], prog_name="afg-data").output
    assert all(f"  {name} " in text for name in COMMANDS)
    assert all(f"{code}  {meaning}"[:40] in text for code, meaning in command_line.EXIT_CODES.items())


def test_checks_lists_the_catalogue(capsys: pytest.CaptureFixture[str]) -> None:
    """Every check is listed; one is explained by its code; both come as JSON as well."""
    assert _main("checks") == 0
    listed = capsys.readouterr().out
    assert all(code in listed for code in catalogue())
    assert _main("checks", "tatweel") == 0
    explained = capsys.readouterr().out
    assert "tatweel (warning)" in explained
    assert "جـــدة" in explained
    assert _main("checks", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert [entry["code"] for entry in facts] == list(catalogue())
    assert all(list(entry) == ["code", "severity", "meaning", "why", "example", "repair"] for entry in facts)
    assert _main("checks", "tatweel", "--json") == 0
    assert json.loads(capsys.readouterr().out) == [next(entry for entry in facts if entry["code"] == "tatweel")]


def test_layouts_lists_every_layout(capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each layout, with its name and the datasets that have it."""
    assert _main("layouts") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [layout.name for layout in all_layouts()]
    assert _main("layouts", "--json") == 0
    facts = [{"name": layout.name, "title": layout.title} for layout in all_layouts()]
    assert json.loads(capsys.readouterr().out) == facts


@pytest.mark.parametrize("name", ["import", "clean", "dedup"])
def test_json_is_what_the_report_says(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``--json`` prints the object that ``--report`` writes, alone, also where the input was damaged."""
    source, target, report = tmp_path / "a.json", tmp_path / "out.jsonl", tmp_path / "report.json"
    source.write_bytes(b"[" + LINE)
    assert _main(name, source, "-o", target, "--report", report, "--json") == 2
    printed = capsys.readouterr()
    assert json.loads(printed.out) == json.loads(report.read_bytes())
    assert json.loads(printed.out)["rejected"] == {"damaged-file": 1}
    assert printed.err.startswith("afg-data: the input was damaged in 1 place")


def test_a_log_holds_whole_lines(afg_data: Command, tmp_path: Path) -> None:
    """Without a terminal, lines on standard error are not wrapped."""
    done = afg_data("split", sample_path(), "-o", "data", cwd=tmp_path, columns="40")
    assert [line.split()[0] for line in done.stderr.splitlines()] == ["train", "validation", "test", "480"]


@pytest.mark.parametrize("dirty", [False, True])
def test_sample_writes_the_bundled_file(dirty: bool, tmp_path: Path) -> None:  # noqa: FBT001
    """The clean and the dirty sample come out as they are bundled."""
    assert _main("sample", "-o", tmp_path / "a.jsonl", *(["--dirty"] if dirty else [])) == 0
    assert (tmp_path / "a.jsonl").read_bytes() == (dirty_path() if dirty else sample_path()).read_bytes()


@pytest.mark.parametrize("start", ["dataset_tools.cli.main", "publishing.cli.main", "dataset_tools.cli.main:help"])
def test_starting_imports_nothing_heavy(start: str) -> None:
    """The command lines start, and answer ``--help``, without any package that takes long to import."""
    module, _, show = start.partition(":")
    script = f"import sys, {module} as cli\nsys.argv = ['afg-data', '--help']\n"
    script += "try:\n    cli.main()\nexcept SystemExit:\n    pass\n" if show else ""
    script += f"print(sorted(set({HEAVY}) & set(sys.modules)), file=sys.stderr)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stderr == "[]\n"


def test_both_command_lines_have_names() -> None:
    """The applications are called what their commands are called."""
    assert (main.app.info.name, publishing_cli.app.info.name) == ("afg-data", "afg")


def test_quiet_prints_no_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With --quiet a run that goes well says nothing."""
    assert _main("clean", dirty_path(), "-o", tmp_path / "a.jsonl", "--quiet") == 0
    assert capsys.readouterr() == ("", "")
