"""Figures of the source tree: size, imports, docstrings, data flow, names and prose.

``python -m tools.shape`` prints a table, ``--json`` prints JSON, ``--list`` adds the places behind the counts, and
``--against FILE`` adds the figures of an earlier ``--json``. ``--static`` runs no command of the project. ``--root
DIR`` measures another working tree. Nothing here depends on the division of the packages into folders.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from tools.data_flow import MARKERS, SHIPPED, data_flow, entry_point
from tools.source_figures import Figures, Places, docstrings, homonyms, imports, prose, read_modules, size

HELP_RUNS = 7
FLOW_LABELS = {
    "files": "files with a call",
    "core_files": "files without layouts/ and arabic/",
    "changes": "file changes",
    "before_rows": "file changes before the first row",
    "before_reader": "file changes before the row reader",
}
WIDTH = 48


def help_seconds(root: Path) -> float:
    """Return the median wall time of ``afg-data --help``, in seconds."""
    module, function = entry_point(root)
    command = [sys.executable, "-P", "-c", f"from {module} import {function}; {function}()", "--help"]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    seconds = []
    for _ in range(HELP_RUNS):
        start = time.perf_counter()
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
        seconds.append(time.perf_counter() - start)
    return round(statistics.median(seconds), 3)


def measure(root: Path, markers: tuple[str, ...], places: Places, *, static: bool) -> dict[str, Figures]:
    """Return all figures by section and label."""
    shipped = [module for folder in SHIPPED for module in read_modules(root, folder)]
    figures = {
        "size": size(root, shipped, places),
        "imports": imports(root, shipped, places),
        "docstrings": docstrings(shipped, places),
        "names": homonyms(shipped, places),
        "prose": prose(root, shipped, places),
    }
    if not static:
        for command, flow in data_flow(root, markers).items():
            figures[f"afg-data {command}"] = {label: flow[key] for key, label in FLOW_LABELS.items()}
        figures["afg-data --help"] = {f"seconds, median of {HELP_RUNS}": help_seconds(root)}
    return figures


def print_table(figures: dict[str, Figures], before: dict[str, Figures]) -> None:
    """Print a line for each figure, with the earlier value in front where there is one."""
    if before:
        print(" " * (WIDTH + 2) + f"{'before':>10}{'now':>10}")
    for section in dict.fromkeys([*before, *figures]):
        old, new = before.get(section, {}), figures.get(section, {})
        print(f"\n{section}")
        for label in dict.fromkeys([*old, *new]):
            values = (old.get(label), new.get(label)) if before else (new.get(label),)
            print(f"  {label:<{WIDTH}}" + "".join(f"{_shown(value):>10}" for value in values))


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:,}"


def main() -> None:
    """Measure a tree and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[1], help="the tree to measure")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--list", action="store_true", help="print the places behind the counts")
    parser.add_argument("--static", action="store_true", help="run no command of the project")
    parser.add_argument("--against", type=Path, metavar="FILE", help="figures of an earlier --json")
    parser.add_argument("--marker", nargs="+", default=MARKERS, help="first function of the row phase: MODULE.FUNCTION")
    options = parser.parse_args()
    places: Places = {}
    figures = measure(options.root.resolve(), tuple(options.marker), places, static=options.static)
    if options.json:
        print(json.dumps({**figures, **({"places": places} if options.list else {})}, indent=2))
        return
    before = json.loads(options.against.read_text("utf-8")) if options.against else {}
    before.pop("places", None)
    print_table(figures, before)
    for label, found in places.items() if options.list else ():
        print(f"\n{label}: {len(found)}", *found, sep="\n  ")


if __name__ == "__main__":
    main()
