"""The instructor's report on an assignment: ``python -m autograder report``.

It writes a page for the instructor and a table of scores for a learning management system.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from statistics import mean, median

from rich.console import Console
from rich.table import Table

from autograder.course.folder import Course, CourseError
from autograder.grading.calibration import where_tests_run
from autograder.report.data import Report, read_report
from autograder.report.lms import write_csv
from autograder.templates import render
from autograder.text import counted

_SHOWN = 5  # mistakes, and names of students, on the terminal


def make_report(course: Course, output: Path, lms: str = "moodle") -> list[Path]:
    """Write the page and the table, print the summary, and return the files' paths."""
    report = read_report(course)
    page, table = (output / f"{report.assignment}.{suffix}" for suffix in ("html", "csv"))
    try:
        output.mkdir(parents=True, exist_ok=True)
        write_html(report, page, datetime.now())
        write_csv(report, table, lms)
    except OSError as error:
        raise CourseError(f"{error.filename} cannot be written: {error.strerror}.") from error
    print_summary(report)
    return [page, table]


def write_html(report: Report, path: Path, made: datetime) -> None:
    """Write the page for the instructor."""
    page = render(
        "report.html.j2",
        report=report,
        made=f"{made:%Y-%m-%d %H:%M}",
        mean=mean(report.scores),
        median=median(report.scores),
        distribution=_distribution(report),
        in_words=_in_words,
    )
    path.write_text(page, encoding="utf-8")


def _distribution(report: Report, bars: int = 10) -> dict[str, int]:
    """How many students have a score in each part of the range, by the part in words."""
    largest = max(report.max_score, *report.scores) or 1
    counts = Counter(min(int(bars * score / largest), bars - 1) for score in report.scores)
    edges = [f"{largest * edge / bars:g}" for edge in range(bars + 1)]
    return {f"{edges[bar]} to {edges[bar + 1]}": counts[bar] for bar in range(bars)}


def _in_words(late_by: timedelta) -> str:
    """A time span to the minute, rounded up."""
    minutes = -(-int(late_by.total_seconds()) // 60)
    days, minutes = divmod(minutes, 24 * 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(days, "day"), (hours, "hour"), (minutes, "minute")]
    return " ".join(counted(number, unit) for number, unit in parts if number) or "seconds"


def print_summary(report: Report) -> None:
    """Print the main numbers: a table of the exercises, and lines of what is remarkable."""
    console = Console(markup=False, emoji=False, highlight=False)
    total = len(report.results)
    exercises = Table(title=f"{report.assignment}: {counted(total, 'submission')}")
    exercises.add_column("exercise", overflow="fold")
    for heading in ("tests passed", "mean points"):
        exercises.add_column(heading, justify="right")
    for test, title in report.titles.items():
        passed = "by hand"
        if test in report.tests:
            passed = f"{report.passed[test]} ({report.passed[test] / total:.0%})"
        points = f"{report.mean_points[test]:.1f} of {report.points[test]:g}"
        exercises.add_row(title, passed, points)
    exercises.add_section()
    exercises.add_row("all", "", f"{mean(report.scores):.1f} of {report.max_score:g}")
    console.print(exercises)
    for mistake in report.mistakes[:_SHOWN]:
        number = counted(len(mistake.students), "student")
        console.print(f"{number}: {mistake.code}, for example: {mistake.example}", soft_wrap=True)
    for line in where_tests_run(report.modes):
        console.print(line, soft_wrap=True)
    for what, students in {
        "Repaired": _everyone(report.repairs),
        "Needs manual grading": _everyone(report.for_grader),
        "Late": [result.student.name for result in report.late],
        "Nothing handed in": [student.name for student in report.absent],
    }.items():
        if students:
            more = f" and {len(students) - _SHOWN} more" if len(students) > _SHOWN else ""
            console.print(f"{what}: {len(students)} ({', '.join(students[:_SHOWN])}{more})")


def _everyone(students: dict[str, list[str]]) -> list[str]:
    return sorted({name for names in students.values() for name in names})
