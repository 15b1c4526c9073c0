"""What can be wrong with an answer: one table of causes.

Each row has a code, the evidence for it, what it means, and a hint. The words name what is wrong
and where to look, never the line to write. Names in braces are the fields of a `Diagnosis`, so the
sentences can be translated: a catalogue has the code as context and the sentence as key.

The evidence is a function: it says whether the row applies, or gives fields for its braces.
`diagnosis.py` asks the rows of a group in their order and takes the first that applies. Of `KEYS`
and `SHAPES` exactly one must apply, because several mistakes can leave the same keys or shapes.
Rows without evidence are named by whoever sees it.
"""

import ast
import builtins
import difflib
import math
import re
import unicodedata
from collections.abc import Callable, Iterable
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

MUTATES = (
    lambda e: e.call.argument != e.call.layers_dims,
    "The function changes the list layers_dims that it was given, expected it to stay as it was.",
    "Only read from layers_dims: its entries are needed as they are, by this function and by "
    "whoever calls it.",
)

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
    "other-name": (
        None,
        "There is no function {name}; a cell defines {found}.",
        "The name must be exactly the given one, capital and small letters included.",
    ),
    "def-missing": (
        None,
        "No cell that defines {name} has been run, and one cell has a return but no line with def.",
        "Is its first line gone? Put it back as it was given, run the cell, then the test.",
    ),
    "defined-inside": (
        None,
        "{name} is defined inside of {outer}, where the notebook does not find it.",
        "Its line with def starts at the left margin, with no class or function around it.",
    ),
    "cell-odd-character": (
        None,
        "The cell of {name} was not run: its line {line}, `{text}`, holds the character "
        "{character} ({character_name}), which Python cannot read.",
        "It only looks like one of an English keyboard, or like a blank. Delete it and type it "
        "again.",
    ),
    "cell-letter-behind-digit": (
        None,
        "The cell of {name} was not run: in its line {line}, `{text}`, a letter follows a digit.",
        "Is it the letter O or l where 0 or 1 is meant? Or is a sign such as * missing?",
    ),
    "cell-brackets": (
        None,
        "The cell of {name} was not run: in its line {line}, `{text}`, the brackets do not match "
        "({error}).",
        "Count them: each one that opens must close, in the reverse order.",
    ),
    "cell-empty-block": (
        None,
        "The cell of {name} was not run: before its line {line}, `{text}`, a line is missing "
        "({error}).",
        "Behind a colon at the end of a line at least one line stands further to the right. A "
        "comment does not count.",
    ),
    "cell-indentation": (
        None,
        "The cell of {name} was not run: its line {line}, `{text}`, does not start at the right "
        "column ({error}).",
        "Lines of one block start at the same column; behind a colon at the end of a line the "
        "next one starts further to the right.",
    ),
    "cell-not-python": (
        None,
        "The cell of {name} was not run, because Python cannot read its line {line}, `{text}`: "
        "{error}.",
        "Correct this line or the one above it. Run the cell, then the test.",
    ),
    "cell-stopped": (
        None,
        "A cell that defines {name} was run, but the function is not there.",
        "Is an error shown below that cell? Read it and correct it. Run the cell, then the test.",
    ),
    "not-a-function": (
        None,
        "{name} is of type {found}, expected a function.",
        "Does another line use the same name? Run the cell of the exercise again.",
    ),
    "mutates-input": MUTATES,
}

# -------------------------------------------------------------------------------------- exceptions


def raised(kinds: str, error: str = "", line: str = "") -> Callable:
    """Evidence: the type of an exception, and what its message and its line contain.

    All three are regular expressions. Groups with a name become fields.
    """

    def applies(failure) -> dict | None:
        match = re.search(error, failure.error) if re.fullmatch(kinds, failure.type) else None
        return match.groupdict() if match and re.search(line, failure.text) else None

    return applies


def similar(name: str, names: Iterable[str]) -> str:
    """The most similar one of some names, capital and small letters aside; empty if none is."""
    by_lower = {one.lower(): one for one in names if one != name}
    found = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.75)
    return by_lower[found[0]] if found and len(name) > 2 else ""


def similar_name(failure) -> dict | None:
    """Evidence: a name without a value is similar to one of the function, or to one of Python."""
    match = re.search(r"name '(?P<name>\w+)' is not", failure.error)
    if failure.type != "NameError" or not match:
        return None
    known = ["layers_dims", "parameters", *failure.source.names]
    near = similar(match["name"], known) or similar(match["name"], dir(builtins))
    return {"name": match["name"], "near": near} if near else None


def similar_attribute(failure) -> dict | None:
    """Evidence: a module of NumPy has a similar name."""
    found = re.search(r"module 'numpy(\.random)?' has no attribute '(\w+)'", failure.error)
    if not found:
        return None
    module = np.random if found[1] else np
    known = ["random", *IN_NUMPY.split("|")]
    near = similar(found[2], [one for one in known if hasattr(module, one)])
    return {"owner": "np" + (found[1] or ""), "name": found[2], "near": near} if near else None


def odd_character(text: str) -> dict | None:
    """The first character that is not on an English keyboard, with its name."""
    odd = next((character for character in text if not " " <= character <= "~"), None)
    return odd and {
        "character": odd if odd.isprintable() else f"U+{ord(odd):04X}",
        "character_name": unicodedata.name(odd, "without a name"),
    }


