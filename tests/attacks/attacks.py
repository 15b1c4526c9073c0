"""Attacks on the grader: programs from `attacks.toml`, and forged notebooks."""

import copy
import tomllib
from pathlib import Path
from typing import NamedTuple

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_output

from tests.support import courses

# Stands before each attack: it never runs outside a sandbox.
PROOF = """\
import os
COURSE, PORT = {course!r}, {port}
if os.getpid() > 9 or os.path.exists({outside!r}):
    raise SystemError("this is not a sandbox")
print("inside")
"""
WRONG_ANSWER = """
def initialize_parameters_random(layers_dims):
    return {}
"""


class Attack(NamedTuple):
    """Source of an attack, and whether it fools tests in the student's own process."""

    name: str
    source: str
    fools_tests_beside_it: bool = False

    @property
    def cell(self) -> str:
        """Source of the whole cell, without `PROOF`."""
        defined = "initialize_parameters_random(" in self.source
        return self.source if defined else self.source + WRONG_ANSWER


def when_called(body: str) -> str:
    """Source of an answer that does something when it is called."""
    lines = "\n".join("    " + line for line in body.strip().splitlines())
    return f"def initialize_parameters_random(layers_dims):\n{lines}\n"


def _load() -> list[Attack]:
    data = tomllib.loads(Path(__file__).with_suffix(".toml").read_text())
    return [
        Attack(
            row["name"],
            (data["forge"] if row.get("forge") else "")
            + (when_called(row["when_called"]) if "when_called" in row else row["source"]),
            row.get("fools_tests_beside_it", False),
        )
        for row in data["attack"]
    ]


def _load_hoards() -> dict[str, Attack]:
    data = tomllib.loads(Path(__file__).with_name("memory.toml").read_text())
    return {
        name: Attack(name, f"{data['begin']}{source}\n{data['end']}")
        for name, source in data["attacks"].items()
    }


ATTACKS, HOARDS = _load(), _load_hoards()


def hand_in(course: Path, attack: Attack) -> Path:
    """Hand in an attack, with right answers in the other exercises, under its own name."""
    path = courses.hand_in(course, attack.name, courses.answers())
    notebook = nbformat.read(path, as_version=4)
    (cell,) = (cell for cell in notebook.cells if cell.id == "initialize-random")
    cell.source = PROOF.format(course=str(course), port=1, outside=__file__) + attack.cell
    nbformat.write(notebook, path)
    return path


# Notebooks that claim to be something else. Exercise 2 is wrong, no code does any harm.


def _test_cell(notebook: NotebookNode) -> NotebookNode:
    return next(cell for cell in notebook.cells if cell.id == "test-random")


def prints_success_in_the_test_cell(notebook: NotebookNode) -> None:
    _test_cell(notebook).source = "print('All tests passed.')"


def makes_the_test_an_answer(notebook: NotebookNode) -> None:
    prints_success_in_the_test_cell(notebook)
    _test_cell(notebook).metadata.nbgrader.update(solution=True, grade=False, locked=False)


def raises_the_points(notebook: NotebookNode) -> None:
    _test_cell(notebook).metadata.nbgrader.points = 1000.0


def saves_outputs_of_success(notebook: NotebookNode) -> None:
    cell = _test_cell(notebook)
    cell.outputs = [
        new_output("stream", text="All tests passed."),
        new_output("execute_result", {"text/plain": "10.0"}, execution_count=1),
    ]
    cell.metadata.autograder = {"role": "test", "passed": True, "message": "All tests passed."}


def renames_the_test(notebook: NotebookNode) -> None:
    _test_cell(notebook).metadata.nbgrader.grade_id = _test_cell(notebook).id = "test-zeros"


def puts_copies_of_the_tests_first(notebook: NotebookNode) -> None:
    copies = [copy.deepcopy(cell) for cell in notebook.cells if cell.id.startswith("test-")]
    for cell in copies:
        cell.source = "print('All tests passed.')"
    notebook.cells[:0] = copies


def adds_cells_that_claim_a_role(notebook: NotebookNode) -> None:
    for role in ("test", "given", "answer"):
        cell = new_code_cell("print('All tests passed.')")
        cell.metadata.autograder = {"role": role, "passed": True, "points": 10}
        cell.metadata.nbgrader = {"grade_id": f"{role}-bonus", "grade": True, "points": 100.0}
        notebook.cells.append(cell)


def swaps_answer_and_test(notebook: NotebookNode) -> None:
    swapped = {"initialize-random": "test-random", "test-random": "initialize-random"}
    for cell in notebook.cells:
        if cell.id in swapped:
            cell.id = cell.metadata.nbgrader.grade_id = swapped[cell.id]


def asks_for_another_kernel(notebook: NotebookNode) -> None:
    notebook.metadata.autograder = {"failure": "", "repairs": [], "passed": True}
    notebook.metadata.kernelspec = {"name": "bash", "display_name": "x", "argv": ["touch", "x"]}


def replaces_the_test_in_the_first_cell(notebook: NotebookNode) -> None:
    notebook.cells[0].source += "\ninitialize_parameters_random_test = print"


FORGERIES = [
    prints_success_in_the_test_cell,
    makes_the_test_an_answer,
    raises_the_points,
    saves_outputs_of_success,
    renames_the_test,
    puts_copies_of_the_tests_first,
    adds_cells_that_claim_a_role,
    swaps_answer_and_test,
    asks_for_another_kernel,
    replaces_the_test_in_the_first_cell,
]
