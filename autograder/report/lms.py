"""The table of scores for a learning management system (LMS).

A student's id in nbgrader is the login name in the LMS. Moodle asks which column to import. Canvas
finds students by "SIS Login ID" and makes an assignment of each further column, so there is none.
"""

from __future__ import annotations

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
