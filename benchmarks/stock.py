"""Ask nbgrader alone for the scores that ``tests/support/kinds.py`` expects of it.

python -m benchmarks.stock
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from nbgrader.api import Gradebook

from tests.support.kinds import KINDS, instructors, submission

ASSIGNMENT = "kinds"


def main() -> int:
    """Compare, print what differs, and return the number of differences."""
    with tempfile.TemporaryDirectory() as folder:
        course = Path(folder)
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
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        for command in ("generate_assignment", "autograde"):
            subprocess.run(
                [sys.executable, "-m", "nbgrader", command, ASSIGNMENT, "--log-level=ERROR"],
                cwd=course,
                env={**os.environ, "PATH": path},
                check=True,
            )
        return compare(course)


def compare(course: Path) -> int:
    """Compare the gradebook with the expected scores."""
    different = 0
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        for name, kind in KINDS.items():
            graded = [cell for cell in kind.cells if cell.startswith(("t-", "m-"))]
            for student, expected in kind.scores.items():
                entry = gradebook.find_submission_notebook(name, ASSIGNMENT, student)
                scores = {grade.cell.name: grade.auto_score for grade in entry.grades}
                found = [scores[cell] for cell in graded]
                if found != expected:
                    different += 1
                    print(f"{name}, {student}: nbgrader gives {found}, expected are {expected}")
    print(f"{different} differences")
    return different


if __name__ == "__main__":
    sys.exit(main())
