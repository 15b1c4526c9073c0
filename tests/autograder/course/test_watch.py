"""Submissions in the exchange are graded as they arrive, once each, and in a fair order."""

import getpass
import itertools
import json
import logging
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import Future
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from autograder.cli import main
from autograder.course import events
from autograder.course import watch as watch_module
from autograder.course.batch import grade_course, new_submissions, only_grader
from autograder.course.exchange import Exchange
from autograder.course.folder import Course
from autograder.course.journal import HOUR, Journal
from autograder.course.queue import Queue
from autograder.course.recorder import Recorder
from autograder.course.watch import HEALTH, Watcher
from autograder.course.workers import Workers
from autograder.submission import files
from lesson.results import newest_result
from tests.support import courses
from tests.support.courses import ASSIGNMENT

NOON = datetime(2026, 3, 2, 12)


@pytest.fixture
def exchange(course: Path) -> Path:
    """The exchange of a course, in which students find the assignment."""
    return courses.make_exchange(course)


class Watching(logging.Handler):
    """Stops the watcher once it has logged enough."""

    def __init__(self, course: Path, workers: Workers, enough: int, names=(ASSIGNMENT,)):
        super().__init__()
        self.logged: list[SimpleNamespace] = []
        self._enough = enough
        self._watcher = Watcher(course, lambda: names, workers)
        late = threading.Timer(120, self._watcher.stop)
        late.start()
        events.LOGGER.setLevel(logging.INFO)
        events.LOGGER.addHandler(self)
        try:
            with only_grader(course), workers:
                self._watcher.run()
        finally:
            events.LOGGER.removeHandler(self)
            late.cancel()

    def emit(self, record):
        self.seen(SimpleNamespace(**record.fields))

    def seen(self, event):
        self.logged.append(event)
        if len(self.logged) >= self._enough:
            self._watcher.stop()

    def kinds(self):
        return [(event.student, event.kind) for event in self.logged]


def watch(course, result, enough):
    return Watching(course, courses.canned_workers(result), enough)


def feedback(exchange, secret):
    return courses.fetched(exchange, secret)


def text_of(page):
    return re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]*>|&nbsp;", " ", page, flags=re.S))


# From submission to feedback


def test_a_submission_is_graded_and_its_student_can_fetch_the_page(course, exchange, right_result):
    courses.submit(exchange, "ada", NOON)
    view = watch(course, right_result, 1)
    assert view.kinds() == [("ada", "graded")]
    assert view.logged[0].attempt == 1 and view.logged[0].seconds > 0
    assert courses.scores(course) == {"ada": [10, 10, 10]}
    page = text_of(feedback(exchange, "ada-secret"))
    assert "30 of 30 points" in page
    assert "Attempt 1, submitted 2026-03-02 12:00:00 UTC." in page
    assert "4 more attempts can be graded before" in page
    assert courses.submission_path(course, "ada").exists()


def test_what_is_right_and_wrong_is_found_out_by_the_workers_of_grade(course, exchange, capsys):
    he = "def initialize_parameters_he(layers_dims):\n    return {}"
    courses.submit(exchange, "ada", NOON, content=courses.filled_in(exchange, courses.answers()))
    courses.submit(
        exchange, "bela", NOON, content=courses.filled_in(exchange, courses.answers(he=he))
    )
    with courses.watching(course) as (process, lines):
        assert {next(lines)["student"], next(lines)["student"]} == {"ada", "bela"}
        assert json.loads((course / files.STAGING / HEALTH).read_text())["pid"] == process.pid
        assert main(["grade", "--course", str(course)]) == 2  # a second grader is refused
        assert main(["watch", "--course", str(course)]) == 2
        assert "Another grader is working on" in capsys.readouterr().err
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert not (course / files.STAGING / HEALTH).exists()
    assert courses.scores(course) == {"ada": [10, 10, 10], "bela": [10, 10, 0]}


def test_a_late_submission_is_marked_as_nbgrader_does(course, exchange, right_result):
    with Course(course, ASSIGNMENT).gradebook() as gradebook:
        gradebook.find_assignment(ASSIGNMENT).duedate = NOON
        gradebook.db.commit()
    courses.submit(exchange, "ada", NOON + timedelta(hours=1))
    watch(course, right_result, 1)
    with Course(course, ASSIGNMENT).gradebook() as gradebook:
        late = gradebook.find_submission(ASSIGNMENT, "ada").total_seconds_late
    assert late == 3600


