"""Help texts of both command lines: grouped options, short metavars, and examples as they are typed."""

import re
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from dataset_tools.display.console import EXIT_CODE_HELP

__all__ = ["PROGRAMS", "command_line"]

PROGRAMS = {
    "afg-data": (
        "sample", "import", "clean", "validate", "dedup", "split", "stats", "report", "build", "show", "render",
        "parse", "checks", "layouts",
    ),
    "afg": ("train", "evaluate", "compare", "call", "serve", "export", "card", "publish", "pull", "verify", "doctor"),
}  # fmt: skip
"""Commands of each program, by pipeline step; ``afg-data`` cannot import those of ``afg``."""

_EXAMPLES = "Examples:"
_METAVARS = {"<int range>": "N", "<int>": "N", "<float>": "NUMBER", "<path>": "PATH", "<str>": "TEXT"}
_TYPE = re.compile(r"<[^<>]+>$")
_RANGE = re.compile(r"(; )?(\d+<=)?x[<>]=\d+")


class Command(TyperCommand):
    """A command whose help groups its options by panel and ends with the examples of its docstring."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:  # noqa: ANN401 - Typer's context has no public type
        """Return the usage line's words, without Typer's braces around arguments."""
        return [piece.replace("{", "").replace("}", "") for piece in super().collect_usage_pieces(ctx)]

    def format_help_text(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401, ARG002
        """Write the description."""
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text((self.help or "").partition(_EXAMPLES)[0].strip())

    def format_options(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401
        """Write the arguments, then the options in their groups."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is None:
                continue
            argument = parameter.param_type_name == "argument"
            group = "Arguments" if argument else getattr(parameter, "rich_help_panel", None) or "Options"
            name = _TYPE.sub("", record[0]).strip() if argument else _TYPE.sub(_metavar, record[0])
            groups.setdefault(group, []).append((name, _RANGE.sub("", record[1]).replace("[]", "").strip()))
        for group, records in groups.items():
            with formatter.section(group):
                formatter.write_dl(records)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401, ARG002
        """Write the examples, each on its own line."""
        lines = (self.help or "").partition(_EXAMPLES)[2].strip().splitlines()
        if lines:
            with formatter.section(_EXAMPLES.removesuffix(":")):
                formatter.write("".join(f"  {line.strip()}\n" for line in lines))


class CommandGroup(TyperGroup):
    """A command line that takes ``help`` as a command and names the program of a command that it does not have."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401
        """Return the command that ``args`` name.

        Raises:
            UsageError: there is no such command; the message names the program that has it.
        """
        if args[0] == "help":
            args = [*(args[1:2] if args[1:2] and args[1] in self.commands else []), "--help"]
            if args == ["--help"]:
                typer.echo(ctx.get_help())
                raise typer.Exit
        program = next((program for program, names in PROGRAMS.items() if args[0] in names), self.name)
        if program != self.name:
            ctx.fail(f"{args[0]!r} is a command of {program}: run `{program} {args[0]}`.")
        return super().resolve_command(ctx, args)


def command_line(name: str, description: str, commands: Mapping[str, Callable[..., None]]) -> typer.Typer:
    """Return a command line.

    Args:
        name: the program, one of :data:`PROGRAMS`.
        description: first line of its help.
        commands: name to function, in the order of the help.
    """
    app = typer.Typer(
        name=name,
        cls=CommandGroup,
        help=description,
        epilog=EXIT_CODE_HELP,
        no_args_is_help=True,
        rich_markup_mode=None,  # rich would add 0.1 s to every help text
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback()
    def common(_version: _Version = False) -> None: ...  # noqa: FBT002 - Typer makes a flag of it

    for command, function in commands.items():
        app.command(command, cls=Command)(function)
    return app


def _print_version(ctx: typer.Context, value: bool) -> None:  # noqa: FBT001 - Typer calls it with the flag
    if value:
        typer.echo(f"{ctx.command.name} {version('arabic-functiongemma')}")
        raise typer.Exit


_Version = Annotated[
    bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
]


def _metavar(match: re.Match[str]) -> str:
    """Return the placeholder of a type: N for integers, the choices themselves for choices."""
    return _METAVARS.get(match[0], match[0].strip("<>"))
