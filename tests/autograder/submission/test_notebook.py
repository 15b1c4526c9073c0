"""Intake: every damaged submission is graded like the intact one, or called unreadable."""

import html
import json
import os
import pickle
import subprocess
import sys
import tracemalloc
from dataclasses import FrozenInstanceError, replace

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbconvert.filters import markdown2html
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbgrader.utils import compute_checksum

from autograder import assignment as assignment_module
from autograder.assignment import Assignment, AssignmentError, Role, grade_id, role
from autograder.submission.notebook import Unreadable, read_submission
from autograder.submission.rebuild import MERGED_ANSWER, MISSING_ANSWER, rebuild
from tests.support.damage import DAMAGES, UNREADABLE, answers, code_cell

SOLUTIONS = {
    "total": "return sum(values)",
    "average": "return total(values) / len(values)",
    "spread": "return max(values) - min(values)",
}
EXPECTED = {"total": 9, "average": 3.0, "spread": 4}

# Damage that changes nothing that a grader has to know about.
SILENT = {
    "byte_order_mark",
    "format_3",
    "no_format",
    "no_cell_ids",
    "equal_cell_ids",
    "illegal_cell_ids",
    "cell_ids_as_numbers",
    "windows_line_ends_in_the_file",
    "blank_lines_around",
    "minified_ascii",
    "keys_in_reverse_order",
    "repeated_keys",
    "line_ends_inside_of_strings",
    "integer_of_ten_thousand_digits",
    "outputs_nested_a_hundred_thousand_deep",
    "outputs_with_bytes_that_are_not_utf8",
    "widget_state",
    "format_as_text",
    "unknown_minor_format",
    "not_a_number",
    "sources_as_one_string",
    "sources_as_lists",
    "windows_line_ends_in_sources",
    "trailing_white_space",
    "newer_nbgrader_schema",
    "attachments",
    "empty_cells_everywhere",
    "copies_of_the_tests_among_the_own_cells",
    "huge_outputs",
    "malformed_outputs",
    "no_outputs",
    "outputs_on_markdown",
}


def said(rebuilt):
    """The repairs in words."""
    return [str(repair) for repair in rebuilt.repairs]


def nbgrader(grade_id, **values):
    defaults = {"grade": False, "solution": False, "locked": False, "schema_version": 3}
    return {"nbgrader": {**defaults, "grade_id": grade_id, "task": False, **values}}


def instructors_notebook():
    """A small notebook with every kind of cell."""
    locked = nbgrader("packages", locked=True)
    cells = [
        new_markdown_cell("# Three functions\n\nFill them in.", id="opening"),
        new_code_cell("import math", id="packages", metadata=locked),
    ]
    for name, solution in SOLUTIONS.items():
        cells += [
            new_markdown_cell(f"## {name.title()}", id=f"{name}-intro"),
            new_code_cell(
                f"def {name}(values):\n"
                f"    ### BEGIN SOLUTION\n    {solution}\n    ### END SOLUTION",
                id=name,
                metadata=nbgrader(name, solution=True),
            ),
            new_code_cell(
                f"assert callable({name})\n### BEGIN HIDDEN TESTS\n"
                f"assert {name}([1, 3, 5]) == {EXPECTED[name]}\n### END HIDDEN TESTS",
                id=f"test-{name}",
                metadata=nbgrader(f"test-{name}", grade=True, locked=True, points=10),
            ),
        ]
    demonstration = {"tags": ["demonstration"], **nbgrader("plot", locked=True)}
    playground = {"tags": ["demonstration", "playground"]}
    cells += [
        new_code_cell("print(total([1, 2]))", id="plot", metadata=demonstration),
        new_code_cell("total([])", id="try", metadata=playground),
    ]
    kernelspec = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernelspec})


def to_bytes(notebook):
    return nbformat.writes(notebook).encode()


def edited(data, change):
    notebook = json.loads(data)
    change(notebook)
    return json.dumps(notebook).encode()


def with_id(notebook, cell_id):
    return next(cell for cell in notebook["cells"] if cell["id"] == cell_id)


