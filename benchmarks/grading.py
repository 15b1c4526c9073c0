"""Measure grading: against stock nbgrader, the recorder alone, and the memory of the grader.

    python benchmarks/grading.py compare [--count N]   # the same submissions by nbgrader and by us
    python benchmarks/grading.py writer [--count N]    # recording only, nbgrader's way and ours
    python benchmarks/grading.py memory [--count N]    # peak memory of the grader's own process

Each works in a course folder of its own in the temporary directory. What is compared is measured in
one run, one after the other, so that a busy machine slows down both.
"""

from __future__ import annotations

import argparse
import contextlib
import cProfile
import functools
import io
import itertools
import logging
import os
import pstats
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

import nbformat
import numpy as np
from nbgrader.converters import Autograde, BaseConverter
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import AssignLatePenalties, SaveAutoGrades
from traitlets.config import Config

import public_tests
from autograder.course.folder import Course
from autograder.course.recorder import Recorder
from autograder.course.work import prepared
from autograder.grading import run as grading
from autograder.grading.run import Graded, grade_submission
from autograder.grading.session import Session
from autograder.sandbox.process import StudentProcess
from autograder.submission.files import STAGING, TIMESTAMP
from tests.support import courses
from tests.support.mistakes import EXERCISES, MISTAKES, RIGHT_ANSWERS

JOBS = 2
STOCK = 12  # submissions that nbgrader grades
FEW = 50  # results that nbgrader records, and of which the parts are clocked
OWN = 24  # notebooks with training cells of their own
CLOCKED = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    for run, count in ((compare, 1000), (writer, 50), (memory, 200)):
        command = commands.add_parser(run.__name__, help=run.__doc__.splitlines()[0])
        command.add_argument("--count", type=int, default=count, help="number of submissions")
        command.set_defaults(run=run)
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} before the run")
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        options.run(Path(folder), options.count)


def hand_in_honest_submissions(folder: Path, count: int) -> dict[str, list[int]]:
    """Make a course; every second answer is right, the others hold a mistake each.

    Returns
    -------
    dict of str to list of int
        The scores that each student must get.
    """
    courses.generate(folder)
    mistakes = itertools.cycle(MISTAKES)
    right = itertools.cycle(RIGHT_ANSWERS.values())
    expected = {}
    for number in range(count):
        student = f"student{number:04}"
        if number % 2:
            mistake = next(mistakes)
            answers = courses.answers(**{mistake.exercise: mistake.source})
            expected[student] = [10 * (one != mistake.exercise) for one in EXERCISES]
        else:
            answers = next(right)
            expected[student] = [10] * len(EXERCISES)
        path = courses.hand_in(folder, student, answers)
        path.with_name(TIMESTAMP).write_text("2026-01-01 12:00:00 UTC")  # as collected
    return expected


def compare(folder: Path, count: int) -> None:
    """Grade the same honest submissions with stock nbgrader and with ours.

    Stock nbgrader runs the training cells as well, which takes most of its time; so it grades the
    first `STOCK` submissions only, once with these cells and once without them. Ours never runs
    what no test depends on. Our time begins with an empty course folder, calibration included.
    """
    ours = folder / "ours"
    expected = hand_in_honest_submissions(ours, count)
    our_seconds = seconds(lambda: courses.grade(ours, "--jobs", str(JOBS)))
    assert courses.scores(ours) == expected
    print(f"{count} honest submissions, submissions per minute:")
    print(f"  autograder grade --jobs {JOBS}                  {60 * count / our_seconds:7.1f}")
    for training, what in ((False, "without training cells"), (True, "as it comes")):
        stock = folder / what
        few = hand_in_honest_submissions(stock, STOCK)
        courses.stock_config(stock)
        if training:  # the setting lets Validate skip the training cells
            with open(stock / "nbgrader_config.py", "a") as config:
                config.write("del c.Execute\n")
        stock_seconds = seconds(
            lambda stock=stock: courses.run(stock, "nbgrader", "autograde", courses.ASSIGNMENT)
        )
        assert courses.scores(stock) == few
        each = stock_seconds / STOCK
        print(
            f"  nbgrader autograde, {what:<22} {60 / each:7.1f}"
            f"   ratio {each / our_seconds * count:6.1f}",
            flush=True,
        )
    print(f"Equal scores: the {STOCK} that nbgrader graded, and all as they must be.")
    floor(our_seconds / count)
    own_training(folder / "own")
    start_up(ours)
    where_the_time_goes(ours)


