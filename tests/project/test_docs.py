"""Documentation that matches the code: generated pages, commands, options, links and docstrings."""

import importlib
import importlib.util
import inspect
import pkgutil
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer

import dataset_tools
import publishing
import schemas
import training
from dataset_tools import errors
from dataset_tools.cli import main
from dataset_tools.display import command_line
from publishing.cli import main as publishing_cli

ROOT = Path(__file__).parents[2]
PAGES = sorted(path for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")))
APPS = {"afg-data": typer.main.get_command(main.app), "afg": typer.main.get_command(publishing_cli.app)}
AFTER_UNSLOTH = {"training.fit.callbacks"}
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def _blocks(path: Path) -> list[tuple[str, str]]:
    """Return the code blocks of a page: language and text."""
    return _BLOCK.findall(path.read_text(encoding="utf-8"))


def _commands(path: Path) -> Iterator[list[str]]:
    """Yield every command line of the project in code blocks and inline code, as words."""
    text = path.read_text(encoding="utf-8")
    lines = [
        line
        for language, block in _blocks(path)
        if language in ("", "bash", "sh", "console")
        for line in block.splitlines()
    ]
    lines += re.findall(r"`(afg(?:-data)? [^`\n]+)`", text)
    for line in lines:
        command = line.strip().removeprefix("$ ").split(" | ")[0].split(" #")[0]
        if re.match(r"afg(-data)? ", command):
            yield shlex.split(command)


def _modules() -> list[str]:
    """Return every module of the project, except those that must be imported after Unsloth."""
    packages = (schemas, dataset_tools, training, publishing)
    found = [package.__name__ for package in packages]
    for package in packages:
        found += [module.name for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]
    return [name for name in found if not name.endswith("__main__") and name not in AFTER_UNSLOTH]


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_pages_are_current() -> None:
    """Generated pages equal the output of the generator; `make docs` writes them."""
    for name, text in _generator().pages().items():
        assert (ROOT / "docs" / name).read_text(encoding="utf-8") == text, name


def check_command(words: list[str]) -> None:
    """Require that a command and each of its options exist."""
    app: Any = APPS[words[0]]
    known = {option for parameter in app.params for option in parameter.opts} | {"--help", "-h"}
    if words[1].startswith("-"):
        assert words[1] in known, words
        return
    if not re.fullmatch("[a-z-]+", words[1]):
        return  # a placeholder
    assert words[1] in app.commands, words
    command = app.commands[words[1]]
    options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    for word in words[2:]:
        if word.startswith("-") and word != "-":
            assert word.split("=")[0] in options | {"--help", "-h"}, words


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_command_in_a_page_exists(page: Path) -> None:
    """Commands and options in a page exist."""
    for words in _commands(page):
        check_command(words)


def test_the_readme_shows_commands() -> None:
    """The main commands are in the README, so the test above is not empty."""
    shown = {words[1] for words in _commands(ROOT / "README.md") if words[0] == "afg-data"}
    assert {"sample", "validate", "clean"} <= shown


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_relative_links_exist(page: Path) -> None:
    """Files that a page links to exist."""
    text = _BLOCK.sub("", page.read_text(encoding="utf-8"))
    for link in _LINK.findall(text):
        if not re.match(r"[a-z]+:|#", link):
            assert (page.parent / link.split("#")[0]).exists(), link


def test_both_readmes_show_the_same_code() -> None:
    """The Arabic README has the English one's code blocks, in the same order."""
    assert _blocks(ROOT / "README.ar.md") == _blocks(ROOT / "README.md")


@pytest.mark.parametrize("name", _modules())
def test_public_names_have_docstrings(name: str) -> None:
    """A module has a docstring; each name in `__all__` exists, and its classes and functions have docstrings."""
    module = importlib.import_module(name)
    assert module.__doc__
    for public in getattr(module, "__all__", []):
        value = getattr(module, public)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert inspect.getdoc(value), public


def test_the_tree_of_errors_is_current() -> None:
    """The docstring of the errors names each class with its exit code, and no other."""
    lines = re.findall(r"^ *(│   )?[├└]── (\w+) .*?(?:exit (\d+)|continues)", errors.__doc__ or "", re.MULTILINE)
    drawn = [(name, code) for _, name, code in lines]
    real = {name: getattr(errors, name) for name in errors.__all__ if name != "AfgError"}
    assert [name for name, _ in drawn] == list({name: None for name, _ in drawn})
    assert {name for name, _ in drawn} == set(real)
    parent = errors.AfgError
    for inner, name, _ in lines:
        assert real[name].__base__ is (parent if inner else errors.AfgError)
        parent = parent if inner else real[name]
    assert {name: int(code) for name, code in drawn if code} == {
        name: kind.exit_code for name, kind in real.items() if name != "RowError"
    }


def test_an_error_is_one_line() -> None:
    """An error has place, fault and hint in one line, as far as known."""
    assert str(errors.InputError("empty", where="a.jsonl", hint="write it again")) == "a.jsonl: empty (write it again)"
    assert str(errors.UsageError("no fold")) == "no fold"


def test_the_changelog_names_every_command() -> None:
    """The changelog names each command."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    for program, app in APPS.items():
        for command in app.commands:  # type: ignore[attr-defined]
            assert f"`{program} {command}`" in text, command


def test_exit_codes_are_documented() -> None:
    """The README's table has the exit codes and meanings that the help prints."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for code, meaning in command_line.EXIT_CODES.items():
        assert f"| {code} | {meaning.split('`')[0]}" in text, code
