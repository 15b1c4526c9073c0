"""Run test cells in the student's sandbox, in the order of the notebook, as nbgrader does.

The notebook runs twice, each time in a sandbox of its own. All that a student is shown comes from
the run in which the hidden parts of the tests are absent. The run with the hidden parts gives the
score and nothing else, because student code could read them there and print or raise them. Where
no test has a hidden part, one run does both.

Student code shares its process with these tests: it can patch them. `docs/design.md` says what
that means.
"""

import contextlib
from collections.abc import Callable
from dataclasses import replace

from nbformat import NotebookNode
from nbgrader.preprocessors import IgnorePattern
from nbgrader.utils import determine_grade

from autograder.assignment import Assignment, grade_id
from autograder.facts import Verdict
from autograder.grading.examiner import DIED, HIDDEN_FAILED
from autograder.grading.session import Session
from autograder.text import readable

PARTIAL = "partial-credit"


def grade_inside(
    cells: list[NotebookNode], assignment: Assignment, session: Callable[[], Session]
) -> tuple[list[list[NotebookNode]], dict[str, Verdict]]:
    """Run cells with their tests."""
    inside = assignment.inside
    with session() as shown:
        outputs = [shown.run(cell, mark_failure=True) for cell in cells]
    complete = [
        NotebookNode(cell, source=assignment.test_source(grade_id(cell)))
        if grade_id(cell) in inside
        else cell
        for cell in cells
    ]
    scored = outputs
    if any(one.source != cell.source for one, cell in zip(complete, cells, strict=True)):
        with session() as hidden:
            scored = [hidden.run(cell, mark_failure=True) for cell in complete]
    verdicts = {
        grade_id(cell): _verdict(cell, assignment, *both)
        for cell, *both in zip(cells, outputs, scored, strict=True)
        if grade_id(cell) in inside
    }
    return outputs, verdicts


def judge_saved(cells: list[NotebookNode], assignment: Assignment) -> dict[str, Verdict]:
    """Verdicts on all tests from the outputs that a student saved: they prove nothing."""
    return {
        grade_id(cell): _verdict(cell, assignment, cell.outputs, cell.outputs)
        for cell in cells
        if grade_id(cell) in assignment.points()
    }


def _verdict(
    cell: NotebookNode,
    assignment: Assignment,
    visible: list[NotebookNode],
    judged: list[NotebookNode],
) -> Verdict:
    try:
        scored, ignore = NotebookNode(cell, outputs=judged), IgnorePattern(config=assignment.config)
        if ignore.enabled:
            scored, _ = ignore.preprocess_cell(scored, {}, 0)
        score, most = determine_grade(scored)
    except (ValueError, KeyError) as error:  # nbgrader stops here; this costs one exercise only
        message = f"The test gave no valid number of points: {error}."
        return Verdict(False, "no-points", message)
    printed = "".join(out.text for out in visible if out.get("name") == "stdout")
    printed = readable(printed).strip()
    points = f"{score:g} of {most:g} points."
    if score >= most and (most or not _error_in(judged)):
        verdict = Verdict.from_text(True, "", printed)
        return replace(verdict, score=score) if _gives(judged) else verdict
    if score > 0:
        return Verdict(False, PARTIAL, points, printed, score=score)
    if error := _error_in(visible):
        return _failed(error)
    return HIDDEN_FAILED if judged is not visible else Verdict(False, PARTIAL, points, printed)


def _gives(outputs: list[NotebookNode]) -> bool:
    """Whether a test says itself how many points it gives: by a number that it shows."""
    results = (one.data for one in outputs if one.output_type == "execute_result")
    with contextlib.suppress(StopIteration, ValueError):
        float(next(results).get("text/plain", ""))
        return True
    return False


def _error_in(outputs: list[NotebookNode]) -> NotebookNode | None:
    """The output for which nbgrader gives no points: an error, or words on stderr."""
    errors = (one for one in outputs if one.output_type == "error" or one.get("name") == "stderr")
    return next(errors, None)


def _failed(error: NotebookNode) -> Verdict:
    """What went wrong in the visible part of a test."""
    if error.output_type == "stream":
        return Verdict.from_text(False, "wrote-to-stderr", readable(error.text))
    if error.ename == "Stopped":
        return Verdict(False, DIED, f"While the tests ran: {readable(error.evalue)}.")
    text = readable(f"{error.ename}: {error.evalue}" if error.evalue else error.ename)
    lines = readable("\n".join(error.traceback)).splitlines()
    failing = [line.partition(">")[2].lstrip(" 0123456789") for line in lines if "-->" in line]
    place = f"in the line: {failing[0]}" if failing else ""  # the first one is of the test cell
    return Verdict.from_text(False, f"raises-{error.ename}", text, place)
