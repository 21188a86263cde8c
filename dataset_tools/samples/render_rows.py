"""``afg-data render``: rows as the text that the model reads, as one library call."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from dataset_tools.errors import RowError
from dataset_tools.executor.run import Work, run
from dataset_tools.io.json_text import dump_line
from dataset_tools.prompt.render import RenderError, render
from dataset_tools.readers.shards import Shard, plan_shards
from dataset_tools.records.converter import Converter
from dataset_tools.records.reading import Inputs, records_of

__all__ = ["RenderCounts", "RenderProblem", "Writer", "render_rows"]

NOT_RENDERABLE = "not-renderable"

_HELD = 100  # problems kept; all are counted


class Writer(Protocol):
    """A writable binary stream."""

    def write(self, data: bytes, /) -> object:
        """Write ``data``."""


class RenderProblem(NamedTuple):
    """A row that cannot be rendered; ``id`` is empty if it has no record."""

    file: str
    line: int
    id: str
    code: str
    reason: str


@dataclass(slots=True)
class RenderCounts:
    """Counts of rendered rows: ``rows == rendered + sum(refused.values())``.

    Attributes:
        rows: rows read.
        rendered: rows written.
        refused: number of other rows by the code of the reason.
        problems: the first of these rows.
    """

    rows: int = 0
    rendered: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    problems: list[RenderProblem] = field(default_factory=list)


class RenderedShard(NamedTuple):
    """Result of one shard."""

    rows: int
    rendered: int
    payload: bytes
    problems: list[RenderProblem]


class RenderStage:
    """Renders one shard: a pure function of the shard, so any process may run it."""

    def __init__(self, converter: Converter, *, generation_prompt: bool) -> None:
        self._converter = converter
        self._generation_prompt = generation_prompt

    def __call__(self, shard: Shard) -> RenderedShard:
        """Return the rows of a shard as lines, and those that cannot be rendered."""
        lines: list[bytes] = []
        problems: list[RenderProblem] = []
        rows = 0
        for raw, record, _ in records_of(shard, self._converter):
            rows += 1
            place = (shard.file.name, raw.line)
            if isinstance(record, RowError):
                problems.append(RenderProblem(*place, "", record.code, str(record)))
                continue
            # Not a field of records, but rows may ask for it.
            wanted = self._generation_prompt or (raw.value or {}).get("add_generation_prompt") is True
            try:
                text = render(record, generation_prompt=wanted)
            except RenderError as error:
                problems.append(RenderProblem(*place, record["id"], NOT_RENDERABLE, str(error)))
            else:
                lines.append(dump_line({"id": record["id"], "text": text}))
        return RenderedShard(rows, len(lines), b"".join(lines), problems)


def render_rows(
    sources: Sequence[str] | Inputs,
    out: Writer,
    *,
    generation_prompt: bool = False,
    work: Work | None = None,
    converter: Converter | None = None,
    on_problem: Callable[[RenderProblem], None] | None = None,
) -> RenderCounts:
    """Write every row of ``sources`` as a line with ``id`` and ``text``, in order.

    A row that cannot be rendered is reported and counted, not written.

    Args:
        sources: files, folders, globs or ``hf://datasets/...``, in any known layout.
        out: receives the lines.
        generation_prompt: end each text with the header of the next model turn.
        work: the processes that do the work.
        converter: converts the rows; by default it recognises every layout.
        on_problem: called with every row that cannot be rendered, in order.

    Raises:
        UsageError: an option is invalid.
        InputError: a source cannot be read.
    """
    stage = RenderStage(converter or Converter(), generation_prompt=generation_prompt)
    counts = RenderCounts()
    with closing(run(stage, plan_shards(Inputs.of(sources).files), work)) as parts:
        for part in parts:
            out.write(part.payload)
            counts.rows += part.rows
            counts.rendered += part.rendered
            for problem in part.problems:
                counts.refused[problem.code] += 1
                if len(counts.problems) < _HELD:
                    counts.problems.append(problem)
                if on_problem:
                    on_problem(problem)
    return counts
