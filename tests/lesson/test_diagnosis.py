"""What the tests say about wrong programs, listed ones and others.

`python tests/test_diagnoses.py` prints the table of mistakes, codes and messages.
"""

import contextlib
import io
import linecache
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lesson.causes import CAUSES, ERRORS
from public_tests import (
    WrongAnswer,
    check_hidden,
    initialize_parameters_he_test,
    initialize_parameters_random_test,
    initialize_parameters_zeros_test,
)
from tests.support import more_mistakes
from tests.support.mistakes import EXERCISES, MISTAKES, RIGHT_ANSWERS, Mistake, answer
from tests.support.more_mistakes import MORE_MISTAKES

PUBLIC_TESTS = {
    "zeros": initialize_parameters_zeros_test,
    "random": initialize_parameters_random_test,
    "he": initialize_parameters_he_test,
}


def reference(exercise, layers_dims):
    """The right parameters, written independently of the answers under test."""
    generator = np.random.RandomState(3)
    parameters = {}
    for l, (n_prev, n) in enumerate(pairwise(layers_dims), start=1):
        factor = {"zeros": 0, "random": 10, "he": np.sqrt(2 / n_prev)}[exercise]
        parameters[f"W{l}"] = generator.standard_normal((n, n_prev)) * factor
        parameters[f"b{l}"] = np.zeros((n, 1))
    return parameters


@cache
def function_of(source, exercise):
    """Run the source of an answer like a cell; return the function, None if it defines none."""
    name = f"<cell {abs(hash(source))}>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    namespace = {"np": np}
    exec(compile(source, name, "exec"), namespace)
    return namespace.get(f"initialize_parameters_{exercise}")


def failure_of(mistake: Mistake, architectures=None) -> WrongAnswer | None:
    """What the public test, or a hidden one for given architectures, says about a program."""
    target = function_of(mistake.source, mistake.exercise)
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            if architectures is None:
                PUBLIC_TESTS[mistake.exercise](target)
            else:
                check_hidden(
                    mistake.exercise,
                    target,
                    architectures,
                    lambda dims: reference(mistake.exercise, dims),
                )
        except WrongAnswer as failure:
            return failure
    return None


# ------------------------------------------------------------------------------ the listed mistakes


def table() -> str:
    """Mistake, exercise, code and message, as a Markdown table."""
    lines = ["| mistake | exercise | code | message |", "|---|---|---|---|"]
    for mistake in MISTAKES:
        message, hint, _ = str(failure_of(mistake)).splitlines()
        text = f"{message}<br>{hint}".replace("|", "\\|")
        lines.append(f"| {mistake.name} | {mistake.exercise} | `{mistake.code}` | {text} |")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda m: f"{m.exercise}-{m.name}")
def test_each_mistake_gets_its_code_and_the_words_that_belong_to_it(mistake):
    failure = failure_of(mistake)
    assert failure is not None, "the wrong program passed"
    assert failure.code == mistake.code
    _, meaning, hint = CAUSES[mistake.code]
    message, last_but_one, last = str(failure).splitlines()
    fixed_words = max(meaning.replace("}", "{").split("{")[::2], key=len)
    assert fixed_words in message
    assert last_but_one == f"Hint: {hint.format(**failure.fields)}"
    assert last == f"[{mistake.code}]"


def test_every_code_is_shown_by_a_mistake_so_that_no_words_are_dead():
    programs = [*MISTAKES, *MORE_MISTAKES]
    shown = {mistake.code for mistake in programs}
    shown |= {"cell-not-run", "cell-stopped", "endless-loop"}  # in test_box.py
    assert shown == set(CAUSES)


@pytest.mark.parametrize("mistake", MORE_MISTAKES, ids=lambda m: f"{m.exercise}-{m.name}")
def test_each_of_the_other_mistakes_gets_its_code(mistake):
    failure = more_mistakes.failure_of(mistake)
    assert failure is not None, "the wrong program passed"
    assert failure.code == mistake.code


def test_the_words_for_the_other_mistakes_are_those_that_were_read_through():
    assert len(MORE_MISTAKES) >= 150
    assert more_mistakes.page() == more_mistakes.PAGE.read_text()


def test_no_two_codes_share_a_message():
    meanings = [meaning for _, meaning, _ in CAUSES.values()]
    assert len(set(meanings)) == len(meanings)


def test_no_message_gives_the_line_away():
    lines = ("np.sqrt(2", "np.random.randn(", "np.zeros((", "* 10", "layers_dims[l")
    for code, (_, *texts) in CAUSES.items():
        for line in lines:
            assert not any(line in text for text in texts), code


# ------------------------------------------------------------------- programs that are not listed

