"""Grade the example answers in a course folder of their own: ``make demo``.

    python -m examples.demo [FOLDER]

The folder, ``demo/`` unless another one is given, is made anew each time. The instructor's own
``submitted/`` and gradebook are not touched.
"""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import nbformat
from nbgrader.api import Gradebook

from examples.submissions import example_answers, fill_in

PROJECT = Path(__file__).resolve().parents[1]
DEMO = PROJECT / "demo"
ASSIGNMENT = "Initialization"
CONFIG = '''\
"""Configuration of the demonstration: that of the project, for this folder."""

from pathlib import Path

# nbgrader would go on without a file that is not there, and run student code unprotected.
if not Path({project!r}, "nbgrader_config.py").is_file():
    raise SystemExit("The project is no longer in " + {project!r} + ". Nothing was done.")
load_subconfig("nbgrader_config.py", path={project!r})

c = get_config()
course = Path(__file__).resolve().parent
c.CourseDirectory.root = str(course)
c.Exchange.root = str(course / "exchange")
'''


def main(folder: Path) -> int:
    """Make a course in `folder`, grade it, and show what each student gets."""
    if shutil.which("bwrap") is None:
        sys.exit("demo: bubblewrap is missing. Please run: sudo apt-get install bubblewrap")
    if folder.exists() and not is_ours(folder):
        sys.exit(f"demo: {folder} exists, and is not a demonstration. Please name another folder.")
    make_course(folder)
    run(folder, "nbgrader", "generate_assignment", ASSIGNMENT, "--log-level=WARN")
    answers = example_answers()
    hand_in(folder, answers)
    print(f"Grading {len(answers)} example submissions in {folder} ...", flush=True)
    run(PROJECT, "autograder", "grade", "--course", str(folder))
    run(folder, "nbgrader", "generate_feedback", ASSIGNMENT, "--log-level=WARN")
    show(folder, answers)
    return 0


def is_ours(folder: Path) -> bool:
    """Whether a folder is empty or was made here, so that it may be made anew."""
    config = folder / "nbgrader_config.py"
    if config.is_file():
        return config.read_text(encoding="utf-8").startswith(CONFIG.splitlines()[0])
    return folder.is_dir() and not any(folder.iterdir())


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


def run(folder: Path, *arguments: str) -> None:
    """Run a Python module in a folder; stop with its exit code if it fails."""
    result = subprocess.run([sys.executable, "-m", *arguments], cwd=folder)
    if result.returncode:
        sys.exit(result.returncode)


def show(folder: Path, answers: dict[str, str]) -> None:
    """Print what each answer is, its points, the messages it got, and where the feedback is."""
    database = f"sqlite:///{folder / 'gradebook.db'}"
    with Gradebook(database, "initialization") as gradebook:
        for student, source in answers.items():
            notebook = gradebook.find_submission_notebook(ASSIGNMENT, ASSIGNMENT, student)
            scores = {grade.name: grade.score for grade in notebook.grades}
            comments = {comment.name: comment.comment for comment in notebook.comments}
            points = " + ".join(f"{score:2g}" for score in scores.values())
            print(f"\n{student:26s} {points} = {notebook.score:2g}")
            print_indented(ast.get_docstring(ast.parse(source)), "    ")
            for test, score in scores.items():
                if score == 0:
                    message = comments[test.replace("test", "initialize")].splitlines()[0]
                    print_indented(message, f"    {test:12s} ")
    print(f"\nPoints are those of {', '.join(scores)}.")
    print(f"Feedback pages: {folder / 'feedback'}/STUDENT/{ASSIGNMENT}/{ASSIGNMENT}.html")


def print_indented(text: str, first: str) -> None:
    """Print a paragraph behind `first`, with the following lines below its beginning."""
    width = max(60, shutil.get_terminal_size((100, 24)).columns)
    print(textwrap.fill(text, width, initial_indent=first, subsequent_indent=" " * len(first)))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else DEMO))
