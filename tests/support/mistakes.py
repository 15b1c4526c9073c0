"""Wrong and right programs: what students really write, as source text.

`MISTAKES` lists wrong answers with the code that `public_tests` must report, `RIGHT_ANSWERS` whole
answers in different styles that must all pass.
"""

from typing import NamedTuple

EXERCISES = ("zeros", "random", "he")

# The line that draws (or makes) the weights of one layer, in a right answer.
RIGHT_WEIGHTS = {
    "zeros": "np.zeros((layers_dims[l], layers_dims[l - 1]))",
    "random": "np.random.randn(layers_dims[l], layers_dims[l - 1]) * 10",
    "he": "np.random.randn(layers_dims[l], layers_dims[l - 1]) * np.sqrt(2 / layers_dims[l - 1])",
}
FACTORS = {"random": "10", "he": "np.sqrt(2 / layers_dims[l - 1])"}


class Mistake(NamedTuple):
    """One wrong program.

    Attributes
    ----------
    name : str
        What is wrong, in a word or two.
    exercise : {"zeros", "random", "he"}
        The exercise that it answers.
    source : str
        The function (empty if it is missing).
    code : str
        What the public test must report.
    """

    name: str
    exercise: str
    source: str
    code: str


def answer(
    exercise: str,
    weights: str | None = None,
    biases: str = "np.zeros((layers_dims[l], 1))",
    *,
    name: str | None = None,
    arguments: str = "layers_dims",
    seed: str = "np.random.seed(3)",
    start: str = "",
    layers: str = "range(1, L + 1)",
    first: str = "",
    body: str | None = None,
    last: str = "",
    end: str = "return parameters",
) -> str:
    """Write the source of an answer; without further arguments, of a right one.

    Parameters
    ----------
    exercise : {"zeros", "random", "he"}
        The exercise.
    weights, biases : str
        What is stored for one layer.
    name, arguments, seed, start, layers, first, body, last, end : str
        Other pieces of the function, in the order in which they appear. `body` replaces the two
        lines that store weights and biases; `first` and `last` stand around it in the loop.
    """
    weights = weights or RIGHT_WEIGHTS[exercise]
    if body is None:
        body = f'parameters[f"W{{l}}"] = {weights}\nparameters[f"b{{l}}"] = {biases}'
    loop = "\n".join(filter(None, [first, body, last]))
    lines = [
        f"def {name or f'initialize_parameters_{exercise}'}({arguments}):",
        *_indent(seed if exercise != "zeros" else "", 1),
        *_indent("parameters = {}", 1),
        *_indent("L = len(layers_dims) - 1", 1),
        *_indent(start, 1),
        *_indent(f"for l in {layers}:", 1),
        *_indent(loop, 2),
        *_indent(end, 1),
    ]
    return "\n".join(lines) + "\n"


def _indent(text: str, depth: int) -> list[str]:
    return ["    " * depth + line for line in text.splitlines()]


# Codes that need the student's lines, and the code where those are not at hand.
WITHOUT_LINES = {
    "not-written": "nothing-stored",
    "never-stored": "nothing-stored",
    "other-dictionary": "nothing-stored",
    "colon-for-equals": "nothing-stored",
    "loop-stopped": "only-first-layer",
    "behind-the-loop": "only-last-layer",
    "made-anew": "only-last-layer",
    "no-return": "returns-none",
    "returns-a-call": "returns-none",
    "seed-too-late": "no-seed",
    "seed-of-random": "no-seed",
    "product-not-stored": "scale-missing",
    "stored-too-early": "scale-missing",
    "scale-twice": "scale-root-missing",
    "factor-as-mean": "factor-added",
}


