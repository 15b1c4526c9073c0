"""The helpers of the notebook: right numbers, clear complaints, figures that people can read."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.datasets import make_circles
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier

import init_utils
from init_utils import (
    backward_propagation,
    compute_loss,
    forward_propagation,
    load_dataset,
    plot_costs,
    plot_dataset,
    plot_decision_boundary,
    predict,
    predict_dec,
    print_parameters,
    relu,
    sigmoid,
    update_parameters,
)


def random_problem(seed=0, layers_dims=(3, 6, 4, 1), m=25):
    rng = np.random.default_rng(seed)
    parameters = {}
    for layer in range(1, len(layers_dims)):
        n, n_previous = layers_dims[layer], layers_dims[layer - 1]
        parameters[f"W{layer}"] = rng.normal(size=(n, n_previous))
        parameters[f"b{layer}"] = rng.normal(size=(n, 1))
    X = rng.normal(size=(layers_dims[0], m))
    Y = rng.integers(0, 2, size=(1, m))
    return X, Y, parameters


def gradients_of_scikit_learn(X, Y, parameters):
    """Let scikit-learn take one plain step of learning rate 1 and see how far it went."""
    sizes = tuple(parameters[f"b{layer}"].shape[0] for layer in (1, 2))
    network = MLPClassifier(
        sizes,
        solver="sgd",
        learning_rate_init=1.0,
        momentum=0,
        alpha=0,
        batch_size=X.shape[1],
        shuffle=False,
    )
    network.partial_fit(X.T, Y[0], classes=[0, 1])
    for i in range(3):
        network.coefs_[i][...] = parameters[f"W{i + 1}"].T
        network.intercepts_[i][...] = parameters[f"b{i + 1}"][:, 0]
    network.partial_fit(X.T, Y[0])
    grads = {}
    for i in range(3):
        name = str(i + 1)
        grads["dW" + name] = parameters["W" + name] - network.coefs_[i].T
        grads["db" + name] = parameters["b" + name] - network.intercepts_[i][:, np.newaxis]
    return grads


def test_gradients_agree_with_scikit_learn():
    X, Y, parameters = random_problem(1)
    grads = backward_propagation(X, Y, forward_propagation(X, parameters)[1])
    for name, expected in gradients_of_scikit_learn(X, Y, parameters).items():
        np.testing.assert_allclose(grads[name], expected, rtol=1e-9, atol=1e-12)


def test_loss_agrees_with_scikit_learn():
    X, Y, parameters = random_problem(2)
    a3, _ = forward_propagation(X, parameters)
    assert compute_loss(a3, Y) == pytest.approx(log_loss(Y[0], a3[0]), rel=1e-12)


def test_a_certain_wrong_answer_costs_infinitely_much():
    assert compute_loss(np.array([[1.0, 0.5]]), np.array([[0, 1]])) == np.inf
    assert compute_loss(np.array([[1.0, 0.0]]), np.array([[1, 0]])) == 0  # 0 * inf is not in it


def test_sigmoid_and_relu_at_the_ends():
    np.testing.assert_array_equal(sigmoid(np.array([-1e4, 0, 1e4])), [0, 0.5, 1])
    np.testing.assert_array_equal(relu(np.array([-2.0, 0, 3])), [0, 0, 3])


def test_update_parameters_returns_new_arrays_and_leaves_its_input_alone():
    X, Y, parameters = random_problem(3)
    before = {name: value.copy() for name, value in parameters.items()}
    grads = backward_propagation(X, Y, forward_propagation(X, parameters)[1])
    updated = update_parameters(parameters, grads, learning_rate=0.5)
    for name, value in before.items():
        np.testing.assert_array_equal(parameters[name], value)
        np.testing.assert_allclose(updated[name], value - 0.5 * grads["d" + name])


def test_the_dataset_is_the_one_of_the_global_seeds_and_balanced():
    train_X, train_Y, test_X, test_Y = load_dataset()
    np.random.seed(1)
    points, labels = make_circles(n_samples=300, noise=0.05)
    np.testing.assert_array_equal(train_X, points.T)
    np.testing.assert_array_equal(train_Y, [labels])
    np.random.seed(2)
    points, labels = make_circles(n_samples=100, noise=0.05)
    np.testing.assert_array_equal(test_X, points.T)
    np.testing.assert_array_equal(test_Y, [labels])
    assert train_Y.mean() == test_Y.mean() == 0.5


def test_loading_the_data_leaves_the_random_numbers_of_the_student_alone():
    np.random.seed(3)
    expected = np.random.randn()
    np.random.seed(3)
    load_dataset()
    assert np.random.randn() == expected


@pytest.mark.parametrize("n_samples", [2, 3, 99, 100, 301])
def test_numpy_alone_makes_the_circles_of_scikit_learn(n_samples):
    for seed in range(50):
        points, labels = init_utils.make_circles(n_samples, noise=0.05, random_state=seed)
        reference = make_circles(n_samples, noise=0.05, random_state=seed)
        np.testing.assert_array_equal(points, reference[0])
        np.testing.assert_array_equal(labels, reference[1])


def test_predict_prints_the_accuracy_and_agrees_with_predict_dec(capsys):
    X, Y, parameters = random_problem(4)
    predictions = predict(X, Y, parameters)
    np.testing.assert_array_equal(predictions, predict_dec(parameters, X))
    assert capsys.readouterr().out == f"Accuracy: {np.mean(predictions == Y)}\n"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda X, Y, p: forward_propagation(X[0], p), ["X", "(25,)", "(n_features, m)"]),
        (lambda X, Y, p: forward_propagation(X.T, p), ["W1", "(6, 3)", "(25, 3)"]),
        (lambda X, Y, p: forward_propagation(X, {}), ["W1", "exercise"]),
        (lambda X, Y, p: forward_propagation(X, None), ["parameters", "NoneType"]),
        (lambda X, Y, p: forward_propagation(X, p | {"b2": p["b2"].T}), ["b2", "(1, 4)", "(4, 1)"]),
        (lambda X, Y, p: forward_propagation(X, p | {"W2": p["W2"].T}), ["W2", "(6, 4)", "6)"]),
        (
            lambda X, Y, p: forward_propagation(
                X, p | {"W3": np.ones((2, 4)), "b3": np.ones((2, 1))}
            ),
            ["W3", "(2, 4)", "(1, 4)"],
        ),
        (
            lambda X, Y, p: backward_propagation(X, Y.T, forward_propagation(X, p)[1]),
            ["Y", "(25, 1)", "(1, 25)"],
        ),
        (
            lambda X, Y, p: backward_propagation(X[:, 1:], Y, forward_propagation(X, p)[1]),
            ["X", "(3, 24)", "(3, 25)"],
        ),
        (lambda X, Y, p: update_parameters(p, {}, 0.1), ["dW1"]),
        (
            lambda X, Y, p: update_parameters({"W1": p["W1"]}, {"dW1": p["b1"]}, 0.1),
            ["dW1", "(6, 1)"],
        ),
        (lambda X, Y, p: compute_loss(Y / 2, Y.T), ["Y", "(25, 1)", "(1, 25)"]),
        (lambda X, Y, p: compute_loss(Y / 2, Y + 1), ["labels 0 and 1", "2"]),
        (lambda X, Y, p: predict(X, Y.T, p), ["y", "(25, 1)", "(1, 25)"]),
        (lambda X, Y, p: plot_dataset(X, Y), ["X", "(3, 25)", "(2, m)"]),
        (lambda X, Y, p: plot_dataset(X[:2], Y.T), ["y", "(25, 1)", "(1, 25)"]),
    ],
)
def test_a_wrong_shape_is_named_with_both_shapes(call, words):
    with pytest.raises(ValueError) as complaint:
        call(*random_problem(5))
    for word in words:
        assert word in str(complaint.value)


def test_parameters_that_are_not_there_yet_are_described(capsys):
    for unfinished in ({}, None, [1]):
        print_parameters(unfinished)
        assert "no parameters to show yet" in capsys.readouterr().out
    print_parameters({"W1": np.zeros((1, 2))})
    assert capsys.readouterr().out == "W1 = [[0. 0.]]\n"


def test_plots_draw_on_the_axes_they_get_and_return_them():
    X, Y, _, _ = load_dataset()
    _, axes = plt.subplots(1, 3)
    assert plot_dataset(X, Y, ax=axes[0]) is axes[0]
    assert plot_decision_boundary(lambda points: points[:, 0] > 0, X, Y, ax=axes[1]) is axes[1]
    assert plot_costs([0.7, 0.6], 0.01, label="he", ax=axes[2]) is axes[2]
    for ax in axes:
        assert ax.get_title() and ax.get_xlabel() and ax.get_ylabel() and ax.get_legend()
    assert axes[1].get_xlim() == axes[1].get_ylim() == (-1.5, 1.5)


def test_classes_differ_in_marker_and_in_lightness():
    X, Y, _, _ = load_dataset()
    outer, inner = plot_dataset(X, Y).collections
    assert len(outer.get_paths()[0]) != len(inner.get_paths()[0])
    lightness = [
        matplotlib.colors.to_rgb(c) @ np.array([0.2126, 0.7152, 0.0722])
        for c in (init_utils.RED, init_utils.BLUE)
    ]
    assert abs(lightness[0] - lightness[1]) > 0.04


def test_an_infinite_cost_is_shown_as_missing():
    ax = plot_costs([np.inf, 0.6, 0.5], 0.01, label="random")
    assert np.isnan(ax.lines[0].get_ydata()[0])
    assert [text.get_text() for text in ax.texts] == ["infinite: not drawn"]
    assert "thousands" in ax.get_xlabel()
