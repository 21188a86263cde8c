"""``afg --version`` and ``afg doctor``: a token is never shown."""

import json
import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from publishing.cli import doctor, main

ROOT = Path(__file__).parents[3]
TOKEN = "hf_secretsecretsecretsecretsecretsecret"  # noqa: S105 - made up


def _afg(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from publishing.cli.main import main; main()", *arguments]
    variables = {**os.environ, "COLUMNS": "200", "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", env=variables, check=False)


@pytest.fixture
def versions(monkeypatch: pytest.MonkeyPatch) -> dict[str, str | None]:
    """Versions of packages that differ from the installed ones; None for a missing package."""
    real, changed = metadata.version, dict[str, str | None]()

    def version(name: str) -> str:
        found = changed.get(name, "")
        if found is None:
            raise metadata.PackageNotFoundError(name)
        return found or real(name)

    monkeypatch.setattr(metadata, "version", version)
    return changed


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The driver's tool, which lists one GPU."""
    tool = tmp_path / "bin" / "nvidia-smi"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\necho 'Tesla T4, 15360 MiB'\n", encoding="utf-8")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tool.parent), prepend=os.pathsep)
    return tool


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No driver."""
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.mark.parametrize("module", ["publishing", "publishing.cli.main", "dataset_tools", "dataset_tools.cli.main"])
def test_each_command_line_runs_as_a_module(module: str) -> None:
    """`python -m` is the same as the installed command."""
    variables = {**os.environ, "COLUMNS": "200", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", module, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", env=variables, check=False)
    name = "afg" if module.startswith("publishing") else "afg-data"
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"Usage: {name} [OPTIONS] COMMAND")


def test_version_is_the_installed_one() -> None:
    """``afg --version`` prints the name and the version."""
    run = _afg("--version")
    assert (run.returncode, run.stdout, run.stderr) == (0, f"afg {metadata.version('arabic-functiongemma')}\n", "")


def test_help_names_the_command_and_its_option() -> None:
    """The help shows ``doctor``, and the command's help its option and an example."""
    assert "doctor" in CliRunner().invoke(main.app, ["--help"]).output
    text = CliRunner().invoke(main.app, ["doctor", "--help"]).output
    assert "--json" in text
    assert re.search(r"Examples:\s+afg doctor", text)


def test_the_json_diagnosis_is_complete_and_keeps_the_token() -> None:
    """Every field is there; of the token only that it exists."""
    run = _afg("doctor", "--json", HF_TOKEN=TOKEN, HF_ENDPOINT="http://127.0.0.1:9")
    found: dict[str, Any] = json.loads(run.stdout)
    assert list(found) == [
        "version", "python", "platform", "cores", "gpus", "hub", "token", "packages", "advice", "healthy",
    ]  # fmt: skip
    assert (found["token"], found["hub"]) == (True, "http://127.0.0.1:9")
    assert found["cores"] >= 1
    assert all(list(package) == ["name", "group", "required", "version", "ok"] for package in found["packages"])
    assert run.returncode == (0 if found["healthy"] else 1)
    assert TOKEN not in run.stdout + run.stderr


def test_the_text_diagnosis_keeps_the_token() -> None:
    """The table names every package, and says that there is a token without showing it."""
    run = _afg("doctor", HF_TOKEN=TOKEN, HF_ENDPOINT="http://127.0.0.1:9")
    assert "http://127.0.0.1:9, token found" in run.stdout
    assert "secret" not in run.stdout + run.stderr
    assert all(package in run.stdout for package in ("camel-tools", "orjson", "unsloth"))


def test_without_a_token_the_login_is_named(tmp_path: Path) -> None:
    """The diagnosis names the command that gets a token; the exit code is 0."""
    run = _afg("doctor", HF_TOKEN="", HF_HOME=str(tmp_path), HF_TOKEN_PATH=str(tmp_path / "token"))
    assert "no token: run `hf auth login`" in run.stdout
    assert run.returncode == 0


def test_a_missing_package_is_named_with_its_command(versions: dict[str, str | None]) -> None:
    """A missing package of the data commands makes the exit code 1; pip completes the project's own requirements."""
    versions |= {"orjson": None, "ftfy": None}
    result = CliRunner().invoke(main.app, ["doctor"])
    assert result.exit_code == 1
    assert re.search(r"data +not ready: ftfy, orjson", result.output)
    assert re.search(r"orjson +>=3.11 +missing", result.output)
    assert f"→ {sys.executable} -m pip install arabic-functiongemma\n" in result.output


@pytest.mark.usefixtures("gpu")
def test_missing_extras_are_one_command(versions: dict[str, str | None]) -> None:
    """With a GPU every package of the extras counts. The data commands are ready without them."""
    versions |= {"bitsandbytes": None, "cyllama": None}
    diagnosis = doctor.diagnose()
    assert diagnosis.healthy
    assert diagnosis.advice == [f"{sys.executable} -m pip install 'arabic-functiongemma[train,gguf]'"]


@pytest.mark.usefixtures("no_gpu")
def test_training_on_a_cpu_needs_other_commands(versions: dict[str, str | None]) -> None:
    """Without a GPU bitsandbytes is not needed, and Unsloth is installed without its dependencies."""
    versions |= {"bitsandbytes": None}
    assert doctor.diagnose().advice == []
    versions |= {"unsloth": None}
    assert doctor.diagnose().advice == [
        f"{sys.executable} -m pip install 'arabic-functiongemma[train-cpu]'",
        f"{sys.executable} -m pip install --no-deps unsloth unsloth_zoo",
    ]
    assert CliRunner().invoke(main.app, ["doctor"]).exit_code == 0


@pytest.mark.parametrize("version, ok", [("1.15.0", True), ("1.16.0", False), ("0.29", False), ("1.16.0.dev0", False)])
def test_versions_are_compared_with_the_requirements(versions: dict[str, str | None], version: str, ok: bool) -> None:  # noqa: FBT001
    """An installed version outside the specifier of the project's metadata is not ok."""
    versions |= {"trl": version}
    (found,) = (package for package in doctor.diagnose().packages if package.name == "trl")
    assert (found.group, found.required, found.ok) == ("train", "<=1.15,>=1.0", ok)


def test_the_groups_are_those_of_the_metadata() -> None:
    """Every requirement of the project and of its extras for training and export is listed once."""
    lines = [line for line in metadata.requires("arabic-functiongemma") or () if not re.search('"(dev|ray)"', line)]
    names = {re.split(r"[<>=\[; ]", line)[0] for line in lines} - {"arabic-functiongemma"}
    listed = [package.name for package in doctor.diagnose().packages]
    assert sorted({*listed, "bitsandbytes"}) == sorted(names)
    assert len(listed) == len(set(listed))


def test_gpus_are_those_that_the_driver_lists(gpu: Path) -> None:
    """Each GPU's name and memory is taken from the driver's tool; a tool that fails means none."""
    assert doctor.diagnose().gpus == ["Tesla T4, 15360 MiB"]
    gpu.write_text("#!/bin/sh\necho 'no driver'\nexit 9\n", encoding="utf-8")
    assert doctor.diagnose().gpus == []


def test_wrong_usage_is_one_line() -> None:
    """An unknown command is one line on standard error and exit code 2."""
    run = _afg("trian")
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.startswith("afg: No such command 'trian'")
    assert run.stderr.count("\n") == 1
