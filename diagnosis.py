"""Find out, from the numbers alone, what is wrong with the parameters that a function returned.

`public_tests.py` calls the function for several architectures and hands over what came back,
together with what was expected. The functions below look at keys, types, shapes and values, in
this order, and describe the first thing that is wrong as a `Finding`.

Two principles:

* A cause is named only if it explains every number of every architecture (to a relative error of
  1e-9) and no other cause does. Everything else is reported as the plain difference that it is.
* Nothing here knows how to build the right parameters: causes are derived from the ratio of what
  was found to what was expected.
"""

import builtins
import math
import os
import re
import sysconfig
import traceback
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

SEED = 3  # the seed that the exercises prescribe
OTHER_SEEDS = [*range(101), 123, 1234, 12345, 123456, 1337, 2020, 2021, 2022, 2023, 2024, 2025]
RELATIVE_ERROR = 1e-9  # sqrt(2 / n) and sqrt(2) / sqrt(n) differ in the last bits; both are right
LONGEST_SKIP = 500  # how many extra random numbers are looked for


@dataclass(frozen=True)
class Finding:
    """What is wrong.

    Attributes
    ----------
    code : str
        Short stable name, used to count how often something goes wrong.
    seen : str
        What was found and expected, with its numbers. Left out where the architecture is secret.
    meaning : str
        The same in words.
    hint : str
        What to look at next.
    """

    code: str
    seen: str
    meaning: str
    hint: str


@dataclass
class Attempt:
    """One architecture, what the function should return for it and what it did.

    Attributes
    ----------
    layers_dims : list of int
        The number of units of each layer, the input first.
    expected : dict of str to ndarray
        `W1, b1, ..., WL, bL`.
    found, found_again : object
        What a first and a second call returned.
    argument : object
        The list that the function was given, after the calls.
    error : BaseException or None
        What the function raised instead.
    """

    layers_dims: list[int]
    expected: dict[str, np.ndarray]
    found: object = None
    found_again: object = None
    argument: object = None
    error: BaseException | None = None

    @property
    def depth(self) -> int:
        """The number of layers that have weights."""
        return len(self.layers_dims) - 1


# ------------------------------------------------------------------------------------- exceptions

# Exception, pattern of its message, code (None: "raises-" and the name), explanation, hint.
_EXPLANATIONS = [
    (
        "TypeError",
        r"Cannot interpret .* as a data type",
        "number-as-dtype",
        "NumPy was given a size where it expects a data type.",
        "np.zeros takes the whole shape as one argument: rows and columns together in a tuple.",
    ),
    (
        "TypeError",
        r"'(tuple|list)' object cannot be interpreted as an integer",
        "tuple-as-number",
        "A tuple or list was given where a single whole number is expected.",
        "np.random.randn takes rows and columns as two separate arguments, unlike np.zeros.",
    ),
    (
        "TypeError",
        r"'float' object cannot be interpreted as an integer",
        "float-as-size",
        "A size or a counter must be a whole number, and this one is a float.",
        "The division / always gives a float.",
    ),
    (
        "TypeError",
        r"positional argument",
        None,
        "A function was called with too many or too few arguments.",
        "Compare the call in this line with the definition or the manual of the function.",
    ),
    (
        "TypeError",
        r"can only concatenate str",
        None,
        "A text and a number cannot be joined with +.",
        "A key such as W1 is made of a letter and a number; turn the number into text first.",
    ),
    (
        "TypeError",
        r"object is not callable",
        None,
        "Round brackets follow something that is not a function.",
        "Square brackets take an entry of a list; a product needs its * sign.",
    ),
    (
        "TypeError",
        r"is not subscriptable",
        None,
        "Square brackets follow something that has no entries.",
        "Which variable in this line should be a list, a dict or an array, and what is it?",
    ),
    (
        "TypeError",
        r"unsupported operand type",
        None,
        "The two sides of an operator do not fit together.",
        "A list is not a number: take one entry of it, with square brackets.",
    ),
    (
        "IndexError",
        r"list index out of range",
        "index-out-of-range",
        "It asks for an entry that the list does not have.",
        "Count from 0: a list of L + 1 sizes ends at index L. Where does your loop end?",
    ),
    (
        "NameError",
        r"",
        None,
        "It uses a name that has no value at this point.",
        "Look for a typing error; everything that the function needs comes in as its argument.",
    ),
    (
        "UnboundLocalError",
        r"",
        None,
        "It uses a variable before the variable gets its value.",
        "Give the variable its first value above this line.",
    ),
    (
        "KeyError",
        r"",
        None,
        "It reads a key that the dictionary does not have.",
        "Store a value under a key before you read it; compare the spelling of both.",
    ),
    (
        "AttributeError",
        r"",
        None,
        "What stands before the dot has nothing of the name that stands after it.",
        "Look for a typing error after the dot.",
    ),
    (
        "ValueError",
        r"broadcast|reshape|mismatch",
        None,
        "The shapes of two arrays do not fit together.",
        "Print the shapes of the arrays in this line.",
    ),
    (
        "ZeroDivisionError",
        r"",
        None,
        "It divides by zero.",
        "Which number in this line can be zero?",
    ),
    (
        "RecursionError",
        r"",
        None,
        "The function calls itself without an end.",
        "A loop over the layers is enough; the function need not call itself.",
    ),
    (
        "SystemExit",
        r"",
        None,
        "It tells Python to stop.",
        "Remove the call that exits: a function hands its result back with return.",
    ),
]


