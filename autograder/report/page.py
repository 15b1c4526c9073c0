"""The instructor's report on an assignment: ``python -m autograder report``.

It writes a page for the instructor and a table of scores for a learning management system.
"""

from __future__ import annotations

import base64
import io
import itertools
import re
from datetime import datetime, timedelta
from pathlib import Path
from statistics import mean, median

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from rich.console import Console
from rich.table import Table

from autograder.course.folder import Course, CourseError
from autograder.grading.calibration import advice, where_tests_run
from autograder.pages import render
from autograder.report.data import Report, read_report
from autograder.report.lms import write_csv
from autograder.text import counted

BLUE = "#0072B2"  # of Okabe and Ito's palette for color-blind readers


def make_report(course: Course, output: Path, lms: str = "moodle") -> list[Path]:
    """Write the page and the table, print the summary, and return the files' paths.

    Raises
    ------
    CourseError
        If there is nothing to report, or the files cannot be written.
    """
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
        figures=[_scores_figure(report), *([_passed_figure(report)] if report.tests else [])],
        advice=advice,
        in_words=_in_words,
    )
    path.write_text(page, encoding="utf-8")


def _scores_figure(report: Report) -> dict[str, str]:
    figure = Figure(figsize=(4.8, 3.2), layout="constrained")
    ax = figure.subplots()
    largest = max(report.max_score, *report.scores)
    counts, _, _ = ax.hist(report.scores, bins=np.linspace(0, largest, 11), color=BLUE, ec="white")
    ax.set_title("Distribution of scores")
    ax.set_xlabel(f"score (points of {report.max_score:g})")
    ax.set_ylabel("number of students")
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    in_words = ", ".join(
        f"{count:.0f} from {largest * i / 10:g} to {largest * (i + 1) / 10:g} points"
        for i, count in enumerate(counts)
        if count
    )
    return {"svg": _svg(figure), "alt": f"Distribution of scores: {in_words}."}


def _passed_figure(report: Report) -> dict[str, str]:
    titles = [_wrapped(report.titles[test]) for test in report.passed]
    lines = sum(title.count("\n") + 1.5 for title in titles)
    figure = Figure(figsize=(4.8, max(3.2, 1 + 0.17 * lines)), layout="constrained")
    ax = figure.subplots()
    total = len(report.results)
    shares = {test: 100 * number / total for test, number in report.passed.items()}
    bars = ax.barh(titles, list(shares.values()), color=BLUE)
    labels = [f"{number} of {total}" for number in report.passed.values()]
    ax.bar_label(bars, labels, padding=4)
    ax.invert_yaxis()
    ax.set_xlim(0, 125)
    ax.set_xticks(range(0, 101, 20))
    ax.set_title("Submissions that pass the tests", loc="right")  # above the names, too
    ax.set_xlabel("share of submissions (%)")
    ax.set_ylabel("exercise")
    in_words = ", ".join(
        f"{report.titles[test]} {share:.0f} percent" for test, share in shares.items()
    )
    return {"svg": _svg(figure), "alt": f"Submissions that pass the tests: {in_words}."}


def _wrapped(title: str) -> str:
    """A title in lines that leave room for the bar beside it, broken between words if possible."""
    parts = title.replace(": ", ":\n").split("\n")
    lines = [re.findall(r".{1,24}$|.{1,24}(?<=[\s_/-])|.{1,24}", part) for part in parts]
    return "\n".join(line.strip() for line in itertools.chain(*lines))


def _svg(figure: Figure) -> str:
    buffer = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "report"}):  # the same ids each time
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def _in_words(late_by: timedelta) -> str:
    """A time span to the minute, rounded up."""
    minutes = -(-int(late_by.total_seconds()) // 60)
    days, minutes = divmod(minutes, 24 * 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(days, "day"), (hours, "hour"), (minutes, "minute")]
    return " ".join(counted(number, unit) for number, unit in parts if number) or "seconds"


def print_summary(report: Report, most: int = 5) -> None:
    """Print the main numbers as short tables."""
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
    if report.diagnoses:
        diagnoses = Table(title="Most frequent diagnoses")
        diagnoses.add_column("diagnosis", overflow="fold")
        diagnoses.add_column("students", justify="right")
        diagnoses.add_column("for example", overflow="fold")
        for diagnosis in report.diagnoses[:most]:
            diagnoses.add_row(diagnosis.code, str(len(diagnosis.students)), diagnosis.example)
        console.print(diagnoses)
    for line in where_tests_run(report.modes):
        console.print(line, soft_wrap=True)
    for what, students in {
        "Repaired": _everyone(report.repairs),
        "Needs manual grading": _everyone(report.for_grader),
        "Late": [result.student.name for result in report.late],
        "Nothing handed in": [student.name for student in report.absent],
    }.items():
        if students:
            more = f" and {len(students) - most} more" if len(students) > most else ""
            console.print(f"{what}: {len(students)} ({', '.join(students[:most])}{more})")


def _everyone(students: dict[str, list[str]]) -> list[str]:
    return sorted({name for names in students.values() for name in names})
