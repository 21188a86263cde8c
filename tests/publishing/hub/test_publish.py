"""Publishing to a Hub: uploads, skipped files, kept sections, refusals."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from dataset_tools.errors import InputError, OutputError, UsageError
from publishing.hub.local import LocalFolder
from publishing.hub.plan import FileState
from publishing.hub.preflight import CheckedRelease
from publishing.hub.publish import PublishOptions, _send_all, carry_out, prepare
from publishing.release.manifest import read_release
from publishing.release.repositories import repositories
from tests.hub.server import Hub
from tests.publishing.conftest import CARD, NAMES, Publisher, held, write_manifest

Expected = Callable[[], dict[str, dict[str, bytes]]]


def _history(hub: Hub, name: str) -> list[str]:
    return [commit.title for commit in hub.store.repositories["model", name].history()]


def test_a_release_becomes_three_repositories(hub: Hub, publisher: Publisher, expected: Expected) -> None:
    """Each part is one commit in its repository, with ``release.json``; all are verified, tagged and collected."""
    result = publisher.publish(tag="v1.0.0")
    assert {name: held(hub, name) for name in NAMES} == expected()
    assert _history(hub, "org/tiny") == ["Publish merged v1.0.0", "initial commit"]
    assert [(item.name, item.sent, item.verified) for item in result.repositories] == [
        ("org/tiny", 6, 6),
        ("org/tiny-lora", 5, 5),
        ("org/tiny-GGUF", 5, 5),
    ]
    for item in result.repositories:
        repository = hub.store.repositories["model", item.name]
        assert repository.tags == {"v1.0.0": item.commit} == {"v1.0.0": repository.branches["main"]}
        assert item.url == f"{hub.address}/{item.name}"
        assert not repository.private
    (collection,) = hub.store.collections.values()
    assert (collection.title, [item["id"] for item in collection.items]) == ("tiny", list(NAMES))
    assert result.collection == f"{hub.address}/collections/{collection.slug}"
    assert publisher.waits == []


def test_a_plan_sends_no_write_request(hub: Hub, publisher: Publisher, release: Path) -> None:
    """`prepare` sends only GET and HEAD requests, before the first publication and after a change."""
    prepared = publisher.prepare(tag="v1")
    assert [file.state for file in prepared.plans[0].files] == [FileState.NEW] * 6
    assert hub.writes() == []
    publisher.publish()
    sent = len(hub.writes())
    (release / "merged" / "README.md").write_text(CARD + "more\n", encoding="utf-8")
    prepared = publisher.prepare(tag="v1", delete=True)
    assert prepared.plans[0].paths(FileState.CHANGED) == ["README.md"]
    assert "+more" in prepared.plans[0].card_diff
    assert len(hub.writes()) == sent


def test_a_second_publish_makes_no_commit(hub: Hub, publisher: Publisher) -> None:
    """Files on the Hub are recognised by checksum: no commit, upload, second tag, item or collection."""
    publisher.publish(tag="v1")
    writes = len(hub.writes())
    result = publisher.publish(tag="v1")
    assert [item.sent for item in result.repositories] == [0, 0, 0]
    assert [len(_history(hub, name)) for name in NAMES] == [2, 2, 2]
    assert len(hub.writes()) == writes
    assert [len(found.items) for found in hub.store.collections.values()] == [3]


def test_only_what_changed_is_sent(hub: Hub, publisher: Publisher, release: Path, expected: Expected) -> None:
    """A changed file and ``release.json`` are one commit; large files are not uploaded again."""
    publisher.publish()
    hub.requests.clear()
    (release / "gguf" / "Modelfile").write_bytes(b"FROM ./tiny-Q8_0.gguf\nPARAMETER temperature 0\n")
    write_manifest(release)
    result = publisher.publish()
    assert {item.name: item.sent for item in result.repositories} == {
        "org/tiny": 1,
        "org/tiny-lora": 1,
        "org/tiny-GGUF": 2,
    }
    assert held(hub, "org/tiny-GGUF") == expected()["org/tiny-GGUF"]
    assert not [line for line in hub.requests if "/lfs/" in line]


def test_large_files_go_in_parts(hub: Hub, publisher: Publisher, expected: Expected) -> None:
    """Files above the Hub's part size arrive complete."""
    hub.part_size = 700
    publisher.publish()
    assert {name: held(hub, name) for name in NAMES} == expected()
    assert any("/parts/4" in line for line in hub.requests)