def explain_error(error: BaseException) -> Finding:
    """Describe an exception that the student's function raised, with the student's own line.

    Parameters
    ----------
    error : BaseException
        Either a real exception, or one that reports an exception of another process through its
        attributes `type_name`, `message` and `frames` (pairs of line number and source line,
        innermost last).
    """
    name = getattr(error, "type_name", type(error).__name__)
    message = _shorten(getattr(error, "message", None) or str(error), 200)
    frames = getattr(error, "frames", None)
    frames = _own_frames(error) if frames is None else frames
    # Only a name that Python itself gives is repeated: any other was chosen by the student's code.
    name = name if hasattr(builtins, name) else "exception"

    if not frames and name == "TypeError" and "positional argument" in message:
        return Finding(
            "changed-parameters",
            f"TypeError: {message}.",
            "The function cannot be called with layers_dims as its only argument.",
            "Leave the line that starts with def as it was given.",
        )
    code, explanation, hint = None, "", "Read the line once more, then run it in small steps."
    for known_name, pattern, *known in _EXPLANATIONS:
        if name == known_name and re.search(pattern, message):
            code, explanation, hint = known
            break
    article = "an" if name[0] in "AEIOUaeiou" else "a"
    if frames:
        number, line = frames[-1]
        where = f"Line {number} of your code, `{_shorten(line, 120)}`, raised {article} {name}."
    else:
        where = f"Your function raised {article} {name}."
    return Finding(
        code or f"raises-{name}",
        f"{name}: {message}." if message else "",
        f"{where} {explanation}".strip(),
        hint,
    )


