"""Grade one submission: the unit of work, a pure function of bytes and limits.

The cells run from top to bottom in one sandbox, as they would in JupyterLab, and the tests after
them. What kills the sandbox costs only the cell in which it happens: a new one starts and the
earlier cells are replayed. An exercise that fails gets a second chance in a sandbox where nothing
but its own answer has run, so that neither a mistake nor an attack in one answer can spoil another
one.
"""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import functools
import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from nbformat import NotebookNode
from nbformat.v4 import new_output

from autograder.assignment import Assignment, Role, function_names, grade_id, role
from autograder.grading.examiner import Verdict, examine
from autograder.grading.inert import is_inert
from autograder.limits import Limits
from autograder.sandbox.process import ProcessDied, StudentProcess
from autograder.submission.notebook import Unreadable, read_submission, rebuild
from autograder.text import readable
from lesson.rules import Finding, check_cells


@dataclass(frozen=True)
class Graded:
    """What grading found out about one submission.

    Attributes
    ----------
    notebook : NotebookNode
        The executed notebook. It holds no hidden tests, and of the student's display outputs only
        text and PNG images. ``metadata.autograder`` of its test cells holds the verdict.
    verdicts : dict of str to Verdict
        The verdict on each test cell, by grade id.
    repairs : list of str
        What had to be put right before the notebook could run.
    findings : list of Finding
        Where the submission breaks the five rules. `SaveVerdicts.points_per_finding` says whether
        they cost points.
    unreadable : str
        Why nothing could be graded; empty for a submission that was.
    seconds : dict of str to float
        Wall-clock time by activity: intake, start, cells, tests.
    """

    notebook: NotebookNode
    verdicts: dict[str, Verdict]
    repairs: list[str] = field(default_factory=list)
    unreadable: str = ""
    findings: list[Finding] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)


