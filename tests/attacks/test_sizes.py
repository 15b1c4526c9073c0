"""However much a notebook shows, those who grade it and show it stay small."""

import base64
import json
import struct

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_output

from autograder.grading.run import grade_submission
from autograder.limits import Limits
from autograder.submission.notebook import Unreadable, read_submission
from tests.support import courses, heavy


@pytest.fixture(scope="module")
def assignment():
    return courses.assignment_in()


@pytest.mark.parametrize("kind", heavy.CELLS)
def test_grader_feedback_and_formgrader_stay_below_300_megabytes(course, kind):
    courses.hand_in_file(course, "heavy", heavy.notebook(courses.released(course), kind))
    measured = heavy.measure(course)
    assert courses.scores(course) == {"heavy": [10, 10, 10]}
    assert all(process["peak"] < 300_000 for process in measured.values()), measured
    assert measured["grade"]["outputs"] > 100  # those that come first are kept
    assert measured["formgrader"]["page"] < 3_000_000
    assert all(page.stat().st_size < 3_000_000 for page in course.glob("feedback/*/*/*.html"))


def picture(width, height):
    head = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height)
    return base64.b64encode(head + b"\x08\0\0\0\0").decode()


def saved(assignment, outputs, limits=Limits()):  # noqa: B008 - it is frozen
    """The outputs that are kept of those that a student saved in a cell of her own."""
    notebook = nbformat.reads(assignment.released(), as_version=4)
    notebook.cells.append(new_code_cell("1", outputs=outputs))
    graded = grade_submission(json.dumps(notebook).encode(), assignment, limits, execute=False)
    return graded.notebook.cells[-1].outputs


def test_pictures_have_a_sum_of_pixels(assignment):
    pictures = [picture(8_000, 5_000), picture(4_000, 5_000), picture(4_000, 5_000), "none", ""]
    outputs = [new_output("display_data", {"image/png": one}) for one in pictures]
    kept = [output.data.get("image/png", "") for output in saved(assignment, outputs)]
    assert kept == [pictures[0], pictures[1], "", "", ""]
    note = saved(assignment, outputs)[2].data["text/plain"]
    assert f"more than {Limits().notebook_pixels} pixels" in note


@pytest.mark.parametrize("end", ["\n", "\f", "\u2028"])
def test_saved_outputs_have_a_number_of_lines_whatever_ends_them(assignment, end):
    limits = Limits(notebook_bytes=80_000)
    (kept,) = saved(assignment, [new_output("stream", text=end * 3_000)], limits)
    assert "left out" not in kept.get("text", "")
    (kept,) = saved(assignment, [new_output("stream", text=end * 4_500)], limits)
    assert "left out" in kept.text
    (kept,) = saved(assignment, [new_output("error", traceback=[""] * 4_500)], limits)
    assert "left out" in kept.text


def test_notebooks_with_too_many_outputs_or_lines_are_refused():
    cell = {"cell_type": "code", "source": "\n" * 60_000}
    data = json.dumps({"nbformat": 4, "cells": [cell, cell]})
    with pytest.raises(Unreadable, match="has 120000 lines"):
        read_submission(data.encode())
    cell = {"cell_type": "code", "outputs": [{"output_type": "stream"}] * 21_000}
    data = json.dumps({"nbformat": 4, "cells": [cell]})
    with pytest.raises(Unreadable, match="21000 outputs"):
        read_submission(data.encode(), keep_outputs=True)
