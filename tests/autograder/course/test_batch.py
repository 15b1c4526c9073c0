"""Grade whole courses: every kind of submission, interruptions, and the same as nbgrader alone."""

import functools
import gc
import os
import re
import shutil
import signal
import subprocess
import sys

import nbformat
import psutil
import pytest
from nbgrader.api import Gradebook

from autograder.cli import main
from autograder.course.batch import grade_course, new_submissions, only_grader
from autograder.course.folder import Course
from autograder.course.recorder import Recorder
from autograder.grading.run import Graded
from autograder.sandbox import fork_server
from tests.support import courses

WRONG_HE = courses.answers(he="def initialize_parameters_he(layers_dims):\n    return {}")
ODD_NAMES = ["o'brien", "nguyễn-văn-a", "a b", "[1-3]", "*", "100%"]
DROPPED_BY_NBGRADER = ["renamed", "two-notebooks", "nothing", "[1-3]", "*"]
UNREADABLE = {
    "garbage": "a web page",
    "folder": "not a regular file",
    "linked-notebook": "links are not followed",
    "linked-folder": "links are not followed",
    "two-notebooks": "there is no file Initialization.ipynb",
    "nothing": "there is no file Initialization.ipynb",
}


def hand_in_everything(course):
    """One submission of each kind that nbgrader or we treat in a special way."""
    right = courses.hand_in(course, "right", courses.answers())
    courses.hand_in(course, "wrong", WRONG_HE)
    for student in ODD_NAMES:
        courses.hand_in_file(course, student, right.read_bytes())
    renamed = courses.hand_in_file(course, "renamed", right.read_bytes())
    renamed.rename(renamed.with_name("Initialization (1).ipynb"))
    courses.hand_in_file(course, "garbage", b"<html>Please log in</html>")
    courses.submission_path(course, "folder").mkdir(parents=True)
    linked = courses.submission_path(course, "linked-notebook")
    linked.parent.mkdir(parents=True)
    linked.symlink_to(course / "source/Initialization/Initialization.ipynb")
    (course / "submitted/linked-folder").mkdir()
    (course / "submitted/linked-folder/Initialization").symlink_to(course / "source/Initialization")
    for name in ("a.ipynb", "b.ipynb"):
        path = courses.hand_in_file(course, "two-notebooks", right.read_bytes())
        path.rename(path.with_name(name))
    courses.submission_path(course, "nothing").parent.mkdir(parents=True)
    (course / "submitted/right/notes.txt").write_text("not a submission")
    (course / "submitted/.DS_Store").write_text("")


@pytest.fixture(scope="module")
def graded(course_template, tmp_path_factory):
    """A course with everything in it after ``python -m autograder grade``, and what that said."""
    course = courses.copy_of(course_template, tmp_path_factory.mktemp("graded") / "course")
    hand_in_everything(course)
    program = (
        "import sys; from autograder.cli import main; code = main(sys.argv[1:]); "
        "print(open('/proc/self/status').read()); sys.exit(code)"
    )
    arguments = ["grade", "--course", str(course), "--jobs", "2"]
    result = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=courses.PROJECT,
        capture_output=True,
        text=True,
    )
    return course, result


@pytest.fixture
def quick(course, right_result):
    """A course of two, graded without running anything."""
    for student in ("ada", "bela"):
        courses.hand_in_file(course, student, b"not looked at")
    grade_quickly(course, right_result)
    return course


def grade_quickly(folder, result, **options):
    """Record the same result for each new submission."""
    course = Course(folder, courses.ASSIGNMENT)
    return grade_course(course, new_submissions(course), courses.canned_workers(result), **options)


def is_new(folder):
    return [s.student for s in new_submissions(Course(folder, courses.ASSIGNMENT))]


def autograded(folder, student):
    return folder / "autograded" / student / courses.ASSIGNMENT / f"{courses.ASSIGNMENT}.ipynb"


def stamp(folder, student, time):
    (courses.submission_path(folder, student).parent / "timestamp.txt").write_text(time)


def test_every_readable_submission_gets_its_points(graded):
    course, _ = graded
    scores = courses.scores(course)
    for student in ["right", "renamed", *ODD_NAMES]:
        assert scores[student] == [10, 10, 10], student
    assert scores["wrong"] == [10, 10, 0]


