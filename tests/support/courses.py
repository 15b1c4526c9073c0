"""Course folders for tests: the project's assignment, somewhere else."""

import contextlib
import copy
import hashlib
import json
import multiprocessing
import os
import runpy
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import replace
from datetime import datetime
from multiprocessing.reduction import DupFd
from pathlib import Path

import nbformat
from nbgrader.api import Gradebook
from nbgrader.utils import notebook_hash
from traitlets.config import Config

from autograder.assignment import Assignment
from autograder.course.batch import LOCK
from autograder.course.work import Result, prepared
from autograder.course.work import grade as grade_notebooks
from autograder.course.workers import InThisProcess, Workers
from autograder.grading.run import Graded, digest
from autograder.submission.files import STAGING
from autograder.submission.notebook import Unreadable
from examples.demo import make_course
from examples.submissions import fill_in
from tests.support.mistakes import EXERCISES, answer

PROJECT = Path(__file__).resolve().parents[2]
ASSIGNMENT = "Initialization"
# Tests come with the environment they run in: make need not look whether it is complete.
MAKE = ["make", "--old-file=.venv/installed"]
_NOT_COPIED = shutil.ignore_patterns(
    *".* __pycache__ demo exchange gradebook.db* submitted autograded feedback".split()
)


# Commands are forks of a process that has imported what they need, which takes most of their time.
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.support.courses", "autograder.course.watch", "nbgrader.apps"])


def run(folder: Path, *arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    """Run a Python module in a course folder, as a person would on the command line."""
    environment = dict(options.get("env", os.environ))
    if options.keys() - {"env"} or environment.get("PYTHONPATH") != os.environ.get("PYTHONPATH"):
        command = [sys.executable, "-m", *arguments]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, **options)
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        files = [DupFd(file.fileno()) for file in (out, err)]
        process = _FORKS.Process(target=_run, args=(folder, arguments, environment, *files))
        process.start()
        process.join()
        shown = [file.seek(0) or file.read() for file in (out, err)]
    return subprocess.CompletedProcess(arguments, process.exitcode, *shown)


def _run(folder: Path, arguments: tuple[str, ...], environment: dict, *files: object) -> None:
    for descriptor, file in enumerate(files, start=1):
        os.dup2(file.detach(), descriptor)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.path[0] = str(folder)
    sys.argv = list(arguments)
    runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)


