"""Reading a notebook file: whatever it holds, it is read within limits or refused with a reason."""

import io
import json
import random
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.submission import files, notebook
from autograder.submission.notebook import Unreadable, read_submission, without_bulk
from tests.support import courses
from tests.support.damage import DAMAGES, UNREADABLE

MEBIBYTE = 2**20
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
READ = """
import resource, sys
from pathlib import Path
from autograder.submission import files, notebook
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(len(files.read_notebook(Path(sys.argv[1]))))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def write_with_outputs(notebook: Path, path: Path, size: int) -> None:
    """Give each code cell of a notebook the same long output, `size` bytes in all."""
    cells = json.loads(notebook.read_text())["cells"]
    count = sum(cell["cell_type"] == "code" for cell in cells)
    lines = '"a line with a \\\\ and a ] in it\\n",\n' * 10_000
    with path.open("w") as file:
        before, *rest = notebook.read_text().split('"outputs": []')
        assert len(rest) == count
        file.write(before)
        for part in rest:
            file.write('"outputs": [{"name": "stdout", "output_type": "stream", "text": [\n')
            for _ in range(size // count // len(lines)):
                file.write(lines)
            file.write('"end"]}]' + part)


@pytest.mark.parametrize("megabytes", [100, 200])
def test_reading_needs_the_same_memory_whatever_the_outputs(megabytes, tmp_path):
    given = courses.PROJECT / "Initialization.ipynb"
    path = tmp_path / "student" / "Initialization" / "Initialization.ipynb"
    path.parent.mkdir(parents=True)
    write_with_outputs(given, path, megabytes * MEBIBYTE)
    assert path.stat().st_size > 0.9 * megabytes * MEBIBYTE
    result = subprocess.run(
        [sys.executable, "-c", READ, path], cwd=courses.PROJECT, capture_output=True, text=True
    )
    length, grown = map(int, result.stdout.split())
    assert abs(length - given.stat().st_size) < 10_000
    assert grown < 32_000  # kB


def test_a_print_that_ran_away_costs_no_points(course):
    content = courses.hand_in(course, "ada", courses.answers())
    kept = content.rename(content.with_suffix(".small"))
    write_with_outputs(kept, content, 90 * MEBIBYTE)
    kept.unlink()
    result = courses.grade(course)
    assert result.returncode == 0, result.stdout + result.stderr
    assert courses.scores(course)["ada"] == [10, 10, 10]


def test_more_than_the_largest_size_is_refused(tmp_path):
    path = tmp_path / "Initialization.ipynb"
    with path.open("wb") as file:
        file.truncate(files.MAX_BYTES_WITH_OUTPUTS + 1)
    with pytest.raises(Unreadable, match="more than"):
        files.read_notebook(path)


def test_what_is_no_output_still_has_its_limit(tmp_path):
    path = tmp_path / "Initialization.ipynb"
    path.write_bytes(b'{"cells": "' + b"x" * (files.MAX_FILE_BYTES + 1) + b'"}')
    with pytest.raises(Unreadable, match="without its outputs"):
        files.read_notebook(path)


def test_the_cuts_do_not_depend_on_where_a_chunk_ends(monkeypatch):
    text = json.dumps(
        {
            "cells": [
                {"outputs": [{"text": ['\\"]}', "\\\\", "]"]}], "source": 'x = "outputs": ['},
                {"attachments": {"a": {"b": "}"}}, "source": ["\\", '"']},
            ],
            "metadata": {"widgets": {"state": [[], {}]}},
        },
        indent=1,
    ).encode()
    whole = without_bulk(io.BytesIO(text))
    assert json.loads(whole)["cells"][0] == {"outputs": [], "source": 'x = "outputs": ['}
    assert json.loads(whole)["metadata"] == {"widgets": {}}
    for size in range(1, 40):
        monkeypatch.setattr(notebook, "_CHUNK", size)
        assert without_bulk(io.BytesIO(text)) == whole
    chosen = random.Random(1)
    for _ in range(200):
        damaged = text[: chosen.randrange(len(text))] + text[chosen.randrange(len(text)) :]
        monkeypatch.setattr(notebook, "_CHUNK", 2**16)
        whole = without_bulk(io.BytesIO(damaged))
        monkeypatch.setattr(notebook, "_CHUNK", chosen.randrange(1, 60))
        assert without_bulk(io.BytesIO(damaged)) == whole


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
