"""nbgrader's exchange as a watcher sees it: what students put there, and what they get back."""

import os
import pwd
import shutil
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from nbgrader.exchange import ExchangeFactory
from nbgrader.exchange.default import ExchangeCollect
from nbgrader.utils import notebook_hash

from autograder.course.folder import Course, CourseError, Submission
from autograder.course.work import Submitted
from autograder.facts import Attempt
from autograder.submission import files
from autograder.submission.names import passes

_COMPLETE = 0o777  # what nbgrader gives a folder when everything is in it
_COMPLETE_SECONDS = 10  # until a folder counts as complete that somebody has made in another way
_FEEDBACK_MODE = 0o711  # as nbgrader makes that folder: who knows a name may read it


@dataclass(eq=False)
class Arrival:
    """A submission in the exchange, and how far its grading has come.

    Its times are those of the queue's clock. One with a `refusal`, which is not graded, has nothing
    else but the name of its folder.
    """

    name: str
    student: str = ""
    assignment: str = ""
    submitted: datetime = datetime.min
    refusal: str = ""
    since: float = 0  # when it was found
    not_before: float = 0  # when there is something to do with it
    started: float = 0  # when grading began; 0 if it has not
    held: bool = False  # whether its student waits for the next attempt
    attempt: Attempt | None = None  # known when grading begins, as are the next three
    course: Course | None = None
    submission: Submission | None = None
    files: Submitted | None = field(default=None, repr=False)
    recorded: bool = False  # whether only the pages are left to do


class Exchange:
    """The folders of one course in the exchange; raises `CourseError` where there are none."""

    def __init__(self, course: Course) -> None:
        kind = ExchangeFactory(config=course.config).collect
        if not issubclass(kind, ExchangeCollect):
            raise CourseError(
                f"watch works with an exchange in a folder; this course uses {kind.__name__}."
            )
        self._settings = kind(coursedir=course.directory, config=course.config)
        # Whether a late submission never takes the place of a timely one.
        self.timely_first = self._settings.before_duedate
        folder = Path(self._settings.root) / course.directory.course_id
        self.inbound = folder / "inbound"
        self._feedback = folder / "feedback"
        self._incomplete: dict[str, float] = {}
        if not course.directory.course_id or not self.inbound.is_dir():
            raise CourseError(
                f"There is no exchange for this course: {self.inbound} does not exist. "
                "First run: nbgrader release_assignment ASSIGNMENT"
            )

    def arrivals(self, is_known: Callable[[str], bool]) -> Iterator[Arrival]:
        """What has arrived completely and is not known yet, in no order."""
        try:
            with os.scandir(self.inbound) as entries:
                for entry in entries:
                    if not is_known(entry.name) and (arrival := self._arrived(entry)):
                        yield arrival
        except OSError as error:
            raise OSError(f"{self.inbound} cannot be read: {error.strerror}") from error

    def _arrived(self, entry: os.DirEntry[str]) -> Arrival | None:
        arrival = parsed(entry.name)
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError:
            return None  # it has gone again
        if arrival is None or not stat.S_ISDIR(status.st_mode):
            return Arrival(entry.name, refusal="it is not a submission that nbgrader has made.")
        if stat.S_IMODE(status.st_mode) & _COMPLETE != _COMPLETE:
            since = self._incomplete.setdefault(entry.name, time.monotonic())
            if time.monotonic() - since < _COMPLETE_SECONDS:
                return None
        self._incomplete.pop(entry.name, None)
        ours = not self._settings.check_owner or status.st_uid == os.geteuid()
        if ours or (owner := _user_name(status.st_uid)) == arrival.student:
            return arrival
        return Arrival(
            entry.name,
            refusal=f"it says that it is from {arrival.student}, but {owner} has made it. If the "
            "accounts of your students have other names, set in nbgrader_config.py: "
            "c.ExchangeCollect.check_owner = False, and start `watch` again.",
        )

    def collect(self, arrival: Arrival, course: Course) -> bool:
        """Copy a submission into ``submitted/``, in the place of an older one; False if it is gone.

        Only plain files of the kinds that grading reads are copied, and no link is followed.
        """
        folder = self.inbound / arrival.name
        if not folder.is_dir():
            os.stat(self.inbound)  # raises, if it is the exchange that has gone
            return False
        found = course.submission(arrival.student, folder)
        if not found.stamp:
            found = replace(found, stamp=f"{arrival.submitted:%Y-%m-%d %H:%M:%S.%f} UTC")
        # nbgrader lets students submit so much.
        arrival.files = course.read(found, largest=1_000 * course.directory.max_dir_size)
        contents = {**arrival.files.attachments, **arrival.files.marks}
        for name, content in arrival.files.notebooks.items():
            if isinstance(content, bytes):
                contents[f"{name}.ipynb"] = content
        copy = course.root / files.STAGING / ".collected"
        shutil.rmtree(copy, ignore_errors=True)  # left by a watcher that was interrupted
        files.write_into(copy, contents)
        place = course.folder(course.directory.submitted_directory, arrival.student)
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.exists():
            shutil.rmtree(place)
        shutil.move(copy, place)
        arrival.submission = course.submission(arrival.student, place)
        return True

    def publish(self, arrival: Arrival, course: Course, pages: Mapping[str, str]) -> bool:
        """Let the student fetch pages, by notebook, as feedback; False if there is no secret.

        As with ``nbgrader release_feedback``, a secret tells which pages belong to a submission.
        """
        folder = self.inbound / arrival.name
        secret = files.read_secret(folder)
        if secret is None:
            return False
        self._settings.ensure_directory(str(self._feedback), _FEEDBACK_MODE)
        notebooks = course.submission(arrival.student, folder).notebooks
        for name, page in pages.items():
            # The student's own copy has the name that the student gave it.
            for notebook in {name, notebooks[name].stem}:
                key = notebook_hash(secret=secret.decode("ascii"), notebook_id=notebook)
                new = self._feedback / f"{key}-tmp.html"
                new.write_text(page, encoding="utf-8")
                new.chmod(0o644)
                new.replace(self._feedback / f"{key}.html")
        return True


def parsed(name: str) -> Arrival | None:
    """Read the name of a folder: student, assignment, time and, in newer ones, random letters."""
    for parts in (name.rsplit("+", 3)[:3], name.rsplit("+", 2)):
        submitted = files.timestamp_in(parts[-1]) if len(parts) == 3 else None
        if submitted and passes(parts[0]) and name.isprintable():
            return Arrival(name, parts[0], parts[1], submitted)
    return None


def _user_name(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"
