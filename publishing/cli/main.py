"""``afg``: the command line from a clean dataset to a published model."""

from dataset_tools.display.command_line import command_line, run_app
from publishing.cli.card import card_command
from publishing.cli.doctor import doctor_command
from publishing.cli.export import export_command
from publishing.cli.publish import publish_command
from publishing.cli.pull import pull_command, verify_command
from training.cli.evaluate import call_command, compare_command, evaluate_command
from training.cli.serve import serve_command
from training.cli.train import train_command

__all__ = ["app", "main"]


app = command_line(
    "afg",
    "From a clean Arabic function-calling dataset to a small model on the Hugging Face Hub.",
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


if __name__ == "__main__":
    main()
