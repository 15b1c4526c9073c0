"""Find out, from the numbers alone, what is wrong with the parameters that a function returned.

`public_tests.py` calls the function for several architectures and hands over what came back,
together with what was expected. The functions below look at keys, types, shapes and values, in
this order, and describe the first thing that is wrong as a `Diagnosis`.

Two principles:

* A cause is named only if it explains every number of every architecture (to a relative error of
  1e-9) and no other cause does. Everything else is reported as the plain difference that it is.
* Nothing here knows how to build the right parameters: causes are derived from the ratio of what
  was found to what was expected.
"""

import builtins
import dis
import math
import re
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType

import numpy as np

from lesson.messages import MESSAGES

SEED = 3  # the seed that the exercises prescribe
OTHER_SEEDS = [*range(3), *range(4, 101), 123, 1234, 12345, 123456, 1337, *range(2020, 2031)]
RELATIVE_ERROR = 1e-9  # sqrt(2 / n) and sqrt(2) / sqrt(n) differ in the last bits; both are right
LONGEST_SKIP = 500  # how many extra normal numbers are looked for


@dataclass(frozen=True)
class Diagnosis:
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


def diagnose(code: str, seen: str = "", **fields: object) -> Diagnosis:
    """The diagnosis with a given code, in the words of `messages.py`."""
    meaning, hint = MESSAGES[code]
    return Diagnosis(code, seen, meaning.format(**fields), hint)


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
        The list that the first call was given, after the call.
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

    def keys(self, letter: str) -> list[str]:
        """`W1, ..., WL` or `b1, ..., bL`."""
        return [f"{letter}{l}" for l in range(1, self.depth + 1)]


def type_name(value: object) -> str:
    """The name of a value's type, short enough for a message."""
    name = type(value).__name__
    return "ndarray of a special kind" if name == "ndarray" else _shorten(name, 40)


def _shorten(text: object, length: int) -> str:
    """The first line of a text, cut to a length, without a full stop at its end."""
    lines = str(text).strip().splitlines()
    line = lines[0].strip().removesuffix(".") if lines else ""
    return line if len(line) <= length else line[: length - 3] + "..."


# ------------------------------------------------------------------------------------- exceptions

# Type of the exception, what its message and its line contain (regular expressions), code.
# A group `name` of the message becomes a field of the words.
_KNOWN_ERRORS = [
    ("TypeError", r"Cannot interpret .* as a data type", "", "number-as-dtype"),
    ("TypeError", r"'list' object cannot be interpreted as an int", r"\brange\(", "list-in-range"),
    (
        "TypeError",
        r"'(tuple|list)' object cannot be interpreted as an int",
        r"randn?\(",
        "tuple-as-number",
    ),
    ("TypeError", r"'(tuple|list)' object cannot be interpreted as an int", "", "list-as-number"),
    (
        "TypeError",
        r"'(numpy\.)?float(64)?' object cannot be interpreted as an int",
        "",
        "float-as-size",
    ),
    ("TypeError", r"Cannot cast scalar from dtype", r"seed\(", "seed-not-whole"),
    ("TypeError", r"positional argument", "", "argument-count"),
    ("TypeError", r"unexpected keyword argument", "", "unknown-argument"),
    ("TypeError", r"cannot unpack", "", "unpacked"),
    (
        "TypeError",
        r'can only concatenate str \(not "(int|float|numpy\.\w+)"\)',
        "",
        "text-plus-number",
    ),
    ("TypeError", r"can only concatenate", "", "operand-types"),
    ("TypeError", r"for \+: '(int|float)' and 'str'", "", "text-plus-number"),
    ("TypeError", r"'module' object is not callable", "", "module-called"),
    ("TypeError", r"'(list|dict|tuple)' object is not callable", "", "entries-in-round-brackets"),
    ("TypeError", r"'(int|float|numpy\.\w+)' object is not callable", "", "number-called"),
    ("TypeError", r"object is not callable", "", "not-callable"),
    (
        "TypeError",
        r"'([\w.]*function_or_method|function|method|type|_ArrayFunctionDispatcher|"
        r"numpy\.ufunc)' object is not subscriptable|type '\w+' is not subscriptable",
        "",
        "function-in-square-brackets",
    ),
    ("TypeError", r"is not subscriptable", "", "without-entries"),
    ("TypeError", r"'(int|float)' object is not iterable", "", "number-in-loop"),
    ("TypeError", r"list indices .* not tuple", "", "two-indices"),
    ("TypeError", r"list indices must be integers", "", "index-not-whole"),
    ("TypeError", r"for \^|'bitwise_xor' not supported", "", "caret"),
    ("TypeError", r"return arrays must be of ArrayType", "", "comma-in-number"),
    ("TypeError", r"Value after \* must be an iterable", r",\s*\*", "comma-before-star"),
    (
        "TypeError",
        r"contain a loop .*<U|can't multiply sequence by non-int|not supported for the input types|"
        r"loop of ufunc does not support",
        "",
        "no-number",
    ),
    ("TypeError", r"unsupported operand type.*'NoneType'", "", "none-in-arithmetic"),
    ("TypeError", r"unsupported operand type.*'list'", "", "list-in-arithmetic"),
    ("TypeError", r"unsupported operand type", "", "operand-types"),
    ("IndexError", r"list index out of range", "", "index-out-of-range"),
    ("NameError", r"name 'np' is not", "", "np-missing"),
    ("NameError", r"name 'numpy' is not", "", "numpy-long-name"),
    ("NameError", r"name '(?P<name>math|random|scipy|torch)' is not", "", "module-not-imported"),
    (
        "NameError",
        r"name '(?P<name>zeros|ones|randn|rand|normal|seed|sqrt|array|square|power|dot)' is not",
        "",
        "np-in-front",
    ),
    ("NameError", r"name '(?P<name>[WwBb])' is not", "", "quotes-missing"),
    ("NameError", r"name '(?P<name>\w+)' is not", "", "unknown-name"),
    ("UnboundLocalError", r"variable '(?P<name>\w+)'", "", "local-name"),
    ("KeyError", r"", "", "missing-key"),
    ("AttributeError", r"'dict' object has no attribute '(append|add|insert)'", "", "dict-append"),
    (
        "AttributeError",
        r"module 'numpy' has no attribute '(?P<name>float|int|bool|object|str|float_)'",
        "",
        "removed-from-numpy",
    ),
    (
        "AttributeError",
        r"'(?P<name>int|float|list|str|dict|tuple)' object has no attribute "
        r"'(random|zeros|sqrt|randn|seed)'",
        r"\bnp\.",
        "np-overwritten",
    ),
    ("AttributeError", r"'dict' object has no attribute '(?P<name>\w+)'", "", "dict-attribute"),
    (
        "AttributeError",
        r"'list' object has no attribute '(?P<name>shape|size|length|len)'",
        "",
        "list-length",
    ),
    (
        "AttributeError",
        r"module '(?P<module>numpy|random)' has no attribute '(?P<name>randn|rand|seed|normal)'",
        "",
        "not-in-np-random",
    ),
    (
        "AttributeError",
        r"'(?P<owner>[\w.]+)'.* has no attribute '(?P<name>\w+)'",
        "",
        "unknown-attribute",
    ),
    ("ValueError", r"values to unpack", "", "unpacked"),
    ("ValueError", r"negative dimensions", "", "negative-size"),
    ("ValueError", r"broadcast|reshape|mismatch", "", "shapes-do-not-fit"),
    ("ZeroDivisionError", r"", "", "division-by-zero"),
    ("RecursionError", r"", "", "endless-recursion"),
    ("TimeoutError", r"had not finished", "", "endless-loop"),
    ("SystemExit", r"", "", "exits"),
    ("NotImplementedError", r"", "", "not-implemented"),
]


