"""Record results in the course folder and in the gradebook, through nbgrader's own Autograde.

A result passes through the folder ``.grading``. While a submission stands there, it has not been
recorded completely, and the next run grades it again.
"""

from __future__ import annotations

import logging
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO

from nbconvert.exporters import NotebookExporter
from nbconvert.exporters.exporter import ResourcesDict
from nbformat import NotebookNode
from nbgrader.api import MissingEntry
from nbgrader.converters import Autograde, GenerateFeedback, NbGraderException
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import AssignLatePenalties
from traitlets.config import Config

from autograder.course.folder import Course, CourseError, Submission
from autograder.course.transaction import SharedConnection, patient
from autograder.submission import files
from autograder.text import summary

# Where nbgrader's Gradebook writes a traceback of each error, before it raises one of its own.
_GRADEBOOK_LOG = logging.getLogger("tornado.application")


class NotRecorded(Exception):
    """A result could not be recorded; the message says why."""


class Writer:
    """The only one that writes while a course is graded.

    Parameters
    ----------
    course : Course

    Raises
    ------
    CourseError
        If the assignment has not been generated, or the gradebook cannot be used.
    """

    def __init__(self, course: Course) -> None:
        self._course = course
        with course.gradebook() as gradebook:
            try:
                for name in course.notebooks:
                    gradebook.find_notebook(name, course.assignment_id)
            except MissingEntry:
                raise CourseError(
                    f"The gradebook does not know {course.assignment_id} yet. First run: "
                    f"nbgrader generate_assignment {course.assignment_id} --force"
                ) from None
        self._connection = SharedConnection(patient(course.directory.db_url))
        self._errors = _Errors()
        log = logging.Logger("nbgrader")
        for source in (log, _GRADEBOOK_LOG):
            source.addHandler(self._errors)
        _GRADEBOOK_LOG.propagate = False
        config = Config(course.config)
        config.CourseDirectory.submitted_directory = files.STAGING
        config.CourseDirectory.db_url = self._connection.db_url
        directory = CourseDirectory(config=config, log=log)
        self._autograde = _Autograde(coursedir=directory, config=config, log=log)
        self._generate_feedback = _GenerateFeedback(coursedir=directory, config=config, log=log)

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the gradebook."""
        _GRADEBOOK_LOG.propagate = True
        _GRADEBOOK_LOG.removeHandler(self._errors)
        self._connection.close()

    def record(
        self,
        submission: Submission,
        notebooks: Mapping[str, NotebookNode],
        beside: Mapping[str, bytes],
    ) -> None:
        """Record executed notebooks, by name, and what stands beside them, as a result.

        The notebook is used up: what it holds afterwards is not for use.

        Raises
        ------
        NotRecorded
            If that is not possible. The gradebook is then as it was before.
        """
        self._errors.last = ""
        try:
            for name, notebook in notebooks.items():
                self._course.notebooks[name].complete_tests(notebook)
            staged = self._course.folder(files.STAGING, submission.student)
            timestamp = f"{submission.timestamp} UTC\n" if submission.timestamp else None
            secret = files.read_secret(submission.folder)
            files.stage(staged, notebooks, timestamp, secret, beside)
            self._autograde.staged, self._autograde.executed = staged, notebooks
            with self._connection.transaction():
                self._autograde.start()
            shutil.rmtree(staged.parent)
        except NbGraderException as error:
            raise NotRecorded(self._errors.last or str(error)) from error
        except Exception as error:  # of the disk or the database
            raise NotRecorded(summary(error)) from error

    def feedback(self, student: str) -> dict[str, str]:
        """Make the feedback pages of a student, as ``nbgrader generate_feedback`` does.

        Returns
        -------
        dict of str to str
            HTML by notebook.

        Raises
        ------
        NotRecorded
            If that is not possible.
        """
        self._errors.last = ""
        directory, names = self._course.directory, self._course.notebooks
        autograded = self._course.folder(directory.autograded_directory, student)
        self._generate_feedback.notebooks_of(autograded, names)
        try:
            self._generate_feedback.start()
            pages = self._course.folder(directory.feedback_directory, student)
            return {name: (pages / f"{name}.html").read_text(encoding="utf-8") for name in names}
        except NbGraderException as error:
            raise NotRecorded(self._errors.last or str(error)) from error
        except Exception as error:
            raise NotRecorded(summary(error)) from error


class _Exporter(NotebookExporter):
    """Exports what the `_Autograde` holds, whatever the staged file contains."""

    optimistic_validation = True  # once, not after each preprocessor

    def from_file(
        self, file_stream: IO[str], resources: ResourcesDict | None = None, **kw: object
    ) -> tuple[str, ResourcesDict]:
        notebook = self.parent.executed[resources["nbgrader"]["notebook"]]
        return self.from_notebook_node(_NotCopied(notebook), resources, **kw)


class _NotCopied(NotebookNode):
    """A notebook that nobody else has. nbconvert and nbformat would make four copies of it."""

    def __deepcopy__(self, memo: dict) -> _NotCopied:
        return self


class _Autograde(Autograde):
    """Autograde for notebooks that have been sanitized and executed before: one conversion.

    It names its preprocessors itself: those of a configuration could execute the notebook again,
    outside the sandbox.

    Attributes
    ----------
    staged : Path
        Folder in which nbgrader believes the next submission to be.
    executed : dict of str to NotebookNode
        Its notebooks.
    """

    def __init__(self, **settings: object) -> None:
        super().__init__(**settings)
        self.exporter_class = _Exporter
        self.preprocessors = [
            "autograder.nbgrader_plugin.autograde.SaveVerdicts",
            AssignLatePenalties,
        ]
        self.pre_convert_hook = None
        self.force = True

    def init_notebooks(self) -> None:
        # nbgrader would search by patterns, and miss a student called [1-3].
        self.assignments = {
            str(self.staged): [str(self.staged / f"{name}.ipynb") for name in self.executed]
        }

    def convert_single_notebook(self, notebook_filename: str) -> None:
        super(Autograde, self).convert_single_notebook(notebook_filename)


class _GenerateFeedback(GenerateFeedback):
    """GenerateFeedback for one student, whatever the name is."""

    force = True

    def notebooks_of(self, autograded: Path, names: Iterable[str]) -> None:
        """Say which pages are made by the next `start`."""
        self._wanted = {str(autograded): [str(autograded / f"{name}.ipynb") for name in names]}

    def init_notebooks(self) -> None:
        self.assignments = self._wanted


class _Errors(logging.Handler):
    """Remembers the last exception that nbgrader logs; the one it raises does not tell it."""

    last = ""

    def emit(self, record: logging.LogRecord) -> None:
        if error := sys.exc_info()[1]:
            self.last = summary(error)
