"""The instructor's report on an assignment: ``python -m autograder report``.

It writes a page for the instructor and a table of scores for a learning management system.
"""

from datetime import datetime
from pathlib import Path
from statistics import mean, median

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
    made = f"{datetime.now():%Y-%m-%d %H:%M}"
    average, middle = mean(report.scores), median(report.scores)
    numbers = {"made": made, "mean": average, "median": middle}
    html = render("report.html.j2", course.words, report=report, **numbers)
    try:
        output.mkdir(parents=True, exist_ok=True)
        page.write_text(html, encoding="utf-8")
        write_csv(report, table, lms)
    except OSError as error:
        raise CourseError(f"{error.filename} cannot be written: {error.strerror}.") from error
    print_summary(report)
    return [page, table]


def print_summary(report: Report) -> None:
    """Print the main numbers, and what is remarkable."""
    total = len(report.results)
    average = f"{mean(report.scores):.1f} of {sum(report.points.values()):g}"
    print(f"{report.assignment}: {counted(total, 'submission')}, mean score {average}")
    for test, title in report.titles.items():
        passed = "graded by hand"
        if test in report.passed:
            passed = f"{report.passed[test]} ({report.passed[test] / total:.0%}) passed the tests"
        points = f"{report.mean_points[test]:.1f} of {report.points[test]:g}"
        print(f"  {title}: {passed}, mean points {points}")
    for mistake in report.mistakes[:_SHOWN]:
        number = counted(len(mistake.students), "student")
        print(f"{number}: {mistake.code}, for example: {mistake.example.message}")
    for line in where_tests_run(report.modes):
        print(line)
    for what, students in {
        "Found or repaired": sorted({s.name for s in report.results if s.repairs}),
        "Needs manual grading": [s.name for s in report.results if s.for_grader],
        "Late": [student.name for student in report.late],
        "Nothing handed in": [student.name for student in report.absent],
    }.items():
        if students:
            more = f" and {len(students) - _SHOWN} more" if len(students) > _SHOWN else ""
            print(f"{what}: {len(students)} ({', '.join(students[:_SHOWN])}{more})")
