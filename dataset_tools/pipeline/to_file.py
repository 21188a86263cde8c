"""Writer of a job's records to one file or a folder of parts.

Workers encode shards; this process writes them in shard order. So the bytes do not depend on the number of workers,
and memory does not depend on the file size.
"""

from contextlib import ExitStack, closing

from dataset_tools.executor.run import run
from dataset_tools.io.writer import Sink, encode, json_report
from dataset_tools.pipeline.outputs import FolderOutputs, RejectsFile
from dataset_tools.pipeline.stage import Job, RunReport, ShardResult
from dataset_tools.pipeline.to_parts import write_parts

__all__ = ["write_records"]


def write_records(job: Job) -> RunReport:
    """Run a job over all rows of its inputs and write the results.

    Raises:
        InputError: an input cannot be read, no row is usable, or a file changed during the run.
        OutputError: a result cannot be written; no file gets its final name then.
        UsageError: an output is also an input, or the folder cannot be resumed.
    """
    outputs = job.outputs
    if isinstance(outputs, FolderOutputs):
        return write_parts(job, outputs)
    outputs.check(job.inputs.paths)
    total = ShardResult()
    with RejectsFile(outputs.rejects_file, named=outputs.names_rejects) as rejects, ExitStack() as stack:
        trace = stack.enter_context(Sink(outputs.trace)) if outputs.trace else None
        records = stack.enter_context(Sink(outputs.records))
        for result in stack.enter_context(closing(run(job.stage, job.shards(), job.work, on_done=job.on_shard))):
            records.write_payload(result.payload)
            if trace and outputs.trace and result.trace:
                trace.write_payload(encode([result.trace], outputs.trace))
            rejects.write(result.rejects)
            total.merge(result)
        report = job.report(outputs.records, total)
        job.inputs.stamps.require_unchanged()
        for file in (records, trace, rejects):
            if file is not None:
                file.finish()
    if outputs.report:
        json_report(outputs.report, report.as_json())
    return report
