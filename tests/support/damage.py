"""Damaged submissions: what a notebook can suffer on its way from the student to the grader.

Each function of `DAMAGES` turns the bytes of a solved submission into bytes that must be graded
like the intact one. Each function of `UNREADABLE` makes bytes that nobody can grade.
"""

import gzip
import json
import random
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell

Notebook = dict[str, Any]
Cell = dict[str, Any]
Damage = Callable[[bytes], bytes]


def settings(cell: Cell) -> dict[str, Any]:
    return cell["metadata"].get("nbgrader", {})


def marked(mark: str) -> Callable[[Cell], bool]:
    return lambda cell: settings(cell).get(mark, False)


is_answer, is_test, is_locked = map(marked, ("solution", "grade", "locked"))


def is_code(cell: Cell) -> bool:
    return cell["cell_type"] == "code"


def any_cell(cell: Cell) -> bool:
    return True


def answers(notebook: Notebook) -> list[Cell]:
    return [cell for cell in notebook["cells"] if is_answer(cell)]


def code_cell(source: str, **metadata: Any) -> Cell:
    name = f"new-{zlib.crc32(source.encode())}"
    return new_code_cell(source, id=name, metadata=metadata)


def text(cell: Cell) -> str:
    return "".join(cell["source"])


def changed(data: bytes, **fields: Any) -> bytes:
    """A notebook with other fields."""
    return json.dumps({**json.loads(data), **fields}, indent=1).encode()


def in_place(damage: Callable[[Notebook], object]) -> Damage:
    """Damage that changes the notebook's JSON object in place."""

    def damaged(data: bytes) -> bytes:
        notebook = json.loads(data)
        damage(notebook)
        return json.dumps(notebook, indent=1).encode()

    return damaged


def in_metadata(**fields: Any) -> Damage:
    return in_place(lambda notebook: notebook["metadata"].update(fields))


def in_each(which: Callable[[Cell], object], change: Callable[[Cell], object]) -> Damage:
    """Damage that changes some cells in place."""
    return in_place(lambda notebook: [change(c) for c in notebook["cells"] if which(c)])


def in_cells(which: Callable[[Cell], object], **fields: Any) -> Damage:
    return in_each(which, lambda cell: cell.update(fields))


def in_settings(which: Callable[[Cell], object], **fields: Any) -> Damage:
    return in_each(which, lambda cell: settings(cell).update(fields))


def without(*fields: str) -> Damage:
    return in_each(any_cell, lambda cell: [cell.pop(field, None) for field in fields])


def in_sources(source: Callable[[Cell], object]) -> Damage:
    return in_each(any_cell, lambda cell: cell.update(source=source(cell)))


def from_cells(cells: Callable[[list[Cell]], list]) -> Damage:
    """Damage to the list of cells: missing, repeated, moved."""
    return lambda data: changed(data, cells=cells(json.loads(data)["cells"]))


def with_the_first(field: str, which: Callable[[Cell], bool]) -> Damage:
    """Damage that gives all cells what stands in a field of the first of some."""
    return from_cells(
        lambda cells: [{**cell, field: next(filter(which, cells))[field]} for cell in cells]
    )


def reversed_keys(data: bytes) -> bytes:
    notebook = json.loads(data)
    notebook["cells"] = [dict(reversed(cell.items())) for cell in notebook["cells"]]
    return json.dumps(dict(reversed(notebook.items()))).encode()


def in_format_3(data: bytes) -> bytes:
    return json.dumps(nbformat.convert(nbformat.reads(data.decode(), as_version=4), 3)).encode()


