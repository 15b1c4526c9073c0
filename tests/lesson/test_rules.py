"""The five rules: what breaks them, what only looks like it, and the saved file."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from string import Template

import nbformat
import pytest
from nbformat.v4 import new_code_cell
from nbgrader.utils import compute_checksum

from lesson.rules import check_cells, check_notebook, report

TOP = Path(__file__).resolve().parents[2]

STUB = """\
def initialize_parameters_{0}(layers_dims):
    parameters = {{}}
    for l in range(1, len(layers_dims)):
        pass
    return parameters
"""
SOLVED = """\
def initialize_parameters_{0}(layers_dims):
    parameters = {{}}
    for l in range(1, len(layers_dims)):
        parameters[f"W{{l}}"] = np.zeros((layers_dims[l], layers_dims[l - 1]))
        parameters[f"b{{l}}"] = np.zeros((layers_dims[l], 1))
    return parameters
"""
HE = SOLVED.format("he")
HEAD = "def initialize_parameters_he(layers_dims):"


def code(source, **metadata):
    cell = new_code_cell(source, metadata=metadata)
    del cell["id"]
    return cell


def marked(grade_id, source, **marks):
    """Return a cell of the release: nbgrader computes the checksum."""
    marks = {"grade": False, "solution": False, "locked": False, "task": False, **marks}
    cell = code(source, nbgrader={"grade_id": grade_id, "schema_version": 3, **marks})
    cell["id"] = grade_id
    cell.metadata.nbgrader.checksum = compute_checksum(cell)
    return cell


def notebook(he=HE, extra=()):
    """Return a solved notebook; `he` is the student's third answer, `extra` cells come last."""
    packages = "import numpy as np\nfrom init_utils import predict\n%matplotlib inline\n"
    dataset = "train_X, train_Y = load_dataset()\nlayers = [2, 4, 1]\nprint(train_X.shape)\n"
    built = [
        marked("packages", packages, locked=True),
        {"cell_type": "markdown", "metadata": {}, "source": "print what you like"},
        marked("dataset", "from init_utils import load_dataset\n" + dataset, locked=True),
    ]
    for name in ("zeros", "random", "he"):
        answer = marked(f"initialize-{name}", STUB.format(name), solution=True)
        answer["source"] = he if name == "he" else SOLVED.format(name)
        test = f'print("testing")\ninitialize_parameters_{name}_test(None)\n'
        built += [answer, marked(f"test-{name}", test, grade=True, locked=True, points=10)]
    built.append(code("learning_rate = 10.0\nprint(learning_rate)", tags=["playground"]))
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [*built, *extra]}


def changed(grade_id, **fields):
    """Return the solved notebook with one cell changed."""
    built = notebook()
    cell_of(built, grade_id).update(fields)
    return built


def remarked(grade_id, /, **marks):
    """Return the solved notebook with other nbgrader marks in one cell."""
    built = notebook()
    cell_of(built, grade_id)["metadata"]["nbgrader"].update(marks)
    return built


def without(*grade_ids):
    built = notebook()
    built["cells"] = [cell for cell in built["cells"] if cell.get("id") not in grade_ids]
    return built


def cell_of(built, grade_id):
    return next(cell for cell in built["cells"] if cell.get("id") == grade_id)


def function(*lines):
    """Return the third answer with these lines as its body."""
    body = lines or ("return {}",)
    return "\n".join([HEAD, *(f"    {line}" for line in body)])


# ----- what breaks a rule, and what only looks like it --------------------------------------------


def programs(tables):
    """The rows of `rules.toml`: name, notebook and, of a broken rule, the line."""
    rows = {}
    for rule, programs in tables.items():
        for row in programs:
            sources = {
                key: Template(row[key]).substitute(solved=HE.rstrip(), head=HEAD)
                for key in ("answer", "extra")
                if key in row
            }
            more = [code(sources["extra"], **row.get("metadata", {}))] if "extra" in sources else []
            built = notebook(sources.get("answer", HE), more)
            line = [row["line"] or None] if "line" in row else []
            rows.setdefault(rule, []).append((row["name"], built, *line))
    return rows


