"""Two students and a course on a JupyterHub; ``make test-hub`` runs this.

The hub runs all servers as one Unix user, so each student's own settings say who it is. Where each
has a Unix user, nbgrader takes its name.
"""

import importlib.util
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import nbformat
import pytest

from tests.support import browser, courses
from tests.support.browser import Window, expect

PROXY = browser.PROJECT / ".venv-hub" / "node_modules" / ".bin" / "configurable-http-proxy"
pytestmark = [
    pytest.mark.skipif(
        importlib.util.find_spec("jupyterhub") is None, reason="To run: make test-hub"
    ),
    pytest.mark.skipif(browser.CHROMIUM is None, reason=browser.MISSING),
]
CONFIG = """
c = get_config()
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_port = {hub_port}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{api_port}"
c.ConfigurableHTTPProxy.command = ["{proxy}"]
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = "{homes}/{{username}}"
c.Spawner.default_url = "/lab"
c.Spawner.args = {arguments}
"""
SETTINGS = """
c = get_config()
c.Exchange.root = {exchange!r}
c.CourseDirectory.course_id = "initialization"
c.CourseDirectory.student_id = {student!r}
"""
EMPTY = "def initialize_parameters_he(layers_dims):\n    return {}"
ANSWERS = {"ada": courses.answers(), "bela": courses.answers(he=EMPTY)}


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = courses.generate(tmp_path_factory.mktemp("hub") / "course")
    nbgrader(folder, "release_assignment")
    return folder


@pytest.fixture(scope="module")
def students(course: Path) -> Iterator[dict[str, Window]]:
    """JupyterLab of two students on a hub."""
    with ExitStack() as stack:
        address = stack.enter_context(hub(course))
        open_window = stack.enter_context(browser.chromium())
        windows = {student: open_window() for student in ANSWERS}
        for student, window in windows.items():
            window.page.goto(address)
            window.page.locator("input[name=username]").fill(student)
            window.page.locator("input[name=password]").fill("secret")
            window.page.locator("#login_submit").click()
            expect(window.page.locator(".jp-Launcher")).to_be_visible()
        yield windows


def nbgrader(course: Path, command: str, *options: str) -> None:
    result = courses.run(course, "nbgrader", command, courses.ASSIGNMENT, *options)
    assert result.returncode == 0, result.stderr


def test_students_fetch_and_submit_and_read_their_own_feedback(course, students):
    with courses.watching(course) as (_, told):
        fetch_and_submit(course, students)
        assert {next(told)["student"], next(told)["student"]} == set(ANSWERS)
    assert courses.scores(course) == {"ada": [10, 10, 10], "bela": [10, 10, 0]}

    for (student, window), points in zip(students.items(), (30, 20), strict=True):
        submitted = window.page.locator("#submitted_assignments_list")
        submitted.get_by_role("button", name="Fetch Feedback").click()
        expect(submitted.get_by_text("(view feedback)")).to_be_visible()
        (page,) = home(course, student).glob("Initialization/feedback/*/Initialization.html")
        said = re.sub(r"<[^>]*>|\s|&nbsp;", " ", page.read_text())
        assert f"{points} of 30 points" in re.sub(" +", " ", said)


def fetch_and_submit(course: Path, students: dict[str, Window]) -> None:
    for student, window in students.items():
        browser.choose(window.page, "Nbgrader", "Assignment List")
        released = window.page.locator("#released_assignments_list")
        released.get_by_role("button", name="Fetch").click()
        fetched = window.page.locator("#fetched_assignments_list")
        expect(fetched.get_by_role("button", name="Submit")).to_be_visible()
        notebook = home(course, student) / "Initialization" / "Initialization.ipynb"
        nbformat.write(courses.fill_in(notebook, ANSWERS[student]), notebook)
        fetched.get_by_role("button", name="Submit").click()
        submitted = window.page.locator("#submitted_assignments_list .list_item")
        expect(submitted).not_to_have_count(0)


def home(course: Path, student: str) -> Path:
    return course.parent / "homes" / student


@contextmanager
def hub(course: Path) -> Iterator[str]:
    """Run a hub next to the course, until the block ends; yields its address."""
    ports = dict(zip(("port", "hub_port", "api_port"), free_ports(3), strict=True))
    for student in ANSWERS:
        home(course, student).mkdir(parents=True)
        settings = SETTINGS.format(exchange=str(course / "exchange"), student=student)
        (home(course, student) / "nbgrader_config.py").write_text(settings)
    config = course.parent / "jupyterhub_config.py"
    config.write_text(
        CONFIG.format(
            **ports,
            proxy=PROXY,
            homes=course.parent / "homes",
            arguments=["--allow-root"] if os.geteuid() == 0 else [],
        )
    )
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with open(course.parent / "log", "w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterhub", "--config", config],
            cwd=course.parent,
            env={**os.environ, "PATH": programs},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            for line in process.stdout:
                log.write(line)
                if "JupyterHub is now running" in line:
                    break
            else:
                raise RuntimeError(f"The hub stopped; see {log.name}.")
            rest = subprocess.Popen(["cat"], stdin=process.stdout, stdout=log)
            process.stdout.close()
            yield f"http://127.0.0.1:{ports['port']}"
            process.terminate()
            rest.wait()
        finally:
            process.kill()
            process.wait()


def free_ports(count: int) -> list[int]:
    """Numbers of ports that nobody uses at the moment."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
