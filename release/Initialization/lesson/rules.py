"""The five rules for a submission, checked on the saved notebook.

1. no extra ``print`` calls in graded cells,
2. no extra code cells,
3. no changed function parameters,
4. no global variables inside graded functions,
5. no changes where none are asked for.

``python -m lesson.rules NOTEBOOK`` and `report` print what they find, `check_notebook` returns it
for a file, and `check_cells` for a notebook in memory. Nothing in the notebook is run.
"""

import argparse
import ast
import builtins
import hashlib
import json
import re
import symtable
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from IPython.core.inputtransformer2 import TransformerManager

from lesson import kernel
from lesson.causes import shorten
from lesson.files import read_table, translate
from lesson.results import newest_result

_TABLE = read_table("rules.toml")
RULES, SENTENCES = _TABLE["rules"], _TABLE["sentences"]
_OF_LOCKED_CELLS = ("missing-cell", "repeated-cell", "no-code-cell", "changed-cell")
GRADED_FUNCTIONS = {f"initialize-{one}": f"initialize_parameters_{one}" for one in kernel.EXERCISES}
TEST_CELLS = [f"test-{one}" for one in kernel.EXERCISES]
MAX_VIOLATIONS_PER_RULE = 10  # the others come to light when the first ones are corrected

_GRADE_IDS = (*GRADED_FUNCTIONS, *TEST_CELLS)
_PRINTERS = {"print", "builtins.print", "pprint", "pprint.pprint", "pprint.pp", "display"}
_PRINTERS |= {f"sys.{stream}.write" for stream in ("stdout", "stderr")}
# What can define names that do not stand in the code.
_UNSEEN_NAMES = re.compile(
    r"^\s*%+(run|pylab|store|macro|capture|rerun|edit)\b|\bimport +\*|\bexec\b", re.MULTILINE
)
# Magics in front of Python that runs in the notebook.
_TIMING = re.compile(r"\A(\s*)%%(?:capture|prun|time|timeit)\b.*|^([ \t]*)%time[ \t]+(?=\S)", re.M)


@dataclass(frozen=True)
class RuleViolation:
    """One thing to change before the notebook is submitted."""

    code: str  # a key of `SENTENCES`
    cell: str = "notebook"  # grade id, or words such as "code cell 7"
    line: int | None = None  # within the cell, from 1; None if there is no single one
    fields: dict[str, object] = field(default_factory=dict)  # values for the sentence

    @property
    def rule(self) -> str:
        """The rule that is broken, a key of `RULES`."""
        return "changed-locked-cell" if self.code in _OF_LOCKED_CELLS else self.code

    @property
    def message(self) -> str:
        """What was found, and what to do."""
        return SENTENCES[self.code].format(**self.fields)

    def __str__(self) -> str:
        place = _in_words(self.cell)
        if self.line is not None:
            place = f"{place}, line {self.line}"
        fields = {name: _in_words(value) for name, value in self.fields.items()}
        message = translate(self.code, SENTENCES[self.code]).format(**fields)
        text = f"{place}: {translate(self.rule, RULES[self.rule])}. {message}"
        return "".join(one if one.isprintable() else "?" for one in text)


def _in_words(value: object) -> str:
    """A value of a field: it can be the name of a cell such as code cell 7."""
    template = re.sub(r"\d+", "{number}", str(value), count=1)
    number = re.search(r"\d+|$", str(value))[0]
    return translate("value", template).replace("{number}", number)


