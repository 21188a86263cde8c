"""Commands of ``afg-data`` from raw data to records: import, clean."""

from typing import Annotated

import typer

from dataset_tools.cli import options as opt
from dataset_tools.display.console import ShardProgress

__all__ = ["clean_command", "import_command"]


def import_command(
    sources: opt.Sources,
    output: opt.OutputOrFolder,
    layout: opt.LayoutName = "",
    tools_file: opt.ToolsFile = None,
    rename_tools: opt.Rename = False,
    rejects: opt.Rejects = None,
    report: opt.ReportFile = None,
    as_json: opt.AsJson = False,
    parts: opt.PartsFormat = "",
    resume: opt.Resume = False,
    log_json: opt.LogJson = False,
    engine: opt.EngineName = opt.EngineChoice.LOCAL,
    ray_address: opt.RayAddress = "",
    workers: opt.WorkersOrTasks = None,
    quiet: opt.Quiet = False,
) -> None:
    """Convert any known layout to records; repair nothing.

    Examples:
        afg-data import raw/ -o records.jsonl
        afg-data import hf://datasets/ORG/NAME -o records/ -j 4 --resume
    """
    from dataset_tools.cleaning.import_data import ImportOptions, import_data
    from dataset_tools.records.reading import Inputs

    options = ImportOptions(
        reading=opt.read_options(layout, tools_file),
        rename_tools=rename_tools,
        work=opt.work_of(engine, ray_address, workers),
    )
    outputs = opt.outputs_of(output, parts, rejects, report, resume=resume)
    inputs = Inputs.of(sources)
    with ShardProgress("import", inputs.size, quiet=quiet, log_json=log_json) as progress:
        result = import_data(inputs, outputs, options, on_shard=progress.shard_done)
    opt.print_run(result, as_json=as_json, quiet=quiet)


def clean_command(
    sources: opt.Sources,
    output: opt.OutputOrFolder,
    fold: Annotated[
        str,
        typer.Option(
            metavar="NAME,...",
            help="Also fold: dediac, alef, alef-maksura, teh-marbuta, digits.",
        ),
    ] = "",
    developer_turn: Annotated[bool, typer.Option(help="Add the developer turn if it is missing.")] = True,
    layout: opt.LayoutName = "",
    tools_file: opt.ToolsFile = None,
    rename_tools: opt.Rename = False,
    rejects: opt.Rejects = None,
    report: opt.ReportFile = None,
    trace: opt.Trace = None,
    html: opt.Html = None,
    as_json: opt.AsJson = False,
    parts: opt.PartsFormat = "",
    resume: opt.Resume = False,
    log_json: opt.LogJson = False,
    engine: opt.EngineName = opt.EngineChoice.LOCAL,
    ray_address: opt.RayAddress = "",
    workers: opt.WorkersOrTasks = None,
    quiet: opt.Quiet = False,
) -> None:
    """Convert any known layout to records and repair them.

    Rows that cannot be repaired are rejected with file, line and reason.

    Examples:
        afg-data clean raw.jsonl -o clean.jsonl --report report.json
        afg-data clean s3://bucket/raw/ -o clean/ -j 4 --resume
    """
    from dataset_tools.cleaning.clean import CleanOptions, clean
    from dataset_tools.records.reading import Inputs

    folds = tuple(name.strip() for name in fold.split(",") if name.strip())
    options = CleanOptions(
        fold=folds,
        developer_turn=developer_turn,
        reading=opt.read_options(layout, tools_file),
        rename_tools=rename_tools,
        work=opt.work_of(engine, ray_address, workers),
    )
    outputs = opt.outputs_of(output, parts, rejects, report, trace, html, resume=resume)
    inputs = Inputs.of(sources)
    with ShardProgress("clean", inputs.size, quiet=quiet, log_json=log_json) as progress:
        result = clean(inputs, outputs, options, on_shard=progress.shard_done)
    if html:
        from dataset_tools.report.pages import cleaning_page

        opt.write_page(html, cleaning_page(result))
    opt.print_run(result, as_json=as_json, quiet=quiet)