def floor(our_seconds: float) -> None:
    """Only call the functions of right answers in this process, with the instructor's tests."""
    assignment = courses.assignment_in()
    tests = [compile(assignment.test_source(test), test, "exec") for test in assignment.points()]

    def call_all() -> None:
        for answers in RIGHT_ANSWERS.values():
            namespace = {"np": np, **vars(public_tests)}
            for code in (answers, *tests):
                exec(code, namespace)

    with contextlib.redirect_stdout(io.StringIO()):
        call_all()
        each = min(seconds(call_all) for _ in range(5)) / len(RIGHT_ANSWERS)
    print("The floor, calling the functions of right answers in one process and nothing else:")
    print(f"  {1000 * each:.1f} ms; ours takes one core {JOBS * our_seconds / each:.0f} times that")


OWN_TRAINING = """
X_train, Y_train, X_test, Y_test = load_dataset()
learned_{start} = model(X_train, Y_train, initialization="{start}")
print(predict(X_train, Y_train, learned_{start}), predict(X_test, Y_test, learned_{start}))
"""


def own_training(folder: Path) -> None:
    """Grade notebooks that carry three training cells of their own, and the same without them."""
    hand_in_honest_submissions(folder, OWN)
    course = Course(folder, courses.ASSIGNMENT)
    course.calibrate()
    assignment = course.notebooks[course.assignment_id]
    plain = [course.read(one).notebooks[course.assignment_id] for one in course.submissions()]
    carrying = [with_own_training(data) for data in plain]
    grade_submission(plain[0], assignment)  # which starts what all others use
    spent = [
        sum(seconds(lambda data=data: grade_submission(data, assignment)) for data in notebooks)
        for notebooks in (plain, carrying)
    ]
    print(f"{OWN} notebooks with three training cells of the student's own:")
    print(f"  cost by that of the same answers alone: {spent[1] / spent[0]:.2f}")


def with_own_training(data: bytes) -> bytes:
    """The notebook with a cell that trains below each test."""
    notebook = nbformat.reads(data.decode(), as_version=4)
    for start in EXERCISES:
        position = [cell.id for cell in notebook.cells].index(f"test-{start}") + 1
        cell = nbformat.v4.new_code_cell(OWN_TRAINING.format(start=start))
        notebook.cells.insert(position, cell)
    return nbformat.writes(notebook).encode()


def start_up(course: Path) -> None:
    """Run the command where nothing is new, and Python with nbgrader's interface alone."""
    ours, theirs = [], []
    bare = [sys.executable, "-c", "import nbgrader.api"]
    for _ in range(5):
        theirs.append(seconds(lambda: subprocess.run(bare, check=True)))
        ours.append(seconds(lambda: courses.grade(course)))
    our_time, their_time = statistics.median(ours), statistics.median(theirs)
    print("Start-up, `grade` with nothing new and `python -c 'import nbgrader.api'`, in seconds:")
    print(f"  {our_time:.2f} and {their_time:.2f}, ratio {our_time / their_time:.2f}")


def where_the_time_goes(folder: Path) -> None:
    """Grade and record some submissions once more, in this process, and clock what is done."""
    spent: Counter[str] = Counter()

    def clock(activity: str, owner: object, name: str) -> None:
        function = getattr(owner, name)

        def clocked(*arguments: object, **options: object) -> object:
            started = time.perf_counter()
            try:
                return function(*arguments, **options)
            finally:
                spent[activity] += time.perf_counter() - started

        setattr(owner, name, clocked)

    clock("recording, nbgrader's own steps", Recorder, "record")
    clock("the student's cells", StudentProcess, "run_cell")
    clock("tests", Session, "examine")
    clock("start of the sandbox", StudentProcess, "__init__")
    clock("the five rules", StudentProcess, "read")
    clock("intake", grading, "read_submission")
    clock("intake", grading, "rebuild")
    course = Course(folder, courses.ASSIGNMENT)
    course.calibrate()
    submissions = course.submissions()[:CLOCKED]
    spent.clear()
    with contextlib.closing(Recorder(course)) as recorder:
        for submission in submissions:
            submitted = course.read(submission)
            recorder.record(submission, submitted, course.grader()(submitted))
    print("Seconds for each submission, one after the other:")
    for activity, total in spent.most_common():
        print(f"  {activity:<32} {total / len(submissions):6.3f}")