def _in_every_exercise() -> list[Mistake]:
    """Mistakes that can be made in each of the exercises."""
    mistakes = []
    for exercise in EXERCISES:
        right = RIGHT_WEIGHTS[exercise]

        def add(name: str, code: str, source: str, exercise: str = exercise) -> None:
            mistakes.append(Mistake(name, exercise, source, code))

        add("untouched", "not-written", answer(exercise, body="pass"))
        add("deleted", "wrong-name", "")
        add("wrong-name", "wrong-name", answer(exercise, name=f"init_{exercise}"))
        add(
            "changed-parameters",
            "changed-parameters",
            answer(exercise, arguments="layers_dims, scale"),
        )
        swapped = right.replace(
            "(layers_dims[l], layers_dims[l - 1])", "(layers_dims[l - 1], layers_dims[l])"
        )
        add("transposed", "transposed", answer(exercise, swapped))
        add("bias-flat", "bias-flat", answer(exercise, biases="np.zeros(layers_dims[l])"))
        add("bias-row", "bias-row", answer(exercise, biases="np.zeros((1, layers_dims[l]))"))
        add(
            "bias-of-previous-layer",
            "bias-of-previous-layer",
            answer(exercise, biases="np.zeros((layers_dims[l - 1], 1))"),
        )
        add("missing-layer", "missing-last-layer", answer(exercise, layers="range(1, L)"))
        add("return-in-loop", "loop-stopped", answer(exercise, last="return parameters"))
        add("dict-in-loop", "made-anew", answer(exercise, first="parameters = {}"))
        for name, code, W, b in (
            ("keys-from-zero", "keys-from-zero", 'f"W{l - 1}"', 'f"b{l - 1}"'),
            ("keys-integer", "keys-not-text", "l", "-l"),
            ("keys-lower-case", "keys-case", 'f"w{l}"', 'f"b{l}"'),
            ("keys-with-space", "keys-spelling", 'f"W {l}"', 'f"b {l}"'),
            ("keys-literal", "keys-without-number", '"Wl"', '"bl"'),
        ):
            body = f"parameters[{W}] = {right}\nparameters[{b}] = np.zeros((layers_dims[l], 1))"
            add(name, code, answer(exercise, body=body))
        add(
            "no-biases", "missing-biases", answer(exercise, body=f'parameters[f"W{{l}}"] = {right}')
        )
        add("extra-keys", "extra-keys", answer(exercise, start='parameters["L"] = L'))
        add("prints", "no-return", answer(exercise, end="print(parameters)"))
        add("returns-list", "not-a-dict", answer(exercise, end="return list(parameters.values())"))
        add("lists", "not-an-array", answer(exercise, f"({right}).tolist()"))
        add("float32", "wrong-dtype", answer(exercise, f"({right}).astype(np.float32)"))
        tuple_or_not = right.replace("((", "(").replace("))", ")")
        if exercise == "zeros":
            add("tuple-argument", "number-as-dtype", answer(exercise, tuple_or_not))
            add(
                "integers",
                "wrong-dtype",
                answer(exercise, "np.zeros((layers_dims[l], layers_dims[l - 1]), dtype=int)"),
            )
        else:
            as_tuple = right.replace(
                "randn(layers_dims[l], layers_dims[l - 1])",
                "randn((layers_dims[l], layers_dims[l - 1]))",
            )
            add("tuple-argument", "tuple-as-number", answer(exercise, as_tuple))
        add(
            "bias-without-tuple",
            "number-as-dtype",
            answer(exercise, biases="np.zeros(layers_dims[l], 1)"),
        )
        add(
            "hard-coded-dims",
            "dims-ignored",
            answer(exercise, start="layers_dims = [4, 3, 5, 1]\nL = 3"),
        )
        add(
            "global-name",
            "dims-ignored",
            "notebook_dims = [3, 2, 1]\n"
            + answer(exercise, arguments="dims").replace("layers_dims", "notebook_dims"),
        )
        add("undefined-name", "unknown-name", answer(exercise, arguments="dims"))
        add("range-too-far", "index-out-of-range", answer(exercise, layers="range(1, L + 2)"))
        add("mutates-input", "mutates-input", answer(exercise, last="layers_dims[l - 1] = 0"))
        add("ones-bias", "bias-constant", answer(exercise, biases="np.ones((layers_dims[l], 1))"))
        add(
            "nonzero-bias",
            "nonzero-bias",
            answer(exercise, biases="np.random.RandomState(l).randn(layers_dims[l], 1)"),
        )
        add("nan", "not-finite", answer(exercise, f"{right} * np.nan"))
    return mistakes


