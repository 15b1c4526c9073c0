"""Commands on macOS and Windows, as far as Linux can pretend, and links that git did not make."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.assignment import Assignment, unmade_links
from tests.support import courses

NAMES = ("init_utils.py", "public_tests.py", "diagnosis.py", "experiments.py")


def run_as_on(system: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return courses.run(courses.PROJECT, "tests.support.elsewhere", system, *arguments)


def test_report_works_without_what_only_linux_has(course):
    result = run_as_on("windows", "report", "--course", str(course))
    assert result.stderr.startswith("autograder: Nothing to report")


def test_modes_works_without_what_only_linux_has(course):
    result = run_as_on("windows", "modes", "--course", str(course))
    assert result.returncode == 0 and result.stderr == ""
    assert "outside the sandbox" in result.stdout
    assert result.stdout.rstrip().endswith("test-zeros, test-random, test-he.")


@pytest.mark.parametrize("command", ["grade", "doctor"])
def test_grading_says_in_one_sentence_that_it_needs_linux(command):
    result = run_as_on("windows", command)
    said = result.stdout + result.stderr
    assert result.returncode in (1, 2)
    assert "Linux" in said and "WSL" in said and "Traceback" not in said


def test_the_pretended_windows_lacks_what_windows_lacks():
    """The guard of the tests above: what needs Linux fails there."""
    script = (
        "import runpy, sys\n"
        "from tests.support import elsewhere\n"
        "elsewhere.runpy.run_module = lambda *_, **__: __import__('autograder.course.batch')\n"
        "sys.argv = ['elsewhere', 'windows']\n"
        "elsewhere.main()"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=courses.PROJECT, capture_output=True, text=True
    )
    assert "No module named 'fcntl'" in result.stderr


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of the project where git made plain files instead of links, as on Windows."""
    folder = courses.copy_of_project(tmp_path / "clone")
    for path in (folder / "source").rglob("*.py"):
        target = path.readlink()
        path.unlink()
        path.write_text(target.as_posix())
    return folder


def test_nothing_is_generated_from_links_that_git_did_not_make(clone):
    shutil.rmtree(clone / "release")
    result = courses.run(clone, "nbgrader", "generate_assignment", "Initialization", "--force")
    assert result.returncode == 1
    assert "git config core.symlinks true" in result.stderr
    assert all(name in result.stderr for name in NAMES)
    assert "Traceback" not in result.stderr
    assert not (clone / "release" / "Initialization").exists()


def test_such_links_are_followed_where_the_assignment_is_read(clone):
    source = Path("source", "Initialization")
    read = Assignment.from_directory(clone / source)
    assert read.files == Assignment.from_directory(courses.PROJECT / source).files


def test_a_short_file_is_no_link(tmp_path):
    (tmp_path / "short.py").write_text("../nowhere.py")
    (tmp_path / "code.py").write_text("x = 1\n")
    assert unmade_links(tmp_path) == {}


def test_git_restores_the_links_as_the_message_says(clone):
    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=n", "-c", "user.email=e"]
        subprocess.run(["git", *identity, *arguments], cwd=clone, check=True, capture_output=True)

    shutil.rmtree(clone / "source")
    shutil.copytree(courses.PROJECT / "source", clone / "source", symlinks=True)
    git("init", "--quiet")
    git("add", "source")
    git("commit", "--quiet", "--message=links")
    shutil.rmtree(clone / "source")
    git("config", "core.symlinks", "false")
    git("checkout", "--", "source")
    assert unmade_links(clone / "source")
    git("config", "core.symlinks", "true")
    git("restore", "source/Initialization")
    assert unmade_links(clone / "source") == {}
    assert (clone / "source/Initialization/init_utils.py").is_symlink()
