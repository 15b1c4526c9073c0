"""Wrong programs beyond those of `mistakes.py`, with the code that each must get.

The words that each gets stand in `tests/lesson/more_mistakes.md`, to be read in one sitting:
`python -m tests.support.more_mistakes` writes that page anew.
"""

import contextlib
import io
import linecache
from pathlib import Path

import numpy as np

from public_tests import (
    WrongAnswer,
    initialize_parameters_he_test,
    initialize_parameters_random_test,
    initialize_parameters_zeros_test,
)
from tests.support.mistakes import RIGHT_WEIGHTS, Mistake, answer

PAGE = Path(__file__).parents[1] / "lesson" / "more_mistakes.md"
TESTS = {
    "zeros": initialize_parameters_zeros_test,
    "random": initialize_parameters_random_test,
    "he": initialize_parameters_he_test,
}
N, P = "layers_dims[l]", "layers_dims[l - 1]"
DRAW = f"np.random.randn({N}, {P})"
FACTOR = f"np.sqrt(2 / {P})"


def _stored(W: str, b: str, weights: str, biases: str = f"np.zeros(({N}, 1))") -> str:
    return f"parameters[{W}] = {weights}\nparameters[{b}] = {biases}"


def _in_every_exercise() -> list[Mistake]:
    mistakes = []
    for exercise, right in RIGHT_WEIGHTS.items():

        def add(name: str, code: str, weights=None, exercise=exercise, **pieces) -> None:
            mistakes.append(Mistake(name, exercise, answer(exercise, weights, **pieces), code))

        # keys
        add("key str(1)", "same-key", body=_stored('"W" + str(1)', '"b" + str(1)', right))
        add("key W1", "same-key", body=_stored('"W1"', '"b1"', right))
        add("key str(L)", "only-last-layer", body=_stored('"W" + str(L)', '"b" + str(L)', right))
        add(
            "only layer 1 is stored",
            "only-first-layer",
            first="if l > 1:\n    continue",
        )
        add(
            "two lists",
            "keys-without-number",
            start="Ws, bs = [], []",
            body=f"Ws.append({right})\nbs.append(np.zeros(({N}, 1)))",
            end='return {"W": Ws, "b": bs}',
        )
        add("keys W and b", "keys-without-number", body=_stored('"W"', '"b"', right))
        add("key w1", "keys-case", body=_stored('f"w{l}"', 'f"B{l}"', right))
        add("key W_1", "keys-spelling", body=_stored('f"W_{l}"', 'f"b_{l}"', right))
        add("key (W, 1)", "keys-not-text", body=_stored('"W", l', '"b", l', right))
        add("swapped keys", "weights-and-biases-swapped", body=_stored('f"b{l}"', 'f"W{l}"', right))
        add(
            "b outside the loop",
            "only-last-bias",
            body=f'parameters[f"W{{l}}"] = {right}',
            end=f'parameters[f"b{{l}}"] = np.zeros(({N}, 1))\nreturn parameters',
        )
        add(
            "W outside the loop",
            "only-last-weights",
            body=f'parameters[f"b{{l}}"] = np.zeros(({N}, 1))',
            end=f'parameters[f"W{{l}}"] = {right}\nreturn parameters',
        )
        add("depth 3", "fixed-depth", layers="range(1, 4)")
        add("depth 2", "fixed-depth", layers="(1, 2)")
        add("range(L, 1)", "nothing-stored", layers="range(L, 1)")
        add("a layer too many", "one-layer-too-many", last=f"if l == L:\n    {_extra(right)}")
        # values that are no arrays
        add("None template", "still-none", "None", biases="None")
        add("None for b", "still-none", biases="None")
        add("trailing comma", "trailing-comma", f"{right},")
        add("trailing comma after b", "trailing-comma", biases=f"np.zeros(({N}, 1)),")
        add("array of the sizes", "integer-dtype", f"np.array([{N}, {P}])")
        add("returns W", "not-a-dict", end='return parameters["W1"]')
        add("returns a tuple", "not-a-dict", end="return parameters, L")
        add("no return", "returns-none", end="")
        add("complex", "wrong-dtype", f"{right} * (1 + 0j)")
        add("factor in the shape", "factor-in-shape", right.replace(P, f"{P} * 10", 1))
        add(
            "sizes of the layer before",
            "sizes-shifted",
            right.replace(P, "layers_dims[l - 2]").replace(N, P),
        )
        # errors
        add("len(layers_dims - 1)", "list-in-arithmetic", start="L = len(layers_dims - 1)")
        add("for l in L", "number-in-loop", layers="L")
        add("range(layers_dims)", "list-in-range", layers="range(layers_dims)")
        add("layers_dims[l, l - 1]", "two-indices", right.replace(N, "layers_dims[l, l - 1]"))
        add('layers_dims["l"]', "index-not-whole", right.replace(N, 'layers_dims["l"]'))
        add("layers_dims(l)", "entries-in-round-brackets", right.replace(N, "layers_dims(l)"))
        add("digit 1 for l", "weight-shape", right.replace("[l - 1]", "[1 - 1]"))
        add("l + W", "text-plus-number", body=_stored('l + "W"', 'l + "b"', right))
        add("W + l", "text-plus-number", body=_stored('"W" + l', '"b" + l', right))
        add("W without quotes", "quotes-missing", body=_stored("W + str(l)", '"b"', right))
        add("b without quotes", "quotes-missing", body=_stored('"W" + str(l)', "b + str(l)", right))
        add("append", "dict-append", body=f"parameters.append({right})")
        add("len = len(...)", "local-name", start="len = len(layers_dims)")
        add("numpy.", "numpy-long-name", right.replace("np.", "numpy."))
        add(
            "no np.",
            "np-in-front",
            right.replace("np.random.randn", "randn").replace("np.zeros", "zeros"),
        )
        add(
            "typo after the dot",
            "unknown-attribute",
            right.replace("randn", "rnadn").replace("zeros", "zeroes"),
        )
        add("np.zeros[...]", "function-in-square-brackets", biases=f"np.zeros[{N}, 1]")
        add("range[...]", "function-in-square-brackets", layers="range[1, L + 1]")
        add("np.float", "removed-from-numpy", biases=f"np.zeros(({N}, 1), dtype=np.float)")
        add("None in a sum", "none-in-arithmetic", start="n = None\nn + 1")
        add("undefined size", "unknown-name", right.replace(N, "n_l"))
        add("l[...]", "without-entries", right.replace(N, "l[layers_dims]"))
        add("list as a size", "list-as-number", biases="np.zeros((layers_dims, 1))")
        add("float as a size", "float-as-size", biases=f"np.zeros(({N} / 1, 1))")
        add("reads an empty key", "missing-key", first='parameters["W" + str(l)][0]')
    return mistakes


