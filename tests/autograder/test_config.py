"""What an instructor copies into nbgrader_config.py takes effect, or nothing is graded."""

import os
import shutil

import nbformat
import pytest
from nbgrader.apps import NbGraderAPI
from nbgrader.converters import Autograde
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

from autograder.cli import main
from autograder.config import configure
from autograder.course.folder import load_config
from tests.support import courses

COPIED = """\
try:
    from autograder.config import configure
except ImportError as error:
    raise SystemExit(f"nbgrader_config.py: {error}. Nothing was done.") from error
configure(get_config())
"""


@pytest.fixture
def traced(course, tmp_path):
    """A course with a submission that leaves a trace when it runs outside of a sandbox."""
    path = courses.hand_in(course, "ada", courses.answers())
    notebook = nbformat.read(path, 4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source = f"open({str(tmp_path / 'trace')!r}, 'w').close()\n{cell.source}"
    nbformat.write(notebook, path)
    return course, tmp_path / "trace"


MISTAKES = {  # a last line, and what is said of it
    "an unknown language": ("configure(c, language='xx')", "expected any of ['en', 'vi'], not"),
    "a wrong argument": ("configure(c, points=0)", "no setting c.Grading.points"),
    "a wrong type": ('configure(c, points_per_violation="many")', "many"),
    "an error after our lines": ("configure(c); c.x = None.y", "to its end"),
    "another exporter": (
        "c.Autograde.exporter_class = 'nbconvert.exporters.NotebookExporter'",
        "names another",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_nbgrader_ends_where_our_lines_cannot_take_effect(traced, mistake):
    course, trace = traced
    line, said = MISTAKES[mistake]
    with open(course / "nbgrader_config.py", "a") as config:
        config.write(f"from autograder.config import configure\n{line}\n")
    result = courses.run(course, "nbgrader", "autograde", courses.ASSIGNMENT)
    assert result.returncode == 1
    assert said in result.stderr.splitlines()[-1]
    assert not trace.exists() and not (course / "autograded").exists()


def test_nbgrader_ends_where_the_package_is_missing(traced):
    course, trace = traced
    (course / "nbgrader_config.py").write_text("c = get_config()\n" + COPIED)
    nowhere = {**os.environ, "PYTHONPATH": str(course)}
    result = courses.run(course, "nbgrader", "autograde", courses.ASSIGNMENT, env=nowhere)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == "nbgrader_config.py: No module named 'autograder'. Nothing was done.\n"
    assert not trace.exists()


def test_the_readme_shows_the_lines_that_are_tested_here():
    lines = [f"    {line}" for line in COPIED.splitlines()]
    assert "\n".join(lines) in (courses.PROJECT / "README.md").read_text()


def test_formgraders_button_grades_nothing_when_configuration_failed(traced):
    course, trace = traced
    directory = CourseDirectory(config=load_config(course))
    directory.config.Autograde.exporter_class = "nbconvert.exporters.NotebookExporter"
    api = NbGraderAPI(coursedir=directory, config=directory.config)
    result = api.autograde(courses.ASSIGNMENT, "ada")
    assert not result["success"] and "would run unprotected" in result["error"]
    assert not trace.exists()


def test_an_installed_package_stops_at_an_error_above_our_lines(traced, monkeypatch, tmp_path):
    """Jupyter's configuration path names the exporter, as in an environment with the package."""
    course, trace = traced
    plugin = courses.PROJECT / "autograder" / "nbgrader_plugin"
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(plugin))
    monkeypatch.setenv("PYTHONPATH", str(courses.PROJECT))
    (course / "nbgrader_config.py").write_text("None.x\nc = get_config()\n" + COPIED)
    result = courses.run(course, "nbgrader", "autograde", courses.ASSIGNMENT)
    assert result.returncode == 1
    assert "cannot be loaded: AttributeError" in result.stderr.splitlines()[-1]
    assert not trace.exists()


@pytest.mark.parametrize("error", ["None.x\n", "c.Grading.cell_seconds =\n", "(\n"])
def test_after_make_setup_nbgrader_stops_at_an_error_above_our_lines(
    traced, monkeypatch, tmp_path, error
):
    course, trace = traced
    settings = courses.PROJECT / "tools" / "nbgrader-settings.py"
    shutil.copy(settings, tmp_path / "nbgrader_config.py")
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path))
    (course / "nbgrader_config.py").write_text(error + "c = get_config()\n" + COPIED)
    result = courses.run(course, "nbgrader", "autograde", courses.ASSIGNMENT)
    assert result.returncode == 1
    assert "Nothing was graded" in result.stderr.splitlines()[-1]
    assert not trace.exists()


