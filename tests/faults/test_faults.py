"""A full disk, a locked gradebook, a clock that jumps: each result is recorded once or reported.

What happens when a process is killed stands in test_batch.py and test_cluster.py.
"""

import contextlib
import itertools
import re
import sqlite3
import subprocess
import sys
import threading
import time

import pytest
from nbgrader.converters import GenerateFeedback
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from sqlalchemy import Engine, event
from tornado.log import app_log

from autograder.cli import main
from autograder.course import folder, workers
from autograder.course.batch import grade_course, new_submissions
from autograder.course.folder import Course
from autograder.course.recorder import Recorder
from autograder.course.workers import InThisProcess, Workers
from autograder.grading import run, session
from autograder.grading.run import grade_submission
from autograder.nbgrader_plugin.feedback import FeedbackExporter
from autograder.sandbox.process import StudentProcess
from autograder.submission import files
from tests.support import courses

STUDENTS = [f"s{number}" for number in range(8)]


@pytest.fixture
def submitted(course):
    """A course of eight submissions that nobody can read: they are graded without a sandbox."""
    for student in STUDENTS:
        courses.hand_in_file(course, student, b"")
    return course


def grade_quickly(place, result, **options):
    course = Course(place, courses.ASSIGNMENT)
    return grade_course(course, new_submissions(course), courses.canned_workers(result), **options)


