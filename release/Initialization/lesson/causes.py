"""What can be wrong with an answer: one table of causes.

Each row has a code, the evidence for it, what it means, and a hint. The words name what is wrong
and where to look, never the line to write. Names in braces are the fields of a `Diagnosis`, so the
sentences can be translated: a catalogue has the code as context and the sentence as key.

The evidence is a function: it says whether the row applies, or gives fields for its braces.
`diagnosis.py` asks the rows of a group in their order and takes the first that applies. Of `KEYS`
and `SHAPES` exactly one must apply, because several mistakes can leave the same keys or shapes.
Rows without evidence are named by whoever sees it.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

RELATIVE_ERROR = 1e-9  # sqrt(2 / n) and sqrt(2) / sqrt(n) differ in the last bits; both are right


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong, as data; the words are made when they are asked for.

    Attributes
    ----------
    code : str
        The row of the table.
    fields : dict
        Values for the braces of its sentences.
    shown : str
        The row of `CASES` that says what was found and expected, with its numbers.
    """

    code: str
    fields: dict = field(default_factory=dict)
    shown: str = "dims"

    @property
    def message(self) -> str:
        """What was found and what was expected, in words."""
        place = PLACES[self.fields.get("place", "")]
        return " ".join(filter(None, map(self._fill, (place, CAUSES[self.code][1]))))

    @property
    def hint(self) -> str:
        """What to look at next."""
        return self._fill(CAUSES[self.code][2])

    @property
    def case(self) -> str:
        """The same for one architecture, with numbers; empty if no call was made."""
        return self._fill(CASES[self.shown]) if "dims" in self.fields else ""

    @property
    def fields_in_words(self) -> dict:
        """The fields that stand in the message or the hint, and tell nothing of a hidden case."""
        words = PLACES[self.fields.get("place", "")] + "".join(CAUSES[self.code][1:])
        return {k: v for k, v in self.fields.items() if f"{{{k}" in words or k == "place"}

    def _fill(self, template: str) -> str:
        return translate(self.code, template).format(**self.fields)


def translate(context: str, text: str) -> str:
    """The place for a catalogue of another language."""
    return text


def close(found: object, expected: object, error: float = RELATIVE_ERROR) -> bool:
    """Whether numbers agree."""
    return bool(np.allclose(found, expected, rtol=error, atol=0))


def shorten(text: object, length: int) -> str:
    """The first line of a text, cut to a length, without a full stop at its end."""
    lines = str(text).strip().splitlines()
    line = lines[0].strip().removesuffix(".") if lines else ""
    return line if len(line) <= length else line[: length - 3] + "..."


def type_name(value: object) -> str:
    """The name of a value's type, short enough for a message."""
    name = type(value).__name__
    return "ndarray of a special kind" if name == "ndarray" else shorten(name, 40)


def dtype_name(value: object) -> str:
    """The type of an array's entries; float64 for other values."""
    if match := re.fullmatch(r"ndarray \(of (\w+)\)", type(value).__name__):
        return match[1]  # all that another process tells of some arrays
    return shorten(value.dtype, 20) if type(value) is np.ndarray else "float64"


HIDDEN = "A hidden check with other layer sizes failed: {message}"

# Where an exception was raised; it stands before what the row means.
PLACES = {
    "": "",
    "line": "Line {line} of your code, `{text}`, raised {type}.",
    "number": "Line {line} of your code raised {type}.",
    "function": "Your function raised {type}.",
}

# What was found and expected, for one architecture.
CASES = {
    "dims": "With layers_dims = {dims}.",
    "error": "With layers_dims = {dims}: {type}: {error}.",
    "keys": "With layers_dims = {dims}: the keys are {keys}, expected {expected}.",
    "shape": "With layers_dims = {dims}: {key} has shape {shape}, expected {expected}.",
    "entry": "With layers_dims = {dims}: {key}[{row}, {column}] is {entry:.10g}, "
    "expected {expected:.10g}.",
    "factors": "With layers_dims = {dims}: found divided by expected is {factors}.",
}

# ------------------------------------------------------------------------------------ the function

FUNCTION = {
    "wrong-name": (
        None,
        "There is no function {name}.",
        "Was the function renamed or deleted, or has its cell not been run yet?",
    ),
    "cell-not-run": (
        None,
        "No cell that defines {name} has been run.",
        "Run the cell of the exercise, then the test.",
    ),
    "cell-not-python": (
        None,
        "The cell of {name} was not run, because Python cannot read its line {line}, `{text}`: "
        "{error}.",
        "Correct this line or the one above it. Run the cell, then the test.",
    ),
    "cell-stopped": (
        None,
        "The cell of {name} stopped with an error before the function was ready.",
        "Read the error below that cell and correct it. Run the cell, then the test.",
    ),
    "not-a-function": (
        None,
        "{name} is of type {found}, expected a function.",
        "Does another line use the same name? Run the cell of the exercise again.",
    ),
    "mutates-input": (
        None,
        "The function changes the list layers_dims that it was given, expected it to stay as it "
        "was.",
        "Only read from layers_dims; whoever calls the function still needs the list.",
    ),
}

# -------------------------------------------------------------------------------------- exceptions


