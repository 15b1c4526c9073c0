"""Networks as numbers: many at once are trained as one alone, and lines are where units switch."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from init_utils import backward_propagation, forward_propagation, update_parameters
from lesson import network
from lesson.experiments import scaled_start
from lesson.laboratory import Choices, draw_start
from lesson.network import backward, forward, loss_from_logits, train, unit_lines
from tests.support.mistakes import reference


@pytest.fixture
def start():
    return reference("he", [2, 10, 5, 1])


def test_logits_are_z3_of_forward_propagation(rings, start):
    z3 = forward_propagation(rings[0], start)[1][5]
    np.testing.assert_allclose(network.output_logits(rings[0], start), z3, rtol=1e-12)


def test_the_stable_loss_is_that_of_the_textbook_where_that_one_works():
    rng = np.random.default_rng(0)
    Z, Y = 5 * rng.standard_normal((1, 50)), rng.integers(0, 2, (1, 50))
    A = 1 / (1 + np.exp(-Z))
    textbook = -np.mean(Y * np.log(A) + (1 - Y) * np.log(1 - A))
    assert loss_from_logits(Z, Y) == pytest.approx(textbook, rel=1e-12)


@pytest.mark.parametrize("z", [-1e4, 1e4])
def test_the_loss_of_a_huge_logit_is_its_size_if_wrong_and_zero_if_right(z):
    wrong, right = np.array([[float(z < 0)]]), np.array([[float(z > 0)]])
    assert loss_from_logits(np.array([[z]]), wrong) == abs(z)
    assert loss_from_logits(np.array([[z]]), right) == 0


@pytest.mark.parametrize("activation", ["ReLU", "tanh"])
def test_the_gradients_are_those_of_small_differences(rings, activation):
    X, Y = rings
    parameters = draw_start(Choices("Xavier", hidden=(4, 4, 4), activation=activation))
    A = forward(X, parameters, activation)
    dZ = backward(Y, A, parameters, activation)
    for l in range(1, 5):
        step = np.zeros_like(parameters[f"W{l}"])
        step[0, 0] = 1e-6
        costs = [
            loss_from_logits(
                forward(X, parameters | {f"W{l}": parameters[f"W{l}"] + side}, activation)[-1], Y
            )
            for side in (step, -step)
        ]
        slope = (costs[0] - costs[1]) / 2e-6
        assert (dZ[l - 1] @ A[l - 1].T)[0, 0] == pytest.approx(slope, rel=1e-4, abs=1e-9)


def test_a_stack_trains_each_network_as_init_utils_trains_it_alone(rings):
    X, Y = rings
    start = {n: v.astype(float) for n, v in scaled_start([0.5, 1.5], num_draws=2).items()}
    before = {name: value.copy() for name, value in start.items()}
    stack = network.trained(start, X, Y, num_iterations=50)
    for number in range(4):
        alone = {name: value[number] for name, value in start.items()}
        for _ in range(50):
            _, cache = forward_propagation(X, alone)
            alone = update_parameters(alone, backward_propagation(X, Y, cache), 0.01)
        for name, expected in alone.items():
            np.testing.assert_allclose(stack[name][number], expected, rtol=1e-9, atol=1e-12)
    for name, value in before.items():
        np.testing.assert_array_equal(start[name], value)


def test_training_hands_over_each_state_that_is_asked_for_and_the_last(rings, start):
    seen = [i for i, _, _ in train(start, *rings, num_iterations=25, every=10)]
    assert seen == [0, 10, 20, 25]


def test_numbers_beyond_all_bounds_cause_no_warning(rings, start):
    start = {name: 1e200 * value for name, value in start.items()}
    *_, (_, _, logits) = train(start, *rings, num_iterations=3)
    assert not np.isfinite(logits).all()


def test_rows_within_the_tolerance_count_as_one():
    W = np.array([[1.0, 2.0], [1.0, 2.0 + 1e-9], [1.0, 2.1]])
    assert len(network.distinct_rows(W)) == 2
    assert len(network.distinct_rows(W, tolerance=0)) == 3


@pytest.mark.parametrize("scale", [2.0, -1.0, -1e-3])
def test_units_whose_weights_and_bias_are_multiples_share_a_line(scale):
    W1, b1 = np.array([[1.0, -2.0], [scale, -2 * scale]]), np.array([[0.3], [0.3 * scale]])
    assert len(unit_lines({"W1": W1, "b1": b1})) == 1
    assert len(unit_lines({"W1": W1, "b1": 0 * b1})) == 1
    assert len(unit_lines({"W1": W1, "b1": np.array([[0.3], [0.4]])})) == 2


def test_a_line_stands_where_the_unit_switches_on(start):
    parameters = start | {"b1": np.linspace(-1, 1, 10).reshape(10, 1)}
    for u_1, u_2, d in unit_lines(parameters):
        points = np.array([[d * u_1 - u_2, d * u_1 + u_2], [d * u_2 + u_1, d * u_2 - u_1]])
        z = parameters["W1"] @ points + parameters["b1"]
        assert (np.abs(z) < 1e-9).all(axis=1).sum() == 1


@pytest.mark.parametrize(
    "parameters",
    [{}, {"W1": np.ones((3, 4)), "b1": np.ones((3, 1))}, {"W1": np.ones((3, 2)), "b1": [1, 2, 3]}],
)
def test_parameters_without_lines_in_the_plane_are_refused_in_words(parameters):
    with pytest.raises(ValueError, match=r"expected \(n_1, 2\) and \(n_1, 1\)"):
        unit_lines(parameters)


def test_an_unfinished_exercise_is_named_in_one_line_without_a_traceback(rings):
    for call in (lambda: network.output_logits(rings[0], {}), lambda: next(train({}, *rings))):
        with pytest.raises(ValueError, match="is the exercise that returns them finished") as error:
            call()
        assert error.value._render_traceback_() == [f"ValueError: {error.value}"]


def test_importing_the_experiments_needs_numpy_and_matplotlib_only():
    others = ("sklearn", "IPython", "ipywidgets")
    check = f"import sys, lesson.experiments; print(set({others}) & set(sys.modules))"
    root = Path(network.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", check], cwd=root, capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr
