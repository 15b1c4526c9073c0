"""Notebooks that are not the one handed out: other editions, other courses, other programs."""

import copy

import nbformat
import pytest

from tests.support import small
from tests.support.mistakes import EXERCISES, RIGHT_ANSWERS, answer

IMPORTS = "import numpy as np\nimport math"
RIGHT = {exercise: answer(exercise) for exercise in EXERCISES}


def code(source, **metadata):
    return {
        "cell_type": "code",
        "execution_count": 1,
        "metadata": metadata,
        "outputs": [],
        "source": source,
    }


def notebook(*sources, minor=2, metadata=None):
    """A notebook of somebody else's making, with text around the code."""
    text = {"cell_type": "markdown", "metadata": {}, "source": "Zeros, large values, He."}
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
        return {"nbgrader": {"grade_id": grade_id, "schema_version": 3, **roles}}

    return notebook(
        code(IMPORTS, **mark("cell-1", locked=True)),
        *(code(RIGHT[name], **mark(f"ex-{name}", solution=True)) for name in EXERCISES),
        *(code(f"check('{name}')", **mark(f"t-{name}", grade=True)) for name in EXERCISES),
    )


def colab():
    cells = [code(source, id=f"xYz_{i}") for i, source in enumerate([IMPORTS, *RIGHT.values()])]
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
def test_a_right_answer_is_right_in_any_notebook_and_one_line_says_that_it_is_another(
    name, assignment
):
    graded = small.grade(nbformat.from_dict(copy.deepcopy(OTHERS[name])), assignment)
    assert small.passed(graded) == [True, True, True]
    codes = {repair.code for repair in graded.facts.repairs}
    assert codes <= {"other-notebook", "answer-merged"}
    assert "other-notebook" in codes


@pytest.mark.parametrize("name", OTHERS)
def test_the_rules_say_one_sentence_about_it(name):
    from lesson.rules import check_cells

    violations = check_cells(copy.deepcopy(OTHERS[name]))
    assert [violation.rule for violation in violations] == ["other-notebook"]


def test_prints_parameters_and_globals_are_checked_as_usual():
    from lesson.rules import check_cells

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


def test_an_import_added_to_a_given_cell_costs_an_answer_that_uses_it_nothing(assignment):
    uses_math = answer("he").replace("np.sqrt", "math.sqrt")
    submission = small.submission(assignment, he=uses_math)
    packages = next(cell for cell in submission.cells if cell.id == "packages")
    packages.source += "\nimport math"
    assert small.passed(small.grade(submission, assignment)) == [True, True, True]
    packages.source = packages.source.replace("import math", "")
    assert small.passed(small.grade(submission, assignment)) == [True, True, False]
