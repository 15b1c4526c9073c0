"""The table of scores for a learning management system (LMS).

A student's id in nbgrader is the login name in the LMS. Moodle asks which column to import. Canvas
finds students by "SIS Login ID" and makes an assignment of each further column, so there is none.
"""

import csv
from pathlib import Path

from autograder.report.data import Report

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
    students = sorted([*report.results, *report.absent], key=lambda student: student.id)
    # The byte order mark tells Excel that names are UTF-8.
    with open(path, "w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*columns, report.assignment, *exercises.values()])
        for student in students:
            scores = [student.score, *(student.scores.get(test) for test in exercises)]
            if not student.scores:  # nothing handed in
                scores = [None] * len(scores)
            writer.writerow(
                [_harmless(value(student)) for value in columns.values()]
                + ["" if score is None else f"{score:g}" for score in scores]
            )


def _harmless(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return "'" + text if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
