"""``afg``: the command line from a clean dataset to a published model."""

import typer

from dataset_tools.display.console import EXIT_CODE_HELP, run_app
from dataset_tools.display.help import CommandGroup, Version, add_commands
from publishing.cli.card import card_command
from publishing.cli.consume import pull_command, verify_command
from publishing.cli.doctor import doctor_command
from publishing.cli.export import export_command
from publishing.cli.publish import publish_command
from training.cli.evaluate import call_command, compare_command, evaluate_command
from training.cli.serve import serve_command
from training.cli.train import train_command

__all__ = ["app", "main"]

app = typer.Typer(
    name="afg",
    cls=CommandGroup,
    epilog=EXIT_CODE_HELP,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def common(_version: Version = False) -> None:
    """From a clean Arabic function-calling dataset to a small model on the Hugging Face Hub."""


add_commands(
    app,
    {
        "train": train_command,
        "evaluate": evaluate_command,
        "compare": compare_command,
        "call": call_command,
        "serve": serve_command,
        "export": export_command,
        "card": card_command,
        "publish": publish_command,
        "pull": pull_command,
        "verify": verify_command,
        "doctor": doctor_command,
    },
)


def main() -> None:
    """Run ``afg``."""
    run_app(app, "afg")
