"""Only code that cannot touch another exercise spares it a second chance."""

import pytest

from autograder.grading.reading_program import is_inert
from tests.support.mistakes import EXERCISES, RIGHT_ANSWERS

FUNCTIONS = [f"initialize_parameters_{exercise}" for exercise in EXERCISES]
ANSWER = """
def initialize_parameters_zeros(layers_dims):
    parameters = {{}}
    for l in range(1, len(layers_dims)):
        {line}
    return parameters
"""


@pytest.mark.parametrize(
    "line",
    [
        'parameters["W" + str(l)] = np.zeros((layers_dims[l], layers_dims[l - 1]))',
        'parameters[f"b{l}"] = np.random.randn(layers_dims[l], 1) * np.sqrt(2 / layers_dims[0])',
        "pass",
        "parameters.update({str(l): [i for i in range(l)]})",
    ],
)
def test_an_ordinary_answer_is_inert(line):
    assert is_inert(ANSWER.format(line=line), FUNCTIONS)


@pytest.mark.parametrize(
    "line",
    [
        "np.zeros = None",
        "np.zeros.__defaults__ = ()",
        'np.__dict__["zeros"] = None',
        "np.random.randn, x = None, 1",
        "del np.zeros",
        "global L; L = 3",
        "import numpy; numpy.zeros = None",
        'setattr(np, "zeros", None)',
        'exec("np.zeros = None")',
        "print.__self__.len = None",
        "[print][0].__self__",
        "np.seterr(all='raise')",
        "(lambda: None)()",
        "open('x', 'w')",
        "exit()",
        "for np.zeros in [1]: pass",
        "[0 for np.zeros in [1]]",
        "with x as np.zeros: pass",
        "initialize_parameters_zeros = None",
        "getattr(np, 'x')",
        "f = exec; f('1')",
        "np.random.mtrand",
        "hoard.append(1)",
        "_dh.append(np.ones(30000))",
    ],
)
def test_code_that_could_reach_further_is_not(line):
    assert not is_inert(ANSWER.format(line=line), FUNCTIONS)


@pytest.mark.parametrize(
    "source", ["np.zeros = None", "x = 1", "import os", "def f(:", "\x00", "("]
)
def test_a_cell_that_does_more_than_define_functions_is_not(source):
    assert not is_inert(source, [])


@pytest.mark.parametrize(
    "source",
    [
        "@print\ndef f(): pass",
        "def f(hoard=[]): hoard.append(1)",
        "def f(*, hoard=[]): hoard.append(1)",
        "def g(): pass",
        "def f(): pass\ndef map(*a): return 0",
        "def __builtins__(*a): return 0",
    ],
)
def test_a_function_that_is_decorated_or_not_asked_for_or_remembers_is_not(source):
    assert is_inert("def f(x=3): return x", ["f"])
    assert not is_inert(source, ["f"])


def test_right_answers_are_mostly_recognized():
    answers = [is_inert(source, FUNCTIONS) for source in RIGHT_ANSWERS.values()]
    assert sum(answers) > len(answers) / 2
