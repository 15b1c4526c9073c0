"""The instructor's report on an assignment: ``python -m autograder report``.

It reads the gradebook, and nothing that students wrote but their scores and automatic comments.
It writes a page for the instructor and a table of scores for a learning management system (LMS).

The table comes in three forms, because each LMS wants its own columns:

- ``moodle``: "Username", "First name", "Last name", "Email address", the score, and the score of
  each exercise. Moodle asks which column to import: map "Username" or "Email address" to the user,
  and "Initialization" to the grade item.
- ``canvas``: "Student", "ID", "SIS User ID", "SIS Login ID", "Section", the score. Canvas finds
  students by "SIS Login ID" and makes an assignment of each further column, so there is none.
- ``blackboard``: "Last Name", "First Name", "Username", the score.

In all of them a student's id in nbgrader is the login name in the LMS. Who handed in nothing has an
empty score.
"""

from __future__ import annotations

import base64
import csv
import io
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from statistics import mean, median

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from nbgrader import api
from rich.console import Console
from rich.table import Table
from sqlalchemy import create_engine, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from autograder.comments import Comment
from autograder.course.folder import Course, CourseError
from autograder.grading.run import answers_tested_by
from autograder.pages import render
from autograder.plugins.feedback import headings
from autograder.text import counted, readable
from lesson.rules import RULES

BLUE = "#0072B2"  # of Okabe and Ito's palette for color-blind readers

_WHY_SET_BY_HAND = "A score set by hand was kept when it was graded again: is it still right?"
_WHY_MARKED = "nbgrader has marked it for manual grading."


@dataclass(frozen=True)
class Student:
    """A student as the gradebook knows them."""

    id: str
    first_name: str = ""
    last_name: str = ""
    email: str = ""

    @property
    def name(self) -> str:
        """What a person reads: the name with the id, or the id alone."""
        name = f"{self.first_name} {self.last_name}".strip()
        return readable(f"{name} ({self.id})" if name else self.id)


@dataclass
class Result:
    """What the gradebook holds on one submission.

    Attributes
    ----------
    scores : dict of str to float
        Points by exercise, as corrected by graders.
    passed : set of str
        The exercises whose tests passed.
    comments : dict of str to Comment
        The automatic comment by exercise.
    for_grader : str
        Why a person has to look at it; empty if nobody has to.
    late_by : timedelta
    penalty : float
        Points taken off for being late.
    """

    student: Student
    scores: dict[str, float] = field(default_factory=dict)
    passed: set[str] = field(default_factory=set)
    comments: dict[str, Comment] = field(default_factory=dict)
    for_grader: str = ""
    late_by: timedelta = timedelta(0)
    penalty: float = 0

    @property
    def score(self) -> float:
        """Points for the assignment."""
        return max(0, sum(self.scores.values()) - self.penalty)


@dataclass(frozen=True)
class Diagnosis:
    """A mistake, the first sentence of one message about it, and who made it where."""

    code: str
    example: str
    exercises: Counter[str] = field(default_factory=Counter)
    students: list[str] = field(default_factory=list)

    @property
    def where(self) -> list[str]:
        """The exercises, with the number of answers where there are several."""
        return [
            exercise if answers == 1 else f"{exercise} ({answers})"
            for exercise, answers in sorted(self.exercises.items())
        ]


@dataclass(frozen=True)
class Report:
    """Everything that the report tells about an assignment.

    Attributes
    ----------
    assignment : str
    titles : dict of str to str
        The exercises' titles by the grade id of the test, in the notebook's order.
    points : dict of str to float
        What each exercise can earn.
    results : list of Result
        One for each student who handed in something, in the order of their ids.
    absent : list of Student
        Those who did not.
    """

    assignment: str
    titles: dict[str, str]
    points: dict[str, float]
    results: list[Result]
    absent: list[Student]

    @cached_property
    def max_score(self) -> float:
        """What the assignment can earn."""
        return sum(self.points.values())

    @cached_property
    def scores(self) -> list[float]:
        """The score of each submission."""
        return [result.score for result in self.results]

    @cached_property
    def passed(self) -> dict[str, int]:
        """How many submissions passed the tests of each exercise."""
        return {test: sum(test in r.passed for r in self.results) for test in self.titles}

    @cached_property
    def mean_points(self) -> dict[str, float]:
        """Mean score of each exercise."""
        return {test: mean(r.scores.get(test, 0) for r in self.results) for test in self.titles}

    @cached_property
    def diagnoses(self) -> list[Diagnosis]:
        """The mistakes, those of most students first."""
        found: dict[str, Diagnosis] = {}
        for result in self.results:
            for test, comment in result.comments.items():
                if comment.code:
                    new = Diagnosis(comment.code, comment.headline)
                    diagnosis = found.setdefault(comment.code, new)
                    diagnosis.exercises[self.titles[test].partition(":")[0]] += 1
                    if result.student.name not in diagnosis.students:
                        diagnosis.students.append(result.student.name)
        return sorted(found.values(), key=lambda d: (-len(d.students), d.code))

    @cached_property
    def repairs(self) -> dict[str, list[str]]:
        """What was repaired, and in whose notebooks, the most frequent first."""
        return _by_frequency(
            (repair, result.student.name)
            for result in self.results
            for comment in result.comments.values()
            for repair in comment.repairs
        )

    @cached_property
    def broken_rules(self) -> dict[str, list[str]]:
        """Which of the rules were broken, and by whom, the most frequent first."""
        return _by_frequency(
            (_rule(finding), result.student.name)
            for result in self.results
            for comment in result.comments.values()
            for finding in (*comment.findings, *comment.notebook_findings)
        )

    @cached_property
    def for_grader(self) -> dict[str, list[str]]:
        """Why a person has to look at submissions, and whose, the most frequent first."""
        return _by_frequency(
            (result.for_grader, result.student.name) for result in self.results if result.for_grader
        )

    @cached_property
    def late(self) -> list[Result]:
        """The late submissions, the latest first."""
        late = [result for result in self.results if result.late_by]
        return sorted(late, key=lambda result: result.late_by, reverse=True)