def test_a_test_that_the_solution_fails_is_left_to_a_person(course):
    source = course / "source/Initialization/Initialization.ipynb"
    notebook = nbformat.read(source, 4)
    (cell,) = [
        c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == "test-he"
    ]
    cell.source += "\nassert initialize_parameters_he([2, 1]) == {}, 'edited in a hurry'"
    source.unlink()
    nbformat.write(notebook, source)
    courses.hand_in(course, "ada", courses.answers())
    result = courses.grade(course)
    assert result.returncode == 1 and not result.stderr
    (line,) = [one for one in result.stdout.splitlines() if "  test-he: fails with" in one]
    assert "edited in a hurry" in line
    scores = [10, 10, 0]
    assert courses.scores(course)["ada"] == scores
    with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        marked = {
            one.name
            for one in gradebook.find_submission(courses.ASSIGNMENT, "ada").notebooks[0].grades
            if one.needs_manual_grade
        }
    assert marked == {"test-he"}


def test_what_cannot_be_read_gets_no_points_and_is_reported_by_name(graded):
    course, result = graded
    assert result.returncode == 1
    for student, reason in UNREADABLE.items():
        assert courses.scores(course)[student] == [0, 0, 0], student
        (line,) = [line for line in result.stdout.splitlines() if f"] {student}: " in line]
        assert reason in line


def test_the_table_shows_points_mistakes_and_repairs(graded):
    _, result = graded
    table = {row.split("│")[1].strip(): row for row in result.stdout.splitlines() if "│" in row}
    assert [cell.strip() for cell in table["wrong"].split("│")[2:6]] == ["10", "10", "0", "20"]
    assert "never-stored" in table["wrong"]
    assert [cell.strip() for cell in table["garbage"].split("│")[2:6]] == ["0", "0", "0", "0"]
    assert set(table) >= set(courses.scores(graded[0]))


def test_nothing_is_left_half_done(graded):
    courses.assert_sound(graded[0])


def test_links_were_not_followed(graded):
    course, _ = graded
    for student in ("linked-notebook", "linked-folder"):
        assert "BEGIN SOLUTION" not in autograded(course, student).read_text()
        assert not list((course / "autograded" / student).rglob("*.ipynb.note.txt"))


def test_nothing_is_graded_twice(graded, capsys):
    course, _ = graded
    before = autograded(course, "right").stat().st_mtime_ns
    assert main(["grade", "--course", str(course)]) == 0
    assert "Nothing to grade" in capsys.readouterr().out
    assert autograded(course, "right").stat().st_mtime_ns == before


def test_where_nothing_is_new_no_sandbox_is_needed(graded, tmp_path, monkeypatch):
    course, _ = graded
    monkeypatch.setenv("PATH", str(tmp_path))  # without bubblewrap
    monkeypatch.setattr(
        fork_server, "fork_servers", fork_server.ForkServers()
    )  # as in a new process
    assert main(["grade", "--course", str(course)]) == 0
    assert main(["grade", "--course", str(course), "--force", "right"]) == 2


def test_without_warm_sandboxes_one_line_says_what_that_costs(course, capsys, cold):
    courses.hand_in_file(course, "ada", b"[]")
    assert main(["grade", "--course", str(course)]) == 1
    said = capsys.readouterr().err.splitlines()
    assert sum("about half a second more for each submission" in line for line in said) == 1


def test_the_students_named_are_graded_again_by_force(course, capsys):
    for student in ("ada", "bela"):
        courses.hand_in_file(course, student, b"[]")
    assert main(["grade", "--course", str(course)]) == 1
    capsys.readouterr()
    assert main(["grade", "--course", str(course), "--force", "bela"]) == 1
    output = capsys.readouterr().out
    assert "[1/1] bela: " in output and "ada" not in output


