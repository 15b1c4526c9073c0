"""Our part of ``nbgrader autograde`` and of Formgrader's button.

nbgrader's converter finds the submissions and decides which are new. The exporter that
nbgrader_config.py names hands these to the engine of ``python -m autograder grade``: nbgrader
itself opens no submission, copies nothing, and its kernel never starts. The alternatives were an
exporter with preprocessors, between which nbgrader copies what it finds in ``submitted/`` (that
needed a second folder in its place, and recorded in another way than `grade`), and a class in the
place of nbgrader's ``Autograde``, which Formgrader imports before it reads a configuration.
"""

import re
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from nbconvert.exporters import NotebookExporter
from nbgrader.converters import Autograde, NbGraderException

from autograder.course.batch import Outcome, grade_course
from autograder.course.folder import Course, load_config
from autograder.course.workers import InThisProcess, Workers
from autograder.submission.names import passes
from autograder.text import UserError


class SubmissionExporter(NotebookExporter):
    """Takes the place of the way in which nbgrader's Autograde converts notebooks."""

    export_from_notebook = None  # not for JupyterLab's menu

    def __init__(self, **settings: object) -> None:
        super().__init__(**settings)
        converter: Autograde = self.parent
        converter.convert_notebooks = lambda: _grade(converter)


def _grade(converter: Autograde) -> None:
    """Grade the submissions that a converter has found, in this process."""
    pattern = converter._format_source("(?P<assignment>.*)", "(?P<student>.*)", escape=True)
    all_graded = True
    submitted: dict[str, dict[str, list[str]]] = defaultdict(dict)
    for folder, notebooks in sorted(converter.assignments.items()):
        found = re.fullmatch(pattern, folder)
        if found and passes(found["student"]):
            submitted[found["assignment"]][found["student"]] = sorted(notebooks)
        else:  # nbgrader would stop there, and grade nobody
            converter.log.error("%s: not graded, because of the name of its folder", folder)
            all_graded = False
    for assignment, notebooks in submitted.items():
        try:
            all_graded &= _grade_assignment(converter, assignment, notebooks)
        except UserError as error:
            converter.log.error("%s: %s", assignment, error)
            all_graded = False
    if not all_graded:
        raise NbGraderException("Not all submissions were graded; the log says why.")


def _grade_assignment(
    converter: Autograde, assignment: str, notebooks: dict[str, list[str]]
) -> bool:
    """Grade what is new, of notebooks by student; whether all of it was graded."""
    root = Path(converter.coursedir.root)
    if (root / "nbgrader_config.py").is_file():
        load_config(root)  # nbgrader goes on after an error in that file; this raises it
    course = Course(root, assignment, converter.config)
    course.calibrate()
    new = []
    for student, converter.notebooks in notebooks.items():
        if converter.init_destination(assignment, student):
            folder = course.folder(course.directory.submitted_directory, student)
            submission = course.submission(student, folder)
            found = {Path(notebook).stem for notebook in converter.notebooks}
            chosen = {n: path for n, path in submission.notebooks.items() if n in found}
            new.append(replace(submission, notebooks=chosen or submission.notebooks))

    def report(outcome: Outcome) -> None:
        if outcome.problem:
            converter.log.error("%s: not graded, %s", outcome.student, outcome.problem)
        for repair in outcome.repairs:
            converter.log.warning("%s: %s", outcome.student, repair)

    with Workers(make_executor=InThisProcess, count=lambda: 1) as at_once:
        outcomes = grade_course(course, new, at_once, on_outcome=report)
    return all(outcome.recorded for outcome in outcomes)
