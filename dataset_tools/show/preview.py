"""``afg-data show``: samples of a built dataset as text, trained and ignored tokens apart, as one library call."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dataset_tools.errors import AfgError, InputError, UsageError
from dataset_tools.samples.masking import IGNORED
from dataset_tools.samples.reader import Sample, SampleFolder
from dataset_tools.samples.tokenizer import TokenizerFiles, find_tokenizer, load_tokenizer, require_functiongemma
from dataset_tools.show.bidi_lines import Line, lines
from dataset_tools.show.token_spans import label_runs, token_texts

__all__ = ["Preview", "SampleView", "preview"]


@dataclass(frozen=True, slots=True)
class SampleView:
    """One sample, ready to be shown.

    Attributes:
        sample: the row as it was built.
        texts: the text of each token alone; a byte is ``<0xD8>``.
        lines: the text in lines, each stretch with its label and direction.
    """

    sample: Sample
    texts: Sequence[str]
    lines: Sequence[Line]

    @property
    def tokens(self) -> int:
        """How many tokens there are."""
        return len(self.sample.input_ids)

    @property
    def trained(self) -> int:
        """How many of them are trained."""
        return sum(label != IGNORED for label in self.sample.labels)

    @property
    def mislabelled(self) -> int:
        """How many are trained towards another token; none is, in a dataset as it was built."""
        pairs = zip(self.sample.input_ids, self.sample.labels, strict=True)
        return sum(label not in (IGNORED, token) for token, label in pairs)


@dataclass(frozen=True, slots=True)
class Preview:
    """Some samples of a folder.

    Attributes:
        folder: the folder.
        rows: how many samples it holds.
        tokenizer: the tokenizer that the text comes from.
        same_tokenizer: whether it is the one that made the ids; if not, the text may be another.
        views: the samples, in the folder's order.
    """

    folder: Path
    rows: int
    tokenizer: str
    same_tokenizer: bool
    views: Sequence[SampleView]


def preview(
    folder: Path, row: int | None = None, *, identity: str | None = None, count: int = 1, tokenizer: str = ""
) -> Preview:
    """Read samples of a folder that :func:`dataset_tools.samples.build.build` has written.

    Args:
        folder: the folder.
        row: the first sample, counted from 0; the first of all if neither it nor ``identity`` is given.
        identity: the id of the first sample, instead of ``row``.
        count: how many to read from there on; fewer where the folder ends.
        tokenizer: a folder, or ``ORG/NAME[@REVISION]`` on the Hub, instead of the one that ``build.json`` names.

    Raises:
        InputError: the folder, the sample or the tokenizer cannot be read, or is not there.
        UsageError: both ``row`` and ``identity`` are given, or ``count`` is no number of samples.
    """
    if row is not None and identity is not None:
        raise UsageError("a row and an id", hint="give --row or --id")
    if count < 1:
        raise UsageError(f"{count} samples are none to show", hint="--count 1 or more")
    source = SampleFolder(folder)
    start = source.row_of(identity) if identity is not None else row or 0
    samples = source.read(start, count)
    found = find_tokenizer(tokenizer) if tokenizer else _recorded(source)
    require_functiongemma(found)
    same = found.sha256() == source.tokenizer_sha256
    return Preview(
        folder, source.rows, tokenizer or source.tokenizer, same, [_view(sample, found) for sample in samples]
    )


def _recorded(source: SampleFolder) -> TokenizerFiles:
    """The tokenizer that ``build.json`` names."""
    try:
        return find_tokenizer(source.tokenizer)
    except AfgError as error:
        # A folder that was named from somewhere else, or a Hub that cannot be reached: either way it can be named anew.
        what = f"the tokenizer {source.tokenizer!r} that it names cannot be used: {error.what}"
        raise InputError(
            what, where=str(source.path / "build.json"), hint="say where it is with --tokenizer"
        ) from error


def _view(sample: Sample, found: TokenizerFiles) -> SampleView:
    try:
        texts = token_texts(sample.input_ids, load_tokenizer(found.folder))
    except InputError as error:
        raise InputError(error.what, where=f"row {sample.row} ({sample.id})", hint=error.hint) from error
    return SampleView(sample, texts, list(lines(label_runs(texts, sample.labels))))