def test_nbgrader_alone_gives_the_same_scores_comments_and_notebooks(graded, tmp_path):
    ours, _ = graded
    theirs = tmp_path / "theirs"
    shutil.copytree(ours, theirs, symlinks=True)
    shutil.rmtree(theirs / "autograded")
    for student in DROPPED_BY_NBGRADER:
        shutil.rmtree(theirs / "submitted" / student)
    with Gradebook(f"sqlite:///{theirs / 'gradebook.db'}", "initialization") as gradebook:
        for student in list(gradebook.students):
            gradebook.remove_student(student.id)
    result = courses.run(theirs, "nbgrader", "autograde", courses.ASSIGNMENT)
    assert result.returncode == 0, result.stderr

    compared = set(courses.scores(ours)).difference(DROPPED_BY_NBGRADER)
    assert courses.scores(theirs) == {name: courses.scores(ours)[name] for name in compared}
    # nbgrader has replaced links by notes before we see the folder: other words for the same.
    compared -= {"linked-notebook", "linked-folder"}
    for student in compared:
        assert courses.comments(theirs)[student] == courses.comments(ours)[student]
        # Cells that a repair inserted have ids drawn at random.
        notebooks = [nbformat.read(autograded(folder, student), 4) for folder in (ours, theirs)]
        for notebook in notebooks:
            for cell in notebook.cells:
                cell.pop("id")
        assert notebooks[0] == notebooks[1], student
        files = [
            {
                (path.name, path.stat().st_mode)
                for path in autograded(folder, student).parent.iterdir()
            }
            for folder in (ours, theirs)
        ]
        assert files[0] == files[1], student


@pytest.mark.parametrize("time", ["2030-01-02 00:00:00 UTC", "2020-01-01 00:00:00 UTC"])
def test_another_version_is_graded_even_if_a_clock_went_wrong(course, right_result, time):
    courses.hand_in_file(course, "ada", b"not looked at")
    stamp(course, "ada", "2026-01-01 12:00:00 UTC")
    grade_quickly(course, right_result)
    assert is_new(course) == []
    stamp(course, "ada", time)
    assert is_new(course) == ["ada"]
    grade_quickly(course, right_result)
    assert is_new(course) == []


def test_a_version_that_arrives_while_the_older_one_is_graded_is_not_lost(course, right_result):
    for student in ("ada", "bela"):
        courses.hand_in_file(course, student, b"not looked at")
        stamp(course, student, "2026-01-01 12:00:00 UTC")

    def hand_in_again(outcome):
        stamp(course, "bela", "2026-01-01 12:00:01 UTC")
        courses.hand_in_file(course, "chidi", b"not looked at")

    grade_quickly(course, right_result, on_outcome=hand_in_again)
    assert is_new(course) == ["bela", "chidi"]


@pytest.mark.parametrize("time", ["", "yesterday", "2026-13-45", "\udcff", "2026" * 100])
def test_a_time_stamp_that_cannot_be_read_is_as_good_as_none(course, right_result, time):
    courses.hand_in_file(course, "ada", b"not looked at")
    path = courses.submission_path(course, "ada").with_name("timestamp.txt")
    path.write_bytes(time.encode(errors="surrogateescape"))
    grade_quickly(course, right_result)
    assert is_new(course) == []


def test_what_was_mended_by_hand_is_new_though_its_time_stamp_is_as_before(course, right_result):
    courses.hand_in_file(course, "ada", b"not looked at")
    stamp(course, "ada", "2026-01-01 12:00:00 UTC")
    grade_quickly(course, right_result)
    assert is_new(course) == []
    courses.submission_path(course, "ada").write_bytes(b"mended")
    assert is_new(course) == ["ada"]
    grade_quickly(course, right_result)
    assert is_new(course) == []


def test_a_name_that_hides_something_is_reported_and_not_graded(course, capsys):
    for student in ("ada", "esc\x1b[2J", "half\udcff"):
        courses.hand_in_file(course, student, b"[]")
    assert main(["grade", "--course", str(course)]) == 1
    said = capsys.readouterr()
    assert said.err.count("has a name that no submission may have. Rename it.") == 2
    assert "\x1b" not in said.out + said.err
    assert courses.scores(course).keys() == {"ada"}


def test_an_assignment_that_cannot_be_graded_costs_no_other_one(course, capsys):
    courses.hand_in_file(course, "ada", b"[]")
    (course / "source/broken").mkdir()
    (course / "source/broken/broken.ipynb").write_text("{")
    (course / "submitted/ada/broken").mkdir()
    (course / "submitted/ada/broken/broken.ipynb").write_text("{}")
    assert main(["grade", "--course", str(course)]) == 1
    assert "autograder: broken: " in capsys.readouterr().err
    assert courses.scores(course).keys() == {"ada"}
    assert main(["grade", "--course", str(course), "--assignment", "broken"]) == 2


HOOKS = """
def note(when, student):
    with open(COURSE / "hooks", "a") as file:
        file.write(f"{when} {student} ")

COURSE = Path(__file__).parent
c.Autograde.pre_convert_hook = lambda student, **_: note("pre", student)
c.Autograde.post_convert_hook = lambda student, **_: note("post", student)
"""


