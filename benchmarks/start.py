"""Measure how long commands take that have little to do, against the import of nbgrader.

    python -m benchmarks.start

Everything is measured in one run, each thing several times in turn, and the best time of each
counts: so another program that is busy for a moment changes nothing. What is printed are ratios.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.support import courses

ROUNDS = 5
CLASS = 24


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="start-") as folder:
        tasks = _tasks(Path(folder))
        best = dict.fromkeys(tasks, float("inf"))
        for _ in range(options.rounds):
            for name, (prepare, command) in tasks.items():
                prepare()
                began = time.perf_counter()
                subprocess.run(command, cwd=courses.PROJECT, capture_output=True)
                best[name] = min(best[name], time.perf_counter() - began)
    unit = best["import nbgrader.api"]
    print(f"{'':42}{'seconds':>9}{'imports of nbgrader.api':>26}")
    for name, seconds in best.items():
        print(f"{name:42}{seconds:9.2f}{seconds / unit:26.2f}")


def _tasks(folder: Path) -> dict[str, tuple[Callable[[], object], list[str]]]:
    """What to do before, and the command that is measured, by what to call it."""
    one, many = folder / "one", folder / "many"
    for course, students in ((one, 1), (many, CLASS)):
        courses.generate(course)
        for number in range(students):
            courses.hand_in(course, f"student{number:02}", courses.answers())

    def command(*arguments: str) -> list[str]:
        return [sys.executable, "-m", "autograder", *arguments]

    def nothing() -> None:
        pass

    def forget_calibration(course: Path) -> Callable[[], None]:
        return lambda: shutil.rmtree(course / ".calibration", ignore_errors=True)

    again = ["grade", "--force", "--course"]
    return {
        "import nbgrader.api": (nothing, [sys.executable, "-c", "import nbgrader.api"]),
        "--help": (nothing, command("--help")),
        "--version": (nothing, command("--version")),
        "a mistake in the command line": (nothing, command("grade", "--jobs", "none")),
        "one submission, with calibration": (forget_calibration(one), command(*again, str(one))),
        "one submission": (nothing, command(*again, str(one))),
        "nothing new": (nothing, command("grade", "--course", str(one))),
        f"{CLASS} submissions, with calibration": (
            forget_calibration(many),
            command(*again, str(many)),
        ),
        f"{CLASS} submissions": (nothing, command(*again, str(many))),
    }


if __name__ == "__main__":
    main()