def test_a_late_one_does_not_replace_a_timely_one_if_the_course_says_so(
    course, exchange, right_result
):
    with open(course / "nbgrader_config.py", "a") as config:
        config.write("\nc.ExchangeCollect.before_duedate = True\n")
    with Course(course, ASSIGNMENT).gradebook() as gradebook:
        gradebook.find_assignment(ASSIGNMENT).duedate = NOON
        gradebook.db.commit()
    courses.submit(exchange, "ada", NOON)
    assert watch(course, right_result, 1).kinds() == [("ada", "graded")]
    courses.submit(exchange, "ada", NOON + timedelta(seconds=1), secret="second")
    assert watch(course, right_result, 1).kinds() == [("ada", "late")]
    assert "after the deadline" in text_of(feedback(exchange, "second"))


def test_what_was_graded_before_the_first_watcher_is_left_alone(course, exchange, right_result):
    courses.submit(exchange, "ada", NOON)
    courses.submit(exchange, "ada", NOON - timedelta(hours=1), secret="older")
    shutil.copytree(
        exchange / "inbound" / courses.inbound_name("ada", NOON),
        course / "submitted" / "ada" / ASSIGNMENT,
    )
    nbgrader = Course(course, ASSIGNMENT)
    workers = courses.canned_workers(right_result)
    grade_course(nbgrader, new_submissions(nbgrader), workers)
    courses.submit(exchange, "bela", NOON)
    assert watch(course, right_result, 1).kinds() == [("bela", "graded")]
    assert feedback(exchange, "ada-secret") is feedback(exchange, "older") is None


# Nothing lost, nothing twice


class Killed(BaseException):
    """In the place of kill -9: nothing that follows is done."""


