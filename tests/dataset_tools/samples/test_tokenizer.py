"""Tokenizers: found in folders and on the Hub, and refused if they are not FunctionGemma's."""

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
    """Return a copy of the bundled tokenizer with another ``tokenizer.json``."""
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
    """The ids are those of the published tokenizer, and the bundled one has them."""
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
def test_every_control_token_is_required(tmp_path: Path, token: str) -> None:
    """A renamed token is missing."""

    def rename(content: Any) -> None:
        _added(content, token)["content"] = "<another>"
        vocabulary = content["model"]["vocab"]
        vocabulary["<another>"] = vocabulary.pop(token)
        content["post_processor"] = None  # it has a token
        if content["model"]["unk_token"] == token:
            content["model"] |= {"unk_token": "<another>"}

    assert f"not FunctionGemma's tokenizer: {token} is missing (" in _refused(tmp_path, rename)


def test_a_control_token_with_another_id(tmp_path: Path) -> None:
    """Two tokens with swapped ids are refused."""

    def swap(content: Any) -> None:
        vocabulary = content["model"]["vocab"]
        vocabulary["<escape>"], vocabulary["<start_of_turn>"] = 105, 52
        _added(content, "<escape>")["id"], _added(content, "<start_of_turn>")["id"] = 105, 52

    assert "<escape> has the id 105, not 52" in _refused(tmp_path, swap)


@pytest.mark.parametrize("side", ["lstrip", "rstrip"])
def test_a_control_token_that_absorbs_spaces(tmp_path: Path, side: str) -> None:
    """Ids would depend on the neighbours of such a token."""

    def strip(content: Any) -> None:
        _added(content, "<escape>")[side] = True

    assert "<escape> is not a separate token" in _refused(tmp_path, strip)


def test_a_control_token_that_is_only_text(tmp_path: Path) -> None:
    """A token that is in the vocabulary but split into letters is refused."""

    def forget(content: Any) -> None:
        content["added_tokens"].remove(_added(content, "<end_function_call>"))

    assert "<end_function_call> is not a separate token" in _refused(tmp_path, forget)


@pytest.mark.parametrize("piece", ["\nا", "ا\n", "\n\nا"])
def test_a_piece_that_joins_a_newline_with_text(tmp_path: Path, piece: str) -> None:
    """The ids of a header would depend on the text after it."""

    def join(content: Any) -> None:
        content["model"]["vocab"][piece] = len(content["model"]["vocab"])
        content["model"]["merges"].append([piece[:-1], piece[-1]])

    assert f"the piece {piece!r} joins a newline with text" in _refused(tmp_path, join)


def test_digits_may_be_one_piece(tmp_path: Path) -> None:
    """Digits are then one piece in parts and in the whole, so the tokenizer can be used."""

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


def test_truncation_and_padding_are_switched_off(tmp_path: Path) -> None:
    """Samples are complete, also with a tokenizer that was saved with truncation and padding."""

    def limit(content: Any) -> None:
        content["truncation"] = {"direction": "Right", "max_length": 8, "strategy": "LongestFirst", "stride": 0}
        content["padding"] = {"strategy": {"Fixed": 99}, "direction": "Left", "pad_to_multiple_of": None, "pad_id": 0,
                              "pad_type_id": 0, "pad_token": "<pad>"}  # fmt: skip

    changed = _changed(tmp_path, limit)
    found = read_samples(build_rows(tmp_path, ROWS, tokenizer=changed.folder).output)
    assert found == read_samples(build_rows(tmp_path, ROWS).output)


# --- in folders ---


def test_a_folder_is_found_with_its_hash() -> None:
    """Its name is that of the user, and it has no revision."""
    found = find_tokenizer(str(tokenizer_path()))
    assert (found.name, found.revision, found.folder) == (str(tokenizer_path()), "", tokenizer_path().resolve())
    assert found.sha256() == hashlib.sha256((tokenizer_path() / "tokenizer.json").read_bytes()).hexdigest()