STUB = "# YOUR CODE HERE"  # nbgrader's own


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course folder with one assignment, released by nbgrader itself."""
    course = tmp_path_factory.mktemp("course")
    source = course / "source" / "Small"
    source.mkdir(parents=True)
    (source / "Small.ipynb").write_bytes(to_bytes(instructors_notebook()))
    (course / "helpers.py").write_text("ANSWER = 42\n")
    (source / "helpers.py").symlink_to("../../helpers.py")
    (course / "nbgrader_config.py").write_text("c = get_config()\n")
    # nbgrader starts alembic, which lies beside this Python, by its name alone.
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", "")])
    subprocess.run(
        [sys.executable, "-m", "nbgrader", "generate_assignment", "Small"],
        cwd=course,
        env={**os.environ, "PATH": path},
        check=True,
        capture_output=True,
    )
    return course


@pytest.fixture(scope="module")
def assignment(course):
    return Assignment.from_directory(course / "source" / "Small")


@pytest.fixture(scope="module")
def released(course):
    return (course / "release" / "Small" / "Small.ipynb").read_bytes()


@pytest.fixture(scope="module")
def solved(released):
    """The released notebook with the answers filled in and one cell of the student's own."""
    notebook = json.loads(released)
    for cell in answers(notebook):
        source = "".join(cell["source"])
        cell["source"] = source.replace(
            "raise NotImplementedError()", SOLUTIONS[cell["metadata"]["nbgrader"]["grade_id"]]
        ).splitlines(keepends=True)
    place = notebook["cells"].index(with_id(notebook, "average"))
    notebook["cells"].insert(place, {**code_cell("mine = 1"), "id": "mine"})
    return json.dumps(notebook, indent=1).encode()


def points(assignment, notebook, source_of_test):
    """Grade like the real thing, but in this process, which only a test may do."""
    namespace, earned = {}, {}
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        test = cell.metadata.get("nbgrader", {}).get("grade", False)
        try:
            exec(source_of_test(cell) if test else cell.source, namespace)
        except Exception:
            pass
        else:
            if test:
                earned[grade_id(cell)] = 10
    return earned


def graded(assignment, data):
    rebuilt = rebuild(assignment, read_submission(data))
    earned = points(
        assignment, rebuilt.notebook, lambda cell: assignment.test_source(grade_id(cell))
    )
    return earned, rebuilt


FULL_MARKS = {"test-total": 10, "test-average": 10, "test-spread": 10}


# Honest submissions


def test_the_untouched_release_needs_no_repair_and_earns_nothing(assignment, released):
    earned, rebuilt = graded(assignment, released)
    assert rebuilt.repairs == []
    assert earned == {}


def test_the_solved_release_needs_no_repair_and_earns_everything(assignment, solved):
    earned, rebuilt = graded(assignment, solved)
    assert rebuilt.repairs == []
    assert earned == FULL_MARKS


def test_a_notebook_saved_by_jupyterlab_needs_no_repair(assignment, solved):
    def save(notebook):
        notebook["metadata"]["language_info"] = {"name": "python", "version": "3.13.1"}
        notebook["metadata"]["toc-autonumbering"] = True
        for number, cell in enumerate(notebook["cells"]):
            cell["source"] = "".join(cell["source"]).rstrip("\n")
            if cell["cell_type"] == "code":
                cell["execution_count"] = number
                cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "hello"}]
                cell["metadata"] |= {"scrolled": True, "jupyter": {"outputs_hidden": True}}
                cell["metadata"]["execution"] = {"iopub.status.busy": "2025-01-01T10:00:00Z"}
            else:
                cell["metadata"]["jp-MarkdownHeadingCollapsed"] = True

    assert rebuild(assignment, read_submission(edited(solved, save))).repairs == []


def test_reading_keeps_what_the_check_of_the_rules_needs(solved):
    cells = read_submission(solved).cells
    originals = json.loads(solved)["cells"]
    for cell, original in zip(cells, originals, strict=True):
        assert cell.metadata.tags == original["metadata"].get("tags", [])
        checksum = original["metadata"].get("nbgrader", {}).get("checksum")
        assert cell.metadata.nbgrader.get("checksum") == checksum


