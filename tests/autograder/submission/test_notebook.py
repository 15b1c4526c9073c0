"""Reading a notebook file: whatever it holds, it is read within limits or refused with a reason."""

import json
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.submission import files
from autograder.submission.notebook import Unreadable, read_submission, without_bulk
from tests.support import courses
from tests.support.damage import DAMAGES, UNREADABLE

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


def test_a_print_that_ran_away_costs_no_points(course):
    content = courses.hand_in(course, "ada", courses.answers())
    before, after = content.read_bytes().split(b'"outputs": []', 1)
    lines = b'"a line with a \\\\ and a ] in it\\n",\n' * 2_500_000
    printed = b'"outputs": [{"name": "stdout", "output_type": "stream", "text": [' + lines
    content.write_bytes(before + printed + b'"end"]}]' + after)
    assert content.stat().st_size > 90_000_000
    result = courses.grade(course)
    assert result.returncode == 0, result.stdout + result.stderr
    assert courses.scores(course)["ada"] == [10, 10, 10]


def test_more_than_the_largest_size_is_refused(tmp_path):
    path = tmp_path / "Initialization.ipynb"
    with path.open("wb") as file:
        file.truncate(files.MAX_FILE_BYTES + 1)
    with pytest.raises(Unreadable, match="more than"):
        files.read_file(path)


def test_outputs_attachments_and_widgets_are_cut_out():
    notebook = {
        "cells": [
            {"outputs": [{"text": ['\\"]}', "\\\\", "]"]}], "source": 'x = "outputs": ['},
            {"attachments": {"a": {"b": "}"}}, "source": ["\\", '"']},
        ],
        "metadata": {"widgets": {"state": [[], {}]}, "outputs": "text"},
    }
    for indent in (None, 1):
        kept = json.loads(without_bulk(json.dumps(notebook, indent=indent).encode()))
        assert kept == {
            "cells": [
                {"outputs": [], "source": 'x = "outputs": ['},
                {"attachments": {}, "source": ["\\", '"']},
            ],
            "metadata": {"widgets": {}, "outputs": "text"},
        }


@pytest.mark.parametrize("start", ['"', '{"outputs": ["', '" "'])
def test_a_string_without_an_end_is_scanned_once(start):
    """Else this would take hours."""
    with pytest.raises(Unreadable):
        read_submission(start.encode() + b'\\"' * 10**6)


def test_reading_keeps_what_the_check_of_the_rules_needs(solved):
    cells = read_submission(solved).cells
    originals = json.loads(solved)["cells"]
    for cell, original in zip(cells, originals, strict=True):
        assert cell.metadata.tags == original["metadata"].get("tags", [])
        checksum = original["metadata"].get("nbgrader", {}).get("checksum")
        assert cell.metadata.nbgrader.get("checksum") == checksum


@pytest.mark.parametrize("damage", UNREADABLE)
def test_what_cannot_be_graded_is_unreadable_for_a_stated_reason(damage, solved):
    with pytest.raises(Unreadable) as error:
        read_submission(UNREADABLE[damage](solved))
    assert str(error.value).endswith(".")
    assert 10 < len(str(error.value)) < 200


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ("empty_file", "The file is empty."),
        ("utf16", "The file is encoded as UTF-16 or UTF-32; a notebook must be UTF-8."),
        ("web_page", "The file is a web page (HTML or XML), not a notebook."),
        ("future_format", "The notebook has format 5; only nbformat 4 and 3 can be read."),
        ("no_cells", "The notebook has no list of cells."),
        ("too_many_cells", "The notebook has 100000 cells; at most 2000 are read."),
        ("nested_too_deeply", "The file is nested too deeply to be a notebook."),
    ],
)
def test_the_reason_names_what_is_wrong(damage, reason, solved):
    with pytest.raises(Unreadable, match="^" + reason.replace("(", r"\(").replace(")", r"\)")):
        read_submission(UNREADABLE[damage](solved))


def test_memory_does_not_grow_with_saved_outputs(solved):
    data = DAMAGES["huge_outputs"](solved)
    assert len(data) > 20 * 2**20
    tracemalloc.start()
    try:
        read_submission(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**20


@settings(max_examples=100, deadline=None)
@given(
    st.binary()
    | st.text().map(str.encode)
    | json_values.map(lambda value: json.dumps(value).encode())
    | st.fixed_dictionaries(
        {"nbformat": st.sampled_from([3, 4, "4"]) | json_values},
        optional={"cells": json_values, "worksheets": json_values, "metadata": json_values},
    ).map(lambda value: json.dumps(value).encode())
)
def test_any_bytes_are_read_or_unreadable(data):
    try:
        submission = read_submission(data)
    except Unreadable as error:
        assert str(error)
    else:
        assert isinstance(submission.cells, list)
