"""Sources of cards: files with measured results, recognised by their content."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataset_tools.errors import InputError
from dataset_tools.io.json_text import read_object
from dataset_tools.split.split import SPLIT_FILE
from publishing.cards.evidence import require_base_evaluation, require_evaluation, require_run
from publishing.cards.hub_terms import public_dataset, public_model
from publishing.release.manifest import Release
from training.evaluate.compare import compare
from training.evaluate.eval_file import read_evaluation
from training.fit.metrics_log import read_metrics

if TYPE_CHECKING:
    from training.evaluate.compare import Comparison
    from training.evaluate.eval_file import Evaluation

__all__ = ["CardSources", "DataFacts", "base_of", "base_revision_of", "read_data", "read_sources"]

Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DataFacts:
    """Facts about the data.

    Attributes:
        build: ``build.json`` of `afg-data build`.
        cleaning: the report of `afg-data clean`.
        stats: the output of `afg-data stats --json`.
        split: ``split.json`` of `afg-data split`.
    """

    build: Facts | None = None
    cleaning: Facts | None = None
    stats: Facts | None = None
    split: Facts | None = None

    @property
    def dialects(self) -> dict[str, int]:
        """Records by dialect, the most frequent first."""
        found = (self.stats or {}).get("dialects") or {}
        if not found and self.split:
            splits: list[Facts] = list(self.split["splits"].values())
            found = dict(sum((Counter(one["dialects"]) for one in splits), Counter()))
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))

    @property
    def datasets(self) -> list[str]:
        """Hub datasets among the inputs."""
        names = [str(name) for name in (self.cleaning or {}).get("inputs", ())]
        for facts in (self.build, self.split):
            names += [str(item["name"]) for item in (facts or {}).get("inputs", ())]
        return sorted(set(map(public_dataset, names)) - {""})

    def of_folder(self, folder: Path) -> "DataFacts":
        """Return these facts, completed with ``split.json`` of a folder.

        Raises:
            InputError: its ``split.json`` cannot be read.
        """
        if self.split is not None or not (folder / SPLIT_FILE).is_file():
            return self
        split = read_object(folder / SPLIT_FILE)
        if split.get("command") != "split":
            raise InputError("not what `afg-data split` writes", where=str(folder / SPLIT_FILE))
        return DataFacts(self.build, self.cleaning or _cleaning_before(split), self.stats, split)


@dataclass(frozen=True, slots=True)
class CardSources:
    """Everything that the cards of a release can show.

    Attributes:
        release: the release.
        data: facts about the training data.
        run: ``run.json`` of `afg train`.
        steps: the lines of the run's ``metrics.jsonl``.
        evaluation: the result of `afg evaluate`.
        comparison: the evaluations of the base and of this model on the same rows.
        hub: ``ORG/NAME`` on the Hub; empty if unknown.
    """

    release: Release
    data: DataFacts
    run: Facts | None = None
    steps: Sequence[Facts] = ()
    evaluation: "Evaluation | None" = None
    comparison: "Comparison | None" = None
    hub: str = ""

    @property
    def base(self) -> str:
        """Public name of the base: ``ORG/NAME``, ``tiny``, or empty."""
        return base_of(self.release, self.run)

    @property
    def base_revision(self) -> str:
        """Commit of the base."""
        return base_revision_of(self.release, self.run)


def base_of(release: Release, run: Facts | None = None) -> str:
    """Return the public name of a release's base: ``ORG/NAME``, ``tiny``, or empty.

    Args:
        release: the release.
        run: ``run.json``, if it is known apart from the release.

    Raises:
        InputError: the adapter's configuration cannot be read.
    """
    found = _base_facts(release, run).get("name")
    path = release.path / "adapter" / "adapter_config.json"
    if not found and path.is_file():
        found = read_object(path).get("base_model_name_or_path")
    return "tiny" if found == "tiny" else public_model(found)


def base_revision_of(release: Release, run: Facts | None = None) -> str:
    """Return the commit of a release's base on the Hub; empty if unknown."""
    return str(_base_facts(release, run).get("revision") or "")


def _base_facts(release: Release, run: Facts | None) -> Facts:
    """Return name and revision of the base; the name in the export goes before the one in the run."""
    for facts in (release.facts, run or release.facts.get("run") or {}):
        found = facts.get("base")
        if isinstance(found, dict) and (found.get("name") == "tiny" or public_model(found.get("name"))):
            return found
    return {}


def read_sources(
    release: Release,
    *,
    run: Path | None = None,
    evaluation: Path | None = None,
    base_evaluation: Path | None = None,
    data: Sequence[Path] = (),
    hub: str = "",
) -> CardSources:
    """Read the sources of a release's cards.

    Args:
        release: the release; its ``release.json`` describes the run if ``run`` is not given.
        run: folder of a run, or its ``run.json``.
        evaluation: a result of `afg evaluate`.
        base_evaluation: the result of the base model on the same rows.
        data: ``build.json``, ``split.json``, a report of cleaning and statistics, in any order.
        hub: ``ORG/NAME`` on the Hub.

    Raises:
        InputError: a file cannot be read or is of another kind; the run or an evaluation is of another release; the
            evaluations are of different rows.
    """
    recorded, steps = release.facts.get("run"), []
    manifest = recorded if isinstance(recorded, dict) else None
    if run is not None:
        folder = run if run.is_dir() else run.parent
        file = folder / "run.json" if run.is_dir() else run
        manifest = read_object(file)
        require_run(manifest, release, file)
        steps = list(read_metrics(folder / "metrics.jsonl"))
    found, comparison = None, None
    if evaluation:
        found = read_evaluation(evaluation)
        require_evaluation(found, release, manifest, evaluation)
    if found and base_evaluation:
        base = read_evaluation(base_evaluation)
        require_base_evaluation(base, release, manifest, base_evaluation)
        comparison = compare([base, found], ["base", "this model"])
    return CardSources(release, read_data(data), manifest, steps, found, comparison, hub)


def read_data(paths: Sequence[Path]) -> DataFacts:
    """Read facts about data; each file is recognised by its content.

    Raises:
        InputError: a file cannot be read or is of another kind, or two are of the same kind.
    """
    found: dict[str, Facts | None] = {}
    for path in paths:
        facts = read_object(path)
        kind = {"build": "build", "clean": "cleaning", "split": "split"}.get(str(facts.get("command")), "")
        if not kind and isinstance(facts.get("dialects"), dict) and "records" in facts:
            kind = "stats"
        if not kind or kind in found:
            unknown = "neither build.json, split.json, a report of cleaning nor statistics"
            what = f"a second file of the kind {kind!r}" if kind else unknown
            raise InputError(what, where=str(path), hint="--data takes one file of each kind")
        found[kind] = facts
    if (split := found.get("split")) and "cleaning" not in found:
        found["cleaning"] = _cleaning_before(split)
    return DataFacts(**found)


def _cleaning_before(split: Facts) -> Facts | None:
    """Return the report of cleaning in ``split.json``."""
    return next((report for report in split.get("reports", ()) if report["command"] == "clean"), None)
