"""The demonstration grades its examples as their descriptions say, and deletes nothing else."""

import pytest

from tests.support import courses

POINTS = {
    "ada": [10, 10, 10],
    "bela": [10, 10, 10],
    "cheat-never-ends": [10, 0, 10],
    "cheat-patches-the-tests": [0, 0, 0],
    "cheat-reads-the-solution": [0, 0, 10],
    "chidi": [10, 10, 10],
    "dilan": [10, 10, 0],
    "emil": [0, 0, 0],
    "fatima": [0, 0, 0],
    "goran": [0, 10, 10],
    "hana": [0, 10, 10],
    "ivo": [10, 0, 10],
    "jana": [10, 0, 0],
    "kofi": [10, 0, 10],
    "lena": [10, 0, 0],
    "nguyễn-văn-a": [10, 10, 10],
    "o'brien": [10, 10, 0],
    "quentin": [10, 10, 0],
}


def test_the_demonstration_gives_each_example_the_points_that_it_deserves(tmp_path):
    folder = tmp_path / "demo course"
    result = courses.run(courses.PROJECT, "examples.demo", str(folder))
    assert result.returncode == 0, result.stderr
    assert courses.scores(folder) == POINTS
    assert "WARNING" not in result.stderr and "Traceback" not in result.stderr
    shown = result.stdout[result.stdout.index("\nada ") :]
    assert "The scale is that of Xavier initialization" in shown
    assert "Rows and columns of the weights are exchanged" in shown
    for student in POINTS:
        page = folder / "feedback" / student / "Initialization" / "Initialization.html"
        assert page.exists()


@pytest.mark.parametrize("name", ["thesis.txt", "nbgrader_config.py"])
def test_the_demonstration_leaves_the_folders_of_others_alone(tmp_path, name):
    (tmp_path / name).write_text("precious")
    result = courses.run(courses.PROJECT, "examples.demo", str(tmp_path))
    assert result.returncode == 1
    assert "name another folder" in result.stderr
    assert (tmp_path / name).read_text() == "precious"
