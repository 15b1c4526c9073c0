"""Grade what arrives in the exchange as it arrives, and let students fetch the result.

A submission passes through these steps, and may be interrupted after each of them: it stands in the
exchange; the journal says that its grading begins; it is copied to ``submitted/``; the gradebook
has the result; its pages can be fetched; the journal says that nothing is left to do. A watcher
that starts again repeats what is not known to be done. All but grading happens in one thread.
"""

import contextlib
import itertools
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from nbgrader.api import MissingEntry

from autograder.course import events
from autograder.course.batch import record
from autograder.course.exchange import Arrival, Exchange, parsed
from autograder.course.folder import Course, CourseError
from autograder.course.journal import HOUR, Journal
from autograder.course.queue import Queue
from autograder.course.recorder import Recorder, feedback_pages
from autograder.course.work import Result
from autograder.course.workers import Workers
from autograder.facts import Attempt
from autograder.language import WORDS, fill
from autograder.submission import files
from autograder.templates import render
from autograder.text import UserError, counted, in_line, summary

HEALTH = ".health.json"
"""File in the folder ``.grading`` that says how a watcher is, renewed every second or so."""
NOTICES = WORDS["notices"]
"""What a student reads in the place of a result."""

_POLL_SECONDS = 0.1
_SHARE = 20  # of the time, at most one part of so many is spent on polling
_AT_ONCE = 1_000  # new names that one poll takes up
_RETRY_SECONDS = 30
_NAMED = 20  # of what one poll finds: unknown assignments, and students whose work was replaced
_HEALTH_SECONDS = 1


