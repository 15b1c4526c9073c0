"""Measure grading: against stock nbgrader, the writer alone, and the memory of the grader.

    python benchmarks/grading.py compare [--count N]   # the same submissions by nbgrader and by us
    python benchmarks/grading.py writer [--count N]    # recording only, nbgrader's way and ours
    python benchmarks/grading.py memory [--count N]    # peak memory of the grader's own process

Each works in a course folder of its own in the temporary directory. What is compared is measured in
one run, one after the other, so that a busy machine slows down both.
"""

from __future__ import annotations

import argparse
import copy
import itertools
import logging
import os
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
from nbgrader.converters import Autograde
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

from autograder.course.batch import grade_course, local_workers
from autograder.course.folder import Course
from autograder.course.writer import Writer
from autograder.grading.run import Graded, grade_submission
from autograder.submission.files import STAGING
from tests.support import courses
from tests.support.mistakes import MISTAKES, RIGHT_ANSWERS

JOBS = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    for run, count in ((compare, 24), (writer, 50), (memory, 200)):
        command = commands.add_parser(run.__name__, help=run.__doc__.splitlines()[0])
        command.add_argument("--count", type=int, default=count, help="number of submissions")
        command.set_defaults(run=run)
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} before the run")
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        options.run(Path(folder), options.count)


def hand_in_honest_submissions(folder: Path, count: int) -> Path:
    """Make a course; every second answer is right, the others hold a mistake each."""
    courses.generate(folder)
    wrong = (courses.answers(**{m.exercise: m.source}) for m in itertools.cycle(MISTAKES))
    right = itertools.cycle(RIGHT_ANSWERS.values())
    for number in range(count):
        answers = next(wrong if number % 2 else right)
        courses.hand_in(folder, f"student{number:04}", answers)
    return folder


def compare(folder: Path, count: int) -> None:
    """Grade the same honest submissions with stock nbgrader and with ours.

    Stock nbgrader runs the training cells as well, which takes most of its time.
    """
    ours = hand_in_honest_submissions(folder / "ours", count)
    stock = courses.copy_of(ours, folder / "stock")
    courses.stock_config(stock)
    with open(stock / "nbgrader_config.py", "a") as config:
        config.write("del c.Execute\n")  # it makes Validate skip the training cells
    stock_seconds = seconds(lambda: courses.run(stock, "nbgrader", "autograde", courses.ASSIGNMENT))
    our_seconds = seconds(lambda: courses.grade(ours, "--jobs", str(JOBS)))
    expected, scores = courses.scores(stock), courses.scores(ours)
    different = [student for student in expected if scores.get(student) != expected[student]]
    print(f"{count} honest submissions, submissions per minute:")
    print(f"  nbgrader autograde        {60 * count / stock_seconds:7.1f}")
    print(f"  autograder grade --jobs {JOBS} {60 * count / our_seconds:7.1f}")
    print(f"  ratio                     {stock_seconds / our_seconds:7.1f}")
    print(f"  submissions with different scores: {len(different)} of {len(scores)}")
    where_the_time_goes(ours)


def where_the_time_goes(folder: Path) -> None:
    """Grade a course once more and print the seconds by activity."""
    spent: Counter[str] = Counter()
    record = Writer.record

    def timed_record(*arguments: object) -> None:
        spent["recording, nbgrader's own steps"] += seconds(lambda: record(*arguments))

    Writer.record = timed_record
    course = Course(folder, courses.ASSIGNMENT)
    submissions = course.submissions()
    elapsed = seconds(
        lambda: grade_course(
            course,
            submissions,
            local_workers(JOBS),
            on_outcome=lambda outcome: spent.update(outcome.seconds),
        )
    )
    Writer.record = record
    print(f"Seconds for each submission ({JOBS} at a time: {elapsed / len(submissions):.2f}):")
    for activity, total in spent.items():
        print(f"  {activity:<32} {total / len(submissions):6.3f}")


def writer(folder: Path, count: int) -> None:
    """Record the same result many times, nbgrader's way and ours."""
    course, result = course_and_result(folder / "course", 2 * count)
    submissions = course.submissions()
    theirs = seconds(lambda: record_with_autograde(course, submissions[:count], result))
    with Writer(course) as ours:

        def record_all() -> None:
            for submission in submissions[count:]:
                ours.record(submission, {courses.ASSIGNMENT: copy.deepcopy(result.notebook)}, {})

        our_seconds = seconds(record_all)
    recorded = courses.scores(course.root)
    assert set(map(tuple, recorded.values())) == {(10, 10, 10)} and len(recorded) == 2 * count
    print("Results recorded by one writer, each second:")
    print(f"  Autograde, two conversions, commits as they come {count / theirs:6.1f}")
    print(f"  one conversion, one transaction                  {count / our_seconds:6.1f}")


def record_with_autograde(course: Course, submissions: list, result: Graded) -> None:
    """Let nbgrader's Autograde record results without any help."""
    config = Config(course.config)
    config.CourseDirectory.submitted_directory = STAGING
    config.Autograde.exporter_class = "nbconvert.exporters.NotebookExporter"
    config.Autograde.sanitize_preprocessors = []
    log = logging.getLogger("benchmark")
    log.setLevel(logging.CRITICAL)
    directory = CourseDirectory(config=config, log=log)
    autograde = Autograde(coursedir=directory, config=config, log=log)
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
