"""Cards: text, metadata, missing measurements, hand-written sections, and the command."""

import json
import re
from pathlib import Path

import pytest
import yaml
from huggingface_hub import ModelCard
from typer.testing import CliRunner

from dataset_tools.errors import InputError, UsageError
from publishing.cards.dataset import make_dataset_card
from publishing.cards.human_sections import human_section
from publishing.cards.lint import lint
from publishing.cards.render import make_cards, write_card
from publishing.cards.sources import CardSources, read_data, read_sources
from publishing.cli import main
from publishing.release.manifest import read_release
from tests.publishing.cards.card_inputs import GOLDEN, cards, sources, write_inputs
from tests.publishing.conftest import write_manifest


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All sources of a card; no test changes them."""
    path = tmp_path_factory.mktemp("cards") / "inputs"
    write_inputs(path)
    return path


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """The same for a test that changes them."""
    write_inputs(tmp_path / "inputs")
    return tmp_path / "inputs"


def test_cards_are_as_expected(inputs: Path) -> None:
    """Each card equals the recorded one."""
    made = {card.part: card.text for card in cards(inputs)}
    assert made == {path.stem: path.read_text(encoding="utf-8") for path in GOLDEN.glob("*.md")}


def test_expected_cards_have_no_problem(inputs: Path, tmp_path: Path) -> None:
    """The cards pass the check, and the Hub client reads the results from them."""
    for card in cards(inputs):
        folder = tmp_path / card.part
        write_card(card, folder)
        assert list(lint(folder / "README.md", card.part, gemma=card.part != "dataset")) == []
        assert card.missing == ()
    (result, *others) = ModelCard.load(tmp_path / "merged" / "README.md").data.eval_results
    assert (result.metric_name, result.metric_value, result.dataset_name) == ("FnAcc", 1.0, "held-out.jsonl")
    assert len(others) == 4 * 5 - 1


def test_numbers_are_those_of_the_evaluation(inputs: Path) -> None:
    """Each metric of the metadata has value and count of the evaluation."""
    known = sources(inputs)
    assert known.evaluation is not None
    text = next(card.text for card in make_cards(known) if card.part == "merged")
    metadata = yaml.safe_load(text.split("---\n")[1])
    overall, *dialects = metadata["model-index"][0]["results"]
    for metric in overall["metrics"]:
        expected = known.evaluation.metrics[metric["type"]]
        assert (metric["value"], metric["args"]["n"]) == (round(expected.value or 0, 4), expected.n)
    assert {found["dataset"]["config"] for found in dialects} == {"gulf", "maghrebi", "msa"}


def test_missing_measurements_are_listed(inputs: Path) -> None:
    """Without sources a card has no tables, results or dialects, and lists what is missing."""
    bare = CardSources(read_release(inputs / "release"), read_data([]))
    by_part = {card.part: card for card in make_cards(bare)}
    for card in by_part.values():
        assert not re.search("model-index|## Training|## Evaluation|## Data|datasets:|metrics:", card.text)
        assert "## Not measured\n\n- the name on the Hub" in card.text
        assert all(f"- {what}" in card.text for what in card.missing)
        assert "ORG/tiny" in card.text
    assert len(by_part["merged"].missing) == 8
    facts = {**bare.release.facts, "gguf": {}}
    release = bare.release.__class__(bare.release.path, "tiny", bare.release.files, facts)
    (gguf,) = [card for card in make_cards(CardSources(release, read_data([]))) if card.part == "gguf"]
    assert gguf.missing[-1].startswith("speed and memory of")


def test_the_snippet_is_the_shipped_example(inputs: Path) -> None:
    """The card shows the file next to it, or else no Python code."""
    for card in make_cards(sources(inputs)):
        shipped = (inputs / "release" / card.part / "example.py").read_text(encoding="utf-8")
        assert re.findall(r"^```python\n(.*?)^```", card.text, re.MULTILINE | re.DOTALL) == [shipped]
    release = read_release(inputs / "release")
    files = {name: recorded for name, recorded in release.files.items() if not name.endswith("example.py")}
    bare = CardSources(release.__class__(release.path, "tiny", files, release.facts), read_data([]))
    for card in make_cards(bare):
        assert "```python" not in card.text
        assert "afg call ORG/tiny" in card.text


def test_cards_hold_no_local_paths(inputs: Path) -> None:
    """Reports hold paths of files; cards hold only their names."""
    for card in cards(inputs):
        assert "/home" not in card.text
        assert str(inputs) not in card.text


def test_hand_written_sections_stay(own: Path) -> None:
    """The next card keeps the section, and writing it again changes nothing."""
    (card, *_) = cards(own)
    folder = own / "release" / card.part
    assert write_card(card, folder)
    path = folder / "README.md"
    filled = path.read_text(encoding="utf-8").replace(human_section("limits"), human_section("limits", "لا تثق به"))
    path.write_text(filled, encoding="utf-8")
    bare = CardSources(read_release(own / "release"), read_data([]))
    (other, *_) = make_cards(bare)
    assert write_card(other, folder)
    assert human_section("limits", "لا تثق به") in path.read_text(encoding="utf-8")
    assert not write_card(other, folder)


def test_a_notice_goes_with_gemma_alone(own: Path) -> None:
    """Derivatives of Gemma get the notice; those of the bundled base do not."""
    (card, *_) = cards(own)
    folder = own / "release" / card.part
    write_card(card, folder)
    notice = (folder / "NOTICE").read_text(encoding="utf-8")
    assert notice.startswith("Gemma is provided under and subject to the Gemma Terms of Use")
    (folder / "NOTICE").write_text("mine", encoding="utf-8")
    write_card(card, folder)
    assert (folder / "NOTICE").read_text(encoding="utf-8") == "mine"
    run = own / "run" / "run.json"
    facts = json.loads(run.read_bytes())
    run.write_text(json.dumps({**facts, "base": {"name": "tiny", "revision": ""}}), encoding="utf-8")
    for made in make_cards(read_sources(read_release(own / "release"), run=run)):
        assert "\nlicense: apache-2.0\n" in made.text
        assert "base_model" not in made.text.split("---\n")[1]
        assert made.notice == ""


def test_markup_in_names_is_only_text(own: Path) -> None:
    """Text from data starts no column, tag or code."""
    stats = {"records": 1, "dialects": {"a|b<script>`": 1}}
    (own / "stats.json").write_text(json.dumps(stats), encoding="utf-8")
    (card, *_) = make_cards(CardSources(read_release(own / "release"), read_data([own / "stats.json"])))
    assert "| a\\|b&lt;script>' | 1 |" in card.text


def test_files_are_recognised_by_content(own: Path) -> None:
    """Each kind is accepted once; other files and invalid JSON are refused."""
    with pytest.raises(InputError, match=r"run.json: neither build.json, split.json, a report of"):
        read_data([own / "run" / "run.json"])
    with pytest.raises(InputError, match="a second file of the kind 'build'"):
        read_data([own / "build.json", own / "build.json"])
    (own / "build.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match="not JSON"):
        read_data([own / "build.json"])
    with pytest.raises(InputError, match=r"missing.json: No such file"):
        read_data([own / "missing.json"])


def test_a_dataset_needs_data(own: Path) -> None:
    """A folder without rows gets no card; rows of Parquet files are counted; no licence is invented."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pytest.raises(InputError, match=r"no .jsonl or .parquet file"):
        make_dataset_card(own / "run" / "nothing", read_data([]))
    pq.write_table(pa.table({"id": list(range(1500))}), own / "data" / "test.parquet")
    card = make_dataset_card(own / "data", read_data([]))
    assert "1,512 rows" in card.text
    assert "| test.parquet | 1,500 |" in card.text
    metadata = yaml.safe_load(card.text.split("---\n")[1])
    assert "license" not in metadata
    assert card.missing[0] == "the licence of the data (`--dataset-license ID`)"
    assert metadata["size_categories"] == ["1K<n<10K"]
    assert [part["split"] for part in metadata["configs"][0]["data_files"]] == ["test", "train"]
    (own / "data" / "test.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match="not a Parquet file"):
        make_dataset_card(own / "data", read_data([]))


def test_the_command_writes_and_checks(own: Path) -> None:
    """The parts get cards and notices and can be published; a second run changes nothing."""
    command = [
        "card", str(own / "release"), "--run", str(own / "run"), "--eval", str(own / "tuned.json"),
        "--compare", str(own / "base.json"), "--data", str(own / "build.json"), "--data", str(own / "clean.json"),
        "--data", str(own / "stats.json"), "--hub", "org/tiny",
    ]  # fmt: skip
    result = CliRunner().invoke(main.app, command)
    assert result.exit_code == 0, result.output
    assert result.stderr.endswith("3 cards, 0 problems\n")
    for part in ("adapter", "merged", "gguf"):
        text = (own / "release" / part / "README.md").read_text(encoding="utf-8")
        assert text == (GOLDEN / f"{part}.md").read_text(encoding="utf-8")
        assert (own / "release" / part / "NOTICE").exists()
    assert "unchanged" in CliRunner().invoke(main.app, command).stderr
    assert CliRunner().invoke(main.app, [*command, "-q"]).output == ""
    assert CliRunner().invoke(main.app, ["card", str(own / "release"), "--check"]).exit_code == 0
    published = CliRunner().invoke(main.app, ["publish", str(own / "release"), "--to", str(own / "out")])
    assert published.exit_code == 0, published.output
    assert "not in release.json" not in published.stderr


def test_the_check_exits_with_one(own: Path) -> None:
    """Each problem is a line with its place; a release, a folder or a card can be given."""
    path = own / "release" / "merged" / "README.md"
    path.write_text("---\nlicense: mit\n---\n[x](missing.png)\n", encoding="utf-8")
    write_manifest(own / "release")
    for named in (own / "release", path.parent, path):
        result = CliRunner().invoke(main.app, ["card", str(named), "--check"])
        assert result.exit_code == 1
        assert f"{path}:4: a link to a missing file: 'missing.png'" in result.stdout
    assert (
        "'mit' for a model derived from Gemma"
        in CliRunner().invoke(main.app, ["card", str(own / "release"), "--check"]).stdout
    )
    result = CliRunner().invoke(main.app, ["card", str(own / "run"), "--check"])
    assert isinstance(result.exception, InputError)


def test_a_comparison_needs_two_evaluations(own: Path) -> None:
    """`--compare` without `--eval` is refused."""
    result = CliRunner().invoke(main.app, ["card", str(own / "release"), "--compare", str(own / "base.json")])
    assert isinstance(result.exception, UsageError)
