"""The notebook: existing commands, no outputs, and a complete run on the tiny base."""

import os
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.hub.client import environment
from tests.hub.server import running_hub
from tests.project.test_docs import check_command

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "notebooks" / "afg_t4.ipynb"
RECIPE = {"epochs": "1", "warmup_steps": "2", "save_steps": "4", "eval_steps": "4", "rows": "8", "accumulation": "1"}
# A failed line `!command` must fail the notebook.
STRICT = """
_shell, _system = get_ipython(), get_ipython().system

def _strict(command):
    _system(command)
    code = _shell.user_ns["_exit_code"]
    assert code == 0, f"{command}: exit code {code}"

_shell.system = _strict
"""


def _cells() -> list[Any]:
    return list(nbformat.read(NOTEBOOK, as_version=4).cells)


def _commands() -> Iterator[str]:
    """Yield each line `!command`, with a word in place of each `{expression}`."""
    for cell in _cells():
        if cell.cell_type == "code":
            for line in re.findall(r"^ *!(.*)$", cell.source, re.MULTILINE):
                yield re.sub(r"\{.*?\}", "x", line).split(" || ")[0]


def test_it_has_no_outputs() -> None:
    """No cell has outputs, numbers or metadata, and text precedes each code cell."""
    nbformat.validate(nbformat.read(NOTEBOOK, as_version=4))
    kinds = [cell.cell_type for cell in _cells()]
    assert kinds == ["markdown", *["markdown", "code"] * 11]
    for cell in _cells():
        assert cell.metadata == {}
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None)


def test_its_commands_exist() -> None:
    """Commands and options exist, and every step from training to a call is shown."""
    lines = [line for line in _commands() if line.startswith("afg")]
    for line in lines:
        check_command(shlex.split(line))
    shown = [line.split()[1] for line in lines if line.startswith("afg ")]
    assert shown == [
        "doctor", "train", "evaluate", "train", "evaluate", "compare", "export", "card", "publish", "pull", "verify",
        "call",
    ]  # fmt: skip


@pytest.mark.slow
def test_it_runs_on_the_tiny_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All cells run: data, training, evaluation, export, a loopback Hub, and a call."""
    from nbclient import NotebookClient

    recipe = (ROOT / "training" / "recipe" / "recipes" / "demo.toml").read_text(encoding="utf-8")
    for key, value in RECIPE.items():
        recipe, found = re.subn(rf"^{key} = [^#\n]*", f"{key} = {value}  ", recipe, flags=re.MULTILINE)
        assert found == 1, key
    (tmp_path / "recipe.toml").write_text(recipe, encoding="utf-8")
    rows = (ROOT / "dataset_tools" / "bundled" / "dirty.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "few.jsonl").write_text("".join(rows[:48]), encoding="utf-8")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(STRICT))
    with running_hub(tmp_path / "hub") as hub:
        settings = {
            "AFG_HUB": "org/arabic-calls", "AFG_BASE": "tiny", "AFG_DATA": "few.jsonl", "AFG_LIMIT": "3",
            "AFG_TOKENIZER": str(ROOT / "training" / "tiny" / "tokenizer"), "AFG_RECIPE": "recipe.toml",
            "OMP_NUM_THREADS": "1", "COLUMNS": "80",
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        }  # fmt: skip
        for name, value in environment(hub, tmp_path / "home", **settings).items():
            monkeypatch.setenv(name, value)
        NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(tmp_path)}}).execute()
        names = ("org/arabic-calls", "org/arabic-calls-lora", "org/arabic-calls-GGUF")
        assert {name for _, name in hub.store.repositories} == set(names)
    said = "".join(output.get("text", "") for output in notebook.cells[-1].outputs)
    assert re.search(r'"name": ?"get_current_weather"', said), said
    assert re.search(r'"city": ?"[^"]*جدة', said), said