def test_the_demonstration_grades_nothing_where_the_project_has_moved(traced):
    course, trace = traced
    config = course / "nbgrader_config.py"
    config.write_text(config.read_text().replace(str(courses.PROJECT), "/moved"))
    result = courses.run(course, "nbgrader", "autograde", courses.ASSIGNMENT)
    assert (result.returncode, result.stderr.splitlines()[-1]) == (
        1,
        "The project is no longer in /moved. Nothing was done.",
    )
    assert not trace.exists()


def test_the_guard_is_what_keeps_nbgraders_engine_from_running(traced):
    course, trace = traced
    courses.stock_config(course)
    courses.run(course, "nbgrader", "autograde", courses.ASSIGNMENT)
    assert trace.exists()


def test_what_the_configuration_says_before_stays_in_force():
    called = []
    c = Config()
    c.CourseDirectory.ignore = ["*.log"]
    c.GenerateAssignment.pre_convert_hook = lambda **about: called.append(about)
    c.Application.logging_config = {"handlers": {"console": {"level": "ERROR"}}}
    c.Grading.points_per_violation = 2
    configure(c)
    assert c.CourseDirectory.ignore == ["*.log", "*.html", "*.htm"]
    about = {"assignment": "ps1", "student": ".", "notebooks": []}
    c.GenerateAssignment.pre_convert_hook(**about)
    assert called == [about]
    assert c.Application.logging_config["handlers"]["console"]["level"] == "ERROR"
    assert c.Grading.points_per_violation == 2


def test_files_to_ignore_are_added_to_those_of_nbgrader():
    c = Config()
    configure(c)
    ignored = CourseDirectory(config=c).ignore
    assert {"*.html", ".ipynb_checkpoints"} <= set(ignored)
    assert Autograde.convert_notebooks.__module__ == "autograder.config"


WRONG_SETTINGS = {  # a last line of nbgrader_config.py, and the words that name the setting
    "c.Grading.memory_megabytes = '1 GB'": "'memory_megabytes'",
    "c.Grading.memory_megabytes = 20": "'memory_megabytes'",
    "c.Grading.cell_seconds = -1": "'cell_seconds'",
    "c.Grading.call_seconds = 0.0001": "'call_seconds'",
    "c.Grading.total_seconds = None": "'total_seconds'",
    "c.Grading.processes = 0": "'processes'",
    "c.Grading.attempts_per_hour = 0": "'attempts_per_hour'",
    "c.Grading.points_per_violation = -1": "'points_per_violation'",
    "c.Grading.memory = 500": "no setting c.Grading.memory",
    "c.Gradin.processes = 8": "c.Gradin sets nothing",
    "c.Grading = 5": "'Grading'",
    "c.Grading.rules = 'lesson.rules'": "'rules'",
    "c.Grading.rules = {'Initialization': None}": "'rules'",
    "c.Grading.rules = {'Initialization': 'lesson.rulez'}": "lesson/rulez.py",
    "c.Grading.rules = {'Initialisation': 'lesson.rules'}": "no file source/Initialisation",
    "c.Grading.network = 5": "'network'",
    "c.Grading.network = ['Initialisation']": "no such assignment",
    "c.Execute.timeout = '60'": "'timeout'",
    "c.CourseDirectory.db_url = 'nonsense'": "gradebook cannot be opened",
    "c.CourseDirectory.update({'db_url': 'postgresql://h/g', 'course_id': ''})": "course_id must",
    "c.ClearSolutions.code_stub = 5": "cannot make the release",
    "import sys; sys.exit()": "ends the program",
    "import nowhere": "No module named 'nowhere'",
    "1 / 0": "division by zero",
    "def f(:": "SyntaxError",
}


@pytest.mark.parametrize("line", WRONG_SETTINGS)
def test_a_wrong_setting_is_named_before_anything_is_graded(course, line, capsys):
    courses.hand_in_file(course, "ada", b"{}")
    with open(course / "nbgrader_config.py", "a") as config:
        config.write(f"c = get_config()\n{line}\n")
    assert main(["grade", "--course", str(course)]) == 2
    said = capsys.readouterr()
    assert said.err.startswith("autograder: ") and WRONG_SETTINGS[line] in said.err
    assert len(said.err.splitlines()) <= 2 and not said.out
    assert not (course / "autograded").exists()
