"""Student code that Python's parser or compiler needs too much for."""

import os
import resource
import signal

import pytest
from nbformat.v4 import new_code_cell, new_notebook

from autograder.assignment import Assignment, AssignmentError
from autograder.grading import reader
from tests.support import courses

RULES = "lesson.rules"


@pytest.fixture(scope="module")
def assignment():
    return Assignment.from_directory(courses.PROJECT / "source" / courses.ASSIGNMENT, rules=RULES)


def notebook(source):
    mark = {"grade_id": "initialize-zeros", "solution": True, "grade": False, "locked": False}
    return new_notebook(cells=[new_code_cell(source, metadata={"nbgrader": mark})])


def rules_broken(assignment, source):
    return [one.rule for one in reader.check_rules(assignment, notebook(source))]


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
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    of_others = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    assert isinstance(rules_broken(assignment, HEAVY[name]), list)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < before + 50_000  # KiB
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < max(400_000, of_others + 1)


def test_code_that_cannot_be_read_within_the_limits_is_a_remark(assignment):
    check = b"import time\nRULES = {}\ndef check_cells(notebook):\n    while True: pass\n"
    slow = Assignment(assignment.notebook, {"check.py": check}, rules="check")
    (violation,) = reader.check_rules(slow, notebook("pass"))
    assert violation.rule == "not-checked"
    assert "takes more than 2 seconds" in violation.message


@pytest.mark.parametrize(
    "body", ["1 / 0", "return [1]", "return 5", "import os; os.kill(os.getpid(), 9)", "return ''"]
)
def test_a_check_that_fails_on_one_notebook_is_a_remark(assignment, body):
    check = f"RULES = {{}}\ndef check_cells(notebook):\n    {body}\n"
    broken = Assignment(assignment.notebook, {"check.py": check.encode()}, rules="check")
    rules = [one.rule for one in reader.check_rules(broken, notebook("pass"))]
    assert rules == ([] if body == "return ''" else ["not-checked"])


def test_a_check_that_cannot_be_loaded_is_the_fault_of_the_course(assignment):
    with pytest.raises(AssignmentError, match="no_such_module"):
        broken = Assignment(assignment.notebook, {}, rules="no_such_module")
        reader.check_rules(broken, notebook("pass"))


def test_the_same_is_found_as_without_limits(assignment):
    source = "def initialize_parameters_zeros(layers):\n    print(1)\n    return {}"
    assert {"extra-print", "changed-parameters"} <= set(rules_broken(assignment, source))


def test_cells_without_side_effects_are_told_from_others(assignment):
    cells = [("def f():\n    return 0", ["f"]), ("import os", []), (nested_finally(25), [])]
    assert reader.are_inert(assignment, cells) == [True, False, False]


def test_a_helper_that_was_lost_is_started_again(assignment):
    rules_broken(assignment, "pass")
    helper = reader._helpers[0]._process
    os.kill(helper.pid, signal.SIGKILL)
    helper.wait()
    assert "not-checked" not in rules_broken(assignment, "pass")


def test_a_worker_keeps_its_helper_for_the_next_submission(assignment):
    rules_broken(assignment, "pass")
    helper = reader._helpers[0]
    rules_broken(Assignment(assignment.notebook, dict(assignment.files), rules=RULES), "pass")
    assert reader._helpers[0] is helper
