"""Our part of ``nbgrader autograde``: the plug-ins that nbgrader_config.py names.

nbgrader converts a submission twice. The first time (``sanitize_preprocessors``) `Grade` puts the
executed notebook in the place of whatever was submitted; the second time
(``autograde_preprocessors``) `SaveVerdicts` records its scores and comments. nbgrader's own kernel
never starts.
"""

from __future__ import annotations

import os
import re
import shutil
import weakref
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from tempfile import mkdtemp
from typing import NamedTuple

import nbformat
from nbconvert.exporters import NotebookExporter
from nbconvert.exporters.exporter import ResourcesDict
from nbformat import NotebookNode
from nbformat.v4 import new_notebook
from nbgrader.converters import Autograde
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import NbGraderPreprocessor, SaveAutoGrades
from nbgrader.utils import compute_checksum
from traitlets import Bool

from autograder.assignment import Assignment, Role, grade_id
from autograder.config import Grading
from autograder.facts import Facts, comment_on_answer
from autograder.grading.calibration import calibrated
from autograder.grading.run import Graded, grade_submission, without_points
from autograder.limits import Limits
from autograder.submission import files
from autograder.submission.notebook import Unreadable


class _Place(NamedTuple):
    """Where a submission lies, and the instructor's files of its assignment."""

    submitted: Path
    source: Path


class _Staged(CourseDirectory):
    """A course like another one, but ``submitted/`` is a private folder.

    Parameters
    ----------
    course : CourseDirectory
    space : str
        The private folder.
    submitted : iterable of str
        Folders of submissions in `course`.

    Attributes
    ----------
    places : dict of str to _Place
        For each of these folders, by the one in `space` that takes its place.
    """

    def __init__(self, course: CourseDirectory, space: str, submitted: Iterable[str]) -> None:
        settings = {name: getattr(course, name) for name in course.trait_names(config=True)}
        super().__init__(parent=course.parent, config=course.config, **settings)
        self.submitted_directory = space
        self.places = {}
        pattern = course.format_path(
            course.submitted_directory, "(?P<student>.*)", "(?P<assignment>.*)", escape=True
        )
        for folder in submitted:
            if found := re.fullmatch(pattern, folder):
                source = course.format_path(course.source_directory, ".", found["assignment"])
                place = self.format_path(space, found["student"], found["assignment"])
                self.places[place] = _Place(Path(folder), Path(source))
            else:  # nbgrader would stop there, and grade nobody
                self.log.error("%s: not graded, because of the name of its folder", folder)

    def format_path(
        self, nbgrader_step: str, student_id: str, assignment_id: str, escape: bool = False
    ) -> str:
        if escape and nbgrader_step == self.submitted_directory:
            nbgrader_step = re.escape(nbgrader_step)
        return super().format_path(nbgrader_step, student_id, assignment_id, escape)

    def get_existing_timestamp(self, dest_path: str) -> datetime | None:
        place = self.places.get(dest_path)
        return files.read_timestamp(place.submitted if place else Path(dest_path))


class SubmissionExporter(NotebookExporter):
    """Shows nbgrader, in the place of ``submitted/``, only what `files.stage` writes.

    nbgrader copies what stands beside a notebook, and follows links when it does so. So its
    converter gets another course to look at: there is one submission at a time in it, and nobody
    but us can write there. It opens no submitted notebook either: `Grade` does, and copes with what
    it finds.

    Attributes
    ----------
    submitted : Path
        Folder of the submission in hand, as it was handed in.
    beside : files.Beside or None
        What stands there beside the notebooks; None if it could not be staged.
    """

    def __init__(self, **settings: object) -> None:
        super().__init__(**settings)
        converter: Autograde = self.parent
        space = mkdtemp(prefix="submitted-")
        weakref.finalize(self, shutil.rmtree, space, ignore_errors=True)
        self._folder = os.path.join(space, "submitted")  # the space itself stays ours
        found = converter.assignments
        self._course = converter.coursedir = _Staged(converter.coursedir, self._folder, found)
        converter.assignments = {}
        for folder, place in self._course.places.items():
            # Those that the assignment has: a student may have written thousands.
            names = {path.name for path in place.source.glob("*.ipynb")}
            names &= {os.path.basename(notebook) for notebook in found[str(place.submitted)]}
            converter.assignments[folder] = [os.path.join(folder, name) for name in names]
        converter.pre_convert_hook = self._stage

    def _stage(self, assignment: str, student: str, notebooks: list[str]) -> None:
        """Stage a submission, and remove the one before."""
        self.beside = None  # nbgrader goes on if anything fails here
        for folder in {os.path.dirname(notebook) for notebook in notebooks}:
            self.submitted, source = self._course.places[folder]
            ours = Assignment.all_in(source, self.parent.config)
            beside = files.read_beside(self.submitted, next(iter(ours.values())))
            shutil.rmtree(self._folder, ignore_errors=True)
            files.stage(
                Path(folder),
                [name for name in ours if os.path.lexists(self.submitted / f"{name}.ipynb")],
                files.timestamp_text(self.submitted),
                files.read_secret(self.submitted),
                beside.files,
            )
            self.beside = beside

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

    full = Bool(False, help="Whether to run the cells tagged demonstration as well").tag(
        config=True
    )

    def preprocess(
        self, nb: NotebookNode, resources: ResourcesDict
    ) -> tuple[NotebookNode, ResourcesDict]:
        exporter: SubmissionExporter = self.parent
        names = resources["nbgrader"]
        assignment, limits = read_notebook(exporter.parent, names["assignment"], names["notebook"])
        if exporter.beside is None:
            raise OSError(f"{exporter.submitted} could not be copied.")
        _refuse_odd_timestamp(exporter.submitted)
        try:
            submission = files.read_notebook(exporter.submitted / f"{names['notebook']}.ipynb")
        except Unreadable as reason:
            graded = without_points(assignment, str(reason))
        else:
            graded = grade_submission(
                submission,
                assignment,
                limits,
                handed_in=exporter.beside.files,
                full=self.full,
                execute=Grading(parent=exporter.parent).executes(),
                hidden=(exporter.parent.coursedir.root,),
            )
        graded.mention(exporter.beside.left_out)
        self._log(names["student"], graded)
        assignment.complete_tests(graded.notebook)
        return graded.notebook, resources

    def _log(self, student: str, graded: Graded) -> None:
        if graded.facts.failure:
            self.log.error("%s: not graded, %s", student, graded.facts.failure)
        for repair in graded.facts.repairs:
            self.log.warning("%s: %s", student, repair)


