"""The public tests: what they accept, how they fail, and what they give away."""

import re
from pathlib import Path

import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell

import public_tests
from lesson import diagnosis
from public_tests import WrongAnswer, check_hidden
from tests.support.mistakes import (
    EXERCISES,
    MISTAKES,
    PUBLIC_TESTS,
    RIGHT_ANSWERS,
    answer,
    function_of,
    reference,
)

HIDDEN = [[7, 5, 6, 3], [9, 4], [5, 8, 3, 7, 2]]


def public_failure(exercise, target):
    with pytest.raises(WrongAnswer) as caught:
        PUBLIC_TESTS[exercise](target)
    return caught.value


def hidden_failure(exercise, target, architectures=HIDDEN):
    with pytest.raises(WrongAnswer) as caught:
        check_hidden(exercise, target, architectures, lambda dims: reference(exercise, dims))
    return caught.value


@pytest.mark.parametrize("style", RIGHT_ANSWERS)
@pytest.mark.parametrize("exercise", EXERCISES)
def test_a_right_answer_in_any_style_passes(style, exercise, capsys):
    target = function_of(RIGHT_ANSWERS[style], exercise)
    PUBLIC_TESTS[exercise](target)
    assert capsys.readouterr().out == "All tests passed.\n"
    check_hidden(exercise, target, HIDDEN, lambda dims: reference(exercise, dims))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("exercise", EXERCISES)
def test_the_expected_numbers_are_those_of_an_independent_reference(exercise):
    for layers_dims, parameters in public_tests.EXPECTED[exercise]:
        right = reference(exercise, layers_dims)
        assert list(parameters) == list(right)
        for key, rows in parameters.items():
            assert np.shape(rows) == right[key].shape
            np.testing.assert_allclose(rows, right[key], rtol=1e-15)


def test_the_released_files_do_not_build_parameters():
    source = Path(public_tests.__file__).read_text()
    assert not re.search(r"randn|sqrt|normal|RandomState", source)
    assert "sqrt(2 / layers_dims" not in Path(diagnosis.__file__).read_text()


@pytest.mark.parametrize("exercise", EXERCISES)
def test_last_bits_do_not_count_but_the_tenth_digit_does(exercise):
    def shifted_by(relative):
        def target(layers_dims):
            return {k: v * (1 + relative) for k, v in reference(exercise, layers_dims).items()}

        return target

    PUBLIC_TESTS[exercise](shifted_by(1e-12))
    if exercise != "zeros":
        public_failure(exercise, shifted_by(1e-8))


def test_a_failure_says_what_was_found_then_a_hint_then_the_code():
    target = function_of(answer("he", biases="np.zeros((1, layers_dims[l]))"), "he")
    assert str(public_failure("he", target)).splitlines() == [
        "The biases are rows, expected columns. With layers_dims = [4, 3, 5, 1]: b1 has shape "
        "(1, 3), expected (3, 1).",
        "Hint: b has one row for each unit of this layer, and one column.",
        "[bias-row]",
    ]


@pytest.mark.parametrize(
    ("pieces", "code"),
    [
        ({"end": "return 1"}, "not-a-dict"),
        ({"end": "return parameters"}, "keys-case"),
        ({"letter": "W"}, "not-an-array"),
        ({"letter": "W", "convert": "np.array"}, "transposed"),
        ({"letter": "W", "convert": "np.transpose"}, "scale-missing"),
        ({"letter": "W", "convert": "10 * np.transpose"}, "mutates-input"),
    ],
)
def test_checks_come_in_order_dict_keys_types_shapes_values_argument(pieces, code):
    """One program with all mistakes at once, repaired one after the other."""
    letter, convert = pieces.get("letter", "w"), pieces.get("convert", "")
    source = answer(
        "random",
        body=f"""\
numbers = np.random.randn(layers_dims[l], layers_dims[l - 1]).T.tolist()
parameters[f"{letter}{{l}}"] = {convert}(numbers)
parameters[f"b{{l}}"] = np.zeros((layers_dims[l], 1))
layers_dims[l - 1] = 1""",
        end=pieces.get("end", "return parameters"),
    )
    assert public_failure("random", function_of(source, "random")).code == code


@pytest.mark.parametrize("exercise", EXERCISES)
def test_a_missing_function_is_reported_not_raised(exercise):
    name = f"initialize_parameters_{exercise}"
    assert f"There is no function {name}." in str(public_failure(exercise, None))
    assert hidden_failure(exercise, None).code == "wrong-name"


def test_a_dictionary_filled_again_is_judged_call_by_call():
    source = "shared = {}\n" + answer("he", start="parameters = shared")
    failure = public_failure("he", function_of(source, "he"))
    assert failure.code == "extra-keys"
    assert "[5, 3]" in str(failure), "right for the deeper networks that came before"


@pytest.mark.parametrize("shown_in", ["public", "hidden"])
def test_an_exception_shows_the_students_own_line(shown_in):
    source = answer("zeros", "np.zeros(layers_dims[l], layers_dims[l - 1])")
    target = function_of(source, "zeros")
    failure = public_failure("zeros", target)
    if shown_in == "hidden":
        failure = hidden_failure("zeros", target)
    assert (
        "Line 5 of your code, "
        '`parameters[f"W{l}"] = np.zeros(layers_dims[l], layers_dims[l - 1])`, '
        "raised TypeError." in str(failure)
    )
    assert ("Cannot interpret '4' as a data type" in str(failure)) == (shown_in == "public")


