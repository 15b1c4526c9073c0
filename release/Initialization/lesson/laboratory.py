"""The laboratory of section 8: choose a start and a network, train, and look inside.

The networks here have `depth` hidden layers of `width` units each, between two inputs and one
output with a sigmoid. Scales are factors `c` as in `network.py`.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from IPython.display import display
from matplotlib.figure import Figure

from lesson import network
from lesson.files import page, translate
from lesson.network import Parameters, backward, forward, loss_from_logits
from lesson.pictures import Plane, Stage, as_output, img

ITERATIONS = 15000
SCALED = ("constant", "normal", "uniform")  # these use the scale c
BEFORE, AFTER = "#777777", "#009E73"
MARKS = (("at the start", BEFORE, "s", -0.12), ("now", AFTER, "o", 0.12))
COSTS = (0, 1)  # limits of the axis, as in the line below
SIZES = {"Activations": (1e-6, 1e3), "Gradients of the cost of one example": (1e-9, 1e3)}


@dataclass(frozen=True)
class Choices:
    """What the laboratory trains: by default the network of the notebook with He."""

    start: str = "He"
    scale: float = 1.0
    hidden: tuple[int, ...] = (10, 5)
    activation: str = "ReLU"
    learning_rate: float = 0.01
    seed: int = 3


OPTIONS = {
    "start": ("zeros", "constant", "normal", "uniform", "Xavier", "He"),
    "scale": (0.1, 0.3, 0.7, 1.0, 1.4, 3.0, 5.0, 10.0),
    "hidden": {"10, 5": (10, 5), "10": (10,), "4 × 10": 4 * (10,), "8 × 10": 8 * (10,)},
    "activation": ("ReLU", "tanh"),
    "learning_rate": (0.001, 0.01, 0.1, 1.0),
    "seed": (1, 2, 3, 4, 5),
}


def draw_start(choices: Choices) -> dict[str, np.ndarray]:
    """Draw the first parameters: with the usual choices those of section 6."""
    rng = np.random.RandomState(choices.seed)
    scale = {"zeros": 0.0, "Xavier": 1.0, "He": network.HE}.get(choices.start, choices.scale)
    weights = []
    for n_in, n_out in pairwise([2, *choices.hidden, 1]):
        if choices.start == "constant":
            draws = np.ones((n_out, n_in))
        elif choices.start == "uniform":  # on this interval the standard deviation is 1
            draws = rng.uniform(-np.sqrt(3), np.sqrt(3), (n_out, n_in))
        else:
            draws = rng.standard_normal((n_out, n_in))
        weights.append(scale / np.sqrt(n_in) * draws)
    return network.with_zero_biases(*weights)


def spread(values: np.ndarray) -> np.ndarray:
    """Return what 10, 50 and 90 % of the sizes of the numbers that are not zero stay below."""
    sizes = np.abs(values[values != 0])
    return np.percentile(sizes, (10, 50, 90)) if sizes.size else np.full(3, np.nan)


def inside(choices: Choices, parameters: Parameters, X: np.ndarray, Y: np.ndarray) -> tuple:
    """Return the activations of each hidden layer, and the gradients of each example's own cost."""
    A = forward(X, parameters, choices.activation)
    dZ = backward(Y, A, parameters, choices.activation)
    return A[1:-1], [Y.size * gradient for gradient in dZ[:-1]]


class Bench:
    """The picture of the laboratory, drawn again quickly because all axes keep their limits."""

    def __init__(self, X: np.ndarray, Y: np.ndarray):
        self.X, self.Y = X, Y
        figure = Figure(figsize=(9, 7), dpi=100, layout="constrained")
        (cost_ax, plane_ax), layer_axes = figure.subplots(2, 2)
        self._plane = Plane(plane_ax, X, Y)
        plane_ax.set(title="Boundary, and lines of layer 1")
        (self._cost,) = cost_ax.plot([], [], color=AFTER, clip_on=False)
        cost_ax.set(title="Cost", xlim=(0, ITERATIONS / 1000), ylim=COSTS)
        cost_ax.set(xlabel="iterations (thousands)", ylabel="cost")
        self._series = []
        for ax, (title, limits) in zip(layer_axes, SIZES.items(), strict=True):
            ax.set(title=title, xlabel="hidden layer", ylabel="size (log scale)", yscale="log")
            ax.set(xlim=(0.5, 8.5), ylim=limits, xticks=range(1, 9))
            for label, color, marker, shift in MARKS:
                style = {"color": color, "linewidth": 3, "marker": marker, "markevery": (1, 4)}
                (bars,) = ax.plot([], [], label=label, **style)
                self._series.append((bars, shift, limits))
        layer_axes[0].legend(title="bar: 10 to 90 %, mark: median", loc="lower left")
        bars = (bars for bars, *_ in self._series)
        self._stage = Stage(figure, [*self._plane.artists, self._cost, *bars])

    def show(self, choices: Choices, parameters: Parameters, costs: Mapping[int, float]) -> bytes:
        """Draw the state of a training, and its costs by iteration; return the picture."""
        self._cost.set_data(np.array(list(costs)) / 1000, np.clip(list(costs.values()), *COSTS))
        self._plane.show(parameters, choices.activation)
        sides = [inside(choices, p, self.X, self.Y) for p in (draw_start(choices), parameters)]
        series = [side[kind] for kind in (0, 1) for side in sides]
        for (bars, shift, limits), layers in zip(self._series, series, strict=True):
            sizes = np.clip([[*spread(values), np.nan] for values in layers], *limits)
            x = np.arange(1, len(layers) + 1) + shift
            bars.set_data(np.repeat(x, 4), sizes.ravel())
        return self._stage.png()


