"""Pictures of the lesson: drawn quickly, described in words, and still there without a kernel."""

import base64
import io
import json
from collections.abc import Mapping, Sequence
from html import escape

import matplotlib.pyplot as plt
import numpy as np
from contourpy import FillType, contour_generator
from IPython.core.pylabtools import print_figure
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.figure import Figure
from matplotlib.path import Path
from PIL import Image

from init_utils import BLUE, PALE_BLUE, PALE_RED, RED, VIOLET, plot_decision_boundary, predict_dec
from lesson.files import page
from lesson.network import Parameters, cost_of, lines_in_words, output_logits, unit_lines

EDGE = 1.5  # the planes run from -EDGE to EDGE


def plot_units(parameters: Parameters, ax: Axes) -> Axes:
    """Draw and count the lines along which the units of layer 1 switch on, upon a boundary."""
    lines = unit_lines(parameters)
    for u_1, u_2, d in lines:
        ax.axline((d * u_1, d * u_2), (d * u_1 - u_2, d * u_2 + u_1), color=VIOLET, linewidth=1.2)
    count = f"{len(parameters['W1'])} units, {lines_in_words(parameters)}"
    frame = {"facecolor": "white", "edgecolor": VIOLET, "pad": 3}
    ax.text(0.02, 0.02, count, transform=ax.transAxes, bbox=frame)
    ax.set(xlim=(-EDGE, EDGE), ylim=(-EDGE, EDGE), label=f"{ax.get_label()} {count}.".strip())
    return ax


def plot_boundaries(networks: Mapping[str, Parameters], X: np.ndarray, Y: np.ndarray) -> None:
    """Draw decision boundary and unit lines of each network, side by side, under its name."""
    size = {"figsize": (3.2 * len(networks) + 0.8, 3.4), "layout": "constrained"}
    axes = plt.subplots(1, len(networks), squeeze=False, sharey=True, **size)[1][0]
    for ax, (name, parameters) in zip(axes, networks.items(), strict=True):
        plot_decision_boundary(lambda x, p=parameters: predict_dec(p, x.T), X, Y, ax=ax)
        plot_units(parameters, ax)
        ax.set(title=name, xticks=(-1, 0, 1), yticks=(-1, 0, 1))
        if ax is not axes[0]:
            ax.set_ylabel("")
        if ax is not axes[-1]:
            ax.get_legend().remove()


class Plane:
    """The plane with the examples, made to be drawn again quickly."""

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
        ax.set(aspect="equal", facecolor=PALE_RED, xlabel="$x_1$", ylabel="$x_2$")

    def show(self, parameters: Parameters, activation: str = "ReLU") -> None:
        """Set the regions of both labels and the lines of layer 1."""
        logits = output_logits(self.grid, parameters, activation)
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
        return as_png(self._canvas)


def still(rows: Mapping[str, Mapping[str, Parameters]], X: np.ndarray, Y: np.ndarray) -> bytes:
    """Draw networks in rows and columns, by their names, each with its cost above it, as PNG."""
    columns = len(next(iter(rows.values())))
    size = (1.8 * columns + 0.6, 2.1 * len(rows) + 0.4)
    canvas = FigureCanvasAgg(Figure(figsize=size, dpi=90, layout="constrained"))
    axes = canvas.figure.subplots(len(rows), columns, squeeze=False, sharex=True, sharey=True)
    for line, (name, networks) in zip(axes, rows.items(), strict=True):
        for ax, (column, parameters) in zip(line, networks.items(), strict=True):
            plane = Plane(ax, X, Y)
            plane.show(parameters)
            ax.set_title(f"cost {cost_of(parameters, X, Y):.3f}", fontsize=9)
            ax.set(xlabel=column if ax in axes[-1] else "", ylabel=name if ax is line[0] else "")
    canvas.draw()
    return as_png(canvas)


def as_png(canvas: FigureCanvasAgg) -> bytes:
    """Return what is drawn, with few colors: a third of the bytes, in half of the time."""
    picture, png = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB"), io.BytesIO()
    picture.quantize(64, Image.Quantize.FASTOCTREE).save(png, "png", compress_level=6)
    return png.getvalue()


# What a notebook shows ------------------------------------------------------------------------


def figure_in_words(figure: Figure) -> str:
    """Describe a figure by the titles of its axes and the labels that our functions give them."""
    parts = [figure.get_suptitle()]
    for ax in figure.axes:
        title = ax.get_title() or f"{ax.get_ylabel()} against {ax.get_xlabel()}"
        parts.append(f"{title}. {ax.get_label()}")
    return " ".join(" ".join(parts).replace("$", "").split())


def img(png: bytes, words: str) -> str:
    """Return a picture as HTML, with its text alternative."""
    data = base64.b64encode(png).decode()
    return f'<img alt="{escape(words)}" src="data:image/png;base64,{data}">'


def bundle(figure: Figure) -> dict[str, str]:
    """Make an output of a figure: the picture, with its description for those who need it."""
    words, png = figure_in_words(figure), print_figure(figure)
    return as_output(words, img(png, words), png)


def as_output(words: str, page: str, png: bytes) -> dict[str, str]:
    """Return one output for all places: a page, and words and a picture where it is not shown."""
    data = base64.b64encode(png).decode()
    return {"text/plain": words, "text/html": page, "image/png": data}


def show_flipbook(
    still: bytes, words: str, frames: Sequence[bytes], steps: Sequence[str], label: str, first: int
) -> None:
    """Show a slider over pictures in an output that needs no kernel.

    `frames` are PNGs and `steps` a sentence about each; `still` with its description `words` is
    for where scripts do not run.
    """
    script = page(
        "flipbook",
        still=img(still, words),
        sentence="This picture stands still. To get the slider, run the cell above it again.",
        frames=json.dumps([base64.b64encode(frame).decode() for frame in frames]),
        steps=json.dumps(steps).replace("<", "\\u003c"),
        label=json.dumps(label),
        first=first,
    )
    display(as_output(words, script, still), raw=True)
