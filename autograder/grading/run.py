"""Grade one submission: the unit of work, a pure function of bytes and limits.

The cells run from top to bottom in one sandbox, as they would in JupyterLab, and the tests after
them. What kills the sandbox costs only the cell in which it happens: a new one starts and the
earlier cells are replayed. An exercise that fails gets a second chance: it is tested again with
fewer cells, see `_subsets`. So neither a mistake nor an attack in one answer can spoil another.
"""

import contextlib
import hashlib
import math
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from nbformat import NotebookNode
from nbformat.v4 import new_output

from autograder.assignment import Assignment, Role, answers_tested_by, grade_id, is_untouched
from autograder.facts import Facts, RuleViolation, Verdict
from autograder.grading.examiner import DIED, TIME_OUT
from autograder.grading.inside import grade_inside, judge_saved
from autograder.grading.outputs import error_output, keep_outputs, leave_long_code_plain
from autograder.grading.session import Session, Task
from autograder.limits import Limits
from autograder.sandbox.sandbox import SandboxLost
from autograder.submission.notebook import Unreadable, read_submission
from autograder.submission.rebuild import rebuild
from autograder.text import readable


@dataclass(frozen=True)
class Graded:
    """What grading found out about one submission."""

    notebook: NotebookNode  # executed, without hidden tests; its metadata hold the facts, too
    facts: Facts


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
    """Grade the notebook `submission`, of which nothing is trusted.

    Parameters
    ----------
    submission, handed_in
        The notebook, and what was handed in beside it by path.
    assignment, limits
    full : bool
        Run the cells tagged ``demonstration`` as well.
    execute : bool
        False runs nothing and judges, as nbgrader does, the outputs that the student saved.
    hidden : tuple of str
        Folders that the sandbox must not show even if they lie inside the Python environment.

    Returns
    -------
    Graded
        Also for a submission that cannot be read.

    Raises
    ------
    AssignmentError, SandboxUnavailable
        If the assignment itself cannot be used, or this machine cannot make the sandbox.
    """
    task = Task(assignment, limits, time.monotonic() + limits.total_seconds, handed_in, hidden)
    try:
        submitted = read_submission(submission, keep_outputs=not execute)
        rebuilt = rebuild(assignment, submitted)
    except Unreadable as reason:
        return without_points(assignment, str(reason), submission, handed_in)
    if execute:
        verdicts, violations = _run(task, rebuilt.notebook, submitted, full)
    else:
        verdicts = judge_saved(rebuilt.notebook.cells, assignment)
        code = [cell for cell in rebuilt.notebook.cells if cell.cell_type == "code"]
        keep_outputs(code, [cell.outputs for cell in code], limits)
        with Session(task, limits.total_seconds) as session:
            violations = session.read(submitted)
    if not assignment.network:
        shown = (output for cell in rebuilt.notebook.cells for output in cell.get("outputs", ()))
        errors = [f"{one.ename}: {one.evalue}" for one in shown if one.output_type == "error"]
        verdicts = {test: _with_cause(one, errors) for test, one in verdicts.items()}
    for test in assignment.failing:
        if not verdicts[test].passed:
            verdicts[test] = replace(verdicts[test], hint=_SOLUTION_FAILS)
    facts = Facts("", rebuilt.repairs, violations, digest(submission, handed_in), verdicts)
    return _finished(rebuilt.notebook, assignment, facts, keep_outputs=not execute)


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
    verdicts = dict.fromkeys(assignment.points(), verdict)
    facts = Facts(reason, submission=digest(submission, handed_in), verdicts=verdicts)
    return _finished(rebuild(assignment, empty).notebook, assignment, facts)


def digest(submission: bytes, handed_in: Mapping[str, bytes] = MappingProxyType({})) -> str:
    """What tells one submission from another; the executed notebook holds it in its metadata."""
    found = hashlib.sha256(submission)
    for path, content in sorted(handed_in.items()):
        found.update(f"\n{path}\n{len(content)}\n".encode() + content)
    return found.hexdigest()


