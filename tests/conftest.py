"""Fixtures that several test files share."""

import fcntl
import os
from pathlib import Path

import pytest

from autograder.course.folder import Course
from autograder.grading.calibration import CACHE
from autograder.grading.run import Graded, grade_submission
from autograder.sandbox import fork_server
from tests.support import courses


@pytest.fixture(scope="session")
def course_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course folder with the generated assignment; copy it, do not change it."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent  # one for all workers
    folder = root / "template" / "course"
    with open(root / "template.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / CACHE).exists():
            folder.parent.mkdir()
            courses.generate(folder)
            Course(folder, courses.ASSIGNMENT).calibrate()  # copies find it done
    return folder


@pytest.fixture
def cold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let bubblewrap make each sandbox, as where the kernel refuses sandboxes within a sandbox."""
    monkeypatch.setattr(fork_server.fork_servers, "refusal", "refused by a test")


@pytest.fixture
def course(course_template: Path, tmp_path: Path) -> Path:
    """A course folder of one's own, with the generated assignment and no submissions."""
    return courses.copy_of(course_template, tmp_path / "course")


@pytest.fixture(scope="session")
def right_result(course_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Graded:
    """What grading says of a submission with right answers; copy it, do not change it."""
    folder = courses.copy_of(course_template, tmp_path_factory.mktemp("right") / "course")
    submission = courses.hand_in(folder, "right", courses.answers()).read_bytes()
    return grade_submission(submission, courses.assignment_in(folder / "source/Initialization"))