def explain_error(error: BaseException) -> Diagnosis:
    """Describe an exception that the student's function raised, with the student's own line.

    Parameters
    ----------
    error : BaseException
        Either a real exception, or one that reports an exception of another process through its
        attributes `type_name`, `message` and `frames` (pairs of line number and source line,
        innermost last).
    """
    name = getattr(error, "type_name", None) or _known_type(type(error))
    message = _shorten(getattr(error, "message", error), 200)
    frames = getattr(error, "frames", None)
    frames = _own_frames(error) if frames is None else frames
    if name in ("UFuncTypeError", "_UFuncNoLoopError"):  # another process knows the name only
        name = "TypeError"
    # A name that Python does not know was chosen by the student's code: it is not for counting.
    name = name if hasattr(builtins, name) else "exception"
    seen = f"{name}: {message}." if message else ""
    if not frames and name == "TypeError" and "positional argument" in message:
        return diagnose("changed-parameters", seen)

    what = f"raised {'an' if name[0] in 'AEIOUe' else 'a'} {name}."
    if frames:
        number, line = frames[-1]
        text = f", `{_shorten(line, 120)}`," if line else ""
        where = f"Line {number} of your code{text} {what}"
    else:
        where = f"Your function {what}"
    line = frames[-1][1] if frames else ""
    for known_name, pattern, in_line, code in _KNOWN_ERRORS:
        match = re.search(pattern, message) if name == known_name else None
        if match and re.search(in_line, line):
            return diagnose(code, seen, where=where, **match.groupdict())
    meaning, hint = MESSAGES["raises"]
    return Diagnosis(f"raises-{name}", seen, meaning.format(where=where), hint)


def _known_type(kind: type) -> str:
    """The name of an exception type, or of the kind of TypeError that NumPy made of it."""
    if kind.__module__.startswith("numpy") and issubclass(kind, TypeError):
        return "TypeError"
    return kind.__name__


def _own_frames(error: BaseException) -> list[tuple[int, str]]:
    """The lines of the student's cell that an exception passed through, innermost last."""
    frames = traceback.extract_tb(error.__traceback__)[1:]  # the first is the test's own call
    return [(f.lineno, f.line or "") for f in frames if f.filename == frames[0].filename]


# ------------------------------------------------------------------------------- dict, keys, types


def check_structure(attempt: Attempt, attempts: list[Attempt]) -> Diagnosis | None:
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


