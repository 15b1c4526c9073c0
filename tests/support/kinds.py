"""Assignments of many kinds, from `kinds.toml`, with submissions and the scores of nbgrader.

``python -m benchmarks.stock`` asks nbgrader itself for these scores.
"""

import importlib.util
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

KERNEL = {"name": "python3", "language": "python", "display_name": "Python 3"}
LANGUAGE = {"name": "python"}
STUB = "# YOUR CODE HERE\nraise NotImplementedError()"


@dataclass(frozen=True)
class Kind:
    """One notebook of the instructor, and submissions of it, as `kinds.toml` explains them."""

    cells: Mapping[str, str]
    students: Mapping[str, Mapping[str, str | None]]
    scores: Mapping[str, list[float | None]]
    inside: set[str] = field(default_factory=set)
    files: Mapping[str, bytes] = field(default_factory=dict)


def _kind(table: dict) -> Kind:
    return Kind(
        table["cells"],
        {
            student: {name: source or None for name, source in changes.items()}
            for student, changes in table["students"].items()
        },
        {
            student: [None if score == "by hand" else score for score in scores]
            for student, scores in table["scores"].items()
        },
        set(table["inside"]),
        {path: text.encode() for path, text in table.get("files", {}).items()},
    )


KINDS = {
    name: _kind(table)
    for name, table in tomllib.loads(Path(__file__).with_suffix(".toml").read_text()).items()
    if name != "pandas" or importlib.util.find_spec(name)
}


def instructors(kind: Kind) -> NotebookNode:
    """The notebook with all solutions, in the old format without cell ids."""
    cells = []
    for name, source in kind.cells.items():
        settings = {"grade_id": name, "schema_version": 3, "locked": not name.startswith("a-")}
        settings |= {"grade": name[:2] in ("t-", "m-"), "solution": name[:2] in ("a-", "m-")}
        settings["task"] = name.startswith("k-")
        if settings["grade"] or settings["task"]:
            settings["points"] = 2
        make = new_markdown_cell if name[:2] in ("m-", "k-") else new_code_cell
        cell = make(source, metadata={"nbgrader": settings})
        del cell["id"]
        cells.append(cell)
    metadata = {"kernelspec": KERNEL, "language_info": LANGUAGE}
    return NotebookNode(nbformat=4, nbformat_minor=4, metadata=NotebookNode(metadata), cells=cells)


def submission(kind: Kind, student: str) -> NotebookNode:
    """What a student hands in: the instructor's notebook with other answers, no hidden tests."""
    notebook = instructors(kind)
    for cell in notebook.cells:
        name = cell.metadata.nbgrader.grade_id
        if name in kind.students[student]:
            source = kind.students[student][name]
            stub = "YOUR ANSWER HERE" if name.startswith("m-") else STUB
            cell.source = stub if source is None else source
    return notebook