def read_report(course: Course) -> Report:
    """Read from the gradebook what there is to report on an assignment.

    Raises
    ------
    CourseError
        If there is no gradebook, or nothing of this assignment has been graded.
    """
    url = make_url(course.directory.db_url)
    if url.get_backend_name() == "sqlite" and not Path(url.database).is_file():
        raise CourseError(
            f"There is no gradebook {url.database}. Generate the assignment and grade it first."
        )
    engine = create_engine(url)
    try:
        with Session(engine) as session:
            students, results = _read(session, course)
    except SQLAlchemyError as error:
        reason = str(error).splitlines()[0]
        raise CourseError(
            f"The gradebook {url.database} cannot be read: {reason}. If another version of "
            "nbgrader made it, make a copy of it and run 'nbgrader db upgrade'."
        ) from error
    finally:
        engine.dispose()
    if not results:
        raise CourseError(
            f"Nothing to report: no submission of {course.assignment_id} has been graded yet."
        )
    titles = headings(course.assignment.released_cells())
    points = course.assignment.points()
    return Report(
        course.assignment_id,
        {test: _title(course, test, titles) for test in points},
        points,
        [results[student] for student in sorted(results)],
        [students[student] for student in sorted(students) if student not in results],
    )


def _read(session: Session, course: Course) -> tuple[dict[str, Student], dict[str, Result]]:
    """All students, and the results of those who handed in something, by student id."""
    test_of = {
        answer: test
        for test in course.assignment.points()
        for answer in answers_tested_by(course.assignment, test)
    }
    students = {
        row.id: Student(row.id, row.first_name or "", row.last_name or "", row.email or "")
        for row in session.execute(
            select(api.Student.id, api.Student.first_name, api.Student.last_name, api.Student.email)
        )
    }
    of_assignment = (
        select(api.SubmittedAssignment.student_id.label("student"))
        .join(api.Assignment)
        .where(api.Assignment.name == course.assignment_id)
    )
    in_notebook = of_assignment.join(api.SubmittedNotebook).join(api.Notebook)
    in_notebook = in_notebook.where(api.Notebook.name == course.notebook_id)

    results = {}
    times = of_assignment.add_columns(
        api.SubmittedAssignment.timestamp,
        api.SubmittedAssignment.extension,
        api.Assignment.duedate,
    )
    for row in session.execute(times):
        results[row.student] = Result(students[row.student])
        if row.timestamp and row.duedate:
            due = row.duedate + (row.extension or timedelta(0))
            results[row.student].late_by = max(timedelta(0), row.timestamp - due)
    for row in session.execute(
        in_notebook.add_columns(api.SubmittedNotebook.late_submission_penalty.label("penalty"))
    ):
        results[row.student].penalty = row.penalty or 0
    grades = in_notebook.join(api.Grade).join(api.BaseCell, api.Grade.cell_id == api.BaseCell.id)
    for row in session.execute(
        grades.add_columns(
            api.BaseCell.name,
            api.Grade.auto_score,
            api.Grade.manual_score,
            api.Grade.score,
            api.Grade.needs_manual_grade,
        )
    ):
        result = results[row.student]
        result.scores[row.name] = row.score
        if row.auto_score:
            result.passed.add(row.name)
        if row.needs_manual_grade:
            result.for_grader = _WHY_SET_BY_HAND if row.manual_score is not None else _WHY_MARKED
    said = in_notebook.join(api.Comment).join(api.BaseCell, api.Comment.cell_id == api.BaseCell.id)
    for row in session.execute(said.add_columns(api.BaseCell.name, api.Comment.auto_comment)):
        if row.name in test_of:
            result, comment = results[row.student], Comment.parse(row.auto_comment)
            result.comments[test_of[row.name]] = comment
            if comment.penalty and not comment.code:  # right, but a broken rule took all points
                result.passed.add(test_of[row.name])
            if result.for_grader and comment.code == "unreadable":
                result.for_grader = comment.message
    return students, results