def test_hooks_of_the_instructor_are_called_before_and_after(course, right_result):
    with open(course / "nbgrader_config.py", "a") as config:
        config.write(HOOKS)
    courses.hand_in_file(course, "ada", b"not looked at")
    grade_quickly(course, right_result)
    assert (course / "hooks").read_text() == "pre ada post ada "


def test_what_was_dropped_in_by_hand_is_new_when_its_content_is(quick, right_result):
    courses.submission_path(quick, "bela").write_bytes(b"another version")
    courses.hand_in_file(quick, "chidi", b"").unlink()
    assert is_new(quick) == ["bela", "chidi"]
    grade_quickly(quick, right_result)
    assert is_new(quick) == []


@pytest.mark.parametrize("damaged", [b"[]", b"null", b'{"metadata": null}', b"\xff"])
def test_a_damaged_result_is_made_again(quick, right_result, damaged):
    result = quick / "autograded/bela/Initialization/Initialization.ipynb"
    result.unlink()  # nbgrader has made it read-only
    result.write_bytes(damaged)
    assert is_new(quick) == ["bela"]


def test_an_outdated_feedback_page_is_removed(quick, right_result):
    page = quick / "feedback/bela/Initialization/Initialization.html"
    page.parent.mkdir(parents=True)
    page.write_text("30 of 30 points")
    courses.submission_path(quick, "bela").write_bytes(b"another version")
    grade_quickly(quick, right_result)
    assert not page.exists()


def test_a_configuration_that_does_not_load_stops_grading(quick, capsys):
    with open(quick / "nbgrader_config.py", "a") as config:
        config.write('"/srv/exchange".mkdir()\n')
    assert main(["grade", "--course", str(quick)]) == 2
    said = capsys.readouterr().err
    assert "nbgrader_config.py of" in said and "has no attribute 'mkdir'" in said


def test_a_deleted_gradebook_is_filled_again(quick, right_result):
    assert is_new(quick) == []
    (quick / "gradebook.db").unlink()
    courses.run(quick, "nbgrader", "generate_assignment", courses.ASSIGNMENT, "--force")
    assert is_new(quick) == ["ada", "bela"]
    grade_quickly(quick, right_result)
    assert courses.scores(quick) == {"ada": [10, 10, 10], "bela": [10, 10, 10]}


def test_scores_that_nbgrader_did_not_come_to_write_are_noticed(quick):
    with Course(quick, courses.ASSIGNMENT).gradebook() as gradebook:
        names = (courses.ASSIGNMENT, courses.ASSIGNMENT, "bela")
        gradebook.find_grade("test-he", *names).auto_score = None
        gradebook.db.commit()
    assert is_new(quick) == ["bela"]


def test_what_stands_in_the_staging_folder_is_graded_again(quick, right_result):
    (quick / ".grading/bela/Initialization").mkdir(parents=True)
    (quick / ".grading/bela/Initialization/Initialization.ipynb").write_text("half of a")
    assert is_new(quick) == ["bela"]
    grade_quickly(quick, right_result)
    assert is_new(quick) == []


def test_a_score_given_by_a_person_survives_when_it_is_graded_again(quick, right_result):
    names = (courses.ASSIGNMENT, courses.ASSIGNMENT, "bela")
    with Course(quick, courses.ASSIGNMENT).gradebook() as gradebook:
        grade = gradebook.find_grade("test-he", *names)
        grade.manual_score, grade.extra_credit = 7, 1
        gradebook.db.commit()
    shutil.rmtree(quick / "autograded/bela")
    grade_quickly(quick, right_result)
    with Course(quick, courses.ASSIGNMENT).gradebook() as gradebook:
        grade = gradebook.find_grade("test-he", *names)
        assert (grade.manual_score, grade.extra_credit, grade.auto_score) == (7, 1, 10)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--assignment", "Missing"], "There is no assignment 'Missing'"),
        (["nobody"], "No submission of nobody"),
        ([], "There is nothing to grade"),
    ],
)
def test_what_cannot_start_says_why(course, capsys, arguments, message):
    if arguments == ["nobody"]:
        (course / "submitted").mkdir()
    assert main(["grade", "--course", str(course), *arguments]) == 2
    assert message in capsys.readouterr().err


