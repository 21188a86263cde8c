"""Every fault at every step: temporary ones are retried in the same run, lasting ones completed by the next run.

Nothing is lost or duplicated: one commit in each repository, one collection, each item once. Tags are set when every
repository is complete, and the collection after the tags.
"""

import contextlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from dataset_tools.errors import OutputError
from publishing.hub.errors import with_retries
from tests.hub.faults import Fault
from tests.hub.server import Hub
from tests.publishing.conftest import NAMES, Publisher, held

Expected = Callable[[], dict[str, dict[str, bytes]]]

STEPS = {
    "read": "GET /api/models/org/tiny-lora$",
    "list": "GET .*tiny-lora/tree/",
    "create": "POST /api/repos/create",
    "card": "POST /api/validate-yaml",
    "preupload": "POST .*/preupload/",
    "batch": "POST .*/objects/batch",
    "upload": "PUT /lfs/",
    "verify": "POST .*/objects/verify",
    "commit": "POST .*/commit/",
    "tag": "POST .*/tag/",
    "collection": "POST /api/collections$",
    "item": "POST /api/collections/.*/items",
}
"""Each request of a publication that could fail, in order."""

KINDS = {
    "error": Fault("", status=500),
    "limit": Fault("", status=429, headers={"Retry-After": "7"}),
    "lost": Fault("", drop="before"),
    "answer-lost": Fault("", drop="after"),
}
OWN = {
    "conflict": Fault(STEPS["commit"], status=412),
    "another-commit": Fault(STEPS["commit"], status=409),
    "damaged": Fault(STEPS["upload"], corrupt=True),
    "bad-verify": Fault(STEPS["verify"], status=422),
}
"""Faults that belong to one step."""

MATRIX = {f"{step}-{kind}": replace(fault, request=STEPS[step]) for step in STEPS for kind, fault in KINDS.items()}
EVERY = {**MATRIX, **OWN}
# Half of the matrix is for the long run.
NAMED = [pytest.param(name, marks=pytest.mark.slow if name.endswith(("-limit", "-error")) else ()) for name in EVERY]


def _require_whole(hub: Hub, expected: Expected) -> None:
    """Check that everything is on the Hub once."""
    assert {name: held(hub, name) for name in NAMES} == expected()
    for name in NAMES:
        repository = hub.store.repositories["model", name]
        assert [commit.title for commit in repository.history()][1:] == ["initial commit"]
        assert repository.tags == {"v1": repository.branches["main"]}
    (collection,) = hub.store.collections.values()
    assert sorted(str(item["id"]) for item in collection.items) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMED)
def test_a_temporary_fault_is_retried(hub: Hub, publisher: Publisher, expected: Expected, name: str) -> None:
    """A single fault, at the second request of its kind if there are several, costs only a wait."""
    fault = EVERY[name]
    hub.faults.add(replace(fault, skip=0 if fault.request == STEPS["collection"] else 1))
    publisher.publish(tag="v1")
    assert hub.faults.left() == []
    _require_whole(hub, expected)


@pytest.mark.parametrize("name", NAMED)
def test_the_next_run_completes_a_lasting_fault(hub: Hub, publisher: Publisher, expected: Expected, name: str) -> None:
    """A lasting fault ends the run with one line and no tag on an incomplete repository; the next run completes it."""
    hub.faults.add(replace(EVERY[name], skip=0 if EVERY[name].request == STEPS["collection"] else 1, times=-1))
    if name.endswith("-answer-lost"):  # whether it was done is seen at the next look
        with contextlib.suppress(OutputError):
            publisher.publish(tag="v1")
    else:
        with pytest.raises(OutputError) as caught:
            publisher.publish(tag="v1")
        assert "\n" not in str(caught.value)
        assert hub.token not in str(caught.value)
    there = [name for name in NAMES if ("model", name) in hub.store.repositories]
    tagged = [name for name in there if hub.store.repositories["model", name].tags]
    assert not tagged or {name: held(hub, name) for name in there} == expected()
    assert not hub.store.collections or len(tagged) == len(NAMES)
    hub.faults.clear()
    publisher.publish(tag="v1")
    _require_whole(hub, expected)


