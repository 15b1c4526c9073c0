"""The laboratory of section 8.6: it trains what is chosen, stops, and its answers are true."""

import asyncio
import base64
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest

from init_utils import (
    backward_propagation,
    forward_propagation,
    load_dataset,
    unit_lines,
    update_parameters,
)
from lesson import experiments, laboratory
from lesson.laboratory import Choices, Laboratory, backward, describe, draw_start, forward, train

NOTEBOOK = Path(__file__).parents[2] / "source" / "Initialization" / "Initialization.ipynb"


@pytest.fixture(autouse=True)
def close_figures():
    plt.switch_backend("Agg")
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def rings():
    return load_dataset()[:2]


@pytest.fixture(scope="module")
def text():
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    return next(cell.source for cell in cells if cell.id == "going-further-experiments")


def end_of(choices, rings, num_iterations=laboratory.ITERATIONS):
    """Iteration, parameters and cost at the end of a training."""
    *_, end = train(choices, *rings, num_iterations)
    return end


# Training -------------------------------------------------------------------------------------


def test_with_the_network_of_the_notebook_it_trains_as_init_utils_does(rings):
    X, Y = rings
    choices = Choices()
    alone = draw_start(choices)
    for _ in range(200):
        _, cache = forward_propagation(X, alone)
        alone = update_parameters(alone, backward_propagation(X, Y, cache), 0.01)
    _, parameters, _ = end_of(choices, rings, num_iterations=200)
    for name, expected in alone.items():
        np.testing.assert_allclose(parameters[name], expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("activation", ["ReLU", "tanh"])
def test_the_gradients_are_those_of_small_differences(rings, activation):
    X, Y = rings
    choices = Choices("Xavier", depth=3, width=4, activation=activation)
    parameters = draw_start(choices)
    A = forward(X, parameters, activation)
    dZ = backward(Y, A, parameters, activation)
    for l in range(1, 5):
        step = np.zeros_like(parameters[f"W{l}"])
        step[0, 0] = 1e-6
        costs = [
            experiments.loss_from_logits(
                forward(X, parameters | {f"W{l}": parameters[f"W{l}"] + side}, activation)[-1], Y
            )
            for side in (step, -step)
        ]
        slope = (costs[0] - costs[1]) / 2e-6
        assert (dZ[l - 1] @ A[l - 1].T)[0, 0] == pytest.approx(slope, rel=1e-4, abs=1e-9)


@pytest.mark.parametrize(
    ("start", "c"), [("normal", 0.7), ("uniform", 0.7), ("Xavier", 1), ("He", np.sqrt(2))]
)
def test_a_start_has_the_standard_deviation_c_over_root_n(start, c):
    W2 = [draw_start(Choices(start, scale=0.7, width=50, seed=seed))["W2"] for seed in range(20)]
    assert np.std(W2) == pytest.approx(c / np.sqrt(50), rel=0.02)
    assert np.mean(W2) == pytest.approx(0, abs=0.002)


def test_a_constant_start_is_c_over_root_n_and_zeros_are_zero():
    constant, zeros = (
        draw_start(Choices(start, scale=3, width=9)) for start in ("constant", "zeros")
    )
    assert np.unique(constant["W2"]) == pytest.approx(1)
    assert not any(value.any() for value in zeros.values())


# What the text claims -------------------------------------------------------------------------


def test_before_training_both_layers_of_he_are_of_one_size(rings):
    A, dZ = laboratory.inside(Choices(), draw_start(Choices()), *rings)
    for layers in (A, dZ):
        assert 0.5 < layers[0].std() / layers[1].std() < 2


def test_with_tanh_and_depth_8_a_scale_of_about_1_4_keeps_the_signal(rings, text):
    deep = Choices("normal", depth=8, activation="tanh")
    kept = {}
    for scale in (0.3, 1, 1.4, 3):
        choices = replace(deep, scale=scale)
        A, dZ = laboratory.inside(choices, draw_start(choices), *rings)
        kept[scale] = A[-1].std() / A[0].std(), dZ[0].std() / dZ[-1].std()
    assert min(kept[1.4]) > 0.8 and max(kept[1.4]) < 1.25
    assert max(kept[1]) < 0.5 and max(kept[0.3]) < 0.001
    assert kept[3][1] > 5, "too large: the gradients explode"
    small = replace(deep, scale=0.3)
    A, _ = laboratory.inside(small, draw_start(small), *rings)
    assert f"{A[-1].std():.5f}" == "0.00003" and "0.00003" in text
    _, _, cost = end_of(small, rings)
    assert f"{cost:.3f}" == "0.693" and "stays at 0.693" in text


def test_with_relu_and_depth_8_a_scale_of_0_7_learns_nothing_and_1_4_does(rings):
    fading, holding = (Choices("normal", scale=scale, depth=8) for scale in (0.7, 1.4))
    assert f"{end_of(fading, rings)[2]:.2f}" == "0.69"
    assert any(cost < 0.1 for _, _, cost in train(holding, *rings))


def test_with_relu_and_depth_8_a_scale_of_5_grows_beyond_all_bounds(rings):
    choices = Choices("normal", scale=5, depth=8)
    iteration, parameters, cost = end_of(choices, rings)
    assert iteration < laboratory.ITERATIONS and not np.isfinite(cost)
    assert "beyond all bounds" in describe(choices, iteration, parameters, *rings)


def test_with_constant_weights_a_learning_rate_of_1_leaves_one_line(rings):
    _, parameters, cost = end_of(Choices("constant", learning_rate=1), rings)
    assert f"{cost:.2f}" == "0.64" and len(unit_lines(parameters)) == 1


# The widget -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def short_bench(rings):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(laboratory, "ITERATIONS", 1500)
        patch.setattr(laboratory, "train", lambda *choices: train(*choices, num_iterations=1500))
        yield Laboratory(*rings)


@pytest.fixture
def bench(short_bench):
    """A laboratory with the usual choices and a short training."""
    short_bench.fields["depth"].value = 3  # a change, so that no trained picture is left
    for name, field in short_bench.fields.items():
        field.value = getattr(Choices(), name)
    return short_bench


def picture(bench):
    return bytes(bench.picture.value)


def test_a_choice_shows_its_start_at_once_and_train_moves_it(bench):
    untrained = picture(bench)
    bench.fields["depth"].value = 8
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


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("width", 0, "The width is 0. Choose from 1 to 50 units."),
        ("width", 51, "The width is 51."),
        ("scale", 0, "The scale c is 0. Choose a number above 0"),
        ("scale", float("nan"), "The scale c is nan."),
        ("learning_rate", -1, "The learning rate is -1. Choose a number above 0"),
        ("seed", -1, "The seed is -1. Choose a whole number from 0"),
    ],
)
def test_an_invalid_choice_gets_a_sentence_and_cannot_be_trained(bench, name, value, words):
    before = picture(bench)
    bench.fields["start"].value = "normal"
    bench.fields[name].value = value
    assert words in bench.sentence.value and bench.train_button.disabled
    bench.fields["start"].value = "He"
    bench.fields[name].value = getattr(Choices(), name)
    assert picture(bench) == before and not bench.train_button.disabled


def test_the_scale_can_be_set_only_where_it_is_used(bench):
    usable = {}
    for start in laboratory.STARTS:
        bench.fields["start"].value = start
        usable[start] = not bench.fields["scale"].disabled
    assert [start for start, used in usable.items() if used] == list(laboratory.SCALED)


def test_a_notebook_gets_the_widget_and_a_picture_for_where_it_does_not_run(rings, monkeypatch):
    shown = []
    monkeypatch.setattr(
        experiments, "notebook_display", lambda: lambda data, raw: shown.append(data)
    )
    laboratory.show_laboratory(*rings)
    assert "model_id" in shown[0]["application/vnd.jupyter.widget-view+json"]
    assert base64.b64decode(shown[0]["image/png"]).startswith(b"\x89PNG")
    assert "Iteration 0: cost" in shown[0]["text/plain"]


def test_outside_a_notebook_a_figure_shows_the_start(rings, capsys):
    laboratory.show_laboratory(*rings)
    assert len(plt.gcf().axes) == 4
    assert "No laboratory here" in capsys.readouterr().out
