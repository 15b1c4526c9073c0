"""The whole way with nbgrader's own commands: scores, comments, the exchange, odd names."""

import shutil

import nbformat
import pytest

from tests.support import courses
from tests.support.mistakes import EXERCISES, MISTAKES, RIGHT_ANSWERS, WITHOUT_LINES

# The programs that students really hand in; test_diagnoses.py tries many more, without nbgrader.
COMMON = [
    *("untouched", "wrong-name", "transposed", "bias-flat", "bias-row", "missing-layer"),
    *("return-in-loop", "keys-from-zero", "keys-integer", "keys-lower-case", "prints"),
    *("returns-list", "lists", "tuple-argument", "hard-coded-dims", "mutates-input"),
    *("global-name", "uniform", "scale-missing", "scale-small", "no-seed", "other-seed"),
    *("reseeded", "extra-draw-first", "extra-draw-between", "nonzero-bias", "xavier", "fan-out"),
    *("root-missing", "divided", "large-scale-kept"),
]


def autograde(course, *arguments):
    return courses.run(course, "nbgrader", "autograde", "Initialization", *arguments)


def common_mistakes():
    by_name = {(mistake.name, mistake.exercise): mistake for mistake in MISTAKES}
    names = {mistake.name for mistake in MISTAKES}
    assert names.issuperset(COMMON)
    # One exercise for each mistake, in turns, for the sake of time.
    for number, name in enumerate(COMMON):
        found = [by_name[name, e] for e in EXERCISES if (name, e) in by_name]
        yield found[number % len(found)]


def test_each_mistake_costs_its_own_points_and_is_named(course):
    mistakes = {f"{m.name}.{m.exercise}": m for m in common_mistakes()}
    for student, mistake in mistakes.items():
        courses.hand_in(course, student, courses.answers(**{mistake.exercise: mistake.source}))
    result = autograde(course)
    assert result.returncode == 0, result.stderr
    assert "Traceback" not in result.stderr and "Warning" not in result.stderr

    scores, comments = courses.scores(course), courses.comments(course)
    for student, mistake in mistakes.items():
        expected = [0 if exercise == mistake.exercise else 10 for exercise in EXERCISES]
        assert scores[student] == expected, student
        comment = comments[student][EXERCISES.index(mistake.exercise)]
        codes = {mistake.code, WITHOUT_LINES.get(mistake.code)}
        assert any(f"[{code}]" in comment for code in codes), student
        assert "Hint: " in comment


def test_right_answers_in_many_styles_get_full_marks(course):
    assert len(RIGHT_ANSWERS) >= 6
    for number, source in enumerate(RIGHT_ANSWERS.values()):
        courses.hand_in(course, f"student{number}", source)
    assert autograde(course).returncode == 0
    assert set(map(tuple, courses.scores(course).values())) == {(10, 10, 10)}


def test_the_untouched_release_scores_nothing_and_gets_help(course):
    path = courses.submission_path(course, "new")
    path.parent.mkdir(parents=True)
    shutil.copy(courses.released(course), path)
    assert autograde(course).returncode == 0
    assert courses.scores(course) == {"new": [0, 0, 0]}
    for comment in courses.comments(course)["new"]:
        assert "empty dictionary" in comment and "Hint: " in comment


def test_the_untouched_release_runs_with_helpful_messages_under_stock_nbgrader(course):
    courses.stock_config(course)
    path = courses.submission_path(course, "new")
    path.parent.mkdir(parents=True)
    shutil.copy(courses.released(course), path)
    courses.hand_in(course, "solved", courses.answers())
    for notebook in course.glob("submitted/*/*/*.ipynb"):
        leave_out_training(notebook)
    assert autograde(course).returncode == 0
    assert courses.scores(course) == {"new": [0, 0, 0], "solved": [10, 10, 10]}
    executed = nbformat.read(course / "autograded/new/Initialization/Initialization.ipynb", 4)
    for cell in executed.cells:
        if cell.id.startswith("test-"):
            *_, output = cell.outputs  # perhaps behind the box for Jupyter
            assert output.ename == "WrongAnswer"
            assert "Hint: " in "\n".join(output.traceback)


def leave_out_training(path):
    """Spare a test the minutes that the demonstrations take; no grade depends on them."""
    notebook = nbformat.read(path, as_version=4)
    notebook.cells = [
        cell for cell in notebook.cells if "demonstration" not in cell.metadata.get("tags", [])
    ]
    nbformat.write(notebook, path)


@pytest.mark.parametrize("folder", ["a course", "Mañana — курс"])
def test_odd_names_of_folders_and_students_work(course_template, tmp_path, folder):
    course = courses.copy_of(course_template, tmp_path / folder)
    students = ["o'brien", "nguyễn-văn-a", "a b", "x+y"]
    for student in students:
        courses.hand_in(course, student, courses.answers())
    assert autograde(course).returncode == 0
    assert courses.scores(course) == {student: [10, 10, 10] for student in students}
    feedback = courses.run(course, "nbgrader", "generate_feedback", "Initialization")
    assert feedback.returncode == 0, feedback.stderr
    assert len(list(course.glob("feedback/*/Initialization/Initialization.html"))) == len(students)


def test_the_exchange_carries_the_assignment_there_and_the_feedback_back(course, tmp_path):
    def nbgrader(folder, *arguments, user="instructor"):
        environment = courses.without(["JUPYTERHUB_USER"]) | {
            "HOME": str(tmp_path / user),
            "JUPYTERHUB_USER": user,
            "USER": user,
        }
        (tmp_path / user).mkdir(exist_ok=True)
        result = courses.run(folder, "nbgrader", *arguments, env=environment)
        assert result.returncode == 0, result.stderr
        assert "WARNING" not in result.stderr
        return result.stderr

    nbgrader(course, "release_assignment", "Initialization")
    desks = {}
    for student, solved in (("right", courses.answers()), ("wrong", courses.answers(he="x = 1"))):
        desk = desks[student] = tmp_path / f"desk of {student}"
        desk.mkdir()
        shutil.copy(course / "nbgrader_config.py", desk)
        config = (desk / "nbgrader_config.py").read_text()
        (desk / "nbgrader_config.py").write_text(
            config
            + f"c.Exchange.root = {str(course / 'exchange')!r}\n"
            + f"c.Exchange.cache = {str(tmp_path / student / 'cache')!r}\n"
            + f"c.CourseDirectory.student_id = {student!r}\n"
        )
        nbgrader(desk, "fetch_assignment", "Initialization", user=student)
        notebook = desk / "Initialization" / "Initialization.ipynb"
        nbformat.write(courses.fill_in(notebook, solved), notebook)
        nbgrader(desk, "submit", "Initialization", user=student)

    # Both "students" are this one user, which nbgrader would warn of.
    nbgrader(course, "collect", "Initialization", "--ExchangeCollect.check_owner=False")
    collected = sorted(path.name for path in (course / "submitted").iterdir())
    assert collected == sorted(desks)
    courses.grade(course)
    assert courses.scores(course) == {"right": [10, 10, 10], "wrong": [10, 10, 0]}
    nbgrader(course, "generate_feedback", "Initialization")
    nbgrader(course, "release_feedback", "Initialization")
    for student, desk in desks.items():
        nbgrader(desk, "fetch_feedback", "Initialization", user=student)
        pages = list(desk.glob("Initialization/feedback/*/Initialization.html"))
        assert len(pages) == 1