def test_a_changed_or_deleted_playground_needs_no_repair(assignment, solved):
    def play(notebook):
        with_id(notebook, "try")["source"] = "total([7])"

    rebuilt = rebuild(assignment, read_submission(edited(solved, play)))
    assert rebuilt.repairs == []
    assert with_id(rebuilt.notebook, "try").source == "total([7])"

    def delete(notebook):
        notebook["cells"].remove(with_id(notebook, "try"))

    assert rebuild(assignment, read_submission(edited(solved, delete))).repairs == []


def test_our_released_form_is_that_of_nbgrader(assignment, released):
    theirs = nbformat.reads(released.decode(), as_version=4)
    for ours, cell in zip(assignment.released_cells(), theirs.cells, strict=True):
        assert (ours.id, ours.cell_type, ours.source) == (cell.id, cell.cell_type, cell.source)
        assert ours.metadata.get("nbgrader") == cell.metadata.get("nbgrader")
        assert ours.metadata.get("tags") == cell.metadata.get("tags")


def test_nbgrader_can_tell_untouched_answers_by_their_checksum(assignment, released, solved):
    def untouched(data):
        cells = rebuild(assignment, read_submission(data)).notebook.cells
        return [
            cell.metadata.nbgrader.checksum == compute_checksum(cell)
            for cell in cells
            if cell.metadata.autograder.role == Role.ANSWER
        ]

    assert untouched(released) == [True, True, True]
    assert untouched(solved) == [False, False, False]


def test_a_typical_solution_is_a_valid_notebook_with_a_role_for_each_cell(assignment, solved):
    notebook = rebuild(assignment, read_submission(solved)).notebook
    nbformat.validate(notebook)
    roles = [cell.metadata.autograder.role for cell in notebook.cells]
    exercise = ["given", "answer", "test"]
    assert roles == [
        *("given", "given", *exercise, "given", "student", "answer", "test", *exercise),
        *("demonstration", "playground"),
    ]


# Damaged submissions


def test_there_are_at_least_25_kinds_of_damage_of_either_sort():
    assert len(DAMAGES) >= 25
    assert len(UNREADABLE) >= 25
    assert set(DAMAGES) >= SILENT


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_submission_is_graded_like_the_intact_one(damage, assignment, solved):
    damaged = DAMAGES[damage](solved)
    assert damaged != solved
    earned, rebuilt = graded(assignment, damaged)

    assert earned == FULL_MARKS
    assert bool(rebuilt.repairs) == (damage not in SILENT), rebuilt.repairs
    assert all(sentence.endswith(".") for sentence in said(rebuilt))
    assert_built_from_ours(assignment, rebuilt.notebook)

    intact = rebuild(assignment, read_submission(solved)).notebook
    if damage != "answers_merged_into_the_last_one":
        assert [bare(cell) for cell in answer_cells(rebuilt.notebook)] == [
            bare(cell) for cell in answer_cells(intact)
        ]


def answer_cells(notebook):
    return [cell for cell in notebook.cells if cell.metadata.autograder.role == Role.ANSWER]


def bare(cell):
    return {**cell, "source": "\n".join(map(str.rstrip, cell.source.strip().split("\n")))}


def is_students(cell):
    return cell.id.startswith("student-")


def assert_built_from_ours(assignment, notebook):
    """Our cells in our order, the given ones as released; nothing of ours on the student's."""
    nbformat.validate(notebook)
    assert notebook.metadata == assignment.metadata
    ours = [cell for cell in notebook.cells if not is_students(cell)]
    for cell, released in zip(ours, assignment.released_cells(), strict=True):
        assert cell.metadata == released.metadata
        assert (cell.id, cell.cell_type) == (released.id, released.cell_type)
        if cell.metadata.autograder.role not in (Role.ANSWER, Role.PLAYGROUND):
            assert cell.source == released.source
    for number, cell in enumerate(filter(is_students, notebook.cells), start=1):
        assert cell.id == f"student-{number}"
        assert cell.metadata.keys() == {"autograder"}
        assert cell.metadata.autograder.role in (Role.STUDENT, Role.DEMONSTRATION)
        assert "attachments" not in cell


