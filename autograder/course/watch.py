"""Grade what arrives in the exchange as it arrives, and let students fetch the result.

A submission passes through these steps, and may be interrupted after each of them: it stands in the
exchange; the journal says that its grading begins; it is copied to ``submitted/``; the gradebook
has the result; its pages can be fetched; the journal says that nothing is left to do. A watcher
that starts again repeats what is not known to be done. All but grading happens in one thread.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import statistics
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from nbgrader.api import MissingEntry

from autograder.config import Grading
from autograder.course import events
from autograder.course.batch import record, start_grading
from autograder.course.exchange import Arrival, Exchange, Withdrawn, parsed
from autograder.course.folder import Course, CourseError
from autograder.course.journal import HOUR, Journal
from autograder.course.queue import Queue
from autograder.course.recorder import NotRecorded, Recorder, feedback_pages
from autograder.course.workers import Pool, Workers
from autograder.facts import Attempt
from autograder.grading.run import Graded
from autograder.submission import files
from autograder.templates import render
from autograder.text import UserError, counted, in_line, summary

HEALTH = ".health.json"
"""File in the folder ``.grading`` that says how a watcher is, renewed every second or so."""

_POLL_SECONDS = 0.1
_SHARE = 20  # of the time, at most one part of so many is spent on polling
_AT_ONCE = 1_000  # new names that one poll takes up
_RETRY_SECONDS = 30
_LOGGED_AT_ONCE = 20  # of what one poll has found
_HEALTH_SECONDS = 1
_RATE_SECONDS = 300
_LATEST = 200  # results of which the health file tells the time


class Watcher:
    """Grades a course for as long as it runs.

    `names` says which assignments it has now, and `calibrate` lets one be calibrated.
    """

    def __init__(
        self,
        root: Path,
        names: Callable[[], Collection[str]],
        workers: Workers,
        *,
        calibrate: Callable[[Course], None],
    ) -> None:
        self._root = root
        self._names = names
        self._workers = workers
        self._calibrate = calibrate
        self._courses: dict[str, Course] = {}
        self._versions: dict[str, object] = {}  # of the files that these were made of
        self._failed: dict[str, object] = {}  # the same, where calibration fails
        self._queue = Queue()
        self._stop = threading.Event()
        self._unknown: set[str] = set()  # submissions to assignments that the course does not have
        self._known_names: set[str] = set()
        self._problems: dict[str, str] = {}
        self._polled = time.time()
        self._poll_at = 0.0
        self._began = self._health_at = self._queue.clock()
        self._counts: Counter[str] = Counter()
        self._results: deque[tuple[float, float]] = deque(maxlen=_LATEST)

    def stop(self) -> None:
        """Let `run` return soon. What is being graded is graded again by the next watcher."""
        self._stop.set()

    def run(self) -> None:
        """Grade until somebody stops it; the caller holds the course folder's lock.

        Raises `CourseError` if there is no exchange, or no assignment that can be used, and
        `WorkersLost`.
        """
        staging = self._root / files.STAGING
        for left_over in staging.glob(".collected-*"):
            shutil.rmtree(left_over)
        some_course = Course(self._root, next(iter(self._names())))
        self._exchange = Exchange(some_course)
        with some_course.gradebook() as gradebook:
            generated = {entry.name for entry in gradebook.assignments}
        for name in generated.intersection(self._names()):
            with self._reporting(name):
                self._course(name)
        if generated and not self._courses:
            raise CourseError(next(iter(self._problems.values())))
        with contextlib.ExitStack() as resources:
            self._journal = Journal(staging / ".journal.sqlite")
            resources.callback(self._journal.close)
            self._done = self._journal.ended()
            self._resume()
            pool = resources.enter_context(Pool(self._workers))
            while not self._stop.is_set():
                if self._queue.clock() >= self._poll_at:
                    with self._reporting("the exchange"):
                        self._poll()
                with self._reporting("the queue"):
                    self._start_next(pool)
                if pool.items:
                    for arrival, future in pool.finished(_POLL_SECONDS):
                        with self._reporting(arrival.name):
                            self._record(arrival, future)
                else:
                    self._stop.wait(_POLL_SECONDS)
                self._write_health(len(pool.items))
            (staging / HEALTH).unlink(missing_ok=True)

    @contextlib.contextmanager
    def _reporting(self, what: str) -> Iterator[None]:
        """Do something, with the arrival of this name perhaps; what fails is done again later."""
        try:
            yield
        except Exception as error:  # whatever it is, it costs nobody else anything
            expected = isinstance(error, UserError | NotRecorded | OSError)
            reason = str(error) if expected else summary(error)
            self._log_problem(what, f"{in_line(what)}: {reason}")
            if arrival := self._queue.arrivals.get(what):
                arrival.started = 0
                arrival.not_before = self._queue.clock() + _RETRY_SECONDS
        else:
            if what not in self._queue.arrivals:
                self._problems.pop(what, None)

    # Arrivals

    def _resume(self) -> None:
        """Find out what earlier watchers, or other ways to grade, have left to do."""
        unfinished = self._journal.unfinished()
        is_new = not (self._done or unfinished)
        found = self._exchange.arrivals(self._done.__contains__)
        arrivals = [one for one in found if not one.refusal]
        for name in unfinished:
            if not os.path.lexists(self._exchange.inbound / name):
                self._end(parsed(name) or Arrival(name), "gone")
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
                    arrival.recorded = True
                    self._queue.arrivals[arrival.name] = arrival
                elif is_new and (same or (mine.timestamp and arrival.submitted < mine.timestamp)):
                    self._journal.end("graded before", [arrival])
                    self._done.add(arrival.name)

    def _poll(self) -> None:
        """Take up what has arrived; in a large folder, less often."""
        began = self._queue.clock()
        self._poll_at = began + 1  # if this fails
        found = itertools.islice(self._exchange.arrivals(self._is_known), _AT_ONCE)
        self._take_up(list(found))
        self._polled = time.time()
        self._poll_at = began + _SHARE * (self._queue.clock() - began)

    def _is_known(self, name: str) -> bool:
        return name in self._done or name in self._unknown or name in self._queue.arrivals

    def _take_up(self, found: list[Arrival]) -> None:
        refused = [one for one in found if one.refusal]
        arrivals = [one for one in found if not one.refusal]
        if arrivals or self._unknown:
            names = set(self._names())
            if names != self._known_names:  # an instructor has made an assignment, or renamed one
                self._known_names = names
                self._unknown.clear()
            self._add_to_queue([one for one in arrivals if one.assignment in names])
            strange = [one for one in arrivals if one.assignment not in names]
            self._unknown.update(one.name for one in strange)
            if strange:
                assignments = sorted({in_line(one.assignment) for one in strange})
                what = counted(len(strange), "submission")
                some = ", ".join(assignments[:_LOGGED_AT_ONCE])
                self._log("not-taken", f"{what} to no assignment of this course (yet): {some}")
        self._done.update(one.name for one in refused)
        for one in refused[:_LOGGED_AT_ONCE]:
            self._log("not-taken", f"{in_line(one.name)}: {one.refusal}")
        if len(refused) > _LOGGED_AT_ONCE:
            self._log("not-taken", f"and {len(refused) - _LOGGED_AT_ONCE} more")

    def _add_to_queue(self, arrivals: list[Arrival]) -> None:
        replaced = self._queue.add(arrivals)
        self._journal.end("replaced", replaced)
        self._done.update(one.name for one in replaced)
        for one in replaced[-_LOGGED_AT_ONCE:]:
            text = (
                "You have submitted this assignment again before this submission was graded. The "
                "later one is graded in its place."
            )
            with self._reporting(one.name):
                self._publish_notice(one, text)
            self._log("replaced", text, one)

    # One submission

    def _start_next(self, pool: Pool) -> None:
        """Let workers begin what is next, as long as they have room."""
        while pool.has_room(slots := self._workers.count()):
            used, students = self._journal.used(), self._journal.students
            arrival = self._queue.next(pool.items, slots, used, students)
            if arrival is None:
                return
            with self._reporting(arrival.name):
                self._begin(arrival, pool)

    def _begin(self, arrival: Arrival, pool: Pool) -> None:
        """Start the grading of a submission, or do what is to be done in its place."""
        course = self._course(arrival.assignment)
        if arrival.recorded:
            self._release(arrival, "it was graded before the watcher started again")
            return
        if self._exchange.timely_first and _comes_too_late(arrival, course):
            text = "It was handed in after the deadline, and an earlier one of yours counts."
            self._end(arrival, "late", text)
            return
        arrival.attempt, seconds = self._attempt(arrival, course)
        if seconds > 0:
            self._hold(arrival, seconds)
            return
        self._journal.start(arrival)
        try:
            arrival.submission, arrival.files = self._exchange.collect(arrival, course)
        except Withdrawn:
            self._end(arrival, "gone")
            return
        course.run_hook("pre", arrival.submission)
        arrival.started = self._queue.clock()
        start_grading(pool, arrival, course, arrival.files, attempt=arrival.attempt)

    def _attempt(self, arrival: Arrival, course: Course) -> tuple[Attempt, float]:
        """Which attempt it is, and the seconds until it may be graded."""
        allowed = Grading(config=course.config).attempts_per_hour
        begun = self._journal.attempts(arrival)
        attempt = Attempt(len(begun) + 1, _in_words(arrival.submitted))
        if allowed is None:
            return attempt, 0
        now = time.time()
        recent = [start for start in begun if start > now - HOUR] + [now]
        again = recent[max(0, len(recent) - allowed - 1)] + HOUR
        when = _in_words(datetime.fromtimestamp(again, UTC))
        attempt = replace(attempt, left=max(0, allowed - len(recent)), again=when)
        return attempt, again - now if len(recent) > allowed else 0

    def _hold(self, arrival: Arrival, seconds: float) -> None:
        arrival.not_before = self._queue.clock() + seconds
        if not arrival.held:
            when = arrival.attempt.again
            self._publish_notice(
                arrival,
                "You have had as many attempts as are graded within an hour. This submission is "
                f"kept, and is graded at {when} or soon after: you need not submit it again.",
            )
            self._log("waits", f"until {when}", arrival)
            arrival.held = True

    def _record(self, arrival: Arrival, future: Future[dict[str, Graded]]) -> None:
        course = self._courses[arrival.assignment]
        with contextlib.closing(Recorder(course)) as recorder:
            outcome = record(
                recorder, arrival.submission, arrival.files, future, self._workers.loss
            )
        if outcome.recorded:
            arrival.recorded = True
            self._release(arrival, outcome.in_words)
        elif future.exception():
            self._end(
                arrival,
                "failed",
                "It could not be graded, through no fault of yours. Your instructor has been told.",
                outcome.problem,
            )
        else:
            raise NotRecorded(outcome.problem)

    def _release(self, arrival: Arrival, result: str) -> None:
        """Let the student fetch the pages of what is recorded."""
        course = self._courses[arrival.assignment]
        if not self._exchange.publish(arrival, course, feedback_pages(course, arrival.student)):
            result += "; nobody can fetch the feedback, because the submission has no secret"
        self._end(arrival, "graded", logged=result)

    def _end(self, arrival: Arrival, kind: str, page: str = "", logged: str = "") -> None:
        """Nothing is left to do; a `page` says why to the student if there is no result."""
        self._journal.end(kind, [arrival])
        self._done.add(arrival.name)
        self._queue.arrivals.pop(arrival.name, None)
        if page:
            with self._reporting(arrival.name):
                self._publish_notice(arrival, page)
        if kind == "graded":
            now = self._queue.clock()
            self._results.append((now, now - arrival.since))
        self._log(kind, logged or page, arrival)

    def _publish_notice(self, arrival: Arrival, text: str) -> None:
        course = self._course(arrival.assignment)
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
        if course is None or _versions(course) != self._versions[name]:
            course = Course(self._root, name)
            versions = _versions(course)
            if self._failed.get(name) == versions:  # to try it takes seconds, which are everybody's
                raise CourseError(f"{name} cannot be used before it is mended.")
            self._failed[name] = versions
            self._calibrate(course)
            self._courses[name], self._versions[name] = course, self._failed.pop(name)
        return course

    # What the instructor sees

    def _log_problem(self, what: str, text: str) -> None:
        if self._problems.get(what) != text:
            self._problems[what] = text
            self._log("problem", text)

    def _log(self, kind: str, text: str, about: Arrival | None = None) -> None:
        self._counts[kind] += 1
        if about is None:
            events.log(kind, text)
            return
        attempt = about.attempt.number if about.attempt else 0
        seconds = self._queue.clock() - about.since if kind == "graded" else None
        events.log(kind, text, about.student, about.assignment, attempt, seconds)

    def _write_health(self, running: int) -> None:
        now = self._queue.clock()
        if now < self._health_at:
            return
        self._health_at = now + _HEALTH_SECONDS
        still = [one for one in self._queue.arrivals.values() if not one.started]
        held = sum(one.held for one in still)
        lately = sum(at > now - _RATE_SECONDS for at, _ in self._results)
        minutes = min(_RATE_SECONDS, max(1, now - self._began)) / 60
        seconds = [seconds for _, seconds in self._results]
        state = {
            "pid": os.getpid(),
            "looked": self._polled,
            "problem": next(iter(self._problems.values()), ""),
            "waiting": len(still) - held,
            "held": held,
            "running": running,
            "counts": self._counts,
            "per_minute": lately / minutes,
            "seconds": statistics.median(seconds) if seconds else 0,
        }
        health = self._root / files.STAGING / HEALTH
        new = health.with_suffix(".new")
        with contextlib.suppress(OSError):  # the disk is full, perhaps: that shows elsewhere
            new.write_text(json.dumps(state))
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
