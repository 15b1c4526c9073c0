"""The laboratory of section 8.6: choose a start and a network, train, and look inside.

The networks here have `depth` hidden layers of `width` units each, between two inputs and one
output with a sigmoid. Scales are factors `c` in "standard deviation = c / sqrt(n)", with `n` the
number of units in the previous layer, as in `experiments.py`.
"""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from init_utils import unit_lines
from lesson.experiments import HE, accuracy_from_logits, loss_from_logits, show_widget
from lesson.film import Plane, Stage, scrolling

ITERATIONS = 15000
STEP = 150  # iterations between two looks at the Stop button
STARTS = ("zeros", "constant", "normal", "uniform", "Xavier", "He")
SCALED = ("constant", "normal", "uniform")  # these use the scale c
BEFORE, AFTER = "#777777", "#009E73"


@dataclass(frozen=True)
class Choices:
    """What the laboratory trains: by default the network of the notebook with He."""

    start: str = "He"
    scale: float = 1.0
    depth: int = 2
    width: int = 10
    activation: str = "ReLU"
    learning_rate: float = 0.01
    seed: int = 3

    def complaint(self) -> str:
        """Return a sentence that says which choice cannot be used, or an empty text."""
        if self.start in SCALED and not 0 < self.scale <= 100:
            return f"The scale c is {self.scale:g}. Choose a number above 0, at most 100."
        if not 1 <= self.width <= 50:
            return f"The width is {self.width}. Choose from 1 to 50 units."
        if not 0 < self.learning_rate <= 10:
            return (
                f"The learning rate is {self.learning_rate:g}. Choose a number above 0, at most 10."
            )
        if not 0 <= self.seed < 2**32:
            return f"The seed is {self.seed}. Choose a whole number from 0 to 4294967295."
        return ""


def draw_start(choices: Choices) -> dict[str, np.ndarray]:
    """Draw the first parameters; biases are zero.

    Returns
    -------
    dict
        `Wl` of shape (n_l, n_{l-1}) and `bl` of shape (n_l, 1) for l = 1 to depth + 1.
    """
    rng = np.random.default_rng(choices.seed)
    sizes = [2, *[choices.width] * choices.depth, 1]
    scale = {"zeros": 0.0, "Xavier": 1.0, "He": HE}.get(choices.start, choices.scale)
    parameters = {}
    for l, (n_in, n_out) in enumerate(pairwise(sizes), start=1):
        if choices.start == "constant":
            draws = np.ones((n_out, n_in))
        elif choices.start == "uniform":  # on this interval the standard deviation is 1
            draws = rng.uniform(-np.sqrt(3), np.sqrt(3), (n_out, n_in))
        else:
            draws = rng.standard_normal((n_out, n_in))
        parameters[f"W{l}"] = scale / np.sqrt(n_in) * draws
        parameters[f"b{l}"] = np.zeros((n_out, 1))
    return parameters


def forward(X: np.ndarray, parameters: Mapping[str, np.ndarray], activation: str) -> list:
    """Send all examples forward.

    Returns
    -------
    list of ndarray
        `A[0]` is X, `A[l]` the activations of hidden layer l, and the last entry the logits,
        of shape (1, m).
    """
    L = len(parameters) // 2
    A = [X]
    for l in range(1, L + 1):
        Z = parameters[f"W{l}"] @ A[-1]
        Z += parameters[f"b{l}"]
        if l < L:
            Z = np.maximum(Z, 0, out=Z) if activation == "ReLU" else np.tanh(Z, out=Z)
        A.append(Z)
    return A


def backward(
    Y: np.ndarray, A: list, parameters: Mapping[str, np.ndarray], activation: str
) -> list[np.ndarray]:
    """Send the gradient of the cost back.

    Returns
    -------
    list of ndarray
        `dZ[l - 1]` is the gradient with respect to the weighted sums of layer l, of the shape
        of `A[l]`.
    """
    dZ = [((1 + np.tanh(A[-1] / 2)) / 2 - Y) / Y.size]  # the sigmoid cannot overflow like this
    for l in range(len(A) - 2, 0, -1):
        slope = A[l] > 0 if activation == "ReLU" else 1 - A[l] ** 2
        dZ.insert(0, (parameters[f"W{l + 1}"].T @ dZ[0]) * slope)
    return dZ


