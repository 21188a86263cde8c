"""The test Hub: the real client can use it for everything that the project needs."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.hub.client import run_client
from tests.hub.faults import Fault
from tests.hub.server import Hub, running_hub
from tests.hub.store import ATTRIBUTES, git_oid

WEIGHTS = bytes(range(256)) * 40
FILES = {"README.md": b"---\nlicense: gemma\n---\n# card\n", "config.json": b"{}\n", "model.safetensors": WEIGHTS}
MODEL = ("model", "org/m")


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """Start an empty Hub."""
    with running_hub(tmp_path / "hub") as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a small model to upload, and one for the files of the client."""
    path = tmp_path / "model"
    for name, content in {**FILES, "sub/notes.txt": "ملاحظة\n".encode()}.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


UPLOAD = """
where = api.create_repo("org/m", private=True)
again = api.create_repo("org/m", exist_ok=True)
first = api.upload_folder(repo_id="org/m", folder_path=sys.argv[1]).oid
second = api.upload_folder(repo_id="org/m", folder_path=sys.argv[1]).oid
tree = [[item.path, item.size, item.blob_id, item.lfs.sha256 if item.lfs else None]
        for item in api.list_repo_tree("org/m", recursive=True) if hasattr(item, "blob_id")]
top = [item.path for item in api.list_repo_tree("org/m")]
some = [item.path for item in api.get_paths_info("org/m", ["config.json", "missing"])]
info = api.model_info("org/m")
print(json.dumps([where, again, first, second, tree, top, some, info.sha, info.private, api.list_repo_files("org/m")]))
"""


def test_a_folder_is_uploaded_and_listed(hub: Hub, folder: Path, tmp_path: Path) -> None:
    """Repositories are created, large and small files arrive, a second upload commits nothing, pages are followed."""
    hub.page_size = 2
    where, again, first, second, tree, top, some, sha, private, names = run_client(hub, tmp_path, UPLOAD, folder)
    assert where == again == f"{hub.address}/org/m"
    assert first == second == sha
    assert private is True
    expected = {**FILES, "sub/notes.txt": "ملاحظة\n".encode(), ".gitattributes": ATTRIBUTES}
    assert hub.store.read(*MODEL) == expected
    listed = {path: (size, sha256) for path, size, _, sha256 in tree}
    assert listed == {
        path: (len(data), hashlib.sha256(data).hexdigest() if path.endswith(".safetensors") else None)
        for path, data in expected.items()
    }
    assert {path: oid for path, _, oid, _ in tree}["config.json"] == git_oid(FILES["config.json"])
    assert sorted(names) == sorted(expected)
    assert sorted(top) == [".gitattributes", "README.md", "config.json", "model.safetensors", "sub"]
    assert some == ["config.json"]
    assert len([line for line in hub.requests if "/tree/" in line]) > 3


PARTS = """
api.create_repo("org/m")
api.upload_file(path_or_fileobj=sys.argv[1], path_in_repo="model.safetensors", repo_id="org/m")
print(json.dumps(None))
"""


def test_a_large_file_goes_in_parts(hub: Hub, folder: Path, tmp_path: Path) -> None:
    """A file above the part size is sent in parts, the last one shorter, and joined."""
    hub.part_size = 3000
    run_client(hub, tmp_path, PARTS, folder / "model.safetensors")
    assert hub.store.read(*MODEL)["model.safetensors"] == WEIGHTS
    assert len([line for line in hub.requests if line.startswith("PUT ")]) == 4
    assert any(line.endswith("/complete") for line in hub.requests)
    assert not list((hub.store.folder / "parts").iterdir())


COMMITS = """
api.create_repo("org/m")
head = api.model_info("org/m").sha
def add(text):
    return [CommitOperationAdd("a.txt", text.encode())]
first = api.create_commit("org/m", add("1"), commit_message="one", parent_commit=head).oid
try:
    api.create_commit("org/m", add("2"), commit_message="two", parent_commit=head)
except errors.HfHubHTTPError as error:
    refused = [error.response.status_code, str(error)]
delete = [CommitOperationDelete("a.txt")]
api.create_tag("org/m", tag="v1", revision=first)
api.create_branch("org/m", branch="try/it", revision="v1")
last = api.create_commit("org/m", delete, commit_message="gone", parent_commit=first).oid
try:
    api.create_tag("org/m", tag="v1", revision=last)
except errors.HfHubHTTPError as error:
    taken = error.response.status_code
api.create_tag("org/m", tag="v1", revision=last, exist_ok=True)
refs = api.list_repo_refs("org/m")
found = [{r.name: r.target_commit for r in refs.branches}, {r.name: r.target_commit for r in refs.tags}]
print(json.dumps([head, first, refused, last, taken, found]))
"""


