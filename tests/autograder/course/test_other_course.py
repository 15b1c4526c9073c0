"""nbgrader's own quickstart course, graded by command in a course that is not ours."""

import shutil
from pathlib import Path

import nbformat
import nbgrader
import pytest
from nbgrader.api import Gradebook

from tests.support import courses

QUICKSTART = Path(nbgrader.__file__).parent / "docs/source/user_guide/source"
CONFIG = f"""\
import os, sys
os.environ["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
sys.path.insert(0, {str(courses.PROJECT)!r})
c = get_config()
c.IncludeHeaderFooter.header = "source/header.ipynb"
"""
SQUARES = "def squares(n):\n    if n < 1:\n        raise ValueError(n)\n    return "


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The quickstart course, without our lines in its configuration, after ``grade``."""
    course = tmp_path_factory.mktemp("quickstart")
    shutil.copytree(QUICKSTART / "ps1", course / "source/ps1")
    shutil.copy(QUICKSTART / "header.ipynb", course / "source")
    (course / "nbgrader_config.py").write_text(CONFIG)
    result = courses.run(course, "nbgrader", "generate_assignment", "ps1")
    assert result.returncode == 0, result.stderr
    for student, source in {
        "right": SQUARES + "[i ** 2 for i in range(1, n + 1)]",
        "wrong": SQUARES + "[i ** 2 for i in range(n)]",
        "syntax": "def squares(n)\n    return 1",
        "untouched": None,
    }.items():
        folder = course / "submitted" / student / "ps1"
        shutil.copytree(course / "release/ps1", folder)
        notebook = nbformat.read(folder / "problem1.ipynb", 4)
        answer = next(c for c in notebook.cells if "def squares" in c.source and _solution(c))
        if source:
            answer.source = source
        if student == "right":
            notebook.cells.append(answer.copy())  # nbgrader alone stops at such a copy
        nbformat.write(notebook, folder / "problem1.ipynb")
    return course, courses.grade(course)


def _solution(cell):
    return cell.metadata.get("nbgrader", {}).get("solution")


def test_the_quickstart_course_gets_the_scores_of_nbgrader(graded):
    course, result = graded
    assert result.returncode == 0, result.stderr
    found = {}
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        for submission in gradebook.assignment_submissions("ps1"):
            notebook = next(n for n in submission.notebooks if n.name == "problem1")
            scores = {grade.cell.name: grade.auto_score for grade in notebook.grades}
            found[submission.student.id] = [
                scores[name] for name in ("correct_squares", "squares_invalid_input")
            ]
    assert found == {"right": [1, 1], "wrong": [0, 1], "syntax": [0, 0], "untouched": [0, 0]}


def test_the_table_says_which_tests_ran_inside_and_why(graded):
    assert (
        "sum_of_squares_uses_squares runs inside the student's sandbox: deletes" in graded[1].stdout
    )


def test_a_configuration_without_our_lines_executes_nothing_outside_the_sandbox(graded):
    course, _ = graded
    executed = nbformat.read(course / "autograded/right/ps1/problem1.ipynb", 4)
    assert all("autograder" in cell.metadata for cell in executed.cells)
