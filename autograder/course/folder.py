"""The course folder as grading sees it: which submissions there are, and which are new."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from nbgrader import api
from nbgrader.apps.baseapp import NbGrader
from nbgrader.converters import Autograde
from nbgrader.coursedir import CourseDirectory
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError
from traitlets.config import Config

from autograder.assignment import Assignment
from autograder.config import Grading
from autograder.facts import Repair, is_result_of
from autograder.grading.calibration import Reason, calibrated, remembered, why_inside
from autograder.grading.run import digest
from autograder.submission import files
from autograder.submission.names import passes
from autograder.submission.notebook import Unreadable
from autograder.text import UserError, in_line, summary

LOCK = ".lock"
"""File in the folder `STAGING` that a grader at work locks; no student's name begins with a dot.
"""

_ENTRIES, _NAMES = 1_000, 6  # of a folder without the notebook: how many are read, and named
_LOCKED_SECONDS = 60  # how long to wait while another program has locked an SQLite file


class CourseError(UserError):
    """The course folder cannot be used; the message says what to do."""


@dataclass(frozen=True)
class Submission:
    """Where the submission of a student stands; neither folder nor notebooks are to be trusted.

    Its time stamp (UTC, if known) is read before the notebooks: if another version arrives in
    between, the result counts as that of the older one, and the next run grades the newer one.
    """

    student: str
    folder: Path
    notebooks: Mapping[str, Path]
    stamp: str | None = None  # its time stamp as text; None where that cannot be read
    note: str = ""  # what is unusual about its place

    @property
    def timestamp(self) -> datetime | None:
        """When it was submitted."""
        return files.timestamp_in(self.stamp or "")


@dataclass(frozen=True)
class Submitted:
    """What a student submitted, read once."""

    notebooks: Mapping[str, bytes | Unreadable]  # by name: the content, or why there is none
    attachments: Mapping[str, bytes]  # the files beside the notebooks that can be used, by path
    secret: bytes | None = None  # with which the student can fetch the feedback
    remarks: list[Repair] = field(default_factory=list)  # what was unusual about it

    @property
    def contents(self) -> dict[str, bytes]:
        """The notebooks; nothing for those that cannot be read."""
        return {n: b"" if isinstance(c, Unreadable) else c for n, c in self.notebooks.items()}


class Course:
    """A course folder with its nbgrader configuration."""

    def __init__(self, root: str | Path, assignment_id: str, config: Config | None = None) -> None:
        self.root = Path(root).resolve()
        self.assignment_id = assignment_id
        self.config = load_config(self.root) if config is None else Config(config)
        self.config.CourseDirectory.root = str(self.root)
        self.directory = CourseDirectory(config=self.config)
        source = Path(self.folder(self.directory.source_directory, "."))
        if not source.is_dir():
            raise CourseError(f"There is no assignment {assignment_id!r}: {source} does not exist.")
        try:
            grading = Grading.of(self.config)
        except ValueError as error:
            raise CourseError(f"nbgrader_config.py of {self.root}: {error}.") from error
        self.limits = grading.limits()
        self.executes = grading.executes()
        self.notebooks = Assignment.all_in(
            source, self.config, grading.rules.get(assignment_id, "")
        )
        for name, module in grading.rules.items():
            self._check_rules(name, module)
        self.reasons: dict[str, dict[str, Reason]] = {}

    def _check_rules(self, name: str, module: str) -> None:
        """Refuse rules of no assignment, or of a module that would fail each submission."""
        source = Path(self.directory.format_path(self.directory.source_directory, ".", name))
        paths = [f"{module.replace('.', '/')}{end}" for end in (".py", "/__init__.py")]
        found = [source / path for path in paths if (source / path).is_file()]
        if not source.is_dir():
            reason = "there is no such assignment"
        elif not found:
            reason = f"the assignment has no file {paths[0]}"
        else:
            try:
                compile(found[0].read_bytes(), found[0], "exec")
                return
            except (SyntaxError, ValueError) as error:
                reason = f"it cannot be loaded: {summary(error)}"
        raise CourseError(f"c.Grading.rules names {module} for {name}, but {reason}.")

    @property
    def tests(self) -> dict[tuple[str, str], float]:
        """Points of each test cell, by notebook and grade id."""
        return {
            (notebook, test): points
            for notebook, assignment in self.notebooks.items()
            for test, points in assignment.points().items()
        }

    def label(self, notebook: str, test: str) -> str:
        """What to call a test: its grade id, with the notebook where there are several."""
        return test if len(self.notebooks) == 1 else f"{notebook}/{test}"

    def calibrate(self, executor: Executor | None = None) -> None:
        """Decide for each test cell where it runs, see `autograder.grading.calibration`."""
        for name, assignment in self.notebooks.items():
            self.notebooks[name], self.reasons[name] = calibrated(
                assignment, self.limits, course=self.root, executor=executor
            )

    @property
    def has_failing_tests(self) -> bool:
        """Whether the instructor's own solution fails a test; known after `calibrate`."""
        return any(assignment.failing for assignment in self.notebooks.values())

    def recall_modes(self, read_tests: bool = False) -> None:
        """Learn what `calibrate` found out before, or what the tests' source tells; run nothing."""
        for name, assignment in self.notebooks.items():
            if read_tests:
                self.reasons[name] = why_inside(assignment)
            elif (found := remembered(assignment, self.limits, self.root)) is not None:
                self.reasons[name] = found

    @property
    def modes(self) -> dict[str, Reason | None]:
        """Why each test runs inside, by its `label`; None for those that run outside.

        Of notebooks that have not been calibrated, there are none.
        """
        return {
            self.label(name, test): self.reasons[name].get(test)
            for name, test in self.tests
            if name in self.reasons
        }

    def folder(self, step: str, student: str) -> Path:
        """Folder of nbgrader's `step` (``submitted``, say) for a student of this assignment."""
        return Path(self.directory.format_path(step, student, self.assignment_id))

    def unfinished(self, student: str) -> Path:
        """Folder that exists while a result of this student is being recorded."""
        return self.root / files.STAGING / student / self.assignment_id

    def submissions(self) -> list[Submission]:
        """Everything in ``submitted/``, in the order of the students' names."""
        folders = {n: self._submitted(n) for n in self._names_in_submitted() if passes(n)}
        return [
            self.submission(name, folder) for name, folder in folders.items() if _exists(folder)
        ]

    def read(self, submission: Submission, largest: int | None = None) -> Submitted:
        """Read what a student submitted; what cannot be used is named in the remarks.

        Notebooks of more than `largest` bytes are not read.
        """
        some = next(iter(self.notebooks.values()))
        attachments = files.read_attachments(submission.folder, some)
        notebooks: dict[str, bytes | Unreadable] = {}
        for name, path in submission.notebooks.items():
            try:
                if largest and path.is_file() and path.stat().st_size > largest:
                    raise Unreadable(f"{name}.ipynb has more than {largest:,} bytes.")
                notebooks[name] = files.read_notebook(path)
            except Unreadable as reason:
                notebooks[name] = Unreadable(f"{reason} {submission.note}".strip())
        remarks = [Repair("odd-place", detail=submission.note)] if submission.note else []
        if attachments.skipped:
            remarks.append(Repair("skipped", tuple(attachments.skipped)))
        secret = files.read_secret(submission.folder)
        return Submitted(notebooks, attachments.files, secret, remarks)

    def run_hook(self, when: str, submission: Submission) -> None:
        """Call the instructor's ``pre_convert_hook`` or ``post_convert_hook``, as nbgrader does."""
        converter = Autograde(coursedir=self.directory, config=self.config)
        self.directory.student_id = submission.student
        self.directory.assignment_id = self.assignment_id
        converter.notebooks = [str(path) for path in submission.notebooks.values()]
        getattr(converter, f"run_{when}_convert_hook")()

    def misplaced(self) -> list[Path]:
        """What stands in ``submitted/`` where no submission is looked for, but looks like one.

        Of folders whose names do not pass, only those that hold this assignment.
        """
        found = []
        for name in self._names_in_submitted():
            folder = self._submitted(name)
            if not passes(name):
                found += [folder.parent] if _exists(folder) else []
                continue
            exchanged = name == self.assignment_id  # with the name of the student
            if not os.path.isdir(folder.parent) or (exchanged and not _exists(folder)):
                found.append(folder.parent)
            elif not _exists(folder):
                found += sorted(folder.parent.glob("*.ipynb"))
                found += [
                    other
                    for other in sorted(folder.parent.glob("*/"))
                    if other.name.lower() == folder.name.lower()
                ]
        return found

    def _names_in_submitted(self) -> list[str]:
        submitted = self.root / self.directory.submitted_directory
        if not submitted.is_dir():
            raise CourseError(f"There is nothing to grade: {submitted} does not exist.")
        excluded = self.directory.student_id_exclude.split(",")
        return sorted(name for name in os.listdir(submitted) if name not in excluded)

    def _submitted(self, student: str) -> Path:
        return self.folder(self.directory.submitted_directory, student)

    def gradebook(self) -> api.Gradebook:
        """Open the gradebook; raises `CourseError` if that is not possible."""
        try:
            return api.Gradebook(_with_timeout(self.directory.db_url), self.directory.course_id)
        except (SQLAlchemyError, ImportError) as error:  # ImportError: no driver for the database
            raise CourseError(f"The gradebook cannot be opened: {error}") from error

    def recorded(self, submissions: Iterable[Submission]) -> set[str]:
        """Students whose submission stands in ``autograded/`` and, completely, in the gradebook."""
        in_gradebook = self.scores()
        return {
            submission.student
            for submission in submissions
            if submission.student in in_gradebook and self._was_recorded(submission)
        }

    def scores(self) -> dict[str, dict[tuple[str, str], float]]:
        """Points in the gradebook by student, of all tests (notebook and grade id) or none."""
        tests = self.tests
        students: dict[str, dict[tuple[str, str], float]] = {}
        columns = (api.SubmittedAssignment.student_id, api.Notebook.name, api.BaseCell.name)
        with self.gradebook() as gradebook:
            entries = (
                gradebook.db.query(*columns, api.Grade.score, api.Grade.auto_score)
                .select_from(api.SubmittedAssignment)
                .join(api.Assignment, api.Assignment.id == api.SubmittedAssignment.assignment_id)
                .outerjoin(api.SubmittedNotebook)
                .outerjoin(api.Notebook, api.Notebook.id == api.SubmittedNotebook.notebook_id)
                .outerjoin(api.Grade)
                .outerjoin(api.BaseCell, api.BaseCell.id == api.Grade.cell_id)
                .filter(api.Assignment.name == self.assignment_id)
            )
            for student, notebook, test, score, automatic in entries:
                scores = students.setdefault(student, {})
                if automatic is not None and (notebook, test) in tests:
                    scores[notebook, test] = score
        return {name: scores for name, scores in students.items() if len(scores) == len(tests)}

    def _was_recorded(self, submission: Submission) -> bool:
        """Whether the result in ``autograded/`` is complete, and that of this very submission."""
        try:
            autograded = self.folder(self.directory.autograded_directory, submission.student)
            if self.unfinished(submission.student).exists():
                return False
            # Not "is older": what came last may look older after a clock was put right.
            if files.read_timestamp(autograded) != submission.timestamp:
                return False
            submitted = self.read(submission)
            return all(
                is_result_of(autograded / f"{name}.ipynb", digest(content, submitted.attachments))
                for name, content in submitted.contents.items()
            )
        except Exception:  # whatever is wrong with it: grading it again will say
            return False

    def submission(self, student: str, folder: Path) -> Submission:
        """What a student handed in, in this folder."""
        expected = {name: folder / f"{name}.ipynb" for name in self.notebooks}
        try:
            return self._found(student, folder, expected)
        except Exception as error:  # it costs nobody else anything
            note = f"Its folder cannot be read: {summary(error)}"
            return Submission(student, folder, expected, None, note)

    def _found(self, student: str, folder: Path, expected: dict[str, Path]) -> Submission:
        stamp = files.timestamp_text(folder)
        if any(map(_exists, expected.values())) or os.path.islink(folder):
            return Submission(student, folder, expected, stamp)
        others = []
        if os.path.isdir(folder):
            with os.scandir(folder) as entries:
                some = [Path(entry) for entry in itertools.islice(entries, _ENTRIES)]
            others = sorted(
                p for p in some if p.suffix == ".ipynb" and passes(p.name) and p.is_file()
            )
        if len(others) == len(expected) == 1:
            (name,) = expected
            note = f"The notebook had the name {in_line(others[0].name)} instead of {name}.ipynb."
            return Submission(student, folder, {name: others[0]}, stamp, note)
        names = ", ".join(in_line(path.name) for path in others[:_NAMES])
        note = f"The folder holds several notebooks of other names: {names}." if names else ""
        return Submission(student, folder, expected, stamp, note)


