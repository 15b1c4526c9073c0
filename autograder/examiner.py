"""Run our test cells in the grader's process, against functions that live in the sandbox.

A test cell is our own source. In its namespace each graded function is a proxy: calling it asks
the student's process and gives plain data back, so that nothing a student defines is ever
executed, evaluated or unpickled here.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import functools
import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from autograder.assignment import Assignment, Role, role
from autograder.sandbox import ProcessDied, StudentProcess
from autograder.words import readable


@dataclass(frozen=True)
class Verdict:
    """Outcome of one test cell.

    Attributes
    ----------
    passed : bool
    message : str
        What a person reads: what the tests printed, or what is wrong.
    code : str
        Stable short name of the mistake, for counting; empty for a test that passed.
    """

    passed: bool
    message: str
    code: str = ""


def examine(
    assignment: Assignment, test: str, student: StudentProcess, seconds: Callable[[], float]
) -> Verdict:
    """Run the test cell with the grade id `test`, hidden tests included.

    Parameters
    ----------
    assignment : Assignment
    test : str
    student : StudentProcess
        Where the student's cells have run.
    seconds : callable
        Asked before each call of a student's function: how long it may take.

    Returns
    -------
    Verdict

    Raises
    ------
    ProcessDied
        If the student's process is lost during a call.
    """
    deaths: list[ProcessDied] = []

    def proxy(name: str) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            if deaths:
                raise deaths[0]
            try:
                return student.call(name, list(arguments), seconds())
            except ProcessDied as death:
                deaths.append(death)  # the tests explain exceptions, but must not explain this one
                raise

        call.__name__ = call.__qualname__ = name
        return call

    source = assignment.test_source(test)
    library = _library(assignment)
    namespace = library.names_used_by(source)
    for name in assignment.graded_functions():
        if student.defines(name):
            namespace[name] = proxy(name)

    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
            exec(compile(source, f"<{test}>", "exec"), namespace)
    except Exception as error:
        verdict = Verdict(False, readable(str(error) or type(error).__name__), _code(error))
    else:
        verdict = Verdict(True, readable(printed.getvalue()).strip())
    if deaths:
        raise deaths[0]
    return verdict


def _code(error: Exception) -> str:
    """The code that `public_tests.WrongAnswer` carries, or the type of another exception."""
    return getattr(error, "code", None) or f"raises-{type(error).__name__}"


class _Library:
    """The names that test cells may import: our public files, taken from the assignment."""

    def __init__(self, files: dict[str, bytes], imports: dict[str, ast.stmt]) -> None:
        self._files = files
        self._imports = imports
        self._modules: dict[str, ModuleType] = {}
        self._builtins = vars(builtins) | {"__import__": self._import}

    def names_used_by(self, source: str) -> dict[str, Any]:
        """A namespace with those imports of our notebook that `source` makes use of."""
        namespace = {"__name__": "__main__", "__builtins__": self._builtins}
        used = {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
        for name in sorted(used & self._imports.keys()):
            statement = ast.Module([self._imports[name]], type_ignores=[])
            exec(compile(statement, "<imports>", "exec"), namespace)
        return namespace

    def _import(self, name: str, *args: Any, **kwargs: Any) -> ModuleType:
        if f"{name}.py" not in self._files:
            return builtins.__import__(name, *args, **kwargs)
        if name not in self._modules:
            # A name of its own, so that it never meets a module that this process has imported.
            module = ModuleType(f"assignment-{id(self)}-{name}")
            module.__dict__["__builtins__"] = self._builtins
            self._modules[name] = sys.modules[module.__name__] = module
            source = self._files[f"{name}.py"]
            exec(compile(source, f"<{name}.py of the assignment>", "exec"), module.__dict__)
        return self._modules[name]


@functools.lru_cache(maxsize=4)  # a worker grades many submissions of the same assignment
def _library(assignment: Assignment) -> _Library:
    imports: dict[str, ast.stmt] = {}
    for cell in assignment.cells:
        if cell.cell_type != "code" or role(cell) is not Role.OURS:
            continue
        lines = [
            "" if line.lstrip().startswith(("%", "!")) else line
            for line in cell.source.splitlines()
        ]
        for statement in ast.parse("\n".join(lines)).body:
            if isinstance(statement, ast.Import | ast.ImportFrom):
                for alias in statement.names:
                    imports[alias.asname or alias.name] = statement
    return _Library(dict(assignment.files), imports)