def test_without_intake_many_kinds_of_damage_cost_points(assignment, solved):
    def naive(data):
        try:
            notebook = nbformat.reads(data.decode(), as_version=4)
            return points(assignment, notebook, lambda cell: cell.source)
        except Exception:
            return {}

    assert naive(solved) == FULL_MARKS
    cheap = [name for name in DAMAGES if name != "huge_outputs"]
    assert sum(naive(DAMAGES[name](solved)) != FULL_MARKS for name in cheap) >= 20


@pytest.mark.parametrize("damage", UNREADABLE)
def test_what_cannot_be_graded_is_unreadable_for_a_stated_reason(damage, solved):
    with pytest.raises(Unreadable) as error:
        read_submission(UNREADABLE[damage](solved))
    assert str(error.value).endswith(".")
    assert 10 < len(str(error.value)) < 200


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ("empty_file", "The file is empty."),
        ("utf16", "The file is encoded as UTF-16 or UTF-32; a notebook must be UTF-8."),
        ("web_page", "The file is a web page (HTML or XML), not a notebook."),
        ("future_format", "The notebook has format 5; only nbformat 4 and 3 can be read."),
        ("no_cells", "The notebook has no list of cells."),
        ("too_many_cells", "The notebook has 100000 cells; at most 2000 are read."),
        ("nested_too_deeply", "The file is nested too deeply to be a notebook."),
    ],
)
def test_the_reason_names_what_is_wrong(damage, reason, solved):
    with pytest.raises(Unreadable, match="^" + reason.replace("(", r"\(").replace(")", r"\)")):
        read_submission(UNREADABLE[damage](solved))


@pytest.mark.parametrize(
    ("damage", "repair"),
    [
        (
            "tests_deleted",
            "3 cells had been deleted, or changed where students should not write; our "
            "version was used: "
            "test-total, test-average, test-spread.",
        ),
        (
            "tests_made_to_fail",
            "3 cells had been deleted, or changed where students should not write; our "
            "version was used: "
            "test-total, test-average, test-spread.",
        ),
        (
            "answers_turned_into_markdown",
            "3 cells had been deleted, or changed where students should not write; our "
            "version was used: "
            "total, average, spread.",
        ),
        ("tests_at_the_beginning", "Cells were in another order; ours was used."),
        (
            "unknown_kernelspec",
            "The notebook asked for kernel 'julia-1.10' and language 'julia'; python3 was used.",
        ),
        (
            "points_changed",
            "3 cells had been deleted, or changed where students should not write; our "
            "version was used: "
            "test-total, test-average, test-spread.",
        ),
    ],
)
def test_one_sentence_names_one_kind_of_repair(damage, repair, assignment, solved):
    assert said(rebuild(assignment, read_submission(DAMAGES[damage](solved)))) == [repair]


# Which cell is the answer


def test_answers_in_the_cell_of_another_one_are_not_called_missing(assignment, solved):
    damaged = DAMAGES["answers_merged_into_the_last_one"](solved)
    rebuilt = rebuild(assignment, read_submission(damaged))
    assert said(rebuilt) == [
        "1 cell had been deleted, or changed where students should not write; our "
        "version was used: total.",
        "2 answers stood in the cell of another answer: average, spread.",
        "Cells were in another order; ours was used.",
    ]
    assert with_id(rebuilt.notebook, "spread").source == MERGED_ANSWER


def test_a_missing_answer_leaves_a_comment_and_costs_only_its_own_points(assignment, solved):
    def delete(notebook):
        notebook["cells"].remove(with_id(notebook, "spread"))

    earned, rebuilt = graded(assignment, edited(solved, delete))
    assert earned == {"test-total": 10, "test-average": 10}
    assert with_id(rebuilt.notebook, "spread").source == MISSING_ANSWER
    assert said(rebuilt) == ["1 answer could not be found: spread."]


def test_a_notebook_without_cells_gives_one_without_answers(assignment):
    notebook = rebuild(assignment, NotebookNode(cells=[], metadata=NotebookNode())).notebook
    assert_built_from_ours(assignment, notebook)
    assert {cell.source for cell in answer_cells(notebook)} == {MISSING_ANSWER}


