"""nbgrader's exchange as a watcher sees it: what students put there, and what they get back."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import stat
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import mkdtemp

from nbgrader.exchange import ExchangeFactory
from nbgrader.exchange.default import ExchangeCollect
from nbgrader.utils import notebook_hash

from autograder.course.folder import Course, CourseError, Submission
from autograder.facts import Repair
from autograder.submission import files
from autograder.submission.notebook import Unreadable

_STUDENT = re.compile(r"\w[\w.@+ -]{0,99}")
_FINISHED = 0o777  # what nbgrader gives a folder when everything is in it
_PATIENCE_SECONDS = 10  # with a folder that somebody has put there in another way
_FEEDBACK_MODE = 0o711  # as nbgrader makes that folder: who knows a name may read it


@dataclass(frozen=True)
class Arrival:
    """A submission in the exchange.

    Attributes
    ----------
    name : str
        Of its folder.
    student, assignment : str
    submitted : datetime
        When it was handed in (UTC), by its name.
    """

    name: str
    student: str
    assignment: str
    submitted: datetime


@dataclass(frozen=True)
class NotTaken:
    """Something in the exchange that is not graded, and why."""

    name: str
    reason: str


class TakenBack(Exception):
    """A submission is no longer in the exchange."""


class Exchange:
    """The folders of one course in the exchange.

    Parameters
    ----------
    course : Course
        One of its assignments.

    Raises
    ------
    CourseError
        If the course uses an exchange of another kind, or has none yet.
    """

    def __init__(self, course: Course) -> None:
        kind = ExchangeFactory(config=course.config).collect
        if not issubclass(kind, ExchangeCollect):
            raise CourseError(
                f"watch works with an exchange in a folder; this course uses {kind.__name__}."
            )
        self._settings = kind(coursedir=course.directory, config=course.config)
        folder = Path(self._settings.root) / course.directory.course_id
        self.inbound = folder / "inbound"
        self._feedback = folder / "feedback"
        self._first_seen: dict[str, float] = {}
        if not course.directory.course_id or not self.inbound.is_dir():
            raise CourseError(
                f"There is no exchange for this course: {self.inbound} does not exist. "
                "First run: nbgrader release_assignment ASSIGNMENT"
            )

    @property
    def timely_first(self) -> bool:
        """Whether a late submission never takes the place of a timely one (`before_duedate`)."""
        return self._settings.before_duedate

    def arrivals(self, known: Collection[str]) -> Iterator[Arrival | NotTaken]:
        """What has arrived completely and is not `known`, in no order.

        Raises
        ------
        OSError
            If the folder cannot be read.
        """
        with os.scandir(self.inbound) as entries:
            for entry in entries:
                if entry.name not in known and (found := self._arrived(entry)):
                    yield found

    def _arrived(self, entry: os.DirEntry[str]) -> Arrival | NotTaken | None:
        arrival = parsed(entry.name)
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError:
            return None  # it has gone again
        if arrival is None or not stat.S_ISDIR(status.st_mode):
            return NotTaken(entry.name, "it is not a submission that nbgrader has made.")
        if stat.S_IMODE(status.st_mode) & _FINISHED != _FINISHED:
            since = self._first_seen.setdefault(entry.name, time.monotonic())
            if time.monotonic() - since < _PATIENCE_SECONDS:
                return None
        self._first_seen.pop(entry.name, None)
        if self._settings.check_owner and status.st_uid != os.geteuid():
            owner = _user_name(status.st_uid)
            if owner != arrival.student:
                return NotTaken(
                    entry.name,
                    f"it says that it is from {arrival.student}, but {owner} has made it. If the "
                    "accounts of your students have other names, set in nbgrader_config.py: "
                    "c.ExchangeCollect.check_owner = False",
                )
        return arrival

    def collect(self, arrival: Arrival, course: Course) -> Submission:
        """Copy a submission into ``submitted/``, in the place of an older one.

        Only plain files of the kinds that grading reads are copied, and no link is followed.

        Raises
        ------
        TakenBack
        OSError
            If something of ours is missing or cannot be written.
        """
        folder = self.inbound / arrival.name
        if not folder.is_dir():
            os.stat(self.inbound)  # if that is missing, the submission is not
            raise TakenBack
        found = course.submission(arrival.student, folder)
        notes = [found.note]
        copy = Path(mkdtemp(prefix=".collected-", dir=course.root / files.STAGING))
        timestamp = f"{found.timestamp or arrival.submitted:%Y-%m-%d %H:%M:%S.%f} UTC"
        beside = course.handed_in(found)
        files.stage(copy, (), timestamp, files.read_secret(folder), beside.files)
        if beside.left_out:
            notes.append(str(Repair("left-out", tuple(beside.left_out))))
        largest = 1_000 * course.directory.max_dir_size  # what nbgrader lets students submit
        for name, path in found.notebooks.items():
            try:
                if path.is_file() and path.stat().st_size > largest:
                    raise Unreadable(f"{name}.ipynb has more than {largest:,} bytes.")
                (copy / f"{name}.ipynb").write_bytes(found.read(name))
            except Unreadable as reason:
                notes.append(str(reason))
        place = course.folder(course.directory.submitted_directory, arrival.student)
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.exists():
            shutil.rmtree(place)
        shutil.move(copy, place)
        return replace(
            course.submission(arrival.student, place), note=" ".join(filter(None, notes))
        )

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
        if submitted and _STUDENT.fullmatch(parts[0]):
            return Arrival(name, parts[0], parts[1], submitted)
    return None


def _user_name(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"
