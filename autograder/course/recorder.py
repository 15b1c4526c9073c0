"""Record results in the course folder and in the gradebook: nothing else writes there.

While a submission is recorded, it has a folder in ``.grading``. What has one has not been recorded
completely, and the next run grades it again.

nbgrader's own parts do the work: `Gradebook`, `SaveAutoGrades`, the plugin for late submissions.
They share one session, in which nothing is committed before the last of them is done: a submission
stands in the gradebook completely or not at all. The alternatives were nbgrader's ``Autograde``,
which opens the gradebook seven times for each submission and commits some thirty times, and rows of
our own, which would mean to keep nbgrader's rules twice.
"""

from __future__ import annotations

import fnmatch
import logging
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import writes
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.converters import Autograde, GenerateFeedback
from nbgrader.preprocessors import AssignLatePenalties, SaveAutoGrades
from nbgrader.utils import compute_checksum

from autograder.assignment import Role, grade_id
from autograder.config import Grading
from autograder.course.folder import Course, CourseError, Submission
from autograder.facts import Facts, comment_on_answer
from autograder.submission import files
from autograder.text import summary

_GRADEBOOK_LOG = logging.getLogger("tornado.application")
_RESULT = "result"


class NotRecorded(Exception):
    """A result could not be recorded; the message says why."""


