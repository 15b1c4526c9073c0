"""Wrong programs of the kinds that once got a false or an unclear message.

The words that each gets stand in `tests/lesson/further_mistakes.md`:
`python -m tests.support.further_mistakes` writes that page anew.
"""

from pathlib import Path

from tests.support.mistakes import RIGHT_WEIGHTS, Mistake, answer
from tests.support.more_mistakes import DRAW, FACTOR, N, P, page

PAGE = Path(__file__).parents[1] / "lesson" / "further_mistakes.md"
ZEROS, LARGE, HE = RIGHT_WEIGHTS.values()
W, B = 'parameters["W" + str(l)]', 'parameters["b" + str(l)]'
BIASES = f"{B} = np.zeros(({N}, 1))"
STORED = f"{W} = {ZEROS}\n{BIASES}"

FURTHER_MISTAKES: list[Mistake] = []


def add(exercise: str, code: str, name: str, weights: str | None = None, **pieces: str) -> None:
    FURTHER_MISTAKES.append(Mistake(name, exercise, answer(exercise, weights, **pieces), code))


def cell(exercise: str, code: str, name: str, source: str) -> None:
    FURTHER_MISTAKES.append(Mistake(name, exercise, source, code))


def stored(name: str, code: str, weights: str = ZEROS, key_W: str = W, key_b: str = B) -> None:
    add("zeros", code, name, body=f"{key_W} = {weights}\n{key_b} = np.zeros(({N}, 1))")


