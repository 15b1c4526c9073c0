"""Damaged submissions, from the folder to the gradebook: graded like intact ones, or reported."""

import os
import re

import pytest
from nbgrader.api import Gradebook

from tests.support import courses
from tests.support.damage import DAMAGES, UNREADABLE

RIGHT = [10, 10, 10]


@pytest.fixture(scope="module")
def graded(course_template, tmp_path_factory):
    """A course in which every kind of damaged submission has been graded in one run."""
    course = courses.copy_of(course_template, tmp_path_factory.mktemp("damaged") / "course")
    intact = courses.hand_in(course, "intact", courses.answers()).read_bytes()
    for kinds in (DAMAGES, UNREADABLE):
        for name, damage in kinds.items():
            path = courses.submission_path(course, name)
            path.parent.mkdir(parents=True)
            path.write_bytes(damage(intact))

    renamed = courses.hand_in(course, "renamed", courses.answers())
    renamed.rename(renamed.with_name("my homework (final).ipynb"))
    (course / "submitted" / "no_notebook" / courses.ASSIGNMENT).mkdir(parents=True)
    courses.submission_path(course, "folder_as_notebook").mkdir(parents=True)
    link = courses.submission_path(course, "link")
    link.parent.mkdir(parents=True)
    link.symlink_to(course / "source" / courses.ASSIGNMENT / "Initialization.ipynb")
    (course / "submitted" / "linked_folder").symlink_to(course / "submitted" / "intact")
    odd_name = os.fsencode(course / "submitted") + b"/esc\x1b[2J\xff/" + courses.ASSIGNMENT.encode()
    os.makedirs(odd_name)
    for name in ("one.ipynb", "two.ipynb"):
        courses.hand_in_file(course, "two_notebooks", b"").with_name(name).write_bytes(intact)
    courses.submission_path(course, "two_notebooks").unlink()
    (course / "submitted" / "file.ipynb").write_bytes(intact)
    for place in "above spelled/initialization Initialization/exchanged ..x/Initialization".split():
        (course / "submitted" / place).mkdir(parents=True)
        (course / "submitted" / place / "Initialization.ipynb").write_bytes(intact)
    pipe = courses.submission_path(course, "pipe")
    pipe.parent.mkdir(parents=True)
    os.mkfifo(pipe)
    return course, courses.grade(course, env=os.environ | {"COLUMNS": "200"})


FOUND_IN_THE_FOLDER = "no_notebook folder_as_notebook link linked_folder pipe two_notebooks".split()


def test_damage_that_can_be_repaired_costs_no_points(graded):
    course, result = graded
    scores = courses.scores(course)
    assert len(DAMAGES) >= 25
    assert {name: scores[name] for name in DAMAGES if scores[name] != RIGHT} == {}
    assert scores["renamed"] == scores["intact"] == RIGHT
    assert "my homework (final).ipynb" in result.stdout


def test_what_nobody_can_read_gets_no_points_and_is_reported_by_name(graded):
    course, result = graded
    scores = courses.scores(course)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    for name in [*UNREADABLE, *FOUND_IN_THE_FOLDER]:
        assert scores[name] == [0, 0, 0], name
        assert f"] {name}: " in result.stdout


def test_what_stands_in_another_place_is_reported_by_name(graded):
    _, result = graded
    places = "file.ipynb above/Initialization.ipynb spelled/initialization Initialization"
    for place in places.split():
        assert f"submitted/{place} is not where a submission belongs" in result.stderr
    assert "submitted/..x has a name that no submission may have. Rename it." in result.stderr
    assert "several notebooks of other names: one.ipynb, two.ipynb" in result.stdout


def test_the_name_of_a_folder_cannot_steer_the_terminal(graded):
    _, result = graded
    name = "esc\N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}"
    assert f"submitted/{name} has a name that no submission may have" in result.stderr
    assert "\x1b" not in result.stdout + result.stderr


def test_what_nobody_can_read_waits_for_a_person(graded):
    course, _ = graded
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}", "initialization") as gradebook:
        waiting = {
            submission.student.id
            for submission in gradebook.assignment_submissions(courses.ASSIGNMENT)
            if submission.needs_manual_grade
        }
    assert waiting == {*UNREADABLE, *FOUND_IN_THE_FOLDER}


def test_a_second_run_finds_nothing_new(graded):
    course, _ = graded
    result = courses.grade(course)
    assert result.returncode == 1
    assert not re.findall(r"^\[(.*)\] (.{3})", result.stdout, re.M)
    assert "has a name that no submission may have" in result.stderr
