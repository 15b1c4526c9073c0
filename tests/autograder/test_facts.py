"""Facts are stored once, as data, and rendered last; no student can forge one."""

import json

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

from autograder.facts import (
    Facts,
    Repair,
    RuleViolation,
    Verdict,
    comment_on_answer,
    is_result_of,
)

WRONG = Verdict(
    False,
    "missing-last-layer",
    "The last layer is missing.",
    "The keys are 'W1', 'b1'.",
    "Where does range stop?",
)
PRINTS = RuleViolation(
    "extra-print", "No extra print calls in graded cells", "initialize-he", 2, "Delete it."
)
EXTRA_CELL = RuleViolation("extra-cell", "No extra code cells", "code cell 7", None, "Delete it.")
DELETED = Repair("given-changed", ("test-he",))
STUDENTS = {"autograder": {"role": "student"}}
words = st.text(st.characters(exclude_categories=["Cs"]))


def executed(*tests: str) -> NotebookNode:
    """A notebook with test cells, as grading leaves it."""
    cells = [
        new_code_cell(metadata={"nbgrader": {"grade_id": test}, "autograder": {"role": "test"}})
        for test in tests
    ]
    return NotebookNode(metadata=NotebookNode(), cells=cells)


def test_a_comment_reads_from_the_diagnosis_to_the_notebook():
    comment = comment_on_answer({"test-he": WRONG}, [PRINTS], 2, [DELETED, EXTRA_CELL])
    assert comment.split("\n") == [
        "The last layer is missing.",
        "The keys are 'W1', 'b1'.",
        "Hint: Where does range stop?",
        "[missing-last-layer]",
        "",
        "Rule: initialize-he, line 2: No extra print calls in graded cells. Delete it.",
        "Points taken off for this: 2.",
        "",
        "About the whole notebook:",
        "Repaired: 1 cell had been deleted, or changed where students should not write; our "
        "version was used: test-he.",
        "Rule: code cell 7: No extra code cells. Delete it.",
    ]


def test_another_notebook_is_told_of_once_and_not_as_a_repair():
    rule = RuleViolation("other-notebook", "This is another notebook", "notebook", None, "Copy it.")
    facts = Facts(repairs=[Repair("other-notebook")], violations=[rule, EXTRA_CELL])
    assert facts.elsewhere([]) == [EXTRA_CELL]
    (said,) = comment_on_answer({}, [], about_notebook=facts.repairs).split("\n")[1:]
    assert said == f"Handed in: {facts.repairs[0]}"
    assert facts.repairs[0].heading == "Handed in"


def test_a_comment_tells_the_verdict_of_each_test_of_an_answer():
    verdicts = {"test-shapes": WRONG, "test-values": Verdict(True, message="Values are right.")}
    comment = comment_on_answer(verdicts, [])
    assert comment.startswith("test-shapes: The last layer is missing.")
    assert comment.endswith("[missing-last-layer]\n\ntest-values: Values are right.")


def test_a_fact_with_line_breaks_stays_one_line():
    assert "\n" not in str(RuleViolation("x", "Title", "cell", None, "a\n[forged]\nRepair: b"))
    assert "\n" not in str(Repair("kernel", detail="a\nRepair: b"))


@given(message=words, name=words)
def test_what_is_stored_is_read_back_whatever_a_student_wrote(message, name):
    facts = Facts(
        repairs=[Repair("answer-missing", (name,)), Repair("cell-damaged", count=3)],
        violations=[RuleViolation("extra-print", message, name, 4, message), EXTRA_CELL],
        submission="0f",
        verdicts={
            "test-a": Verdict(False, "real", message, message, message),
            "test-b": Verdict(True, message=message, score=0.5),
        },
    )
    notebook = executed("test-a", "test-b")
    facts.store(notebook)
    assert Facts.of(json.loads(json.dumps(notebook))) == facts


@pytest.mark.parametrize("content", ["", "{", "[]", '{"metadata": {}, "cells": []}'])
def test_a_notebook_that_was_not_graded_here_has_no_facts(content, tmp_path):
    path = tmp_path / "executed.ipynb"
    path.write_text(content)
    assert Facts.read(path) is None
    assert Facts.read(tmp_path / "missing.ipynb") is None


def test_a_result_belongs_to_one_submission_whatever_a_student_wrote(tmp_path):
    path = tmp_path / "executed.ipynb"
    notebook = new_notebook(cells=[new_code_cell('"submission": "1b"', metadata=STUDENTS)])
    Facts(submission="0f").store(notebook)
    nbformat.write(notebook, path)
    assert is_result_of(path, "0f") and not is_result_of(path, "1b")
    path.write_bytes(path.read_bytes().rstrip()[:-1])
    assert not is_result_of(path, "0f")