def test_the_last_copy_that_was_worked_on_is_the_answer(assignment, solved, released):
    stub = with_id(json.loads(released), "total")

    def copies(notebook):
        cell = with_id(notebook, "total")
        place = notebook["cells"].index(cell)
        worse = {**cell, "id": "worse", "source": "def total(values):\n    return 0"}
        first, last = {**stub, "id": "first"}, {**stub, "id": "last"}
        notebook["cells"][place : place + 1] = [first, worse, cell, last]

    _, rebuilt = graded(assignment, edited(solved, copies))
    assert "return sum(values)" in with_id(rebuilt.notebook, "total").source
    assert said(rebuilt) == [
        "1 cell existed more than once; the copies ran as the student's own cells: total."
    ]


def test_a_function_with_a_wrong_name_stays_in_its_place(assignment, solved):
    def rename(notebook):
        with_id(notebook, "spread")["source"] = "def range_of(values):\n    return 4"

    earned, rebuilt = graded(assignment, edited(solved, rename))
    assert with_id(rebuilt.notebook, "spread").source.startswith("def range_of")
    assert rebuilt.repairs == []
    assert earned == {"test-total": 10, "test-average": 10}


def test_an_answer_with_a_syntax_error_is_recognized_by_its_function(assignment, solved):
    def break_it(notebook):
        cell = with_id(notebook, "spread")
        cell.update(source="%%time\ndef spread(values:\n    return", metadata={}, id="lost")

    _, rebuilt = graded(assignment, edited(solved, break_it))
    assert with_id(rebuilt.notebook, "spread").source.startswith("%%time")


def test_an_answer_copied_to_an_extra_cell_runs_where_it_stands(assignment, released):
    def copy(notebook):
        place = notebook["cells"].index(with_id(notebook, "total"))
        source = "def total(values):\n    return sum(values)"
        notebook["cells"].insert(place + 1, code_cell(source))

    earned, rebuilt = graded(assignment, edited(released, copy))
    assert earned == {"test-total": 10}
    assert rebuilt.repairs == []
    assert STUB in with_id(rebuilt.notebook, "total").source


# The student's own cells


def test_own_cells_stay_where_they_were(assignment, solved):
    def add(notebook):
        cells = notebook["cells"]
        cells.insert(0, {**code_cell("first = 1"), "id": "total"})
        place = cells.index(with_id(notebook, "test-total"))
        cells[place:place] = [code_cell("second = 2"), code_cell("third = 3")]
        cells.append(code_cell("last = 4"))

    notebook = rebuild(assignment, read_submission(edited(solved, add))).notebook
    students = list(filter(is_students, notebook.cells))
    assert [cell.source for cell in students] == [
        *("first = 1", "second = 2", "third = 3", "mine = 1", "last = 4")
    ]
    assert notebook.cells[0].id == "student-1"
    assert notebook.cells[-1].id == "student-5"
    place = notebook.cells.index(with_id(notebook, "test-total"))
    assert [cell.id for cell in notebook.cells[place - 2 : place]] == ["student-2", "student-3"]


def test_a_copy_of_a_test_is_the_students_own_code(assignment, solved):
    def copy(notebook):
        cell = with_id(notebook, "test-total")
        notebook["cells"].insert(0, {**cell, "id": "copy", "source": "assert True"})

    _, rebuilt = graded(assignment, edited(solved, copy))
    assert_built_from_ours(assignment, rebuilt.notebook)
    assert rebuilt.notebook.cells[0].source == "assert True"
    assert said(rebuilt) == [
        "1 cell existed more than once; the copies ran as the student's own cells: test-total."
    ]


def test_an_unchanged_copy_of_a_demonstration_is_skipped_like_the_original(assignment, solved):
    def copy(notebook):
        notebook["cells"] += [code_cell("print(total([1, 2]))\n"), code_cell("print(total([1]))")]

    notebook = rebuild(assignment, read_submission(edited(solved, copy))).notebook
    roles = [cell.metadata.autograder.role for cell in notebook.cells[-2:]]
    assert roles == ["demonstration", "student"]