def raised(kind: str, error: str = "", line: str = "") -> Callable:
    """Evidence: the type of an exception, and what its message and its line contain.

    Both are regular expressions. Groups with a name become fields.
    """

    def applies(failure) -> dict | None:
        match = re.search(error, failure.error) if failure.type == kind else None
        return match.groupdict() if match and re.search(line, failure.text) else None

    return applies


FUNCTIONS = r"[\w.]*function_or_method|function|method|type|_ArrayFunctionDispatcher|numpy\.ufunc"
NUMBER = r"int|float|numpy\.\w+"

ERRORS = {
    # Arguments of calls
    "number-as-dtype": (
        raised("TypeError", r"Cannot interpret '\S+' as a data type"),
        "NumPy was given a size where it expects a data type.",
        "np.zeros takes the whole shape as one argument: rows and columns together in a tuple.",
    ),
    "list-in-range": (
        raised("TypeError", "'list' object cannot be interpreted as an int", r"\brange\("),
        "range was given a list, and needs whole numbers.",
        "How many layers are there? len counts the entries of a list.",
    ),
    "tuple-as-number": (
        raised("TypeError", "'(tuple|list)' object cannot be interpreted as an int", r"randn?\("),
        "A tuple or list was given where a single whole number is expected.",
        "np.random.randn takes rows and columns as two separate arguments, unlike np.zeros; each "
        "of them is one number.",
    ),
    "list-as-number": (
        raised("TypeError", "'(tuple|list)' object cannot be interpreted as an int"),
        "A list or a tuple stands where a single whole number is expected.",
        "Did you mean one entry of the list? For the shape of an array each size is one number.",
    ),
    "float-as-size": (
        raised("TypeError", r"'(numpy\.)?float\d*' object cannot be interpreted as an int"),
        "A size or a counter must be a whole number, and this one is a float.",
        "The division / and np.sqrt always give a float. Does a factor stand inside the brackets "
        "of the call? It belongs behind them.",
    ),
    "seed-not-whole": (
        raised("TypeError", "Cannot cast scalar from dtype", r"seed\("),
        "The seed must be a whole number.",
        "Write the seed as it was given: without a decimal point and without quotes.",
    ),
    "changed-parameters": (
        lambda failure: (
            failure.type == "TypeError"
            and not failure.line
            and "positional argument" in failure.error
        ),
        "The function cannot be called with layers_dims as its only argument.",
        "Leave the line that starts with def as it was given.",
    ),
    "wrong-arguments": (
        raised("TypeError", "positional argument|unexpected keyword argument"),
        "A function was called with too many or too few arguments, or with a name that it does "
        "not know.",
        "Compare the call in this line with the definition or the documentation of the function. "
        "np.random.randn takes the sizes without names.",
    ),
    "comma-in-number": (
        raised("TypeError", "return arrays must be of ArrayType"),
        "A NumPy function was given an argument too many.",
        "Is there a comma where a decimal point or a fraction should be?",
    ),
    "comma-before-star": (
        raised("TypeError", r"Value after \* must be an iterable", r",\s*\*"),
        "A comma stands before the sign *.",
        "Two factors have only the * between them.",
    ),
    # Brackets
    "module-called": (
        raised("TypeError", "'module' object is not callable"),
        "A module is called as if it were a function.",
        "A module such as np.random holds functions. Which of them does the exercise name?",
    ),
    "entries-in-round-brackets": (
        raised("TypeError", "'(list|dict|tuple)' object is not callable"),
        "Round brackets follow a list, a tuple or a dictionary.",
        "Square brackets take an entry. Has a cell given the name of a function to something "
        "else? Then restart the kernel (Kernel > Restart).",
    ),
    "number-called": (
        raised("TypeError", f"'({NUMBER})' object is not callable"),
        "Round brackets follow a number or an array, as if it were a function.",
        "Is a * missing before the bracket? Or has a cell stored a number under the name of a "
        "function, as in np.random.seed = 3? Then restart the kernel (Kernel > Restart).",
    ),
    "not-callable": (
        raised("TypeError", "object is not callable"),
        "Round brackets follow something that is not a function.",
        "Look at what stands before each opening round bracket. Has a cell of the notebook given "
        "one of these names another value? Then restart the kernel.",
    ),
    "function-in-square-brackets": (
        raised("TypeError", rf"('({FUNCTIONS})' object|type '\w+') is not subscriptable"),
        "Square brackets follow a function.",
        "A function is called with round brackets.",
    ),
    "without-entries": (
        raised("TypeError", "is not subscriptable"),
        "Square brackets follow something that has no entries.",
        "Which variable in this line should be a list, a dict or an array, and what is it?",
    ),
    "index-not-whole": (
        raised("TypeError", "list indices must be integers"),
        "The index of a list must be one whole number.",
        "Does it stand in quotes, or does a division make it a float? A comma inside square "
        "brackets makes a tuple, and enumerate gives pairs.",
    ),
    "index-out-of-range": (
        raised("IndexError", "list index out of range"),
        "It asks for an entry that the list does not have.",
        "Entries are counted from 0. What is the largest index that your loop asks for?",
    ),
    # Types that do not go together
    "unpacked": (
        lambda failure: re.search("cannot unpack|values to unpack", failure.error),
        "The number of names does not match the number of values that they should take.",
        "Count both. What does one round of the loop, or the right side, give?",
    ),
    "number-in-loop": (
        raised("TypeError", "'(int|float)' object is not iterable"),
        "A single number stands where several values are needed.",
        "A loop cannot run over a number: range makes the numbers from a first one up to a last.",
    ),
    "text-plus-number": (
        raised(
            "TypeError",
            rf'can only concatenate str \(not "({NUMBER})"\)|for \+: \'(int|float)\' and \'str\'',
        ),
        "A string and a number cannot be joined with +.",
        "A key is made of a letter and a number; turn the number into a string first.",
    ),
    "caret": (
        raised("TypeError", r"for \^|'bitwise_xor' not supported"),
        "In Python the sign ^ is not a power.",
        "A power is written with two stars: **. For a root there is also np.sqrt.",
    ),
    "no-number": (
        raised(
            "TypeError",
            "contain a loop .*<U|can't multiply sequence by non-int|"
            "not supported for the input types|loop of ufunc does not support",
        ),
        "It computes with something that is neither a number nor an array of numbers.",
        "A number in quotes is text. A list must become an array before each entry can be "
        "multiplied.",
    ),
    "none-in-arithmetic": (
        raised("TypeError", "unsupported operand type.*'NoneType'"),
        "One side of a sign is None.",
        "Which name in this line is None? Perhaps a line was not filled in, or a function returns "
        "nothing.",
    ),
    "list-in-arithmetic": (
        raised("TypeError", "unsupported operand type.*'list'"),
        "A list stands next to an arithmetic sign.",
        "Did you mean one entry of the list, or its length? Look at where each bracket closes.",
    ),
    "operand-types": (
        raised("TypeError", "unsupported operand type|can only concatenate"),
        "The values on the two sides of a sign cannot be combined.",
        "What is the type of each side?",
    ),
    # Names
    "np-missing": (
        raised("NameError", "name 'np' is not"),
        "The name np has no value.",
        "After a restart of the kernel, run the cell of section 1 first.",
    ),
    "module-not-imported": (
        raised("NameError", "name '(?P<name>math|random|scipy|torch|numpy)' is not"),
        "No module is imported under the name {name}.",
        "Section 1 imports NumPy as np; it can do all that this exercise needs.",
    ),
    "np-in-front": (
        raised(
            "NameError",
            "name '(?P<name>zeros|ones|randn|rand|normal|seed|sqrt|array|square|power|dot)' is not",
        ),
        "Python does not know {name} by itself.",
        "If you mean the function of NumPy, say so: its functions start with np. or np.random.",
    ),
    "quotes-missing": (
        raised("NameError", "name '(?P<name>[WwBb])' is not"),
        "Python reads {name} as the name of a variable, and there is none.",
        "Did you mean the letter? Text stands in quotes.",
    ),
    "unknown-name": (
        raised("NameError", r"name '(?P<name>\w+)' is not"),
        "The name {name} has no value at this point.",
        "Is it spelled in the same way everywhere, and does it get its value before this line? "
        "What the function needs comes in as its argument.",
    ),
    "local-name": (
        raised("UnboundLocalError", r"variable '(?P<name>\w+)'"),
        "The name {name} belongs to a variable of the function, which has no value yet.",
        "Choose another name for the variable if Python or NumPy uses this one already; otherwise "
        "give it a value before this line, in a line that is sure to run.",
    ),
    "missing-key": (
        raised("KeyError"),
        "It asks for a key that the dictionary does not have.",
        "Store a value under a key before you read it; one = stores, and == compares. Is the key "
        "spelled in the same way in both places?",
    ),
    # What stands after a dot
    "removed-from-numpy": (
        raised("AttributeError", r"module 'numpy' .*'(?P<name>float|int|bool|object|str|float_)'"),
        "This version of NumPy has no name {name}.",
        "Old texts still use this name. For the numbers of this exercise no type needs to be "
        "given.",
    ),
    "np-overwritten": (
        raised(
            "AttributeError",
            "'(?P<owner>int|float|list|str|dict|tuple)' object has no attribute "
            "'(random|zeros|sqrt|randn|seed)'",
            r"\bnp\.",
        ),
        "What stands before the dot is of type {owner}, not a part of NumPy.",
        "Has a cell given the name np, or a part of np, another value? Correct that cell and "
        "restart the kernel (Kernel > Restart).",
    ),
    "dict-attribute": (
        raised("AttributeError", r"'dict' object has no attribute '(?P<name>\w+)'"),
        "A dictionary has nothing called {name}.",
        "An array is stored under its key, which stands in square brackets, not after a dot.",
    ),
    "list-length": (
        raised("AttributeError", "'list' object .* '(?P<name>shape|size|length|len)'"),
        "A list does not have {name}.",
        "len counts the entries of a list.",
    ),
    "not-in-np-random": (
        raised(
            "AttributeError", "module '(?P<owner>numpy|random)' .*'(?P<name>randn?|seed|normal)"
        ),
        "The module {owner} itself does not have {name}.",
        "The functions of NumPy for random numbers start with np.random.",
    ),
    "unknown-attribute": (
        raised("AttributeError", r"'(?P<owner>[\w.]+)'.* has no attribute '(?P<name>\w+)'"),
        "{owner}, which stands before the dot, does not have {name}.",
        "Check the spelling, and which part of NumPy has what you need.",
    ),
    # The rest
    "negative-size": (
        raised("ValueError", "negative dimensions"),
        "The size of an array is negative.",
        "Where in this line is something subtracted from a size?",
    ),
    "shapes-do-not-fit": (
        raised("ValueError", "broadcast|reshape|mismatch"),
        "Two shapes do not fit together.",
        "Which shape does each array in this line have?",
    ),
    "division-by-zero": (
        raised("ZeroDivisionError"),
        "It divides by zero.",
        "Which number in this line can be zero?",
    ),
    "endless-recursion": (
        raised("RecursionError"),
        "A function calls itself too many times.",
        "A loop over the layers is enough; the function need not call itself.",
    ),
    "endless-loop": (
        raised("TimeoutError", "had not finished"),
        "The function had not finished after 10 seconds, so it was stopped.",
        "Does a while loop ever end? Something in its condition must change in each round.",
    ),
    "stops-itself": (
        lambda failure: (
            failure.type in ("SystemExit", "NotImplementedError")
            or re.match(r"(raise|assert)\b", failure.text)
        ),
        "This line stops the function on purpose.",
        "Remove the line, or write your own code in its place: a function ends with return.",
    ),
    "raises": (
        lambda failure: True,
        "",
        "Split the line into smaller steps and look at what each of them gives.",
    ),
}

