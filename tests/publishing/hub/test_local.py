"""Repositories in a folder instead of a Hub."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from dataset_tools.errors import UsageError
from publishing.cli import main
from publishing.hub.local import LocalFolder
from publishing.hub.plan import FileState
from publishing.hub.publish import PublishOptions, carry_out, prepare
from tests.publishing.conftest import CARD, NAMES


def _lay_out(release: Path, target: Path, *, delete: bool = False) -> list[list[str]]:
    """Publish to a folder; return the files written to each repository."""
    prepared = prepare(release, LocalFolder(target), PublishOptions(delete=delete))
    carry_out(prepared)
    return [plan.paths(FileState.NEW, FileState.CHANGED) for plan in prepared.plans]


def test_a_folder_gets_the_files_of_the_hub(release: Path, tmp_path: Path) -> None:
    """Each repository is a folder with its part and ``release.json``; a second run writes nothing."""
    target = tmp_path / "out"
    _lay_out(release, target)
    for name, part in zip(NAMES, ("merged", "adapter", "gguf"), strict=True):
        found = {path.name: path.read_bytes() for path in (target / name.split("/")[1]).iterdir()}
        expected = {path.name: path.read_bytes() for path in (release / part).iterdir()}
        assert found == {**expected, "release.json": (release / "release.json").read_bytes()}
    assert _lay_out(release, target) == [[], [], []]


def test_a_folder_keeps_human_sections(release: Path, tmp_path: Path) -> None:
    """Human sections of a card in the folder survive; other files are deleted only with ``delete``."""
    target = tmp_path / "out"
    _lay_out(release, target)
    card = target / "tiny" / "README.md"
    card.write_text(CARD.replace("notes -->\n<!--", "notes -->\nكتبه إنسان\n<!--"), encoding="utf-8")
    (target / "tiny" / "mine.txt").write_text("mine", encoding="utf-8")
    (release / "merged" / "README.md").write_text(CARD.replace("# A model", "# New"), encoding="utf-8")
    assert _lay_out(release, target)[0] == ["README.md"]
    assert "# New" in card.read_text(encoding="utf-8")
    assert "كتبه إنسان" in card.read_text(encoding="utf-8")
    assert (target / "tiny" / "mine.txt").exists()
    _lay_out(release, target, delete=True)
    assert not (target / "tiny" / "mine.txt").exists()
    assert card.exists()


def test_a_folder_cleans_up_after_a_kill(release: Path, tmp_path: Path) -> None:
    """An unfinished file of a killed run is not part of the repository, and the next run removes it."""
    partial = tmp_path / "out" / "tiny" / ".model.safetensors.123-0.partial"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(b"half")
    _lay_out(release, tmp_path / "out")
    assert not partial.exists()


@pytest.mark.parametrize(
    "source, to, data",
    [
        ("release", "release", "data"),
        ("release", "release/out", "data"),
        ("to/tiny", "to", "data"),
        ("to/tiny-lora", "to", "data"),
        ("to/tiny/release", "to", "data"),
        ("release", "to", "to/tiny-data"),
        ("release", "to", "to/tiny/data"),
    ],
)
def test_the_output_never_overlaps_the_sources(release: Path, tmp_path: Path, source: str, to: str, data: str) -> None:
    """A repository's folder that is, contains or is inside the release or the dataset is refused; nothing changes."""
    (tmp_path / source).parent.mkdir(exist_ok=True, parents=True)
    release.rename(tmp_path / source)
    (tmp_path / data).mkdir(parents=True)
    (tmp_path / data / "rows.jsonl").write_text("{}\n", encoding="utf-8")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    (tmp_path / "link").symlink_to(tmp_path / to)  # by another name it is the same folder
    arguments = [tmp_path / source, "--to", tmp_path / "link" / ".", "--dataset", tmp_path / data, "--delete"]
    run = CliRunner().invoke(main.app, ["publish", *map(str, arguments)])
    assert isinstance(run.exception, UsageError), run.exception
    assert "the output overlaps the release or the dataset" in str(run.exception)
    (tmp_path / "link").unlink()
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
