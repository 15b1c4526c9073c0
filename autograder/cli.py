"""The commands of ``autograder``, which ``python -m autograder`` runs as well."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from autograder import __version__
from autograder.assignment import AssignmentError
from autograder.course.folder import (
    Course,
    CourseError,
    Submission,
    assignments_of,
)
from autograder.grading.calibration import where_tests_run
from autograder.sandbox.process import SandboxUnavailable, check_sandbox
from autograder.sandbox.warm import COLD, templates
from autograder.text import counted, in_line

if TYPE_CHECKING:  # what grades runs on Linux alone, the other commands everywhere
    from autograder.course.batch import Outcome
    from autograder.course.workers import Workers

ALL_GRADED, SOME_UNREADABLE, NOT_STARTED = 0, 1, 2
_HEADING_CHARACTERS = 36  # of the tests' names have room in the table


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        return options.command(options)
    except (AssignmentError, CourseError, SandboxUnavailable) as error:
        print(f"autograder: {error}", file=sys.stderr)
        return NOT_STARTED
    except KeyboardInterrupt:
        print("autograder: interrupted; run the same command again to finish.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="autograder", description=__doc__)
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    grade = commands.add_parser("grade", help="grade everything in submitted/ that is new")
    grade.add_argument("students", nargs="*", metavar="STUDENT", help="only these (default: all)")
    grade.add_argument("--assignment", metavar="NAME", help="only this one (default: all)")
    grade.add_argument("--course", default=".", help="course folder (default: this folder)")
    jobs_help = "submissions at a time (default: one for each processor)"
    grade.add_argument("--jobs", type=_positive, help=jobs_help)
    scheduler_help = "grade on the Dask cluster with this scheduler, such as tls://HOST:8786"
    grade.add_argument("--scheduler", metavar="ADDRESS", help=scheduler_help)
    grade.add_argument("--force", action="store_true", help="grade again what has been graded")
    grade.add_argument(
        "--full",
        action="store_true",
        help="also run the cells tagged 'demonstration' (training and plots)",
    )
    grade.set_defaults(command=_grade)

    watch = commands.add_parser(
        "watch", help="grade what arrives in the exchange, and let students fetch the result"
    )
    watch.add_argument("--assignment", metavar="NAME", help="only this one (default: all)")
    watch.add_argument("--course", default=".", help="course folder (default: this folder)")
    watch.add_argument("--jobs", type=_positive, help=jobs_help)
    watch.add_argument("--scheduler", metavar="ADDRESS", help=scheduler_help)
    watch.add_argument(
        "--log-format",
        choices=("text", "json"),
        default="text",
        help="how each result is told where no terminal shows a table (default: %(default)s)",
    )
    watch.set_defaults(command=_watch)

    modes = commands.add_parser("modes", help="show where each test runs, and why")
    modes.add_argument("assignment", nargs="?", help="(default: all)")
    modes.add_argument("--course", default=".", help="course folder (default: this folder)")
    modes.set_defaults(command=_modes)

    report = commands.add_parser("report", help="summarize an assignment for the instructor")
    report.add_argument("assignment", nargs="?", help="(default: each that has been graded)")
    report.add_argument("--course", default=".", help="course folder (default: this folder)")
    report.add_argument("--output", help="folder for the files (default: report/ of the course)")
    report.add_argument(
        "--lms",
        choices=("moodle", "canvas", "blackboard"),
        default="moodle",
        help="whose column names the table has (default: %(default)s)",
    )
    report.set_defaults(command=_report)

    doctor = commands.add_parser("doctor", help="see whether this machine has what grading needs")
    doctor.add_argument("--course", default=".", help="course folder (default: this folder)")
    doctor.set_defaults(command=_doctor)
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def _doctor(options: argparse.Namespace) -> int:
    from autograder import doctor

    return 0 if doctor.report(Path(options.course).resolve()) else 1


def _report(options: argparse.Namespace) -> int:
    from autograder.report.page import make_report  # Matplotlib takes its time

    names = [options.assignment] if options.assignment else assignments_of(options.course)
    written = 0
    for name in names:
        course = Course(options.course, name)
        output = Path(options.output) if options.output else course.root / "report"
        try:
            paths = make_report(course, output, options.lms)
        except CourseError as error:
            if len(names) == 1:
                raise
            print(f"autograder: {name}: {error}", file=sys.stderr)
            continue
        written += 1
        for path in paths:
            print(f"Written: {path}")
    return ALL_GRADED if written else NOT_STARTED


def _modes(options: argparse.Namespace) -> int:
    names = [options.assignment] if options.assignment else assignments_of(options.course)
    for name in names:
        course = Course(options.course, name)
        print(name)
        if sys.platform == "linux":
            course.calibrate()
        else:
            print("  Found by reading the tests; on Linux they are run as well.")
            course.read_tests()
        for line in where_tests_run(course.modes) or ["It has no test cells: people grade it."]:
            print(f"  {line}")
    return ALL_GRADED


def _grade(options: argparse.Namespace) -> int:
    _require_linux()
    from autograder.course.batch import only_grader

    courses = [Course(options.course, name) for name in _assignments(options)]
    with only_grader(courses[0].root):
        new = _new_submissions(courses, options)
        misplaced = [] if options.students else _misplaced(courses)
        if new:
            _require_sandbox(options)
        for course, _ in new:  # all, before anything is graded
            _calibrate(course, options)
        outcomes = []
        for course, submissions in new:
            outcomes += _grade_assignment(course, submissions, options)
    if not new:
        print("Nothing to grade: all submissions have been graded (--force grades them again).")
    problems = misplaced or any(outcome.problem for outcome in outcomes)
    return SOME_UNREADABLE if problems else ALL_GRADED


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
    with contextlib.ExitStack() as stack:
        stack.enter_context(only_grader(root))
        _require_sandbox(options)
        workers = stack.enter_context(_workers(options, jobs))
        watcher = Watcher(
            root,
            lambda: _assignments(options),
            workers,
            calibrate=lambda course: _calibrate(course, options),
        )
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: watcher.stop())
        watcher.run()
    return ALL_GRADED


def _require_linux() -> None:
    if sys.platform != "linux":
        raise SandboxUnavailable(
            "grading needs Linux: run it there, in WSL or in a container (docs/containers.md)."
        )


def _assignments(options: argparse.Namespace) -> list[str]:
    names = [options.assignment] if options.assignment else assignments_of(options.course)
    if not names:
        raise CourseError("The course has no assignments: there is no notebook in source/.")
    return names


def _require_sandbox(options: argparse.Namespace) -> None:
    if not options.scheduler:
        check_sandbox()
        if templates.refusal:
            print(f"autograder: {COLD.format(templates.refusal)}", file=sys.stderr)


def _new_submissions(
    courses: list[Course], options: argparse.Namespace
) -> list[tuple[Course, list[Submission]]]:
    """The assignments with new submissions; students need not have submitted to each."""
    from autograder.course.batch import new_submissions

    new = []
    errors = []
    for course in courses:
        try:
            submissions = new_submissions(course, options.students, options.force)
        except CourseError as error:
            errors.append(error)
        else:
            if submissions:
                new.append((course, submissions))
    if len(errors) == len(courses):
        raise errors[0]
    return new


def _misplaced(courses: list[Course]) -> list[Path]:
    found = {}
    for course in courses:
        for path in course.misplaced():
            found.setdefault(path, course)
    for path, course in found.items():
        where = course.assignment_id if len(courses) == 1 else "ASSIGNMENT"
        print(
            f"autograder: {in_line(os.path.relpath(path, course.root))} is not where a "
            f"submission belongs. Move it to submitted/STUDENT/{where}/.",
            file=sys.stderr,
        )
    return list(found)


def _calibrate(course: Course, options: argparse.Namespace) -> None:
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
    with _workers(options, jobs) as workers, _progress(len(submissions)) as tell:
        outcomes = grade_course(
            course,
            submissions,
            workers,
            full=options.full,
            on_outcome=tell,
        )
    _print_table(course, outcomes)
    return outcomes


def _workers(options: argparse.Namespace, jobs: int) -> AbstractContextManager[Workers]:
    from autograder.course.workers import local_workers

    if not options.scheduler:
        return nullcontext(local_workers(jobs))
    try:
        from autograder.course.cluster import cluster_workers
    except ModuleNotFoundError as error:
        raise CourseError(
            f"--scheduler needs a package that is not installed ({error.name}). Run: "
            "pip install -r requirements-cluster.txt"
        ) from error
    return cluster_workers(
        options.scheduler,
        warn=lambda text: print(f"autograder: {text}", file=sys.stderr),
    )


class _progress:
    """A progress bar on a terminal, a plain line for each submission elsewhere."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._count = 0
        self._bar = None
        if sys.stderr.isatty():
            columns = [
                TextColumn("grading"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
            ]
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)

    def __enter__(self) -> Callable[[Outcome], None]:
        if self._bar:
            self._bar.start()
            self._task = self._bar.add_task("grading", total=self._total)
        return self._report

    def __exit__(self, *exc_info: object) -> None:
        if self._bar:
            self._bar.stop()

    def _report(self, outcome: Outcome) -> None:
        self._count += 1
        if self._bar:
            self._bar.advance(self._task)
        else:
            count = f"[{self._count}/{self._total}]"
            print(f"{count} {in_line(outcome.student)}: {in_line(outcome.in_words)}", flush=True)


