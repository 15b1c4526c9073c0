"""Experiments for section 8: why the scale of the initial weights matters.

Nothing here is graded. Two conventions hold throughout:

* `A` and `Z` have one row per unit and one column per example, as in the rest of the notebook.
* Scales are given as the factor `c` in "standard deviation = c / sqrt(n)", where `n` is the
  number of units in the previous layer. Xavier is `c = 1`, He is `c = sqrt(2)`.

Every function draws its random numbers from a generator of its own (`seed` is an argument), so
calling one never changes the numbers that the graded exercises draw.
"""

import base64
from collections.abc import Callable, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

HE = np.sqrt(2)
WIDTH = 100  # units in each layer of the deep network

# Colors of Okabe & Ito, which color-blind readers can tell apart; the markers and the dashes say
# the same thing once more for a print in black and white.
LINE_STYLES = (
    {"color": "#0072B2", "marker": "o", "linestyle": ":"},
    {"color": "#E69F00", "marker": "s", "linestyle": "--"},
    {"color": "#009E73", "marker": "^", "linestyle": "-", "linewidth": 3},
    {"color": "#D55E00", "marker": "D", "linestyle": "-."},
)


# 8.1 The cost that was not infinite -----------------------------------------------------------


def output_logits(X: np.ndarray, parameters: Mapping[str, np.ndarray]) -> np.ndarray:
    """Compute the input `ZL` of the final sigmoid, with ReLU in all layers before it.

    Parameters
    ----------
    X : array of shape (n_0, m)
    parameters : mapping with `W1`, `b1`, ..., `WL`, `bL`
        Of one network, or of many at once with one more axis in front (see `train_stack`).

    Returns
    -------
    array of shape (1, m), or (networks, 1, m)
    """
    L = len(parameters) // 2
    A = X
    for l in range(1, L):
        A = np.maximum(0, parameters[f"W{l}"] @ A + parameters[f"b{l}"])
    return parameters[f"W{L}"] @ A + parameters[f"b{L}"]