def _in_random_draws() -> list[Mistake]:
    """Mistakes that concern the random numbers, in both exercises that draw some."""
    mistakes = []
    for exercise, factor in FACTORS.items():
        right = RIGHT_WEIGHTS[exercise]
        shape = "layers_dims[l], layers_dims[l - 1]"

        def add(name: str, code: str, source: str, exercise: str = exercise) -> None:
            mistakes.append(Mistake(name, exercise, source, code))

        add("zero-weights", "weights-zero", answer(exercise, f"np.zeros(({shape}))"))
        add("one-weights", "weights-alike", answer(exercise, f"np.ones(({shape})) * {factor}"))
        add("uniform", "uniform", answer(exercise, f"np.random.rand({shape}) * {factor}"))
        add(
            "uniform-centered",
            "uniform",
            answer(exercise, f"np.random.uniform(-1, 1, ({shape})) * {factor}"),
        )
        add("no-seed", "no-seed", answer(exercise, seed=""))
        add("other-seed", "other-seed", answer(exercise, seed="np.random.seed(1)"))
        add("reseeded", "reseeded", answer(exercise, seed="", first="np.random.seed(3)"))
        add("seed-of-layer", "reseeded", answer(exercise, seed="", first="np.random.seed(l)"))
        add("extra-draw-first", "extra-draw", answer(exercise, start="np.random.randn(2, 2)"))
        add("extra-draw-between", "extra-draw", answer(exercise, last="np.random.randn()"))
        add("extra-uniform-first", "extra-draw", answer(exercise, start="np.random.rand()"))
        add("extra-uniform-between", "extra-draw", answer(exercise, last="np.random.rand()"))
        add(
            "extra-draw-for-bias",
            "extra-draw",
            answer(exercise, biases="np.random.randn(layers_dims[l], 1) * 0"),
        )
        add(
            "extra-integer-between",
            "wrong-after-first-layer",
            answer(exercise, last="np.random.randint(10)"),
        )
        add(
            "random-bias",
            "nonzero-bias",
            answer(exercise, biases="np.random.randn(layers_dims[l], 1)"),
        )
        add(
            "drawn-transposed",
            "drawn-transposed",
            answer(exercise, f"np.random.randn(layers_dims[l - 1], layers_dims[l]).T * {factor}"),
        )
        add("last-layer-first", "drawn-in-other-order", answer(exercise, layers="range(L, 0, -1)"))
        add(
            "other-generator",
            "other-generator-drawn",
            answer(
                exercise,
                f"generator.standard_normal(({shape})) * {factor}",
                start="generator = np.random.default_rng(3)",
            ),
        )
        add(
            "other-generator-scale",
            "other-generator-drawn",
            answer(
                exercise,
                f"generator.standard_normal(({shape})) * {factor} / 2",
                start="generator = np.random.default_rng(3)",
            ),
        )
        add(
            "other-distribution",
            "other-distribution",
            answer(exercise, f"np.random.standard_exponential(({shape})) * {factor}"),
        )
        add("absolute", "absolute-values", answer(exercise, f"abs({right})"))
        add("rounded", "rounded", answer(exercise, f"np.round({right}, 3)"))
        add(
            "single-precision",
            "imprecise",
            answer(exercise, f"({right}).astype('f').astype(float)"),
        )
        add("shifted-mean", "shifted-mean", answer(exercise, f"{right} + 0.5"))
        add(
            "first-layer-only",
            "scale-varies",
            answer(exercise, f"{right} * (1 if l == 1 else 2)"),
        )
        add(
            "plus-or-minus-one",
            "repeated-numbers",
            answer(exercise, f"np.random.choice([-1.0, 1.0], ({shape})) * {factor}"),
        )
        add(
            "one-row-repeated",
            "some-entries-differ",
            answer(
                exercise,
                f"np.random.randn(1, layers_dims[l - 1]) * np.ones(({shape})) * {factor}",
            ),
        )
        add(
            "clipped",
            "some-entries-differ",
            answer(exercise, f"np.clip(np.random.randn({shape}), -1, 1) * {factor}"),
        )
        add(
            "column-factors",
            "other-distribution",
            answer(exercise, f"({right}) * np.arange(2, layers_dims[l - 1] + 2)"),
        )
        add(
            "small-networks-only",
            "values-differ",
            answer(
                exercise,
                f"np.random.standard_exponential(({shape})) * {factor}",
                start="assert max(layers_dims) < 100",
            ),
        )
        add(
            "one-entry-wrong",
            "some-entries-differ",
            answer(exercise, last='parameters[f"W{l}"][0, 0] = 7.0'),
        )
    return mistakes