def _finished(
    notebook: NotebookNode, assignment: Assignment, facts: Facts, keep_outputs: bool = False
) -> Graded:
    """Write into the notebook what nbgrader, Formgrader and our pages need to know."""
    facts.store(notebook)
    cells = {grade_id(cell): cell for cell in notebook.cells}
    for cell in notebook.cells:
        if cell.metadata.autograder.role == Role.ANSWER:
            cell.metadata.autograder.tests = []
    for test, verdict in facts.verdicts.items():
        for answer in answers_tested_by(assignment, test):
            cells[answer].metadata.autograder.tests.append(test)
        cell = cells[test]
        cell.metadata.autograder.inside = test in assignment.inside
        cell.metadata.autograder.by_hand = test in assignment.failing
        if not keep_outputs:  # nbgrader scores a cell by its outputs
            said = str(verdict)
            cell.outputs = [new_output("stream", name="stdout", text=said + "\n")]
            if verdict.score is not None:  # nbgrader reads the number
                data = {"text/plain": repr(verdict.score)}
                cell.outputs.append(new_output("execute_result", data))
            elif not verdict.passed:
                cell.outputs = [error_output("WrongAnswer", said)]
    leave_long_code_plain(notebook)
    return Graded(notebook, facts)


def _run(
    task: Task, notebook: NotebookNode, submitted: NotebookNode, full: bool
) -> tuple[dict[str, Verdict], list[RuleViolation]]:
    """Verdicts by grade id of the test, and broken rules of what was submitted."""
    for _ in range(_ATTEMPTS - 1):
        with contextlib.suppress(SandboxLost):
            return _Run(task, notebook, submitted, full).grade()
    return _Run(task, notebook, submitted, full).grade()


