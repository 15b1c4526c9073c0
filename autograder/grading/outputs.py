"""The outputs of an executed notebook, as far as files and pages have room for them."""

import json
from collections.abc import Iterable

from nbformat import NotebookNode
from nbformat.v4 import new_output

from autograder.limits import Limits
from autograder.outputs import decoded, pixels

_OUTPUT_BYTES, _LINE_BYTES = 200, 20  # what each costs in the files and pages made of it
_NO_PICTURE = "... picture left out: it is none, or this notebook's have more than {} pixels ..."
_COLORED_CELL, _COLORED_NOTEBOOK = 3_000, 30_000  # characters
_COLORED_LINES = 300  # in a cell


def error_output(name: str, message: str) -> NotebookNode:
    """An error as nbformat keeps it."""
    return new_output("error", ename=name, evalue=message, traceback=[message])


def keep_outputs(
    cells: list[NotebookNode], outputs: Iterable[list[NotebookNode]], limits: Limits
) -> None:
    """Give cells what they have shown, as far as the notebook has room for it."""
    bytes_left, pixels_left = limits.notebook_bytes, limits.notebook_pixels
    outputs_left = limits.notebook_outputs
    for cell, shown in zip(cells, outputs, strict=True):
        cell.outputs = shown
        for output in shown:
            if picture := output.get("data", {}).get("image/png"):
                size = pixels(decoded(picture))
                if 0 < size <= pixels_left:
                    pixels_left -= size
                else:
                    del output.data["image/png"]
                    output.data["text/plain"] = _NO_PICTURE.format(limits.notebook_pixels)
        text = json.dumps(cell.outputs)
        bytes_left -= len(text)
        bytes_left -= _OUTPUT_BYTES * len(cell.outputs) + _LINE_BYTES * text.count("\\n")
        outputs_left -= len(cell.outputs)
        if bytes_left < 0 or outputs_left < 0:
            reason = f"are more than {limits.notebook_outputs}"
            if bytes_left < 0:
                reason = f"have more than {limits.notebook_bytes} bytes"
            note = f"... left out: the outputs of this notebook {reason} ...\n"
            cell.outputs = [new_output("stream", name="stderr", text=note)]


def leave_long_code_plain(notebook: NotebookNode) -> None:
    """Tell nbconvert to show long cells without colors.

    Pygments takes minutes for 20,000 characters of some codes; it would hold up all pages.
    """
    notebook.metadata.language_info["pygments_lexer"] = "ipython3"  # only then cells have a say
    characters = 0
    for cell in notebook.cells:
        if cell.cell_type == "code":
            characters += len(cell.source)
            is_long = len(cell.source) > _COLORED_CELL or cell.source.count("\n") > _COLORED_LINES
            if is_long or characters > _COLORED_NOTEBOOK:
                cell.metadata.magics_language = "text"
