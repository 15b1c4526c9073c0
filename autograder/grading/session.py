"""A student's process that starts again where it was after it has died."""

import re
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from nbformat import NotebookNode

from autograder.assignment import Assignment, grade_id
from autograder.facts import RuleViolation, Verdict
from autograder.grading.examiner import Examiner, TimeUsedUp, on_death
from autograder.grading.outputs import error_output
from autograder.grading.reading import SECONDS, TOO_MUCH, read, reader
from autograder.limits import Limits
from autograder.sandbox.process import START_SECONDS, CellResult, ProcessDied, StudentProcess
from autograder.sandbox.sandbox import Profile, SandboxUnavailable
from autograder.text import readable


@dataclass(frozen=True)
class Task:
    """What all sandboxes of one submission have in common."""

    assignment: Assignment
    limits: Limits
    deadline: float  # of time.monotonic()
    handed_in: Mapping[str, bytes] = field(default_factory=dict)
    hidden: tuple[str, ...] = ()

    @property
    def seconds_left(self) -> float:
        """The time that is left for this submission."""
        return self.deadline - time.monotonic()

    def start_process(self, seconds: float) -> StudentProcess:
        """A fresh sandbox."""
        ours = self.assignment
        files, rules = tuple(ours.files.items()), reader(ours)
        profile = Profile(ours.modules, ours.font_cache, self.hidden, files, rules, ours.network)
        return StudentProcess({**ours.files, **self.handed_in}, self.limits, profile, seconds)


class Session(AbstractContextManager):
    """A process that starts again, for some seconds or what is left of the time for everything."""

    def __init__(self, task: Task, seconds: float) -> None:
        self._task = task
        self._deadline = min(time.monotonic() + seconds, task.deadline)
        self._process: StudentProcess | None = None
        self._completed: list[NotebookNode] = []  # what a new process has to run first
        self._failures: dict[str, str] = {}  # grade id of an answer: how its cell failed
        self.undefined: set[str] = set()

    def read(self, submitted: NotebookNode) -> list[RuleViolation]:
        """Check the rules on what was handed in, before any cell of it runs."""
        if not self._task.assignment.rules:
            return []
        try:
            return read(self._start(), self._task.assignment, submitted, self._time_for(SECONDS))
        except ProcessDied:
            self._stop()
            return TOO_MUCH

    def run(
        self, cell: NotebookNode, mark_failure: bool = False, seconds: float = 0
    ) -> list[NotebookNode]:
        """Run a cell and return its outputs; never raises on account of the student.

        With `mark_failure` the outputs of a cell that failed are sure to hold an error. After
        `seconds`, if they are not 0, the cell is interrupted, and its process goes on.
        """
        try:
            process = self._start()
            most = self._task.limits.cell_seconds
            if seconds:
                most = min(most, seconds + _INTERRUPT_SECONDS)
            result = process.run_cell(cell.source, self._time_for(most), seconds)
        except ProcessDied as death:
            self._stop()
            result = CellResult([error_output("Stopped", str(death))], failed=True)
        else:
            self._completed.append(cell)
        outputs = [NotebookNode(output) for output in result.outputs]
        if result.failed:
            self.undefined |= {result.undefined} - {""}
            self._failures[grade_id(cell)] = said = _how_it_failed(outputs)
            # Outputs can be tampered with, and IPython writes no error for a wrong magic.
            if mark_failure and not any(out.output_type == "error" for out in outputs):
                outputs.append(error_output("Failed", said))
        return outputs

    def examine(self, tests: Sequence[str]) -> dict[str, Verdict]:
        """Run our test cells; a test that loses the process costs no other one."""
        ours, verdicts = self._task.assignment, {}
        while len(verdicts) < len(tests):
            left = tests[len(verdicts) :]
            try:
                process = self._start()
                sources = [cell.source for cell in self._completed]
                examiner = Examiner(ours, process, self._time_for, self._failures, sources)
                for verdict, undefined in examiner.examine(left, self._deadline):
                    verdicts[tests[len(verdicts)]] = verdict
                    self.undefined.update(undefined)
            except ProcessDied as death:
                verdicts[left[0]] = on_death(death)
            self._stop()
        return verdicts

    def _start(self) -> StudentProcess:
        """The running process, or a new one in which the completed cells have run again."""
        while self._process is None:
            seconds = self._time_for(START_SECONDS)
            try:
                self._process = self._task.start_process(seconds)
                self._process.deadline = self._deadline
            except SandboxUnavailable:
                self._time_for(0)  # it may have had too little time
                raise
            replay, self._completed = self._completed, []
            try:
                for cell in replay:
                    seconds = self._time_for(self._task.limits.cell_seconds)
                    self._process.run_cell(cell.source, seconds)
                    self._completed.append(cell)
            except ProcessDied:  # this cell ran the first time, but not again: do without it
                self._completed += replay[len(self._completed) + 1 :]
                self._stop()
        return self._process

    def _stop(self, *_: object) -> None:
        if self._process is not None:
            self._process.close()
            self._process = None

    __exit__ = _stop

    def _time_for(self, limit: float) -> float:
        remaining = self._deadline - time.monotonic()
        if remaining <= 0:
            raise TimeUsedUp("the time for this submission was used up by earlier cells")
        return min(limit, remaining)


_INTERRUPT_SECONDS = 2  # until a cell that does not heed an interruption is ended


def _how_it_failed(outputs: list[NotebookNode]) -> str:
    """In one line: the error, or what IPython wrote on stderr, as it does of a wrong magic."""
    for output in reversed(outputs):
        if output.output_type == "error":
            # IPython's name for the file of a cell, which no student knows
            said = re.sub(r" \((?:<[^>]*>|\S+\.py), line (\d+)\)$", r", line \1", output.evalue)
            return readable(f"{output.ename}: {said}")
        if output.output_type == "stream" and output.name == "stderr" and output.text.strip():
            return readable(output.text.strip().splitlines()[-1])
    return "It gave no reason."