# -------------------------------------------------------------------------------- dictionary, keys

RESULT = {
    "returns-none": (
        lambda e: e.call.found is None,
        "The function returned None, expected a dictionary of arrays.",
        "Printing a result does not hand it back: the function ends with a return.",
    ),
    "not-a-dict": (
        lambda e: e.call.keys is None,
        "The function returned a value of type {found}, expected a dictionary of arrays (dict).",
        "Store each array in the dictionary `parameters` under its key, and return that.",
    ),
    "nothing-stored": (
        lambda e: all(call.keys == set() for call in e.calls),
        "The function returned an empty dictionary, expected the arrays W1, b1, W2, b2, ...",
        "Is the marked part filled in, and was the cell run since then? Is each array put into "
        "the dictionary that is returned, under its key?",
    ),
}


DIMS_IGNORED = (
    lambda e: e.ignores_dims,
    "Whatever layers_dims is, the function returns arrays of the same shapes.",
    "Take every size from the argument layers_dims: no fixed numbers, no variable of the notebook.",
)


def layer_keys(first: int, last: int, letters: str = "Wb") -> set[str]:
    """The keys of some layers."""
    return {f"{letter}{l}" for l in range(first, last + 1) for letter in letters}


def keys(pattern: Callable[[int], set[str]]) -> Callable:
    """Evidence: for each number L of layers with weights, these keys came back."""
    return lambda e: e.has_keys(pattern)


