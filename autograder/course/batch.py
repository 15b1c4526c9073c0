"""Grade a whole course: many submissions at a time, one recorder, nothing lost."""

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

from autograder.course.folder import Course, CourseError, Submission
from autograder.course.recorder import Recorder
from autograder.course.work import Result, Submitted
from autograder.course.workers import Workers
from autograder.facts import Repair, Verdict
from autograder.submission import files
from autograder.text import summary

LOCK = ".lock"
"""File in the folder `STAGING` that a grader at work locks; no student's name begins with a dot."""

_AHEAD = 2  # submissions for each worker, so that none waits; the others stay on disk


@dataclass(frozen=True)
class Outcome:
    """What became of one submission."""

    student: str
    problem: str = ""  # why a person has to look at it
    verdicts: dict[tuple[str, str], Verdict] = field(default_factory=dict)  # by notebook and test
    repairs: list[Repair] = field(default_factory=list)
    recorded: bool = False  # whether it stands in the gradebook

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
    """Submissions, of all students or of some, that have not been graded and recorded yet.

    With `force` those that have been graded, too.
    """
    found = {submission.student: submission for submission in course.submissions()}
    wanted = [name for name in dict.fromkeys(students) if name in found] if students else found
    recorded = set() if force else course.recorded(found[name] for name in wanted)
    return [found[name] for name in wanted if name not in recorded]


def grade_course(
    course: Course,
    submissions: Iterable[Submission],
    workers: Workers,
    *,
    full: bool = False,
    on_outcome: Callable[[Outcome], None] = lambda outcome: None,
) -> list[Outcome]:
    """Grade submissions, and record the results.

    Parameters
    ----------
    full : bool
        See `grade_submission`.
    on_outcome : callable
        Called with each outcome as soon as it has been recorded.

    Returns
    -------
    list of Outcome
        In the order of completion.

    Raises
    ------
    CourseError
        If the assignment has not been generated, or the gradebook or the workers cannot be used.
    """
    outcomes: list[Outcome] = []

    def add(outcome: Outcome) -> None:
        outcomes.append(outcome)
        on_outcome(outcome)

    waiting = iter(submissions)
    grade = course.grader(full)
    with contextlib.closing(Recorder(course)) as recorder:
        while True:
            while workers.has_room(_AHEAD * workers.count()):
                if (submission := next(waiting, None)) is None:
                    break
                try:
                    course.run_hook("pre", submission)
                    submitted = course.read(submission)
                    workers.start((submission, submitted), grade, submitted)
                except Exception as error:  # it costs nobody else anything
                    add(_failed(submission, error))
            if not workers.items:
                return outcomes
            for (submission, submitted), future in workers.finished():
                add(record(recorder, submission, submitted, future, workers.loss))


def record(
    recorder: Recorder,
    submission: Submission,
    submitted: Submitted,
    future: Future[dict[str, Result]],
    loss: tuple[type[BaseException], ...],
) -> Outcome:
    """Record a result, whatever it is; `loss` as of `Workers`."""
    try:
        results = future.result()
    except loss:
        problem = "the worker that graded it was lost, twice. Look at this submission yourself."
        return Outcome(submission.student, f"grading failed: {problem}")
    except Exception as error:
        return _failed(submission, error)
    try:
        recorder.record(submission, submitted, results)
    except Exception as error:  # of the disk or the database
        problem = f"the result could not be recorded: {summary(error)}"
        return Outcome(submission.student, problem)
    facts = {name: result.facts for name, result in results.items()}
    return Outcome(
        submission.student,
        " ".join(dict.fromkeys(one.failure for one in facts.values() if one.failure)),
        {(name, t): v for name, one in facts.items() for t, v in one.verdicts.items()},
        [repair for one in facts.values() for repair in one.repairs],
        recorded=True,
    )


def _failed(submission: Submission, error: Exception) -> Outcome:
    return Outcome(submission.student, f"grading failed: {summary(error)}")


@contextlib.contextmanager
def only_grader(root: Path) -> Iterator[None]:
    """Hold the lock of a course folder; raises `CourseError` where another grader holds it."""
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
        os.register_at_fork(after_in_child=lock.close)  # a worker must not hold it
        yield
