"""The five rules: what breaks them, what only looks like it, and input that no one expects."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from IPython.core.inputtransformer2 import TransformerManager
from nbgrader.utils import compute_checksum

from lesson import rules
from lesson.rules import RuleViolation, check_cells, check_notebook, report

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


def code(source, **metadata):
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": metadata,
        "outputs": [],
        "source": source,
    }


def marked(grade_id, source, **marks):
    """Return a cell of the release: nbgrader computes the checksum."""
    marks = {"grade": False, "solution": False, "locked": False, "task": False, **marks}
    cell = code(source, nbgrader={"grade_id": grade_id, "schema_version": 3, **marks})
    cell["id"] = grade_id
    cell["metadata"]["nbgrader"]["checksum"] = compute_checksum(nbformat.from_dict(cell))
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


def function(*lines, head="def initialize_parameters_he(layers_dims):", before=()):
    """Return the third answer with these lines as its body."""
    body = lines or ("return {}",)
    return "\n".join([*before, head, *(f"    {line}" for line in body)])


# ----- what breaks a rule -------------------------------------------------------------------------

BREAKS = {
    "extra-print": [
        ("a print in the function", notebook(function("print(layers_dims)")), 2),
        ("a print after the function", notebook(HE + "print(3)"), 7),
        ("a print in a nested function", notebook(function("def f():", "    print(1)")), 3),
        ("a print in a lambda", notebook(function("f = lambda: print(1)")), 2),
        ("a print in a comprehension", notebook(function("[print(l) for l in [1]]")), 2),
        ("a print in an f-string", notebook(function("return f'{print(1)}'")), 2),
        ("a helper that prints", notebook("def helper():\n    print(1)\n" + HE), 2),
        ("print of builtins", notebook(function("import builtins", "builtins.print(1)")), 3),
        ("another name for print", notebook(function("show = print", "show(1)")), 3),
        ("pprint", notebook(function("from pprint import pprint as p", "p(1)")), 3),
        ("pprint as a module", notebook("import pprint\n" + function("pprint.pprint(1)")), 3),
        ("stdout", notebook(function("import sys", "sys.stdout.write('a')")), 3),
        ("stdout by name", notebook(function("from sys import stdout as o", "o.write('')")), 3),
        ("display", notebook(function("display(layers_dims)")), 2),
        ("a print that is timed", notebook(HE + "%time print(1)"), 7),
        ("a print after a magic", notebook("%load_ext a\n!echo it's\n" + HE + "print(1)"), 9),
    ],
    "extra-cell": [
        ("a cell of one's own", notebook(extra=[code("x = 3")]), None),
        ("a print to look at values", notebook(extra=[code("print(train_X)")]), None),
        ("a comment only", notebook(extra=[code("# my notes")]), None),
        ("another tag", notebook(extra=[code("x = 3", tags=["mine"])]), None),
        ("a magic", notebook(extra=[code("%%bash\nls")]), None),
        ("code that Python cannot read", notebook(extra=[code("for for")]), None),
        (
            "a cell that nbgrader marks as nothing",
            notebook(extra=[code("x = 3", nbgrader={"grade": False, "grade_id": "cell-1"})]),
            None,
        ),
        ("a source in lines", notebook(extra=[code(["x = 3\n", "y = 4"])]), None),
    ],
    "changed-parameters": [
        ("another name", notebook(function(head="def initialize_parameters_he(dims):")), 1),
        ("one more", notebook(function(head="def initialize_parameters_he(layers_dims, s):")), 1),
        ("none", notebook(function(head="def initialize_parameters_he():")), 1),
        ("a default", notebook(function(head="def initialize_parameters_he(layers_dims=[2]):")), 1),
        ("*args", notebook(function(head="def initialize_parameters_he(*layers_dims):")), 1),
        (
            "one * more",
            notebook(function(head="def initialize_parameters_he(layers_dims, *a):")),
            1,
        ),
        ("**kw", notebook(function(head="def initialize_parameters_he(layers_dims, **k):")), 1),
        (
            "keyword only",
            notebook(function(head="def initialize_parameters_he(*, layers_dims):")),
            1,
        ),
        (
            "position only",
            notebook(function(head="def initialize_parameters_he(layers_dims, /):")),
            1,
        ),
        (
            "one more by position",
            notebook(function(head="def initialize_parameters_he(n, /, layers_dims):")),
            1,
        ),
        (
            "one more by keyword",
            notebook(function(head="def initialize_parameters_he(layers_dims, *, s=1):")),
            1,
        ),
        ("a lambda", notebook("initialize_parameters_he = lambda n: {}"), 1),
        (
            "a decorator above",
            notebook(
                function(
                    before=("import functools", "@functools.cache"),
                    head="def initialize_parameters_he(n):",
                )
            ),
            3,
        ),
        (
            "the last of two definitions",
            notebook(HE + function(head="def initialize_parameters_he(n):")),
            7,
        ),
        ("a renamed function", notebook(function(head="def init_he(layers_dims):")), 1),
        ("a deleted function", notebook("# nothing here"), None),
        ("a method", notebook("class A:\n" + "    def initialize_parameters_he(n): pass"), None),
        ("a cell for the shell", notebook("%%bash\n" + HE), None),
    ],
    "global-variable": [
        ("a variable of the notebook", notebook(function("return layers")), 2),
        ("one that the cell defines", notebook("scale = 2\n" + function("return scale")), 3),
        ("one of a playground", notebook(function("return learning_rate")), 2),
        ("one in a nested function", notebook(function("def f():", "    return layers")), 3),
        ("one in a comprehension", notebook(function("return [n for n in layers]")), 2),
        ("one as a filter", notebook(function("return [n for n in [1]", " if n in layers]")), 3),
        ("one in a lambda", notebook(function("return lambda: layers")), 2),
        ("one in a class", notebook(function("class A:", "    n = layers")), 3),
        ("one in an f-string", notebook(function("return f'{layers}'")), 2),
        ("one that is assigned", notebook(function("global layers", "layers = []")), 2),
        ("a new global", notebook(function("global mine", "mine = 1", "return mine")), 2),
        ("an import that is replaced", notebook(function("global np", "np = 1")), 2),
        ("globals()", notebook(function("return globals()['layers']")), 2),
        ("the last output", notebook(function("return _")), 2),
        ("a typing error", notebook(function("return layer_dims")), 2),
        ("a loop variable of a cell", notebook("for k in [1]: pass\n" + function("return k")), 3),
        (
            "a name that is local elsewhere",
            notebook(function("[layers for layers in [1]]", "layers")),
            3,
        ),
        ("a decorator", notebook(function(before=("deco = None", "@deco"))), 2),
        (
            "a module that is imported in another function only",
            notebook("def f():\n    import math\n" + function("return math.pi")),
            4,
        ),
    ],
    "changed-locked-cell": [
        ("a test that is edited", changed("test-he", source="True"), None),
        ("a test with one more blank", changed("test-he", source=" "), None),
        ("a test that is deleted", without("test-he"), None),
        ("an answer that is deleted", without("initialize-he"), None),
        ("another locked cell", changed("dataset", source="n = 3"), None),
        ("an emptied cell", changed("dataset", source=""), None),
        ("a test as text", changed("test-he", cell_type="markdown"), None),
        ("an answer as text", changed("initialize-he", cell_type="markdown"), None),
        ("other points", remarked("test-he", points=100), None),
        ("broken points", remarked("test-he", points=[]), None),
        ("a test that is not graded", remarked("test-he", grade=False), None),
        ("an unlocked test", remarked("test-he", solution=True), None),
        ("a copied test", notebook(extra=[cell_of(notebook(), "test-he")]), None),
        ("a copied answer", notebook(extra=[cell_of(notebook(), "initialize-he")]), None),
    ],
}

# ----- what only looks like it --------------------------------------------------------------------

NEAR_MISSES = {
    "extra-print": [
        ("a print in a string", notebook(function("return 'print(1)'"))),
        ("a print in a docstring", notebook(function('"""', "print(1)", '"""'))),
        ("a print in a comment", notebook(function("return {}  # print(layers_dims)"))),
        ("print without a call", notebook(function("return print"))),
        ("a longer name", notebook(function("def blueprint(): return 1", "return blueprint()"))),
        ("a method called print", notebook(function("layers_dims.print(1)"))),
        (
            "a function called display",
            notebook("def display(x): return x\n" + function("display(1)")),
        ),
        ("a file that is written", notebook(function("f = open('a')", "f.write('a')"))),
        ("a print in markdown", changed("packages")),
    ],
    "extra-cell": [
        ("an empty cell", notebook(extra=[code("")])),
        ("blanks", notebook(extra=[code(" \n\n\t")])),
        ("a playground", notebook(extra=[code("print(1)", tags=["playground"])])),
        ("text", notebook(extra=[{"cell_type": "markdown", "metadata": {}, "source": "x = 3"}])),
        ("raw text", notebook(extra=[{"cell_type": "raw", "metadata": {}, "source": "x = 3"}])),
        ("a locked cell", notebook(extra=[marked("more", "x = 3", locked=True)])),
    ],
    "changed-parameters": [
        (
            "annotations",
            notebook(
                function(head="def initialize_parameters_he(layers_dims: list[int]) -> dict:")
            ),
        ),
        ("a lambda", notebook("initialize_parameters_he = lambda layers_dims: {}")),
        ("a helper with other parameters", notebook("def helper(a, *b, c=1): pass\n" + HE)),
        ("a nested function", notebook(function("def f(n, m=2): return n", "return f(1)"))),
        (
            "two lines",
            notebook(function(head="def initialize_parameters_he(\n    layers_dims\n):")),
        ),
        ("an older version above", notebook(HE.replace("layers_dims", "n") + HE)),
        ("a condition", notebook("if True:\n    def initialize_parameters_he(layers_dims): pass")),
        (
            "a decorator",
            notebook(function(before=("from functools import cache", "@cache"))),
        ),
        ("a timed cell", notebook("%%time\n" + HE)),
        ("an escape that Python warns of", notebook(function(r"return '\d'"))),
        ("a partial", notebook("initialize_parameters_he = make('he')")),
    ],
    "global-variable": [
        ("numpy", notebook(function("return np.zeros(2)"))),
        ("an imported function", notebook(function("return predict(1)"))),
        ("a builtin", notebook(function("return len(list(range(3)))"))),
        ("a helper", notebook("def helper(): return layers\n" + function("return helper()"))),
        ("a helper as lambda", notebook("helper = lambda: 1\n" + function("return helper()"))),
        ("a class", notebook("class A: pass\n" + function("return A()"))),
        ("itself", notebook(function("return initialize_parameters_he(layers_dims[1:])"))),
        ("a nested function", notebook(function("n = 1", "def f(): return n", "return f()"))),
        ("a nonlocal", notebook(function("n = 1", "def f():", "    nonlocal n", "    n = 2"))),
        ("a comprehension", notebook(function("return [layers for layers in layers_dims]"))),
        ("a local of that name", notebook(function("layers = layers_dims", "return layers"))),
        ("a parameter of that name", notebook(function("return lambda layers: layers"))),
        ("a walrus", notebook(function("return [m := n for n in layers_dims] + [m]"))),
        ("a global outside", notebook("scale = 2\nscale += 1\n" + function())),
        (
            "a comprehension in a decorator",
            notebook(
                function(before=("def deco(n): return np.vectorize", "@deco([k for k in [1]])"))
            ),
        ),
        ("an attribute", notebook(function("return np.layers"))),
        ("a keyword", notebook(function("return dict(layers=1)"))),
        ("a string", notebook(function("return 'layers'"))),
        ("an annotation", notebook(function("n: Dict = {}", "return n"))),
        ("an import inside", notebook(function("import math as m", "return m.pi"))),
        ("an exception", notebook(function("try: pass", "except OSError as e: e"))),
        ("a star import", notebook("from numpy import *\n" + function("return zeros(2)"))),
        ("a cell that cannot be read", notebook(function("x"), [code("for", tags=["playground"])])),
        ("a script that is run", notebook("%run helpers.py\n" + function("return helper(2)"))),
        ("a timed assignment", notebook("%time import math\n" + function("return math.pi"))),
        ("get_ipython", notebook(function("return get_ipython()"))),
        ("the name of the module", notebook(function("return __name__"))),
    ],
    "changed-locked-cell": [
        ("an edited text", notebook(extra=[{"cell_type": "markdown", "source": "mine"}])),
        (
            "a source in lines",
            changed("test-he", source=cell_of(notebook(), "test-he")["source"].splitlines(True)),
        ),
        (
            "line ends of Windows",
            changed(
                "test-he", source=cell_of(notebook(), "test-he")["source"].replace("\n", "\r\n")
            ),
        ),
        ("outputs", changed("test-he", outputs=[{"output_type": "stream", "text": "a"}])),
        ("an execution count", changed("test-he", execution_count=7)),
        ("an edited answer", notebook(function("return {'W1': 2}"))),
        ("an edited playground", notebook(extra=[code("x = 2", tags=["playground"])])),
        ("an attachment", changed("test-he", attachments={})),
        ("no checksum", remarked("packages", checksum=None)),
    ],
}


def table(rows):
    return [
        pytest.param(rule, *row[1:], id=f"{rule}: {row[0]}") for rule in rows for row in rows[rule]
    ]


@pytest.mark.parametrize(("rule", "broken", "line"), table(BREAKS))
def test_a_broken_rule_is_found_at_its_line_and_no_other_rule(rule, broken, line):
    findings = check_cells(broken)
    assert {finding.rule for finding in findings} == {rule}, findings
    assert findings[0].line == line


@pytest.mark.parametrize(("rule", "honest"), table(NEAR_MISSES))
def test_a_near_miss_is_not_found(rule, honest):
    assert check_cells(honest) == []


@pytest.mark.parametrize("rule", BREAKS)
def test_each_rule_has_five_notebooks_on_each_side(rule):
    assert len(BREAKS[rule]) >= 5
    assert len(NEAR_MISSES[rule]) >= 5


def test_the_solved_notebook_is_clean():
    assert check_cells(notebook()) == []


def test_several_findings_come_in_the_order_of_the_lines():
    findings = check_cells(notebook(function("print(layers)", "return scale", "print(2)")))
    assert [(f.rule, f.line) for f in findings] == [
        ("extra-print", 2),
        ("extra-print", 4),
        ("global-variable", 2),
        ("global-variable", 3),
    ]


# ----- words --------------------------------------------------------------------------------------


def test_a_finding_says_the_rule_the_cell_the_line_and_what_to_do():
    [finding] = check_cells(notebook(function("for n in layers: pass")))
    assert isinstance(finding, RuleViolation)
    assert str(finding) == (
        "initialize-he, line 2: No global variables inside graded functions. `layers` in "
        "`for n in layers: pass` is a variable of the notebook. Use the parameter `layers_dims`, "
        "or give it a value inside `initialize_parameters_he`."
    )


def test_a_name_that_nothing_defines_gets_other_words_than_a_variable():
    [finding] = check_cells(notebook(function("return layer_dims")))
    assert "`layer_dims` in `return layer_dims` is not defined anywhere" in finding.message
    assert "spelling" in finding.message


@pytest.mark.parametrize(
    "source",
    [
        function("return _"),
        function("return Out[3]"),
        "def helper():\n    global mine\n" + function("return mine"),
        "def helper():\n    global mine\n    mine = 1\n" + function("return mine"),
    ],
)
def test_a_name_that_the_notebook_has_without_an_assignment_is_its_variable(source):
    [finding] = check_cells(notebook(source))
    assert "is a variable of the notebook" in finding.message


def test_a_renamed_function_is_named_with_the_name_it_should_have():
    [finding] = check_cells(notebook(function(head="def init_he(layers_dims):")))
    assert "Found `init_he`, expected `initialize_parameters_he(layers_dims)`" in finding.message


def test_changed_parameters_are_shown_as_found_and_as_expected():
    [finding] = check_cells(
        notebook(function(head="def initialize_parameters_he(\n    dims, seed=3\n):"))
    )
    assert "Found `initialize_parameters_he(dims, seed=3)`" in finding.message


def test_an_extra_cell_is_found_by_its_place_among_the_code_cells_and_its_first_line():
    [finding] = check_cells(notebook(extra=[code("\n\nx = 3\ny = 4")]))
    assert finding.cell == "code cell 10"
    assert "`x = 3`" in finding.message


def test_a_copied_cell_is_found_with_both_places():
    [finding] = check_cells(notebook(extra=[cell_of(notebook(), "test-he")]))
    assert finding.cell == "test-he"
    assert "code cell 8 and code cell 10" in finding.message


def test_of_several_copies_the_one_is_checked_that_is_graded():
    draft = marked("initialize-he", HE.replace("return", "print(1)\n    return"), solution=True)
    built = notebook()
    built["cells"].insert(0, draft)
    assert [f.rule for f in check_cells(built)] == ["changed-locked-cell"]


def test_text_from_the_notebook_is_short_and_cannot_steer_a_terminal():
    source = "x = '\x1b[2J\u202e" + "a" * 500 + "'"
    [finding] = check_cells(notebook(extra=[code(source)]))
    assert str(finding).isprintable()
    assert len(str(finding)) < 300


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
def test_code_that_python_cannot_read_is_a_finding_of_its_own(source, line, text):
    [finding] = check_cells(notebook(source))
    assert (finding.rule, finding.cell, finding.line) == ("syntax-error", "initialize-he", line)
    assert text in finding.message


# ----- the checksum and the notebook of this course ----------------------------------------------


@pytest.mark.parametrize("points", [10, 10.0, 2.5, "10", True])
@pytest.mark.parametrize("cell_type", ["code", "markdown"])
@pytest.mark.parametrize("grade", [True, False])
@pytest.mark.parametrize("solution", [True, False])
@pytest.mark.parametrize("locked", [True, False])
def test_the_checksum_is_that_of_nbgrader(points, cell_type, grade, solution, locked):
    cell = marked("ü", "x = 'é'\n", grade=grade, solution=solution, locked=locked, points=points)
    cell["cell_type"] = cell_type
    [ours] = rules._cells({"cells": [cell]})
    assert ours._checksum(ours.source) == compute_checksum(nbformat.from_dict(cell))


def test_the_source_notebook_has_no_checksums_and_is_clean():
    source = TOP / "source" / "Initialization" / "Initialization.ipynb"
    assert check_notebook(source) == []


def test_the_source_notebook_with_checksums_is_clean_until_a_locked_cell_is_edited():
    source = TOP / "source" / "Initialization" / "Initialization.ipynb"
    built = nbformat.read(source, as_version=4)
    for cell in built.cells:
        if "nbgrader" in cell.metadata:
            cell.metadata.nbgrader.checksum = compute_checksum(cell)
    assert check_cells(built) == []
    locked = next(cell for cell in built.cells if cell.get("id") == "packages")
    locked.source += "\n"
    assert [finding.rule for finding in check_cells(built)] == ["changed-locked-cell"]


def test_marks_that_a_program_dropped_are_one_finding_and_the_cells_are_known_by_their_ids():
    built = notebook(function("print(1)"))
    for cell in built["cells"]:
        cell["metadata"] = {}
    assert [finding.rule for finding in check_cells(built)] == ["other-notebook", "extra-print"]


def test_a_graded_cell_whose_own_marks_were_dropped_is_neither_missing_nor_extra():
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
    ("content", "text"),
    [
        (b"", "The file is empty"),
        (b" \n", "The file is empty"),
        (b"<html>", "damaged near its line 1"),
        (b'{\n"cells": [\n', "damaged near its line 3"),
        (json.dumps(notebook()).encode()[:-40], "damaged"),
        (json.dumps(notebook()).encode("utf-16"), "not a notebook's text"),
        (b"\xff\xfe\x00", "not a notebook's text"),
        (b"[" * 100_000, "not a notebook's text"),
        (b"9" * 10_000, "not a notebook's text"),
        (b"[1, 2]", "no list of cells"),
        (b"{}", "no list of cells"),
        (b'{"cells": 3}', "no list of cells"),
        (b'{"worksheets": [], "nbformat": 3}', "very old notebook"),
        (b'{"cells": []}', "None of its cells"),
        (json.dumps({"cells": [code("x = 3")]}).encode(), "another notebook"),
    ],
)
def test_a_damaged_file_gives_one_finding_that_says_what_to_do(saved, content, text):
    [finding] = check_notebook(saved(content))
    assert (finding.rule, finding.cell, finding.line) == ("damaged", "notebook", None)
    assert text in finding.message
    assert any(word in finding.message for word in ("fresh copy", "Ctrl+S"))


def test_a_file_that_is_not_there_says_where_it_was_looked_for(tmp_path, monkeypatch):
    folder = tmp_path / "a folder whose name is longer than most" / "and another one inside of it"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    [finding] = check_notebook("Initialization.ipynb")
    assert "no file Initialization.ipynb in" in finding.message
    assert str(folder) in finding.message
    assert "Ctrl+S" in finding.message


def test_a_folder_or_an_impossible_path_is_no_notebook(tmp_path):
    assert "is not a file" in check_notebook(tmp_path)[0].message
    assert check_notebook("a\0b")[0].rule == "damaged"


def test_a_file_that_is_too_large_is_not_read(saved, monkeypatch):
    monkeypatch.setattr(rules, "MAX_FILE_BYTES", 1_000_000)
    [finding] = check_notebook(saved(b" " * 1_000_001))
    assert "larger than 1 MB" in finding.message


def test_an_exercise_as_handed_out_is_found_in_the_file_but_is_no_broken_rule(saved):
    untouched = notebook(STUB.format("he"))
    [finding] = check_notebook(saved(untouched))
    assert (finding.rule, finding.cell) == ("unsaved", "initialize-he")
    assert "Ctrl+S" in finding.message
    assert check_cells(untouched) == []


def test_the_report_of_a_clean_notebook_says_ready_and_when_it_was_saved(saved, capsys):
    path = saved(notebook())
    now = path.stat().st_mtime
    os.utime(path, (now, now - 200))
    assert report(path) == []
    printed = capsys.readouterr().out
    assert printed.startswith("Read Initialization.ipynb, saved ")
    assert ", 3 minutes ago. If you changed something since, save with Ctrl+S" in printed
    assert "Ready to submit: " in printed


def test_the_report_shows_the_same_list_that_it_returns(saved, capsys):
    path = saved(notebook(function("print(layers)")))
    findings = report(str(path))
    printed = capsys.readouterr().out
    assert findings == check_notebook(path)
    assert "2 things to change before you submit:" in printed
    assert all(str(finding) in printed for finding in findings)
    assert "Ready to submit" not in printed


def test_the_report_of_a_missing_file_is_one_line_and_not_ready(tmp_path, capsys):
    assert len(report(tmp_path / "none.ipynb")) == 1
    printed = capsys.readouterr().out
    assert "1 thing to change" in printed
    assert "Ready" not in printed


def test_a_byte_order_mark_is_accepted_with_a_note(saved, capsys):
    path = saved(b"\xef\xbb\xbf" + json.dumps(notebook()).encode())
    assert report(path) == []
    printed = capsys.readouterr().out
    assert "byte order mark" in printed
    assert "Ready to submit" in printed


def test_an_old_file_shows_its_day(saved, capsys):
    path = saved(notebook())
    os.utime(path, (0, 100_000_000))
    report(path)
    assert "saved 1973-03-03 " in capsys.readouterr().out


# ----- input that no one expects ------------------------------------------------------------------


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


def test_only_the_standard_library_is_needed():
    program = "import sys; from lesson import rules; print(sys.path); rules.report('none.ipynb')"
    done = subprocess.run(
        [sys.executable, "-S", "-c", program], cwd=TOP, capture_output=True, text=True, check=True
    )
    assert "site-packages" not in done.stdout
    assert "There is no file none.ipynb" in done.stdout


@pytest.mark.parametrize(
    "source",
    [
        "(" * 50_000,
        "-" * 50_000 + "1",
        "lambda:" * 10_000 + "1",
        "a" + ".b" * 40_000,
        "a" + "+a" * 40_000,
        "if a: pass\n" + "elif a: pass\n" * 7_000,
        "f'{" * 10_000,
        "f(" * 30_000,
        '"""\\' * 20_000,
        "\\\n" * 40_000,
        "9" * 50_000,
        "x = '\ud800'",
        "x = \0",
        "9**9**9**9",
        "'a' * 10**12",
        "'\\d' is 'a'; 1()",
        "while 1:\n" * 500,
        function(*(f"a{n}" for n in range(5_000))),
        function("[" + ",".join(f"lambda: a{n}" for n in range(5_000)) + "]"),
        "print(1)\n" * 10_000,
        "def initialize_parameters_he(layers_dims, a=" + "(" * 80 + "1" + ")" * 80 + "): pass",
        "def initialize_parameters_he(layers_dims, a=" + "-" * 600 + "1" + "): pass",
    ],
    ids=lambda source: repr(source[:20]),
)
def test_hostile_code_gives_few_findings_and_no_exception_or_warning(source):
    findings = check_cells(notebook(source))
    assert 1 <= len(findings) <= 20


