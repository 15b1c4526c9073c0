"""Grade any course with nbgrader alone and with the sandbox, side by side in one run.

    python -m benchmarks.courses COURSE ...

A COURSE is a folder with source/ and submitted/; copies of it are graded. nbgrader alone runs what
students wrote without protection: name only courses whose submissions you trust.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from nbgrader.api import Grade, Gradebook

SANDBOX = "from autograder.config import configure\nconfigure(get_config())\n"


def main() -> int:
    """Compare, print what differs, and return the number of cells that do."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("courses", nargs="+", type=Path, metavar="COURSE")
    different = 0
    for course in parser.parse_args().courses:
        with tempfile.TemporaryDirectory(prefix="courses-") as folder:
            different += _compare(course.resolve(), Path(folder))
    return different


def _compare(course: Path, folder: Path) -> int:
    names = sorted({path.parent.name for path in course.glob("source/*/*.ipynb")})
    stock = _copy(course, folder / "stock", names, "")
    ours = _copy(course, folder / "ours", names, SANDBOX)
    began = time.perf_counter()
    for name in names:
        _run(stock, "nbgrader", "autograde", name)
    between = time.perf_counter()
    _run(ours, "autograder", "grade", "--course", str(ours))
    alone, sandboxed = between - began, time.perf_counter() - between
    print(f"{course.name}: nbgrader alone {alone:.1f} s, {alone / sandboxed:.1f} times as long")
    before, after = _scores(stock), _scores(ours)
    cells = sorted(before.keys() | after.keys())
    different = [cell for cell in cells if before.get(cell) != after.get(cell)]
    for cell in different:
        print(f"  {'/'.join(cell)}: alone {before.get(cell)}, sandboxed {after.get(cell)}")
    print(f"  {len(different)} of {len(cells)} cells differ")
    return len(different)


def _copy(course: Path, copy: Path, names: list[str], more: str) -> Path:
    """Make a copy of a course with its assignments generated, and `more` in its configuration."""
    for part in ("source", "submitted"):
        shutil.copytree(course / part, copy / part)
    config = course / "nbgrader_config.py"
    text = config.read_text() if config.exists() else ""
    root = f"get_config().CourseDirectory.root = {str(copy)!r}\n"
    (copy / config.name).write_text(f"{text}\n{more}{root}")
    _run(copy, "nbgrader", "update", ".")
    for name in names:
        _run(copy, "nbgrader", "generate_assignment", name, "--force")
    return copy


def _run(course: Path, *command: str) -> None:
    paths = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": str(Path(__file__).parents[1]),
    }
    result = subprocess.run(
        [sys.executable, "-m", *command], cwd=course, env=os.environ | paths, capture_output=True
    )
    if result.returncode:
        print(f"  {' '.join(command[:3])} in {course.name}: exit code {result.returncode}")


def _scores(course: Path) -> dict[tuple[str, ...], float | None]:
    """The automatic score of each cell, by assignment, student, notebook and grade id."""
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        return {
            (g.notebook.assignment.name, g.notebook.student.id, g.notebook.name, g.name): (
                None if g.needs_manual_grade else g.auto_score
            )
            for g in gradebook.db.query(Grade)
        }


if __name__ == "__main__":
    sys.exit(main())
