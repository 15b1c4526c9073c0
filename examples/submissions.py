"""Turn small Python files with the three functions into submissions of the notebook."""

from __future__ import annotations

import ast
from pathlib import Path

import nbformat

from autograder.assignment import function_names

ANSWERS = Path(__file__).parent / "answers"


def example_answers() -> dict[str, str]:
    """Source of each example answer by the name of its student."""
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(ANSWERS.glob("*.py"))}


def fill_in(released: Path, answers: str) -> nbformat.NotebookNode:
    """Fill the functions of an example answer into a released notebook.

    Parameters
    ----------
    released : Path
        The notebook as students get it.
    answers : str
        Python source. Each function goes into the cell that defines a function of this name; the
        code before it goes with it, imports excepted that the notebook has anyway.

    Returns
    -------
    NotebookNode
    """
    notebook = nbformat.read(released, as_version=4)
    sources = split_by_function(answers)
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("solution"):
            (name,) = function_names(cell)
            cell.source = sources.get(name, "# This student has deleted the function.")
    return notebook


def split_by_function(answers: str) -> dict[str, str]:
    """Split source into one piece for each function, with the code that stands before it."""
    pieces = {}
    before: list[str] = []
    tree = ast.parse(answers)
    docstring = tree.body[0] if ast.get_docstring(tree) else None
    for node in tree.body:
        if node is docstring:
            continue
        before.append(ast.get_source_segment(answers, node))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("initialize_parameters"):
            pieces[node.name] = "\n\n".join(part for part in before if part != "import numpy as np")
            before = []
    return pieces