def test_objects_that_arrived_are_not_sent_again(hub: Hub, publisher: Publisher) -> None:
    """After failed commits the Hub has the large files: the next run sends only the commits."""
    hub.faults.add(Fault(STEPS["commit"], times=-1, drop="before"))
    with pytest.raises(OutputError, match=r"the connection to .* failed"):
        publisher.publish()
    hub.faults.clear()
    hub.requests.clear()
    publisher.publish()
    assert [line for line in hub.requests if line.startswith("PUT ")] == []
    assert len([line for line in hub.requests if "/commit/" in line]) == len(NAMES)


def test_a_refusal_waits_for_other_uploads(hub: Hub, publisher: Publisher, expected: Expected) -> None:
    """If one repository is refused during a slow upload to another, the upload ends before the error is raised."""
    hub.faults.add(Fault("POST /api/models/org/tiny/preupload/", status=403, times=-1))
    hub.faults.add(Fault("POST /org/tiny-GGUF.git/info/lfs/objects/verify", seconds=1))
    with pytest.raises(OutputError, match="org/tiny: the token has no write access"):
        publisher.publish(tag="v1")
    assert held(hub, "org/tiny-GGUF") == expected()["org/tiny-GGUF"]
    assert not any(repository.tags for repository in hub.store.repositories.values())


def test_the_pause_is_the_one_that_the_hub_requests(hub: Hub, publisher: Publisher) -> None:
    """The pause after a rate limit is the one that the Hub requests; other pauses grow."""
    hub.faults.add(Fault(STEPS["commit"], status=429, headers={"Retry-After": "7"}))
    publisher.publish()
    assert publisher.waits == [7.0]
    hub.faults.add(Fault("GET /api/models/org/tiny$", status=503, times=2))
    publisher.prepare()
    assert publisher.waits == [7.0, 1.0, 4.0]


@pytest.mark.parametrize(
    "fault, message",
    [
        (Fault(STEPS["create"], status=403), "org/tiny: the token has no write access"),
        (Fault(STEPS["commit"], status=412), "org/tiny: another commit was made at the same time"),
        (Fault(STEPS["upload"], status=503), r"org/tiny: the Hub failed \(503\)"),
        (Fault(STEPS["commit"], status=429), "org/tiny: the rate limit of the Hub is reached"),
        (Fault(STEPS["commit"], status=400), "org/tiny: Bad request for commit endpoint: something went wrong"),
    ],
    ids=["denied", "conflict", "failed", "limit", "refused"],
)
def test_refusals_are_one_plain_line(hub: Hub, publisher: Publisher, fault: Fault, message: str) -> None:
    """One line has the repository, the reason and the next step."""
    hub.faults.add(replace(fault, times=-1))
    with pytest.raises(OutputError, match=message) as caught:
        publisher.publish()
    assert caught.value.exit_code == 3
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "error, what",
    [
        (
            RuntimeError("404 Not Found, http://h/api/models/o/n/xet-write-token/main"),
            "this Hub does not support Xet uploads",
        ),
        (OSError("Permission denied: '/home/me/.cache/huggingface/xet/logs'"), "Permission denied"),
        (ConnectionError("Network error: xet-write-token/main: 503 Service Unavailable"), "503 Service Unavailable"),
        (ValueError("org/xet-model: 404 Not Found"), "org/xet-model: 404"),
    ],
)
def test_only_a_missing_xet_is_reported_as_one(monkeypatch: pytest.MonkeyPatch, error: Exception, what: str) -> None:
    """An error that only mentions Xet, in a path or a model name, keeps its message."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", False)

    def fail() -> None:
        raise error

    with pytest.raises(OutputError) as caught:
        with_retries("org/tiny", fail, lambda _: None)
    assert what in str(caught.value)
    assert ("HF_HUB_DISABLE_XET" in str(caught.value)) == ("does not support" in what)


def test_a_wrong_token_is_refused_before_anything_is_sent(hub: Hub, publisher: Publisher) -> None:
    """An unknown token does not make repositories look new."""
    hub.token = "hf_" + "x" * 34
    with pytest.raises(OutputError, match="org/tiny: the Hub rejects the token"):
        publisher.publish()
    assert hub.writes() == []
