"""Grade what arrives in the exchange as it arrives, and let students fetch the result.

A submission passes through these steps, and may be interrupted after each of them: it stands in the
exchange; the journal says that its grading begins; it is copied to ``submitted/``; the gradebook
has the result; its pages can be fetched; the journal says that nothing is left to do. A watcher
that starts again repeats what is not known to be done. All but grading happens in one thread.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import statistics
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Executor, Future, InvalidStateError
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import watchfiles
from nbgrader.api import MissingEntry

from autograder.assignment import AssignmentError
from autograder.config import Grading
from autograder.course.batch import Pool, Results, Workers, record, start_grading
from autograder.course.exchange import Arrival, Exchange, TakenBack, parsed
from autograder.course.folder import Course, CourseError
from autograder.course.journal import HOUR, Journal
from autograder.course.queue import Line, Waiting
from autograder.course.writer import NotRecorded, Writer
from autograder.facts import Attempt
from autograder.submission import files
from autograder.templates import render
from autograder.text import in_line, summary

HEALTH = ".health.json"
"""File in the folder ``.grading`` that says how a watcher is, renewed every second or so."""

_LOOK_SECONDS = 0.5  # between two looks where no news comes, as with network file systems
_RETRY_SECONDS = 30
_TOLD_AT_ONCE = 20  # of what one look has found
_SHOW_SECONDS = 1  # between two states
_RATE_SECONDS = 300
_LATELY = 200  # results of which `State` tells the time


@dataclass(frozen=True)
class News:
    """Something that the instructor should see.

    Attributes
    ----------
    kind : str
        ``graded``, ``waits``, ``replaced``, ``late``, ``not-taken``, ``gone``, ``failed`` (a person
        has to look at it) or ``problem`` (which is tried again).
    text : str
    student, assignment : str
        Empty if it is about none.
    attempt : int
        0 if it was not graded.
    seconds : float or None
        From the arrival to the page that can be fetched.
    """

    kind: str
    text: str
    student: str = ""
    assignment: str = ""
    attempt: int = 0
    seconds: float | None = None


@dataclass(frozen=True)
class State:
    """How a watcher is.

    Attributes
    ----------
    pid : int
    looked : float
        When it looked at the exchange (Unix time); monitoring should warn if that is long ago.
    problem : str
        What keeps it from its work; empty if all is well.
    waiting, held, running : int
        Submissions that are next, that wait for the next attempt of their student, that are graded.
    counts : dict of str to int
        Of `News` since the start, by kind.
    per_minute : float
        Results within the last five minutes.
    seconds : float
        Median time from arrival to page of the latest results.
    """

    pid: int
    looked: float
    problem: str
    waiting: int
    held: int
    running: int
    counts: Mapping[str, int]
    per_minute: float
    seconds: float


class View(Protocol):
    """Shows the instructor what happens."""

    def news(self, news: News) -> None: ...

    def state(self, state: State) -> None: ...


class _Stopped(Exception):
    """Somebody wants the watcher to end."""


class Watcher:
    """Grades a course for as long as it runs. It is the `Queue` of its own pool of workers.

    Parameters
    ----------
    root : Path
        The course folder.
    names : callable
        Which assignments it has now.
    workers : Workers
    places : callable
        How many submissions may be graded at a time if all are quick. With slow ones, half of
        `Workers.in_flight` is the most.
    calibrate : callable
        Lets a course be calibrated.
    view : View
    """

    def __init__(
        self,
        root: Path,
        names: Callable[[], Collection[str]],
        workers: Workers,
        *,
        places: Callable[[], int],
        calibrate: Callable[[Course], None],
        view: View,
    ) -> None:
        self._root = root
        self._names = names
        self._workers = workers
        self._calibrate = calibrate
        self._view = view
        self._courses: dict[str, Course] = {}
        self._read: dict[str, object] = {}
        self._line = Line(places, lambda: workers.in_flight() // 2)
        self._stop = threading.Event()
        self._news: Future[None] = Future()
        self._writers: dict[str, Writer] = {}
        self._problems: dict[str, str] = {}
        self._looked = time.time()
        self._began = self._shown = self._line.clock()
        self._counts: Counter[str] = Counter()
        self._results: deque[tuple[float, float]] = deque(maxlen=_LATELY)

    def stop(self) -> None:
        """Let `run` return soon. What is being graded is graded again by the next watcher."""
        self._stop.set()

    def run(self) -> None:
        """Grade until somebody stops it. The caller holds the course folder's lock.

        Raises
        ------
        CourseError
            If there is no exchange, or an assignment cannot be used that has been generated.
        """
        staging = self._root / files.STAGING
        for left_over in staging.glob(".collected-*"):
            shutil.rmtree(left_over)
        some_course = Course(self._root, next(iter(self._names())))
        self._exchange = Exchange(some_course)
        with some_course.gradebook() as gradebook:
            generated = {entry.name for entry in gradebook.assignments}
        for name in generated.intersection(self._names()):
            self._course(name)
        with contextlib.ExitStack() as resources:
            self._journal = Journal(staging / ".journal.sqlite")
            resources.callback(self._journal.close)
            resources.callback(self._close_writers)
            self._done = self._journal.ended()
            self._take_up()
            pool = resources.enter_context(Pool(self._workers, self._submit))
            threading.Thread(target=self._observe, daemon=True).start()
            with contextlib.suppress(_Stopped):
                for waiting, future in pool.results(self):
                    with self._attention_to(waiting):
                        self._record(waiting, future)
            (staging / HEALTH).unlink(missing_ok=True)

    # As a queue

    @property
    def news(self) -> Future[None]:
        """Done when there may be something to do."""
        if self._stop.is_set():
            raise _Stopped
        return self._news

    def take(self, running: Collection[Waiting]) -> Waiting | None:
        """Return a submission to grade, prepared, if there is one and a place for it."""
        if self._news.done():
            self._news = Future()  # first, since what arrives during the look is news again
            self._look()
            self._show_state(running)
        while waiting := self._line.next(running, self._journal.used()):
            with self._attention_to(waiting):
                self._begin(waiting)
            if waiting.started:
                return waiting
        if not running:
            self._close_writers()  # nobody is kept from moving or mending the gradebook
        return None

    def _observe(self) -> None:
        """Make news whenever something arrives, and every now and then."""
        while not self._stop.is_set():
            # Without the folder, or when the system has no more watches to give, we look without.
            with contextlib.suppress(Exception):
                for _ in watchfiles.watch(
                    self._exchange.inbound,
                    watch_filter=None,
                    debounce=100,
                    step=10,
                    stop_event=self._stop,
                    rust_timeout=int(1_000 * _LOOK_SECONDS),
                    yield_on_timeout=True,
                    raise_interrupt=False,
                    recursive=False,
                ):
                    self._stir()
            self._stop.wait(_LOOK_SECONDS)
            self._stir()

    def _stir(self) -> None:
        with contextlib.suppress(InvalidStateError):
            self._news.set_result(None)

    # Arrivals

    def _take_up(self) -> None:
        """See what earlier watchers, or other ways to grade, have left to do."""
        unfinished = self._journal.unfinished()
        is_new = not (self._done or unfinished)
        arrivals = [one for one in self._exchange.arrivals(self._done) if isinstance(one, Arrival)]
        for name in unfinished.difference(arrival.name for arrival in arrivals):
            self._end(Waiting(parsed(name), self._line.clock()), "gone")
        for course in self._courses.values():
            recorded = {}
            if (self._root / course.directory.submitted_directory).is_dir():
                submissions = {one.student: one for one in course.submissions()}
                students = course.recorded(submissions.values())
                recorded = {student: submissions[student] for student in students}
            for arrival in arrivals:
                mine = recorded.get(arrival.student)
                if mine is None or arrival.assignment != course.assignment_id:
                    continue
                secret = files.read_secret(self._exchange.inbound / arrival.name)
                same = secret and secret == files.read_secret(mine.folder)
                if same and arrival.name in unfinished:
                    self._line.waiting[arrival.name] = Waiting(
                        arrival, self._line.clock(), recorded=True
                    )
                elif is_new and (same or (mine.timestamp and arrival.submitted < mine.timestamp)):
                    self._journal.end("graded before", [arrival])
                    self._done.add(arrival.name)

    def _look(self) -> None:
        known = self._done | self._line.waiting.keys()
        try:
            found = list(self._exchange.arrivals(known))
        except OSError as error:
            self._say_problem("", f"{self._exchange.inbound} cannot be read: {error.strerror}")
            return
        self._problems.pop("", None)
        self._looked = time.time()
        odd = [one for one in found if not isinstance(one, Arrival)]
        self._done.update(one.name for one in odd)
        for one in odd[:_TOLD_AT_ONCE]:
            self._say(News("not-taken", f"{in_line(one.name)}: {one.reason}"))
        if len(odd) > _TOLD_AT_ONCE:
            self._say(News("not-taken", f"and {len(odd) - _TOLD_AT_ONCE} more"))
        arrivals = [one for one in found if isinstance(one, Arrival)]
        names = self._names() if arrivals else ()
        replaced = self._line.join(one for one in arrivals if one.assignment in names)
        try:
            self._journal.end("replaced", [one.arrival for one in replaced])
        except sqlite3.Error as error:  # they are found again by the next look
            self._say_problem("", f"the journal cannot be written: {error}")
            return
        self._done.update(one.arrival.name for one in replaced)
        for one in replaced[-_TOLD_AT_ONCE:]:
            text = (
                "You have submitted this assignment again before this submission was graded. The "
                "later one is graded in its place."
            )
            with self._attention_to(one):
                self._publish_notice(one, text)
                self._say_of(one, "replaced", text)

    # One submission

    @contextlib.contextmanager
    def _attention_to(self, waiting: Waiting) -> Iterator[None]:
        """Do something with a submission; if that fails, it is done again later."""
        name = waiting.arrival.name
        try:
            yield
        except Exception as error:  # whatever it is, it costs nobody else anything
            expected = isinstance(error, CourseError | AssignmentError | NotRecorded | OSError)
            reason = str(error) if expected else summary(error)
            self._say_problem(name, f"{in_line(name)}: {reason}")
            waiting.started = 0
            waiting.not_before = self._line.clock() + _RETRY_SECONDS

    def _begin(self, waiting: Waiting) -> None:
        """Prepare the grading of a submission, or do what is to be done in its place."""
        arrival = waiting.arrival
        course = self._course(arrival.assignment)
        if waiting.recorded:
            self._release(waiting, "it was graded before the watcher started again")
        elif self._exchange.timely_first and _comes_too_late(arrival, course):
            text = "It was handed in after the deadline, and an earlier one of yours counts."
            self._end(waiting, "late", text)
        elif (seconds := self._count(waiting, course)) > 0:
            self._hold(waiting, seconds)
        else:
            self._journal.start(arrival)
            try:
                submission = self._exchange.collect(arrival, course)
            except TakenBack:
                self._end(waiting, "gone")
                return
            waiting.submission = replace(submission, attempt=waiting.attempt)
            waiting.started = self._line.clock()

    def _count(self, waiting: Waiting, course: Course) -> float:
        """Say which attempt it is; return the seconds until it may be graded."""
        allowed = Grading(config=course.config).attempts_per_hour
        begun = self._journal.attempts(waiting.arrival)
        submitted = _in_words(waiting.arrival.submitted)
        waiting.attempt = Attempt(len(begun) + 1, submitted)
        if allowed is None:
            return 0
        now = time.time()
        recent = [start for start in begun if start > now - HOUR] + [now]
        again = recent[max(0, len(recent) - allowed - 1)] + HOUR
        waiting.attempt = replace(
            waiting.attempt,
            left=max(0, allowed - len(recent)),
            again=_in_words(datetime.fromtimestamp(again, UTC)),
        )
        return again - now if len(recent) > allowed else 0

    def _hold(self, waiting: Waiting, seconds: float) -> None:
        waiting.not_before = self._line.clock() + seconds
        if not waiting.held:
            when = waiting.attempt.again
            self._publish_notice(
                waiting,
                "You have had as many attempts as are graded within an hour. This submission is "
                f"kept, and is graded at {when} or soon after: you need not submit it again.",
            )
            self._say_of(waiting, "waits", f"until {when}")
            waiting.held = True

    def _submit(self, executor: Executor, waiting: Waiting) -> Future[Results]:
        course = self._courses[waiting.arrival.assignment]
        return start_grading(executor, course, waiting.submission)

    def _record(self, waiting: Waiting, future: Future[Results]) -> None:
        writer = self._writer(waiting.arrival.assignment)
        course = self._courses[waiting.arrival.assignment]
        outcome = record(course, writer, waiting.submission, future, self._workers.loss)
        if outcome.recorded:
            waiting.recorded = True
            self._release(waiting, outcome.in_words)
        elif future.exception():
            self._end(
                waiting,
                "failed",
                "It could not be graded, through no fault of yours. Your instructor has been told.",
                outcome.problem,
            )
        else:
            raise NotRecorded(outcome.problem)

    def _release(self, waiting: Waiting, result: str) -> None:
        """Let the student fetch the pages of what is recorded."""
        arrival = waiting.arrival
        pages = self._writer(arrival.assignment).feedback(arrival.student)
        if not self._exchange.publish(arrival, self._courses[arrival.assignment], pages):
            result += "; nobody can fetch the feedback, because the submission has no secret"
        self._end(waiting, "graded", said=result)

    def _end(self, waiting: Waiting, kind: str, page: str = "", said: str = "") -> None:
        """Nothing is left to do; a `page` says why to the student if there is no result."""
        arrival = waiting.arrival
        self._journal.end(kind, [arrival])
        self._done.add(arrival.name)
        self._line.waiting.pop(arrival.name, None)
        self._problems.pop(arrival.name, None)
        if page:
            try:
                self._publish_notice(waiting, page)
            except OSError as error:
                self._say_problem(arrival.name, f"{in_line(arrival.name)}: {error}")
        if kind == "graded":
            self._results.append((self._line.clock(), self._line.clock() - waiting.since))
        self._say_of(waiting, kind, said or page)

    def _publish_notice(self, waiting: Waiting, text: str) -> None:
        arrival, course = waiting.arrival, self._courses[waiting.arrival.assignment]
        page = render(
            "notice.html.j2",
            assignment=arrival.assignment,
            student=arrival.student,
            submitted=_in_words(arrival.submitted),
            text=text,
        )
        self._exchange.publish(arrival, course, dict.fromkeys(course.notebooks, page))

    # The course

    def _course(self, name: str) -> Course:
        """The assignment as it is now: instructors mend tests while students work."""
        course = self._courses.get(name)
        if course is None or _versions(course) != self._read[name]:
            course = Course(self._root, name)
            versions = _versions(course)
            self._calibrate(course)
            self._close_writers()
            self._courses[name], self._read[name] = course, versions
        return course

    def _writer(self, name: str) -> Writer:
        if name not in self._writers:
            self._writers[name] = Writer(self._courses[name])
        return self._writers[name]

    def _close_writers(self) -> None:
        while self._writers:
            self._writers.popitem()[1].close()

    # What the instructor sees

    def _say_of(self, waiting: Waiting, kind: str, text: str) -> None:
        arrival = waiting.arrival
        attempt = waiting.attempt.number if waiting.attempt else 0
        seconds = self._line.clock() - waiting.since if kind == "graded" else None
        self._say(News(kind, text, arrival.student, arrival.assignment, attempt, seconds))

    def _say_problem(self, what: str, text: str) -> None:
        if self._problems.get(what) != text:
            self._problems[what] = text
            self._say(News("problem", text))

    def _say(self, news: News) -> None:
        self._counts[news.kind] += 1
        self._view.news(news)

    def _show_state(self, running: Collection[Waiting]) -> None:
        now = self._line.clock()
        if now < self._shown + _SHOW_SECONDS:
            return
        self._shown = now
        still = [one for one in self._line.waiting.values() if not one.started]
        held = sum(one.held for one in still)
        lately = sum(at > now - _RATE_SECONDS for at, _ in self._results)
        state = State(
            os.getpid(),
            self._looked,
            next(iter(self._problems.values()), ""),
            len(still) - held,
            held,
            len(running),
            dict(self._counts),
            60 * lately / min(_RATE_SECONDS, max(1, now - self._began)),
            statistics.median(seconds for _, seconds in self._results) if self._results else 0,
        )
        self._view.state(state)
        health = self._root / files.STAGING / HEALTH
        new = health.with_suffix(".new")
        with contextlib.suppress(OSError):  # the disk is full, perhaps: that shows elsewhere
            new.write_text(json.dumps(asdict(state)))
            new.replace(health)


def _versions(course: Course) -> list[tuple[str, int, int]]:
    """What tells that an assignment or the configuration has changed."""
    source = course.folder(course.directory.source_directory, ".")
    paths = [course.root / "nbgrader_config.py", *sorted(source.rglob("*"))]
    states = [(str(path), path.stat()) for path in paths if path.is_file()]
    return [(path, state.st_mtime_ns, state.st_size) for path, state in states]


def _comes_too_late(arrival: Arrival, course: Course) -> bool:
    """Whether a deadline lies between this submission and one that was graded before."""
    with course.gradebook() as gradebook:
        try:
            deadline = gradebook.find_assignment(course.assignment_id).duedate
            earlier = gradebook.find_submission(course.assignment_id, arrival.student).timestamp
        except MissingEntry:
            return False
        return None not in (deadline, earlier) and earlier <= deadline < arrival.submitted


def _in_words(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
