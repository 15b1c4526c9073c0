"""What is installed is pinned, with hashes, and agrees with what the requirements files name."""

import re

import pytest

from tests.support import courses

NAME = re.compile(r"^([A-Za-z0-9_.-]+)(?:\[[^]]*\])?==(\S+)", re.M)


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(text: str) -> set[tuple[str, str]]:
    return {(normalized(name), version) for name, version in NAME.findall(text)}


@pytest.mark.parametrize(
    "name", [path.name for path in sorted(courses.PROJECT.glob("requirements*.txt"))]
)
def test_each_requirement_is_locked_at_its_version_with_hashes(name):
    asked = (courses.PROJECT / name).read_text()
    locked = (courses.PROJECT / "constraints" / name).read_text()
    assert pins(asked) <= pins(locked), "run: make lock"
    entries = re.split(r"\n(?=\S)", locked.strip())
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
