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

Notebook = dict[str, Any]
Cell = dict[str, Any]


def settings(cell: Cell) -> dict[str, Any]:
    return cell["metadata"].get("nbgrader", {})


def is_answer(cell: Cell) -> bool:
    return settings(cell).get("solution", False)


def is_test(cell: Cell) -> bool:
    return settings(cell).get("grade", False)


def is_locked(cell: Cell) -> bool:
    return settings(cell).get("locked", False)


def is_code(cell: Cell) -> bool:
    return cell["cell_type"] == "code"


def any_cell(cell: Cell) -> bool:
    return True


def answers(notebook: Notebook) -> list[Cell]:
    return [cell for cell in notebook["cells"] if is_answer(cell)]


def code_cell(source: str, **metadata: Any) -> Cell:
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": f"new-{zlib.crc32(source.encode())}",
        "metadata": metadata,
        "outputs": [],
        "source": source,
    }


def text(cell: Cell) -> str:
    return "".join(cell["source"])


def changed(data: bytes, **fields: Any) -> bytes:
    """A notebook with other fields."""
    return json.dumps({**json.loads(data), **fields}, indent=1).encode()


def reversed_keys(data: bytes) -> bytes:
    notebook = json.loads(data)
    notebook["cells"] = [dict(reversed(cell.items())) for cell in notebook["cells"]]
    return json.dumps(dict(reversed(notebook.items()))).encode()


def in_format_3(data: bytes) -> bytes:
    return json.dumps(nbformat.convert(nbformat.reads(data.decode(), as_version=4), 3)).encode()


DEEP = b"[" * 100_000 + b"]" * 100_000
MARKS = b"<<<<<<< HEAD\n=======\n>>>>>>> mine\n"

# The file
DAMAGES: dict[str, Callable[[bytes], bytes]] = {
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
}

