"""Page of training curves: values of the charts, and a page that is complete without a network."""

import math
import re
from typing import Any

import pytest

from training.fit.curves import curves_page, moving_mean
from training.recipe.recipe import load_recipe

LINES: list[dict[str, Any]] = [
    {"step": 1, "loss": 2.0, "learning_rate": 0.0, "gradient_norm": 3.0},
    {"step": 2, "loss": math.nan, "learning_rate": 1e-3, "gradient_norm": None},
    {"step": 3, "loss": 1.0, "learning_rate": 1e-5, "gradient_norm": 0.5},
    {"step": 3, "validation_loss": 1.5},
]
MANIFEST = {
    "recipe": {"name": "custom", "fingerprint": "f" * 64, "values": load_recipe("demo").values()},
    "base": {"name": "<b>", "revision": ""},
    "data": {"rows": 1234},
    "steps": 3,
    "loss": {"final": 1.0, "best": 1.0, "best_step": 3},
    "gradient_norm": {"steps_above": 1, "steps": 3, "share_above": 1 / 3, "highest": 3.0, "highest_step": 1},
    "tokens_per_second": 1000.0,
    "peak_memory_gib": 0.5,
}


def test_each_curve_has_its_points() -> None:
    """Loss, its mean and the validation loss, learning rate, gradient norm and its mean, without values not finite."""
    lines = re.findall(r'<polyline class="(\w+)" points="([^"]*)"', curves_page(LINES, MANIFEST))
    assert lines == [
        ("faint", "33.33,0.00 100.00,50.00"),
        ("curve", "33.33,0.00 100.00,25.00"),
        ("second", "100.00,25.00"),
        ("curve", "33.33,100.00 66.67,0.00 100.00,99.00"),
        ("faint", "33.33,0.00 100.00,83.33"),
        ("curve", "33.33,0.00 100.00,41.67"),
    ]


def test_the_page_is_complete() -> None:
    """Three labeled charts and the limit; headline numbers; nothing is fetched; names are escaped."""
    text = curves_page(LINES, MANIFEST)
    labels = re.findall(r'role="img" aria-label="([^"]+)"', text)
    assert labels[0] == "Loss by step, from 1 to 2"
    assert len(labels) == 3
    assert text.count("clipped above 1<") == 1
    assert not re.search(r"https?:|src=|@import|url\(", text)
    assert "base <bdi>&lt;b&gt;</bdi>" in text
    assert "<dd>1.5000<small>mean of the last 2 steps</small></dd>" in text
    assert "<dd>1<small>of 3; highest norm 3.00 at step 1</small></dd>" in text


def test_the_mean_moves_over_twenty_values() -> None:
    """The first means are of fewer values."""
    means = moving_mean([(step, float(step)) for step in range(1, 41)])
    assert (means[0], means[1], means[-1]) == ((1, 1.0), (2, 1.5), (40, 30.5))


@pytest.mark.parametrize("lines", [LINES, []])
def test_there_is_a_page_without_finite_values(lines: list[dict[str, Any]]) -> None:
    """A run without a finite value has a page, too."""
    assert curves_page(lines, MANIFEST).startswith("<!doctype html>")
