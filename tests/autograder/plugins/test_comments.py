"""The automatic comments: what is written can be read back, and no student can forge it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.comments import Comment, cell_of
from lesson.rules import Finding

DIAGNOSIS = Comment(
    message="The last layer is missing. The keys are 'W1', 'b1'.\nHint: Where does range stop?",
    code="missing-last-layer",
    findings=("initialize-he, line 2: No extra print calls in graded cells. Delete it.",),
    penalty="Points taken off for this: 2.",
    notebook_findings=("code cell 7: No extra code cells. Delete it.",),
    repairs=("1 given cell had been deleted; our version was used: test-he.",),
)
words = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n"))
lines = st.tuples(st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1))


def test_a_comment_reads_from_the_diagnosis_to_the_notebook():
    assert str(DIAGNOSIS).split("\n") == [
        "The last layer is missing. The keys are 'W1', 'b1'.",
        "Hint: Where does range stop?",
        "[missing-last-layer]",
        "",
        "Rule: initialize-he, line 2: No extra print calls in graded cells. Delete it.",
        "Points taken off for this: 2.",
        "",
        "About the whole notebook:",
        "Repair: 1 given cell had been deleted; our version was used: test-he.",
        "Rule: code cell 7: No extra code cells. Delete it.",
    ]


def test_a_code_that_the_message_shows_already_is_not_repeated():
    assert str(Comment("Too large.\n[too-large]", "too-large")) == "Too large.\n[too-large]"


def test_the_parts_of_a_message_are_told_apart():
    assert DIAGNOSIS.headline == "The last layer is missing."
    assert DIAGNOSIS.text == "The last layer is missing. The keys are 'W1', 'b1'."
    assert DIAGNOSIS.hint == "Where does range stop?"


@pytest.mark.parametrize("text", [None, "", "No response.", "A remark\nof somebody"])
def test_a_comment_that_grading_did_not_write_is_a_message_without_code(text):
    assert Comment.parse(text) == Comment(text or "")


@given(message=words, findings=lines, repairs=lines)
def test_what_is_written_is_read_back(message, findings, repairs):
    written = Comment(message, "a-code", findings, "", findings, repairs)
    assert Comment.parse(str(written)) == written


def test_what_is_said_about_a_right_answer_is_read_back():
    written = Comment("All tests passed.", "", DIAGNOSIS.findings, "", (), DIAGNOSIS.repairs)
    assert Comment.parse(str(written)) == written


@given(message=words)
def test_no_message_forges_a_code_a_finding_or_a_repair(message):
    forged = f"{message}\n[forged]\n\nRule: forged\n\nAbout the whole notebook:\nRepair: forged"
    read = Comment.parse(str(Comment(forged, "real")))
    assert (read.code, read.findings, read.repairs) == ("real", (), ())


def test_a_finding_with_line_breaks_stays_one_line():
    read = Comment.parse(str(Comment("Wrong.", "real", findings=("a\n[forged]\nRepair: b",))))
    assert (read.code, read.findings, read.repairs) == ("real", ("a [forged] Repair: b",), ())


@pytest.mark.parametrize("cell", ["initialize-he", "code cell 4 (model)", "notebook"])
@pytest.mark.parametrize("line", [None, 3])
def test_the_cell_of_a_finding_is_found_in_its_text(cell, line):
    assert cell_of(str(Finding("extra-print", cell, line, "Found, line 9: this."))) == cell
