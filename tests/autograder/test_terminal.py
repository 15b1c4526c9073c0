"""What `grade` prints."""

from types import SimpleNamespace

from autograder import terminal
from autograder.course.batch import Outcome
from autograder.facts import Verdict

RIGHT = Verdict(True, message="All tests passed.")
TESTS = [("Initialization", f"test-{exercise}") for exercise in ("zeros", "random", "he")]


def test_the_table_of_300_students_has_a_line_for_each_on_80_columns(capsys, monkeypatch):
    wrong = Verdict(False, "weights-and-biases-swapped", "W and b are exchanged.", "More", "x")
    students = [f"s{i:03}.with.the.address@university.example" for i in range(300)]
    scores = {student: dict(zip(TESTS, (10, 7.25, 0), strict=True)) for student in students}
    course = SimpleNamespace(
        assignment_id="Initialization",
        tests=TESTS,
        modes={},
        label=lambda notebook, test: test,
        scores=lambda: scores,
    )
    verdicts = dict(zip(TESTS, (RIGHT, RIGHT, wrong), strict=True))
    monkeypatch.setenv("COLUMNS", "80")
    terminal.print_table(course, [Outcome(student, verdicts=verdicts) for student in students])
    _, *table, sentence = capsys.readouterr().out.splitlines()
    rows = [line for line in table if "with.the.ad" in line]
    assert len(rows) == 300 == len(table) - 4
    assert max(map(len, table)) <= 80
    for row, student in zip(rows, students, strict=True):
        name, *numbers, remarks = (cell.strip() for cell in row.strip("│").split("│"))
        assert student.startswith(name.removesuffix("…")) and len(name) > 12
        assert numbers == ["10", "7.25", "0", "17.25"]
        assert wrong.code.startswith(remarks.removesuffix("…")) and len(remarks) > 12
    assert sentence.strip() == "300 x weights-and-biases-swapped: W and b are exchanged."
