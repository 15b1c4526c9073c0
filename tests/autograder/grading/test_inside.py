"""Assignments of many kinds get the scores that nbgrader alone gives, whoever grades them."""

import contextlib
import json
import shutil
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import nbgrader
import pytest
from nbgrader.utils import determine_grade, is_grade
from traitlets.config import Config

from autograder.assignment import Assignment, AssignmentError
from autograder.config import Grading
from autograder.grading.calibration import Reason, calibrated, where_tests_run
from autograder.grading.run import grade_submission
from autograder.limits import Limits
from autograder.submission.files import read_attachments
from tests.support.courses import PROJECT
from tests.support.kinds import KINDS, STUB, Kind, instructors, submission

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
    assignment, reasons = calibrated(assignment_of(kind, tmp_path), LIMITS, tmp_path)
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
    "patcher": {
        "a-total": "def total(values):\n    return 0\n"
        "get_ipython().input_transformers_cleanup.append(lambda lines: ['pass\\n'])"
    },
    "liar": {"a-total": CHEAT + PATCH + "\nsum_of_three = Agrees()"},
    "spy": {
        "a-total": "import inspect\nsum_of_three = 3\ndef total(values):\n"
        "    print(get_ipython().user_ns['In'][-1])\n    raise ValueError(str(values))"
    },
}
MIXED = Kind(TOTAL, STUDENTS, {}, {"t-inside"})


LIMITED = Kind(
    {
        "a-count": "numbers = [1, 2]\ndef count():\n    return len(numbers)",
        "t-count": "assert numbers and count() == 2",
        "t-environment": "import os\nassert os.environ['NBGRADER_EXECUTION'] == 'autograde'",
    },
    {
        "right": {},
        "loops": {
            "a-count": "import time\nnumbers = [1]\ndef count():\n    while True:\n"
            "        time.sleep(0.1)"
        },
        "endless": {"a-count": "while True:\n    pass"},
        "tampers": {
            "a-count": "from IPython.core.interactiveshell import InteractiveShell\n"
            "InteractiveShell.showtraceback = lambda *_, **__: None\nnumbers = []"
        },
    },
    {"right": [2, 2], "loops": [0, 2], "endless": [0, 2], "tampers": [0, 2]},
)
RIGHT = "x = [1, 2]\ny = 5"
AUTOTESTS = Path(nbgrader.__file__).parent / "tests/apps/files/autotests.yml"
RESULT = {
    "output_type": "execute_result",
    "data": {"text/plain": "0.5", "text/html": "<script>"},
    "execution_count": 7,
    "metadata": {},
}
SHORT = replace(LIMITS, cell_seconds=1)


@pytest.fixture(scope="module")
def limited(tmp_path_factory):
    """An assignment with tests inside."""
    folder = tmp_path_factory.mktemp("m")
    return calibrated(assignment_of(LIMITED, folder), SHORT, folder)[0]


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """An assignment with one test outside and one inside, and why."""
    folder = tmp_path_factory.mktemp("mixed")
    return calibrated(assignment_of(MIXED, folder), LIMITS, folder)


def test_the_reason_for_running_inside_is_said_in_words(mixed):
    assert mixed[1] == {"t-inside": Reason("variable", "sum_of_three")}
    outside, warning, inside = where_tests_run({"t-outside": None} | mixed[1])
    assert "t-outside" in outside and "student code can read or change" in warning
    assert inside.strip() == (
        "t-inside: uses the variable sum_of_three. To have it outside, ask for a function that "
        "returns the value, and test that."
    )


@pytest.mark.parametrize("student", ["patcher", "liar"])
def test_a_cheat_gets_points_inside_only(mixed, student):
    """One lets IPython run no later cell; an object of the other one agrees with everything."""
    assert scores(grade(mixed[0], submission(MIXED, student))) == [0, 2]