def _check_dict(attempt: Attempt, attempts: list[Attempt]) -> Diagnosis | None:
    if attempt.found is None:
        return diagnose("returns-none")
    if type(attempt.found) is not dict:
        return diagnose("not-a-dict", type=_shorten(type(attempt.found).__name__, 40))
    if all(type(other.found) is dict and not other.found for other in attempts):
        return diagnose("nothing-stored")
    return None


# What the keys look like, given the number L of layers that have weights.
_KEY_PATTERNS: dict[str, Callable[[int], set[str]]] = {
    "missing-last-layer": lambda L: _layer_keys(1, L - 1),
    "only-first-layer": lambda L: _layer_keys(1, 1),
    "only-last-layer": lambda L: _layer_keys(L, L),
    "missing-first-layer": lambda L: _layer_keys(2, L),
    "keys-from-zero": lambda L: _layer_keys(0, L - 1),
    "keys-from-two": lambda L: _layer_keys(2, L + 1),
    "layer-zero": lambda L: _layer_keys(0, L),
    "one-layer-too-many": lambda L: _layer_keys(1, L + 1),
    "only-last-bias": lambda L: _layer_keys(1, L, "W") | {f"b{L}"},
    "only-last-weights": lambda L: _layer_keys(1, L, "b") | {f"W{L}"},
    "missing-biases": lambda L: _layer_keys(1, L, "W"),
    "missing-weights": lambda L: _layer_keys(1, L, "b"),
}


def _layer_keys(first: int, last: int, letters: str = "Wb") -> set[str]:
    return {f"{letter}{l}" for l in range(first, last + 1) for letter in letters}


def _check_keys(attempt: Attempt, attempts: list[Attempt]) -> Diagnosis | None:
    found, expected = attempt.found, set(attempt.expected)
    all_text = all(type(key) is str for key in found)
    if all_text and set(found) == expected:
        return None
    listed = ", ".join(_shorten(repr(key), 20) for key in list(found)[:8]) or "none"
    more = ", ..." if len(found) > 8 else ""
    seen = f"the keys are {listed}{more}, expected {', '.join(map(repr, attempt.expected))}."
    if not all_text:
        return diagnose("keys-not-text", seen)

    # Seen for one depth, or for two layers only, many mistakes leave the same keys.
    depths = {other.depth for other in attempts}
    causes = [
        code
        for code, pattern in _KEY_PATTERNS.items()
        if len(depths) > 1
        and max(depths) > 2
        and all(
            type(other.found) is dict and set(other.found) == pattern(other.depth)
            for other in attempts
        )
    ]
    if causes == ["only-first-layer"] and _has_last_shapes(attempts):
        causes = ["same-key"]
    if _ignores_dims(attempts):
        causes.append("dims-ignored")
    if len(causes) == 1:
        return diagnose(causes[0], seen)
    if layers := _fixed_depth(attempts):
        return diagnose("fixed-depth", seen, layers=layers)
    if {key.lower() for key in found} == {key.lower() for key in expected}:
        return diagnose("keys-case", seen)
    if {re.sub(r"\W|_", "", key) for key in found} == expected:
        return diagnose("keys-spelling", seen)
    if found and not any(character.isdigit() for key in found for character in key):
        return diagnose("keys-without-number", seen)
    return diagnose("extra-keys" if expected < set(found) else "wrong-keys", seen)


def _has_last_shapes(attempts: list[Attempt]) -> bool:
    """Whether W1 has the shape of the last layer, which is seen to differ from the first."""
    shapes = [
        (
            getattr(attempt.found["W1"], "shape", None),
            attempt.expected["W1"].shape,
            attempt.expected[f"W{attempt.depth}"].shape,
        )
        for attempt in attempts
    ]
    return any(first != last for _, first, last in shapes) and all(
        found == last for found, _, last in shapes
    )


def _fixed_depth(attempts: list[Attempt]) -> int | None:
    """The number of layers if it is the same for all depths; too few layers may raise instead."""
    returned = [attempt for attempt in attempts if attempt.error is None]
    if len({attempt.depth for attempt in returned}) < 2:
        return None
    layers = len(returned[0].found) // 2 if type(returned[0].found) is dict else 0
    expected = _layer_keys(1, layers)
    same = all(type(one.found) is dict and set(one.found) == expected for one in returned)
    too_few = all(one.depth < layers for one in attempts if one.error is not None)
    return layers if same and too_few and layers > 1 else None


def _ignores_dims(attempts: list[Attempt]) -> bool:
    """Whether the same keys and shapes came back for architectures that differ."""
    if not all(
        type(attempt.found) is dict
        and attempt.found
        and all(type(value) is np.ndarray for value in attempt.found.values())
        for attempt in attempts
    ):
        return False
    shapes = [{key: value.shape for key, value in attempt.found.items()} for attempt in attempts]
    return all(other == shapes[0] for other in shapes) and _have_nothing_in_common(
        [attempt.layers_dims for attempt in attempts]
    )