def report(path: str | Path = "Initialization.ipynb") -> list[RuleViolation]:
    """Print what has to change in the saved notebook, or that it is ready to submit.

    If feedback on an earlier submission was fetched, its result follows.

    Parameters
    ----------
    path : str or Path
        The notebook file.

    Returns
    -------
    list of RuleViolation
        What was printed; empty if the notebook is ready.
    """
    path = Path(path)
    violations = check_notebook(path)
    all_right = True  # as far as it is known
    if path.is_file():
        minutes = max(0, int((time.time() - path.stat().st_mtime) / 60))
        print(
            f"Read {path.name}, saved {minutes} min ago. "
            "If you changed something since, save with Ctrl+S and run this again."
        )
    if kernel.shell() and not any(one.code == "damaged" for one in violations):
        cells = _answers(_cells(_read(path)))
        sources = {GRADED_FUNCTIONS[one]: cell.source for one, cell in cells.items()}
        all_right = kernel.report_tests(sources)
    if violations:
        print(f"To change before you submit: {len(violations)}")
        for number, violation in enumerate(violations, start=1):
            print(f"{number:3}. {violation}")
    elif all_right:
        print("Ready to submit: the saved notebook keeps all five rules.")
    else:
        print("The saved notebook keeps all five rules.")
    if result := newest_result(path):
        print(f"\n{result}")
    return violations


def check_notebook(path: str | Path) -> list[RuleViolation]:
    """Check a saved notebook file."""
    try:
        notebook = _read(path)
        answers = _answers(_cells(notebook))
        untouched = [one for one, cell in answers.items() if cell.is_as_released()]
        return [RuleViolation("unsaved", one) for one in untouched] + check_cells(notebook)
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        return [RuleViolation("damaged", fields={"path": Path(path).absolute(), "reason": reason})]


def _read(path: str | Path) -> dict:
    return json.loads(Path(path).read_text(encoding="utf-8-sig"))


def check_cells(notebook: dict) -> list[RuleViolation]:
    """Check a notebook that has been parsed already.

    Parameters
    ----------
    notebook : dict
        The notebook in nbformat 4. Of its cells, type, source, id, tags, and the settings of
        nbgrader count.

    Returns
    -------
    list of RuleViolation
        At most `MAX_VIOLATIONS_PER_RULE` for each rule, in the order of `RULES`.
    """
    cells = _cells(notebook)
    answers = _answers(cells)
    parsed = {cell: _parse(cell.source) for cell in cells if cell.is_code}
    names = _Names(parsed)
    found: list[RuleViolation] = []
    if any(cell.settings and cell.grade_id in _GRADE_IDS for cell in cells):
        found += _check_frame(cells, answers)
    else:
        found.append(RuleViolation("other-notebook"))
    for grade_id, cell in answers.items():
        if cell.is_code:
            found += _check_answer(cell, parsed[cell], GRADED_FUNCTIONS[grade_id], names)
    by_rule = ([one for one in found if one.rule == rule] for rule in RULES)
    return [one for same in by_rule for one in same[:MAX_VIOLATIONS_PER_RULE]]


# ----- cells --------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Cell:
    """What the rules need of a cell."""

    cell_type: str
    is_code: bool
    source: str
    settings: dict  # of nbgrader
    grade_id: str
    position: str
    is_playground: bool

    @property
    def roles(self) -> tuple[bool, bool, bool]:
        """Whether it is graded, a solution, and locked, as nbgrader sees it."""
        grade, solution = (self.settings.get(role, False) for role in ("grade", "solution"))
        return grade, solution, not solution and (grade or self.settings.get("locked", False))

    @property
    def is_locked(self) -> bool:
        """Whether the student was asked to leave the cell alone."""
        return self.grade_id in TEST_CELLS or self.roles[2]

    def is_as_released(self) -> bool | None:
        """Compare with nbgrader's checksum of the release; None if there is none."""
        expected = self.settings.get("checksum")
        parts = [self.source, self.cell_type, *self.roles, self.grade_id]
        if self.roles[0]:
            parts.append(float(self.settings.get("points", 0)))
        text = "".join(map(str, parts)).encode(errors="surrogatepass")
        return expected and expected == hashlib.md5(text, usedforsecurity=False).hexdigest()

    def defines(self, function: str) -> bool:
        pattern = rf"^[ \t]*(?:(?:async +)?def +{function} *\(|{function} *(?::[^=\n]*)?=(?!=))"
        return self.is_code and re.search(pattern, self.source, re.MULTILINE) is not None