def test_commits_are_guarded_by_their_parent(hub: Hub, tmp_path: Path) -> None:
    """A commit on an older parent gives 412 and changes nothing; tags and branches stay."""
    head, first, (status, message), last, taken, (branches, tags) = run_client(hub, tmp_path, COMMITS)
    assert (status, taken) == (412, 409)
    assert "A commit has happened since" in message
    assert branches == {"main": last, "try/it": first}
    assert tags == {"v1": first}
    repository = hub.store.repositories[MODEL]
    assert [commit.oid for commit in repository.history()] == [last, first, head]
    assert hub.store.read(*MODEL, "v1")["a.txt"] == b"1"
    assert "a.txt" not in hub.store.read(*MODEL)


DOWNLOAD = """
one = hf_hub_download("org/m", "model.safetensors", revision="main")
whole = snapshot_download("org/m", local_dir="down")
check = api.verify_repo_checksums("org/m", local_dir="down")
same = [check.checked_count, check.mismatches, check.missing_paths]
open("down/config.json", "w").write("[]")
wrong = [item["path"] for item in api.verify_repo_checksums("org/m", local_dir="down").mismatches]
answers = []
for name, call in {
    "repository": lambda: api.model_info("org/none"),
    "revision": lambda: hf_hub_download("org/m", "config.json", revision="v9"),
    "entry": lambda: hf_hub_download("org/m", "none.json"),
}.items():
    try:
        call()
    except Exception as error:
        answers.append([name, type(error).__name__])
print(json.dumps([one, whole, same, wrong, answers]))
"""


def test_files_come_back_and_are_verified(hub: Hub, tmp_path: Path) -> None:
    """Downloads have the stored content, a changed file is found by its checksum, and errors have their types."""
    hub.store.put(*MODEL, FILES)
    one, whole, same, wrong, answers = run_client(hub, tmp_path, DOWNLOAD)
    assert Path(one).read_bytes() == WEIGHTS
    assert Path(whole, "README.md").read_bytes() == FILES["README.md"]
    assert same == [4, [], []]
    assert wrong == ["config.json"]
    assert answers == [
        ["repository", "RepositoryNotFoundError"],
        ["revision", "RevisionNotFoundError"],
        ["entry", "RemoteEntryNotFoundError"],
    ]


def test_a_download_that_breaks_off_goes_on_where_it_was(hub: Hub, tmp_path: Path) -> None:
    """A partial answer is completed by a request for the rest."""
    hub.store.put(*MODEL, {"model.safetensors": WEIGHTS})
    hub.faults.add(Fault("GET .*resolve", drop="midway"))
    script = 'print(json.dumps(hf_hub_download("org/m", "model.safetensors")))'
    assert Path(run_client(hub, tmp_path, script)).read_bytes() == WEIGHTS
    assert len([line for line in hub.requests if line.startswith("GET ") and "/resolve/" in line]) == 2
    assert hub.faults.left() == []


COLLECTIONS = """
me = api.whoami()
made = api.create_collection("My list", namespace="org", description="what belongs together")
again = api.create_collection("My list", namespace="org", exists_ok=True)
api.add_collection_item(made.slug, item_id="org/m", item_type="model", note="weights")
api.add_collection_item(made.slug, item_id="org/m", item_type="model", exists_ok=True)
api.add_collection_item(made.slug, item_id="org/d", item_type="dataset")
try:
    api.add_collection_item(made.slug, item_id="org/none", item_type="model")
except errors.HfHubHTTPError as error:
    missing = error.response.status_code
whole = api.get_collection(made.slug)
listed = [found.slug for found in api.list_collections(owner="org")]
items = [[item.item_type, item.item_id, item.note] for item in whole.items]
print(json.dumps([me["name"], made.slug, again.slug, missing, listed, items, whole.url]))
"""