DEEP = b"[" * 100_000 + b"]" * 100_000
MARKS = b"<<<<<<< HEAD\n=======\n>>>>>>> mine\n"
DAMAGES: dict[str, Damage] = {
    # The file
    "byte_order_mark": lambda data: b"\xef\xbb\xbf" + data,
    "windows_line_ends_in_the_file": lambda data: data.replace(b"\n", b"\r\n"),
    "blank_lines_around": lambda data: b"\n\n  " + data + b"\n\n\n",
    "minified_ascii": lambda data: json.dumps(json.loads(data), separators=(",", ":")).encode(),
    "keys_in_reverse_order": reversed_keys,
    "repeated_keys": lambda data: data.replace(b"{", b'{"cells": [], "nbformat": 99, ', 1),
    "line_ends_inside_of_strings": lambda data: data.replace(b"\\n", b"\n"),
    "integer_of_ten_thousand_digits": lambda data: data.replace(
        b'"execution_count": null', b'"execution_count": ' + b"7" * 10_000
    ),
    "format_3": in_format_3,
    "outputs_nested_a_hundred_thousand_deep": lambda data: data.replace(
        b'"outputs": []', b'"outputs": ' + DEEP, 1
    ),
    "outputs_with_bytes_that_are_not_utf8": lambda data: data.replace(
        b'"outputs": []', b'"outputs": ["\xff\xfe \xe9"]'
    ),
    # The notebook's own fields
    "no_kernelspec": partial(changed, metadata={}),
    "metadata_of_another_type": partial(changed, metadata=["kernelspec"]),
    "no_metadata": in_place(lambda notebook: notebook.pop("metadata")),
    "unknown_kernelspec": in_metadata(
        kernelspec={"display_name": "Julia 1.10", "language": "julia", "name": "julia-1.10"},
        language_info={"name": "julia"},
    ),
    "kernelspec_of_another_type": in_metadata(
        kernelspec={"name": {"python3": 3}, "language": None}
    ),
    "not_a_number": in_metadata(numbers=[float("nan"), float("inf"), -float("inf")]),
    "widget_state": in_metadata(
        widgets={
            "application/vnd.jupyter.widget-state+json": {
                f"model-{n}": {"state": {"value": "x" * 1000}} for n in range(5000)
            }
        }
    ),
    "format_as_text": partial(changed, nbformat="4"),
    "unknown_minor_format": partial(changed, nbformat_minor="many"),
    "no_format": in_place(
        lambda notebook: (notebook.pop("nbformat"), notebook.pop("nbformat_minor"))
    ),
    # Fields of cells
    "answers_turned_into_markdown": in_cells(is_answer, cell_type="markdown"),
    "answers_turned_into_raw_cells": in_cells(is_answer, cell_type="raw"),
    "tests_turned_into_markdown": in_cells(is_test, cell_type="markdown"),
    "everything_turned_into_markdown": in_cells(any_cell, cell_type="markdown"),
    "unknown_cell_types": in_cells(is_code, cell_type="python"),
    "answers_without_metadata": in_cells(is_answer, metadata={}, id="lost"),
    "attachments": in_cells(any_cell, attachments={"picture.png": {"image/png": "A" * 100_000}}),
    "equal_cell_ids": in_cells(any_cell, id="cell"),
    "illegal_cell_ids": in_cells(any_cell, id="no id? " * 20),
    "cell_ids_as_numbers": in_cells(any_cell, id=7),
    "tests_made_to_fail": in_cells(is_test, source="raise AssertionError('edited')"),
    "locked_cells_emptied": in_cells(is_locked, source=[]),
    "malformed_outputs": in_cells(
        is_code,
        outputs={"output_type": float("nan"), "data": [{"]": '"outputs": ['}]},
        execution_count=["In"],
    ),
    "outputs_on_markdown": in_cells(any_cell, outputs="<script>"),
    "no_cell_types": without("cell_type"),
    "no_cell_metadata": without("metadata"),
    "no_cell_ids": without("id"),
    "no_outputs": without("outputs", "execution_count"),
    # The metadata of nbgrader
    "points_changed": in_settings(is_test, points=1000),
    "points_as_text": in_settings(is_test, points="ten"),
    "newer_nbgrader_schema": in_settings(
        settings, schema_version=99, unknown={"key": "value"}, checksum=None
    ),
    "nbgrader_metadata_of_another_type": in_each(
        settings, lambda cell: cell["metadata"].update(nbgrader=[settings(cell)])
    ),
    "nbgrader_values_of_another_type": in_each(
        settings,
        lambda cell: settings(cell).update({key: [{"value": key}] for key in settings(cell)}),
    ),
    "grade_ids_of_another_assignment": in_each(
        settings,
        lambda cell: settings(cell).update(grade_id="cell-" + settings(cell)["grade_id"][::-1]),
    ),
    "roles_inverted": in_each(
        settings,
        lambda cell: settings(cell).update(
            {key: not settings(cell)[key] for key in ("grade", "solution", "locked")}
        ),
    ),
    # The sources
    "sources_as_one_string": in_sources(text),
    "sources_as_lists": in_sources(
        lambda cell: [*text(cell).splitlines(keepends=True), None, 3, ["x"]]
    ),
    "windows_line_ends_in_sources": in_sources(lambda cell: text(cell).replace("\n", "\r\n")),
    "trailing_white_space": in_sources(lambda cell: text(cell).replace("\n", "  \n") + "  \n\n"),
    "half_a_surrogate_pair_in_markdown": in_sources(
        lambda cell: text(cell) + (" \ud83d" if cell["cell_type"] == "markdown" else "")
    ),
    # All cells: missing, repeated, moved
    "tests_deleted": from_cells(lambda cells: [cell for cell in cells if not is_test(cell)]),
    "only_the_answers_left": from_cells(lambda cells: [cell for cell in cells if is_answer(cell)]),
    "markdown_deleted": from_cells(
        lambda cells: [cell for cell in cells if cell["cell_type"] != "markdown"]
    ),
    "reversed_order": from_cells(lambda cells: cells[::-1]),
    "shuffled": from_cells(lambda cells: random.Random(5).sample(cells, len(cells))),
    "answers_at_the_end": from_cells(lambda cells: sorted(cells, key=is_answer)),
    "tests_at_the_beginning": from_cells(
        lambda cells: sorted(cells, key=lambda cell: not is_test(cell))
    ),
    "every_cell_twice": from_cells(lambda cells: [copy for cell in cells for copy in (cell, cell)]),
    "the_whole_notebook_twice": from_cells(lambda cells: cells * 2),
    "answers_pasted_into_new_cells": from_cells(
        lambda cells: [code_cell(text(cell)) if is_answer(cell) else cell for cell in cells]
    ),
    "answers_written_below_their_emptied_cells": from_cells(
        lambda cells: [
            entry
            for cell in cells
            for entry in (
                [{**cell, "source": ""}, code_cell(text(cell))] if is_answer(cell) else [cell]
            )
        ]
    ),
    "empty_cells_everywhere": from_cells(
        lambda cells: [
            entry
            for number, cell in enumerate(cells)
            for entry in (cell, {**code_cell(""), "id": f"empty-{number}"})
        ]
    ),
    "entries_that_are_no_cells": from_cells(
        lambda cells: [*cells[:2], {}, ["cell"], "text", 3, None, *cells[2:]]
    ),
    "metadata_of_an_answer_for_all_cells": with_the_first("metadata", is_answer),
    "metadata_of_a_test_for_all_cells": with_the_first("metadata", is_test),
    "cell_id_of_an_answer_for_all_cells": from_cells(
        lambda cells: [
            {**cell, "metadata": {}, "id": next(filter(is_answer, cells))["id"]} for cell in cells
        ]
    ),
    "neither_metadata_nor_ids": in_each(
        any_cell, lambda cell: (cell.pop("id"), cell.update(metadata={}))
    ),
    "no_nbgrader_metadata": in_each(any_cell, lambda cell: cell["metadata"].pop("nbgrader", None)),
    "copies_of_the_tests_among_the_own_cells": from_cells(
        lambda cells: [*cells, *(code_cell(text(cell)) for cell in cells if is_test(cell))]
    ),
}

