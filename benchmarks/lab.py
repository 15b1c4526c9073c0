"""Measure how long people wait in JupyterLab, in a real browser.

    python benchmarks/lab.py

Starts ``make lab`` on a copy of the project with solved exercises, and prints seconds.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

import nbformat

from examples.submissions import fill_in
from tests.support import browser, courses
from tests.support.browser import Notebook

LAST_FIGURE = "going-further-play"


def main() -> None:
    if browser.CHROMIUM is None:
        sys.exit(browser.MISSING)
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} before the run")
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        project = courses.copy_of_project(Path(folder, "project"))
        path = project / "Initialization.ipynb"
        nbformat.write(fill_in(path, courses.answers()), path)
        with browser.chromium() as open_window:
            page = open_window().page
            started = time.perf_counter()
            with browser.server([*courses.MAKE, "lab"], project, Path(folder, "home")) as address:
                page.goto(address)
                notebook = Notebook(page, path)
                notebook.wait_until_usable()
                started = tell("make lab until the notebook is usable", started)
                browser.choose(page, "Run", "Run All Cells")
                notebook.outputs(LAST_FIGURE).locator(".widget-toggle-buttons").first.wait_for()
                started = tell("Run All until the last figure", started)
                notebook.save()
                notebook.validate()
                tell("Validate until it answers", started)


def tell(what: str, started: float) -> float:
    """Print how long something took; return the time now."""
    now = time.perf_counter()
    print(f"  {what:<40} {now - started:5.1f} s")
    return now


if __name__ == "__main__":
    main()
