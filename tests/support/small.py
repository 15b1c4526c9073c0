"""A small assignment, and submissions of it that are graded in seconds.

It has the answers and the tests of the real one, hidden tests included, but no text and no
training, and it imports NumPy only.
"""

import copy
import json
from collections.abc import Iterator

import nbformat
from nbformat import NotebookNode

from autograder.assignment import Assignment, Role, role
from autograder.grading.run import Graded, grade_submission
from autograder.limits import MEGABYTE, Limits
from tests.support import courses
from tests.support.mistakes import EXERCISES, answer

LIMITS = Limits(
    cell_seconds=20,
    call_seconds=1.0,
    total_seconds=150,
    memory_bytes=500 * MEGABYTE,
    processes=12,
    scratch_bytes=4 * MEGABYTE,
    file_bytes=2 * MEGABYTE,
    output_bytes=2_000,
    image_bytes=10_000,
    notebook_bytes=20_000,
    result_bytes=50_000,
    result_items=500,
)
RIGHT_ANSWERS = {exercise: answer(exercise) for exercise in EXERCISES}
# What stands in the hidden tests and nowhere else: names, layer sizes, a number of theirs.
SECRETS = ("HIDDEN TESTS", "check_hidden", "_reference", "6, 9", "5, 11", "64, 33", "architectures")


def make_assignment(*more_cells: NotebookNode) -> Assignment:
    """The answers and tests of the real assignment, and perhaps more cells behind them."""
    whole = courses.assignment_in()
    notebook = nbformat.v4.reads(whole.notebook.decode())
    packages = next(cell for cell in notebook.cells if cell.id == "packages")
    tests = ", ".join(f"initialize_parameters_{exercise}_test" for exercise in EXERCISES)
    packages.source = f"import numpy as np\nfrom public_tests import {tests}"
    graded = [cell for cell in notebook.cells if role(cell) in (Role.ANSWER, Role.TEST)]
    notebook.cells = [packages, *graded, *more_cells]
    return Assignment(nbformat.writes(notebook).encode(), whole.files, modules=("numpy",))


def submission(assignment: Assignment, **answers: str) -> NotebookNode:
    """A submission with the given answers by exercise, and right ones elsewhere."""
    cells = [copy.deepcopy(cell) for cell in assignment.released_cells()]
    for cell in cells:
        exercise = cell.id.removeprefix("initialize-")
        if exercise in EXERCISES:
            cell.source = answers.get(exercise, RIGHT_ANSWERS[exercise])
    return nbformat.v4.new_notebook(cells=cells)


def grade(
    notebook: NotebookNode, assignment: Assignment, limits: Limits = LIMITS, **options: bool
) -> Graded:
    """Grade a submission that is a notebook in memory."""
    return grade_submission(json.dumps(notebook).encode(), assignment, limits, **options)


def passed(graded: Graded) -> list[bool]:
    """Whether the exercises passed, in their order."""
    return [graded.facts.verdicts[f"test-{exercise}"].passed for exercise in EXERCISES]


def cell_of(graded: Graded, name: str) -> NotebookNode:
    """The executed cell of a name."""
    return next(cell for cell in graded.notebook.cells if cell.id == name)


def outputs_of(graded: Graded) -> Iterator[NotebookNode]:
    """The outputs of all cells."""
    for cell in graded.notebook.cells:
        yield from cell.get("outputs", [])


def text_of(output: NotebookNode) -> str:
    """All text of an output."""
    parts = (output.get("text"), output.get("ename"), output.get("evalue"))
    shown = output.get("data", {}).get("text/plain")
    return "\n".join(filter(None, (*parts, *output.get("traceback", []), shown)))


def without_answers(notebook: NotebookNode) -> NotebookNode:
    """A copy without what the student wrote, but with all that came out of it."""
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        if cell.metadata.autograder.role in (Role.ANSWER, Role.STUDENT):
            cell.source = ""
    return notebook
