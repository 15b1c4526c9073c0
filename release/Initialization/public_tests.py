"""Public tests of the three exercises: what you run to see whether your function is right.

Each test calls your function for three architectures and compares what comes back with the
numbers in `lesson/expected.toml`. The first thing that is wrong is reported, in the words of
`lesson/causes.toml`: dictionary, keys, types, shapes, values, and the argument.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise, repeat

import numpy as np
from numpy.random import get_state, seed, set_state  # now: answers sometimes overwrite them

from lesson import kernel
from lesson.box import WrongAnswer, show_success
from lesson.causes import Diagnosis, type_name
from lesson.diagnosis import Call, diagnose
from lesson.files import read_table, translate
from lesson.kernel import EXERCISES, FUNCTIONS
from lesson.source import why_missing

SECONDS_FOR_CALLS = 10


def initialize_parameters_zeros_test(target: Callable | None) -> None:
    """Test exercise 1.

    Parameters
    ----------
    target : callable or None
        The function `initialize_parameters_zeros`; None if there is none.

    Raises
    ------
    WrongAnswer
        At the first thing that is wrong.
    """
    _public_test("zeros", target)


def initialize_parameters_random_test(target: Callable | None) -> None:
    """Test exercise 2; see `initialize_parameters_zeros_test`."""
    _public_test("random", target)


def initialize_parameters_he_test(target: Callable | None) -> None:
    """Test exercise 3; see `initialize_parameters_zeros_test`."""
    _public_test("he", target)


def check_hidden(
    exercise: str,
    target: Callable | None,
    architectures: Iterable[Sequence[int]],
    expected_for: Callable[[list[int]], dict[str, np.ndarray]],
) -> None:
    """Run the same checks for other architectures, without giving their numbers away.

    Parameters
    ----------
    exercise : {"zeros", "random", "he"}
        Which exercise it is.
    target : callable or None
        The student's function.
    architectures : iterable of sequences of int
        Several `layers_dims`: the more they differ, the more precisely an error can be named.
    expected_for : callable
        Returns the right parameters for one of them.

    Raises
    ------
    WrongAnswer
        In words only: no expected value, no layer size.
    ValueError
        If the exercise is unknown, or an architecture has fewer than two layers.
    """
    if exercise not in EXERCISES:
        raise ValueError(f"exercise is {exercise!r}, expected one of {', '.join(EXERCISES)}.")
    cases = []
    for layers_dims in map(list, architectures):
        if len(layers_dims) < 2 or not all(isinstance(n, int) and n > 0 for n in layers_dims):
            raise ValueError(
                f"layers_dims is {layers_dims}, expected at least two positive whole numbers: "
                "the size of the input and of each layer."
            )
        cases.append((layers_dims, expected_for(list(layers_dims))))
    if not cases:
        raise ValueError("architectures is empty, expected at least one layers_dims.")
    if wrong := _first_problem(exercise, target, cases):
        raise WrongAnswer(wrong, hidden=True) from None


def _public_test(exercise: str, target: Callable | None) -> None:
    name = f"initialize_parameters_{exercise}"
    shell = kernel.shell()
    if shell and (later := kernel.later_cells(name, target)):
        raise WrongAnswer(why_missing(name, FUNCTIONS, later, shell.transform_cell)) from None
    if wrong := _first_problem(exercise, target, EXPECTED[exercise]):
        raise WrongAnswer(wrong) from None
    said = "All tests passed."  # the grader keeps the English
    said = translate("verdict", said) if shell else said
    if (shell or sys.stdout.isatty()) and not os.environ.get("NO_COLOR"):  # readable in each theme
        said = f"\033[38;2;255;255;255;48;2;0;134;56m{said}\033[0m"
    print(said)
    if shell:
        show_success(name)


def _first_problem(
    exercise: str, target: Callable | None, cases: list[tuple[list[int], dict[str, np.ndarray]]]
) -> Diagnosis | None:
    """Call the function for each architecture; the first thing that is wrong, if anything is."""
    name = f"initialize_parameters_{exercise}"
    if target is None:
        return Diagnosis("wrong-name", {"name": name})
    if not callable(target):
        return Diagnosis("not-a-function", {"name": name, "found": type_name(target)})
    state, calls = get_state(), []
    try:
        for layers_dims, expected in cases:
            calls.append(_call(target, layers_dims, expected))
            if isinstance(calls[-1].error, TimeoutError):
                break  # each further call would take as long
        _disturb(target, len(cases))
        return diagnose(exercise, calls, target)
    finally:
        set_state(state)


def _call(target: Callable, layers_dims: list[int], expected: dict[str, np.ndarray]) -> Call:
    """Call the function twice, each time with a list of its own."""
    call = Call(layers_dims, expected, argument=list(layers_dims))
    try:
        with _time_limit():
            _disturb(target, len(layers_dims))
            call.found = _snapshot(target(call.argument))
            _disturb(target, len(layers_dims) + 100)
            call.found_again = _snapshot(target(list(layers_dims)))
    except (Exception, SystemExit) as error:
        call.error = error
    return call


def _disturb(target: Callable, number: int) -> None:
    """Let the generator stand elsewhere before each call: a seed set earlier must not help.

    A function in another process has a way to reach the generator there.
    """
    getattr(target, "__seed__", seed)(1_000_003 + number)


@contextmanager
def _time_limit() -> Iterator[None]:
    """Stop a loop that never ends, in a notebook: there the alarm is ours to set."""
    main = threading.current_thread() is threading.main_thread()
    if not (kernel.shell() and main and hasattr(signal, "setitimer")):
        yield
        return

    def stop(*_: object) -> None:
        raise TimeoutError(f"the call had not finished after {SECONDS_FOR_CALLS} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, SECONDS_FOR_CALLS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _snapshot(found: object) -> object:
    """A copy that later calls cannot change, should they fill the same dictionary again.

    A key of a subclass of str, such as `np.str_`, becomes the string that it is equal to.
    """
    if not isinstance(found, dict):
        return found
    return {
        str.__str__(key) if isinstance(key, str) else key: (
            value.copy() if type(value) is np.ndarray else value
        )
        for key, value in found.items()
    }


# ------------------------------------------------------------------------------- expected numbers

_NUMBERS = read_table("expected.toml")


def _parameters(layers_dims: list[int], weights: Iterable[float]) -> dict[str, np.ndarray]:
    """W1, b1, ... in the shapes that the sizes of the layers ask for."""
    parameters, weights = {}, iter(weights)
    for l, (n_prev, n) in enumerate(pairwise(layers_dims), start=1):
        row_by_row = np.fromiter(weights, float, n * n_prev)
        parameters |= {f"W{l}": row_by_row.reshape(n, n_prev), f"b{l}": np.zeros((n, 1))}
    return parameters


EXPECTED = {
    exercise: [
        (dims, _parameters(dims, numbers))
        for dims, numbers in zip(_NUMBERS["architectures"], weights, strict=False)
    ]
    for exercise, weights in (
        ("zeros", repeat(repeat(0.0))),
        ("random", repeat(_NUMBERS["random"])),
        ("he", _NUMBERS["he"]),
    )
}
