"""File routes of the test Hub: large uploads in one or many parts, and downloads with ranges."""

import re
from math import ceil
from typing import TYPE_CHECKING, Any

from tests.hub.messages import Reply, Request, as_json, refusal
from tests.hub.store import join, sha256_of

if TYPE_CHECKING:
    from tests.hub.server import Hub
    from tests.hub.store import Repository


def batch(hub: "Hub", request: Request, repository: "Repository") -> Reply:
    """Return the upload actions of each large object; an existing one has none."""
    asked = request.json()
    objects = []
    for item in asked["objects"]:
        answer: dict[str, Any] = {"oid": item["oid"], "size": item["size"]}
        if not re.fullmatch("[0-9a-f]{64}", item["oid"]):
            answer["error"] = {"code": 422, "message": "not a SHA-256"}
        elif item["oid"] not in repository.lfs:
            answer["actions"] = _actions(hub, repository, item["oid"], item["size"])
        objects.append(answer)
    return as_json({"transfer": "basic", "objects": objects})


def _actions(hub: "Hub", repository: "Repository", oid: str, size: int) -> dict[str, Any]:
    prefix = "datasets/" if repository.kind == "dataset" else ""
    verify = {"href": f"{hub.address}/{prefix}{repository.name}.git/info/lfs/objects/verify"}
    if size <= hub.part_size:
        return {"upload": {"href": f"{hub.address}/lfs/{oid}"}, "verify": verify}
    parts = {
        str(number + 1): f"{hub.address}/lfs/{oid}/parts/{number + 1}" for number in range(ceil(size / hub.part_size))
    }
    header = {"chunk_size": str(hub.part_size), **parts}
    return {"upload": {"href": f"{hub.address}/lfs/{oid}/complete", "header": header}, "verify": verify}


def upload(hub: "Hub", request: Request, oid: str) -> Reply:
    """Store a large object in one piece; ``verify`` checks it."""
    request.save(hub.store.large(oid))
    if request.corrupt:
        with hub.store.large(oid).open("ab") as stream:
            stream.write(b"!")
    return Reply(200)


def upload_part(hub: "Hub", request: Request, oid: str, number: str) -> Reply:
    """Store one part of a large object."""
    digest = request.save(hub.store.folder / "parts" / f"{oid}-{number}")
    return Reply(200, headers={"ETag": f'"{digest}"'})


def complete(hub: "Hub", request: Request, oid: str) -> Reply:
    """Join the parts, if they are those that were sent."""
    asked = request.json()
    numbers = [part["partNumber"] for part in asked["parts"]]
    paths = [hub.store.folder / "parts" / f"{oid}-{number}" for number in numbers]
    if asked["oid"] != oid or numbers != list(range(1, len(numbers) + 1)) or not all(path.is_file() for path in paths):
        return refusal(400, "parts are missing")
    for part, path in zip(asked["parts"], paths, strict=True):
        if part["etag"].strip('"') != sha256_of(path):
            return refusal(400, f"part {part['partNumber']} is another one")
    join(paths, hub.store.large(oid))
    for path in paths:
        path.unlink()
    return Reply(200)


def verify(hub: "Hub", request: Request, repository: "Repository") -> Reply:
    """Accept a large object if its size and SHA-256 are the announced ones."""
    asked = request.json()
    path = hub.store.large(asked["oid"])
    if not path.is_file() or path.stat().st_size != asked["size"] or sha256_of(path) != asked["oid"]:
        path.unlink(missing_ok=True)
        return refusal(422, "size or SHA-256 differ from the announced ones")
    with hub.store.lock:
        repository.lfs.add(asked["oid"])
    return as_json({})


def resolve(hub: "Hub", request: Request, repository: "Repository", revision: str, path: str) -> Reply:
    """Return the content of a file, from the requested byte."""
    commit = repository.at(revision)
    if commit is None:
        return refusal(404, "Revision not found", "RevisionNotFound")
    entry = commit.files.get(path)
    if entry is None:
        return refusal(404, "Entry not found", "EntryNotFound")
    headers = {
        "ETag": f'"{entry.sha256 or entry.oid}"',
        "X-Repo-Commit": commit.oid,
        "Accept-Ranges": "bytes",
        "Content-Type": "application/octet-stream",
    }
    if entry.sha256:
        headers |= {"X-Linked-Etag": headers["ETag"], "X-Linked-Size": str(entry.size)}
    reply = Reply(200, headers=headers, file=hub.store.path(entry))
    asked = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("Range", ""))
    if asked is None:
        return reply
    first, last = int(asked[1]), min(int(asked[2] or entry.size - 1), entry.size - 1)
    if first > last:
        return Reply(416, headers={"Content-Range": f"bytes */{entry.size}"})
    reply.status, reply.start, reply.size = 206, first, last - first + 1
    reply.headers["Content-Range"] = f"bytes {first}-{last}/{entry.size}"
    return reply
