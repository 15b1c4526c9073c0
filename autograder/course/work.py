"""What a worker does: grade the notebooks of a submission, and prepare what is recorded.

Submissions travel to a worker as bytes, and so do executed notebooks on their way back. Workers
touch neither the course folder nor the gradebook.
"""

import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import writes
from nbgrader.utils import determine_grade, is_grade

from autograder.assignment import Assignment, Role, grade_id, is_untouched
from autograder.facts import Attempt, Facts, Repair, comment_on_answer
from autograder.grading.run import Graded, grade_submission, without_points
from autograder.grading.session import Task
from autograder.limits import Limits
from autograder.sandbox import fork_server
from autograder.submission.notebook import Unreadable


@dataclass(frozen=True)
class Submitted:
    """What a student submitted, read once."""

    notebooks: Mapping[str, bytes | Unreadable]  # by name: the content, or why there is none
    attachments: Mapping[str, bytes]  # the files beside the notebooks that can be used, by path
    marks: Mapping[str, bytes]  # time stamp and secret, by name of the file
    remarks: Sequence[Repair]  # what was unusual about it


@dataclass(frozen=True)
class Result:
    """What is recorded and reported about one notebook."""

    content: bytes  # the executed notebook as a file
    facts: Facts
    scores: dict[str, tuple[float | None, bool]]  # by grade id; and whether a person has to look
    comments: dict[str, str | None]  # by grade id of the answer


def check_sandbox(assignment: Assignment, limits: Limits, hidden: tuple[str, ...]) -> str:
    """Start a sandbox as submissions get it; returns why it cannot be forked, if so."""
    task = Task(assignment, limits, time.monotonic() + limits.total_seconds, hidden=hidden)
    with task.start_process(task.seconds_left):
        return fork_server.fork_servers.refusal


def grade(
    submitted: Submitted,
    attempt: Attempt | None = None,
    *,
    notebooks: Mapping[str, Assignment],
    points_per_violation: float,
    **options: Any,
) -> dict[str, Result]:
    """Grade the notebooks of a submission; `options` as of `grade_submission`."""
    results = {}
    for name, content in submitted.notebooks.items():
        assignment = notebooks[name]
        if isinstance(content, Unreadable):
            graded = without_points(assignment, str(content))
        else:
            options["handed_in"] = submitted.attachments
            graded = grade_submission(content, assignment, **options)
        results[name] = prepared(
            graded, assignment, points_per_violation, submitted.remarks, attempt
        )
    return results


def prepared(
    graded: Graded,
    assignment: Assignment,
    points_per_violation: float = 0,
    remarks: Sequence[Repair] = (),
    attempt: Attempt | None = None,
) -> Result:
    """What is recorded of a graded notebook, which is used up."""
    notebook = graded.notebook
    remarks = () if graded.facts.failure else remarks
    facts = replace(graded.facts, repairs=[*remarks, *graded.facts.repairs], attempt=attempt)
    facts.store(notebook)
    assignment.complete_tests(notebook)
    comments, taken_off = _comments(notebook, facts, points_per_violation)
    scores = {}
    for cell in filter(is_grade, notebook.cells):
        points, _ = determine_grade(cell, _LOG)
        if points is not None:
            points = max(0, points - taken_off[grade_id(cell)])
        by_hand = points is None or cell.metadata.autograder.get("by_hand", False)
        scores[grade_id(cell)] = (0, True) if facts.failure else (points, by_hand)
    content = (writes(notebook) + "\n").encode()
    return Result(content, facts, scores, comments)


def _comments(
    notebook: NotebookNode, facts: Facts, points_per_violation: float
) -> tuple[dict[str, str | None], Counter[str]]:
    """The comment on each answer, and points taken off each test; answers learn their penalty."""
    comments: dict[str, str | None] = {}
    taken_off: Counter[str] = Counter()
    cells = {grade_id(cell): cell for cell in notebook.cells}
    answers = [n for n, cell in cells.items() if cell.metadata.autograder.role == Role.ANSWER]
    inside = {name for name, cell in cells.items() if cell.metadata.autograder.get("inside")}
    failed = {test for test, verdict in facts.verdicts.items() if not verdict.passed}
    about_notebook = [*facts.repairs, *facts.elsewhere(answers)]
    for answer in answers:
        ours = cells[answer].metadata.autograder
        own = [one for one in facts.violations if one.cell == answer]
        ours.penalty = points_per_violation * len(own) if ours.tests else 0
        if ours.tests:
            taken_off[ours.tests[0]] += ours.penalty
        wrong = failed.intersection(ours.tests)
        text = "No response." if is_untouched(cells[answer]) else None  # as nbgrader says it
        # Of an untouched answer, tests that run inside cannot explain more.
        if own or about_notebook or not (text and wrong and wrong <= inside):
            verdicts = {test: facts.verdicts[test] for test in ours.tests}
            text = comment_on_answer(verdicts, own, ours.penalty, about_notebook) or text
            about_notebook = []  # it stands in the comment on the first answer
        comments[answer] = text
    return comments, taken_off


_LOG = logging.Logger("nbgrader")
_LOG.addHandler(logging.NullHandler())
