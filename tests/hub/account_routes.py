"""Routes of the test Hub without a repository: the user, metadata of cards, collections."""

from typing import TYPE_CHECKING, Any

import yaml

from tests.hub.messages import Reply, Request, as_json, refusal
from tests.hub.store import Collection

if TYPE_CHECKING:
    from tests.hub.server import Hub


def whoami(hub: "Hub", _request: Request) -> Reply:
    """Return the user of the token."""
    organizations = [{"type": "org", "name": name, "roleInOrg": "write"} for name in hub.organizations]
    token = {"accessToken": {"displayName": "tests", "role": "write"}}
    return as_json({"type": "user", "id": "0" * 24, "name": hub.user, "orgs": organizations, "auth": token})


def validate_yaml(_hub: "Hub", request: Request) -> Reply:
    """Validate the metadata of a card as the Hub does: it must be YAML with a known licence."""
    content = request.json()["content"]
    if not content.startswith("---\n"):
        return as_json({"errors": [], "warnings": [{"message": "empty or missing yaml metadata in repo card"}]})
    try:
        found = yaml.safe_load(content.split("---\n")[1])
    except yaml.YAMLError as error:
        return refusal(400, "invalid yaml", errors=[{"message": str(error)}], warnings=[])
    if not isinstance(found, dict) or found.get("license", "gemma") not in ("gemma", "apache-2.0", "mit", "other"):
        return refusal(400, "invalid card", errors=[{"message": '"license" must be one of the known'}], warnings=[])
    return as_json({"errors": [], "warnings": []})


def collections(hub: "Hub", request: Request) -> Reply:
    """List the collections of an owner, or create one."""
    if request.method == "GET":
        owner = request.query.get("owner", [""])[0]
        listed = [_shown(hub, found, short=True) for found in hub.store.collections.values() if found.owner == owner]
        return as_json(listed)
    asked = request.json()
    if len(asked.get("description") or "") > 150:
        return refusal(400, "the description is too long")
    owner, title = asked["namespace"], asked["title"]
    with hub.store.lock:
        for found in hub.store.collections.values():
            if (found.owner, found.title) == (owner, title):
                return refusal(409, "there is such a collection", slug=found.slug)
        slug = f"{owner}/{title.lower().replace(' ', '-')}-{len(hub.store.collections):024x}"
        made = Collection(slug, title, owner, asked["private"], asked.get("description") or "")
        hub.store.collections[slug] = made
    return as_json(_shown(hub, made))


def collection(hub: "Hub", _request: Request, slug: str) -> Reply:
    """Return a collection."""
    found = hub.store.collections.get(slug)
    return as_json(_shown(hub, found)) if found else refusal(404, "no such collection")


def add_item(hub: "Hub", request: Request, slug: str) -> Reply:
    """Add a repository to a collection, once."""
    found, asked = hub.store.collections.get(slug), request.json()
    if found is None:
        return refusal(404, "no such collection")
    kind, name = asked["item"]["type"], asked["item"]["id"]
    with hub.store.lock:
        if (kind, name) not in hub.store.repositories:
            return refusal(404, "no such repository")
        if any((item["type"], item["id"]) == (kind, name) for item in found.items):
            return refusal(409, "it is in the collection already")
        note = {"text": asked["note"]} if asked.get("note") else None
        identity = f"{len(found.items):024x}"
        found.items.append({"_id": identity, "id": name, "type": kind, "position": len(found.items), "note": note})
    return as_json(_shown(hub, found))


def _shown(hub: "Hub", found: Collection, *, short: bool = False) -> dict[str, Any]:
    """Return a collection as JSON; in a list, with at most four items and without positions, as on the Hub."""
    shown = {
        "slug": found.slug,
        "title": found.title,
        "owner": found.owner if short else {"name": found.owner},
        "items": found.items[:4] if short else found.items,
        "lastUpdated": hub.time,
        "private": found.private,
        "theme": "green",
        "upvotes": 0,
        "description": found.description,
    }
    return shown if short else {**shown, "position": 0}