class Recorder:
    """The only part that writes while a course is graded.

    Raises `CourseError` if the assignment has not been generated, or the gradebook cannot be used.
    """

    def __init__(self, course: Course) -> None:
        self._course = course
        self._gradebook: Gradebook | None = course.gradebook()
        try:
            for name in course.notebooks:
                self._gradebook.find_notebook(name, course.assignment_id)
        except MissingEntry:
            self._gradebook.close()
            raise CourseError(
                f"The gradebook does not know {course.assignment_id} yet. First run: "
                f"nbgrader generate_assignment {course.assignment_id} --force"
            ) from None
        settings = {"config": course.config, "log": _quiet_log()}
        self._nbgrader = Autograde(coursedir=course.directory, **settings)
        self._save = _SaveVerdicts(**settings)
        self._late = AssignLatePenalties(**settings)
        self._late.init_plugin()
        _GRADEBOOK_LOG.addFilter(_is_no_database_error)

    def close(self) -> None:
        """Close the gradebook."""
        _GRADEBOOK_LOG.removeFilter(_is_no_database_error)
        if self._gradebook:
            self._gradebook.close()

    def record(
        self,
        submission: Submission,
        notebooks: Mapping[str, NotebookNode],
        attachments: Mapping[str, bytes],
        secret: bytes | None = None,
    ) -> None:
        """Record executed notebooks, by name, and what stands beside them, as a result.

        The notebooks are used up: what they hold afterwards is not for use. Raises `NotRecorded` if
        that is not possible; the gradebook is then as it was before.
        """
        staged = self._course.unfinished(submission.student)
        points = Grading(config=self._course.config).points_per_violation
        try:
            shutil.rmtree(staged, ignore_errors=True)  # left by a run that was interrupted
            comments = {}
            for name, notebook in notebooks.items():
                self._course.notebooks[name].complete_tests(notebook)
                comments[name] = _Comments(notebook, points)
            content = self._beside(attachments)
            files.stage(staged / _RESULT, content, submission.stamp, secret)
            for name, notebook in notebooks.items():
                path = staged / _RESULT / f"{name}.ipynb"
                path.write_text(writes(notebook) + "\n", encoding="utf-8")
            with self._transaction() as gradebook:
                self._write_rows(gradebook, submission, comments)
            self._move_files(staged / _RESULT, submission.student, set(notebooks))
            shutil.rmtree(staged)
            if not any(staged.parent.iterdir()):
                staged.parent.rmdir()
            self._course.run_hook("post", submission)
        except Exception as error:  # of the disk or the database
            raise NotRecorded(summary(error)) from error

    @contextmanager
    def _transaction(self) -> Iterator[Gradebook]:
        """Commit at the end what has been done meanwhile; undo it after an exception."""
        gradebook = self._gradebook or self._course.gradebook()
        self._gradebook = None
        try:
            gradebook.db.commit = gradebook.db.flush  # nbgrader commits after each row
            yield gradebook
            gradebook.db().commit()
        except BaseException:
            gradebook.close()  # to close it is to roll it back, even if the server is gone
            raise
        self._gradebook = gradebook

    def _beside(self, attachments: Mapping[str, bytes]) -> dict[str, bytes]:
        """What nbgrader's Autograde leaves beside the notebooks: the student's files, and ours."""
        some = next(iter(self._course.notebooks.values()))
        ours = {path: data for path, data in some.files.items() if path not in some.declared}
        kept = {path: data for path, data in attachments.items() if not self._is_ignored(path)}
        return kept | ours

    def _is_ignored(self, path: str) -> bool:
        patterns = self._course.directory.ignore
        return any(fnmatch.fnmatch(part, one) for part in Path(path).parts for one in patterns)

    def _move_files(self, folder: Path, student: str, notebooks: set[str]) -> None:
        """Put a result into ``autograded/``, in the place of an older one."""
        course = self._course
        place = course.folder(course.directory.autograded_directory, student)
        if notebooks == course.notebooks.keys():
            shutil.rmtree(place, ignore_errors=True)
        for path in folder.rglob("*"):
            if path.is_file():
                new = place / path.relative_to(folder)
                new.parent.mkdir(parents=True, exist_ok=True)
                new.unlink(missing_ok=True)
                shutil.move(path, new)
        self._nbgrader.set_permissions(course.assignment_id, student)
        # nbgrader would keep the page about the result before, unless it is given --force.
        page = course.folder(course.directory.feedback_directory, student)
        shutil.rmtree(page, ignore_errors=True)

    def _write_rows(
        self,
        gradebook: Gradebook,
        submission: Submission,
        comments: Mapping[str, _Comments],
    ) -> None:
        """Write what nbgrader's Autograde leaves in the gradebook."""
        assignment, student = self._course.assignment_id, submission.student
        if self._nbgrader.create_student:
            gradebook.update_or_create_student(student)
        times = {"timestamp": submission.timestamp} if submission.timestamp else {}
        row = gradebook.update_or_create_submission(assignment, student, **times)
        for name, comment in comments.items():
            self._save.of_notebook(gradebook, (name, assignment, student), comment)
        gradebook.db.flush()
        gradebook.db.expire_all()  # its sums are those of before
        for notebook in row.notebooks:
            if notebook.name in comments:
                notebook.late_submission_penalty = self._penalty(notebook, row.total_seconds_late)
            elif not (submission.folder / f"{notebook.name}.ipynb").exists():
                for grade in notebook.grades:  # of an older submission
                    grade.auto_score, grade.needs_manual_grade = 0, False

    def _penalty(self, notebook: object, seconds_late: float) -> float | None:
        """Points that are taken off because a submission is late."""
        if seconds_late <= 0:
            return None
        score, student = notebook.score, notebook.student.id
        penalty = self._late.plugin_inst.late_submission_penalty(student, score, seconds_late)
        return penalty if penalty is None else min(max(0, penalty), score)


def feedback_pages(course: Course, student: str) -> dict[str, str]:
    """Make the feedback pages of a student (HTML, by notebook); may raise `NotRecorded`."""
    directory = course.directory
    autograded = course.folder(directory.autograded_directory, student)
    pages = course.folder(directory.feedback_directory, student)
    converter = _GenerateFeedback(coursedir=directory, config=course.config, log=_quiet_log())
    converter.notebooks = [str(autograded / f"{name}.ipynb") for name in course.notebooks]
    try:
        shutil.rmtree(pages, ignore_errors=True)
        converter.start()
        return {name: (pages / f"{name}.html").read_text("utf-8") for name in course.notebooks}
    except Exception as error:
        raise NotRecorded(summary(error)) from error


