"""The bundled sample: Arabic function-calling conversations that the project wrote itself, and a damaged copy.

``sample.jsonl`` is clean. ``dirty.jsonl`` is the same file with known defects, and ``defects.json`` lists them, so
that a check or a repair can be tried without fetching anything.
"""

from enum import StrEnum
from pathlib import Path

__all__ = ["SamplePart", "defects_path", "dirty_path", "sample_path"]

_FOLDER = Path(__file__).parent


class SamplePart(StrEnum):
    """Which rows of the sample: all, those that a model may be trained on, those that were held out to test it."""

    ALL = "all"
    TRAIN = "train"
    TEST = "test"


def sample_path() -> Path:
    """The clean sample, one record a line."""
    return _FOLDER / "sample.jsonl"


def dirty_path() -> Path:
    """The sample with known defects, line for line beside the clean one."""
    return _FOLDER / "dirty.jsonl"


def defects_path() -> Path:
    """The list of the defects in :func:`dirty_path`: line, defect, path, and the check that must find it."""
    return _FOLDER / "defects.json"
