"""The instructor's report: numbers and names of the gradebook, in a page, a table and a summary."""

import csv
import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbgrader.api import Gradebook

from autograder.cli import main
from autograder.course.folder import Course
from autograder.facts import Facts, Repair, RuleViolation, Verdict
from autograder.report.data import read_report
from autograder.report.lms import LMS_COLUMNS, write_csv
from tests.autograder.nbgrader_plugin.test_feedback import active_parts, words
from tests.support import courses

pytestmark = pytest.mark.filterwarnings("ignore:Object of type <.*> not in session")

XAVIER = Verdict(
    False, "scale-xavier", "The scale is that of Xavier.", "W1 is 1.", "Look at the formula."
)
UNREADABLE = Verdict(False, "unreadable", "The submission could not be read.", "it is empty.")
PASSED = Verdict(True, message="All tests passed.")
HOSTILE = Verdict(
    False, "raises-X", "<script>alert(1)</script> `<img src=x onerror=alert(1)>`", "[forged]"
)
EXTRA_CELL = RuleViolation("extra-cell", "No extra code cells", "code cell 7", None, "Delete it.")
DUE = datetime(2026, 3, 2, 12)


@pytest.fixture
def gradebook(course):
    """The gradebook of a course of one's own, with a due date and without students."""
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}", "initialization") as book:
        book.update_or_create_assignment(courses.ASSIGNMENT, duedate=DUE)
        yield book


def record(book, student, *verdicts, timestamp=None, facts=None, **about):
    """Record what grading would: 10 points for a test that passed."""
    book.add_student(student, **about)
    submission = book.add_submission(courses.ASSIGNMENT, student, timestamp=timestamp)
    (notebook,) = submission.notebooks
    by_test = dict(zip(("test-zeros", "test-random", "test-he"), verdicts, strict=True))
    for grade in notebook.grades:
        grade.auto_score = 10 if by_test[grade.name].passed else 0
        grade.needs_manual_grade = by_test[grade.name] is UNREADABLE
    book.db.commit()
    unreadable = "it is empty." if UNREADABLE in verdicts else ""
    facts = facts or Facts(unreadable)
    store(Path(book.db.bind.url.database).parent, student, replace(facts, verdicts=by_test))
    return notebook


def store(course, student, facts):
    """Write the facts where the executed notebook of a student stands."""
    cells = [
        {"metadata": {"nbgrader": {"grade_id": test}, "autograder": {"role": "test"}}}
        for test in facts.verdicts
    ]
    executed = nbformat.from_dict({"metadata": {}, "cells": cells})
    facts.store(executed)
    folder = course / "autograded" / student / courses.ASSIGNMENT
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{courses.ASSIGNMENT}.ipynb").write_text(json.dumps(executed))


def small_class(book):
    record(book, "ada", PASSED, PASSED, PASSED, first_name="Ada", last_name="Lovelace")
    record(book, "o'brien", PASSED, XAVIER, XAVIER, timestamp=DUE + timedelta(hours=26, seconds=1))
    facts = Facts(repairs=[Repair("answer-missing", ("x",))], violations=[EXTRA_CELL])
    record(book, "nguyễn-văn-a", PASSED, PASSED, XAVIER, timestamp=DUE, facts=facts)
    record(book, "broken", UNREADABLE, UNREADABLE, UNREADABLE)
    book.add_student("never-came", first_name="Nora")


def report_of(course):
    return read_report(Course(course, courses.ASSIGNMENT))


