"""Tests run outside the sandbox, in a child with limits, as new for each submission."""

import json
import time
from dataclasses import replace

import pytest
from traitlets.config import Config

from autograder.assignment import Assignment
from autograder.grading.examiner import Examiner
from autograder.grading.run import grade_submission
from autograder.limits import MEGABYTE, Limits
from autograder.sandbox.process import StudentError
from tests.support import small
from tests.support.kinds import Kind, instructors, submission

LIMITS = Limits(call_seconds=1, memory_bytes=500 * MEGABYTE)
EVIL = "\x1b]0;title\x07\x1b[2J\x00\u202e<script>alert(1)</script>\n\r"


class FailingStudent:
    """Stands for a student's process whose functions raise a given error."""

    limits = LIMITS

    def __init__(self, error):
        self.error = error

    def functions(self, seconds):
        return {"initialize_parameters_he"}

    def call(self, name, arguments, seconds, keywords, seed):
        raise self.error


@pytest.mark.parametrize("name", [EVIL, "KeyError", "x" * 10**6, "WrongAnswer", ""])
def test_an_error_of_a_student_makes_a_short_harmless_message(name):
    error = StudentError(name, EVIL * 30_000, [(1, EVIL * 30_000), (10**9, "")])
    examiner = Examiner(small.make_assignment(), FailingStudent(error), lambda most: most, {}, [])
    ((verdict, _),) = examiner.examine(["test-he"], time.monotonic() + 10)
    assert not verdict.passed
    assert verdict.code in ("missing-key", "raises")
    assert len(verdict.message) < 2_000
    assert verdict.message.count("\n") <= 3
    assert all(c.isprintable() or c == "\n" for c in verdict.message)


def assignment_of(kind, tmp_path):
    for path, content in kind.files.items():
        (tmp_path / path).write_bytes(content)
    (tmp_path / "kind.ipynb").write_text(json.dumps(instructors(kind)))
    return Assignment.all_in(tmp_path, Config())["kind"]


def verdicts(assignment, kind, student, limits=LIMITS):
    notebook = json.dumps(submission(kind, student)).encode()
    return grade_submission(notebook, assignment, limits).facts.verdicts


def size(value):
    return {"a-size": f"def size():\n    return {value}"}


INSATIABLE = Kind(
    {
        **size(3),
        "a-twice": "def twice(x):\n    return 2 * x",
        "t-size": "import time\n"
        "n = size()\n"
        "while n == 1:\n    pass\n"
        "time.sleep(1_000 if n == 2 else 0)\n"
        "import re\nif n == 4:\n    re.match('(a+)+$', 'a' * 40 + 'b')\n"
        "assert len(bytearray(n)) == 3",
        "t-twice": "assert twice(4) == 8",
    },
    {
        "right": {},
        "loop": size(1),
        "waits": size(2),
        "takes gigabytes": size("10 ** 10"),
        "one call of C that takes years": size(4),
        "wrong": size(5),
    },
    {},
)


@pytest.mark.parametrize("student", INSATIABLE.students)
def test_a_test_that_takes_too_much_costs_its_own_exercise(student, tmp_path):
    found = verdicts(assignment_of(INSATIABLE, tmp_path), INSATIABLE, student, LIMITS)
    assert found["t-twice"].passed
    assert found["t-size"].passed == (student == "right")
    ended = student not in ("right", "wrong")
    assert (found["t-size"].code == "test-ended") == ended
    assert found["t-size"].message.startswith("The test itself ") == ended


EXITS = Kind(
    {
        "a-end": "def end():\n    return False",
        "t-end": "import sys, os\nif end() == 1:\n    sys.exit()\nif end() == 2:\n    os._exit(0)\n"
        "if end() == 3:\n    os.kill(os.getpid(), 9)",
        "t-other": "assert end() in range(9)",
    },
    {f"by way {way}": {"a-end": f"def end():\n    return {way}"} for way in range(1, 4)},
    {},
)


@pytest.mark.parametrize("student", EXITS.students)
def test_a_test_that_ends_its_process_costs_its_own_exercise(student, tmp_path):
    found = verdicts(assignment_of(EXITS, tmp_path), EXITS, student)
    assert [one.passed for one in found.values()] == [False, True]


MUTABLE = Kind(
    {
        "imports": "from cases import CASES, ordered",
        "a-sort": "def sort(values):\n    return sorted(values)",
        "t-sort": "assert all(ordered(sort(case)) for case in CASES)\nassert CASES[0] == [2, 1, 3]",
        "t-same": "assert sort(CASES[0]) == [1, 2, 3]",
    },
    {
        "in place": {"a-sort": "def sort(values):\n    values.sort()\n    return values"},
        "honest": {},
    },
    {},
    files={"cases.py": b"CASES = [[2, 1, 3]]\ndef ordered(x):\n    return x == sorted(x)"},
)


def test_what_one_answer_changes_in_the_tests_no_other_student_meets(tmp_path):
    assignment = assignment_of(MUTABLE, tmp_path)
    assert not verdicts(assignment, MUTABLE, "in place")["t-sort"].passed
    assert all(one.passed for one in verdicts(assignment, MUTABLE, "honest").values())


def test_modules_of_many_assignments_may_be_packages_and_read_data(tmp_path):
    for number in range(7):  # more than a worker keeps: the place of an old one is used again
        kind = Kind(
            {
                "a-name": "def name():\n    return 'Ada'",
                "t-name": f"from parts{number}.names import ALL\nassert name() in ALL",
            },
            {"right": {}},
            {},
        )
        package = f"parts{number}"
        names = f"import pkgutil\nALL = pkgutil.get_data('{package}.names', 'names.txt').decode()"
        files = {f"{package}/names.py": names.encode(), f"{package}/names.txt": b"Ada Bela"}
        assignment = replace(assignment_of(kind, tmp_path), files=files)
        assert verdicts(assignment, kind, "right")["t-name"].passed
