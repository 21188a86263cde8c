"""Partitioned directories as inputs: every command gives the same result as for one file."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer
from typer.testing import CliRunner

from dataset_tools.cleaning.clean import clean
from dataset_tools.cli import main
from dataset_tools.pipeline.outputs import Outputs
from publishing.cli import main as publishing_cli
from publishing.export.prompts import held_out_prompts
from tests.dataset_tools.io.stages import rows_of
from tests.dataset_tools.pipeline.runs import clean_into
from training.tiny import tokenizer_path

Said = Callable[[str, Path], Any]
"""A function from data and a folder to results that must not depend on how the rows are stored."""


class _Forms(NamedTuple):
    one: str
    parts: str


@pytest.fixture(scope="module")
def forms(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> _Forms:
    """The same cleaned rows, as one file and as a folder of parts."""
    folder = tmp_path_factory.mktemp("forms")
    one = folder / "one.jsonl"
    clean([str(corpus)], Outputs(one))
    clean_into(corpus, folder)
    return _Forms(str(one), f"{folder}/out/")


def _run(*arguments: str | Path, app: typer.Typer = main.app, codes: tuple[int, ...] = (0,)) -> tuple[str, str]:
    """Return standard output and error of a command that succeeds."""
    result = CliRunner().invoke(app, list(map(str, arguments)))
    assert result.exit_code in codes, result.output + repr(result.exception)
    return result.stdout, result.stderr


def _ids(path: Path) -> list[str]:
    return [row.value["id"] for row in rows_of(path)]


def _validate(source: str, _: Path) -> Any:
    """Return all findings by row id."""
    found = json.loads(_run("validate", source, "--format", "json", "--examples", "9999", codes=(1,))[0])
    for check in found["checks"].values():
        for example in check["examples"]:
            del example["file"], example["line"]
            # A message may name another row by its place.
            example["message"] = re.sub(r"(\S+\.parquet )?line \d+", "PLACE", example["message"])
    return found


def _stats(source: str, _: Path) -> Any:
    return json.loads(_run("stats", source, "--json")[0])


def _report(source: str, folder: Path) -> Any:
    """Return the number of rows only, because the page shows places."""
    return _run("report", source, "-o", folder / "page.html")[1].split(" → ")[0]


def _render(source: str, _: Path) -> Any:
    said, problems = _run("render", source, codes=(1,))
    return said, re.findall(r"sample-\d+", problems)


def _records(command: str) -> Said:
    """Return the rows that a command writes and rejects."""

    def run(source: str, folder: Path) -> Any:
        out, rejects = folder / "out.jsonl", folder / "rejects.jsonl"
        report = json.loads(_run(command, source, "-o", out, "--rejects", rejects, "--json")[0])
        counts = {key: report[key] for key in ("rows_in", "rows_out", "rejected")}
        return counts, _ids(out), [row.value["code"] for row in rows_of(rejects)] if rejects.stat().st_size else []

    return run


def _split(source: str, folder: Path) -> Any:
    facts = json.loads(_run("split", source, "-o", folder / "splits", "--format", "jsonl", "--json")[0])
    splits = {path.stem: _ids(path) for path in (folder / "splits").glob("*.jsonl") if path.stem != "rejects"}
    return facts["rows_in"], facts["groups"], splits


def _build(source: str, folder: Path) -> Any:
    out = folder / "samples"
    facts = json.loads(_run("build", source, "-o", out, "--tokenizer", tokenizer_path(), "--json")[0])
    rows = [row.value for path in sorted(out.glob("data-*.parquet")) for row in rows_of(path)]
    return facts["rows_in"], [(row["id"], row["labels"]) for row in rows]


READING: dict[str, Said] = {
    "build": _build,
    "clean": _records("clean"),
    "dedup": _records("dedup"),
    "import": _records("import"),
    "render": _render,
    "report": _report,
    "split": _split,
    "stats": _stats,
    "validate": _validate,
}


def test_the_table_holds_every_command_that_reads_data() -> None:
    """A new command with SRC must be added here."""
    commands: Any = typer.main.get_command(main.app)
    taking = {
        name
        for name, command in commands.commands.items()
        if any(parameter.metavar == "SRC" for parameter in command.params)
    }
    assert taking == READING.keys()


@pytest.mark.parametrize("command", READING)
def test_a_folder_of_parts_is_like_one_file(command: str, forms: _Forms, tmp_path: Path) -> None:
    """Rows, counts and findings are equal; only places differ."""
    said = []
    for source in forms:
        folder = tmp_path / str(len(said))
        folder.mkdir()
        said.append(READING[command](source, folder))
    assert said[0] == said[1]


def test_leakage_is_found_in_a_folder_of_parts(forms: _Forms, tmp_path: Path) -> None:
    """Evaluation data of `split --against` may be partitioned; here it is all rows, so none is left."""
    result = CliRunner().invoke(
        main.app, ["split", forms.one, "-o", str(tmp_path / "splits"), "--against", forms.parts]
    )
    assert result.exit_code != 0
    assert "456" in str(result.exception)


def test_gold_may_be_partitioned(forms: _Forms, tmp_path: Path) -> None:
    """`afg evaluate` gives the same scores."""
    answers = tmp_path / "answers.jsonl"
    rows = [row.value for row in rows_of(Path(forms.one))]
    made = [{"id": row["id"], "text": ""} for row in rows]
    answers.write_text("".join(json.dumps(answer) + "\n" for answer in made))
    said = []
    for source in forms:
        out = tmp_path / "eval.json"
        _run("evaluate", source, "--predictions", answers, "-o", out, app=publishing_cli.app)
        found = json.loads(out.read_bytes())
        said.append((found["metrics"], [item["id"] for item in found["items"]]))
    assert said[0] == said[1]
    assert said[0][1]


def test_export_prompts_may_be_partitioned(forms: _Forms) -> None:
    """`afg export --prompts` selects the same prompts."""
    assert held_out_prompts(3, Path(forms.parts)) == held_out_prompts(3, Path(forms.one))