def _have_nothing_in_common(architectures: list[list[int]]) -> bool:
    """Whether depth, input size, next size and output size are each seen to vary.

    Otherwise something that depends on one of them could look as if it depended on nothing.
    """
    features = [(len(dims), dims[0], dims[1], dims[-1]) for dims in architectures]
    return all(len(set(values)) > 1 for values in zip(*features, strict=True))


def _check_types(attempt: Attempt) -> Diagnosis | None:
    for key in attempt.expected:
        value = attempt.found[key]
        name = type(value).__name__  # all that another process tells of some values
        if value is None or name == "ellipsis":
            return diagnose("still-none", key=key, value=value and "Ellipsis (...)")
        if of_type := re.fullmatch(r"ndarray \(of (\w+)\)", name):
            return diagnose("wrong-dtype", key=key, type=of_type[1])
        if type(value) is tuple and len(value) == 1:
            return diagnose("trailing-comma", key=key)
        if type(value) is list:
            return diagnose("list-not-array", key=key)
        if type(value) is not np.ndarray:
            return diagnose("not-an-array", key=key, type=type_name(value))
        if value.dtype != np.float64:
            code = "integer-dtype" if value.dtype.kind in "iu" else "wrong-dtype"
            right = attempt.expected[key].shape
            seen = "" if value.shape == right else f"Its shape is {value.shape}, expected {right}."
            return diagnose(code, seen, key=key, type=_shorten(value.dtype, 20))
    return None


# Ways in which all shapes of W, or of b, can be wrong, given rows and columns of W.
_SHAPE_PATTERNS: dict[str, dict[str, Callable[[int, int], tuple[int, ...]]]] = {
    "W": {
        "transposed": lambda rows, columns: (columns, rows),
        "factor-in-shape": lambda rows, columns: (rows, 10 * columns),
        "minus-outside": lambda rows, columns: (rows, rows - 1),
    },
    "b": {
        "bias-flat": lambda rows, columns: (rows,),
        "bias-row": lambda rows, columns: (1, rows),
        "bias-of-previous-layer": lambda rows, columns: (columns, 1),
        "bias-shape": lambda rows, columns: (1, 1),  # looks like the others where units are single
    },
}


def _check_shapes(attempt: Attempt, attempts: list[Attempt]) -> Diagnosis | None:
    for key, right in attempt.expected.items():
        shape, letter = attempt.found[key].shape, key[0]
        if shape == right.shape:
            continue
        causes = [
            code
            for code, pattern in _SHAPE_PATTERNS[letter].items()
            if all(_has_shapes(other, letter, pattern) for other in attempts)
        ]
        if all(_is_swapped(other) for other in attempts):
            causes = ["weights-and-biases-swapped"]
        if all(_is_shifted(other) for other in attempts):
            causes.append("sizes-shifted")
        if _ignores_dims(attempts):
            causes.append("dims-ignored")
        stuck = "" if causes else _stuck_sizes(attempts, letter)
        if stuck:
            causes = ["same-sizes"]
        plain = "weight-shape" if letter == "W" else "bias-shape"
        return diagnose(
            causes[0] if len(causes) == 1 else plain,
            f"{key} has shape {shape}, expected {right.shape}.",
            key=key,
            letter=letter,
            sizes=stuck,
        )
    return None


def _stuck_sizes(attempts: list[Attempt], letter: str) -> str:
    """Which sizes are those of layer 1 in every layer, where the others are right; or nothing."""
    right = [
        (attempt, attempt.expected[key].shape, getattr(attempt.found.get(key), "shape", None))
        for attempt in attempts
        if type(attempt.found) is dict
        for key in attempt.keys(letter)
    ]
    for name, rows, columns in (("rows", 1, 0), ("columns", 0, 1), ("rows and columns", 1, 1)):
        if letter == "b" and columns:
            continue
        if all(
            found
            == (
                attempt.expected[f"{letter}1"].shape[0] if rows else shape[0],
                attempt.expected[f"{letter}1"].shape[1] if columns else shape[1],
            )
            for attempt, shape, found in right
        ):
            return name
    return ""


def _has_shapes(attempt: Attempt, letter: str, pattern: Callable) -> bool:
    return type(attempt.found) is dict and all(
        getattr(attempt.found.get(key), "shape", None)
        == pattern(*attempt.expected["W" + key[1:]].shape)
        for key in attempt.keys(letter)
    )


def _is_swapped(attempt: Attempt) -> bool:
    """Whether each W has the shape of its b, and the other way round."""
    return type(attempt.found) is dict and all(
        getattr(attempt.found.get(f"W{l}"), "shape", None) == attempt.expected[f"b{l}"].shape
        and getattr(attempt.found.get(f"b{l}"), "shape", None) == attempt.expected[f"W{l}"].shape
        for l in range(1, attempt.depth + 1)
    )


def _is_shifted(attempt: Attempt) -> bool:
    """Whether each W has the sizes that stand one place further to the left in layers_dims.

    To the left of the first entry Python finds the last one.
    """
    dims = attempt.layers_dims
    return type(attempt.found) is dict and all(
        getattr(attempt.found.get(f"W{l}"), "shape", None) == (dims[l - 1], dims[l - 2])
        for l in range(1, attempt.depth + 1)
    )


