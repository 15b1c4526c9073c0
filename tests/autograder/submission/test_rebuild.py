"""Building the notebook to run from ours and a student's, however damaged that is."""

import html
import json

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbconvert.filters import markdown2html
from nbformat import NotebookNode
from nbgrader.utils import compute_checksum

from autograder import assignment as assignment_module
from autograder.assignment import Role, grade_id
from autograder.submission.notebook import Unreadable, read_submission
from autograder.submission.rebuild import MERGED_ANSWER, MISSING_ANSWER, rebuild
from tests.support.damage import DAMAGES, code_cell
from tests.support.three_functions import (
    answer_cells,
    assert_built_from_ours,
    edited,
    is_students,
    to_bytes,
    with_id,
)

STUB = "# YOUR CODE HERE"  # nbgrader's own
FULL_MARKS = {"test-total": 10, "test-average": 10, "test-spread": 10}

# Damage that changes nothing that a grader has to know about.
SILENT = set(
    """
    byte_order_mark format_3 no_format no_cell_ids equal_cell_ids illegal_cell_ids
    cell_ids_as_numbers windows_line_ends_in_the_file blank_lines_around minified_ascii
    keys_in_reverse_order repeated_keys line_ends_inside_of_strings
    integer_of_ten_thousand_digits outputs_nested_a_hundred_thousand_deep
    outputs_with_bytes_that_are_not_utf8 widget_state format_as_text unknown_minor_format
    not_a_number sources_as_one_string sources_as_lists windows_line_ends_in_sources
    trailing_white_space newer_nbgrader_schema attachments empty_cells_everywhere
    copies_of_the_tests_among_the_own_cells huge_outputs malformed_outputs no_outputs
    outputs_on_markdown
    """.split()
)


def said(rebuilt):
    """The repairs in words."""
    return [str(repair) for repair in rebuilt.repairs]


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


def test_a_changed_or_deleted_playground_needs_no_repair(assignment, solved):
    def play(notebook):
        with_id(notebook, "try")["source"] = "total([7])"

    rebuilt = rebuild(assignment, read_submission(edited(solved, play)))
    assert rebuilt.repairs == []
    assert with_id(rebuilt.notebook, "try").source == "total([7])"

    def delete(notebook):
        notebook["cells"].remove(with_id(notebook, "try"))

    assert rebuild(assignment, read_submission(edited(solved, delete))).repairs == []


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


def bare(cell):
    return {**cell, "source": "\n".join(map(str.rstrip, cell.source.strip().split("\n")))}


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


CHANGED = (
    "3 cells had been deleted, or changed where students should not write; our version was used: "
)
TESTS_CHANGED = CHANGED + "test-total, test-average, test-spread."


@pytest.mark.parametrize(
    ("damage", "repair"),
    [
        ("tests_deleted", TESTS_CHANGED),
        ("tests_made_to_fail", TESTS_CHANGED),
        ("points_changed", TESTS_CHANGED),
        ("answers_turned_into_markdown", CHANGED + "total, average, spread."),
        ("tests_at_the_beginning", "Cells were in another order; ours was used."),
        (
            "unknown_kernelspec",
            "The notebook asked for kernel 'julia-1.10' and language 'julia'; python3 was used.",
        ),
    ],
)
def test_one_sentence_names_one_kind_of_repair(damage, repair, assignment, solved):
    assert said(rebuild(assignment, read_submission(DAMAGES[damage](solved)))) == [repair]


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
@given(st.integers(0, 10**6), st.binary(max_size=8))
def test_bytes_changed_anywhere_are_repaired_or_unreadable(assignment, solved, place, noise):
    place %= len(solved)
    try:
        submission = read_submission(solved[:place] + noise + solved[place + len(noise) :])
    except Unreadable as error:
        assert str(error)
    else:
        assert_built_from_ours(assignment, rebuild(assignment, submission).notebook)