KEYS = {
    "missing-last-layer": (
        keys(lambda L: layer_keys(1, L - 1)),
        "The last layer is missing.",
        "Write down the values that your loop counter takes. Where does range stop?",
    ),
    "same-key": (
        lambda e: e.has_keys(lambda L: {"W1", "b1"}) and e.same_key,
        "Only W1 and b1 came back, and W1 has the shape of the last layer.",
        "Does the key change from one round to the next? Under a key that stays the same, each "
        "array replaces the one before.",
    ),
    "only-first-layer": (
        lambda e: e.has_keys(lambda L: {"W1", "b1"}) and not e.same_key,
        "Only the keys of the first layer came back.",
        "Does every round of the loop run, or does a return stand inside it? Does each round "
        "store its arrays?",
    ),
    "only-last-layer": (
        keys(lambda L: layer_keys(L, L)),
        "Only the keys of the last layer came back.",
        "Do the lines that store the arrays stand inside the loop, and does the key change in each "
        "round? Is the dictionary made once, above the loop?",
    ),
    "missing-first-layer": (
        keys(lambda L: layer_keys(2, L)),
        "The first layer is missing.",
        "Write down the values that your loop counter takes. Where does range start?",
    ),
    "keys-from-zero": (
        keys(lambda L: layer_keys(0, L - 1)),
        "The layers are counted from 0; the first one should be W1 and b1.",
        "The input is layer 0 and has no weights.",
    ),
    "keys-from-two": (
        keys(lambda L: layer_keys(2, L + 1)),
        "The layers are counted from 2; the first one should be W1 and b1.",
        "Which number stands in the key in the first round of the loop?",
    ),
    "layer-zero": (
        keys(lambda L: layer_keys(0, L)),
        "There are W0 and b0, expected W1 and b1 as the first ones.",
        "The input is layer 0 and has no weights. Where does range start?",
    ),
    "one-layer-too-many": (
        keys(lambda L: layer_keys(1, L + 1)),
        "There is one layer too many.",
        "A list of L + 1 sizes describes L layers that have weights.",
    ),
    "only-last-of-letter": (
        lambda e: (
            (e.has_keys(lambda L: layer_keys(1, L, "W") | {f"b{L}"}) and {"letter": "b"})
            or (e.has_keys(lambda L: layer_keys(1, L, "b") | {f"W{L}"}) and {"letter": "W"})
        ),
        "Of all {letter} only the last one came back.",
        "Is the line that stores {letter} inside the loop, and does its key change in each round?",
    ),
    "missing-letter": (
        lambda e: (
            (e.has_keys(lambda L: layer_keys(1, L, "W")) and {"letter": "b"})
            or (e.has_keys(lambda L: layer_keys(1, L, "b")) and {"letter": "W"})
        ),
        "No {letter} came back in any layer.",
        "Each layer has two arrays, the weights W and the biases b. Is each stored under its own "
        "key?",
    ),
    "dims-ignored": DIMS_IGNORED,
}

