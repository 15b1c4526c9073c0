"""Our part of ``nbgrader autograde``: the plug-ins that nbgrader_config.py names.

nbgrader converts a submission twice. The first time (``sanitize_preprocessors``) `Grade` puts the
executed notebook in the place of whatever was submitted; the second time
(``autograde_preprocessors``) `SaveVerdicts` records its scores and comments. nbgrader's own kernel
never starts.
"""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbconvert.exporters import NotebookExporter
from nbconvert.exporters.exporter import ResourcesDict
from nbformat import NotebookNode
from nbformat.v4 import new_notebook
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import NbGraderPreprocessor, SaveAutoGrades
from traitlets import Bool

from autograder import handed_in
from autograder.assignment import Assignment
from autograder.grading import Graded, grade_submission, unreadable
from autograder.intake import Unreadable


class SubmissionExporter(NotebookExporter):
    """Opens no submitted file itself: `Grade` does, and copes with what it finds there."""

    def from_filename(
        self, filename: str, resources: ResourcesDict | None = None, **kw: object
    ) -> tuple[str, ResourcesDict]:
        path = Path(filename)
        coursedir = self.parent.coursedir
        submitted = Path(coursedir.root, coursedir.submitted_directory)
        resources = resources if resources is not None else ResourcesDict()
        resources["metadata"] = ResourcesDict(name=path.stem, path=str(path.parent))
        if path.is_relative_to(submitted):
            notebook = new_notebook()
        else:
            notebook = nbformat.read(path, as_version=4)
        return self.from_notebook_node(notebook, resources, **kw)


class Grade(NbGraderPreprocessor):
    """Grades the submission in the sandbox and continues with the executed notebook."""

    sandboxed = Bool(True, help="Whether to run student code in the bubblewrap sandbox").tag(
        config=True
    )
    full = Bool(False, help="Whether to run the cells tagged demonstration as well").tag(
        config=True
    )

    def preprocess(
        self, nb: NotebookNode, resources: ResourcesDict
    ) -> tuple[NotebookNode, ResourcesDict]:
        course: CourseDirectory = self.parent.parent.coursedir
        names = resources["nbgrader"]
        assignment = read_assignment(course, names["assignment"])
        folder = course.format_path(
            course.submitted_directory, names["student"], names["assignment"]
        )
        try:
            submission = handed_in.read_notebook(Path(folder, names["notebook"] + ".ipynb"))
        except Unreadable as reason:
            graded = unreadable(assignment, str(reason))
        else:
            graded = grade_submission(
                submission, assignment, full=self.full, sandboxed=self.sandboxed
            )
        self._log(names["student"], graded)
        return graded.notebook, resources

    def _log(self, student: str, graded: Graded) -> None:
        if graded.unreadable:
            self.log.error("%s: not graded, %s", student, graded.unreadable)
        for repair in graded.repairs:
            self.log.warning("%s: %s", student, repair)


class SaveVerdicts(SaveAutoGrades):
    """Saves scores as nbgrader does, and as automatic comments what the tests have to say."""

    def preprocess(
        self, nb: NotebookNode, resources: ResourcesDict
    ) -> tuple[NotebookNode, ResourcesDict]:
        self._unreadable = bool(nb.metadata.autograder.unreadable)
        return super().preprocess(nb, resources)

    def _add_score(self, cell: NotebookNode, resources: ResourcesDict) -> None:
        super()._add_score(cell, resources)
        if self._unreadable:  # a person has to look at what was handed in
            grade = self.gradebook.find_grade(
                cell.metadata.nbgrader.grade_id,
                self.notebook_id,
                self.assignment_id,
                self.student_id,
            )
            grade.needs_manual_grade = True
            self.gradebook.db.commit()

    def _add_comment(self, cell: NotebookNode, resources: ResourcesDict) -> None:
        comment = self.gradebook.find_comment(
            cell.metadata.nbgrader.grade_id, self.notebook_id, self.assignment_id, self.student_id
        )
        comment.auto_comment = cell.metadata.autograder.comment
        self.gradebook.db.commit()


def read_assignment(course: CourseDirectory, assignment: str) -> Assignment:
    """Read the assignment from the course's own source folder."""
    return Assignment.from_directory(course.format_path(course.source_directory, ".", assignment))
