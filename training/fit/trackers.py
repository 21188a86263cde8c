"""Experiment trackers that also receive the metrics, if the user asks for one: TensorBoard, Trackio, Weights & Biases.

A tracker gets the recipe and the lines of ``metrics.jsonl``, nothing else of the run: the callbacks of transformers
would also send arguments, the model's configuration and paths. Without a tracker nothing is imported or sent. If a
tracker fails, the run continues without it.
"""

import importlib
import os
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, cast

from dataset_tools.errors import UsageError
from training.recipe.recipe import flat_values

__all__ = ["TRACKERS", "Reporter", "require_tracker"]

PROJECT = "arabic-functiongemma"
"""The project name of the runs in a tracker."""

TRACKERS = ("tensorboard", "trackio", "wandb")


class _Tracker(Protocol):
    def log(self, numbers: dict[str, float], step: int) -> None: ...

    def finish(self) -> None: ...


class _TensorBoard:
    """Event files in the run's own folder, with the interface that Trackio and wandb share."""

    def __init__(self, folder: Path, config: Mapping[str, Any]) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder / "tensorboard"))
        self._writer.add_text("recipe", "\n".join(f"- {key}: {value}" for key, value in config.items()))

    def log(self, numbers: dict[str, float], step: int) -> None:
        for name, value in numbers.items():
            self._writer.add_scalar(name, value, step)

    def finish(self) -> None:
        self._writer.close()


def _start(name: str, folder: Path, config: Mapping[str, Any]) -> _Tracker:
    if name == "tensorboard":
        return _TensorBoard(folder, config)
    options: dict[str, Any] = {"resume": "allow"}  # Trackio stays on this machine unless TRACKIO_SPACE_ID is set
    if name == "wandb":  # neither the terminal's output nor the place of the code is sent
        options = {"settings": {"console": "off", "disable_git": True}}
        options["dir"] = None if "WANDB_DIR" in os.environ else str(folder)
    tracker: Any = importlib.import_module(name)
    tracker.init(project=PROJECT, name=folder.name, config=config, **options)
    return cast("_Tracker", tracker)  # log and finish are functions of the module


def require_tracker(name: str) -> None:
    """Check that the package of a tracker is installed.

    Raises:
        UsageError: the package is missing, or the tracker is unknown.
    """
    if name == "none":
        return
    if name not in TRACKERS:
        raise UsageError(f"unknown tracker {name!r}", hint=f"none, {', '.join(TRACKERS)}")
    if find_spec(name) is None:
        raise UsageError(f"{name} is not installed", hint=f"pip install {name}, or omit --report-to")


class Reporter:
    """Sender of each line of metrics to the tracker ``name``; ``none`` sends nothing.

    Args:
        name: the tracker.
        folder: the folder of the run.
        recipe: the values of the recipe.
        warn: called with a warning if the tracker fails.

    Raises:
        UsageError: the tracker does not start.
    """

    def __init__(self, name: str, folder: Path, recipe: Mapping[str, Any], warn: Callable[[str], None]) -> None:
        self._name = name
        self._warn = warn
        self._tracker: _Tracker | None = None
        if name == "none":
            return
        try:
            self._tracker = _start(name, folder, flat_values(recipe))
        except Exception as error:
            what = f"{name} does not start: {_first_line(error)}"
            raise UsageError(what, hint="set it up as its documentation says, or omit --report-to") from error

    def log(self, line: Mapping[str, Any]) -> None:
        """Send one line."""
        if self._tracker is None:
            return
        numbers = {key: value for key, value in line.items() if key != "step" and value is not None}
        try:
            self._tracker.log(numbers, step=line["step"])
        except Exception as error:  # noqa: BLE001 - a tracker may raise anything, and the run must continue
            self._warn(f"{self._name} failed and receives no more metrics: {_first_line(error)}")
            self._tracker = None

    def close(self) -> None:
        """Finish the run in the tracker."""
        if self._tracker is None:
            return
        try:
            self._tracker.finish()
        except Exception as error:  # noqa: BLE001 - the same
            self._warn(f"{self._name} did not finish: {_first_line(error)}")
        self._tracker = None


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