def test_collections_hold_repositories_once(hub: Hub, tmp_path: Path) -> None:
    """A collection is found by its title, and an item is not added twice."""
    hub.store.put("model", "org/m", {})
    hub.store.put("dataset", "org/d", {})
    me, slug, again, missing, listed, items, url = run_client(hub, tmp_path, COLLECTIONS)
    assert (me, missing) == ("someone", 404)
    assert listed == [slug] == [again]
    assert items == [["model", "org/m", "weights"], ["dataset", "org/d", None]]
    assert url == f"{hub.address}/collections/{slug}"


FAULTS: dict[str, Fault] = {
    "unavailable": Fault("POST .*preupload", status=503),
    "failing": Fault("PUT /lfs/", status=500),
    "busy": Fault("POST .*objects/batch", status=429, headers={"Retry-After": "0"}),
    "dropped": Fault("PUT /lfs/", drop="before"),
    "slow": Fault("POST .*preupload", seconds=0.3),
}
ONE = """
api.create_repo("org/m", exist_ok=True)
try:
    api.upload_file(path_or_fileobj=sys.argv[1], path_in_repo="model.safetensors", repo_id="org/m")
    print(json.dumps(None))
except Exception as error:
    causes = []
    while error is not None:
        causes.append(f"{type(error).__name__}: {error}")
        error = error.__cause__
    print(json.dumps(" <- ".join(causes)))
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTS)
def test_the_client_gets_over_what_it_retries(hub: Hub, folder: Path, tmp_path: Path, name: str) -> None:
    """The client retries after an error, a limit or a lost connection, and the file arrives."""
    hub.faults.add(replace(FAULTS[name]))
    assert run_client(hub, tmp_path, ONE, folder / "model.safetensors") is None
    assert hub.faults.left() == []
    assert hub.store.read(*MODEL)["model.safetensors"] == WEIGHTS


def _failure(hub: Hub, tmp_path: Path, path: Path) -> Any:
    error = run_client(hub, tmp_path, ONE, path)
    assert hub.faults.left() == []
    return error


def test_what_the_client_does_not_retry_fails(hub: Hub, folder: Path, tmp_path: Path) -> None:
    """A lost commit, a conflict and a damaged object raise an error, and no file appears."""
    path = folder / "model.safetensors"
    hub.faults.add(Fault("POST .*/commit/", drop="before"))
    assert "RemoteProtocolError" in _failure(hub, tmp_path, path)
    hub.faults.add(Fault("POST .*/commit/", status=412))
    assert "412" in _failure(hub, tmp_path, path)
    assert "model.safetensors" not in hub.store.read(*MODEL)


def test_a_damaged_upload_is_seen_at_verify(hub: Hub, folder: Path, tmp_path: Path) -> None:
    """An object with an additional byte is not accepted, so it is sent again."""
    path = folder / "model.safetensors"
    hub.faults.add(Fault("PUT /lfs/", corrupt=True))
    assert "422" in _failure(hub, tmp_path, path)
    assert hub.store.repositories[MODEL].lfs == set()
    assert run_client(hub, tmp_path, ONE, path) is None
    assert hub.store.read(*MODEL)["model.safetensors"] == WEIGHTS


def test_strangers_may_not_write(hub: Hub, tmp_path: Path) -> None:
    """Without the token nothing is written and a private repository does not exist; an invalid card is refused."""
    hub.store.create("model", "org/secret", private=True)
    script = """
stranger = HfApi(token=False)
answers = []
for call in (
    lambda: stranger.create_repo("org/new"),
    lambda: stranger.model_info("org/secret"),
    lambda: HfApi(token="hf_wrong").whoami(),
    lambda: api.create_repo("elsewhere/m"),
    lambda: api.create_commit("org/secret", [CommitOperationAdd("README.md", b"---\\nlicense: x\\n---\\n")],
                              commit_message="m"),
):
    try:
        call()
        answers.append("done")
    except Exception as error:
        answers.append(f"{type(error).__name__} {getattr(getattr(error, 'response', None), 'status_code', '')}")
print(json.dumps(answers))
"""
    assert run_client(hub, tmp_path, script) == [
        "HfHubHTTPError 401",
        "RepositoryNotFoundError 401",
        "HfHubHTTPError 401",
        "HfHubHTTPError 403",
        "ValueError ",
    ]
    assert set(hub.store.repositories) == {("model", "org/secret")}
    assert [commit.title for commit in hub.store.repositories["model", "org/secret"].history()] == ["initial commit"]