UNREADABLE: dict[str, Callable[[bytes], bytes]] = {
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


def of_notebook(damage: Callable[[Notebook], None]) -> Callable[[Notebook], None]:
    """Register damage that changes the notebook's JSON object in place."""

    def damaged(data: bytes) -> bytes:
        notebook = json.loads(data)
        damage(notebook)
        return json.dumps(notebook, indent=1).encode()

    DAMAGES[damage.__name__] = damaged
    return damage


def of_each_cell(damage: Callable[[Cell], None]) -> Callable[[Cell], None]:
    """Register damage that changes every cell in place."""

    def damaged(notebook: Notebook) -> None:
        for cell in notebook["cells"]:
            damage(cell)

    damaged.__name__ = damage.__name__
    of_notebook(damaged)
    return damage


# Fields of the notebook, and what stands in them
NOTEBOOK_FIELDS = {
    "no_kernelspec": {"metadata": {}},
    "metadata_of_another_type": {"metadata": ["kernelspec"]},
    "unknown_kernelspec": {
        "metadata": {
            "kernelspec": {
                "display_name": "Julia 1.10",
                "language": "julia",
                "name": "julia-1.10",
            },
            "language_info": {"name": "julia"},
        }
    },
    "format_as_text": {"nbformat": "4"},
    "unknown_minor_format": {"nbformat_minor": "many"},
}
for _name, _fields in NOTEBOOK_FIELDS.items():
    DAMAGES[_name] = partial(changed, **_fields)

# Fields of cells: which cells, and what stands in them
CELL_FIELDS = {
    "answers_turned_into_markdown": (is_answer, {"cell_type": "markdown"}),
    "answers_turned_into_raw_cells": (is_answer, {"cell_type": "raw"}),
    "tests_turned_into_markdown": (is_test, {"cell_type": "markdown"}),
    "everything_turned_into_markdown": (any_cell, {"cell_type": "markdown"}),
    "unknown_cell_types": (is_code, {"cell_type": "python"}),
    "answers_without_metadata": (is_answer, {"metadata": {}, "id": "lost"}),
    "attachments": (any_cell, {"attachments": {"picture.png": {"image/png": "A" * 100_000}}}),
    "equal_cell_ids": (any_cell, {"id": "cell"}),
    "illegal_cell_ids": (any_cell, {"id": "no id? " * 20}),
    "cell_ids_as_numbers": (any_cell, {"id": 7}),
    "tests_made_to_fail": (is_test, {"source": "raise AssertionError('edited')"}),
    "locked_cells_emptied": (is_locked, {"source": []}),
    "malformed_outputs": (
        is_code,
        {
            "outputs": {"output_type": float("nan"), "data": [{"]": '"outputs": ['}]},
            "execution_count": ["In"],
        },
    ),
    "outputs_on_markdown": (any_cell, {"outputs": "<script>"}),
}
# Fields of nbgrader's metadata, likewise
SETTINGS = {
    "points_changed": (is_test, {"points": 1000}),
    "points_as_text": (is_test, {"points": "ten"}),
    "newer_nbgrader_schema": (
        settings,
        {"schema_version": 99, "unknown": {"key": "value"}, "checksum": None},
    ),
}
# Fields that no cell has any more
LOST_FIELDS = {
    "no_cell_types": ["cell_type"],
    "no_cell_metadata": ["metadata"],
    "no_cell_ids": ["id"],
    "no_outputs": ["outputs", "execution_count"],
}


# The source of each cell
SOURCES = {
    "sources_as_one_string": text,
    "sources_as_lists": lambda cell: [*text(cell).splitlines(keepends=True), None, 3, ["x"]],
    "windows_line_ends_in_sources": lambda cell: text(cell).replace("\n", "\r\n"),
    "trailing_white_space": lambda cell: text(cell).replace("\n", "  \n") + "  \n\n",
    "half_a_surrogate_pair_in_markdown": lambda cell: (
        text(cell) + (" \ud83d" if cell["cell_type"] == "markdown" else "")
    ),
}
# All cells: missing, repeated, moved
CELLS = {
    "tests_deleted": lambda cells: [cell for cell in cells if not is_test(cell)],
    "only_the_answers_left": lambda cells: [cell for cell in cells if is_answer(cell)],
    "markdown_deleted": lambda cells: [cell for cell in cells if cell["cell_type"] != "markdown"],
    "reversed_order": lambda cells: cells[::-1],
    "shuffled": lambda cells: random.Random(5).sample(cells, len(cells)),
    "answers_at_the_end": lambda cells: sorted(cells, key=is_answer),
    "tests_at_the_beginning": lambda cells: sorted(cells, key=lambda cell: not is_test(cell)),
    "every_cell_twice": lambda cells: [copy for cell in cells for copy in (cell, cell)],
    "the_whole_notebook_twice": lambda cells: cells * 2,
    "answers_pasted_into_new_cells": lambda cells: [
        code_cell(text(cell)) if is_answer(cell) else cell for cell in cells
    ],
    "answers_written_below_their_emptied_cells": lambda cells: [
        entry
        for cell in cells
        for entry in (
            [{**cell, "source": ""}, code_cell(text(cell))] if is_answer(cell) else [cell]
        )
    ],
    "empty_cells_everywhere": lambda cells: [
        entry
        for number, cell in enumerate(cells)
        for entry in (cell, {**code_cell(""), "id": f"empty-{number}"})
    ],
    "entries_that_are_no_cells": lambda cells: [
        *(*cells[:2], {}, ["cell"], "text", 3, None),
        *cells[2:],
    ],
    "metadata_of_an_answer_for_all_cells": lambda cells: [
        {**cell, "metadata": next(filter(is_answer, cells))["metadata"]} for cell in cells
    ],
    "metadata_of_a_test_for_all_cells": lambda cells: [
        {**cell, "metadata": next(filter(is_test, cells))["metadata"]} for cell in cells
    ],
    "cell_id_of_an_answer_for_all_cells": lambda cells: [
        {**cell, "metadata": {}, "id": next(filter(is_answer, cells))["id"]} for cell in cells
    ],
    "neither_metadata_nor_ids": lambda cells: [
        {**{key: cell[key] for key in cell if key != "id"}, "metadata": {}} for cell in cells
    ],
    "no_nbgrader_metadata": lambda cells: [
        {**cell, "metadata": {k: v for k, v in cell["metadata"].items() if k != "nbgrader"}}
        for cell in cells
    ],
    "copies_of_the_tests_among_the_own_cells": lambda cells: [
        *cells,
        *(code_cell(text(cell)) for cell in cells if is_test(cell)),
    ],
}


def _of_sources(data: bytes, source: Callable) -> bytes:
    notebook = json.loads(data)
    for cell in notebook["cells"]:
        cell["source"] = source(cell)
    return json.dumps(notebook, indent=1).encode()


def _of_cells(data: bytes, cells: Callable) -> bytes:
    return changed(data, cells=cells(json.loads(data)["cells"]))


def _of_fields(data: bytes, which: Callable, fields: dict, inside: Callable = dict.update) -> bytes:
    notebook = json.loads(data)
    for cell in filter(which, notebook["cells"]):
        inside(cell, fields)
    return json.dumps(notebook, indent=1).encode()


def _update_settings(cell: Cell, fields: dict) -> None:
    settings(cell).update(fields)


def _lose(cell: Cell, fields: list[str]) -> None:
    for field in fields:
        cell.pop(field, None)


for _name, (_which, _fields) in CELL_FIELDS.items():
    DAMAGES[_name] = partial(_of_fields, which=_which, fields=_fields)
for _name, (_which, _fields) in SETTINGS.items():
    DAMAGES[_name] = partial(_of_fields, which=_which, fields=_fields, inside=_update_settings)
for _name, _fields in LOST_FIELDS.items():
    DAMAGES[_name] = partial(_of_fields, which=any_cell, fields=_fields, inside=_lose)
for _name, _source in SOURCES.items():
    DAMAGES[_name] = partial(_of_sources, source=_source)
for _name, _cells in CELLS.items():
    DAMAGES[_name] = partial(_of_cells, cells=_cells)


# The notebook's own fields


@of_notebook
def no_metadata(notebook: Notebook) -> None:
    del notebook["metadata"]


@of_notebook
def kernelspec_of_another_type(notebook: Notebook) -> None:
    notebook["metadata"]["kernelspec"] = {"name": {"python3": 3}, "language": None}


@of_notebook
def not_a_number(notebook: Notebook) -> None:
    notebook["metadata"]["numbers"] = [float("nan"), float("inf"), -float("inf")]


@of_notebook
def widget_state(notebook: Notebook) -> None:
    state = {f"model-{n}": {"state": {"value": "x" * 1000}} for n in range(5000)}
    notebook["metadata"]["widgets"] = {"application/vnd.jupyter.widget-state+json": state}


@of_notebook
def no_format(notebook: Notebook) -> None:
    del notebook["nbformat"], notebook["nbformat_minor"]


# Metadata of cells


@of_each_cell
def nbgrader_metadata_of_another_type(cell: Cell) -> None:
    if "nbgrader" in cell["metadata"]:
        cell["metadata"]["nbgrader"] = [cell["metadata"]["nbgrader"]]


@of_each_cell
def nbgrader_values_of_another_type(cell: Cell) -> None:
    for key in settings(cell):
        cell["metadata"]["nbgrader"][key] = [{"value": key}]


@of_each_cell
def grade_ids_of_another_assignment(cell: Cell) -> None:
    if "nbgrader" in cell["metadata"]:
        settings(cell)["grade_id"] = "cell-" + settings(cell)["grade_id"][::-1]


@of_notebook
def grade_ids_of_the_answers_swapped(notebook: Notebook) -> None:
    first, *_, last = answers(notebook)
    first["metadata"], last["metadata"] = last["metadata"], first["metadata"]
    first["id"], last["id"] = last["id"], first["id"]


@of_each_cell
def roles_inverted(cell: Cell) -> None:
    for key in ("grade", "solution", "locked"):
        if key in settings(cell):
            settings(cell)[key] = not settings(cell)[key]


# Missing, repeated, edited and moved cells


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


# Outputs


@of_notebook
def huge_outputs(notebook: Notebook) -> None:
    flood = {"output_type": "stream", "name": "stdout", "text": "é" * 4_000_000}
    lines = {"output_type": "stream", "name": "stdout", "text": ["one more line\n"] * 100_000}
    for cell in answers(notebook):
        cell["outputs"] = [flood, lines]
        flood = lines