DATA = tomllib.loads(Path(__file__).with_name("rules.toml").read_text())
BREAKS = programs(DATA["breaks"])
NEAR_MISSES = programs(DATA["near_misses"])
BREAKS["extra-cell"] += [
    (
        "a cell that nbgrader marks as nothing",
        notebook(extra=[code("x = 3", nbgrader={"grade": False, "grade_id": "cell-1"})]),
        None,
    ),
]
BREAKS["changed-locked-cell"] = [
    ("a test that is edited", changed("test-he", source="True"), None),
    ("a test that is deleted", without("test-he"), None),
    ("an answer that is deleted", without("initialize-he"), None),
    ("another locked cell", changed("dataset", source="n = 3"), None),
    ("a test as text", changed("test-he", cell_type="markdown"), None),
    ("an answer as text", changed("initialize-he", cell_type="markdown"), None),
    ("other points", remarked("test-he", points=100), None),
    ("a test that is not graded", remarked("test-he", grade=False), None),
    ("an unlocked test", remarked("test-he", solution=True), None),
    ("a copied answer", notebook(extra=[cell_of(notebook(), "initialize-he")]), None),
]
NEAR_MISSES["extra-cell"] += [
    ("text", notebook(extra=[{"cell_type": "markdown", "metadata": {}, "source": "x = 3"}])),
    ("a locked cell", notebook(extra=[marked("more", "x = 3", locked=True)])),
]
NEAR_MISSES["changed-locked-cell"] += [
    ("an edited text", notebook(extra=[{"cell_type": "markdown", "source": "mine"}])),
    (
        "a source in lines",
        changed("test-he", source=cell_of(notebook(), "test-he")["source"].splitlines(True)),
    ),
    (
        "line ends of Windows",
        changed("test-he", source=cell_of(notebook(), "test-he")["source"].replace("\n", "\r\n")),
    ),
    ("outputs", changed("test-he", outputs=[{"output_type": "stream", "text": "a"}])),
    ("no checksum", remarked("packages", checksum=None)),
]


def table(rows):
    return [
        pytest.param(rule, *row[1:], id=f"{rule}: {row[0]}") for rule in rows for row in rows[rule]
    ]


@pytest.mark.parametrize(("rule", "broken", "line"), table(BREAKS))
def test_a_broken_rule_is_found_at_its_line_and_no_other_rule(rule, broken, line):
    found = check_cells(broken)
    assert {one.rule for one in found} == {rule}, found
    assert found[0].line == line


@pytest.mark.parametrize(("rule", "honest"), table(NEAR_MISSES))
def test_a_near_miss_is_not_found(rule, honest):
    assert check_cells(honest) == []


def test_several_violations_come_in_the_order_of_the_lines():
    found = check_cells(notebook(function("print(layers)", "return scale", "print(2)")))
    assert [(f.rule, f.line) for f in found] == [
        ("extra-print", 2),
        ("extra-print", 4),
        ("global-variable", 2),
        ("global-variable", 3),
    ]


# ----- words --------------------------------------------------------------------------------------


def test_a_violation_says_the_cell_the_line_the_rule_and_what_to_do():
    [found] = check_cells(notebook(function("for n in layers: pass")))
    assert str(found) == (
        "initialize-he, line 2: No global variables inside graded functions. `layers` in "
        "`for n in layers: pass` has no value inside of the function. Use the parameter "
        "`layers_dims`, give `layers` a value inside of `initialize_parameters_he`, or check its "
        "spelling."
    )


@pytest.mark.parametrize(
    "source",
    [
        function("return _"),
        function("return Out[3]"),
        "def helper():\n    global mine\n" + function("return mine"),
        "def helper():\n    global mine\n    mine = 1\n" + function("return mine"),
    ],
)
def test_a_name_that_the_notebook_has_without_an_assignment_is_a_variable(source):
    [found] = check_cells(notebook(source))
    assert found.rule == "global-variable"


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("def init_he(layers_dims):\n    return {}", "def init_he(layers_dims):"),
        (
            "def initialize_parameters_he(d, s=3): pass",
            "def initialize_parameters_he(d, s=3): pass",
        ),
        ("# nothing here", "# nothing here"),
    ],
)
def test_a_changed_function_is_shown_as_found_and_as_expected(source, shown):
    [found] = check_cells(notebook(source))
    expected = "expected `def initialize_parameters_he(layers_dims):`"
    assert f"Found `{shown}`, {expected}" in found.message


def test_an_extra_cell_is_named_by_its_place_and_its_first_line():
    [found] = check_cells(notebook(extra=[code("\n\nx = 3\ny = 4")]))
    assert found.cell == "code cell 10"
    assert "`x = 3`" in found.message


def test_a_copied_cell_is_found_with_both_places():
    [found] = check_cells(notebook(extra=[cell_of(notebook(), "test-he")]))
    assert found.cell == "test-he"
    assert "code cell 8 and code cell 10" in found.message