def test_parameters_too_deep_to_be_shown_are_found_all_the_same():
    head = f"def initialize_parameters_he(layers_dims={'-' * 600}1):"
    [finding] = check_cells(notebook(function(head=head)))
    assert finding.rule == "changed-parameters"


def test_findings_of_one_kind_are_counted_after_the_first_ten():
    findings = check_cells(notebook(HE + "print(1)\n" * 100))
    assert len(findings) == rules.MAX_VIOLATIONS_PER_RULE
    assert findings[-1].message.startswith("91 more of this kind")
    assert len(check_cells(notebook(HE + "print(1)\n" * 10))) == 10


def test_more_code_than_any_honest_notebook_has_is_not_parsed():
    [finding] = check_cells(notebook("x = 1\n" * 20_000))
    assert finding.rule == "damaged"
    assert "100,000 characters" in finding.message


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["code", "initialize-he", "test-he", "playground", HE, "print(1)"])
    | st.text(st.characters(), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["source", "metadata", "nbgrader", "tags", "grade_id", "cell_type", "id"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


def test_a_mark_that_is_nested_very_deeply_is_a_changed_mark():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    [finding] = check_cells(remarked("test-he", grade=deep))
    assert finding.rule == "changed-locked-cell"


def test_a_broken_character_in_a_locked_cell_is_a_change():
    findings = check_cells(changed("test-he", source="'\ud800'"))
    assert [finding.rule for finding in findings] == ["changed-locked-cell"]


@given(JSON, JSON, st.sampled_from(["source", "metadata", "cell_type", "id"]), st.integers(0, 9))
@settings(max_examples=150, deadline=None)
def test_no_structure_raises(anything, value, key, index):
    check_cells(anything)
    check_cells({"cells": anything})
    check_cells({"cells": [anything, value]})
    built = notebook()
    built["cells"][index % len(built["cells"])][key] = value
    check_cells(built)


@given(JSON, st.sampled_from(["packages", "initialize-he", "test-he"]), st.data())
@settings(max_examples=100, deadline=None)
def test_no_mark_of_nbgrader_raises(value, grade_id, data):
    marks = cell_of(notebook(), grade_id)["metadata"]["nbgrader"]
    check_cells(remarked(grade_id, **{data.draw(st.sampled_from(sorted(marks))): value}))


# ----- IPython's syntax ---------------------------------------------------------------------------

IPYTHON_CELLS = [
    "%matplotlib inline\nx = 1",
    "x = 1\n%load_ext autoreload\ny = 2",
    "if x:\n    %time y = 3\nz = 4",
    "%time x = 3",
    "!ls -l 'it\"s\ny = 1",
    "!ls \\\n  -l\ny = 1",
    "files = !ls\ny = 1",
    "a, b = %sql select 'x\ny = 1",
    "np.zeros?\ny = 1",
    "?np.zeros\ny = 1",
    "np.zeros??",
    "def f():\n    !ls\n    return 1",
    "%%time\nx = 1\ny = 2",
    "\n\n%%time\nx = 1",
    "%%bash\nfor for for",
    "%%html\n<b>'</b>",
    "x = (1\n% 2)\ny = 3",
    "x = 1 \\\n% 2\ny = 3",
    "s = '''\n%time x = 1\n!ls\n'''\ny = 1",
    's = """\n%%bash\n"""\ny = 1',
    "s = 'a\\\n%time b'\ny = 1",
    "y = 1  # ''' (\n%time z = 1",
    "s = '%d' % 3\ny = 1  # 'quote\n%time z = 1",
    "    x = 1\n    y = 2",
    "f(a,\n  b)[\n! 1]",
    "x = [\n  1, # ] not the end\n  2]\n%time y = 1",
    "x = 1\r\n%time y = 2\r\nz = 3",
    "await f()",
]


def bound(tree):
    """Return the names that the assignments of a tree bind."""
    return {
        n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }


@pytest.mark.parametrize("source", IPYTHON_CELLS, ids=repr)
def test_a_cell_that_ipython_accepts_is_read_and_one_that_it_refuses_is_not(source):
    ours = rules._as_python(source)
    try:
        theirs = ast.parse(TransformerManager().transform_cell(source))
    except SyntaxError:
        with pytest.raises(SyntaxError):
            ast.parse(ours)
        return
    tree = ast.parse(ours)
    timed = {"x", "y", "z"} if "%time" in source else set()  # IPython runs these from a string
    assert bound(theirs) <= bound(tree) <= bound(theirs) | timed
    if ours:
        assert ours.count("\n") == source.count("\n")
