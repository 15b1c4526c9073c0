"""The gradebook in PostgreSQL instead of SQLite."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest
from nbgrader.api import Gradebook
from sqlalchemy import text

from autograder.cli import main
from autograder.course.batch import grade_course, new_submissions
from autograder.course.folder import Course
from tests.support import courses

PROGRAMS = max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)
if PROGRAMS is None:
    pytest.skip("PostgreSQL is not installed (Debian: postgresql)", allow_module_level=True)
pytest.importorskip("psycopg", reason="requirements-cluster.txt is not installed")

NUL_IN_MESSAGE = r"""
def initialize_parameters_he(layers_dims):
    raise ValueError("a\0b")
"""


@pytest.fixture(scope="module")
def database():
    """URL of an empty database on a server that runs for these tests only."""
    # PostgreSQL does not run as root, and no other user may enter pytest's folders.
    user = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
    os.chown(folder, user.pw_uid, user.pw_gid)
    identity = {"user": user.pw_uid, "group": user.pw_gid} if os.geteuid() == 0 else {}

    def run(program, *arguments):
        command = [str(PROGRAMS / program), "-D", str(folder / "data"), *arguments]
        with open(folder.with_suffix(".log"), "w") as log:
            subprocess.run(command, check=True, cwd=folder, stdout=log, stderr=log, **identity)

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    try:
        run("initdb", "--no-sync", "--auth=trust", "--username=grader", "--encoding=UTF8")
        settings = f"-c listen_addresses=127.0.0.1 -p {port} -k {folder} -c fsync=off"
        run("pg_ctl", "--wait", f"--options={settings}", "start")
        try:
            yield f"postgresql+psycopg://grader@127.0.0.1:{port}/postgres"
        finally:
            run("pg_ctl", "--wait", "--mode=immediate", "stop")
    finally:
        shutil.rmtree(folder)
        folder.with_suffix(".log").unlink()


@pytest.fixture(scope="module")
def course(database, course_template, tmp_path_factory):
    """A course folder whose gradebook is that database, graded from the command line."""
    folder = courses.copy_of(course_template, tmp_path_factory.mktemp("course") / "course")
    (folder / "gradebook.db").unlink()
    with open(folder / "nbgrader_config.py", "a") as config:
        config.write(f"\nc.CourseDirectory.db_url = {database!r}\n")
    generated = courses.run(folder, "nbgrader", "generate_assignment", "Initialization", "--force")
    assert generated.returncode == 0, generated.stderr
    courses.hand_in(folder, "right", courses.answers())
    courses.hand_in(folder, "wrong", courses.answers(he=NUL_IN_MESSAGE))
    courses.hand_in_file(folder, "garbage", b"")
    result = courses.grade(folder)
    assert (result.returncode, result.stderr) == (1, ""), result.stdout
    return folder


def test_scores_and_comments_stand_in_the_database(course, database):
    expected = {"right": [10, 10, 10], "wrong": [10, 10, 0], "garbage": [0, 0, 0]}
    assert courses.scores(course, database) == expected
    assert "ValueError" in courses.comments(course, database)["wrong"][2]
    assert not (course / "gradebook.db").exists()


def test_nothing_is_graded_twice(course, capsys):
    assert main(["grade", "--course", str(course)]) == 0
    assert "Nothing to grade" in capsys.readouterr().out


def test_nbgrader_reads_what_was_recorded(course):
    result = courses.run(course, "nbgrader", "generate_feedback", "Initialization")
    assert result.returncode == 0, result.stderr
    assert len(list(course.glob("feedback/*/Initialization/Initialization.html"))) == 3


def test_a_lost_connection_costs_one_result_which_the_next_run_records(
    course, database, right_result
):
    students = ["a", "b", "c", "d"]
    for student in students:
        courses.hand_in_file(course, student, b"not looked at")
    folder = Course(course, courses.ASSIGNMENT)
    outcomes = []

    def cut_the_line(outcome):
        outcomes.append(outcome)
        if len(outcomes) == 1:
            with Gradebook(database, "initialization") as gradebook:
                others = "pid <> pg_backend_pid() AND backend_type = 'client backend'"
                gradebook.db.execute(
                    text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
                )

    workers = courses.canned_workers(right_result)
    grade_course(folder, new_submissions(folder), workers, on_outcome=cut_the_line)
    (failed,) = [outcome for outcome in outcomes if outcome.problem]
    assert "terminating connection" in failed.problem
    assert failed.student not in courses.scores(course, database)
    assert [submission.student for submission in new_submissions(folder)] == [failed.student]
    grade_course(folder, new_submissions(folder), workers)
    assert {courses.scores(course, database)[student][2] for student in students} == {10}


def test_a_database_that_does_not_answer_is_reported(course, capsys):
    config = course / "nbgrader_config.py"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    broken = courses.copy_of(course, course.parent / "broken") / "nbgrader_config.py"
    url = f"postgresql+psycopg://grader@127.0.0.1:{port}/postgres"
    broken.write_text(f"{config.read_text()}\nc.CourseDirectory.db_url = {url!r}\n")
    assert main(["grade", "--course", str(broken.parent)]) == 2
    assert "The gradebook cannot be opened" in capsys.readouterr().err