def _extra(right: str) -> str:
    sizes = right.replace(N, "1").replace(P, "2")
    return f'parameters[f"W{{l + 1}}"] = {sizes}\n    parameters[f"b{{l + 1}}"] = np.zeros((1, 1))'


def _in_the_draws() -> list[Mistake]:
    mistakes = []
    for exercise, factor in {"random": "10", "he": FACTOR}.items():

        def add(name: str, code: str, weights=None, exercise=exercise, **pieces) -> None:
            mistakes.append(Mistake(name, exercise, answer(exercise, weights, **pieces), code))

        add("+ for *", "factor-added", f"{DRAW} + {factor}")
        add("random.seed", "no-seed", seed="import random\nrandom.seed(3)")
        add("seed 3.0", "seed-not-whole", seed="np.random.seed(3.0)")
        add(
            "np.random.seed overwritten",
            "number-called",
            f"seed(3) * {DRAW} * {factor}",
            start="seed = 3",
        )
        add("np.random(...)", "module-called", f"np.random({N}, {P}) * {factor}")
        add("comma before *", "comma-before-star", f"{DRAW}, * {factor.replace(FACTOR, '10')}")
        add("factor in quotes", "no-number", f'{DRAW} * "10"')
        overwritten = "np = 3\n" + answer(exercise)
        mistakes.append(Mistake("np is a number", exercise, overwritten, "np-overwritten"))
        add(
            "default_rng has no randn",
            "unknown-attribute",
            f"rng.randn({N}, {P}) * {factor}",
            start="rng = np.random.default_rng(3)",
        )
        add(
            "one draw for W and b",
            "some-entries-differ",
            first=f"Wb = np.random.randn({N}, {P} + 1)",
            weights=f"Wb[:, :-1] * {factor}",
            biases="Wb[:, -1:] * 0",
        )
        add(
            "slices with gaps",
            "extra-draw",
            f"flat[50 * l:50 * l + {N} * {P}].reshape({N}, {P}) * {factor}",
            start="flat = np.random.randn(1000)",
        )
        add(
            "standardized",
            "shifted-and-scaled",
            first=f"W = {DRAW}\nW = (W - W.mean()) / (W.std() + 1e-12)",
            weights=f"W * {factor}",
        )
        add("whole numbers", "integer-dtype", f"np.random.randint(-10, 10, ({N}, {P}))")
        add("factor 0", "weights-zero", f"{DRAW} * 0 * {factor}")
        add("half of the factor", "scale-small", f"{DRAW} * {factor} / 2")
        add("ones", "weights-alike", f"np.ones(({N}, {P})) * {factor}")
        add("float32 on the way", "imprecise", f"{DRAW}.astype('f').astype(float) * {factor}")
        add("mean of 1", "shifted-mean", f"{DRAW} * {factor} + 1")
        add("seed 42", "other-seed", seed="np.random.seed(42)")
    return mistakes


