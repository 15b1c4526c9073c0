"""The commands of ``autograder``; each imports what it needs when it runs."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from autograder import __version__, terminal
from autograder.text import UserError, in_line

if TYPE_CHECKING:
    from autograder.course.batch import Outcome
    from autograder.course.folder import Course, Submission
    from autograder.course.workers import Workers

_WHAT_IT_DOES = "Grade the submissions of an nbgrader course in a sandbox."
ALL_GRADED, SOME_UNREADABLE, NOT_STARTED, INTERRUPTED = 0, 1, 2, 130


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code."""
    with terminal.lasting_output():
        try:
            options = _parser().parse_args(arguments)
            return options.command(options)
        except KeyboardInterrupt:
            terminal.warn("interrupted; run the same command again to finish.")
            return INTERRUPTED
        except UserError as error:
            terminal.warn(str(error))
        except ModuleNotFoundError as error:
            terminal.warn(
                f"the Python package {error.name} is missing. Run 'make setup' and use "
                ".venv/bin/python, or run 'pip install -r requirements.txt'."
            )
        except ImportError as error:  # its file may not be executed, for example
            terminal.warn(f"a Python package cannot be loaded: {error}.")
        except OSError as error:
            if error.filename is None:
                raise
            terminal.warn(f"{error.filename} cannot be used: {error.strerror}.")
        return NOT_STARTED


def _parser() -> argparse.ArgumentParser:
    course = argparse.ArgumentParser(add_help=False)
    course.add_argument("--course", default=".", help="course folder (default: this folder)")
    work = argparse.ArgumentParser(add_help=False, parents=[course])
    work.add_argument("--assignment", metavar="NAME", help="only this one (default: all)")
    work.add_argument(
        "--jobs", type=_positive, help="submissions at a time (default: one for each processor)"
    )
    work.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        type=_address,
        help="grade on the Dask cluster with this scheduler, such as tls://HOST:8786",
    )

    parser = argparse.ArgumentParser(
        prog="autograder", description="Grade the submissions of an nbgrader course in a sandbox."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name, command, text, parent):
        added = commands.add_parser(name, help=text, parents=[parent])
        added.set_defaults(command=command)
        return added

    grade = add("grade", _grade, "grade everything in submitted/ that is new", work)
    grade.add_argument("students", nargs="*", metavar="STUDENT", help="only these (default: all)")
    grade.add_argument("--force", action="store_true", help="grade again what has been graded")
    grade.add_argument(
        "--full",
        action="store_true",
        help="also run the cells tagged 'demonstration' (training and plots)",
    )
    watch_help = "grade what arrives in the exchange, and let students fetch the result"
    watch = add("watch", _watch, watch_help, work)
    watch.add_argument(
        "--log-format",
        choices=("text", "json"),
        default="text",
        help="a line of text for each event, or a JSON object (default: %(default)s)",
    )
    modes = add("modes", _modes, "show where each test runs, and why", course)
    modes.add_argument("assignment", nargs="?", help="(default: all)")
    report = add("report", _report, "summarize an assignment for the instructor", course)
    report.add_argument("assignment", nargs="?", help="(default: each that has been graded)")
    report.add_argument("--output", help="folder for the files (default: report/ of the course)")
    report.add_argument(
        "--lms",
        choices=("moodle", "canvas", "blackboard"),
        default="moodle",
        help="whose column names the table has (default: %(default)s)",
    )
    add("doctor", _doctor, "see whether this machine has what grading needs", course)
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def _address(text: str) -> str:
    if not re.fullmatch(r"(\w+://)?(\[[\da-fA-F:]+\]|[\w.-]+):\d{1,5}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not an address such as tls://HOST:8786")
    return text


def _doctor(options: argparse.Namespace) -> int:
    from autograder import doctor

    return 0 if doctor.report(Path(options.course).resolve()) else 1


def _report(options: argparse.Namespace) -> int:
    from autograder.report.page import make_report

    written = 0
    failed: dict[str, UserError] = {}
    for course in _courses(options, failed):
        output = Path(options.output) if options.output else course.root / "report"
        with _others_go_on(failed, course.assignment_id):
            for path in make_report(course, output, options.lms):
                print(f"Written: {path}")
                written += 1
    _report_failed(failed, options)
    return ALL_GRADED if written else NOT_STARTED


def _modes(options: argparse.Namespace) -> int:
    from autograder.grading.calibration import where_tests_run

    failed: dict[str, UserError] = {}
    for course in _courses(options, failed):
        print(course.assignment_id)
        with _others_go_on(failed, course.assignment_id):
            if sys.platform == "linux":
                course.calibrate()
            else:
                print("  Found by reading the tests; on Linux they are run as well.")
                course.recall_modes(read_tests=True)
            lines = where_tests_run(course.modes)
            print(
                *(f"  {line}" for line in lines or ["It has no test cells: people grade it."]),
                sep="\n",
            )
    _report_failed(failed, options)
    return SOME_UNREADABLE if failed else ALL_GRADED


def _grade(options: argparse.Namespace) -> int:
    _require_linux()
    from autograder.course.batch import only_grader

    failed: dict[str, UserError] = {}
    courses = _courses(options, failed)
    with only_grader(Path(options.course).resolve()):
        new = _new_submissions(courses, options, failed)
        misplaced = [] if options.students else _misplaced(courses)
        if new:
            _require_sandbox(options)
        outcomes = []
        for course, submissions in new:
            with _others_go_on(failed, course.assignment_id):
                _calibrate(course, options)
                outcomes += _grade_assignment(course, submissions, options)
    _report_failed(failed, options)
    if not new:
        print("Nothing to grade: all submissions have been graded (--force grades them again).")
    problems = failed or misplaced or any(outcome.problem for outcome in outcomes)
    problems = problems or any(course.has_failing_tests for course, _ in new)
    return SOME_UNREADABLE if problems else ALL_GRADED


