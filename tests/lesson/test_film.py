"""Units as lines, the film, and the questions before each training: what they show is true."""

import base64
import json
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest

import init_utils
from init_utils import predict_dec
from lesson import experiments, film, guess, network
from lesson.network import unit_lines
from lesson.pictures import EDGE, Plane, plot_units

# Units as lines -------------------------------------------------------------------------------


def first_and_last(moments):
    return moments[0], moments[max(moments)]


def encloses_the_origin(lines):
    """Whether the lines leave the origin no way out: each direction meets one of them."""
    angles = np.sort(np.arctan2(lines[:, 1], lines[:, 0]))
    gaps = np.diff([*angles, angles[0] + 2 * np.pi])
    return (lines[:, 2] > 0).all() and gaps.max() < np.pi


@pytest.mark.parametrize(("start", "number"), [("zeros", 0), ("random", 10), ("he", 10)])
def test_zeros_have_no_lines_and_random_starts_have_ten_before_and_after(trained, start, number):
    for parameters in first_and_last(trained["snapshots"][start]):
        assert len(unit_lines(parameters)) == number


def test_a_constant_start_has_one_line_and_noise_makes_ten_like_one(rings):
    start = experiments.constant_start(noises=[0, 1e-3])
    after = network.trained(start, *rings)
    assert len(unit_lines({name: value[0] for name, value in start.items()})) == 1
    one, ten = (unit_lines({name: value[i] for name, value in after.items()}) for i in (0, 1))
    ends = np.column_stack(
        [ten[:, 2:] * ten[:, :2] + t * ten[:, 1::-1] * [-1, 1] for t in (-1.5, 1.5)]
    )
    assert len(one) == 1 and len(ten) == 10
    assert np.ptp(ends, axis=0).max() < 0.03  # a hundredth of the picture


def test_the_lines_of_he_enclose_the_middle_in_the_end(trained):
    first, last = map(unit_lines, first_and_last(trained["snapshots"]["he"]))
    np.testing.assert_allclose(first[:, 2], 0)
    assert not encloses_the_origin(first)
    assert encloses_the_origin(last)
    # "nine cross the picture": its corners are 1.5 √2 away from the middle
    assert (last[:, 2] < 1.5).sum() == 9 and (last[:, 2] > 1.5 * np.sqrt(2)).sum() == 1


@pytest.mark.parametrize("start", ["random", "he"])
def test_the_lines_of_random_starts_leave_their_common_point(trained, start):
    first, last = map(unit_lines, first_and_last(trained["snapshots"][start]))
    assert not first[:, 2].any() and last[:, 2].all()


def test_zeros_show_one_color_from_the_first_iteration_to_the_last(trained, rings):
    plane = Plane(plt.subplots()[1], *rings)
    for parameters in trained["snapshots"]["zeros"].values():
        plane.show(parameters)
        assert plane.artists[0].get_paths() == []


def test_plot_units_draws_upon_a_figure_and_counts(trained):
    ax = plt.subplots()[1]
    assert plot_units(trained["snapshots"]["he"][0], ax=ax) is ax
    assert len(ax.lines) == 10 and ax.texts[0].get_text() == "10 units, 10 lines"
    other = plt.subplots()[1]
    plot_units(trained["snapshots"]["zeros"][0], ax=other)
    assert not other.lines and other.texts[0].get_text() == "10 units, no line"


# The film -------------------------------------------------------------------------------------


def test_each_100th_iteration_is_kept_and_nothing_changes_it_later(trained):
    for name, moments in trained["snapshots"].items():
        assert list(moments) == list(range(0, 15001, 100))
        start = trained[f"initialize_parameters_{name}"]([2, 10, 5, 1])
        for key, value in start.items():
            np.testing.assert_array_equal(moments[0][key], value)


def test_the_snapshots_give_the_recorded_costs_again_to_the_last_digit(trained, rings):
    X, Y = rings
    for name, costs in trained["cost_history"].items():
        moments = trained["snapshots"][name]
        again = [
            init_utils.compute_loss(init_utils.forward_propagation(X, moments[i])[0], Y)
            for i in range(0, 15000, 1000)
        ]
        assert again == costs


def test_only_with_he_does_the_boundary_close_into_a_ring(trained, rings):
    side = np.linspace(-1.5, 1.5, 100)
    above, right = np.array([side, np.full(100, 1.5)]), np.array([np.full(100, 1.5), side])
    edge, middle = np.hstack([above, -above, right, -right]), np.zeros((2, 1))
    found = {}
    for name, moments in trained["snapshots"].items():
        last = moments[15000]
        blue_inside = predict_dec(last, middle).all()
        found[name] = blue_inside and not predict_dec(last, edge).any()
    assert found == {"zeros": False, "random": False, "he": True}


