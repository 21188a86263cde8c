"""Files of a repository on the Hub, downloaded into the cache of huggingface_hub, with its refusals in plain words."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NoReturn, TypeAlias

from dataset_tools.errors import InputError, UsageError

__all__ = ["RepoType", "download", "http_error", "transport_error"]

RepoType: TypeAlias = Literal["dataset", "model"]


def download(source: str, repo: str, repo_type: RepoType, revision: str | None, patterns: Sequence[str]) -> Path:
    """The folder that holds the files of a repository that match ``patterns``; its name is the commit.

    Args:
        source: what the user named, for errors.
        repo: ``ORG/NAME``.
        repo_type: the kind of repository.
        revision: a branch, tag or commit; the default branch if there is none.
        patterns: which files, as globs over their paths.

    Raises:
        InputError: there is no such repository or revision, no access to it, or no way to reach the Hub.
        UsageError: ``repo`` can be no repository's name.
    """
    import huggingface_hub as hub
    from huggingface_hub import errors

    try:
        return Path(hub.snapshot_download(repo, repo_type=repo_type, revision=revision, allow_patterns=list(patterns)))
    except errors.HFValidationError as error:
        raise UsageError(str(error).splitlines()[0], where=source) from error
    except errors.HfHubHTTPError as error:
        _refused(source, repo_type, revision, error)
    except (errors.LocalEntryNotFoundError, transport_error(), errors.OfflineModeIsEnabled) as error:
        raise _unreachable(source, repo_type) from error
    except OSError as error:
        raise InputError(f"cannot be downloaded: {error}", where=source) from error


def http_error() -> type[Exception]:
    """The base of what the client's HTTP library raises: httpx before version 2 of huggingface_hub, then httpx2."""
    from huggingface_hub.errors import HfHubHTTPError

    return HfHubHTTPError.__bases__[0]


def transport_error() -> type[Exception]:
    """What that library raises where no answer came."""
    library = sys.modules[http_error().__module__.split(".")[0]]
    found: type[Exception] = library.TransportError
    return found


def _refused(source: str, repo_type: RepoType, revision: str | None, error: Exception) -> NoReturn:
    from huggingface_hub import errors, get_token

    if isinstance(error, errors.RevisionNotFoundError):
        raise InputError(f"there is no revision {revision!r}", where=source, hint="a branch, tag or commit") from error
    if isinstance(error, errors.GatedRepoError):
        hint = "ask for access on its page" if get_token() else "ask for access on its page, then `hf auth login`"
        raise InputError(f"the {repo_type} is gated and you have no access", where=source, hint=hint) from error
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, errors.RepositoryNotFoundError) or status in (401, 403, 404):
        hint = "is the name right?" if get_token() else "is the name right? if it is private, `hf auth login`"
        raise InputError(f"there is no such {repo_type} on the Hub", where=source, hint=hint) from error
    raise InputError(f"the Hub answered with an error ({status})", where=source, hint="try again later") from error


def _unreachable(source: str, repo_type: RepoType) -> InputError:
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        what, hint = f"the {repo_type} is not in the cache", "HF_HUB_OFFLINE is set: unset it to download"
    else:
        what, hint = f"{constants.ENDPOINT} cannot be reached", "check the connection and HF_ENDPOINT"
    return InputError(what, where=source, hint=hint)