@contextlib.contextmanager
def _others_go_on(failed: dict[str, UserError], assignment: str) -> Iterator[None]:
    """Note why an assignment cannot be used; no sandbox and no workers are another matter."""
    from autograder.assignment import AssignmentError
    from autograder.course.folder import CourseError

    try:
        yield
    except (AssignmentError, CourseError) as error:
        failed[assignment] = error


def _report_failed(failed: dict[str, UserError], options: argparse.Namespace) -> None:
    """Name assignments that could not be used; if these are all, nothing was done."""
    if failed and len(failed) == len(_assignments(options)):
        raise next(iter(failed.values()))
    for name, error in failed.items():
        terminal.warn(f"{name}: {error}")


def _watch(options: argparse.Namespace) -> int:
    _require_linux()
    from autograder.course.batch import only_grader
    from autograder.course.events import log_to_stdout
    from autograder.course.watch import Watcher

    root = Path(options.course).resolve()
    _assignments(options)
    log_to_stdout(options.log_format)
    # Twice as many workers as processors: those that work on slow submissions are not missed.
    jobs = options.jobs or 2 * len(os.sched_getaffinity(0))
    with ExitStack() as stack:
        stack.enter_context(only_grader(root))
        _require_sandbox(options)
        watcher = Watcher(
            root,
            lambda: _assignments(options),
            stack.enter_context(_workers(options, jobs)),
            calibrate=lambda course: _calibrate(course, options),
        )
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: watcher.stop())
        watcher.run()
    return ALL_GRADED


def _require_linux() -> None:
    if sys.platform != "linux":
        raise UserError(
            "grading needs Linux: run it there, in WSL or in a container (docs/containers.md)."
        )


def _assignments(options: argparse.Namespace) -> list[str]:
    from autograder.course.folder import assignments_of

    names = [options.assignment] if options.assignment else assignments_of(options.course)
    if not names:
        raise UserError("The course has no assignments: there is no notebook in source/.")
    return names


def _courses(options: argparse.Namespace, failed: dict[str, UserError]) -> list[Course]:
    from autograder.course.folder import Course

    courses = []
    for name in _assignments(options):
        with _others_go_on(failed, name):
            courses.append(Course(options.course, name))
    return courses


def _require_sandbox(options: argparse.Namespace) -> None:
    from autograder.sandbox.fork_server import COLD, fork_servers
    from autograder.sandbox.process import check_sandbox

    if not options.scheduler:
        check_sandbox()
        if fork_servers.refusal:
            terminal.warn(COLD.format(fork_servers.refusal))


def _new_submissions(
    courses: list[Course], options: argparse.Namespace, failed: dict[str, UserError]
) -> list[tuple[Course, list[Submission]]]:
    """The assignments with new submissions; students need not have submitted to each."""
    from autograder.course.batch import new_submissions
    from autograder.course.folder import CourseError

    new, errors = [], []
    for course in courses:
        with _others_go_on(failed, course.assignment_id):
            try:
                submissions = new_submissions(course, options.students, options.force)
            except CourseError as error:
                errors.append(error)
            else:
                new += [(course, submissions)] if submissions else []
    if errors and len(errors) == len(courses):
        raise errors[0]
    return new


def _misplaced(courses: list[Course]) -> list[Path]:
    """Name what looks like a submission and stands elsewhere."""
    from autograder.submission.names import passes

    found = {path: course for course in reversed(courses) for path in course.misplaced()}
    for path, course in sorted(found.items()):
        where = course.assignment_id if len(courses) == 1 else "ASSIGNMENT"
        advice = f"is not where a submission belongs. Move it to submitted/STUDENT/{where}/."
        if not passes(path.name):
            advice = "has a name that no submission may have. Rename it."
        terminal.warn(f"{in_line(os.path.relpath(path, course.root))} {advice}")
    return list(found)


def _calibrate(course: Course, options: argparse.Namespace) -> None:
    from autograder.sandbox.process import SandboxUnavailable

    try:
        course.calibrate()
    except SandboxUnavailable:  # here; the cluster's workers have one
        if not options.scheduler:
            raise
        with _workers(options, 1) as workers, workers.make_executor() as executor:
            course.calibrate(executor)


def _grade_assignment(
    course: Course, submissions: list[Submission], options: argparse.Namespace
) -> list[Outcome]:
    from autograder.course.batch import grade_course

    jobs = min(options.jobs or len(os.sched_getaffinity(0)), len(submissions))
    with _workers(options, jobs) as workers, terminal.progress(len(submissions)) as report:
        outcomes = grade_course(course, submissions, workers, full=options.full, on_outcome=report)
    terminal.print_table(course, outcomes)
    return outcomes


def _workers(options: argparse.Namespace, jobs: int) -> AbstractContextManager[Workers]:
    from autograder.course.workers import local_workers

    if not options.scheduler:
        return nullcontext(local_workers(jobs))
    try:
        from autograder.course.cluster import cluster_workers
    except ModuleNotFoundError as error:
        raise UserError(
            f"--scheduler needs a package that is not installed ({error.name}). Run: "
            "pip install -r requirements-cluster.txt"
        ) from error
    return cluster_workers(options.scheduler, warn=terminal.warn)