def test_human_sections_of_a_card_are_kept(hub: Hub, publisher: Publisher, release: Path) -> None:
    """Sections filled in on the Hub survive a new card, even one without them; the next run changes nothing."""
    publisher.publish()
    filled = CARD.replace("notes -->\n<!--", "notes -->\nكتبه إنسان\n<!--")
    extra = "\n<!-- begin human: thanks -->\nto all\n<!-- end human: thanks -->\n"
    hub.store.put("model", "org/tiny", {"README.md": (filled + extra).encode()})
    (release / "merged" / "README.md").write_text(CARD.replace("# A model", "# A new card"), encoding="utf-8")
    publisher.publish()
    card = held(hub, "org/tiny")["README.md"].decode()
    assert "# A new card" in card
    assert "<!-- begin human: notes -->\nكتبه إنسان\n<!-- end human: notes -->" in card
    assert card.endswith(extra.lstrip())
    commits = len(_history(hub, "org/tiny"))
    assert publisher.prepare().plans[0].up_to_date
    publisher.publish()
    assert len(_history(hub, "org/tiny")) == commits


def test_damaged_marks_lose_nothing(hub: Hub, publisher: Publisher) -> None:
    """A card on the Hub with unpaired marks is not overwritten; nothing is sent."""
    damaged = CARD.replace("<!-- end human: notes -->", "text without an end")
    hub.store.put("model", "org/tiny", {"README.md": damaged.encode()})
    with pytest.raises(InputError, match=r"org/tiny/README.md: unpaired or repeated marks"):
        publisher.publish()
    assert hub.writes() == []


def test_files_are_deleted_only_with_the_option(hub: Hub, publisher: Publisher) -> None:
    """Files that are only on the Hub are kept; ``delete`` removes them, except the card and the attributes."""
    hub.store.put("model", "org/tiny", {"old.gguf": b"old", "notes/x.txt": b"x"})
    publisher.publish()
    assert {"old.gguf", "notes/x.txt"} <= set(held(hub, "org/tiny"))
    plan = publisher.prepare(delete=True).plans[0]
    assert plan.deletions == ["notes/x.txt", "old.gguf"]
    (publisher.release / "merged" / "README.md").unlink()
    publisher.publish(delete=True)
    files = hub.store.read("model", "org/tiny")
    assert {".gitattributes", "README.md", "model.safetensors"} <= set(files)
    assert not {"old.gguf", "notes/x.txt"} & set(files)


def test_a_tag_never_moves(hub: Hub, publisher: Publisher, release: Path) -> None:
    """A tag of different files stops the run before anything is sent; a new card alone does not."""
    publisher.publish(tag="v1")
    tagged = hub.store.repositories["model", "org/tiny"].tags["v1"]
    (release / "merged" / "README.md").write_text(CARD + "more\n", encoding="utf-8")
    publisher.publish(tag="v1")
    assert hub.store.repositories["model", "org/tiny"].tags["v1"] == tagged
    assert held(hub, "org/tiny")["README.md"].endswith(b"more\n")
    writes = len(hub.writes())
    (release / "merged" / "config.json").write_bytes(b"{}")
    write_manifest(release)
    with pytest.raises(UsageError, match="tag v1 already exists and points to different files"):
        publisher.publish(tag="v1")
    assert len(hub.writes()) == writes
    publisher.publish(tag="v2")
    assert set(hub.store.repositories["model", "org/tiny"].tags) == {"v1", "v2"}


@pytest.mark.parametrize("tag", ["main", "-x", "a b", "v1..2", "x.lock", "a/b"])
def test_a_tag_must_be_valid(publisher: Publisher, tag: str) -> None:
    """Names that git does not allow, or that are branches, are refused."""
    with pytest.raises(UsageError, match="is not a valid tag"):
        publisher.prepare(tag=tag)


def test_private_means_private(hub: Hub, publisher: Publisher) -> None:
    """New repositories and the collection are private; an existing public repository stops the run."""
    publisher.publish(private=True)
    assert all(repository.private for repository in hub.store.repositories.values())
    assert all(collection.private for collection in hub.store.collections.values())
    hub.store.repositories["model", "org/tiny-lora"].private = False
    with pytest.raises(UsageError, match="org/tiny-lora: the repository is public"):
        publisher.prepare(private=True)


def test_a_dataset_is_published_with_the_release(hub: Hub, publisher: Publisher, tmp_path: Path) -> None:
    """A folder becomes a dataset of its own, tagged and in the collection like the others."""
    folder = tmp_path / "split"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "train.jsonl").write_text('{"path": "/home/someone/file"}\n', encoding="utf-8")
    result = publisher.publish(dataset=folder, tag="v1")
    assert held(hub, "org/tiny-data", "dataset") == {"data/train.jsonl": b'{"path": "/home/someone/file"}\n'}
    assert result.repositories[-1].url == f"{hub.address}/datasets/org/tiny-data"
    assert "v1" in hub.store.repositories["dataset", "org/tiny-data"].tags
    (collection,) = hub.store.collections.values()
    assert collection.items[-1]["type"] == "dataset"


