"""The box that shows the result of a test in Jupyter, and functions that are not defined."""

import time

import pytest
from IPython.core.interactiveshell import InteractiveShell

import public_tests
from public_tests import WrongAnswer
from tests.support.mistakes import answer

NAME = "initialize_parameters_he"


@pytest.fixture
def shell(monkeypatch):
    """A shell that the tests take for a notebook; what it displays is kept in `shell.shown`."""
    shell = InteractiveShell.instance()
    shell.kernel, shell.shown = object(), []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shell.shown.append(data))
    shell.user_ns["he_test"] = public_tests.initialize_parameters_he_test
    public_tests._watch_for_missing_functions()
    yield shell
    InteractiveShell.clear_instance()


def run(shell, *cells):
    for cell in cells:
        shell.run_cell(cell, store_history=True)
    return shell.shown


@pytest.mark.parametrize(
    ("cell", "code", "words"),
    [
        ("", "cell-not-run", f"No cell that defines {NAME} has been run."),
        (
            f"def {NAME}(layers_dims):\n    x =* 10",
            "cell-not-python",
            "line 2, <code>x =* 10</code>",
        ),
        (f"1 / 0\ndef {NAME}(layers_dims):\n    pass", "cell-stopped", "the function is not there"),
        (answer("he", function=NAME.replace("he", "He")), "other-name", "a cell defines"),
        (answer("he").partition("\n")[2], "def-missing", "no line with def"),
        (f"class A:\n    def {NAME}(self):\n        pass", "defined-inside", "inside of A"),
        (f"def {NAME}(layers_dims):\n    x = 1 \u2212 1", "cell-odd-character", "MINUS SIGN"),
        (f"def {NAME}(layers_dims):\n    x = 1O", "cell-letter-behind-digit", "follows a digit"),
        (f"def {NAME}(layers_dims):\nreturn 1", "cell-empty-block", "a line is missing"),
    ],
)
def test_a_function_that_is_not_defined_is_named_with_the_reason(shell, cell, code, words, capsys):
    run(shell, "import numpy as np", cell, f"he_test({NAME})")
    printed = capsys.readouterr().out
    assert printed.rstrip().endswith(f"[{code}]")
    assert words in shell.shown[-1]["text/html"]
    assert "ipython-input" not in printed.split("Hint")[0].splitlines()[-1]


def test_another_name_error_looks_as_always(shell, capsys):
    assert run(shell, "nothing") == []
    assert "NameError" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("factor", "mark", "kind"),
    [
        ("* np.sqrt(2 / layers_dims[l - 1])", "✓ Right", "right"),
        ("* 10", "✗ Not right yet", "wrong"),
        ("* missing", "! Error", "error"),
    ],
)
def test_a_box_shows_a_mark_and_a_word_and_plain_text_beside_it(shell, factor, mark, kind, capsys):
    weights = f"np.random.randn(layers_dims[l], layers_dims[l - 1]) {factor}"
    (shown,) = run(shell, "import numpy as np", answer("he", weights), f"he_test({NAME})")
    assert shown["text/plain"] == mark
    assert f'class="test-result {kind}"' in shown["text/html"] and mark in shown["text/html"]
    assert ("All tests passed." in capsys.readouterr().out) == (kind == "right")


def test_what_a_student_wrote_is_no_html(shell):
    source = f"def {NAME}(layers_dims):\n    raise ValueError('<script>x</script>')"
    (shown,) = run(shell, source, f"he_test({NAME})")
    assert "<script>" not in shown["text/html"] and "&lt;script&gt;" in shown["text/html"]


def test_a_loop_that_never_ends_is_stopped_and_gets_a_hint(shell, monkeypatch):
    monkeypatch.setattr(public_tests, "SECONDS_FOR_CALLS", 0.2)

    def target(layers_dims):
        while True:
            time.sleep(0.01)

    with pytest.raises(WrongAnswer) as caught:
        public_tests.initialize_parameters_he_test(target)
    assert caught.value.code == "endless-loop"


def test_a_key_that_is_equal_to_the_right_string_is_right(capsys):
    namespace = {"np": __import__("numpy")}
    exec(answer("zeros").replace('[f"W{l}"]', '[np.str_(f"W{l}")]'), namespace)
    public_tests.initialize_parameters_zeros_test(namespace["initialize_parameters_zeros"])
