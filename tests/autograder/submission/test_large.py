"""Notebooks whose saved outputs are larger than what is held in memory."""

from __future__ import annotations

import io
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.submission import files, notebook
from autograder.submission.notebook import Unreadable, without_bulk
from tests.support import courses

MEBIBYTE = 2**20
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