def writer(folder: Path, count: int) -> None:
    """Record the same result many times, and some of them nbgrader's way."""
    few = min(count, FEW)
    course, result = course_and_result(folder / "course", count + 2 * few)
    submissions = course.submissions()
    theirs = seconds(lambda: record_with_autograde(course, submissions[:few], result))
    submitted = course.read(submissions[0])
    prepared_result = prepared(result, course.notebooks[courses.ASSIGNMENT])  # by a worker
    with contextlib.closing(Recorder(course)) as ours:

        def record_all(chosen: list) -> None:
            for submission in chosen:
                ours.record(submission, submitted, {courses.ASSIGNMENT: prepared_result})

        our_seconds = seconds(lambda: record_all(submissions[2 * few :]))
        profile = cProfile.Profile()
        profile.runcall(record_all, submissions[few : 2 * few])
    recorded = courses.scores(course.root)
    assert set(map(tuple, recorded.values())) == {(10, 10, 10)}
    assert len(recorded) == len(submissions)
    print("Results recorded by one writer, each second:")
    print(f"  Autograde, two conversions, commits as they come {few / theirs:6.1f}")
    print(f"  one session, one transaction                     {count / our_seconds:6.1f}")
    course.calibrate()
    grade = course.grader()
    grade(submitted)  # starts what later ones use
    grading = seconds(lambda: [grade(submitted) for _ in range(few)]) / few
    workers = grading / our_seconds * count
    print(f"Workers that keep it busy, all submissions being honest: {workers:.1f}")
    print("Shares of recording, by a profile:")
    found = {
        (Path(file).name, function): cumulative
        for (file, _, function), (*_, cumulative, _) in pstats.Stats(profile).stats.items()
    }
    for what, place in STEPS.items():
        print(f"  {what:<48} {found[place] / found['recorder.py', 'record']:6.0%}")


STEPS = {
    "rows, scores and comments": ("recorder.py", "_write_rows"),
    "of these the rows for the submission": ("api.py", "update_or_create_submission"),
    "files": ("files.py", "write_into"),
    "moving the files": ("shutil.py", "move"),
    "the transaction itself": ("~", "<method 'commit' of 'sqlite3.Connection' objects>"),
}
"""Parts of recording, and the function that does each."""


def record_with_autograde(course: Course, submissions: list, result: Graded) -> None:
    """Let nbgrader's Autograde record results without any help."""
    config = Config(course.config)
    config.CourseDirectory.submitted_directory = STAGING
    config.Autograde.exporter_class = "nbconvert.exporters.NotebookExporter"
    config.Autograde.sanitize_preprocessors = []
    config.Autograde.autograde_preprocessors = [SaveAutoGrades, AssignLatePenalties]
    log = logging.getLogger("benchmark")
    log.setLevel(logging.CRITICAL)
    directory = CourseDirectory(config=config, log=log)
    autograde = Autograde(coursedir=directory, config=config, log=log)
    # `configure` lets no conversion start but ours.
    autograde.convert_notebooks = functools.partial(BaseConverter.convert_notebooks, autograde)
    directory.assignment_id = course.assignment_id
    for submission in submissions:
        staged = course.folder(STAGING, submission.student)
        staged.mkdir(parents=True)
        nbformat.write(result.notebook, staged / f"{course.assignment_id}.ipynb")
        directory.student_id = submission.student
        autograde.start()


def memory(folder: Path, count: int) -> None:
    """Grade submissions and print the peak memory of the grader's own process."""
    hand_in_honest_submissions(folder / "course", count)
    program = (
        "import sys; from autograder.cli import main; code = main(sys.argv[1:]); "
        "print(open('/proc/self/status').read()); sys.exit(code)"
    )
    arguments = ["grade", "--course", str(folder / "course"), "--jobs", str(JOBS)]
    result = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    (peak,) = [line for line in result.stdout.splitlines() if line.startswith("VmHWM")]
    megabytes = int(peak.split()[1]) * 1024 / 1e6
    print(f"{count} submissions: {megabytes:.0f} MB at most in the grader's own process")


def course_and_result(folder: Path, count: int) -> tuple[Course, Graded]:
    """A course with submissions that nobody reads, and a result for all of them."""
    courses.generate(folder)
    first = courses.hand_in(folder, "student0000", courses.answers())
    for number in range(1, count):
        courses.hand_in_file(folder, f"student{number:04}", b"")
    course = Course(folder, courses.ASSIGNMENT)
    return course, grade_submission(first.read_bytes(), course.notebooks[course.assignment_id])


def seconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
