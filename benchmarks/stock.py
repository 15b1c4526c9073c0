"""Ask nbgrader alone for the scores that ``tests/support`` expects of it.

python -m benchmarks.stock
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from nbgrader.api import Gradebook

from tests.support import quickstart
from tests.support.kinds import KINDS, instructors, submission

ASSIGNMENT = "kinds"


def main() -> int:
    """Compare, print what differs, and return the number of differences."""
    with tempfile.TemporaryDirectory() as folder:
        different = _kinds(Path(folder, "kinds")) + _quickstart(Path(folder, "quickstart"))
    print(f"{different} differences")
    return different


def _kinds(course: Path) -> int:
    source = course / "source" / ASSIGNMENT
    source.mkdir(parents=True)
    for name, kind in KINDS.items():
        (source / f"{name}.ipynb").write_text(json.dumps(instructors(kind)))
        for path, content in kind.files.items():
            (source / path).parent.mkdir(exist_ok=True)
            (source / path).write_bytes(content)
        for student in kind.students:
            submitted = course / "submitted" / student / ASSIGNMENT
            submitted.mkdir(parents=True, exist_ok=True)
            notebook = json.dumps(submission(kind, student))
            (submitted / f"{name}.ipynb").write_text(notebook)
    (course / "nbgrader_config.py").write_text("c = get_config()\n")
    _nbgrader(course, "generate_assignment", ASSIGNMENT)
    _nbgrader(course, "autograde", ASSIGNMENT)
    different = 0
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        for name, kind in KINDS.items():
            graded = [cell for cell in kind.cells if cell.startswith(("t-", "m-"))]
            for student, expected in kind.scores.items():
                entry = gradebook.find_submission_notebook(name, ASSIGNMENT, student)
                scores = {grade.cell.name: grade.auto_score for grade in entry.grades}
                found = [scores[cell] for cell in graded]
                different += _tell(f"{name}, {student}", found, expected)
    return different


def _quickstart(course: Path) -> int:
    quickstart.make_course(course, "c = get_config()\nc.Execute.timeout = 2\n")
    _nbgrader(course, "generate_assignment", quickstart.ASSIGNMENT)
    for student in quickstart.ANSWERS:
        folder = course / "submitted" / student / quickstart.ASSIGNMENT
        shutil.copytree(course / "release" / quickstart.ASSIGNMENT, folder)
        quickstart.fill_in(folder, student)
    _nbgrader(course, "autograde", quickstart.ASSIGNMENT)
    found = quickstart.scores(course)
    return sum(_tell(student, found[student], quickstart.SCORES[student]) for student in found)


def _nbgrader(course: Path, *arguments: str) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments, "--log-level=ERROR"],
        cwd=course,
        env={**os.environ, "PATH": path},
        check=True,
    )


def _tell(what: str, found: list, expected: list) -> bool:
    if found != expected:
        print(f"{what}: nbgrader gives {found}, expected are {expected}")
    return found != expected


if __name__ == "__main__":
    sys.exit(main())
