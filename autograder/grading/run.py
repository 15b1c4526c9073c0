"""Grade one submission: the unit of work, a pure function of bytes and limits.

The cells run from top to bottom in one sandbox, as they would in JupyterLab, and the tests after
them. What kills the sandbox costs only the cell in which it happens: a new one starts and the
earlier cells are replayed. An exercise that fails gets a second chance: it is tested again with
fewer cells, see `_views`, so that neither a mistake nor an attack in one answer can spoil another.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from nbformat import NotebookNode
from nbformat.v4 import new_output

from autograder.assignment import (
    Assignment,
    Role,
    answers_tested_by,
    function_names,
    grade_id,
)
from autograder.facts import Facts, Verdict
from autograder.grading.inside import grade_inside, judge_saved
from autograder.grading.reader import are_idle, are_inert, check_rules
from autograder.grading.session import DIED, TIME_OUT, Session, error_output
from autograder.limits import Limits
from autograder.sandbox.process import StudentProcess
from autograder.sandbox.protocol import pixels
from autograder.sandbox.sandbox import SandboxLost
from autograder.submission.notebook import Unreadable, read_submission
from autograder.submission.rebuild import rebuild
from autograder.text import readable


@dataclass(frozen=True)
class Graded:
    """What grading found out about one submission.

    Attributes
    ----------
    notebook : NotebookNode
        The executed notebook. It holds no hidden tests, and of the student's display outputs only
        text and PNG images. The facts stand in its metadata, too.
    facts : Facts
    seconds : dict of str to float
        Wall-clock time by activity: intake, start, cells, tests.
    """

    notebook: NotebookNode
    facts: Facts
    seconds: dict[str, float] = field(default_factory=dict)


def grade_submission(
    submission: bytes,
    assignment: Assignment,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    *,
    handed_in: Mapping[str, bytes] = MappingProxyType({}),
    full: bool = False,
    execute: bool = True,
    hidden: tuple[str, ...] = (),
) -> Graded:
    """Grade the notebook `submission`.

    Parameters
    ----------
    submission : bytes
        The submitted notebook as it was handed in, not trusted in any way.
    assignment : Assignment
    limits : Limits
    handed_in : mapping of str to bytes
        Files that the student handed in beside the notebook, by path.
    full : bool
        Run the cells tagged ``demonstration`` as well.
    execute : bool
        False runs nothing and judges, as nbgrader does, the outputs that the student saved.
    hidden : tuple of str
        Folders that the sandbox must not show even if they lie inside the Python environment,
        such as the course.

    Returns
    -------
    Graded
        Also for a submission that cannot be read.

    Raises
    ------
    AssignmentError
        If the assignment itself cannot be used.
    SandboxUnavailable
        If this machine cannot make the sandbox.
    """
    started = time.monotonic()
    try:
        submitted = read_submission(submission, keep_outputs=not execute)
    except Unreadable as reason:
        return without_points(assignment, str(reason), submission, handed_in)
    rebuilt = rebuild(assignment, submitted)
    seconds = {"intake": time.monotonic() - started, "start": 0.0, "cells": 0.0, "tests": 0.0}
    if execute:
        deadline = started + limits.total_seconds
        run = _Run.of(
            rebuilt.notebook,
            assignment,
            handed_in,
            limits,
            full,
            hidden,
            seconds,
            deadline,
        )
        verdicts = run.grade()
    else:
        verdicts = judge_saved(rebuilt.notebook.cells, assignment)
        code = [cell for cell in rebuilt.notebook.cells if cell.cell_type == "code"]
        _keep_outputs(code, [cell.outputs for cell in code], limits)
    facts = Facts(
        repairs=rebuilt.repairs,
        violations=check_rules(assignment, submitted),
        submission=digest(submission, handed_in),
        verdicts=verdicts,
    )
    return _finished(rebuilt.notebook, assignment, facts, seconds, keep_outputs=not execute)


def first_verdicts(
    submission: bytes, assignment: Assignment, limits: Limits, hidden: tuple
) -> dict[str, Verdict]:
    """What the tests say of one of the instructor's own notebooks, without second chances."""
    notebook = rebuild(assignment, read_submission(submission)).notebook
    seconds = dict.fromkeys(("start", "cells", "tests"), 0.0)
    deadline = time.monotonic() + limits.total_seconds
    run = _Run.of(notebook, assignment, {}, limits, False, hidden, seconds, deadline)
    return run.grade(second_chance=False)


