"""The film of section 7: boundary, unit lines and cost while three starts are trained.

`model` keeps the parameters of each 100th iteration (`snapshots`). They are only references,
because `update_parameters` makes new arrays in each step, so recording changes no digit.
"""

from collections.abc import Callable, Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from init_utils import CURVES
from lesson.network import Parameters, Snapshots, cost_of, lines_in_words, output_logits
from lesson.pictures import Plane, Stage, as_png, flipbook, notebook_display

NAMES = {"zeros": "Zeros", "random": "Large random", "he": "He"}
HIGHEST_COST = 1.0  # the cost axis ends here, a point above it stays at the edge


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


def frame_maker(snapshots: Snapshots, X: np.ndarray, Y: np.ndarray) -> Callable[[int], bytes]:
    """Prepare the film: planes above, cost curves with a moving point below.

    Returns
    -------
    callable
        Takes an iteration and returns the picture as PNG.
    """
    figure = Figure(figsize=(3 * len(snapshots), 4.8), dpi=100, layout="constrained")
    upper, lower = figure.subplots(2, len(snapshots), squeeze=False, height_ratios=(3, 1.4))
    planes, points, artists = {}, {}, []
    for (name, moments), plane_ax, cost_ax in zip(snapshots.items(), upper, lower, strict=False):
        planes[name] = Plane(plane_ax, X, Y)
        plane_ax.set_title(NAMES[name])
        costs = {i: cost_of(parameters, X, Y) for i, parameters in moments.items()}
        style, color = CURVES[name]
        thousands = np.array(list(costs)) / 1000
        cost_ax.plot(thousands, list(costs.values()), style[1:], color=color)
        (point,) = cost_ax.plot([], [], "o", color="black", markersize=8, clip_on=False)
        cost_ax.set(ylim=(0, HIGHEST_COST), xlabel="iterations (thousands)", ylabel="cost")
        points[name] = point, costs
        artists += [*planes[name].artists, point]
    stage = Stage(figure, artists)

    def frame(iteration: int) -> bytes:
        for name, moments in snapshots.items():
            shown = moment(moments, iteration)
            planes[name].show(output_logits(planes[name].grid, moments[shown]), moments[shown])
            point, costs = points[name]
            point.set_data([shown / 1000], [min(costs[shown], HIGHEST_COST)])
        return stage.png()

    return frame


def plot_strip(
    snapshots: Snapshots, X: np.ndarray, Y: np.ndarray, figure: Figure | None = None
) -> Figure:
    """Draw six moments of each training, one row for each start: the film in print."""
    last = max(map(max, snapshots.values()))
    times = [round(share * last / 100) * 100 for share in np.linspace(0, 1, 6)]
    figure = plt.figure() if figure is None else figure
    figure.set(size_inches=(13, 2.4 * len(snapshots) + 0.6), layout_engine="constrained")
    axes = figure.subplots(len(snapshots), 6, squeeze=False, sharex=True, sharey=True)
    for row, (name, moments) in zip(axes, snapshots.items(), strict=True):
        for ax, iteration in zip(row, times, strict=True):
            plane, parameters = Plane(ax, X, Y), moments[moment(moments, iteration)]
            plane.show(output_logits(plane.grid, parameters), parameters)
            ax.set_title(f"cost {cost_of(parameters, X, Y):.3f}", fontsize=10)
            ax.set(xlabel="", ylabel="")
        row[0].set_ylabel(f"{NAMES[name]}\n$x_2$")
    for ax, iteration in zip(axes[-1], times, strict=True):
        ax.set_xlabel(f"$x_1$\niteration {iteration}")
    return figure


def show_film(snapshots: Snapshots, X: np.ndarray, Y: np.ndarray) -> None:
    """Show the film, or six moments of it outside a notebook.

    Parameters
    ----------
    snapshots : mapping
        By initialization, what `model` has recorded: parameters by iteration.
    X : ndarray of shape (2, m)
    Y : ndarray of shape (1, m)
        Labels, 0 or 1.
    """
    if not snapshots:
        print("There is nothing to show yet: run the trainings of sections 4 to 6 first.")
        return
    display = notebook_display()
    if display is None:
        plot_strip(snapshots, X, Y)
        return
    last, frame = max(map(max, snapshots.values())), frame_maker(snapshots, X, Y)
    # The first thousand iterations in small steps: the large start does nearly all it does there.
    times = sorted({*range(0, min(1000, last), 100), *range(1000, last, 500), last})
    steps = [describe(snapshots, iteration, X, Y) for iteration in times]
    canvas = FigureCanvasAgg(plot_strip(snapshots, X, Y, Figure(dpi=70)))
    canvas.draw()
    words = f"Six moments of each training. {steps[0]} {steps[-1]}"
    frames = [frame(iteration) for iteration in times]
    display(flipbook(as_png(canvas), words, frames, steps, "iteration", first=0), raw=True)
