"""The instructor's side: notebook, released form, files, roles."""

import json
import os
import pickle
import shutil
import subprocess
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell

from autograder.assignment import AssignmentError, Role, role, unmade_links
from tests.support import courses
from tests.support.three_functions import instructors_notebook, nbgrader, to_bytes

STUB = "# YOUR CODE HERE"  # nbgrader's own


def test_our_released_form_is_that_of_nbgrader(assignment, released):
    theirs = nbformat.reads(released.decode(), as_version=4)
    for ours, cell in zip(assignment.released_cells(), theirs.cells, strict=True):
        assert (ours.id, ours.cell_type, ours.source) == (cell.id, cell.cell_type, cell.source)
        assert ours.metadata.get("nbgrader") == cell.metadata.get("nbgrader")
        assert ours.metadata.get("tags") == cell.metadata.get("tags")


def test_the_assignment_names_its_functions_and_follows_its_own_links(assignment):
    assert assignment.graded_functions() == ["total", "average", "spread"]
    assert assignment.files == {"helpers.py": b"ANSWER = 42\n"}
    with pytest.raises(KeyError, match="no test cell 'test-median'"):
        assignment.test_source("test-median")


def test_the_assignment_is_frozen_and_travels_between_processes(assignment):
    assignment.released_cells()
    assert pickle.loads(pickle.dumps(assignment)) == assignment
    assert len(pickle.dumps(assignment)) < 2 * len(assignment.notebook)
    with pytest.raises(FrozenInstanceError):
        assignment.notebook = b""


def test_each_cell_of_the_instructor_has_a_role(assignment):
    roles = {cell.id: role(cell) for cell in assignment.cells}
    assert roles["opening"] is roles["packages"] is Role.GIVEN
    assert roles["total"] is Role.ANSWER
    assert roles["test-total"] is Role.TEST
    assert roles["plot"] is Role.DEMONSTRATION
    assert roles["try"] is Role.PLAYGROUND


def test_a_solution_cell_without_markers_is_replaced_as_a_whole(assignment):
    notebook = nbformat.reads(assignment.notebook.decode(), as_version=4)
    notebook.cells.append(new_code_cell("x = 1", metadata=nbgrader("x", solution=True)))
    changed = replace(assignment, notebook=nbformat.writes(notebook).encode())
    assert changed.released_cells()[-1].source == STUB + "\nraise NotImplementedError()"


def test_a_folder_without_a_notebook_is_no_assignment(tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(AssignmentError, match="must hold a notebook"):
            courses.assignment_in(folder)


def test_a_link_that_leads_nowhere_is_named(tmp_path):
    (tmp_path / "a.ipynb").write_bytes(to_bytes(instructors_notebook()))
    os.symlink("missing.py", tmp_path / "helpers.py")
    with pytest.raises(AssignmentError, match=r"helpers\.py cannot be read"):
        courses.assignment_in(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda nb: nb.cells.append(nb.cells[3]), "several cells with the grade id total"),
        (lambda nb: nb.cells[0].update(id="packages"), "several cells with the cell id packages"),
        (lambda nb: nb.cells[3].update(source="### BEGIN SOLUTION"), "no end solution"),
        (lambda nb: nb.update(cells="none"), "cannot be read"),
        (lambda nb: nb.update(metadata=[]), "cannot be read"),
    ],
)
def test_a_faulty_notebook_of_the_instructor_is_refused(change, message, tmp_path):
    notebook = instructors_notebook()
    change(notebook)
    (tmp_path / "a.ipynb").write_text(json.dumps(notebook))
    with pytest.raises(AssignmentError, match=message):
        courses.assignment_in(tmp_path)


# Links that git did not make


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of the project where git made plain files instead of links, as on Windows."""
    folder = courses.copy_of_project(tmp_path / "clone")
    for path in (folder / "source").rglob("*.py"):
        target = path.readlink()
        path.unlink()
        path.write_text(target.as_posix())
    return folder


def test_nothing_is_generated_from_links_that_git_did_not_make(clone):
    shutil.rmtree(clone / "release")
    result = courses.run(clone, "nbgrader", "generate_assignment", "Initialization", "--force")
    assert result.returncode == 1
    assert "git config core.symlinks true" in result.stderr
    assert "init_utils.py" in result.stderr and "diagnosis.py" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (clone / "release" / "Initialization").exists()


def test_such_links_are_followed_where_the_assignment_is_read(clone):
    source = Path("source", "Initialization")
    read = courses.assignment_in(clone / source)
    assert read.files == courses.assignment_in(courses.PROJECT / source).files


def test_a_short_file_is_no_link(tmp_path):
    (tmp_path / "short.py").write_text("../nowhere.py")
    (tmp_path / "code.py").write_text("x = 1\n")
    assert unmade_links(tmp_path) == {}


def test_git_restores_the_links_as_the_message_says(clone):
    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=n", "-c", "user.email=e"]
        subprocess.run(["git", *identity, *arguments], cwd=clone, check=True, capture_output=True)

    shutil.rmtree(clone / "source")
    shutil.copytree(courses.PROJECT / "source", clone / "source", symlinks=True)
    git("init", "--quiet")
    git("add", "source")
    git("commit", "--quiet", "--message=links")
    shutil.rmtree(clone / "source")
    git("config", "core.symlinks", "false")
    git("checkout", "--", "source")
    assert unmade_links(clone / "source")
    git("config", "core.symlinks", "true")
    git("restore", "source/Initialization")
    assert unmade_links(clone / "source") == {}
    assert (clone / "source/Initialization/init_utils.py").is_symlink()
