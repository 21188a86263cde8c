"""Trackers get the recipe and the metrics on request; a stand-in for each records the calls."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from dataset_tools.errors import UsageError
from publishing.cli import main
from training.fit.trackers import TRACKERS, Reporter, require_tracker
from training.recipe.recipe import load_recipe

LINE = {"step": 7, "loss": 0.5, "gradient_norm": None, "learning_rate": 1e-3}
# The interface that Trackio and wandb share.
STAND_IN = """
import json, pathlib
PLACE = pathlib.Path(__file__).with_suffix(".log")
def _write(*what):
    with PLACE.open("a") as stream:
        print(json.dumps(what), file=stream)
def init(**options): _write("init", options)
def log(numbers, step):
    if numbers.get("loss") == 13: raise ConnectionError("the line is dead\\nand more")
    _write("log", numbers, step)
def finish(): _write("finish")
"""


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Returns a function that installs a stand-in for a tracker and returns the file with its calls."""

    def make(name: str, text: str = STAND_IN) -> Path:
        folder = tmp_path / "packages"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
        monkeypatch.syspath_prepend(str(folder))
        monkeypatch.delitem(sys.modules, name, raising=False)
        return folder / f"{name}.log"

    return make


def _sent(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("name", ["trackio", "wandb"])
def test_a_tracker_gets_recipe_and_metrics(name: str, stand_in: Callable[[str], Path], tmp_path: Path) -> None:
    """It gets the recipe once, then the finite numbers of each line with the step, then the end, and no path."""
    place = stand_in(name)
    warnings: list[str] = []
    reporter = Reporter(name, tmp_path / "run", load_recipe("t4").values(), warnings.append)
    reporter.log(LINE)
    reporter.close()
    (_, options), *rest = _sent(place)
    assert (options["project"], options["name"]) == ("arabic-functiongemma", "run")
    assert (options["config"]["lora.r"], options["config"]["seed"]) == (32, 3407)
    assert options["config"]["lora.targets"] == "q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj"
    assert rest == [["log", {"loss": 0.5, "learning_rate": 1e-3}, 7], ["finish"]]
    assert warnings == []


def test_a_tracker_that_fails_is_dropped(stand_in: Callable[[str], Path], tmp_path: Path) -> None:
    """One warning is given, and the tracker gets no more metrics."""
    place = stand_in("trackio")
    warnings: list[str] = []
    reporter = Reporter("trackio", tmp_path / "run", {}, warnings.append)
    for loss in (1, 13, 2):
        reporter.log({"step": loss, "loss": loss})
    reporter.close()
    assert warnings == ["trackio failed and receives no more metrics: the line is dead"]
    assert [what for what, *_ in _sent(place)] == ["init", "log"]


def test_a_tracker_that_does_not_start(stand_in: Callable[..., Path], tmp_path: Path) -> None:
    """A tracker that is not set up is one line."""
    stand_in("wandb", "def init(**options): raise RuntimeError('no key\\nsee the page')")
    with pytest.raises(UsageError, match=r"^wandb does not start: no key \(set it up as its documentation says"):
        Reporter("wandb", tmp_path / "run", {}, print)


def test_no_tracker_is_imported_by_default(tmp_path: Path, stand_in: Callable[[str], Path]) -> None:
    """Without --report-to, no installed tracker is imported."""
    places = [stand_in(name) for name in TRACKERS]
    reporter = Reporter("none", tmp_path / "run", {}, print)
    reporter.log(LINE)
    reporter.close()
    assert not any(place.exists() for place in places)
    assert not set(TRACKERS) & set(sys.modules)


def test_a_tracker_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing package is one line with the install command, before anything else is checked."""
    monkeypatch.setattr("training.fit.trackers.find_spec", lambda _: None)
    require_tracker("none")
    expected = "wandb is not installed (pip install wandb, or omit --report-to)"
    with pytest.raises(UsageError) as caught:
        require_tracker("wandb")
    assert str(caught.value) == expected
    run = CliRunner().invoke(main.app, ["train", "nothing", "-o", "run", "--report-to", "wandb"], standalone_mode=False)
    assert str(run.exception) == expected
    with pytest.raises(UsageError, match=r"unknown tracker 'mlflow' \(none, tensorboard, trackio, wandb\)"):
        require_tracker("mlflow")
