"""The film of section 7: boundary, unit lines and cost while three starts are trained.

`model` keeps the parameters of each 100th iteration (`snapshots`): three trainings make 453
moments of 91 numbers, less than 1 MB with all that Python adds. They are only references,
because `update_parameters` makes new arrays in each step, so recording changes no digit.
"""

import io
from collections.abc import Callable, Mapping

import matplotlib.pyplot as plt
import numpy as np
from contourpy import FillType, contour_generator
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.figure import Figure
from matplotlib.path import Path
from PIL import Image

from init_utils import BLUE, CURVES, PALE_BLUE, PALE_RED, RED, VIOLET, unit_lines
from lesson.experiments import loss_from_logits, output_logits, show_widget

Parameters = Mapping[str, np.ndarray]
Snapshots = Mapping[str, Mapping[int, Parameters]]

NAMES = {"zeros": "Zeros", "random": "Large random", "he": "He"}
HIGHEST_COST = 1.0  # nats; the cost axis ends here, a point above it stays at the edge
EDGE = 1.5  # the planes run from -EDGE to EDGE


class Plane:
    """The plane with the examples, made to be drawn again quickly.

    Parameters
    ----------
    ax : Axes
    X : ndarray of shape (2, m)
    Y : ndarray of shape (1, m)

    Attributes
    ----------
    grid : ndarray of shape (2, n_points)
        The points where `show` wants to know the logits.
    artists : list
        What changes, in the order of drawing; the rest belongs to the background.
    """

    def __init__(self, ax: Axes, X: np.ndarray, Y: np.ndarray):
        self._side = np.linspace(-EDGE, EDGE, 101)
        self.grid = np.array(np.meshgrid(self._side, self._side)).reshape(2, -1)
        self._blue = PathCollection([], facecolors=PALE_BLUE)
        self._lines = LineCollection([], colors=VIOLET, linewidths=1.2)
        self.artists = [self._blue, self._lines]
        for artist in self.artists:
            ax.add_collection(artist, autolim=False)
        for label, marker, color in ((0, "o", RED), (1, "^", BLUE)):
            (dots,) = ax.plot(*X[:, Y[0] == label], marker, color=color, markersize=2.5)
            self.artists.append(dots)
        ax.set(xlim=(-EDGE, EDGE), ylim=(-EDGE, EDGE), xticks=(-1, 0, 1), yticks=(-1, 0, 1))
        ax.set(aspect="equal", facecolor=PALE_RED)

    def show(self, logits: np.ndarray, parameters: Parameters) -> None:
        """Set the regions and the lines of layer 1.

        Parameters
        ----------
        logits : ndarray with one number for each point of `grid`
            Label 1 is predicted where it is above 0.
        parameters : mapping with `W1` and `b1`
        """
        heights = logits.reshape(self._side.size, -1) - 1e-12  # 0 is red: not above 0
        contours = contour_generator(self._side, self._side, heights, fill_type=FillType.OuterCode)
        # A polygon takes a tenth of the time of a picture with a color for each pixel.
        self._blue.set_paths([Path(*one) for one in zip(*contours.filled(0, np.inf), strict=True)])
        lines = unit_lines(parameters)
        middle = lines[:, 2:] * lines[:, :2]
        along = 3 * EDGE * np.column_stack([-lines[:, 1], lines[:, 0]])
        self._lines.set_segments(np.stack([middle - along, middle + along], axis=1))


class Stage:
    """A figure of which only some artists change, drawn without pyplot.

    Not plt.subplots: a notebook shows every figure that pyplot knows once more below the cell.
    """

    def __init__(self, figure: Figure, artists: list):
        self._canvas = FigureCanvasAgg(figure)
        self._artists = artists
        for artist in artists:
            artist.set_animated(True)  # leaves it out of the background, which is drawn only once
            artist.set_in_layout(False)
        figure.draw_without_rendering()  # only a second drawing knows how high the titles are
        self._canvas.draw()
        self._background = self._canvas.copy_from_bbox(figure.bbox)

    def png(self) -> bytes:
        """Draw the artists upon the background; return the picture."""
        self._canvas.restore_region(self._background)
        for artist in self._artists:
            artist.axes.draw_artist(artist)
        picture = Image.fromarray(np.asarray(self._canvas.buffer_rgba())).convert("RGB")
        png = io.BytesIO()
        # Few colors make a third of the bytes, in half of the time.
        picture.quantize(64, Image.Quantize.FASTOCTREE).save(png, "png", compress_level=1)
        return png.getvalue()


def moment(moments: Mapping[int, Parameters], iteration: int) -> int:
    """Return the last recorded iteration that is not after `iteration`."""
    return max(i for i in moments if i <= iteration)


