"""Experiments for section 8: why the scale of the initial weights matters.

Scales are factors `c` as in `network.py`. Every function draws from a random generator of its own,
so calling one never changes the numbers that the graded exercises draw.
"""

from collections.abc import Callable, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from lesson.network import HE, with_zero_biases

WIDTH = 100  # units in each layer of the deep network
SHAPES = ((10, 2), (5, 10), (1, 5))  # of W1, W2, W3 in the network of the notebook
FACTORS = HE * 10.0 ** np.arange(-2, 2.25, 0.25)  # He / 100 to He x 100, in 17 steps
NUM_DRAWS = 10

# Colors of Okabe & Ito, which color-blind readers can tell apart; the markers and the dashes say
# the same thing once more for a print in black and white.
LINE_STYLES = (
    {"color": "#0072B2", "marker": "o", "linestyle": ":"},
    {"color": "#E69F00", "marker": "s", "linestyle": "--"},
    {"color": "#009E73", "marker": "^", "linestyle": "-", "linewidth": 3},
    {"color": "#D55E00", "marker": "D", "linestyle": "-."},
)

Signals = Mapping[str, tuple[np.ndarray, np.ndarray]]  # what `send_signal` returns, by a label


def send_signal(
    std: float, depth: int = 10, width: int = WIDTH, num_inputs: int = 200, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Send noise forward through an untrained ReLU network, and other noise back through it.

    `std` is the standard deviation of all weights; there are no biases. Returns the activations,
    of shape (depth + 1, width, num_inputs), and gradients of the same shape.
    """
    rng = np.random.default_rng(seed)
    W = std * rng.standard_normal((depth, width, width))
    A = np.empty((depth + 1, width, num_inputs))
    dA = np.empty_like(A)
    A[0], dA[depth] = rng.standard_normal((2, width, num_inputs))
    for l in range(depth):
        A[l + 1] = np.maximum(0, W[l] @ A[l])
    for l in reversed(range(depth)):
        dA[l] = W[l].T @ (dA[l + 1] * (A[l + 1] > 0))
    return A, dA


def plot_signal(std_of_width: Mapping[int, float]) -> Axes:
    """Plot what is left of a signal in ten ReLU layers, for each width and its std of weights."""
    ax = plt.subplots()[1]
    ax.axhspan(0.5, 2, color="gray", alpha=0.25)
    left = []
    for (width, std), style in zip(std_of_width.items(), LINE_STYLES, strict=False):
        sizes = send_signal(std, width=width)[0].std(axis=(1, 2))
        ax.semilogy(sizes, label=f"{width} units, std {std:g}", **style)
        left.append(f"{width} units with std {std:g}: {sizes[-1]:.2g} is left in layer 10.")
    ax.set(xlabel="layer (0 is the input)", ylabel="size of the signal (log scale)")
    ax.set(title="A signal in ten ReLU layers", label=" ".join(left))
    ax.legend()
    return ax


def plot_signal_through_depth(signals: Signals) -> Sequence[Axes]:
    """Plot the standard deviation of activations (left) and of gradients (right) of each layer."""
    axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")[1]
    for (label, (A, dA)), style in zip(signals.items(), LINE_STYLES, strict=False):
        for ax, sizes in zip(axes, (A.std(axis=(1, 2)), dA.std(axis=(1, 2))), strict=True):
            ax.semilogy(sizes, label=label, **style)
            left = sizes[-1] if ax is axes[0] else sizes[0]
            ax.set_label(f"{ax.get_label()} With std {label}: {left:.1g} is left.".strip())
    axes[0].set(title="Forward: activations", xlabel="layer (0 is the input)")
    axes[0].set_ylabel("standard deviation (log scale)")
    axes[1].set(title="Backward: gradients", xlabel="layer (from the output back to the input)")
    axes[1].set_xlim(axes[0].get_xlim()[::-1])
    outside = {"loc": "center left", "bbox_to_anchor": (1, 0.5), "reverse": True}
    axes[1].legend(title="std of\nthe weights", **outside)
    for ax in axes:
        ax.set(ylim=(1e-13, 1e10), yticks=10.0 ** np.arange(-12, 9, 4))
        ax.minorticks_off()
        ax.grid(alpha=0.3)
    return axes


def variance_ratio(
    activation: Callable[[np.ndarray], np.ndarray], n_var_w: float, n: int = 1000, seed: int = 0
) -> float:
    """Measure by which factor a layer of width `n` multiplies the variance of small normal `z`.

    `n_var_w` is `n` times the variance of the weights: 1 for Xavier, 2 for He. Small, because tanh
    is close to the identity only there; for ReLU the size makes no difference.
    """
    rng = np.random.default_rng(seed)
    z = 0.1 * rng.standard_normal((n, n))
    W = np.sqrt(n_var_w / n) * rng.standard_normal((n, n))
    return np.var(W @ activation(z)) / np.var(z)


def constant_start(noises: Sequence[float], value: float = 0.5, seed: int = 0) -> dict:
    """Fill the weights of as many networks as there are `noises` with a value plus normal noise."""
    rng = np.random.default_rng(seed)
    noise = np.reshape(noises, (-1, 1, 1))
    return with_zero_biases(*(value + noise * rng.standard_normal(shape) for shape in SHAPES))


def scaled_start(factors: Sequence[float], num_draws: int, seed: int = 3) -> dict:
    """Draw networks: every factor `c` with every one of `num_draws` draws, stacked in this order.

    Draw 0 is that of the exercises. As float32: half as many bytes, trained twice as fast.
    """
    stacks = [[] for _ in SHAPES]
    for number in range(num_draws):
        draw = np.random.RandomState(seed + number).randn
        for stack, (n_out, n_in) in zip(stacks, SHAPES, strict=True):
            stack.append(draw(n_out, n_in) / np.sqrt(n_in))
    scales = np.reshape(factors, (-1, 1, 1, 1))
    weights = [(scales * stack).reshape(-1, *stack[0].shape) for stack in stacks]
    return with_zero_biases(*(W.astype(np.float32) for W in weights))


def plot_scale_sweep(factors: np.ndarray, cost: np.ndarray, accuracy: np.ndarray) -> Sequence[Axes]:
    """Plot costs and accuracies, one row for each factor: all draws and their median."""
    axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")[1]
    every, label = np.repeat(factors, cost.shape[1]), f"median of {cost.shape[1]} draws"
    for ax, values in zip(axes, (cost, 100 * accuracy), strict=True):
        ax.semilogx(every, values.ravel(), ".", color="darkgray", label="one draw")
        ax.semilogx(factors, np.median(values, axis=1), "o-", label=label)
        ax.axvline(HE, color="black", linestyle="--", label="He: c = √2")
        ax.set_xlabel("c = √2 × volume (std of the weights: c / √n)")
        ax.grid(alpha=0.3)
        picked = np.linspace(0, len(factors) - 1, 5).astype(int)
        medians = [f"{np.median(values[i]):.2g} at c = {factors[i]:.2g}" for i in picked]
        ax.set_label(f"Medians: {', '.join(medians)}.")
    axes[0].legend(loc="upper left")
    axes[0].set(title="Final cost on the training set", ylabel="cost")
    axes[1].set(title="Accuracy on the test set", ylabel="accuracy (%)")
    return axes
