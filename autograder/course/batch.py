"""Grade a whole course: many submissions at a time, one recorder, nothing lost."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

from autograder.course.folder import LOCK, Course, CourseError, Submission, Submitted
from autograder.course.recorder import NotRecorded, Recorder
from autograder.course.workers import Pool, Workers, grade_notebooks
from autograder.facts import Attempt, Repair, Verdict
from autograder.grading.run import Graded
from autograder.submission import files
from autograder.text import summary

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
    course : Course
    submissions : iterable of Submission
    workers : Workers
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
    with contextlib.closing(Recorder(course)) as recorder, Pool(workers) as pool:
        while True:
            while pool.has_room(_AHEAD * workers.count()):
                if (submission := next(waiting, None)) is None:
                    break
                try:
                    course.run_hook("pre", submission)
                    submitted = course.read(submission)
                    start_grading(pool, (submission, submitted), course, submitted, full=full)
                except Exception as error:  # it costs nobody else anything
                    add(_failed(submission, error))
            if not pool.items:
                return outcomes
            for (submission, submitted), future in pool.finished():
                add(record(recorder, submission, submitted, future, workers.loss))


def start_grading(
    pool: Pool,
    item: object,
    course: Course,
    submitted: Submitted,
    *,
    attempt: Attempt | None = None,
    full: bool = False,
) -> None:
    """Let a worker grade what was submitted; the pool returns the result with the item."""
    pool.start(
        item,
        grade_notebooks,
        submitted,
        course.notebooks,
        course.limits,
        attempt=attempt,
        full=full,
        execute=course.executes,
        hidden=(str(course.root),),
    )


def record(
    recorder: Recorder,
    submission: Submission,
    submitted: Submitted,
    future: Future[dict[str, Graded]],
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
    notebooks = {name: graded.notebook for name, graded in results.items()}
    try:
        recorder.record(submission, notebooks, submitted.attachments, submitted.secret)
    except Exception as error:
        reason = str(error) if isinstance(error, NotRecorded) else summary(error)
        return Outcome(submission.student, f"the result could not be recorded: {reason}")
    facts = {name: graded.facts for name, graded in results.items()}
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
        yield
