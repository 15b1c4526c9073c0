"""The lesson and the autograder never import each other, and arrows run one way."""

import ast
import re
from pathlib import Path

import pytest

from tests.support import courses

PRODUCTS = {
    "autograder": [*courses.PROJECT.glob("autograder/**/*.py")],
    "lesson": [
        *courses.PROJECT.glob("lesson/**/*.py"),
        courses.PROJECT / "init_utils.py",
        courses.PROJECT / "public_tests.py",
    ],
}
LESSON = {"lesson", "init_utils", "public_tests"}
ABOVE = {  # what a room must not import, because it stands on it
    "submission": {"grading", "course", "nbgrader_plugin", "report", "cli"},
    "sandbox": {"submission", "grading", "course", "nbgrader_plugin", "report", "cli"},
    "grading": {"course", "nbgrader_plugin", "report", "cli"},
    "course": {"nbgrader_plugin", "report", "cli"},
}


def imports(source: str) -> set[str]:
    """Full names of the modules that some source imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{name.name}" for name in node.names}
    return found


def first_parts(source: str) -> set[str]:
    return {name.partition(".")[0] for name in imports(source)}


def test_neither_product_imports_the_other():
    for path in PRODUCTS["autograder"]:
        assert not LESSON & first_parts(path.read_text()), path
    for path in PRODUCTS["lesson"]:
        assert "autograder" not in first_parts(path.read_text()), path


@pytest.mark.parametrize("room", ABOVE)
def test_no_room_of_the_autograder_imports_one_that_stands_on_it(room):
    for path in Path(courses.PROJECT, "autograder", room).glob("*.py"):
        ours = {name for name in imports(path.read_text()) if name.startswith("autograder.")}
        rooms = {name.split(".")[1] for name in ours}
        assert not ABOVE[room] & rooms, path


def test_the_tests_that_the_documentation_names_exist():
    names = re.findall(r"`(test_\w+)`", Path(courses.PROJECT, "CONTRIBUTING.md").read_text())
    sources = "".join(path.read_text() for path in courses.PROJECT.glob("tests/**/test_*.py"))
    assert len(names) > 15
    assert [name for name in names if f"def {name}(" not in sources] == []


OF_A_WHOLE_FOLDER = {"test_release", "test_report", "test_postgresql"}


def test_each_test_file_of_a_product_is_named_after_its_module():
    tests = courses.PROJECT / "tests"
    for path in [*tests.glob("autograder/**/test_*.py"), *tests.glob("lesson/test_*.py")]:
        name = f"{path.stem.removeprefix('test_')}.py"
        beside = courses.PROJECT / path.parent.relative_to(tests) / name
        known = beside.exists() or path.stem in OF_A_WHOLE_FOLDER
        assert known or (courses.PROJECT / name).exists(), f"no module of {path}"