def _own_frames(error: BaseException) -> list[tuple[int, str]]:
    """The lines of the student's code that an exception passed through, innermost last."""
    libraries = tuple(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib"))
    here = os.path.dirname(os.path.abspath(__file__))
    tests = tuple(os.path.join(here, name) for name in ("public_tests.py", "diagnosis.py"))
    return [
        (frame.lineno, frame.line or "")
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith((*libraries, *tests, "<frozen", "<__array_function__"))
    ]


def _shorten(text: str, length: int) -> str:
    """The first line of a text, cut to a length, without a full stop at its end."""
    lines = str(text).strip().splitlines()
    line = lines[0].strip().removesuffix(".") if lines else ""
    return line if len(line) <= length else line[: length - 3] + "..."


# ------------------------------------------------------------------------------- dict, keys, types


def check_structure(attempt: Attempt, attempts: list[Attempt]) -> Finding | None:
    """Compare what one call returned with what was expected, up to the shapes.

    Parameters
    ----------
    attempt : Attempt
        The one to look at.
    attempts : list of Attempt
        All of them: a cause must explain what came back for every architecture.
    """
    return (
        _check_dict(attempt, attempts)
        or _check_keys(attempt, attempts)
        or _check_types(attempt)
        or _check_shapes(attempt, attempts)
    )


def _check_dict(attempt: Attempt, attempts: list[Attempt]) -> Finding | None:
    if attempt.found is None:
        return Finding(
            "returns-none",
            "",
            "The function returned None, expected a dictionary of arrays.",
            "Printing a result does not hand it back: the function ends with a return.",
        )
    if type(attempt.found) is not dict:
        return Finding(
            "not-a-dict",
            "",
            f"The function returned a value of type {_type_name(attempt.found)}, expected a "
            "dictionary of arrays (dict).",
            "Store each array in the dictionary `parameters` under its key, and return that.",
        )
    if all(type(other.found) is dict and not other.found for other in attempts):
        return Finding(
            "nothing-stored",
            "",
            "The function returned an empty dictionary, expected the arrays W1, b1, W2, b2, ...",
            "Is the marked part of the cell filled in, and does it store each array under its key?",
        )
    return None


def _layer_keys(first: int, last: int, letters: str = "Wb") -> set[str]:
    return {f"{letter}{l}" for l in range(first, last + 1) for letter in letters}


# What the keys look like (given the number L of layers with weights), the code, and what to say.
_KEY_PATTERNS: list[tuple[Callable[[int], set[str]], str, str, str]] = [
    (
        lambda L: _layer_keys(1, L - 1),
        "missing-last-layer",
        "The last layer is missing.",
        "Write down the values that your loop counter takes. Where does range stop?",
    ),
    (
        lambda L: _layer_keys(1, 1),
        "only-first-layer",
        "Only the first layer came back.",
        "Does the function return before the loop has finished? Look at the indentation.",
    ),
    (
        lambda L: _layer_keys(L, L),
        "only-last-layer",
        "Only the last layer came back.",
        "Is the dictionary emptied in each round of the loop?",
    ),
    (
        lambda L: _layer_keys(2, L),
        "missing-first-layer",
        "The first layer is missing.",
        "Write down the values that your loop counter takes. Where does range start?",
    ),
    (
        lambda L: _layer_keys(0, L - 1),
        "keys-from-zero",
        "The layers are counted from 0; the first one should be W1 and b1.",
        "The input is layer 0 and has no weights.",
    ),
    (
        lambda L: _layer_keys(1, L + 1),
        "one-layer-too-many",
        "There is one layer too many.",
        "A list of L + 1 sizes describes L layers that have weights.",
    ),
    (
        lambda L: _layer_keys(1, L, "W"),
        "missing-biases",
        "The biases are missing.",
        "Each layer has two arrays: W and b.",
    ),
    (
        lambda L: _layer_keys(1, L, "b"),
        "missing-weights",
        "The weights are missing.",
        "Each layer has two arrays: W and b.",
    ),
]


def _check_keys(attempt: Attempt, attempts: list[Attempt]) -> Finding | None:
    found, expected = attempt.found, set(attempt.expected)
    if all(type(key) is str for key in found) and set(found) == expected:
        return None
    listed = ", ".join(_shorten(repr(key), 20) for key in list(found)[:6]) or "none"
    more = ", ..." if len(found) > 6 else ""
    seen = f"The keys are {listed}{more}, expected {', '.join(map(repr, attempt.expected))}."

    if not all(type(key) is str for key in found):
        return Finding(
            "keys-not-text",
            seen,
            "The keys must be texts such as 'W1', and some of them are not.",
            "A key is made of the letter and the number of the layer, joined into one text.",
        )
    causes = [
        Finding(code, seen, meaning, hint)
        for pattern, code, meaning, hint in _KEY_PATTERNS
        if all(
            type(other.found) is dict and set(other.found) == pattern(other.depth)
            for other in attempts
        )
    ]
    causes += filter(None, [_dims_ignored(attempts, seen)])
    if len(causes) == 1:
        return causes[0]
    if {key.lower() for key in found} == {key.lower() for key in expected}:
        return Finding(
            "keys-case",
            seen,
            "Capital and small letters of the keys are mixed up.",
            "Python tells capital and small letters apart: weights are W, biases are b.",
        )
    if {re.sub(r"\W|_", "", key) for key in found} == expected:
        return Finding(
            "keys-spelling",
            seen,
            "Letter and number of a key must follow each other directly.",
            "Print the keys and compare them, character by character, with the expected ones.",
        )
    if found and not any(character.isdigit() for key in found for character in key):
        return Finding(
            "keys-without-number",
            seen,
            "The keys do not contain the number of the layer, so each layer replaces the last one.",
            "Join the letter with the value of the loop counter, not with its name.",
        )
    missing = [key for key in attempt.expected if key not in found]
    if not missing:
        return Finding(
            "extra-keys",
            seen,
            "There are keys that should not be there.",
            "Return W and b of each layer and nothing else.",
        )
    return Finding(
        "wrong-keys",
        seen,
        "The keys are not those of the layers.",
        "Each layer that has weights needs one W and one b, numbered from 1.",
    )


def _dims_ignored(attempts: list[Attempt], seen: str) -> Finding | None:
    """The same arrays came back whatever the argument was."""
    if not all(type(attempt.found) is dict and attempt.found for attempt in attempts):
        return None
    shapes = [
        {str(key): getattr(value, "shape", None) for key, value in attempt.found.items()}
        for attempt in attempts
    ]
    differ = any(attempt.layers_dims != attempts[0].layers_dims for attempt in attempts)
    if not differ or any(other != shapes[0] for other in shapes):
        return None
    return Finding(
        "dims-ignored",
        seen,
        "Whatever layers_dims is, the function returns arrays of the same shapes.",
        "Take every size from the argument layers_dims: no fixed numbers, no variable of the "
        "notebook.",
    )


def _check_types(attempt: Attempt) -> Finding | None:
    for key in attempt.expected:
        value = attempt.found[key]
        if type(value) is not np.ndarray:
            return Finding(
                "list-not-array" if type(value) is list else "not-an-array",
                "",
                f"{key} is of type {_type_name(value)}, expected a NumPy array (numpy.ndarray).",
                "np.zeros and np.random.randn make arrays; keep what they give you.",
            )
        if value.dtype != np.float64:
            return Finding(
                {"i": "integer-dtype", "f": "wrong-precision"}.get(value.dtype.kind, "wrong-dtype"),
                "",
                f"{key} holds numbers of type {_shorten(value.dtype, 20)}, expected float64.",
                "Leave the data type alone: what np.zeros and np.random.randn choose is right.",
            )
    return None


def _type_name(value: object) -> str:
    name = type(value).__name__
    return "array of unusual kind" if name == "ndarray" else _shorten(name, 40)


# ----------------------------------------------------------------------------------------- shapes


def _check_shapes(attempt: Attempt, attempts: list[Attempt]) -> Finding | None:
    for key, right in attempt.expected.items():
        shape = attempt.found[key].shape
        if shape == right.shape:
            continue
        seen = f"{key} has shape {shape}, expected {right.shape}."
        causes = [
            cause
            for pattern, cause in _shape_patterns(key[0], seen)
            if all(_follows(other, key[0], pattern) for other in attempts)
        ]
        causes += filter(None, [_dims_ignored(attempts, seen)])
        if len(causes) == 1:
            return causes[0]
        if key[0] == "W":
            meaning, hint = f"The shape of {key} does not fit its layer.", _WEIGHT_SHAPE_HINT
        else:
            meaning, hint = f"The shape of {key} does not fit its layer.", _BIAS_SHAPE_HINT
        return Finding("weight-shape" if key[0] == "W" else "bias-shape", seen, meaning, hint)
    return None


_WEIGHT_SHAPE_HINT = (
    "W has one row for each unit of this layer and one column for each unit of the previous one."
)
_BIAS_SHAPE_HINT = "b has one row for each unit of this layer, and one column."


def _shape_patterns(letter: str, seen: str) -> list[tuple[Callable, Finding]]:
    """Ways in which all shapes can be wrong, as functions of rows and columns of W."""
    if letter == "W":
        return [
            (
                lambda rows, columns: (columns, rows),
                Finding(
                    "transposed",
                    seen,
                    "Rows and columns of the weights are exchanged.",
                    _WEIGHT_SHAPE_HINT,
                ),
            )
        ]
    return [
        (
            lambda rows, columns: (rows,),
            Finding(
                "bias-flat",
                seen,
                "The biases have one dimension, expected two: a column.",
                _BIAS_SHAPE_HINT,
            ),
        ),
        (
            lambda rows, columns: (1, rows),
            Finding("bias-row", seen, "The biases are rows, expected columns.", _BIAS_SHAPE_HINT),
        ),
        (
            lambda rows, columns: (columns, 1),
            Finding(
                "bias-of-previous-layer",
                seen,
                "The biases have the size of the previous layer.",
                _BIAS_SHAPE_HINT,
            ),
        ),
    ]


def _follows(attempt: Attempt, letter: str, pattern: Callable) -> bool:
    """Whether all weights (or biases) of an attempt have the shapes that a pattern gives."""
    if type(attempt.found) is not dict:
        return False
    return all(
        getattr(attempt.found.get(f"{letter}{l}"), "shape", None)
        == pattern(*attempt.expected[f"W{l}"].shape)
        for l in range(1, attempt.depth + 1)
    )


# ----------------------------------------------------------------------------------------- values


def check_values(
    exercise: str, attempts: list[Attempt], call: Callable[[list[int]], object]
) -> tuple[Attempt, Finding] | None:
    """Compare the values, given that all keys, types and shapes are right.

    Parameters
    ----------
    exercise : {"zeros", "random", "he"}
        Which exercise it is.
    attempts : list of Attempt
        What came back for each architecture.
    call : callable
        Calls the function with another architecture, in case the distribution must be looked at.

    Returns
    -------
    (Attempt, Finding) or None
        The first attempt that shows what is wrong, and what it is.
    """
    with np.errstate(all="ignore"):
        for attempt in attempts:
            finding = _check_finite(attempt) or _check_repeats(exercise, attempt)
            if finding:
                return attempt, finding
        # Biases first: numbers drawn for them also shift the weights that are drawn after them.
        for letter, diagnose in (("b", _diagnose_biases), ("W", _diagnose_weights)):
            for attempt in attempts:
                key = _first_wrong_key(attempt, letter)
                if key:
                    seen = _first_difference(attempt, key)
                    return attempt, diagnose(exercise, attempts, key, seen, call)
    return None


def _check_finite(attempt: Attempt) -> Finding | None:
    for key in attempt.expected:
        if not np.isfinite(attempt.found[key]).all():
            return Finding(
                "not-finite",
                "",
                f"{key} contains nan or infinite values.",
                "Look for a division by zero, the root of a negative number, or an array that is "
                "never filled.",
            )
    return None


def _check_repeats(exercise: str, attempt: Attempt) -> Finding | None:
    first, second = attempt.found, attempt.found_again
    if not _same_structure(first, second) or any(
        not np.array_equal(first[key], second[key]) for key in _of(attempt, "b")
    ):
        code, meaning = "not-repeatable", "Two calls with the same layers_dims differ."
    elif any(not np.array_equal(first[key], second[key]) for key in _of(attempt, "W")):
        if exercise == "zeros":
            code, meaning = "not-repeatable", "Two calls with the same layers_dims differ."
        else:
            code, meaning = "no-seed", "The weights differ from one call to the next."
    else:
        return None
    return Finding(
        code,
        "",
        f"{meaning} Expected: every call gives the same numbers.",
        "The generator must start at the given seed inside the function, before the first draw."
        if code == "no-seed"
        else "The result may depend on layers_dims only, not on anything outside the function.",
    )


def _same_structure(first: dict, second: object) -> bool:
    return (
        type(second) is dict
        and second.keys() == first.keys()
        and all(
            type(second[key]) is np.ndarray and second[key].shape == first[key].shape
            for key in first
        )
    )


def _of(attempt: Attempt, letter: str) -> list[str]:
    return [f"{letter}{l}" for l in range(1, attempt.depth + 1)]


def _close(found: np.ndarray | float, expected: np.ndarray | float) -> bool:
    return bool(np.allclose(found, expected, rtol=RELATIVE_ERROR, atol=0))


def _first_wrong_key(attempt: Attempt, letter: str) -> str | None:
    keys = _of(attempt, letter)
    return next((k for k in keys if not _close(attempt.found[k], attempt.expected[k])), None)


def _first_difference(attempt: Attempt, key: str) -> str:
    found, expected = attempt.found[key], attempt.expected[key]
    differs = ~np.isclose(found, expected, rtol=RELATIVE_ERROR, atol=0)
    row, column = np.argwhere(differs)[0]
    place = f"{key}[{row}, {column}]"
    return f"{place} is {found[row, column]:.8g}, expected {expected[row, column]:.8g}."


def _constant(attempts: list[Attempt], letter: str) -> float | None:
    """The one value that all entries of all weights (or biases) have, if there is one."""
    arrays = [attempt.found[key] for attempt in attempts for key in _of(attempt, letter)]
    value = float(arrays[0].flat[0])
    # An array of one entry is always constant: without a larger one there is no evidence.
    enough = any(array.size > 1 for array in arrays)
    return value if enough and all((array == value).all() for array in arrays) else None


def _diagnose_biases(exercise, attempts, key, seen, call) -> Finding:
    value = _constant(attempts, "b")
    if value is not None:
        return Finding(
            "bias-constant",
            seen,
            f"Every bias is {value:.4g}, expected 0.",
            "Biases may start at zero; nothing needs to break their symmetry.",
        )
    return Finding(
        "nonzero-bias",
        seen,
        "The biases are not zero.",
        "Biases start at zero. Numbers drawn for them would also shift the weights that follow.",
    )


def _diagnose_weights(exercise, attempts, key, seen, call) -> Finding:
    value = _constant(attempts, "W")
    if exercise == "zeros":
        if value is not None:
            return Finding(
                "weights-constant",
                seen,
                f"Every weight is {value:.4g}, expected 0.",
                "Read the name of the exercise once more.",
            )
        return Finding(
            "weights-not-zero",
            seen,
            "The weights are not zero.",
            "This exercise draws nothing: all weights and biases start at zero.",
        )
    if value is not None:
        code, words = ("weights-zero", "zero") if value == 0 else ("weights-constant", "the same")
        return Finding(
            code,
            seen,
            f"All weights are {words}, expected random numbers.",
            "Weights that are all alike stay alike: draw each one at random.",
        )
    networks = _networks(attempts)
    wrong = [layer for layers in networks for layer in layers if not layer.is_right]
    # One or two numbers can be explained in many ways, and so can multiples of single numbers.
    if sum(layer.found.size for layer in wrong) >= 3:
        if any(layer.found.size > 1 for layer in wrong):
            finding = _diagnose_scale(exercise, networks, seen)
            if finding:
                return finding
        for diagnose in (_diagnose_entries, _diagnose_draw, _diagnose_generator):
            finding = diagnose(networks, seen)
            if finding:
                return finding
        finding = _diagnose_distribution(exercise, seen, call)
        if finding:
            return finding
    shape = next(a.found[key].shape for a in attempts if _first_wrong_key(a, "W") == key)
    return Finding(
        "values-differ",
        f"{seen} {key} has the right shape, {shape}.",
        f"The values of {key} differ from the expected ones, in a way that this test cannot name.",
        "Follow the exercise step by step: what is drawn, in which order, and what it is "
        "multiplied by.",
    )


@dataclass(frozen=True)
class Layer:
    """The weights of one layer, flattened row by row.

    Attributes
    ----------
    key : str
        `W1`, `W2`, ...
    rows, columns : int
        The number of units of this layer and of the previous one.
    found, expected : ndarray, shape (rows * columns,)
        The weights.
    draw : ndarray, shape (rows * columns,)
        What `randn` gives for this layer after the prescribed seed.
    start : int
        How many numbers were drawn for the layers before.
    """

    key: str
    rows: int
    columns: int
    found: np.ndarray
    expected: np.ndarray
    draw: np.ndarray
    start: int

    @property
    def is_right(self) -> bool:
        return _close(self.found, self.expected)

    @property
    def ratio(self) -> float | None:
        """The number by which all expected weights would have to be multiplied, if there is one."""
        return _multiple(self.found, self.expected)

    @property
    def unit(self) -> np.ndarray:
        """The weights that were found, divided by the factor that the expected ones contain."""
        return self.found * (self.draw[0] / self.expected[0])


def _networks(attempts: list[Attempt]) -> list[list[Layer]]:
    networks = []
    for attempt in attempts:
        layers, start = [], 0
        for key in _of(attempt, "W"):
            found, expected = attempt.found[key], attempt.expected[key]
            draw = _stream(SEED, start + found.size)[start:]
            layers.append(Layer(key, *found.shape, found.ravel(), expected.ravel(), draw, start))
            start += found.size
        networks.append(layers)
    return networks


def _stream(seed: int, length: int) -> np.ndarray:
    return np.random.RandomState(seed).randn(length)


def _multiple(found: np.ndarray, draw: np.ndarray) -> float | None:
    """The factor that turns `draw` into `found`, if one factor does so for all numbers."""
    largest = np.argmax(np.abs(draw))
    factor = float(found[largest] / draw[largest])
    return factor if _close(found, factor * draw) else None


# ------------------------------------------------------------------------------------------ scale

# Factors c * n_prev**p * n_this**q that have a name: (c, p, q), code, meaning, hint.
_NAMED_SCALES = {
    "random": [
        (
            (1, 0, 0),
            "scale-missing",
            "The numbers are drawn as they should be, and never made larger.",
            "Which factor does the exercise ask for?",
        ),
        (
            (math.sqrt(2), -1 / 2, 0),
            "scale-he",
            "The weights have the size of He initialization, expected large ones.",
            "Which factor does this exercise ask for?",
        ),
    ],
    "he": [
        (
            (1, 0, 0),
            "scale-missing",
            "The numbers are drawn as they should be, and never scaled.",
            "He initialization multiplies by a factor that depends on the layer.",
        ),
        (
            (10, 0, 0),
            "scale-ten",
            "The weights are multiplied by 10, as in the previous exercise.",
            "He initialization replaces this factor by one that depends on the layer.",
        ),
        (
            (10 * math.sqrt(2), -1 / 2, 0),
            "large-scale-kept",
            "The weights are 10 times the expected ones: the factor of the previous exercise is "
            "still there.",
            "The factor of He initialization stands alone.",
        ),
        (
            (1, -1 / 2, 0),
            "scale-xavier",
            "The scale is that of Xavier initialization: the variance is 1 / n, expected 2 / n.",
            "Compare the two formulas: what stands above the fraction line for ReLU layers?",
        ),
        (
            (math.sqrt(2), 0, -1 / 2),
            "scale-fan-out",
            "The scale uses the number of units of this layer, expected that of the previous one.",
            "The weighted sum of a unit runs over the units of the previous layer.",
        ),
        (
            (2, -1, 0),
            "scale-root-missing",
            "The factor is 2 / n, expected its square root.",
            "2 / n is the variance; which operation turns it into a standard deviation?",
        ),
        (
            (math.sqrt(1 / 2), 1 / 2, 0),
            "scale-divided",
            "The numbers are divided by the factor, expected a multiplication.",
            "With more units in the previous layer the weights must become smaller, not larger.",
        ),
        (
            (2, -1 / 2, 0),
            "scale-partial-root",
            "The factor is 2 / sqrt(n): only a part of the fraction is under the root.",
            "The root covers the whole fraction.",
        ),
    ],
}


def _diagnose_scale(exercise: str, networks: list[list[Layer]], seen: str) -> Finding | None:
    """The right numbers, multiplied by something else than expected."""
    layers = [layer for network in networks for layer in network]
    ratios = [layer.ratio for layer in layers]
    if any(ratio is None for ratio in ratios):
        return None
    factors = np.array([layer.found[0] / layer.draw[0] for layer in layers])
    law = _power_law(layers, factors)
    if law is not None:
        for named, *finding in _NAMED_SCALES[exercise]:
            if _close(law, named):
                code, meaning, hint = finding
                return Finding(code, seen, meaning, hint)
    if _close(ratios, ratios[0]):
        ratio = ratios[0]
        return Finding(
            "scale-negative" if ratio < 0 else "scale-small" if ratio < 1 else "scale-large",
            seen,
            f"Every weight is {ratio:.4g} times the expected one.",
            "The numbers are drawn as they should be; compare the factor with the exercise.",
        )
    if law is not None:
        c, p, q = law
        return Finding(
            "scale-other",
            seen,
            f"The numbers are multiplied by {c:.4g} * n_prev^({p:g}) * n_this^({q:g}), where "
            "n_prev and n_this are the units of the previous and of this layer.",
            "The numbers are drawn as they should be; compare the factor with the exercise.",
        )
    if _is_glorot(layers, factors):
        return Finding(
            "scale-glorot",
            seen,
            "The scale uses the sum of the units of both layers (Glorot initialization).",
            "Here only the units of the previous layer count.",
        )
    return Finding(
        "scale-varies",
        f"{seen} Found divided by expected is "
        + ", ".join(f"{layer.ratio:.4g} in {layer.key}" for layer in networks[0])
        + ".",
        "Each W is a multiple of the expected one, but not the same multiple in each layer.",
        "The numbers are drawn as they should be; what does your factor depend on?",
    )


def _tells_sizes_apart(layers: list[Layer]) -> bool:
    """Whether the layers differ enough to see which layer size a factor depends on.

    With a single layer, or with equal layers, many formulas give the same factor.
    """
    sizes = [(1, math.log(layer.columns), math.log(layer.rows)) for layer in layers]
    return np.linalg.matrix_rank(sizes) == 3


def _power_law(layers: list[Layer], factors: np.ndarray) -> tuple[float, float, float] | None:
    """The (c, p, q) with factor = c * n_prev**p * n_this**q, p and q multiples of 1/2."""
    if not _tells_sizes_apart(layers) or (factors <= 0).any():
        return None
    columns = np.array([layer.columns for layer in layers], dtype=float)
    rows = np.array([layer.rows for layer in layers], dtype=float)
    logs = np.column_stack([np.ones(len(layers)), np.log(columns), np.log(rows)])
    solution = np.linalg.lstsq(logs, np.log(factors), rcond=None)[0]
    p, q = np.round(2 * solution[1:]) / 2 + 0.0
    c = factors[0] / (columns[0] ** p * rows[0] ** q)
    return (c, p, q) if _close(factors, c * columns**p * rows**q) else None


def _is_glorot(layers: list[Layer], factors: np.ndarray) -> bool:
    sums = np.array([layer.rows + layer.columns for layer in layers])
    return _tells_sizes_apart(layers) and _close(factors, np.sqrt(2 / sums))


# ---------------------------------------------------------------------------------- entries, draw


def _diagnose_entries(networks: list[list[Layer]], seen: str) -> Finding | None:
    """The right numbers, each of them changed in the same way."""
    found = np.concatenate([layer.found for network in networks for layer in network])
    expected = np.concatenate([layer.expected for network in networks for layer in network])
    largest = np.abs(expected).max()
    if _close(found, np.abs(expected)):
        return Finding(
            "absolute-values",
            seen,
            "The weights have lost their signs.",
            "About half of the weights should be negative.",
        )
    if any(_close(found, np.round(expected, digits)) for digits in range(9)):
        return Finding(
            "rounded", seen, "The weights are rounded.", "Keep all digits that the generator gives."
        )
    if np.allclose(found, expected, rtol=1e-5, atol=0):
        return Finding(
            "imprecise",
            seen,
            "The weights are right in the first digits only.",
            "Let Python compute every number; a rounded number costs digits.",
        )
    shift = float(np.median(found - expected))
    if abs(shift) > 1e-6 * largest and np.ptp(found - expected) < RELATIVE_ERROR * largest:
        return Finding(
            "shifted-mean",
            seen,
            f"Every weight is the expected one plus {shift:.4g}.",
            "The weights are drawn around zero.",
        )
    return None


def _diagnose_draw(networks: list[list[Layer]], seen: str) -> Finding | None:
    """The numbers of the right seed and scale, in other places."""

    def everywhere(explains: Callable[[list[Layer]], bool]) -> bool:
        return all(explains(network) for network in networks)

    if everywhere(_drawn_transposed):
        return Finding(
            "drawn-transposed",
            seen,
            "The right numbers fill each W column by column, expected row by row.",
            "Draw W in its final shape, rows first; then it needs no transposing.",
        )
    if everywhere(_same_numbers):
        return Finding(
            "drawn-in-other-order",
            seen,
            "The right numbers were drawn, but they stand in other places.",
            "Draw layer by layer, from the first to the last, each W in one call.",
        )
    if everywhere(_starts_again):
        return Finding(
            "reseeded",
            seen,
            "Every layer starts with the same random numbers.",
            "Where is the generator seeded: once, or in each round of the loop?",
        )
    if everywhere(_skips_numbers) or any(
        everywhere(lambda network, b=before, g=between: _skips_uniform(network, b, g))
        for before in range(4)
        for between in range(4)
    ):
        return Finding(
            "extra-draw",
            seen,
            "The numbers come from later in the stream: something else draws random numbers "
            "before or between the weights.",
            "After the seed, draw the weights of each layer and nothing else.",
        )
    return None


def _drawn_transposed(network: list[Layer]) -> bool:
    return all(
        _close(layer.unit.reshape(layer.rows, layer.columns).T.ravel(), layer.draw)
        for layer in network
    )


def _same_numbers(network: list[Layer]) -> bool:
    found = np.concatenate([layer.unit for layer in network])
    return _close(np.sort(found), np.sort(np.concatenate([layer.draw for layer in network])))


def _starts_again(network: list[Layer]) -> bool:
    return all(_close(layer.unit, _stream(SEED, layer.unit.size)) for layer in network)


def _skips_numbers(network: list[Layer]) -> bool:
    """Every layer is a piece of the stream, no earlier than it should be."""
    end = network[-1].start + network[-1].found.size
    stream = _stream(SEED, end + LONGEST_SKIP)
    position = 0
    for layer in network:
        size = layer.unit.size
        starts = np.flatnonzero(np.isclose(stream, layer.unit[0], rtol=RELATIVE_ERROR, atol=0))
        starts = [s for s in starts if s >= position and _close(stream[s : s + size], layer.unit)]
        if not starts:
            return False
        position = starts[0] + size
    return True


def _skips_uniform(network: list[Layer], before: int, between: int) -> bool:
    """Some calls of `rand` stand before the first layer, or between two layers."""
    generator = np.random.RandomState(SEED)
    generator.rand(before)
    for layer in network:
        if not _close(layer.unit, generator.randn(layer.unit.size)):
            return False
        generator.rand(between)
    return True


def _diagnose_generator(networks: list[list[Layer]], seen: str) -> Finding | None:
    """Numbers of another seed, or of another distribution."""
    for low in (0, 0.5):
        if _multiples_of(networks, lambda n, low=low: np.random.RandomState(SEED).rand(n) - low):
            return Finding(
                "uniform",
                seen,
                "The numbers are drawn from a uniform distribution, expected a normal one.",
                "One letter tells the two NumPy functions apart: u for uniform, n for normal.",
            )
    for seed in OTHER_SEEDS:
        if _multiples_of(networks, lambda n, seed=seed: _stream(seed, n)):
            return Finding(
                "other-seed",
                seen,
                f"The numbers are those of seed {seed}, expected those of seed {SEED}.",
                "Leave the line with the seed as it was given.",
            )
    if all(layer.is_right for network in networks for layer in network[:1]):
        return Finding(
            "wrong-after-first-layer",
            seen,
            "W1 is right; the layers after it hold other numbers.",
            "What happens between the first and the second round of the loop? Nothing but the "
            "weights may be drawn, and the generator is seeded once.",
        )
    return None


def _multiples_of(networks: list[list[Layer]], draws: Callable[[int], np.ndarray]) -> bool:
    """Whether every layer is a multiple of its piece of a stream of random numbers."""
    stream = draws(max(network[-1].start + network[-1].found.size for network in networks))
    return all(
        _multiple(layer.found, stream[layer.start : layer.start + layer.found.size]) is not None
        for network in networks
        for layer in network
    )


# ----------------------------------------------------------------------------------- distribution

# Layers so large that chance plays no part. The sample of the smaller matrix (20,000 numbers) has
# a standard error of 0.7 % for the mean (in units of the standard deviation), 0.5 % for the
# standard deviation, 0.017 for the skewness and 0.035 for the kurtosis. All limits below are at
# least 7 standard errors away: a right sample fails them less than once in 10**11 trials.
LARGE_DIMS = [300, 200, 100]
LARGE_SPREADS = {
    "random": {"W1": 10.0, "W2": 10.0},
    "he": {"W1": 0.0816496580927726, "W2": 0.1},
}
MEAN_LIMIT, SPREAD_LIMIT, SKEWNESS_LIMIT, KURTOSIS_LIMIT = 0.05, 0.04, 0.15, 0.3


def _diagnose_distribution(exercise: str, seen: str, call: Callable) -> Finding | None:
    """Look at many numbers: is the distribution right, and only the stream another one?"""
    weights = _large_weights(call)
    if weights is None:
        return None
    spreads = []
    for key, numbers in weights.items():
        spread = numbers.std()
        deviations = (numbers - numbers.mean()) / spread
        if (
            not abs(numbers.mean()) < MEAN_LIMIT * spread
            or not abs((deviations**3).mean()) < SKEWNESS_LIMIT
            or not abs((deviations**4).mean() - 3) < KURTOSIS_LIMIT
        ):
            return Finding(
                "other-distribution",
                seen,
                f"The numbers in {key} are not drawn from a normal distribution around zero: a "
                f"large {key} has mean {numbers.mean():.2g} and standard deviation {spread:.2g}.",
                "The exercise names the NumPy function that draws the numbers.",
            )
        spreads.append(spread / LARGE_SPREADS[exercise][key])
    if all(abs(spread - 1) < SPREAD_LIMIT for spread in spreads):
        return Finding(
            "other-stream",
            seen,
            "The distribution of the weights is right, but they are not the numbers that the "
            f"generator of np.random gives after seed {SEED}.",
            "Does another random call come first, is the seed the given one, and is it "
            "np.random.randn that draws?",
        )
    return Finding(
        "other-spread",
        seen,
        "The weights are drawn from a normal distribution, but they are not the expected numbers "
        f"and their spread is about {spreads[0]:.2g} times the expected one in a large W1, "
        f"{spreads[1]:.2g} times in a large W2.",
        "Check both: how the numbers are drawn, and what they are multiplied by.",
    )


def _large_weights(call: Callable) -> dict[str, np.ndarray] | None:
    """W1 and W2 of a large network, flattened; None if anything about them is unusual."""
    try:
        found = call(list(LARGE_DIMS))
    except (Exception, SystemExit):
        return None
    shapes = {"W1": (200, 300), "W2": (100, 200)}
    if type(found) is not dict or not all(
        type(found.get(key)) is np.ndarray
        and found[key].dtype == np.float64
        and found[key].shape == shape
        and np.isfinite(found[key]).all()
        and np.ptp(found[key]) > 0
        for key, shape in shapes.items()
    ):
        return None
    return {key: found[key].ravel() for key in shapes}
