"""What goes wrong while a model is trained, in plain words.

Libraries raise whatever they like when memory or disk runs out, so their words are looked at, in this one place.
"""

import errno

from dataset_tools.errors import AfgError, OutputError, TrainingError

__all__ = ["explain"]

_NO_SPACE = (
    "no space left",
    "os error 28",
    "disk quota",
    "file too large",
    "os error 27",
    "enforce fail at inline_container",
)
_NO_MEMORY = ("out of memory", "can't allocate memory", "cannot allocate memory", "defaultcpuallocator")


def explain(error: Exception, folder: str, kept: str) -> AfgError | None:
    """The error that tells a user what happened, if it is one that a user can do something about.

    Args:
        error: what was raised.
        folder: the folder of the run.
        kept: what a run has that can be gone on with, as a hint.
    """
    text = str(error).lower()
    if isinstance(error, AfgError):
        return error
    if isinstance(error, MemoryError) or any(word in text for word in _NO_MEMORY):
        return TrainingError(
            "out of memory",
            where=folder,
            hint=f"lower batch.rows and raise batch.accumulation in a recipe of your own, or free memory; {kept}",
        )
    no_space = isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
    if no_space or any(word in text for word in _NO_SPACE):
        return OutputError("no space left for a checkpoint", where=folder, hint=f"free space; {kept}")
    if "cuda error" in text or "no kernel image" in text:
        first = str(error).splitlines()[0]
        return TrainingError(
            f"the GPU failed: {first:.160}", where=folder, hint=f"`nvidia-smi` shows its state; {kept}"
        )
    return None
