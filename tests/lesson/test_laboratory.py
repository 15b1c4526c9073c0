"""The laboratory of section 8.5: it trains what is chosen, stops, and its answers are true."""

import asyncio
import base64
from dataclasses import replace

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import pytest

from lesson import laboratory, network
from lesson.laboratory import Choices, Laboratory, describe, draw_start
from lesson.network import forward, loss_from_logits, unit_lines

DEEP = 8 * (10,)


# Training -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "c"), [("normal", 0.7), ("uniform", 0.7), ("Xavier", 1), ("He", np.sqrt(2))]
)
def test_a_start_has_the_standard_deviation_c_over_root_n(start, c):
    W2 = [
        draw_start(Choices(start, scale=0.7, hidden=(50, 50), seed=seed))["W2"]
        for seed in range(20)
    ]
    assert np.std(W2) == pytest.approx(c / np.sqrt(50), rel=0.02)
    assert np.mean(W2) == pytest.approx(0, abs=0.002)


def test_a_constant_start_is_c_over_root_n_and_zeros_are_zero():
    constant, zeros = (
        draw_start(Choices(start, scale=3, hidden=(9, 9))) for start in ("constant", "zeros")
    )
    assert np.unique(constant["W2"]) == pytest.approx(1)
    assert not any(value.any() for value in zeros.values())


# What the text claims -------------------------------------------------------------------------


def test_the_usual_choices_are_the_network_of_the_notebook(rings):
    assert f"{network.cost_of(draw_start(Choices()), *rings):.3f}" == "0.883"


def test_before_training_both_layers_of_he_are_of_one_size(rings):
    A, dZ = laboratory.inside(Choices(), draw_start(Choices()), *rings)
    for layers in (A, dZ):
        assert 0.5 < layers[0].std() / layers[1].std() < 2


def all_seeds(choices):
    """The starts of all seeds that can be chosen, stacked, in numbers that are quick to train."""
    starts = [draw_start(replace(choices, seed=seed)) for seed in laboratory.OPTIONS["seed"]]
    return {name: np.float32([start[name] for start in starts]) for name in starts[0]}


def test_with_tanh_in_8_layers_a_scale_of_about_1_4_keeps_the_signal(rings, text):
    kept = {}
    for scale in (0.3, 1.0, 1.4, 3.0):
        choices = Choices("normal", scale, DEEP, "tanh")
        A, dZ = laboratory.inside(choices, all_seeds(choices), *rings)
        first, last = (layer.std(axis=(1, 2)) for layer in (A[0], A[-1]))
        kept[scale] = last / first, dZ[0].std(axis=(1, 2)) / dZ[-1].std(axis=(1, 2))
        if scale == 0.3:
            assert (last < 1e-4).all() and "below 0.0001" in text
            parameters = network.trained(
                all_seeds(choices), *rings, num_iterations=3000, activation="tanh"
            )
            costs = loss_from_logits(network.output_logits(rings[0], parameters, "tanh"), rings[1])
            np.testing.assert_array_equal(np.round(costs, 3), 0.693)
    assert np.min(kept[1.4]) > 0.5 and np.max(kept[1.4]) < 1.6
    assert (np.min(kept[1.0], axis=0) < 0.5).all() and np.max(kept[0.3]) < 0.001
    assert (kept[3.0][1] > 2.5).all(), "too large: the gradients explode"


def test_with_relu_in_8_layers_a_scale_of_0_7_learns_nothing_and_1_4_does(rings):
    costs = {}
    for scale, iterations in ((0.7, 3000), (1.4, laboratory.ITERATIONS)):
        start = all_seeds(Choices("normal", scale, DEEP))
        parameters = network.trained(start, *rings, num_iterations=iterations)
        logits = network.output_logits(rings[0], parameters)
        costs[scale] = loss_from_logits(logits, rings[1])
    assert (costs[0.7] > 0.69).all() and (costs[0.7] < 0.7).all() and (costs[1.4] < 0.03).all()


def test_with_relu_in_8_layers_a_scale_of_5_switches_a_layer_off_forever(rings, text):
    start = all_seeds(Choices("normal", 5.0, DEEP))
    parameters = network.trained(start, *rings, num_iterations=1500)
    A = forward(rings[0], parameters)
    off = [(layer == 0).all(axis=(1, 2)) for layer in A[1:-1]]
    assert np.any(off, axis=0).all() and "switch off all units of a layer forever" in text
    np.testing.assert_array_equal(np.round(loss_from_logits(A[-1], rings[1]), 3), 0.693)


def test_with_constant_weights_a_learning_rate_of_1_leaves_one_line(rings):
    start = draw_start(Choices("constant"))
    parameters = network.trained(start, *rings, learning_rate=1.0)
    assert (
        f"{network.cost_of(parameters, *rings):.2f}" == "0.64" and len(unit_lines(parameters)) == 1
    )


def test_numbers_that_grow_beyond_all_bounds_are_explained(rings):
    choices = Choices("normal", 10.0, DEEP, learning_rate=1.0)
    parameters = {name: 1e200 * value for name, value in draw_start(choices).items()}
    assert "too large for the computer" in describe(choices, 150, parameters, *rings)


# The widget -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def short_bench(rings):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(laboratory, "ITERATIONS", 1500)
        yield Laboratory(laboratory.Bench(*rings))


@pytest.fixture
def bench(short_bench):
    """A laboratory with the usual choices and a short training."""
    short_bench.fields["hidden"].value = (10,)  # a change, so that no trained picture is left
    for name, field in short_bench.fields.items():
        field.value = getattr(Choices(), name)
    return short_bench


def picture(bench):
    return bytes(bench.picture.value)


def test_a_choice_shows_its_start_at_once_and_train_moves_it(bench):
    untrained = picture(bench)
    bench.fields["hidden"].value = DEEP
    deep = picture(bench)
    assert len({untrained, deep}) == 2 and "Iteration 0: cost" in bench.sentence.value
    asyncio.run(bench.train())
    assert picture(bench) != deep and "Iteration 1500: cost" in bench.sentence.value
    assert not plt.get_fignums()


def test_stop_ends_a_training_and_frees_the_controls(bench):
    async def press_both():
        bench.train_button.click()
        await asyncio.sleep(0)
        assert bench.train_button.disabled and not bench.stop_button.disabled
        bench.stop_button.click()
        await bench.task

    asyncio.run(press_both())
    assert bench.sentence.value.startswith("Iteration 0: cost")
    assert bench.stop_button.disabled and not bench.train_button.disabled
    asyncio.run(bench.train())
    assert bench.sentence.value.startswith("Iteration 1500: cost"), "the next one runs to its end"


def test_the_scale_can_be_set_only_where_it_is_used(bench):
    usable = {}
    for start in laboratory.OPTIONS["start"]:
        bench.fields["start"].value = start
        usable[start] = not bench.fields["scale"].disabled
    assert [start for start, used in usable.items() if used] == list(laboratory.SCALED)


def test_a_notebook_gets_the_widget_and_a_still_picture(rings, displayed):
    laboratory.show_laboratory(*rings)
    assert isinstance(displayed[1], ipywidgets.VBox) and "run the cell" in displayed[0]["text/html"]
    assert base64.b64decode(displayed[0]["image/png"]).startswith(b"\x89PNG")
    assert "Iteration 0: cost" in displayed[0]["text/plain"]