STEPS = {
    "before its grading is noted": (Journal, "start"),
    "before it is collected": (Exchange, "collect"),
    "before it is recorded": (Recorder, "record"),
    "before its page is made": (watch_module, "feedback_pages"),
    "before its page is published": (Exchange, "publish"),
    "before it is noted as done": (Journal, "end"),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_killed_watcher_loses_nothing_and_does_nothing_twice(
    course, exchange, right_result, monkeypatch, step
):
    courses.submit(exchange, "ada", NOON)
    recorded = count_calls(monkeypatch, Recorder, "_write_rows")
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(*STEPS[step], die)
        watch(course, right_result, 1)
    assert watch(course, right_result, 1).kinds() == [("ada", "graded")]
    assert len(recorded) == 1
    assert "30 of 30 points" in text_of(feedback(exchange, "ada-secret"))
    courses.submit(exchange, "ada", NOON + timedelta(hours=1), secret="second")
    assert [event.attempt for event in watch(course, right_result, 1).logged] == [2]
    assert [path.name for path in (course / files.STAGING).iterdir() if path.is_dir()] == []


def die(*arguments):
    raise Killed


def count_calls(monkeypatch, owner, name):
    calls = []
    original = getattr(owner, name)

    def counting(*arguments, **options):
        calls.append(arguments)
        return original(*arguments, **options)

    monkeypatch.setattr(owner, name, counting)
    return calls


def test_a_watcher_that_is_really_killed_is_followed_by_another_one(course, exchange):
    right = courses.filled_in(exchange, courses.answers())
    for number in range(2):
        courses.submit(exchange, f"s{number}", NOON, content=right)
    with courses.watching(course) as (process, lines):
        next(lines)
        process.kill()
    with courses.watching(course) as (process, lines):
        told = list(itertools.takewhile(lambda _: len(courses.scores(course)) < 2, lines))
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    assert courses.scores(course) == {f"s{number}": [10, 10, 10] for number in range(2)}
    assert {news["kind"] for news in told} <= {"graded"}


def test_a_locked_gradebook_costs_time_and_nothing_else(
    course, exchange, right_result, monkeypatch
):
    """As when Formgrader writes for a long time."""
    monkeypatch.setattr("autograder.course.watch._RETRY_SECONDS", 0.01)
    monkeypatch.setattr("autograder.course.folder._LOCKED_SECONDS", 0.01)
    lock = sqlite3.connect(course / "gradebook.db", isolation_level=None)
    start = Journal.start

    def locking(journal, arrival):
        start(journal, arrival)
        if not unlocked:
            lock.execute("BEGIN EXCLUSIVE")

    class Unlocking(Watching):
        def seen(self, event):
            if event.kind == "problem":
                unlocked.append(event)
                lock.rollback()
            super().seen(event)

    unlocked = []
    monkeypatch.setattr(Journal, "start", locking)
    courses.submit(exchange, "ada", NOON)
    view = Unlocking(course, courses.canned_workers(right_result), 2)
    lock.close()
    assert [event.kind for event in view.logged] == ["problem", "graded"]
    assert "database is locked" in view.logged[0].text
    assert courses.scores(course) == {"ada": [10, 10, 10]}


def test_a_burst_opens_the_gradebook_once_and_a_replaced_one_loses_nothing(
    course, exchange, right_result, monkeypatch
):
    monkeypatch.setattr("autograder.course.watch._RETRY_SECONDS", 0.01)
    opened = count_calls(monkeypatch, Recorder, "__init__")
    for student in ("ada", "bela"):
        courses.submit(exchange, student, NOON)
    assert len(watch(course, right_result, 2).logged) == 2 and len(opened) == 1

    class Replacing(Watching):
        def seen(self, event):
            if not self.logged:  # an instructor has put an older copy in its place
                shutil.copy(course / "gradebook.db", course / "copy.db")
                (course / "copy.db").replace(course / "gradebook.db")
            super().seen(event)

    for student in ("chidi", "dilan"):
        courses.submit(exchange, student, NOON)
    view = Replacing(course, courses.canned_workers(right_result), 3)
    assert [event.kind for event in view.logged] == ["graded", "problem", "graded"]
    assert courses.scores(course) == dict.fromkeys(("ada", "bela", "chidi", "dilan"), [10] * 3)


def test_a_failing_grader_costs_its_submission_only(course, exchange, right_result):
    class Broken(courses.Canned):
        def submit(self, function, *arguments):
            future = super().submit(function, *arguments)
            if b"bela" in getattr(arguments[0], "notebooks", {}).values():
                future = Future()
                future.set_exception(RuntimeError("out of cheese"))
            return future

    for student in ("ada", "bela"):
        courses.submit(exchange, student, NOON, content=student.encode())
    workers = Workers(make_executor=lambda: Broken(right_result), count=lambda: 2)
    view = Watching(course, workers, 2)
    assert sorted(view.kinds()) == [("ada", "graded"), ("bela", "failed")]
    assert "out of cheese" in next(event.text for event in view.logged if event.kind == "failed")
    page = text_of(feedback(exchange, "bela-secret"))
    assert "through no fault of yours" in page and "cheese" not in page


CALLS = [
    (Exchange, "arrivals"),
    (Exchange, "collect"),
    (Exchange, "publish"),
    (Journal, "used"),
    (Journal, "attempts"),
    (Journal, "start"),
    (Journal, "end"),
    (Queue, "add"),
    (Queue, "next"),
    (Course, "read"),
    (Course, "run_hook"),
    (Workers, "start"),
    (Recorder, "record"),
    (watch_module, "record"),
    (watch_module, "feedback_pages"),
    (watch_module, "render"),
    (watch_module, "_versions"),
    (files, "write_into"),
]


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call[1])
def test_an_exception_at_any_call_of_the_loop_ends_nothing(
    course, exchange, right_result, monkeypatch, call
):
    """Two submissions of Ada, so that one of them is replaced, and one of Bela."""
    monkeypatch.setattr("autograder.course.watch._RETRY_SECONDS", 0.01)
    owner, name = call
    original, failures = getattr(owner, name), [RuntimeError("injected")] * 2
    armed = []

    def failing(*arguments, **options):
        if armed and failures:
            raise failures.pop()
        return original(*arguments, **options)

    class Arming(Watching):
        def seen(self, event):
            if not armed:  # the watcher has started, and graded one submission
                armed.append(event)
                courses.submit(exchange, "ada", NOON)
                courses.submit(exchange, "ada", NOON + timedelta(hours=1), secret="second")
                courses.submit(exchange, "bela", NOON)
            super().seen(event)
            kinds = self.kinds()
            if kinds.count(("ada", "graded")) and kinds.count(("bela", "graded")):
                self._watcher.stop()

    monkeypatch.setattr(owner, name, failing)
    courses.submit(exchange, "first", NOON)
    view = Arming(course, courses.canned_workers(right_result), 99)
    assert len(failures) < 2
    assert {student for student, kind in view.kinds() if kind == "graded"} == {
        *("first", "ada", "bela")
    }
    assert "30 of 30 points" in text_of(feedback(exchange, "second"))