def rows(path):
    with open(path, encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def test_the_report_counts_scores_passes_and_mistakes(course, gradebook):
    small_class(gradebook)
    report = report_of(course)
    assert report.scores == [30, 0, 20, 10]  # ada, broken, nguyễn-văn-a, o'brien
    assert report.passed == {"test-zeros": 3, "test-random": 2, "test-he": 1}
    assert report.mean_points == {"test-zeros": 7.5, "test-random": 5, "test-he": 2.5}
    xavier, unreadable = report.mistakes
    assert (xavier.code, xavier.students) == ("scale-xavier", ["nguyễn-văn-a", "o'brien"])
    assert xavier.where == ["Exercise 2", "Exercise 3 (2)"]
    assert xavier.example.message == "The scale is that of Xavier."
    assert (unreadable.code, unreadable.students) == ("unreadable", ["broken"])


def test_the_report_tells_repairs_rules_lateness_and_absence(course, gradebook):
    small_class(gradebook)
    report = report_of(course)
    assert report.repairs == {"1 answer could not be found: x.": ["nguyễn-văn-a"]}
    assert report.broken_rules == {"No extra code cells": ["nguyễn-văn-a"]}
    late = timedelta(hours=26, seconds=1)
    assert [(student.id, student.late_by) for student in report.late] == [("o'brien", late)]
    assert [student.name for student in report.absent] == ["Nora (never-came)"]


def test_an_extension_is_not_late(course, gradebook):
    record(gradebook, "ada", PASSED, PASSED, PASSED, timestamp=DUE + timedelta(hours=3))
    assert report_of(course).late
    gradebook.grant_extension(courses.ASSIGNMENT, "ada", hours=4)
    assert not report_of(course).late


def test_what_needs_a_person_says_why(course, gradebook):
    record(gradebook, "broken", UNREADABLE, UNREADABLE, UNREADABLE)
    notebook = record(gradebook, "corrected", PASSED, PASSED, XAVIER)
    for grade in notebook.grades:
        if grade.name == "test-he":
            grade.manual_score, grade.needs_manual_grade = 4, True
    gradebook.db.commit()
    assert report_of(course).for_grader == {
        "A score set by hand was kept when it was graded again: is it still right?": ["corrected"],
        "The submission could not be read: it is empty.": ["broken"],
    }


def test_another_notebook_needs_a_person_and_is_named_once(course, gradebook):
    other = Facts(repairs=[Repair("other-notebook"), Repair("answer-merged", ("x",))])
    record(gradebook, "ada", PASSED, PASSED, PASSED, facts=other)
    report = report_of(course)
    assert report.for_grader == {str(other.repairs[0]): ["ada"]}
    assert report.repairs == {str(other.repairs[1]): ["ada"]}


def test_scores_include_what_graders_set_and_the_late_penalty(course, gradebook):
    notebook = record(gradebook, "ada", PASSED, PASSED, XAVIER)
    next(grade for grade in notebook.grades if grade.name == "test-he").manual_score = 4
    notebook.late_submission_penalty = 5
    gradebook.db.commit()
    report = report_of(course)
    assert report.scores == [19]
    assert report.passed["test-he"] == 0


def test_the_page_shows_figures_tables_and_names(course, gradebook):
    small_class(gradebook)
    assert main(["report", "--course", str(course)]) == 0
    html = BeautifulSoup((course / "report/Initialization.html").read_text(), "html.parser")
    assert not html("img")
    assert [bar["style"] for bar in html.select(".passed .bar span")] == [
        *("width: 75.0%", "width: 50.0%", "width: 25.0%")
    ]
    distribution = html.find(class_="bars").tbody
    assert [words(row) for row in distribution("tr") if not words(row).endswith(" 0")] == [
        *("0 to 3 1", "9 to 12 1", "18 to 21 1", "27 to 30 1")
    ]
    text = words(html)
    for expected in (
        "scale-xavier The scale is that of Xavier. 2",
        "o'brien 1 day, 2:00:01 0",
        "Exercise 1: zeros 3 of 4 (75 %) 7.5 of 10",
        "Nothing handed in: Nora (never-came)",
        "Ada Lovelace (ada) 10 10 10 30",
    ):
        assert expected in text


def test_nothing_of_a_student_is_active_in_the_page(course, gradebook):
    record(gradebook, "<script>x</script>", HOSTILE, HOSTILE, HOSTILE, last_name="<b>x</b>")
    assert main(["report", "--course", str(course)]) == 0
    html = BeautifulSoup((course / "report/Initialization.html").read_text(), "html.parser")
    assert active_parts(html) == []
    assert "<script>alert(1)</script>" in words(html)
    assert not html("b")


def test_long_lists_of_names_are_folded(course, gradebook):
    for number in range(12):
        late = DUE + timedelta(hours=1 + number)
        record(gradebook, f"student{number:02}", PASSED, PASSED, XAVIER, timestamp=late)
    assert main(["report", "--course", str(course)]) == 0
    html = BeautifulSoup((course / "report/Initialization.html").read_text(), "html.parser")
    folded = {words(details.summary) for details in html("details") if "open" not in details.attrs}
    assert folded == {"12 students", "12 submissions", "Scores of 12 students"}


def test_the_summary_is_short_and_names_the_most_frequent_mistakes(course, gradebook, capsys):
    small_class(gradebook)
    assert main(["report", "Initialization", "--course", str(course)]) == 0
    printed = capsys.readouterr().out
    assert "Initialization: 4 submissions, mean score 15.0 of 30" in printed
    assert "  Exercise 1: zeros: 3 (75%) passed the tests, mean points 7.5 of 10" in printed
    assert "scale-xavier" in printed
    assert "Needs manual grading: 1 (broken)" in printed
    assert "Late: 1 (o'brien)" in printed
    assert len(printed.splitlines()) < 30


@pytest.mark.parametrize(
    ("lms", "header", "row"),
    [
        (
            "moodle",
            "Username,First name,Last name,Email address,Initialization",
            ["ada", "Ada", "Lovelace", "", "30", "10", "10", "10"],
        ),
        (
            "canvas",
            "Student,ID,SIS User ID,SIS Login ID,Section,Initialization",
            ["Lovelace, Ada", "", "", "ada", "", "30"],
        ),
        (
            "blackboard",
            "Last Name,First Name,Username,Initialization",
            ["Lovelace", "Ada", "ada", "30"],
        ),
    ],
)
def test_the_table_has_the_columns_of_the_lms(course, gradebook, lms, header, row):
    small_class(gradebook)
    assert main(["report", "--course", str(course), "--lms", lms]) == 0
    first, second, *others = rows(course / "report/Initialization.csv")
    assert ",".join(first).startswith(header)
    assert second == row
    assert {len(other) for other in others} == {len(first)}
    ids = {student for other in others for student in other}
    assert {"o'brien", "nguyễn-văn-a", "never-came"} <= ids


def test_who_handed_in_nothing_has_an_empty_score(course, gradebook):
    small_class(gradebook)
    main(["report", "--course", str(course)])
    by_id = {row[0]: row for row in rows(course / "report/Initialization.csv")}
    assert by_id["never-came"][4:] == ["", "", "", ""]
    assert by_id["broken"][4:] == ["0", "0", "0", "0"]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
@pytest.mark.parametrize("lms", LMS_COLUMNS)
def test_no_cell_of_the_table_is_a_formula(course, gradebook, tmp_path, start, lms):
    evil = f"{start}HYPERLINK(1)"
    record(gradebook, evil, PASSED, PASSED, PASSED, last_name=evil, first_name=evil, email=evil)
    write_csv(report_of(course), tmp_path / "table.csv", lms)
    (row,) = rows(tmp_path / "table.csv")[1:]
    assert not [cell for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert "'" + evil in row


def test_the_files_go_where_they_are_wanted(course, gradebook, tmp_path):
    small_class(gradebook)
    assert main(["report", "--course", str(course), "--output", str(tmp_path / "a/b")]) == 0
    assert {path.name for path in (tmp_path / "a/b").iterdir()} == {
        "Initialization.html",
        "Initialization.csv",
    }
    assert not (course / "report").exists()


def test_reading_changes_nothing_in_the_gradebook(course, gradebook):
    small_class(gradebook)
    gradebook.close()
    before = (course / "gradebook.db").read_bytes()
    assert main(["report", "--course", str(course)]) == 0
    assert (course / "gradebook.db").read_bytes() == before


def test_without_submissions_the_message_says_so(course, gradebook, capsys):
    gradebook.add_student("ada")
    assert main(["report", "--course", str(course)]) == 2
    assert "no submission of Initialization has been graded" in one_line(capsys)


def test_without_a_gradebook_the_message_says_so_and_none_is_made(course, capsys):
    (course / "gradebook.db").unlink()
    assert main(["report", "--course", str(course)]) == 2
    assert "There is no gradebook" in one_line(capsys)
    assert not (course / "gradebook.db").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["Homework", "--course", "{course}"], "There is no assignment 'Homework'"),
        (["--course", "{course}/release"], "is not a course folder"),
        (["--course", "{course}"], "nbgrader db upgrade"),
    ],
)
def test_what_cannot_be_read_gets_a_message(course, arguments, message, capsys):
    (course / "gradebook.db").write_bytes(b"not a database, whatever its name says" * 100)
    assert main(["report", *(part.format(course=course) for part in arguments)]) == 2
    assert message in one_line(capsys)


def test_an_output_that_cannot_be_written_gets_a_message(course, gradebook, tmp_path, capsys):
    small_class(gradebook)
    (tmp_path / "file").touch()
    assert main(["report", "--course", str(course), "--output", str(tmp_path / "file")]) == 2
    assert "cannot be written" in one_line(capsys)


def one_line(capsys):
    captured = capsys.readouterr()
    assert captured.err.startswith("autograder: ") and len(captured.err.splitlines()) == 1
    return captured.err