def grade(folder: Path, *arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    """Run ``python -m autograder grade`` on a course folder."""
    return run(PROJECT, "autograder", "grade", "--course", str(folder), *arguments, **options)


def assignment_in(folder: Path = PROJECT / "source" / ASSIGNMENT, rules: str = "") -> Assignment:
    """The assignment in a source folder, with nbgrader's own settings.

    As after calibration, a sandbox has what the cells import from the start.
    """
    (assignment,) = Assignment.all_in(folder, Config(), rules).values()
    return replace(assignment, modules=("numpy", "matplotlib.pyplot"))


def generate(folder: Path) -> Path:
    """Make a course folder with the generated assignment."""
    make_course(folder)
    result = run(folder, "nbgrader", "generate_assignment", ASSIGNMENT)
    assert result.returncode == 0, result.stderr
    return folder


def released(folder: Path) -> Path:
    """The notebook that students get."""
    return folder / "release" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb"


def submission_path(folder: Path, student: str) -> Path:
    """Where the notebook of a student is handed in."""
    return folder / "submitted" / student / ASSIGNMENT / f"{ASSIGNMENT}.ipynb"


def hand_in(folder: Path, student: str, answers: str) -> Path:
    """Hand in a notebook with the functions of `answers` filled in."""
    path = submission_path(folder, student)
    path.parent.mkdir(parents=True)
    nbformat.write(fill_in(released(folder), answers), path)
    return path


def hand_in_file(folder: Path, student: str, content: bytes) -> Path:
    """Hand in any file under the name of the notebook."""
    path = submission_path(folder, student)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def make_exchange(folder: Path) -> Path:
    """The exchange of a course as ``nbgrader release_assignment`` makes it; returns its folder."""
    exchange = folder / "exchange" / "initialization"
    for name, mode in (("inbound", 0o733), ("outbound", 0o755), ("feedback", 0o711)):
        (exchange / name).mkdir(parents=True)
        (exchange / name).chmod(mode)
    exchange.parent.chmod(0o777)
    shutil.copytree(folder / "release" / ASSIGNMENT, exchange / "outbound" / ASSIGNMENT)
    return exchange


def filled_in(exchange: Path, answers: str) -> bytes:
    """The notebook that students find in an exchange, with the functions of `answers`."""
    given = exchange / "outbound" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb"
    return nbformat.writes(fill_in(given, answers)).encode()


def inbound_name(student: str, submitted: datetime) -> str:
    """Name of a submission's folder in the exchange."""
    return f"{student}+{ASSIGNMENT}+{submitted:%Y-%m-%d %H:%M:%S.%f} UTC+random"


def submit(
    exchange: Path,
    student: str,
    submitted: datetime,
    *,
    content: bytes = b"not looked at",
    secret: str = "",
) -> Path:
    """Put a notebook into the exchange as ``nbgrader submit`` does; returns its folder."""
    folder = exchange / "inbound" / inbound_name(student, submitted)
    folder.mkdir()
    (folder / f"{ASSIGNMENT}.ipynb").write_bytes(content)
    (folder / "timestamp.txt").write_text(f"{submitted:%Y-%m-%d %H:%M:%S.%f} UTC")
    (folder / "submission_secret.txt").write_text(secret or f"{student}-secret")
    folder.chmod(0o777)
    return folder


def fetched(exchange: Path, secret: str) -> str | None:
    """The feedback page that the student of a submission can fetch, if there is one."""
    key = notebook_hash(secret=secret, notebook_id=ASSIGNMENT)
    page = exchange / "feedback" / f"{key}.html"
    return page.read_text() if page.exists() else None


@contextlib.contextmanager
def watching(
    folder: Path, *options: str, **environment: str
) -> Iterator[tuple[subprocess.Popen[str], Iterator[dict[str, object]]]]:
    """Run ``python -m autograder watch`` until the block ends; yields it and what it tells."""
    command = [sys.executable, "-m", "autograder", "watch", "--course", str(folder)]
    with subprocess.Popen(
        [*command, "--log-format", "json", *options],
        cwd=PROJECT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process, map(json.loads, process.stdout)
        finally:
            process.kill()


class Canned(Executor):
    """Grades at once, by a copy of a result that was made before."""

    def __init__(self, graded: Graded) -> None:
        self._graded = graded

    def submit(
        self, function: Callable[..., object], *arguments: object
    ) -> Future[dict[str, Result]]:
        if getattr(function, "func", None) is not grade_notebooks:
            return InThisProcess().submit(function, *arguments)
        submitted, *attempt = arguments
        (content,) = submitted.notebooks.values()

        def result() -> dict[str, Result]:
            if isinstance(content, Unreadable):
                return function(*arguments)
            graded = copy.deepcopy(self._graded)
            facts = replace(graded.facts, submission=digest(content))
            graded = replace(graded, facts=facts)
            points = function.keywords["points_per_violation"]
            assignment = function.keywords["notebooks"][ASSIGNMENT]
            return {ASSIGNMENT: prepared(graded, assignment, points, submitted.remarks, *attempt)}

        return InThisProcess().submit(result)


def canned_workers(graded: Graded) -> Workers:
    """Workers that have the same result for each submission."""
    return Workers(make_executor=lambda: Canned(graded), count=lambda: 1).__enter__()


def answers(**sources: str) -> str:
    """Source of all three functions: right ones, but for those given by exercise."""
    return "\n\n\n".join(sources.get(exercise, answer(exercise)) for exercise in EXERCISES)


def scores(folder: Path, db_url: str | None = None) -> dict[str, list[float | None]]:
    """Automatic scores of each student in the gradebook, in the order zeros, random, He."""
    return {
        student: [grades[f"test-{exercise}"].auto_score for exercise in EXERCISES]
        for student, grades in _entries(folder, db_url, "grades").items()
    }


def comments(folder: Path, db_url: str | None = None) -> dict[str, list[str | None]]:
    """Automatic comments of each student in the gradebook, in the order zeros, random, He."""
    return {
        student: [comments[f"initialize-{exercise}"].auto_comment for exercise in EXERCISES]
        for student, comments in _entries(folder, db_url, "comments").items()
    }


def _entries(folder: Path, db_url: str | None, kind: str) -> dict[str, dict]:
    db_url = db_url or f"sqlite:///{folder / 'gradebook.db'}"
    with Gradebook(db_url, "initialization") as gradebook:
        return {
            submission.student.id: {entry.name: entry for entry in getattr(notebook, kind)}
            for submission in gradebook.assignment_submissions(ASSIGNMENT)
            for notebook in submission.notebooks
        }


def assert_sound(folder: Path) -> None:
    """Assert that nothing in a course folder is broken or half done."""
    assert set(os.listdir(folder / STAGING)) <= {LOCK}
    with contextlib.closing(sqlite3.connect(folder / "gradebook.db")) as gradebook:
        assert gradebook.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        counted = gradebook.execute(
            "SELECT count(*) FROM submitted_assignment GROUP BY student_id, assignment_id"
        )
        assert {count for (count,) in counted} <= {1}


def fingerprint(folder: Path) -> dict[str, str]:
    """Digest of each file in a folder, and target of each link."""
    return {
        str(path.relative_to(folder)): os.readlink(path)
        if path.is_symlink()
        else hashlib.sha256(path.read_bytes() if path.is_file() else b"").hexdigest()
        for path in folder.rglob("*")
    }


def copy_of(template: Path, folder: Path) -> Path:
    """A fresh copy of a generated course folder."""
    shutil.copytree(template, folder)
    return folder


def copy_of_project(folder: Path) -> Path:
    """A copy of the project, as people have it after cloning it and ``make setup``."""
    shutil.copytree(PROJECT, folder, symlinks=True, ignore=_NOT_COPIED)
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


def stock_config(folder: Path) -> None:
    """Let a course folder be graded by nbgrader alone."""
    with open(folder / "nbgrader_config.py", "a") as config:
        config.write("\ndel c.Autograde\nfrom nbgrader.converters import Autograde\n")
        config.write("del Autograde.convert_notebooks\n")


def without(environment: Iterable[str]) -> dict[str, str]:
    """This process's environment without some variables."""
    return {name: value for name, value in os.environ.items() if name not in set(environment)}
