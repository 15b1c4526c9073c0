"""Run our test cells in a child of the grader, against functions that live in the sandbox.

A test cell is our own source. In its namespace each graded function is a proxy: calling it asks
the student's process and gives plain data back, so that nothing a student defines is ever
executed, evaluated or unpickled here. What a test does with that data has limits of its own: it
runs in a fork, which nothing outlives but the verdicts, as data. So no test can hold up the grader,
and no module remembers one student when it meets the next.
"""

import ast
import builtins
import contextlib
import ctypes
import dataclasses
import difflib
import functools
import importlib
import io
import json
import multiprocessing
import os
import re
import signal
import sys
import time
import traceback
import warnings
import weakref
import zipfile
import zipimport
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from autograder.assignment import (
    Assignment,
    Role,
    answers_tested_by,
    defined_names,
    grade_id,
    role,
    syntax_tree,
)
from autograder.facts import Verdict
from autograder.language import WORDS
from autograder.sandbox.process import ProcessDied, StudentError, StudentProcess, TimedOut
from autograder.sandbox.sandbox import SandboxLost
from autograder.text import readable

DIED, TIME_OUT = "process-died", "time-used-up"
_VERDICTS = {name: Verdict(False, **said) for name, said in WORDS["verdicts"].items()}
HIDDEN_FAILED = _VERDICTS["hidden-failed"]
_WALL_FACTOR = 3  # time of the clock for a test, in terms of its processor time
_GRACE_SECONDS = 1  # after the deadline, for a child to say so itself
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


class TimeUsedUp(ProcessDied):
    """No time is left for this submission; its process is as good as dead."""


