"""Help texts of both command lines: short, complete, and with examples that work."""

import re
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from dataset_tools.cli.main import app as afg_data
from dataset_tools.display.command_line import PROGRAMS
from publishing.cli.main import app as afg

APPS = {"afg-data": afg_data, "afg": afg}
COMMANDS = [(program, name) for program, app in APPS.items() for name in typer.main.get_command(app).commands]  # type: ignore[attr-defined]


def _help(program: str, *arguments: str) -> str:
    result = CliRunner().invoke(APPS[program], [*arguments], prog_name=program, env={"COLUMNS": "80"})
    assert result.exit_code == 0
    return result.output


@pytest.mark.parametrize("program", APPS)
def test_the_list_of_commands_fits_80_columns(program: str) -> None:
    """Each command has a whole sentence on one line; exit codes follow; ``help`` and ``--help`` print the same."""
    assert tuple(typer.main.get_command(APPS[program]).commands) == PROGRAMS[program]  # type: ignore[attr-defined]
    text = _help(program, "--help")
    assert "..." not in text.replace("COMMAND [ARGS]...", "")
    assert max(map(len, text.splitlines())) <= 80
    assert text.index("Commands:") < text.index("Exit codes:")
    assert _help(program, "help") == text
    assert re.fullmatch(rf"{program} \d+\.\d+\.\d+\n", _help(program, "--version"))


@pytest.mark.parametrize("program,name", COMMANDS)
def test_every_command_has_short_options_and_two_examples(program: str, name: str) -> None:
    """Options fit 60 characters, placeholders are words rather than types, and examples start with the command."""
    command: Any = typer.main.get_command(APPS[program]).commands[name]  # type: ignore[attr-defined]
    for parameter in command.params:
        assert len(parameter.help or "") <= 60, parameter.help
    text = _help(program, name, "--help")
    assert not re.search(r"<[a-z]", text)
    examples = text.partition("\nExamples:\n")[2].strip().splitlines()
    assert len(examples) == 2
    assert all(f"{program} {name}" in example for example in examples)
    description = re.split(r"\n\n[A-Z]\w+:\n", text)[0].partition("\n\n")[2]
    for paragraph in description.split("\n\n"):
        assert re.match(r"\s*[A-Z`]", paragraph), paragraph
    assert _help(program, "help", name) == text


@pytest.mark.parametrize("program,name,other", [("afg-data", "train", "afg"), ("afg", "clean", "afg-data")])
def test_a_command_of_the_other_program_is_named(program: str, name: str, other: str) -> None:
    """The error says which program has the command."""
    result = CliRunner().invoke(APPS[program], [name], prog_name=program)
    assert result.exit_code == 2
    assert f"run `{other} {name}`" in result.output