def _title(course: Course, test: str, titles: dict[str, str]) -> str:
    answers = answers_tested_by(course.assignment, test)
    return next((titles[answer] for answer in answers if answer in titles), test)


def _rule(finding: str) -> str:
    """The rule that a finding of `submission_rules`, as text, is about."""
    _, _, said = finding.partition(": ")
    return next((rule for rule in RULES.values() if said.startswith(rule)), said)


def _by_frequency(found: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    students: dict[str, list[str]] = defaultdict(list)
    for what, student in found:
        if student not in students[what]:
            students[what].append(student)
    return dict(sorted(students.items(), key=lambda item: (-len(item[1]), item[0])))


def write_html(report: Report, path: Path, made: datetime) -> None:
    """Write the page for the instructor."""
    page = render(
        "report.html.j2",
        report=report,
        made=f"{made:%Y-%m-%d %H:%M}",
        mean=mean(report.scores),
        median=median(report.scores),
        figures=[_scores_figure(report), _passed_figure(report)],
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
    figure = Figure(figsize=(4.8, 3.2), layout="constrained")
    ax = figure.subplots()
    total = len(report.results)
    shares = {test: 100 * number / total for test, number in report.passed.items()}
    titles = [title.replace(": ", ":\n") for title in report.titles.values()]
    bars = ax.barh(titles, list(shares.values()), color=BLUE)
    labels = [f"{number} of {total}" for number in report.passed.values()]
    ax.bar_label(bars, labels, padding=4)
    ax.invert_yaxis()
    ax.set_xlim(0, 125)
    ax.set_xticks(range(0, 101, 20))
    ax.set_title("Submissions that pass the tests")
    ax.set_xlabel("share of submissions (%)")
    ax.set_ylabel("exercise")
    in_words = ", ".join(
        f"{title} {shares[test]:.0f} percent" for test, title in report.titles.items()
    )
    return {"svg": _svg(figure), "alt": f"Submissions that pass the tests: {in_words}."}


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


LMS_COLUMNS = {
    "moodle": {
        "Username": lambda student: student.id,
        "First name": lambda student: student.first_name,
        "Last name": lambda student: student.last_name,
        "Email address": lambda student: student.email,
    },
    "canvas": {
        "Student": lambda student: f"{student.last_name}, {student.first_name}".strip(", "),
        "ID": lambda student: "",
        "SIS User ID": lambda student: "",
        "SIS Login ID": lambda student: student.id,
        "Section": lambda student: "",
    },
    "blackboard": {
        "Last Name": lambda student: student.last_name,
        "First Name": lambda student: student.first_name,
        "Username": lambda student: student.id,
    },
}


def write_csv(report: Report, path: Path, lms: str = "moodle") -> None:
    """Write the scores in the form that an LMS imports."""
    columns = LMS_COLUMNS[lms]
    exercises = report.titles if lms == "moodle" else {}
    students = [(result.student, result) for result in report.results]
    students += [(student, None) for student in report.absent]
    # The byte order mark tells Excel that names are UTF-8.
    with open(path, "w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*columns, report.assignment, *exercises.values()])
        for student, result in sorted(students, key=lambda entry: entry[0].id):
            scores = [result.score, *map(result.scores.get, exercises)] if result else []
            writer.writerow(
                [_harmless(value(student)) for value in columns.values()]
                + ["" if score is None else f"{score:g}" for score in scores]
                + [""] * (1 + len(exercises) - len(scores))
            )


def _harmless(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return "'" + text if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def print_summary(report: Report, most: int = 5) -> None:
    """Print the main numbers as short tables."""
    console = Console(markup=False, emoji=False, highlight=False)
    total = len(report.results)
    exercises = Table(title=f"{report.assignment}: {counted(total, 'submission')}")
    exercises.add_column("exercise", overflow="fold")
    for heading in ("tests passed", "mean points"):
        exercises.add_column(heading, justify="right")
    for test, title in report.titles.items():
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
    for what, students in {
        "Repaired": _everyone(report.repairs),
        "Needs a person": _everyone(report.for_grader),
        "Late": [result.student.name for result in report.late],
        "Nothing handed in": [student.name for student in report.absent],
    }.items():
        if students:
            more = f" and {len(students) - most} more" if len(students) > most else ""
            console.print(f"{what}: {len(students)} ({', '.join(students[:most])}{more})")


def _everyone(students: dict[str, list[str]]) -> list[str]:
    return sorted({name for names in students.values() for name in names})


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
