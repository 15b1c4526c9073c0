"""What the tests say about wrong programs, listed ones and others."""

import contextlib
import io
import re
from functools import cache, partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import public_tests
from lesson import diagnosis
from lesson.causes import ROWS, TABLE
from lesson.source import Source
from public_tests import WrongAnswer, check_hidden
from tests.support import mistakes
from tests.support.mistakes import (
    EXERCISES,
    MISTAKES,
    PUBLIC_TESTS,
    RARE_MISTAKES,
    RIGHT_ANSWERS,
    UNLISTED,
    WITHOUT_LINES,
    Mistake,
    failure_of,
    reference,
)

function_of = cache(mistakes.function_of)


def verdict_on(mistake: Mistake, architectures=None) -> WrongAnswer | None:
    """What the public test, or a hidden one, says without the cell of a missing function."""
    target = function_of(mistake.source, mistake.exercise)
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            if architectures is None:
                PUBLIC_TESTS[mistake.exercise](target)
            else:
                right = partial(reference, mistake.exercise)
                check_hidden(mistake.exercise, target, architectures, right)
        except WrongAnswer as failure:
            return failure
    return None


# Programs that name no function, or whose outcome depends on more than the architecture.
PROGRAMS = [*MISTAKES, *RARE_MISTAKES]
IMPURE = {"no-seed", "seed-too-late", "seed-of-random", "not-repeatable", "not-a-function"}
IMPURE |= {*TABLE["function"], "outside-name"}
IMPURE_NAMES = {"shared-dict", "dictionary as a default value"}
IMPURE_NAMES |= {"too large", "async def", "draws in exercise 1"}
IMPURE_PROGRAMS = [m for m in PROGRAMS if m.code in IMPURE or m.name in IMPURE_NAMES]
PURE = [m for m in PROGRAMS if m not in IMPURE_PROGRAMS]


# ------------------------------------------------------------------------------ the listed mistakes


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda m: f"{m.exercise}-{m.name}")
def test_each_mistake_gets_its_code_and_the_words_that_belong_to_it(mistake):
    failure = verdict_on(mistake)
    assert failure is not None, "the wrong program passed"
    assert failure.code == mistake.code
    meaning, hint = ROWS[mistake.code]["meaning"], ROWS[mistake.code]["hint"]
    message, last_but_one, last = str(failure).splitlines()
    fixed_words = max(meaning.replace("}", "{").split("{")[::2], key=len)
    assert fixed_words in message
    assert last_but_one == f"Hint: {hint.format(**failure.fields)}"
    assert last == f"[{mistake.code}]"


def test_every_code_is_shown_by_a_mistake_so_that_no_words_are_dead():
    shown = {failure_of(mistake).code for mistake in PROGRAMS}
    shown |= {"wrong-name", "cell-stopped", "endless-loop"}  # in test_box.py
    assert shown | set(TABLE["function"]) == set(ROWS)


@pytest.mark.parametrize("mistake", RARE_MISTAKES, ids=lambda m: f"{m.exercise}-{m.name}")
def test_each_of_the_other_mistakes_gets_its_code(mistake):
    failure = failure_of(mistake)
    assert failure is not None, "the wrong program passed"
    assert failure.code == mistake.code


def test_the_words_for_the_other_mistakes_are_those_that_were_read_through():
    assert mistakes.page() == mistakes.PAGE.read_text()


def test_no_two_codes_share_a_message():
    meanings = [row["meaning"] for row in ROWS.values()]
    assert len(set(meanings)) == len(meanings)


def test_no_message_gives_the_line_away():
    lines = ("np.sqrt(2", "np.random.randn(", "np.zeros((", "* 10", "layers_dims[l")
    for code, row in ROWS.items():
        for line in lines:
            assert line not in row["meaning"] + row["hint"], code


# ------------------------------------------------------------------- programs that are not listed


@pytest.mark.parametrize("program", UNLISTED, ids=lambda m: f"{m.exercise}-{m.name}")
def test_a_program_that_is_not_listed_gets_nothing_but_the_truth(program):
    assert verdict_on(program).code == program.code


# ---------------------------------------------------------------------------- random architectures

sizes = st.integers(1, 64) | st.integers(1, 4)  # small ones often, where mistakes look alike
architecture = st.lists(sizes, min_size=2, max_size=7)
architectures = st.lists(architecture, min_size=1, max_size=3)
steady = settings(derandomize=True, deadline=None)


