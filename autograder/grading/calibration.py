"""Decide where each test cell runs, from the instructor's files alone.

Outside, the test runs in the grader's process and asks the student's: nothing of it enters the
sandbox. Inside, it runs among the student's cells, as with nbgrader. Outside is chosen where it is
sure to give the same points: the instructor's solution passes, and the untouched release gets what
it gets inside. No submission has a say, or whoever returned an odd object could choose the weaker
way.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import functools
import hashlib
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence, Set
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from typing import Any

from autograder.assignment import (
    Assignment,
    AssignmentError,
    Role,
    defined_names,
    grade_id,
    role,
    syntax_tree,
)
from autograder.grading.examiner import library
from autograder.grading.run import first_verdicts
from autograder.limits import Limits
from autograder.sandbox.process import ProcessDied, StudentProcess

_PATIENCE_SECONDS = 10
CACHE = ".calibration"
"""Folder of a course in which the modes are remembered."""

# What a test may use outside: no files, no code made at run time, nothing that waits or ends.
_BUILTINS = frozenset(dir(builtins)) - frozenset(
    "__import__ breakpoint compile copyright credits delattr eval exec exit help input "
    "license open quit setattr".split()
)
_MODULES_OF_THE_SANDBOX = frozenset(
    "_thread asyncio builtins ctypes gc glob importlib inspect IPython logging "
    "matplotlib mock multiprocessing os pathlib pickle shutil signal socket sqlite3 subprocess "
    "tempfile threading unittest".split()
)


def calibrated(
    assignment: Assignment,
    name: str,
    limits: Limits,
    *,
    course: Path | None = None,
    executor: Executor | None = None,
) -> tuple[Assignment, dict[str, str]]:
    """Say of each test where it runs.

    Parameters
    ----------
    assignment : Assignment
    name : str
        What to call the notebook in messages.
    limits : Limits
    course : Path or None
        Course folder; results are kept there, by content, and the sandbox does not show it.
    executor : Executor or None
        Where the instructor's notebooks run; None runs them in this process's sandboxes.

    Returns
    -------
    assignment : Assignment
        With the tests that run inside.
    reasons : dict of str to str
        Why, in words, for each test that runs inside, by grade id.

    Raises
    ------
    AssignmentError
        If the instructor's solution does not pass a test in either way.
    SandboxUnavailable
        If this machine cannot make the sandbox.
    """
    kept = _kept(assignment, limits, course) if course else None
    found = _read(kept) if kept else None
    if found is None:
        hidden = (str(course),) if course else ()
        if executor:
            found = executor.submit(_tried, assignment, name, limits, hidden).result()
        else:
            found = _tried(assignment, name, limits, hidden)
        if kept:
            _write(kept, found)
    reasons = found["reasons"]
    modules = tuple(found["modules"])
    return replace(assignment, inside=frozenset(reasons), modules=modules), reasons


def _tried(
    assignment: Assignment, name: str, limits: Limits, hidden: tuple[str, ...]
) -> dict[str, Any]:
    """Run the instructor's notebooks in sandboxes, and return what is kept of that."""
    modules = _modules_of_solution(assignment, limits, hidden)
    assignment = replace(assignment, modules=tuple(modules))
    return {"reasons": _calibrate(assignment, name, limits, hidden), "modules": modules}


def _modules_of_solution(
    assignment: Assignment, limits: Limits, hidden: tuple[str, ...]
) -> list[str]:
    """What a sandbox may have loaded before it meets a submission; no hidden test has a say."""
    files = assignment.files_with({})
    with (
        contextlib.suppress(ProcessDied),
        StudentProcess(files, limits, hidden) as process,
    ):
        for ours, released in zip(assignment.cells, assignment.released_cells(), strict=True):
            kind = role(ours)
            if ours.cell_type == "code" and kind in (Role.GIVEN, Role.ANSWER, Role.TEST):
                cell = released if kind is Role.TEST else ours
                process.run_cell(cell.source, limits.cell_seconds)
        return process.installed_modules()
    return []


def remembered(assignment: Assignment, limits: Limits, course: Path) -> dict[str, str] | None:
    """The reasons that `calibrated` has found out and kept; None if it has not."""
    found = _read(_kept(assignment, limits, course))
    return found and found["reasons"]


