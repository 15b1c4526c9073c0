"""An assignment of three small functions, which students' notebooks of any kind belong to."""

import json

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from autograder.assignment import Role

SOLUTIONS = {
    "total": "return sum(values)",
    "average": "return total(values) / len(values)",
    "spread": "return max(values) - min(values)",
}
EXPECTED = {"total": 9, "average": 3.0, "spread": 4}


def nbgrader(grade_id, **values):
    defaults = {"grade": False, "solution": False, "locked": False, "schema_version": 3}
    return {"nbgrader": {**defaults, "grade_id": grade_id, "task": False, **values}}


def instructors_notebook():
    """A small notebook with every kind of cell."""
    locked = nbgrader("packages", locked=True)
    cells = [
        new_markdown_cell("# Three functions\n\nFill them in.", id="opening"),
        new_code_cell("import math", id="packages", metadata=locked),
    ]
    for name, solution in SOLUTIONS.items():
        cells += [
            new_markdown_cell(f"## {name.title()}", id=f"{name}-intro"),
            new_code_cell(
                f"def {name}(values):\n"
                f"    ### BEGIN SOLUTION\n    {solution}\n    ### END SOLUTION",
                id=name,
                metadata=nbgrader(name, solution=True),
            ),
            new_code_cell(
                f"assert callable({name})\n### BEGIN HIDDEN TESTS\n"
                f"assert {name}([1, 3, 5]) == {EXPECTED[name]}\n### END HIDDEN TESTS",
                id=f"test-{name}",
                metadata=nbgrader(f"test-{name}", grade=True, locked=True, points=10),
            ),
        ]
    demonstration = {"tags": ["demonstration"], **nbgrader("plot", locked=True)}
    playground = {"tags": ["demonstration", "playground"]}
    cells += [
        new_code_cell("print(total([1, 2]))", id="plot", metadata=demonstration),
        new_code_cell("total([])", id="try", metadata=playground),
    ]
    kernelspec = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernelspec})


def to_bytes(notebook):
    return nbformat.writes(notebook).encode()


def edited(data, change):
    notebook = json.loads(data)
    change(notebook)
    return json.dumps(notebook).encode()


def with_id(notebook, cell_id):
    return next(cell for cell in notebook["cells"] if cell["id"] == cell_id)


def answer_cells(notebook):
    return [cell for cell in notebook.cells if cell.metadata.autograder.role == Role.ANSWER]


def is_students(cell):
    return cell.id.startswith("student-")


def assert_built_from_ours(assignment, notebook):
    """Our cells in our order, the given ones as released; nothing of ours on the student's."""
    nbformat.validate(notebook)
    assert notebook.metadata == assignment.metadata
    ours = [cell for cell in notebook.cells if not is_students(cell)]
    for cell, released in zip(ours, assignment.released_cells(), strict=True):
        assert cell.metadata == released.metadata
        assert (cell.id, cell.cell_type) == (released.id, released.cell_type)
        if cell.metadata.autograder.role not in (Role.ANSWER, Role.PLAYGROUND):
            assert cell.source == released.source
    for number, cell in enumerate(filter(is_students, notebook.cells), start=1):
        assert cell.id == f"student-{number}"
        assert cell.metadata.keys() == {"autograder"}
        assert cell.metadata.autograder.role in (Role.STUDENT, Role.DEMONSTRATION)
        assert "attachments" not in cell