@given(architectures=architectures, style=st.sampled_from(sorted(RIGHT_ANSWERS)))
@settings(steady, max_examples=60)
def test_a_right_answer_passes_for_every_architecture(architectures, style):
    for exercise in EXERCISES:
        assert verdict_on(Mistake("", exercise, RIGHT_ANSWERS[style], ""), architectures) is None


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


@given(architectures=architectures, mistake=st.sampled_from(PURE))
@settings(steady, max_examples=800)
def test_a_mistake_fails_where_it_differs_and_no_code_is_wrong(architectures, mistake):
    differs = any(
        not same(outcome(mistake, dims), reference(mistake.exercise, dims))
        for dims in architectures
    )
    failure = verdict_on(mistake, architectures)
    assert (failure is not None) == differs
    if failure:
        assert failure.code == mistake.code or states_a_fact(failure.code, mistake, architectures)


def states_a_fact(code, mistake, architectures):
    """Whether a code that names no cause, or another one, is true of what a program returns."""
    outcomes = [outcome(mistake, dims) for dims in architectures]
    if code in TABLE["errors"]:
        return any(type(found) is str for found in outcomes)
    return code not in FACTS or FACTS[code](Facts(mistake, architectures, outcomes))


class Facts:
    """What a program returned for some architectures, and what it should have returned."""

    def __init__(self, mistake, architectures, outcomes):
        self.mistake, self.architectures = mistake, architectures
        rights = [reference(mistake.exercise, dims) for dims in architectures]
        triples = zip(outcomes, rights, architectures, strict=True)
        self.all = [one for one in triples if type(one[0]) is dict]
        self.keys = [(set(found), set(right)) for found, right, _ in self.all]

    def arrays(self, letter):
        """Found and expected, and the sizes of the previous and of this layer."""
        return [
            (found[f"{letter}{l}"], right[f"{letter}{l}"], dims[l - 1], dims[l])
            for found, right, dims in self.all
            for l in range(1, len(dims))
        ]

    def shapes(self, letter):
        return [found.shape for found, *_ in self.arrays(letter)]

    def have_shape(self, letter, shape):
        return all(found.shape == shape(p, n) for found, _, p, n in self.arrays(letter))

    def ratios(self):
        return [found / right for found, right, *_ in self.arrays("W")]

    def constant(self):
        return all(np.ptp(ratio) <= 1e-8 * abs(ratio).max() for ratio in self.ratios())

    def follow(self, factor):
        """Whether each W is the draw times a factor of the sizes, of any seed 3."""
        scale = {"random": lambda p: 10, "he": lambda p: np.sqrt(2 / p)}[self.mistake.exercise]
        return all(
            np.allclose(found, right / scale(p) * factor(p, n), rtol=1e-8)
            for found, right, p, n in self.arrays("W")
        )

    def drawn_otherwise(self):
        return self.mistake.code in DRAWN_OTHERWISE


def same_in_all(values):
    values = np.concatenate([np.ravel(value) for value in values])
    return np.ptp(values) <= 1e-8 * abs(values).max()


