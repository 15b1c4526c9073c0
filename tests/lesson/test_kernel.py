"""What a notebook says of cells that were run, were not run, or stopped."""

import pytest

from lesson import kernel
from tests.support.mistakes import answer

NAME = "initialize_parameters_he"


@pytest.mark.parametrize(
    ("cell", "code", "words"),
    [
        ("", "cell-not-run", f"No cell that defines {NAME} has been run."),
        (
            f"def {NAME}(layers_dims):\n    x =* 10",
            "cell-not-python",
            "line 2, <code>x =* 10</code>",
        ),
        (f"1 / 0\ndef {NAME}(layers_dims):\n    pass", "cell-stopped", "did not get as far"),
        (answer("he", function=NAME.replace("he", "He")), "other-name", "a cell defines"),
        (answer("he").partition("\n")[2], "def-missing", "no line with def"),
        (f"class A:\n    def {NAME}(self):\n        pass", "defined-inside", "inside of A"),
        (f"def {NAME}(layers_dims):\n    x = 1 \u2212 1", "cell-odd-character", "MINUS SIGN"),
        (f"def {NAME}(layers_dims):\n    x = 1O", "cell-letter-behind-digit", "follows a digit"),
        (f"def {NAME}(layers_dims):\nreturn 1", "cell-empty-block", "a line is missing"),
    ],
)
def test_a_function_that_is_not_defined_is_named_with_the_reason(shell, cell, code, words, capsys):
    shell.run("import numpy as np", cell, f"he_test({NAME})")
    printed = capsys.readouterr().out
    assert printed.rstrip().endswith(f"[{code}]")
    assert words in shell.shown[-1]["text/html"]
    assert "ipython-input" not in printed.split("Hint")[0].splitlines()[-1]


@pytest.mark.parametrize(
    ("cell", "line"),
    [
        ("a = 1\nmodel(a)", "Line 2, <code>model(a)</code>: the name model has no value"),
        ("def f():\n    return np.pi\nf()", "Line 2, <code>return np.pi</code>: the name np"),
    ],
)
def test_a_cell_that_needs_the_cells_above_says_so_in_a_box(shell, cell, line, capsys):
    (shown,) = shell.run(cell)
    assert line in shown["text/html"] and "! Error" in shown["text/html"]
    assert "Run &gt; Run All Above Selected Cell" in shown["text/html"]
    assert "Traceback" not in capsys.readouterr().out


def test_a_name_error_of_a_library_keeps_its_traceback(shell, capsys):
    assert shell.run("import json\njson.dumps(1, cls=lambda **_: exec('nothing', {}))") == []
    assert "NameError" in capsys.readouterr().out


RIGHT = answer("he")
WRONG = answer("he", "np.random.randn(layers_dims[l], layers_dims[l - 1]) * 10")


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ([RIGHT, f"def {NAME}(layers_dims:\n    pass"], "cell-brackets"),
        ([RIGHT, f"1 / 0\n{WRONG}"], "cell-stopped"),
        ([RIGHT, f"def {NAME}(layers_dims):\n        x = 1\n    y = 2"], "cell-indentation"),
        ([RIGHT, f"def {NAME}(layers_dims):\n        x = 1\n    y = 2", RIGHT], None),
        ([WRONG, f"def {NAME}(layers_dims)\n    pass"], "cell-not-python"),
        ([RIGHT, f"def {NAME}(layers_dims)\n    pass", RIGHT], None),
        ([RIGHT, f"{RIGHT}\n1 / 0"], None),
        ([f"%%time\n{RIGHT}"], None),
        ([RIGHT, f"from functools import cache, partial\n{NAME} = partial({NAME})"], None),
        ([f"import numpy as np\n\n{RIGHT}\n", "def other(x):\n    pass"], None),
    ],
)
def test_a_test_speaks_of_the_cell_that_was_run_last(shell, cells, code, capsys):
    shell.run("import numpy as np", *cells)
    shell.shown.clear()
    (shown,) = shell.run(f"he_test({NAME})")
    assert (f"<code>{code}</code>" if code else "✓ Right") in shown["text/html"]


def test_the_saved_answers_are_tested_if_their_cells_were_run(shell, capsys):
    zeros = answer("zeros")
    shell.run("import numpy as np", zeros, WRONG, RIGHT)
    cells = {NAME: WRONG, "initialize_parameters_zeros": zeros}
    capsys.readouterr()
    assert not kernel.report_tests({NAME: WRONG})
    assert capsys.readouterr().out.startswith("None of the saved answers has been run here: save,")
    assert not kernel.report_tests(cells)
    assert capsys.readouterr().out.splitlines() == [
        "Public tests of the saved answers: 1 of 3 right.",
        "  initialize_parameters_zeros: right",
        "  initialize_parameters_random: not tested. Run its cell, save, and run this cell again.",
        "  initialize_parameters_he: not tested. Run its cell, save, and run this cell again.",
    ]
    shell.run(WRONG)
    kernel.report_tests(cells)
    assert f"  {NAME}: not right yet. Run its test to see why." in capsys.readouterr().out
