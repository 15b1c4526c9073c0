"""nbgrader's own quickstart course with submissions, and the scores that nbgrader alone gives.

``python -m benchmarks.stock`` asks nbgrader itself for these scores.
"""

import shutil
from pathlib import Path

import nbformat
import nbgrader
from nbgrader.api import Gradebook

ASSIGNMENT = "ps1"
SOURCE = Path(nbgrader.__file__).parent / "docs/source/user_guide/source"
TESTS = (
    "correct_squares",
    "squares_invalid_input",
    "correct_sum_of_squares",
    "sum_of_squares_uses_squares",
)
HEADER = 'c.IncludeHeaderFooter.header = "source/header.ipynb"\n'

_SUM = "def sum_of_squares(n):\n    return sum(squares(n))"
_HEAD = "def squares(n):\n    if n < 1:\n        raise ValueError(n)\n"
ANSWERS = {
    "right": {
        "squares": f"{_HEAD}    return [i ** 2 for i in range(1, n + 1)]",
        "sum_of_squares": _SUM,
        "sum_of_squares_equation": "The sum of $i^2$.",
    },
    "wrong": {
        "squares": f"{_HEAD}    return [i ** 2 for i in range(n)]",
        "sum_of_squares": _SUM,
    },
    "untouched": {},
    "syntax": {"squares": "def squares(n)\n    return 1", "sum_of_squares": _SUM},
}
"""Sources by grade id that differ from the release, by student."""

SCORES = {
    "right": [1, 1, 0.5, 0.5],
    "wrong": [0, 1, 0, 0.5],
    "untouched": [0, 0, 0, 0],
    "syntax": [0, 0, 0, 0],
}
"""Of `TESTS`, by student."""


def make_course(folder: Path, config: str) -> None:
    """Make a course folder with the quickstart's sources."""
    shutil.copytree(SOURCE / ASSIGNMENT, folder / "source" / ASSIGNMENT)
    shutil.copy(SOURCE / "header.ipynb", folder / "source")
    (folder / "nbgrader_config.py").write_text(config + HEADER)


def fill_in(folder: Path, student: str) -> None:
    """Write a student's answers into the fetched assignment in `folder`."""
    path = folder / "problem1.ipynb"
    notebook = nbformat.read(path, 4)
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        cell.source = ANSWERS[student].get(name, cell.source)
    nbformat.write(notebook, path)


def repeat_answer(folder: Path) -> None:
    """Repeat an answer with its grade id, as copying a cell does."""
    path = folder / "problem1.ipynb"
    notebook = nbformat.read(path, 4)
    (answer,) = [cell for cell in notebook.cells if cell.source.startswith("def squares(")]
    notebook.cells.append(nbformat.from_dict({**answer, "id": "a-copy"}))
    nbformat.write(notebook, path)


def scores(folder: Path) -> dict[str, list[float | None]]:
    """Automatic scores in the gradebook of a course, as `SCORES`."""
    found = {}
    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}") as gradebook:
        for submission in gradebook.assignment_submissions(ASSIGNMENT):
            grades = {g.cell.name: g.auto_score for n in submission.notebooks for g in n.grades}
            found[submission.student.id] = [grades[test] for test in TESTS]
    return found