UNREADABLE: dict[str, Damage] = {
    "empty_file": lambda data: b"",
    "blank_file": lambda data: b" \n" * 5000,
    "python_script": lambda data: b"def initialize_parameters_zeros(layers_dims):\n    return {}\n",
    "cut_off": lambda data: data[: len(data) // 2],
    "cut_off_in_the_last_bracket": lambda data: data.rstrip()[:-1],
    "two_notebooks_in_one_file": lambda data: data + data,
    "merge_conflict": lambda data: data.replace(b' "cells"', MARKS + b' "cells"', 1),
    "utf16": lambda data: data.decode().encode("utf-16"),
    "utf16_without_a_mark": lambda data: data.decode().encode("utf-16-be"),
    "utf32": lambda data: data.decode().encode("utf-32"),
    "latin_1": lambda data: data.replace(
        b'"source": [', '"source": ["# caf\u00e9\\n", '.encode("latin-1")
    ),
    "zeros_instead_of_content": lambda data: b"\0" * len(data),
    "web_page": lambda data: b"<!DOCTYPE html>\n<html><body>Please sign in</body></html>",
    "compressed": gzip.compress,
    "pdf": lambda data: b"%PDF-1.7\n" + data,
    "a_list": lambda data: b"[" + data + b"]",
    "a_word": lambda data: b"null",
    "future_format": partial(changed, nbformat=5),
    "format_of_another_type": partial(changed, nbformat={"major": 4}),
    "no_cells": lambda data: b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}}',
    "cells_of_another_type": partial(changed, cells={"0": "cell"}),
    "nested_too_deeply": lambda data: b'{"nbformat": 4, "cells": ' + DEEP + b"}",
    "too_many_cells": lambda data: json.dumps({"nbformat": 4, "cells": [{}] * 100_000}).encode(),
    "too_long_a_cell": partial(changed, cells=[code_cell("x = 1\n" * 200_000)]),
    "too_much_metadata": partial(changed, metadata={"x": "x" * 2**24}),
    "too_many_brackets": lambda data: b'{"nbformat": 4, "outputs": [' + b"[]," * 2_100_000,
    "too_large_a_file": lambda data: data + b" " * 2**27,
}


