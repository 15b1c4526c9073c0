"""Grade a whole course: many submissions at a time, one writer, nothing lost.

Submissions travel to an executor as bytes and come back as executed notebooks. This process alone
touches the course folder and the gradebook, see ``writer.py``.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import ctypes
import fcntl
import multiprocessing
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from autograder.course.folder import LOCK, Course, CourseError, Submission
from autograder.course.writer import NotRecorded, Writer
from autograder.facts import Repair, Verdict
from autograder.grading.run import Graded, grade_submission, without_points
from autograder.limits import Limits
from autograder.submission import files
from autograder.submission.notebook import Unreadable
from autograder.text import summary

Results = dict[str, Graded]  # of one submission, by notebook
_PATIENCE_SECONDS = 5  # without a result, before somebody looks after the workers


@dataclass(frozen=True)
class Outcome:
    """What became of one submission.

    Attributes
    ----------
    student : str
    problem : str
        Why a person has to look at it; empty if all went well.
    verdicts : dict of (str, str) to Verdict
        By notebook and grade id, as recorded in the gradebook; empty if nothing was recorded.
    repairs : list of Repair
        What had to be put right before the notebook could run.
    seconds : dict of str to float
        Wall-clock time by activity, see `Graded`.
    recorded : bool
        Whether it stands in the gradebook.
    """

    student: str
    problem: str = ""
    verdicts: dict[tuple[str, str], Verdict] = field(default_factory=dict)
    repairs: list[Repair] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    recorded: bool = False

    @property
    def in_words(self) -> str:
        """The result in a few words."""
        if self.problem:
            return self.problem
        passed = sum(verdict.passed for verdict in self.verdicts.values())
        return f"{passed} of {len(self.verdicts)} exercises right"


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
    recorded = set() if force else course.recorded(found.values())
    return [found[name] for name in wanted if name not in recorded]


class WorkersLost(CourseError):
    """There is nobody left to do the work."""

    def __init__(self) -> None:
        super().__init__(
            "The connection to the workers was lost. What has been reported as graded is recorded; "
            "run the same command again for the rest."
        )


@dataclass(frozen=True)
class Workers:
    """How to start workers.

    Attributes
    ----------
    make_executor : callable
        Makes a `concurrent.futures.Executor`, and a new one whenever a worker process was lost.
    in_flight : callable
        Tells how many submissions to hand to the executor ahead of their results, so that memory
        stays the same however many there are.
    loss : tuple of exception types
        What a result raises if the worker was lost that had the submission.
    revive : callable
        Called every few seconds while there are no results.
    """

    make_executor: Callable[[], Executor]
    in_flight: Callable[[], int]
    loss: tuple[type[BaseException], ...] = (BrokenExecutor,)
    revive: Callable[[], None] = lambda: None


def grade_course(
    course: Course,
    submissions: list[Submission],
    workers: Workers,
    *,
    limits: Limits | None = None,
    full: bool = False,
    on_outcome: Callable[[Outcome], None] = lambda outcome: None,
) -> list[Outcome]:
    """Grade submissions on an executor and record the results.

    Parameters
    ----------
    course : Course
    submissions : list of Submission
    workers : Workers
    limits : Limits or None
        Those of the course if None.
    full : bool
        See `grade_submission`.
    on_outcome : callable
        Told of each outcome as soon as it has been recorded.

    Returns
    -------
    list of Outcome
        In the order of completion.

    Raises
    ------
    CourseError
        If the assignment has not been generated, or the gradebook cannot be used.
    WorkersLost
        If the connection to the workers was lost.
    """
    outcomes = []

    def submit(executor: Executor, submission: Submission) -> Future[Results]:
        return start_grading(executor, course, submission, limits=limits, full=full)

    with Writer(course) as writer, Pool(workers, submit) as pool:
        for submission, future in pool.results(_InOrder(submissions, workers.in_flight)):
            outcome = record(course, writer, submission, future, workers.loss)
            outcomes.append(outcome)
            on_outcome(outcome)
    return outcomes


def start_grading(
    executor: Executor,
    course: Course,
    submission: Submission,
    *,
    limits: Limits | None = None,
    full: bool = False,
) -> Future[Results]:
    """Let an executor grade the notebooks of a submission; parameters as of `grade_course`."""
    futures: dict[str, Future[Graded]] = {}
    for name, assignment in course.notebooks.items():
        futures[name] = Future()
        try:
            data, beside = submission.read(name), course.handed_in(submission).files
        except Unreadable as reason:
            futures[name].set_result(without_points(assignment, str(reason)))
        except Exception as error:
            futures[name].set_exception(error)
        else:
            futures[name] = executor.submit(
                grade_submission,
                data,
                assignment,
                limits or course.limits,
                handed_in=beside,
                full=full,
                execute=course.executes,
                hidden=(str(course.root),),
            )
    return _together(futures)


def _together(futures: dict[str, Future[Graded]]) -> Future[Results]:
    """A future for all results of a submission; it fails, or is cancelled, with the first."""
    whole: Future[Results] = Future()
    lock = threading.Lock()

    def done(one: Future[Graded]) -> None:
        with lock:
            if whole.done():
                return
            if one.cancelled():
                whole.cancel()
                whole.set_running_or_notify_cancel()
            elif one.exception():
                whole.set_exception(one.exception())
            elif all(future.done() for future in futures.values()):
                whole.set_result({name: future.result() for name, future in futures.items()})

    for future in futures.values():
        future.add_done_callback(done)
    return whole


def record(
    course: Course,
    writer: Writer,
    submission: Submission,
    future: Future[Results],
    loss: tuple[type[BaseException], ...],
) -> Outcome:
    """Record a result, whatever it is; `loss` as of `Workers`."""
    try:
        graded = future.result()
    except Exception as error:
        problem = summary(error)
        if isinstance(error, loss):
            problem = "the worker that graded it was lost, twice. Look at this submission yourself."
        return Outcome(submission.student, f"grading failed: {problem}")
    try:
        return _recorded(course, writer, submission, graded)
    except NotRecorded as reason:
        problem = str(reason)
    except Exception as error:
        problem = summary(error)
    return Outcome(submission.student, f"the result could not be recorded: {problem}")


def _recorded(course: Course, writer: Writer, submission: Submission, graded: Results) -> Outcome:
    beside = course.handed_in(submission)
    for one in graded.values():
        one.mention(beside.left_out, submission.note)
        if submission.attempt:
            replace(one.facts, attempt=submission.attempt).store(one.notebook)
    writer.record(submission, {name: one.notebook for name, one in graded.items()}, beside.files)
    facts = {name: one.facts for name, one in graded.items()}
    seconds: Counter[str] = Counter()
    for one in graded.values():
        seconds.update(one.seconds)
    return Outcome(
        submission.student,
        " ".join(dict.fromkeys(one.failure for one in facts.values() if one.failure)),
        {(name, t): v for name, one in facts.items() for t, v in one.verdicts.items()},
        [repair for one in facts.values() for repair in one.repairs],
        dict(seconds),
        recorded=True,
    )


def local_workers(jobs: int) -> Workers:
    """Worker processes on this machine; they end with this process, even if it is killed."""
    # Fresh interpreters: forking would copy this process's locks, files and database handles.
    context = multiprocessing.get_context("spawn")
    return Workers(
        make_executor=lambda: _LocalExecutor(jobs, context, _start_worker, (os.getpid(),)),
        in_flight=lambda: 2 * jobs,
    )


class _LocalExecutor(ProcessPoolExecutor):
    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        if not wait:  # nor let Python wait for them when it exits
            for worker in multiprocessing.active_children():
                worker.kill()
        if (self._broken or not wait) and self._call_queue and sys.version_info < (3, 11, 5):
            # Newer Pythons do this themselves. Without it, a thread of the pool tries for ever to
            # send a submission to a worker that has been killed.
            self._call_queue._reader.close()
        super().shutdown(wait, cancel_futures=cancel_futures)


def _start_worker(parent: int) -> None:
    """Let the kernel kill this process when the one that started it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, and it decides
    set_parent_death_signal = 1  # PR_SET_PDEATHSIG of linux/prctl.h
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
    if os.getppid() != parent:  # it has ended already
        os._exit(1)


