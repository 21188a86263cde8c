"""Repositories in a folder instead of a Hub, and what people wrote in a card."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from dataset_tools.errors import InputError, UsageError
from publishing.cards.human_sections import human_section, human_sections, keep_human_sections, overruled_sections
from publishing.cli import main
from publishing.hub.local import LocalFolder
from publishing.hub.plan import FileState
from publishing.hub.publish import PublishOptions, carry_out, prepare
from tests.publishing.conftest import CARD, NAMES

NAME = st.from_regex(r"[a-z0-9][a-z0-9-]{0,9}", fullmatch=True)
TEXT = st.text(st.characters(exclude_characters="<>\r"), max_size=40).map(str.strip)


def _lay_out(release: Path, target: Path, *, delete: bool = False) -> list[list[str]]:
    """Lay a release out; gives what was written into each repository."""
    prepared = prepare(release, LocalFolder(target), PublishOptions(delete=delete))
    carry_out(prepared)
    return [plan.paths(FileState.NEW, FileState.CHANGED) for plan in prepared.plans]


def test_a_folder_holds_what_the_hub_would(release: Path, tmp_path: Path) -> None:
    """Each repository is a folder with its part and the list; laid out twice, nothing is written."""
    target = tmp_path / "out"
    _lay_out(release, target)
    for name, part in zip(NAMES, ("merged", "adapter", "gguf"), strict=True):
        found = {path.name: path.read_bytes() for path in (target / name.split("/")[1]).iterdir()}
        expected = {path.name: path.read_bytes() for path in (release / part).iterdir()}
        assert found == {**expected, "release.json": (release / "release.json").read_bytes()}
    assert _lay_out(release, target) == [[], [], []]


def test_a_folder_keeps_what_people_wrote(release: Path, tmp_path: Path) -> None:
    """Human sections of a card in the folder survive; other files are deleted only when asked for."""
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
    """Half a file that a killed run left behind is no file of the repository, and goes with the next run."""
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
def test_nothing_is_laid_out_over_what_is_published(
    release: Path, tmp_path: Path, source: str, to: str, data: str
) -> None:
    """A repository's folder that is, holds or is inside of the release or the dataset is refused; all of it stays."""
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


@given(st.dictionaries(NAME, TEXT, max_size=4), st.dictionaries(NAME, TEXT, max_size=4), TEXT)
def test_no_section_is_lost(old: dict[str, str], new: dict[str, str], around: str) -> None:
    """Every section that a person filled in is in the new card, and a second time changes nothing."""
    old_card = around + "\n\n".join(human_section(name, text) for name, text in old.items())
    new_card = "# New\n" + "\n\n".join(human_section(name, text) for name, text in new.items()) + "\n"
    kept = keep_human_sections(new_card, old_card)
    written = {name: text for name, text in old.items() if text}
    assert human_sections(kept) == {**new, **written}
    differing = {name for name in new if new[name] and old.get(name) and old[name] != new[name]}
    assert set(overruled_sections(new_card, old_card)) == differing
    assert keep_human_sections(new_card, kept) == kept


@pytest.mark.parametrize(
    "card",
    [
        "<!-- begin human: a -->",
        "<!-- end human: a -->",
        "<!-- begin human: a --><!-- end human: b -->",
        human_section("a", "x") + human_section("a", "y"),
        "<!-- begin human: A -->\n<!-- end human: A -->",
    ],
)
def test_damaged_marks_are_told(card: str) -> None:
    """A mark without a partner, or a name twice, stops it: what belongs together cannot be known."""
    with pytest.raises(InputError, match="marks of a human section"):
        human_sections(card)
