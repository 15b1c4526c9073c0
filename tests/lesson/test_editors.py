"""Notebooks that other programs have saved are read, checked and graded like Jupyter's own."""

from __future__ import annotations

import json

import nbformat
import pytest

from autograder.assignment import Assignment, Role, grade_id, role
from autograder.submission.notebook import read_submission
from autograder.submission.rebuild import rebuild
from lesson.rules import check_notebook
from tests.support import courses

SOURCE = courses.PROJECT / "source" / "Initialization"
GIVEN = courses.PROJECT / "Initialization.ipynb"


CELLS = len(nbformat.read(GIVEN, as_version=4).cells)


def solved() -> dict:
    """The notebook with all answers, as JSON."""
    return json.loads(nbformat.writes(courses.fill_in(GIVEN, courses.answers())))


def by_vs_code(notebook: dict) -> str:
    """Save as Visual Studio Code does: keys sorted, one space of indentation, its own metadata."""
    notebook["metadata"] |= {
        "kernelspec": {"display_name": ".venv", "language": "python", "name": "python3"},
        "language_info": {
            "codemirror_mode": {"name": "ipython", "version": 3},
            "file_extension": ".py",
            "mimetype": "text/x-python",
            "name": "python",
            "nbconvert_exporter": "python",
            "pygments_lexer": "ipython3",
            "version": "3.11.2",
        },
    }
    for number, cell in enumerate(notebook["cells"]):
        cell["metadata"]["vscode"] = {"languageId": "python"}
        if cell["cell_type"] == "code":
            cell["execution_count"] = number
    return json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def by_colab(notebook: dict) -> str:
    """Save as Google Colab does: one line, ids only in its own metadata."""
    notebook["nbformat_minor"] = 0
    notebook["metadata"]["colab"] = {"provenance": []}
    for cell in notebook["cells"]:
        cell["metadata"]["id"] = cell.pop("id")
    return json.dumps(notebook, ensure_ascii=False)


def with_windows_line_ends(notebook: dict) -> str:
    return json.dumps(notebook, indent=1).replace("\n", "\r\n").replace("\\n", "\\r\\n")


@pytest.mark.parametrize(
    ("save", "repairs"),
    [
        (by_vs_code, []),
        (by_colab, []),  # its format has no cell ids
        (with_windows_line_ends, []),
    ],
)
def test_a_notebook_saved_by_another_editor_keeps_all_rules_and_answers(save, repairs, tmp_path):
    path = tmp_path / "Initialization.ipynb"
    path.write_bytes(save(solved()).encode())
    assert check_notebook(path) == []
    rebuilt = rebuild(Assignment.from_directory(SOURCE), read_submission(path.read_bytes()))
    assert list(map(str, rebuilt.repairs)) == repairs
    cells = rebuilt.notebook.cells
    answers = {grade_id(cell): cell.source for cell in cells if role(cell) is Role.ANSWER}
    assert answers == {
        cell["id"]: "".join(cell["source"])
        for cell in solved()["cells"]
        if cell["metadata"].get("nbgrader", {}).get("solution")
    }


def test_vs_code_keeps_the_ids_of_the_cells():
    saved = nbformat.reads(by_vs_code(solved()), as_version=4)
    nbformat.validate(saved)
    given = nbformat.read(GIVEN, as_version=4)
    assert [cell.id for cell in saved.cells] == [cell.id for cell in given.cells]


def test_an_editor_that_drops_the_marks_would_be_noticed(tmp_path):
    path = tmp_path / "Initialization.ipynb"
    notebook = solved()
    for cell in notebook["cells"]:
        cell["metadata"] = {}
    path.write_text(json.dumps(notebook))
    assert [finding.rule for finding in check_notebook(path)] == ["other-notebook"]
