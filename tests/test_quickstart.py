"""nbgrader's own quickstart course from the first command to the last, in a course not ours."""

import getpass
import shutil

import nbformat
import pytest
from nbgrader.api import Gradebook

from tests.support import courses, quickstart

LINES = "from autograder.config import configure\nconfigure(get_config())\n"
CONFIG = f"""\
import os, sys
os.environ["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
sys.path.insert(0, {str(courses.PROJECT)!r})
c = get_config()
c.CourseDirectory.course_id = "quickstart"
c.Exchange.root = "{{exchange}}"
c.ExchangeCollect.check_owner = False
c.LateSubmissionPlugin.penalty_method = "zero"
"""


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The course after each command of its instructor and its students, and what they said."""
    folder = tmp_path_factory.mktemp("quickstart")
    course, student, exchange = (folder / name for name in ("course", "student", "exchange"))
    exchange.mkdir()
    exchange.chmod(0o777)
    student.mkdir()
    config = CONFIG.format(exchange=exchange)
    quickstart.make_course(course, config + LINES)
    (student / "nbgrader_config.py").write_text(config)

    def nbgrader(where, *command):
        result = courses.run(where, "nbgrader", *command)
        assert result.returncode == 0, result.stderr

    nbgrader(course, "generate_assignment", "ps1")
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        gradebook.update_or_create_assignment("ps1", duedate="2100-01-01 00:00:00 UTC")
    nbgrader(course, "release_assignment", "ps1")
    nbgrader(student, "fetch_assignment", "ps1")
    quickstart.fill_in(student / "ps1", "right")
    nbgrader(student, "submit", "ps1")
    inbound = exchange / "quickstart/inbound"
    (mine,) = inbound.iterdir()
    others = {"repeating": "right", "late": "right"}
    for name in (*quickstart.ANSWERS, *others):  # as they would from accounts of their own
        theirs = inbound / mine.name.replace(f"{getpass.getuser()}+", f"{name}+", 1)
        shutil.copytree(mine, theirs)
        shutil.copytree(course / "release/ps1", theirs, dirs_exist_ok=True)
        (theirs / "submission_secret.txt").write_text(f"secret-of-{name}")
        quickstart.fill_in(theirs, others.get(name, name))
    quickstart.repeat_answer(next(inbound.glob("repeating+*")))
    (next(inbound.glob("late+*")) / "timestamp.txt").write_text("2101-01-01 00:00:00 UTC")
    shutil.rmtree(mine)
    nbgrader(course, "collect", "ps1")
    table = courses.grade(course)
    nbgrader(course, "generate_feedback", "ps1")
    nbgrader(course, "release_feedback", "ps1")
    report = courses.run(courses.PROJECT, "autograder", "report", "--course", str(course))
    return course, table, report


def test_each_submission_of_the_quickstart_gets_the_scores_of_nbgrader(graded):
    course, table, _ = graded
    assert table.returncode == 0, table.stderr
    found = quickstart.scores(course)
    # nbgrader alone stops the whole batch at a submission with a cell that exists twice.
    assert found.pop("repeating") == found.pop("late") == found["right"]
    assert found == quickstart.SCORES


def test_table_report_and_modes_tell_which_test_runs_inside_and_why(graded):
    course, table, report = graded
    modes = courses.run(courses.PROJECT, "autograder", "modes", "--course", str(course))
    for said in (table.stdout, report.stdout, modes.stdout):
        assert "sum_of_squares_uses_squares" in said
        assert "deletes squares" in said
    page = (course / "report/ps1.html").read_text()
    assert "deletes squares" in page
    assert "test whether the answer calls the function by what it returns" in page


def test_every_student_can_fetch_a_page_with_the_own_score(graded):
    course, _, report = graded
    assert report.returncode == 0, report.stderr
    rows = (course / "report/ps1.csv").read_text()
    for student, scores in quickstart.SCORES.items():
        page = (course / f"feedback/{student}/ps1/problem1.html").read_text()
        assert f"{sum(scores):g} " in page
        assert f"{student}," in rows
    assert "late,,,,0," in rows
    exchange = course.parent / "exchange/quickstart/feedback"
    assert len(list(exchange.glob("*.html"))) == 2 * len(quickstart.scores(course))


def test_nothing_runs_outside_the_sandbox_whatever_the_configuration_says(graded, tmp_path):
    """The recorder once took its preprocessors from the configuration: nbgrader's own execute."""
    course = courses.copy_of(graded[0], tmp_path / "course")
    config = course / "nbgrader_config.py"
    config.write_text(config.read_text().replace(LINES, ""))
    path = course / "submitted/right/ps1/problem1.ipynb"
    notebook = nbformat.read(path, 4)
    trace = tmp_path / "trace"
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source += f"\nopen({str(trace)!r}, 'w').close()"
    nbformat.write(notebook, path)
    result = courses.grade(course, "--force", "right")
    assert "[1/1] right: " in result.stdout
    assert not trace.exists()