# What stands in the exchange


ODD_NAMES = [
    b"\xff\xfe",
    b"\xff+Initialization+2026-03-02 12:00:00 UTC+x",
    b"\xff+Initialization+2026-03-02 12:00:00 UTC+y",
    "a\u202eb+Initialization+2026-03-02 12:00:00 UTC".encode(),
    b"..+Initialization+2026-03-02 12:00:00 UTC+x",
    b"a\x1b[2J+b",
    b"ada+Initialization+soon",
    b"+Initialization+2026-03-02 12:00:00 UTC+x",
]


def test_odd_names_are_told_once_and_do_not_end_the_watcher(course, exchange, right_result):
    for name in ODD_NAMES:
        os.mkdir(os.path.join(os.fsencode(exchange / "inbound"), name), 0o777)
    (exchange / "inbound" / "file+Initialization+2026-03-02 12:00:00").write_text("")
    courses.submit(exchange, "देवनागरी", NOON)
    courses.submit(exchange, "Zoe\u0308", NOON)  # as macOS writes it
    for graded in (2, 0):  # a later start as well
        view = watch(course, right_result, graded + len(ODD_NAMES) + 1)
        kinds = [event.kind for event in view.logged]
        assert kinds.count("not-taken") == len(ODD_NAMES) + 1
        assert kinds.count("graded") == graded
        assert not any("\u202e" in event.text or "\x1b" in event.text for event in view.logged)
    assert courses.scores(course).keys() == {"देवनागरी", "Zoe\u0308"}
    assert sorted(os.listdir(course / "submitted")) == ["Zoe\u0308", "देवनागरी"]


def test_submissions_to_an_unknown_assignment_wait_until_there_is_one(
    course, exchange, right_result
):
    for number in range(3):
        folder = courses.submit(exchange, f"s{number}", NOON)
        folder.rename(str(folder).replace(ASSIGNMENT, "ps2"))
    courses.submit(exchange, "ada", NOON)
    view = watch(course, right_result, 2)
    assert sorted(event.kind for event in view.logged) == ["graded", "not-taken"]
    (event,) = [event for event in view.logged if event.kind == "not-taken"]
    assert "3 submissions to no assignment of this course (yet): ps2" in event.text
    assert sorted(os.listdir(course / "submitted")) == ["ada"]


def test_an_assignment_that_cannot_be_used_costs_no_other_one(course, exchange, right_result):
    broken = course / "source" / "broken"
    broken.mkdir()
    (broken / "broken.ipynb").write_text("{")
    with Course(course, ASSIGNMENT).gradebook() as gradebook:
        gradebook.add_assignment("broken")
    courses.submit(exchange, "ada", NOON)
    view = Watching(course, courses.canned_workers(right_result), 2, [ASSIGNMENT, "broken"])
    assert view.kinds() == [("", "problem"), ("ada", "graded")]
    assert view.logged[0].text.startswith("broken: ")


def test_a_configuration_that_breaks_is_told_and_read_again(
    course, exchange, right_result, monkeypatch
):
    monkeypatch.setattr("autograder.course.watch._RETRY_SECONDS", 0.01)
    config = course / "nbgrader_config.py"
    right = config.read_text()

    class Breaking(Watching):
        def seen(self, event):
            if event.student == "ada":
                config.write_text("None.x\n")
                courses.submit(exchange, "bela", NOON)
            else:
                config.write_text(right)
            super().seen(event)

    courses.submit(exchange, "ada", NOON)
    view = Breaking(course, courses.canned_workers(right_result), 3)
    assert view.kinds() == [("ada", "graded"), ("", "problem"), ("bela", "graded")]
    assert "cannot be loaded: AttributeError" in view.logged[1].text


def test_links_in_a_submission_are_not_followed(course, exchange, right_result):
    folder = courses.submit(exchange, "ada", NOON)
    (folder / f"{ASSIGNMENT}.ipynb").unlink()
    (folder / f"{ASSIGNMENT}.ipynb").symlink_to(
        course / "source" / ASSIGNMENT / "Initialization.ipynb"
    )
    (folder / "data.csv").symlink_to("/etc/passwd")
    os.mkfifo(folder / "pipe.csv")
    view = watch(course, right_result, 1)
    assert "links are not followed" in view.logged[0].text
    assert sorted(os.listdir(course / "submitted" / "ada" / ASSIGNMENT)) == [
        "submission_secret.txt",
        "timestamp.txt",
    ]
    assert "0 of 30 points" in text_of(feedback(exchange, "ada-secret"))


