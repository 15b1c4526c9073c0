"""The rules are checked within small limits, before any code of the student has run."""

import dataclasses
import json

import pytest
from nbformat.v4 import new_code_cell, new_notebook

from autograder.assignment import AssignmentError
from autograder.grading.run import grade_submission
from tests.support import courses, small

RULES = "lesson.rules"


@pytest.fixture(scope="module")
def assignment():
    return courses.assignment_in(rules=RULES)


def violations(assignment, source, **handed_in):
    """What is found in a notebook with this answer; nothing of it is run."""
    mark = {"grade_id": "initialize-zeros", "solution": True, "grade": False, "locked": False}
    notebook = new_notebook(cells=[new_code_cell(source, metadata={"nbgrader": mark})])
    data = json.dumps(notebook).encode()
    files = {f"{name}.py": content for name, content in handed_in.items()}
    return grade_submission(data, assignment, execute=False, handed_in=files).facts.violations


def with_check(assignment, body):
    check = f"RULES = {{}}\ndef check_cells(notebook):\n    {body}\n"
    return dataclasses.replace(assignment, files={"check.py": check.encode()}, rules="check")


def nested_finally(depth):
    lines = []
    for level in range(depth):
        lines += [" " * level + "try:", " " * level + " pass", " " * level + "finally:"]
    return "\n".join([*lines, " " * depth + "x = 1"])


def a_finally_behind_many_returns():
    returns = "".join(f"  if a == {number}: return {number}\n" for number in range(2_000))
    return f"def f(a):\n try:\n{returns} finally:\n" + "  a = a + a + a + a\n" * 1_000


HEAVY = {
    "nested finally": nested_finally(19),
    "more nested finally": nested_finally(25),
    "a finally behind many returns": a_finally_behind_many_returns(),
}


@pytest.mark.parametrize("name", HEAVY)
def test_code_that_needs_gigabytes_is_read_within_the_limits(assignment, name):
    check = "return [c for c in notebook['cells'] if compile(c['source'], '', 'exec') is None]"
    rules = {one.rule for one in violations(with_check(assignment, check), HEAVY[name])}
    assert rules <= {"not-checked"}


@pytest.mark.parametrize("body", ["while True: pass", "bytearray(10 ** 9)"])
def test_code_that_cannot_be_read_within_the_limits_is_a_remark(assignment, body):
    (violation,) = violations(with_check(assignment, body), "pass")
    assert violation.rule == "not-checked"
    assert "takes more than 2 seconds or 250 MB" in violation.message


ENDS = "import os; return os.kill(os.getpid(), 9) if len(notebook['cells']) == 1 else []"


@pytest.mark.parametrize("body", ["1 / 0", "return [1]", "return 5", ENDS, "return ''"])
def test_a_check_that_fails_on_one_notebook_is_a_remark(assignment, body):
    rules = [one.rule for one in violations(with_check(assignment, body), "pass")]
    assert rules == ([] if body == "return ''" else ["not-checked"])


def test_a_check_that_cannot_be_loaded_is_the_fault_of_the_course(assignment):
    broken = dataclasses.replace(assignment, files={}, rules="no_such_module")
    with pytest.raises(AssignmentError, match="no_such_module"):
        violations(broken, "pass")


def test_the_same_is_found_as_without_limits(assignment):
    source = "def initialize_parameters_zeros(layers):\n    print(1)\n    return {}"
    found = {one.rule for one in violations(assignment, source)}
    assert {"extra-print", "changed-parameters"} <= found


def test_a_file_of_a_student_takes_the_place_of_no_module_of_the_check(assignment):
    source = "def initialize_parameters_zeros(layers_dims):\n    print(1)\n    return {}"
    hides = b"import lesson.rules\nlesson.rules.check_cells = lambda notebook: []"
    found = violations(assignment, source, symtable=hides, argparse=hides, html=hides)
    assert "extra-print" in {one.rule for one in found}


def test_cells_find_the_modules_of_the_check_as_new_as_without_it(assignment):
    """What the check has loaded and changed is not there when the student's cells run."""
    ours = with_check(assignment, "done.append(1)\n    return done[:0]\ndone = []")
    ours = dataclasses.replace(ours, files={**assignment.files, **ours.files})
    cell = new_code_cell(
        "import sys; print('check' in sys.modules)\nimport check; print(check.done)"
    )
    answers = small.submission(ours).cells
    graded = grade_submission(json.dumps(new_notebook(cells=[cell, *answers])).encode(), ours)
    (own,) = [cell for cell in graded.notebook.cells if cell.metadata.autograder.role == "student"]
    assert own.outputs[0].text == "False\n[]\n"
