"""Record results in the course folder and in the gradebook: nothing else writes there.

While a submission is recorded, it has a folder in ``.grading``. What has one has not been recorded
completely, and the next run grades it again.

nbgrader's own `Gradebook` does the work, in one session, in which nothing is committed before all
is done: a submission stands in the gradebook completely or not at all. The alternatives were
nbgrader's ``Autograde``, which opens the gradebook seven times for each submission and commits some
thirty times, and rows of our own, which would mean to keep nbgrader's rules twice.
"""

import fnmatch
import logging
import shutil
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from nbgrader import api
from nbgrader.api import Gradebook, SubmittedNotebook
from nbgrader.converters import Autograde, GenerateFeedback
from nbgrader.preprocessors import AssignLatePenalties

from autograder.course.folder import Course, CourseError, Submission
from autograder.course.work import Result, Submitted
from autograder.submission import files

_GRADEBOOK_LOG = logging.getLogger("tornado.application")
_QUIET = logging.Logger("nbgrader")
_QUIET.addHandler(logging.NullHandler())


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
        except api.MissingEntry:
            self._gradebook.close()
            raise CourseError(
                f"The gradebook does not know {course.assignment_id} yet. First run: "
                f"nbgrader generate_assignment {course.assignment_id} --force"
            ) from None
        self._nbgrader = Autograde(coursedir=course.directory, config=course.config, log=_QUIET)
        self._late = AssignLatePenalties(config=course.config, log=_QUIET)
        self._late.init_plugin()
        _GRADEBOOK_LOG.addFilter(_is_no_database_error)

    def close(self) -> None:
        """Close the gradebook."""
        _GRADEBOOK_LOG.removeFilter(_is_no_database_error)
        if self._gradebook:
            self._gradebook.close()

    def record(
        self, submission: Submission, submitted: Submitted, results: Mapping[str, Result]
    ) -> None:
        """Record results by notebook, and what stands beside the notebooks.

        If that fails, the gradebook is as it was before.
        """
        course = self._course
        staged = course.unfinished(submission.student)
        place = course.folder(course.directory.autograded_directory, submission.student)
        page = course.folder(course.directory.feedback_directory, submission.student)
        shutil.rmtree(staged, ignore_errors=True)  # left by a run that was interrupted
        if place.exists() and results.keys() != course.notebooks.keys():
            shutil.copytree(place, staged, copy_function=shutil.copyfile)
        files.write_into(staged, self._files(submitted, results))
        gradebook = self._gradebook or course.gradebook()
        self._gradebook = None
        try:
            gradebook.db.commit = gradebook.db.flush  # nbgrader commits after each row
            self._write_rows(gradebook, submission, results)
            gradebook.db().commit()
        except BaseException:
            gradebook.close()  # to close it is to roll it back, even if the server is gone
            raise
        self._gradebook = gradebook
        # nbgrader would keep the page about the result before, unless it is given --force.
        for old in filter(Path.exists, (page, place)):
            shutil.rmtree(old)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(staged, place)
        self._nbgrader.set_permissions(course.assignment_id, submission.student)
        with suppress(OSError):  # there may be results of other assignments
            staged.parent.rmdir()
        course.run_hook("post", submission)

    def _files(self, submitted: Submitted, results: Mapping[str, Result]) -> dict[str, bytes]:
        """What nbgrader's Autograde leaves in ``autograded/``."""
        some = next(iter(self._course.notebooks.values()))
        ignored = self._course.directory.ignore
        received = {
            path: content
            for path, content in {**submitted.attachments, **submitted.marks}.items()
            if not any(fnmatch.fnmatch(part, one) for part in Path(path).parts for one in ignored)
        }
        ours = {path: data for path, data in some.files.items() if path not in some.declared}
        notebooks = {f"{name}.ipynb": result.content for name, result in results.items()}
        return {**received, **ours, **notebooks}

    def _write_rows(
        self, gradebook: Gradebook, submission: Submission, results: Mapping[str, Result]
    ) -> None:
        """Write what nbgrader's Autograde leaves in the gradebook.

        Scores and comments that a grader gave stand in fields of their own and stay as they are.
        """
        assignment, student = self._course.assignment_id, submission.student
        if self._nbgrader.create_student:
            gradebook.update_or_create_student(student)
        times = {"timestamp": submission.timestamp} if submission.timestamp else {}
        row = gradebook.update_or_create_submission(assignment, student, **times)
        for name, result in results.items():
            notebook = gradebook.find_submission_notebook(name, assignment, student)
            grades = _by_cell(gradebook, api.Grade, notebook, result.scores)
            for cell, (points, by_hand) in result.scores.items():
                grades[cell].auto_score = points
                grades[cell].needs_manual_grade = by_hand or grades[cell].manual_score is not None
            comments = _by_cell(gradebook, api.Comment, notebook, result.comments)
            for cell, text in result.comments.items():
                comments[cell].auto_comment = text
        gradebook.db.flush()
        gradebook.db.expire_all()  # its sums are those of before
        for notebook in row.notebooks:
            if notebook.name in results:
                notebook.late_submission_penalty = self._penalty(notebook, row.total_seconds_late)
            elif not (submission.folder / f"{notebook.name}.ipynb").exists():
                for grade in notebook.grades:  # of an older submission
                    grade.auto_score, grade.needs_manual_grade = 0, False

    def _penalty(self, notebook: SubmittedNotebook, seconds_late: float) -> float | None:
        """Points that are taken off because a submission is late."""
        if seconds_late <= 0:
            return None
        score, student = notebook.score, notebook.student.id
        penalty = self._late.plugin_inst.late_submission_penalty(student, score, seconds_late)
        return penalty if penalty is None else min(max(0, penalty), score)


def _by_cell(
    gradebook: Gradebook, kind: type, notebook: SubmittedNotebook, wanted: Collection[str]
) -> dict[str, Any]:
    """The grades or comments of a notebook at once; nbgrader looks for one at a time."""
    rows = gradebook.db.query(api.BaseCell.name, kind).join(kind, kind.cell_id == api.BaseCell.id)
    found = dict(map(tuple, rows.filter(kind.notebook_id == notebook.id)))
    if missing := set(wanted) - found.keys():
        cells = ", ".join(sorted(missing))
        raise api.MissingEntry(f"{cells}: generate the assignment again, with --force")
    return found


def feedback_pages(course: Course, student: str) -> dict[str, str]:
    """Make the feedback pages of a student (HTML, by notebook)."""
    directory = course.directory
    autograded = course.folder(directory.autograded_directory, student)
    pages = course.folder(directory.feedback_directory, student)
    converter = _GenerateFeedback(coursedir=directory, config=course.config, log=_QUIET)
    converter.notebooks = [str(autograded / f"{name}.ipynb") for name in course.notebooks]
    shutil.rmtree(pages, ignore_errors=True)
    converter.start()
    return {name: (pages / f"{name}.html").read_text("utf-8") for name in course.notebooks}


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


def _is_no_database_error(record: logging.LogRecord) -> bool:
    """nbgrader logs a traceback of each error of a database, and then raises it for us."""
    return "database error" not in record.getMessage()
