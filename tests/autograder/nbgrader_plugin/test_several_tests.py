"""Several tests of one answer, and one test of several answers: each verdict is told."""

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_notebook
from nbgrader.api import Gradebook

from autograder.course.folder import Course
from autograder.report.data import read_report
from examples.demo import make_course
from tests.support import courses

CELLS = {
    "answer-mean": "def mean(values):\n    ### BEGIN SOLUTION\n"
    "    return sum(values) / len(values)\n    ### END SOLUTION",
    "answer-total": "def total(values):\n    ### BEGIN SOLUTION\n    return sum(values)\n"
    "    ### END SOLUTION",
    "test-numbers": "assert mean([1, 2, 3]) == 2, 'The mean of 1, 2 and 3 is 2.'",
    "test-one": "assert mean([4]) == 4\nprint('One number is its own mean.')",
    "test-both": "assert total([1, 3]) / 2 == mean([1, 3]), 'Total and mean do not agree.'",
}

KERNEL = {"name": "python3", "language": "python", "display_name": "Python 3"}


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """A course with one graded submission: its mean is right for one number only."""
    folder = tmp_path_factory.mktemp("several") / "course"
    make_course(folder)
    path = folder / "source" / courses.ASSIGNMENT / f"{courses.ASSIGNMENT}.ipynb"
    cells = []
    for name, source in CELLS.items():
        is_test = name.startswith("test")
        settings = {"grade_id": name, "grade": is_test, "solution": not is_test, "locked": is_test}
        settings |= {"schema_version": 3} | ({"points": 2} if is_test else {})
        cells.append(new_code_cell(source, id=name, metadata={"nbgrader": settings}))
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": KERNEL}), path)
    result = courses.run(folder, "nbgrader", "generate_assignment", courses.ASSIGNMENT)
    assert result.returncode == 0, result.stderr
    notebook = nbformat.read(courses.released(folder), 4)
    notebook.cells[0].source = "def mean(values):\n    return values[0]"
    notebook.cells[1].source = "def total(values):\n    return sum(values)"
    submitted = courses.submission_path(folder, "ada")
    submitted.parent.mkdir(parents=True)
    nbformat.write(notebook, submitted)
    assert courses.grade(folder).returncode == 0
    result = courses.run(folder, "nbgrader", "generate_feedback", courses.ASSIGNMENT)
    assert result.returncode == 0, result.stderr
    return folder


def test_each_test_stands_on_the_page_with_its_own_verdict(graded):
    (page,) = graded.glob("feedback/ada/*/*.html")
    html = BeautifulSoup(page.read_text(), "html.parser")
    said = {section["id"]: section.get_text(" ") for section in html("section", id=True)}
    assert "The mean of 1, 2 and 3 is 2." in said["test-numbers"]
    assert "One number is its own mean." in said["test-one"]
    assert "Total and mean do not agree." in said["test-both"]
    shown = [source for source in html("pre", "source") if "values[0]" in source.get_text()]
    assert len(shown) == 1
    assert "About the code of answer-mean above." in said["test-one"]


def test_formgrader_shows_each_verdict_under_the_answer(graded):
    with Gradebook(f"sqlite:///{graded / 'gradebook.db'}", "initialization") as gradebook:
        notebook = gradebook.find_submission_notebook(courses.ASSIGNMENT, courses.ASSIGNMENT, "ada")
        comments = {comment.name: comment.auto_comment for comment in notebook.comments}
    assert "test-numbers: The mean of 1, 2 and 3 is 2." in comments["answer-mean"]
    assert "test-one: One number is its own mean." in comments["answer-mean"]
    assert "test-both: Total and mean" in comments["answer-mean"]
    assert comments["answer-total"].startswith("Total and mean")


def test_the_report_counts_each_test(graded):
    report = read_report(Course(graded, courses.ASSIGNMENT))
    assert report.passed == {"test-numbers": 0, "test-one": 1, "test-both": 0}
    assert [diagnosis.example for diagnosis in report.diagnoses] == ["The mean of 1, 2 and 3 is 2."]
