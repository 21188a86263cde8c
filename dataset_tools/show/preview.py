"""``afg-data show`` as a library call: samples of a built dataset as text, with their mask."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dataset_tools.errors import AfgError, InputError, UsageError
from dataset_tools.samples.masking import IGNORED
from dataset_tools.samples.reader import Sample, SampleFolder
from dataset_tools.samples.tokenizer import TokenizerFiles, find_tokenizer, load_tokenizer, require_functiongemma
from dataset_tools.show.bidi_lines import PromptLine, lines
from dataset_tools.show.token_spans import label_runs, token_texts

__all__ = ["Preview", "SampleView", "preview"]


@dataclass(frozen=True, slots=True)
class SampleView:
    """One sample, ready to display.

    Attributes:
        sample: the row as it was built.
        texts: text of each token; a byte token is ``<0xD8>``.
        lines: display lines of the text.
    """

    sample: Sample
    texts: Sequence[str]
    lines: Sequence[PromptLine]

    @property
    def tokens(self) -> int:
        """Return the number of tokens."""
        return len(self.sample.input_ids)

    @property
    def trained(self) -> int:
        """Return the number of trained tokens."""
        return sum(label != IGNORED for label in self.sample.labels)

    @property
    def counts(self) -> str:
        """Return these numbers in words, with tokens whose label is not their id; a dataset as built has none."""
        pairs = zip(self.sample.input_ids, self.sample.labels, strict=True)
        other = sum(label not in (IGNORED, token) for token, label in pairs)
        counts = f"{self.tokens:,} tokens, {self.trained:,} trained ({self.trained / self.tokens:.1%})"
        return f"{counts}, {other:,} with a label other than their id" if other else counts


@dataclass(frozen=True, slots=True)
class Preview:
    """Some samples of a folder.

    Attributes:
        folder: the folder.
        rows: number of its samples.
        tokenizer: tokenizer that the text comes from.
        same_tokenizer: false if another tokenizer made the ids, so that the text may be wrong.
        views: the samples, in the order of the folder.
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
        row: index of the first sample; 0 if neither ``row`` nor ``identity`` is given.
        identity: id of the first sample, instead of ``row``.
        count: number of samples; fewer are read at the end of the folder.
        tokenizer: a folder or ``ORG/NAME[@REVISION]`` on the Hub, instead of the tokenizer in ``build.json``.

    Raises:
        InputError: the folder, the sample or the tokenizer is missing or cannot be read.
        UsageError: ``row`` and ``identity`` are both given, or ``count`` is below 1.
    """
    if row is not None and identity is not None:
        raise UsageError("a row and an id", hint="give --row or --id")
    if count < 1:
        raise UsageError(f"{count} is not a number of samples", hint="--count 1 or more")
    source = SampleFolder(folder)
    start = source.row_of(identity) if identity is not None else row or 0
    samples = source.read(start, count)
    found = find_tokenizer(tokenizer) if tokenizer else _recorded(source)
    require_functiongemma(found)
    same = found.sha256() == source.tokenizer_sha256
    views = [_view(sample, found) for sample in samples]
    return Preview(folder, source.rows, tokenizer or source.tokenizer, same, views)


def _recorded(source: SampleFolder) -> TokenizerFiles:
    """Find the tokenizer in ``build.json``; a relative path or an offline Hub may fail, so it can be named again."""
    try:
        return find_tokenizer(source.tokenizer)
    except AfgError as error:
        what = f"cannot load the tokenizer {source.tokenizer!r}: {error.what}"
        where = str(source.path / "build.json")
        raise InputError(what, where=where, hint="give its path with --tokenizer") from error


def _view(sample: Sample, found: TokenizerFiles) -> SampleView:
    try:
        texts = token_texts(sample.input_ids, load_tokenizer(found.folder))
    except InputError as error:
        raise InputError(error.what, where=f"row {sample.row} ({sample.id})", hint=error.hint) from error
    return SampleView(sample, texts, list(lines(label_runs(texts, sample.labels))))