def test_a_notebook_that_nbgrader_would_not_submit_is_not_read(course, exchange, right_result):
    folder = courses.submit(exchange, "ada", NOON)
    os.truncate(folder / f"{ASSIGNMENT}.ipynb", 200_000_000)
    assert "has more than 100,000,000 bytes" in watch(course, right_result, 1).logged[0].text


def test_the_watcher_itself_parses_no_notebook(course, exchange, monkeypatch):
    def only_in_a_worker(*arguments, **options):
        raise AssertionError("the watcher's process has parsed a notebook")

    courses.submit(exchange, "ada", NOON, content=b"[" * 60_000_000)
    assignment = Course(course, ASSIGNMENT)
    found = Exchange(assignment)
    monkeypatch.setattr("autograder.submission.notebook._parse", only_in_a_worker)
    monkeypatch.setattr("autograder.submission.notebook.json.loads", only_in_a_worker)
    (arrival,) = found.arrivals(set().__contains__)
    assert found.collect(arrival, assignment)
    assert len(arrival.files.notebooks[ASSIGNMENT]) == 60_000_000


def test_a_link_in_the_place_of_a_submission_is_not_followed(course, exchange, right_result):
    name = courses.inbound_name("ada", NOON)
    (exchange / "inbound" / name).symlink_to(course / "source" / ASSIGNMENT)
    view = watch(course, right_result, 1)
    assert view.logged[0].kind == "not-taken"
    assert not (course / "submitted").exists() or not os.listdir(course / "submitted")


def test_nobody_submits_in_the_name_of_somebody_else(course, exchange, monkeypatch):
    courses.submit(exchange, "ada", NOON)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    (found,) = Exchange(Course(course, ASSIGNMENT)).arrivals(set().__contains__)
    assert f"from ada, but {getpass.getuser()} has made it" in found.refusal
    assert found.refusal.endswith("check_owner = False, and start `watch` again.")


def test_a_submission_is_taken_when_nbgrader_has_finished_it(course, exchange):
    folder = courses.submit(exchange, "ada", NOON)
    folder.chmod(0o755)
    found = Exchange(Course(course, ASSIGNMENT))
    assert list(found.arrivals(set().__contains__)) == []
    folder.chmod(0o777)
    (arrival,) = found.arrivals(set().__contains__)
    assert (arrival.name, arrival.student, arrival.submitted) == (folder.name, "ada", NOON)


def test_a_submission_that_is_taken_back_is_told(course, exchange, right_result, monkeypatch):
    folder = courses.submit(exchange, "ada", NOON)
    start = Journal.start
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "start", lambda *a: (start(*a), shutil.rmtree(folder)))
        assert watch(course, right_result, 1).kinds() == [("ada", "gone")]
    folder = courses.submit(exchange, "bela", NOON)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Exchange, "collect", die)
        watch(course, right_result, 1)
    shutil.rmtree(folder)  # while nobody watches
    assert watch(course, right_result, 1).kinds() == [("bela", "gone")]


def test_an_exchange_that_is_gone_for_a_moment_costs_no_submission(
    course, exchange, right_result, monkeypatch
):
    monkeypatch.setattr("autograder.course.watch._RETRY_SECONDS", 0.01)
    courses.submit(exchange, "ada", NOON)
    inbound, away = exchange / "inbound", exchange / "away"
    start = Journal.start
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "start", lambda *a: (start(*a), inbound.rename(away)))
        assert watch(course, right_result, 1).kinds() == [("", "problem")]
    away.rename(inbound)
    assert watch(course, right_result, 1).kinds() == [("ada", "graded")]


