"""The assignment as grading sees it: the instructor's notebook and the public files beside it."""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.utils import compute_checksum

CODE_STUB = """\
# YOUR CODE STARTS HERE
pass  # replace this line
# YOUR CODE ENDS HERE"""
"""What students find in place of a solution; nbgrader_config.py hands it to nbgrader as well."""

_TEXT_STUB = "YOUR ANSWER HERE"  # nbgrader's own, for written answers
_LONGEST_LINK = 1000  # bytes
_NBGRADER_DEFAULTS = {"schema_version": 3, "grade": False, "solution": False, "locked": False}


class AssignmentError(Exception):
    """The course's own files cannot be used for grading; the message says what to change."""


class Role(StrEnum):
    """What the grader does with a cell; stored in its metadata as ``autograder.role``."""

    TEST = "test"  # runs in the grader's process and earns points
    ANSWER = "answer"  # the student's source in our cell
    GIVEN = "given"  # our source: text, imports and other locked cells
    DEMONSTRATION = "demonstration"  # our source; no grade depends on it, so grading skips it
    PLAYGROUND = "playground"  # the student's source; no grade depends on it either
    STUDENT = "student"  # a cell that the student added


def unmade_links(directory: Path) -> dict[Path, Path]:
    """Python files of a directory that hold only a path, and the files that they stand for.

    git for Windows writes the path of a link into a plain file, unless it may make links.
    """
    links = {}
    for path in sorted(directory.rglob("*.py")):
        if path.is_file() and path.stat().st_size < _LONGEST_LINK:
            text = path.read_text(encoding="utf-8", errors="replace")
            target = path.parent / text
            if text.startswith("../") and "\n" not in text and target.is_file():
                links[path] = target
    return links


def refuse_unmade_links(assignment: str, student: str, notebooks: list[str]) -> None:
    """Let nbgrader generate nothing from `unmade_links`; it calls this as a ``pre_convert_hook``.

    Raises
    ------
    SystemExit
        With what to do; nbgrader would log any other error and go on.
    """
    for directory in {Path(notebook).parent for notebook in notebooks}:
        if links := unmade_links(directory):
            names = ", ".join(path.name for path in links)
            sys.exit(
                f"nbgrader: in {directory}, git made plain files instead of links: {names}. "
                "Nothing was generated. In Windows, turn on the developer mode, then run:\n"
                "    git config core.symlinks true\n"
                f"    git restore {directory}"
            )


@dataclass(frozen=True)
class Assignment:
    """An assignment as plain bytes, so that it travels to any worker.

    Parameters
    ----------
    notebook
        The instructor's notebook (nbformat 4 JSON) with solutions and hidden tests.
    files
        Path and content of the public Python files that students get beside the notebook.
    code_stub
        The text that replaced the solutions when the assignment was released.
    rules
        Name of the public module that checks the rules for submissions, see `Grading.rules`;
        empty if there are none.

    Raises
    ------
    AssignmentError
        By every method that reads the notebook, if it cannot be used for grading.
    """

    notebook: bytes = field(repr=False)
    files: Mapping[str, bytes] = field(repr=False, hash=False)
    code_stub: str = CODE_STUB
    rules: str = ""

    @classmethod
    def from_directory(
        cls, directory: str | Path, code_stub: str = CODE_STUB, rules: str = ""
    ) -> Assignment:
        """Read the only notebook of `directory` and the Python files beside it.

        Links are followed, those too that `unmade_links` finds: the directory is the course's own.
        """
        directory = Path(directory)
        notebooks = sorted(directory.glob("*.ipynb"))
        if len(notebooks) != 1:
            found = ", ".join(path.name for path in notebooks) or "none"
            raise AssignmentError(
                f"{directory} must hold exactly one notebook, the instructor's; found: {found}."
            )
        links = unmade_links(directory)
        try:
            files = {
                path.relative_to(directory).as_posix(): links.get(path, path).read_bytes()
                for path in sorted(directory.rglob("*.py"))
            }
            assignment = cls(notebooks[0].read_bytes(), files, code_stub, rules)
        except OSError as error:
            raise AssignmentError(
                f"{error.filename} cannot be read ({error.strerror}). If it is a link, "
                "the file that it points to must exist."
            ) from error
        assignment.released_cells()
        return assignment

    @property
    def cells(self) -> tuple[NotebookNode, ...]:
        """The cells of the instructor's notebook, complete with solutions and hidden tests."""
        return tuple(_parse(self.notebook).cells)

    @property
    def metadata(self) -> NotebookNode:
        """The kernel and language that students are to use."""
        ours = _parse(self.notebook).metadata
        python = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
        return NotebookNode(
            kernelspec=ours.get("kernelspec", python),
            language_info=ours.get("language_info", {"name": "python"}),
        )

    def released_cells(self) -> tuple[NotebookNode, ...]:
        """Our cells as students get them, with nbgrader's checksum and the cell's role.

        They are shared by all callers: copy before changing one.
        """
        return _released_cells(self.notebook, self.code_stub)

    def test_source(self, test: str) -> str:
        """Complete source of the test cell with the grade id `test`, hidden tests included."""
        for cell in self.cells:
            if role(cell) is Role.TEST and grade_id(cell) == test:
                return cell.source
        raise KeyError(f"The assignment has no test cell {test!r}.")

    def points(self) -> dict[str, float]:
        """Points of each test cell by grade id, in the notebook's order."""
        return {
            grade_id(cell): float(cell.metadata.nbgrader.points)
            for cell in self.cells
            if role(cell) is Role.TEST
        }

    def graded_functions(self) -> list[str]:
        """Names of the functions that solution cells define, in the notebook's order."""
        answers = (cell for cell in self.cells if role(cell) is Role.ANSWER)
        return [name for cell in answers for name in function_names(cell)]