@pytest.mark.parametrize("line", ["np.linalg.inv(np.zeros((2, 2)))", "np.random.randn((2, 2))"])
def test_an_exception_deep_inside_numpy_shows_the_students_own_line(line):
    failure = public_failure("he", function_of(answer("he", first=line), "he"))
    assert f"Line 6 of your code, `{line}`, raised " in str(failure)


def test_an_exception_of_another_process_is_explained_like_a_local_one():
    class Reported(Exception):
        type_name = "TypeError"
        message = "Cannot interpret '1' as a data type"
        frames = ((2, "helper()"), (7, "W = np.zeros(3, 1)"))

    def target(layers_dims):
        raise Reported

    failure = public_failure("zeros", target)
    assert failure.code == "number-as-dtype"
    assert "Line 7 of your code, `W = np.zeros(3, 1)`, raised TypeError." in str(failure)


def test_an_exception_class_of_the_student_names_no_layer_sizes():
    def target(layers_dims):
        name = "_".join(map(str, layers_dims))
        raise type(name, (Exception,), {})(str(layers_dims))

    failure = hidden_failure("he", target)
    assert failure.code == "stops-itself"
    assert "7_5_6_3" not in str(failure) and "[7, 5, 6, 3]" not in str(failure)


def test_stopping_the_kernel_is_not_swallowed():
    def target(layers_dims):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        PUBLIC_TESTS["he"](target)


def test_a_placeholder_for_something_unreadable_is_named_by_its_type():
    placeholder = type("DataFrame", (), {})()
    assert "a value of type DataFrame" in str(public_failure("he", lambda dims: placeholder))


def test_arrays_that_pretend_to_be_equal_do_not_pass():
    class Agreeable(np.ndarray):
        def __eq__(self, other):
            return np.ones(self.shape, dtype=bool)

    def target(layers_dims):
        return {k: v.view(Agreeable) for k, v in reference("random", layers_dims).items()}

    assert public_failure("random", target).code == "not-an-array"


@pytest.mark.parametrize("value", [1e308, -1e308, 5e-324, np.inf, np.nan])
def test_extreme_values_fail_without_a_warning(value):
    def target(layers_dims):
        return {k: v * 0 + value for k, v in reference("he", layers_dims).items()}

    for exercise in EXERCISES:
        public_failure(exercise, target)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda m: f"{m.exercise}-{m.name}")
def test_a_hidden_check_fails_too_and_gives_no_numbers_away(mistake):
    failure = hidden_failure(mistake.exercise, function_of(mistake.source, mistake.exercise))
    message = str(failure)
    missing = mistake.code in ("wrong-name", "not-a-function")
    assert missing or message.startswith("A hidden check with other layer sizes failed: ")
    for layers_dims in HIDDEN:
        assert str(layers_dims) not in message
        for array in reference(mistake.exercise, layers_dims).values():
            for number in array[array != 0]:
                assert f"{abs(number):.4g}" not in message


def test_hidden_checks_name_the_same_causes_as_public_ones():
    agree = [
        hidden_failure(m.exercise, function_of(m.source, m.exercise)).code == m.code
        for m in MISTAKES
    ]
    assert np.mean(agree) > 0.98


@pytest.mark.parametrize("layers_dims", [[], [3], [3, 0], [3, 2.5], "ab"])
def test_an_architecture_that_is_none_gets_one_clear_message(layers_dims):
    with pytest.raises(ValueError, match="expected at least two positive whole numbers"):
        check_hidden("he", lambda dims: {}, [layers_dims], lambda dims: {})


def test_no_architecture_and_an_unknown_exercise_get_one_clear_message():
    with pytest.raises(ValueError, match="architectures is empty"):
        check_hidden("he", lambda dims: {}, [], lambda dims: {})
    with pytest.raises(ValueError, match="expected one of zeros, random, he"):
        check_hidden("xavier", lambda dims: {}, HIDDEN, lambda dims: {})


def test_jupyter_shows_the_message_and_no_line_of_the_tests(capsys):
    shell = InteractiveShell()
    shell.user_ns["check"] = lambda: PUBLIC_TESTS["he"](lambda dims: None)
    shell.run_cell("check()")
    assert capsys.readouterr().out.splitlines() == [
        "The function returned None, expected a dictionary of arrays. "
        "With layers_dims = [4, 3, 5, 1].",
        "Hint: Does each path through your lines end with a return that gives the dictionary? "
        "Showing it with print is not enough, and update and append give None. A decorator (a line "
        "with @ above def) must hand it back, too.",
        "[returns-none]",
    ]


@pytest.mark.parametrize(
    ("terminal", "no_color", "green"), [(True, "", True), (True, "1", False), (False, "", False)]
)
def test_success_is_green_where_the_output_shows_color(
    terminal, no_color, green, monkeypatch, capsys
):
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
    PUBLIC_TESTS["he"](lambda dims: reference("he", dims))
    said = "All tests passed."
    expected = f"\033[38;2;255;255;255;48;2;0;134;56m{said}\033[0m" if green else said
    assert capsys.readouterr().out == f"{expected}\n"