# 1. What the numbers prove, and no more
scaled = f"W = {DRAW}\n{{}}\n{W} = W\n{BIASES}"
add("random", "product-not-stored", "product on a line of its own", body=scaled.format("W * 10"))
add(
    "random",
    "stored-too-early",
    "scaled after storing",
    body=f"W = {DRAW}\n{W} = W\n{BIASES}\nW = W * 10",
)
add("he", "scale-partial-root", "sqrt(4 / n)", f"{DRAW} * np.sqrt(4 / {P})")
add("he", "scale-partial-root", "2 * sqrt(1 / n)", f"{DRAW} * 2 * np.sqrt(1 / {P})")
add(
    "random",
    "reseeded",
    "all layers cut from one array",
    f"a[: {N} * {P}].reshape({N}, {P}) * 10",
    start="a = np.random.randn(999)",
)
add("random", "squared", "squared", f"{DRAW} ** 2 * 10")
add("he", "squared", "multiplied by itself", f"W * W * {FACTOR}", first=f"W = {DRAW}")
add("random", "upside-down", "10 divided by the draw", f"10 / {DRAW}")
add("random", "cut-off", "astype(int) on the way", f"{DRAW}.astype(int) * 10.0")
add("he", "cut-off", "int after the factor", f"({HE}).astype(int).astype(float)")
add("random", "cut-off", "floor", f"{DRAW} // 1 * 10")
add("random", "rounded", "rounded before the factor", f"np.round({DRAW}, 2) * 10")
add("random", "factor-as-mean", "10 as the mean", f"np.random.normal(10, 1, ({N}, {P}))")
add("random", "shifted-mean", "10 as mean and spread", f"np.random.normal(10, 10, ({N}, {P}))")
add("he", "scale-twice", "factor applied twice", body=scaled.format(f"W = W * {FACTOR} * {FACTOR}"))
add(
    "he",
    "scale-twice",
    "factor squared in normal",
    f"np.random.normal(0, {FACTOR} ** 2, ({N}, {P}))",
)
add("random", "scale-tenth", "0.1 for 10", f"{DRAW} * 0.1")
add("he", "scale-power-first", "1 / n without a power", f"{DRAW} / {P}")
add("he", "scale-fixed", "three inputs", f"{DRAW} * np.sqrt(2 / 4)")
add("he", "scale-both-sizes", "sqrt(6 / (n + n))", f"{DRAW} * np.sqrt(6 / ({N} + {P}))")
add("he", "scale-other", "fourth root", f"{DRAW} * (2 / {P}) ** 0.25")
add("random", "shifted-mean", "minus 0.5", f"({DRAW} - 0.5) * 10")
add(
    "he",
    "shifted-and-scaled",
    "smallest to 0, largest to 1",
    f"W * {FACTOR}",
    first=f"W = {DRAW}\nW = (W - W.min()) / (np.ptp(W) + 1e-9)",
)
add("he", "scale-varies", "logarithm", f"{DRAW} * np.log(2 / {P})")
add("he", "some-entries-differ", "clipped", f"np.clip({HE}, -1, 1)")
add("random", "other-distribution", "cubed", f"{DRAW} ** 3 * 10")
add("random", "other-spread", "sum of two draws", f"({DRAW} + {DRAW}) * 10")
# 2. A hint that leaves something to do
add(
    "zeros",
    "never-stored",
    "arrays in names of their own",
    body=f"W = {ZEROS}\nb = np.zeros(({N}, 1))",
)
add("zeros", "colon-for-equals", "colon for =", body=f"{W}: {ZEROS}")
add(
    "zeros",
    "other-dictionary",
    "another dictionary",
    start="store = {}",
    body=f'store["W" + str(l)] = {ZEROS}',
)
add("zeros", "nothing-stored", "made anew after the loop", end="parameters = {}\nreturn parameters")
add(
    "zeros",
    "behind-the-loop",
    "only pass in the loop",
    body="pass",
    end=f"{STORED}\nreturn parameters",
)
add("zeros", "not-written", "only a text in the loop", body='"the lines come here"')
add("he", "rearranged", "sorted", f"np.sort({DRAW}) * {FACTOR}")
add("he", "rearranged", "turned round", f"({DRAW})[::-1] * {FACTOR}")
add("he", "rearranged", "columns turned round", f"np.fliplr({DRAW}) * {FACTOR}")
add("he", "rearranged", "transposed and reshaped", f"{DRAW}.T.reshape({N}, {P}) * {FACTOR}")
add(
    "zeros",
    "returns-none-at-times",
    "return for long networks only",
    end="if L > 3:\n    return parameters",
)
add("zeros", "returns-a-call", "returns what update gives", end="return parameters.update({})")
add("zeros", "returns-a-function", "return parameters.copy", end="return parameters.copy")
add("zeros", "returns-a-function", "return dict", end="return dict")
add("zeros", "not-a-dict", "returns a list of the dictionary", end="return [parameters]")
add("zeros", "not-a-dict", "returns the items", end="return parameters.items()")
add(
    "random",
    "seed-too-late",
    "seed below the loop",
    seed="",
    end="np.random.seed(3)\nreturn parameters",
)
add("random", "seed-of-random", "seed of random", seed="", start="import random\nrandom.seed(3)")
add("random", "no-seed", "seed = 3", seed="seed = 3")
add(
    "random",
    "other-generator-drawn",
    "default_rng",
    f"rng.standard_normal(({N}, {P})) * 10",
    start="rng = np.random.default_rng(3)",
)
# 3. What is meant is what is shown
add(
    "random",
    "one-constant",
    "ones after layer 1",
    f"({DRAW} if l == 1 else np.ones(({N}, {P}))) * 10",
)
add("he", "one-constant", "zeros in layer 2", f"{HE} * (l != 2)")
add("he", "scale-varies", "last layer without a factor", f"{DRAW} * ({FACTOR} if l < L else 1)")
add("random", "scale-varies", "first layer without a factor", f"{DRAW} * (10 if l > 1 else 1)")
add("random", "scale-of-network", "times the number of layers", f"{DRAW} * 10 * L")
add("random", "scale-varies", "times the number of the layer", f"{DRAW} * 10 * l")
add("he", "scale-varies", "sqrt(2 / L)", f"{DRAW} * np.sqrt(2 / L)")
add("he", "scale-varies", "rounded factor", f"{DRAW} * round({FACTOR}, 1)")
add("he", "scale-varies", "small number under the root", f"{DRAW} * np.sqrt(2 / {P} + 1e-3)")
add(
    "he",
    "some-entries-differ",
    "rows repeated",
    f"np.tile(np.random.randn(1, {P}), ({N}, 1)) * {FACTOR}",
)
add("he", "some-entries-differ", "one row zero", last=f"{W}[0] = 0")
# 4. Values before keys
add(
    "zeros",
    "nested-dictionary",
    "dictionary in a dictionary",
    end='return {"parameters": parameters}',
)
add("zeros", "nested-dictionary", "locals", end="return locals()")
add(
    "zeros",
    "nested-dictionary",
    "dictionary for each layer",
    body=f'parameters[f"layer{{l}}"] = {{"W": {ZEROS}}}',
)
add(
    "zeros",
    "lists-of-layers",
    "lists of layers",
    body=f'parameters.setdefault("W", []).append({ZEROS})',
)
add(
    "zeros",
    "lists-of-layers",
    "pairs",
    body=f'parameters[f"layer{{l}}"] = ({ZEROS}, np.zeros(({N}, 1)))',
)
stored("f missing", "key-not-filled", key_W='parameters["W{l}"]', key_b='parameters["b{l}"]')
stored("%d without a value", "key-not-filled", key_W='parameters["W%d"]')
stored(
    "float in the key",
    "keys-with-point",
    key_W='parameters[f"W{l / 1}"]',
    key_b='parameters[f"b{l / 1}"]',
)
stored(
    "number before letter",
    "keys-spelling",
    key_W='parameters[f"{l}W"]',
    key_b='parameters[f"{l}b"]',
)
stored("format without brackets", "keys-not-text", key_W='parameters["W{}".format]')
stored("function for W", "function-for-array", "np.zeros")
stored("text for W", "text-for-array", '"np.zeros"')
stored("what fill gives", "still-none", f"np.empty(({N}, {P})).fill(0)")
stored("what seed gives", "still-none", "np.random.seed(3)")
stored("shape for W", "not-an-array", f"({N}, {P})")
add("random", "single-number", "randn without sizes", "np.random.randn() * 10")
add("he", "single-number", "normal without sizes", f"np.random.normal(0, {FACTOR})")
add("zeros", "keys-missing", "every second layer", layers="range(1, L + 1, 2)")
add("zeros", "keys-missing", "b1 removed", end='parameters.pop("b1")\nreturn parameters')
# 5. Exceptions
add(
    "zeros",
    "dot-after-none",
    "parameters = parameters.update",
    body=f'parameters = parameters.update({{"W" + str(l): {ZEROS}}})',
)
stored('"W" % l', "text-with-places", key_W='parameters["W" % l]')
stored("{1}", "text-with-places", key_W='parameters["W{1}".format(l)]')
stored("{l} with format", "format-without-value", key_W='parameters["W{l}".format(l)]')
stored("join", "text-plus-number", key_W='parameters["".join(["W", l])]')
stored("W + str", "text-plus-other", key_W='parameters["W" + str]')
stored("list as a key", "unhashable-key", key_W='parameters[["W", l]]')
add(
    "zeros",
    "comma-for-colon",
    "comma for colon",
    body=f'parameters.update({{"W" + str(l), {ZEROS}}})',
)
add("zeros", "update-arguments", "update(k, v)", body=f'parameters.update("W" + str(l), {ZEROS})')
add("zeros", "number-as-dtype", "zeros(n, m, dtype)", f"np.zeros({N}, {P}, dtype=float)")
cell(
    "zeros",
    "not-cacheable",
    "lru_cache",
    f"from functools import lru_cache\n\n@lru_cache\n{answer('zeros')}",
)
add("zeros", "module-missing", "import torch", start="import torch")
add("zeros", "module-missing", "from np import", start="from np import zeros")
add("zeros", "text-as-index", "parameters = []", start="parameters = []")
add("zeros", "cannot-be-filled", "parameters = ()", start="parameters = ()")
add("zeros", "entry-of-none", "parameters = None", start="parameters = None")
add("zeros", "cannot-be-filled", "parameters = dict", start="parameters = dict")
add("zeros", "array-index", "parameters = np.zeros(3)", start="parameters = np.zeros(3)")
add("zeros", "type-as-number", "range(1, str(L))", layers="range(1, str(L))")
add("zeros", "function-as-number", "range(1, len)", layers="range(1, len)")
add("zeros", "not-called", "len - 1", start="L = len - 1")
add("zeros", "no-length", "len of a number", start="L = len(L)")
add(
    "zeros",
    "operand-types",
    "while l < layers_dims",
    start="k = 0\nwhile k < layers_dims:\n    k += 1",
)
add("zeros", "array-as-number", "range of an array", layers="range(np.array(layers_dims))")
add("zeros", "text-to-number", "int of a key", first='int("W" + str(l))')
add("zeros", "array-as-condition", "if W", first=f"if {ZEROS}:\n    pass")
add("zeros", "not-a-table", "array of all arrays", end="return np.array(list(parameters.values()))")
add("zeros", "too-many-sizes", "too many sizes", "np.zeros(layers_dims * 20)")
add("random", "too-large", "too large", "np.random.randn(10**9, 10**9)")
add(
    "he",
    "negative-scale",
    "root of a negative number",
    f"{DRAW} * math.sqrt(-2 / {P})",
    start="import math",
)
add(
    "he", "unknown-argument", "std in normal", f"np.random.normal(0, std={FACTOR}, size=({N}, {P}))"
)
add("he", "similar-attribute", "np.sqr", f"{DRAW} * np.sqr(2 / {P})")
add("he", "not-called", "np.sqrt without brackets", f"{DRAW} * np.sqrt")
add("random", "unknown-in-module", "np.rnd", f"np.rnd.randn({N}, {P}) * 10")
add("random", "dot-after-function", "np.random.rand.n", f"np.random.rand.n({N}, {P})")
add("zeros", "unknown-attribute", "l.str()", first="l.str()")
add("zeros", "unknown-dtype", "dtype in quotes", f'np.zeros(({N}, {P}), dtype="number")')
add("zeros", "dots-in-line", "dots in a sum", first="... + 1")
add("zeros", "star-before-number", "*n", biases=f"np.zeros(*{N})")
add("zeros", "one-for-several", "loop over None", first="for x in None:\n    pass")
add("zeros", "too-many-indices", "W[0][0][0]", first=f"{ZEROS}[0, 0, 0]")
add("zeros", "text-with-entry", "text[l]", first='letter = "W"\nletter["l"]')
add("zeros", "asks", "input", start='n = input("How many?")')
add("zeros", "opens-a-file", "file", start='open("sizes.txt")')
add("zeros", "operand-types", "return of a sum", end="return parameters.values() @ 2")
add("zeros", "shapes-do-not-fit", "np.concatenate", f"np.concatenate([np.zeros(3), {ZEROS}])")
cell(
    "zeros",
    "class-for-function",
    "class",
    "class initialize_parameters_zeros:\n    def __init__(self, layers_dims):\n        pass",
)
cell("zeros", "yields", "async def", f"async {answer('zeros')}")
add("zeros", "not-callable", "None()", first="nothing = None\nnothing(l)")
add("zeros", "raises", "next of nothing", first="next(iter([]))")
add("zeros", "raises-in-return", "next in return", end="return next(iter([]))")
add("zeros", "exits", "exit", start="import sys\nsys.exit()")
add("zeros", "returns-none", "return that is never reached", end="if L < 0:\n    return parameters")
# 6. Sizes of one example
fixed = "\n".join(
    f'parameters["W{l}"] = np.zeros(({n}, {m}))\nparameters["b{l}"] = np.zeros(({n}, 1))'
    for l, n, m in ((1, 3, 4), (2, 5, 3), (3, 1, 5))
)
add("zeros", "dims-ignored", "all sizes as numbers", body="pass", end=f"{fixed}\nreturn parameters")
add("zeros", "fixed-shapes", "one shape as numbers", "np.zeros((3, 4))")
add("zeros", "fixed-rows", "rows as a number", f"np.zeros((3, {P}))")
add("he", "fixed-columns", "columns as a number", f"np.random.randn({N}, 4) * {FACTOR}")
add("zeros", "fixed-shapes", "b as numbers", biases="np.zeros((3, 1))")
add("zeros", "fixed-shapes", "sizes l and l - 1", "np.zeros((l, l - 1))")
add("zeros", "fixed-depth", "three layers", layers="(1, 2, 3)")
add("zeros", "mutates-input", "list turned round", start="layers_dims.reverse()")
add("zeros", "mutates-input", "list made longer", start="layers_dims.insert(0, 2)")
# 7. Names and characters
for code, names in {
    "placeholder": "TODO",
    "module-not-imported": "keras nn",
    "self": "self",
    "other-language": "Math length null",
    "similar-name": "Layers_dims params Len",
    "unknown-letter": "i",
    "np-in-front": "full",
}.items():
    for wrong in names.split():
        add("zeros", code, wrong, start=f"x = {wrong}")