def without_points(
    assignment: Assignment,
    reason: str,
    submission: bytes = b"",
    handed_in: Mapping[str, bytes] = MappingProxyType({}),
) -> Graded:
    """Grade what cannot be read: no points, and the reason in each test cell."""
    reason = readable(reason)  # it may quote the name of a file
    empty = NotebookNode(cells=[], metadata=NotebookNode())
    verdict = Verdict(False, "unreadable", "The submission could not be read.", reason)
    facts = Facts(
        failure=reason,
        submission=digest(submission, handed_in),
        verdicts=dict.fromkeys(assignment.points(), verdict),
    )
    return _finished(rebuild(assignment, empty).notebook, assignment, facts, {})


def digest(submission: bytes, handed_in: Mapping[str, bytes] = MappingProxyType({})) -> str:
    """What tells one submission from another; the executed notebook holds it in its metadata."""
    found = hashlib.sha256(submission)
    for path, content in sorted(handed_in.items()):
        found.update(f"\n{path}\n{len(content)}\n".encode() + content)
    return found.hexdigest()


def _finished(
    notebook: NotebookNode,
    assignment: Assignment,
    facts: Facts,
    seconds: dict[str, float],
    keep_outputs: bool = False,
) -> Graded:
    """Write into the notebook what nbgrader, Formgrader and our pages need to know."""
    facts.store(notebook)
    tests_of: dict[str, list[str]] = {}
    for test, verdict in facts.verdicts.items():
        for answer in answers_tested_by(assignment, test):
            tests_of.setdefault(answer, []).append(test)
        for cell in notebook.cells:
            if grade_id(cell) != test:
                continue
            cell.metadata.autograder.inside = test in assignment.inside
            if not keep_outputs:  # nbgrader scores a cell by its outputs
                said = str(verdict)
                cell.outputs = [new_output("stream", name="stdout", text=said + "\n")]
                if verdict.score is not None:  # nbgrader reads the number
                    data = {"text/plain": repr(verdict.score)}
                    cell.outputs.append(new_output("execute_result", data))
                elif not verdict.passed:
                    cell.outputs = [error_output("WrongAnswer", said)]
    for cell in notebook.cells:
        if _role(cell) is Role.ANSWER:
            cell.metadata.autograder.tests = tests_of.get(grade_id(cell), [])
    _leave_long_code_plain(notebook)
    return Graded(notebook, facts, seconds)


def _leave_long_code_plain(notebook: NotebookNode) -> None:
    """Tell nbconvert to show long cells without colors.

    Pygments takes minutes for 20,000 characters of some codes; it would hold up all pages.
    """
    notebook.metadata.language_info["pygments_lexer"] = "ipython3"  # only then cells have a say
    characters = 0
    for cell in notebook.cells:
        if cell.cell_type == "code":
            characters += len(cell.source)
            lines = cell.source.count("\n")
            if (
                len(cell.source) > _COLORED_CELL
                or lines > _COLORED_LINES
                or characters > _COLORED_NOTEBOOK
            ):
                cell.metadata.magics_language = "text"


_COLORED_CELL, _COLORED_NOTEBOOK = 3_000, 30_000  # characters
_COLORED_LINES = 300  # in a cell


