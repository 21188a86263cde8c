"""``afg``: the command line from a clean dataset to a published model."""

import sys
from typing import Annotated

import typer

from dataset_tools.display.console import run_app
from publishing.cli.card import card_command
from publishing.cli.consume import pull_command, verify_command
from publishing.cli.doctor import doctor_command
from publishing.cli.export import export_command
from publishing.cli.publish import publish_command
from training.cli.evaluate import add_commands as add_evaluation
from training.cli.serve import serve_command
from training.cli.train import train_command

__all__ = ["app", "main"]

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


app.command("doctor")(doctor_command)
app.command("export")(export_command)
app.command("card")(card_command)
app.command("publish")(publish_command)
app.command("pull")(pull_command)
app.command("verify")(verify_command)


def main() -> None:
    """Run ``afg``."""
    run_app(app, "afg")
