"""From numbers to a row of `causes.toml`.

A cause is named only if it explains every number of every architecture (to a relative error of
1e-9) and no other cause does; everything else is reported as the plain difference that it is.
Nothing here knows how to build the right parameters: causes are derived from the ratio of what was
found to what was expected.
"""

import builtins
import dis
import re
import sysconfig
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from types import FunctionType

import numpy as np

from lesson.causes import TABLE, Diagnosis, Evidence, applying, shorten, type_name
from lesson.source import Source, first_of, odd_character, similar, source_of

SEED = 3  # the seed that the exercises prescribe
OTHER_SEEDS = [*range(3), *range(4, 101), 123, 1234, 12345, 123456, 1337, *range(2020, 2031)]
RELATIVE_ERROR = 1e-9  # sqrt(2 / n) and sqrt(2) / sqrt(n) differ in the last bits; both are right
LIBRARIES = (sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"))  # no student wrote them
LONGEST_SKIP = 500  # how many extra normal numbers are looked for


@dataclass
class Call:
    """One architecture, what the function should return for it and what it did.

    `found` and `found_again` came back from a first and a second call, `argument` is the list of
    the first one after the call, and `error` is what was raised instead.
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

    @property
    def keys(self) -> set | None:
        """The keys that came back; None if it was no dictionary."""
        return set(self.found) if type(self.found) is dict else None

    def shape(self, key: str) -> tuple | None:
        """The shape of an array that came back."""
        value = self.found.get(key) if self.keys is not None else None
        return value.shape if type(value) is np.ndarray else None

    def about(self, code: str, shown: str = "dims", **fields: object) -> Diagnosis:
        """A diagnosis that this call shows."""
        return Diagnosis(code, {"dims": str(self.layers_dims), **fields}, shown)


def diagnose(exercise: str, calls: list[Call], function: Callable) -> Diagnosis | None:
    """Say what is wrong first, if anything is.

    The function is called once more if the distribution of its numbers must be seen.
    """
    source = source_of(function, f"initialize_parameters_{exercise}")
    with np.errstate(all="ignore"):
        for call in calls:
            if call.error is not None:
                return explain_error(call, source)
            if wrong := _wrong_structure(Results(call, calls, source, exercise)):
                return wrong
        for call in calls:
            for code, fields in applying("repeats", Results(call, calls, source, exercise)):
                return call.about(code, **fields)
        # Biases first: numbers drawn for them also shift the weights that are drawn after them.
        for letter in "bW":
            for call in calls:
                for key in sorted(key for key in call.expected if key[0] == letter):
                    if not close(call.found[key], call.expected[key]):
                        evidence = Weights(exercise, calls, function, source)
                        return _wrong_values(evidence, calls, call, key)
    for call in calls:
        if type(call.argument) is not list or repr(call.argument) != repr(call.layers_dims):
            return call.about("mutates-input")
    return None


def close(found: object, expected: object, error: float = RELATIVE_ERROR) -> bool:
    """Whether numbers agree."""
    return bool(np.allclose(found, expected, rtol=error, atol=0))


# ------------------------------------------------------------------------------------- exceptions


@dataclass
class Failure(Evidence):
    """An exception that the student's function raised; `line` has its number, or 0, in front."""

    type: str
    error: str
    line: str
    source: Source

    @property
    def similar_name(self) -> dict:
        """A name without a value that is similar to one of the function, or to one of Python."""
        name = (re.search(r"^NameError: name '(\w+)' is not", self.error) or [""] * 2)[1]
        own = ["layers_dims", "parameters", "np", *self.source.names]
        near = similar(name, own) or similar(name, dir(builtins))
        return {"name": name, "near": near} if near else {}

    @property
    def similar_attribute(self) -> dict:
        """A name that NumPy does not have, and a similar one that it has."""
        found = re.search(r"module 'numpy(\.random)?' has no attribute '(\w+)'", self.error)
        if not found:
            return {}
        module = np.random if found[1] else np
        near = similar(found[2], [name for name in NAMES_IN_NUMPY if hasattr(module, name)])
        return {"owner": f"np{found[1] or ''}", "name": found[2], "near": near} if near else {}


NAMES_IN_NUMPY = (
    "zeros ones full empty random randn rand normal uniform standard_normal seed sqrt array square "
    "power multiply divide arange float64"
).split()


def explain_error(call: Call, source: Source) -> Diagnosis:
    """Describe an exception with the student's own line.

    It is either a real one, or it reports an exception of another process through its attributes
    `type_name`, `message` and `frames` (pairs of line number and source line, innermost last).
    """
    error, kind = call.error, type(call.error)
    name = getattr(error, "type_name", kind.__name__)
    if "UFunc" in name or (kind.__module__.startswith("numpy") and issubclass(kind, TypeError)):
        name = "TypeError"
    name = "MemoryError" if "MemoryError" in name else name
    # A name that Python does not know was chosen by the student's code: it is not for counting.
    name = name if hasattr(builtins, name) else "exception"
    frames = getattr(error, "frames", None)
    if frames is None:  # of the lines of the student's cell; the first frame is the test's own
        own = traceback.extract_tb(error.__traceback__)[1:]
        own = [f for f in own if not f.filename.startswith(LIBRARIES)]
        frames = [(f.lineno, f.line or "") for f in own if f.filename == own[0].filename]
    line, text = frames[-1] if frames else (0, "")
    message = shorten(getattr(error, "message", error), 200)
    failure = Failure(name, f"{name}: {message}", f"{line}: {text}", source)
    code, fields = next(applying("errors", failure))
    fields |= {"type": name, "error": message, "line": line, "text": shorten(text, 120)}
    if code not in ("changed-parameters", "endless-loop"):
        fields["place"] = ("line" if text else "number") if line else "function"
    return call.about(code, "error" if message else "dims", **fields)


# ------------------------------------------------------------------------- dictionary, keys, shapes

# Sizes in the table, for layers_dims and the number of a layer.
SIZES: dict[str, Callable[[list[int], int], int]] = {
    "n": lambda dims, l: dims[l],
    "p": lambda dims, l: dims[l - 1],
    "pp": lambda dims, l: dims[l - 2],
    "n1": lambda dims, l: dims[1],
    "p1": lambda dims, l: dims[0],
    "np": lambda dims, l: dims[l] * dims[l - 1],
    "10p": lambda dims, l: 10 * dims[l - 1],
    "n-1": lambda dims, l: dims[l] - 1,
    "1": lambda dims, l: 1,
}


@dataclass
class Results(Evidence):
    """What all calls returned; `call` is the one to describe, `key` one of its arrays."""

    call: Call
    calls: list[Call]
    source: Source
    exercise: str
    value: str = ""
    key: str = ""

    def keys(self, pattern: str) -> bool:
        """Whether each call returned certain keys, such as those of layers "1 L-1 Wb".

        Seen for one depth, or for two layers only, many mistakes leave the same keys.
        """
        depths = {call.depth for call in self.calls}
        tells = len(depths) > 1 and max(depths) > 2
        return tells and all(
            call.keys
            == {
                f"{letter}{l}"
                for part in pattern.split(", ")
                for first, last, letters in [part.split()]
                for l in range(_number(first, call.depth), _number(last, call.depth) + 1)
                for letter in letters
            }
            for call in self.calls
        )

    def shape(self, pattern: str) -> bool:
        """Whether all W, or all b, have a shape such as "W n p", written with `SIZES`."""
        for part in pattern.split(", "):
            letter, *sizes = part.split()
            if (letter != self.key[0] and part == pattern) or not all(
                call.shape(f"{letter}{l}") == tuple(SIZES[s](call.layers_dims, l) for s in sizes)
                for call in self.calls
                for l in range(1, call.depth + 1)
            ):
                return False
        return True

    @property
    def same_key(self) -> bool:
        """Whether W1 has the shape of the last layer, which is seen to differ from the first."""
        last = [(*call.layers_dims[:-3:-1],) for call in self.calls]
        first = [call.expected["W1"].shape for call in self.calls]
        return [call.shape("W1") for call in self.calls] == last != first

    @property
    def differing(self) -> set[str]:
        """The letters of the arrays that differ in a second call; "?" if the keys do."""
        first, second = self.call.found, self.call.found_again
        if type(second) is not dict or second.keys() != first.keys():
            return {"?"}
        return {key[0] for key in first if not np.array_equal(first[key], second[key])}

    @property
    def fixed_depth(self) -> dict:
        """The number of layers if it is the same for all depths; too few layers may raise."""
        returned = [call for call in self.calls if call.error is None]
        layers = len(self.call.found) // 2
        right = {f"{letter}{l}" for letter in "Wb" for l in range(1, layers + 1)}
        fixed = (
            len({call.depth for call in returned}) > 1
            and all(call.keys == right for call in returned)
            and all(call.depth < layers for call in self.calls if call.error is not None)
        )
        return {"layers": layers} if fixed and layers > 1 else {}

    @property
    def ignores_dims(self) -> bool:
        """Whether the same keys and shapes came back for architectures that differ."""
        shapes = [{key: call.shape(key) for key in call.keys or ()} for call in self.calls]
        return (
            any(shapes[0].values())
            and all(other == shapes[0] for other in shapes)
            and _have_nothing_in_common([call.layers_dims for call in self.calls])
        )

    @property
    def fixed_shapes(self) -> bool:
        """Whether this array has one shape in all networks that have it, and should not."""
        having = [call for call in self.calls if self.key in call.expected]
        return (
            len({call.expected[self.key].shape for call in having}) > 1
            and len({call.shape(self.key) for call in having}) == 1
        )

    def fixed_size(self, axis: int) -> dict:
        """The number of rows or columns of all W, or all b, if it is one number and wrong."""
        arrays = [
            (call, f"{self.key[0]}{l}") for call in self.calls for l in range(1, call.depth + 1)
        ]
        sizes = {(call.shape(key) or ())[axis : axis + 1] for call, key in arrays}
        right = {call.expected[key].shape[axis] for call, key in arrays}
        (size,) = (*sizes.pop(), 0)[:1] if len(sizes) == 1 < len(right) else (0,)
        return {"size": size} if size > 1 else {}


def _number(text: str, depth: int) -> int:
    """The number of a layer that the table writes as 0, 1, 2, L-1, L or L+1."""
    return depth + int(text[1:] or 0) if text[0] == "L" else int(text)


def _have_nothing_in_common(architectures: list[list[int]]) -> bool:
    """Whether depth, input size, next size and output size are each seen to vary.

    Otherwise something that depends on one of them could look as if it depended on nothing.
    """
    features = [(len(dims), dims[0], dims[1], dims[-1]) for dims in architectures]
    return all(len(set(values)) > 1 for values in zip(*features, strict=True))


def _only(group: str, others: str, evidence: Results) -> tuple[str, dict]:
    """The first row that applies; one of the others if none does, or rows of another kind do."""
    found = list(applying(group, evidence))
    kinds = {(row.get("keys"), row.get("shape")) for row in (TABLE[group][one] for one, _ in found)}
    return found[0] if len(kinds) == 1 else next(applying(others, evidence))


def _wrong_structure(evidence: Results) -> Diagnosis | None:
    """Compare what one call returned with what was expected, up to the shapes."""
    call = evidence.call
    evidence.value = type_name(call.found)
    for code, fields in applying("result", evidence):
        return call.about(code, **{"found": evidence.value} | fields)
    if call.keys != set(call.expected) or not evidence.all_text:
        code, fields = _only("keys", "other_keys", evidence)
        found = [shorten(repr(key), 20) for key in list(call.found)[:8]] or ["none"]
        fields["keys"] = ", ".join(found + ["..."] * (len(call.found) > 8))
        fields["expected"] = ", ".join(map(repr, call.expected))
        return call.about(code, "keys", **fields)
    for key in call.expected:
        name = evidence.value = type_name(call.found[key])
        if type(call.found[key]) is tuple:
            evidence.value += f" of {len(call.found[key])}"
        for code, fields in applying("types", evidence):
            return call.about(code, **{"key": key, "found": name} | fields)
    for key, right in call.expected.items():
        evidence.key, shape = key, call.shape(key)
        if shape != right.shape:
            code, fields = _only("shapes", "other_shapes", evidence)
            fields |= {"key": key, "letter": key[0], "shape": str(shape)}
            return call.about(code, "shape", expected=str(right.shape), **fields)
    return None


# ----------------------------------------------------------------------------------------- values


def _wrong_values(weights: "Weights", calls: list[Call], call: Call, key: str) -> Diagnosis:
    """Describe the first array whose values are wrong, and all others with it."""
    group = "biases" if key[0] == "b" else "weights"
    code, fields = next(applying(group, weights), ("values-differ", {}))
    layer, shown = fields.pop("layer", None), "entry"
    if layer:  # what is shown is what is meant
        call, key = calls[layer.network], layer.key
    if code in ("scale-of-network", "scale-varies"):
        shown = "factors"
        pairs = zip(weights.layers, weights.ratios, strict=True)
        ratios = [f"{ratio:.6g} in {l.key}" for l, ratio in pairs if l.network == layer.network]
        fields["factors"] = ", ".join(ratios)
    found, expected = call.found[key], call.expected[key]
    row, column = np.argwhere(~np.isclose(found, expected, rtol=RELATIVE_ERROR, atol=0))[0]
    fields = {"row": int(row), "column": int(column), "key": key} | fields
    fields |= {"entry": float(found[row, column]), "expected": float(expected[row, column])}
    return call.about(code, shown, **fields)


@dataclass(frozen=True, eq=False)
class Layer:
    """The weights of one layer, flattened row by row.

    `network` says of which call; `n_this`, `n_prev` and `inputs` are the number of units of this
    layer, of the previous one and of the input; `draw` holds the normal numbers that the prescribed
    seed gives for this layer, and `start` says how many are drawn for the layers before.
    """

    network: int
    key: str
    n_this: int
    n_prev: int
    inputs: int
    found: np.ndarray
    expected: np.ndarray
    draw: np.ndarray
    start: int

    @property
    def unit(self) -> np.ndarray:
        """What was found, divided by the factor that the expected weights contain."""
        return self.found * (self.draw[0] / self.expected[0])

    def ratio(self, numbers: np.ndarray) -> float | None:
        """The factor that turns numbers into what was found, if one factor does so for all."""
        largest = np.argmax(np.abs(numbers))
        factor = float(self.found[largest] / numbers[largest])
        return factor if close(self.found, factor * numbers) else None

    @property
    def is_line(self) -> bool:
        """Whether one number times the draw plus another one gives what was found."""
        slope, added = np.polyfit(self.draw, self.found, 1) if self.found.size > 2 else (0, 0)
        return slope != 0 and np.allclose(slope * self.draw + added, self.found, 1e-8, 1e-10)


def _layers(network: int, call: Call) -> list[Layer]:
    layers, start = [], 0
    for key in (f"W{l}" for l in range(1, call.depth + 1)):
        found, expected = call.found[key], call.expected[key]
        draw = normal_numbers(SEED, start + found.size)[start:]
        numbers = found.ravel(), expected.ravel(), draw
        layers.append(Layer(network, key, *found.shape, call.layers_dims[0], *numbers, start))
        start += found.size
    return layers


def normal_numbers(seed: int, count: int) -> np.ndarray:
    """What the generator gives first after a seed."""
    return np.random.RandomState(seed).randn(count)


class Weights(Evidence):
    """The weights of all calls, some of which are wrong."""

    def __init__(
        self, exercise: str, calls: list[Call], function: Callable, source: Source
    ) -> None:
        self.exercise, self.function, self.source = exercise, function, source
        self.biases = [call.found[key] for call in calls for key in call.expected if key[0] == "b"]
        self.architectures = [call.layers_dims for call in calls]
        self.networks = [_layers(number, call) for number, call in enumerate(calls)]
        self.layers = [layer for network in self.networks for layer in network]
        self.wrong = [one for one in self.layers if not close(one.found, one.expected)]
        # One entry for each weight.
        self.found, self.expected, self.draw, self.unit = (
            np.concatenate([getattr(layer, name) for layer in self.layers])
            for name in ("found", "expected", "draw", "unit")
        )
        sizes = [layer.found.size for layer in self.layers]
        self.n_this, self.n_prev, self.inputs = (
            np.repeat([float(getattr(layer, name)) for layer in self.layers], sizes)
            for name in ("n_this", "n_prev", "inputs")
        )

    def follow(self, numbers: np.ndarray) -> bool:
        """Whether each W is these numbers, one for each weight, times one factor."""
        pieces = np.split(numbers, np.cumsum([layer.found.size for layer in self.layers])[:-1])
        pairs = [pair for pair in zip(self.layers, pieces, strict=True) if pair[1].size > 1]
        fits = [layer.ratio(piece) is not None for layer, piece in pairs]
        return None in self.ratios and fits != [] and all(fits)

    def numbers(self, names: str) -> bool:
        """Whether a function of NumPy, one of these, was applied to the random numbers."""
        return any(
            self.follow(change(self.draw)) or close(self.found, change(self.expected))
            for change in (getattr(np, name) for name in names.split())
        )

    # Factors

    @cached_property
    def ratios(self) -> list[float | None]:
        """For each layer: found divided by expected, if it is the same for all its numbers."""
        return [layer.ratio(layer.expected) for layer in self.layers]

    @cached_property
    def sizes_tell(self) -> bool:
        """Whether the layers differ enough to see which layer size a factor depends on.

        With few layers, or with equal ones, many formulas give the same factor; in layers that
        only shrink, the smaller size is that of this layer; and what depends on the whole network
        looks constant until the network changes.
        """
        return (
            None not in self.ratios
            and np.linalg.matrix_rank(self._logs) == 3
            and (self.n_this > self.n_prev).any()
            and (self.n_this < self.n_prev).any()
            and _have_nothing_in_common(self.architectures)
        )

    @property
    def _logs(self) -> np.ndarray:
        return np.log(np.column_stack([np.full(self.n_this.shape, np.e), self.n_prev, self.n_this]))

    @cached_property
    def power_law(self) -> tuple[float, float, float] | None:
        """The (c, p, q) with factor = c * n_prev**p * n_this**q; p and q are multiples of 1/4."""
        factors = self.found / self.draw
        if not self.sizes_tell or (factors <= 0).any():
            return None
        _, p, q = np.linalg.lstsq(self._logs, np.log(factors), rcond=None)[0]
        p, q = round(4 * p) / 4, round(4 * q) / 4
        c = float(factors[0] / (self.n_prev[0] ** p * self.n_this[0] ** q))
        return (c, p, q) if self.is_factor(c * self.n_prev**p * self.n_this**q) else None

    def law(self, named: list) -> bool:
        """Whether the table names this law: an exercise or "", c, p and q."""
        exercise, *law = named
        right = self.power_law is not None and exercise in ("", self.exercise)
        return right and close(self.power_law, law)

    def is_factor(self, factors: np.ndarray) -> bool:
        """Whether these factors were used, and no other formula gives the same ones."""
        return self.sizes_tell and close(self.found, factors * self.draw)

    @property
    def formula(self) -> str:
        """The law as one reads it."""
        c, *powers = self.power_law
        text = f"{c:.4g}"
        for name, power in zip(("n_prev", "n_this"), powers, strict=True):
            if power:
                size = {0.5: f"sqrt({name})", 1: name}.get(abs(power), f"{name} ** {abs(power):g}")
                text += f" {'*' if power > 0 else '/'} {size}"
        return text.removeprefix("1 * ")

    @property
    def uneven_layer(self) -> "Layer | None":
        """A wrong layer of the first network whose layers have different ratios."""
        for network in self.networks:
            ratios = [self.ratios[self.layers.index(layer)] for layer in network]
            if not close(ratios, ratios[0]):
                return next(layer for layer in self.wrong if layer in network)
        return None

    @property
    def outside_name(self) -> dict:
        """A variable of the notebook that the function uses, if the code is seen."""
        is_proxy = hasattr(self.function, "__source__")  # it asks one in another process
        if is_proxy or not isinstance(self.function, FunctionType):
            return {}
        data = (bool, int, float, str, list, tuple, dict, np.ndarray, np.generic)
        known = self.function.__globals__
        uses = (one for one in dis.get_instructions(self.function) if one.opname == "LOAD_GLOBAL")
        return first_of({"name": o.argval} for o in uses if isinstance(known.get(o.argval), data))

    # Places in the stream of random numbers

    def skips(self, network: list[Layer]) -> bool:
        """Whether the layers are pieces of the stream, one after the other, with gaps between."""
        stream = normal_numbers(SEED, self.found.size + LONGEST_SKIP)
        position = 0
        for unit in (layer.unit for layer in network):
            places = np.flatnonzero(np.isclose(stream, unit[0], rtol=1e-9, atol=0))
            places = places[(places >= position) & (places <= stream.size - unit.size)]
            starts = [place for place in places if close(stream[place : place + unit.size], unit)]
            if not starts:
                return False
            position = starts[0] + unit.size
        return True

    def skips_uniform(self, before: int, between: int) -> bool:
        """Whether `rand` gave some numbers before the first layer, and some after each layer."""
        for network in self.networks:
            generator = np.random.RandomState(SEED)
            generator.rand(before)
            for layer in network:
                if not close(layer.unit, generator.randn(layer.unit.size)):
                    return False
                generator.rand(between)
        return True

    # Other random numbers

    def are_multiples_of(self, numbers: np.ndarray) -> bool:
        """Whether every W is a multiple of its piece of a stream of random numbers."""
        # A single number is a multiple of any other: there the right factor must be seen.
        return all(
            close(one.unit, piece) if piece.size == 1 else one.ratio(piece) is not None
            for one in self.layers
            for piece in [numbers[one.start : one.start + one.found.size]]
        )

    @property
    def other_seed(self) -> dict:
        """The seed that gives these numbers."""
        fits = (s for s in OTHER_SEEDS if self.are_multiples_of(normal_numbers(s, self.found.size)))
        return first_of({"seed": seed} for seed in fits)

    @property
    def starts_again(self) -> bool:
        """Whether each W holds the first numbers that the generator gives after some seed."""
        streams = [normal_numbers(seed, self.found.size) for seed in (SEED, *OTHER_SEEDS)]
        return all(
            any(close(one.unit, stream[: one.unit.size]) for stream in streams)
            for one in self.layers
        )

    @cached_property
    def large(self) -> list[dict]:
        """Facts about W1 and W2 of a large network; nothing if they are unusual in any way."""
        try:
            call = Call(LARGE_DIMS, {}, self.function(list(LARGE_DIMS)))
        except (Exception, SystemExit):
            return []
        facts = []
        for key, (shape, expected) in LARGE_WEIGHTS[self.exercise].items():
            if call.shape(key) != shape or call.found[key].dtype != np.float64:
                return []
            weights = call.found[key]
            mean, spread = float(weights.mean()), float(weights.std())
            deviations = (weights - mean) / spread
            if not np.isfinite(deviations).all():
                return []
            normal = (
                abs(mean) < MEAN_LIMIT * spread
                and abs((deviations**3).mean()) < SKEWNESS_LIMIT
                and abs((deviations**4).mean() - 3) < KURTOSIS_LIMIT
            )
            one = {"large": key, "mean": mean, "spread": spread, "times": spread / expected}
            one |= {"normal": bool(normal), "distinct": np.unique(weights).size / weights.size}
            facts.append(one)
        return facts


# Layers so large that chance plays no part. The smaller one has 20,000 weights, so the standard
# errors are 0.7 % for the mean (in units of the standard deviation), 0.5 % for the standard
# deviation, 0.017 for the skewness and 0.035 for the kurtosis. Each limit is at least 7 of them
# away: numbers that are drawn in the right way fail less than once in 10**10 times.
LARGE_DIMS = [300, 200, 100]
LARGE_WEIGHTS = {  # shape and standard deviation
    "random": {"W1": ((200, 300), 10.0), "W2": ((100, 200), 10.0)},
    "he": {"W1": ((200, 300), 0.0816496580927726), "W2": ((100, 200), 0.1)},
}
MEAN_LIMIT, SPREAD_LIMIT, SKEWNESS_LIMIT, KURTOSIS_LIMIT = 0.05, 0.04, 0.15, 0.3


def _sorted_numbers(layers: list[Layer]) -> list[np.ndarray]:
    """What was found, without its factors, and what is drawn, both in ascending order."""
    parts = [[layer.unit for layer in layers], [layer.draw for layer in layers]]
    return [np.sort(np.concatenate(part)) for part in parts]


def _key(found: Iterable) -> dict:
    return first_of({"key": shorten(repr(key), 40)} for key in found)


# What `when` in the table asks for, beside the attributes of the evidence. A dictionary gives
# fields for the braces.
Evidence.facts |= {
    # An exception
    "odd_character": lambda e: odd_character(e.error),
    # The dictionary and its keys
    "is_dict": lambda e: e.call.keys is not None,
    "another_returned": lambda e: any(call.keys for call in e.calls),
    "nothing_stored": lambda e: all(call.keys == set() for call in e.calls),
    "nested": lambda e: _key(key for key, value in e.call.found.items() if type(value) is dict),
    "listed": lambda e: first_of(
        {"key": shorten(repr(key), 40), "found": type(value).__name__}
        for key, value in e.call.found.items()
        if type(value) in (list, tuple) and not set(e.call.expected) & e.call.keys
    ),
    "all_text": lambda e: all(type(key) is str for key in e.call.found),
    "odd_key": lambda e: first_of(
        _key([key]) | odd_character(key)
        for key in e.call.found
        if type(key) is str and odd_character(key)
    ),
    "same_letters": lambda e: (
        {key.lower() for key in e.call.found} == {key.lower() for key in e.call.expected}
    ),
    "same_signs": lambda e: any(
        {re.sub(r"\W|_", "", key[n:] + key[:n]) for key in e.call.found} == set(e.call.expected)
        for n in (0, -1)
    ),
    "not_filled": lambda e: _key(key for key in e.call.found if re.search("[{%]", key)),
    "with_point": lambda e: {k.removesuffix(".0") for k in e.call.found} == set(e.call.expected),
    "no_digits": lambda e: not any(char.isdigit() for key in e.call.found for char in key),
    "changes_list": lambda e: e.call.argument != e.call.layers_dims,
    "more": lambda e: set(e.call.expected) < e.call.keys,
    "fewer": lambda e: e.call.keys < set(e.call.expected),
    # Shapes
    "fixed_rows": lambda e: e.fixed_size(0),
    "fixed_columns": lambda e: e.key[0] == "W" and e.fixed_size(1),
    "is_weight": lambda e: e.key[0] == "W",
    # Repeated calls
    "not_finite": lambda e: first_of(
        {"key": key} for key, array in e.call.found.items() if not np.isfinite(array).all()
    ),
    "unseeded": lambda e: e.exercise != "zeros" and e.differing == {"W"},
    "changes": lambda e: (  # in exercise 1 values that are not zero say more
        e.differing and (e.exercise != "zeros" or not any(map(np.any, e.call.found.values())))
    ),
    # Values
    "constant_bias": lambda e: (
        any(b.size > 1 for b in e.biases)
        and all((b == e.biases[0][0]).all() for b in e.biases)
        and {"value": float(e.biases[0][0, 0])}
    ),
    "exercise_1": lambda e: e.exercise == "zeros",
    "all_zero": lambda e: not e.found.any(),
    "all_constant": lambda e: (
        e.found.size > len(e.layers) and not any(np.ptp(layer.found) for layer in e.layers)
    ),
    # A few numbers can be explained in many ways, and a single one is a multiple of any other.
    "too_few": lambda e: (
        sum(l.found.size for l in e.wrong) < 3 or max(l.found.size for l in e.wrong) == 1
    ),
    "rounded": lambda e: any(
        e.follow(e.draw.round(digits)) or close(e.found, e.expected.round(digits))
        for digits in range(1, 9)
    ),
    "wrong_are_constant": lambda e: (
        not any(np.ptp(layer.found) for layer in e.wrong)
        and first_of(
            {"layer": layer, "value": float(layer.found[0])}
            for layer in e.wrong
            if layer.found.size > 1
        )
    ),
    "imprecise": lambda e: close(e.found, e.expected, 1e-3),
    "one_factor": lambda e: None not in e.ratios,
    "common_ratio": lambda e: (
        None not in e.ratios and close(e.ratios, e.ratios[0]) and {"ratio": e.ratios[0]}
    ),
    "fixed_factor": lambda e: (
        e.power_law and not any(e.power_law[1:]) and {"factor": e.power_law[0]}
    ),
    "other_law": lambda e: e.power_law and {"formula": e.formula},
    "both_sizes": lambda e: first_of(
        {"over": float(over)}
        for over in [(e.found[0] / e.draw[0]) ** 2 * (e.n_prev + e.n_this)[0]]
        if e.is_factor(np.sqrt(over / (e.n_prev + e.n_this)))
    ),
    "one_more": lambda e: e.is_factor(np.sqrt(2 / (e.n_prev + 1))),
    "of_inputs": lambda e: e.is_factor(np.sqrt(2 / e.inputs)),
    "of_network": lambda e: not e.uneven_layer and {"layer": e.wrong[0]},
    "of_layer": lambda e: {"layer": e.uneven_layer},
    "factor_added": lambda e: np.allclose(
        e.found - e.draw, e.expected / e.draw, rtol=1e-7, atol=1e-9
    ),
    "shifted": lambda e: (
        np.ptp(e.found - e.expected) < RELATIVE_ERROR * abs(e.found - e.expected).max()
        and {"shift": float((e.found - e.expected)[0])}
    ),
    "lines": lambda e: all(layer.is_line for layer in e.layers),
    "transposed": lambda e: all(
        close(l.unit.reshape(l.n_this, l.n_prev).T.ravel(), l.draw) for l in e.layers
    ),
    "rearranged": lambda e: all(close(*_sorted_numbers([layer])) for layer in e.layers),
    "in_other_order": lambda e: all(close(*_sorted_numbers(one)) for one in e.networks),
    "skipped": lambda e: (
        all(map(e.skips, e.networks))
        or any(e.skips_uniform(before, after) for before in range(4) for after in range(4))
    ),
    "partly_right": lambda e: first_of(
        {"layer": l} for l in e.wrong if np.isclose(l.found, l.expected, 1e-9, 0).any()
    ),
    "uniform": lambda e: any(
        e.are_multiples_of(np.random.RandomState(SEED).rand(e.found.size) - mean)
        for mean in (0, 0.5)
    ),
    "first_right": lambda e: all(layer.key != "W1" for layer in e.wrong),
    "repeated": lambda e: first_of(one for one in e.large if one["distinct"] < 0.9),
    "not_normal": lambda e: first_of(one for one in e.large if not one["normal"]),
    "right_spread": lambda e: e.large and all(abs(o["times"] - 1) < SPREAD_LIMIT for o in e.large),
    "spreads": lambda e: {one["large"]: one["times"] for one in e.large},
}