def test_a_folder_without_a_tokenizer(tmp_path: Path) -> None:
    """The error has the missing file and a hint."""
    with pytest.raises(InputError, match=r"no tokenizer\.json in this folder \(save the tokenizer with transformers\)"):
        find_tokenizer(str(tmp_path))


@pytest.mark.parametrize("content", [b"", b"{}", b'{"model": 1}', b"\x80\x81"])
def test_a_damaged_file(tmp_path: Path, content: bytes) -> None:
    """The error has the file and a hint."""
    copy = copy_tokenizer(tmp_path)
    (copy / "tokenizer.json").write_bytes(content)
    with pytest.raises(InputError, match=r"tokenizer\.json: not a tokenizer: .*\(download it again\)$") as refused:
        require_functiongemma(find_tokenizer(str(copy)))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["", "nothing", "./nothing", "/nothing/here", "../a/b", "~/a", "a/b/c", "@v1"])
def test_a_name_that_is_neither_a_folder_nor_a_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The Hub is not asked for a missing path."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"is not a tokenizer \(a folder with tokenizer\.json, or ORG/NAME"):
        find_tokenizer(name)


def test_a_file_is_no_tokenizer(tmp_path: Path) -> None:
    """A file is refused; its folder would be accepted."""
    with pytest.raises(UsageError, match="is not a tokenizer"):
        find_tokenizer(str(tokenizer_path() / "tokenizer.json"))
    assert list(tmp_path.iterdir()) == []


# --- on the Hub ---


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, list[str]]]:
    """Start a Hub with the bundled tokenizer, a gated one, and a model without a fast tokenizer."""
    files = {file.name: file.read_bytes() for file in tokenizer_path().iterdir()}
    models = {
        "org/tiny": {**files, "model.safetensors": b"weights", "README.md": b"# tiny\n"},
        "org/gated": files,
        "org/slow": {"tokenizer.model": b"x"},
    }
    with hub(models, frozenset({"org/gated"})) as running:
        yield running


@pytest.fixture
def build_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, afg_data_process: Callable[..., Any]
) -> Callable[..., Any]:
    """Return a function that builds one row with a tokenizer of a Hub, with an empty cache."""
    source = write_rows(tmp_path / "rows.jsonl", ROWS)

    def run(address: str, name: str, *, offline: str = "0") -> Any:
        for key, value in {"HF_ENDPOINT": address, "HF_HUB_OFFLINE": offline, "HF_HUB_DISABLE_XET": "1",
                           "HF_HUB_DISABLE_PROGRESS_BARS": "1",
                           "HF_HOME": str(tmp_path / "home")}.items():  # fmt: skip
            monkeypatch.setenv(key, value)
        for key in ("HF_TOKEN", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
            monkeypatch.delenv(key, raising=False)
        return afg_data_process("build", source, "-o", tmp_path / "out", "--tokenizer", name, "--verify", "0", "-q")

    return run


def test_a_tokenizer_of_the_hub(server: tuple[str, list[str]], build_from: Callable[..., Any], tmp_path: Path) -> None:
    """Only its files are downloaded, ``build.json`` has name and commit, and later no connection is needed."""
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
    """Each error is one line with a hint, and no file is written."""
    done = build_from(server[0], name)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"afg-data: {name}: {REFUSALS[name]}\n")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("offline,message", [
    ("0", "http://127.0.0.1:9 cannot be reached ("),
    ("1", "the model is not in the cache ("),
])  # fmt: skip
def test_an_unreachable_hub_is_one_line(build_from: Callable[..., Any], offline: str, message: str) -> None:
    """A Hub that does not answer and offline mode have different messages."""
    done = build_from("http://127.0.0.1:9", "google/functiongemma-270m-it", offline=offline)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"afg-data: google/functiongemma-270m-it: {message}")
    assert done.stderr.count("\n") == 1