@pytest.mark.parametrize("kind", ["markdown", "raw"])
@pytest.mark.parametrize("text", ["<script>\nalert(1)", "[a](b)", "```\n![a](b)\n````", "`", ""])
def test_text_of_students_is_shown_as_it_was_typed(assignment, solved, kind, text):
    def add(notebook):
        cell = {"cell_type": kind, "id": "text", "metadata": {"format": "text/html"}}
        notebook["cells"].append({**cell, "source": text})

    cell = rebuild(assignment, read_submission(edited(solved, add))).notebook.cells[-1]
    assert cell.cell_type == "markdown"
    page = markdown2html(cell.source)
    assert page.strip() == f"<pre><code>{html.escape(text)}\n</code></pre>"


# Secrets and limits


def hidden_tests_leak(assignment, solved):
    notebook = rebuild(assignment, read_submission(solved)).notebook
    return "HIDDEN" in to_bytes(notebook).decode() or "[1, 3, 5]" in to_bytes(notebook).decode()


def test_hidden_tests_are_looked_up_and_never_written_into_the_notebook(assignment, solved):
    assert "[1, 3, 5]" in assignment.test_source("test-total")
    assert not hidden_tests_leak(assignment, solved)


def test_the_check_for_leaks_would_notice_one(assignment, solved, monkeypatch):
    leaking = [
        {**cell, "source": ours.source}
        for cell, ours in zip(assignment.released_cells(), assignment.cells, strict=True)
    ]
    leaking = tuple(nbformat.from_dict(leaking))
    monkeypatch.setattr(assignment_module, "_released_cells", lambda *_: leaking)
    assert hidden_tests_leak(assignment, solved)


def test_memory_does_not_grow_with_saved_outputs(solved):
    data = DAMAGES["huge_outputs"](solved)
    assert len(data) > 20 * 2**20
    tracemalloc.start()
    try:
        read_submission(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**20


# Anything else


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
fields = st.sampled_from(["cell_type", "source", "id", "metadata", "outputs"])
changes = st.lists(
    st.one_of(
        st.tuples(st.just("delete"), st.integers(0, 99)),
        st.tuples(st.just("copy"), st.integers(0, 99), st.integers(0, 99)),
        st.tuples(st.just("move"), st.integers(0, 99), st.integers(0, 99)),
        st.tuples(st.just("replace"), st.integers(0, 99), json_values),
        st.tuples(st.just("set"), st.integers(0, 99), fields, json_values),
        st.tuples(st.just("exchange"), st.integers(0, 99), st.integers(0, 99), fields),
    ),
    max_size=12,
)


def apply(change, cells):
    kind, place, *values = change
    if not cells:
        return
    place %= len(cells)
    if kind == "delete":
        del cells[place]
    elif kind == "copy":
        cells.insert(values[0] % len(cells), json.loads(json.dumps(cells[place])))
    elif kind == "move":
        cell = cells.pop(place)
        cells.insert(values[0], cell)
    elif kind == "replace":
        cells[place] = values[0]
    elif kind == "set" and isinstance(cells[place], dict):
        cells[place][values[0]] = values[1]
    elif kind == "exchange":
        other = cells[values[0] % len(cells)]
        if isinstance(cells[place], dict) and isinstance(other, dict):
            mine = cells[place].get(values[1])
            cells[place][values[1]], other[values[1]] = other.get(values[1]), mine


@settings(max_examples=150, deadline=None)
@given(changes=changes)
def test_any_change_of_the_cells_can_be_repaired(assignment, solved, changes):
    notebook = json.loads(solved)
    for change in changes:
        apply(change, notebook["cells"])
    rebuilt = rebuild(assignment, read_submission(json.dumps(notebook).encode()))
    assert_built_from_ours(assignment, rebuilt.notebook)


@settings(max_examples=100, deadline=None)
@given(order=st.randoms(use_true_random=False))
def test_any_order_of_the_cells_earns_the_same(assignment, solved, order):
    data = edited(solved, lambda notebook: order.shuffle(notebook["cells"]))
    assert graded(assignment, data)[0] == FULL_MARKS


@settings(max_examples=100, deadline=None)
@given(
    st.binary()
    | st.text().map(str.encode)
    | json_values.map(lambda value: json.dumps(value).encode())
    | st.fixed_dictionaries(
        {"nbformat": st.sampled_from([3, 4, "4"]) | json_values},
        optional={"cells": json_values, "worksheets": json_values, "metadata": json_values},
    ).map(lambda value: json.dumps(value).encode())
)
def test_any_bytes_are_read_or_unreadable(data):
    try:
        submission = read_submission(data)
    except Unreadable as error:
        assert str(error)
    else:
        assert isinstance(submission.cells, list)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**6), st.binary(max_size=8))