@contextlib.contextmanager
def only_grader(root: Path) -> Iterator[None]:
    """Hold the lock of a course folder, so that no second grader works on it.

    Raises
    ------
    CourseError
        If another grader holds it, or the folder cannot be written.
    """
    staging = root / files.STAGING
    try:
        staging.mkdir(exist_ok=True)
        lock = open(staging / LOCK, "w")  # noqa: SIM115 - closed below
    except OSError as error:
        raise CourseError(f"{staging} cannot be written: {error.strerror}.") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CourseError(
                f"Another grader is working on {root}. Wait until it has finished; `watch` goes on "
                "until you stop it."
            ) from None
        yield


class Queue(Protocol):
    """Says what is graded next.

    Attributes
    ----------
    news : Future or None
        Done as soon as `take` may have something that it had not before; None if it never will.
    """

    news: Future[None] | None

    def take(self, running: Collection[Any]) -> Any | None:
        """Return the next submission; None if there is none now, or enough of them run."""


class _InOrder:
    """Submissions of a batch, some at a time."""

    news = None

    def __init__(self, submissions: Iterable[Submission], in_flight: Callable[[], int]) -> None:
        self._waiting = iter(submissions)
        self._in_flight = in_flight

    def take(self, running: Collection[Submission]) -> Submission | None:
        return next(self._waiting, None) if len(running) < self._in_flight() else None


