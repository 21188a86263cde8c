"""Tokenizers: found in folders and on the Hub, and refused with the reason where they are not FunctionGemma's."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dataset_tools.errors import InputError, UsageError
from dataset_tools.prompt.render import render
from dataset_tools.samples.tokenizer import (
    CONTROL_TOKENS,
    STOP_IDS,
    TokenizerFiles,
    find_tokenizer,
    load_tokenizer,
    require_functiongemma,
)
from tests.dataset_tools.readers.hub_server import COMMIT, hub
from tests.dataset_tools.samples.build_rows import build_rows, copy_tokenizer, read_samples, write_rows
from tests.prompt_rows import call, calls, row, say
from training.tiny import tokenizer_path

ROWS = [{**row(say("user", "كم 2026؟"), calls(call(n=2026, text="سنة 2026 "))), "id": "r"}]
Change = Callable[[Any], None]


def _changed(folder: Path, change: Change) -> TokenizerFiles:
    """A copy of the bundled tokenizer with another ``tokenizer.json``."""
    copy = copy_tokenizer(folder)
    content = json.loads((copy / "tokenizer.json").read_text(encoding="utf-8"))
    change(content)
    (copy / "tokenizer.json").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return TokenizerFiles("copy", "", copy)


def _refused(folder: Path, change: Change) -> str:
    with pytest.raises(InputError) as refused:
        require_functiongemma(_changed(folder, change))
    message = str(refused.value)
    assert message.startswith(str(folder / "tokenizer" / "tokenizer.json"))
    assert message.endswith("(use the tokenizer of google/functiongemma-270m-it)")
    return message


def _added(content: Any, token: str) -> Any:
    return next(added for added in content["added_tokens"] if added["content"] == token)


def test_the_control_tokens_are_functiongemmas() -> None:
    """The ids of the format page, and the bundled tokenizer has them."""
    assert CONTROL_TOKENS == {
        "<pad>": 0,
        "<eos>": 1,
        "<bos>": 2,
        "<unk>": 3,
        "<start_function_declaration>": 46,
        "<end_function_declaration>": 47,
        "<start_function_call>": 48,
        "<end_function_call>": 49,
        "<start_function_response>": 50,
        "<end_function_response>": 51,
        "<escape>": 52,
        "<start_of_turn>": 105,
        "<end_of_turn>": 106,
    }
    assert {1, 50, 106} == STOP_IDS
    require_functiongemma(find_tokenizer(str(tokenizer_path())))


@pytest.mark.parametrize("token", CONTROL_TOKENS)
def test_every_control_token_must_be_there(tmp_path: Path, token: str) -> None:
    """Under its own name."""

    def rename(content: Any) -> None:
        _added(content, token)["content"] = "<another>"
        vocabulary = content["model"]["vocab"]
        vocabulary["<another>"] = vocabulary.pop(token)
        content["post_processor"] = None  # it names a token
        if content["model"]["unk_token"] == token:
            content["model"] |= {"unk_token": "<another>"}

    assert f"not FunctionGemma's tokenizer: there is no token {token} (" in _refused(tmp_path, rename)


def test_a_control_token_with_another_id(tmp_path: Path) -> None:
    """Two tokens change places."""

    def swap(content: Any) -> None:
        vocabulary = content["model"]["vocab"]
        vocabulary["<escape>"], vocabulary["<start_of_turn>"] = 105, 52
        _added(content, "<escape>")["id"], _added(content, "<start_of_turn>")["id"] = 105, 52

    assert "<escape> has the id 105, not 52" in _refused(tmp_path, swap)


@pytest.mark.parametrize("side", ["lstrip", "rstrip"])
def test_a_control_token_that_takes_its_neighbours(tmp_path: Path, side: str) -> None:
    """A space beside it would vanish, and ids would depend on what stands around."""

    def strip(content: Any) -> None:
        _added(content, "<escape>")[side] = True

    assert "<escape> is not kept apart" in _refused(tmp_path, strip)


def test_a_control_token_that_is_only_text(tmp_path: Path) -> None:
    """In the vocabulary, but cut into letters when it is met."""

    def forget(content: Any) -> None:
        content["added_tokens"].remove(_added(content, "<end_function_call>"))

    assert "<end_function_call> is not kept apart" in _refused(tmp_path, forget)


@pytest.mark.parametrize("piece", ["\nا", "ا\n", "\n\nا"])
def test_a_piece_that_joins_a_newline_with_text(tmp_path: Path, piece: str) -> None:
    """The header of a turn would be tokenized by what follows it."""

    def join(content: Any) -> None:
        content["model"]["vocab"][piece] = len(content["model"]["vocab"])
        content["model"]["merges"].append([piece[:-1], piece[-1]])

    assert f"the piece {piece!r} joins a newline with text" in _refused(tmp_path, join)


def test_digits_that_are_not_split_do_no_harm(tmp_path: Path) -> None:
    """They are one piece in parts and in the whole alike, so such a tokenizer is used as it is."""

    def join(content: Any) -> None:
        for piece in ("20", "26", "2026"):
            content["model"]["vocab"][piece] = len(content["model"]["vocab"])
            half = len(piece) // 2
            content["model"]["merges"].insert(0 if half == 1 else 2, [piece[:half], piece[half:]])

    changed = _changed(tmp_path, join)
    (sample,) = read_samples(build_rows(tmp_path, ROWS, tokenizer=changed.folder).output)
    whole = load_tokenizer(changed.folder).encode(render(ROWS[0]), add_special_tokens=False)
    assert "2026" in whole.tokens
    assert sample["input_ids"] == whole.ids


def test_a_tokenizer_that_cuts_and_fills_up_is_told_not_to(tmp_path: Path) -> None:
    """Saved with truncation and padding, as fine-tuned tokenizers are: samples are whole all the same."""

    def limit(content: Any) -> None:
        content["truncation"] = {"direction": "Right", "max_length": 8, "strategy": "LongestFirst", "stride": 0}
        content["padding"] = {"strategy": {"Fixed": 99}, "direction": "Left", "pad_to_multiple_of": None, "pad_id": 0,
                              "pad_type_id": 0, "pad_token": "<pad>"}  # fmt: skip

    changed = _changed(tmp_path, limit)
    found = read_samples(build_rows(tmp_path, ROWS, tokenizer=changed.folder).output)
    assert found == read_samples(build_rows(tmp_path, ROWS).output)


# --- where it is ---


def test_a_folder_is_found_with_its_hash() -> None:
    """Its name is what the user wrote, and it has no revision."""
    found = find_tokenizer(str(tokenizer_path()))
    assert (found.name, found.revision, found.folder) == (str(tokenizer_path()), "", tokenizer_path().resolve())
    assert found.sha256() == hashlib.sha256((tokenizer_path() / "tokenizer.json").read_bytes()).hexdigest()


def test_a_folder_without_a_tokenizer(tmp_path: Path) -> None:
    """Say what is missing and how it comes there."""
    with pytest.raises(InputError, match=r"no tokenizer\.json in this folder \(save the tokenizer with transformers\)"):
        find_tokenizer(str(tmp_path))


@pytest.mark.parametrize("content", [b"", b"{}", b'{"model": 1}', b"\x80\x81"])
def test_a_damaged_file(tmp_path: Path, content: bytes) -> None:
    """One line with the file and the next step."""
    copy = copy_tokenizer(tmp_path)
    (copy / "tokenizer.json").write_bytes(content)
    with pytest.raises(InputError, match=r"tokenizer\.json: not a tokenizer: .*\(download it again\)$") as refused:
        require_functiongemma(find_tokenizer(str(copy)))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["", "nothing", "./nothing", "/nothing/here", "../a/b", "~/a", "a/b/c", "@v1"])
def test_what_is_neither_a_folder_nor_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Nothing is asked of the Hub for a path that is not there."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"is no tokenizer \(a folder with tokenizer\.json, or ORG/NAME"):
        find_tokenizer(name)


def test_a_file_is_no_tokenizer(tmp_path: Path) -> None:
    """Its folder is."""
    with pytest.raises(UsageError, match="is no tokenizer"):
        find_tokenizer(str(tokenizer_path() / "tokenizer.json"))
    assert list(tmp_path.iterdir()) == []


# --- on the Hub ---


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, list[str]]]:
    """A Hub with the bundled tokenizer beside weights, one that is gated, and a model without a fast tokenizer."""
    files = {file.name: file.read_bytes() for file in tokenizer_path().iterdir()}
    models = {
        "org/tiny": {**files, "model.safetensors": b"weights", "README.md": b"# tiny\n"},
        "org/gated": files,
        "org/slow": {"tokenizer.model": b"x"},
    }
    with hub(models, frozenset({"org/gated"})) as running:
        yield running


@pytest.fixture
def build_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, afg_data: Callable[..., Any]) -> Callable[..., Any]:
    """Builds one row with a tokenizer of the Hub at an address, with a cache that is empty at first."""
    source = write_rows(tmp_path / "rows.jsonl", ROWS)

    def run(address: str, name: str, *, offline: str = "0") -> Any:
        for key, value in {"HF_ENDPOINT": address, "HF_HUB_OFFLINE": offline, "HF_HUB_DISABLE_XET": "1",
                           "HF_HUB_DISABLE_PROGRESS_BARS": "1",
                           "HF_HOME": str(tmp_path / "home")}.items():  # fmt: skip
            monkeypatch.setenv(key, value)
        for key in ("HF_TOKEN", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
            monkeypatch.delenv(key, raising=False)
        return afg_data("build", source, "-o", tmp_path / "out", "--tokenizer", name, "--verify", "0", "-q")

    return run


def test_a_tokenizer_of_the_hub(server: tuple[str, list[str]], build_from: Callable[..., Any], tmp_path: Path) -> None:
    """Its files alone are downloaded, name and commit are written down, and later no connection is needed."""
    address, requests = server
    done = build_from(address, "org/tiny@v1")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    facts = json.loads((tmp_path / "out" / "build.json").read_text(encoding="utf-8"))
    assert facts["tokenizer"]["name"] == "org/tiny"
    assert facts["tokenizer"]["revision"] == COMMIT
    assert facts["tokenizer"]["template"] == "arabic-functiongemma"
    assert facts["tokenizer"]["sha256"] == find_tokenizer(str(tokenizer_path())).sha256()
    assert not any("safetensors" in request or "README" in request for request in requests)
    whole = [sample["input_ids"] for sample in read_samples(tmp_path / "out")]
    assert build_from("http://127.0.0.1:9", "org/tiny@v1", offline="1").returncode == 0
    assert [sample["input_ids"] for sample in read_samples(tmp_path / "out")] == whole


REFUSALS = {
    "org/nothing": "the model does not exist on the Hub (check the name; for a private repository run `hf auth login`)",
    "org/gated": "the model is gated, and you have no access (request access on its page, then run `hf auth login`)",
    "org/tiny@v9": "revision 'v9' does not exist (use a branch, a tag or a commit)",
    "org/slow": "the repository has no tokenizer.json (name a model that has a fast tokenizer)",
}


@pytest.mark.parametrize("name", REFUSALS)
def test_each_refusal_of_the_hub_is_one_line(
    server: tuple[str, list[str]], build_from: Callable[..., Any], tmp_path: Path, name: str
) -> None:
    """With the next step; nothing is written."""
    done = build_from(server[0], name)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"afg-data: {name}: {REFUSALS[name]}\n")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("offline,message", [
    ("0", "http://127.0.0.1:9 cannot be reached (check the connection and HF_ENDPOINT)"),
    ("1", "the model is not in the cache (HF_HUB_OFFLINE is set: unset it to download)"),
])  # fmt: skip
def test_no_way_to_the_hub_is_one_line(build_from: Callable[..., Any], offline: str, message: str) -> None:
    """A Hub that does not answer, and a client told to stay offline, are told apart."""
    done = build_from("http://127.0.0.1:9", "google/functiongemma-270m-it", offline=offline)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"afg-data: google/functiongemma-270m-it: {message}\n"
