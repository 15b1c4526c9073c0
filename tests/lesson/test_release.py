"""What students get is what a fresh generation makes of the instructor's notebook, and no more."""

import json
import subprocess
from pathlib import Path

import nbformat
import pytest

from tests.support import courses

SOURCE = courses.PROJECT / "source" / "Initialization"
RELEASE = courses.PROJECT / "release" / "Initialization"
STUDENT_NOTEBOOK = courses.PROJECT / "Initialization.ipynb"
SECRETS = "BEGIN SOLUTION|END SOLUTION|HIDDEN TESTS|he_scale|_reference|check_hidden".split("|")
GRADED = [("test-zeros", 10), ("test-random", 10), ("test-he", 10)]


def leaks(folder: Path) -> list[str]:
    """Secrets of the instructor's notebook that stand in a released notebook."""
    (notebook,) = folder.glob("*.ipynb")
    text = notebook.read_text(encoding="utf-8")
    return [secret for secret in SECRETS if secret in text]


def test_the_committed_release_matches_a_fresh_generation(course):
    fresh = course / "release" / "Initialization"
    assert courses.fingerprint(RELEASE) == courses.fingerprint(fresh)
    assert STUDENT_NOTEBOOK.read_bytes() == (fresh / "Initialization.ipynb").read_bytes()


def test_nothing_of_the_solution_and_the_hidden_tests_is_released():
    assert leaks(RELEASE) == []
    assert leaks(SOURCE) == SECRETS  # the guard finds each of them where it does stand


def test_released_cells_have_no_outputs():
    for cell in nbformat.read(STUDENT_NOTEBOOK, as_version=4).cells:
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None


def test_three_tests_of_ten_points_each_and_no_grade_id_twice():
    for notebook in (SOURCE / "Initialization.ipynb", STUDENT_NOTEBOOK):
        cells = nbformat.read(notebook, as_version=4).cells
        settings = [cell.metadata.nbgrader for cell in cells if "nbgrader" in cell.metadata]
        assert [(s.grade_id, s.points) for s in settings if s.grade] == GRADED
        assert len(settings) == len({s.grade_id for s in settings})
        assert len({cell.id for cell in cells}) == len(cells)


def test_a_duplicate_grade_id_stops_the_generation(course):
    path = course / "source" / "Initialization" / "Initialization.ipynb"
    notebook = json.loads(path.read_text())
    tests = [cell for cell in notebook["cells"] if cell["id"].startswith("test-")]
    tests[1]["metadata"]["nbgrader"]["grade_id"] = "test-zeros"
    path.write_text(json.dumps(notebook))
    result = courses.run(course, "nbgrader", "generate_assignment", "Initialization", "--force")
    assert result.returncode == 1
    assert "Duplicate grade id: test-zeros" in result.stderr


def test_in_a_fresh_clone_make_assignment_loses_no_file(tmp_path):
    clone = courses.copy_of_project(tmp_path / "clone")
    solved = clone / "Initialization.ipynb"
    solved.write_text("a solution of hours")
    made = subprocess.run([*courses.MAKE, "assignment"], cwd=clone)
    assert made.returncode == 0
    (kept,) = clone.glob("Initialization.ipynb.*.backup")
    assert kept.read_text() == "a solution of hours"
    fresh = clone / "release" / "Initialization"
    assert courses.fingerprint(RELEASE) == courses.fingerprint(fresh)
    assert solved.read_bytes() == STUDENT_NOTEBOOK.read_bytes()
    courses.hand_in(clone, "ada", courses.answers())
    assert courses.grade(clone).returncode == 0


@pytest.mark.parametrize("name", ["init_utils.py", "public_tests.py", "lesson/rules.py"])
def test_the_files_beside_the_notebook_are_those_of_the_top_level(name):
    assert (SOURCE / name).is_symlink()
    assert not (SOURCE / name).readlink().is_absolute()
    assert (SOURCE / name).resolve() == courses.PROJECT / name
    assert (RELEASE / name).read_bytes() == (courses.PROJECT / name).read_bytes()


def test_students_get_the_stub_with_its_markers_in_each_exercise():
    answers = [
        cell
        for cell in nbformat.read(STUDENT_NOTEBOOK, as_version=4).cells
        if cell.metadata.get("nbgrader", {}).get("solution")
    ]
    names = [cell.id.removeprefix("initialize-") for cell in answers]
    assert names == ["zeros", "random", "he"]
    for cell in answers:
        assert "        # YOUR CODE STARTS HERE\n        pass" in cell.source
        assert "        # YOUR CODE ENDS HERE" in cell.source
        compile(cell.source, cell.id, "exec")  # the stub is valid Python
