"""Repository routes of the test Hub: create, describe, list, commit, tag."""

import base64
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from tests.hub.messages import Reply, Request, as_json, refusal
from tests.hub.store import Commit, Entry, Repository, large_entry

if TYPE_CHECKING:
    from tests.hub.server import Hub

LARGE = (".safetensors", ".gguf", ".bin", ".model", ".parquet", ".pt", ".zip")
"""Names that are LFS files of any size."""

_LARGE_SIZE = 10 << 20
_MISSING = (404, "Revision not found", "RevisionNotFound")


def create(hub: "Hub", request: Request) -> Reply:
    """Create a repository, or return 409 with its address."""
    asked = request.json()
    owner = asked.get("organization") or hub.user
    if owner not in (hub.user, *hub.organizations):
        return refusal(403, f"you have no right to create a repository under {owner}")
    kind, name = asked.get("type", "model"), f"{owner}/{asked['name']}"
    url = f"{hub.address}/{'datasets/' if kind == 'dataset' else ''}{name}"
    with hub.store.lock:
        if (kind, name) in hub.store.repositories:
            return refusal(409, "You already created this repository", url=url)
        hub.store.create(kind, name, private=asked.get("visibility") == "private")
    return as_json({"url": url})


def info(hub: "Hub", _request: Request, repository: Repository, revision: str = "main") -> Reply:
    """Describe a repository at a revision."""
    commit = repository.at(revision)
    if commit is None:
        return refusal(*_MISSING)
    return as_json(
        {
            "_id": "0" * 24,
            "id": repository.name,
            "author": repository.name.split("/")[0],
            "sha": commit.oid,
            "private": repository.private,
            "siblings": [{"rfilename": path} for path in sorted(commit.files)],
            "tags": [],
            "downloads": 0,
            "likes": 0,
            "lastModified": hub.time,
            "createdAt": hub.time,
        }
    )


def tree(hub: "Hub", request: Request, repository: Repository, revision: str, path: str = "") -> Reply:
    """List a folder, or all files below it, in pages."""
    commit = repository.at(revision)
    if commit is None:
        return refusal(*_MISSING)
    prefix = f"{path}/" if path else ""
    if prefix and not any(name.startswith(prefix) for name in commit.files):
        return refusal(404, "Entry not found", "EntryNotFound")
    recursive = request.query.get("recursive", ["false"])[0].lower() == "true"
    items = _items(commit, prefix, recursive=recursive)
    first = int(request.query.get("cursor", ["0"])[0])
    reply = as_json(items[first : first + hub.page_size])
    if first + hub.page_size < len(items):
        query = f"recursive={str(recursive).lower()}&expand=false&cursor={first + hub.page_size}"
        reply.headers["Link"] = f'<{hub.address}{request.path}?{query}>; rel="next"'
    return reply


def _items(commit: Commit, prefix: str, *, recursive: bool) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for name in sorted(name for name in commit.files if name.startswith(prefix)):
        folders = name.removeprefix(prefix).split("/")[:-1]
        for depth in range(1, len(folders) + 1):
            folder = prefix + "/".join(folders[:depth])
            if recursive or depth == 1:
                found[folder] = {"type": "directory", "path": folder, "size": 0, "oid": "0" * 40}
        if recursive or not folders:
            found[name] = commit.files[name].as_json(name)
    return list(found.values())


def paths_info(_hub: "Hub", request: Request, repository: Repository, revision: str) -> Reply:
    """Describe the files of a form."""
    commit = repository.at(revision)
    if commit is None:
        return refusal(*_MISSING)
    asked = parse_qs(request.read().decode())
    return as_json([commit.files[path].as_json(path) for path in asked.get("paths", []) if path in commit.files])


def preupload(_hub: "Hub", request: Request, repository: Repository, revision: str) -> Reply:
    """Return the upload mode of each file, and its present object."""
    commit = repository.at(revision)
    if commit is None:
        return refusal(*_MISSING)
    asked = request.json()["files"]
    if len(asked) > 256:
        return refusal(413, "too many files")
    answers = []
    for item in asked:
        large = item["path"].endswith(LARGE) or item["size"] > _LARGE_SIZE
        entry = commit.files.get(item["path"])
        answers.append(
            {
                "path": item["path"],
                "uploadMode": "lfs" if large else "regular",
                "shouldIgnore": False,
                "oid": (entry.sha256 or entry.oid) if entry else None,
            }
        )
    return as_json({"files": answers})


def commit(hub: "Hub", request: Request, repository: Repository, revision: str) -> Reply:
    """Apply all operations or none, on the parent that the client names."""
    lines = [json.loads(line) for line in request.read().splitlines()]
    if not lines or lines[0]["key"] != "header":
        return refusal(400, "the first line must be the header")
    header = lines[0]["value"]
    with hub.store.lock:
        before = repository.at(revision)
        if before is None or revision not in repository.branches:
            return refusal(*_MISSING)
        if header.get("parentCommit", before.oid) != before.oid:
            return refusal(412, "A commit has happened since. Please refresh and try again.")
        files = dict(before.files)
        for line in lines[1:]:
            problem = _apply(hub, repository, files, line["key"], line["value"])
            if problem:
                return refusal(400, problem)
        made = repository.add(revision, files, header["summary"])
    return as_json({"success": True, "commitOid": made.oid, "commitUrl": f"{hub.address}/{repository.name}/commit/x"})


def _apply(hub: "Hub", repository: Repository, files: dict[str, Entry], key: str, value: dict[str, Any]) -> str:
    """Apply one operation; return its fault, if any."""
    path = value["path"]
    if key == "file":
        files[path] = hub.store.keep(base64.b64decode(value["content"], validate=True))
    elif key == "lfsFile":
        if value["oid"] not in repository.lfs:
            return f"the object of {path} was not uploaded"
        files[path] = large_entry(value["oid"], hub.store.large(value["oid"]).stat().st_size)
    elif key == "deletedFile":
        if files.pop(path, None) is None:
            return f"A file with this name doesn't exist: {path}"
    elif key == "deletedFolder":
        for name in [name for name in files if name.startswith(path.rstrip("/") + "/")]:
            del files[name]
    else:
        return f"unknown operation {key}"
    return ""


def refs(_hub: "Hub", _request: Request, repository: Repository) -> Reply:
    """Return branches and tags with their commits."""
    named = {
        kind: [{"name": name, "ref": f"refs/{folder}/{name}", "targetCommit": oid} for name, oid in found.items()]
        for kind, folder, found in (("branches", "heads", repository.branches), ("tags", "tags", repository.tags))
    }
    return as_json({"converts": [], **named})


def tag(hub: "Hub", request: Request, repository: Repository, revision: str) -> Reply:
    """Create or remove a tag."""
    with hub.store.lock:
        if request.method == "DELETE":
            return as_json({}) if repository.tags.pop(revision, None) else refusal(*_MISSING)
        target, name = repository.at(revision), request.json()["tag"]
        if target is None:
            return refusal(*_MISSING)
        if name in repository.tags:
            return refusal(409, "Tag reference exists already")
        repository.tags[name] = target.oid
    return as_json({})


def branch(hub: "Hub", request: Request, repository: Repository, branch: str) -> Reply:
    """Create or remove a branch."""
    with hub.store.lock:
        if request.method == "DELETE":
            return as_json({}) if repository.branches.pop(branch, None) else refusal(*_MISSING)
        start = repository.at(request.json().get("startingPoint", "main"))
        if start is None:
            return refusal(*_MISSING)
        if branch in repository.branches:
            return refusal(409, "Branch already exists")
        repository.branches[branch] = start.oid
    return as_json({})
