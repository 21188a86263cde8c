"""Services that show the numbers of a run elsewhere, for whoever asks for one: TensorBoard, Trackio, Weights & Biases.

Each gets the recipe and the lines of ``metrics.jsonl``, and nothing else of the run. Where none is asked for, nothing
is imported and nothing leaves the machine. A service that fails is told and left; the run goes on.
"""

import importlib
import os
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from dataset_tools.errors import UsageError

__all__ = ["SERVICES", "Reporter", "require_service"]

PROJECT = "arabic-functiongemma"
"""The project under which a service files the runs."""


class _Service(Protocol):
    def log(self, step: int, numbers: Mapping[str, float]) -> None: ...

    def close(self) -> None: ...


class _TensorBoard:
    """Writes event files into the run's own folder."""

    def __init__(self, folder: Path, recipe: Mapping[str, Any]) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder / "tensorboard"))
        self._writer.add_text("recipe", "\n".join(f"- {key}: {value}" for key, value in _flat(recipe).items()))

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        for name, value in numbers.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        self._writer.close()


class _Trackio:
    """Keeps the numbers on this machine, unless the user has set ``TRACKIO_SPACE_ID``."""

    def __init__(self, folder: Path, recipe: Mapping[str, Any]) -> None:
        self._trackio: Any = importlib.import_module("trackio")
        self._trackio.init(project=PROJECT, name=folder.name, config=_flat(recipe), resume="allow")

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        self._trackio.log(dict(numbers), step=step)

    def close(self) -> None:
        self._trackio.finish()


class _Wandb:
    """Sends the numbers to the account that the user is logged in to."""

    def __init__(self, folder: Path, recipe: Mapping[str, Any]) -> None:
        self._wandb: Any = importlib.import_module("wandb")
        where = None if "WANDB_DIR" in os.environ else str(folder)
        quiet = {"console": "off", "disable_git": True}  # neither what is printed nor where the code lies is sent
        self._wandb.init(project=PROJECT, name=folder.name, config=_flat(recipe), dir=where, settings=quiet)

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        self._wandb.log(dict(numbers), step=step)

    def close(self) -> None:
        self._wandb.finish()


SERVICES: dict[str, Callable[[Path, Mapping[str, Any]], _Service]] = {
    "tensorboard": _TensorBoard,
    "trackio": _Trackio,
    "wandb": _Wandb,
}


def require_service(name: str) -> None:
    """Make sure, before any work, that the package of a service is there.

    Raises:
        UsageError: it is not, or there is no such service.
    """
    if name == "none":
        return
    if name not in SERVICES:
        raise UsageError(f"there is no service {name!r}", hint=f"none, {', '.join(SERVICES)}")
    if find_spec(name) is None:
        raise UsageError(f"{name} is not installed", hint=f"pip install {name}, or leave --report-to out")


class Reporter:
    """Hands each line of metrics to the service ``name``; to none, if that is its name.

    Args:
        name: the service.
        folder: the folder of the run.
        recipe: the values of the recipe.
        tell: who is told that the service has failed.

    Raises:
        UsageError: the service does not begin.
    """

    def __init__(self, name: str, folder: Path, recipe: Mapping[str, Any], tell: Callable[[str], None]) -> None:
        self._name = name
        self._tell = tell
        self._service: _Service | None = None
        if name == "none":
            return
        require_service(name)
        try:
            self._service = SERVICES[name](folder, recipe)
        except Exception as error:
            what = f"{name} does not begin: {_first_line(error)}"
            raise UsageError(what, hint="set it up as its own documentation says, or leave --report-to out") from error

    def log(self, line: Mapping[str, Any]) -> None:
        """Hand over one line."""
        if self._service is None:
            return
        numbers = {key: value for key, value in line.items() if key != "step" and value is not None}
        try:
            self._service.log(line["step"], numbers)
        except Exception as error:  # noqa: BLE001 - whatever a service raises, the run matters more
            self._tell(f"{self._name} has failed and gets no more numbers: {_first_line(error)}")
            self._service = None

    def close(self) -> None:
        """Let the service finish."""
        if self._service is None:
            return
        try:
            self._service.close()
        except Exception as error:  # noqa: BLE001 - the same
            self._tell(f"{self._name} has not finished: {_first_line(error)}")
        self._service = None


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _flat(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Sections and keys joined by a point, as a plan shows them."""
    found: dict[str, Any] = {}
    for section, values in recipe.items():
        if isinstance(values, dict):
            found |= {
                f"{section}.{key}": ", ".join(value) if isinstance(value, list) else value
                for key, value in values.items()
            }
        else:
            found[section] = values
    return found
