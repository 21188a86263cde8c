"""Browser for tests: an installed Chromium."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@contextmanager
def chromium() -> Iterator[Any]:
    """Yield headless Chromium; without one the test is skipped, or fails if AFG_NEED_BROWSER is set."""
    path = os.environ.get("AFG_BROWSER") or next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        _without("no Chromium on the PATH: install one (Debian: apt-get install chromium), or name it in AFG_BROWSER")
    if not _arabic_font():
        _without("no Arabic font: install one (Debian: apt-get install fonts-noto-core)")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _without("no playwright: pip install -e '.[dev]'")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path)
        yield browser
        browser.close()


def _arabic_font() -> bool:
    listed = subprocess.run(
        ["fc-list", ":lang=ar"],  # noqa: S607 - wherever fontconfig is, which Chromium brings along
        capture_output=True,
        check=False,
    )
    return bool(listed.stdout)


def _without(what: str) -> NoReturn:
    if os.environ.get("AFG_NEED_BROWSER"):
        pytest.fail(what)
    pytest.skip(what)
