"""The film of section 7: boundary, unit lines and cost while three starts are trained.

`model` lets `record` keep the parameters of each 100th iteration. They are only references, because
`update_parameters` makes new arrays in each step, so recording changes no digit.
"""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from init_utils import CURVES, plot_costs, predict_dec
from lesson.network import Parameters, Snapshots, cost_of, lines_in_words
from lesson.pictures import Plane, Stage, plot_boundaries, show_flipbook, still

NAMES = {"zeros": "Zeros", "random": "Large random", "he": "He"}
NOTHING_YET = "There is nothing to show yet: run the trainings of sections 4 to 6 first."
SINCE = 1000  # the iteration after which the large start hardly moves
WEIGHTS = ("W1", "W2", "W3")
HIGHEST_COST = 1.0  # the cost axis ends here, a point above it stays at the edge

snapshots: dict[str, dict[int, Parameters]] = {}  # by initialization, then by iteration


def record(initialization: str, iteration: int, parameters: Parameters) -> None:
    """Keep each 100th state of a training; iteration 0 begins a new one."""
    if iteration == 0:
        snapshots[initialization] = {}
    if iteration % 100 == 0:
        snapshots[initialization][iteration] = parameters


def moment(moments: Mapping[int, Parameters], iteration: int) -> int:
    """Return the last recorded iteration that is not after `iteration`."""
    return max(i for i in moments if i <= iteration)


def describe(snapshots: Snapshots, iteration: int, X: np.ndarray, Y: np.ndarray) -> str:
    """Say in one sentence what the film shows at an iteration."""
    parts = []
    for name, moments in snapshots.items():
        parameters = moments[moment(moments, iteration)]
        cost = cost_of(parameters, X, Y)
        parts.append(f"{NAMES[name]}: cost {cost:.3f}, {lines_in_words(parameters)}")
    return f"Iteration {iteration}. {'; '.join(parts)}."


def draw_film(
    snapshots: Snapshots, times: Sequence[int], X: np.ndarray, Y: np.ndarray
) -> list[bytes]:
    """Draw planes above cost curves at some iterations; return the PNGs."""
    figure = Figure(figsize=(3 * len(snapshots), 4.8), dpi=100, layout="constrained")
    upper, lower = figure.subplots(2, len(snapshots), squeeze=False, height_ratios=(3, 1.4))
    parts, artists = [], []
    for (name, moments), plane_ax, cost_ax in zip(snapshots.items(), upper, lower, strict=False):
        plane = Plane(plane_ax, X, Y)
        plane_ax.set_title(NAMES[name])
        costs = {i: cost_of(parameters, X, Y) for i, parameters in moments.items()}
        style, color = CURVES[name]
        thousands = np.array(list(costs)) / 1000
        cost_ax.plot(thousands, list(costs.values()), style[1:], color=color)
        (point,) = cost_ax.plot([], [], "o", color="black", markersize=8, clip_on=False)
        cost_ax.set(ylim=(0, HIGHEST_COST), xlabel="iterations (thousands)", ylabel="cost")
        parts.append((moments, plane, costs, point))
        artists += [*plane.artists, point]
    stage, frames = Stage(figure, artists), []
    for iteration in times:
        for moments, plane, costs, point in parts:
            shown = moment(moments, iteration)
            plane.show(moments[shown])
            point.set_data([shown / 1000], [min(costs[shown], HIGHEST_COST)])
        frames.append(stage.png())
    return frames


def movement(moments: Mapping[int, Parameters], since: int) -> np.ndarray:
    """Compute how far `W1, W2, W3` have moved since an iteration, relative to their size then.

    Sizes are Frobenius norms. Counts from the start if the training was shorter.
    """
    before, after = moments.get(since, moments[0]), moments[max(moments)]
    norms = [(np.linalg.norm(after[n] - before[n]), np.linalg.norm(before[n])) for n in WEIGHTS]
    return np.array([moved / size if size else 0 for moved, size in norms])


def show_comparison(costs: Mapping[str, Sequence[float]], X, Y, test_X, test_Y) -> None:
    """Print accuracies and movement of what was trained; draw its costs and its boundaries."""
    if not costs:
        print(NOTHING_YET)
        return
    columns = ("train set", "test set", "W1", "W2", "W3")
    print(f"{'':14}right in{'':10}moved after iteration {SINCE}")
    print(f"{'':14}" + "".join(f"{column:>9}" for column in columns))
    ax, networks = plt.subplots()[1], {}
    for name in costs:
        parameters = snapshots[name][max(snapshots[name])]
        shares = [(predict_dec(parameters, x) == y).mean() for x, y in ((X, Y), (test_X, test_Y))]
        moved = movement(snapshots[name], SINCE)
        print(f"{NAMES[name]:14}" + "".join(f"{share:9.0%}" for share in (*shares, *moved)))
        plot_costs(costs[name], 0.01, label=name, ax=ax)
        networks[f"{NAMES[name]} initialization"] = parameters
    ax.set_title("One network, three starts")
    plot_boundaries(networks, X, Y)


def show_film(X: np.ndarray, Y: np.ndarray) -> None:
    """Show the film."""
    if not snapshots:
        print(NOTHING_YET)
        return
    last = max(map(max, snapshots.values()))
    # The first thousand iterations in small steps: the large start does nearly all it does there.
    times = sorted({*range(0, min(1000, last), 100), *range(1000, last, 500), last})
    steps = [describe(snapshots, iteration, X, Y) for iteration in times]
    six = [round(share * last / 100) * 100 for share in np.linspace(0, 1, 6)]
    rows = {
        NAMES[name]: {f"iteration {i}": moments[moment(moments, i)] for i in six}
        for name, moments in snapshots.items()
    }
    words = f"Six moments of each training. {steps[0]} {steps[-1]}"
    frames = draw_film(snapshots, times, X, Y)
    show_flipbook(still(rows, X, Y), words, frames, steps, "iteration", first=0)
