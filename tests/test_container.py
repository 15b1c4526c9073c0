"""The container image of ``Containerfile``; ``make test-container`` runs this.

Building it needs a network, and a minute or two.
"""

import os
import shutil
import subprocess

import pytest

from tests.support.browser import PROJECT

pytestmark = [
    pytest.mark.skipif("CONTAINER" not in os.environ, reason="To run: make test-container"),
    pytest.mark.skipif(shutil.which("podman") is None, reason="sudo apt-get install podman"),
]


@pytest.fixture(scope="module")
def image() -> str:
    command = ["podman", "build", "--quiet", PROJECT]
    built = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return built.stdout.split()[-1]


def run(image: str, *command: str) -> str:
    result = subprocess.run(
        ["podman", "run", "--rm", "--security-opt", "unmask=ALL", image, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert result.returncode == 0, result.stdout
    return result.stdout


def test_the_demonstration_grades_its_examples_in_the_container(image):
    shown = run(image)
    assert "10 + 10 + 10 = 30" in shown
    assert "Stopped" not in shown


def test_the_doctor_finds_grading_possible_as_an_ordinary_user(image):
    shown = run(image, "sh", "-c", "cd / && autograder doctor --course /home/grader/course")
    assert shown.rstrip().endswith("Grading works here.")
    assert run(image, "id", "-un") == "grader\n"