def _in_one_exercise() -> list[Mistake]:
    def mistake(name: str, exercise: str, code: str, weights=None, **pieces) -> Mistake:
        return Mistake(name, exercise, answer(exercise, weights, **pieces), code)

    he = [
        ("epsilon under the root", "imprecise", f"np.sqrt(2 / {P} + 1e-6)"),
        ("fraction upside down", "scale-divided", f"np.sqrt({P} / 2)"),
        ("average of both sizes", "scale-fan-average", f"np.sqrt(2 / (({N} + {P}) / 2))"),
        ("n + 1", "scale-one-more", f"np.sqrt(2 / ({P} + 1))"),
        ("size of the data", "scale-missing", "np.sqrt(2 / 2)"),
        ("math without an import", "module-not-imported", f"math.sqrt(2 / {P})"),
        ("sqrt without np.", "np-in-front", f"sqrt(2 / {P})"),
        ("^ for a power", "caret", f"((2 / {P}) ^ 0.5)"),
        ("decimal comma", "comma-in-number", f"np.sqrt(2,0 / {P})"),
        ("comma for /", "comma-in-number", f"np.sqrt(2, {P})"),
        ("variance", "scale-root-missing", f"(2 / {P})"),
        ("Xavier", "scale-xavier", f"np.sqrt(1 / {P})"),
        ("root of 2 only", "scale-other", f"(np.sqrt(2) / {P})"),
        ("root of n only", "scale-partial-root", f"(2 / np.sqrt({P}))"),
        ("1.414", "imprecise", f"1.414 / np.sqrt({P})"),
        ("whole part of the factor", "weights-zero", f"int(np.sqrt(2 / {P}))"),
        ("list under the root", "list-in-arithmetic", "np.sqrt(2 / layers_dims)"),
    ]
    return [
        *(mistake(name, "he", code, f"{DRAW} * {factor}") for name, code, factor in he),
        mistake(
            "factor inside randn", "he", "float-as-size", f"np.random.randn({N}, {P} * {FACTOR})"
        ),
        mistake(
            "orthogonal",
            "he",
            "other-stream",
            f"Q[:{N}, :{P}] * np.sqrt(2)",
            first=f"n = max({N}, {P})\nQ, R = np.linalg.qr(np.random.randn(n, n))",
        ),
        mistake("draws in exercise 1", "zeros", "weights-not-zero", f"{DRAW} * 10"),
        mistake("ones", "zeros", "weights-not-zero", f"np.ones(({N}, {P}))"),
        mistake("text is called", "zeros", "not-callable", first='letter = "W"\nletter(l)'),
        mistake("dict minus number", "zeros", "operand-types", first="parameters - 1"),
        Mistake("np was deleted", "zeros", "del np\n" + answer("zeros"), "np-missing"),
        mistake("biases of 0.01", "zeros", "bias-constant", biases=f"np.full(({N}, 1), 0.01)"),
    ]


MORE_MISTAKES = [*_in_every_exercise(), *_in_the_draws(), *_in_one_exercise()]


def failure_of(mistake: Mistake) -> WrongAnswer | None:
    """What the public test says about a program."""
    name = f"<cell {abs(hash(mistake.source))}>"
    lines = mistake.source.splitlines(keepends=True)
    linecache.cache[name] = (len(mistake.source), None, lines, name)
    namespace = {"np": np}
    exec(compile(mistake.source, name, "exec"), namespace)
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            TESTS[mistake.exercise](namespace[f"initialize_parameters_{mistake.exercise}"])
        except WrongAnswer as failure:
            return failure
    return None


def page() -> str:
    """All programs, codes and words. What Python itself says is left out: it has versions."""
    lines = ["# What wrong programs are told", ""]
    for mistake in MORE_MISTAKES:
        failure = failure_of(mistake)
        lines += [f"## {mistake.exercise}: {mistake.name} `{failure.code}`", ""]
        lines += [failure.message, "", f"Hint: {failure.hint}", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page())
