"""Decide where each test cell runs, from the instructor's files alone.

Outside, the test runs in the grader's process and asks the student's: nothing of it enters the
sandbox. Inside, it runs among the student's cells, as with nbgrader. Outside is chosen where it is
sure to give the same points: the instructor's solution and the untouched release get what they get
inside. No submission has a say, or whoever returned an odd object could choose the weaker way.
"""

import ast
import builtins
import contextlib
import functools
import hashlib
import itertools
import json
import os
import sys
import time
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from autograder.assignment import (
    Assignment,
    Role,
    defined_names,
    global_names,
    grade_id,
    role,
    syntax_tree,
)
from autograder.facts import Verdict
from autograder.grading.examiner import imported_modules, of_assignment, whole_test
from autograder.grading.run import grade_submission
from autograder.grading.session import Task
from autograder.limits import Limits
from autograder.sandbox.process import ProcessDied

_LEAST_CELL_SECONDS = 10
CACHE = ".calibration"
"""Folder of a course in which the modes are remembered."""

_DATA = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
_BUILTINS = {*dir(builtins)} - {*_DATA["other_than_builtins"].split()}
_MODULES = {*_DATA["modules"].split()}
_RUN_CODE = {"eval", "exec", "__import__"}  # not even a file of the instructor may


class Reason(NamedTuple):
    """Why a test runs inside: a code of `calibration.toml`, and what fills the gap in its words."""

    code: str
    name: str = ""

    def __str__(self) -> str:
        return self.words.format(name=self.name)

    @property
    def words(self) -> str:
        """The reason, with a gap for the name."""
        return _DATA["reasons"][self.code]["words"]

    @property
    def advice(self) -> str:
        """How the test can be rewritten to run outside."""
        return _DATA["reasons"][self.code].get("advice", _DATA["advice"])


def calibrated(
    assignment: Assignment,
    limits: Limits,
    course: Path,
    starmap: Callable[..., Iterable[Any]] = itertools.starmap,
) -> tuple[Assignment, dict[str, Reason]]:
    """Say of each test where it runs; workers may try by `starmap` what has to be tried."""
    path = _cached(assignment, limits, course)
    found = _read(path)
    if found is None:
        found = _tried(assignment, limits, (str(course),), starmap)
        with contextlib.suppress(OSError):  # then it is found out again the next time
            path.parent.mkdir(exist_ok=True)
            part = path.with_suffix(f".{os.getpid()}")
            part.write_text(json.dumps(found))
            part.replace(path)
    reasons = found["reasons"]
    failing = frozenset(test for test, one in reasons.items() if one.code == "solution-fails")
    loaded = {"modules": tuple(found["modules"]), "font_cache": tuple(found["font_cache"].items())}
    return replace(assignment, **loaded, inside=frozenset(reasons), failing=failing), reasons


def remembered(assignment: Assignment, limits: Limits, course: Path) -> dict[str, Reason] | None:
    """The reasons that `calibrated` has found out and kept; None if it has not."""
    found = _read(_cached(assignment, limits, course))
    return found and found["reasons"]


def _tried(
    assignment: Assignment,
    limits: Limits,
    hidden: tuple[str, ...],
    starmap: Callable[..., Iterable[Any]],
) -> dict[str, Any]:
    """Run the instructor's notebooks in sandboxes, and return what is kept of that."""
    assignment = replace(assignment, modules=_imported_modules(assignment))
    # Two workers begin to load these, while this process reads the tests.
    caches = starmap(_font_cache, [(assignment, limits, hidden)] * 2)
    reasons = why_inside(assignment)
    font_cache, _ = caches
    found = {"modules": assignment.modules, "font_cache": font_cache}
    # A short limit is for students: a busy machine must not decide on the instructor's solution.
    limits = replace(limits, cell_seconds=max(limits.cell_seconds, _LEAST_CELL_SECONDS))
    solution, release = assignment.notebook, assignment.released()
    tests, others = frozenset(assignment.points()), frozenset(reasons)
    ways = [(solution, tests)]
    if others != tests:
        ways += [(solution, others), (release, tests), (release, others)]
    calls = [(one, replace(assignment, inside=inside), limits, hidden) for one, inside in ways]
    verdicts = dict(zip(ways, starmap(_verdicts, calls), strict=True))
    for test in assignment.points():
        inside = verdicts[solution, tests][test]
        if not inside.passed and not inside.score:
            said = inside.message[:200] or "it gives no reason"
            solved = _has_solution(assignment, test)
            reasons[test] = Reason("solution-fails", said) if solved else Reason("no-solution")
        elif test in reasons:
            continue
        elif inside.score is not None:
            reasons[test] = Reason("partial")
        elif not (outside := verdicts[solution, others][test]).passed:
            reasons[test] = Reason("only-inside", outside.message[:200])
        elif verdicts[release, tests][test].passed != verdicts[release, others][test].passed:
            reasons[test] = Reason("differs")
    return {**found, "reasons": _with_needed(assignment, reasons)}


def _verdicts(
    notebook: bytes, assignment: Assignment, limits: Limits, hidden: tuple[str, ...]
) -> dict[str, Verdict]:
    return grade_submission(notebook, assignment, limits, hidden=hidden).facts.verdicts