class _Comments:
    """The comment on each answer of a notebook, and points taken off each test, by grade id."""

    def __init__(self, notebook: NotebookNode, points_per_violation: float) -> None:
        self.notebook = notebook
        self.taken_off: Counter[str] = Counter()
        self.texts: dict[str, str] = {}
        facts = Facts.of(notebook)
        self.failed = bool(facts.failure)
        answers = {
            grade_id(cell): cell
            for cell in notebook.cells
            if cell.metadata.autograder.role == Role.ANSWER
        }
        inside = {
            grade_id(cell) for cell in notebook.cells if cell.metadata.autograder.get("inside")
        }
        failed = {test for test, verdict in facts.verdicts.items() if not verdict.passed}
        about_notebook = [*facts.repairs, *facts.elsewhere(answers)]
        for answer, cell in answers.items():
            ours = cell.metadata.autograder
            own = [one for one in facts.violations if one.cell == answer]
            ours.penalty = points_per_violation * len(own) if ours.tests else 0
            if ours.tests:
                self.taken_off[ours.tests[0]] += ours.penalty
            wrong = failed.intersection(ours.tests)
            untouched = cell.metadata.nbgrader.checksum == compute_checksum(cell)
            if untouched and wrong and wrong <= inside and not (own or about_notebook):
                continue  # nbgrader says "No response.", and such tests cannot explain more
            verdicts = {test: facts.verdicts[test] for test in ours.tests}
            self.texts[answer] = comment_on_answer(verdicts, own, ours.penalty, about_notebook)
            about_notebook = []  # it stands in the comment on the first answer


class _SaveVerdicts(SaveAutoGrades):
    """Saves scores as nbgrader does, and our comments.

    Scores and comments that a grader gave stand in fields of their own and stay as they are.
    """

    def of_notebook(
        self, gradebook: Gradebook, place: tuple[str, str, str], comments: _Comments
    ) -> None:
        """Save what concerns one notebook; `place` is its name, its assignment and the student."""
        self.gradebook, self._place, self._comments = gradebook, place, comments
        self.notebook_id, self.assignment_id, self.student_id = place
        for number, cell in enumerate(comments.notebook.cells):
            self.preprocess_cell(cell, {}, number)

    def _add_score(self, cell: NotebookNode, resources: object) -> None:
        super()._add_score(cell, resources)
        points = self._comments.taken_off[grade_id(cell)]
        by_hand = cell.metadata.autograder.get("by_hand", False)
        if not points and not by_hand and not self._comments.failed:
            return
        grade = self.gradebook.find_grade(grade_id(cell), *self._place)
        if points and grade.auto_score is not None:
            grade.auto_score = max(0, grade.auto_score - points)
        if self._comments.failed:  # a person has to look at what was submitted
            grade.auto_score = 0
        if by_hand or self._comments.failed:
            grade.needs_manual_grade = True

    def _add_comment(self, cell: NotebookNode, resources: object) -> None:
        if text := self._comments.texts.get(grade_id(cell)):
            self.gradebook.find_comment(grade_id(cell), *self._place).auto_comment = text
        else:
            super()._add_comment(cell, resources)


class _GenerateFeedback(GenerateFeedback):
    """GenerateFeedback for given notebooks; it raises what nbgrader's own would only log."""

    def init_notebooks(self) -> None:
        """Search for none: patterns would miss a student called ``[1-3]``."""

    def convert_notebooks(self) -> None:
        names = self.init_single_notebook_resources(self.notebooks[0])["nbgrader"]
        self.init_assignment(names["assignment"], names["student"])
        for notebook in self.notebooks:
            self.convert_single_notebook(notebook)
        self.set_permissions(names["assignment"], names["student"])


def _quiet_log() -> logging.Logger:
    log = logging.Logger("nbgrader")
    log.addHandler(logging.NullHandler())
    return log


def _is_no_database_error(record: logging.LogRecord) -> bool:
    """nbgrader logs a traceback of each error of a database, and then raises it for us."""
    return "database error" not in record.getMessage()