FACTS = {
    "extra-keys": lambda f: any(found > right for found, right in f.keys),
    "wrong-keys": lambda f: any(right - found for found, right in f.keys),
    "keys-missing": lambda f: any(found < right for found, right in f.keys),
    "nothing-stored": lambda f: not any(found for found, _ in f.keys),
    "fixed-depth": lambda f: len({frozenset(found) for found, _ in f.keys}) == 1,
    "missing-biases": lambda f: all({key[0] for key in found} == {"W"} for found, _ in f.keys),
    "missing-weights": lambda f: all({key[0] for key in found} == {"b"} for found, _ in f.keys),
    "weight-shape": lambda f: any(w.shape != right.shape for w, right, *_ in f.arrays("W")),
    "bias-shape": lambda f: any(b.shape != right.shape for b, right, *_ in f.arrays("b")),
    "transposed": lambda f: f.have_shape("W", lambda p, n: (p, n)),
    "factor-in-shape": lambda f: f.have_shape("W", lambda p, n: (n, 10 * p)),
    "minus-outside": lambda f: f.have_shape("W", lambda p, n: (n, n - 1)),
    "bias-flat": lambda f: f.have_shape("b", lambda p, n: (n,)),
    "bias-row": lambda f: f.have_shape("b", lambda p, n: (1, n)),
    "bias-of-previous-layer": lambda f: f.have_shape("b", lambda p, n: (p, 1)),
    "one-bias": lambda f: f.have_shape("b", lambda p, n: (1, 1)),
    "fixed-rows": lambda f: any(len({s[0] for s in f.shapes(letter)}) == 1 for letter in "Wb"),
    "fixed-columns": lambda f: len({shape[1] for shape in f.shapes("W")}) == 1,
    "sizes-shifted": lambda f: all(
        found[f"W{l}"].shape == (dims[l - 1], dims[l - 2])
        for found, _, dims in f.all
        for l in range(1, len(dims))
    ),
    "weights-zero": lambda f: not any(found.any() for found, *_ in f.arrays("W")),
    "weights-not-zero": lambda f: any(found.any() for found, *_ in f.arrays("W")),
    "nonzero-bias": lambda f: any(found.any() for found, *_ in f.arrays("b")),
    "bias-constant": lambda f: same_in_all([found for found, *_ in f.arrays("b")]),
    "weights-alike": lambda f: all(np.ptp(found) == 0 for found, *_ in f.arrays("W")),
    "absolute-values": lambda f: all((found >= 0).all() for found, *_ in f.arrays("W")),
    "one-constant": lambda f: any(
        np.ptp(found) == 0 for found, *_ in f.arrays("W") if found.size > 1
    ),
    "rearranged": lambda f: all(
        np.allclose(np.sort(found / factor, None), np.sort(right, None))
        for found, right, *_ in f.arrays("W")
        for factor in [np.sum(found) / np.sum(right)]
    ),
    "some-entries-differ": lambda f: any(
        np.isclose(found, right, rtol=1e-9).any() for found, right, *_ in f.arrays("W")
    ),
    "wrong-after-first-layer": lambda f: all(
        np.allclose(found["W1"], right["W1"], rtol=1e-9) for found, right, _ in f.all
    ),
    "scale-missing": lambda f: f.follow(lambda p, n: 1),
    "scale-square": lambda f: f.follow(lambda p, n: 100),
    "scale-root": lambda f: f.follow(lambda p, n: np.sqrt(10)),
    "scale-tenth": lambda f: f.follow(lambda p, n: 0.1),
    "scale-he": lambda f: f.follow(lambda p, n: np.sqrt(2 / p)),
    "large-scale-kept": lambda f: f.follow(lambda p, n: 10 * np.sqrt(2 / p)),
    "scale-xavier": lambda f: f.follow(lambda p, n: np.sqrt(1 / p)),
    "scale-fan-out": lambda f: f.follow(lambda p, n: np.sqrt(2 / n)),
    "scale-root-missing": lambda f: f.follow(lambda p, n: 2 / p),
    "scale-twice": lambda f: f.follow(lambda p, n: 2 / p),
    "scale-power-first": lambda f: f.follow(lambda p, n: 1 / p),
    "scale-partial-root": lambda f: f.follow(lambda p, n: 2 / np.sqrt(p)),
    "scale-divided": lambda f: f.follow(lambda p, n: np.sqrt(p / 2)),
    "scale-one-more": lambda f: f.follow(lambda p, n: np.sqrt(2 / (p + 1))),
    "scale-constant": lambda f: same_in_all(f.ratios()),
    "scale-fixed": lambda f: same_in_all(
        [found / right * np.sqrt(2 / p) for found, right, p, _ in f.arrays("W")]
    ),
    "scale-other": lambda f: f.constant(),
    "scale-varies": lambda f: f.constant() and not same_in_all(f.ratios()),
    "scale-of-network": lambda f: all(
        same_in_all([found[f"W{l}"] / right[f"W{l}"] for l in range(1, len(dims))])
        for found, right, dims in f.all
    ),
    "extra-draw": lambda f: f.mistake.name.startswith("extra-") or f.mistake.code == "extra-draw",
    # With a single layer, a seed for each layer is just another seed.
    "other-seed": lambda f: f.mistake.code in ("reseeded", "other-seed"),
    **dict.fromkeys(
        ["other-stream", "other-spread", "other-distribution", "repeated-numbers"],
        Facts.drawn_otherwise,
    ),
}
DRAWN_OTHERWISE = {
    "shifted-and-scaled",
    "drawn-transposed",
    "reseeded",
    "extra-draw",
    "uniform",
    "other-seed",
    "other-stream",
    "other-generator-drawn",
    "other-spread",
    "other-distribution",
    "repeated-numbers",
    "some-entries-differ",
    "values-differ",
}