def cost_of(parameters: Parameters, X: np.ndarray, Y: np.ndarray) -> float:
    """Compute the cost from the logits, so that it is finite for large random values, too."""
    return float(loss_from_logits(output_logits(X, parameters), Y))


def describe(snapshots: Snapshots, iteration: int, X: np.ndarray, Y: np.ndarray) -> str:
    """Say in one sentence what the film shows at an iteration."""
    parts = []
    for name, moments in snapshots.items():
        parameters = moments[moment(moments, iteration)]
        number = len(unit_lines(parameters))
        lines = {0: "no line", 1: "1 line"}.get(number, f"{number} lines")
        parts.append(f"{NAMES[name]}: cost {cost_of(parameters, X, Y):.3f}, {lines}")
    return f"Iteration {iteration}. {'; '.join(parts)}."


def frame_maker(snapshots: Snapshots, X: np.ndarray, Y: np.ndarray) -> Callable[[int], bytes]:
    """Prepare the film: planes above, cost curves with a moving point below.

    Returns
    -------
    callable
        Takes an iteration and returns the picture as PNG.
    """
    figure = Figure(figsize=(3.6 * len(snapshots), 5.6), dpi=110, layout="constrained")
    upper, lower = figure.subplots(2, len(snapshots), squeeze=False, height_ratios=(3, 1.4))
    planes, points, artists = {}, {}, []
    for (name, moments), plane_ax, cost_ax in zip(snapshots.items(), upper, lower, strict=False):
        planes[name] = Plane(plane_ax, X, Y)
        plane_ax.set(title=NAMES[name], xlabel="$x_1$ (no unit)", ylabel="$x_2$ (no unit)")
        costs = {i: cost_of(parameters, X, Y) for i, parameters in moments.items()}
        style, color = CURVES[name]
        thousands = np.array(list(costs)) / 1000
        cost_ax.plot(thousands, list(costs.values()), style[1:], color=color)
        (point,) = cost_ax.plot([], [], "o", color="black", markersize=8, clip_on=False)
        cost_ax.set(ylim=(0, HIGHEST_COST), xlabel="iterations (thousands)", ylabel="cost (nats)")
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
    """Draw six moments of each training, from the start to the end: the film in print.

    Parameters
    ----------
    figure : matplotlib Figure, optional
        Where to draw; a new one if left out.

    Returns
    -------
    Figure
        One row for each start, one column for each moment.
    """
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
        row[0].set_ylabel(f"{NAMES[name]}\n$x_2$ (no unit)")
    for ax, iteration in zip(axes[-1], times, strict=True):
        ax.set_xlabel(f"$x_1$ (no unit)\niteration {iteration}")
    return figure


def scrolling(picture):
    """Put a picture into a box that scrolls where it would be too small to read.

    Returns
    -------
    ipywidgets.Box
    """
    import ipywidgets

    picture.layout.max_width, picture.layout.flex = "100%", "0 1 auto"
    return ipywidgets.Box([picture], layout={"overflow": "auto"})


def film_widget(snapshots: Snapshots, X: np.ndarray, Y: np.ndarray):
    """Build the film: a Play button, a slider over the iterations, the picture, one sentence.

    Returns
    -------
    ipywidgets.VBox
    """
    import ipywidgets

    last = max(map(max, snapshots.values()))
    frame = frame_maker(snapshots, X, Y)
    play = ipywidgets.Play(max=last, step=100, interval=120)
    slider = ipywidgets.IntSlider(max=last, step=100, description="iteration")
    slider.layout = {"width": "560px", "max_width": "100%"}
    picture = ipywidgets.Image(format="png", layout={"width": "1000px", "min_width": "600px"})
    sentence = ipywidgets.HTML()  # unlike a label, it wraps where there is little room
    # Linked in the browser: each of its steps is one message to Python, not two.
    ipywidgets.jslink((play, "value"), (slider, "value"))

    def redraw(_=None) -> None:
        picture.value = frame(slider.value)
        sentence.value = describe(snapshots, slider.value, X, Y)

    slider.observe(redraw, names="value")
    redraw()
    controls = ipywidgets.HBox([play, slider], layout={"flex_flow": "row wrap"})
    return ipywidgets.VBox([controls, scrolling(picture), sentence])


def show_film(snapshots: Snapshots, X: np.ndarray, Y: np.ndarray) -> None:
    """Show the film, or six moments of it where widgets do not run.

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

    def build() -> tuple:
        strip = io.BytesIO()
        plot_strip(snapshots, X, Y, Figure()).savefig(strip, dpi=70)
        box = film_widget(snapshots, X, Y)
        return box, strip.getvalue(), box.children[-1].value

    show_widget(build, lambda: plot_strip(snapshots, X, Y), "film")
