"""``afg``: the version and the diagnosis of a machine; a token is never shown."""

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


def _without(monkeypatch: pytest.MonkeyPatch, *missing: str) -> None:
    """Make packages look as if they were not installed."""
    real = metadata.version

    def version(name: str) -> str:
        if name in missing:
            raise metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(doctor, "version", version)


def test_version_is_the_installed_one() -> None:
    """``afg --version`` prints the name and the version, and ends well."""
    run = _afg("--version")
    assert (run.returncode, run.stdout, run.stderr) == (0, f"afg {metadata.version('arabic-functiongemma')}\n", "")


def test_help_names_the_command_and_its_option() -> None:
    """The help shows ``doctor``, and the command's help its option and an example."""
    assert "doctor" in CliRunner().invoke(main.app, ["--help"]).output
    text = CliRunner().invoke(main.app, ["doctor", "--help"]).output
    assert "--json" in text
    assert re.search(r"Example:\s+afg doctor", text)


def test_the_json_diagnosis_is_complete_and_keeps_the_token() -> None:
    """Every field is there, the Hub's address is the one that is set, and of the token only that it exists."""
    run = _afg("doctor", "--json", HF_TOKEN=TOKEN, HF_ENDPOINT="http://127.0.0.1:9")
    found: dict[str, Any] = json.loads(run.stdout)
    assert list(found) == [
        "version", "python", "platform", "cores", "gpus", "hub", "token", "packages", "advice", "healthy",
    ]  # fmt: skip
    assert (found["token"], found["hub"]) == (True, "http://127.0.0.1:9")
    assert found["cores"] >= 1
    assert all(list(package) == ["name", "purpose", "required", "version"] for package in found["packages"])
    assert run.returncode == (0 if found["healthy"] else 1)
    assert TOKEN not in run.stdout + run.stderr


def test_the_text_diagnosis_keeps_the_token() -> None:
    """The table names every package and says that a token is at hand, without a letter of it."""
    run = _afg("doctor", HF_TOKEN=TOKEN, HF_ENDPOINT="http://127.0.0.1:9")
    assert "http://127.0.0.1:9, a token is at hand" in run.stdout
    assert "secret" not in run.stdout + run.stderr
    assert all(package in run.stdout for package in ("camel-tools", "orjson", "unsloth"))


def test_no_token_is_told_with_the_login(tmp_path: Path) -> None:
    """Without a token the diagnosis names the command that gets one, and that is no failure."""
    run = _afg("doctor", HF_TOKEN="", HF_HOME=str(tmp_path), HF_TOKEN_PATH=str(tmp_path / "token"))
    assert "no token: run `hf auth login`" in run.stdout
    assert run.returncode == 0


def test_a_missing_package_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the data commands need and is missing makes the exit code 1, and pip's command line is given."""
    _without(monkeypatch, "orjson", "ftfy")
    result = CliRunner().invoke(main.app, ["doctor"])
    assert result.exit_code == 1
    assert re.search(r"orjson +missing", result.output)
    assert f"{sys.executable} -m pip install ftfy orjson" in " ".join(result.output.split())


def test_a_missing_training_package_is_advice_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A data machine is healthy without the packages of training; the command that adds them is shown."""
    _without(monkeypatch, "trl", "unsloth", "bitsandbytes")
    monkeypatch.setattr(doctor, "_gpus", list)
    diagnosis = doctor.diagnose()
    assert diagnosis.healthy
    line = next(line for line in diagnosis.advice if line.startswith("to train, evaluate and export: "))
    assert {"trl", "unsloth"} <= set(line.split())
    assert "bitsandbytes" not in line
    assert CliRunner().invoke(main.app, ["doctor"]).exit_code == 0


def test_gpus_are_those_that_the_driver_lists(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each GPU's name and memory is taken from the driver's tool; a tool that fails means none."""
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'Tesla T4, 15360 MiB'\n", encoding="utf-8")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert doctor.diagnose().gpus == ["Tesla T4, 15360 MiB"]
    tool.write_text("#!/bin/sh\necho 'no driver'\nexit 9\n", encoding="utf-8")
    assert doctor.diagnose().gpus == []


def test_wrong_usage_is_one_line() -> None:
    """An unknown command is one line on standard error and exit code 2."""
    run = _afg("trian")
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.startswith("afg: No such command 'trian'")
    assert run.stderr.count("\n") == 1
