"""Run our test cells in the grader's process, against functions that live in the sandbox.

A test cell is our own source. In its namespace each graded function is a proxy: calling it asks
the student's process and gives plain data back, so that nothing a student defines is ever
executed, evaluated or unpickled here.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import importlib.abc
import importlib.machinery
import importlib.util
import io
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from types import CodeType, ModuleType
from typing import Any

from autograder.assignment import Assignment, Role, grade_id, role, syntax_tree
from autograder.facts import Verdict
from autograder.sandbox.process import StudentError, StudentProcess
from autograder.text import readable

HIDDEN_FAILED = Verdict(
    False, "hidden-test-failed", "The visible part of the test passes, the hidden part does not."
)


def examine(
    assignment: Assignment,
    test: str,
    student: StudentProcess,
    seconds: Callable[[], float],
    undefined: set[str],
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
    undefined : set of str
        Takes the names that student code uses without having given them a value.

    Returns
    -------
    Verdict

    Raises
    ------
    ProcessDied, SandboxLost
        If the student's process is lost during a call.
    """
    failures: list[Exception] = []
    printed = io.StringIO()

    def proxy(name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **keywords: Any) -> Any:
            if failures:
                raise failures[0]
            try:
                value = student.call(name, list(arguments), seconds(), keywords)
            except StudentError as error:
                undefined.add(error.undefined)
                raise _as_builtin(error) from error
            except TypeError:  # an argument that is no plain data
                raise
            except Exception as failure:  # the process is lost, or the grader is at fault
                failures.append(failure)  # the tests explain exceptions, but must not explain this
                raise
            if sys.stdout is not printed:  # the test catches what is printed
                sys.stdout.write(student.printed)
            return value

        call.__name__ = call.__qualname__ = name
        return call

    proxies = {
        name: proxy(name)
        for name in assignment.graded_functions()
        if student.defines(name, seconds())
    }
    public_files = library(assignment)
    with public_files.at_hand():
        used, code = _compiled(assignment, test)
        namespace: dict[str, Any] = {"__name__": "__main__"}
        for statement in used:
            exec(statement, namespace)
        namespace |= proxies
        try:
            with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
                exec(code, namespace)
        except NameError as error:
            name = error.name
            undefined.add(name or "")
            if name in assignment.graded_functions():
                message = f"There is no function {name}."
                hint = "Was it renamed or deleted?"
                verdict = Verdict(False, "wrong-name", message, hint=hint)
            else:
                verdict = _failed(error, assignment, test)
        except Exception as error:
            verdict = _failed(error, assignment, test)
        else:
            verdict = Verdict.from_text(True, "", readable(printed.getvalue()))
    if failures:
        raise failures[0]
    return verdict


@functools.lru_cache(maxsize=64)  # a worker runs the same tests for many submissions
def _compiled(assignment: Assignment, test: str) -> tuple[list[CodeType], CodeType]:
    """The given imports, functions and constants that a test cell uses, and the cell itself."""
    source = assignment.test_source(test)
    used = [
        compile(ast.Module([statement], type_ignores=[]), "<given cells>", "exec")
        for statement in library(assignment).used_by(syntax_tree(source))
    ]
    return used, compile(source, f"<{test}>", "exec")


def _failed(error: Exception, assignment: Assignment, test: str) -> Verdict:
    """What an exception of a test says, and where, if students can see the place."""
    parts = {name: getattr(error, name, None) for name in ("code", "message", "case", "hint")}
    if all(isinstance(part, str) for part in parts.values()):  # public_tests.WrongAnswer, say
        return Verdict(False, **{name: readable(part) for name, part in parts.items()})
    name = type(error).__name__
    if type(error) in _BUILTIN_ERRORS.values():
        name = error.type_name
    place = ""
    lines = assignment.test_source(test).splitlines()
    places = [lines[number - 1].strip() for number in _lines_in(f"<{test}>", error)]
    (released,) = [c for c in assignment.released_cells() if grade_id(c) == test]
    if places and places[0] in map(str.strip, released.source.splitlines()):
        place = f"in the line: {places[0]}"
    elif places and not str(error):
        return HIDDEN_FAILED
    return Verdict.from_text(False, f"raises-{name}", readable(str(error) or name), place)


def _lines_in(file: str, error: Exception) -> list[int]:
    return [
        place.lineno
        for place in traceback.extract_tb(error.__traceback__)
        if place.filename == file
    ]


_BUILTIN_ERRORS = {
    kind.__name__: type("StudentError", (StudentError, kind), {})
    for kind in (
        *(ArithmeticError, AssertionError, AttributeError, IndexError, KeyError, LookupError),
        *(NameError, NotImplementedError, OverflowError, RecursionError, RuntimeError, TypeError),
        *(ValueError, ZeroDivisionError),
    )
}