def test_regions_of_the_film_are_those_that_the_network_predicts(trained, rings):
    for moments in trained["snapshots"].values():
        plane = Plane(plt.subplots()[1], *rings)
        parameters = moments[15000]
        plane.show(parameters)
        drawn = np.zeros(plane.grid.shape[1], dtype=bool)
        for region in plane.artists[0].get_paths():
            drawn |= region.contains_points(plane.grid.T)
        within = abs(plane.grid).max(axis=0) < EDGE  # not on the edge of a region
        np.testing.assert_array_equal(drawn[within], predict_dec(parameters, plane.grid)[0, within])


def test_a_training_that_was_shorter_stays_at_its_last_moment(trained, rings):
    moments = trained["snapshots"]["he"]
    short = {"zeros": {0: moments[0], 250: moments[300]}, "he": moments}
    assert film.moment(short["zeros"], 15000) == 250
    assert "Iteration 15000." in film.describe(short, 15000, *rings)


def test_a_notebook_gets_all_moments_in_one_output_that_needs_no_kernel(
    trained, rings, displayed, monkeypatch
):
    monkeypatch.setattr(film, "snapshots", trained["snapshots"])
    film.show_film(*rings)
    (output,) = displayed
    page = output["text/html"]
    assert base64.b64decode(output["image/png"]).startswith(b"\x89PNG")
    assert "Iteration 0." in output["text/plain"] and output["text/plain"] in page
    steps = json.loads(re.search(r"steps = (\[.*?\]);", page)[1])
    frames = json.loads(re.search(r"shots = (\[.*?\]),", page)[1])
    assert len(steps) == len(set(frames)) == 39
    assert "Large random: cost 1773.586" in steps[0] and "Zeros: cost 0.693, no line" in steps[-1]
    assert "Iteration 15000." in steps[-1] and "He: cost 0.065, 10 lines" in steps[-1]
    assert len(page) < 1.5e6 and not plt.get_fignums()


def test_without_a_training_film_and_comparison_say_what_to_run_first(rings, capsys, monkeypatch):
    monkeypatch.setattr(film, "snapshots", {})
    film.show_film(*rings)
    film.show_comparison({}, *rings, *rings)
    assert capsys.readouterr().out.count("run the trainings of sections 4 to 6 first") == 2
    assert not plt.get_fignums()


def test_the_comparison_shows_what_was_trained_and_no_more(trained, dataset, capsys, monkeypatch):
    monkeypatch.setattr(film, "snapshots", trained["snapshots"])
    costs = trained["cost_history"]
    film.show_comparison({"he": costs["he"]}, *dataset)
    printed = capsys.readouterr().out
    assert "Large" not in printed and "Zeros" not in printed
    film.show_comparison(costs, *dataset)
    rows = [re.findall(r"\d+%", line) for line in capsys.readouterr().out.splitlines()[2:]]
    assert rows[0] == ["50%", "50%", "0%", "0%", "0%"]
    assert rows[1][:2] == ["83%", "86%"] and rows[2] == ["99%", "96%", "53%", "115%", "402%"]


def test_a_second_training_of_a_start_takes_the_place_of_the_first(monkeypatch):
    monkeypatch.setattr(film, "snapshots", {})
    for i in range(301):
        film.record("he", i, {"W1": i})
    film.record("he", 0, {"W1": -1})
    assert film.snapshots == {"he": {0: {"W1": -1}}}


# Guess first ----------------------------------------------------------------------------------


def test_the_guess_that_is_called_right_comes_true(trained, rings):
    X, Y = rings
    right = {
        name: next(option for option, text in asked["replies"].items() if text.startswith("Right"))
        for name, asked in guess.QUESTIONS.items()
    }
    assert right["zeros"] == "no, never"
    for parameters in trained["snapshots"]["zeros"].values():
        assert len(network.distinct_rows(parameters["W1"])) == 1
    assert right["random"] == "it is certain, and right about half of them"
    a3, _ = init_utils.forward_propagation(X, trained["snapshots"]["random"][0])
    assert (a3 == 1).all() and (Y == 1).mean() == 0.5
    assert right["he"] == "He: its weights are smaller"
    turns = {name: turned(trained["snapshots"][name]) for name in ("random", "he")}
    assert np.median(turns["he"]) > np.median(turns["random"])


def turned(moments):
    """By how many degrees the line of each unit has turned since iteration 1,000."""
    first, last = (
        moments[i]["W1"] / np.linalg.norm(moments[i]["W1"], axis=1, keepdims=True)
        for i in (1000, 15000)
    )
    return np.degrees(np.arccos(np.clip(abs((first * last).sum(axis=1)), 0, 1)))
