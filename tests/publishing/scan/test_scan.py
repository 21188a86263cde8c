"""Findings of the scan, and similar content that passes."""

import base64
import gzip
import io
import json
import os
import pickle
import random
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from dataset_tools.errors import InputError
from publishing.hub.preflight import CheckedRelease, findings
from publishing.release.manifest import read_release
from publishing.release.repositories import repositories
from publishing.scan.scan import ScanFinding, scan_file
from publishing.scan.secret_patterns import KINDS, OVERLAP, find_secrets
from tests.publishing.conftest import CARD, gguf, write_manifest

# Made up here, and put together so that no scanner of sources takes them for real.
SECRETS = {
    "a Hugging Face token": "hf_" + "aB3" * 12,
    "a private key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "an AWS access key": "AKIA" + "A1B2" * 4,
    "a Google API key": "AIza" + "b" * 35,
    "a GitHub token": "ghp_" + "c" * 36,
    "a GitLab token": "glpat-" + "d" * 20,
    "an OpenAI key": "sk-proj-" + "e" * 20 + "T3Blbk" + "FJ" + "f" * 20,
    "an Anthropic key": "sk-ant-" + "api03-" + "g" * 40,
    "a Slack token": "xoxb-" + "1" * 20,
    "a PyPI token": "pypi-AgEI" + "cHlwaS5vcmc" + "h" * 40,
    "an npm token": "npm_" + "i" * 36,
    "a W&B key": "WANDB_API_KEY=" + "0a" * 20,
    "an Azure storage key": "AccountKey=" + "j" * 86 + "==",
    "a signed web token": "eyJhbGciOi" + "J" * 10 + ".eyJ" + "K" * 10 + "." + "L" * 20,
}


def _found(release: Path, token: str = "") -> list[ScanFinding]:
    exported = read_release(release)
    return findings(exported, repositories(exported, "org/tiny"), token)


def _texts(release: Path, token: str = "") -> list[tuple[str, str]]:
    """Return the place in the release and the text of each finding."""
    return [(problem.where.removeprefix(f"{release}/"), problem.what) for problem in _found(release, token)]


def _add(release: Path, name: str, content: bytes) -> Path:
    path = release / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    write_manifest(release)
    return path


def test_a_good_release_has_no_finding(release: Path) -> None:
    """Cards, configurations, weights and templates of an export pass."""
    assert _found(release) == []


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_secret_is_found(release: Path, kind: str) -> None:
    """The finding has file, line and kind, but not the secret."""
    _add(release, "merged/notes.txt", f"one\nkey: {SECRETS[kind]}\n".encode())
    (problem,) = _found(release)
    assert (problem.where, problem.what) == (f"{release}/merged/notes.txt:2", f"it looks like {kind}")
    assert SECRETS[kind] not in f"{problem}"


def test_the_own_token_needs_no_known_form(release: Path) -> None:
    """The user's token is found everywhere, including headers of weights and release.json."""
    _add(release, "gguf/tiny-F16.gguf", b"GGUF\0\0my-own-secret\0")
    manifest = (release / "release.json").read_text(encoding="utf-8")
    (release / "release.json").write_text(manifest[:-1] + ', "by": "my-own-secret"}', encoding="utf-8")
    assert _texts(release, "my-own-secret") == [
        ("gguf/tiny-F16.gguf:1", "it looks like your own token"),
        ("release.json:1", "it looks like your own token"),
    ]


@pytest.mark.parametrize("length", [100, 2 << 20])
def test_the_complete_header_of_weights_is_scanned(release: Path, length: int) -> None:
    """A secret at the end of a long header is found; the weights after it are not scanned."""
    text = json.dumps({"__metadata__": {"note": " " * length + "my-own-secret"}}).encode()
    _add(release, "merged/model.safetensors", struct.pack("<Q", len(text)) + text + b"behind it")
    assert _texts(release, "my-own-secret") == [("merged/model.safetensors:1", "it looks like your own token")]
    assert _texts(release, "behind it") == []
    _add(release, "merged/model.safetensors", struct.pack("<Q", 1 << 60) + text + b"behind it")
    assert len(_texts(release, "behind it")) == 1  # it is no header: all of it is looked at