class Pool:
    """An executor that is replaced when one of its processes was lost.

    Parameters
    ----------
    workers : Workers
    submit : callable
        Hands something that a `Queue` gave to an executor.
    """

    def __init__(
        self, workers: Workers, submit: Callable[[Executor, Any], Future[Results]]
    ) -> None:
        self._workers = workers
        self._submit_to = submit
        self._executor = workers.make_executor()

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *exc_info: object) -> None:
        # All results are here, or are not wanted any more. Dask would wait for lost work, too.
        self._executor.shutdown(wait=False)

    def results(self, queue: Queue) -> Iterator[tuple[Any, Future[Results]]]:
        """Grade what a queue gives, and yield the results as they come.

        The loss of a worker process fails everything that was in flight. As nobody can tell
        whose fault it was, these submissions are tried once more, one at a time.
        """
        running: dict[Future[Results], Any] = {}
        suspects: list[Any] = []
        alone = None
        while True:
            if suspects and not running:
                alone = suspects.pop(0)
                running[self._submit(alone)] = alone
            while not suspects and alone is None:
                if (item := queue.take(running.values())) is None:
                    break
                running[self._submit(item)] = item
            news = queue.news
            if not running and news is None:
                return
            awaited = set(running)
            if news and alone is None and not suspects:
                awaited.add(news)
            finished, _ = concurrent.futures.wait(
                awaited, _PATIENCE_SECONDS, return_when=concurrent.futures.FIRST_COMPLETED
            )
            finished.discard(news)
            if running and not finished:
                self._workers.revive()
            for future in finished:
                item = running.pop(future)
                if future.cancelled():
                    raise WorkersLost
                if isinstance(future.exception(), self._workers.loss) and item is not alone:
                    suspects.append(item)
                    continue
                if item is alone:
                    alone = None
                yield item, future

    def _submit(self, item: Any) -> Future[Results]:
        try:
            return self._submit_to(self._executor, item)
        except BrokenExecutor:
            self._executor.shutdown(wait=False)
            self._executor = self._workers.make_executor()
            return self._submit_to(self._executor, item)
