"""Notebooks of other editions, courses and programs are read, checked and graded as ours."""

import copy
import json

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell

from autograder.assignment import Role, grade_id, role
from autograder.submission.notebook import read_submission
from autograder.submission.rebuild import rebuild
from lesson.rules import check_cells, check_notebook
from tests.support import courses, small
from tests.support.mistakes import EXERCISES, RIGHT_ANSWERS, answer

IMPORTS = "import numpy as np\nimport math"
RIGHT = {exercise: answer(exercise) for exercise in EXERCISES}


def code(source, **fields):
    cell = new_code_cell(source, **fields)
    del cell["id"]
    return cell


def notebook(*sources, minor=2, metadata=None):
    """A notebook of somebody else's making, with text around the code."""
    text = new_markdown_cell("Zeros, large values, He.")
    del text["id"]
    cells = [text, *(cell if isinstance(cell, dict) else code(cell) for cell in sources)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return {
        "nbformat": 4,
        "nbformat_minor": minor,
        "metadata": kernel | (metadata or {}),
        "cells": cells,
    }


def old_edition(minor):
    return notebook(IMPORTS, *RIGHT.values(), "print('done')", minor=minor)


def another_course():
    def mark(grade_id, **roles):
        return {"metadata": {"nbgrader": {"grade_id": grade_id, "schema_version": 3, **roles}}}

    return notebook(
        code(IMPORTS, **mark("cell-1", locked=True)),
        *(code(RIGHT[name], **mark(f"ex-{name}", solution=True)) for name in EXERCISES),
        *(code(f"check('{name}')", **mark(f"t-{name}", grade=True)) for name in EXERCISES),
    )


def colab():
    cells = [
        code(source, metadata={"id": f"xYz_{i}"})
        for i, source in enumerate([IMPORTS, *RIGHT.values()])
    ]
    return notebook(*cells, minor=0, metadata={"colab": {"provenance": []}, "accelerator": "GPU"})


def template(exercise):
    """A None template as it was handed out: its marks are comments."""
    source = answer(exercise, "None", biases="None")
    return source.replace("    for l", "    # START: about 2 lines\n    for l") + "# END\n"


OTHERS = {
    **{f"old edition, nbformat 4.{minor}": old_edition(minor) for minor in range(5)},
    "marks of another course": another_course(),
    "export of Colab": colab(),
    "answers in one cell": notebook(IMPORTS + "\n" + RIGHT_ANSWERS["nested-helper"]),
    "answers in another order": notebook(IMPORTS, *reversed(RIGHT.values())),
    "imports below an answer": notebook(RIGHT["zeros"], IMPORTS, RIGHT["random"], RIGHT["he"]),
    "an indented answer": notebook(
        IMPORTS, "  " + RIGHT["zeros"].replace("\n", "\n  "), RIGHT["random"], RIGHT["he"]
    ),
    "None templates that were filled in": notebook(
        IMPORTS, *(RIGHT[name].replace("    for l", "    # START\n    for l") for name in EXERCISES)
    ),
    "None templates with answers below": notebook(
        IMPORTS, *(source for name in EXERCISES for source in (template(name), RIGHT[name]))
    ),
    "its own names for sizes": notebook(IMPORTS, "layers_dims = [2, 4, 1]", *RIGHT.values()),
}


@pytest.fixture(scope="module")
def assignment():
    return small.make_assignment()


@pytest.mark.parametrize("name", OTHERS)
def test_a_right_answer_is_right_in_any_notebook(name, assignment):
    graded = small.grade(nbformat.from_dict(copy.deepcopy(OTHERS[name])), assignment)
    assert small.passed(graded) == [True, True, True]
    codes = {repair.code for repair in graded.facts.repairs}
    assert codes <= {"other-notebook", "answer-merged"}
    assert "other-notebook" in codes


@pytest.mark.parametrize("name", OTHERS)
def test_the_rules_say_one_sentence_about_it(name):
    violations = check_cells(copy.deepcopy(OTHERS[name]))
    assert [violation.rule for violation in violations] == ["other-notebook"]


def test_prints_parameters_and_globals_are_checked_as_usual():
    bad = answer("he", arguments="layers_dims, n", start="print(size)")
    violations = check_cells(notebook(IMPORTS, "size = 3", bad))
    assert [violation.rule for violation in violations] == [
        "other-notebook",
        "extra-print",
        "changed-parameters",
        "global-variable",
    ]


def test_a_template_that_was_not_filled_in_is_told_so(assignment):
    template = answer("he", "None", biases="None")
    graded = small.grade(
        nbformat.from_dict(notebook(IMPORTS, RIGHT["zeros"], RIGHT["random"], template)), assignment
    )
    assert small.passed(graded) == [True, True, False]
    assert graded.facts.verdicts["test-he"].code == "still-none"


def test_an_answer_may_use_an_import_added_to_a_given_cell(assignment):
    uses_math = answer("he").replace("np.sqrt", "math.sqrt")
    submission = small.submission(assignment, he=uses_math)
    packages = next(cell for cell in submission.cells if cell.id == "packages")
    packages.source += "\nimport math"
    assert small.passed(small.grade(submission, assignment)) == [True, True, True]
    packages.source = packages.source.replace("import math", "")
    assert small.passed(small.grade(submission, assignment)) == [True, True, False]


# What other programs save of our own notebook

GIVEN = courses.PROJECT / "Initialization.ipynb"


def solved() -> dict:
    """The notebook with all answers, as JSON."""
    return json.loads(nbformat.writes(courses.fill_in(GIVEN, courses.answers())))


def by_vs_code(notebook: dict) -> str:
    """Save as Visual Studio Code does: keys sorted, one space of indentation, its own metadata."""
    notebook["metadata"] |= {
        "kernelspec": {"display_name": ".venv", "language": "python", "name": "python3"},
        "language_info": {"name": "python", "pygments_lexer": "ipython3", "version": "3.11.2"},
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


@pytest.mark.parametrize("save", [by_vs_code, by_colab, with_windows_line_ends])
def test_what_another_editor_saves_keeps_all_rules_and_answers(save, tmp_path):
    path = tmp_path / "Initialization.ipynb"
    path.write_bytes(save(solved()).encode())
    assert check_notebook(path) == []
    assignment = courses.assignment_in()
    rebuilt = rebuild(assignment, read_submission(path.read_bytes()))
    assert rebuilt.repairs == []
    cells = rebuilt.notebook.cells
    answers = {grade_id(cell): cell.source for cell in cells if role(cell) is Role.ANSWER}
    assert answers == {
        cell["id"]: "".join(cell["source"])
        for cell in solved()["cells"]
        if cell["metadata"].get("nbgrader", {}).get("solution")
    }