# Asked in this order if not exactly one of the rows above applies.
OTHER_KEYS = {
    "keys-not-text": (
        lambda e: any(type(key) is not str for key in e.call.found),
        "The keys must be strings (str) such as 'W1', and some of them are not.",
        "A key is made of the letter and the number of the layer, joined into one string.",
    ),
    "fixed-depth": (
        lambda e: e.fixed_depth and {"layers": e.fixed_depth},
        "Whatever the length of layers_dims is, the function returns {layers} layers.",
        "How many layers there are follows from the length of layers_dims.",
    ),
    "keys-case": (
        lambda e: {key.lower() for key in e.call.found} == {k.lower() for k in e.call.expected},
        "Capital and small letters of the keys are mixed up.",
        "Python tells capital and small letters apart: weights are W, biases are b.",
    ),
    "keys-spelling": (
        lambda e: {re.sub(r"\W|_", "", key) for key in e.call.found} == set(e.call.expected),
        "In a key the number must follow the letter directly, with nothing around them.",
        "Compare the keys, character by character, with the expected ones.",
    ),
    "keys-without-number": (
        lambda e: not any(char.isdigit() for key in e.call.found for char in key),
        "The keys do not contain the number of the layer.",
        "Each layer needs keys of its own: join the letter with the value of the loop counter, "
        "not with its name.",
    ),
    "extra-keys": (
        lambda e: set(e.call.expected) < set(e.call.found),
        "There are keys that should not be there.",
        "Start with an empty dictionary inside the function; store W and b of each layer, and "
        "nothing else.",
    ),
    "wrong-keys": (
        lambda e: True,
        "The keys are not those of the layers.",
        "Each layer that has weights needs one W and one b, numbered from 1.",
    ),
}

# ----------------------------------------------------------------------------------- types, shapes

TYPES = {
    "still-none": (
        lambda value: type_name(value) in ("NoneType", "ellipsis"),
        "{key} holds no array yet: it is of type {found}, expected a NumPy array (numpy.ndarray).",
        "Has everything that holds a place in the marked lines been replaced, and was the cell "
        "run since then?",
    ),
    "trailing-comma": (
        lambda value: type(value) is tuple and len(value) == 1,
        "{key} is a tuple with one entry, expected a NumPy array (numpy.ndarray).",
        "A comma at the end of a line makes a tuple.",
    ),
    "wrong-dtype": (
        lambda value: dtype_name(value) != "float64" and {"found": dtype_name(value)},
        "{key} holds values of type {found}, expected float64.",
        "np.zeros and np.random.randn make float64 by themselves. What in your lines gives "
        "another type?",
    ),
    "not-an-array": (
        lambda value: type(value) is not np.ndarray,
        "{key} is of type {found}, expected a NumPy array (numpy.ndarray).",
        "np.zeros and np.random.randn make arrays; keep what they give you.",
    ),
}


def shapes(letter: str, pattern: Callable[[list[int], int], tuple]) -> Callable:
    """Evidence: all W, or all b, have a shape that follows from layers_dims and the layer."""
    return lambda e: e.has_shapes(letter, pattern)


W_SHAPE = "W has one row for each unit of this layer, one column for each unit of the previous one."
B_SHAPE = "b has one row for each unit of this layer, and one column."

