"""The commands of ``autograder``; each imports what it needs when it runs."""

import argparse
import functools
import os
import re
import signal
import sys
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from autograder import __version__, terminal
from autograder.text import UserError, in_line

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
                ".venv/bin/python, or run 'pip install -r requirements.txt'; --scheduler needs "
                "'pip install -r requirements-cluster.txt'."
            )
        except ImportError as error:
            terminal.warn(
                f"a Python package cannot be loaded: {error}. If its folder is mounted noexec, "
                "install Python and its packages elsewhere."
            )
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
    jobs = "submissions at a time (default: one for each processor)"
    work.add_argument("--jobs", type=_positive, help=jobs)
    scheduler = "grade on the Dask cluster with this scheduler, such as tls://HOST:8786"
    work.add_argument("--scheduler", metavar="ADDRESS", type=_address, help=scheduler)

    parser = argparse.ArgumentParser(
        prog="autograder", description="Grade the submissions of an nbgrader course in a sandbox."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(command, text, parent):
        added = commands.add_parser(command.__name__[1:], help=text, parents=[parent])
        added.set_defaults(command=command)
        return added

    grade = add(_grade, "grade everything in submitted/ that is new", work)
    grade.add_argument("students", nargs="*", metavar="STUDENT", help="only these (default: all)")
    grade.add_argument("--force", action="store_true", help="grade again what has been graded")
    full = "also run the cells tagged 'demonstration' (training and plots)"
    grade.add_argument("--full", action="store_true", help=full)
    watch = add(_watch, "grade what arrives in the exchange, let students fetch the result", work)
    form = "a line of text for each event, or a JSON object (default: %(default)s)"
    watch.add_argument("--log-format", choices=("text", "json"), default="text", help=form)
    modes = add(_modes, "show where each test runs, and why", course)
    modes.add_argument("assignment", nargs="?", help="(default: all)")
    report = add(_report, "summarize an assignment for the instructor", course)
    report.add_argument("assignment", nargs="?", help="(default: each that has been graded)")
    report.add_argument("--output", help="folder for the files (default: report/ of the course)")
    systems = ("moodle", "canvas", "blackboard")
    columns = "whose column names the table has (default: %(default)s)"
    report.add_argument("--lms", choices=systems, default="moodle", help=columns)
    add(_doctor, "see whether this machine has what grading needs", course)
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def _address(text: str) -> str:
    found = re.fullmatch(r"((tcp|tls|wss?)://)?(\[[\da-fA-F:]+\]|[\w.-]+):(\d{1,5})", text)
    if not found or int(found[4]) >= 2**16:
        raise argparse.ArgumentTypeError(f"{text!r} is not an address such as tls://HOST:8786")
    return text


def _assignments(options: argparse.Namespace) -> list[str]:
    from autograder.course.folder import assignments_of

    names = [options.assignment] if options.assignment else assignments_of(options.course)
    if not names:
        raise UserError("The course has no assignments: there is no notebook in source/.")
    return names


def _each(names: Iterable[str], work: Callable[[str], Any]) -> dict[str, Any]:
    """What `work` returns for each assignment; one that cannot be used is named, others go on."""
    from autograder.assignment import AssignmentError
    from autograder.course.folder import CourseError

    results, errors = {}, {}
    for name in names:
        try:
            results[name] = work(name)
        except (AssignmentError, CourseError) as error:
            errors[name] = error
    if not results:  # nothing was done
        raise next(iter(errors.values()))
    for name, error in errors.items():
        terminal.warn(f"{name}: {error}")
    return results


def _doctor(options: argparse.Namespace) -> int:
    from autograder import doctor

    return 0 if doctor.report(Path(options.course).resolve()) else 1


def _report(options: argparse.Namespace) -> int:
    from autograder.course.folder import Course
    from autograder.report.page import make_report

    def report(name):
        course = Course(options.course, name)
        output = Path(options.output) if options.output else course.root / "report"
        for path in make_report(course, output, options.lms):
            print(f"Written: {path}")

    _each(_assignments(options), report)
    return ALL_GRADED


def _modes(options: argparse.Namespace) -> int:
    from autograder.course.folder import Course
    from autograder.grading.calibration import where_tests_run

    def show(name):
        course = Course(options.course, name)
        print(name)
        if sys.platform == "linux":
            course.calibrate()
        else:
            print("  Found by reading the tests; on Linux they are run as well.")
            course.recall_modes()
        for line in where_tests_run(course.modes) or ["It has no test cells: people grade it."]:
            print(f"  {line}")

    names = _assignments(options)
    return ALL_GRADED if len(_each(names, show)) == len(names) else SOME_UNREADABLE


def _grade(options: argparse.Namespace) -> int:
    _require_linux()
    from autograder.course.batch import grade_course, new_submissions, only_grader
    from autograder.course.folder import Course

    names = _assignments(options)
    unknown = set(options.students)

    def find(name):
        course = Course(options.course, name)
        unknown.difference_update(one.student for one in course.submissions())
        return course, new_submissions(course, options.students, options.force)

    def grade(name):
        course, submissions = found[name]
        if not submissions:
            return False
        course.calibrate(workers.starmap)
        if not options.scheduler:
            _warn_of_cold(course.check_sandbox(workers.starmap))
        show = terminal.progress(len(submissions))
        outcomes = grade_course(course, submissions, workers, full=options.full, on_outcome=show)
        terminal.print_table(course, outcomes)
        has_failing_tests = any(one.failing for one in course.notebooks.values())
        return has_failing_tests or any(outcome.problem for outcome in outcomes)

    with only_grader(Path(options.course).resolve()):
        found = _each(names, find)
        if unknown:
            raise UserError(f"No submission of {', '.join(sorted(unknown))} in submitted/.")
        courses = [course for course, _ in found.values()]
        misplaced = not options.students and _name_misplaced(courses)
        most = max(len(submissions) for _, submissions in found.values())
        if most and not all(course.is_calibrated for course in courses):
            most = max(most, 2)  # two workers try the solution in half of the time
        if not most:
            all_of = "all submissions" if len(found) == len(names) else "all other submissions"
            print(f"Nothing to grade: {all_of} have been graded (--force grades them again).")
        jobs = min(options.jobs or len(os.sched_getaffinity(0)), most)
        with _workers(options, jobs) if most else nullcontext() as workers:
            problems = _each(found, grade)
    complete = len(problems) == len(names) and not any(problems.values())
    return ALL_GRADED if complete and not misplaced else SOME_UNREADABLE


def _name_misplaced(courses: list[Any]) -> bool:
    """Name what looks like a submission and stands elsewhere; whether there is any."""
    from autograder.submission.names import passes

    found = {path: course for course in reversed(courses) for path in course.misplaced()}
    for path, course in sorted(found.items()):
        where = course.assignment_id if len(courses) == 1 else "ASSIGNMENT"
        advice = f"is not where a submission belongs. Move it to submitted/STUDENT/{where}/."
        if not passes(path.name):
            advice = "has a name that no submission may have. Rename it."
        terminal.warn(f"{in_line(os.path.relpath(path, course.root))} {advice}")
    return bool(found)


def _watch(options: argparse.Namespace) -> int:
    _require_linux()
    from autograder.course.batch import only_grader
    from autograder.course.events import log_to_stdout
    from autograder.course.watch import Watcher
    from autograder.sandbox.process import check_sandbox

    root = Path(options.course).resolve()
    assignments = partial(_assignments, options)
    assignments()
    log_to_stdout(options.log_format)
    # Twice as many workers as processors: those that work on slow submissions are not missed.
    jobs = options.jobs or 2 * len(os.sched_getaffinity(0))
    with only_grader(root), _workers(options, jobs) as workers:
        if not options.scheduler:
            _warn_of_cold(*workers.starmap(check_sandbox, [()]))
        watcher = Watcher(root, assignments, workers)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: watcher.stop())
        watcher.run()
    return ALL_GRADED


def _require_linux() -> None:
    if sys.platform != "linux":
        raise UserError(
            "grading needs Linux: run it there, in WSL or in a container (docs/containers.md)."
        )


@functools.cache
def _warn_of_cold(refusal: str) -> None:
    from autograder.sandbox.fork_server import COLD

    if refusal:
        terminal.warn(COLD.format(refusal))


def _workers(options: argparse.Namespace, jobs: int) -> AbstractContextManager[Any]:
    if options.scheduler:
        from autograder.course.cluster import cluster_workers

        return cluster_workers(options.scheduler, warn=terminal.warn)
    from autograder.course.workers import local_workers

    return local_workers(jobs)
