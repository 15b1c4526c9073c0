"""Only code that cannot touch another exercise spares it a second chance."""

import pytest

from autograder.inert import is_inert
from tests.mistakes import RIGHT_ANSWERS

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
    assert is_inert(ANSWER.format(line=line))


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
    ],
)
def test_code_that_could_reach_further_is_not(line):
    assert not is_inert(ANSWER.format(line=line))


@pytest.mark.parametrize(
    "source", ["np.zeros = None", "x = 1", "import os", "def f(:", "\x00", "("]
)
def test_a_cell_that_does_more_than_define_functions_is_not(source):
    assert not is_inert(source)


def test_a_decorated_or_shadowing_function_is_not():
    assert not is_inert("@print\ndef f(): pass")
    assert not is_inert("def len(x): return 3")
    assert not is_inert("def np(): pass")


def test_right_answers_are_mostly_recognized():
    answers = [is_inert(source) for source in RIGHT_ANSWERS.values()]
    assert sum(answers) > len(answers) / 2
