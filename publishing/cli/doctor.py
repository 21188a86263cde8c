"""``afg doctor``: what this machine has, what it lacks, and the command that adds it."""

import os
import platform
import sys
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from training.recipe.hardware import nvidia_gpus as _gpus

__all__ = ["Diagnosis", "Package", "diagnose"]

_DISTRIBUTION = "arabic-functiongemma"

# Package, what it is for here. Everything that only training and exporting need is optional on a data machine.
_REQUIRED = {
    "camel-tools": "normalises Arabic",
    "datasets": "reads and writes datasets of the Hub",
    "ftfy": "repairs wrongly decoded text",
    "huggingface-hub": "talks to the Hub",
    "jsonschema": "explains what breaks a schema",
    "jsonschema-rs": "decides whether a value keeps a schema",
    "orjson": "reads and writes JSON",
    "pyarrow": "reads and writes Parquet",
    "rich": "prints tables",
    "typer": "makes the command lines",
    "zstandard": "reads and writes .zst",
}
_OPTIONAL = {
    "torch": "computes",
    "transformers": "loads models and tokenizers",
    "peft": "trains LoRA adapters",
    "trl": "runs supervised fine-tuning",
    "accelerate": "puts the model on its device",
    "unsloth": "makes training fast and small",
    "unsloth_zoo": "holds what Unsloth shares between models",
    "bitsandbytes": "keeps optimiser state in 8 bits on a GPU",
    "gguf": "writes GGUF files",
    "xllamacpp": "runs GGUF files",
}


@dataclass(frozen=True, slots=True)
class Package:
    """One package: ``version`` is empty when it is not installed."""

    name: str
    purpose: str
    required: bool
    version: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What ``afg doctor`` found.

    Attributes:
        version: the version of this project.
        python: the version of Python.
        platform: operating system and processor.
        cores: processor cores that this process may use.
        gpus: names and memory of NVIDIA GPUs; empty without one.
        hub: the Hub's address that uploads and downloads go to.
        token: whether a Hub token is at hand; never the token itself.
        packages: the packages that matter here.
        advice: the commands that add what is missing.
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

    @property
    def healthy(self) -> bool:
        """Whether everything that the data commands need is installed."""
        return all(package.version for package in self.packages if package.required)

    def as_json(self) -> dict[str, Any]:
        """The object that ``--json`` prints."""
        return {**asdict(self), "healthy": self.healthy}


def diagnose() -> Diagnosis:
    """Look at this machine. Reads package metadata only: nothing heavy is imported and no network is used."""
    packages = [
        Package(name, purpose, required, _version(name))
        for table, required in ((_REQUIRED, True), (_OPTIONAL, False))
        for name, purpose in table.items()
    ]
    gpus = _gpus()
    return Diagnosis(
        version=_version(_DISTRIBUTION) or "not installed",
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.machine()}",
        cores=_cores(),
        gpus=gpus,
        hub=os.environ.get("HF_ENDPOINT") or "https://huggingface.co",
        token=_has_token(),
        packages=packages,
        advice=_advice(packages, has_gpu=bool(gpus)),
    )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _has_token() -> bool:
    from huggingface_hub import get_token

    return get_token() is not None


def _advice(packages: list[Package], *, has_gpu: bool) -> list[str]:
    missing = [package.name for package in packages if not package.version]
    required = [name for name in missing if name in _REQUIRED]
    advice = []
    if required:
        advice.append(f"{sys.executable} -m pip install {' '.join(required)}")
    optional = [name for name in missing if name in _OPTIONAL and (has_gpu or name != "bitsandbytes")]
    if optional:
        advice.append(f"to train, evaluate and export: {sys.executable} -m pip install {' '.join(optional)}")
    return advice
