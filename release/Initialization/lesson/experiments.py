"""Experiments for section 8: why the scale of the initial weights matters.

Nothing here is graded. `A` and `Z` have one row per unit and one column per example, as in the rest
of the notebook; scales are factors `c` as in `network.py`.

Every function draws its random numbers from a generator of its own (`seed` is an argument), so
calling one never changes the numbers that the graded exercises draw.
"""

from collections.abc import Callable, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from lesson.network import HE, with_zero_biases

WIDTH = 100  # units in each layer of the deep network
SHAPES = ((10, 2), (5, 10), (1, 5))  # of W1, W2, W3 in the network of the notebook

# Colors of Okabe & Ito, which color-blind readers can tell apart; the markers and the dashes say
# the same thing once more for a print in black and white.
LINE_STYLES = (
    {"color": "#0072B2", "marker": "o", "linestyle": ":"},
    {"color": "#E69F00", "marker": "s", "linestyle": "--"},
    {"color": "#009E73", "marker": "^", "linestyle": "-", "linewidth": 3},
    {"color": "#D55E00", "marker": "D", "linestyle": "-."},
)

Signals = Mapping[str, tuple[np.ndarray, np.ndarray]]  # what `send_signal` returns, by a label


# Signal through depth -------------------------------------------------------------------------


def send_signal(
    std: float, depth: int = 10, width: int = WIDTH, num_inputs: int = 1000, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Send noise forward through an untrained ReLU network, and other noise back through it.

    The same seed gives the same draws for every `std`: only their scale differs.

    Parameters
    ----------
    std : float
        Standard deviation of all weights. There are no biases.

    Returns
    -------
    A : array of shape (depth + 1, width, num_inputs)
        Activations; `A[0]` is the input, standard normal.
    dA : array of the same shape
        Gradients of some cost with respect to `A`; `dA[depth]` is standard normal.
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


def share_of_dead_units(A: np.ndarray) -> np.ndarray:
    """Return for each layer the share of units that are zero for every input."""
    return (A == 0).all(axis=2).mean(axis=1)


def plot_signal_through_depth(signals: Signals, axes: Sequence[Axes] | None = None):
    """Plot the standard deviation of activations (left) and of gradients (right) of each layer."""
    if axes is None:
        _, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
    for (label, (A, dA)), style in zip(signals.items(), LINE_STYLES, strict=False):
        axes[0].semilogy(A.std(axis=(1, 2)), label=label, **style)
        axes[1].semilogy(dA.std(axis=(1, 2)), label=label, **style)
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


def plot_activation_histograms(
    signals: Signals, layers: Sequence[int] = (1, 5, 10), axes: np.ndarray | None = None
):
    """Plot histograms of the activations above zero: one row per signal, one column per layer.

    Each panel also tells the share of dead units (see `share_of_dead_units`).
    """
    if axes is None:
        shared = {"sharex": True, "sharey": True, "squeeze": False, "layout": "constrained"}
        _, axes = plt.subplots(len(signals), len(layers), figsize=(10, 7), **shared)
    bins = np.arange(-14, 11, 0.5)
    for row, (label, (A, _)), style in zip(axes, signals.items(), LINE_STYLES, strict=False):
        dead = share_of_dead_units(A)
        for ax, l in zip(row, layers, strict=True):
            exponents = np.log10(A[l][A[l] > 0])
            percent = np.full(exponents.size, 100 / exponents.size)
            ax.hist(exponents, bins, weights=percent, color=style["color"])
            ax.axvline(0, color="gray", linewidth=0.8)
            ax.text(0.04, 0.85, f"{dead[l]:.0%} dead", transform=ax.transAxes)
            ax.set_ylim(0, 65)
        row[0].set_ylabel(f"std {label}\nshare (%)")
    axes[0, 0].figure.suptitle("Activations above zero: share by order of magnitude")
    for ax, l in zip(axes[0], layers, strict=True):
        ax.set_title(f"layer {l}")
    for ax in axes[-1]:
        ax.set_xlabel("log₁₀(activation)")
    return axes


# Where does 2/n come from? --------------------------------------------------------------------


def variance_ratio(
    activation: Callable[[np.ndarray], np.ndarray], n_var_w: float, n: int = 1000, seed: int = 0
) -> float:
    """Measure by which factor one layer of width `n` multiplies the variance of `z`.

    Parameters
    ----------
    activation : function of an array
    n_var_w : float
        `n` times the variance of the weights: 1 for Xavier, 2 for He.

    Returns
    -------
    float
        `Var(W @ activation(z)) / Var(z)` for small normal `z`. Small, because tanh is close to
        the identity only there; for ReLU the size makes no difference.
    """
    rng = np.random.default_rng(seed)
    z = 0.1 * rng.standard_normal((n, n))
    W = np.sqrt(n_var_w / n) * rng.standard_normal((n, n))
    return np.var(W @ activation(z)) / np.var(z)


# Symmetry, counted, and how small is small? ---------------------------------------------------


def constant_start(noises: Sequence[float], value: float = 0.5, seed: int = 0) -> dict:
    """Fill the weights of as many networks as there are `noises` with a value plus normal noise.

    Returns
    -------
    dict
        `W1` of shape (networks, 10, 2) and so on: see `network.py`.
    """
    rng = np.random.default_rng(seed)
    noise = np.reshape(noises, (-1, 1, 1))
    return with_zero_biases(*(value + noise * rng.standard_normal(shape) for shape in SHAPES))


def scaled_start(factors: Sequence[float], num_seeds: int, seed: int = 0) -> dict:
    """Draw networks: every factor `c` with every one of `num_seeds` draws.

    Returns
    -------
    dict
        `W1` of shape (len(factors) * num_seeds, 10, 2) and so on; network `i * num_seeds + j` has
        factor `i`, draw `j`. As float32: half as many bytes make training twice as fast.
    """
    rng = np.random.default_rng(seed)
    weights = []
    for n_out, n_in in SHAPES:
        draws = rng.standard_normal((num_seeds, n_out, n_in)) / np.sqrt(n_in)
        scaled = np.reshape(factors, (-1, 1, 1, 1)) * draws
        weights.append(scaled.reshape(-1, n_out, n_in).astype(np.float32))
    return with_zero_biases(*weights)


def plot_scale_sweep(
    factors: np.ndarray,
    cost: np.ndarray,
    accuracy: np.ndarray,
    axes: Sequence[Axes] | None = None,
):
    """Plot final cost and test accuracy against the scale: median and range over the draws.

    `cost` and `accuracy` have the shape (num_factors, num_seeds).
    """
    if axes is None:
        _, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    label = f"median of {cost.shape[1]} draws"
    for ax, values in zip(axes, (cost, 100 * accuracy), strict=True):
        ax.fill_between(factors, values.min(axis=1), values.max(axis=1), alpha=0.25, label="range")
        ax.semilogx(factors, np.median(values, axis=1), "o-", label=label)
        ax.axvline(HE, color="black", linestyle="--", label="He: c = √2")
        ax.set_xlabel("scale c (std of the weights = c / √n)")
        ax.grid(alpha=0.3)
    axes[0].legend(loc="lower left")
    axes[0].set(title="Final cost on the training set", ylabel="cost")
    axes[1].set(title="Accuracy on the test set", ylabel="accuracy (%)")
    return axes