@contextlib.contextmanager
def locked(place):
    """Hold the lock of the gradebook, as another program may."""
    file = place / "gradebook.db"
    with contextlib.closing(sqlite3.connect(file, check_same_thread=False)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.rollback()


def test_the_grader_waits_for_a_locked_gradebook(submitted, right_result):
    is_locked, is_needed = threading.Event(), threading.Event()

    def lock_until_the_grader_needs_it():
        with locked(submitted):
            is_locked.set()
            is_needed.wait(60)

    def note(*details):
        is_needed.set()

    other = threading.Thread(target=lock_until_the_grader_needs_it)

    def report(outcome):
        if not is_locked.is_set():
            other.start()
            is_locked.wait(60)
            event.listen(Engine, "before_cursor_execute", note)

    try:
        outcomes = grade_quickly(submitted, right_result, on_outcome=report)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    other.join()
    assert is_needed.is_set()
    assert {outcome.problem for outcome in outcomes} == {""}
    assert list(courses.scores(submitted)) == STUDENTS
    courses.assert_sound(submitted)


def test_what_a_locked_gradebook_did_not_take_the_next_run_records(
    submitted, right_result, monkeypatch
):
    monkeypatch.setattr(folder, "_LOCKED_SECONDS", 0.01)
    with contextlib.ExitStack() as locks:
        outcomes = grade_quickly(
            submitted,
            right_result,
            on_outcome=lambda outcome: outcome.problem or locks.enter_context(locked(submitted)),
        )
    assert not outcomes[0].problem
    assert all("database is locked" in outcome.problem for outcome in outcomes[1:])
    assert courses.scores(submitted) == {outcomes[0].student: [10, 10, 10]}
    grade_quickly(submitted, right_result)
    assert len(courses.scores(submitted)) == len(STUDENTS)
    courses.assert_sound(submitted)


def test_tracebacks_that_nbgrader_logs_do_not_reach_the_terminal(submitted, caplog):
    with contextlib.closing(Recorder(Course(submitted, courses.ASSIGNMENT))):
        app_log.error("Rolling back session due to database error")
        assert caplog.records == []
    app_log.error("somebody else's")
    assert len(caplog.records) == 1


def test_a_gradebook_that_is_locked_from_the_start_is_reported(submitted, capsys, monkeypatch):
    monkeypatch.setattr(folder, "_LOCKED_SECONDS", 0.01)
    with locked(submitted):
        assert main(["grade", "--course", str(submitted)]) == 2
    assert "database is locked" in capsys.readouterr().err


FULL_DISK = """
set -e
mount -t tmpfs -o size="$2" tmpfs "$3"
cp -a "$1/." "$3"
grade() { "$5" -m autograder grade --jobs 1 --course "$3" || test $? = 1; }
grade "$@" > "$4/first"
mount -o remount,size=100m "$3"
cp "$3/gradebook.db" "$4/gradebook.db"
grade "$@" > "$4/second"
cp -a "$3" "$4/course"
"""


def test_a_full_disk_is_reported_and_the_next_run_records_the_rest(submitted, tmp_path):
    in_a_namespace = ["unshare", "--map-root-user", "--mount"]
    resize = 'mount -t tmpfs -o size=1m tmpfs "$1" && mount -o remount,size=2m "$1"'
    attempt = [*in_a_namespace, "sh", "-c", resize, "sh", str(tmp_path)]
    if subprocess.run(attempt, capture_output=True).returncode:
        pytest.skip("this machine does not let us mount a small file system")
    used = sum(path.lstat().st_blocks * 512 for path in submitted.rglob("*"))
    size = used + 700_000  # enough for some of the eight
    small, kept = tmp_path / "small", tmp_path / "kept"
    small.mkdir()
    kept.mkdir()
    arguments = [str(submitted), str(size), str(small), str(kept), sys.executable]
    graded = subprocess.run(
        [*in_a_namespace, "sh", "-c", FULL_DISK, "sh", *arguments],
        cwd=courses.PROJECT,
        capture_output=True,
        text=True,
    )
    assert graded.returncode == 0, graded.stderr
    assert "Traceback" not in graded.stderr

    lines = re.findall(r"^\[.*\] (s\d): (.*)$", (kept / "first").read_text(), re.MULTILINE)
    assert sorted(student for student, _ in lines) == STUDENTS
    failed = {student for student, said in lines if "could not be recorded" in said}
    assert 0 < len(failed) < len(STUDENTS)
    assert all("space left" in said or "full" in said for name, said in lines if name in failed)
    recorded = set(courses.scores(kept))
    assert recorded == set(STUDENTS) - failed

    again = re.findall(r"^\[.*\] (s\d): ", (kept / "second").read_text(), re.MULTILINE)
    assert set(again) == failed
    assert set(courses.scores(kept / "course")) == set(STUDENTS)
    courses.assert_sound(kept / "course")


STEPS = {  # the student for whom it fails, and where it is told the folder
    "s1": (files, "timestamp_text", 0),
    "s3": (Course, "read", 1),
    "s4": (files, "read_secret", 0),
    "s6": (Recorder, "record", 1),
}


@pytest.mark.parametrize("error", [RuntimeError("injected"), MemoryError()])
def test_an_exception_at_any_step_costs_only_its_own_submission(
    submitted, right_result, monkeypatch, error
):
    def failing(student, original, position):
        def call(*arguments, **options):
            folder = getattr(arguments[position], "folder", arguments[position])
            if f"/{student}/" in f"{folder}/":
                raise error
            return original(*arguments, **options)

        return call

    for student, (place, name, position) in STEPS.items():
        monkeypatch.setattr(place, name, failing(student, getattr(place, name), position))
    outcomes = grade_quickly(submitted, right_result)
    assert sorted(outcome.student for outcome in outcomes) == STUDENTS
    problems = {outcome.student for outcome in outcomes if outcome.problem}
    assert problems == STEPS.keys() - {"s1"}  # that one lacks its time, and is graded all the same
    assert set(courses.scores(submitted)) == set(STUDENTS) - problems


class OneAtATime(courses.Canned):
    """Grades what can be read in this process, and has a result ready for all else."""

    def submit(self, function, submitted, *task):
        if b"" in getattr(submitted, "notebooks", {}).values():
            return super().submit(function, submitted, *task)
        return InThisProcess().submit(function, submitted, *task)


INSIDE_A_WORKER = {
    "reading the notebook": (run, "read_submission"),
    "rebuilding it": (run, "rebuild"),
    "checking the rules": (session.Session, "read"),
    "starting a sandbox": (session, "StudentProcess"),
    "running a cell": (StudentProcess, "run_cell"),
    "examining": (session.Session, "examine"),
    "closing the sandbox": (StudentProcess, "close"),
    "telling what was found": (run, "_finished"),
}


@pytest.mark.parametrize("step", INSIDE_A_WORKER)
def test_an_exception_inside_a_worker_costs_only_its_own_submission(
    submitted, right_result, monkeypatch, capsys, step
):
    courses.submission_path(submitted, "s3").unlink()
    courses.submission_path(submitted, "s3").parent.rmdir()
    courses.hand_in(submitted, "s3", courses.answers())
    place, name = INSIDE_A_WORKER[step]
    original = getattr(place, name)
    failed = []

    def fail(*arguments, **options):
        if name == "close":
            original(*arguments, **options)
        failed.append(step)
        raise RuntimeError("injected")

    at_once = Workers(make_executor=lambda: OneAtATime(right_result), count=lambda: 1)
    monkeypatch.setattr(workers, "local_workers", lambda jobs: at_once)
    monkeypatch.setattr(folder, "check_sandbox", lambda *_: "")  # before any submission
    monkeypatch.setattr(place, name, fail)
    code = main(["grade", "--course", str(submitted)])
    assert failed
    assert code == 1
    assert re.search(r"\] s3: .*injected", capsys.readouterr().out)
    assert courses.scores(submitted).keys() == set(STUDENTS) - {"s3"}


def test_a_page_that_cannot_be_made_costs_nobody_else_theirs(
    submitted, right_result, monkeypatch, caplog
):
    grade_quickly(submitted, right_result)
    original = FeedbackExporter.from_notebook_node

    def fail(self, notebook, resources=None, **options):
        if resources["nbgrader"]["student"] == "s3":
            raise RuntimeError("injected")
        return original(self, notebook, resources, **options)

    monkeypatch.setattr(FeedbackExporter, "from_notebook_node", fail)
    config = Course(submitted, courses.ASSIGNMENT).config
    converter = GenerateFeedback(coursedir=CourseDirectory(config=config), config=config)
    converter.coursedir.assignment_id = courses.ASSIGNMENT
    with pytest.raises(NbGraderException):
        converter.start()
    assert "error processing assignment 'Initialization' for student 's3'" in caplog.text
    assert {path.parts[-3] for path in submitted.glob("feedback/*/*/*.html")} == (
        set(STUDENTS) - {"s3"}
    )


def test_a_clock_that_jumps_changes_nothing(course, right_result, monkeypatch):
    submission = courses.hand_in(course, "ada", courses.answers()).read_bytes()
    jumps = itertools.cycle([0, 86_400, -86_400 * 365])
    true_time = time.time
    monkeypatch.setattr(time, "time", lambda: true_time() + next(jumps))
    assignment = courses.assignment_in(course / "source/Initialization")
    graded = grade_submission(submission, assignment)
    assert all(verdict.passed for verdict in graded.facts.verdicts.values())
    grade_quickly(course, graded)
    assert new_submissions(Course(course, courses.ASSIGNMENT)) == []
    courses.assert_sound(course)
