"""Grade a whole course: many submissions at a time, one writer, nothing lost.

Submissions travel to an executor as bytes and come back as executed notebooks. This process alone
touches the course folder and the gradebook: it puts each result into the folder ``.grading`` and
lets nbgrader's own Autograde record it from there. A result that still stands in ``.grading`` when
the next run starts was not recorded completely, so its submission is graded again.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import ctypes
import fcntl
import glob
import logging
import multiprocessing
import os
import shutil
import signal
import traceback
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.converters import Autograde, NbGraderException
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

from autograder import handed_in
from autograder.course import Course, CourseError, Submission
from autograder.grading import Graded, grade_submission, unreadable
from autograder.intake import Unreadable
from autograder.limits import Limits

STAGING = ".grading"


@dataclass(frozen=True)
class Outcome:
    """What became of one submission.

    Attributes
    ----------
    student : str
    graded : Graded or None
        None if grading itself failed.
    problem : str
        Why a person has to look at it; empty if all went well.
    """

    student: str
    graded: Graded | None
    problem: str = ""


def new_submissions(
    course: Course, students: Iterable[str] = (), force: bool = False
) -> list[Submission]:
    """Submissions that have not been graded and recorded yet.

    Parameters
    ----------
    course : Course
    students : iterable of str
        Only these; all if empty.
    force : bool
        Also those that have been graded already.

    Raises
    ------
    CourseError
        If a student in `students` has not submitted anything.
    """
    found = {submission.student: submission for submission in course.submissions()}
    wanted = list(dict.fromkeys(students)) or list(found)
    if unknown := [student for student in wanted if student not in found]:
        raise CourseError(
            f"No submission of {', '.join(unknown)} in {course.directory.submitted_directory}/."
        )
    return [found[name] for name in wanted if force or not _is_recorded(course, found[name])]


def grade_course(
    course: Course,
    submissions: list[Submission],
    make_executor: Callable[[], Executor],
    *,
    in_flight: int,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    full: bool = False,
    sandboxed: bool = True,
    report: Callable[[Outcome], None] = lambda outcome: None,
) -> list[Outcome]:
    """Grade submissions on an executor and record the results.

    Parameters
    ----------
    course : Course
    submissions : list of Submission
    make_executor : callable
        Makes the `concurrent.futures.Executor` that does the work, and a new one whenever a worker
        process was lost.
    in_flight : int
        How many submissions are handed to the executor ahead of their results, so that memory
        stays the same however many there are.
    limits, full, sandboxed
        See `grade_submission`.
    report : callable
        Told of each outcome as soon as it has been recorded.

    Returns
    -------
    list of Outcome
        In the order of completion.

    Raises
    ------
    CourseError
        If the assignment has not been generated, or the gradebook cannot be used.
    """
    writer = _Writer(course)
    outcomes = []

    def submit(executor: Executor, submission: Submission) -> Future[Graded]:
        try:
            data = submission.read()
        except Unreadable as reason:
            done: Future[Graded] = Future()
            done.set_result(unreadable(course.assignment, str(reason)))
            return done
        return executor.submit(
            grade_submission,
            data,
            course.assignment,
            limits,
            full=full,
            sandboxed=sandboxed,
            hidden=(str(course.root),),
        )

    with _Workers(make_executor, submit) as workers:
        for submission, future in workers.results(submissions, in_flight):
            outcome = writer.record(submission, future)
            outcomes.append(outcome)
            report(outcome)
    return outcomes


def local_workers(jobs: int) -> Executor:
    """Worker processes on this machine; they end with this process, even if it is killed."""
    # Fresh interpreters: forking would copy this process's locks, files and database handles.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(jobs, context, initializer=die_with_parent, initargs=(os.getpid(),))


def die_with_parent(parent: int) -> None:
    """Let the kernel kill this process when the one that started it ends."""
    set_parent_death_signal = 1  # PR_SET_PDEATHSIG of linux/prctl.h
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
    if os.getppid() != parent:  # it has ended already
        os._exit(1)


@contextlib.contextmanager
def only_grader(course: Course) -> Iterator[None]:
    """Hold the course folder's lock, so that no second grader works on it.

    Raises
    ------
    CourseError
        If another grader holds it.
    """
    staging = course.root / STAGING
    staging.mkdir(exist_ok=True)
    with open(staging / "lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CourseError(
                f"Another grader is working on {course.root}. Wait until it has finished."
            ) from None
        yield


class _Writer:
    """The only one that writes: records results through nbgrader's own Autograde."""

    def __init__(self, course: Course) -> None:
        self._course = course
        with Gradebook(course.directory.db_url, course.directory.course_id) as gradebook:
            try:
                gradebook.find_notebook(course.notebook_id, course.assignment_id)
            except MissingEntry:
                raise CourseError(
                    f"The gradebook does not know {course.assignment_id} yet. Run "
                    f"'nbgrader generate_assignment {course.assignment_id}' first."
                ) from None
        log = logging.getLogger("autograder.nbgrader")
        log.setLevel(logging.CRITICAL)  # problems come back as exceptions
        config = Config(course.config)
        config.CourseDirectory.submitted_directory = STAGING
        self._directory = CourseDirectory(config=config, log=log)
        self._autograde = Autograde(coursedir=self._directory, config=config, log=log)
        self._autograde.exporter_class = "nbconvert.exporters.NotebookExporter"
        self._autograde.sanitize_preprocessors = []
        self._autograde.pre_convert_hook = None
        self._autograde.force = True

    def record(self, submission: Submission, future: Future[Graded]) -> Outcome:
        student = submission.student
        try:
            graded = future.result()
        except Exception as error:
            return Outcome(student, None, f"grading failed: {_summary(error)}")
        if submission.note:
            graded.repairs.insert(0, submission.note)
            graded.notebook.metadata.autograder.repairs = graded.repairs
        staged = self._stage(submission, graded)
        try:
            self._directory.assignment_id = self._course.assignment_id
            self._directory.student_id = glob.escape(student)
            self._autograde.start()
        except (NbGraderException, OSError) as error:
            return Outcome(student, None, f"the result could not be recorded: {_summary(error)}")
        shutil.rmtree(staged)
        return Outcome(student, graded, graded.unreadable)

    def _stage(self, submission: Submission, graded: Graded) -> Path:
        folder = self._course.folder(STAGING, submission.student)
        folder.mkdir(parents=True, exist_ok=True)
        if timestamp := handed_in.read_timestamp(submission.folder):
            (folder / handed_in.TIMESTAMP).write_text(f"{timestamp:%Y-%m-%d %H:%M:%S.%f} UTC\n")
        nbformat.write(graded.notebook, folder / f"{self._course.notebook_id}.ipynb")
        return folder.parent