def test_parts_that_were_not_exported_are_left_out(hub: Hub, publisher: Publisher, release: Path) -> None:
    """Without GGUF files there is no repository for them; without any part there is nothing to publish."""
    for path in (release / "gguf").iterdir():
        path.unlink()
    write_manifest(release)
    publisher.publish()
    assert ("model", "org/tiny-GGUF") not in hub.store.repositories
    for part in ("adapter", "merged"):
        for path in (release / part).iterdir():
            path.unlink()
    with pytest.raises(InputError, match="nothing to publish"):
        publisher.publish()


def test_changes_on_the_hub_are_not_overwritten(hub: Hub, publisher: Publisher, release: Path) -> None:
    """A file changed on the Hub between the plan and the commit stops the run; a change of other files does not."""
    publisher.publish()
    (release / "merged" / "config.json").write_bytes(b"{}")
    write_manifest(release)
    prepared = publisher.prepare()
    hub.store.put("model", "org/tiny", {"config.json": b"theirs"})
    with pytest.raises(OutputError, match=r"config.json has changed on the Hub since the plan was made"):
        carry_out(prepared)
    assert held(hub, "org/tiny")["config.json"] == b"theirs"
    prepared = publisher.prepare()
    hub.store.put("model", "org/tiny", {"LICENSE": b"theirs"})
    carry_out(prepared)
    assert held(hub, "org/tiny")["config.json"] == b"{}"
    assert held(hub, "org/tiny")["LICENSE"] == b"theirs"


def test_a_file_that_changes_after_the_scan_is_not_published(hub: Hub, publisher: Publisher, release: Path) -> None:
    """It is refused before the first commit. If its time hides the change, the Hub refuses it, and no tag is set."""
    prepared = publisher.prepare(tag="v1")
    assert all(file.sha256 for file in prepared.plans[0].repository.files)
    path = release / "merged" / "model.safetensors"
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(InputError, match=r"model.safetensors: the input changed while it was read"):
        carry_out(prepared)
    assert not [line for line in hub.writes() if "/commit/" in line]
    os.utime(path, ns=times)
    with pytest.raises(OutputError, match="changed or was damaged during the upload"):
        carry_out(prepared)
    assert hub.store.repositories["model", "org/tiny"].tags == {}


def test_warnings_about_a_card_name_the_repository(publisher: Publisher, release: Path) -> None:
    """The repositories are sent in parallel, and each warning names its own."""
    for part in ("merged", "gguf"):
        (release / part / "README.md").write_text("# A model\n", encoding="utf-8")
    plans = [publisher.client.plan(found) for found in repositories(read_release(release), "org/tiny")]
    _send_all(plans, publisher.client, PublishOptions(), publisher.lines.append)
    warnings = [line for line in publisher.lines if "sending" not in line]
    assert sorted(line.split(":")[0] for line in warnings) == ["org/tiny", "org/tiny-GGUF"]
    assert all("empty or missing yaml metadata in repo card" in line for line in warnings)


def _leak(path: Path) -> str:
    """Write a file with a made-up token; return the token."""
    token = "ghp_" + "aB3c" * 9
    path.parent.mkdir(exist_ok=True)
    path.write_text(f'{{"text": "a"}}\n{{"text": "my token:\\n{token}"}}\n', encoding="utf-8")
    return token


@pytest.mark.parametrize("place", ["merged/notes.txt", "dataset/train.jsonl"])
@pytest.mark.parametrize("to", ["hub", "folder"])
def test_a_token_is_never_published(hub: Hub, publisher: Publisher, tmp_path: Path, place: str, to: str) -> None:
    """The library scans the release and the dataset before the first request and the first file."""
    dataset = tmp_path / "release" / "dataset"
    dataset.mkdir()
    (dataset / "test.jsonl").write_text("{}\n", encoding="utf-8")
    token = _leak(tmp_path / "release" / place)
    where = publisher.client if to == "hub" else LocalFolder(tmp_path / "out")
    with pytest.raises(InputError) as caught:
        prepare(publisher.release, where, PublishOptions(dataset=dataset))
    assert str(caught.value).startswith(f"{publisher.release}/{place}:2: it looks like a GitHub token")
    assert token not in str(caught.value)
    assert hub.requests == []
    assert not (tmp_path / "out").exists()


def test_the_token_of_the_client_is_never_published(hub: Hub, publisher: Publisher, release: Path) -> None:
    """It needs no known form."""
    hub.token = publisher.client._given.token = "no known form"  # noqa: S105 - made up
    (release / "merged" / "notes.txt").write_text("a no known form b", encoding="utf-8")
    with pytest.raises(InputError, match=r"notes.txt:1: it looks like your own token"):
        publisher.prepare()


def test_a_plan_needs_a_checked_release(release: Path) -> None:
    """Only the scan makes the value that a plan is made of."""
    _leak(release / "merged" / "notes.txt")
    exported = read_release(release)
    with pytest.raises(InputError, match="nothing was published"):
        CheckedRelease(exported, repositories(exported, "org/tiny"))
