"""nbgrader's own commands: scores, comments, the exchange, and nothing but what we have copied."""

import os
import re
import shutil
import subprocess
import sys

import nbformat
import pytest
from nbgrader.apps import NbGraderAPI
from nbgrader.converters import Autograde
from nbgrader.coursedir import CourseDirectory

from autograder.course.folder import Course, load_config
from autograder.submission.files import TIMESTAMP
from tests.support import courses
from tests.support.mistakes import EXERCISES, MISTAKES, WITHOUT_LINES

NAME = courses.ASSIGNMENT
RIGHT = [10, 10, 10]
MEASURED = (
    "import resource, sys; from nbgrader.apps import NbGraderApp;"
    "resource.setrlimit(resource.RLIMIT_FSIZE, (10**8, 10**8));"
    "sys.argv[0] = 'nbgrader';"
    "import atexit; atexit.register(lambda: print(open('/proc/self/status').read()));"
    "NbGraderApp.launch_instance()"
)


def autograde(course, *arguments):
    command = [sys.executable, "-c", MEASURED, "autograde", NAME, *arguments]
    return subprocess.run(command, cwd=course, capture_output=True, text=True)


@pytest.fixture(scope="module")
def graded(course_template, tmp_path_factory):
    """A course in which nbgrader has graded what it would choke on, follow, or print."""
    course = courses.copy_of(course_template, tmp_path_factory.mktemp("odd") / "course")
    honest = courses.hand_in(course, "honest", courses.answers())
    (honest.parent / "data.csv").write_text("1,2\n")
    (honest.parent / TIMESTAMP).write_text("2026-03-02 09:00:00 UTC")
    many = courses.hand_in(course, "many", courses.answers()).parent
    (many / "many").mkdir()
    for number in range(4_000):
        (many / "many" / f"{number}.txt").touch()
        (many / f"{number}.ipynb").touch()
    sparse = courses.hand_in(course, "sparse", courses.answers()).parent
    with open(sparse / "data.csv", "wb") as file:
        file.truncate(2_000_000_000)
    deep = courses.hand_in(course, "deep", courses.answers()).parent
    (deep / "stolen.py").symlink_to(course / "source" / NAME / f"{NAME}.ipynb")
    (deep / "gradebook.txt").symlink_to(course / "gradebook.db")
    (deep / "source").symlink_to(course / "source")
    far = os.open(deep, os.O_RDONLY)
    for _ in range(20):  # longer than any path may be
        os.mkdir("d" * 250, dir_fd=far)
        below = os.open("d" * 250, os.O_RDONLY, dir_fd=far)
        os.close(far)
        far = below
    os.close(far)
    names = courses.hand_in(course, "esc\x1b[2J", courses.answers())
    forged = "x\x1b[2J\n[AutogradeApp | INFO] ada: 10 points.ipynb"
    names.with_name(forged).write_text("{}")
    (names.parent / forged).with_suffix(".txt").write_text("")
    for page in ("page.HTML", "p.xhtml", "pic.svg"):
        (names.parent / page).write_text("<script>alert(1)</script>")
    (names.parent / "[a]").mkdir()
    (names.parent / "[a]" / "page.html").write_text("<script>alert(1)</script>")
    before = sorted(map(str, course.glob("submitted/*/*/*")))
    result = autograde(course)
    assert sorted(map(str, course.glob("submitted/*/*/*"))) == before
    yield course, result
    subprocess.run(["rm", "-r", course], check=True)  # pytest cannot


def test_what_stands_beside_a_notebook_stops_nobody(graded):
    course, result = graded
    assert result.returncode == 1, result.stderr  # on account of the name with an escape
    assert courses.scores(course) == dict.fromkeys(("honest", "many", "sparse", "deep"), RIGHT)


def test_thousands_of_files_and_sparse_ones_are_not_copied(graded):
    course, result = graded  # in a process that cannot write files of more than 100 MB
    assert (course / "autograded" / "honest" / NAME / "data.csv").read_text() == "1,2\n"
    assert len(list((course / "autograded" / "many").rglob("*"))) < 150
    assert not (course / "autograded" / "sparse" / NAME / "data.csv").exists()
    assert int(re.search(r"VmHWM:\s+(\d+) kB", result.stdout)[1]) < 300_000


def test_no_link_is_followed_and_no_page_kept(graded):
    course, _ = graded
    kept = {path.name for path in (course / "autograded" / "deep" / NAME).iterdir()}
    assert not kept & {"stolen.py", "gradebook.txt", "source", "d" * 250}
    pages = [path for path in (course / "autograded").rglob("*") if "page." in path.name]
    assert pages == []
    suffixes = {path.suffix for path in (course / "autograded").rglob("*") if path.is_file()}
    assert suffixes <= {".ipynb", ".py", ".txt", ".csv", ".toml", ".npz"}


def test_what_was_left_out_is_named_to_all_who_look(graded):
    course, result = graded
    (comment, *_) = courses.comments(course)["deep"]
    assert "gradebook.txt" in comment and "stolen.py" in comment
    assert "sparse: Not all that was handed in beside the notebook could be used" in result.stderr


def test_no_name_steers_the_terminal_or_forges_a_line(graded):
    _, result = graded
    assert "esc\N{REPLACEMENT CHARACTER}[2J" in result.stderr
    assert "\x1b" not in result.stdout + result.stderr
    assert "\n[AutogradeApp | INFO] ada" not in result.stderr


