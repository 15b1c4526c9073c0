"""Every figure of the notebook can be read: by eye, by ear, and without telling red from green."""

import contextlib
import io
import re
from itertools import combinations, pairwise

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from nbconvert import HTMLExporter

import init_utils
from lesson import experiments, network
from lesson.pictures import bundle, figure_in_words
from tests.lesson.conftest import NOTEBOOK

FIGURES = {
    *("dataset", "zeros-train", "zeros-boundary", "random-train", "random-boundary"),
    *("signal", "he-train", "he-boundary", "volume-check", "he-playground"),
    *("conclusions-costs", "going-further-depth", "going-further-scale"),
}

# How a color looks to a person without one kind of cones, for linear RGB: Machado, Oliveira and
# Fernandes (2009), "A physiologically-based model for simulation of color vision deficiency",
# severity 1.0.
VISION = {
    "full": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
}
RINGS = (init_utils.RED, init_utils.BLUE)
REGIONS = (init_utils.PALE_RED, init_utils.PALE_BLUE)
COSTS = tuple(color for _, color in init_utils.CURVES.values())
DEPTH = tuple(style["color"] for style in experiments.LINE_STYLES)


@pytest.fixture(scope="module")
def shown(cells) -> dict[str, tuple[list[Figure], str]]:
    """Figures and printed text of each code cell, from a run with short training."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plt, "show", lambda: None)
        trained = network.trained
        patch.setattr(network, "trained", lambda *args: trained(*args, num_iterations=20))
        namespace: dict[str, object] = {}
        results = {}
        for cell in cells.values():
            if cell.cell_type == "code" and cell.id != "submit-check":
                source = re.sub("^%.*", "", cell.source, flags=re.M)
                source = source.replace("num_iterations=15000", "num_iterations=2001")
                printed = io.StringIO()
                with contextlib.redirect_stdout(printed):
                    exec(source, namespace)
                figures = [plt.figure(number) for number in plt.get_fignums()]
                results[cell.id] = figures, printed.getvalue()
                plt.close("all")
    return results


def flaws(figure: Figure) -> list[str]:
    """What a reader would miss in a figure."""
    figure.draw_without_rendering()  # now the ticks have their labels
    found = []
    suptitle = figure.get_suptitle()
    for ax in figure.axes:
        spec = ax.get_subplotspec()
        shares_x = ax.get_shared_x_axes().get_siblings(ax) != [ax]
        shares_y = ax.get_shared_y_axes().get_siblings(ax) != [ax]
        if not (ax.get_title() or suptitle):
            found.append("no title")
        if not (ax.get_xlabel() or (shares_x and not spec.is_last_row())):
            found.append("no label on the x axis")
        if not (ax.get_ylabel() or (shares_y and not spec.is_first_col())):
            found.append("no label on the y axis")
        _, labels = ax.get_legend_handles_labels()
        if len(labels) > 1 and not any(other.get_legend() for other in figure.axes):
            found.append("no legend")
    sizes = [text.get_fontsize() for text in figure.findobj(plt.Text) if text.get_text()]
    if min(sizes) < 8:
        found.append(f"text of {min(sizes)} points")
    return found


def test_each_figure_has_titles_labels_and_a_legend(shown):
    assert {cell_id for cell_id, (figures, _) in shown.items() if figures} == FIGURES
    assert {
        cell_id: flaws(figure)
        for cell_id, (figures, _) in shown.items()
        for figure in figures
        if flaws(figure)
    } == {}


@pytest.mark.parametrize(
    ("spoil", "flaw"),
    [
        (lambda ax: ax.set_title(""), "no title"),
        (lambda ax: ax.set_xlabel(""), "no label on the x axis"),
        (lambda ax: ax.set_ylabel(""), "no label on the y axis"),
        (lambda ax: ax.get_legend().remove(), "no legend"),
        (lambda ax: ax.tick_params(labelsize=5), "text of 5.0 points"),
    ],
)
def test_a_figure_with_something_missing_would_be_noticed(spoil, flaw):
    ax = init_utils.plot_costs([0.7, 0.6], 0.01, label="he")
    init_utils.plot_costs([0.7, 0.7], 0.01, label="zeros", ax=ax)
    assert flaws(ax.figure) == []
    spoil(ax)
    assert flaws(ax.figure) == [flaw]


def test_each_figure_is_described_in_words_for_those_who_cannot_see_it(shown):
    for cell_id, (figures, _) in shown.items():
        for figure in figures:
            words = figure_in_words(figure)
            assert len(words.split()) >= 5 and "$" not in words, cell_id
    (figure,) = shown["zeros-boundary"][0]
    assert figure_in_words(figure) == (
        "Model with Zeros initialization. Blue covers 0% of the plane; 50% of the dots are right. "
        "10 units, no line."
    )


def test_in_a_notebook_a_figure_is_a_picture_with_a_text_alternative():
    ax = init_utils.plot_costs([0.7, 0.6], 0.01, label='"he" <')
    data = bundle(ax.figure)
    assert (
        'alt="Cost while training, learning rate 0.01. &quot;he&quot; &lt;: from'
        in data["text/html"]
    )
    assert data["image/png"] in data["text/html"]


def test_what_is_infinite_is_marked_above_the_curve_and_covers_nothing():
    ax = init_utils.plot_costs([np.inf, 0.62, 0.6, 0.56, 0.55, 0.54, 0.38], 0.01, label="random")
    ax.figure.canvas.draw()
    (remark,) = ax.texts
    box = remark.get_window_extent()
    points = ax.transData.transform(ax.lines[0].get_xydata()[1:])
    assert not any(box.contains(*point) for point in points)


def as_seen(color: str, vision: str) -> np.ndarray:
    """CIELAB coordinates of a color as a person with this vision sees it."""
    rgb = np.array(to_rgb(color))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(VISION[vision] @ linear, 0, 1)
    to_xyz = [
        [0.4124, 0.3576, 0.1805],
        [0.2126, 0.7152, 0.0722],
        [0.0193, 0.1192, 0.9505],
    ]
    x, y, z = np.cbrt(np.array(to_xyz) @ seen / [0.9505, 1.0, 1.0890])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def smallest_difference(colors: tuple[str, ...], vision: str) -> float:
    """Distance in CIELAB of the two colors that are hardest to tell apart; 2.3 is just visible."""
    return min(
        float(np.linalg.norm(as_seen(one, vision) - as_seen(other, vision)))
        for one, other in combinations(colors, 2)
    )


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("colors", [RINGS, REGIONS, COSTS, DEPTH])
def test_colors_that_mean_different_things_look_different(colors, vision):
    assert smallest_difference(colors, vision) > 15


def test_red_and_green_would_be_refused():
    assert smallest_difference(("#b04020", "#4d6a00"), "full") > 20
    assert smallest_difference(("#b04020", "#4d6a00"), "deuteranopia") < 15


def test_markers_and_dashes_say_the_same_as_the_colors():
    styles = [style for style, _ in init_utils.CURVES.values()]
    assert len({style[0] for style in styles}) == len({style[1:] for style in styles}) == 3
    for key in ("marker", "linestyle"):
        assert len({style[key] for style in experiments.LINE_STYLES}) == len(DEPTH)


@pytest.fixture(scope="module")
def page() -> str:
    """The notebook as an HTML page, as it can be read without Jupyter."""
    return HTMLExporter().from_filename(str(NOTEBOOK))[0]


def test_each_link_within_the_notebook_has_its_heading_in_an_html_page(page):
    targets = re.findall(r'<a href="#([^"]+)"', page)
    assert len(targets) == 12
    ids = re.findall(r'<h[1-6] id="([^"]+)"', page)
    assert set(targets) <= set(ids)


def test_headings_go_down_one_level_at_a_time(page):
    levels = [int(level) for level in re.findall(r"<h([1-6]) id=", page)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_links_to_other_places_are_whole_and_encrypted(cells):
    text = "\n".join(cell.source for cell in cells.values() if cell.cell_type == "markdown")
    targets = re.findall(r"\]\(([^)]*)\)", text)
    assert len(targets) > 20
    assert [t for t in targets if not re.fullmatch(r"#\S+|https://[\w.-]+/\S*", t)] == []