class Watcher:
    """Grades a course for as long as it runs; `names` says which assignments it has now."""

    def __init__(self, root: Path, names: Callable[[], Collection[str]], workers: Workers) -> None:
        self._root = root
        self._names = names
        self._workers = workers
        # By name, with the versions of its files; without the course if that cannot be used.
        self._courses: dict[str, tuple[object, Course | None]] = {}
        self._recorders: dict[Course, Recorder] = {}  # open as long as something is in work
        self._queue = Queue()
        self._stop = threading.Event()
        self._refused: set[str] = set()
        self._unknown: set[str] = set()  # submissions to assignments that the course does not have
        self._known_names: set[str] = set()
        self._problems: dict[str, str] = {}
        self._polled = time.time()
        self._poll_at = self._health_at = 0.0
        self._counts: Counter[str] = Counter()

    def stop(self) -> None:
        """Let `run` return soon. What is being graded is graded again by the next watcher."""
        self._stop.set()

    def run(self) -> None:
        """Grade until somebody stops it; the caller holds the lock of the folder, and the workers.

        Raises `CourseError` if there is no exchange, or no assignment that can be used, and
        `WorkersLost`.
        """
        staging = self._root / files.STAGING
        some_course = Course(self._root, next(iter(self._names())))
        self._exchange = Exchange(some_course)
        with some_course.gradebook() as gradebook:
            generated = {entry.name for entry in gradebook.assignments}
        usable = []
        for name in generated.intersection(self._names()):
            with self._reporting(name):
                usable.append(self._course(name))
        if generated and not usable:
            raise CourseError(next(iter(self._problems.values())))
        self._journal = Journal(staging / ".journal.sqlite")
        with contextlib.closing(self._journal), contextlib.ExitStack() as stack:
            stack.callback(self._close_recorders)
            self._resume(usable)
            while not self._stop.is_set():
                if self._queue.clock() >= self._poll_at:
                    with self._reporting("the exchange"):
                        self._poll()
                with self._reporting("the queue"):
                    self._start_next()
                if self._workers.items:
                    for arrival, future in self._workers.finished(_POLL_SECONDS):
                        with self._reporting(arrival.name):
                            self._record(arrival, future)
                else:
                    with self._reporting("the gradebook"):
                        self._close_recorders()
                    self._stop.wait(_POLL_SECONDS)
                self._write_health(len(self._workers.items))
        (staging / HEALTH).unlink(missing_ok=True)

    @contextlib.contextmanager
    def _reporting(self, what: str) -> Iterator[None]:
        """Do something, with the arrival of this name perhaps; what fails is done again later."""
        try:
            yield
        except Exception as error:  # whatever it is, it costs nobody else anything
            expected = isinstance(error, UserError | OSError)
            problem = f"{in_line(what)}: {str(error) if expected else summary(error)}"
            if self._problems.get(what) != problem:
                self._log("problem", problem)
            self._problems[what] = problem
            if arrival := self._queue.arrivals.get(what):
                arrival.started = 0
                arrival.not_before = self._queue.clock() + _RETRY_SECONDS
        else:
            if what not in self._queue.arrivals:
                self._problems.pop(what, None)

    # Arrivals

    def _resume(self, courses: Iterable[Course]) -> None:
        """Find out what earlier watchers, or other ways to grade, have left to do."""
        unfinished, inbound = self._journal.unfinished, self._exchange.inbound
        is_first = not (self._journal.ended or unfinished)
        arrivals = [one for one in self._exchange.arrivals(self._is_known) if not one.refusal]
        for name in unfinished:
            if not os.path.lexists(inbound / name):
                self._end(parsed(name) or Arrival(name), "gone")
        for course in courses:
            submissions = {}
            if (self._root / course.directory.submitted_directory).is_dir():
                submissions = {one.student: one for one in course.submissions()}
            recorded = course.recorded(submissions.values())
            for arrival in arrivals:
                if arrival.student not in recorded or arrival.assignment != course.assignment_id:
                    continue
                mine = submissions[arrival.student]
                secret = files.read_secret(inbound / arrival.name)
                same = secret and secret == files.read_secret(mine.folder)
                if same and arrival.name in unfinished:
                    arrival.recorded = True
                    self._queue.arrivals[arrival.name] = arrival
                elif is_first and (same or (mine.timestamp and arrival.submitted < mine.timestamp)):
                    self._journal.end("graded before", [arrival])

    def _poll(self) -> None:
        """Take up what has arrived; in a large folder, less often."""
        began = self._queue.clock()
        self._poll_at = began + 1  # if this fails
        found = list(itertools.islice(self._exchange.arrivals(self._is_known), _AT_ONCE))
        for one in found:
            if one.refusal:
                self._refused.add(one.name)
                self._log("not-taken", f"{in_line(one.name)}: {one.refusal}")
        arrivals = [one for one in found if not one.refusal]
        if arrivals or self._unknown:
            self._add_to_queue(arrivals)
        self._polled = time.time()
        self._poll_at = began + _SHARE * (self._queue.clock() - began)

    def _is_known(self, name: str) -> bool:
        sets = self._journal.ended, self._refused, self._unknown, self._queue.arrivals
        return any(name in names for names in sets)

    def _add_to_queue(self, arrivals: list[Arrival]) -> None:
        names = set(self._names())
        if names != self._known_names:  # an instructor has made an assignment, or renamed one
            self._known_names = names
            self._unknown.clear()
        unknown = [one for one in arrivals if one.assignment not in names]
        self._unknown.update(one.name for one in unknown)
        if unknown:
            assignments = sorted({in_line(one.assignment) for one in unknown})
            what, some = counted(len(unknown), "submission"), ", ".join(assignments[:_NAMED])
            self._log("not-taken", f"{what} to no assignment of this course (yet): {some}")
        replaced = self._queue.add(one for one in arrivals if one.assignment in names)
        self._journal.end("replaced", replaced)
        for one in replaced[-_NAMED:]:
            with self._reporting(one.name):
                self._publish_notice(one, NOTICES["replaced"])
            self._log("replaced", NOTICES["replaced"], one)

    # One submission

    def _start_next(self) -> None:
        """Let workers begin what is next, as long as they have room."""
        while self._workers.has_room(slots := self._workers.count()):
            used, students = self._journal.used(), self._journal.students
            arrival = self._queue.next(self._workers.items, slots, used, students)
            if arrival is None:
                return
            with self._reporting(arrival.name):
                self._begin(arrival)

    def _begin(self, arrival: Arrival) -> None:
        """Start the grading of a submission, or do what is to be done in its place."""
        course = self._course(arrival.assignment)
        if arrival.recorded:
            self._release(arrival, course, "it was graded before the watcher started again")
            return
        if self._exchange.timely_first and _comes_too_late(arrival, course):
            self._end(arrival, "late", NOTICES["late"])
            return
        if not self._may_begin(arrival, course):
            return
        self._journal.start(arrival)
        arrival.course = course
        if not self._exchange.collect(arrival, course):
            self._end(arrival, "gone")
            return
        course.run_hook("pre", arrival.submission)
        arrival.started = self._queue.clock()
        self._workers.start(arrival, course.grader(), arrival.files, arrival.attempt)

    def _may_begin(self, arrival: Arrival, course: Course) -> bool:
        """Count an attempt, which may have to wait because there were too many within the hour."""
        allowed = course.grading.attempts_per_hour
        begun = self._journal.attempts(arrival)
        arrival.attempt = Attempt(len(begun) + 1, _in_words(arrival.submitted))
        if allowed is None:
            return True
        now = time.time()
        recent = [start for start in begun if start > now - HOUR] + [now]
        again = recent[max(0, len(recent) - allowed - 1)] + HOUR
        when, left = _in_words(datetime.fromtimestamp(again, UTC)), allowed - len(recent)
        arrival.attempt = replace(arrival.attempt, left=max(0, left), again=when)
        if left >= 0:
            return True
        arrival.not_before = self._queue.clock() + again - now
        if not arrival.held:
            self._publish_notice(arrival, NOTICES["waits"], time=when)
            self._log("waits", f"until {when}", arrival)
            arrival.held = True
        return False

    def _record(self, arrival: Arrival, future: Future[dict[str, Result]]) -> None:
        course = arrival.course
        recorder = self._recorders.get(course) or Recorder(course)
        self._recorders[course] = recorder
        outcome = record(recorder, arrival.submission, arrival.files, future, self._workers.loss)
        if outcome.recorded:
            arrival.recorded = True
            self._release(arrival, course, outcome.in_words)
        elif future.exception():
            self._end(arrival, "failed", NOTICES["failed"], outcome.problem)
        else:
            raise UserError(outcome.problem)

    def _close_recorders(self) -> None:
        while self._recorders:
            self._recorders.popitem()[1].close()

    def _release(self, arrival: Arrival, course: Course, result: str) -> None:
        """Let the student fetch the pages of what is recorded."""
        if not self._exchange.publish(arrival, course, feedback_pages(course, arrival.student)):
            result += "; nobody can fetch the feedback, because the submission has no secret"
        self._end(arrival, "graded", logged=result)

    def _end(self, arrival: Arrival, kind: str, page: str = "", logged: str = "") -> None:
        """Nothing is left to do; a `page` says why to the student if there is no result."""
        self._journal.end(kind, [arrival])
        self._queue.arrivals.pop(arrival.name, None)
        if page:
            with self._reporting(arrival.name):
                self._publish_notice(arrival, page)
        self._log(kind, logged or page, arrival)

    def _publish_notice(self, arrival: Arrival, text: str, **fields: str) -> None:
        course = self._course(arrival.assignment)
        page = render(
            "notice.html.j2",
            course.words,
            assignment=arrival.assignment,
            student=arrival.student,
            submitted=_in_words(arrival.submitted),
            text=fill(course.words.pgettext("notice", text), fields),
        )
        self._exchange.publish(arrival, course, dict.fromkeys(course.notebooks, page))

    # The course

    def _course(self, name: str) -> Course:
        """The assignment as it is now: instructors mend tests while students work."""
        versions, course = self._courses.get(name, (None, None))
        new = course or Course(self._root, name)
        if versions != _versions(new):
            new = Course(self._root, name)
            self._courses[name] = _versions(new), None
            new.calibrate(self._workers.starmap)
            self._courses[name] = self._courses[name][0], new
        elif course is None:  # to try it takes seconds, which are everybody's
            raise CourseError(f"{name} cannot be used before it is mended.")
        return new

    # What the instructor sees

    def _log(self, kind: str, text: str, about: Arrival | None = None) -> None:
        self._counts[kind] += 1
        events.log(kind, text, about, self._queue.clock())

    def _write_health(self, running: int) -> None:
        now = self._queue.clock()
        if now < self._health_at:
            return
        self._health_at = now + _HEALTH_SECONDS
        still = [one for one in self._queue.arrivals.values() if not one.started]
        held = sum(one.held for one in still)
        state = {
            "pid": os.getpid(),
            "looked": self._polled,
            "problem": next(iter(self._problems.values()), ""),
            "waiting": len(still) - held,
            "held": held,
            "running": running,
            "counts": self._counts,
        }
        health = self._root / files.STAGING / HEALTH
        with contextlib.suppress(OSError):  # the disk is full, perhaps: that shows elsewhere
            new = health.with_suffix(".new")
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