@dataclasses.dataclass(eq=False)
class Examiner:
    """Tests the functions of one student's process."""

    _assignment: Assignment
    _student: StudentProcess
    _time_for: Callable[[float], float]
    _failures: Mapping[str, str]
    _sources: Sequence[str]
    _undefined: set[str] = dataclasses.field(default_factory=set)
    _functions: set[str] = dataclasses.field(default_factory=set)  # of the student

    def examine(self, tests: Sequence[str], deadline: float) -> Iterator[tuple[Verdict, list[str]]]:
        """Run test cells, hidden tests included; the process cannot be asked afterwards."""
        _PublicModules(self._assignment)
        receiver, sender = multiprocessing.Pipe(duplex=False)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads
            child = os.fork()
        if child == 0:
            self._be_the_child(tests, sender)
        sender.close()
        try:
            for _ in tests:
                if not receiver.poll(max(0, deadline + _GRACE_SECONDS - time.monotonic())):
                    yield on_death(TimeUsedUp("the time for this submission was used up")), []
                    return
                answer = json.loads(receiver.recv_bytes())
                if "lost" in answer:
                    raise SandboxLost(answer["lost"])
                if "failed" in answer:
                    raise RuntimeError(answer["failed"])
                yield Verdict(**answer["verdict"]), answer["undefined"]
                if answer["over"]:
                    return
        except EOFError:
            yield _VERDICTS["too-long"], []
        finally:
            receiver.close()
            os.kill(child, signal.SIGKILL)  # it is not waited for yet, so the number is its own
            os.waitpid(child, 0)

    def _be_the_child(self, tests: Sequence[str], sender: Any) -> None:
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            for answer in self._answers(tests):
                sender.send_bytes(json.dumps(answer).encode())
        except SandboxLost as error:
            sender.send_bytes(json.dumps({"lost": str(error)}).encode())
        except BaseException:
            sender.send_bytes(json.dumps({"failed": traceback.format_exc()}).encode())
        finally:
            os._exit(0)

    def _answers(self, tests: Sequence[str]) -> Iterator[dict]:
        """What the child says of each test."""
        public = _PublicModules(self._assignment)
        _take_modules(self._assignment)
        sys.modules.update(public.loaded)
        sys.path.insert(0, public.path)
        import resource  # not at the top: `modes` reads tests on Windows, too

        def limit(kind: int, most: int) -> None:
            hard = resource.getrlimit(kind)[1]
            soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(kind, (soft, hard))

        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        limit(resource.RLIMIT_AS, size + self._student.limits.memory_bytes)
        seconds = self._student.limits.call_seconds
        proxies = None
        for test in tests:
            limit(resource.RLIMIT_CPU, int(time.process_time() + seconds) + 1)
            try:
                if proxies is None:
                    self._functions = self._student.functions(self._time_for(seconds))
                    names = self._functions.intersection(self._assignment.graded_functions())
                    proxies = {name: self._proxy(name) for name in names}
                verdict = self._why_missing(test)
                if verdict is None:
                    signal.setitimer(signal.ITIMER_REAL, _WALL_FACTOR * seconds)
                    verdict = self._run(test, proxies)
                over = verdict is _VERDICTS["too-large"]  # maybe amid an answer
            except ProcessDied as death:
                verdict, over = on_death(death), True
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
            undefined = sorted(self._undefined - {""})
            yield {"verdict": dataclasses.asdict(verdict), "undefined": undefined, "over": over}
            if over:
                return

    def _why_missing(self, test: str) -> Verdict | None:
        for answer, functions in answers_tested_by(self._assignment, test).items():
            for name in functions:
                if answer in self._failures and name not in self._functions:
                    return _VERDICTS["cell-failed"].about(self._failures[answer], name=name)
        return None

    def _proxy(self, name: str) -> Callable[..., Any]:
        seeds: list[int] = []

        def call(*arguments: Any, **keywords: Any) -> Any:
            if self._lost:  # the tests explain exceptions, but must not explain this
                raise self._lost
            wall_left, _ = signal.setitimer(signal.ITIMER_REAL, 0)  # the student's is another limit
            try:
                seconds = self._time_for(self._student.limits.call_seconds)
                seed = seeds[-1] if seeds else None
                seeds.clear()
                value = self._student.call(name, list(arguments), seconds, keywords, seed)
            except StudentError as error:
                self._undefined.add(error.undefined)
                kind = _BUILTIN_ERRORS.get(error.type_name, StudentError)
                raise kind(**vars(error)) from error
            except (ProcessDied, SandboxLost) as failure:
                self._lost = failure
                raise
            finally:
                signal.setitimer(signal.ITIMER_REAL, wall_left)
            if sys.stdout is not self._printed:  # the test catches what is printed
                sys.stdout.write(self._student.printed)
            return value

        call.__name__ = call.__qualname__ = name
        found = (one for one in self._sources[::-1] if re.search(rf"^def +{name}\b", one, re.M))
        call.__source__ = next(found, "")
        call.__seed__ = seeds.append  # where the student's generators start for the next call
        return call

    def _run(self, test: str, proxies: Mapping[str, Callable]) -> Verdict:
        self._lost: Exception | None = None
        self._printed = io.StringIO()
        try:
            given, code = _compiled(self._assignment, test)
            namespace: dict[str, Any] = {"__name__": "__main__"}
            exec(given, namespace)
            namespace |= proxies
            with (
                contextlib.redirect_stdout(self._printed),
                contextlib.redirect_stderr(io.StringIO()),
            ):
                exec(code, namespace)
        except MemoryError:
            verdict = _VERDICTS["too-large"]
        except BaseException as error:
            verdict = self._failed(error, test)
        else:
            verdict = Verdict.from_text(True, "", readable(self._printed.getvalue()))
        if self._lost:
            raise self._lost
        return verdict

    def _failed(self, error: BaseException, test: str) -> Verdict:
        """What an exception of a test says, and where, if students can see the place."""
        if isinstance(error, NameError) and not isinstance(error, StudentError):
            self._undefined.add(error.name or "")
            if error.name in self._assignment.graded_functions():
                return self._no_function(error.name)
        parts = {name: getattr(error, name, None) for name in ("code", "message", "case", "hint")}
        if all(isinstance(part, str) for part in parts.values()):  # public_tests.WrongAnswer, say
            parts = {name: readable(part) for name, part in parts.items()}
            with contextlib.suppress(Exception):  # the words of another test may be anything
                braces = re.findall(r"\{[^{}]*\}", str([*error.words.values()]))
                fields = {one[1:-1]: readable(one.format(**error.fields)) for one in braces}
                parts |= {"words": error.words, "fields": fields}
            return Verdict(False, **parts)
        place = ""
        code = f"raises-{type(error).__name__}"
        lines = self._assignment.test_source(test).splitlines()
        frames = traceback.extract_tb(error.__traceback__)
        places = [lines[one.lineno - 1].strip() for one in frames if one.filename == f"<{test}>"]
        (released,) = [c for c in self._assignment.released_cells() if grade_id(c) == test]
        if places and places[0] in map(str.strip, released.source.splitlines()):
            place = f"in the line: {places[0]}"
        elif places and not str(error):
            return HIDDEN_FAILED
        return Verdict.from_text(False, code, readable(str(error) or type(error).__name__), place)

    def _no_function(self, name: str) -> Verdict:
        ours = (cell for cell in self._assignment.cells if cell.cell_type == "code")
        theirs = self._functions.difference(*map(defined_names, ours))
        plain = {one.replace("_", "").lower(): one for one in theirs if one.isidentifier()}
        near = difflib.get_close_matches(name.replace("_", "").lower(), plain, n=1, cutoff=0.75)
        if near:
            return _VERDICTS["other-name"].about(name=name, found=plain[near[0]])
        return _VERDICTS["no-function"].about(name=name)


