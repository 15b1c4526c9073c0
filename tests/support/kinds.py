"""Assignments of many kinds, each with submissions and the scores that nbgrader alone gives.

``python -m benchmarks.stock`` asks nbgrader itself for these scores.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

KERNEL = {"name": "python3", "language": "python", "display_name": "Python 3"}
LANGUAGE = {"name": "python"}
STUB = "# YOUR CODE HERE\nraise NotImplementedError()"


@dataclass(frozen=True)
class Kind:
    """One notebook of the instructor, and submissions of it.

    Attributes
    ----------
    cells : dict of str to str
        Source by grade id. The id says what a cell is: ``a-...`` an answer, ``t-...`` a test of
        two points, ``m-...`` a manually graded text, ``k-...`` a task, all others are given.
    students : dict of str to dict
        Sources by grade id that differ from the instructor's, by student. None is the stub.
    scores : dict of str to list
        What nbgrader gives, by student, in the order of the graded cells.
    inside : set of str
        Tests that have to run inside.
    files : dict of str to bytes
    """

    cells: Mapping[str, str]
    students: Mapping[str, Mapping[str, str | None]]
    scores: Mapping[str, list[float | None]]
    inside: set[str] = field(default_factory=set)
    files: Mapping[str, bytes] = field(default_factory=dict)


_ALL = {
    "variables": Kind(
        {
            "data": "import csv\nwith open('data/rain.csv') as file:\n"
            "    rain = [float(row['mm']) for row in csv.DictReader(file)]",
            "a-total": "total = sum(rain)\nwettest = max(rain)",
            "t-total": "assert abs(total - 6.5) < 1e-9\n### BEGIN HIDDEN TESTS\n"
            "assert wettest == 4.0\n### END HIDDEN TESTS",
        },
        {
            "right": {},
            "visible": {"a-total": "total = sum(rain)\nwettest = 0"},
            "wrong": {"a-total": "total = 0"},
            "untouched": {"a-total": None},
        },
        {"right": [2], "visible": [0], "wrong": [0], "untouched": [0]},
        {"t-total"},
        {"data/rain.csv": b"mm\n2.5\n4.0\n"},
    ),
    "classes": Kind(
        {
            "a-account": "class Account:\n    def __init__(self):\n        self.balance = 0\n"
            "    def pay(self, amount):\n        if amount < 0:\n"
            "            raise ValueError('no')\n"
            "        self.balance += amount",
            "t-pay": "account = Account()\naccount.pay(3)\nassert account.balance == 3",
            "t-refuse": "try:\n    Account().pay(-1)\nexcept ValueError:\n    pass\n"
            "else:\n    raise AssertionError('a negative amount')",
        },
        {
            "right": {},
            "half": {
                "a-account": "class Account:\n    balance = 0\n    def pay(self, amount):\n"
                "        self.balance += amount"
            },
            "syntax": {"a-account": "class Account\n    pass"},
            "untouched": {"a-account": None},
        },
        {"right": [2, 2], "half": [2, 0], "syntax": [0, 0], "untouched": [0, 0]},
        {"t-pay", "t-refuse"},
    ),
    "arrays": Kind(
        {
            "imports": "import numpy as np\nfrom numpy.testing import assert_allclose",
            "a-scale": "def scale(x, *, factor=2.0):\n    return np.asarray(x) * factor",
            "t-scale": "assert_allclose(scale(np.arange(3), factor=3), [0, 3, 6])",
            "t-default": "assert_allclose(scale([1.0, 2.0]), [2.0, 4.0])",
        },
        {
            "right": {},
            "wrong": {"a-scale": "def scale(x, *, factor=2.0):\n    return np.asarray(x) * 2"},
            "untouched": {"a-scale": None},
        },
        {"right": [2, 2], "wrong": [0, 2], "untouched": [0, 0]},
    ),
    "partial": Kind(
        {
            "a-roots": "def roots(n):\n    return [i ** 0.5 for i in range(n)]",
            "t-roots": "points = 0\nif len(roots(3)) == 3:\n    points += 0.5\n"
            "### BEGIN HIDDEN TESTS\nif roots(5)[4] == 2:\n    points += 1.5\n"
            "### END HIDDEN TESTS\npoints",
        },
        {
            "right": {},
            "part": {"a-roots": "def roots(n):\n    return [0] * n"},
            "nothing": {"a-roots": "def roots(n):\n    return []"},
            "untouched": {"a-roots": None},
        },
        {"right": [2], "part": [0.5], "untouched": [0]},
        {"t-roots"},
    ),
    "patches": Kind(
        {
            "a-squares": "def squares(n):\n    return [i ** 2 for i in range(1, n + 1)]",
            "a-sum": "def sum_of_squares(n):\n    return sum(squares(n))",
            "t-sum": "assert sum_of_squares(3) == 14",
            "t-uses": "saved = squares\ndel squares\ntry:\n    sum_of_squares(1)\n"
            "except NameError:\n    pass\nelse:\n    raise AssertionError('it uses no squares')\n"
            "finally:\n    squares = saved",
        },
        {
            "right": {},
            "alone": {"a-sum": "def sum_of_squares(n):\n    return n * (n + 1) * (2 * n + 1) // 6"},
            "untouched": {"a-squares": None, "a-sum": None},
        },
        {"right": [2, 2], "alone": [2, 0], "untouched": [0, 0]},
        {"t-uses"},
    ),
    "generators": Kind(
        {
            "a-even": "def even():\n    n = 0\n    while True:\n        yield n\n        n += 2",
            "t-even": "from itertools import islice\nassert list(islice(even(), 3)) == [0, 2, 4]",
        },
        {
            "right": {},
            "list": {"a-even": "def even():\n    return [0, 2, 4, 6]"},
            "untouched": {"a-even": None},
        },
        {"right": [2], "list": [2], "untouched": [0]},
        {"t-even"},
    ),
    "printing": Kind(
        {
            "a-greet": "def greet(name):\n    print(f'Hello, {name}!')",
            "t-greet": "import io\nfrom contextlib import redirect_stdout\nout = io.StringIO()\n"
            "with redirect_stdout(out):\n    greet('Ada')\n"
            "assert out.getvalue() == 'Hello, Ada!\\n'",
        },
        {
            "right": {},
            "wrong": {"a-greet": "def greet(name):\n    print(name)"},
            "untouched": {"a-greet": None},
        },
        {"right": [2], "wrong": [0], "untouched": [0]},
        set(),
    ),
    "magics": Kind(
        {
            "shell": "%%bash\necho 3 > number.txt",
            "help": "len?\n%time 1 + 1",
            "a-number": "names = !ls\nnumber = int(open('number.txt').read())",
            "t-number": "assert number == 3\nassert 'number.txt' in names",
            "t-magic": "%precision 3\nassert number == 3",
            "m-why": "Because the shell wrote it.",
        },
        {
            "right": {"m-why": "I think so."},
            "wrong": {"a-number": "number = 4", "m-why": None},
            "untouched": {"a-number": None, "m-why": None},
        },
        {"right": [2, 2, None], "wrong": [0, 0, 0], "untouched": [0, 0, 0]},
        {"t-number", "t-magic"},
    ),
    "plots": Kind(
        {
            "imports": "%matplotlib inline\nimport matplotlib.pyplot as plt",
            "a-plot": "plt.plot([1, 2, 3])\nplt.title('Growth')\nax = plt.gca()",
            "t-plot": "assert ax.get_title() == 'Growth'\nassert len(ax.lines) == 1",
        },
        {
            "right": {},
            "wrong": {"a-plot": "plt.plot([1])\nax = plt.gca()"},
            "untouched": {"a-plot": None},
        },
        {"right": [2], "wrong": [0], "untouched": [0]},
        {"t-plot"},
    ),
    "files": Kind(
        {
            "a-save": "with open('squares.txt', 'w') as file:\n"
            "    file.write(' '.join(str(i ** 2) for i in range(4)))",
            "a-load": "def load(path):\n    with open(path) as file:\n"
            "        return [int(word) for word in file.read().split()]",
            "t-save": "with open('squares.txt') as file:\n    assert file.read() == '0 1 4 9'",
            "t-load": "assert load('given.txt') == [1, 2]",
        },
        {
            "right": {},
            "wrong": {"a-save": "open('squares.txt', 'w').close()"},
            "untouched": {"a-save": None, "a-load": None},
        },
        {"right": [2, 2], "wrong": [0, 2], "untouched": [0, 0]},
        {"t-save"},
        {"given.txt": b"1 2"},
    ),
    "pandas": Kind(
        {
            "data": "import pandas as pd\nrain = pd.DataFrame({'day': [1, 2], 'mm': [2.5, 4.0]})",
            "a-wet": "wet = rain[rain.mm > 3]",
            "t-wet": "assert isinstance(wet, pd.DataFrame)\nassert list(wet.day) == [2]",
        },
        {"right": {}, "wrong": {"a-wet": "wet = rain"}, "untouched": {"a-wet": None}},
        {"right": [2], "wrong": [0], "untouched": [0]},
        {"t-wet"},
    ),
    "manual": Kind(
        {"m-essay": "A long essay.", "a-free": "x = 1", "k-plot": "Plot x in a cell below."},
        {"right": {"m-essay": "My essay."}, "untouched": {"m-essay": None}},
        {"right": [None], "untouched": [0]},
    ),
}


KINDS = {
    name: kind for name, kind in _ALL.items() if name != "pandas" or importlib.util.find_spec(name)
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
