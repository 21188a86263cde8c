"""The import contracts of ``pyproject.toml`` on a copy of the tree: every module belongs to a room."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("schemas", "dataset_tools", "training", "publishing")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the sources and of ``pyproject.toml``."""
    folder = tmp_path_factory.mktemp("tree")
    for package in PACKAGES:
        for source in (ROOT / package).rglob("*.py"):
            target = folder / source.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    shutil.copyfile(ROOT / "pyproject.toml", folder / "pyproject.toml")
    return folder


def _lint(tree: Path) -> "subprocess.CompletedProcess[str]":
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    environment = os.environ | {"PYTHONPATH": str(tree), "COLUMNS": "200"}
    return subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)


def test_the_tree_keeps_its_contracts(tree: Path) -> None:
    """The unchanged copy passes, so failures in the other tests come from their changes."""
    done = _lint(tree)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


@pytest.mark.parametrize("package", ["dataset_tools", "training", "publishing"])
def test_a_module_outside_of_the_rooms_is_rejected(tree: Path, package: str) -> None:
    """The contract names the package and the module."""
    stray = tree / package / "utils.py"
    stray.write_text('"""Anything."""\n', encoding="utf-8")
    try:
        done = _lint(tree)
    finally:
        stray.unlink()
    assert done.returncode == 1
    assert f"Rooms of {package} BROKEN" in done.stdout
    assert "utils" in done.stdout


def test_an_import_upwards_is_rejected(tree: Path) -> None:
    """A room may not import a room above it, nor a package the package above it."""
    module = tree / "dataset_tools" / "io" / "json_text.py"
    source = module.read_text(encoding="utf-8")
    module.write_text(f"{source}\nfrom dataset_tools.cli import main\nimport training\n", encoding="utf-8")
    try:
        done = _lint(tree)
    finally:
        module.write_text(source, encoding="utf-8")
    assert done.returncode == 1
    assert "Imports run one way BROKEN" in done.stdout
    assert "dataset_tools.io is not allowed to import dataset_tools.cli" in done.stdout


def test_late_imports_follow_the_policy() -> None:
    """Heavy packages are listed once in ``pyproject.toml``; no import is excused where it happens."""
    sources = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    excused = [path for path in sources if "PLC0415" in path.read_text(encoding="utf-8")]
    assert not excused