def test_of_several_copies_the_one_is_checked_that_is_graded():
    draft = marked("initialize-he", HE.replace("return", "print(1)\n    return"), solution=True)
    built = notebook()
    built["cells"].insert(0, draft)
    assert [f.rule for f in check_cells(built)] == ["changed-locked-cell"]


def test_text_from_the_notebook_is_short_and_cannot_steer_a_terminal():
    source = "x = '\x1b[2J\u202e" + "a" * 500 + "'"
    [found] = check_cells(notebook(extra=[code(source)]))
    assert str(found).isprintable()
    assert len(str(found)) < 300


@pytest.mark.parametrize(
    ("source", "line", "text"),
    [
        ("def initialize_parameters_he(layers_dims)\n    return {}", 1, "expected ':'"),
        (HE.replace("    return", "return"), 6, "outside function"),
        (HE.replace("        parameters[", "      parameters[", 1), 5, "unexpected indent"),
        (function("return (1"), 2, "never closed"),
        (function("return {}", "  x = 1"), 3, "unexpected indent"),
        (function("x = “a”"), 2, "invalid character"),
        ("%matplotlib inline\n" + function("return ("), 3, "never closed"),
        (function("a = 1", "def f():", "    nonlocal b"), 4, "nonlocal"),
        (function("x = '\0'"), None, "characters" if sys.version_info < (3, 11, 4) else "null"),
    ],
)
def test_code_that_python_cannot_read_is_a_violation_of_its_own(source, line, text):
    [found] = check_cells(notebook(source))
    assert (found.rule, found.cell, found.line) == ("syntax-error", "initialize-he", line)
    assert text in found.message


# ----- the checksum and the notebook of this course ----------------------------------------------


@pytest.mark.parametrize("points", [10, 2.5, "10", True])
@pytest.mark.parametrize("grade", [True, False])
@pytest.mark.parametrize("solution", [True, False])
@pytest.mark.parametrize("locked", [True, False])
def test_a_cell_with_the_checksum_of_nbgrader_is_as_it_was_released(
    points, grade, solution, locked
):
    for cell_type in ("code", "markdown"):
        cell = nbformat.from_dict(
            marked("ü", "x = 'é'", grade=grade, solution=solution, locked=locked, points=points)
        )
        cell.cell_type = cell_type
        cell.metadata.nbgrader.checksum = compute_checksum(cell)
        if not solution and (grade or locked):
            built = notebook(extra=[cell])
            assert check_cells(built) == []
            cell.source += " "
            assert [one.rule for one in check_cells(built)] == ["changed-locked-cell"]


def test_our_notebook_is_clean_until_a_locked_cell_is_edited():
    source = TOP / "source" / "Initialization" / "Initialization.ipynb"
    assert check_notebook(source) == []  # without checksums
    built = nbformat.read(source, as_version=4)
    for cell in built.cells:
        if "nbgrader" in cell.metadata:
            cell.metadata.nbgrader.checksum = compute_checksum(cell)
    assert check_cells(built) == []
    cell_of(built, "packages").source += "\n"
    assert [one.rule for one in check_cells(built)] == ["changed-locked-cell"]


def test_dropped_marks_are_one_violation_and_ids_name_the_cells():
    built = notebook(function("print(1)"))
    for cell in built["cells"]:
        cell["metadata"] = {}
    assert [one.rule for one in check_cells(built)] == ["other-notebook", "extra-print"]


def test_a_graded_cell_without_its_marks_is_neither_missing_nor_extra():
    built = notebook()
    cell_of(built, "test-he")["metadata"] = {}
    assert check_cells(built) == []


# ----- the file -----------------------------------------------------------------------------------


@pytest.fixture
def saved(tmp_path):
    def save(content, name="Initialization.ipynb"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return path

    return save


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>",
        json.dumps(notebook()).encode()[:-40],
        json.dumps(notebook()).encode("utf-16"),
        b"[" * 100_000,
        b"9" * 10_000,
        b"[1, 2]",
        b"{}",
        b'{"cells": 3}',
        b'{"cells": [3]}',
        b'{"cells": [{"cell_type": "code", "source": 3}]}',
        b'{"cells": [{"cell_type": "code", "source": "", "metadata": []}]}',
        b'{"worksheets": [], "nbformat": 3}',
    ],
)
def test_a_damaged_file_gives_one_violation_that_says_what_to_do(saved, content):
    [found] = check_notebook(saved(content))
    assert (found.rule, found.cell, found.line) == ("damaged", "notebook", None)
    assert "fresh copy" in found.message and "Ctrl+S" in found.message


