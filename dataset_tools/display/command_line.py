"""Command lines: grouped options and examples in the help, exit codes, and errors as one line."""

import os
import re
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import version
from textwrap import fill
from typing import Annotated, Any, NoReturn

import typer
from typer import TyperException
from typer.core import TyperCommand, TyperGroup

from dataset_tools.errors import AfgError

__all__ = ["EXIT_CODES", "PROGRAMS", "command_line", "run_app"]

EXIT_CODES = {
    0: "success; `validate` has no findings at the level of --fail-on",
    1: "`validate` has findings at that level; `card --check` or `verify` found a mistake; "
    "`export` left out GGUF; `call` got no call",
    2: "wrong usage, or unreadable input",
    3: "output cannot be written",
    4: "training stopped: out of memory, hardware failure or NaN gradients",
    5: "export verification failed; output discarded",
    130: "interrupted",
}
"""Meaning of the exit codes of both command lines."""

_EXIT_CODE_HELP = "\b\nExit codes:\n" + "\n".join(
    fill(f"{code:>5}  {meaning}", 76, subsequent_indent=" " * 7) for code, meaning in EXIT_CODES.items()
)

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
_INTERRUPTED = 130


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
        epilog=_EXIT_CODE_HELP,
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


def run_app(app: Callable[..., Any], name: str) -> None:
    """Run a command line; an error that the user caused becomes one line and an exit code."""
    try:
        # In standalone mode, Typer would print errors in its own format, and nothing for Ctrl-C.
        code = app(standalone_mode=False, prog_name=name)
        sys.stdout.flush()
    except AfgError as error:
        sys.stderr.write(f"{name}: {_one_line(str(error))}\n")
        sys.exit(error.exit_code)
    except TyperException as error:
        sys.stderr.write(_wrong_usage(error, name))
        sys.exit(2)
    except KeyboardInterrupt:
        code = _INTERRUPTED
    except BrokenPipeError:
        _leave_quietly()
    except SystemExit as error:
        if isinstance(error.__context__, BrokenPipeError):  # Typer caught it first
            _leave_quietly()
        raise
    if code == _INTERRUPTED:
        sys.stderr.write(f"{name}: interrupted; saved work is kept, partial output files are removed\n")
    sys.exit(code)


def _leave_quietly() -> NoReturn:
    """Exit with 0 after the reader of our output, such as `head`, closed it; Python would fail when it flushes."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno() if sys.__stdout__ else 1)
    sys.exit(0)


def _wrong_usage(error: Exception, name: str) -> str:
    """Return an error of Typer in one line, or the help if there were no arguments."""
    text = error.format_message() if hasattr(error, "format_message") else str(error)
    if text.startswith("Usage:"):
        return f"{text}\n"
    context = getattr(error, "ctx", None)
    command = context.command_path if context else name
    return f"{name}: {_one_line(text)} (see `{command} --help`)\n"


def _one_line(text: str) -> str:
    return " ".join(text.split("\n")).replace("Value error, ", "")
