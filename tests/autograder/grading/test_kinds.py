"""Assignments of many kinds get the scores that nbgrader alone gives, whoever grades them."""

import json

import pytest
from nbgrader.utils import determine_grade, is_grade
from traitlets.config import Config

from autograder.assignment import Assignment, AssignmentError
from autograder.grading.calibration import calibrated
from autograder.grading.run import grade_submission
from autograder.limits import Limits
from tests.support.kinds import KINDS, Kind, instructors, submission

LIMITS = Limits(cell_seconds=3, call_seconds=1, total_seconds=30)


def assignment_of(kind, tmp_path):
    for path, content in kind.files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    (tmp_path / "kind.ipynb").write_text(json.dumps(instructors(kind)))
    return Assignment.all_in(tmp_path, Config())["kind"]


def scores(graded):
    return [determine_grade(cell)[0] for cell in graded.notebook.cells if is_grade(cell)]


def grade(assignment, notebook):
    return grade_submission(json.dumps(notebook).encode(), assignment, LIMITS)


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_gets_the_scores_of_nbgrader(name, tmp_path):
    kind = KINDS[name]
    assignment, reasons = calibrated(assignment_of(kind, tmp_path), name, LIMITS)
    assert set(reasons) == kind.inside
    for student, expected in kind.scores.items():
        assert scores(grade(assignment, submission(kind, student))) == expected, student


CHEAT = "import builtins\ndef total(values):\n    return 0\n"
PATCH = (
    "\nclass Agrees(int):\n    __eq__ = lambda self, other: True\ntotal = lambda values: Agrees()"
)
TOTAL = {
    "a-total": "def total(values):\n    return sum(values)\nsum_of_three = total([1, 2])",
    "t-outside": "assert total([4, 5]) == 9",
    "t-inside": "assert sum_of_three == 3\n### BEGIN HIDDEN TESTS\n"
    "assert total([40, 2]) == 42, 'the secret is 42'\n### END HIDDEN TESTS",
}
STUDENTS = {
    "liar": {"a-total": CHEAT + PATCH + "\nsum_of_three = Agrees()"},
    "spy": {
        "a-total": "import inspect\nsum_of_three = 3\ndef total(values):\n"
        "    print(get_ipython().user_ns['In'][-1])\n    raise ValueError(str(values))"
    },
}
MIXED = Kind(TOTAL, STUDENTS, {}, {"t-inside"})


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """An assignment with one test outside and one inside, and why."""
    return calibrated(assignment_of(MIXED, tmp_path_factory.mktemp("mixed")), "mixed", LIMITS)


def test_the_reason_for_running_inside_is_said_in_words(mixed):
    assert mixed[1] == {"t-inside": "uses the variable sum_of_three"}


def test_an_object_that_agrees_with_everything_gets_points_inside_and_none_outside(mixed):
    graded = grade(mixed[0], submission(MIXED, "liar"))
    assert scores(graded) == [0, 2]


def test_what_a_student_is_shown_comes_from_a_run_without_hidden_tests(mixed):
    graded = grade(mixed[0], submission(MIXED, "spy"))
    assert scores(graded) == [0, 0]
    shown = json.dumps(graded.notebook)
    assert "secret" not in shown
    assert "40, 2" not in shown
    assert graded.facts.verdicts["t-inside"].code == "hidden-test-failed"


def test_a_solution_that_passes_in_neither_way_is_named_with_its_error(tmp_path):
    broken = Kind({"a-x": "x = 1", "t-x": "assert x == 2, 'x is not 2'"}, {}, {})
    with pytest.raises(AssignmentError, match=r"pass the test 't-x'(.|\n)*x is not 2"):
        calibrated(assignment_of(broken, tmp_path), "broken", LIMITS)


def test_a_kernel_that_is_not_python_is_refused_by_name(tmp_path):
    notebook = instructors(KINDS["manual"])
    notebook.metadata.kernelspec = {"name": "ir", "language": "R", "display_name": "R 4"}
    (tmp_path / "a.ipynb").write_text(json.dumps(notebook))
    with pytest.raises(AssignmentError, match=r"a\.ipynb: .*'R 4' \(language R\)"):
        Assignment.all_in(tmp_path, Config())


def test_a_missing_kernelspec_and_missing_cell_ids_are_no_obstacle(tmp_path):
    notebook = instructors(KINDS["generators"])
    notebook.metadata.clear()
    (tmp_path / "a.ipynb").write_text(json.dumps(notebook))
    assignment = Assignment.all_in(tmp_path, Config())["a"]
    assert assignment.metadata.kernelspec.language == "python"
    assert [cell.id for cell in assignment.cells] == ["cell-1", "cell-2"]


def test_the_release_follows_the_delimiters_and_the_stub_of_the_course(tmp_path):
    notebook = instructors(Kind({"a-x": "y = 0\n#<\nx = 1\n#>", "t-x": "#[\nx\n#]\nx"}, {}, {}))
    (tmp_path / "a.ipynb").write_text(json.dumps(notebook))
    config = Config()
    config.ClearSolutions.begin_solution_delimeter = "#<"
    config.ClearSolutions.end_solution_delimeter = "#>"
    config.ClearSolutions.code_stub = {"python": "..."}
    config.ClearHiddenTests.begin_test_delimeter = "#["
    config.ClearHiddenTests.end_test_delimeter = "#]"
    released = Assignment.all_in(tmp_path, config)["a"].released_cells()
    assert [cell.source for cell in released] == ["y = 0\n...", "x"]
