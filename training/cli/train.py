"""The command ``afg train``."""

import sys
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from dataset_tools.cli.options import Quiet

__all__ = ["ReportTo", "train_command"]


class ReportTo(StrEnum):
    """Experiment trackers that can also receive the metrics."""

    NONE = "none"
    TENSORBOARD = "tensorboard"
    TRACKIO = "trackio"
    WANDB = "wandb"


def train_command(
    data: Annotated[str, typer.Argument(metavar="DATA", help="Folder of samples from `afg-data build`.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="RUN", help="Output folder of the run.")],
    validation: Annotated[str | None, typer.Option(metavar="DATA", help="Samples for the validation loss.")] = None,
    recipe: Annotated[str, typer.Option(metavar="NAME|FILE", help="t4, demo, or a TOML file.")] = "t4",
    base: Annotated[
        str, typer.Option(metavar="PATH|ID", help="Another base: a folder, ORG/NAME[@REVISION], or tiny.")
    ] = "",
    resume: Annotated[bool, typer.Option("--resume", help="Continue from the last good checkpoint in RUN.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the plan and stop; exit 2 if it cannot start.")
    ] = False,
    report_to: Annotated[ReportTo, typer.Option(help="Also send the metrics to this tracker.")] = ReportTo.NONE,
    quiet: Quiet = False,
) -> None:
    """Train a LoRA adapter on built samples with a fixed recipe.

    Examples:
        afg train samples -o run --validation held-out --dry-run
        afg train samples -o run --resume
    """
    from training.answers.decoder import let_threads_sleep
    from training.cli.progress import StepProgress
    from training.fit.plan import plan_training
    from training.fit.run_manifest import recorded_base
    from training.fit.text import plan_lines, result_lines
    from training.fit.trackers import require_tracker
    from training.fit.train import Watcher, start_problems, train
    from training.recipe.recipe import load_recipe

    let_threads_sleep()
    require_tracker(report_to.value)
    if resume:
        base = base or recorded_base(output)
    plan = plan_training(load_recipe(recipe), data, output, base=base, validation=validation, recipe_source=recipe)
    if dry_run:
        plan = replace(plan, reasons=tuple(start_problems(plan, resume=resume)))
        sys.stdout.writelines(f"{line}\n" for line in plan_lines(plan))
        if plan.reasons:
            raise typer.Exit(2)
        return
    with StepProgress(plan.steps, quiet=quiet) as progress:
        result = train(plan, Watcher(progress.step, progress.print_line), resume=resume, report_to=report_to.value)
    if not quiet:
        sys.stderr.writelines(f"{line}\n" for line in result_lines(result.manifest, result.output))