def train(
    choices: Choices, X: np.ndarray, Y: np.ndarray, num_iterations: int = ITERATIONS
) -> Iterator[tuple[int, dict[str, np.ndarray], float]]:
    """Train by plain gradient descent, and hand over each 150th state on the way.

    Yields
    ------
    iteration : int
    parameters : dict
        The next step changes these arrays: copy what is to be kept.
    cost : float
        In nats. Training ends early where this is no longer a finite number.
    """
    parameters = draw_start(choices)
    L = choices.depth + 1
    with np.errstate(over="ignore", invalid="ignore"):
        for i in range(num_iterations + 1):
            A = forward(X, parameters, choices.activation)
            if i % STEP == 0 or i == num_iterations:
                cost = float(loss_from_logits(A[-1], Y))
                yield i, parameters, cost
                if i == num_iterations or not np.isfinite(cost):
                    return
            dZ = backward(Y, A, parameters, choices.activation)
            for l in range(1, L + 1):
                parameters[f"W{l}"] -= choices.learning_rate * (dZ[l - 1] @ A[l - 1].T)
                parameters[f"b{l}"] -= choices.learning_rate * dZ[l - 1].sum(1, keepdims=True)


def spread(values: np.ndarray) -> np.ndarray:
    """Return what 10, 50 and 90 % of the sizes of the numbers that are not zero stay below.

    Returns
    -------
    ndarray of shape (3,)
        All nan if every number is zero.
    """
    sizes = np.abs(values[values != 0])
    return np.percentile(sizes, (10, 50, 90)) if sizes.size else np.full(3, np.nan)


class Bench:
    """The picture of the laboratory: cost, plane, and what goes through each layer.

    All axes keep their limits, so that only what is new has to be drawn; what lies beyond them
    is drawn at their edge.
    """

    COST, ACTIVATION, GRADIENT = (0, 1), (1e-6, 1e3), (1e-9, 1e3)  # limits

    def __init__(self, X: np.ndarray, Y: np.ndarray, figure: Figure):
        self._X, self._Y = X, Y
        figure.set(size_inches=(10, 7.6), dpi=100, layout_engine="constrained")
        (cost_ax, plane_ax), layer_axes = figure.subplots(2, 2)
        self._plane = Plane(plane_ax, X, Y)
        plane_ax.set(title="Boundary, and lines of layer 1")
        plane_ax.set(xlabel="$x_1$ (no unit)", ylabel="$x_2$ (no unit)")
        (self._cost,) = cost_ax.plot([], [], color=AFTER, clip_on=False)
        cost_ax.set(title="Cost", xlim=(0, ITERATIONS / 1000), ylim=self.COST)
        cost_ax.set(xlabel="iterations (thousands)", ylabel="cost (nats)")
        self._bars = []
        for ax, limits, title, unit in zip(
            layer_axes,
            (self.ACTIVATION, self.GRADIENT),
            ("Activations", "Gradients of the cost of one example"),
            ("size (no unit, log scale)", "size (nats, log scale)"),
            strict=True,
        ):
            ax.set(title=title, xlabel="hidden layer (number)", ylabel=unit, yscale="log")
            ax.set(xlim=(0.5, 8.5), ylim=limits, xticks=range(1, 9))
            for label, color, marker, shift in (
                ("at the start", BEFORE, "s", -0.12),
                ("now", AFTER, "o", 0.12),
            ):
                (bars,) = ax.plot([], [], "-", color=color, linewidth=3)
                (medians,) = ax.plot([], [], marker, color=color, label=label)
                self._bars.append((bars, medians, shift, limits))
        layer_axes[0].legend(title="bar: 10 to 90 %, mark: median", loc="lower left")
        artists = [*self._plane.artists, self._cost]
        artists += [artist for bars in self._bars for artist in bars[:2]]
        self._stage = Stage(figure, artists)

    def show(self, choices: Choices, parameters: Mapping, costs: Mapping[int, float]) -> None:
        """Set what is drawn: the state of a training, and its costs by iteration."""
        self._cost.set_data(np.array(list(costs)) / 1000, np.clip(list(costs.values()), *self.COST))
        self._plane.show(forward(self._plane.grid, parameters, choices.activation)[-1], parameters)
        sides = [inside(choices, p, self._X, self._Y) for p in (draw_start(choices), parameters)]
        series = [side[kind] for kind in (0, 1) for side in sides]
        for (bars, medians, shift, limits), layers in zip(self._bars, series, strict=True):
            low, middle, high = np.clip(np.array([spread(values) for values in layers]).T, *limits)
            x = np.arange(1, len(layers) + 1) + shift
            gap = np.full(len(layers), np.nan)
            bars.set_data(np.repeat(x, 3), np.column_stack([low, high, gap]).ravel())
            medians.set_data(x, middle)

    def png(self) -> bytes:
        """Return the picture."""
        return self._stage.png()