def test_bytes_changed_anywhere_are_repaired_or_unreadable(assignment, solved, place, noise):
    place %= len(solved)
    try:
        submission = read_submission(solved[:place] + noise + solved[place + len(noise) :])
    except Unreadable as error:
        assert str(error)
    else:
        assert_built_from_ours(assignment, rebuild(assignment, submission).notebook)


# The assignment


def test_the_assignment_names_its_functions_and_follows_its_own_links(assignment):
    assert assignment.graded_functions() == ["total", "average", "spread"]
    assert assignment.files == {"helpers.py": b"ANSWER = 42\n"}
    with pytest.raises(KeyError, match="no test cell 'test-median'"):
        assignment.test_source("test-median")


def test_the_assignment_is_frozen_and_travels_between_processes(assignment):
    assignment.released_cells()
    assert pickle.loads(pickle.dumps(assignment)) == assignment
    assert len(pickle.dumps(assignment)) < 2 * len(assignment.notebook)
    with pytest.raises(FrozenInstanceError):
        assignment.notebook = b""


def test_each_cell_of_the_instructor_has_a_role(assignment):
    roles = {cell.id: role(cell) for cell in assignment.cells}
    assert roles["opening"] is roles["packages"] is Role.GIVEN
    assert roles["total"] is Role.ANSWER
    assert roles["test-total"] is Role.TEST
    assert roles["plot"] is Role.DEMONSTRATION
    assert roles["try"] is Role.PLAYGROUND


def test_a_solution_cell_without_markers_is_replaced_as_a_whole(assignment):
    notebook = nbformat.reads(assignment.notebook.decode(), as_version=4)
    notebook.cells.append(new_code_cell("x = 1", metadata=nbgrader("x", solution=True)))
    changed = replace(assignment, notebook=nbformat.writes(notebook).encode())
    assert changed.released_cells()[-1].source == STUB + "\nraise NotImplementedError()"


def test_a_folder_without_exactly_one_notebook_is_no_assignment(tmp_path):
    with pytest.raises(AssignmentError, match="must hold a notebook"):
        Assignment.from_directory(tmp_path)
    with pytest.raises(AssignmentError, match="must hold a notebook"):
        Assignment.from_directory(tmp_path / "nowhere")
    for name in "ab":
        (tmp_path / f"{name}.ipynb").write_bytes(to_bytes(instructors_notebook()))
    with pytest.raises(AssignmentError, match="found: a, b"):
        Assignment.from_directory(tmp_path)


def test_a_link_that_leads_nowhere_is_named(tmp_path):
    (tmp_path / "a.ipynb").write_bytes(to_bytes(instructors_notebook()))
    os.symlink("missing.py", tmp_path / "helpers.py")
    with pytest.raises(AssignmentError, match=r"helpers\.py cannot be read"):
        Assignment.from_directory(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda nb: nb.cells.append(nb.cells[3]), "several cells with the grade id total"),
        (lambda nb: nb.cells[0].update(id="packages"), "several cells with the cell id packages"),
        (lambda nb: nb.cells[3].update(source="### BEGIN SOLUTION"), "no end solution"),
        (lambda nb: nb.update(cells="none"), "cannot be read"),
        (lambda nb: nb.update(metadata=[]), "cannot be read"),
    ],
)
def test_a_faulty_notebook_of_the_instructor_is_refused(change, message, tmp_path):
    notebook = instructors_notebook()
    change(notebook)
    (tmp_path / "a.ipynb").write_text(json.dumps(notebook))
    with pytest.raises(AssignmentError, match=message):
        Assignment.from_directory(tmp_path)
