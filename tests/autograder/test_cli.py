"""The command line: mistakes, and output that nobody reads."""

import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from autograder import cli
from autograder.sandbox import bubblewrap
from tests.support import courses


def in_shell(line, **options):
    """Run a line of a shell, in which `grader` is the command."""
    command = f'grader() {{ {shlex.quote(sys.executable)} -m autograder "$@"; }}'
    return subprocess.run(
        ["bash", "-c", f"{command}; {line}"],
        cwd=courses.PROJECT,
        capture_output=True,
        text=True,
        **options,
    )


@pytest.fixture(scope="module")
def graded(course_template, tmp_path_factory):
    """A course with a submission that nobody can read, which has been graded."""
    course = courses.copy_of(course_template, tmp_path_factory.mktemp("graded") / "course")
    courses.hand_in_file(course, "broken", b"no notebook")
    assert courses.grade(course).returncode == 1
    return course


@pytest.mark.parametrize(
    "output",
    ["| true; exit ${PIPESTATUS[0]}", ">&-", "2>&-", ">&- 2>&- <&-", ">/dev/full 2>/dev/full"],
)
def test_output_that_is_lost_ends_nothing(graded, output):
    result = in_shell(f"grader grade --force --course '{graded}' {output}")
    assert result.returncode == 1  # of the submission that cannot be read
    assert "Traceback" not in result.stderr and "Exception ignored" not in result.stderr
    assert courses.scores(graded)["broken"] == [0, 0, 0]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("grad", "invalid choice: 'grad'"),
        ("grade --jobs 0", "'0' is not a whole number of at least 1"),
        ("watch --scheduler nowhere", "'nowhere' is not an address such as tls://HOST:8786"),
        ("grade --scheduler tcp://host:99999", "is not an address"),
        ("grade --scheduler ftp://host:8786", "is not an address"),
        ("grade --course /nowhere", "/nowhere is not a course folder"),
    ],
)
def test_a_mistake_in_the_command_line_gets_a_sentence(arguments, said):
    result = in_shell(f"grader {arguments}")
    assert result.returncode == 2
    assert said in result.stderr and "Traceback" not in result.stderr


def test_a_module_that_cannot_be_loaded_gets_a_sentence(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "autograder.report.page", None)
    assert cli.main(["report"]) == 2
    captured = capsys.readouterr()
    assert "package autograder.report.page is missing" in captured.err and not captured.out


@pytest.mark.parametrize("folder", ["/tmp", "/dev/shm"])
def test_a_course_behind_a_link_is_graded_in_any_folder(course_template, folder):
    with tempfile.TemporaryDirectory(dir=folder, prefix="my coürse ") as place:
        courses.copy_of(course_template, Path(place, "real"))
        course = Path(place, "a link")
        course.symlink_to("real")
        courses.hand_in(course, "ada", courses.answers())
        assert courses.grade(course).returncode == 0
        assert courses.scores(course) == {"ada": [10, 10, 10]}


@pytest.mark.skipif(
    subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode != 0,
    reason="this user may not mount",
)
@pytest.mark.parametrize("command", ["grade", "doctor"])
def test_packages_that_may_not_be_executed_get_a_sentence(graded, command):
    lines = ['mount --bind "$0" "$0"', 'mount -o remount,bind,noexec "$0"', 'exec "$@"']
    ours = [sys.executable, "-m", "autograder", command, "--course", graded]
    (folder, *_) = bubblewrap.package_folders()
    result = subprocess.run(
        ["unshare", "--mount", "sh", "-ec", "\n".join(lines), folder, *ours],
        cwd=courses.PROJECT,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert "cannot be loaded" in result.stderr and "noexec" in result.stderr


def test_an_interrupt_at_any_time_gets_a_sentence(monkeypatch, capsys):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_parser", interrupted)
    assert cli.main([]) == 130
    assert "run the same command again to finish" in capsys.readouterr().err


def test_without_semaphores_the_message_says_what_is_missing(graded, monkeypatch, capsys):
    def refuse(*arguments, **options):
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr("multiprocessing.synchronize.SemLock.__init__", refuse)
    assert cli.main(["grade", "--force", "--course", str(graded)]) == 2
    assert "/dev/shm is needed" in capsys.readouterr().err


# On Windows, as far as Linux can pretend


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
