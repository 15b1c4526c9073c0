"""The volume knob of section 6: one network, from He / 100 to He x 100, before and after training.

`scales.npz` holds trained networks: `python -m tools.scales` makes it.
"""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from lesson.experiments import FACTORS, NUM_DRAWS, scaled_start
from lesson.network import HE, Parameters, accuracy_from_logits, cost_of, output_logits
from lesson.pictures import Plane, Stage, show_flipbook, still

VOLUMES = FACTORS / HE
LIMITS = (0.03, 1.0)  # of the axis of the costs


def trained_networks() -> dict[str, np.ndarray]:
    """Read the networks after training, of shape (len(FACTORS) * NUM_DRAWS, ...)."""
    with np.load(Path(__file__).with_name("scales.npz")) as file:
        return dict(file)


def sweep(X: np.ndarray, Y: np.ndarray, test_X: np.ndarray, test_Y: np.ndarray) -> tuple:
    """Return the factors, and of each draw the cost in training and the accuracy in the test."""
    networks = trained_networks()
    cost = cost_of(networks, X, Y)
    accuracy = accuracy_from_logits(output_logits(test_X, networks), test_Y)
    return FACTORS, cost.reshape(-1, NUM_DRAWS), accuracy.reshape(-1, NUM_DRAWS)


def first_draw(networks: Parameters, num_draws: int = NUM_DRAWS) -> list[Parameters]:
    """Take from each volume the network whose numbers are those of the exercises."""
    picked = range(0, len(networks["W1"]), num_draws)
    return [{name: value[i] for name, value in networks.items()} for i in picked]


def describe(number: int, before: Parameters, after: Parameters, X, Y) -> str:
    """Say what the knob shows at the volume of this number."""
    right = accuracy_from_logits(output_logits(X, after), Y)
    return (
        f"He × {VOLUMES[number]:.3g}: cost {cost_of(before, X, Y):.3f} before training. After "
        f"15,000 iterations: cost {cost_of(after, X, Y):.3f}, {right:.0%} of the dots are right."
    )


def show_volume_knob(X: np.ndarray, Y: np.ndarray) -> None:
    """Show a slider over the volumes: the network before and after training, and its cost."""
    befores = first_draw(scaled_start(FACTORS, NUM_DRAWS))
    afters = first_draw(trained_networks())
    rows = {
        name: {f"He × {VOLUMES[i]:.3g}": networks[i] for i in range(0, len(VOLUMES), 4)}
        for name, networks in (("before training", befores), ("after", afters))
    }
    costs = [cost_of(after, X, Y) for after in afters]
    figure = Figure(figsize=(9, 3.3), dpi=100, layout="constrained")
    before_ax, after_ax, cost_ax = figure.subplots(1, 3)
    planes = Plane(before_ax, X, Y), Plane(after_ax, X, Y)
    before_ax.set_title("Before training")
    after_ax.set_title("After 15,000 iterations")
    cost_ax.loglog(VOLUMES, costs, color="#009E73")
    (point,) = cost_ax.plot([], [], "o", color="black", markersize=8)
    cost_ax.set(title="Cost after training", xlabel="volume (He = 1)", ylabel="cost", ylim=LIMITS)
    stage = Stage(figure, [*planes[0].artists, *planes[1].artists, point])
    frames, steps = [], []
    for number, networks in enumerate(zip(befores, afters, strict=True)):
        for plane, parameters in zip(planes, networks, strict=True):
            plane.show(parameters)
        point.set_data([VOLUMES[number]], [costs[number]])
        frames.append(stage.png())
        steps.append(describe(number, *networks, X, Y))
    words = f"Five volumes, before and after training. {steps[0]} {steps[8]} {steps[-1]}"
    show_flipbook(still(rows, X, Y), words, frames, steps, "volume", first=8)