class _Run:
    """One submission on its way through its sandboxes; cells are known by their positions."""

    def __init__(
        self, task: Task, notebook: NotebookNode, submitted: NotebookNode, full: bool
    ) -> None:
        self._task = task
        self._submitted = submitted
        self._full = full
        self._code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        self._ids = [grade_id(cell) for cell in self._code]
        self._violations: list[RuleViolation] | None = None

    def grade(self) -> tuple[dict[str, Verdict], list[RuleViolation]]:
        tests = self._with_role(Role.TEST)
        inside = {one for one in tests if self._ids[one] in self._task.assignment.inside}
        skipped = set() if self._full else self._with_role(Role.DEMONSTRATION, Role.PLAYGROUND)
        cells = {*range(len(self._code))} - skipped
        verdicts = {}
        if inside != tests or not tests:
            # Where tests run inside, all cells run a second time.
            hurried = not inside and not self._full
            verdicts = self._grade_outside(sorted(tests - inside), cells - tests, hurried)
        if inside:
            run = [self._code[one] for one in sorted(cells)]
            outputs, found = grade_inside(run, self._task.assignment, self._session)
            keep_outputs(run, outputs, self._task.limits)
            verdicts |= found
        return {self._ids[one]: verdicts[self._ids[one]] for one in sorted(tests)}, self._violations

    def _with_role(self, *roles: Role) -> set[int]:
        cells = enumerate(self._code)
        return {number for number, cell in cells if cell.metadata.autograder.role in roles}

    @contextlib.contextmanager
    def _session(self, seconds: float = math.inf) -> Iterator[Session]:
        """A session; the first one checks the rules before any cell runs."""
        with Session(self._task, seconds) as session:
            if self._violations is None:
                self._violations = session.read(self._submitted)
            yield session

    def _grade_outside(
        self, tests: list[int], cells: set[int], hurried: bool
    ) -> dict[str, Verdict]:
        """Run the cells without any test, and ask their process."""
        limits = self._task.limits
        interrupted: set[int] = set()
        with self._session(limits.first_pass_seconds) as session:
            seconds = limits.own_cells_seconds if hurried else math.inf
            outputs = self._outputs(session, sorted(cells), seconds, interrupted)
            keep_outputs([self._code[one] for one in sorted(cells)], outputs, limits)
            # The tests come last, so that no cell can print a hidden test's arguments.
            verdicts = session.examine([self._ids[test] for test in tests])
        failed = [test for test in tests if not verdicts[self._ids[test]].passed]
        if all(is_untouched(self._code[one]) for one in self._with_role(Role.ANSWER, Role.STUDENT)):
            failed = []  # there is nothing of a student's that could be right after all
        ran = cells - interrupted
        needed = set()
        if self._task.seconds_left > limits.total_seconds / 2:
            not_run = {*range(len(self._code))} - ran - self._with_role(Role.TEST)
            needed = self._that_use(session.undefined, sorted(not_run))
        for position, test in enumerate(failed):
            subsets = self._subsets(test, ran)
            if needed:  # they define a name which was missing: the dataset, say
                subsets += self._subsets(test, ran | needed)
            until = time.monotonic() + self._task.seconds_left / (len(failed) - position)
            name = self._ids[test]
            verdicts[name] = self._test_again(name, subsets, verdicts[name], until)
        return verdicts

    def _outputs(
        self, session: Session, cells: list[int], seconds: float, interrupted: set[int]
    ) -> Iterator[list[NotebookNode]]:
        """Run the cells; those of the student's own share some seconds."""
        for number in cells:
            cell = self._code[number]
            if cell.metadata.autograder.role != Role.STUDENT or seconds == math.inf:
                yield session.run(cell)
                continue
            if seconds > 0:
                started = time.monotonic()
                outputs = session.run(cell, seconds=seconds)
                seconds -= time.monotonic() - started
            else:
                outputs = [new_output("stream", name="stderr", text=_NO_TIME)]
            if seconds <= 0:
                interrupted.add(number)
            yield outputs

    def _that_use(self, names: set[str], cells: list[int]) -> set[int]:
        """The cells up to those in which each of the names occurs first: it may need all these."""
        needed = 0
        for position, number in enumerate(cells, start=1):
            if found := names.intersection(re.findall(r"\w+", self._code[number].source)):
                names = names - found
                needed = position
        return set(cells[:needed])

    def _subsets(self, test: int, cells: set[int]) -> list[set[int]]:
        """The cells, and the parts of them in which an exercise may be right after all."""
        own = answers_tested_by(self._task.assignment, self._ids[test])
        others = {one for one in self._with_role(Role.ANSWER) if self._ids[one] not in own}
        alone = cells & self._with_role(Role.ANSWER, Role.GIVEN) - others
        above = cells & {*range(test)}  # as in JupyterLab
        return [cells, alone, above, above - others]

    def _test_again(
        self, test: str, subsets: list[set[int]], verdict: Verdict, until: float
    ) -> Verdict:
        """Test an exercise with parts of the notebook, until it passes or its time is over."""
        ran, alone, *_ = subsets
        longest = self._task.limits.cell_seconds + self._task.limits.call_seconds
        for position, cells in enumerate(subsets[1:], start=1):
            seconds = min(longest, until - time.monotonic())
            if cells in subsets[:position] or seconds <= 0:
                continue
            with self._session(seconds) as session:
                for number in sorted(cells):
                    session.run(self._code[number])
                second = session.examine([test])[test]
            # Given cells and its own answer fail in the same way and miss no name: it is wrong.
            is_wrong = cells is alone and second == verdict and not session.undefined
            # The first failure explains, unless the sandbox failed or another subset has more.
            if second.passed or cells > ran or verdict.code in (DIED, TIME_OUT):
                verdict = second
            if second.passed or is_wrong or second.code in (DIED, TIME_OUT):
                break
        return verdict


def _with_cause(verdict: Verdict, errors: list[str]) -> Verdict:
    """The verdict, or that the network is missing, if a cell or the test has failed for that."""
    said = [str(verdict)]
    if "NameError" in said[0] or verdict.code == "cell-failed":
        said += errors
    if verdict.passed or not any(map(_ASKS_FOR_NETWORK.search, said)):
        return verdict
    return replace(_NO_NETWORK, case=f"{verdict.message}\n{verdict.case}".strip())


_ASKS_FOR_NETWORK = re.compile(
    r"\b(URLError|gaierror|ConnectError|NameResolutionError)\b|name resolution"
    r"|Name or service not known|Address family not supported"
)
_NO_NETWORK = Verdict(
    False,
    "no-network",
    "A cell needs the network, and grading has none: read the data from a file instead.",
    hint="Instructors put it into source/ASSIGNMENT/, or allow the network by c.Grading.network.",
)
_SOLUTION_FAILS = "The instructor's own solution fails here as well; a person looks at your answer."
_ATTEMPTS = 3  # whatever else has ended a sandbox, it was not the submission
_NO_TIME = "Not run: the time for your own cells is used up, and no test seems to need this one.\n"
