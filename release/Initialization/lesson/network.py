"""The networks of the film, the laboratory and section 8 as numbers.

`parameters` is a mapping `W1, b1, ..., WL, bL`; rows are units, columns are examples. The layers
are LINEAR -> RELU (or tanh), the last one LINEAR -> SIGMOID. Each function also takes many networks
of one shape at once: then every array of `parameters` has one more axis in front.

Scales are given as the factor `c` in "standard deviation = c / sqrt(n)", where `n` is the number of
units in the previous layer: Xavier is `c = 1`, He is `c = sqrt(2)`.
"""

from collections.abc import Iterator, Mapping

import numpy as np

from init_utils import WrongInput

HE = np.sqrt(2)
quietly = np.errstate(over="ignore", invalid="ignore")  # numbers may grow beyond all bounds
Parameters = Mapping[str, np.ndarray]
Snapshots = Mapping[str, Mapping[int, Parameters]]  # by initialization, then by iteration


def with_zero_biases(*weights: np.ndarray) -> dict[str, np.ndarray]:
    """Name the weights `W1, W2, ...` and add biases of zero."""
    parameters = {}
    for l, W in enumerate(weights, start=1):
        parameters |= {f"W{l}": W, f"b{l}": np.zeros_like(W[..., :1])}
    return parameters


def refuse_nothing(parameters: Parameters) -> None:
    """Explain what is missing where an exercise has returned an empty dict."""
    if not parameters:
        raise WrongInput("There are no parameters yet: is the exercise that returns them finished?")


@quietly
def forward(X: np.ndarray, parameters: Parameters, activation: str = "ReLU") -> list[np.ndarray]:
    """Return X, the activations of each hidden layer, and the logits, of shape (1, m)."""
    refuse_nothing(parameters)
    L = len(parameters) // 2
    A = [X]
    for l in range(1, L + 1):
        Z = parameters[f"W{l}"] @ A[-1]
        Z += parameters[f"b{l}"]
        if l < L:
            Z = np.maximum(Z, 0, out=Z) if activation == "ReLU" else np.tanh(Z, out=Z)
        A.append(Z)
    return A


def output_logits(X: np.ndarray, parameters: Parameters, activation: str = "ReLU") -> np.ndarray:
    """Compute the logits: the input of the final sigmoid, of shape (1, m)."""
    return forward(X, parameters, activation)[-1]


@quietly
def backward(
    Y: np.ndarray, A: list[np.ndarray], parameters: Parameters, activation: str = "ReLU"
) -> list[np.ndarray]:
    """Return the gradient of the cost with respect to the weighted sums of each layer."""
    dZ = [((1 + np.tanh(A[-1] / 2)) / 2 - Y) / Y.size]  # the sigmoid cannot overflow like this
    for l in range(len(A) - 2, 0, -1):
        slope = A[l] > 0 if activation == "ReLU" else 1 - A[l] ** 2
        dZ.insert(0, (parameters[f"W{l + 1}"].mT @ dZ[0]) * slope)
    return dZ


def train(
    start: Parameters,
    X: np.ndarray,
    Y: np.ndarray,
    num_iterations: int = 15000,
    learning_rate: float = 0.01,
    activation: str = "ReLU",
    every: int = 150,
) -> Iterator[tuple[int, dict[str, np.ndarray], np.ndarray]]:
    """Train by plain gradient descent with numbers of the kind that `start` holds.

    Yields iteration, parameters and logits, each `every`-th time and at the end. The next step
    changes these arrays: copy what is to be kept.
    """
    refuse_nothing(start)
    parameters = {name: value.copy() for name, value in start.items()}
    X, Y = X.astype(start["W1"].dtype), Y.astype(start["W1"].dtype)
    for i in range(num_iterations + 1):
        A = forward(X, parameters, activation)
        if i % every == 0 or i == num_iterations:
            yield i, parameters, A[-1]
        if i == num_iterations:
            return
        _descend(parameters, A, backward(Y, A, parameters, activation), learning_rate)


@quietly
def _descend(parameters: Parameters, A: list, dZ: list, learning_rate: float) -> None:
    for l, gradient in enumerate(dZ, start=1):
        W, b = parameters[f"W{l}"], parameters[f"b{l}"]
        W -= learning_rate * (gradient @ A[l - 1].mT)
        b -= learning_rate * gradient.sum(axis=-1, keepdims=True)


def trained(start: Parameters, X: np.ndarray, Y: np.ndarray, **options) -> dict[str, np.ndarray]:
    """Train as `train` does, with the same options; return the parameters at the end."""
    *_, (_, parameters, _) = train(start, X, Y, **options)
    return parameters


def loss_from_logits(Z: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """Compute the mean cross-entropy of each network without the sigmoid, which would overflow.

    `-ln(sigmoid(z)) = ln(1 + exp(-z))` for label 1 and `-ln(1 - sigmoid(z)) = ln(1 + exp(z))`
    for label 0; `np.logaddexp(0, x)` is `ln(1 + exp(x))` for `x` of any size.
    """
    return np.logaddexp(0, (1 - 2 * Y) * Z).mean(axis=(-2, -1))


def cost_of(parameters: Parameters, X: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """Compute the cost of each network; finite for large random values, too."""
    return loss_from_logits(output_logits(X, parameters), Y)


def accuracy_from_logits(Z: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """Return the share of right predictions of each network: label 1 where `Z` is above zero."""
    return ((Z > 0) == Y).mean(axis=(-2, -1))


def distinct_rows(rows: np.ndarray, tolerance: float = 1e-6) -> np.ndarray:
    """Return the rows that differ from every row before them by more than `tolerance`.

    Not `np.unique`: rounding may make rows that are equal on paper differ in the last digit.
    """
    distinct: list[np.ndarray] = []
    for row in rows:
        if all(np.abs(row - other).max() > tolerance for other in distinct):
            distinct.append(row)
    return np.reshape(distinct, (-1, rows.shape[1]))


def unit_lines(parameters: Parameters) -> np.ndarray:
    """Find the lines w x + b = 0 along which the ReLU units of layer 1 switch on.

    Returns one row u_1, u_2, d for each line u_1 x_1 + u_2 x_2 = d, with u of length 1 and d not
    negative. A unit whose weights are zero has no line; units that share one count once.
    """
    W1, b1 = (np.asarray(parameters.get(name, [])) for name in ("W1", "b1"))
    if W1.ndim != 2 or W1.shape[1] != 2 or b1.shape != (len(W1), 1):
        raise ValueError(
            f"W1 has shape {W1.shape} and b1 has shape {b1.shape}, expected (n_1, 2) and (n_1, 1)."
        )
    lengths = np.linalg.norm(W1, axis=1, keepdims=True)
    has_line = lengths[:, 0] > 0
    lines = np.hstack([W1, -b1])[has_line] / lengths[has_line]
    u_1, u_2, d = np.round(lines.T, 6)  # both signs mean the same line: make d positive, or u_1
    lines[(d < 0) | ((d == 0) & ((u_1 < 0) | ((u_1 == 0) & (u_2 < 0))))] *= -1
    return distinct_rows(lines)


def lines_in_words(parameters: Parameters) -> str:
    """Count the lines of layer 1."""
    number = len(unit_lines(parameters))
    return {0: "no line", 1: "1 line"}.get(number, f"{number} lines")