SHAPES = {
    "transposed": (
        shapes("W", lambda dims, l: (dims[l - 1], dims[l])),
        "Rows and columns of the weights are exchanged.",
        W_SHAPE,
    ),
    "weights-and-biases-swapped": (
        lambda e: (
            e.has_shapes("W", lambda dims, l: (dims[l], 1))
            and all(call.shape("b1") == call.expected["W1"].shape for call in e.calls)
        ),
        "W and b are exchanged: each has the shape of the other.",
        "The weights are a matrix with a column for each unit of the previous layer; the biases "
        "are a single column.",
    ),
    "sizes-shifted": (  # to the left of the first entry Python finds the last one
        shapes("W", lambda dims, l: (dims[l - 1], dims[l - 2])),
        "The sizes of the weights are those of the layer before.",
        "Entry 0 of layers_dims is the input, so layer 1 has as many units as entry 1 says.",
    ),
    "factor-in-shape": (
        shapes("W", lambda dims, l: (dims[l], 10 * dims[l - 1])),
        "W has 10 times as many columns as expected.",
        "Does the factor stand inside the brackets that hold the sizes? It belongs behind them.",
    ),
    "minus-outside": (
        shapes("W", lambda dims, l: (dims[l], dims[l] - 1)),
        "The number of columns of W is the number of its rows minus 1.",
        "Where does the square bracket of the second size close? The size of the layer before is "
        "not this size minus 1.",
    ),
    "same-sizes": (
        lambda e: (
            e.has_shapes("W", lambda dims, l: (dims[1], dims[l - 1]))
            or e.has_shapes("W", lambda dims, l: (dims[l], dims[0]))
            or e.has_shapes("W", lambda dims, l: (dims[1], dims[0]))
            or e.has_shapes("b", lambda dims, l: (dims[1], 1))
        ),
        "A size of {letter}1 comes back in {letter} of every layer.",
        "Is each size taken from layers_dims with the loop counter? The letter l and the digit 1 "
        "look alike.",
    ),
    "bias-flat": (
        shapes("b", lambda dims, l: (dims[l],)),
        "The biases have one dimension, expected two: a column.",
        B_SHAPE,
    ),
    "bias-row": (
        shapes("b", lambda dims, l: (1, dims[l])),
        "The biases are rows, expected columns.",
        B_SHAPE,
    ),
    "bias-of-previous-layer": (
        shapes("b", lambda dims, l: (dims[l - 1], 1)),
        "The biases have the size of the previous layer.",
        B_SHAPE,
    ),
    "one-bias": (  # looks like the others where units are single
        shapes("b", lambda dims, l: (1, 1)),
        "Each layer has a single bias, expected one for each unit.",
        B_SHAPE,
    ),
    "dims-ignored": DIMS_IGNORED,
}

OTHER_SHAPES = {
    "weight-shape": (
        lambda e: e.key[0] == "W",
        "The weights {key} do not have the shape that their layer needs.",
        W_SHAPE,
    ),
    "bias-shape": (
        lambda e: True,
        "The biases {key} do not have the shape that their layer needs.",
        B_SHAPE,
    ),
}

# ------------------------------------------------------------------------------------------ values

REPEATS = {
    "not-finite": (
        lambda r: r.not_finite and {"key": r.not_finite},
        "{key} contains nan or infinite values.",
        "Look for a division by zero, the root or a power of a negative number, or an array that "
        "is never filled.",
    ),
    "no-seed": (
        lambda r: r.exercise != "zeros" and r.differing == {"W"},
        "The weights differ from one call to the next, expected the same numbers every time.",
        "Inside the function, the generator of np.random must start at the given seed before the "
        "first draw. The seed of the module random is another one.",
    ),
    "not-repeatable": (  # in exercise 1 values that are not zero say more
        lambda r: r.differing and (r.exercise != "zeros" or not any(map(np.any, r.found.values()))),
        "Two calls with the same layers_dims give different results.",
        "The result may depend on layers_dims only, not on anything outside the function.",
    ),
}

BIASES = {
    "bias-constant": (
        lambda all_b: (
            any(b.size > 1 for b in all_b)
            and all((b == all_b[0][0]).all() for b in all_b)
            and {"value": float(all_b[0][0, 0])}
        ),
        "Every bias is {value:.4g}, expected 0.",
        "Biases start at zero; only the weights must differ from each other.",
    ),
    "nonzero-bias": (
        lambda all_b: True,
        "The biases are not zero.",
        "Biases start at zero. Numbers drawn for them also shift the weights that follow.",
    ),
}


def law(exercise: str, c: float, p: float = 0, q: float = 0) -> Callable:
    """Evidence: the numbers that were drawn are multiplied by c * n_prev**p * n_this**q."""
    return lambda w: w.exercise == exercise and w.is_law(c, p, q)


def sorted_numbers(network: list) -> list[np.ndarray]:
    """What was found, without its factors, and what is drawn, both in ascending order."""
    parts = [[layer.unit for layer in network], [layer.draw for layer in network]]
    return [np.sort(np.concatenate(part)) for part in parts]


