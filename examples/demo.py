"""Grade the example answers in a course folder of their own: ``make demo``.

The folder ``demo/`` is made anew each time. The instructor's own ``submitted/`` and gradebook are
not touched.
"""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
from nbgrader.api import Gradebook
from rich.console import Console
from rich.table import Table

from examples.submissions import example_answers, fill_in

PROJECT = Path(__file__).resolve().parents[1]
DEMO = PROJECT / "demo"
ASSIGNMENT = "Initialization"
CONFIG = '''\
"""Configuration of the demonstration: that of the project, for this folder."""

from pathlib import Path

load_subconfig("nbgrader_config.py", path={project!r})

c = get_config()
course = Path(__file__).resolve().parent
c.CourseDirectory.root = str(course)
c.Exchange.root = str(course / "exchange")
'''


def main() -> int:
    """Make the course, grade it, and show what each student gets."""
    if shutil.which("bwrap") is None:
        sys.exit("demo: bubblewrap is missing. Please run: sudo apt-get install bubblewrap")
    make_course(DEMO)
    run("-m", "nbgrader", "generate_assignment", ASSIGNMENT, "--log-level=WARN")
    answers = example_answers()
    hand_in(DEMO, answers)
    print(f"Grading {len(answers)} example submissions in {DEMO} ...", flush=True)
    run("-m", "autograder", "grade", "--course", str(DEMO), cwd=PROJECT)
    run("-m", "nbgrader", "generate_feedback", ASSIGNMENT, "--log-level=WARN")
    show(DEMO, answers)
    return 0


def make_course(folder: Path) -> None:
    """Make an empty course folder with the project's assignment."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(PROJECT / "source", folder / "source")
    exchange = folder / "exchange"
    exchange.mkdir()
    exchange.chmod(0o777)  # nbgrader insists
    config = CONFIG.format(project=str(PROJECT))
    (folder / "nbgrader_config.py").write_text(config, encoding="utf-8")


def hand_in(folder: Path, answers: dict[str, str]) -> None:
    """Put each example answer into ``submitted/``."""
    released = folder / "release" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb"
    for student, source in answers.items():
        target = folder / "submitted" / student / ASSIGNMENT
        target.mkdir(parents=True)
        nbformat.write(fill_in(released, source), target / released.name)


def run(*arguments: str, cwd: Path = DEMO) -> None:
    """Run a Python module in the demonstration's folder; stop with its exit code if it fails."""
    result = subprocess.run([sys.executable, *arguments], cwd=cwd)
    if result.returncode:
        sys.exit(result.returncode)


def show(folder: Path, answers: dict[str, str]) -> None:
    """Print points, messages and where the feedback is."""
    database = f"sqlite:///{folder / 'gradebook.db'}"
    table = Table(title="What each example gets", show_lines=True)
    for heading in ("student", "points", "what the answer is", "what the student reads first"):
        table.add_column(heading, overflow="fold")
    with Gradebook(database, "initialization") as gradebook:
        for student, source in answers.items():
            notebook = gradebook.find_submission_notebook(ASSIGNMENT, ASSIGNMENT, student)
            scores = {grade.name: grade.score for grade in notebook.grades}
            comments = {comment.name: comment.comment for comment in notebook.comments}
            messages = [
                comments[test.replace("test", "initialize")].splitlines()[0]
                for test, score in scores.items()
                if score == 0
            ]
            points = " + ".join(f"{score:g}" for score in scores.values())
            about = ast.get_docstring(ast.parse(source))
            table.add_row(student, f"{points} = {notebook.score:g}", about, "\n".join(messages[:1]))
    Console(markup=False, emoji=False, highlight=False).print(table)
    print(f"Feedback pages: {folder / 'feedback'}/STUDENT/{ASSIGNMENT}/{ASSIGNMENT}.html")


if __name__ == "__main__":
    sys.exit(main())