def grade_submission(
    submission: bytes,
    assignment: Assignment,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    *,
    full: bool = False,
    sandboxed: bool = True,
    hidden: tuple[str, ...] = (),
) -> Graded:
    """Grade the notebook `submission`.

    Parameters
    ----------
    submission : bytes
        The submitted notebook as it was handed in, not trusted in any way.
    assignment : Assignment
    limits : Limits
    full : bool
        Run the cells tagged ``demonstration`` as well.
    sandboxed : bool
        False runs student code without bubblewrap: for people who trust their class.
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
        submitted = read_submission(submission)
    except Unreadable as reason:
        return unreadable(assignment, str(reason), submission)
    rebuilt = rebuild(assignment, submitted)
    seconds = {"intake": time.monotonic() - started, "start": 0.0, "cells": 0.0, "tests": 0.0}
    start_process = functools.partial(
        StudentProcess, assignment.files, limits, sandboxed=sandboxed, hidden=hidden
    )
    run = _Run(rebuilt.notebook, assignment, limits, full, start_process, seconds)
    graded = Graded(
        rebuilt.notebook,
        run.grade(),
        repairs=rebuilt.repairs,
        findings=check_cells(submitted),
        seconds=seconds,
    )
    _annotate(graded, submission)
    _leave_long_code_plain(rebuilt.notebook)
    return graded


def unreadable(assignment: Assignment, reason: str, submission: bytes = b"") -> Graded:
    """Grade what cannot be read: no points, and the reason in each test cell."""
    reason = readable(reason)  # it may quote the name of a file
    notebook = rebuild(assignment, NotebookNode(cells=[], metadata=NotebookNode())).notebook
    verdicts = {}
    for cell in notebook.cells:
        if _role(cell) is Role.TEST:
            verdict = Verdict(False, f"The submission could not be read: {reason}", "unreadable")
            verdicts[grade_id(cell)] = verdict
            _show(cell, verdict)
    graded = Graded(notebook, verdicts, unreadable=reason)
    _annotate(graded, submission)
    return graded


def digest(submission: bytes) -> str:
    """What tells one submission from another; the executed notebook holds it in its metadata."""
    return hashlib.sha256(submission).hexdigest()


def _annotate(graded: Graded, submission: bytes) -> None:
    """Write into the notebook what is to be known about it as a whole."""
    graded.notebook.metadata.autograder = NotebookNode(
        unreadable=graded.unreadable,
        repairs=graded.repairs,
        findings=[str(finding) for finding in graded.findings],
        submission=digest(submission),
    )


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
    start_process: Callable[[], StudentProcess]
    seconds: dict[str, float]

    def grade(self) -> dict[str, Verdict]:
        code = [cell for cell in self.notebook.cells if cell.cell_type == "code"]
        skipped = [] if self.full else [cell for cell in code if _role(cell) in _SKIPPED]
        verdicts = self._grade(code, skipped)
        all_passed = all(verdict.passed for verdict in verdicts.values())
        if not all_passed and sum(self.seconds.values()) < self.limits.cell_seconds:
            needed = _cells_that_use(_unknown_names(code, verdicts), skipped)
            if needed:  # an answer may use the dataset, say
                again = self._grade(code, _without(needed, skipped))
                # These cells may also do harm: what has passed without them has passed.
                verdicts = {t: v if v.passed else again[t] for t, v in verdicts.items()}
        for test in code:
            if _role(test) is Role.TEST:
                _show(test, verdicts[grade_id(test)])
        return verdicts

    def _grade(self, code: list[NotebookNode], skipped: list[NotebookNode]) -> dict[str, Verdict]:
        ran = [cell for cell in _without(skipped, code) if _role(cell) is not Role.TEST]
        verdicts = {}
        with self._session(self.limits.total_seconds) as session:
            bytes_left = self.limits.notebook_bytes
            for cell in ran:
                cell.outputs = session.run(cell)
                bytes_left -= len(json.dumps(cell.outputs))
                if bytes_left < 0:
                    cell.outputs = [_left_out(self.limits.notebook_bytes)]
            # The tests come last, so that no cell can show with what the hidden ones have called
            # its function.
            for position, test in enumerate(code):
                if _role(test) is Role.TEST:
                    verdict = session.examine(grade_id(test))
                    if not verdict.passed:
                        before = _without(code[position:], ran)
                        verdict = self._second_chance(test, ran, before, verdict)
                    verdicts[grade_id(test)] = verdict
        return verdicts

    def _session(self, total_seconds: float) -> _Session:
        return _Session(
            self.assignment, self.limits, self.start_process, total_seconds, self.seconds
        )

    def _second_chance(
        self,
        test: NotebookNode,
        ran: list[NotebookNode],
        before: list[NotebookNode],
        verdict: Verdict,
    ) -> Verdict:
        """Test an exercise again without cells that may be to blame.

        The first time only our cells and its own answer run, then those `before` the test, as they
        do in JupyterLab, then these without the other answers.
        """
        own = answers_tested_by(self.assignment, grade_id(test))
        others = [cell for cell in ran if _role(cell) is Role.ANSWER and grade_id(cell) not in own]
        extra = [cell for cell in ran if _role(cell) not in (Role.ANSWER, Role.OURS)]
        tried = [ran]
        for cells in (_without(others + extra, ran), before, _without(others, before)):
            # The first message comes from the notebook as the student knows it: unless the sandbox
            # failed there, it explains better, for instance where a helper stands in another cell.
            sandbox_failed = verdict.code in (_DIED, _TIME_OUT)
            left_out = _without(cells, ran)
            if cells in tried or (not sandbox_failed and all(map(self._is_inert, left_out))):
                continue
            tried.append(cells)
            with self._session(self.limits.cell_seconds + self.limits.call_seconds) as session:
                for cell in cells:
                    session.run(cell)
                second = session.examine(grade_id(test))
            if second.passed or sandbox_failed:
                verdict = second
            if second.passed or second.code in (_DIED, _TIME_OUT):
                break
        return verdict

    def _is_inert(self, cell: NotebookNode) -> bool:
        ours = {grade_id(one): one for one in self.assignment.cells}.get(grade_id(cell))
        return is_inert(cell.source, function_names(ours) if ours else ())


_SKIPPED = (Role.DEMONSTRATION, Role.PLAYGROUND)


def _without(left_out: list[NotebookNode], cells: list[NotebookNode]) -> list[NotebookNode]:
    """The other cells. Two cells may be equal, so they are told apart by identity."""
    left = {id(cell) for cell in left_out}
    return [cell for cell in cells if id(cell) not in left]


def _unknown_names(code: list[NotebookNode], verdicts: dict[str, Verdict]) -> set[str]:
    """Names of which Python said that they are not defined, in a cell or in a test."""
    said = [verdict.message for verdict in verdicts.values()]
    said += [out.evalue for cell in code for out in cell.outputs if out.output_type == "error"]
    return {name for text in said for name in re.findall(r"name '(\w+)' is not defined", text)}


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


_DIED = "process-died"
_TIME_OUT = "time-used-up"
_CELL_FAILED = "cell-failed"


class _Session:
    """A student's process that starts again where it was after it has died."""

    def __init__(
        self,
        assignment: Assignment,
        limits: Limits,
        start_process: Callable[[], StudentProcess],
        total_seconds: float,
        seconds: dict[str, float],
    ) -> None:
        self._assignment = assignment
        self._limits = limits
        self._start_process = start_process
        self._deadline = time.monotonic() + total_seconds
        self._seconds = seconds
        self._process: StudentProcess | None = None
        self._completed: list[NotebookNode] = []  # what a new process has to run first
        self._failures: dict[str, str] = {}  # grade id of an answer: how its cell failed

    def __enter__(self) -> _Session:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stop()

    def run(self, cell: NotebookNode) -> list[NotebookNode]:
        """Run a cell and return its outputs; never raises on account of the student."""
        try:
            process = self._start()
            with self._clock("cells"):
                result = process.run_cell(cell.source, self._time_for(self._limits.cell_seconds))
        except ProcessDied as death:
            self._stop()
            outputs = [_error("Stopped", str(death))]
            self._failures[grade_id(cell)] = _how_it_failed(outputs)
        else:
            self._completed.append(cell)
            outputs = [NotebookNode(output) for output in result.outputs]
            if result.failed:
                self._failures[grade_id(cell)] = _how_it_failed(outputs)
        return outputs

    def examine(self, test: str) -> Verdict:
        """Run one of our test cells."""
        try:
            process = self._start()
            with self._clock("tests"):
                missing = self._why_missing(test, process)
                return missing or examine(
                    self._assignment,
                    test,
                    process,
                    lambda: self._time_for(self._limits.call_seconds),
                )
        except ProcessDied as death:
            self._stop()
            code = _TIME_OUT if isinstance(death, _TimeUsedUp) else _DIED
            return Verdict(False, f"While the tests ran: {death}.", code)

    def _why_missing(self, test: str, process: StudentProcess) -> Verdict | None:
        for answer, functions in answers_tested_by(self._assignment, test).items():
            for name in functions:
                if answer in self._failures and not process.defines(name):
                    return Verdict(
                        False,
                        f"{name} cannot be tested, because its cell failed. "
                        f"{self._failures[answer]}",
                        _CELL_FAILED,
                    )
        return None

    def _start(self) -> StudentProcess:
        """The running process, or a new one in which the completed cells have run again."""
        while self._process is None:
            self._time_for(0)
            with self._clock("start"):
                self._process = self._start_process()
            replay, self._completed = self._completed, []
            for cell in replay:
                try:
                    self._process.run_cell(cell.source, self._time_for(self._limits.cell_seconds))
                except ProcessDied:  # it ran the first time, but not again: do without it
                    replay.remove(cell)
                    self._completed = replay
                    self._stop()
                    break
                self._completed.append(cell)
        return self._process

    def _stop(self) -> None:
        if self._process is not None:
            self._process.close()
            self._process = None

    def _time_for(self, limit: float) -> float:
        remaining = self._deadline - time.monotonic()
        if remaining <= 0:
            raise _TimeUsedUp("the time for this submission was used up by earlier cells")
        return min(limit, remaining)

    @contextlib.contextmanager
    def _clock(self, activity: str) -> Iterator[None]:
        started = time.monotonic()
        try:
            yield
        finally:
            self._seconds[activity] += time.monotonic() - started