# ----------------------------------------------------------------------------------------- values


def check_values(
    exercise: str, attempts: list[Attempt], call: Callable[[list[int]], object]
) -> tuple[Attempt, Diagnosis] | None:
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
    (Attempt, Diagnosis) or None
        The first attempt that shows what is wrong, and what it is.
    """
    with np.errstate(all="ignore"):
        for attempt in attempts:
            problem = _check_finite(attempt) or _check_repeats(exercise, attempt)
            if problem:
                return attempt, problem
        # Biases first: numbers drawn for them also shift the weights that are drawn after them.
        for attempt in attempts:
            key = _first_wrong_key(attempt, "b")
            if key:
                return attempt, _diagnose_biases(attempts, _first_difference(attempt, key))
        for attempt in attempts:
            key = _first_wrong_key(attempt, "W")
            if key:
                seen = _first_difference(attempt, key)
                problem = _diagnose_weights(exercise, attempts, seen, call)
                if problem and problem.code in _FACTORS_WITHOUT_CAUSE and outside_name(call):
                    problem = diagnose("outside-name", problem.seen, name=outside_name(call))
                if problem is None:
                    shape = attempt.found[key].shape
                    seen = f"{seen} {key} has the right shape, {shape}."
                    problem = diagnose("values-differ", seen, key=key)
                return attempt, problem
    return None


def _close(found: object, expected: object) -> bool:
    return bool(np.allclose(found, expected, rtol=RELATIVE_ERROR, atol=0))


def _check_finite(attempt: Attempt) -> Diagnosis | None:
    for key in attempt.expected:
        if not np.isfinite(attempt.found[key]).all():
            return diagnose("not-finite", key=key)
    return None


def _check_repeats(exercise: str, attempt: Attempt) -> Diagnosis | None:
    first, second = attempt.found, attempt.found_again
    if exercise == "zeros" and any(first[key].any() for key in attempt.expected):
        return None  # then it is this that is wrong, whether or not it changes
    if type(second) is not dict or second.keys() != first.keys():
        return diagnose("not-repeatable")
    differing = [
        key
        for key in first
        if type(second[key]) is not np.ndarray or not np.array_equal(first[key], second[key])
    ]
    if not differing:
        return None
    drawn = exercise != "zeros" and all(key[0] == "W" for key in differing)
    return diagnose("no-seed" if drawn else "not-repeatable")


def _first_wrong_key(attempt: Attempt, letter: str) -> str | None:
    for key in attempt.keys(letter):
        if not _close(attempt.found[key], attempt.expected[key]):
            return key
    return None


def _first_difference(attempt: Attempt, key: str) -> str:
    found, expected = attempt.found[key], attempt.expected[key]
    differs = ~np.isclose(found, expected, rtol=RELATIVE_ERROR, atol=0)
    row, column = np.argwhere(differs)[0]
    return (
        f"{key}[{row}, {column}] is {found[row, column]:.10g}, "
        f"expected {expected[row, column]:.10g}."
    )


def _diagnose_biases(attempts: list[Attempt], seen: str) -> Diagnosis:
    biases = [attempt.found[key] for attempt in attempts for key in attempt.keys("b")]
    value = biases[0].flat[0]
    if any(b.size > 1 for b in biases) and all((b == value).all() for b in biases):
        return diagnose("bias-constant", seen, value=f"{value:.4g}")
    return diagnose("nonzero-bias", seen)


def _diagnose_weights(
    exercise: str, attempts: list[Attempt], seen: str, call: Callable[[list[int]], object]
) -> Diagnosis | None:
    if exercise == "zeros":
        return diagnose("weights-not-zero", seen)
    weights = [attempt.found[key] for attempt in attempts for key in attempt.keys("W")]
    if not any(W.any() for W in weights):
        return diagnose("weights-zero", seen)
    if any(W.size > 1 for W in weights) and all(np.ptp(W) == 0 for W in weights):
        return diagnose("weights-alike", seen)

    networks = [_layers(attempt) for attempt in attempts]
    wrong = [layer for network in networks for layer in network if not layer.is_right]
    # A few numbers can be explained in many ways, and a single one is a multiple of any other.
    if sum(layer.found.size for layer in wrong) < 3 or not _has_matrix(wrong):
        return None
    return (
        _diagnose_entries(networks, seen)
        or _diagnose_scale(exercise, networks, seen)
        or _diagnose_sums(networks, seen)
        or _diagnose_draw(networks, seen)
        or _diagnose_places(wrong, seen)
        or _diagnose_generator(networks, seen)
        or _diagnose_distribution(exercise, seen, call)
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
        The normal numbers that the prescribed seed gives for this layer.
    start : int
        How many numbers are drawn for the layers before.
    """

    key: str
    rows: int
    columns: int
    found: np.ndarray
    expected: np.ndarray
    draw: np.ndarray
    start: int

    @property
    def end(self) -> int:
        return self.start + self.found.size

    @property
    def is_right(self) -> bool:
        return _close(self.found, self.expected)

    @property
    def unit(self) -> np.ndarray:
        """What was found, divided by the factor that the expected weights contain."""
        return self.found * (self.draw[0] / self.expected[0])


