"""A machine that lacks something gets one clear message, and no traceback."""

import runpy
import subprocess
import sys
from collections import namedtuple

import pytest

from tests.support import courses

Version = namedtuple("Version", "major minor micro releaselevel serial")
OLD = Version(3, 10, 4, "final", 0)


def run(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(arguments, cwd=courses.PROJECT, capture_output=True, text=True, **options)


@pytest.mark.parametrize("program", ["tools/check-python.py", "autograder/__main__.py"])
def test_an_old_python_is_refused_with_the_version_that_is_needed(program, monkeypatch):
    monkeypatch.setattr(sys, "version_info", OLD)
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(courses.PROJECT / program))
    assert "Python 3.11 or newer is needed" in stop.value.code


def test_a_python_without_venv_gets_the_package_that_it_lacks(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(courses.PROJECT / "tools" / "check-python.py"))
    assert "apt-get install python3-venv" in stop.value.code


def test_a_missing_package_is_named_with_the_command_that_brings_it():
    # -S leaves out site-packages, so that all but the standard library is missing.
    result = run(sys.executable, "-S", "-m", "autograder", "grade")
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert "is missing. Run 'make setup'" in result.stderr


def test_a_missing_debian_package_is_named_with_its_command(tmp_path):
    for tool in ("sh", "id", "echo"):
        (tmp_path / tool).symlink_to(f"/bin/{tool}")
    script = courses.PROJECT / "tools" / "debian-package.sh"
    result = run(
        "/bin/sh", str(script), "bubblewrap", "bwrap", "grading", env={"PATH": str(tmp_path)}
    )
    assert result.returncode == 1
    assert "sudo apt-get install bubblewrap" in result.stderr


def test_the_demonstration_looks_for_bubblewrap_before_it_installs():
    planned = run("make", "--dry-run", "--always-make", "demo").stdout
    assert 0 < planned.index("debian-package.sh bubblewrap") < planned.index("pip install")


def test_grading_without_bubblewrap_stops_and_says_how_to_get_it(course):
    courses.hand_in(course, "ada", courses.answers())
    result = courses.grade(course, env={"PATH": "/nowhere", "HOME": str(course)})
    assert result.returncode == 2
    assert "apt-get install bubblewrap" in result.stderr
    assert "Traceback" not in result.stderr
    assert courses.scores(course) == {}