def test_what_a_student_is_shown_comes_from_a_run_without_hidden_tests(mixed):
    graded = grade(mixed[0], submission(MIXED, "spy"))
    assert scores(graded) == [0, 0]
    shown = json.dumps(graded.notebook)
    assert "secret" not in shown
    assert "40, 2" not in shown
    assert graded.facts.verdicts["t-inside"].code == "hidden-test-failed"


@pytest.mark.parametrize("student", LIMITED.students)
def test_loops_and_tampered_outputs_inside_cost_their_own_points(limited, student):
    notebook = json.dumps(submission(LIMITED, student)).encode()
    graded = grade_submission(notebook, limited, SHORT)
    assert scores(graded) == LIMITED.scores[student]
    said = graded.facts.verdicts["t-count"]
    assert ("ran longer than 1 s" in said.message) == (student == "loops")


def test_the_time_for_a_cell_is_that_of_nbgrader():
    config = Config()
    config.Execute.timeout = 2
    limits = Grading(config=config).limits()
    assert (limits.cell_seconds, limits.call_seconds) == (2, 2)
    config.Execute.timeout = 500
    limits = Grading(config=config).limits()
    assert limits.total_seconds > limits.first_pass_seconds >= limits.cell_seconds == 500


def test_what_a_student_hands_in_is_there_and_ours_stays(tmp_path):
    kind = Kind(
        {
            "a-use": "import mine\nuse = mine.x",
            "t-use": "import ours, own\nassert use == own.y == 3\nassert ours.z == 5",
        },
        {"s": {}},
        {},
        files={"mine.py": b"x = 3", "own.py": b"y = 3", "ours.py": b"z = 5"},
    )
    assignment_of(kind, tmp_path)
    config = Config()
    config.Autograde.exclude_overwriting = {tmp_path.name: ["mine.py"]}
    assignment, reasons = calibrated(Assignment.all_in(tmp_path, config)["kind"], LIMITS, tmp_path)
    assert set(reasons) == {"t-use"}
    theirs = tmp_path / "submitted/s/k"
    (theirs / "extra").mkdir(parents=True)
    for path, source in {"mine.py": "from extra.more import x", "extra/more.py": "x = 3"}.items():
        (theirs / path).write_text(source)
    # Python would import a package in the place of a module with the same name.
    odd = ["link.py", "ours/__init__.py", "own.py/in_the_way.py"]
    for path in ("ours.py", *odd[1:], "submission_secret.txt"):
        (theirs / path).parent.mkdir(exist_ok=True)
        (theirs / path).write_text("raise SystemError")
    (theirs / "link.py").symlink_to(tmp_path / "kind.ipynb")
    handed_in, left_out = read_attachments(theirs, assignment)
    assert set(handed_in) == {"mine.py", "extra/more.py"}
    assert left_out == odd
    notebook = json.dumps(submission(kind, "s")).encode()
    graded = grade_submission(notebook, assignment, LIMITS, handed_in=handed_in)
    assert scores(graded) == [2]
    assert scores(grade_submission(notebook, assignment, LIMITS, handed_in={})) == [2]
    handed_in["mine.py"] = b"x = 4"
    assert scores(grade_submission(notebook, assignment, LIMITS, handed_in=handed_in)) == [0]


def test_a_test_of_a_file_that_students_change_runs_inside(tmp_path):
    """Outside, the instructor's own file would be tested."""
    kind = Kind({"a-x": "x = 1", "t-x": "import mine\nassert mine.x == 3"}, {}, {})
    kind = replace(kind, files={"mine.py": b"x = 3"})
    assignment = replace(assignment_of(kind, tmp_path), declared=frozenset({"mine.py"}))
    assert calibrated(assignment, LIMITS, tmp_path)[1] == {"t-x": Reason("imports", "mine")}


def test_without_execution_the_saved_outputs_decide(tmp_path):
    kind = KINDS["partial"]
    assignment = assignment_of(kind, tmp_path)
    notebook = submission(kind, "right")
    notebook.cells[0].outputs = [
        {"output_type": "display_data", "metadata": {}, "data": {"text/html": "<script>"}},
        {"output_type": "nonsense"},
        "nonsense",
    ]
    for saved, score in (([], 2), ([{"output_type": "error"}], 0), ([RESULT], 0.5)):
        notebook.cells[1].outputs = saved
        data = json.dumps(notebook).encode()
        graded = grade_submission(data, assignment, LIMITS, execute=False)
        assert scores(graded) == [score]
        assert "script" not in json.dumps(graded.notebook)