@dataclass
class _Run:
    """One submission on its way through the sandbox."""

    notebook: NotebookNode
    assignment: Assignment
    limits: Limits
    full: bool
    start_process: Callable[..., StudentProcess]
    seconds: dict[str, float]
    deadline: float  # of time.monotonic()
    _found_inert: set[int] | None = None

    @classmethod
    def of(
        cls,
        notebook: NotebookNode,
        assignment: Assignment,
        handed_in: Mapping[str, bytes],
        limits: Limits,
        full: bool,
        hidden: tuple[str, ...],
        seconds: dict[str, float],
        deadline: float,
    ) -> _Run:
        start_process = functools.partial(
            StudentProcess,
            assignment.files_with(handed_in),
            limits,
            hidden=hidden,
            modules=assignment.modules,
            common=assignment.files_with({}),
        )
        return cls(notebook, assignment, limits, full, start_process, seconds, deadline)

    def grade(self, second_chance: bool = True) -> dict[str, Verdict]:
        for _ in range(_ATTEMPTS - 1):
            with contextlib.suppress(SandboxLost):
                return self._grade(second_chance)
        return self._grade(second_chance)

    def _grade(self, second_chance: bool) -> dict[str, Verdict]:
        code = [cell for cell in self.notebook.cells if cell.cell_type == "code"]
        skipped = [] if self.full else [cell for cell in code if _role(cell) in _SKIPPED]
        run = _without(skipped, code)
        tests = [cell for cell in code if _role(cell) is Role.TEST]
        outside = [cell for cell in tests if grade_id(cell) not in self.assignment.inside]
        verdicts = {}
        if outside or not tests:
            verdicts = self._grade_outside(outside, code, run, skipped, second_chance)
        if len(outside) < len(tests):
            outputs, inside = grade_inside(run, self.assignment, self._whole_session)
            _keep_outputs(run, outputs, self.limits)
            verdicts |= inside
        return {grade_id(test): verdicts[grade_id(test)] for test in tests}

    def _grade_outside(
        self,
        tests: list[NotebookNode],
        code: list[NotebookNode],
        run: list[NotebookNode],
        skipped: list[NotebookNode],
        second_chance: bool,
    ) -> dict[str, Verdict]:
        """Run the cells without any test, and ask their process."""
        ran = [cell for cell in run if _role(cell) is not Role.TEST]
        if len(tests) == sum(_role(cell) is Role.TEST for cell in code) and not self.full:
            idle = self._idle(ran)
            for cell in idle:
                cell.outputs = [new_output("stream", name="stdout", text=_NOT_RUN)]
            ran = _without(idle, ran)
            code = _without(idle, code)
        verdicts = {}
        with self._session(self.limits.first_pass_seconds) as session:
            _keep_outputs(ran, map(session.run, ran), self.limits)
            # The tests come last, so that no cell can print a hidden test's arguments.
            for test in tests:
                verdicts[grade_id(test)] = session.examine(grade_id(test))
        if not second_chance:
            return verdicts
        has_time = self.deadline - time.monotonic() > self.limits.total_seconds / 2
        missing = session.undefined - {""} if has_time else set()
        needed = _cells_that_use(missing, skipped)
        failed = [test for test in tests if not verdicts[grade_id(test)].passed]
        for position, test in enumerate(failed):
            name = grade_id(test)
            views = self._views(test, code, ran, needed)
            now = time.monotonic()
            until = now + (self.deadline - now) / (len(failed) - position)
            verdicts[name] = self._second_chance(name, views, ran, verdicts[name], until)
        return verdicts

    def _whole_session(self) -> Session:
        return self._session(self.limits.total_seconds)

    def _session(self, seconds: float) -> Session:
        """A session that has so many seconds, or what is left of the time for everything."""
        seconds = min(seconds, self.deadline - time.monotonic())
        return Session(self.assignment, self.limits, self.start_process, seconds, self.seconds)

    def _views(
        self,
        test: NotebookNode,
        code: list[NotebookNode],
        ran: list[NotebookNode],
        needed: list[NotebookNode],
    ) -> Iterator[list[NotebookNode]]:
        """The ways to look at a notebook in which an exercise may be right after all."""
        own = answers_tested_by(self.assignment, grade_id(test))
        others = [cell for cell in ran if _role(cell) is Role.ANSWER and grade_id(cell) not in own]
        extra = [cell for cell in ran if _role(cell) not in (Role.ANSWER, Role.GIVEN)]
        above = _without(code[code.index(test) :], ran)
        yield _without(others + extra, ran)  # the given cells and its own answer
        yield above  # as in JupyterLab
        yield _without(others, above)
        if needed:  # skipped cells that define a name which was missing: the dataset, say
            everything = _without(_without(ran + needed, code), code)
            yield everything
            yield _without(others + extra, everything)

    def _second_chance(
        self,
        test: str,
        views: Iterator[list[NotebookNode]],
        ran: list[NotebookNode],
        verdict: Verdict,
        until: float,
    ) -> Verdict:
        """Test an exercise again in other views, until it passes in one or its time is over.

        The first failure explains, unless the sandbox failed there, or a view is more complete: it
        comes from the notebook as the student knows it. A view is skipped when the omitted cells
        cannot matter.
        """
        tried = [ran]
        for cells in views:
            sandbox_failed = verdict.code in (DIED, TIME_OUT)
            fewer = not _without(ran, cells)
            inert = self._inert(ran) if fewer else set()
            cannot_matter = fewer and all(id(cell) in inert for cell in _without(cells, ran))
            if cells in tried or (cannot_matter and not sandbox_failed):
                continue
            tried.append(cells)
            left = until - time.monotonic()
            if left <= 0:
                break
            longest = self.limits.cell_seconds + self.limits.call_seconds
            with self._session(min(longest, left)) as session:
                for cell in cells:
                    session.run(cell)
                second = session.examine(test)
            complete = not fewer and not _without(cells, ran)
            if second.passed or sandbox_failed or complete:
                verdict = second
            if second.passed or second.code in (DIED, TIME_OUT):
                break
        return verdict

    def _idle(self, ran: list[NotebookNode]) -> list[NotebookNode]:
        """The student's own cells on which no test can depend."""
        if not any(_role(cell) is Role.STUDENT for cell in ran):
            return []
        kinds = {Role.GIVEN: "given", Role.STUDENT: "own"}
        cells = [(kinds.get(_role(cell), "answer"), cell.source) for cell in ran]
        found = are_idle(self.assignment, cells, list(self.assignment.graded_functions()))
        return [cell for cell, idle in zip(ran, found, strict=True) if idle]

    def _inert(self, ran: list[NotebookNode]) -> set[int]:
        """Those of the cells that have run (by identity) without a say in other exercises."""
        if self._found_inert is None:
            functions = {grade_id(one): _functions(one) for one in self.assignment.cells}
            questions = [(cell.source, functions.get(grade_id(cell), [])) for cell in ran]
            answers = are_inert(self.assignment, questions)
            self._found_inert = {
                id(cell) for cell, inert in zip(ran, answers, strict=True) if inert
            }
        return self._found_inert