def test_a_file_that_is_not_there_says_where_it_was_looked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    [found] = check_notebook("Initialization.ipynb")
    assert f"{tmp_path}/Initialization.ipynb cannot be read" in found.message
    assert "(No such file or directory)" in found.message
    assert "(Is a directory)" in check_notebook(tmp_path)[0].message
    assert check_notebook("a\0b")[0].rule == "damaged"


def test_an_exercise_as_handed_out_is_named_but_breaks_no_rule(saved):
    untouched = notebook(STUB.format("he"))
    [found] = check_notebook(saved(untouched))
    assert (found.rule, found.cell) == ("unsaved", "initialize-he")
    assert "Ctrl+S" in found.message
    assert check_cells(untouched) == []


def test_the_report_of_a_clean_notebook_says_ready_and_when_it_was_saved(saved, capsys):
    path = saved(b"\xef\xbb\xbf" + json.dumps(notebook()).encode())  # with a byte order mark
    now = path.stat().st_mtime
    os.utime(path, (now, now - 200))
    assert report(path) == []
    printed = capsys.readouterr().out
    assert printed.startswith("Read Initialization.ipynb, saved 3 min ago. ")
    assert "Ready to submit: " in printed


def test_the_report_shows_the_same_list_that_it_returns(saved, capsys):
    path = saved(notebook(function("print(layers)")))
    found = report(str(path))
    printed = capsys.readouterr().out
    assert found == check_notebook(path)
    assert "To change before you submit: 2" in printed
    assert all(str(one) in printed for one in found)
    assert "Ready to submit" not in printed


@pytest.mark.parametrize(
    ("content", "arguments", "status", "words"),
    [
        (notebook(), [], 0, "Ready to submit"),
        (notebook("print(1)\n" + HE), ["Initialization.ipynb"], 1, "1. initialize-he, line 1: "),
        (notebook(), ["none.ipynb"], 1, "No such file"),
        (notebook(), ["a", "b"], 2, ""),
    ],
)
def test_the_command_says_by_its_exit_status_whether_all_rules_are_kept(
    saved, content, arguments, status, words
):
    folder = saved(content).parent
    done = subprocess.run(
        [sys.executable, "-m", "lesson.rules", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(TOP)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == status
    assert words in done.stdout
    assert "Traceback" not in done.stderr


# ----- code that no one expects -------------------------------------------------------------------


def test_nothing_in_the_notebook_is_run(tmp_path):
    trace = tmp_path / "was-run"
    attack = f"__import__('pathlib').Path({str(trace)!r}).touch()"
    source = (
        f"{attack}\n!touch '{trace}'\n%time {attack}\n"
        f"def initialize_parameters_he(layers_dims={attack}):\n    return {attack}\n"
    )
    check_cells(notebook(source, [code(source), code(f"%%time\n{source}")]))
    assert not trace.exists()
    exec(attack)
    assert trace.exists()  # the trace would have been seen


@pytest.mark.parametrize(
    "source",
    [
        "(" * 50_000,
        "-" * 50_000 + "1",
        "a" + ".b" * 40_000,
        "f'{" * 10_000,
        "\\\n" * 40_000,
        "x = '\ud800'",
        "x = \0",
        "9**9**9**9",
        "'\\d' is 'a'; 1()",
        "print(1)\n" * 1_000,
    ],
    ids=lambda source: repr(source[:20]),
)
def test_hostile_code_gives_few_violations_and_no_exception_or_warning(source):
    assert 1 <= len(check_cells(notebook(source))) <= 20


# ----- IPython's syntax ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "line"),
    [
        ("", 1),
        ("\n\n", 3),
        ("%%time\n", 2),
        ("\n%%capture out\n", 3),
        ("%load_ext autoreload\nfiles = !ls 'it\n", 3),
        ("%time x = 3\nnp.zeros?\n", 3),
        ("s = '''\n%time x = 1\n!ls\n'''\n", 5),
        ("x = (1\n% 2)\n", 3),
        ("x = 1\r\n%time y = 2\r\n", 3),
        ("await f()\n", 2),
        ("if 1:\n    !ls\n", 3),
    ],
)
def test_what_only_ipython_understands_is_read_and_keeps_the_lines(before, line):
    definition = "def initialize_parameters_he(n): pass"
    [found] = check_cells(notebook(before + definition))
    assert (found.rule, found.line) == ("changed-parameters", line)
    assert definition in found.message