def _print_table(course: Course, outcomes: list[Outcome]) -> None:
    try:
        in_gradebook = course.scores()  # broken rules and manual scores count there
    except CourseError:  # somebody else has it now; what was recorded is recorded
        in_gradebook = {}
    table = Table(title=f"{course.assignment_id}: {counted(len(outcomes), 'submission')}")
    table.add_column("student")
    columns = _columns(course)
    for heading in (*columns, "sum"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("remarks")
    counts: Counter[str] = Counter()
    sentences: dict[str, list[str]] = defaultdict(list)
    for outcome in sorted(outcomes, key=lambda outcome: outcome.student):
        scores = in_gradebook.get(outcome.student, {}) if outcome.verdicts else {}
        cells = [
            f"{sum(scores[test] for test in tests):g}" if scores else "-"
            for tests in columns.values()
        ]
        cells.append(f"{sum(scores.values()):g}" if scores else "-")
        remarks = _remarks(outcome)
        counts.update(remarks.keys())
        for code, sentence in remarks.items():
            sentences[code].append(sentence)
        table.add_row(_one_line(in_line(outcome.student)), *cells, _one_line(", ".join(remarks)))
    console = Console(markup=False, emoji=False, highlight=False)
    console.print(table)
    for code, number in counts.most_common():
        example = " For example:" if len(set(sentences[code])) > 1 else ""
        console.print(f"{number:5} x {code}:{example} {sentences[code][0]}", soft_wrap=True)
    for outcome in outcomes:
        if outcome.problem:
            console.print(f"{in_line(outcome.student)}: {outcome.problem}", soft_wrap=True)
    for line in where_tests_run(course.modes):
        print(line)


def _one_line(text: str) -> Text:
    """Text that is cut where its column is narrow; of a number no digit is ever cut."""
    return Text(text, no_wrap=True, overflow="ellipsis")


def _columns(course: Course) -> dict[str, list[tuple[str, str]]]:
    """The tests under each heading: one, or all of a notebook where a line has no room for each."""
    columns: dict[str, list[tuple[str, str]]] = {}
    for notebook, test in course.tests:
        columns[course.label(notebook, test).removeprefix("test-")] = [(notebook, test)]
    if sum(map(len, columns)) <= _HEADING_CHARACTERS:
        return columns
    columns = {}
    for notebook, test in course.tests:
        columns.setdefault(notebook, []).append((notebook, test))
    return columns


def _remarks(outcome: Outcome) -> dict[str, str]:
    """Each code, and a sentence that says what it means."""
    if outcome.problem:
        return {"problem": "It needs manual grading, see below."}
    wrong = [verdict for verdict in outcome.verdicts.values() if not verdict.passed]
    return {verdict.code: verdict.message for verdict in wrong} | {
        repair.code: str(repair) for repair in outcome.repairs
    }