add("zeros", "look-alike-name", "Cyrillic letter in a name", start="x = l\u0430yers_dims")
stored("Cyrillic letter in a key", "odd-key", key_b='parameters["\u0416" + str(l)]')
stored("invisible character in a key", "odd-key", key_W='parameters["W\\u200b" + str(l)]')
cell(
    "zeros",
    "cell-odd-character",
    "no-break space",
    answer("zeros").replace("    L =", "\u00a0   L ="),
)
cell(
    "zeros", "cell-odd-character", "full-width comma", answer("zeros").replace("], 1", "]\uff0c 1")
)
cell("zeros", "cell-odd-character", "minus sign", answer("zeros").replace("- 1", "\u2212 1"))
cell("random", "cell-letter-behind-digit", "letter O for 0", answer("random", f"{DRAW} * 1O"))
cell("zeros", "def-missing", "line with def is gone", answer("zeros").partition("\n")[2])
cell(
    "he", "other-name", "capital letter in the name", answer("he", name="initialize_parameters_He")
)
cell(
    "random",
    "other-name",
    "letter left out in the name",
    answer("random", name="initialise_parameters_random"),
)
cell(
    "he",
    "defined-inside",
    "in a class",
    "class Start:\n    " + answer("he").replace("\n", "\n    "),
)
cell(
    "he",
    "defined-inside",
    "in a function",
    "def start():\n    " + answer("he").replace("\n", "\n    "),
)
cell(
    "zeros",
    "cell-empty-block",
    "comment only",
    "def initialize_parameters_zeros(layers_dims):\n    # here\nx = 1",
)


if __name__ == "__main__":
    PAGE.write_text(page(FURTHER_MISTAKES, with_source=True))