UNLISTED = [
    # exercise, weights, pieces of the function, codes that would be true
    ("he", "np.random.randn({n}, {p}) * np.sqrt(6 / {p})", {}, {"scale-constant"}),
    ("he", "np.random.uniform(-1, 1, ({n}, {p})) * np.sqrt(6 / {p})", {}, {"uniform"}),
    ("he", "(np.random.rand({n}, {p}) - 0.5) * np.sqrt(2 / {p})", {}, {"uniform"}),
    ("he", "np.random.randn({n}, {p}) * np.sqrt(2 / ({p} * {n}))", {}, {"scale-other"}),
    ("he", "np.random.randn({n}, {p}) * np.sqrt(2 / sum(layers_dims))", {}, {"scale-varies"}),
    ("he", "np.random.randn({n}, {p}) * np.sqrt(2 / len(layers_dims))", {}, {"scale-varies"}),
    ("he", "np.random.randn({n}, {p}) * np.sqrt(2 / layers_dims[-1])", {}, {"scale-varies"}),
    ("he", "np.random.randn({n}, {p}) * np.sqrt(2 / 4)", {}, {"scale-fixed"}),
    ("he", "np.random.randn({n}, {p}) * np.sqrt(1 / {p}) * 1.4", {}, {"scale-constant"}),
    ("he", "np.random.randn({n}, {p}) * np.sqrt(2 // {p} + 1)", {}, {"scale-missing"}),
    ("he", "np.random.randn({n}, {p}) * -np.sqrt(2 / {p})", {}, {"scale-constant"}),
    ("he", "np.random.randn({n}, {p}) ** 2 * np.sqrt(2 / {p})", {}, {"other-distribution"}),
    ("he", "np.random.randn({n}, {p})[::-1] * np.sqrt(2 / {p})", {}, {"drawn-in-other-order"}),
    (
        "he",
        "np.random.randn({n}, {p}) * np.sqrt(2 / {p})",
        {"seed": "np.random.seed(987654)"},
        {"other-stream"},
    ),
    (
        "he",
        "np.random.normal({p} * 0, 1 / {p}, ({n}, {p}))",
        {"seed": "np.random.seed(987654)"},
        {"other-spread"},
    ),
    (
        "he",
        "np.random.randn({n}, {p}) * np.sqrt(2 / {p})",
        {"first": "np.random.seed(l + 500)"},
        {"other-stream"},
    ),
    ("he", "np.random.standard_t(30, ({n}, {p})) * np.sqrt(2 / {p})", {}, {"other-stream"}),
    ("he", "np.random.laplace(0, 1, ({n}, {p})) * np.sqrt(1 / {p})", {}, {"other-distribution"}),
    ("he", "np.arange({n} * {p}).reshape({n}, {p}) / 10.0", {}, {"other-distribution"}),
    ("random", "np.random.randn({n}, {p}) + 10", {}, {"factor-added"}),
    ("random", "np.random.normal(10, 10, ({n}, {p}))", {}, {"shifted-mean"}),
    ("random", "np.random.randn({n}, {p}) * 10 * l", {}, {"scale-varies"}),
    ("random", "np.random.randn({n}, {p}) * 10 ** l", {}, {"scale-varies"}),
    ("random", "np.random.randint(-10, 10, ({n}, {p})).astype(float)", {}, {"repeated-numbers"}),
    ("random", "np.random.rand({n}, {p}) * 10 - 5", {}, {"uniform"}),
    ("random", "np.sort(np.random.randn({n}, {p}) * 10)", {}, {"drawn-in-other-order"}),
    ("random", "np.random.randn({n}, {p}) * 10", {"first": "np.random.seed(3 * l)"}, {"reseeded"}),
    ("random", "np.tile(np.random.randn(1, {p}), ({n}, 1)) * 10", {}, {"some-entries-differ"}),
]


@pytest.mark.parametrize(("exercise", "weights", "pieces", "true_codes"), UNLISTED)
def test_a_program_that_is_not_listed_gets_nothing_but_the_truth(
    exercise, weights, pieces, true_codes
):
    weights = weights.format(n="layers_dims[l]", p="layers_dims[l - 1]")
    mistake = Mistake("unlisted", exercise, answer(exercise, weights, **pieces), "")
    assert failure_of(mistake).code in true_codes


# ---------------------------------------------------------------------------- random architectures

sizes = st.integers(1, 64) | st.integers(1, 4)  # small ones often, where mistakes look alike
architecture = st.lists(sizes, min_size=2, max_size=7)
architectures = st.lists(architecture, min_size=1, max_size=3)
steady = settings(derandomize=True, deadline=None)


@given(architectures=architectures, style=st.sampled_from(sorted(RIGHT_ANSWERS)))
@settings(steady, max_examples=60)
def test_a_right_answer_passes_for_every_architecture(architectures, style):
    for exercise in EXERCISES:
        assert failure_of(Mistake("", exercise, RIGHT_ANSWERS[style], ""), architectures) is None