def _in_the_scale() -> list[Mistake]:
    """Mistakes in what the random numbers are multiplied by."""
    draw = "np.random.randn(layers_dims[l], layers_dims[l - 1])"
    n_prev, n_this = "layers_dims[l - 1]", "layers_dims[l]"
    factors = [
        ("random", "scale-missing", "* 1", "scale-missing"),
        ("random", "scale-small", "* 0.01", "scale-constant"),
        ("random", "divided", "/ 10", "scale-tenth"),
        ("random", "squared", "* 100", "scale-square"),
        ("random", "too-large", "* 1000", "scale-constant"),
        ("random", "negative", "* -10", "scale-constant"),
        ("random", "he-scale", f"* np.sqrt(2 / {n_prev})", "scale-he"),
        ("random", "grows-with-layer", f"* 10 * {n_prev}", "scale-other"),
        ("he", "scale-missing", "* 1", "scale-missing"),
        ("he", "scale-ten", "* 10", "scale-fixed"),
        ("he", "large-scale-kept", f"* 10 * np.sqrt(2 / {n_prev})", "large-scale-kept"),
        ("he", "xavier", f"* np.sqrt(1 / {n_prev})", "scale-xavier"),
        ("he", "fan-out", f"* np.sqrt(2 / {n_this})", "scale-fan-out"),
        ("he", "root-missing", f"* 2 / {n_prev}", "scale-root-missing"),
        ("he", "partial-root", f"* 2 / np.sqrt({n_prev})", "scale-partial-root"),
        ("he", "divided", f"/ np.sqrt(2 / {n_prev})", "scale-divided"),
        ("he", "glorot", f"* np.sqrt(2 / ({n_prev} + {n_this}))", "scale-both-sizes"),
        ("he", "small", f"* 0.01 * np.sqrt(2 / {n_prev})", "scale-constant"),
        ("he", "constant", "* 0.01", "scale-fixed"),
        ("he", "xavier-fan-out", f"* np.sqrt(1 / {n_this})", "scale-other"),
        ("he", "fan-in-of-input", "* np.sqrt(2 / layers_dims[0])", "scale-input"),
        ("he", "larger-fan", f"* np.sqrt(2 / max({n_prev}, {n_this}))", "scale-varies"),
        ("he", "smaller-fan", f"* np.sqrt(2 / min({n_prev}, {n_this}))", "scale-varies"),
        ("he", "layer-number", "* np.sqrt(2 / l)", "scale-varies"),
    ]
    return [
        Mistake(name, exercise, answer(exercise, f"{draw} {factor}"), code)
        for exercise, name, factor, code in factors
    ]


def _in_zeros() -> list[Mistake]:
    shape = "layers_dims[l], layers_dims[l - 1]"
    return [
        Mistake("ones", "zeros", answer("zeros", f"np.ones(({shape}))"), "weights-not-zero"),
        Mistake(
            "small-random",
            "zeros",
            answer("zeros", f"np.random.randn({shape}) * 0.01", start="np.random.seed(3)"),
            "weights-not-zero",
        ),
    ]