def _keep_outputs(
    cells: list[NotebookNode], outputs: Iterable[list[NotebookNode]], limits: Limits
) -> None:
    """Give cells what they have shown, as far as the notebook has room for it."""
    bytes_left, pixels_left = limits.notebook_bytes, limits.notebook_pixels
    outputs_left = limits.notebook_outputs
    for cell, shown in zip(cells, outputs, strict=True):
        cell.outputs = shown
        for output in shown:
            if picture := output.get("data", {}).get("image/png"):
                size = _pixels(picture)
                if 0 < size <= pixels_left:
                    pixels_left -= size
                else:
                    del output.data["image/png"]
                    output.data["text/plain"] = _NO_PICTURE.format(limits.notebook_pixels)
        text = json.dumps(cell.outputs)
        bytes_left -= len(text)
        bytes_left -= _OUTPUT_BYTES * len(cell.outputs) + _LINE_BYTES * text.count("\\n")
        outputs_left -= len(cell.outputs)
        if bytes_left < 0:
            cell.outputs = [_left_out(f"have more than {limits.notebook_bytes} bytes")]
        elif outputs_left < 0:
            cell.outputs = [_left_out(f"are more than {limits.notebook_outputs}")]


def _pixels(picture: str) -> int:
    """Pixels of a picture in base64; 0 if it is none."""
    try:
        return pixels(base64.b64decode("".join(picture[:64].split())[:32], validate=True))
    except ValueError:
        return 0


def _functions(ours: NotebookNode) -> list[str]:
    try:
        return function_names(ours)
    except SyntaxError:  # it has a magic, such as %matplotlib
        return []


_ATTEMPTS = 3  # whoever ends a template, it is not the submission
_OUTPUT_BYTES, _LINE_BYTES = 200, 20  # what each costs in the files and pages made of it
_NO_PICTURE = "... picture left out: it is none, or this notebook's have more than {} pixels ..."
_NOT_RUN = "Not run: no test depends on this cell.\n"
_SKIPPED = (Role.DEMONSTRATION, Role.PLAYGROUND)


def _without(left_out: list[NotebookNode], cells: list[NotebookNode]) -> list[NotebookNode]:
    """The other cells. Two cells may be equal, so they are told apart by identity."""
    left = {id(cell) for cell in left_out}
    return [cell for cell in cells if id(cell) not in left]


def _cells_that_use(names: set[str], cells: list[NotebookNode]) -> list[NotebookNode]:
    """The cells up to those in which each of the names occurs first.

    Python has many ways to give a name a value, and an earlier cell may be needed for it.
    """
    needed = 0
    for position, cell in enumerate(cells, start=1):
        if found := names.intersection(re.findall(r"\w+", cell.source)):
            names = names - found
            needed = position
    return cells[:needed]


def _role(cell: NotebookNode) -> Role:
    return Role(cell.metadata.autograder.role)


def _left_out(reason: str) -> NotebookNode:
    note = f"... left out: the outputs of this notebook {reason} ...\n"
    return new_output("stream", name="stderr", text=note)