def _refuse_odd_timestamp(folder: Path) -> None:
    """Stop, as nbgrader does, at a time stamp that says nothing."""
    if files.timestamp_is_odd(folder):
        raise ValueError(
            f"The time stamp in {folder} cannot be read, so nobody knows whether this submission "
            f"is late. Write the time into {folder / files.TIMESTAMP}, such as 2026-03-02 09:00:00 "
            "UTC, or leave that file empty if it does not matter. Then grade again."
        )


class SaveVerdicts(SaveAutoGrades):
    """Saves scores as nbgrader does, and as automatic comments what there is to say.

    Scores and comments that a grader gave stand in fields of their own and stay as they are.
    """

    def preprocess(
        self, nb: NotebookNode, resources: ResourcesDict
    ) -> tuple[NotebookNode, ResourcesDict]:
        facts = Facts.of(nb)
        self._failed = bool(facts.failure)
        self._taken_off: Counter[str] = Counter()  # points by the grade id of the test
        self._comments = self._write_comments(nb, facts)
        nb, resources = super().preprocess(nb, resources)
        course: CourseDirectory = self.parent.parent.coursedir
        # nbgrader would keep the page about the result before, unless it is told --force.
        names = resources["nbgrader"]
        shutil.rmtree(
            course.format_path(course.feedback_directory, names["student"], names["assignment"]),
            ignore_errors=True,
        )
        return nb, resources

    def _write_comments(self, nb: NotebookNode, facts: Facts) -> dict[str, str]:
        """The automatic comment on each answer, by grade id."""
        answers = {
            grade_id(cell): cell.metadata.autograder
            for cell in nb.cells
            if cell.metadata.autograder.role == Role.ANSWER
        }
        inside = {grade_id(cell) for cell in nb.cells if cell.metadata.autograder.get("inside")}
        failed = {test for test, verdict in facts.verdicts.items() if not verdict.passed}
        untouched = {  # and their tests, inside, cannot explain more than that
            grade_id(cell)
            for cell in nb.cells
            if grade_id(cell) in answers
            and cell.metadata.nbgrader.checksum == compute_checksum(cell)
            and (wrong := failed.intersection(cell.metadata.autograder.tests))
            and inside.issuperset(wrong)
        }
        elsewhere = [one for one in facts.violations if one.cell not in answers]
        about_notebook = [*facts.repairs, *elsewhere]
        points_per_violation = Grading(parent=self.parent.parent).points_per_violation
        comments = {}
        for answer, metadata in answers.items():
            own = [one for one in facts.violations if one.cell == answer]
            metadata.penalty = points_per_violation * len(own) if metadata.tests else 0
            if metadata.tests:
                self._taken_off[metadata.tests[0]] += metadata.penalty
            verdicts = {test: facts.verdicts[test] for test in metadata.tests}
            if answer in untouched and not (own or about_notebook):
                continue  # nbgrader says "No response."
            comments[answer] = comment_on_answer(verdicts, own, metadata.penalty, about_notebook)
            about_notebook = []  # the first answer has told of it
        return comments

    def _add_score(self, cell: NotebookNode, resources: ResourcesDict) -> None:
        super()._add_score(cell, resources)
        points = self._taken_off[grade_id(cell)]
        if not points and not self._failed:
            return
        grade = self.gradebook.find_grade(
            grade_id(cell), self.notebook_id, self.assignment_id, self.student_id
        )
        if points and grade.auto_score is not None:
            grade.auto_score = max(0, grade.auto_score - points)
        if self._failed:  # a person has to look at what was handed in
            grade.auto_score = 0
            grade.needs_manual_grade = True
        self.gradebook.db.commit()

    def _add_comment(self, cell: NotebookNode, resources: ResourcesDict) -> None:
        ours = self._comments.get(grade_id(cell))
        if not ours:
            super()._add_comment(cell, resources)
            return
        comment = self.gradebook.find_comment(
            grade_id(cell), self.notebook_id, self.assignment_id, self.student_id
        )
        comment.auto_comment = ours
        self.gradebook.db.commit()


def read_notebook(
    converter: Autograde, assignment: str, notebook: str
) -> tuple[Assignment, Limits]:
    """Read a notebook from the course's own source folder, and say where its tests run."""
    course = converter.coursedir
    grading = Grading(parent=converter)
    limits = grading.limits()
    found = Assignment.all_in(
        course.format_path(course.source_directory, ".", assignment),
        converter.config,
        grading.rules.get(assignment, ""),
    )
    calibrated_one, _ = calibrated(
        found[notebook],
        f"{assignment}/{notebook}.ipynb",
        limits,
        course=Path(course.root),
    )
    return calibrated_one, limits