def _that_raise() -> list[Mistake]:
    """Programs that stop with an exception, in the last exercise."""
    n, n_prev = "layers_dims[l]", "layers_dims[l - 1]"
    sources = [
        (
            "argument-count",
            "wrong-arguments",
            answer("he", start="layer = lambda l: l\nlayer(1, 2)"),
        ),
        ("number-in-key", "text-plus-number", answer("he", body='parameters["W" + l] = 0')),
        (
            "called-list",
            "entries-in-round-brackets",
            answer("he", f"np.random.randn({n}, layers_dims(l - 1))"),
        ),
        ("missing-product", "number-called", answer("he", f"L (np.random.randn({n}, {n_prev}))")),
        ("indexed-number", "without-entries", answer("he", first="L[l]")),
        ("divided-list", "list-in-arithmetic", answer("he", first="layers_dims / 2")),
        ("float-size", "float-as-size", answer("he", layers="range(1, (L + 1) / 1)")),
        ("read-before-stored", "missing-key", answer("he", body='parameters[f"W{l}"] *= 10')),
        ("misspelled-zeros", "similar-attribute", answer("he", biases=f"np.zero(({n}, 1))")),
        ("late-variable", "local-name", answer("he", first="scale = scale * 2")),
        (
            "wrong-product",
            "shapes-do-not-fit",
            answer("he", first="np.ones((2, 3)) @ np.ones((2, 3))"),
        ),
        ("zero-division", "division-by-zero", answer("he", first="1 / (l - 1)")),
        (
            "endless",
            "endless-recursion",
            answer("he", start="initialize_parameters_he(layers_dims)"),
        ),
        ("exits", "stops-itself", answer("he", start="raise SystemExit")),
        (
            "own-exception",
            "stops-itself",
            answer("he", start="class Oops(Exception): pass\nraise Oops"),
        ),
        ("assertion", "stops-itself", answer("he", start="assert L == 2")),
    ]
    return [Mistake(name, "he", source, code) for name, code, source in sources]


def _in_the_structure() -> list[Mistake]:
    """Rarer ways to return something else, in the last exercise."""
    n = "layers_dims[l]"
    sources = [
        ("not-a-function", "not-a-function", "initialize_parameters_he = 3\n"),
        ("first-layer-left-out", "missing-first-layer", answer("he", layers="range(2, L + 1)")),
        (
            "one-layer-more",
            "one-layer-too-many",
            answer("he", start="layers_dims = [*layers_dims, 1]\nL = L + 1"),
        ),
        (
            "only-biases",
            "missing-weights",
            answer("he", body=f'parameters[f"b{{l}}"] = np.zeros(({n}, 1))'),
        ),
        ("every-second-layer", "keys-missing", answer("he", layers="range(1, L + 1, 2)")),
        (
            "three-layers-always",
            "keys-missing",
            answer("he", end='return {"W1": parameters["W1"], "W2": 0}'),
        ),
        ("number-for-bias", "single-number", answer("he", biases="0.0")),
        ("square-weights", "weight-shape", answer("he", f"np.random.randn({n}, {n})")),
        ("scalar-bias", "one-bias", answer("he", biases="np.zeros((1, 1))")),
        (
            "shared-dict",
            "extra-keys",
            "shared = {}\n" + answer("he", start="parameters = shared"),
        ),
        (
            "counts-calls",
            "not-repeatable",
            "calls = []\n"
            + answer("he", start="calls.append(1)", biases=f"np.ones(({n}, 1)) * len(calls)"),
        ),
    ]
    return [Mistake(name, "he", source, code) for name, code, source in sources]


MISTAKES: list[Mistake] = [
    *_in_every_exercise(),
    *_in_zeros(),
    *_in_random_draws(),
    *_in_the_scale(),
    *_in_the_structure(),
    *_that_raise(),
]


# ----------------------------------------------------------------------------------- right answers