def _parquet(table: "pa.Table") -> bytes:
    buffer = pa.BufferOutputStream()
    pq.write_table(table, buffer, compression="zstd", row_group_size=40, write_statistics=False)
    return buffer.getvalue().to_pybytes()  # type: ignore[no-any-return]


_SECRET = SECRETS["a GitHub token"]
_NOISE = {"a": [f"row {number}" for number in range(100)]}


@pytest.mark.parametrize(
    "table",
    [
        pa.table({**_NOISE, "text": ["x"] * 98 + ["hf_", _SECRET]}),
        pa.table({**_NOISE, "deep": [[{"b": None}]] * 99 + [[{"b": None}, {"b": f"key {_SECRET}"}]]}),
        pa.table({**_NOISE, "bytes": pa.array([b"x"] * 99 + [_SECRET.encode()], pa.large_binary())}),
        pa.table({**_NOISE, "kinds": pa.array(["x"] * 99 + [_SECRET]).dictionary_encode()}),
        pa.table({**_NOISE, "map": pa.array([[]] * 99 + [[("k", _SECRET)]], pa.map_(pa.string(), pa.string()))}),
        pa.table({**_NOISE, "json": pa.array(["1"] * 99 + [f'"{_SECRET}"'], pa.json_())}),
        pa.table(_NOISE).replace_schema_metadata({"by": _SECRET}),
    ],
    ids=["text", "deep", "bytes", "dictionary", "map", "json", "metadata"],
)
def test_parquet_is_scanned(tmp_path: Path, table: pa.Table) -> None:
    """A secret in compressed data is found with its column; the same table without it passes."""
    path = tmp_path / "train.parquet"
    path.write_bytes(_parquet(table))
    assert _SECRET.encode() not in path.read_bytes() or table.schema.metadata
    where = "metadata" if table.schema.metadata else f"column {table.column_names[-1]}"
    assert list(scan_file(path)) == [
        ScanFinding(f"{path} ({where})", "it looks like a GitHub token", "remove it, and revoke it where it was issued")
    ]
    path.write_bytes(_parquet(pa.table(_NOISE)))
    assert list(scan_file(path)) == []


def _json_in_json(text: str) -> bytes:
    return json.dumps({"a": json.dumps({"b": json.dumps([f"x\n{text}"])})}).encode()


