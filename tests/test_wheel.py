"""The installed program: a wheel that holds all it needs, in an environment of its own."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

import autograder
from tests.support import courses, quickstart

CONFIG = """\
c = get_config()
c.CourseDirectory.course_id = "quickstart"
from autograder.config import configure
configure(c)
"""


def link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the commands of an environment with the wheel in it, made without a network."""
    folder = tmp_path_factory.mktemp("installed")
    project = courses.copy_of_project(folder / "project")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    build = ["wheel", "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", folder]
    subprocess.run([*pip, *build, project], check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "environment", symlinks=True, with_pip=False)
    python = folder / "environment/bin/python"
    packages = subprocess.check_output(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
    ).strip()
    installed = sysconfig.get_path("purelib")
    shutil.copytree(installed, packages, copy_function=link_or_copy, dirs_exist_ok=True)
    install = ["--python", python, "install", "--no-index", "--no-deps", wheel]
    subprocess.run([*pip, *install], check=True, capture_output=True)
    shutil.rmtree(project)
    return python.parent


def test_the_command_says_its_version(environment):
    result = subprocess.run([environment / "autograder", "--version"], capture_output=True)
    assert result.stdout.decode().split() == ["autograder", autograder.__version__]


def test_the_wheel_grades_the_quickstart_of_nbgrader(environment, tmp_path):
    # nbgrader starts alembic, whose command stands in the environment of the tests alone.
    places = (str(environment), os.path.dirname(sys.executable), os.environ["PATH"])
    variables = {**os.environ, "PATH": os.pathsep.join(places), "PYTHONPATH": ""}

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [environment / command[0], *command[1:]],
            cwd=tmp_path,
            env=variables,
            capture_output=True,
            text=True,
        )

    quickstart.make_course(tmp_path, CONFIG)
    generated = run("python", "-m", "nbgrader", "generate_assignment", "ps1")
    assert generated.returncode == 0, generated.stderr
    for student in ("right", "wrong"):
        submitted = tmp_path / "submitted" / student / "ps1"
        shutil.copytree(tmp_path / "release/ps1", submitted)
        quickstart.fill_in(submitted, student)
    graded = run("autograder", "grade")
    assert graded.returncode == 0, graded.stderr
    assert quickstart.scores(tmp_path) == {
        student: quickstart.SCORES[student] for student in ("right", "wrong")
    }
    feedback = run("python", "-m", "nbgrader", "generate_feedback", "ps1")
    assert feedback.returncode == 0, feedback.stderr
    assert (tmp_path / "feedback/right/ps1/problem1.html").read_text().startswith("<!DOCTYPE html>")