def _three(**pieces: dict[str, str] | str) -> str:
    """The three functions, from the pieces that `answer` takes (one for all, or one for each)."""
    return "\n\n".join(
        answer(
            exercise,
            **{
                name: piece[exercise] if isinstance(piece, dict) else piece
                for name, piece in pieces.items()
            },
        )
        for exercise in EXERCISES
    )


RIGHT_ANSWERS: dict[str, str] = {
    "as-in-the-exercise": _three(),
    "str-keys": _three(
        body={
            exercise: f'parameters["W" + str(l)] = {weights}\n'
            'parameters["b" + str(l)] = np.zeros((layers_dims[l], 1))'
            for exercise, weights in RIGHT_WEIGHTS.items()
        }
    ),
    "normal-and-full": _three(
        weights={
            "zeros": "np.full((layers_dims[l], layers_dims[l - 1]), 0.0)",
            "random": "np.random.normal(0, 10, (layers_dims[l], layers_dims[l - 1]))",
            "he": "np.random.normal(0, (2 / layers_dims[l - 1]) ** 0.5, "
            "size=(layers_dims[l], layers_dims[l - 1]))",
        },
        biases="np.full((layers_dims[l], 1), 0.0)",
    ),
    "own-generator": _three(
        seed="generator = np.random.RandomState(3)",
        weights={
            "zeros": "np.zeros([layers_dims[l], layers_dims[l - 1]], dtype=float)",
            "random": "10.0 * generator.randn(layers_dims[l], layers_dims[l - 1])",
            "he": "generator.standard_normal((layers_dims[l], layers_dims[l - 1])) "
            "* np.sqrt(2) / np.sqrt(layers_dims[l - 1])",
        },
    ),
    "multiplied-later": _three(
        body={
            "zeros": "W = np.random.rand(layers_dims[l], layers_dims[l - 1]) * 0\n"
            'parameters[f"W{l}"] = W\n'
            'parameters[f"b{l}"] = np.random.rand(layers_dims[l], 1) * 0',
            "random": "W = np.random.randn(layers_dims[l], layers_dims[l - 1])\nW *= 10\n"
            'parameters.update({f"W{l}": W, f"b{l}": np.zeros((layers_dims[l], 1))})',
            "he": "W = np.random.randn(layers_dims[l], layers_dims[l - 1])\n"
            "W /= np.sqrt(layers_dims[l - 1] / 2)\n"
            'parameters.update({f"W{l}": W, f"b{l}": np.zeros((layers_dims[l], 1))})',
        }
    ),
    "counted-from-zero": _three(
        layers="range(L)",
        body={
            exercise: f"n_prev, n = layers_dims[l : l + 2]\n"
            f'parameters["W%d" % (l + 1)] = {weights}\n'
            'parameters["b%d" % (l + 1)] = np.zeros((n, 1))'
            for exercise, weights in {
                "zeros": "np.zeros((n, n_prev))",
                "random": "np.random.randn(n, n_prev) * 10",
                "he": "np.random.randn(n, n_prev) * np.sqrt(2.0 / n_prev)",
            }.items()
        },
    ),
    "ordered-dictionary": _three(
        start="from collections import OrderedDict", end="return OrderedDict(parameters)"
    ),
    "zip-and-enumerate": """\
def initialize_parameters_zeros(layers_dims):
    parameters = {}
    for l, (n_prev, n) in enumerate(zip(layers_dims[:-1], layers_dims[1:]), start=1):
        parameters["W" + str(l)] = np.zeros((n, n_prev))
        parameters["b" + str(l)] = np.zeros(n).reshape(-1, 1)
    return parameters


def initialize_parameters_random(layers_dims):
    np.random.seed(3)
    parameters = {}
    for l, (n_prev, n) in enumerate(zip(layers_dims[:-1], layers_dims[1:]), start=1):
        parameters["W" + str(l)] = np.random.randn(n * n_prev).reshape(n, n_prev) * 10
        parameters["b" + str(l)] = np.zeros(n)[:, np.newaxis]
    return parameters


def initialize_parameters_he(layers_dims):
    np.random.seed(3)
    parameters = {}
    for l, (n_prev, n) in enumerate(zip(layers_dims[:-1], layers_dims[1:]), start=1):
        parameters["W" + str(l)] = np.random.randn(n, n_prev) * (2 / n_prev) ** 0.5
        parameters["b" + str(l)] = np.zeros_like(parameters["W" + str(l)][:, :1])
    return parameters
""",
    "while-loop": """\
def initialize_parameters_zeros(layers_dims):
    parameters, l = {}, 1
    while l < len(layers_dims):
        parameters[f"W{l}"] = np.zeros(shape=(layers_dims[l], layers_dims[l - 1]))
        parameters[f"b{l}"] = np.zeros(shape=(layers_dims[l], 1))
        l += 1
    return parameters


def initialize_parameters_random(layers_dims):
    np.random.seed(3)
    parameters, l = {}, 1
    while l < len(layers_dims):
        parameters[f"W{l}"] = np.random.randn(layers_dims[l], layers_dims[l - 1]) * 10.0
        parameters[f"b{l}"] = np.zeros(shape=(layers_dims[l], 1))
        l += 1
    return parameters


def initialize_parameters_he(layers_dims):
    np.random.seed(3)
    parameters, l = {}, 1
    while l < len(layers_dims):
        W = np.random.randn(layers_dims[l], layers_dims[l - 1])
        parameters[f"W{l}"] = np.multiply(W, np.sqrt(np.divide(2.0, layers_dims[l - 1])))
        parameters[f"b{l}"] = np.zeros(shape=(layers_dims[l], 1))
        l += 1
    return parameters
""",
    "nested-helper": """\
def initialize_parameters_zeros(layers_dims):
    def layer(l):
        shape = layers_dims[l], layers_dims[l - 1]
        return {f"W{l}": np.zeros(shape), f"b{l}": np.zeros((shape[0], 1))}

    return {key: value for l in range(1, len(layers_dims)) for key, value in layer(l).items()}


def initialize_parameters_random(layers_dims):
    np.random.seed(3)

    def layer(l):
        W = 10 * np.random.randn(layers_dims[l], layers_dims[l - 1])
        return {f"W{l}": W, f"b{l}": np.zeros((layers_dims[l], 1))}

    return {key: value for l in range(1, len(layers_dims)) for key, value in layer(l).items()}


def initialize_parameters_he(layers_dims):
    np.random.seed(3)

    def layer(l):
        std = np.sqrt(2.0 / layers_dims[l - 1])
        W = std * np.random.randn(layers_dims[l], layers_dims[l - 1])
        return {f"W{l}": W, f"b{l}": np.zeros((layers_dims[l], 1))}

    return {key: value for l in range(1, len(layers_dims)) for key, value in layer(l).items()}
""",
    "comprehension": """\
def initialize_parameters_zeros(layers_dims):
    sizes = list(zip(layers_dims[1:], layers_dims))
    W = {f"W{l}": np.zeros(size) for l, size in enumerate(sizes, 1)}
    return W | {f"b{l}": np.zeros((n, 1)) for l, (n, _) in enumerate(sizes, 1)}


def initialize_parameters_random(layers_dims):
    np.random.seed(3)
    sizes = list(zip(layers_dims[1:], layers_dims))
    W = {f"W{l}": np.random.randn(*size) * 10 for l, size in enumerate(sizes, 1)}
    return W | {f"b{l}": np.zeros((n, 1)) for l, (n, _) in enumerate(sizes, 1)}


def initialize_parameters_he(layers_dims):
    np.random.seed(3)
    sizes = list(zip(layers_dims[1:], layers_dims))
    W = {f"W{l}": np.random.randn(n, m) * np.sqrt(2 / m) for l, (n, m) in enumerate(sizes, 1)}
    return W | {f"b{l}": np.zeros((n, 1)) for l, (n, _) in enumerate(sizes, 1)}
""",
}