@pytest.fixture
def open_folder():
    """A folder that other users can reach, unlike those of pytest."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


# As another user who may read all, since the tests' Python may lie in a folder of root's.
AS_NOBODY = [
    *("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"),
    *("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"),
]


@pytest.mark.skipif(
    os.geteuid() != 0 or subprocess.run([*AS_NOBODY, "true"], capture_output=True).returncode != 0,
    reason="only root can be two users, with setpriv",
)
def test_two_unix_users_share_an_exchange(course, exchange, right_result, open_folder):
    """As on The Littlest JupyterHub: students submit and fetch as themselves."""
    exchange = exchange.parent.rename(open_folder / "exchange") / exchange.name
    with open(course / "nbgrader_config.py", "a") as config:
        config.write(f"\nc.Exchange.root = {str(exchange.parent)!r}\n")
    desk = open_folder / "desk"
    shutil.copytree(course / "release" / ASSIGNMENT, desk / ASSIGNMENT)
    (desk / "nbgrader_config.py").write_text(
        "c = get_config()\n"
        f"c.Exchange.root = {str(exchange.parent)!r}\n"
        "c.CourseDirectory.course_id = 'initialization'\n"
        f"c.Exchange.cache = {str(desk / 'cache')!r}\n"
    )
    subprocess.run(["chown", "-R", "nobody", desk], check=True)

    def as_nobody(command):
        result = subprocess.run(
            [*AS_NOBODY, sys.executable, "-m", "nbgrader", command, ASSIGNMENT],
            cwd=desk,
            env={**os.environ, "HOME": str(desk), "USER": "nobody", "LOGNAME": "nobody"},
            capture_output=True,
            text=True,
        )
        assert result.returncode == 0, result.stderr

    as_nobody("submit")
    (submitted,) = (exchange / "inbound").iterdir()
    assert submitted.owner() == "nobody"
    assert watch(course, right_result, 1).kinds() == [("nobody", "graded")]
    as_nobody("fetch_feedback")
    (page,) = (desk / ASSIGNMENT / "feedback").glob("*/Initialization.html")
    assert "30 of 30 points" in text_of(page.read_text())
    # The notebook's last cell finds it.
    assert "Together: 30 of 30 points" in newest_result(desk / ASSIGNMENT / f"{ASSIGNMENT}.ipynb")
    submitted.rename(submitted.with_name(submitted.name.replace("nobody", "ada")))
    assert watch(course, right_result, 1).kinds() == [("", "not-taken")]


# Fairness


def test_of_many_at_once_the_latest_is_graded(course, exchange, right_result):
    for minute in range(30):
        courses.submit(exchange, "ada", NOON + timedelta(minutes=minute), secret=f"secret{minute}")
    view = watch(course, right_result, 21)
    assert view.kinds() == [("ada", "replaced")] * 20 + [("ada", "graded")]
    assert "30 of 30 points" in text_of(feedback(exchange, "secret29"))
    assert "later one is graded" in text_of(feedback(exchange, "secret28"))


def test_too_many_attempts_wait_for_the_hour_and_are_graded_then(
    course, exchange, right_result, monkeypatch
):
    for minute in range(5):
        courses.submit(exchange, "ada", NOON + timedelta(minutes=minute), secret=f"secret{minute}")
        assert [event.attempt for event in watch(course, right_result, 1).logged] == [minute + 1]
    assert "The next one can be graded at" in text_of(feedback(exchange, "secret4"))
    courses.submit(exchange, "ada", NOON + timedelta(minutes=6), secret="sixth")
    assert watch(course, right_result, 1).kinds() == [("ada", "waits")]
    assert "kept, and is graded at" in text_of(feedback(exchange, "sixth"))
    courses.submit(exchange, "ada", NOON + timedelta(minutes=7), secret="seventh")
    assert watch(course, right_result, 2).kinds() == [("ada", "replaced"), ("ada", "waits")]
    assert "later one is graded" in text_of(feedback(exchange, "sixth"))
    now = time.time
    monkeypatch.setattr("autograder.course.watch.time.time", lambda: now() + HOUR)
    assert watch(course, right_result, 1).kinds() == [("ada", "graded")]
    assert "30 of 30 points" in text_of(feedback(exchange, "seventh"))


# What the instructor sees


def test_a_course_without_an_exchange_is_told_what_to_do(course, capsys):
    assert main(["watch", "--course", str(course)]) == 2
    assert "First run: nbgrader release_assignment" in capsys.readouterr().err


def test_a_test_that_the_instructor_mends_is_calibrated_again(
    course, exchange, right_result, monkeypatch
):
    source = course / "source" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb"
    calibrated = count_calls(monkeypatch, Course, "calibrate")
    submit = itertools.count()

    class Mending(Watching):
        def seen(self, event):
            if next(submit) == 0:
                source.write_text(source.read_text())  # saved again
                courses.submit(exchange, "bela", NOON)
            super().seen(event)

    courses.submit(exchange, "ada", NOON)
    view = Mending(course, courses.canned_workers(right_result), 2)
    assert view.kinds() == [("ada", "graded"), ("bela", "graded")], view.logged
    assert len(calibrated) == 2
