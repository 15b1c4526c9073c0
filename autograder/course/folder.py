"""The course folder as grading sees it: which submissions there are, and which are new."""

import itertools
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from nbgrader import api
from nbgrader.apps.baseapp import NbGrader
from nbgrader.converters import Autograde
from nbgrader.coursedir import CourseDirectory
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError
from traitlets.config import Config

from autograder.assignment import Assignment
from autograder.config import Grading
from autograder.course.work import Result, Submitted, check_sandbox, grade
from autograder.facts import Repair, is_result_of
from autograder.grading.calibration import Reason, calibrated, remembered, why_inside
from autograder.grading.run import digest
from autograder.language import words_in
from autograder.submission import files
from autograder.submission.names import passes
from autograder.submission.notebook import Unreadable
from autograder.text import UserError, in_line, summary

_ENTRIES, _NAMES = 1_000, 6  # of a folder without the notebook: how many are read, and named
_LOCKED_SECONDS = 60  # how long to wait while another program has locked an SQLite file


class CourseError(UserError):
    """The course folder cannot be used; the message says what to do."""


@dataclass(frozen=True)
class Submission:
    """Where the submission of a student stands; neither folder nor notebooks are to be trusted.

    Its time stamp is read before the notebooks: if another version arrives in between, the result
    counts as that of the older one, and the next run grades the newer one.
    """

    student: str
    folder: Path
    notebooks: Mapping[str, Path]
    stamp: str | None = None  # its time stamp as text (UTC); None where that cannot be read
    note: str = ""  # what is unusual about its place

    @property
    def timestamp(self) -> datetime | None:
        """When it was submitted."""
        return files.timestamp_in(self.stamp or "")


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
            self.grading = Grading.of(self.config)
        except ValueError as error:
            raise CourseError(f"nbgrader_config.py of {self.root}: {error}.") from error
        self.words = words_in(self.grading.language, source)
        self.limits = self.grading.limits()
        rules, network = self.grading.rules, self.grading.network
        self.notebooks = Assignment.all_in(
            source, self.config, rules.get(assignment_id, ""), assignment_id in network
        )
        for name in network:
            if not self._source(name).is_dir():
                raise CourseError(
                    f"c.Grading.network names {name}, but there is no such assignment."
                )
        for name, module in rules.items():
            self._check_rules(name, module)
        self.reasons: dict[str, dict[str, Reason]] = {}

    def _source(self, name: str) -> Path:
        """The instructor's folder of an assignment."""
        return Path(self.directory.format_path(self.directory.source_directory, ".", name))

    def _check_rules(self, name: str, module: str) -> None:
        """Refuse rules of no assignment, or of a module that would fail each submission."""
        source = self._source(name)
        paths = [source / (module.replace(".", "/") + end) for end in (".py", "/__init__.py")]
        path = next(filter(Path.is_file, paths), paths[0])
        try:
            compile(path.read_bytes(), path, "exec")
        except FileNotFoundError:
            reason = f"there is no file {os.path.relpath(path, self.root)}"
        except (SyntaxError, ValueError) as error:
            reason = f"it cannot be loaded: {summary(error)}"
        else:
            return
        raise CourseError(f"c.Grading.rules names {module} for {name}, but {reason}.")

    def grader(self, full: bool = False) -> Callable[..., dict[str, Result]]:
        """`grade` for this assignment; with `full`, cells tagged ``demonstration`` run as well."""
        return partial(
            grade,
            notebooks=self.notebooks,
            points_per_violation=self.grading.points_per_violation,
            limits=self.limits,
            execute=self.grading.executes(),
            full=full,
            hidden=(str(self.root),),
        )

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

    def calibrate(self, starmap: Callable[..., Iterable[Any]] = itertools.starmap) -> None:
        """Decide for each test cell where it runs, see `calibrated`."""
        for name, assignment in self.notebooks.items():
            self.notebooks[name], self.reasons[name] = calibrated(
                assignment, self.limits, self.root, starmap
            )

    @property
    def is_calibrated(self) -> bool:
        """Whether `calibrate` has nothing to try."""
        assignments = self.notebooks.values()
        return all(remembered(one, self.limits, self.root) is not None for one in assignments)

    def check_sandbox(self, starmap: Callable[..., Iterable[str]]) -> str:
        """Let a worker start a sandbox for submissions; returns why it cannot be forked, if so."""
        some = next(iter(self.notebooks.values()))
        [refusal] = starmap(check_sandbox, [(some, self.limits, (str(self.root),))])
        return refusal

    def recall_modes(self) -> None:
        """Learn what `calibrate` found out before, or what the tests' source tells; run nothing."""
        for name, assignment in self.notebooks.items():
            found = remembered(assignment, self.limits, self.root)
            self.reasons[name] = why_inside(assignment) if found is None else found

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
        """Folder of a step of nbgrader (``submitted``, say) for a student."""
        return Path(self.directory.format_path(step, student, self.assignment_id))

    def unfinished(self, student: str) -> Path:
        """Folder that exists while a result of this student is being recorded."""
        return self.root / files.STAGING / student / self.assignment_id

    def submissions(self) -> list[Submission]:
        """Everything in ``submitted/``, in the order of the students' names."""
        names = [name for name in self._names_in_submitted() if passes(name)]
        return [self.submission(n, place) for n in names if _exists(place := self._submitted(n))]

    def read(self, submission: Submission, largest: int | None = None) -> Submitted:
        """Read what a student submitted, but no notebook of more than `largest` bytes."""
        some = next(iter(self.notebooks.values()))
        attachments, skipped = files.read_attachments(submission.folder, some)
        notebooks: dict[str, bytes | Unreadable] = {}
        for name, path in submission.notebooks.items():
            try:
                if largest and path.is_file() and path.stat().st_size > largest:
                    raise Unreadable(f"{name}.ipynb has more than {largest:,} bytes.")
                notebooks[name] = files.read_file(path)
            except Unreadable as reason:
                notebooks[name] = Unreadable(f"{reason} {submission.note}".strip())
        remarks = [Repair("odd-place", detail=submission.note)] if submission.note else []
        if skipped:
            remarks.append(Repair("skipped", tuple(skipped)))
        marks = {}
        if submission.stamp is not None:
            marks[files.TIMESTAMP] = submission.stamp.encode()
        if secret := files.read_secret(submission.folder):
            marks[files.SECRET] = secret
        return Submitted(notebooks, attachments, marks, remarks)

    def run_hook(self, when: str, submission: Submission) -> None:
        """Call the instructor's hook of before (``pre``) or after (``post``), as nbgrader does."""
        converter = Autograde(coursedir=self.directory, config=self.config)
        self.directory.student_id = submission.student
        self.directory.assignment_id = self.assignment_id
        converter.notebooks = [str(path) for path in submission.notebooks.values()]
        getattr(converter, f"run_{when}_convert_hook")()

    def misplaced(self) -> list[Path]:
        """What stands in ``submitted/`` where no submission is looked for, but looks like one."""
        found = []
        for name in self._names_in_submitted():
            folder = self._submitted(name)
            swapped = name == self.assignment_id  # with the name of the student
            if _exists(folder):
                found += [] if passes(name) else [folder.parent]
            elif passes(name) and (swapped or not os.path.isdir(folder.parent)):
                found.append(folder.parent)
            elif passes(name):
                found += sorted(folder.parent.glob("*.ipynb"))
                others = sorted(folder.parent.glob("*/"))
                found += [one for one in others if one.name.lower() == folder.name.lower()]
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
            url = make_url(self.directory.db_url)
            if url.get_backend_name() != "sqlite" and not self.directory.course_id:
                raise CourseError(
                    "c.CourseDirectory.course_id must be set: the gradebook is no SQLite file."
                )
            if url.get_backend_name() == "sqlite" and "timeout" not in url.query:
                url = url.update_query_dict({"timeout": str(_LOCKED_SECONDS)})
            url = url.render_as_string(hide_password=False)
            return api.Gradebook(url, self.directory.course_id)
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
            for name, found in submitted.notebooks.items():
                content = b"" if isinstance(found, Unreadable) else found
                submission_digest = digest(content, submitted.attachments)
                if not is_result_of(autograded / f"{name}.ipynb", submission_digest):
                    return False
            return True
        except Exception:  # whatever is wrong with it: grading it again will say
            return False

    def submission(self, student: str, folder: Path) -> Submission:
        """What a student handed in, in this folder."""
        expected = {name: folder / f"{name}.ipynb" for name in self.notebooks}
        found = Submission(student, folder, expected)
        try:
            found = replace(found, stamp=files.timestamp_text(folder))
            if any(map(_exists, expected.values())) or folder.is_symlink() or not folder.is_dir():
                return found
            with os.scandir(folder) as entries:
                some = [Path(entry) for entry in itertools.islice(entries, _ENTRIES)]
            others = sorted(
                p for p in some if p.suffix == ".ipynb" and passes(p.name) and p.is_file()
            )
            names = ", ".join(in_line(path.name) for path in others[:_NAMES])
            if len(others) == len(expected) == 1:
                (name,) = expected
                note = f"The notebook had the name {names} instead of {name}.ipynb."
                return replace(found, notebooks={name: others[0]}, note=note)
            note = f"The folder holds several notebooks of other names: {names}." if names else ""
            return replace(found, note=note)
        except Exception as error:  # it costs nobody else anything
            return replace(found, note=f"Its folder cannot be read: {summary(error)}")


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
    except OSError as error:
        return not isinstance(error, FileNotFoundError | NotADirectoryError)
    return True
