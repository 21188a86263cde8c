"""Services get the numbers of a run when they are asked for; a stand-in of each records what it is sent."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from dataset_tools.errors import UsageError
from publishing.cli import main
from training.fit.trackers import SERVICES, Reporter, require_service
from training.recipe.recipe import load_recipe

LINE = {"step": 7, "loss": 0.5, "gradient_norm": None, "learning_rate": 1e-3}
# Trackio's and wandb's own names for what is used of them, written down as it comes.
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
    """Puts a package of a service's name in reach; returns the file that it writes to."""

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
def test_a_service_gets_recipe_and_numbers(name: str, stand_in: Callable[[str], Path], tmp_path: Path) -> None:
    """The recipe once, then each line at its step without what is no number, then the end; no path."""
    place = stand_in(name)
    told: list[str] = []
    reporter = Reporter(name, tmp_path / "run", load_recipe("t4").values(), told.append)
    reporter.log(LINE)
    reporter.close()
    (_, options), *rest = _sent(place)
    assert (options["project"], options["name"]) == ("arabic-functiongemma", "run")
    assert (options["config"]["lora.r"], options["config"]["seed"]) == (32, 3407)
    assert options["config"]["lora.targets"] == "q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj"
    assert rest == [["log", {"loss": 0.5, "learning_rate": 1e-3}, 7], ["finish"]]
    assert told == []


def test_a_service_that_fails_is_left(stand_in: Callable[[str], Path], tmp_path: Path) -> None:
    """It is told once, in one line, and the run hears no more of it."""
    place = stand_in("trackio")
    told: list[str] = []
    reporter = Reporter("trackio", tmp_path / "run", {}, told.append)
    for loss in (1, 13, 2):
        reporter.log({"step": loss, "loss": loss})
    reporter.close()
    assert told == ["trackio has failed and gets no more numbers: the line is dead"]
    assert [what for what, *_ in _sent(place)] == ["init", "log"]


def test_a_service_that_does_not_begin(stand_in: Callable[..., Path], tmp_path: Path) -> None:
    """A service that is not set up is one line."""
    stand_in("wandb", "def init(**options): raise RuntimeError('no key\\nsee the page')")
    with pytest.raises(UsageError, match=r"^wandb does not begin: no key \(set it up as its own documentation says"):
        Reporter("wandb", tmp_path / "run", {}, print)


def test_nothing_is_imported_unasked(tmp_path: Path, stand_in: Callable[[str], Path]) -> None:
    """Without a service, one that is installed stays out."""
    places = [stand_in(name) for name in SERVICES]
    reporter = Reporter("none", tmp_path / "run", {}, print)
    reporter.log(LINE)
    reporter.close()
    assert not any(place.exists() for place in places)
    assert not set(SERVICES) & set(sys.modules)


def test_a_service_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that is missing is one line with the command that adds it, before anything else is looked at."""
    monkeypatch.setattr("training.fit.trackers.find_spec", lambda _: None)
    require_service("none")
    expected = "wandb is not installed (pip install wandb, or leave --report-to out)"
    with pytest.raises(UsageError) as caught:
        require_service("wandb")
    assert str(caught.value) == expected
    run = CliRunner().invoke(main.app, ["train", "nothing", "-o", "run", "--report-to", "wandb"], standalone_mode=False)
    assert str(run.exception) == expected
    with pytest.raises(UsageError, match=r"there is no service 'mlflow' \(none, tensorboard, trackio, wandb\)"):
        require_service("mlflow")
