"""The volume knob and what the text says about the two random starts: numbers and claims."""

import json
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest

from init_utils import backward_propagation, forward_propagation, predict_dec
from lesson import film, volume
from lesson.experiments import FACTORS, NUM_DRAWS, scaled_start
from lesson.network import HE, cost_of, loss_from_logits, output_logits, train, unit_lines


@pytest.fixture(scope="module")
def starts(trained):
    """The two random starts, made by the solutions of the exercises."""
    return {kind: trained["snapshots"][kind][0] for kind in ("random", "he")}


# One network, two volumes ---------------------------------------------------------------------


def test_the_large_start_is_the_he_start_turned_up_by_one_factor(starts, dataset, text):
    ratio = output_logits(dataset[0], starts["random"]) / output_logits(dataset[0], starts["he"])
    factor = 10 / np.sqrt(2 / 2) * 10 / np.sqrt(2 / 10) * 10 / np.sqrt(2 / 5)
    np.testing.assert_allclose(ratio, factor, rtol=1e-12)
    assert f"{factor:.2f}" == "3535.53" and "3535.53" in text
    assert pytest.approx(factor, rel=0.01) == 15.2**3 and "15.2 × 15.2 × 15.2" in text


def test_both_random_starts_have_the_same_lines_and_predictions(starts, dataset):
    large, he = starts["random"], starts["he"]
    np.testing.assert_allclose(unit_lines(large), unit_lines(he), atol=1e-12)
    grid = np.random.default_rng(0).uniform(-1.5, 1.5, (2, 1000))
    for points in (dataset[0], dataset[2], grid):
        np.testing.assert_array_equal(predict_dec(large, points), predict_dec(he, points))


def test_the_knob_turns_the_draw_of_the_exercises(starts):
    befores = volume.first_draw(scaled_start(FACTORS, NUM_DRAWS))
    for name, value in starts["he"].items():
        np.testing.assert_allclose(befores[8][name], value, rtol=1e-6)
        np.testing.assert_allclose(befores[16][name], 100 * value, rtol=1e-6)
    assert volume.VOLUMES[[0, 8, 16]] == pytest.approx([0.01, 1, 100])


def test_the_file_holds_what_training_makes(dataset, rings):
    X, Y = rings
    *_, (_, _, logits) = train(scaled_start([HE / 10, HE], NUM_DRAWS), X, Y)
    costs = loss_from_logits(logits, Y).reshape(2, NUM_DRAWS)
    _, stored, _ = volume.sweep(*dataset)
    np.testing.assert_allclose(costs, stored[[4, 8]], atol=0.02)


def test_what_should_be_found_with_the_knob_is_so(rings):
    X, Y = rings
    afters = volume.first_draw(volume.trained_networks())
    right = np.array([(predict_dec(after, X) == Y).mean() for after in afters])
    costs = np.array([cost_of(after, X, Y) for after in afters])
    np.testing.assert_array_equal(np.round(costs[volume.VOLUMES < 0.11], 3), 0.693)
    assert (right[(volume.VOLUMES > 0.5) & (volume.VOLUMES < 3.2)] > 0.97).all()
    assert (right[volume.VOLUMES > 5] < 0.75).all()


def test_before_training_the_volume_cannot_be_seen(dataset):
    befores = volume.first_draw(scaled_start(FACTORS, NUM_DRAWS))
    for before in befores:
        np.testing.assert_allclose(unit_lines(before), unit_lines(befores[8]), atol=1e-4)
        np.testing.assert_array_equal(
            predict_dec(before, dataset[0]), predict_dec(befores[8], dataset[0])
        )


def test_nine_of_ten_he_draws_work_and_none_at_a_tenth_of_it(dataset, text):
    _, _, accuracy = volume.sweep(*dataset)
    good = (accuracy > 0.9).sum(axis=1)
    assert (good[4], good[8], good[12]) == (0, 9, 0) and "nine of the ten draws" in text


def test_the_knob_is_one_small_output_with_a_still_picture(rings, displayed):
    volume.show_volume_knob(*rings)
    (output,) = displayed
    page = output["text/html"]
    assert len(page) < 1e6 and output["image/png"] and "Five volumes" in output["text/plain"]
    steps = json.loads(re.search(r"steps = (\[.*?\]);", page)[1])
    assert len(steps) == 17 and steps[8].startswith("He × 1: cost 0.883 before training.")
    assert not plt.get_fignums()


# Why the large start stops moving -------------------------------------------------------------


def test_the_first_gradients_are_hundreds_of_times_those_of_he(starts, rings):
    X, Y = rings
    largest = {}
    for kind, parameters in starts.items():
        grads = backward_propagation(X, Y, forward_propagation(X, parameters)[1])
        largest[kind] = np.array([abs(grads[name]).max() for name in ("dW1", "dW2", "dW3")])
    ratio = largest["random"] / largest["he"]
    assert (ratio > 200).all() and (ratio < 1000).all()


def test_the_cost_of_large_falls_in_200_iterations_and_jumps(starts, rings, text):
    costs, costs_of_he = (
        np.array([loss_from_logits(Z, rings[1]) for _, _, Z in train(start, *rings, 3000, every=1)])
        for start in starts.values()
    )
    assert f"{costs[0]:.0f}" == "1774" and "from 1774 to about 0.7" in text
    assert costs[:251].min() < 0.75
    assert 500 < (np.diff(costs) > 0).sum() < 650
    assert not (np.diff(costs_of_he) > 0).any()


def test_the_large_start_is_ahead_until_about_iteration_5000(trained, rings):
    for i in range(1000, 15001, 1000):
        large, he = (cost_of(trained["snapshots"][kind][i], *rings) for kind in ("random", "he"))
        assert (large < he) == (i < 5000), i


def test_the_jumps_move_the_lines_away_from_the_center_and_then_they_stop(trained, rings):
    def away(kind, i):
        parameters = trained["snapshots"][kind][i]
        return abs(parameters["b1"][:, 0]) / np.linalg.norm(parameters["W1"], axis=1)

    assert not away("random", 0).any() and away("random", 1000).max() > 1
    assert abs(away("random", 15000) - away("random", 1000)).max() < 0.3
    assert abs(away("he", 15000) - away("he", 1000)).max() > 2
    before, after = (cost_of(trained["snapshots"]["random"][i], *rings) for i in (6000, 8000))
    assert before - after > 0.1


@pytest.mark.parametrize(
    ("kind", "percent"), [("random", [5, 1, 3]), ("he", [53, 115, 402])], ids=["large", "he"]
)
def test_each_layer_moves_as_far_as_the_text_says(kind, percent, trained, text):
    moved = 100 * film.movement(trained["snapshots"][kind], since=1000)
    np.testing.assert_allclose(moved, percent, rtol=0.01, atol=0.5 if kind == "random" else 1)
    numbers = "{}, {} and {} percent".format(*percent)
    assert numbers in text


def test_zeros_do_not_move_and_a_short_training_counts_from_its_start(starts):
    zeros = {name: 0 * value for name, value in starts["he"].items()}
    assert not film.movement({0: zeros, 1000: zeros, 2000: zeros}, since=1000).any()
    twice = {name: 2 * value for name, value in starts["he"].items()}
    np.testing.assert_allclose(film.movement({0: starts["he"], 500: twice}, since=1000), 1)
