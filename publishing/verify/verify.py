"""Verification of a release: checksums and headers first, then the models themselves."""

from collections.abc import Iterator

from publishing.release.manifest import MANIFEST, Release
from publishing.verify.files import Result, VerifyCheck, verify_files
from publishing.verify.load_gguf import load_gguf_checks
from publishing.verify.load_torch import load_checks

__all__ = ["verify"]


def verify(release: Release, *, load: bool = True) -> Iterator[VerifyCheck]:
    """Check a release, or the parts of it that were pulled.

    Args:
        release: the release.
        load: whether to load the models and repeat the recorded answers.
    """
    failed = False
    for check in verify_files(release):
        failed = failed or check.result is Result.FAILED
        yield check
    if not load:
        return
    if failed:
        yield VerifyCheck("load", MANIFEST, Result.SKIPPED, "files are not loaded if a check has failed")
        return
    yield from load_checks(release)
    yield from load_gguf_checks(release)
