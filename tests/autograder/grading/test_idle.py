"""Cells of a student that cost seconds, and on which no test depends, are not run."""

import pytest
from nbformat.v4 import new_code_cell

from autograder.grading.idle import idle_cells
from tests.support import small
from tests.support.mistakes import answer

GIVEN = """\
import matplotlib.pyplot as plt
import numpy as np
from helpers import train
%matplotlib inline
plt.rcParams["figure.figsize"] = (7, 4)
"""
MODEL = "history = {}\ndef model(X):\n    history[0] = train(X, he([2, 1]))\n    return history\n"
HE = "def he(sizes):\n    return np.zeros(list(sizes)) * max(scale)\n"
IDLE = {
    "training": "costs = model(X)\nplt.plot(costs)\nplt.title('He')\nplt.show()\nprint(costs)",
    "a call of an answer": "print(he([2, 4, 1]))",
    "a model of their own": (
        "def model(X, rate=0.1):\n"
        "    for i in range(9):\n        X = np.squeeze(train(X, he(X)))\n"
        "    return X"
    ),
    "a loop": "for i in range(10 ** 9):\n    total = i",
    "a variable of the same name inside a function": "def other(scale):\n    return max(scale())",
}
NEEDED = {
    "binds what an answer reads": "scale = np.sqrt(2)",
    "changes what an answer reads": "scale.append(model(1))",
    "hands over what an answer reads": "model(scale)",
    "binds a tested function": "he = model(1)",
    "redefines NumPy": "np = model(1)",
    "patches NumPy": "np.zeros = model(1)",
    "changes a setting of NumPy": "np.seterr(all=model(1))",
    "deletes": "del scale\nmodel(1)",
    "runs text": "exec(model(1))",
    "reaches all variables": "globals()[model(1)] = 2",
    "climbs": "model.__globals__['scale'] = model(1)",
    "imports": "import math\nmodel(1)",
    "is a magic": "%run other.py",
    "is no Python": "model(1",
    "is long": "model(1)\n" * 2000,
    "a function that changes a global": "def f():\n    global scale\n    scale = model(1)",
}


def idle(own, more=()):
    cells = [("given", GIVEN), ("given", MODEL), ("answer", HE), ("own", own)]
    return idle_cells([*cells, *(("own", source) for source in more)], ["he"])[3:]


@pytest.mark.parametrize("name", IDLE)
def test_no_test_depends_on(name):
    assert idle(IDLE[name]) == [True]


@pytest.mark.parametrize("name", NEEDED)
def test_a_cell_is_run_that(name):
    assert idle(NEEDED[name]) == [False]


def test_what_takes_no_time_runs_unless_it_reads_what_is_left_out():
    assert idle("x = 1\nprint(x)", ["print('x')", "print(x)"]) == [False, False, False]
    assert idle("x = model(1)", ["print('x')", "print(x)"]) == [True, False, True]


def test_what_a_needed_cell_reads_is_needed_too():
    assert idle("a = model(1)", ["b = len(a)\nmodel(2)", "scale = b"]) == [False, False, False]
    assert idle("a = model(1)", ["b = len(a)\nmodel(2)", "other = b"]) == [True, True, True]
    assert idle("setup()", ["def setup():\n    scale.append(1)"]) == [False, False]


def test_a_given_function_that_an_answer_uses_is_not_called_by_a_cell_that_is_left_out():
    uses_model = HE + "    history\n"
    cells = [("given", GIVEN), ("given", MODEL), ("answer", uses_model), ("own", "model(1)")]
    assert idle_cells(cells, ["he"])[3] is False


def test_training_of_their_own_is_left_out_and_says_so_and_runs_with_full():
    training = (
        "trained = [initialize_parameters_he([300, 300, 1]) for _ in range(10 ** 6)]\n"
        "print(trained[0])"
    )
    assignment = small.make_assignment()
    notebook = small.submission(assignment, random="1")
    notebook.cells += [new_code_cell(training, id=f"training-{n}") for n in range(3)]
    notebook.cells.append(new_code_cell("print('here')", id="shown"))
    graded = small.grade(notebook, assignment)
    assert small.passed(graded) == [True, False, True]
    *trainings, here = (small.text_of(cell.outputs[0]) for cell in graded.notebook.cells[-4:])
    assert trainings == ["Not run: no test depends on this cell.\n"] * 3
    assert here == "here\n"

    for cell in notebook.cells:
        if cell.id.startswith("training"):
            cell.source = training.replace("10 ** 6", "2")
    training = small.grade(notebook, assignment, full=True).notebook.cells[-4]
    assert "array" in small.text_of(training.outputs[0])


def test_what_an_answer_needs_of_a_cell_that_takes_long_is_computed():
    assignment = small.make_assignment()
    weights = "np.random.randn(layers_dims[l], layers_dims[l - 1]) * factor(layers_dims[l - 1])"
    notebook = small.submission(assignment, he=answer("he", weights))
    sources = [
        "power = [n / 2 for n in range(2)][1]",
        "def factor(n):\n    return (2 / n) ** power",
    ]
    notebook.cells += [new_code_cell(source) for source in sources]
    assert small.passed(small.grade(notebook, assignment)) == [True, True, True]