# --------------------------------------------------------------- no statement of a message is false

# What must stand in the lines of a program, where its words ask about a sign or a function.
SIGNS = {
    "factor-added": r"\+|normal\(",
    "factor-as-mean": r"normal\(",
    "cut-off": r"int|astype|round|floor|//",
    "scale-twice": "sqrt",
    "comma-in-number": ",",
    "comma-before-star": r",\s*\*",
    "caret": r"\^",
    "compared-not-stored": "==",
    "seed-too-late": "seed",
    "dots-in-line": r"\.\.\.",
    "star-before-number": r"\(\*",
    "returns-a-call": r"return \w+[.\w]*\(",
    "yields": "yield|async",
    "not-cacheable": "@",
}


@pytest.mark.parametrize("mistake", PROGRAMS, ids=lambda m: f"{m.exercise}-{m.name}")
def test_no_statement_of_a_message_is_false(mistake):
    failure = failure_of(mistake)
    fields, code = failure.fields, failure.code
    assert re.search(SIGNS.get(code, ""), mistake.source)
    if "text" in fields and fields.get("line"):
        line = mistake.source.splitlines()[fields["line"] - 1].strip()
        assert line.startswith(fields["text"].removesuffix("..."))
    if "dims" not in fields or code in TABLE["errors"] or mistake in IMPURE_PROGRAMS:
        return
    architectures = [dims for dims, _ in public_tests.EXPECTED["zeros"]]
    assert states_a_fact(code, mistake, architectures)
    dims = next(dims for dims in architectures if str(dims) == fields["dims"])
    found, right = outcome(mistake, dims), reference(mistake.exercise, dims)
    key = fields.get("key")
    if "shape" in fields:
        assert fields["shape"] == str(found[key].shape) and fields["expected"] == str(
            right[key].shape
        )
    if "entry" in fields:
        place = fields["row"], fields["column"]
        assert (fields["entry"], fields["expected"]) == pytest.approx(
            (found[key][place], right[key][place]), rel=1e-12
        )
    if "value" in fields:
        assert (found[key] == fields["value"]).all()
    if "ratio" in fields:
        assert found[key] == pytest.approx(right[key] * fields["ratio"])
    if "shift" in fields:
        assert found[key] == pytest.approx(right[key] + fields["shift"])
    for one in fields.get("factors", "").split(", "):
        ratio, _, layer = one.partition(" in ")
        assert not one or found[layer] == pytest.approx(right[layer] * float(ratio), rel=1e-4)


@pytest.mark.parametrize("mistake", PROGRAMS, ids=lambda m: f"{m.exercise}-{m.name}")
def test_without_the_students_lines_the_hint_is_a_general_one(mistake, monkeypatch):
    monkeypatch.setattr(diagnosis, "source_of", lambda *_: Source())
    if mistake.code in WITHOUT_LINES:
        assert failure_of(mistake).code == WITHOUT_LINES[mistake.code]


def test_what_stands_beside_a_proxy_is_not_the_students():
    (mistake,) = [one for one in RARE_MISTAKES if one.name == "size of the data set"]
    target = mistakes.function_of(mistake.source, mistake.exercise)
    target.__source__ = mistake.source
    with pytest.raises(WrongAnswer) as failure:
        PUBLIC_TESTS["he"](target)
    assert failure.value.code != mistake.code == "outside-name"


@pytest.mark.parametrize(
    "text",
    [
        "(" * 9_000,
        "x=" + "-" * 9_000 + "1",
        "1\n" * 30_000,
        "a\0b",
        "x = (1" + "\n<1" * 5_000 + ")",
    ],
    ids=["brackets", "signs", "length", "zero byte", "comparisons"],
)
def test_lines_that_are_hard_to_parse_are_left_unread_or_read_at_once(text):
    assert not Source(f"{text}\ndef f(): pass", "f").returns
