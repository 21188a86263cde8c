"""``afg verify``: is a release what it says? Checksums and headers first, then the models themselves."""

from collections.abc import Iterator

from publishing.release.manifest import MANIFEST, Release
from publishing.verify.files import Check, Result, verify_files
from publishing.verify.load_gguf import load_gguf_checks
from publishing.verify.load_torch import load_checks

__all__ = ["verify"]


def verify(release: Release, *, load: bool = True) -> Iterator[Check]:
    """Everything that can be checked of a release.

    Args:
        release: the release, or what was pulled of it.
        load: whether models are loaded and asked what was recorded at the export.
    """
    wrong = False
    for check in verify_files(release):
        wrong = wrong or check.result is Result.FAILED
        yield check
    if not load:
        return
    if wrong:
        yield Check("load", MANIFEST, Result.SKIPPED, "files that are not what they should be are not loaded")
        return

    yield from load_checks(release)
    yield from load_gguf_checks(release)