def test_an_ungenerated_assignment_is_not_graded(course, capsys):
    courses.hand_in_file(course, "ada", b"[]")
    (course / "gradebook.db").unlink()
    assert main(["grade", "--course", str(course)]) == 2
    advice = "First run: nbgrader generate_assignment Initialization --force"
    assert advice in capsys.readouterr().err


def test_a_second_grader_is_refused(course, capsys):
    courses.hand_in_file(course, "ada", b"[]")
    with only_grader(course):
        assert main(["grade", "--course", str(course)]) == 2
    assert "Another grader is working on" in capsys.readouterr().err
    assert main(["grade", "--course", str(course)]) == 1


def test_a_result_that_cannot_be_recorded_leaves_the_gradebook_as_it_was(
    course, right_result, monkeypatch
):
    for student in ("ada", "bela"):
        courses.hand_in_file(course, student, b"not looked at")

    def fail_for_ada(recorder, notebook, seconds_late):
        if notebook.student.id == "ada":
            raise RuntimeError("no ink")

    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "_penalty", fail_for_ada)
        outcomes = {outcome.student: outcome for outcome in grade_quickly(course, right_result)}
    assert outcomes["ada"].problem == "the result could not be recorded: RuntimeError: no ink"
    assert not outcomes["bela"].problem
    assert courses.scores(course) == {"bela": [10, 10, 10]}
    assert is_new(course) == ["ada"]
    grade_quickly(course, right_result)
    assert is_new(course) == []


def test_results_are_not_kept_in_memory(course, right_result):
    for number in range(20):
        courses.hand_in_file(course, f"s{number}", b"not looked at")
    alive = []

    def count(outcome):
        alive.append(sum(isinstance(thing, Graded) for thing in gc.get_objects()))

    outcomes = grade_quickly(course, right_result, on_outcome=count)
    assert len(outcomes) == 20
    assert max(alive) <= 4  # two in work, the one just recorded, and the fixture


def test_the_grader_itself_stays_small(graded):
    (peak,) = re.findall(r"VmHWM:\s*(\d+) kB", graded[1].stdout)
    assert int(peak) < 400_000


class Running:
    """A grader in a process of its own, and all the processes that it has started."""

    def __init__(self, course):
        self.temporary = course.with_name("temporary files")
        self.temporary.mkdir()
        command = [sys.executable, "-m", "autograder", "grade", "--course", str(course)]
        self.process = subprocess.Popen(
            [*command, "--jobs", "1"],
            cwd=courses.PROJECT,
            env=os.environ | {"TMPDIR": str(self.temporary)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # What a shell has started in the background ignores Ctrl-C, and so would the grader.
            preexec_fn=functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
        )
        assert self.process.stdout.readline().startswith("[1/"), self.process.stderr.read()
        self.children = psutil.Process(self.process.pid).children(recursive=True)

    def finish(self):
        stdout, stderr = self.process.communicate(timeout=120)
        _, alive = psutil.wait_procs(self.children, timeout=60)
        assert not alive
        assert os.listdir(self.temporary) == []
        return self.process.returncode, stdout, stderr


@pytest.fixture
def course_of_four(course):
    right = courses.hand_in(course, "a", courses.answers()).read_bytes()
    for student in ("b", "c", "d"):
        courses.hand_in_file(course, student, right)
    return course


def assert_all_graded(course):
    assert is_new(course) == []
    assert courses.scores(course) == {student: [10, 10, 10] for student in "abcd"}
    courses.assert_sound(course)


def test_a_killed_worker_costs_nobody_anything(course_of_four):
    grader = Running(course_of_four)
    worker = next(child for child in grader.children if "autograder" in child.cmdline())
    worker.kill()
    code, stdout, stderr = grader.finish()
    assert (code, stderr) == (0, ""), stdout
    assert_all_graded(course_of_four)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_grader_leaves_no_process_and_the_next_one_finishes(course_of_four, number):
    grader = Running(course_of_four)
    os.killpg(grader.process.pid, number)
    code, _, stderr = grader.finish()
    if number == signal.SIGINT:
        assert code == 130
        assert stderr == "autograder: interrupted; run the same command again to finish.\n"
    assert 0 < len(is_new(course_of_four)) < 4
    assert main(["grade", "--course", str(course_of_four)]) == 0
    assert_all_graded(course_of_four)
