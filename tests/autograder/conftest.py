"""Fixtures of the tests of `assignment` and `submission`: an assignment of three functions."""

import json
import os
import subprocess
import sys

import pytest

from tests.support import courses
from tests.support.damage import answers, code_cell
from tests.support.three_functions import SOLUTIONS, instructors_notebook, to_bytes, with_id


@pytest.fixture(scope="session")
def small_course(tmp_path_factory):
    """A course folder with one assignment, released by nbgrader itself."""
    course = tmp_path_factory.mktemp("course")
    source = course / "source" / "Small"
    source.mkdir(parents=True)
    (source / "Small.ipynb").write_bytes(to_bytes(instructors_notebook()))
    (course / "helpers.py").write_text("ANSWER = 42\n")
    (source / "helpers.py").symlink_to("../../helpers.py")
    (course / "nbgrader_config.py").write_text("c = get_config()\n")
    # nbgrader starts alembic, which lies beside this Python, by its name alone.
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", "")])
    subprocess.run(
        [sys.executable, "-m", "nbgrader", "generate_assignment", "Small"],
        cwd=course,
        env={**os.environ, "PATH": path},
        check=True,
        capture_output=True,
    )
    return course


@pytest.fixture(scope="session")
def assignment(small_course):
    return courses.assignment_in(small_course / "source" / "Small")


@pytest.fixture(scope="session")
def released(small_course):
    return (small_course / "release" / "Small" / "Small.ipynb").read_bytes()


@pytest.fixture(scope="session")
def solved(released):
    """The released notebook with the answers filled in and one cell of the student's own."""
    notebook = json.loads(released)
    for cell in answers(notebook):
        source = "".join(cell["source"])
        cell["source"] = source.replace(
            "raise NotImplementedError()", SOLUTIONS[cell["metadata"]["nbgrader"]["grade_id"]]
        ).splitlines(keepends=True)
    place = notebook["cells"].index(with_id(notebook, "average"))
    notebook["cells"].insert(place, {**code_cell("mine = 1"), "id": "mine"})
    return json.dumps(notebook, indent=1).encode()