def _cells(notebook: dict) -> list[_Cell]:
    cells, code_cells = [], 0
    for number, raw in enumerate(notebook["cells"], start=1):
        metadata = raw.get("metadata", {})
        settings = metadata.get("nbgrader", {})
        grade_id = settings.get("grade_id", "")
        if not settings and raw.get("id") in _GRADE_IDS:
            grade_id = raw["id"]  # a program dropped the settings
        is_code = raw["cell_type"] == "code"
        code_cells += is_code
        position = f"code cell {code_cells}" if is_code else f"cell {number}"
        source = "".join(raw["source"]).replace("\r\n", "\n").replace("\r", "\n")
        kind, is_playground = raw["cell_type"], "playground" in metadata.get("tags", [])
        cells.append(_Cell(kind, is_code, source, settings, grade_id, position, is_playground))
    return cells


def _answers(cells: list[_Cell]) -> dict[str, _Cell]:
    """Return the cell of each exercise; of several, the last changed one with the function."""
    answers = {}
    for grade_id, function in GRADED_FUNCTIONS.items():
        marked = [cell for cell in cells if cell.grade_id == grade_id]
        candidates = (
            [cell for cell in marked if cell.defines(function) or cell.is_as_released()]
            # Without any mark a cell is known by the function that it defines.
            or [c for c in cells if c.defines(function) and c.grade_id not in GRADED_FUNCTIONS]
            or marked
        )
        if candidates:
            changed = [cell for cell in candidates if not cell.is_as_released()]
            answers[grade_id] = (changed or candidates[:1])[-1]
    return answers


def _check_frame(cells: list[_Cell], answers: dict[str, _Cell]) -> Iterator[RuleViolation]:
    """Find cells that are missing, repeated, changed, or the student's own."""
    places = defaultdict(list)
    for cell in cells:
        places[cell.grade_id].append(cell)
        if cell.grade_id in GRADED_FUNCTIONS and not cell.is_code:
            yield RuleViolation("no-code-cell", cell.grade_id)
        elif cell.is_locked and cell.is_as_released() is False:
            fields = {"position": cell.position}
            yield RuleViolation("changed-cell", cell.grade_id or cell.position, fields=fields)
        has_place = cell.grade_id in _GRADE_IDS or any(cell.roles) or cell in answers.values()
        if cell.is_code and not has_place and not cell.is_playground and cell.source.strip():
            fields = {"text": _quoted(cell.source.lstrip())}
            yield RuleViolation("extra-cell", cell.position, fields=fields)
    for grade_id in _GRADE_IDS:
        if grade_id not in places and grade_id not in answers:
            yield RuleViolation("missing-cell", grade_id)
    for grade_id, same in places.items():
        if grade_id and len(same) > 1:
            fields = {"count": len(same), "first": same[0].position, "second": same[1].position}
            yield RuleViolation("repeated-cell", grade_id, fields=fields)


def _quoted(source: str, line: int | None = 1) -> str:
    lines = source.split("\n")
    return shorten(lines[min(line or 1, len(lines)) - 1], 70)


# ----- the code of an answer ----------------------------------------------------------------------

_Code = tuple[ast.Module, symtable.SymbolTable]  # the scope that Python gives to each name


