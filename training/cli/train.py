"""``afg train``: the command over :mod:`training`, which ``afg`` takes in."""

import sys
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["ReportTo", "train_command"]


class ReportTo(StrEnum):
    """Where the numbers of a run go beside its own files."""

    NONE = "none"
    TENSORBOARD = "tensorboard"
    TRACKIO = "trackio"
    WANDB = "wandb"


def train_command(
    data: Annotated[str, typer.Argument(metavar="DATA", help="The folder of samples that `afg-data build` made.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="RUN", help="The folder of the run.")],
    validation: Annotated[
        str | None, typer.Option(metavar="DATA", help="Samples to measure the loss on, at intervals.")
    ] = None,
    recipe: Annotated[str, typer.Option(metavar="NAME|FILE", help="t4, demo, or a TOML file.")] = "t4",
    base: Annotated[
        str, typer.Option(metavar="PATH|ID", help="Another base: a folder, ORG/NAME[@REVISION], or tiny.")
    ] = "",
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last good checkpoint in RUN.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the plan and stop; exit 2 if it would not start.")
    ] = False,
    report_to: Annotated[ReportTo, typer.Option(help="Send the numbers there too.")] = ReportTo.NONE,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Train a LoRA adapter on built samples with the fixed recipe.

    Example: afg train samples -o run --validation held-out
    """
    from training.answers.decoder import let_threads_sleep
    from training.fit.plan import make_plan
    from training.fit.progress import StepProgress
    from training.fit.run_manifest import recorded_base
    from training.fit.text import plan_lines, result_lines
    from training.fit.trackers import require_service
    from training.fit.train import Watcher, start_problems, train
    from training.recipe.recipe import load_recipe

    let_threads_sleep()
    require_service(report_to.value)
    if resume:
        base = base or recorded_base(output)
    plan = make_plan(load_recipe(recipe), data, output, base=base, validation=validation, recipe_source=recipe)
    if dry_run:
        plan = replace(plan, reasons=tuple(start_problems(plan, resume=resume)))
        sys.stdout.writelines(f"{line}\n" for line in plan_lines(plan))
        if plan.reasons:
            raise typer.Exit(2)
        return
    with StepProgress(plan.steps, quiet=quiet) as progress:
        result = train(plan, Watcher(progress.step, progress.tell), resume=resume, report_to=report_to.value)
    if not quiet:
        sys.stderr.writelines(f"{line}\n" for line in result_lines(result.manifest, result.output))