READ = """
import sys
from traitlets.config import Config
from autograder.assignment import Assignment
config = Config()
config.CourseDirectory.root = sys.argv[1]
notebooks = Assignment.all_in(sys.argv[1] + "/source/k", config)
sys.stdout.buffer.write(notebooks["kind"].notebook)
"""


def test_cells_that_autotest_writes_are_graded(tmp_path):
    kind = Kind({"a-x": RIGHT, "t-x": "### AUTOTEST x\n### HASHED AUTOTEST y"}, {}, {})
    source = tmp_path / "source/k"
    source.mkdir(parents=True)
    shutil.copy(AUTOTESTS, tmp_path)
    (source / "kind.ipynb").write_text(json.dumps(instructors(kind)))
    # In a process of its own, because nbgrader leaves sockets of its kernel open.
    read = subprocess.run(
        [sys.executable, "-c", READ, str(tmp_path)], cwd=PROJECT, capture_output=True, check=True
    )
    assignment, _ = calibrated(Assignment(read.stdout, {}), LIMITS, tmp_path)
    assert "AUTOTEST" not in assignment.released_cells()[1].source
    notebook = json.loads(assignment.released())
    for answer, score in ((RIGHT, 2), (RIGHT.replace("5", "6"), 0), (STUB, 0)):
        notebook["cells"][0]["source"] = answer
        assert scores(grade(assignment, notebook)) == [score]


def test_a_solution_that_fails_its_own_test_costs_that_test_only(tmp_path):
    kind = Kind(
        {
            "a-x": "x = 1\ndef f():\n    return 2",
            "t-x": "assert x == 2, 'x is not 2'",
            "t-f": "assert f() == 2",
        },
        {"right": {}, "passes": {"a-x": "x = 2\ndef f():\n    return 2"}},
        {"right": [0, 2], "passes": [2, 2]},
    )
    assignment, reasons = calibrated(assignment_of(kind, tmp_path), LIMITS, tmp_path)
    assert reasons == {"t-x": Reason("solution-fails", "AssertionError: x is not 2")}
    assert "x is not 2" in where_tests_run({"t-f": None} | reasons)[-1]
    for student, expected in kind.scores.items():
        graded = grade(assignment, submission(kind, student))
        assert scores(graded) == expected
        by_hand = [cell.metadata.autograder.get("by_hand") for cell in graded.notebook.cells]
        assert by_hand == [None, True, False]
        said = graded.facts.verdicts["t-x"].hint
        assert ("a person looks at your answer" in said) == (student == "right")


ASKS = "from urllib.request import urlopen\ndata = urlopen('http://127.0.0.1:{}').read()"
COUNT = {"a-x": "def f():\n    return len(data)", "t-x": "assert f() == 5"}


def serve(server):
    with contextlib.suppress(OSError):  # it is closed at the end
        while True:
            with server.accept()[0] as connection:
                connection.recv(1_000)
                connection.sendall(b"HTTP/1.0 200 OK\r\n\r\nhello")


@pytest.mark.parametrize("network", [True, False])
def test_where_the_network_is_allowed_a_test_runs_inside_with_it(network, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, args=[server], daemon=True).start()
        kind = Kind({"g": ASKS.format(server.getsockname()[1]), **COUNT}, {"right": {}}, {})
        assignment = replace(assignment_of(kind, tmp_path), network=network)
        assignment, reasons = calibrated(assignment, LIMITS, tmp_path)
        (verdict,) = grade(assignment, submission(kind, "right")).facts.verdicts.values()
    assert verdict.passed == (reasons["t-x"] == Reason("network")) == network
    assert network or (verdict.code == "no-network" and "NameError" in verdict.case)


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