class _TimeUsedUp(ProcessDied):
    """No time is left for this submission; its process is as good as dead."""


@functools.lru_cache(maxsize=64)
def answers_tested_by(assignment: Assignment, test: str) -> dict[str, list[str]]:
    """Grade ids of the answers whose functions a test cell names, and those functions."""
    tree = ast.parse(assignment.test_source(test))
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    answers = {}
    for cell in assignment.cells:
        if role(cell) is Role.ANSWER and (functions := used.intersection(function_names(cell))):
            answers[grade_id(cell)] = sorted(functions)
    return answers


def _role(cell: NotebookNode) -> Role:
    return Role(cell.metadata.autograder.role)


def _show(cell: NotebookNode, verdict: Verdict) -> None:
    """Write the verdict into a test cell: nbgrader scores a cell by its outputs."""
    cell.metadata.autograder.update(dataclasses.asdict(verdict))
    if verdict.passed:
        cell.outputs = [new_output("stream", name="stdout", text=verdict.message + "\n")]
    else:
        cell.outputs = [_error("WrongAnswer", verdict.message)]


def _how_it_failed(outputs: list[NotebookNode]) -> str:
    """In one line: the error, or what IPython wrote on stderr, as it does of a wrong magic."""
    for output in reversed(outputs):
        if output.output_type == "error":
            return readable(f"{output.ename}: {output.evalue}")
        if output.output_type == "stream" and output.name == "stderr" and output.text.strip():
            return readable(output.text.strip().splitlines()[-1])
    return "It gave no reason."


def _left_out(size: int) -> NotebookNode:
    note = f"... left out: the outputs of this notebook have more than {size} bytes ...\n"
    return new_output("stream", name="stderr", text=note)


def _error(name: str, message: str) -> NotebookNode:
    return new_output("error", ename=name, evalue=message, traceback=[message])
