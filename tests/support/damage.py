"""Damaged submissions: what a notebook can suffer on its way from the student to the grader.

Each function of `DAMAGES` turns the bytes of a solved submission into bytes that must be graded
like the intact one. Each function of `UNREADABLE` makes bytes that nobody can grade.
"""

from __future__ import annotations

import gzip
import json
import random
import zlib
from collections.abc import Callable
from typing import Any

import nbformat

Notebook = dict[str, Any]
Cell = dict[str, Any]

DAMAGES: dict[str, Callable[[bytes], bytes]] = {}
UNREADABLE: dict[str, Callable[[bytes], bytes]] = {}


def of_file(damage: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """Register damage to the bytes of the file."""
    DAMAGES[damage.__name__] = damage
    return damage


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


def unreadable(damage: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """Register damage after which there is nothing to grade."""
    UNREADABLE[damage.__name__] = damage
    return damage


def settings(cell: Cell) -> dict[str, Any]:
    return cell["metadata"].get("nbgrader", {})


def is_answer(cell: Cell) -> bool:
    return settings(cell).get("solution", False)


def is_test(cell: Cell) -> bool:
    return settings(cell).get("grade", False)


def is_locked(cell: Cell) -> bool:
    return settings(cell).get("locked", False)


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


# The file


@of_file
def byte_order_mark(data: bytes) -> bytes:
    return b"\xef\xbb\xbf" + data


@of_file
def windows_line_ends_in_the_file(data: bytes) -> bytes:
    return data.replace(b"\n", b"\r\n")


@of_file
def blank_lines_around(data: bytes) -> bytes:
    return b"\n\n  " + data + b"\n\n\n"


@of_file
def minified_ascii(data: bytes) -> bytes:
    return json.dumps(json.loads(data), separators=(",", ":")).encode("ascii")


@of_file
def keys_in_reverse_order(data: bytes) -> bytes:
    notebook = json.loads(data)
    notebook["cells"] = [dict(reversed(cell.items())) for cell in notebook["cells"]]
    return json.dumps(dict(reversed(notebook.items()))).encode()


@of_file
def repeated_keys(data: bytes) -> bytes:
    return data.replace(b"{", b'{"cells": [], "nbformat": 99, ', 1)


@of_file
def line_ends_inside_of_strings(data: bytes) -> bytes:
    return data.replace(b"\\n", b"\n")


@of_file
def integer_of_ten_thousand_digits(data: bytes) -> bytes:
    return data.replace(b'"execution_count": null', b'"execution_count": ' + b"7" * 10_000)


@of_file
def format_3(data: bytes) -> bytes:
    old = nbformat.convert(nbformat.reads(data.decode(), as_version=4), 3)
    return json.dumps(old).encode()


@of_file
def outputs_nested_a_hundred_thousand_deep(data: bytes) -> bytes:
    deep = b"[" * 100_000 + b"]" * 100_000
    return data.replace(b'"outputs": []', b'"outputs": ' + deep, 1)


@of_file
def outputs_with_bytes_that_are_not_utf8(data: bytes) -> bytes:
    return data.replace(b'"outputs": []', b'"outputs": ["\xff\xfe \xe9"]')


# The notebook's own fields


@of_notebook
def no_metadata(notebook: Notebook) -> None:
    del notebook["metadata"]


@of_notebook
def metadata_of_another_type(notebook: Notebook) -> None:
    notebook["metadata"] = ["kernelspec"]


@of_notebook
def no_kernelspec(notebook: Notebook) -> None:
    notebook["metadata"] = {}


@of_notebook
def unknown_kernelspec(notebook: Notebook) -> None:
    notebook["metadata"]["kernelspec"] = {
        "display_name": "Julia 1.10",
        "language": "julia",
        "name": "julia-1.10",
    }
    notebook["metadata"]["language_info"] = {"name": "julia"}


@of_notebook
def kernelspec_of_another_type(notebook: Notebook) -> None:
    notebook["metadata"]["kernelspec"] = {"name": {"python3": 3}, "language": None}


@of_notebook
def widget_state(notebook: Notebook) -> None:
    state = {f"model-{n}": {"state": {"value": "x" * 1000}} for n in range(5000)}
    notebook["metadata"]["widgets"] = {"application/vnd.jupyter.widget-state+json": state}


@of_notebook
def no_format(notebook: Notebook) -> None:
    del notebook["nbformat"], notebook["nbformat_minor"]


@of_notebook
def format_as_text(notebook: Notebook) -> None:
    notebook["nbformat"] = "4"


@of_notebook
def unknown_minor_format(notebook: Notebook) -> None:
    notebook["nbformat_minor"] = "many"


@of_notebook
def not_a_number(notebook: Notebook) -> None:
    notebook["metadata"]["numbers"] = [float("nan"), float("inf"), -float("inf")]


@of_notebook
def entries_that_are_no_cells(notebook: Notebook) -> None:
    for entry in (None, 3, "text", ["cell"], {}):
        notebook["cells"].insert(2, entry)


# Sources and types


@of_each_cell
def sources_as_one_string(cell: Cell) -> None:
    cell["source"] = text(cell)


@of_each_cell
def sources_as_lists(cell: Cell) -> None:
    cell["source"] = [*text(cell).splitlines(keepends=True), None, 3, ["x"]]


@of_each_cell
def windows_line_ends_in_sources(cell: Cell) -> None:
    cell["source"] = text(cell).replace("\n", "\r\n")


@of_each_cell
def trailing_white_space(cell: Cell) -> None:
    cell["source"] = "\n".join(line + "  " for line in text(cell).split("\n")) + "\n\n"


@of_each_cell
def half_a_surrogate_pair_in_markdown(cell: Cell) -> None:
    if cell["cell_type"] == "markdown":
        cell["source"] = text(cell) + " \ud83d"


@of_each_cell
def answers_turned_into_markdown(cell: Cell) -> None:
    if is_answer(cell):
        cell["cell_type"] = "markdown"


@of_each_cell
def answers_turned_into_raw_cells(cell: Cell) -> None:
    if is_answer(cell):
        cell["cell_type"] = "raw"


@of_each_cell
def tests_turned_into_markdown(cell: Cell) -> None:
    if is_test(cell):
        cell["cell_type"] = "markdown"


@of_each_cell
def everything_turned_into_markdown(cell: Cell) -> None:
    cell["cell_type"] = "markdown"


@of_each_cell
def unknown_cell_types(cell: Cell) -> None:
    if cell["cell_type"] == "code":
        cell["cell_type"] = "python"


@of_each_cell
def no_cell_types(cell: Cell) -> None:
    del cell["cell_type"]


# Metadata of cells


@of_each_cell
def no_nbgrader_metadata(cell: Cell) -> None:
    cell["metadata"].pop("nbgrader", None)


@of_each_cell
def no_cell_metadata(cell: Cell) -> None:
    del cell["metadata"]


@of_each_cell
def neither_metadata_nor_ids(cell: Cell) -> None:
    cell["metadata"] = {}
    cell.pop("id", None)


@of_each_cell
def answers_without_metadata(cell: Cell) -> None:
    if is_answer(cell):
        cell["metadata"] = {}
        cell["id"] = "lost"


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


@of_notebook
def metadata_of_an_answer_for_all_cells(notebook: Notebook) -> None:
    metadata = answers(notebook)[0]["metadata"]
    for cell in notebook["cells"]:
        cell["metadata"] = metadata


@of_notebook
def metadata_of_a_test_for_all_cells(notebook: Notebook) -> None:
    metadata = next(cell["metadata"] for cell in notebook["cells"] if is_test(cell))
    for cell in notebook["cells"]:
        cell["metadata"] = metadata


@of_each_cell
def points_changed(cell: Cell) -> None:
    if is_test(cell):
        settings(cell)["points"] = 1000


@of_each_cell
def points_as_text(cell: Cell) -> None:
    if is_test(cell):
        settings(cell)["points"] = "ten"


@of_each_cell
def roles_inverted(cell: Cell) -> None:
    for key in ("grade", "solution", "locked"):
        if key in settings(cell):
            settings(cell)[key] = not settings(cell)[key]


@of_each_cell
def newer_nbgrader_schema(cell: Cell) -> None:
    if settings(cell):
        settings(cell).update(schema_version=99, unknown={"key": "value"}, checksum=None)


@of_each_cell
def attachments(cell: Cell) -> None:
    cell["attachments"] = {"picture.png": {"image/png": "A" * 100_000}}


# Cell ids


@of_each_cell
def no_cell_ids(cell: Cell) -> None:
    cell.pop("id", None)


@of_each_cell
def equal_cell_ids(cell: Cell) -> None:
    cell["id"] = "cell"


@of_notebook
def cell_id_of_an_answer_for_all_cells(notebook: Notebook) -> None:
    first = answers(notebook)[0]["id"]
    for cell in notebook["cells"]:
        cell["id"] = first
        cell["metadata"] = {}


@of_each_cell
def illegal_cell_ids(cell: Cell) -> None:
    cell["id"] = "no id? " * 20


@of_each_cell
def cell_ids_as_numbers(cell: Cell) -> None:
    cell["id"] = 7


# Missing, repeated, edited and moved cells


@of_notebook
def tests_deleted(notebook: Notebook) -> None:
    notebook["cells"] = [cell for cell in notebook["cells"] if not is_test(cell)]


@of_notebook
def only_the_answers_left(notebook: Notebook) -> None:
    notebook["cells"] = answers(notebook)


@of_notebook
def markdown_deleted(notebook: Notebook) -> None:
    notebook["cells"] = [cell for cell in notebook["cells"] if cell["cell_type"] != "markdown"]


@of_each_cell
def tests_made_to_fail(cell: Cell) -> None:
    if is_test(cell):
        cell["source"] = "raise AssertionError('edited')"


@of_each_cell
def locked_cells_emptied(cell: Cell) -> None:
    if is_locked(cell):
        cell["source"] = []


@of_notebook
def reversed_order(notebook: Notebook) -> None:
    notebook["cells"].reverse()


@of_notebook
def shuffled(notebook: Notebook) -> None:
    random.Random(5).shuffle(notebook["cells"])


@of_notebook
def answers_at_the_end(notebook: Notebook) -> None:
    notebook["cells"].sort(key=is_answer)


@of_notebook
def tests_at_the_beginning(notebook: Notebook) -> None:
    notebook["cells"].sort(key=lambda cell: not is_test(cell))


@of_notebook
def every_cell_twice(notebook: Notebook) -> None:
    notebook["cells"] = [copy for cell in notebook["cells"] for copy in (cell, cell)]


@of_notebook
def the_whole_notebook_twice(notebook: Notebook) -> None:
    notebook["cells"] *= 2


@of_notebook
def unfinished_copies_before_and_after_the_answers(notebook: Notebook) -> None:
    cells = []
    for cell in notebook["cells"]:
        header = [line for line in text(cell).split("\n") if line.startswith("def ")]
        draft = {**cell, "source": "\n".join([*header, "    "])}
        cells += [draft, cell, {**cell, "source": ""}] if is_answer(cell) else [cell]
    notebook["cells"] = cells


@of_notebook
def answers_pasted_into_new_cells(notebook: Notebook) -> None:
    notebook["cells"] = [
        code_cell(text(cell)) if is_answer(cell) else cell for cell in notebook["cells"]
    ]


@of_notebook
def answers_written_below_their_emptied_cells(notebook: Notebook) -> None:
    cells = []
    for cell in notebook["cells"]:
        cells += [{**cell, "source": ""}, code_cell(text(cell))] if is_answer(cell) else [cell]
    notebook["cells"] = cells


@of_notebook
def answers_merged_into_the_last_one(notebook: Notebook) -> None:
    merged = answers(notebook)
    merged[-1]["source"] = "\n\n".join(text(cell) for cell in merged)
    notebook["cells"] = [
        cell for cell in notebook["cells"] if not is_answer(cell) or cell is merged[-1]
    ]


@of_notebook
def empty_cells_everywhere(notebook: Notebook) -> None:
    notebook["cells"] = [
        entry
        for number, cell in enumerate(notebook["cells"])
        for entry in (cell, {**code_cell(""), "id": f"empty-{number}"})
    ]


@of_notebook
def copies_of_the_tests_among_the_own_cells(notebook: Notebook) -> None:
    copies = [code_cell(text(cell)) for cell in notebook["cells"] if is_test(cell)]
    notebook["cells"] += copies


# Outputs


@of_notebook
def huge_outputs(notebook: Notebook) -> None:
    flood = {"output_type": "stream", "name": "stdout", "text": "é" * 4_000_000}
    lines = {"output_type": "stream", "name": "stdout", "text": ["one more line\n"] * 100_000}
    for cell in answers(notebook):
        cell["outputs"] = [flood, lines]
        flood = lines


@of_each_cell
def malformed_outputs(cell: Cell) -> None:
    if cell["cell_type"] == "code":
        cell["outputs"] = {"output_type": float("nan"), "data": [{"]": '"outputs": ['}]}
        cell["execution_count"] = ["In"]


@of_each_cell
def no_outputs(cell: Cell) -> None:
    cell.pop("outputs", None)
    cell.pop("execution_count", None)


@of_each_cell
def outputs_on_markdown(cell: Cell) -> None:
    cell["outputs"] = "<script>"


# What cannot be read


@unreadable
def empty_file(data: bytes) -> bytes:
    return b""


@unreadable
def blank_file(data: bytes) -> bytes:
    return b" \n" * 5000


@unreadable
def python_script(data: bytes) -> bytes:
    return b"def initialize_parameters_zeros(layers_dims):\n    return {}\n"


@unreadable
def cut_off(data: bytes) -> bytes:
    return data[: len(data) // 2]


@unreadable
def cut_off_in_the_last_bracket(data: bytes) -> bytes:
    return data.rstrip()[:-1]


@unreadable
def two_notebooks_in_one_file(data: bytes) -> bytes:
    return data + data


@unreadable
def merge_conflict(data: bytes) -> bytes:
    return data.replace(b' "cells"', b"<<<<<<< HEAD\n=======\n>>>>>>> mine\n" + b' "cells"', 1)


@unreadable
def utf16(data: bytes) -> bytes:
    return data.decode().encode("utf-16")


@unreadable
def utf16_without_a_mark(data: bytes) -> bytes:
    return data.decode().encode("utf-16-be")


@unreadable
def utf32(data: bytes) -> bytes:
    return data.decode().encode("utf-32")


@unreadable
def latin_1(data: bytes) -> bytes:
    return data.replace(b'"source": [', '"source": ["# caf\u00e9\\n", '.encode("latin-1"))


@unreadable
def zeros_instead_of_content(data: bytes) -> bytes:
    return b"\0" * len(data)


@unreadable
def web_page(data: bytes) -> bytes:
    return b"<!DOCTYPE html>\n<html><body>Please sign in</body></html>"


@unreadable
def compressed(data: bytes) -> bytes:
    return gzip.compress(data)


@unreadable
def pdf(data: bytes) -> bytes:
    return b"%PDF-1.7\n" + data


@unreadable
def a_list(data: bytes) -> bytes:
    return b"[" + data + b"]"


@unreadable
def a_word(data: bytes) -> bytes:
    return b"null"


@unreadable
def future_format(data: bytes) -> bytes:
    return json.dumps({**json.loads(data), "nbformat": 5}).encode()


@unreadable
def format_of_another_type(data: bytes) -> bytes:
    return json.dumps({**json.loads(data), "nbformat": {"major": 4}}).encode()


@unreadable
def no_cells(data: bytes) -> bytes:
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}}).encode()


@unreadable
def cells_of_another_type(data: bytes) -> bytes:
    return json.dumps({**json.loads(data), "cells": {"0": "cell"}}).encode()


@unreadable
def nested_too_deeply(data: bytes) -> bytes:
    return b'{"nbformat": 4, "cells": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"


@unreadable
def too_many_cells(data: bytes) -> bytes:
    return json.dumps({"nbformat": 4, "cells": [{}] * 100_000}).encode()


@unreadable
def too_long_a_cell(data: bytes) -> bytes:
    return json.dumps({"nbformat": 4, "cells": [code_cell("x = 1\n" * 200_000)]}).encode()


@unreadable
def too_much_metadata(data: bytes) -> bytes:
    return json.dumps({**json.loads(data), "metadata": {"x": "x" * 2**24}}).encode()


@unreadable
def too_many_brackets(data: bytes) -> bytes:
    return b'{"nbformat": 4, "outputs": [' + b"[]," * 2_100_000


@unreadable
def too_large_a_file(data: bytes) -> bytes:
    return data + b" " * 2**26
