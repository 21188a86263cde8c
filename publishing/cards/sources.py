"""What cards are made from: the files that measured something, read and told apart by what they hold."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataset_tools.errors import InputError
from dataset_tools.io.jsonl import read_object
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
    """What is known of the data.

    Attributes:
        build: ``build.json`` of `afg-data build`.
        cleaning: the report of `afg-data clean`.
        stats: what `afg-data stats --json` printed.
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
            sides: list[Facts] = list(self.split["splits"].values())
            found = dict(sum((Counter(side["dialects"]) for side in sides), Counter()))
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))

    @property
    def datasets(self) -> list[str]:
        """The datasets of the Hub that it came from."""
        names = [str(name) for name in (self.cleaning or {}).get("inputs", ())]
        for facts in (self.build, self.split):
            names += [str(item["name"]) for item in (facts or {}).get("inputs", ())]
        return sorted(set(map(public_dataset, names)) - {""})

    def of_folder(self, folder: Path) -> "DataFacts":
        """The same with what a split folder says of itself; what is known otherwise counts more.

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
    """All that the cards of a release can say.

    Attributes:
        release: the release.
        data: what is known of the training data.
        run: ``run.json`` of `afg train`.
        steps: the lines of the run's ``metrics.jsonl``.
        evaluation: the result of `afg evaluate`.
        comparison: the base model's evaluation and this one, on the same rows.
        hub: ``ORG/NAME`` that it is published as; empty if that is not known.
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
        """The base model: ``ORG/NAME``, ``tiny``, or nothing if it has no public name."""
        return base_of(self.release, self.run)

    @property
    def base_revision(self) -> str:
        """The commit of the base."""
        return str(_base_facts(self.release, self.run).get("revision") or "")


def base_of(release: Release, run: Facts | None = None) -> str:
    """The base of a release: ``ORG/NAME``, ``tiny``, or nothing if it has no public name.

    Args:
        release: the release.
        run: ``run.json``, if it is known better than from the release.

    Raises:
        InputError: the adapter's configuration cannot be read.
    """
    found = _base_facts(release, run).get("name")
    path = release.path / "adapter" / "adapter_config.json"
    if not found and path.is_file():
        found = read_object(path).get("base_model_name_or_path")
    return "tiny" if found == "tiny" else public_model(found)


def _base_facts(release: Release, run: Facts | None) -> Facts:
    """What is known of the base: the name that the export gave it goes before the one that a run was told."""
    for facts in (release.facts, run or release.facts.get("run") or {}):
        found = facts.get("base")
        if isinstance(found, dict) and (found.get("name") == "tiny" or public_model(found.get("name"))):
            return found
    return {}


def base_revision_of(release: Release) -> str:
    """The commit of a release's base on the Hub; empty if that is not known."""
    return str(_base_facts(release, None).get("revision") or "")


def read_sources(
    release: Release,
    *,
    run: Path | None = None,
    evaluation: Path | None = None,
    base_evaluation: Path | None = None,
    data: Sequence[Path] = (),
    hub: str = "",
) -> CardSources:
    """Read the files that cards are made from.

    Args:
        release: the release; what its ``release.json`` says of the run is used where ``run`` is not given.
        run: the folder of a run, or its ``run.json``.
        evaluation: a result of `afg evaluate`.
        base_evaluation: the same of the base model, on the same rows.
        data: ``build.json``, a report of cleaning, statistics, in any order.
        hub: ``ORG/NAME`` that it is published as.

    Raises:
        InputError: a file cannot be read, or is none of these; the run or an evaluation is known to be of something
            else than this release; the evaluations are not of the same rows.
    """
    manifest, steps = _run_of(release), []
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


def _run_of(release: Release) -> Facts | None:
    """What a release says of its run."""
    found = release.facts.get("run")
    return found if isinstance(found, dict) else None


def read_data(paths: Sequence[Path]) -> DataFacts:
    """Read what is known of data; each file is recognised by what it holds.

    Raises:
        InputError: a file cannot be read or is none of those that are known, or two are of one kind.
    """
    found: dict[str, Facts | None] = {}
    for path in paths:
        facts = read_object(path)
        kind = {"build": "build", "clean": "cleaning", "split": "split"}.get(str(facts.get("command")), "")
        if not kind and isinstance(facts.get("dialects"), dict) and "records" in facts:
            kind = "stats"
        if not kind or kind in found:
            what = (
                f"a second file of {kind}"
                if kind
                else "neither a build.json, a split.json, a report of cleaning nor statistics"
            )
            raise InputError(what, where=str(path), hint="--data takes one of each")
        found[kind] = facts
    if (split := found.get("split")) and "cleaning" not in found:
        found["cleaning"] = _cleaning_before(split)
    return DataFacts(**found)


def _cleaning_before(split: Facts) -> Facts | None:
    """The report of cleaning that a split keeps."""
    return next((report for report in split.get("reports", ()) if report["command"] == "clean"), None)
