"""Wrong and right programs, as students write them, from `mistakes.toml`.

`MISTAKES` and `RARE_MISTAKES` are wrong answers with the code that `public_tests` must report,
`RIGHT_ANSWERS` whole answers in different styles that must all pass. What the tests say about the
rare ones stands in `tests/lesson/rare_mistakes.md`, to be read in one sitting:
`python -m tests.support.mistakes` writes that page anew.
"""

import contextlib
import io
import linecache
import tomllib
import warnings
from itertools import pairwise
from pathlib import Path
from string import Template
from typing import NamedTuple

import numpy as np

import public_tests
from lesson.source import why_missing
from public_tests import WrongAnswer

PAGE = Path(__file__).parents[1] / "lesson" / "rare_mistakes.md"
PUBLIC_TESTS = {
    "zeros": public_tests.initialize_parameters_zeros_test,
    "random": public_tests.initialize_parameters_random_test,
    "he": public_tests.initialize_parameters_he_test,
}
EXERCISES = tuple(PUBLIC_TESTS)
_DRAW = "np.random.randn(layers_dims[l], layers_dims[l - 1])"
_FACTORS = {"random": "10", "he": "np.sqrt(2 / layers_dims[l - 1])"}
# The line that draws (or makes) the weights of one layer, in a right answer.
RIGHT_WEIGHTS = {"zeros": "np.zeros((layers_dims[l], layers_dims[l - 1]))"} | {
    exercise: f"{_DRAW} * {factor}" for exercise, factor in _FACTORS.items()
}


class Mistake(NamedTuple):
    """One wrong program: what is wrong, the source of its cell, and the code it must get."""

    name: str
    exercise: str
    source: str
    code: str


def answer(
    exercise: str,
    weights: str | None = None,
    biases: str = "np.zeros((layers_dims[l], 1))",
    *,
    above: str = "",
    function: str | None = None,
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
    above, function, arguments, seed, start, layers, first, body, last, end : str
        Other pieces of the cell, in the order in which they appear. `body` replaces the two
        lines that store weights and biases; `first` and `last` stand around it in the loop.
    """
    weights = weights or RIGHT_WEIGHTS[exercise]
    if body is None:
        body = f'parameters[f"W{{l}}"] = {weights}\nparameters[f"b{{l}}"] = {biases}'
    loop = "\n".join(filter(None, [first, body, last]))
    lines = [
        *_indent(above, 0),
        f"def {function or f'initialize_parameters_{exercise}'}({arguments}):",
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


def _programs(rows: list[dict[str, str]]) -> list[Mistake]:
    """Fill in the rows of `mistakes.toml`, once for each of their exercises."""
    mistakes = []
    for row in rows:
        for exercise in row["exercises"].split():
            fields = {
                "exercise": exercise,
                "n": "layers_dims[l]",
                "previous": "layers_dims[l - 1]",
                "draw": _DRAW,
                "factor": _FACTORS.get(exercise),
                "right": RIGHT_WEIGHTS[exercise],
            }
            pieces = {
                piece: Template(text).substitute(fields)
                for piece, text in row.items()
                if piece not in ("name", "exercises", "code")
            }
            source = pieces.get("source")
            source = answer(exercise, **pieces) if source is None else source
            mistakes.append(Mistake(row["name"], exercise, source, row["code"]))
    return mistakes


_DATA = tomllib.loads(Path(__file__).with_suffix(".toml").read_text())
MISTAKES = _programs(_DATA["common"])
RARE_MISTAKES = _programs(_DATA["rare"])
UNLISTED = _programs(_DATA["unlisted"])
RIGHT_ANSWERS: dict[str, str] = _DATA["right_answers"]
WITHOUT_LINES: dict[str, str] = _DATA["without_lines"]


def reference(exercise: str, layers_dims: list[int]) -> dict[str, np.ndarray]:
    """The right parameters, written independently of the answers under test."""
    generator = np.random.RandomState(3)
    parameters = {}
    for l, (n_prev, n) in enumerate(pairwise(layers_dims), start=1):
        factor = {"zeros": 0, "random": 10, "he": np.sqrt(2 / n_prev)}[exercise]
        parameters[f"W{l}"] = generator.standard_normal((n, n_prev)) * factor
        parameters[f"b{l}"] = np.zeros((n, 1))
    return parameters


def _nobody_answers(question: str) -> str:
    raise EOFError("EOF when reading a line")


def function_of(source: str, exercise: str):
    """Run the source of an answer like a cell; return the function, None if it defines none."""
    name = f"<cell {abs(hash(source))}>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    namespace = {"np": np, "input": _nobody_answers}
    with contextlib.suppress(SyntaxError):
        exec(compile(source, name, "exec"), namespace)
    return namespace.get(f"initialize_parameters_{exercise}")


def failure_of(mistake: Mistake) -> WrongAnswer | None:
    """What the public test says about a program."""
    function = f"initialize_parameters_{mistake.exercise}"
    target = function_of(mistake.source, mistake.exercise)
    if target is None:
        return WrongAnswer(why_missing(function, public_tests.FUNCTIONS, [mistake.source], str))
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy's, about some of the programs
        try:
            PUBLIC_TESTS[mistake.exercise](target)
        except WrongAnswer as failure:
            return failure
    return None


def page() -> str:
    """The rare programs, codes and words. What Python itself says is left out: it has versions."""
    lines = ["# What wrong programs are told", ""]
    for mistake in RARE_MISTAKES:
        failure = failure_of(mistake)
        message = failure.message
        if failure.code.startswith("cell-"):
            message = message.replace(failure.fields.get("error", "?"), "...")
        lines += [
            f"## {mistake.exercise}: {mistake.name} `{failure.code}`",
            *("", "```", mistake.source.rstrip(), "```", ""),
            *(message, "", f"Hint: {failure.hint}", ""),
        ]
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page())