def on_death(death: ProcessDied) -> Verdict:
    """What the loss of the student's process means for the test that met it."""
    code = TIME_OUT if isinstance(death, TimeUsedUp) else DIED
    hint = _VERDICTS["ended"].hint if isinstance(death, TimedOut) else ""
    return dataclasses.replace(_VERDICTS["ended"], code=code, hint=hint).about(reason=str(death))


_BUILTIN_ERRORS = {  # what ``except ValueError`` catches if a ValueError was raised there
    name: type(name, (StudentError, getattr(builtins, name)), {})
    for name in (
        "ArithmeticError AssertionError AttributeError IndexError KeyError LookupError NameError "
        "NotImplementedError OverflowError RecursionError RuntimeError TypeError ValueError "
        "ZeroDivisionError"
    ).split()
}


@functools.lru_cache(maxsize=64)  # a worker runs the same tests for many submissions
def _compiled(assignment: Assignment, test: str) -> tuple[CodeType, CodeType]:
    """The given imports, functions and constants that a test cell uses, and the cell itself."""
    given = ast.Module(_given_statements(assignment, test), type_ignores=[])
    source = assignment.test_source(test)
    return compile(given, "<given cells>", "exec"), compile(source, f"<{test}>", "exec")


@functools.lru_cache(maxsize=4)
class _PublicModules:
    """The assignment's files and modules, loaded where no test runs: each fork has them as new."""

    def __init__(self, assignment: Assignment) -> None:
        archive = os.memfd_create("modules")
        weakref.finalize(self, os.close, archive)
        self.path = f"/proc/self/fd/{archive}"
        with zipfile.ZipFile(self.path, "w") as files:
            for folder in {str(one) for name in assignment.files for one in Path(name).parents}:
                files.writestr(f"{folder}/", b"")  # for packages without __init__.py
            for name, content in assignment.files.items():
                files.writestr(name, content)
        aside = _take_modules(assignment)
        sys.path_importer_cache.pop(self.path, None)
        # An earlier archive may have had the same number, and Python remembers its files.
        zipimport.zipimporter(self.path).invalidate_caches()
        sys.path.insert(0, self.path)
        for test in assignment.points().keys() - assignment.inside:
            imported = imported_modules(whole_test(assignment, test))
            for name in of_assignment(assignment, imported):
                with contextlib.suppress(Exception, SystemExit):  # the test will say so
                    importlib.import_module(name)
        sys.path.remove(self.path)
        self.loaded = _take_modules(assignment)
        sys.modules.update(aside)  # a module of the grader may have the same name


def _take_modules(assignment: Assignment) -> dict[str, ModuleType]:
    """Remove the modules that have names of the assignment's from sight; return them."""
    return {name: sys.modules.pop(name) for name in of_assignment(assignment, [*sys.modules])}


def of_assignment(assignment: Assignment, modules: Iterable[str]) -> list[str]:
    """Those of the modules that are among the assignment's own files, by their names."""
    python = (path for path in assignment.files if path.endswith(".py"))
    own = {path.partition("/")[0].removesuffix(".py") for path in python}
    return [name for name in modules if name.partition(".")[0] in own]


def whole_test(assignment: Assignment, test: str) -> ast.Module:
    """A test cell, behind what it uses of given cells."""
    tree = syntax_tree(assignment.test_source(test))
    return ast.Module([*_given_statements(assignment, test), *tree.body], type_ignores=[])


def imported_modules(code: ast.Module, and_names: bool = False) -> Iterator[str]:
    """The modules that some code imports, anywhere in it, and names that may be modules."""
    for node in ast.walk(code):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            if and_names:
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _given_statements(assignment: Assignment, test: str) -> list[ast.stmt]:
    """Imports, functions and plain constants of given cells that a test uses, in their order."""
    given = _given(assignment)
    found: list[ast.stmt] = []
    waiting: list[ast.AST] = [syntax_tree(assignment.test_source(test))]
    while waiting:
        for node in ast.walk(waiting.pop()):
            statement = given.get(node.id) if isinstance(node, ast.Name) else None
            if statement is not None and statement not in found:
                found.append(statement)
                waiting.append(statement)
    return [statement for statement in dict.fromkeys(given.values()) if statement in found]


@functools.lru_cache(maxsize=4)  # a worker grades many submissions of the same assignment
def _given(assignment: Assignment) -> dict[str, ast.stmt]:
    """By the name to which they give a value."""
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
                    given.pop(name, None)
                    with contextlib.suppress(ValueError, TypeError, SyntaxError, RecursionError):
                        ast.literal_eval(statement.value)  # as data, so that it needs no other cell
                        given[name] = statement
    return given