def _as_builtin(error: StudentError) -> StudentError:
    """The error as one that ``except ValueError`` catches, if ValueError is what it was."""
    kind = _BUILTIN_ERRORS.get(error.type_name, StudentError)
    return kind(error.type_name, error.message, error.frames, error.undefined)


class Library:
    """The names that test cells may import: the assignment's public files, as real modules.

    They are in ``sys.modules`` only while `at_hand` is entered, so that assignments with modules of
    the same name, or of the name of one of the grader's own, never meet.
    """

    def __init__(self, files: Mapping[str, bytes], given: Mapping[str, ast.stmt]) -> None:
        self._finder = _Finder(files)
        self.given = given
        self._modules: dict[str, ModuleType] = {}

    @contextlib.contextmanager
    def at_hand(self) -> Iterator[None]:
        """Let imports find the public files first."""
        aside = self._take_out_of_sight()
        sys.modules.update(self._modules)
        sys.meta_path.insert(0, self._finder)
        try:
            yield
        finally:
            sys.meta_path.remove(self._finder)
            self._modules = self._take_out_of_sight()
            sys.modules.update(aside)

    def _take_out_of_sight(self) -> dict[str, ModuleType]:
        """Remove the modules that could be of the public files from sight; return them."""
        if not any(name in sys.modules for name in self._finder.top_level):
            return {}
        names = [name for name in sys.modules if name.partition(".")[0] in self._finder.top_level]
        return {name: sys.modules.pop(name) for name in names}

    def used_by(self, tree: ast.AST) -> list[ast.stmt]:
        """Given statements that code uses, and those that these use, in the notebook's order."""
        found: set[int] = set()
        waiting = [tree]
        while waiting:
            for node in ast.walk(waiting.pop()):
                statement = self.given.get(node.id) if isinstance(node, ast.Name) else None
                if statement is not None and id(statement) not in found:
                    found.add(id(statement))
                    waiting.append(statement)
        in_order = {id(statement): statement for statement in self.given.values()}
        return [statement for key, statement in in_order.items() if key in found]


class _Finder(importlib.abc.MetaPathFinder):
    """Finds modules and packages among files in memory."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files
        self._sources = {
            path.removesuffix(".py").removesuffix("/__init__").replace("/", "."): path
            for path in files
            if path.endswith(".py")
        }
        self.top_level = {name.partition(".")[0] for name in self._sources}

    def find_spec(self, name: str, path: object = None, target: object = None) -> object:
        if name in self._sources:
            loader = _Loader(self._sources[name], self._files)
            return importlib.util.spec_from_loader(name, loader)
        if any(module.startswith(f"{name}.") for module in self._sources):  # without __init__.py
            return importlib.machinery.ModuleSpec(name, None, is_package=True)
        return None


class _Loader(importlib.abc.ExecutionLoader):
    def __init__(self, path: str, files: Mapping[str, bytes]) -> None:
        self._path = path
        self._files = files

    def get_filename(self, name: str) -> str:
        return f"<{self._path} of the assignment>"

    def get_source(self, name: str) -> str:
        return importlib.util.decode_source(self._files[self._path])

    def get_data(self, path: str) -> bytes:
        """A file beside a module, where `pkgutil.get_data` expects it."""
        return self._files[path.removeprefix("<")]

    def is_package(self, name: str) -> bool:
        return self._path.endswith("__init__.py")


@functools.lru_cache(maxsize=4)  # a worker grades many submissions of the same assignment
def library(assignment: Assignment) -> Library:
    """The public files, and imports, functions and plain constants of the given cells."""
    given: dict[str, ast.stmt] = {}
    for cell in assignment.cells:
        if cell.cell_type != "code" or role(cell) is not Role.GIVEN:
            continue
        for statement in syntax_tree(cell.source).body:
            match statement:
                case ast.Import(names=names) | ast.ImportFrom(names=names):
                    # "import a.b" gives the name a.
                    given |= {(a.asname or a.name).partition(".")[0]: statement for a in names}
                case ast.FunctionDef(name=name, decorator_list=[]):
                    given[name] = statement
                case ast.Assign(targets=[ast.Name(id=name)]):
                    if _is_plain(statement.value):
                        given[name] = statement
                    else:
                        given.pop(name, None)
    return Library(assignment.files, given)


def _is_plain(value: ast.expr) -> bool:
    """Whether an expression is written as data, so that it needs no other cell."""
    try:
        ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True