FUNCTIONS = r"[\w.]*function_or_method|function|method|type|_ArrayFunctionDispatcher|numpy\.ufunc"
NUMBER = r"int|float|numpy\.\w+"
MODULES = (
    "math|random|scipy|numpy|torch|tensorflow|tf|keras|nn|jax|sklearn|pd|pandas|plt|sp|sns|cv2"
)
IN_NUMPY = (
    "zeros|ones|full|empty|eye|randn|rand|randint|normal|uniform|standard_normal|seed|sqrt|array|"
    "square|power|dot|multiply|divide|arange|exp|log|float64|float32|ndarray|zeros_like|ones_like|"
    "default_rng|RandomState|reshape|transpose|matmul"
)
OTHER_LANGUAGES = (
    "Math|null|NULL|nil|undefined|NaN|this|length|size|sizeof|String|string|Integer|double|console|"
    "System|printf|puts|echo|Array|Object|vector|matrix|numel|disp|cat|paste"
)
PLACEHOLDERS = (
    r"TODO|FIXME|XXX|_{2,}|\.{3}|(YOUR|your|Your)_?\w*|FILL\w*|fill_in\w*|CODE|HERE|REPLACE\w*"
)

ERRORS = {
    "stops-itself": (
        lambda failure: (
            failure.type in ("SystemExit", "NotImplementedError")
            or re.match(r"(raise|assert)\b", failure.text)
        ),
        "This line stops the function on purpose.",
        "Remove the line, or write your own code in its place: a function ends with return.",
    ),
    # Arguments of calls
    "number-as-dtype": (
        raised("TypeError", r"Cannot interpret '\S+' as a data type|name \('dtype'\) and position"),
        "NumPy was given a size where it expects a data type.",
        "np.zeros takes the whole shape as one argument: rows and columns together in a tuple.",
    ),
    "unknown-dtype": (
        raised("TypeError", "data type .* not understood"),
        "NumPy knows no data type of this name.",
        "For the numbers of this exercise no type needs to be given.",
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
    "function-as-number": (
        raised("TypeError", rf"'({FUNCTIONS})' object cannot be interpreted as an int"),
        "A function stands where a whole number is expected.",
        "Round brackets behind its name call a function.",
    ),
    "type-as-number": (
        raised("TypeError", r"'(?P<found>[\w.]+)' object cannot be interpreted as an int"),
        "A value of type {found} stands where a whole number is expected.",
        "Which value in the brackets is it, and which line gives it? A number in quotes is text.",
    ),
    "array-as-number": (
        raised("TypeError", "only (integer scalar|length-1|0-dimensional|size-1) arrays"),
        "An array with several numbers stands where a single number is expected.",
        "Did you mean one entry of it? For roots and powers of whole arrays NumPy has functions.",
    ),
    "seed-not-whole": (
        raised("TypeError|ValueError", "Cannot cast scalar from dtype|Seed must be", r"seed\("),
        "The seed must be a whole number that is not negative.",
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
    "not-cacheable": (
        lambda failure: not failure.line and "unhashable" in failure.error,
        "The function was not even started: what is wrapped around it cannot take a list.",
        "Does a decorator stand above def, such as one that remembers results? Remove it.",
    ),
    "update-arguments": (
        raised("TypeError|ValueError", "argument|iterable|dictionary update", r"\.update\("),
        "update was not given a dictionary.",
        "update takes one dictionary, with a colon between key and value. To store one array, put "
        "the key in square brackets and use =.",
    ),
    "names-in-randn": (
        raised("TypeError", "keyword argument", r"\brandn?\("),
        "np.random.randn was given an argument by name.",
        "It takes the sizes alone, without names.",
    ),
    "unknown-argument": (
        raised("TypeError", r"unexpected keyword argument '(?P<name>\w+)'"),
        "The function that is called knows no argument named {name}.",
        "Under which names does it take its values? Its documentation lists them.",
    ),
    "wrong-arguments": (
        raised(
            "TypeError",
            r"positional argument|keyword argument|takes (no|exactly|at most|at least|from) |"
            r"required argument|expected (at most |at least |exactly )?\d+ arg|multiple values for",
        ),
        "A function was called with too many or too few arguments, or with one of them twice.",
        "Compare the call in this line with the definition or the documentation of the function.",
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
    "star-before-number": (
        raised("TypeError", r"after \* must be an iterable"),
        "A star stands before an argument that is no list: there is nothing to unpack.",
        "A single size needs no star in front of it.",
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
    "text-called": (
        raised("TypeError", "'str' object is not callable"),
        "Round brackets follow a text, as if it were a function.",
        "Is a + missing before the bracket? Or was a text stored under the name of a function, "
        "such as str? Then rename it, and restart the kernel (Kernel > Restart).",
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
    "entry-of-none": (
        raised("TypeError", "'NoneType' object (is not subscriptable|does not support item)"),
        "Square brackets follow something that is None.",
        "Which line gives it its value? update, append and print change or show something and "
        "give None.",
    ),
    "cannot-be-filled": (
        raised("TypeError", r"'(?P<found>[\w.]+)' object does not support item assignment"),
        "An array was to be stored in a value of type {found}, which cannot be filled like a "
        "dictionary.",
        "Which line gives its value to the name before the square brackets? Empty braces make a "
        "dictionary, and so does dict with round brackets behind it.",
    ),
    "text-with-entry": (
        raised("TypeError", "string indices must be integers"),
        "Square brackets follow a text, and ask for something that is no position in it.",
        "Which name in this line should be a list or a dictionary, and what is it?",
    ),
    "without-entries": (
        raised("TypeError", "is not subscriptable"),
        "Square brackets follow something that has no entries.",
        "Which variable in this line should be a list, a dict or an array, and what is it?",
    ),
    "comma-for-colon": (
        raised("TypeError", "unhashable type", r"\{[^:]*,[^:]*$"),
        "Braces with a comma make a set, and an array cannot be in a set.",
        "In a dictionary a colon stands between a key and its value.",
    ),
    "unhashable-key": (
        raised("TypeError", r"unhashable type: '(?P<found>[\w.]+)'"),
        "A value of type {found} cannot be a key.",
        "A key is a string, made of the letter and the number of the layer.",
    ),
    "text-as-index": (
        raised("TypeError", "list indices must be integers or slices, not str"),
        "A text stands in square brackets behind a list.",
        "A list counts its entries: the index is a number, without quotes. Should it be the "
        "dictionary? Empty braces make one.",
    ),
    "array-index": (
        raised("IndexError", "only integers, slices"),
        "What stands in square brackets behind an array is no whole number.",
        "A text can be a key of a dictionary, and a division gives a float. Should an array stand "
        "there at all?",
    ),
    "index-not-whole": (
        raised("TypeError", "indices must be integers"),
        "The index of a list must be one whole number.",
        "Does it stand in quotes, or does a division make it a float? A comma inside square "
        "brackets makes a tuple, and enumerate gives pairs.",
    ),
    "too-many-indices": (
        raised("IndexError", "too many indices|invalid index to scalar"),
        "There are more indices than the array has dimensions.",
        "How many dimensions does the array have? A list of sizes has one.",
    ),
    # Texts with places for values
    "text-with-places": (
        lambda failure: (
            re.search(
                "arguments converted|arguments for format|Replacement index|[Ff]ormat (code|spec)|"
                "format: a|unsupported format|field (numbering|spec)|encountered in format",
                failure.error,
            )
            or (failure.type == "KeyError" and ".format(" in failure.text)
        ),
        "The places in a text and the values that are put into them do not match.",
        "Each % with a letter, or each pair of braces, takes one value, and numbers in braces "
        "count from 0. A letter and a number can also be joined with + and str.",
    ),
    "index-out-of-range": (
        raised("IndexError", "index out of range|out of bounds"),
        "It asks for an entry that the list does not have.",
        "Entries are counted from 0. What is the largest index that your lines ask for, and how "
        "many entries does this layers_dims have?",
    ),
    # Types that do not go together
    "unpacked": (
        lambda failure: re.search("cannot unpack|values to unpack", failure.error),
        "The number of names does not match the number of values that they should take.",
        "Count both. What does one round of the loop, or the right side, give?",
    ),
    "number-in-loop": (
        raised("TypeError", f"'({NUMBER})' object is not iterable", r"\bfor\b"),
        "A loop cannot run over a single number.",
        "range makes the numbers from a first one up to a last one.",
    ),
    "one-for-several": (
        raised("TypeError", r"'(?P<found>[\w.]+)' (object )?is not (iterable|a container)"),
        "A value of type {found} stands where several values are needed.",
        "Which line gives it? range makes whole numbers in a row, square brackets make a list.",
    ),
    "text-plus-number": (
        raised(
            "TypeError",
            rf'can only concatenate str \(not "({NUMBER})"\)|for \+: \'({NUMBER})\' and \'str\'|'
            "expected str instance, (int|float)",
        ),
        "A string and a number cannot be joined.",
        "A key is made of a letter and a number; turn the number into a string first.",
    ),
    "text-plus-other": (
        raised("TypeError", r'can only concatenate str \(not "(?P<found>[\w.]+)"\)'),
        "A text and a value of type {found} cannot be joined with +.",
        "Which name in this line holds something else than you think? A key is made of a letter "
        "and a number.",
    ),
    "caret": (
        raised("TypeError", r"for \^|'bitwise_xor' not supported"),
        "In Python the sign ^ is not a power.",
        "A power is written with two stars: **. For a root there is also np.sqrt.",
    ),
    "dots-in-line": (
        raised("TypeError|AttributeError", "ellipsis"),
        "Three dots (...) in your lines still hold a place.",
        "Write your own code in place of the dots.",
    ),
    "not-called": (
        raised("TypeError", rf"(unsupported operand .*'|str \(not \")({FUNCTIONS}|module)['\"]"),
        "One side of a sign is a function or a module, not what a function gives.",
        "Round brackets behind its name call a function.",
    ),
    "no-number": (
        raised(
            "TypeError",
            "contain a loop .*<U|can't multiply sequence by non-int|"
            "not supported for the input types|loop of ufunc does not support|must be real number|"
            r"(int|float)\(\) argument must be",
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
        raised("TypeError", "(operand type|unary).*'list'|can only concatenate (list|tuple)"),
        "A list or a tuple stands next to an arithmetic sign.",
        "Did you mean one entry of the list, or its length? Look at where each bracket closes.",
    ),
    "operand-types": (
        raised(
            "TypeError",
            r"(operand ty|not supported between).*'(?P<left>[\w.]+)' and '(?P<right>[\w.]+)'",
        ),
        "A sign cannot combine a value of type {left} with one of type {right}.",
        "Which name in this line holds something else than you think? Look at where it gets its "
        "value.",
    ),
    "no-length": (
        raised("TypeError", r"object of type '(?P<found>[\w.]+)' has no len"),
        "len was given a value of type {found}.",
        "len counts the entries of a list: that of layers_dims, for example.",
    ),
    # Names
    "look-alike-name": (
        lambda failure: failure.type in NAME_ERRORS and odd_character(failure.error),
        "A name holds the character {character} ({character_name}), which only looks like one of "
        "an English keyboard.",
        "Delete the name and type it again.",
    ),
    "np-missing": (
        raised("NameError", "name 'np' is not"),
        "The name np has no value.",
        "After a restart of the kernel, run the cell of section 1 first.",
    ),
    "module-not-imported": (
        raised("NameError", f"name '(?P<name>{MODULES})' is not"),
        "No module is imported under the name {name}.",
        "Section 1 imports NumPy as np; it can do all that this exercise needs.",
    ),
    "np-in-front": (
        raised("NameError", f"name '(?P<name>{IN_NUMPY})' is not"),
        "Python does not know {name} by itself.",
        "If you mean the function of NumPy, say so: its functions start with np. or np.random.",
    ),
    "placeholder": (
        raised("NameError", f"name '(?P<name>{PLACEHOLDERS})' is not"),
        "The name {name} holds the place of code that is still to be written.",
        "Write your own code in its place.",
    ),
    "other-language": (
        raised("NameError", f"name '(?P<name>{OTHER_LANGUAGES})' is not"),
        "Python does not know {name}, which other languages have.",
        "In Python a list has its length from len, a root comes from np.sqrt, and nothing is None. "
        "If it should be a variable, give it a value before this line.",
    ),
    "self": (
        raised("NameError", "name 'self' is not"),
        "The name self has no value: it belongs to functions of a class.",
        "This function stands alone. Its variables need nothing in front of their names.",
    ),
    "quotes-missing": (
        raised("NameError", "name '(?P<name>[WwBb])' is not"),
        "Python reads {name} as the name of a variable, and there is none.",
        "Did you mean the letter? Text stands in quotes.",
    ),
    "similar-name": (
        similar_name,
        "The name {name} has no value; did you mean {near}?",
        "A name must be spelled in the same way everywhere, capital and small letters included.",
    ),
    "unknown-letter": (
        raised("NameError", "name '(?P<name>[A-Za-z])' is not"),
        "The letter {name} has no value at this point.",
        "If it should count the layers, the same letter must stand behind for. Otherwise give it "
        "a value before this line.",
    ),
    "unknown-name": (
        raised("NameError", r"name '(?P<name>\w+)' is not"),
        "The name {name} has no value at this point.",
        "Is it spelled in the same way everywhere, and does it get its value before this line? "
        "What the function needs comes in as its argument.",
    ),
    "local-name": (
        raised("UnboundLocalError|NameError", r"variable '(?P<name>\w+)'"),
        "The name {name} belongs to a variable of the function, which has no value yet.",
        "Choose another name for the variable if Python or NumPy uses this one already; otherwise "
        "give it a value before this line, in a line that is sure to run.",
    ),
    "compared-not-stored": (
        raised("KeyError", "", r"\]\s*=="),
        "Two = compare; nothing is stored.",
        "One = stores a value under a key.",
    ),
    "missing-key": (
        raised("KeyError"),
        "It asks for a key that the dictionary does not have.",
        "Store a value under a key before you read it. Is the key spelled in the same way in both "
        "places?",
    ),
    # What stands after a dot
    "dot-after-none": (
        raised("AttributeError", r"'NoneType' object has no attribute '(?P<name>\w+)'"),
        "What stands before .{name} is None.",
        "Which line gives it its value? update, append and seed change something and give None: "
        "what they give need not be stored.",
    ),
    "dot-after-function": (
        raised("AttributeError", rf"'({FUNCTIONS})' object has no attribute '(?P<name>\w+)'"),
        "What stands before .{name} is a function.",
        "Functions for random numbers stand in np.random. What a function gives has a dot behind "
        "its round brackets.",
    ),
    "other-generator": (
        raised("AttributeError", r"Generator' object has no attribute '(?P<name>\w+)'"),
        "This generator of NumPy does not have {name}, and after the same seed it gives other "
        "numbers than np.random.",
        "The given line seeds np.random itself: draw from there.",
    ),
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
            "'(random|zeros|ones|full|sqrt|randn|seed|normal)'",
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
        raised("AttributeError", "'(list|tuple)' object .* '(?P<name>shape|size|length|len)'"),
        "A list does not have {name}.",
        "len counts the entries of a list.",
    ),
    "not-in-np-random": (
        raised(
            "AttributeError",
            "module '(?P<owner>numpy|random|math)' .*'(?P<name>randn?|seed|normal|uniform)'",
        ),
        "The module {owner} itself does not have {name}.",
        "The functions of NumPy for random numbers start with np.random.",
    ),
    "not-random": (
        raised("AttributeError", f"module '[a-z.]*random' has no .*'(?P<name>{IN_NUMPY}|zeroes)'"),
        "Among the functions for random numbers there is no {name}.",
        "Functions of NumPy that draw nothing start with np alone.",
    ),
    "similar-attribute": (
        similar_attribute,
        "{owner} has no {name}; did you mean {near}?",
        "Capital and small letters count as well.",
    ),
    "unknown-in-module": (
        raised("AttributeError", r"module '(?P<owner>[\w.]+)' has no attribute '(?P<name>\w+)'"),
        "The module {owner} has no {name}.",
        "Is it spelled in the same way as in the documentation? Random numbers come from "
        "np.random, everything else of this exercise from np.",
    ),
    "unknown-attribute": (
        raised("AttributeError", r"'(?P<owner>[\w.]+)'.* has no attribute '(?P<name>\w+)'"),
        "What stands before the dot is of type {owner}, which has no {name}.",
        "Which line gives it its value, and what did you expect it to be?",
    ),
    # Values
    "negative-size": (
        raised("ValueError", "negative dimensions"),
        "The size of an array is negative.",
        "Where in this line is something subtracted from a size?",
    ),
    "shapes-do-not-fit": (
        raised("ValueError", "broadcast|reshape|mismatch|not aligned|must match|must have"),
        "Two shapes do not fit together.",
        "Which shape does each array in this line have?",
    ),
    "not-a-table": (
        raised("ValueError", "inhomogeneous|setting an array element"),
        "An array was to be made of parts that have different sizes.",
        "Each W and each b is an array of its own: none holds all layers.",
    ),
    "array-as-condition": (
        raised("ValueError", "truth value of an array"),
        "A condition must be True or False, and this one is an array of several.",
        "Compare one number, or do without the condition: every layer is treated alike.",
    ),
    "text-to-number": (
        raised("ValueError", "invalid literal for int|could not convert string"),
        "A text that is no number was to become a number.",
        "What does the text hold? The letter of a key is no part of the number.",
    ),
    "negative-scale": (
        raised("ValueError", "scale < 0|math domain error"),
        "A standard deviation, or a number under a root, is negative.",
        "Which sign stands before it, and what is subtracted?",
    ),
    "too-many-sizes": (
        raised("ValueError", "maximum supported dimension"),
        "An array cannot have so many dimensions.",
        "Each number in the shape makes a dimension. W has two: rows and columns.",
    ),
    "too-large": (
        lambda failure: (
            failure.type in ("MemoryError", "OverflowError")
            or re.search("array is too big|Maximum allowed", failure.error)
        ),
        "A number or an array gets too large.",
        "Which sizes or powers does this line ask for? A power is easily written for a product.",
    ),
    "division-by-zero": (
        raised("ZeroDivisionError"),
        "It divides by zero.",
        "Which number in this line can be zero?",
    ),
    "module-missing": (
        raised(
            "ModuleNotFoundError|ImportError", r"(No module named|import name) '(?P<name>[\w.]+)'"
        ),
        "There is no {name} to import.",
        "Section 1 imports NumPy as np; it can do all that this exercise needs. Remove the import.",
    ),
    "asks": (
        lambda failure: re.search(r"\binput\(", failure.text),
        "It asks for input, and nobody answers while a test runs.",
        "All that the function needs is in layers_dims.",
    ),
    "opens-a-file": (
        raised("FileNotFoundError|PermissionError|IsADirectoryError|OSError"),
        "It opens a file that is not there, or that may not be opened.",
        "All that the function needs is in layers_dims.",
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
    "raises-in-return": (
        lambda failure: re.match(r"return\b", failure.text),
        "What stands behind return cannot be computed.",
        "The dictionary that was filled is all that needs to be returned, by its name.",
    ),
    "raises": (
        lambda failure: True,
        "",
        "Split the line into smaller steps and look at what each of them gives.",
    ),
}
NAME_ERRORS = ("NameError", "UnboundLocalError", "AttributeError")

# -------------------------------------------------------------------------------- dictionary, keys

RESULT = {
    "returns-none-at-times": (
        lambda e: e.call.found is None and any(call.keys for call in e.calls),
        "For this length of layers_dims the function returned None, for another one a dictionary.",
        "Follow your lines for this length: is a return reached that gives the dictionary?",
    ),
    "no-return": (
        lambda e: e.call.found is None and e.source and not e.source.returns,
        "The function returned None: it has no return with a value.",
        "Printing a result does not hand it back. The function ends with a return of the "
        "dictionary, which stands as far to the right as its other lines.",
    ),
    "returns-a-call": (
        lambda e: e.call.found is None and e.source.returned_call,
        "The function returned what {name}(...) gives, and that is None.",
        "print, update and append show or change something and give None. Return the dictionary "
        "itself.",
    ),
    "returns-none": (
        lambda e: e.call.found is None,
        "The function returned None, expected a dictionary of arrays.",
        "Does each path through your lines end with a return that gives the dictionary? Showing it "
        "with print is not enough, and update and append give None.",
    ),
    "returns-a-function": (
        lambda e: re.fullmatch(rf"{FUNCTIONS}|method_descriptor", type_name(e.call.found)),
        "The function returned a function or a type, expected a dictionary of arrays (dict).",
        "What stands behind return? Round brackets call a function; the dictionary is returned by "
        "its name alone.",
    ),
    "yields": (
        lambda e: type_name(e.call.found) in ("generator", "coroutine", "async_generator"),
        "The function returned a {found}, expected a dictionary of arrays (dict).",
        "A function with yield, or with async before def, gives its result piece by piece or "
        "later. This one needs def and return.",
    ),
    "class-for-function": (
        lambda e: type_name(e.call.found).startswith("initialize_parameters"),
        "{found} is a class, expected a function that returns a dictionary.",
        "Its first line starts with def, as it was given.",
    ),
    "not-a-dict": (
        lambda e: e.call.keys is None,
        "The function returned a value of type {found}, expected a dictionary of arrays (dict).",
        "Store each array in the dictionary `parameters` under its key, and return that alone.",
    ),
    "not-written": (
        lambda e: e.nothing_stored and e.source.untouched,
        "The function returned an empty dictionary: nothing is written in its loop yet.",
        "Write the lines for W and b of layer l in place of the marked one, run the cell, and run "
        "the test again.",
    ),
    "colon-for-equals": (
        lambda e: e.nothing_stored and e.source.first(ast.AnnAssign, where=has_no_value),
        "The function returned an empty dictionary. In line {line}, `{text}`, a colon stands where "
        "= would store a value.",
        "A colon separates key and value only inside braces.",
    ),
    "other-dictionary": (
        lambda e: e.nothing_stored and e.source.other_dictionary,
        "The function returned the empty dictionary {returned}, and stores its arrays in {filled}.",
        "One name for the dictionary is enough: fill it and return it.",
    ),
    "never-stored": (
        lambda e: e.nothing_stored and e.source and not e.source.stores_anything,
        "The function returned an empty dictionary: none of its lines stores anything in one.",
        "An array that only has a name of its own is lost. Store each one under its key, which "
        "stands in square brackets behind the name of the dictionary.",
    ),
    "nothing-stored": (
        lambda e: e.nothing_stored,
        "The function returned an empty dictionary, expected the arrays W1, b1, W2, b2, ...",
        "Is each array put, with =, under its key into the dictionary that is returned? Which "
        "numbers does the loop run over, and is the dictionary made anew after it?",
    ),
    "nested-dictionary": (
        lambda e: next(
            ({"key": shorten(repr(k), 40)} for k, v in e.call.found.items() if type(v) is dict),
            None,
        ),
        "Under the key {key} lies another dictionary, expected an array.",
        "W1, b1, W2, ... lie side by side in one dictionary, and that is what return gives.",
    ),
    "lists-of-layers": (
        lambda e: (
            not set(e.call.expected) & set(e.call.found)
            and next(
                (
                    {"key": shorten(repr(key), 40), "found": type(value).__name__}
                    for key, value in e.call.found.items()
                    if type(value) in (list, tuple)
                ),
                None,
            )
        ),
        "Under the key {key} lies a {found}, expected one array under a key of its own for each W "
        "and each b.",
        "The keys are W1, b1, W2, ...: join the letter with the number of the layer.",
    ),
}


def has_no_value(node: ast.AnnAssign) -> bool:
    """Whether a name or an entry has a colon behind it and no =."""
    return node.value is None


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
        "Write down the values that your loop counter takes. Where does the loop stop?",
    ),
    "same-key": (
        lambda e: e.has_keys(lambda L: {"W1", "b1"}) and e.same_key,
        "Only W1 and b1 came back, and W1 has the shape of the last layer.",
        "Does the key change from one round to the next? Under a key that stays the same, each "
        "array replaces the one before.",
    ),
    "only-first-layer": (
        lambda e: (
            e.has_keys(lambda L: {"W1", "b1"}) and not e.same_key and not e.source.stopped_loop
        ),
        "Only the keys of the first layer came back.",
        "Does every round of the loop run, or does a return stand inside it? Does each round "
        "store its arrays?",
    ),
    "loop-stopped": (
        lambda e: e.has_keys(lambda L: {"W1", "b1"}) and not e.same_key and e.source.stopped_loop,
        "Only the keys of the first layer came back: line {line}, `{text}`, stands inside the loop "
        "and ends it.",
        "What stands further to the right belongs to the loop. Which lines should run in each "
        "round, and which after it?",
    ),
    "behind-the-loop": (
        lambda e: e.has_keys(lambda L: layer_keys(L, L)) and e.source.stores_outside,
        "Only the keys of the last layer came back: line {line}, `{text}`, stands outside the "
        "loop.",
        "What should run in each round stands further to the right than the line with for.",
    ),
    "made-anew": (
        lambda e: e.has_keys(lambda L: layer_keys(L, L)) and e.source.made_anew,
        "Only the keys of the last layer came back: line {line}, `{text}`, makes the dictionary "
        "anew in each round of the loop.",
        "What should happen once stands above the loop.",
    ),
    "only-last-layer": (
        lambda e: (
            e.has_keys(lambda L: layer_keys(L, L))
            and not e.source.stores_outside
            and not e.source.made_anew
        ),
        "Only the keys of the last layer came back.",
        "Do the lines that store the arrays stand inside the loop, and does the key change in each "
        "round? Is the dictionary made once, above the loop?",
    ),
    "missing-first-layer": (
        keys(lambda L: layer_keys(2, L)),
        "The first layer is missing.",
        "Write down the values that your loop counter takes. Where does the loop start?",
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
    "odd-key": (
        lambda e: next(
            (
                {"key": shorten(repr(key), 40), **odd}
                for key in e.call.found
                if type(key) is str and (odd := odd_character(key))
            ),
            None,
        ),
        "The key {key} holds the character {character} ({character_name}), which no expected key "
        "has.",
        "Some characters look alike, or like nothing at all. Delete the text of the key and type "
        "it again.",
    ),
    "keys-not-text": (
        lambda e: any(type(key) is not str for key in e.call.found),
        "The keys must be strings (str) such as 'W1', and some of them are not.",
        "A key is made of the letter and the number of the layer, joined into one string. str and "
        "format do this only with round brackets behind them.",
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
        lambda e: any(
            {re.sub(r"\W|_", "", key[n:] + key[:n]) for key in e.call.found} == set(e.call.expected)
            for n in (0, -1)
        ),
        "In a key the number must follow the letter directly, with nothing around them.",
        "Compare the keys, character by character, with the expected ones.",
    ),
    "key-not-filled": (
        lambda e: next(
            ({"key": shorten(repr(key), 40)} for key in e.call.found if re.search("[{%]", key)),
            None,
        ),
        "In the key {key} no number was filled in.",
        "Braces are filled in only if f stands in front of the quotes, or format behind them; % "
        "needs a value behind the quotes.",
    ),
    "keys-with-point": (
        lambda e: {key.removesuffix(".0") for key in e.call.found} == set(e.call.expected),
        "The number in a key is a whole one: no point and no 0 follow it.",
        "Is the loop counter a float? Then which line, or which division /, makes it one?",
    ),
    "keys-without-number": (
        lambda e: not any(char.isdigit() for key in e.call.found for char in key),
        "The keys do not contain the number of the layer.",
        "Each layer needs keys of its own: join the letter with the value of the loop counter, "
        "not with its name.",
    ),
    "mutates-input": MUTATES,
    "extra-keys": (
        lambda e: set(e.call.expected) < set(e.call.found),
        "There are keys that should not be there.",
        "Start with an empty dictionary inside the function; store W and b of each layer, and "
        "nothing else.",
    ),
    "keys-missing": (
        lambda e: set(e.call.found) < set(e.call.expected),
        "Some keys are missing.",
        "In which rounds of the loop, and on which condition, are W and b stored? Is any of them "
        "removed again?",
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
        lambda value: value is None,
        "{key} is None, expected a NumPy array (numpy.ndarray).",
        "Has each None in the marked lines been replaced, and was the cell run since then? Calls "
        "such as print, seed, fill and shuffle give None.",
    ),
    "still-dots": (
        lambda value: type_name(value) == "ellipsis",
        "{key} is three dots (...), which hold a place, expected a NumPy array (numpy.ndarray).",
        "Write your own code in place of the dots, then run the cell and the test.",
    ),
    "trailing-comma": (
        lambda value: type(value) is tuple and len(value) == 1,
        "{key} is a tuple with one entry, expected a NumPy array (numpy.ndarray).",
        "A comma at the end of a line makes a tuple.",
    ),
    "single-number": (
        lambda value: type_name(value) in ("int", "float", "float64", "int64", "float32", "bool"),
        "{key} is a single number, expected a NumPy array (numpy.ndarray).",
        "Which call makes the array, and which sizes is it given? np.random.randn without sizes "
        "gives one number.",
    ),
    "text-for-array": (
        lambda value: type(value) is str,
        "{key} is text, expected a NumPy array (numpy.ndarray).",
        "Python does not compute what stands in quotes.",
    ),
    "function-for-array": (
        lambda value: re.fullmatch(FUNCTIONS, type_name(value)),
        "{key} is a function, expected a NumPy array (numpy.ndarray).",
        "A function is called with round brackets, and in them stand the sizes.",
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
        "np.zeros and np.random.randn make arrays; keep what they give you, one array under each "
        "key.",
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
        "In each layer the number of rows, or of columns, of {letter} is that of {letter}1.",
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
    "mutates-input": MUTATES,
    "fixed-shapes": (
        lambda e: e.fixed_shapes,
        "{key} has the shape {shape} in every network, whatever layers_dims is.",
        "Take each size from layers_dims, with the loop counter: numbers that fit one example do "
        "not fit the next one.",
    ),
    "fixed-rows": (
        lambda e: e.fixed_size(0) > 1 and {"size": e.fixed_size(0)},
        "{letter} has {size} rows in every layer of every network.",
        "Take each size from layers_dims, with the loop counter: numbers that fit one example do "
        "not fit the next one.",
    ),
    "fixed-columns": (
        lambda e: e.key[0] == "W" and e.fixed_size(1) and {"size": e.fixed_size(1)},
        "W has {size} columns in every layer of every network.",
        "Take each size from layers_dims, with the loop counter: numbers that fit one example do "
        "not fit the next one.",
    ),
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
    "seed-too-late": (
        lambda r: r.unseeded and r.source.late_seed,
        "The weights differ from one call to the next: line {line}, `{text}`, seeds the generator "
        "after numbers are drawn.",
        "The seed belongs above the first line that draws.",
    ),
    "seed-of-random": (
        lambda r: r.unseeded and r.source.other_random_seed,
        "The weights differ from one call to the next: line {line}, `{text}`, does not seed the "
        "generator of np.random.",
        "The module random and np.random have a generator each.",
    ),
    "no-seed": (
        lambda r: r.unseeded,
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
        lambda w: (
            any(b.size > 1 for b in w.biases)
            and all((b == w.biases[0][0]).all() for b in w.biases)
            and {"value": float(w.biases[0][0, 0])}
        ),
        "Every bias is {value:.4g}, expected 0.",
        "Biases start at zero; only the weights must differ from each other.",
    ),
    "nonzero-bias": (
        lambda w: True,
        "The biases are not zero.",
        "Biases start at zero. Numbers drawn for them also shift the weights that follow.",
    ),
}


def law(exercise: str, c: float, p: float = 0, q: float = 0) -> Callable:
    """Evidence: the numbers that were drawn are multiplied by c * n_prev**p * n_this**q."""
    return lambda w: w.exercise == exercise and w.is_law(c, p, q)


OTHER_GENERATORS = ("default_rng", "Generator", "gauss", "normalvariate", "Random")


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
        lambda w: w.follow(abs(w.draw)),
        "The weights have lost their signs.",
        "About half of the weights should be negative.",
    ),
    "cut-off": (
        lambda w: any(
            w.follow(cut(w.draw)) or close(w.found, cut(w.expected))
            for cut in (np.trunc, np.floor, np.ceil, np.rint)
        ),
        "The digits after the point were cut off or rounded away.",
        "Which part of your lines makes whole numbers, such as int, astype, round, floor or //? "
        "Leave it out.",
    ),
    "rounded": (
        lambda w: any(
            w.follow(w.draw.round(digits)) or close(w.found, w.expected.round(digits))
            for digits in range(1, 9)
        ),
        "The weights are rounded.",
        "Keep all digits that the generator gives.",
    ),
    "squared": (
        lambda w: w.follow(w.draw**2),
        "The numbers that were drawn are squared.",
        "They need a factor in front of them, and nothing else: no power, no product of W with "
        "itself.",
    ),
    "upside-down": (
        lambda w: w.follow(1 / w.draw),
        "A number is divided by those that were drawn, expected a multiplication.",
        "The numbers that are drawn are multiplied by the factor; nothing is divided by them.",
    ),
    "one-constant": (
        lambda w: (
            w.wrong_are_constant
            and {"layer": w.wrong_are_constant, "value": float(w.wrong_are_constant.found[0])}
        ),
        "All entries of {key} are {value:.4g}, expected a random number for each.",
        "Is the W of every layer drawn in the same way?",
    ),
    "imprecise": (
        lambda w: close(w.found, w.expected, 1e-3),
        "Only the first digits of the weights are right.",
        "Is a small number added somewhere, or a factor written with few digits? Is a type such "
        "as float32 used on the way?",
    ),
    # The right numbers, multiplied by something else than expected
    "product-not-stored": (
        lambda w: w.is_law(1) and w.source.unused_product,
        "The weights are the numbers that np.random.randn draws, without a factor. Line {line}, "
        "`{text}`, computes a product and stores it nowhere.",
        "The product must be what is stored in W.",
    ),
    "stored-too-early": (
        lambda w: w.is_law(1) and w.source.stored_too_early,
        "The weights are the numbers that np.random.randn draws, without a factor. Line {line}, "
        "`{text}`, makes a new array after the old one was stored.",
        "Compute first, then store.",
    ),
    "scale-missing": (
        lambda w: w.is_law(1),
        "The weights are the numbers that np.random.randn draws, without any change; expected the "
        "same numbers times a factor.",
        "Which factor does the exercise ask for? If your lines have one: is it 1, and is the "
        "product what is stored in W?",
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
        "factor squared, or applied twice?",
    ),
    "scale-root": (
        law("random", math.sqrt(10)),
        "The factor is the square root of 10, expected 10.",
        "The exercise asks for the factor itself; no root is needed.",
    ),
    "scale-tenth": (
        law("random", 1 / 10),
        "The factor is 1 / 10, expected 10.",
        "10 is what the numbers are multiplied by; nothing is divided by it.",
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
    "scale-twice": (
        lambda w: w.exercise == "he" and w.is_law(2, -1) and w.source.call("sqrt"),
        "The factor is 2 / n, the square of the expected one.",
        "The root is there. Is the factor applied twice, or squared?",
    ),
    "scale-root-missing": (
        law("he", 2, -1),
        "The factor is 2 / n, expected its square root.",
        "2 / n is the variance; which operation turns it into a standard deviation? If a root is "
        "there: is the factor applied twice?",
    ),
    "scale-power-first": (
        law("he", 1, -1),
        "The factor is 1 / n, expected the square root of 2 / n.",
        "If you wrote the root as a power: Python takes the power first, then divides, so "
        "x ** 1 / 2 is half of x, and the exponent needs brackets. Otherwise compare what stands "
        "above the fraction line, and look for the root.",
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
        lambda w: w.over_both_sizes and {"over": w.over_both_sizes},
        "The factor is sqrt({over:.4g} / (n_prev + n_this)): it uses the units of the previous "
        "layer and of this one.",
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
    "scale-of-network": (
        lambda w: None not in w.ratios and not w.uneven_layer and {"layer": w.wrong[0]},
        "In one network each W is the same multiple of the expected one, but in other networks it "
        "is another multiple.",
        "The factor depends on something that is one and the same for all layers, such as their "
        "number. On which size should it depend?",
    ),
    "scale-varies": (
        lambda w: None not in w.ratios and {"layer": w.uneven_layer},
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
    "factor-as-mean": (
        lambda w: w.factor_added and w.source.mean_given,
        "The random numbers lie around the factor, expected around zero: see line {line}, "
        "`{text}`.",
        "Which argument of the function that draws them is the mean, and which the standard "
        "deviation?",
    ),
    "factor-added": (
        lambda w: w.factor_added,
        "The factor is added to the random numbers, expected a multiplication.",
        "Which sign stands between the random numbers and the factor? Or is the factor given as "
        "the mean?",
    ),
    "shifted-mean": (
        lambda w: (
            np.ptp(w.found - w.expected) < RELATIVE_ERROR * abs(w.found - w.expected).max()
            and {"shift": float((w.found - w.expected)[0])}
        ),
        "Each weight differs from the expected one by the same number, {shift:.4g}.",
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
    "rearranged": (
        lambda w: all(close(*sorted_numbers([layer])) for layer in w.layers),
        "Each W holds its right numbers, in another order.",
        "Are they sorted, turned round or given another shape after they are drawn?",
    ),
    "drawn-in-other-order": (
        lambda w: all(close(*sorted_numbers(network)) for network in w.networks),
        "The right numbers were drawn, but they stand in other places.",
        "Draw layer by layer, from the first to the last, each W in one call.",
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
            ({"layer": l} for l in w.wrong if np.isclose(l.found, l.expected, 1e-9, 0).any()), None
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
        "Is the generator seeded in each round of the loop? Or does each W take its numbers from "
        "the start of one array?",
    ),
    "wrong-after-first-layer": (
        lambda w: all(layer.key != "W1" for layer in w.wrong),
        "W1 is right, but the layers after it hold other numbers.",
        "What happens between the first and the second round of the loop? Only weights may be "
        "drawn, and the generator is seeded once.",
    ),
    # Other numbers, of which many must be seen
    "repeated-numbers": (
        lambda w: next(({"large": one["key"]} for one in w.large if one["distinct"] < 0.9), None),
        "The same numbers occur several times in a large {large}.",
        "Each entry of W is a random number of its own.",
    ),
    "other-distribution": (
        lambda w: next(
            (
                {"large": one["key"], "mean": one["mean"], "spread": one["spread"]}
                for one in w.large
                if not one["normal"]
            ),
            None,
        ),
        "The numbers in {large} do not look like draws from a normal distribution around zero: a "
        "large {large} has mean {mean:.2g} and standard deviation {spread:.2g}.",
        "What else than a multiplication is done to the numbers, and which function draws them?",
    ),
    "other-generator-drawn": (
        lambda w: w.large and w.source.call(*OTHER_GENERATORS),
        "The weights are not the expected numbers: line {line}, `{text}`, makes or uses another "
        "generator ({name}).",
        "After the same seed each generator gives other numbers. The given line seeds np.random "
        "itself: draw from there.",
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
FACTORS_OF_LAYERS = ("scale-of-network", "scale-varies")
FACTORS_WITHOUT_CAUSE = (
    "scale-missing scale-constant scale-fixed scale-other scale-varies scale-of-network".split()
)
SPREAD_LIMIT = 0.04  # see LARGE_DIMS in diagnosis.py

CAUSES: dict[str, tuple[Callable | None, str, str]] = (
    FUNCTION | ERRORS | RESULT | KEYS | OTHER_KEYS | TYPES | SHAPES | OTHER_SHAPES
) | (REPEATS | BIASES | WEIGHTS)