Network = list[Layer]


def _layers(attempt: Attempt) -> Network:
    layers, start = [], 0
    for key in attempt.keys("W"):
        found, expected = attempt.found[key], attempt.expected[key]
        draw = _normal_numbers(SEED, start + found.size)[start:]
        layers.append(Layer(key, *found.shape, found.ravel(), expected.ravel(), draw, start))
        start += found.size
    return layers


def _has_matrix(layers: list[Layer]) -> bool:
    return any(layer.found.size > 1 for layer in layers)


def _normal_numbers(seed: int, count: int) -> np.ndarray:
    return np.random.RandomState(seed).randn(count)


def _multiple(found: np.ndarray, draw: np.ndarray) -> float | None:
    """The factor that turns `draw` into `found`, if one factor does so for all numbers."""
    largest = np.argmax(np.abs(draw))
    factor = float(found[largest] / draw[largest])
    return factor if _close(found, factor * draw) else None


# ------------------------------------------------------------------------------------------ scale

# Factors c * n_prev**p * n_this**q that have a name: (c, p, q).
_NAMED_SCALES = {
    "random": {
        "scale-missing": (1, 0, 0),
        "scale-he": (math.sqrt(2), -1 / 2, 0),
        "scale-square": (100, 0, 0),
        "scale-root": (math.sqrt(10), 0, 0),
    },
    "he": {
        "scale-missing": (1, 0, 0),
        "scale-ten": (10, 0, 0),
        "large-scale-kept": (10 * math.sqrt(2), -1 / 2, 0),
        "scale-xavier": (1, -1 / 2, 0),
        "scale-fan-out": (math.sqrt(2), 0, -1 / 2),
        "scale-root-missing": (2, -1, 0),
        "scale-power-first": (1, -1, 0),
        "scale-partial-root": (2, -1 / 2, 0),
        "scale-divided": (math.sqrt(1 / 2), 1 / 2, 0),
    },
}


_FACTORS_WITHOUT_CAUSE = {
    "scale-missing",
    "scale-small",
    "scale-large",
    "scale-other",
    "scale-varies",
}


def outside_name(function: Callable) -> str:
    """A variable of the notebook that a function uses; empty if there is none or no code."""
    if not isinstance(function, FunctionType):
        return ""
    data = (bool, int, float, str, list, tuple, dict, np.ndarray, np.generic)
    return next(
        (
            one.argval
            for one in dis.get_instructions(function)
            if one.opname == "LOAD_GLOBAL"
            and isinstance(function.__globals__.get(one.argval), data)
        ),
        "",
    )


def _diagnose_scale(exercise: str, networks: list[Network], seen: str) -> Diagnosis | None:
    """The right random numbers, multiplied by something else than expected."""
    layers = [layer for network in networks for layer in network]
    ratios = [_multiple(layer.found, layer.expected) for layer in layers]
    if None in ratios:
        return None
    columns = np.array([layer.columns for layer in layers], dtype=float)
    rows = np.array([layer.rows for layer in layers], dtype=float)
    factors = np.array([layer.found[0] / layer.draw[0] for layer in layers])

    sizes_tell = _sizes_tell(networks, columns, rows)
    law = _power_law(columns, rows, factors) if sizes_tell else None
    for code, named in _NAMED_SCALES[exercise].items():
        if law and _close(law, named):
            return diagnose(code, seen)
    if _close(ratios, ratios[0]):
        ratio = ratios[0]
        code = "scale-negative" if ratio < 0 else "scale-small" if ratio < 1 else "scale-large"
        return diagnose(code, seen, ratio=f"{ratio:.4g}")
    if law:
        return diagnose("scale-other", seen, formula=_formula(*law))
    if sizes_tell and _close(factors, np.sqrt(2 / (columns + rows))):
        return diagnose("scale-glorot", seen)
    if sizes_tell and _close(factors, np.sqrt(4 / (columns + rows))):
        return diagnose("scale-fan-average", seen)
    if sizes_tell and _close(factors, np.sqrt(2 / (columns + 1))):
        return diagnose("scale-one-more", seen)
    inputs = np.array([network[0].columns for network in networks for _ in network], dtype=float)
    if sizes_tell and _close(factors, np.sqrt(2 / inputs)):
        return diagnose("scale-input", seen)
    shown = ", ".join(
        f"{ratio:.4g} in {layer.key}"
        for layer, ratio in zip(networks[0], ratios[: len(networks[0])], strict=True)
    )
    return diagnose("scale-varies", f"{seen} Found divided by expected is {shown}.")


def _sizes_tell(networks: list[Network], columns: np.ndarray, rows: np.ndarray) -> bool:
    """Whether the layers differ enough to see which layer size a factor depends on.

    With few layers, or with equal ones, many formulas give the same factor; in layers that only
    shrink, the smaller size is that of this layer; and what depends on the whole network looks
    constant until the network changes.
    """
    logs = np.column_stack([np.ones(len(rows)), np.log(columns), np.log(rows)])
    return (
        np.linalg.matrix_rank(logs) == 3
        and (rows > columns).any()
        and (rows < columns).any()
        and _have_nothing_in_common(
            [[network[0].columns, *(layer.rows for layer in network)] for network in networks]
        )
    )