def describe(
    choices: Choices, iteration: int, parameters: Parameters, X: np.ndarray, Y: np.ndarray
) -> str:
    """Say in words what the picture shows."""
    logits = forward(X, parameters, choices.activation)[-1]
    if not np.isfinite(logits).all():
        return (
            f"At iteration {iteration} the numbers are too large for the computer. Choose a "
            "smaller learning rate or a smaller scale c."
        )
    A, dZ = inside(choices, draw_start(choices), X, Y)
    right = network.accuracy_from_logits(logits, Y)
    return (
        f"Iteration {iteration}: cost {loss_from_logits(logits, Y):.3f}, {right:.0%} of the dots "
        f"right, {choices.hidden[0]} units in layer 1 with {network.lines_in_words(parameters)}. "
        "At the start, from the first hidden layer to the last: standard deviation of the "
        f"activations {A[0].std():.2g} to {A[-1].std():.2g}, of the gradients {dZ[0].std():.2g} to "
        f"{dZ[-1].std():.2g}. A layer without a mark is zero everywhere."
    )


class Laboratory:
    """The laboratory as a widget: `fields` by the names in `Choices`, and below them a picture."""

    def __init__(self, bench: Bench):
        import ipywidgets as w

        self._bench, self._X, self._Y = bench, bench.X, bench.Y
        self.task = None
        names = {"scale": "scale c", "hidden": "hidden layers", "learning_rate": "learning rate"}
        self.fields = {
            # Buttons, because JupyterLab takes the arrow keys and the letters of a closed list.
            name: w.ToggleButtons(
                options=options,
                value=getattr(Choices(), name),
                description=translate("laboratory", names.get(name, name)),
                layout={"margin": "0 1.5em 0 0"},
                style={"button_width": "auto"},
            )
            for name, options in OPTIONS.items()
        }
        for field in self.fields.values():
            field.observe(self._look, names="value")
        self.train_button = w.Button(description="Train", button_style="primary")
        self.stop_button = w.Button(description="Stop", disabled=True)
        self._progress = w.IntProgress(max=ITERATIONS, layout={"width": "240px"})
        self.picture = w.Image(format="png", layout={"max_width": "calc(100% - 4px)"})
        self.sentence = w.HTML()
        self.train_button.on_click(self._start)
        self.stop_button.on_click(lambda _: self.task.cancel())
        buttons = w.HBox([self.train_button, self.stop_button, self._progress])
        choices = w.HBox(list(self.fields.values()), layout={"flex_flow": "row wrap"})
        self.box = w.VBox([choices, buttons, self.sentence, self.picture])
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
        parameters = draw_start(choices)
        logits = forward(self._X, parameters, choices.activation)[-1]
        self._show(choices, {0: loss_from_logits(logits, self._Y)}, parameters)

    def _show(self, choices: Choices, costs: dict, parameters: Parameters) -> None:
        self.sentence.value = describe(choices, max(costs), parameters, self._X, self._Y)
        if np.isfinite(costs[max(costs)]):
            self.picture.value = self._bench.show(choices, parameters, costs)

    def _start(self, _) -> None:
        self.task = asyncio.ensure_future(self.train())

    async def train(self) -> None:
        """Train what is chosen; show five states on the way, and let the Stop button end it.

        Not a thread: Python in the browser has none.
        """
        choices, costs = self._choices(), {}
        controls = [*self.fields.values(), self.train_button]
        for control in controls:
            control.disabled = True
        self.stop_button.disabled = False
        options = choices.learning_rate, choices.activation
        steps = network.train(draw_start(choices), self._X, self._Y, ITERATIONS, *options)
        try:
            for iteration, parameters, logits in steps:
                costs[iteration] = loss_from_logits(logits, self._Y)
                self._progress.value = iteration
                diverged = not np.isfinite(costs[iteration])
                if iteration % (ITERATIONS // 5) == 0 or diverged:
                    self._show(choices, costs, parameters)
                if diverged:
                    break
                await asyncio.sleep(0)
        except asyncio.CancelledError:  # the Stop button
            self._show(choices, costs, parameters)
        finally:
            for control in controls:
                control.disabled = False
            self.fields["scale"].disabled = choices.start not in SCALED
            self.stop_button.disabled, self.task = True, None


def show_laboratory(X: np.ndarray, Y: np.ndarray) -> None:
    """Show the laboratory, or a picture of its first start where widgets do not run."""
    bench, start = Bench(X, Y), draw_start(Choices())
    png, words = bench.show(Choices(), start, {}), describe(Choices(), 0, start, X, Y)
    below = page("laboratory", still=img(png, words))
    display(as_output(words, below, png), raw=True)
    with suppress(ImportError):
        display(Laboratory(bench).box, exclude=["text/plain"])