WEIGHTS = {
    "weights-not-zero": (
        lambda w: w.exercise == "zeros",
        "The weights are not zero.",
        "This exercise draws nothing: all weights and biases start at zero.",
    ),
    "weights-zero": (
        lambda w: not w.found.any(),
        "All weights are zero, expected random numbers.",
        "Is each W drawn at random, and is the factor that it is multiplied by not zero?",
    ),
    "weights-alike": (
        lambda w: len(w.found) > len(w.layers) and not any(np.ptp(l.found) for l in w.layers),
        "All entries of a W are the same number, expected a random number for each.",
        "Weights that are all alike stay alike: draw each one at random.",
    ),
    "values-differ": (  # and if nothing else applies; a few numbers have too many explanations
        lambda w: sum(l.found.size for l in w.wrong) < 3 or max(l.found.size for l in w.wrong) == 1,
        "The values of {key} differ from the expected ones, in a way that this test cannot name.",
        "Follow the exercise step by step: what is drawn, in which order, and what it is "
        "multiplied by.",
    ),
    # The right numbers, each changed in the same way
    "absolute-values": (
        lambda w: close(w.found, abs(w.expected)),
        "The weights have lost their signs.",
        "About half of the weights should be negative.",
    ),
    "rounded": (
        lambda w: any(close(w.found, w.expected.round(digits)) for digits in range(9)),
        "The weights are rounded.",
        "Keep all digits that the generator gives.",
    ),
    "imprecise": (
        lambda w: close(w.found, w.expected, 1e-3),
        "Only the first digits of the weights are right.",
        "Is a small number added somewhere, or a factor written with few digits? Is a type such "
        "as float32 used on the way?",
    ),
    # The right numbers, multiplied by something else than expected
    "scale-missing": (
        lambda w: w.is_law(1),
        "The weights are the numbers that np.random.randn draws, without any change; expected the "
        "same numbers times a factor.",
        "Which factor does the exercise ask for, and is the product what is stored in W?",
    ),
    "scale-he": (
        law("random", math.sqrt(2), -1 / 2),
        "The weights have the scale of He initialization, expected large ones.",
        "Which factor does this exercise ask for?",
    ),
    "scale-square": (
        law("random", 100),
        "The factor is 100, the square of the expected 10.",
        "10 is the standard deviation of the weights, and its square is their variance. Is the "
        "factor applied once?",
    ),
    "scale-root": (
        law("random", math.sqrt(10)),
        "The factor is the square root of 10, expected 10.",
        "The exercise asks for the factor itself; no root is needed.",
    ),
    "large-scale-kept": (
        law("he", 10 * math.sqrt(2), -1 / 2),
        "The weights are 10 times the expected ones.",
        "The factor of the exercise on large weights has no place here: the factor of He "
        "initialization stands alone.",
    ),
    "scale-xavier": (
        law("he", 1, -1 / 2),
        "The scale is that of Xavier initialization: the variance is 1 / n, expected 2 / n.",
        "Compare the two formulas: what stands above the fraction line for ReLU layers?",
    ),
    "scale-fan-out": (
        law("he", math.sqrt(2), 0, -1 / 2),
        "The scale uses the number of units of this layer, expected that of the previous one.",
        "The weighted sum of a unit runs over the units of the previous layer.",
    ),
    "scale-root-missing": (
        law("he", 2, -1),
        "The factor is 2 / n, expected its square root.",
        "2 / n is the variance; which operation turns it into a standard deviation? Or is the "
        "right factor applied twice?",
    ),
    "scale-power-first": (
        law("he", 1, -1),
        "The factor is 1 / n, expected the square root of 2 / n.",
        "If you wrote the root as a power: Python takes the power first, then divides, so "
        "x ** 1 / 2 is half of x. The exponent needs brackets.",
    ),
    "scale-partial-root": (
        law("he", 2, -1 / 2),
        "The factor is 2 / sqrt(n), expected sqrt(2 / n): 1.414 times too much in each layer.",
        "The root of 4 is 2. Which number stands under the root, and does the root cover the "
        "whole fraction?",
    ),
    "scale-divided": (
        law("he", math.sqrt(1 / 2), 1 / 2),
        "The factor is the expected one upside down: 1 divided by it.",
        "The more units the previous layer has, the smaller the weights should be. Look at the "
        "fraction, and at whether you multiply or divide.",
    ),
    "scale-constant": (
        lambda w: w.common_ratio and {"ratio": w.common_ratio},
        "Every weight is {ratio:.4g} times the expected one.",
        "The random numbers are right; compare the factor with the exercise.",
    ),
    "scale-fixed": (
        lambda w: w.law and not any(w.law[1:]) and {"factor": w.law[0]},
        "The factor is {factor:.4g} in every layer, expected one that depends on the layer.",
        "Which size does the formula of the exercise contain?",
    ),
    "scale-other": (
        lambda w: w.law and {"formula": w.formula},
        "The random numbers are right, but the factor in front of them is {formula} (n_prev: units "
        "of the previous layer, n_this: units of this layer).",
        "Compare the factor with the exercise.",
    ),
    "scale-both-sizes": (
        lambda w: next(
            (
                {"over": over}
                for over in (2, 4)
                if w.is_factor(np.sqrt(over / (w.n_prev + w.n_this)))
            ),
            None,
        ),
        "The factor is sqrt({over} / (n_prev + n_this)): it uses the units of the previous layer "
        "and of this one.",
        "In this exercise the size of this layer plays no part in the factor.",
    ),
    "scale-one-more": (
        lambda w: w.is_factor(np.sqrt(2 / (w.n_prev + 1))),
        "The factor divides by n + 1, expected n, the size of the previous layer.",
        "Count the units of the previous layer only; the bias is not one of them.",
    ),
    "scale-input": (
        lambda w: w.is_factor(np.sqrt(2 / w.inputs)),
        "The factor uses the number of inputs of the network in every layer, expected the size of "
        "the previous layer.",
        "Does the index change with the loop counter? The letter l and the digit 1 look alike.",
    ),
    "scale-varies": (
        lambda w: (
            None not in w.ratios
            and {
                "factors": ", ".join(
                    f"{ratio:.4g} in {layer.key}"
                    for layer, ratio in zip(w.networks[0], w.ratios, strict=False)
                )
            }
        ),
        "Each W is a multiple of the expected one, but not the same multiple in each layer.",
        "The random numbers are right; what does your factor depend on? Is it rounded?",
    ),
    "outside-name": (  # takes the place of FACTORS_WITHOUT_CAUSE
        lambda w: False,
        "The factor is not the expected one, and the function uses {name}, which comes from "
        "outside of it.",
        "Everything that the factor needs is in the argument layers_dims.",
    ),
    # The right numbers, with something added
    "factor-added": (
        lambda w: np.allclose(w.found - w.draw, w.expected / w.draw, rtol=1e-7, atol=1e-9),
        "The factor is added to the random numbers, expected a multiplication.",
        "Which sign stands between the random numbers and the factor?",
    ),
    "shifted-mean": (
        lambda w: (
            np.ptp(w.found - w.expected) < RELATIVE_ERROR * abs(w.found - w.expected).max()
            and {"shift": float((w.found - w.expected)[0])}
        ),
        "Every weight is the expected one plus {shift:.4g}.",
        "The weights are drawn around zero: no mean is given, and nothing is added.",
    ),
    "shifted-and-scaled": (
        lambda w: all(layer.is_line for layer in w.layers),
        "In each W the right random numbers were multiplied by one number, and another one was "
        "added or subtracted.",
        "Draw the numbers and multiply them by the factor, nothing else. No mean needs to be "
        "taken away.",
    ),
    # The right numbers, in other places
    "drawn-transposed": (
        lambda w: all(
            close(l.unit.reshape(l.n_this, l.n_prev).T.ravel(), l.draw) for l in w.layers
        ),
        "The right numbers fill each W column by column, expected row by row.",
        "Draw W in its final shape, rows first; then nothing needs to be transposed.",
    ),
    "drawn-in-other-order": (
        lambda w: all(close(*sorted_numbers(network)) for network in w.networks),
        "The right numbers were drawn, but they stand in other places.",
        "Draw layer by layer, from the first to the last, each W in one call, and change no order "
        "afterwards.",
    ),
    "extra-draw": (
        lambda w: (
            all(map(w.skips, w.networks))
            or any(w.skips_uniform(before, after) for before in range(4) for after in range(4))
        ),
        "Some of the random numbers that follow seed 3 were skipped.",
        "After the seed, draw the weights of each layer, one after the other, and nothing else. "
        "Use every number that is drawn.",
    ),
    "some-entries-differ": (
        lambda w: next(
            ({"key": l.key} for l in w.wrong if np.isclose(l.found, l.expected, 1e-9, 0).any()),
            None,
        ),
        "Some entries of {key} are right and others are not.",
        "Is each W drawn in one call, in its own shape, and not changed afterwards?",
    ),
    # Other numbers
    "uniform": (
        lambda w: w.is_uniform,
        "The numbers are drawn from a uniform distribution, expected a normal one.",
        "np.random.rand, random and uniform are uniform; np.random.randn, with an n at its end, is "
        "normal.",
    ),
    "other-seed": (
        lambda w: w.other_seed is not None and {"seed": w.other_seed},
        "The numbers are those of seed {seed}, expected those of seed 3.",
        "Leave the line with the seed as it was given.",
    ),
    "reseeded": (
        lambda w: w.starts_again,
        "Each W holds the numbers that the generator gives first after a seed.",
        "How many times is the generator seeded: once, or in each round of the loop?",
    ),
    "wrong-after-first-layer": (
        lambda w: all(layer.key != "W1" for layer in w.wrong),
        "W1 is right, but the layers after it hold other numbers.",
        "What happens between the first and the second round of the loop? Only weights may be "
        "drawn, and the generator is seeded once.",
    ),
    # Other numbers, of which many must be seen
    "repeated-numbers": (
        lambda w: next((one for one in w.large if one["distinct"] < 0.9), None),
        "The same numbers occur several times in a large {key}.",
        "Each entry of W is a random number of its own.",
    ),
    "other-distribution": (
        lambda w: next((one for one in w.large if not one["normal"]), None),
        "The numbers in {key} do not look like draws from a normal distribution around zero: a "
        "large {key} has mean {mean:.2g} and standard deviation {spread:.2g}.",
        "What else than a multiplication is done to the numbers, and which function draws them?",
    ),
    "other-stream": (
        lambda w: w.large and all(abs(one["ratio"] - 1) < SPREAD_LIMIT for one in w.large),
        "The weights have about the expected spread, but they are not the expected numbers.",
        "Are they drawn with np.random.randn, right after the given seed, and only multiplied by "
        "the factor?",
    ),
    "other-spread": (
        lambda w: w.large and {one["key"]: one["ratio"] for one in w.large},
        "The weights look like draws from a normal distribution, but they are not the expected "
        "numbers, and their spread is about {W1:.2g} times the expected one in a large W1, "
        "{W2:.2g} times in a large W2.",
        "Check both: how the numbers are drawn, and what they are multiplied by.",
    ),
}
FACTORS_WITHOUT_CAUSE = "scale-missing scale-constant scale-fixed scale-other scale-varies".split()
SPREAD_LIMIT = 0.04  # see LARGE_DIMS in diagnosis.py

CAUSES: dict[str, tuple[Callable | None, str, str]] = (
    FUNCTION | ERRORS | RESULT | KEYS | OTHER_KEYS | TYPES | SHAPES | OTHER_SHAPES
) | (REPEATS | BIASES | WEIGHTS)
