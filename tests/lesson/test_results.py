"""The newest result that was fetched, as the notebook's last cell shows it."""

import json
from html import escape

import pytest

from lesson.results import newest_result
from lesson.rules import report

RESULT = {
    "score": 20,
    "max_score": 30,
    "exercises": [
        {"title": "3 Zeros & ones", "score": 10, "max_score": 10},
        {"title": "5 He", "score": 2.5, "max_score": 10},
    ],
}
OLD, NEW = "2026-03-02 12:00:00.000000 UTC", "2026-03-02 13:00:00.000000 UTC"


@pytest.fixture
def notebook(tmp_path):
    return tmp_path / "Initialization.ipynb"


def fetch(notebook, submitted, page):
    path = notebook.parent / "feedback" / submitted / "Initialization.html"
    path.parent.mkdir(parents=True)
    path.write_text(page)


def page_with(result):
    return f'<!DOCTYPE html><meta name="autograder" content="{escape(json.dumps(result))}">'


def test_the_newest_result_is_told(notebook):
    fetch(notebook, NEW, page_with(RESULT))
    fetch(notebook, OLD, page_with(RESULT | {"score": 0}))
    assert newest_result(notebook) == (
        "The newest feedback that was fetched, for what you submitted at "
        f"{NEW}:\n"
        "    3 Zeros & ones: 10 of 10 points\n"
        "    5 He: 2.5 of 10 points\n"
        "    Together: 20 of 30 points"
    )


def test_a_submission_that_waits_is_told(notebook):
    fetch(notebook, NEW, page_with({"notice": "It is graded at noon."}))
    assert newest_result(notebook).endswith("UTC:\n    It is graded at noon.")


@pytest.mark.parametrize("page", ["", "<meta name='autograder' content='{'>", "\0" * 60_000, "[]"])
def test_pages_of_another_kind_are_left_out(notebook, page):
    fetch(notebook, NEW, page)
    assert newest_result(notebook) == ""
    fetch(notebook, OLD, page_with(RESULT))
    assert OLD in newest_result(notebook)


def test_it_stands_below_what_is_said_of_the_five_rules(notebook, capsys):
    report(notebook)
    assert "newest feedback" not in capsys.readouterr().out
    fetch(notebook, NEW, page_with(RESULT))
    report(notebook)
    assert capsys.readouterr().out.endswith("    Together: 20 of 30 points\n")
