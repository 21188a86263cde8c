"""Data files of a dataset on the Hub, by ``hf://datasets/ORG/NAME[@REV][/path-or-glob]``."""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, NoReturn

from dataset_tools.errors import InputError, UsageError

__all__ = ["HubFiles", "fetch"]

# Names of revisions that hold slashes; all others are written with %2F.
_SPECIAL = r"refs/convert/\w+|refs/pr/\d+"
_SOURCE = re.compile(
    rf"hf://datasets/(?P<repo>[^/@]+/[^/@]+)(@(?P<revision>{_SPECIAL}|[^/]+))?(/(?P<path>.*))?",
)


class HubFiles(NamedTuple):
    """What was fetched: a folder with the repository's layout, the repository's name, and the data files."""

    folder: Path
    dataset: str
    files: tuple[Path, ...]


@lru_cache(maxsize=32)
def fetch(source: str, endings: tuple[str, ...]) -> HubFiles:
    """Download the data files that ``source`` means into the cache of huggingface_hub, once a run.

    Raises:
        InputError: there is no such dataset, revision or file, no access to it, or no way to reach the Hub.
        UsageError: ``source`` is not of that form.
    """
    match = _SOURCE.fullmatch(source)
    if not match:
        raise UsageError(f"{source!r} is no dataset on the Hub", hint="hf://datasets/ORG/NAME[@REV][/path-or-glob]")
    repo, path = match["repo"], (match["path"] or "").strip("/")
    revision = match["revision"].replace("%2F", "/") if match["revision"] else None
    patterns = _patterns(path, endings)
    folder = _download(source, repo, revision, patterns)
    found = sorted(file for file in folder.rglob("*") if file.is_file() and _wanted(file, folder, patterns, endings))
    if not found:
        looked = f"nothing matches {path!r}" if path else "the dataset has no data files"
        raise InputError(looked, where=source, hint=f"files that end in {', '.join(endings)} are read")
    return HubFiles(folder, repo.split("/")[1], tuple(found))


def _patterns(path: str, endings: Sequence[str]) -> list[str]:
    if any(character in path for character in "*?[") or path.endswith(tuple(endings)):
        return [path]
    return [f"{path}/*{ending}" if path else f"*{ending}" for ending in endings]


def _wanted(file: Path, folder: Path, patterns: list[str], endings: Sequence[str]) -> bool:
    name = file.relative_to(folder).as_posix()
    hidden = any(part.startswith(".") for part in name.split("/"))
    return not hidden and name.endswith(tuple(endings)) and any(fnmatchcase(name, pattern) for pattern in patterns)


def _download(source: str, repo: str, revision: str | None, patterns: list[str]) -> Path:
    import httpx  # noqa: PLC0415 - comes with huggingface_hub
    import huggingface_hub as hub  # noqa: PLC0415 - slow to import
    from huggingface_hub import errors  # noqa: PLC0415

    try:
        return Path(hub.snapshot_download(repo, repo_type="dataset", revision=revision, allow_patterns=patterns))
    except errors.HFValidationError as error:
        raise UsageError(str(error).splitlines()[0], where=source) from error
    except errors.HfHubHTTPError as error:
        _refused(source, revision, error)
    except (errors.LocalEntryNotFoundError, httpx.TransportError, errors.OfflineModeIsEnabled) as error:
        raise _unreachable(source) from error
    except OSError as error:
        raise InputError(f"cannot be downloaded: {error}", where=source) from error


def _refused(source: str, revision: str | None, error: Exception) -> NoReturn:
    from huggingface_hub import errors, get_token  # noqa: PLC0415 - slow to import

    if isinstance(error, errors.RevisionNotFoundError):
        raise InputError(f"there is no revision {revision!r}", where=source, hint="a branch, tag or commit") from error
    if isinstance(error, errors.GatedRepoError):
        hint = "ask for access on its page" if get_token() else "ask for access on its page, then `hf auth login`"
        raise InputError("the dataset is gated and you have no access", where=source, hint=hint) from error
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, errors.RepositoryNotFoundError) or status in (401, 403, 404):
        hint = "is the name right?" if get_token() else "is the name right? if it is private, `hf auth login`"
        raise InputError("there is no such dataset on the Hub", where=source, hint=hint) from error
    raise InputError(f"the Hub answered with an error ({status})", where=source, hint="try again later") from error


def _unreachable(source: str) -> InputError:
    from huggingface_hub import constants  # noqa: PLC0415 - slow to import

    if constants.HF_HUB_OFFLINE:
        what, hint = "the dataset is not in the cache", "HF_HUB_OFFLINE is set: unset it to download"
    else:
        what, hint = f"{constants.ENDPOINT} cannot be reached", "check the connection and HF_ENDPOINT"
    return InputError(what, where=source, hint=hint)
