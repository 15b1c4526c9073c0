"""What students get is what a fresh generation makes of the instructor's notebook, and no more."""

import filecmp
import json
import shutil
import subprocess
from pathlib import Path

import nbformat
import pytest

from tests.support import courses

SOURCE = courses.PROJECT / "source" / "Initialization"
RELEASE = courses.PROJECT / "release" / "Initialization"
STUDENT_NOTEBOOK = courses.PROJECT / "Initialization.ipynb"
SECRETS = (
    *("BEGIN SOLUTION", "END SOLUTION", "HIDDEN TESTS"),
    *("he_scale", "_reference", "check_hidden"),
)
GRADED = {"test-zeros": 10, "test-random": 10, "test-he": 10}


def differences(release: Path, fresh: Path, top_level: Path) -> list[str]:
    """Names of the generated files that are not what they should be."""
    names = sorted(
        {
            path.relative_to(folder).as_posix()
            for folder in (release, fresh)
            for path in folder.rglob("*")
            if path.is_file()
        }
    )
    _, differing, missing = filecmp.cmpfiles(release, fresh, names, shallow=False)
    if release.joinpath("Initialization.ipynb").read_bytes() != top_level.read_bytes():
        differing.append("the top-level notebook")
    return differing + missing


def leaks(folder: Path) -> list[str]:
    """Secrets of the instructor's notebook that stand in a released notebook."""
    (notebook,) = folder.glob("*.ipynb")
    text = notebook.read_text(encoding="utf-8")
    return [secret for secret in SECRETS if secret in text]


def graded_cells(notebook: Path) -> list[tuple[str, int]]:
    cells = nbformat.read(notebook, as_version=4).cells
    settings = [cell.metadata.get("nbgrader", {}) for cell in cells]
    return [(s["grade_id"], s["points"]) for s in settings if s.get("grade")]


def test_the_committed_release_matches_a_fresh_generation(course):
    fresh = course / "release" / "Initialization"
    assert differences(RELEASE, fresh, STUDENT_NOTEBOOK) == []


def test_a_drifted_copy_would_be_noticed(course, tmp_path):
    fresh = course / "release" / "Initialization"
    for drifted in ("Initialization.ipynb", "init_utils.py"):
        copy = shutil.copytree(RELEASE, tmp_path / drifted)
        with open(copy / drifted, "a") as file:
            file.write("\n")
        assert drifted in differences(copy, fresh, STUDENT_NOTEBOOK)
    other = tmp_path / "other.ipynb"
    other.write_bytes(STUDENT_NOTEBOOK.read_bytes() + b"\n")
    assert differences(RELEASE, fresh, other) == ["the top-level notebook"]


def test_nothing_of_the_solution_and_the_hidden_tests_is_released():
    assert leaks(RELEASE) == []
    assert leaks(SOURCE) == list(SECRETS)  # the guard finds each of them where it does stand


def test_released_cells_have_no_outputs():
    for cell in nbformat.read(STUDENT_NOTEBOOK, as_version=4).cells:
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None


def test_three_tests_of_ten_points_each_and_no_grade_id_twice():
    for notebook in (SOURCE / "Initialization.ipynb", STUDENT_NOTEBOOK):
        assert graded_cells(notebook) == list(GRADED.items())
        cells = nbformat.read(notebook, as_version=4).cells
        ids = [cell.metadata.nbgrader.grade_id for cell in cells if "nbgrader" in cell.metadata]
        assert len(ids) == len(set(ids))
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
    assert differences(RELEASE, fresh, clone / "Initialization.ipynb") == []
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
    assert [cell.id for cell in answers] == [
        "initialize-zeros",
        "initialize-random",
        "initialize-he",
    ]
    for cell in answers:
        assert "        # YOUR CODE STARTS HERE\n        pass" in cell.source
        assert "        # YOUR CODE ENDS HERE" in cell.source
        compile(cell.source, cell.id, "exec")  # the stub is valid Python