def _imported_modules(assignment: Assignment) -> tuple[str, ...]:
    """What a sandbox loads before it meets a submission: what the notebook and its files import.

    It is read from the text, in which no hidden test has a say.
    """
    cells = zip(assignment.cells, assignment.released_cells(), strict=True)
    sources = [
        (released if role(ours) is Role.TEST else ours).source
        for ours, released in cells
        if ours.cell_type == "code" and role(ours) in (Role.GIVEN, Role.ANSWER, Role.TEST)
    ]
    later = _DATA["loaded_later"].items()
    found = [name for word, names in later if word in "".join(sources) for name in names.split()]
    waiting = list(map(syntax_tree, sources))
    while waiting:
        for name in imported_modules(waiting.pop(0), and_names=True):
            if name not in found:
                found.append(name)
                path = name.replace(".", "/")
                for own in assignment.files.keys() & {f"{path}.py", f"{path}/__init__.py"}:
                    body = syntax_tree(assignment.files[own].decode(errors="replace")).body
                    imports = [one for one in body if isinstance(one, ast.Import | ast.ImportFrom)]
                    waiting.append(ast.Module(imports, type_ignores=[]))
    own = set(of_assignment(assignment, found))
    return tuple(name for name in found if name not in own)


def _font_cache(assignment: Assignment, limits: Limits, hidden: tuple[str, ...]) -> dict[str, str]:
    """What Matplotlib keeps for its next start: the list of all fonts, which takes time to make."""
    task = Task(assignment, limits, time.monotonic() + limits.total_seconds, hidden=hidden)
    started = task.start_process(task.seconds_left)
    with contextlib.suppress(ProcessDied, ValueError, IndexError, KeyError), started as process:
        cell = process.run_cell(_DATA["show_font_cache"], limits.cell_seconds)
        return json.loads(cell.outputs[0]["text"])
    return {}


def _has_solution(assignment: Assignment, test: str) -> bool:
    """Whether each answer above a test has more code than its stub, and there is one at all."""
    answers = []
    for ours, released in zip(assignment.cells, assignment.released_cells(), strict=True):
        if grade_id(ours) == test:
            break
        if role(ours) is Role.ANSWER and ours.cell_type == "code":
            answers.append([ast.dump(syntax_tree(one.source)) for one in (ours, released)])
    return bool(answers) and all(solution != stub for solution, stub in answers)


def why_inside(assignment: Assignment) -> dict[str, Reason]:
    """The tests of which the text alone says that they must run inside, and why."""
    reasons = {test: _why_inside(assignment, test) for test in assignment.points()}
    return _with_needed(assignment, {test: one for test, one in reasons.items() if one})


def _with_needed(assignment: Assignment, reasons: dict[str, Reason]) -> dict[str, Reason]:
    """The same, with the tests that give a value to a name which a later test uses inside."""
    needed: set[str] = set()
    more = {}
    for test in reversed(assignment.points()):
        bound, used = global_names(whole_test(assignment, test))
        if test in reasons:
            needed |= used
        elif names := sorted(needed & bound):
            more[test] = Reason("needed", names[0])
    return reasons | more


def _why_inside(assignment: Assignment, test: str) -> Reason | None:
    if assignment.network:
        return Reason("network")
    code = whole_test(assignment, test)
    for module in imported_modules(code):
        if not _may_import(module, assignment):
            return Reason("imports", module)
    for node in ast.walk(code):
        if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
            return Reason("attribute", node.attr)
    bound, used = global_names(code)
    functions = set(assignment.graded_functions())
    for name in sorted(bound & functions):
        return Reason("replaces", name)
    variables = set().union(*map(defined_names, assignment.answers))
    for name in sorted(used - bound - functions - _BUILTINS):
        return Reason("variable" if name in variables else "uses", name)
    return None


def _may_import(module: str, assignment: Assignment) -> bool:
    top = module.partition(".")[0]
    own = {path: path.partition("/")[0].removesuffix(".py") for path in assignment.files}
    if top not in own.values():
        return top in _MODULES
    # Outside, a file that students change would be the instructor's own.
    return not any(own.get(path) == top for path in assignment.declared) and not any(
        path.endswith(".py") and _runs_code(source) for path, source in assignment.files.items()
    )


@functools.cache  # each import of each test asks about all files
def _runs_code(source: bytes) -> bool:
    if source.isascii() and not any(name.encode() in source for name in _RUN_CODE):
        return False  # to parse it takes its time
    tree = syntax_tree(source.decode(errors="replace"))
    return any(isinstance(node, ast.Name) and node.id in _RUN_CODE for node in ast.walk(tree))


def where_tests_run(modes: Mapping[str, Reason | None]) -> list[str]:
    """Lines that say where tests run."""
    outside = [test for test, reason in modes.items() if not reason]
    inside = {test: reason for test, reason in modes.items() if reason}
    lines = []
    if outside:
        lines.append(f"Tests outside the sandbox, unseen by student code: {', '.join(outside)}.")
    if inside:
        lines.append("Tests inside the sandbox, where student code can read or change them:")
    for test, reason in inside.items():
        lines.append(f"  {test}: {reason}. To have it outside, {reason.advice}.")
    return lines


def _cached(assignment: Assignment, limits: Limits, course: Path) -> Path:
    """The file in which the results of these files, limits and code that runs tests are kept."""
    files, declared = sorted(assignment.files.items()), sorted(assignment.declared)
    parts = (assignment.notebook, assignment.settings, assignment.network, limits, declared, files)
    digest = hashlib.sha256(repr((*parts, sys.version)).encode())
    for folder in ("grading", "sandbox"):
        for path in sorted(Path(__file__).parents[1].glob(f"{folder}/*.[pt]*")):  # .py and .toml
            digest.update(path.read_bytes())
    return course / CACHE / f"{digest.hexdigest()}.json"


def _read(path: Path) -> dict | None:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return found | {"reasons": {test: Reason(*one) for test, one in found["reasons"].items()}}