def outcome(mistake, layers_dims):
    """What a program does for an architecture: its parameters, or the type of its exception."""
    argument = list(layers_dims)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            found = function_of(mistake.source, mistake.exercise)(argument)
    except (Exception, SystemExit) as error:
        return type(error).__name__
    return found if argument == list(layers_dims) else "changed argument"


def same(first, second):
    """Whether two outcomes are the same parameters, types included."""
    return (
        type(first) is type(second) is dict
        and first.keys() == second.keys()
        and all(
            type(first[key]) is type(second[key]) is np.ndarray
            and first[key].dtype == second[key].dtype
            and first[key].shape == second[key].shape
            and np.allclose(first[key], second[key], rtol=1e-10, atol=0)
            for key in first
        )
    )


# Programs that name no function, or whose outcome depends on more than the architecture.
IMPURE = {"wrong-name", "cell-not-python", "not-a-function", "no-seed", "not-repeatable"}
PROGRAMS = [*MISTAKES, *MORE_MISTAKES]
PURE = [m for m in PROGRAMS if m.code not in IMPURE and m.name != "shared-dict"]


@given(architectures=architectures, mistake=st.sampled_from(PURE))
@settings(steady, max_examples=800)
def test_a_mistake_fails_where_it_differs_and_no_code_is_wrong(architectures, mistake):
    differs = any(
        not same(outcome(mistake, dims), reference(mistake.exercise, dims))
        for dims in architectures
    )
    failure = failure_of(mistake, architectures)
    assert (failure is not None) == differs
    if failure:
        assert failure.code == mistake.code or states_a_fact(failure.code, mistake, architectures)


def states_a_fact(code, mistake, architectures):
    """Whether a code that names no cause, or another one, is true of what a program returns."""
    outcomes = [outcome(mistake, dims) for dims in architectures]
    if code in ERRORS:
        return any(type(found) is str for found in outcomes)
    pairs = [
        (found, reference(mistake.exercise, dims))
        for found, dims in zip(outcomes, architectures, strict=True)
        if type(found) is dict
    ]
    keys = [(set(found), set(right)) for found, right in pairs]
    if code in ("extra-keys", "wrong-keys", "nothing-stored"):
        return {
            "extra-keys": any(found > right for found, right in keys),
            "wrong-keys": any(right - found for found, right in keys),
            "nothing-stored": not any(found for found, _ in keys),
        }[code]
    if code in ("weight-shape", "bias-shape"):
        return any(
            found[key].shape != right[key].shape
            for found, right in pairs
            for key in right
            if key in found and key[0].lower() == code[0]
        )
    if code == "fixed-depth":
        return len({frozenset(found) for found, _ in pairs}) == 1
    if code == "bias-of-previous-layer":
        return all(
            found[key].shape == (right["W" + key[1:]].shape[1], 1)
            for found, right in pairs
            for key in right
            if key[0] == "b"
        )
    if code == "sizes-shifted":
        return all(
            found[f"W{l}"].shape == (dims[l - 1], dims[l - 2])
            for (found, _), dims in zip(pairs, architectures, strict=True)
            for l in range(1, len(dims))
        )
    if code == "weights-zero":
        return not any(found[key].any() for found, _ in pairs for key in found)
    if code in ("nonzero-bias", "weights-not-zero"):
        letter = "b" if code == "nonzero-bias" else "W"
        return any(found[key].any() for found, _ in pairs for key in found if key[0] == letter)
    layers = [(found[key], right[key]) for found, right in pairs for key in right if key[0] == "W"]
    if code == "weights-alike":
        return all(np.ptp(W) == 0 for W, _ in layers)
    if code == "some-entries-differ":
        return any(np.isclose(W, right, rtol=1e-9).any() for W, right in layers)
    if code == "wrong-after-first-layer":
        return all(np.allclose(found["W1"], right["W1"], rtol=1e-9) for found, right in pairs)
    ratios = [W / right for W, right in layers]
    constant = all(np.ptp(ratio) <= 1e-9 * abs(ratio).max() for ratio in ratios)
    if code == "scale-constant":
        everything = np.concatenate([ratio.ravel() for ratio in ratios])
        return np.ptp(everything) <= 1e-8 * abs(everything).max()
    if code in ("scale-fixed", "scale-other", "scale-varies"):
        return constant
    if code == "extra-draw":
        return mistake.name.startswith("extra-")
    if code == "other-seed":  # with a single layer, a seed for each layer is just another seed
        return mistake.code == "reseeded" and all(len(dims) == 2 for dims in architectures)
    if code in ("other-stream", "other-spread", "other-distribution", "repeated-numbers"):
        return mistake.code in DRAWN_OTHERWISE
    return code == "values-differ"


DRAWN_OTHERWISE = {
    "shifted-and-scaled",
    "drawn-transposed",
    "reseeded",
    "extra-draw",
    "uniform",
    "other-seed",
    "other-stream",
    "other-spread",
    "other-distribution",
    "repeated-numbers",
    "values-differ",
}


if __name__ == "__main__":
    print(table(), end="")
