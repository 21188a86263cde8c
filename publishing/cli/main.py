"""``afg``: the command line from a clean dataset to a published model."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from dataset_tools.display.console import EXIT_CODES, run_app, stdout_console
from publishing.cli.card import card_command
from publishing.cli.consume import pull_command, verify_command
from publishing.cli.export import export_command
from publishing.cli.publish import publish_command
from training.cli.evaluate import add_commands as add_evaluation
from training.cli.serve import serve_command
from training.cli.train import train_command

if TYPE_CHECKING:
    from publishing.cli.doctor import Diagnosis

__all__ = ["app", "main"]

_CODES = "\n".join(f"{code:>5}  {meaning}" for code, meaning in EXIT_CODES.items())
app = typer.Typer(
    name="afg",
    help="From a clean Arabic function-calling dataset to a small model on the Hugging Face Hub.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

add_evaluation(app)


def _print_version(value: bool) -> None:  # noqa: FBT001 - typer calls it with the flag
    if value:
        from importlib.metadata import version

        sys.stdout.write(f"afg {version('arabic-functiongemma')}\n")
        raise typer.Exit


@app.callback()
def common(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """From a clean Arabic function-calling dataset to a small model on the Hugging Face Hub."""


app.command("train")(train_command)
app.command("serve")(serve_command)


@app.command("doctor")
def doctor_command(
    as_json: Annotated[bool, typer.Option("--json", help="Print the diagnosis as JSON.")] = False,
) -> None:
    """Show versions, GPU and Hub, what is missing, and the command that adds it.

    Exits with 1 when a package that the data commands need is missing.

    Example: afg doctor
    """
    import json

    from publishing.cli.doctor import diagnose

    diagnosis = diagnose()
    if as_json:
        sys.stdout.write(json.dumps(diagnosis.as_json(), ensure_ascii=False) + "\n")
    else:
        _print_diagnosis(diagnosis)
    if not diagnosis.healthy:
        raise typer.Exit(1)


app.command("export")(export_command)
app.command("card")(card_command)
app.command("publish")(publish_command)
app.command("pull")(pull_command)
app.command("verify")(verify_command)


def _print_diagnosis(diagnosis: "Diagnosis") -> None:
    from rich.table import Table

    console = stdout_console()
    facts = Table.grid(padding=(0, 2))
    facts.add_row("arabic-functiongemma", diagnosis.version)
    facts.add_row("Python", f"{diagnosis.python}, {diagnosis.platform}, {diagnosis.cores} cores")
    facts.add_row("GPU", ", ".join(diagnosis.gpus) or "none: data, evaluation and small runs work on the CPU")
    facts.add_row(
        "Hub", f"{diagnosis.hub}, {'a token is at hand' if diagnosis.token else 'no token: run `hf auth login`'}"
    )
    console.print(facts)
    packages = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("package", "version", "what for"):
        packages.add_column(name)
    for package in diagnosis.packages:
        missing = "[red]missing[/]" if package.required else "[yellow]not installed[/]"
        packages.add_row(package.name, package.version or missing, package.purpose)
    console.print(packages)
    for line in diagnosis.advice:
        console.print(f"→ {line}", style="green", markup=False)


def main() -> None:
    """Run ``afg``."""
    run_app(app, "afg")