def inside(choices: Choices, parameters: Mapping, X: np.ndarray, Y: np.ndarray) -> tuple:
    """Return what goes through the hidden layers: activations, and gradients of one example.

    Returns
    -------
    A, dZ : lists of ndarray of shape (width, m), one for each hidden layer
        `dZ` is the gradient of each example's own cost with respect to the weighted sums.
    """
    A = forward(X, parameters, choices.activation)
    dZ = backward(Y, A, parameters, choices.activation)
    return A[1:-1], [Y.size * gradient for gradient in dZ[:-1]]


def describe(
    choices: Choices,
    iteration: int,
    parameters: Mapping,
    X: np.ndarray,
    Y: np.ndarray,
) -> str:
    """Say in words what the picture shows."""
    logits = forward(X, parameters, choices.activation)[-1]
    if not np.isfinite(logits).all():
        return (
            f"By iteration {iteration} the numbers had grown beyond all bounds. Choose a smaller "
            "learning rate or a smaller scale c."
        )
    number = len(unit_lines(parameters))
    lines = {0: "no line", 1: "1 line"}.get(number, f"{number} lines")
    A, dZ = inside(choices, draw_start(choices), X, Y)
    return (
        f"Iteration {iteration}: cost {loss_from_logits(logits, Y):.3f}, "
        f"{accuracy_from_logits(logits, Y):.0%} of the dots right, {choices.width} units in layer "
        f"1 with {lines}. At the start, from the first hidden layer to the last: standard "
        f"deviation of the activations {A[0].std():.2g} to {A[-1].std():.2g}, of the gradients "
        f"{dZ[0].std():.2g} to {dZ[-1].std():.2g}. A layer without a mark is zero everywhere."
    )


