"""What stands in the gradebook of an assignment with several notebooks."""

import json
from types import SimpleNamespace

import pytest

from autograder.course.exchange import Exchange
from autograder.course.folder import Course, CourseError
from tests.support import courses
from tests.support.kinds import Kind, instructors, submission

CONFIG = f"""
import sys
sys.path.insert(0, {str(courses.PROJECT)!r})
from autograder.config import configure
c = get_config()
c.CourseDirectory.course_id = "two"
configure(c)
"""
KIND = Kind({"a-x": "x = 1", "t-x": "assert x == 1"}, {"right": {}, "wrong": {"a-x": "x = 2"}}, {})


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A course whose assignment has two notebooks, of which Ada has handed in both, right."""
    course = tmp_path_factory.mktemp("two")
    (course / "nbgrader_config.py").write_text(CONFIG)
    for folder, notebook in (
        (course / "source/two", instructors(KIND)),
        (course / "submitted/ada/two", submission(KIND, "right")),
    ):
        folder.mkdir(parents=True)
        for name in ("first", "second"):
            (folder / f"{name}.ipynb").write_text(json.dumps(notebook))
    generated = courses.run(course, "nbgrader", "generate_assignment", "two", "--create")
    assert generated.returncode == 0, generated.stderr
    return course


@pytest.fixture
def two(template, tmp_path):
    return courses.copy_of(template, tmp_path / "course")


def points(course):
    return Course(course, "two").scores()["ada"]


def test_one_notebook_is_graded_alone_and_the_other_keeps_what_it_has(two):
    assert courses.grade(two).returncode == 0
    assert points(two) == {("first", "t-x"): 2, ("second", "t-x"): 2}
    notebook = two / "submitted/ada/two/first.ipynb"
    notebook.write_text(json.dumps(submission(KIND, "wrong")))
    alone = ("nbgrader", "autograde", "two", "--notebook", "first", "--force")
    assert courses.run(two, *alone).returncode == 0
    assert points(two) == {("first", "t-x"): 0, ("second", "t-x"): 2}
    assert (two / "autograded/ada/two/second.ipynb").exists()
    (two / "submitted/ada/two/second.ipynb").unlink()
    assert courses.run(two, *alone).returncode == 0
    assert points(two) == {("first", "t-x"): 0, ("second", "t-x"): 0}


def test_a_test_that_was_added_asks_for_the_assignment_to_be_generated_again(two):
    more = Kind(KIND.cells | {"t-more": "assert x"}, {}, {})
    (two / "source/two/first.ipynb").write_text(json.dumps(instructors(more)))
    graded = courses.grade(two)
    assert graded.returncode == 1
    assert "t-more: generate the assignment again, with --force" in graded.stdout + graded.stderr


def test_an_exchange_that_is_no_folder_is_refused_by_name(two, monkeypatch):
    course = Course(two, "two")
    kind = type("CloudCollect", (), {})
    monkeypatch.setattr(
        "autograder.course.exchange.ExchangeFactory", lambda config: SimpleNamespace(collect=kind)
    )
    with pytest.raises(CourseError, match="this course uses CloudCollect"):
        Exchange(course)