def _power_law(
    columns: np.ndarray, rows: np.ndarray, factors: np.ndarray
) -> tuple[float, float, float] | None:
    """The (c, p, q) with factor = c * columns**p * rows**q, where p and q are multiples of 1/2."""
    if (factors <= 0).any():
        return None
    logs = np.column_stack([np.ones(len(rows)), np.log(columns), np.log(rows)])
    _, p, q = np.linalg.lstsq(logs, np.log(factors), rcond=None)[0]
    p, q = round(2 * p) / 2, round(2 * q) / 2
    c = float(factors[0] / (columns[0] ** p * rows[0] ** q))
    return (c, p, q) if _close(factors, c * columns**p * rows**q) else None


def _formula(c: float, p: float, q: float) -> str:
    """Write c * n_prev**p * n_this**q as one reads it."""
    text, sizes = f"{c:.4g}", []
    for name, layer, power in (("n_prev", "the previous", p), ("n_this", "this", q)):
        if power:
            size = {0.5: f"sqrt({name})", 1: name}.get(abs(power), f"{name} ** {abs(power):g}")
            text += f" {'*' if power > 0 else '/'} {size}"
            sizes.append(f"{name} is the size of {layer} layer")
    return f"{text}, where {' and '.join(sizes)}" if sizes else f"{text} in every layer"


# ---------------------------------------------------------------------------------- entries, draw


def _diagnose_entries(networks: list[Network], seen: str) -> Diagnosis | None:
    """The right numbers, each of them changed in the same way."""
    found = np.concatenate([layer.found for network in networks for layer in network])
    expected = np.concatenate([layer.expected for network in networks for layer in network])
    if _close(found, np.abs(expected)):
        return diagnose("absolute-values", seen)
    if any(_close(found, np.round(expected, digits)) for digits in range(9)):
        return diagnose("rounded", seen)
    if np.allclose(found, expected, rtol=1e-3, atol=0):
        return diagnose("imprecise", seen)
    return None


def _diagnose_sums(networks: list[Network], seen: str) -> Diagnosis | None:
    """The right numbers, with something added to them."""
    layers = [layer for network in networks for layer in network]
    added = np.concatenate([layer.found - layer.draw for layer in layers])
    factors = np.concatenate([layer.expected / layer.draw for layer in layers])
    if np.allclose(added, factors, rtol=1e-7, atol=1e-9):
        return diagnose("factor-added", seen)
    differences = np.concatenate([layer.found - layer.expected for layer in layers])
    if np.ptp(differences) < RELATIVE_ERROR * np.abs(differences).max():
        return diagnose("shifted-mean", seen, shift=f"{differences[0]:.4g}")
    if all(layer.found.size > 2 and _is_line(layer) for layer in layers):
        return diagnose("shifted-and-scaled", seen)
    return None


def _is_line(layer: Layer) -> bool:
    """Whether one number times the draw plus another one gives what was found."""
    line = np.column_stack([layer.draw, np.ones(layer.draw.size)])
    solution = np.linalg.lstsq(line, layer.found, rcond=None)[0]
    return np.allclose(line @ solution, layer.found, rtol=1e-8, atol=1e-10) and solution[0] != 0


def _diagnose_draw(networks: list[Network], seen: str) -> Diagnosis | None:
    """The numbers of the right seed and scale, in other places."""
    explanations = {
        "drawn-transposed": _drawn_transposed,
        "drawn-in-other-order": _same_numbers,
        "extra-draw": _skips_numbers,
    }
    for code, explains in explanations.items():
        if all(explains(network) for network in networks):
            return diagnose(code, seen)
    # A call of `rand` takes another path through the generator than one of `randn`.
    for before in range(4):
        for between in range(4):
            if all(_skips_uniform(network, before, between) for network in networks):
                return diagnose("extra-draw", seen)
    return None


def _drawn_transposed(network: Network) -> bool:
    return all(
        _close(layer.unit.reshape(layer.rows, layer.columns).T.ravel(), layer.draw)
        for layer in network
    )


def _same_numbers(network: Network) -> bool:
    found = np.concatenate([layer.unit for layer in network])
    return _close(np.sort(found), np.sort(np.concatenate([layer.draw for layer in network])))


def _skips_numbers(network: Network) -> bool:
    """Whether the layers are pieces of the stream, one after the other, with gaps between them."""
    stream = _normal_numbers(SEED, network[-1].end + LONGEST_SKIP)
    position = 0
    for layer in network:
        size = layer.unit.size
        starts = np.flatnonzero(np.isclose(stream, layer.unit[0], rtol=RELATIVE_ERROR, atol=0))
        starts = [
            start
            for start in starts
            if start >= position
            and start + size <= stream.size
            and _close(stream[start : start + size], layer.unit)
        ]
        if not starts:
            return False
        position = starts[0] + size
    return True


