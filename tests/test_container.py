"""The image of the Containerfile; ``make test-container`` builds and runs it with Podman."""

import os
import shutil
import subprocess

import pytest

from tests.support.courses import PROJECT

IMAGE = "autograder-test"
pytestmark = [
    pytest.mark.skipif("CONTAINER" not in os.environ, reason="To run this: make test-container"),
    pytest.mark.skipif(shutil.which("podman") is None, reason="Podman is missing"),
]


def podman(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["podman", *arguments], cwd=PROJECT, capture_output=True, text=True)


def test_the_image_grades_the_example_submissions_without_any_option():
    built = podman("build", "--tag", IMAGE, ".")
    assert built.returncode == 0, built.stderr
    ran = podman("run", "--rm", IMAGE)
    assert ran.returncode == 0, ran.stdout + ran.stderr
