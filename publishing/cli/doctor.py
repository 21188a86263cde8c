"""``afg doctor``: the packages, GPU and Hub of this machine, and the command that installs what is missing."""

import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import Annotated

import typer
from packaging.requirements import Requirement

from dataset_tools.display.console import print_table, stdout_console
from publishing.cli.terminal import write_json
from training.recipe.hardware import available_cores, nvidia_gpus

__all__ = ["Diagnosis", "Package", "diagnose", "doctor_command"]

_PROJECT = "arabic-functiongemma"
# The extras of each group; "" is the project without extras.
_GROUPS = {"data": ("",), "train": ("train", "train-cpu"), "export": ("gguf",)}
_ONLY_WITH_GPU = "bitsandbytes"


@dataclass(frozen=True, slots=True)
class Package:
    """A package that the project requires.

    Attributes:
        name: its name.
        group: ``data``, ``train`` or ``export``.
        required: the version specifier; empty for any version.
        version: the installed version; empty if it is not installed.
        ok: whether the installed version satisfies the specifier.
    """

    name: str
    group: str
    required: str
    version: str
    ok: bool


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The result of ``afg doctor``.

    Attributes:
        version: the version of this project.
        python: the version of Python.
        platform: operating system and processor.
        cores: processor cores that this process may use.
        gpus: names and memory of NVIDIA GPUs.
        hub: the address of the Hub.
        token: whether there is a Hub token; never the token itself.
        packages: the required packages of each group.
        advice: the commands that install what is missing.
        healthy: whether the data commands have all their packages.
    """

    version: str
    python: str
    platform: str
    cores: int
    gpus: list[str]
    hub: str
    token: bool
    packages: list[Package]
    advice: list[str]
    healthy: bool


def diagnose() -> Diagnosis:
    """Inspect this machine. Reads only package metadata: imports nothing heavy and uses no network."""
    from huggingface_hub import get_token

    gpus = nvidia_gpus()
    packages = [package for group in _GROUPS for package in _packages(group, has_gpu=bool(gpus))]
    lacking = {package.group for package in packages if not package.ok} if packages else set(_GROUPS)
    return Diagnosis(
        version=_installed(_PROJECT) or "not installed",
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.machine()}",
        cores=available_cores(),
        gpus=gpus,
        hub=os.environ.get("HF_ENDPOINT") or "https://huggingface.co",
        token=get_token() is not None,
        packages=packages,
        advice=_advice(lacking, has_gpu=bool(gpus)),
        healthy="data" not in lacking,
    )


def _packages(group: str, *, has_gpu: bool) -> Iterator[Package]:
    """Yield the packages that the project's own metadata requires for a group."""
    for line in _requirements():
        requirement = Requirement(line)
        marker = requirement.marker
        if group == "data":
            wanted = marker is None or marker.evaluate({"extra": ""})
        else:
            wanted = marker is not None and any(marker.evaluate({"extra": extra}) for extra in _GROUPS[group])
        if wanted and requirement.name != _PROJECT and (has_gpu or requirement.name != _ONLY_WITH_GPU):
            version = _installed(requirement.name)
            ok = bool(version) and requirement.specifier.contains(version, prereleases=True)
            yield Package(requirement.name, group, str(requirement.specifier), version, ok)


def _requirements() -> list[str]:
    try:
        return metadata.requires(_PROJECT) or []
    except metadata.PackageNotFoundError:  # a checkout that is not installed
        return []


def _installed(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _advice(lacking: set[str], *, has_gpu: bool) -> list[str]:
    """Return the pip commands for the groups that lack packages."""
    extras = [extra for group, (extra, *_) in _GROUPS.items() if group in lacking and extra]
    on_cpu = "train" in lacking and not has_gpu
    if on_cpu:
        extras[extras.index("train")] = "train-cpu"
    advice = []
    if lacking:
        names = f"'{_PROJECT}[{','.join(extras)}]'" if extras else _PROJECT
        advice.append(f"{sys.executable} -m pip install {names}")
    if on_cpu:  # with dependencies, Unsloth would install packages for a GPU
        advice.append(f"{sys.executable} -m pip install --no-deps unsloth unsloth_zoo")
    return advice


def doctor_command(
    as_json: Annotated[bool, typer.Option("--json", help="Print the diagnosis as JSON.")] = False,
) -> None:
    """Show versions, GPU and Hub login, and what is missing.

    The exit code is 1 if a package of the data commands is missing.

    Examples:
        afg doctor
        afg doctor --json
    """
    diagnosis = diagnose()
    if as_json:
        write_json(asdict(diagnosis))
    else:
        _print(diagnosis)
    if not diagnosis.healthy:
        raise typer.Exit(1)


def _print(diagnosis: Diagnosis) -> None:
    from rich.table import Table

    console = stdout_console()
    facts = Table.grid(padding=(0, 2))
    facts.add_row(_PROJECT, diagnosis.version)
    facts.add_row("Python", f"{diagnosis.python}, {diagnosis.platform}, {diagnosis.cores} cores")
    facts.add_row("GPU", ", ".join(diagnosis.gpus) or "none; data, evaluation and small runs work on the CPU")
    facts.add_row("Hub", f"{diagnosis.hub}, {'token found' if diagnosis.token else 'no token: run `hf auth login`'}")
    for group in _GROUPS:
        bad = [package.name for package in diagnosis.packages if package.group == group and not package.ok]
        facts.add_row(group, f"not ready: {', '.join(bad)}" if bad else "ready")
    console.print(facts)
    rows = [
        (package.group, package.name, package.required, package.version or "missing", "ok" if package.ok else "not ok")
        for package in diagnosis.packages
    ]
    print_table(("group", "package", "required", "installed", ""), rows, console, left=range(5))
    for line in diagnosis.advice:
        console.print(f"→ {line}", style="green", markup=False, soft_wrap=True)