class Laboratory:
    """The laboratory as a widget.

    Attributes
    ----------
    box : ipywidgets.VBox
    fields : dict
        The control of each choice, by its name in `Choices`.
    train_button, stop_button : ipywidgets.Button
    picture : ipywidgets.Image
    sentence : ipywidgets.HTML
    task : asyncio.Task or None
        The training that runs.
    """

    def __init__(self, X: np.ndarray, Y: np.ndarray):
        import ipywidgets as w

        self._X, self._Y = X, Y
        self._bench = Bench(X, Y, Figure())
        self._stopping, self.task = False, None
        usual = Choices()
        self.fields = {
            # Buttons, because JupyterLab takes the arrow keys and the letters of a closed list.
            "start": w.ToggleButtons(options=STARTS, value=usual.start, description="start"),
            "scale": w.FloatText(value=usual.scale, step=0.1, description="scale c"),
            "activation": w.ToggleButtons(options=("ReLU", "tanh"), description="activation"),
            "depth": w.IntSlider(min=1, max=8, value=usual.depth, description="hidden layers"),
            "width": w.IntText(value=usual.width, description="width"),
            "learning_rate": w.FloatText(
                value=usual.learning_rate, step=0.01, description="learning rate"
            ),
            "seed": w.IntText(value=usual.seed, description="seed"),
        }
        for field in self.fields.values():
            field.style.description_width = "90px"
            if isinstance(field, w.ToggleButtons):
                field.style.button_width = "90px"
            else:
                field.layout.width = "240px"
            field.observe(self._look, names="value")
        self.train_button = w.Button(description="Train", button_style="primary")
        self.stop_button = w.Button(description="Stop", disabled=True)
        self._progress = w.IntProgress(max=ITERATIONS, layout={"width": "240px"})
        self.picture = w.Image(format="png", layout={"width": "900px", "min_width": "600px"})
        self.sentence = w.HTML()
        self.train_button.on_click(self._start)
        self.stop_button.on_click(self._stop)
        wrap = {"flex_flow": "row wrap"}
        buttons = w.HBox([self.train_button, self.stop_button, self._progress], layout=wrap)
        choices = w.HBox(list(self.fields.values()), layout=wrap)
        self.box = w.VBox([choices, buttons, self.sentence, scrolling(self.picture)])
        self._look()

    def _choices(self) -> Choices:
        return Choices(**{name: field.value for name, field in self.fields.items()})

    def _look(self, _=None) -> None:
        """Show the start that is chosen, before any training."""
        if self.task is not None:
            return
        choices = self._choices()
        self.fields["scale"].disabled = choices.start not in SCALED
        self._progress.value = 0
        self.train_button.disabled = bool(choices.complaint())
        if choices.complaint():
            self.sentence.value = choices.complaint()
        else:
            parameters = draw_start(choices)
            cost = loss_from_logits(forward(self._X, parameters, choices.activation)[-1], self._Y)
            self._show(choices, {0: cost}, parameters)

    def _show(self, choices: Choices, costs: dict, parameters: Mapping) -> None:
        self.sentence.value = describe(choices, max(costs), parameters, self._X, self._Y)
        if np.isfinite(costs[max(costs)]):
            self._bench.show(choices, parameters, costs)
            self.picture.value = self._bench.png()

    def _start(self, _) -> None:
        self.task = asyncio.ensure_future(self.train())

    def _stop(self, _) -> None:
        self._stopping = True

    async def train(self) -> None:
        """Train what is chosen; show five states on the way, and give way to the Stop button.

        Not a thread: Python in the browser has none.
        """
        choices, costs, self._stopping = self._choices(), {}, False
        controls = [*self.fields.values(), self.train_button]
        for control in controls:
            control.disabled = True
        self.stop_button.disabled = False
        try:
            for iteration, parameters, cost in train(choices, self._X, self._Y):
                costs[iteration] = cost
                self._progress.value = iteration
                if iteration % (ITERATIONS // 5) == 0 or not np.isfinite(cost):
                    self._show(choices, costs, parameters)
                await asyncio.sleep(0)
                if self._stopping:
                    self._show(choices, costs, parameters)
                    break
        finally:
            for control in controls:
                control.disabled = False
            self.fields["scale"].disabled = choices.start not in SCALED
            self.stop_button.disabled, self.task = True, None


def show_laboratory(X: np.ndarray, Y: np.ndarray) -> None:
    """Show the laboratory, or a picture of its first start where widgets do not run.

    Parameters
    ----------
    X : ndarray of shape (2, m)
    Y : ndarray of shape (1, m)
        Labels, 0 or 1.
    """

    def build() -> tuple:
        laboratory = Laboratory(X, Y)
        return laboratory.box, laboratory.picture.value, laboratory.sentence.value

    def draw() -> None:
        usual = Choices()
        Bench(X, Y, plt.figure()).show(usual, draw_start(usual), {})

    show_widget(build, draw, "laboratory")
