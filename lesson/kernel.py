"""What the kernel of the notebook knows: which cells were run, and what they left behind."""

import inspect
import linecache
import re
import sys
import traceback
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

EXERCISES = ("zeros", "random", "he")
FUNCTIONS = [f"initialize_parameters_{exercise}" for exercise in EXERCISES]


def shell() -> Any:
    """The IPython shell of the notebook that runs this; None elsewhere."""
    ipython = sys.modules.get("IPython")
    found = ipython.get_ipython() if ipython else None
    return found if getattr(found, "kernel", None) is not None else None


def is_from(function: object, cell: str) -> bool:
    """Whether it was this cell that defined a function."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    lines = "".join(linecache.getlines(code.co_filename)) if code else ""
    return lines.splitlines() == shell().transform_cell(cell).splitlines()


def later_cells(name: str, function: object) -> list[str]:
    """What was run after the cell of a function, if a new definition of it is among that."""
    inputs = shell().user_ns["In"]
    own = [number for number, cell in enumerate(inputs) if is_from(function, cell)]
    later = inputs[own[-1] + 1 :] if own and shell().user_ns.get(name) is function else []
    return later if re.search(rf"^def {name}\b", "\n".join(later), re.MULTILINE) else []


def report_tests(cells: Mapping[str, str]) -> bool:
    """Run the public tests of saved answers, print how they end, and say whether all are right."""
    from IPython.utils.capture import capture_output

    import public_tests  # which needs this module

    untested = "not tested. Run its cell, save, and run this cell again."
    ends = dict.fromkeys(FUNCTIONS, untested)
    for name, cell in cells.items():
        function = shell().user_ns.get(name)
        if is_from(function, cell):
            try:
                with capture_output():
                    getattr(public_tests, f"{name}_test")(function)
                ends[name] = "right"
            except public_tests.WrongAnswer:
                ends[name] = "not right yet. Run its test to see why."
    if {*ends.values()} == {untested}:  # the day after, mostly
        print(
            "None of the saved answers has been run here: save, choose Run > Run All Above "
            "Selected Cell, and run this cell again."
        )
        return False
    right = [*ends.values()].count("right")
    print(f"Public tests of the saved answers: {right} of {len(ends)} right.")
    print(*(f"  {name}: {end}" for name, end in ends.items()), sep="\n")
    return right == len(ends)


def explain_errors() -> None:
    """Let the notebook say in words that a name has no value; keep a cell of odd indentation."""
    if shell():
        transform = shell().transform_cell
        shell().transform_cell = lambda cell: _or_itself(transform, cell)
        if lite := sys.modules.get("pyodide_kernel.litetransform"):  # it transforms no tokens
            lite.make_tokens_by_line = lambda lines: []
        shell().set_custom_exc((NameError,), _explain)


def _or_itself(transform: Callable[[str], str], cell: str) -> str:
    try:
        return transform(cell)
    except SyntaxError:  # which ends a kernel in the browser; Python will say what is wrong
        return cell


def _explain(
    shell: Any, kind: type, error: NameError, trace: TracebackType, tb_offset: int | None = None
) -> None:
    from lesson.box import WrongAnswer
    from lesson.causes import Diagnosis
    from lesson.source import why_missing

    *_, (frame, line) = traceback.walk_tb(trace)
    wrong = None
    if error.name in FUNCTIONS:
        inputs = shell.user_ns.get("In", [])
        wrong = why_missing(error.name, FUNCTIONS, inputs, shell.transform_cell)
    elif frame.f_globals is shell.user_ns:  # no file of a library
        text = linecache.getline(frame.f_code.co_filename, line).strip()
        wrong = Diagnosis("name-without-value", {"name": error.name, "line": line, "text": text})
    if wrong:
        error._render_traceback_ = WrongAnswer(wrong)._render_traceback_
    shell.showtraceback((kind, error, trace), running_compiled_code=True)
