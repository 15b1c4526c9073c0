"""The box that shows the result of a test in Jupyter."""

import time

import pytest

import public_tests
from public_tests import WrongAnswer
from tests.support.mistakes import answer, function_of

NAME = "initialize_parameters_he"


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
    (shown,) = shell.run("import numpy as np", answer("he", weights), f"he_test({NAME})")
    assert shown["text/plain"] == mark
    assert f'class="test-result {kind}"' in shown["text/html"] and mark in shown["text/html"]
    assert ("All tests passed." in capsys.readouterr().out) == (kind == "right")


def test_what_a_student_wrote_is_no_html(shell):
    source = f"def {NAME}(layers_dims):\n    raise ValueError('<script>x</script>')"
    (shown,) = shell.run(source, f"he_test({NAME})")
    assert "<script>x" not in shown["text/html"] and "&lt;script&gt;" in shown["text/html"]


def test_a_loop_that_never_ends_is_stopped_and_gets_a_hint(shell, monkeypatch):
    monkeypatch.setattr(public_tests, "SECONDS_FOR_CALLS", 0.2)

    def target(layers_dims):
        while True:
            time.sleep(0.01)

    with pytest.raises(WrongAnswer) as caught:
        public_tests.initialize_parameters_he_test(target)
    assert caught.value.code == "endless-loop"


def test_a_key_that_is_equal_to_the_right_string_is_right(capsys):
    source = answer("zeros").replace('[f"W{l}"]', '[np.str_(f"W{l}")]')
    public_tests.initialize_parameters_zeros_test(function_of(source, "zeros"))
