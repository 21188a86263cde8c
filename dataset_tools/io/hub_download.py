"""Download of files from a Hub repository into the cache of huggingface_hub, with its errors in plain words."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NoReturn, TypeAlias

from dataset_tools.errors import InputError, UsageError

__all__ = ["RepoType", "download", "http_errors"]

RepoType: TypeAlias = Literal["dataset", "model"]


def download(source: str, repo: str, repo_type: RepoType, revision: str | None, patterns: Sequence[str]) -> Path:
    """Download the files of a repository that match ``patterns``; return their folder, which is named by the commit.

    Args:
        source: the name that the user gave, for errors.
        repo: ``ORG/NAME``.
        repo_type: the kind of repository.
        revision: a branch, tag or commit; by default the main branch.
        patterns: globs over the paths of the files.

    Raises:
        InputError: the repository or revision does not exist or is not accessible, or the Hub cannot be reached.
        UsageError: ``repo`` is not a valid repository name.
    """
    import huggingface_hub as hub
    from huggingface_hub import errors

    try:
        return Path(hub.snapshot_download(repo, repo_type=repo_type, revision=revision, allow_patterns=list(patterns)))
    except errors.HFValidationError as error:
        raise UsageError(str(error).splitlines()[0], where=source) from error
    except errors.HfHubHTTPError as error:
        _refused(source, repo_type, revision, error)
    except http_errors(errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled) as error:
        raise _unreachable(source, repo_type) from error
    except OSError as error:
        raise InputError(f"cannot be downloaded: {error}", where=source) from error


def http_errors(*others: type[Exception]) -> tuple[type[Exception], ...]:
    """Return the base error of huggingface_hub's HTTP library (httpx or httpx2), and others to catch with it."""
    import huggingface_hub.errors  # noqa: F401 - loads its library

    return (*(sys.modules[name].HTTPError for name in ("httpx", "httpx2") if name in sys.modules), *others)


def _refused(source: str, repo_type: RepoType, revision: str | None, error: Exception) -> NoReturn:
    from huggingface_hub import errors, get_token

    if isinstance(error, errors.RevisionNotFoundError):
        raise InputError(
            f"revision {revision!r} does not exist", where=source, hint="use a branch, a tag or a commit"
        ) from error
    if isinstance(error, errors.GatedRepoError):
        hint = "request access on its page" + ("" if get_token() else ", then run `hf auth login`")
        raise InputError(f"the {repo_type} is gated, and you have no access", where=source, hint=hint) from error
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, errors.RepositoryNotFoundError) or status in (401, 403, 404):
        hint = "check the name" + ("" if get_token() else "; for a private repository run `hf auth login`")
        raise InputError(f"the {repo_type} does not exist on the Hub", where=source, hint=hint) from error
    raise InputError(f"the Hub responded with an error ({status})", where=source, hint="try again later") from error


def _unreachable(source: str, repo_type: RepoType) -> InputError:
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        what, hint = f"the {repo_type} is not in the cache", "HF_HUB_OFFLINE is set: unset it to download"
    else:
        what, hint = f"{constants.ENDPOINT} cannot be reached", "check the connection and HF_ENDPOINT"
    return InputError(what, where=source, hint=hint)
