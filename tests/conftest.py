"""Fixtures that several test files share."""

from pathlib import Path

import courses
import pytest


@pytest.fixture(scope="session")
def course_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course folder with the generated assignment; copy it, do not change it."""
    return courses.generate(tmp_path_factory.mktemp("template") / "course")


@pytest.fixture
def course(course_template: Path, tmp_path: Path) -> Path:
    """A course folder of one's own, with the generated assignment and no submissions."""
    return courses.copy_of(course_template, tmp_path / "course")