def _skips_uniform(network: Network, before: int, between: int) -> bool:
    """Whether `rand` gave some numbers before the first layer, and some after each layer."""
    generator = np.random.RandomState(SEED)
    generator.rand(before)
    for layer in network:
        if not _close(layer.unit, generator.randn(layer.unit.size)):
            return False
        generator.rand(between)
    return True


def _diagnose_places(wrong: list[Layer], seen: str) -> Diagnosis | None:
    """The right numbers in some places: then it is not another stream or distribution."""
    for layer in wrong:
        if np.isclose(layer.found, layer.expected, rtol=RELATIVE_ERROR, atol=0).any():
            return diagnose("some-entries-differ", seen, key=layer.key)
    return None


def _diagnose_generator(networks: list[Network], seen: str) -> Diagnosis | None:
    """Numbers of another distribution, or of another seed."""
    count = max(network[-1].end for network in networks)
    uniform_numbers = np.random.RandomState(SEED).rand(count)
    for draws in (uniform_numbers, uniform_numbers - 0.5):
        if _are_multiples(networks, draws):
            return diagnose("uniform", seen)
    for seed in OTHER_SEEDS:
        if _are_multiples(networks, _normal_numbers(seed, count)):
            return diagnose("other-seed", seen, seed=seed)
    longest = max(layer.found.size for network in networks for layer in network)
    streams = [_normal_numbers(seed, longest) for seed in (SEED, *OTHER_SEEDS)]
    if all(_starts_a_stream(layer, streams) for network in networks for layer in network):
        return diagnose("reseeded", seen)
    if all(network[0].is_right for network in networks):
        return diagnose("wrong-after-first-layer", seen)
    return None


def _starts_a_stream(layer: Layer, streams: list[np.ndarray]) -> bool:
    """Whether the layer holds the first numbers that the generator gives after some seed."""
    return any(_close(layer.unit, stream[: layer.unit.size]) for stream in streams)


def _are_multiples(networks: list[Network], draws: np.ndarray) -> bool:
    """Whether every layer is a multiple of its piece of a stream of random numbers."""

    def fits(layer: Layer) -> bool:
        piece = draws[layer.start : layer.end]
        # A single number is a multiple of any other: there the right factor must be seen.
        single = layer.found.size == 1
        return _close(layer.unit, piece) if single else _multiple(layer.found, piece) is not None

    return all(fits(layer) for network in networks for layer in network)


# ----------------------------------------------------------------------------------- distribution

# Layers so large that chance plays no part. The smaller one has 20,000 weights, so the standard
# errors are 0.7 % for the mean (in units of the standard deviation), 0.5 % for the standard
# deviation, 0.017 for the skewness and 0.035 for the kurtosis. Each limit is at least 7 of them
# away: numbers that are drawn in the right way fail less than once in 10**10 times.
LARGE_DIMS = [300, 200, 100]
LARGE_SPREADS = {
    "random": {"W1": 10.0, "W2": 10.0},
    "he": {"W1": 0.0816496580927726, "W2": 0.1},
}
MEAN_LIMIT, SPREAD_LIMIT, SKEWNESS_LIMIT, KURTOSIS_LIMIT = 0.05, 0.04, 0.15, 0.3


def _diagnose_distribution(
    exercise: str, seen: str, call: Callable[[list[int]], object]
) -> Diagnosis | None:
    """Look at many numbers: is only the stream another one, or the distribution as well?"""
    weights = _large_weights(call)
    if weights is None:
        return None
    spreads = []
    for key, numbers in weights.items():
        if np.unique(numbers).size < 0.9 * numbers.size:
            return diagnose("repeated-numbers", seen, key=key)
        mean, spread = numbers.mean(), numbers.std()
        deviations = (numbers - mean) / spread
        if not (
            abs(mean) < MEAN_LIMIT * spread
            and abs((deviations**3).mean()) < SKEWNESS_LIMIT
            and abs((deviations**4).mean() - 3) < KURTOSIS_LIMIT
        ):
            mean, spread = f"{mean:.2g}", f"{spread:.2g}"
            return diagnose("other-distribution", seen, key=key, mean=mean, spread=spread)
        spreads.append(spread / LARGE_SPREADS[exercise][key])
    if all(abs(spread - 1) < SPREAD_LIMIT for spread in spreads):
        return diagnose("other-stream", seen)
    first, second = (f"{spread:.2g}" for spread in spreads)
    return diagnose("other-spread", seen, first=first, second=second)


def _large_weights(call: Callable[[list[int]], object]) -> dict[str, np.ndarray] | None:
    """W1 and W2 of a large network, flattened; None if anything about them is unusual."""
    try:
        found = call(list(LARGE_DIMS))
    except (Exception, SystemExit):
        return None
    shapes = {"W1": (200, 300), "W2": (100, 200)}
    if not isinstance(found, dict) or not all(
        type(found.get(key)) is np.ndarray
        and found[key].dtype == np.float64
        and found[key].shape == shape
        and np.isfinite(found[key]).all()
        for key, shape in shapes.items()
    ):
        return None
    return {key: found[key].ravel() for key in shapes}
