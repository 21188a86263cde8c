"""Errors of libraries during training, as errors that say what to do.

Libraries raise different types when memory or disk runs out, so this module reads their messages.
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
    """Return the error for the user, or None for a defect of the project.

    Args:
        error: the raised exception.
        folder: the folder of the run.
        kept: a hint that says how the run can be resumed.
    """
    text = str(error).lower()
    if isinstance(error, AfgError):
        return error
    if isinstance(error, MemoryError) or any(word in text for word in _NO_MEMORY):
        hint = f"lower batch.rows and raise batch.accumulation in a recipe of your own, or free memory; {kept}"
        return TrainingError("out of memory", where=folder, hint=hint)
    no_space = isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
    if no_space or any(word in text for word in _NO_SPACE):
        return OutputError("no space left for a checkpoint", where=folder, hint=f"free space; {kept}")
    if "cuda error" in text or "no kernel image" in text:
        what = f"the GPU failed: {str(error).splitlines()[0]:.160}"
        return TrainingError(what, where=folder, hint=f"`nvidia-smi` shows its state; {kept}")
    return None
