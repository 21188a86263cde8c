"""Publishing a release to a Hub: what arrives, what is not sent again, what is kept, what is refused."""

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
    """Each part is one commit in its repository, with the list of the release; all verified, tagged and collected."""
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
    """Looking asks with GET and HEAD alone, before anything was published and after a change."""
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
    """What stands there is found by its checksums: no commit, no upload, no second tag, item or collection."""
    publisher.publish(tag="v1")
    writes = len(hub.writes())
    result = publisher.publish(tag="v1")
    assert [item.sent for item in result.repositories] == [0, 0, 0]
    assert [len(_history(hub, name)) for name in NAMES] == [2, 2, 2]
    assert len(hub.writes()) == writes
    assert [len(found.items) for found in hub.store.collections.values()] == [3]


def test_only_what_changed_is_sent(hub: Hub, publisher: Publisher, release: Path, expected: Expected) -> None:
    """A changed file, and the list that has its checksum, are one commit; large files are not uploaded again."""
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
    """Files above the Hub's part size arrive whole."""
    hub.part_size = 700
    publisher.publish()
    assert {name: held(hub, name) for name in NAMES} == expected()
    assert any("/parts/4" in line for line in hub.requests)


def test_what_people_wrote_in_a_card_stays(hub: Hub, publisher: Publisher, release: Path) -> None:
    """A section filled in on the Hub survives a new card, a section that the new card lacks too, and it settles."""
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
    assert publisher.prepare().plans[0].current
    publisher.publish()
    assert len(_history(hub, "org/tiny")) == commits


def test_damaged_marks_lose_nothing(hub: Hub, publisher: Publisher) -> None:
    """A card on the Hub whose marks are not in pairs is not written over; nothing is sent at all."""
    damaged = CARD.replace("<!-- end human: notes -->", "text without an end")
    hub.store.put("model", "org/tiny", {"README.md": damaged.encode()})
    with pytest.raises(InputError, match=r"org/tiny/README.md: unpaired or repeated marks of a human section"):
        publisher.publish()
    assert hub.writes() == []


def test_nothing_is_deleted_unasked(hub: Hub, publisher: Publisher) -> None:
    """Files that are only on the Hub stay; with the option they go, but neither the card nor the attributes."""
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
    """A tag that stands for other files stops everything before anything is sent; a new card alone does not."""
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
def test_a_tag_must_be_one(publisher: Publisher, tag: str) -> None:
    """What git or a branch would confuse is refused."""
    with pytest.raises(UsageError, match="is not a valid tag"):
        publisher.prepare(tag=tag)


def test_private_means_private(hub: Hub, publisher: Publisher) -> None:
    """New repositories and the collection are private; one that is public already is not published to by mistake."""
    publisher.publish(private=True)
    assert all(repository.private for repository in hub.store.repositories.values())
    assert all(collection.private for collection in hub.store.collections.values())
    hub.store.repositories["model", "org/tiny-lora"].private = False
    with pytest.raises(UsageError, match="org/tiny-lora: the repository is public"):
        publisher.prepare(private=True)


def test_a_dataset_goes_along(hub: Hub, publisher: Publisher, tmp_path: Path) -> None:
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


def test_what_changed_meanwhile_is_not_written_over(hub: Hub, publisher: Publisher, release: Path) -> None:
    """A file that somebody changes between the plan and the commit stops it; a change elsewhere does not."""
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


def test_a_file_that_changes_under_way_is_noticed(hub: Hub, publisher: Publisher, release: Path) -> None:
    """A large file written on after the plan does not pass as what was planned; the tag is not put."""
    prepared = publisher.prepare(tag="v1")
    assert all(file.sha256 for file in prepared.plans[0].repository.files)
    path = release / "merged" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(OutputError, match="changed or was damaged during the upload"):
        carry_out(prepared)
    assert hub.store.repositories["model", "org/tiny"].tags == {}


def test_what_the_hub_remarks_on_a_card_is_told_with_its_repository(publisher: Publisher, release: Path) -> None:
    """The repositories are sent side by side, and each remark names its own."""
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
    """It is found whatever it looks like."""
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
