"""The experiments of section 8, and every number that the text of the section claims."""

import math

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier

import lesson.experiments as gf
from lesson import network
from tests.support.mistakes import reference

DEPTH = 10


@pytest.fixture(scope="module")
def signals():
    stds = {"0.01": 0.01, "√(1/n)": 0.1, "√(2/n)": np.sqrt(0.02), "1": 1.0}
    return {label: gf.send_signal(std) for label, std in stds.items()}


def relu(z):
    return np.maximum(0, z)


# Section 5 ----------------------------------------------------------------------------------


def test_the_first_cost_of_large_random_values_stands_in_the_text(dataset, text):
    X, Y, _, _ = dataset
    z3 = network.output_logits(X, reference("random", [2, 10, 5, 1]))
    assert f"{network.loss_from_logits(z3, Y):.3f}" == "1773.586"
    assert "1773.586" in text
    assert (f"{z3.min():.1f}", f"{z3.max():.1f}") == ("62.8", "6928.6")


# Section 6 ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "std"), [(25, 0.28), (100, 0.14), (400, 0.07)])
def test_the_numbers_to_be_found_keep_the_signal_in_the_gray_band(width, std, text):
    sizes = gf.send_signal(std, width=width)[0].std(axis=(1, 2))
    assert 0.5 < sizes[-1] < 2 and std == pytest.approx(math.sqrt(2 / width), rel=0.02)
    for other in (std / 2, 2 * std):
        sizes = gf.send_signal(other, width=width)[0].std(axis=(1, 2))
        assert not 0.1 < sizes[-1] < 10
    assert "About 0.28, 0.14 and 0.07" in text


def test_the_figure_of_the_signal_says_in_words_what_is_left():
    words = gf.plot_signal({25: 1.0, 100: 0.14}).get_label()
    assert "25 units with std 1: " in words and "100 units with std 0.14: 0." in words


# 8.1 ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["forward", "backward"])
def test_the_curves_vanish_slowly_vanish_hold_and_explode_in_this_order(signals, way):
    stds = {
        label: A.std(axis=(1, 2)) if way == "forward" else dA.std(axis=(1, 2))[::-1]
        for label, (A, dA) in signals.items()
    }
    for layer in range(1, DEPTH + 1):
        curves = [curve[layer] for curve in stds.values()]
        assert curves == sorted(curves)
    assert stds["0.01"][-1] < 1e-11
    assert 1 / 64 < stds["√(1/n)"][-1] < 1 / 16
    assert all(0.5 < std < 2 for std in stds["√(2/n)"])
    assert stds["1"][-1] > 1e8


def test_the_text_tells_how_far_the_gradients_vanish_and_explode(signals, text):
    too_small, too_large = signals["0.01"][1][0].std(), signals["1"][1][0].std()
    assert 10**11 < 1 / too_small < 10**12 and "$10^{11}$ times too small" in text
    assert 10**8 < too_large < 10**9 and "more than $10^8$ times too large" in text


def test_backward_is_the_gradient_of_forward():
    # A network of ReLUs without biases is linear around each input, so that the product of
    # activations and gradients, summed over a layer, is the same number in every layer.
    A, dA = gf.send_signal(0.15, depth=4, width=20, num_inputs=30)
    products = (A * dA).sum(axis=1)
    np.testing.assert_allclose(products, np.broadcast_to(products[-1], products.shape), rtol=1e-9)


# 8.2 ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("n_var_w", [1, 2])
@pytest.mark.parametrize(("activation", "share_kept"), [(relu, 1 / 2), (np.tanh, 1)])
def test_measured_and_predicted_variances_agree_within_5_percent(
    activation, share_kept, n_var_w, seed
):
    measured = gf.variance_ratio(activation, n_var_w, seed=seed)
    assert measured == pytest.approx(share_kept * n_var_w, rel=0.05)


# 8.3 ------------------------------------------------------------------------------------------


def test_constant_weights_stay_one_distinct_row_and_noise_makes_ten(dataset, text):
    X, Y, _, _ = dataset
    trained = network.trained(gf.constant_start(noises=[0, 1e-3], value=0.5), X, Y)
    assert [len(network.distinct_rows(W1)) for W1 in trained["W1"]] == [1, 10]
    costs = network.loss_from_logits(network.output_logits(X, trained), Y)
    assert [f"{cost:.3f}" for cost in costs] == ["0.648", "0.648"]
    assert "the cost hardly differs" in text


def test_a_scaled_start_holds_every_factor_times_the_same_draws():
    weights = gf.scaled_start([1, 100], num_draws=3)
    W1, W2, W3 = (weights[name] for name in ("W1", "W2", "W3"))
    assert (W1.shape, W2.shape, W3.shape) == ((6, 10, 2), (6, 5, 10), (6, 1, 5))
    for W in (W1, W2, W3):
        np.testing.assert_allclose(W[3:], 100 * W[:3], rtol=1e-6)
    many = gf.scaled_start([network.HE], num_draws=1000)
    for name, n in zip(("W1", "W2", "W3"), (2, 10, 5), strict=True):
        assert many[name].std() == pytest.approx(math.sqrt(2 / n), rel=0.05)


# 8.6 ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("activation", "factor"), [("relu", 6), ("tanh", 6), ("logistic", 2)])
def test_scikit_learn_draws_weights_and_biases_as_the_table_says(activation, factor):
    mlp = MLPClassifier(activation=activation)
    mlp._random_state = np.random.RandomState(0)
    weights, biases = mlp._init_coef(fan_in=300, fan_out=500, dtype=np.float64)
    r = math.sqrt(factor / (300 + 500))
    for drawn in (weights, biases):
        assert 0.98 * r < np.abs(drawn).max() <= r
        assert drawn.std() == pytest.approx(r / math.sqrt(3), rel=0.05)


def test_the_pytorch_default_is_far_below_he(text):
    # nn.Linear calls kaiming_uniform_(W, a=sqrt(5)): gain sqrt(2 / (1 + a^2)), and the bound is
    # sqrt(3) gain / sqrt(n).
    root_n_times_bound = math.sqrt(3) * math.sqrt(2 / (1 + 5))
    assert root_n_times_bound == pytest.approx(1)
    c = root_n_times_bound / math.sqrt(3)
    assert f"{c:.2f}" == "0.58" and r"$0.58 / \sqrt{n}$" in text
    assert c < network.HE / 2


def test_grading_passes_over_each_code_cell_of_section_8(cells):
    for cell in cells.values():
        if cell.id.startswith("going-further") and cell.cell_type == "code":
            assert "demonstration" in cell.metadata.tags, cell.id
