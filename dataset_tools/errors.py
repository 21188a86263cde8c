"""The errors that a user can cause, in one tree.

::

    AfgError
    ├── UsageError          an option or argument makes no sense                       exit 2
    ├── InputError          a file or a Hub repository cannot be read                  exit 2
    │   └── DamagedError    the rest of a file cannot be read; what stands before can  exit 2
    ├── OutputError         a result cannot be written                                 exit 3
    ├── TrainingError       training stopped: out of memory, hardware or NaN gradients exit 4
    ├── ProofError          export verification failed                                 exit 5
    ├── InterruptionError   a person stopped a run that can be gone on with            exit 130
    └── RowError            one row cannot be used; the run goes on without it

A command prints such an error as one line and exits with its code; anything else that escapes is a defect of the
project. ``RowError`` never reaches a user: the row is counted and saved with the reason.
"""

__all__ = [
    "AfgError",
    "DamagedError",
    "InputError",
    "InterruptionError",
    "OutputError",
    "ProofError",
    "RowError",
    "TrainingError",
    "UsageError",
]


class AfgError(Exception):
    """Base of every error that a user can cause: where, what, and what to do next."""

    exit_code = 2

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        """One line: ``where: what (hint)``."""
        line = f"{self.where}: {self.what}" if self.where else self.what
        return f"{line} ({self.hint})" if self.hint else line


class UsageError(AfgError):
    """An option or an argument makes no sense."""


class InputError(AfgError):
    """A file, a folder or a Hub repository cannot be read."""


class DamagedError(InputError):
    """From some place on a file cannot be read: a download that was cut off, a broken block."""


class OutputError(AfgError):
    """A result cannot be written: no right, no space, no folder."""

    exit_code = 3


class TrainingError(AfgError):
    """Training cannot go on: out of memory, hardware that does not do, a loss that is no number."""

    exit_code = 4


class ProofError(AfgError):
    """What was made from a model is not what it has to be: a tensor, a token or an answer differs."""

    exit_code = 5


class InterruptionError(AfgError):
    """A person stopped a run that kept what it has done and can be gone on with."""

    exit_code = 130


class RowError(AfgError):
    """One row cannot be used: ``code`` names the reason in the reports, ``what`` says it for this row.

    ``repeats`` is the id of the row that makes this one superfluous, if one does.
    """

    def __init__(self, code: str, what: str, *, hint: str = "", repeats: str = "") -> None:
        super().__init__(what, hint=hint)
        self.code = code
        self.repeats = repeats

    def __reduce__(self) -> tuple[object, ...]:
        """Rebuild across processes; the keyword argument keeps the default pickling from working."""
        return (_row_error, (self.code, self.what, self.hint, self.repeats))


def _row_error(code: str, what: str, hint: str, repeats: str) -> RowError:
    return RowError(code, what, hint=hint, repeats=repeats)
