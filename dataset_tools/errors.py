"""Errors that users can cause, in one hierarchy.

::

    AfgError
    ├── UsageError          an invalid option or argument                              exit 2
    ├── InputError          a file or a Hub repository cannot be read                  exit 2
    │   └── DamagedError    the rest of a file cannot be read                          exit 2
    ├── OutputError         a result cannot be written                                 exit 3
    ├── TrainingError       training stopped: out of memory, hardware or NaN gradients exit 4
    ├── ProofError          export verification failed                                 exit 5
    ├── InterruptionError   the user stopped a run that can be resumed                 exit 130
    └── RowError            one row is rejected; the run continues without it

A command prints such an error as one line and exits with its code; any other exception is a defect of the project.
``RowError`` never reaches a user: the row is counted and saved with the reason.
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
    """Base of all errors that users can cause: where, what happened, and what to do next."""

    exit_code = 2

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        """Return one line: ``where: what (hint)``."""
        line = f"{self.where}: {self.what}" if self.where else self.what
        return f"{line} ({self.hint})" if self.hint else line


class UsageError(AfgError):
    """An invalid option or argument."""


class InputError(AfgError):
    """A file, a folder or a Hub repository that cannot be read."""


class DamagedError(InputError):
    """A file whose rest cannot be read: a truncated download or a damaged block."""


class OutputError(AfgError):
    """A result that cannot be written: no permission, no space or no folder."""

    exit_code = 3


class TrainingError(AfgError):
    """Training that cannot continue: out of memory, unsuitable hardware, a NaN loss."""

    exit_code = 4


class ProofError(AfgError):
    """A failed verification of an exported model: a tensor, a token or an answer differs."""

    exit_code = 5


class InterruptionError(AfgError):
    """A run that the user stopped and that can be resumed."""

    exit_code = 130


class RowError(AfgError):
    """A row that is rejected.

    Attributes:
        code: name of the reason in reports.
        what: the reason for this row.
        repeats: id of the row that this one duplicates; empty otherwise.
    """

    def __init__(self, code: str, what: str, *, hint: str = "", repeats: str = "") -> None:
        super().__init__(what, hint=hint)
        self.code = code
        self.repeats = repeats

    def __reduce__(self) -> tuple[object, ...]:
        """Support pickling: the default does not pass keyword arguments."""
        return (_row_error, (self.code, self.what, self.hint, self.repeats))


def _row_error(code: str, what: str, hint: str, repeats: str) -> RowError:
    return RowError(code, what, hint=hint, repeats=repeats)