def _kept(assignment: Assignment, limits: Limits, course: Path) -> Path:
    return course / CACHE / f"{_key(assignment, limits)}.json"


def _calibrate(
    assignment: Assignment, name: str, limits: Limits, hidden: tuple[str, ...]
) -> dict[str, str]:
    tests = list(assignment.points())
    if not tests:
        return {}
    # A short limit is for students: a busy machine must not decide on the instructor's solution.
    limits = replace(limits, cell_seconds=max(limits.cell_seconds, _PATIENCE_SECONDS))

    def grade(notebook: bytes, inside: Sequence[str]) -> dict[str, tuple]:
        way = replace(assignment, inside=frozenset(inside))
        return first_verdicts(notebook, way, limits, hidden)

    solution, release = assignment.notebook, assignment.released()
    inside = grade(solution, tests)
    reasons = {test: why_inside(assignment, test) for test in tests}
    for test, verdict in inside.items():
        if verdict.score is not None and not reasons[test]:
            reasons[test] = "gives part of the points"
    undecided = [test for test in tests if not reasons[test]]
    if undecided:
        decided = [test for test in tests if reasons[test]]
        outside = grade(solution, decided)
        for test in undecided:
            if not outside[test].passed:
                said = outside[test].message.splitlines()[0][:200]
                reasons[test] = f"passes the solution only inside; outside it says: {said}"
        candidates = [test for test in undecided if not reasons[test]]
        if candidates:
            untouched = grade(release, tests)
            untouched_outside = grade(release, [test for test in tests if reasons[test]])
            for test in candidates:
                if not inside[test].passed or _points(untouched[test]) != _points(
                    untouched_outside[test]
                ):
                    reasons[test] = (
                        "gives other points outside to the solution or to the untouched notebook"
                    )
    for test in tests:
        # An outside test has shown above that the solution passes it.
        if reasons[test] and not inside[test].passed and not inside[test].score:
            if not _has_solution(assignment, test):
                reasons[test] = "fails, but there is no solution to try it with"
                continue
            said = inside[test].message or "no reason given"
            raise AssignmentError(
                f"{name}: the instructor's own solution does not pass the test {test!r}, so no "
                f"submission can. The test says: {said}\nMend solution or test in source/, "
                "generate the assignment again, and then grade."
            )
    return {test: reason for test, reason in reasons.items() if reason}


def _has_solution(assignment: Assignment, test: str) -> bool:
    """Whether each answer above a test has more code than its stub, and there is one at all."""
    found = False
    for ours, released in zip(assignment.cells, assignment.released_cells(), strict=True):
        if grade_id(ours) == test:
            break
        if role(ours) is Role.ANSWER and ours.cell_type == "code":
            if ast.dump(syntax_tree(ours.source)) == ast.dump(syntax_tree(released.source)):
                return False
            found = True
    return found


def _points(verdict: object) -> object:
    return verdict.passed if verdict.score is None else verdict.score


def why_inside(assignment: Assignment, test: str) -> str:
    """What in the test needs the student's own objects or a sandbox; empty if nothing does."""
    tree = syntax_tree(assignment.test_source(test))
    given = library(assignment).used_by(tree)
    helpers = [one for one in given if isinstance(one, ast.FunctionDef)]
    imports = [one for one in given if isinstance(one, ast.Import | ast.ImportFrom)]
    declared = {path.partition("/")[0].removesuffix(".py") for path in assignment.declared}
    of_the_sandbox = _MODULES_OF_THE_SANDBOX | declared
    if module := _first(of_the_sandbox, (name for one in imports for name in _modules(one))):
        return f"uses the module {module}"
    nodes = [node for one in (tree, *helpers) for node in ast.walk(one)]
    functions = set(assignment.graded_functions())
    answers = [cell for cell in assignment.cells if role(cell) is Role.ANSWER]
    by_answers = set().union(*map(defined_names, answers)) if answers else set()
    own = {node.arg for node in nodes if isinstance(node, ast.arg)}
    own |= {node.name for node in nodes if isinstance(node, _DEFINITIONS)}
    for node in nodes:
        match node:
            case ast.Name(id=name, ctx=ast.Del()):
                return f"deletes {name}"
            case ast.Name(id=name, ctx=ast.Store()):
                if name in functions:
                    return f"replaces {name}"
                own.add(name)
            case ast.Attribute(ctx=ast.Store() | ast.Del()):
                return f"changes the attribute {node.attr}"
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                if used := _first(of_the_sandbox, _modules(node)):
                    return f"imports {used}"
                own |= {(alias.asname or alias.name).partition(".")[0] for alias in names}
            case ast.ExceptHandler(name=str(name)):
                own.add(name)
            case ast.Global(names=names):
                return f"changes {', '.join(names)}"
    for name in sorted(own & functions):
        return f"defines {name} itself"
    own |= library(assignment).given.keys()
    used = [node.id for node in nodes if isinstance(node, ast.Name)]
    for name in dict.fromkeys(used):
        if name in own or name in functions or name in _BUILTINS:
            continue
        if name == "get_ipython":
            return "uses a magic"
        if name in by_answers:
            kind = "class" if _is_class(name, answers) else "variable"
            return f"uses the {kind} {name}"
        given = any(
            name in defined_names(cell)
            for cell in assignment.cells
            if role(cell) is not Role.ANSWER and grade_id(cell) != test
        )
        return f"uses {name} of another cell" if given else f"uses {name}"
    return ""