def role(cell: NotebookNode) -> Role:
    """Role of a cell of the instructor's notebook."""
    settings = cell.metadata.get("nbgrader", {})
    tags = cell.metadata.get("tags", [])
    if settings.get("solution"):
        return Role.ANSWER
    if settings.get("grade"):
        return Role.TEST
    if Role.PLAYGROUND in tags:  # before demonstration, because such cells carry both tags
        return Role.PLAYGROUND
    if Role.DEMONSTRATION in tags:
        return Role.DEMONSTRATION
    return Role.GIVEN


def grade_id(cell: NotebookNode) -> str | None:
    """nbgrader's name of a cell, or None for a cell that nbgrader does not manage."""
    return cell.metadata.get("nbgrader", {}).get("grade_id")


def function_names(cell: NotebookNode) -> list[str]:
    """Names of the functions that a solution cell of the instructor's notebook defines."""
    if cell.cell_type != "code":
        return []
    definitions = ast.parse(cell.source).body
    return [node.name for node in definitions if isinstance(node, ast.FunctionDef)]


@lru_cache(maxsize=64)
def answers_tested_by(assignment: Assignment, test: str) -> dict[str, list[str]]:
    """Grade ids of the answers whose functions a test cell names, and those functions."""
    tree = ast.parse(assignment.test_source(test))
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    answers = {}
    for cell in assignment.cells:
        if role(cell) is Role.ANSWER and (functions := used.intersection(function_names(cell))):
            answers[grade_id(cell)] = sorted(functions)
    return answers


@lru_cache(maxsize=4)  # a worker grades many submissions of the same assignment
def _parse(notebook: bytes) -> NotebookNode:
    try:
        parsed = nbformat.v4.reads(notebook.decode("utf-8"))
        grade_ids = [grade_id(cell) for cell in parsed.cells if grade_id(cell)]
        cell_ids = [cell.get("id") for cell in parsed.cells]
        for kind, names in {"grade id": grade_ids, "cell id": cell_ids}.items():
            repeated = [str(name) for name, uses in Counter(names).items() if uses > 1]
            if repeated:
                raise AssignmentError(
                    f"The instructor's notebook has several cells with the {kind} "
                    f"{', '.join(repeated)}."
                )
        nbformat.validate(parsed)
    except (ValueError, TypeError, AttributeError, nbformat.ValidationError) as error:
        raise AssignmentError(f"The instructor's notebook cannot be read: {error}") from error
    if not any(role(cell) is Role.TEST for cell in parsed.cells):
        raise AssignmentError("The instructor's notebook has no test cell, so nothing is graded.")
    return parsed


@lru_cache(maxsize=4)
def _released_cells(notebook: bytes, code_stub: str) -> tuple[NotebookNode, ...]:
    return tuple(_released_cell(cell, code_stub) for cell in _parse(notebook).cells)


def _released_cell(cell: NotebookNode, code_stub: str) -> NotebookNode:
    released = nbformat.from_dict(
        {
            "id": cell.id,
            "cell_type": cell.cell_type,
            "metadata": {"autograder": {"role": str(role(cell))}},
            "source": _release_form(cell, code_stub),
        }
    )
    if "tags" in cell.metadata:
        released.metadata.tags = list(cell.metadata.tags)
    if cell.cell_type == "code":
        released.update(execution_count=None, outputs=[])
    if grade_id(cell):
        settings = {**_NBGRADER_DEFAULTS, **cell.metadata.nbgrader, "cell_type": cell.cell_type}
        released.metadata.nbgrader = nbformat.from_dict(settings)
        # nbgrader writes "No response." under an answer whose checksum is that of the stub.
        released.metadata.nbgrader.checksum = compute_checksum(released)
    return released


def _release_form(cell: NotebookNode, code_stub: str) -> str:
    """Source of `cell` after nbgrader's ClearSolutions and ClearHiddenTests."""
    source = cell.source
    if role(cell) is Role.ANSWER:
        stub = code_stub if cell.cell_type == "code" else _TEXT_STUB
        if "BEGIN SOLUTION" not in source:
            return stub
        source = _replace_regions(source, "SOLUTION", stub.split("\n"))
    return _replace_regions(source, "HIDDEN TESTS", [])


def _replace_regions(source: str, name: str, replacement: list[str]) -> str:
    lines = []
    inside = False
    for line in source.split("\n"):
        if f"BEGIN {name}" in line:
            inside = True
            indent = re.match(r"\s*", line)[0]
            lines += [indent + new for new in replacement]
        elif f"END {name}" in line:
            inside = False
        elif not inside:
            lines.append(line)
    if inside:
        raise AssignmentError(f"A cell has 'BEGIN {name}' without 'END {name}'.")
    return "\n".join(lines)