def _is_recorded(course: Course, submission: Submission) -> bool:
    """Whether the newest version of a submission stands in ``autograded/`` and the gradebook."""
    autograded = course.folder(course.directory.autograded_directory, submission.student)
    if not (autograded / f"{course.notebook_id}.ipynb").exists():
        return False
    if course.folder(STAGING, submission.student).exists():
        return False
    submitted_at = handed_in.read_timestamp(submission.folder)
    recorded_at = handed_in.read_timestamp(autograded)
    return submitted_at is None or (recorded_at is not None and submitted_at <= recorded_at)


class _Workers:
    """An executor that is replaced when one of its processes was lost."""

    def __init__(
        self,
        make_executor: Callable[[], Executor],
        submit: Callable[[Executor, Submission], Future[Graded]],
    ) -> None:
        self._make_executor = make_executor
        self._submit_to = submit
        self._executor = make_executor()

    def __enter__(self) -> _Workers:
        return self

    def __exit__(self, exc_type: type[BaseException] | None, *exc_info: object) -> None:
        self._executor.shutdown(wait=exc_type is None, cancel_futures=True)

    def results(
        self, submissions: list[Submission], in_flight: int
    ) -> Iterator[tuple[Submission, Future[Graded]]]:
        """Grade submissions, `in_flight` at a time, and yield the results as they come.

        The loss of a worker process fails everything that was in flight. As nobody can tell
        whose fault it was, these submissions are tried once more in the end, one at a time.
        """
        suspects = []
        for submission, future in self._as_completed(submissions, in_flight):
            if isinstance(future.exception(), BrokenExecutor):
                suspects.append(submission)
            else:
                yield submission, future
        yield from self._as_completed(suspects, in_flight=1)

    def _as_completed(
        self, submissions: list[Submission], in_flight: int
    ) -> Iterator[tuple[Submission, Future[Graded]]]:
        waiting = iter(submissions)
        running: dict[Future[Graded], Submission] = {}
        while True:
            while len(running) < in_flight and (submission := next(waiting, None)) is not None:
                running[self._submit(submission)] = submission
            if not running:
                return
            finished, _ = concurrent.futures.wait(
                running, return_when=concurrent.futures.FIRST_COMPLETED
            )
            for future in finished:
                yield running.pop(future), future

    def _submit(self, submission: Submission) -> Future[Graded]:
        try:
            return self._submit_to(self._executor, submission)
        except BrokenExecutor:
            self._executor.shutdown(wait=False)
            self._executor = self._make_executor()
            return self._submit_to(self._executor, submission)


def _summary(error: BaseException) -> str:
    return "".join(traceback.format_exception_only(error)).strip()