def of_notebook(damage: Callable[[Notebook], None]) -> None:
    """Register damage that changes the notebook's JSON object in place."""
    DAMAGES[damage.__name__] = in_place(damage)


@of_notebook
def grade_ids_of_the_answers_swapped(notebook: Notebook) -> None:
    first, *_, last = answers(notebook)
    first["metadata"], last["metadata"] = last["metadata"], first["metadata"]
    first["id"], last["id"] = last["id"], first["id"]


@of_notebook
def unfinished_copies_before_and_after_the_answers(notebook: Notebook) -> None:
    cells = []
    for cell in notebook["cells"]:
        header = [line for line in text(cell).split("\n") if line.startswith("def ")]
        draft = {**cell, "source": "\n".join([*header, "    "])}
        cells += [draft, cell, {**cell, "source": ""}] if is_answer(cell) else [cell]
    notebook["cells"] = cells


@of_notebook
def answers_merged_into_the_last_one(notebook: Notebook) -> None:
    merged = answers(notebook)
    merged[-1]["source"] = "\n\n".join(text(cell) for cell in merged)
    notebook["cells"] = [
        cell for cell in notebook["cells"] if not is_answer(cell) or cell is merged[-1]
    ]


@of_notebook
def huge_outputs(notebook: Notebook) -> None:
    flood = {"output_type": "stream", "name": "stdout", "text": "é" * 4_000_000}
    lines = {"output_type": "stream", "name": "stdout", "text": ["one more line\n"] * 100_000}
    for cell in answers(notebook):
        cell["outputs"] = [flood, lines]
        flood = lines