_ENCODED: dict[str, Callable[[str], bytes]] = {
    "newline": lambda text: json.dumps({"text": f"my token:\n{text}"}).encode(),
    "tab": lambda text: json.dumps({"text": f"\t{text}\tx"}).encode(),
    "carriage return": lambda text: json.dumps({"text": f"x\r\n{text}\r\nx"}).encode(),
    "letter": lambda text: json.dumps({"text": f"مفتاح{text}"}).encode(),
    "notebook": lambda text: json.dumps({"cells": [{"source": ["import os\n", f"os\n{text}"]}]}).encode(),
    "percent": lambda text: b"https://x.y/?q=%20" + text.encode() + b"%20",
    "all percent": lambda text: "".join(f"%{ord(char):02x}" for char in text).encode(),
    "all escaped": lambda text: "".join(f"\\u{ord(char):04x}" for char in text).encode(),
    "all in hex": lambda text: "".join(f"\\x{ord(char):02X}" for char in text).encode(),
    "twice escaped": lambda text: "".join(f"\\\\u{ord(char):04X}" for char in text).encode(),
    "escaped backslash": lambda text: f"\\u005cn{text}".encode(),
    "JSON in JSON": _json_in_json,
    "UTF-16": lambda text: f"سر: {text}".encode("utf-16"),
    "UTF-16 big-endian": lambda text: f"م{text}".encode("utf-16-be"),
    "UTF-32": lambda text: f"م{text}م".encode("utf-32"),
    "JSON in UTF-16": lambda text: json.dumps([f"x\n{text}"]).encode("utf-16-be"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", _ENCODED)
def test_an_encoded_secret_is_found(kind: str, form: str, tmp_path: Path) -> None:
    """Escapes before or inside a secret do not hide it, in text files, columns and metadata of weights."""
    encoded = _ENCODED[form](SECRETS[kind])
    assert list(find_secrets([b"a line\n", encoded])) == [(kind, 2)]
    assert list(find_secrets([encoded[at : at + 300] for at in range(0, len(encoded), 300)])) == [(kind, 1)]
    path = tmp_path / "train.parquet"
    path.write_bytes(_parquet(pa.table({**_NOISE, "text": pa.array([b"x"] * 99 + [encoded])})))
    assert [problem.where for problem in scan_file(path)] == [f"{path} (column text)"]
    path = tmp_path / "model.safetensors"
    header = json.dumps({"__metadata__": {"note": f"see\n{SECRETS[kind]}"}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    assert [problem.what for problem in scan_file(path)] == [f"it looks like {kind}"]


@pytest.mark.parametrize("form", _ENCODED)
def test_the_own_token_is_found_encoded(form: str) -> None:
    """The user's token, which has no known form, is found in each encoding."""
    assert list(find_secrets([_ENCODED[form]("my/own+secret")], "my/own+secret")) == [("your own token", 1)]


@pytest.mark.parametrize("before", ["", "x", "xy", "xyz"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
def test_the_own_token_is_found_in_base64(before: str, encoding: str) -> None:
    """In both alphabets, at any offset."""
    raw = f"{before}my~own?secret>>token~~after".encode(encoding)
    for text in (base64.b64encode(raw), base64.urlsafe_b64encode(raw)):
        assert list(find_secrets([text], "my~own?secret>>token~~")) == [("your own token", 1)]


def test_names_are_scanned(release: Path, tmp_path: Path) -> None:
    """Names and metadata of columns, including nested ones, and names of files."""
    note = {"by": f"x\n{_SECRET}"}
    for field in (
        pa.field(_SECRET, pa.string()),
        pa.field("a", pa.struct([pa.field(_SECRET, pa.string())])),
        pa.field("a", pa.string(), metadata=note),
    ):
        path = tmp_path / "train.parquet"
        path.write_bytes(_parquet(pa.table({field.name: pa.nulls(3, field.type)}, schema=pa.schema([field]))))
        assert [problem.where for problem in scan_file(path)] == [f"{path} (column names)"]
    _add(release, f"merged/{_SECRET}.txt", b"text")
    assert ("merged", "the name of a file or folder in it looks like a GitHub token") in _texts(release)


def test_hostile_escapes_hide_nothing_and_end() -> None:
    """Long runs of backslashes, percent signs and zeros are searched in linear time; quadratic time would be hours."""
    for piece in (b"\\", b"%", b"\0", b"a\0", b"\\u0041", b"%2525", b"\\u005c", b"hf_", b"AIza!"):
        assert list(find_secrets([piece * ((2 << 20) // len(piece))])) == []


def test_base64_of_images_passes() -> None:
    """Random base64, as in notebooks, is not taken for a key."""
    text = base64.b64encode(random.Random(11).randbytes(1 << 20)) + b"xyAIza" + b"b" * 60
    assert list(find_secrets([text], "my-own-secret")) == []


@pytest.mark.parametrize("name", ["rows.jsonl.gz", "rows.jsonl.zst", "rows.parquet", "rows"])
@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_compressed_text_is_scanned(tmp_path: Path, name: str, pack: Callable[[bytes], bytes]) -> None:
    """Compression is detected by content, not by name; the line is that of the text. Damaged files are refused."""
    path = tmp_path / name
    text = b"a line\n" * 300_000
    path.write_bytes(pack(text) + pack(_SECRET.encode()))
    assert [(problem.where, problem.what) for problem in scan_file(path)] == [
        (f"{path}:300001", "it looks like a GitHub token")
    ]
    path.write_bytes(pack(text)[:-3])
    (problem,) = scan_file(path)
    assert problem.what.startswith("cannot be scanned: ")


@pytest.mark.parametrize("end", [b"", _parquet(pa.table(_NOISE))[104:]], ids=["all", "middle"])
def test_damaged_parquet_is_refused(tmp_path: Path, end: bytes) -> None:
    """A file that cannot be read to its end may contain a secret."""
    path = tmp_path / "train.parquet"
    path.write_bytes(b"PAR1" + b"x" * 100 + (end or b"PAR1"))
    (problem,) = scan_file(path)
    assert (problem.where, problem.what.startswith("cannot be scanned: ")) == (str(path), True)


def test_the_complete_header_of_a_gguf_file_is_scanned(release: Path) -> None:
    """The scan ends where the weights begin; a file with a damaged header is scanned completely."""
    long = gguf(b"my-own-secret" * 34, note=" " * (2 << 20) + "the-other-one")
    _add(release, "gguf/tiny-F16.gguf", long)
    assert _texts(release, "the-other-one") == [("gguf/tiny-F16.gguf:1", "it looks like your own token")]
    assert _texts(release, "my-own-secret") == []
    _add(release, "gguf/tiny-F16.gguf", b"GGUF" + bytes([9]) + long[5:])
    assert _texts(release, "my-own-secret") == [("gguf/tiny-F16.gguf:1", "it looks like your own token")]


@given(st.integers(0, 3 * OVERLAP), st.integers(1, 2 * OVERLAP), st.sampled_from(sorted(SECRETS)))
def test_a_secret_between_two_blocks_is_found_once(before: int, cut: int, kind: str) -> None:
    """For any block size each secret is found once, with its line."""
    text = b"a line\n" * 3 + b" " * before + SECRETS[kind].encode() + b"\n" + b" " * OVERLAP
    blocks = [text[at : at + cut] for at in range(0, len(text), cut)]
    if cut >= 200:  # blocks of a file have a megabyte; the overlap holds whole secrets
        assert list(find_secrets(blocks)) == [(kind, 4)]
    assert list(find_secrets([text])) == [(kind, 4)]


@pytest.mark.parametrize(
    "text",
    ["hf_model", "AKIA", "sk-learn-and-more", "hf_" + "a" * 29, "مفتاح", "ghp_short", "sha256:" + "0a" * 32],
)
def test_similar_text_passes(release: Path, text: str) -> None:
    """Words, short prefixes and checksums are not findings."""
    _add(release, "merged/notes.txt", text.encode())
    assert _found(release) == []


def test_every_kind_has_an_example() -> None:
    """The starts of a kind are searched before its pattern is tried, so each example has one."""
    assert list(KINDS) == list(SECRETS)
    assert all(any(start in SECRETS[kind] for start in starts) for kind, (starts, _) in KINDS.items())


class _Evil:
    """A pickle that runs a command when it is loaded."""

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("true",)


def _torch_archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", b"")
    return buffer.getvalue()


_ADAPTER = "an adapter's configuration next to merged weights: from_pretrained would load the base instead"


@pytest.mark.parametrize(
    "name, content, what",
    [
        ("pytorch_model.bin", pickle.dumps(_Evil()), "a pickle, by its content"),
        ("weights.bin", _torch_archive(), "a pickle in an archive, as torch.save writes it"),
        ("optimizer.pt", b"", "a pickle, by its name"),
        (".env", b"", "a hidden file"),
        (".git/config", b"", "a hidden file"),
        ("a?b.txt", b"", "a name that other systems cannot store: 'a?b.txt'"),
        ("Config.json", b"{}", "the name differs from Config.json only in case"),
        ("adapter_config.json", b"{}", _ADAPTER),
        ("broken.json", b"{", "not valid JSON"),
        ("paths.json", b'{"a": [{"b": "/data/someone/model"}]}', "a[0].b: an absolute path, '/data/someone/model'"),
        ("windows.json", rb'{"a": "C:\\models\\base"}', "a: an absolute path, 'C:\\\\models\\\\base'"),
        ("more.md", "اقرأ /home/someone/x".encode(), "a path of this machine, '/home/someone'"),
    ],
)  # fmt: skip
def test_each_kind_of_finding(release: Path, name: str, content: bytes, what: str) -> None:
    """Pickles by name and content, hidden files, bad names, local paths, an adapter's configuration next to weights."""
    _add(release, f"merged/{name}", content)
    assert [text for _, text in _texts(release)] == [what]


def test_links_out_of_the_folder_are_found(release: Path, tmp_path: Path) -> None:
    """Broken links and links out of the folder are findings; a link inside the folder is not."""
    (tmp_path / "outside").mkdir()
    (release / "merged" / "outside").symlink_to(tmp_path / "outside")
    (release / "merged" / "nothing").symlink_to(release / "merged" / "missing")
    (release / "merged" / "same.json").symlink_to(release / "merged" / "config.json")
    assert _texts(release) == [
        ("merged/nothing", "a broken link"),
        ("merged/outside", "a link out of the folder"),
    ]


def test_a_pipe_is_a_finding(release: Path) -> None:
    """A special file is never opened."""
    os.mkfifo(release / "merged" / "pipe")
    assert _texts(release) == [("merged/pipe", "not a regular file")]


@pytest.mark.parametrize("name", ["tokenizer.json", "model.safetensors"])
def test_pieces_of_paths_in_vocabularies_pass(release: Path, name: str) -> None:
    """Tokens of a vocabulary that look like paths are not findings."""
    _add(release, f"merged/{name}", b'{"vocab": ["/home/user", "/usr/bin"]}')
    assert _found(release) == []


def test_files_changed_after_the_export_are_found(release: Path) -> None:
    """A missing file and a changed file are findings; a card may change."""
    (release / "merged" / "config.json").write_bytes(b'{"model_type": "gemma3_texT"}')
    (release / "gguf" / "Modelfile").unlink()
    (release / "adapter" / "README.md").write_text(CARD + "more", encoding="utf-8")
    assert _texts(release) == [
        ("gguf/Modelfile", "the file is missing, but release.json lists it"),
        ("merged/config.json", "the file changed after the export: it is not the one in release.json"),
    ]


def test_files_that_the_export_does_not_list_are_reported(release: Path) -> None:
    """They are published, but without a recorded checksum. A repository without a card is reported, too."""
    (release / "merged" / "notes.txt").write_text("notes", encoding="utf-8")
    (release / "gguf" / "README.md").unlink()
    exported, lines = read_release(release), list[str]()
    CheckedRelease(exported, repositories(exported, "org/tiny"), log=lines.append)
    assert lines == [
        "org/tiny-GGUF: no card: `afg card` writes one",
        "merged/notes.txt: published, but not in release.json",
    ]


def test_several_findings_are_one_error(release: Path) -> None:
    """The error names the first finding and the number of others; each of them is one line of the log."""
    _add(release, "merged/a.pkl", b"")
    exported, lines = read_release(release), list[str]()
    with pytest.raises(InputError, match=r"^.*/merged/a.pkl: a pickle, by its name: nothing was published \(remove it"):
        CheckedRelease(exported, repositories(exported, "org/tiny"), log=lines.append)
    assert lines == []
    _add(release, "merged/b.pkl", b"")
    with pytest.raises(InputError, match=r"a.pkl: a pickle, by its name; 1 more: nothing was published"):
        CheckedRelease(exported, repositories(exported, "org/tiny"), log=lines.append)
    assert [line.split(": ")[0] for line in lines] == [f"{release}/merged/{name}.pkl" for name in "ab"]


@pytest.mark.parametrize(
    "content, message",
    [
        (b"{", "not JSON"),
        (b"[]", "not a JSON object"),
        (b'{"files": {"../x": {"size": 1, "sha256": "0"}}}', "leads out of the folder"),
        (b'{"files": {"/x": {"size": 1, "sha256": "0"}}}', "leads out of the folder"),
        (b'{"files": {"x": {"size": 1, "sha256": "0"}}}', "has no size and sha256"),
        (b'{"files": {"gguf//etc/passwd": {"size": 1, "sha256": "0"}}}', "leads out of the folder"),
        (b'{"files": {"gguf/./x": {"size": 1, "sha256": "0"}}}', "leads out of the folder"),
        (b'{"files": {"gguf/C:/x": {"size": 1, "sha256": "0"}}}', "leads out of the folder"),
        (rb'{"files": {"gguf/\u0000": {"size": 1, "sha256": "0"}}}', "leads out of the folder"),
        (b'{"files": {}, "smoke": 5}', "'smoke' is not a list"),
        (b'{"files": {}, "smoke": [5]}', "'smoke' or 'gguf' has an invalid item"),
        (b'{"files": {}, "gguf": [5]}', "'gguf' is not an object"),
        (b'{"files": {}, "gguf": {"a": 5}}', "'smoke' or 'gguf' has an invalid item"),
        (b'{"files": {}, "gguf": {"a": {"agreement": "x"}}}', "'smoke' or 'gguf' has an invalid item"),
        (b'{"files": {}, "base": "tiny"}', "'base' is not an object"),
        (b'{"files": {}, "versions": []}', "'versions' is not an object"),
    ],
)
def test_a_damaged_manifest_is_refused(release: Path, content: bytes, message: str) -> None:
    """An invalid release.json is refused; a folder without one is not a release."""
    (release / "release.json").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_release(release)
    (release / "release.json").unlink()
    with pytest.raises(InputError, match=r"no release.json in it"):
        read_release(release)
