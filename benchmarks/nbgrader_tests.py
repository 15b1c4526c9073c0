"""Run nbgrader's own tests of ``nbgrader autograde`` with our plug-ins.

They come with the installed nbgrader. Ours is the configuration of a user, which nbgrader reads
before that of the course.

    python -m benchmarks.nbgrader_tests [options of pytest, such as -k NAME]
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import nbgrader

PROJECT = Path(__file__).resolve().parents[1]
TESTS = Path(nbgrader.__file__).parent / "tests/apps/test_nbgrader_autograde.py"
CONFIGURATION = """\
from autograder.config import configure
configure(get_config())
"""


def main(arguments: list[str]) -> int:
    """Run the tests and return pytest's exit code."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "nbgrader_config.py").write_text(CONFIGURATION)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull]
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        environment = {"JUPYTER_CONFIG_DIR": folder, "PYTHONPATH": str(PROJECT), "PATH": path}
        return subprocess.run(
            [*command, str(TESTS), *arguments], env={**os.environ, **environment}, cwd=folder
        ).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