_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def _is_class(name: str, answers: Sequence) -> bool:
    return any(
        isinstance(node, ast.ClassDef) and node.name == name
        for cell in answers
        if cell.cell_type == "code"
        for node in syntax_tree(cell.source).body
    )


def _modules(statement: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(statement, ast.ImportFrom):
        return [statement.module or ""]
    return [alias.name for alias in statement.names]


def _first(packages: Set[str], modules: Iterable[str]) -> str:
    """The first module that belongs to one of some packages."""
    return next((module for module in modules if module.partition(".")[0] in packages), "")


def where_tests_run(modes: Mapping[str, str]) -> list[str]:
    """Lines that say where tests run.

    Parameters
    ----------
    modes : mapping of str to str
        Why each test runs inside, by its name; empty for those that run outside.
    """
    outside = [test for test, reason in modes.items() if not reason]
    inside = {test: reason for test, reason in modes.items() if reason}
    lines = []
    if outside:
        lines.append(f"Tests outside the sandbox, unseen by student code: {', '.join(outside)}.")
    if inside:
        lines.append("Tests inside it, where student code can read or change them:")
    for test, reason in inside.items():
        lines.append(f"  {test}: {reason}. To have it outside, {advice(reason)}.")
    return lines


def advice(reason: str) -> str:
    """How a test that runs inside for this reason can be rewritten to run outside."""
    for start, words in _ADVICE.items():
        if reason.startswith(start):
            return words
    return "let it call functions of the answer and compare the plain data that they return"


_ADVICE = {
    "uses the variable": "ask for a function that returns the value, and test that",
    "uses the class": "ask for a function that uses the class and returns plain data",
    "fails, but": "write a solution into source/",
    "gives part": "split it into several test cells, each with its own points",
    "deletes": "test whether the answer calls the function by what it returns for other arguments",
    "replaces": "test whether the answer calls the function by what it returns",
    "imports": "let the answer return what the test reads by this module",
    "uses a magic": "write it in plain Python",
    "uses open": "let the answer return the content of the file",
}


@functools.cache
def _own_code() -> bytes:
    """Changes whenever the code that runs tests does."""
    digest = hashlib.sha256()
    for folder in (Path(__file__).parent, Path(__file__).parents[1] / "sandbox"):
        for path in sorted(folder.glob("*.py")):
            digest.update(path.read_bytes())
    return digest.digest()


def _key(assignment: Assignment, limits: Limits) -> str:
    digest = hashlib.sha256(_own_code())
    parts = [assignment.notebook, assignment.settings.encode(), repr(limits).encode()]
    parts.append(repr(sorted(assignment.declared)).encode())
    parts.append(sys.version.encode())
    for path, content in sorted(assignment.files.items()):
        parts += [path.encode(), content]
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def _read(kept: Path) -> dict | None:
    try:
        return json.loads(kept.read_bytes())
    except (OSError, ValueError):
        return None


def _write(kept: Path, found: dict) -> None:
    with contextlib.suppress(OSError):  # then it is found out again the next time
        kept.parent.mkdir(exist_ok=True)
        part = kept.with_suffix(f".{os.getpid()}")
        part.write_text(json.dumps(found))
        part.replace(kept)
