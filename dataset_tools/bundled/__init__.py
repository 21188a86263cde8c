"""Bundled sample: Arabic function-calling conversations written for this project, and a damaged copy.

``sample.jsonl`` is clean. ``dirty.jsonl`` is the same file with known defects, which ``defects.json`` lists, to try
checks and repairs without a download.
"""

from enum import StrEnum
from pathlib import Path

__all__ = ["SamplePart", "defects_path", "dirty_path", "sample_path"]

_FOLDER = Path(__file__).parent


class SamplePart(StrEnum):
    """Part of the sample: all rows, training rows, or held-out test rows."""

    ALL = "all"
    TRAIN = "train"
    TEST = "test"


def sample_path() -> Path:
    """Return the path of the clean sample, one record per line."""
    return _FOLDER / "sample.jsonl"


def dirty_path() -> Path:
    """Return the path of the sample with known defects, with the lines in the same order."""
    return _FOLDER / "dirty.jsonl"


def defects_path() -> Path:
    """Return the path of the list of these defects: line, defect, path, and the check that must find it."""
    return _FOLDER / "defects.json"
