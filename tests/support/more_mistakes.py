"""Wrong programs beyond those of `mistakes.py`, with the code that each must get.

The words that each gets stand in `tests/lesson/more_mistakes.md`, to be read in one sitting:
`python -m tests.support.more_mistakes` writes that page anew.
"""

import contextlib
import io
import linecache
import warnings
from pathlib import Path

import numpy as np

from lesson.source import why_missing
from public_tests import (
    FUNCTIONS,
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
            "lists-of-layers",
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
        add("array of the sizes", "wrong-dtype", f"np.array([{N}, {P}])")
        add("returns W", "not-a-dict", end='return parameters["W1"]')
        add("returns a tuple", "not-a-dict", end="return parameters, L")
        add("no return", "no-return", end="")
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
        add("layers_dims[l, l - 1]", "index-not-whole", right.replace(N, "layers_dims[l, l - 1]"))
        add('layers_dims["l"]', "text-as-index", right.replace(N, 'layers_dims["l"]'))
        add("layers_dims(l)", "entries-in-round-brackets", right.replace(N, "layers_dims(l)"))
        add("digit 1 for l", "same-columns", right.replace("[l - 1]", "[1 - 1]"))
        add("digit 1 for l in the rows", "same-rows", right.replace("[l],", "[1],"))
        both = right.replace("[l - 1]", "[1 - 1]").replace("[l],", "[1],")
        add("digit 1 for each l", "same-shape", both)
        add("digit 1 for l in b", "same-bias", biases="np.zeros((layers_dims[1], 1))")
        add("l + W", "text-plus-number", body=_stored('l + "W"', 'l + "b"', right))
        add("W + l", "text-plus-number", body=_stored('"W" + l', '"b" + l', right))
        add("W without quotes", "quotes-missing", body=_stored("W + str(l)", '"b"', right))
        add("b without quotes", "quotes-missing", body=_stored('"W" + str(l)', "b + str(l)", right))
        add("append", "dict-attribute", body=f"parameters.append({right})")
        add("len = len(...)", "local-name", start="len = len(layers_dims)")
        add("numpy.", "module-not-imported", right.replace("np.", "numpy."))
        add(
            "no np.",
            "np-in-front",
            right.replace("np.random.randn", "randn").replace("np.zeros", "zeros"),
        )
        add(
            "typo after the dot",
            "similar-attribute",
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
        add("random.seed", "seed-of-random", seed="import random\nrandom.seed(3)")
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
            "other-generator",
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
        add("whole numbers", "wrong-dtype", f"np.random.randint(-10, 10, ({N}, {P}))")
        add("factor 0", "weights-zero", f"{DRAW} * 0 * {factor}")
        add("half of the factor", "scale-constant", f"{DRAW} * {factor} / 2")
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
        ("average of both sizes", "scale-both-sizes", f"np.sqrt(2 / (({N} + {P}) / 2))"),
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
        mistake("text is called", "zeros", "text-called", first='letter = "W"\nletter(l)'),
        mistake("dict minus number", "zeros", "operand-types", first="parameters - 1"),
        Mistake("np was deleted", "zeros", "del np\n" + answer("zeros"), "np-missing"),
        mistake("biases of 0.01", "zeros", "bias-constant", biases=f"np.full(({N}, 1), 0.01)"),
    ]


def _of_the_same_kinds() -> list[Mistake]:
    """More programs of the kinds above, each in one exercise."""
    mistakes = []

    def add(exercise: str, code: str, name: str, weights: str | None = None, **pieces) -> None:
        mistakes.append(Mistake(name, exercise, answer(exercise, weights, **pieces), code))

    zeros, large, he = (RIGHT_WEIGHTS[exercise] for exercise in ("zeros", "random", "he"))
    B = f"np.zeros(({N}, 1))"
    # keys
    add("zeros", "keys-from-two", "key l + 1", body=_stored('f"W{l + 1}"', 'f"b{l + 1}"', zeros))
    add("he", "layer-zero", "range from 0", he, layers="range(L + 1)")
    add("random", "missing-first-layer", "range from 2", layers="range(2, L + 1)")
    add("he", "keys-case", "w for W", body=_stored('f"w{l}"', 'f"b{l}"', he))
    add("zeros", "keys-spelling", "key with a blank", body=_stored('f"W{l} "', 'f"b{l} "', zeros))
    add("zeros", "wrong-keys", "key Weight1", body=_stored('f"Weight{l}"', 'f"Bias{l}"', zeros))
    add("he", "wrong-keys", "size in the key", body=_stored(f'f"W{{{N}}}"', f'f"b{{{N}}}"', he))
    add(
        "zeros",
        "nested-dictionary",
        "dict of dicts",
        body=f'parameters[l] = {{"W": {zeros}, "b": {B}}}',
    )
    add("random", "missing-biases", "W twice", body=_stored('f"W{l}"', 'f"W{l}"', B, large))
    add("zeros", "missing-weights", "b twice", body=_stored('f"b{l}"', 'f"b{l}"', zeros))
    add("he", "loop-stopped", "break", last="break")
    add("zeros", "only-first-layer", "l = 1 in the loop", first="l = 1")
    add("random", "missing-last-layer", "skips the last layer", first="if l == L:\n    continue")
    # results
    add("zeros", "not-a-dict", "returns W and b", end="return parameters['W1'], parameters['b1']")
    add("he", "yields", "yield", end="yield parameters")
    add("zeros", "not-a-dict", "returns text", end="return str(parameters)")
    add("random", "returns-a-call", "returns what print gives", end="return print(parameters)")
    add("zeros", "no-return", "bare return", end="return")
    add("he", "similar-name", "parameter", end="return parameter")
    add("zeros", "entries-in-round-brackets", "parameters()", end="return parameters()")
    # values that are no arrays
    add("zeros", "still-dots", "dots for W", "...")
    add("zeros", "text-for-array", "text for W", '"YOUR CODE"')
    add("he", "single-number", "b = 0", biases="0")
    add("zeros", "not-an-array", "two arrays for W", f"{zeros}, {B}")
    add("zeros", "not-an-array", "matrix", f"np.matrix({zeros})")
    add("zeros", "not-an-array", "list of lists", f"[[0.0] * {P}] * {N}")
    add("zeros", "wrong-dtype", "full of 0", f"np.full(({N}, {P}), 0)")
    add("zeros", "wrong-dtype", "zeros_like", "np.zeros_like(layers_dims)")
    add("zeros", "wrong-dtype", "array of None", f"np.array([[None] * {P}] * {N})")
    add("random", "wrong-dtype", "array of text", f"({large}).astype(str)")
    # shapes
    add("zeros", "minus-outside", "[l] - 1 for [l - 1]", f"np.zeros(({N}, {N} - 1))")
    add("random", "minus-outside", "[l] - 1 in randn", f"np.random.randn({N}, {N} - 1) * 10")
    add("he", "weight-shape", "square", f"np.random.randn({N}, {N}) * {FACTOR}")
    add("zeros", "weight-shape", "flat W", f"np.zeros({N} * {P})")
    add("zeros", "fixed-shapes", "l and l - 1 as sizes", "np.zeros((l, l - 1))")
    add("random", "weight-shape", "10 as a third size", f"np.random.randn({N}, {P}, 10)")
    add("zeros", "bias-shape", "b in the shape of W", biases=zeros)
    add("he", "one-bias", "b of one number", biases="np.zeros((1, 1))")
    add("he", "bias-flat", "b flat, as a tuple", biases=f"np.zeros(({N},))")
    add("zeros", "negative-size", "- for a comma", f"np.zeros(({N} - {N} - 1, {P}))")
    # errors
    add("random", "names-in-randn", "randn(shape=)", f"np.random.randn(shape=({N}, {P})) * 10")
    add("random", "tuple-as-number", "randn([..])", f"np.random.randn([{N}, {P}]) * 10")
    add("random", "tuple-as-number", "randn(layers_dims)", "np.random.randn(layers_dims) * 10")
    add("zeros", "number-called", "zeros(..)(..)", f"np.zeros({N})({P})")
    add("zeros", "index-not-whole", "enumerate", layers="enumerate(layers_dims)")
    add(
        "zeros", "index-out-of-range", "for l in layers_dims", layers="[n + 5 for n in layers_dims]"
    )
    add("he", "index-out-of-range", "[l + 1]", f"np.random.randn(layers_dims[l + 1], {N})")
    add("zeros", "index-out-of-range", "L = len(layers_dims)", start="L = len(layers_dims)")
    pairs = "for l, n in layers_dims:\n    pass"
    add("zeros", "unpacked", "for l, n in layers_dims", start=pairs)
    add("he", "unpacked", "W, b = one array", first=f"W, b, c = {he}, {B}")
    add("zeros", "compared-not-stored", "== for =", body=f'parameters["W" + str(l)] == {zeros}')
    add("zeros", "dict-attribute", "parameters.W", body=f"parameters.W = {zeros}")
    add("zeros", "list-length", "shape of a list", start="L = layers_dims.shape[0]")
    add("random", "list-length", "length of a list", start="L = layers_dims.length - 1")
    add("random", "not-in-np-random", "np.randn", f"np.randn({N}, {P}) * 10")
    add(
        "he",
        "not-in-np-random",
        "random.randn",
        he.replace("np.random", "random"),
        start="import random",
    )
    add("zeros", "not-random", "np.random.zeros", f"np.random.zeros(({N}, {P}))")
    add("zeros", "similar-attribute", "np.Zeros", f"np.Zeros(({N}, {P}))")
    add("random", "function-in-square-brackets", "seed[3]", seed="np.random.seed[3]")
    add("random", "seed-not-whole", "seed in quotes", seed='np.random.seed("3")')
    add("random", "none-in-arithmetic", "factor None", f"{DRAW} * None")
    add(
        "he",
        "none-in-arithmetic",
        "what seed gives",
        f"{he} * seed",
        start="seed = np.random.seed(3)",
    )
    add("he", "division-by-zero", "l - 1 under the root", f"{DRAW} * np.sqrt(2 / (l - 1))")
    add("he", "module-not-imported", "torch", f"torch.randn({N}, {P})")
    add("he", "no-number", "list times list", f"{DRAW} * ([1.0] * layers_dims)")
    add("he", "no-number", "root of text", f'{DRAW} * np.sqrt("2")')
    add("zeros", "text-plus-other", "text and None", body='parameters["W" + None] = 0')
    add("zeros", "list-in-arithmetic", "lists of W and b", body="parameters = [] + (l,)")
    add("zeros", "star-before-number", "star before a number", biases=f"np.zeros(*{N})")
    add(
        "zeros",
        "local-name",
        "loop that never runs",
        layers="range(0)",
        last="W = 1",
        end="return W",
    )
    add("zeros", "shapes-do-not-fit", "reshape", biases=f"np.zeros({N}).reshape(7, 11)")
    add("zeros", "stops-itself", "NotImplementedError", start="raise NotImplementedError()")
    add("he", "local-name", "scale before it is set", first="scale = scale * 1")
    # values
    add("random", "seed-too-late", "seed at the end", seed="", last="np.random.seed()")
    add("random", "no-seed", "seed without a number", seed="np.random.seed()")
    add(
        "he",
        "reseeded",
        "generator in the loop",
        f"np.random.RandomState(3).randn({N}, {P}) * {FACTOR}",
    )
    add("random", "uniform", "np.random.random", f"np.random.random(({N}, {P})) * 10")
    add(
        "random",
        "scale-square",
        "variance as the scale",
        f"np.random.normal(0, 10 ** 2, ({N}, {P}))",
    )
    add("random", "scale-root", "root of 10", f"np.random.normal(0, np.sqrt(10), ({N}, {P}))")
    add(
        "he",
        "scale-root-missing",
        "variance in normal",
        f"np.random.normal(0, 2 / {P}, ({N}, {P}))",
    )
    add("he", "scale-power-first", "** 1 / 2", f"{DRAW} * (2 / {P}) ** 1 / 2")
    add("he", "scale-other", "square for root", f"{DRAW} * (2 / {P}) ** 2")
    add("he", "scale-other", "* under the root", f"{DRAW} * np.sqrt(2 * {P})")
    add("he", "scale-varies", "depth under the root", f"{DRAW} * np.sqrt(2 / L)")
    add("he", "scale-varies", "rounded factor", f"{DRAW} * round(np.sqrt(2 / {P}), 2)")
    add(
        "he",
        "scale-input",
        "digit 1 for l in the factor",
        f"{DRAW} * np.sqrt(2 / layers_dims[1 - 1])",
    )
    add("he", "weights-zero", "// for /", f"{DRAW} * np.sqrt(2 // ({P} + 1))")
    add("he", "not-finite", "** for *", f"{DRAW} ** {FACTOR}")
    add("random", "shifted-and-scaled", "- for *", f"{DRAW} - 10")
    add("random", "nonzero-bias", "b drawn like W", biases=f"np.random.randn({N}, 1) * 10")
    add("zeros", "weights-not-zero", "small numbers", f"{zeros} + 1e-5")
    add("zeros", "bias-constant", "b of ones", biases=f"np.ones(({N}, 1))")
    data = "train_X = np.zeros((2, 300))\n"
    by_data = answer("he", f"{DRAW} * np.sqrt(2 / train_X.shape[0])")
    mistakes.append(Mistake("size of the data set", "he", data + by_data, "outside-name"))
    half = "scale = 5\n" + answer("random", f"{DRAW} * scale")
    mistakes.append(Mistake("factor of another cell", "random", half, "outside-name"))
    return mistakes


def _not_python() -> list[Mistake]:
    """Cells that Python cannot read: the function is missing, and the test says why."""
    code = {"bracket not closed": "cell-brackets", "wrong indentation": "cell-indentation"}
    return [
        Mistake(name, "zeros", answer("zeros", **pieces), code.get(name, "cell-not-python"))
        for name, pieces in {
            "=* for *=": {"last": 'parameters["W" + str(l)] =* 10'},
            "round brackets for a key": {"first": 'parameters("W") = 3'},
            "assignment the wrong way round": {"first": 'np.zeros(3) = parameters["W"]'},
            "colon missing": {"first": "if l > 1\n    continue"},
            "bracket not closed": {"biases": f"np.zeros(({N}, 1)"},
            "quotes not closed": {"first": 'parameters["W + str(l)] = 1'},
            "docstring not closed": {"start": '"""Text'},
            "wrong indentation": {"end": "  return parameters"},
        }.items()
    ]


MORE_MISTAKES = [
    *_in_every_exercise(),
    *_in_the_draws(),
    *_in_one_exercise(),
    *_of_the_same_kinds(),
    *_not_python(),
]


def _nobody_answers(question: str) -> str:
    raise EOFError("EOF when reading a line")


def failure_of(mistake: Mistake) -> WrongAnswer | None:
    """What the public test says about a program."""
    name = f"<cell {abs(hash(mistake.source))}>"
    lines = mistake.source.splitlines(keepends=True)
    linecache.cache[name] = (len(mistake.source), None, lines, name)
    namespace = {"np": np, "input": _nobody_answers}
    function = f"initialize_parameters_{mistake.exercise}"
    with contextlib.suppress(SyntaxError):
        exec(compile(mistake.source, name, "exec"), namespace)
    if function not in namespace:
        return WrongAnswer(why_missing(function, FUNCTIONS, [mistake.source], str))
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy's, about some of the programs
        try:
            TESTS[mistake.exercise](namespace[function])
        except WrongAnswer as failure:
            return failure
    return None


def page(mistakes: list[Mistake], with_source: bool = False) -> str:
    """All programs, codes and words. What Python itself says is left out: it has versions."""
    lines = ["# What wrong programs are told", ""]
    for mistake in mistakes:
        failure = failure_of(mistake)
        lines += [f"## {mistake.exercise}: {mistake.name} `{failure.code}`", ""]
        lines += ["```", mistake.source.rstrip(), "```", ""] if with_source else []
        message = failure.message
        if failure.code.startswith("cell-"):
            message = message.replace(failure.fields.get("error", "?"), "...")
        lines += [message, "", f"Hint: {failure.hint}", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(MORE_MISTAKES))