def _with_timeout(db_url: str) -> str:
    """The same database; with SQLite, waiting longer for other programs to unlock the file."""
    url = make_url(db_url)
    if url.get_backend_name() == "sqlite" and "timeout" not in url.query:
        url = url.update_query_dict({"timeout": str(_LOCKED_SECONDS)})
    return url.render_as_string(hide_password=False)


def assignments_of(root: str | Path) -> list[str]:
    """Names of the assignments that a course has in its source folder."""
    root = Path(root).resolve()
    directory = CourseDirectory(config=load_config(root))
    pattern = directory.format_path(directory.source_directory, ".", "*")
    folders = sorted(root.glob(os.path.relpath(pattern, root)))
    return [folder.name for folder in folders if any(folder.glob("*.ipynb"))]


def load_config(root: Path) -> Config:
    """Read nbgrader_config.py; raises `CourseError` if there is none, or if it has an error."""
    if not (root / "nbgrader_config.py").is_file():
        raise CourseError(
            f"{root} is not a course folder: it has no nbgrader_config.py. Run this "
            "command in the course folder, or name that folder with --course."
        )
    app = NbGrader(raise_config_file_errors=True)
    here = os.getcwd()
    os.chdir(root)  # nbgrader looks for its configuration in the working directory
    try:
        app.initialize([], root=str(root))
    except (Exception, SystemExit) as error:  # whatever that file does wrong
        reason = summary(error)
        if isinstance(error, SystemExit):
            reason = error.code if isinstance(error.code, str) else "it ends the program (sys.exit)"
        raise CourseError(f"nbgrader_config.py of {root} cannot be loaded: {reason}") from error
    finally:
        os.chdir(here)
    config = app.config.copy()
    config.CourseDirectory.root = str(root)
    return config


def _exists(path: Path) -> bool:
    """Whether there is anything, if only a link or a folder that we may not look into."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True