def loss_from_logits(Z: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """Compute the cross-entropy without ever forming the sigmoid, so that it cannot overflow.

    `-ln(sigmoid(z)) = ln(1 + exp(-z))` for label 1 and `-ln(1 - sigmoid(z)) = ln(1 + exp(z))`
    for label 0; `np.logaddexp(0, x)` is `ln(1 + exp(x))` for `x` of any size.

    Parameters
    ----------
    Z : array of shape (1, m), or (networks, 1, m)
    Y : array of shape (1, m)
        Labels, 0 or 1.

    Returns
    -------
    float, or array of shape (networks,)
        Mean over the examples.
    """
    return np.logaddexp(0, (1 - 2 * Y) * Z).mean(axis=(-2, -1))


def accuracy_from_logits(Z: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """Return the share of right predictions; shapes as in `loss_from_logits`.

    The sigmoid is above one half exactly where `Z` is above zero.
    """
    return ((Z > 0) == Y).mean(axis=(-2, -1))


# 8.2 Signal through depth ---------------------------------------------------------------------


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
    """Return for each layer the share of units that are zero for every input.

    Parameters
    ----------
    A : array of shape (layers, width, num_inputs)

    Returns
    -------
    array of shape (layers,)
    """
    return (A == 0).all(axis=2).mean(axis=1)


def plot_signal_through_depth(
    signals: Mapping[str, tuple[np.ndarray, np.ndarray]], axes: Sequence[Axes] | None = None
) -> Sequence[Axes]:
    """Plot the standard deviation of activations and of gradients, layer by layer.

    Parameters
    ----------
    signals : mapping from a label to the answer `(A, dA)` of `send_signal`
    axes : two axes, optional
        Activations go into the first, gradients into the second.
    """
    if axes is None:
        _, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
    for (label, (A, dA)), style in zip(signals.items(), LINE_STYLES, strict=False):
        axes[0].semilogy(A.std(axis=(1, 2)), label=label, **style)
        axes[1].semilogy(dA.std(axis=(1, 2)), label=label, **style)
    axes[0].set_title("Forward: activations")
    axes[1].set_title("Backward: gradients")
    axes[0].set_ylabel("standard deviation (log scale)")
    axes[1].set_xlim(axes[0].get_xlim()[::-1])
    axes[1].legend(
        title="std of\nthe weights", loc="center left", bbox_to_anchor=(1, 0.5), reverse=True
    )
    axes[0].set_xlabel("layer (0 is the input)")
    axes[1].set_xlabel("layer (from the output back to the input)")
    for ax in axes:
        ax.set_ylim(1e-13, 1e10)
        ax.set_yticks(10.0 ** np.arange(-12, 9, 4), minor=False)
        ax.minorticks_off()
        ax.grid(alpha=0.3)
    return axes


def plot_activation_histograms(
    signals: Mapping[str, tuple[np.ndarray, np.ndarray]],
    layers: Sequence[int] = (1, 5, 10),
    axes: np.ndarray | None = None,
) -> np.ndarray:
    """Plot histograms of the activations above zero: one row per signal, one column per layer.

    Each panel also tells the share of dead units (see `share_of_dead_units`).

    Parameters
    ----------
    signals : mapping from a label to the answer `(A, dA)` of `send_signal`
    layers : layers to show
    axes : array of axes of shape (len(signals), len(layers)), optional
    """
    if axes is None:
        _, axes = plt.subplots(
            len(signals),
            len(layers),
            figsize=(10, 7),
            sharex=True,
            sharey=True,
            squeeze=False,
            layout="constrained",
        )
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


# 8.3 Where does 2/n come from? ----------------------------------------------------------------


def variance_ratio(
    activation: Callable[[np.ndarray], np.ndarray], n_var_w: float, n: int = 1000, seed: int = 0
) -> float:
    """Measure by which factor one layer multiplies the variance of `z`.

    Parameters
    ----------
    activation : function of an array
    n_var_w : float
        `n` times the variance of the weights: 1 for Xavier, 2 for He.
    n : int
        Width of the layer; also the number of examples.

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


# 8.4 Symmetry, counted, and 8.5 How small is small? -------------------------------------------


def constant_start(noises: Sequence[float], value: float = 0.5, seed: int = 0) -> list[np.ndarray]:
    """Fill the weights of layers 2-10-5-1 with one value plus normal noise.

    Parameters
    ----------
    noises : standard deviations of the noise, one for each network

    Returns
    -------
    list of `W1`, `W2`, `W3`, of shapes (networks, 10, 2), (networks, 5, 10), (networks, 1, 5)
    """
    rng = np.random.default_rng(seed)
    noise = np.reshape(noises, (-1, 1, 1))
    return [value + noise * rng.standard_normal(shape) for shape in ((10, 2), (5, 10), (1, 5))]


def scaled_start(factors: Sequence[float], num_seeds: int, seed: int = 0) -> list[np.ndarray]:
    """Draw weights for layers 2-10-5-1: every factor `c` with every one of `num_seeds` draws.

    Returns
    -------
    list of `W1`, `W2`, `W3`, shapes as in `constant_start`
        networks = len(factors) * num_seeds; network `i * num_seeds + j` has factor `i`, draw
        `j`. Stored as float32: half as many bytes to move makes training twice as fast.
    """
    rng = np.random.default_rng(seed)
    W = []
    for n_out, n_in in ((10, 2), (5, 10), (1, 5)):
        draws = rng.standard_normal((num_seeds, n_out, n_in)) / np.sqrt(n_in)
        scaled = np.reshape(factors, (-1, 1, 1, 1)) * draws
        W.append(scaled.reshape(-1, n_out, n_in).astype(np.float32))
    return W


def train_stack(
    start: Sequence[np.ndarray],
    X: np.ndarray,
    Y: np.ndarray,
    learning_rate: float = 0.01,
    num_iterations: int = 15000,
    progress: Callable[[float], None] = lambda done: None,
) -> dict[str, np.ndarray]:
    """Train many networks of three layers at once by plain gradient descent.

    The networks lie behind one another along the first axis. `@` multiplies matching slices, so
    the lines below are those of one network, and one pass of the loop moves all of them.

    Parameters
    ----------
    start : `W1`, `W2`, `W3`, each of shape (networks, n_l, n_{l-1}); left unchanged
        Biases start at zero.
    X : array of shape (n_0, m)
    Y : array of shape (1, m)
    progress : function of a float, optional
        Called with the share of iterations done, 101 times at most.

    Returns
    -------
    dict of `W1`, `b1`, ..., `b3`, each with `networks` as its first axis
    """
    W1, W2, W3 = (W.copy() for W in start)
    b1, b2, b3 = (np.zeros_like(W[:, :, :1]) for W in start)
    X, Y = X.astype(W1.dtype), Y.astype(W1.dtype)
    report_every = max(1, num_iterations // 100)
    for i in range(num_iterations):
        A1 = np.maximum(0, W1 @ X + b1)
        A2 = np.maximum(0, W2 @ A1 + b2)
        Z3 = W3 @ A2 + b3
        A3 = (1 + np.tanh(Z3 / 2)) / 2  # the sigmoid, written so that nothing can overflow
        dZ3 = (A3 - Y) / X.shape[1]
        dZ2 = W3.mT * dZ3 * (A2 > 0)
        dZ1 = W2.mT @ dZ2 * (A1 > 0)
        for W, b, dZ, A in ((W1, b1, dZ1, X), (W2, b2, dZ2, A1), (W3, b3, dZ3, A2)):
            W -= learning_rate * (dZ @ A.mT)
            b -= learning_rate * dZ.sum(axis=2, keepdims=True)
        if (i + 1) % report_every == 0:
            progress((i + 1) / num_iterations)
    return {"W1": W1, "b1": b1, "W2": W2, "b2": b2, "W3": W3, "b3": b3}


def count_distinct_rows(W: np.ndarray, tolerance: float = 1e-6) -> int:
    """Count the rows of `W` that differ from every row counted before by more than `tolerance`.

    Not `np.unique`: rounding may make rows that are equal on paper differ in the last digit.
    """
    distinct: list[np.ndarray] = []
    for row in W:
        if all(np.abs(row - other).max() > tolerance for other in distinct):
            distinct.append(row)
    return len(distinct)


def plot_scale_sweep(
    factors: np.ndarray,
    cost: np.ndarray,
    accuracy: np.ndarray,
    axes: Sequence[Axes] | None = None,
) -> Sequence[Axes]:
    """Plot final cost and test accuracy against the scale: median and range over the draws.

    Parameters
    ----------
    factors : array of shape (num_factors,)
        The factors `c` in "standard deviation = c / sqrt(n)".
    cost, accuracy : arrays of shape (num_factors, num_seeds)
    axes : two axes, optional
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
    axes[0].set_title("Final cost on the training set")
    axes[0].set_ylabel("cost (nats per example)")
    axes[1].set_title("Accuracy on the test set")
    axes[1].set_ylabel("accuracy (%)")
    return axes


# The parts that talk to the notebook ----------------------------------------------------------


def notebook_display() -> Callable | None:
    """Return IPython's `display` where a notebook runs this code, None elsewhere."""
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        return None
    return display if hasattr(get_ipython(), "kernel") else None


def progress_bar(label: str) -> Callable[[float], None]:
    """Return a function that shows a share between 0 and 1 as one line, updated in place."""

    def line(done: float) -> str:
        return f"{label} {'█' * round(30 * done):░<30} {done:4.0%}"

    display = notebook_display()
    if display is None:
        return lambda done: print(line(done), end="\n" if done == 1 else "\r", flush=True)
    handle = display({"text/plain": line(0)}, raw=True, display_id=True)
    return lambda done: handle.update({"text/plain": line(done)}, raw=True)


def show_widget(build: Callable[[], tuple], draw: Callable[[], object], name: str) -> None:
    """Show a widget, or a figure without it where widgets do not run.

    The output holds a picture beside the widget, so that a page without a running kernel (GitHub,
    an exported HTML file, paper) shows the picture instead of an empty place.

    Parameters
    ----------
    build : callable
        Returns the widget, the picture as PNG, and a sentence that says what is in it.
    draw : callable
        Draws the figure with pyplot.
    name : str
        What is missing without widgets: "slider", say.
    """
    display = notebook_display()
    try:
        built = build() if display else None
    except ImportError:
        built = None
    if built is None:
        draw()
        print(f"No {name} here (it needs ipywidgets and a running notebook), so nothing moves.")
        return
    widget, png, sentence = built
    picture = {"text/plain": sentence, "image/png": base64.b64encode(png).decode()}
    display({**widget._repr_mimebundle_(), **picture}, raw=True)