@lru_cache(maxsize=128)  # most cells are those of the assignment, in each notebook
def _parse(source: str) -> _Code | SyntaxError:
    """Parse a cell as IPython would; a cell that cannot be parsed gives the error."""
    python = _TIMING.sub(r"\1\2", source)
    blank_lines = re.match(r"(?:[ \t]*\n)*", python)[0].count("\n")  # IPython drops them
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            python = "\n" * blank_lines + TransformerManager().transform_cell(python)
            tree = ast.parse(python)
            # Only the compiler finds a `return` outside of a function.
            compile(tree, "cell", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
            # Annotations then stay text, and use no names. The lines move down by one.
            later = f"from __future__ import annotations\n{python}"
            return tree, symtable.symtable(later, "cell", "exec")
    except SyntaxError as error:
        return error
    except (ValueError, RuntimeError, MemoryError) as error:
        return SyntaxError(str(error) or type(error).__name__)


class _Names:
    """What the cells of a notebook define for each other."""

    def __init__(self, parsed: dict[_Cell, _Code | SyntaxError]) -> None:
        self.given = {*dir(builtins), "get_ipython", "display"} - {"globals"}
        self.variables = {"globals"}
        readable = [code for code in parsed.values() if not isinstance(code, SyntaxError)]
        unseen = any(_UNSEEN_NAMES.search(cell.source) for cell in parsed)
        self.are_complete = len(readable) == len(parsed) and not unseen
        for tree, table in readable:
            for symbol in table.get_symbols():
                if symbol.is_namespace() or symbol.is_imported():
                    self.given.add(symbol.get_name())
                elif symbol.is_assigned() or symbol.is_declared_global():
                    self.variables.add(symbol.get_name())
            for node in tree.body:
                if isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda):
                    self.given |= {one.id for one in node.targets if isinstance(one, ast.Name)}


def _check_answer(
    cell: _Cell, code: _Code | SyntaxError, function: str, names: _Names
) -> Iterator[RuleViolation]:
    def found(rule: str, line: int | None, **fields: str) -> RuleViolation:
        fields |= {"text": _quoted(cell.source, line), "function": function}
        return RuleViolation(rule, cell.grade_id or cell.position, line, fields)

    if isinstance(code, SyntaxError):
        yield found("syntax-error", code.lineno, reason=code.msg)
        return
    tree, table = code
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    for line in sorted(one.lineno for one in calls if ast.unparse(one.func) in _PRINTERS):
        yield found("extra-print", line)

    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    functions = [one for one in ast.walk(tree) if isinstance(one, kinds)]
    scopes = {scope.get_lineno() - 1: scope for scope in table.get_children()}
    definitions = [one for one in functions if one.name == function and one.lineno in scopes]
    if definitions:
        definition = max(definitions, key=lambda one: one.lineno)
        has = definition.args
        others = (has.posonlyargs, has.vararg, has.kwonlyargs, has.kwarg, has.defaults)
        if [one.arg for one in has.args] != ["layers_dims"] or any(others):
            yield found("changed-parameters", definition.lineno)
        for name, line in _names_from_outside(definition, scopes[definition.lineno], names):
            yield found("global-variable", line, name=name)
    elif function not in table.get_identifiers():  # which could be bound in another way
        yield found("changed-parameters", functions[0].lineno if functions else None)


def _names_from_outside(
    definition: ast.FunctionDef, scope: symtable.SymbolTable, names: _Names
) -> list[tuple[str, int]]:
    """The global names that a function uses, each with its first line."""
    scopes = [scope]
    for one in scopes:
        scopes += one.get_children()
    symbols = [symbol for one in scopes for symbol in one.get_symbols() if symbol.is_global()]
    declared = {symbol.get_name() for symbol in symbols if symbol.is_declared_global()}
    used = {symbol.get_name() for symbol in symbols} - names.given
    if not names.are_complete:
        used &= names.variables
    lines: dict[str, int] = {}
    for node in ast.walk(definition):
        for name in (getattr(node, "id", ""), *getattr(node, "names", ())):
            if name in declared | used:
                lines[name] = min(node.lineno, lines.get(name, node.lineno))
    return sorted(lines.items(), key=lambda item: item[1])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m lesson.rules", description="Check a saved notebook against the five rules."
    )
    parser.add_argument("notebook", nargs="?", default="Initialization.ipynb")
    sys.exit(1 if report(parser.parse_args().notebook) else 0)
