"""Sources that are hard on Python's parser, and a program that looks at them as grading does.

`test_run.py` runs it in a process of its own, because a parser that fails takes its process
along.
"""

from lesson.rules import check_cells

N = 5_000
SOURCES = [
    # Deep, closed and open
    "(" * N + ")" * N,
    "(" * N,
    "[" * 90 + "a b" + "]" * 90,
    "x[" * N + "0" + "]" * N,
    'f"' + "{x:" * N + "}" * N + '"',
    "def f():\n return " + "(yield " * 180 + ")" * 180,
    "match x:\n case " + "[" * N + "]" * N + ": pass",
    "".join(" " * depth + "if 1:\n" for depth in range(150)),
    # Chains
    "-" * N + "1",
    "not " * N + "1",
    "lambda: " * N + "1",
    "1 if 1 else " * N + "1",
    "x" + "**x" * N,
    "x" + " + x" * N,
    "x" + " < x" * N,
    "x" + ".a" * N,
    "f" + "()" * N,
    "x = " * N + "1",
    "x;" * N,
    "if x: pass" + "\nelif x: pass" * N,
    "[x " + "for x in y " * N + "]",
    "@x\n" * N + "def f(): pass",
    "def f(" + ", ".join(f"a{number}" for number in range(N)) + "): pass",
    # Literals
    'f"' + "{x}" * N + '"',
    "'a' " * N,
    "'" + "\\N{DIGIT ONE}" * N + "'",
    "9" * 90_000,
    "x = " + "*".join(["0x" + "f" * 4_000] * 20),
    # Constants that must not be computed
    "'a' * 4000 * 4000 * 4000",
    "1 << 10 ** 9",
    "9 ** 9 ** 9",
    "'%9999999999d' % 1",
    # Characters, lines, and what only IPython understands
    "\x00",
    "\ud800",
    "\ufeff" * N,
    "\f" * N,
    "\\\n" * N,
    "x?\n" * 100,
    "%time " * N,
    "!" * N,
]

if __name__ == "__main__":
    for source in SOURCES:
        settings = {"grade_id": "initialize-zeros", "solution": True}
        cell = {"cell_type": "code", "source": source, "metadata": {"nbgrader": settings}}
        check_cells({"cells": [cell]})
    print("done")