def test_a_name_that_nbgrader_cannot_read_stops_nobody_else(course):
    for student in ("ada", "new\nline", "zoe"):
        courses.hand_in(course, student, courses.answers())
    result = autograde(course)
    assert courses.scores(course) == {"ada": RIGHT, "zoe": RIGHT}
    assert "new\N{REPLACEMENT CHARACTER}line" in result.stderr


def test_odd_time_stamps_of_second_submissions_are_named(course):
    stamps = {
        name: courses.hand_in(course, name, courses.answers()).parent / TIMESTAMP
        for name in ("pipe", "huge", "garbage")
    }
    os.mkfifo(stamps["pipe"])
    with stamps["huge"].open("wb") as file:
        file.truncate(3_000_000_000)
    stamps["garbage"].write_text("99999999999999999999999999999910h36m28.5s")
    for name in stamps:  # nbgrader compares their time stamps
        (course / "autograded" / name / NAME).mkdir(parents=True)
    courses.hand_in(course, "bela", courses.answers())
    assert autograde(course).returncode == 0
    assert courses.scores(course) == {"bela": RIGHT}

    result = autograde(course, "--force")
    assert result.returncode == 0
    for name in stamps:
        assert re.search(f"{name}: Not all that was handed in .*: {TIMESTAMP}", result.stderr)
        assert TIMESTAMP in courses.comments(course)[name][0]
    assert courses.scores(course) == dict.fromkeys((*stamps, "bela"), RIGHT)
    assert int(re.search(r"VmHWM:\s+(\d+) kB", result.stdout)[1]) < 300_000


def test_a_link_in_the_place_of_a_submission_shows_nothing(course, monkeypatch):
    """While nbgrader is at work, somebody puts a link in the place of the submission."""
    private = course / "private"
    private.mkdir()
    for name in ("solution.py", f"{NAME}.ipynb"):
        (private / name).write_text("print('the solution')")
    folder = courses.hand_in(course, "ada", courses.answers()).parent
    read = Course.read

    def swap_and_read(*arguments):
        shutil.rmtree(folder)
        folder.symlink_to(private)
        return read(*arguments)

    monkeypatch.setattr(Course, "read", swap_and_read)
    directory = CourseDirectory(config=load_config(course), assignment_id=NAME)
    Autograde(coursedir=directory, config=directory.config).start()
    assert not (course / "autograded" / "ada" / NAME / "solution.py").exists()
    assert courses.scores(course) == {"ada": [0, 0, 0]}  # and a person has to look
    notebook = course / "autograded" / "ada" / NAME / f"{NAME}.ipynb"
    assert "links are not followed" in notebook.read_text()


def test_formgraders_course_stays_as_it_is(course):
    courses.hand_in(course, "ada", courses.answers())
    directory = CourseDirectory(config=load_config(course))
    api = NbGraderAPI(coursedir=directory, config=directory.config)
    assert api.autograde(NAME, "ada")["success"]
    assert api.coursedir is directory and directory.submitted_directory == "submitted"
    assert courses.scores(course) == {"ada": RIGHT}
    (submission,) = api.get_submissions(NAME)
    assert submission["autograded"]


# The whole way of ordinary submissions

# The programs that students really hand in; test_diagnosis.py tries many more, without nbgrader.
COMMON = [
    *("untouched", "wrong-name", "transposed", "bias-flat", "missing-layer", "return-in-loop"),
    *("keys-from-zero", "prints", "hard-coded-dims", "mutates-input", "uniform", "no-seed"),
    *("xavier", "fan-out", "large-scale-kept"),
]


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


def test_the_untouched_release_scores_nothing_and_gets_help(course):
    path = courses.submission_path(course, "new")
    path.parent.mkdir(parents=True)
    shutil.copy(courses.released(course), path)
    assert autograde(course).returncode == 0
    assert courses.scores(course) == {"new": [0, 0, 0]}
    for comment in courses.comments(course)["new"]:
        assert "empty dictionary" in comment and "Hint: " in comment


def test_stock_nbgrader_runs_the_untouched_release_with_messages(course):
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


def test_odd_names_of_folders_and_students_work(course_template, tmp_path):
    course = courses.copy_of(course_template, tmp_path / "Mañana — a курс")
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
    desk = tmp_path / "desk of ada"
    desk.mkdir()
    config = (course / "nbgrader_config.py").read_text()
    (desk / "nbgrader_config.py").write_text(
        config
        + f"c.Exchange.root = {str(course / 'exchange')!r}\n"
        + f"c.Exchange.cache = {str(tmp_path / 'ada' / 'cache')!r}\n"
        + "c.CourseDirectory.student_id = 'ada'\n"
    )
    nbgrader(desk, "fetch_assignment", "Initialization", user="ada")
    notebook = desk / "Initialization" / "Initialization.ipynb"
    nbformat.write(courses.fill_in(notebook, courses.answers(he="x = 1")), notebook)
    nbgrader(desk, "submit", "Initialization", user="ada")

    # The "student" is this user, which nbgrader would warn of.
    nbgrader(course, "collect", "Initialization", "--ExchangeCollect.check_owner=False")
    courses.grade(course)
    assert courses.scores(course) == {"ada": [10, 10, 0]}
    nbgrader(course, "generate_feedback", "Initialization")
    nbgrader(course, "release_feedback", "Initialization")
    nbgrader(desk, "fetch_feedback", "Initialization", user="ada")
    assert len(list(desk.glob("Initialization/feedback/*/Initialization.html"))) == 1
