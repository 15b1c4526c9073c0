"""Public tests of the three exercises: what you run to see whether your function is right.

Each test calls your function for three architectures and compares what comes back with the
numbers at the end of this file. The first thing that is wrong is reported, in the words of
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
    _public_test("zeros", target, EXPECTED_ZEROS)


def initialize_parameters_random_test(target: Callable | None) -> None:
    """Test exercise 2; see `initialize_parameters_zeros_test`."""
    _public_test("random", target, EXPECTED_RANDOM)


def initialize_parameters_he_test(target: Callable | None) -> None:
    """Test exercise 3; see `initialize_parameters_zeros_test`."""
    _public_test("he", target, EXPECTED_HE)


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


def _public_test(exercise: str, target: Callable | None, cases: list) -> None:
    name = f"initialize_parameters_{exercise}"
    shell = kernel.shell()
    if shell and (later := kernel.later_cells(name, target)):
        raise WrongAnswer(why_missing(name, FUNCTIONS, later, shell.transform_cell)) from None
    if wrong := _first_problem(exercise, target, cases):
        raise WrongAnswer(wrong) from None
    print(_green("All tests passed."))
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
    calls = []
    for layers_dims, expected in cases:
        calls.append(_call(target, layers_dims, expected))
        if isinstance(calls[-1].error, TimeoutError):
            break  # each further call would take as long
    with _disturbed(len(cases)):
        return diagnose(exercise, calls, target)


def _call(target: Callable, layers_dims: list[int], expected: dict[str, np.ndarray]) -> Call:
    """Call the function twice, each time with a list of its own."""
    call = Call(layers_dims, expected, argument=list(layers_dims))
    try:
        with _time_limit():
            with _disturbed(len(layers_dims)):
                call.found = _snapshot(target(call.argument))
            with _disturbed(len(layers_dims) + 100):
                call.found_again = _snapshot(target(list(layers_dims)))
    except (Exception, SystemExit) as error:
        call.error = error
    return call


@contextmanager
def _disturbed(number: int) -> Iterator[None]:
    """Let the generator stand elsewhere for each call: a seed set earlier must not help."""
    state = get_state()
    seed(1_000_003 + number)
    try:
        yield
    finally:
        set_state(state)


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


def _green(text: str) -> str:
    """The text in green, where the output shows color; readable on white and on black."""
    if os.environ.get("NO_COLOR") or not (kernel.shell() or sys.stdout.isatty()):
        return text
    return f"\033[38;2;0;134;56m{text}\033[0m"


# ------------------------------------------------------------------------------- expected numbers
# Unequal layers, deeper and shallower; no layer follows one of 2 units, whose He factor would be 1.
# The weights of all layers in their order, row by row; the biases are zeros.

ARCHITECTURES = [[4, 3, 5, 1], [3, 4, 3, 4, 1], [5, 3]]

# fmt: off
RANDOM_WEIGHTS = [  # as many as each architecture has, from the first on
    17.886284734303185, 4.365098505119894, 0.9649746807200863, -18.634927033644907,
    -2.7738820251439904, -3.5475897926898674, -0.8274148148245977, -6.270006768238473,
    -0.4381816897592824, -4.772180303595027, -13.138647533626822, 8.846223804995846,
    8.813180422075298, 17.095730636529485, 0.5003364217686022, -4.046774146008908,
    -5.453599476195304, -15.464773155829683, 9.8236743425816, -11.010676301114756,
    -11.85046527020173, -2.056498994225411, 14.861483550745902, 2.3671626722691235,
    -10.237851399264681, -7.129932001120494, 6.252449661628293, -1.605133631869239,
    -7.6883635031923, -2.3003072227793906, 7.450562664053708, 19.761107831263026,
    -12.44123328955937, -6.2641691118836915, -8.037660945765765, -24.190831731786698,
    -9.237920216957885, -10.238757608428378, 11.239779589574683, -1.3191423280090089,
]
HE_WEIGHTS = [
    [
        1.2647513225859208, 0.3086590753517539, 0.06823401404104966, -1.317688327240683,
        -0.1961430790190789, -0.25085247992791837, -0.05850706264166846, -0.44335643039069744,
        -0.030984124422056857, -0.33744410537169206, -0.9290426766647434, 0.6255224840406426,
        0.7195931681723655, 1.3958605613187702, 0.04085229776876763, -0.33041772540029923,
        -0.4452845326062704, -1.2626934406557815, 0.8020996512865304, -0.899017955356214,
        -0.9675864375522473, -0.16791243974663553, 1.213435050669767, 0.19327802284074785,
        -0.8359170663545749, -0.5821565101162063, 0.5105103771142219, -0.1015175645129006,
        -0.48625480298797824, -0.1454842028423847, 0.471214957364433, 1.2498021966996296,
    ],
    [
        1.4604090331058333, 0.35640880048431217, 0.07878985274897744, -1.521535420880872,
        -0.22648651894269448, -0.2896594936265377, -0.06755813673132316, -0.5119439088660415,
        -0.03577738515135877, -0.38964689014559767, -1.07276607892208, 0.7222911490900568,
        0.6231859640269963, 1.2088507062428613, 0.03537912767071911, -0.2861501440573299,
        -0.3856277171493104, -1.0935245967998855, 0.694638674380775, -0.7785723877968257,
        -0.8379544352775316, -0.14541643843201027, 1.050865579722476, 0.1673836777733166,
        -0.8359170663545749, -0.5821565101162063, 0.5105103771142219, -0.1310586122353337,
        -0.6277522513286027, -0.18781929824827254, 0.6083358941187622, 1.6134876979570372,
        -1.015822444344943, -0.5114672662206105, -0.6562722680874059, -1.975173139880178,
        -0.6532196029471223, -0.7239894935845064, 0.7947724366830409, -0.09327744854853792,
    ],
    [
        1.1312279727739536, 0.2760730697435006, 0.06103035750938487, -1.1785762691472619,
        -0.1754357032011093, -0.2243692789772908, -0.05233030769224364, -0.3965500466461012,
        -0.027713043372412205, -0.3018191832870821, -0.8309610316082895, 0.5594843183077617,
        0.5573944712752409, 1.0812289415230667, 0.03164405378254869,
    ],
]
# fmt: on


def _parameters(layers_dims: list[int], weights: Iterable[float]) -> dict[str, np.ndarray]:
    """W1, b1, ... in the shapes that the sizes of the layers ask for."""
    parameters, weights = {}, iter(weights)
    for l, (n_prev, n) in enumerate(pairwise(layers_dims), start=1):
        row_by_row = np.fromiter(weights, float, n * n_prev)
        parameters |= {f"W{l}": row_by_row.reshape(n, n_prev), f"b{l}": np.zeros((n, 1))}
    return parameters


EXPECTED_ZEROS = [(dims, _parameters(dims, repeat(0.0))) for dims in ARCHITECTURES]
EXPECTED_RANDOM = [(dims, _parameters(dims, RANDOM_WEIGHTS)) for dims in ARCHITECTURES]
EXPECTED_HE = [
    (dims, _parameters(dims, weights))
    for dims, weights in zip(ARCHITECTURES, HE_WEIGHTS, strict=True)
]
