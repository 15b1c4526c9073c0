"""The five rules for a submission, checked on the saved notebook.

1. no extra ``print`` calls in graded cells,
2. no extra code cells,
3. no changed function parameters,
4. no global variables inside graded functions,
5. no changes where none are asked for.

`report` prints what it finds, `check_notebook` returns it for a file, and `check_cells` for a
notebook that is in memory already.  The code of the notebook is read, never run, and nothing but
Python's standard library is needed.
"""

from __future__ import annotations

import ast
import builtins
import codecs
import dis
import hashlib
import json
import re
import symtable
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from textwrap import dedent
from types import CodeType

from lesson.results import newest_result

RULES = {
    "damaged": "The file must be the assignment's notebook",
    "other-notebook": "This is not the notebook that was handed out",
    "unsaved": "Only what is saved gets submitted",
    "syntax-error": "Graded cells must be valid Python",
    "extra-print": "No extra print calls in graded cells",
    "extra-cell": "No extra code cells",
    "changed-parameters": "No changed function parameters",
    "global-variable": "No global variables inside graded functions",
    "changed-locked-cell": "No changes where none are asked for",
}
GRADED_FUNCTIONS = {
    "initialize-zeros": "initialize_parameters_zeros",
    "initialize-random": "initialize_parameters_random",
    "initialize-he": "initialize_parameters_he",
}
TEST_CELLS = ("test-zeros", "test-random", "test-he")
PARAMETERS = "layers_dims"
PLAYGROUND = "playground"

# Far above any honest notebook; they keep the time and memory for a hostile one small.
MAX_FILE_BYTES = 50_000_000
MAX_CODE_CHARACTERS = 100_000
MAX_VIOLATIONS_PER_RULE = 10

_FRESH_COPY = "copy your three functions into a fresh copy of the notebook"
_PRINTERS = {
    "print",
    "builtins.print",
    "pprint.pprint",
    "pprint.pp",
    "sys.stdout.write",
    "sys.stdout.writelines",
    "sys.stderr.write",
    "display",
    "IPython.display.display",
}
# Names that every notebook has without defining them.
_GIVEN_NAMES = (frozenset(dir(builtins)) | {"get_ipython", "display"}) - {"globals"}
_IPYTHON_HISTORY = re.compile(r"_{1,3}|_i{1,3}|_i?\d+|_[ido]h|In|Out")


@dataclass(frozen=True)
class RuleViolation:
    """One thing to change before the notebook is submitted.

    Attributes
    ----------
    rule : str
        Short, stable code: a key of `RULES`.
    cell : str
        How a person finds the cell: its grade id, ``code cell 7``, or ``notebook``.
    line : int or None
        Line within the cell, counted from 1; None if the violation has no single line.
    message : str
        What was found, and what to do.
    """

    rule: str
    cell: str
    line: int | None
    message: str

    def __str__(self) -> str:
        place = self.cell if self.line is None else f"{self.cell}, line {self.line}"
        return f"{place}: {RULES[self.rule]}. {self.message}"


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
    violations = check_notebook(path)
    if saved := _saved(path):
        print(
            f"Read {_shown(Path(path).name)}, saved {saved}. "
            "If you changed something since, save with Ctrl+S and run this again."
        )
    if _has_byte_order_mark(path):
        print(
            "Note: the file starts with a byte order mark, which Jupyter does not write. "
            "Open it in Jupyter and save it with Ctrl+S."
        )
    if violations:
        things = "1 thing" if len(violations) == 1 else f"{len(violations)} things"
        print(f"{things} to change before you submit:")
        for number, violation in enumerate(violations, start=1):
            print(f"{number:3}. {violation}")
    else:
        print("Ready to submit: the saved notebook keeps all five rules.")
    if result := newest_result(path):
        print(f"\n{result}")
    return violations


def check_notebook(path: str | Path) -> list[RuleViolation]:
    """Check a saved notebook file.

    Parameters
    ----------
    path : str or Path
        The notebook file.  A byte order mark at its start is accepted.

    Returns
    -------
    list of RuleViolation
        Empty if the notebook is ready to submit.  A file that cannot be read as a notebook gives
        one violation that says what to do.
    """
    try:
        notebook = _read(Path(path))
    except ValueError as error:
        return [RuleViolation("damaged", "notebook", None, str(error))]
    return _untouched_exercises(notebook) + check_cells(notebook)


def check_cells(notebook: dict) -> list[RuleViolation]:
    """Check a notebook that has been parsed already, whatever it contains.

    Parameters
    ----------
    notebook : dict
        The notebook in nbformat 4.  It is not trusted: any structure is accepted.

    Returns
    -------
    list of RuleViolation
        At most `MAX_VIOLATIONS_PER_RULE` for each rule, the last of which counts the rest.
    """
    cells = _cells(notebook)
    code_cells = [cell for cell in cells if cell.is_code]
    if sum(len(cell.source) for cell in code_cells) > MAX_CODE_CHARACTERS:
        message = (
            f"It holds more than {MAX_CODE_CHARACTERS:,} characters of code, far more than "
            f"the assignment, so it was not checked. Delete what does not belong, or {_FRESH_COPY}."
        )
        return [RuleViolation("damaged", "notebook", None, message)]

    parsed = {cell.number: _parse(cell.source) for cell in code_cells}
    context = _NotebookNames.of([parsed[cell.number] for cell in code_cells], code_cells)
    violations: list[RuleViolation] = []
    if any(cell.nbgrader.get("grade_id") in _OUR_MARKS for cell in cells):
        violations += _missing_or_repeated(cells) + _changed_locked(cells) + _extra_cells(cells)
    elif not _solutions(cells):
        message = (
            "None of its cells carries the marks of this assignment. It may be another notebook, "
            f"or a program that saved it dropped them: {_FRESH_COPY}."
        )
        violations.append(RuleViolation("damaged", "notebook", None, message))
    else:
        message = (
            "Its answers are found by the names of their functions; "
            "if it was meant to be that notebook, a program may have dropped its marks."
        )
        violations.append(RuleViolation("other-notebook", "notebook", None, message))

    for grade_id, cell in _solutions(cells).items():
        if cell.is_code:
            function = GRADED_FUNCTIONS[grade_id]
            violations += _check_graded(cell, parsed[cell.number], function, context)
    return _shortened(violations)


# ----- the file -----------------------------------------------------------------------------------


def _read(path: Path) -> dict:
    """Return the parsed notebook, or raise ValueError with words for the student."""
    try:
        if path.exists() and not path.is_file():
            raise ValueError(f"{_shown(path)} is not a file. Give the path of the notebook itself.")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ValueError(
                f"The file is larger than {MAX_FILE_BYTES // 1_000_000} MB. "
                "Clear the outputs (Edit > Clear Outputs of All Cells), save, and check again."
            )
        data = path.read_bytes()
    except FileNotFoundError:
        raise ValueError(
            f"There is no file {_shown(path)} in {_shown(Path.cwd(), 300)}. Save the notebook "
            "with Ctrl+S; if it has another name, give that name instead."
        ) from None
    except OSError as error:
        raise ValueError(
            f"{_shown(path)} cannot be read ({error.strerror}). Save the notebook with Ctrl+S, "
            "close other programs that use the file, and check again."
        ) from None
    if not data.strip():
        raise ValueError(
            "The file is empty. If the notebook is still open, save it with Ctrl+S; "
            "otherwise start from a fresh copy."
        )
    repair = f"If the notebook is still open, save it with Ctrl+S; otherwise {_FRESH_COPY}."
    try:
        notebook = json.loads(data.decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        raise ValueError(f"The file is damaged near its line {error.lineno}. {repair}") from None
    except (ValueError, RecursionError):
        raise ValueError(f"The file is damaged: it is not a notebook's text. {repair}") from None
    if isinstance(notebook, dict) and "worksheets" in notebook:
        raise ValueError(
            "The file has the format of a very old notebook. Open it in Jupyter, "
            "save it with Ctrl+S, and check again."
        )
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise ValueError(f"The file is not a notebook: it has no list of cells. {repair}")
    return notebook


def _saved(path: str | Path) -> str:
    """Say when the file was saved, such as ``14:05:10, 3 minutes ago``; empty if unknown."""
    try:
        if not Path(path).is_file():
            return ""
        saved = Path(path).stat().st_mtime
    except (OSError, ValueError):
        return ""
    minutes = max(0, int((time.time() - saved) // 60))
    if minutes >= 24 * 60:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(saved))
    ago = {0: "less than a minute", 1: "1 minute"}.get(minutes, f"{minutes} minutes")
    return f"{time.strftime('%H:%M:%S', time.localtime(saved))}, {ago} ago"


def _has_byte_order_mark(path: str | Path) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8
    except (OSError, ValueError):
        return False


def _untouched_exercises(notebook: dict) -> list[RuleViolation]:
    """Find the exercises that the saved file holds just as they were handed out.

    It is the sign of a notebook that was solved but not saved.
    """
    message = (
        "The saved file has this exercise as it was handed out. If you solved it, save the "
        "notebook with Ctrl+S and check again; if you left it out, it earns no points."
    )
    return [
        RuleViolation("unsaved", grade_id, None, message)
        for grade_id, cell in _solutions(_cells(notebook)).items()
        if cell.is_as_released()
    ]


# ----- cells and their marks ----------------------------------------------------------------------


@dataclass(frozen=True)
class _Cell:
    """The parts of a notebook cell that the rules need, whatever the file had in their place."""

    number: int
    position: str
    cell_type: str
    source: str
    nbgrader: dict
    grade_id: str
    is_playground: bool

    @property
    def label(self) -> str:
        if self.grade_id in _GRADE_IDS:
            return self.grade_id
        return f"{self.position} ({_shown(self.grade_id)})" if self.grade_id else self.position

    @cached_property
    def lines(self) -> list[str]:
        return _unix_lines(self.source).split("\n")

    @property
    def is_code(self) -> bool:
        return self.cell_type == "code"

    @property
    def is_marked(self) -> bool:
        """Whether the assignment gave the cell a role."""
        return self.grade_id in _GRADE_IDS or any(
            self.nbgrader.get(role) is True for role in ("grade", "solution", "locked")
        )

    @property
    def is_locked(self) -> bool:
        """Whether the student was asked to leave the cell alone (nbgrader.utils.is_locked)."""
        if self.grade_id in TEST_CELLS:
            return True
        return self.nbgrader.get("solution") is not True and (
            self.nbgrader.get("grade") is True or self.nbgrader.get("locked") is True
        )

    def is_as_released(self) -> bool | None:
        """Compare with the checksum of the release; None if there is none to compare with."""
        expected = self.nbgrader.get("checksum")
        if not isinstance(expected, str):
            return None
        # Some editors write Windows line ends; nobody changed the cell then.
        return expected in {
            self._checksum(source) for source in (self.source, self.source.replace("\r\n", "\n"))
        }

    def _checksum(self, source: str) -> str:
        """Return what nbgrader.utils.compute_checksum gives; empty if the marks are broken."""
        grade = self.nbgrader.get("grade", False)
        solution = self.nbgrader.get("solution", False)
        locked = not solution and (grade or self.nbgrader.get("locked", False))
        if not all(isinstance(mark, bool) for mark in (grade, solution, locked)):
            return ""
        parts = [source, self.cell_type, str(grade), str(solution), str(locked), self.grade_id]
        if grade:
            try:
                parts.append(str(float(self.nbgrader.get("points"))))
            except (TypeError, ValueError, OverflowError):
                return ""
        text = "".join(parts).encode("utf-8", errors="surrogatepass")
        return hashlib.md5(text, usedforsecurity=False).hexdigest()


_GRADE_IDS = (*GRADED_FUNCTIONS, *TEST_CELLS)
_OUR_MARKS = list(_GRADE_IDS)  # a list: a file may hold a grade id that cannot be hashed


def _cells(notebook: dict) -> list[_Cell]:
    raw_cells = notebook.get("cells") if isinstance(notebook, dict) else None
    cells, code_count = [], 0
    for number, raw in enumerate(raw_cells if isinstance(raw_cells, list) else []):
        if not isinstance(raw, dict):
            continue
        metadata = _as(dict, raw.get("metadata"))
        nbgrader = _as(dict, metadata.get("nbgrader"))
        grade_id = _as(str, nbgrader.get("grade_id"))
        if not nbgrader and raw.get("id") in list(_GRADE_IDS):
            grade_id = raw["id"]  # the marks were dropped, the cell is still known by its id
        cell_type = _as(str, raw.get("cell_type"))
        code_count += cell_type == "code"
        cells.append(
            _Cell(
                number=number,
                position=f"code cell {code_count}" if cell_type == "code" else f"cell {number + 1}",
                cell_type=cell_type,
                source=_text(raw.get("source")),
                nbgrader=nbgrader,
                grade_id=grade_id,
                is_playground=PLAYGROUND in _as(list, metadata.get("tags")),
            )
        )
    return cells


def _solutions(cells: list[_Cell]) -> dict[str, _Cell]:
    """Return the solution cell of each exercise; of several, the one that is graded.

    That is the last one that defines the function and in which something was changed. Without any
    mark a cell is known by the function that it defines.
    """
    graded: dict[str, _Cell] = {}
    for grade_id, function in GRADED_FUNCTIONS.items():
        marked = [cell for cell in cells if cell.grade_id == grade_id]
        defining = [cell for cell in cells if cell.is_code and _defines(cell.source, function)]
        candidates = (
            [cell for cell in marked if cell in defining or cell.is_as_released()]
            or [cell for cell in defining if cell.grade_id not in GRADED_FUNCTIONS]
            or marked
        )
        for cell in candidates:
            if grade_id not in graded or not cell.is_as_released():
                graded[grade_id] = cell
    return graded


def _defines(source: str, function: str) -> bool:
    """Whether a line defines the function where IPython finds the cell's first statement."""
    pattern = rf"^(?:async +)?def +{function} *\(|^{function} *(?::[^=\n]*)?=(?!=)"
    return re.search(pattern, _unindented(source), re.MULTILINE) is not None


def _unindented(source: str) -> str:
    """The cell without the indentation of its first line, which IPython takes away."""
    text = _unix_lines(source)
    indent = re.match(r"(?:[ \t]*+\n)*+([ \t]*+)", text)[1]
    return re.sub(rf"^{indent}", "", text, flags=re.MULTILINE) if indent else text


def _as(kind: type, value: object):
    """Return the value if it is of this kind, else an empty one."""
    return value if isinstance(value, kind) else kind()


def _text(source: object) -> str:
    """Join a cell's source, which a file may hold as one string or as a list of lines."""
    if isinstance(source, list):
        return "".join(line for line in source if isinstance(line, str))
    return _as(str, source)


# ----- rules about cells --------------------------------------------------------------------------


def _missing_or_repeated(cells: list[_Cell]) -> list[RuleViolation]:
    places: dict[str, list[_Cell]] = {}
    for cell in cells:
        if cell.grade_id:
            places.setdefault(cell.grade_id, []).append(cell)
    found = _solutions(cells)
    missing = [
        RuleViolation(
            "changed-locked-cell",
            grade_id,
            None,
            f"The cell is missing. Bring it back with Edit > Undo, or {_FRESH_COPY}.",
        )
        for grade_id in _GRADE_IDS
        if grade_id not in places and grade_id not in found
    ]
    repeated = [
        RuleViolation(
            "changed-locked-cell",
            same[0].label,
            None,
            f"Found this cell {len(same)} times, first as {same[0].position} and "
            f"{same[1].position}. Delete the copy; if you split the cell, merge its parts.",
        )
        for same in places.values()
        if len(same) > 1
    ]
    return missing + repeated


def _changed_locked(cells: list[_Cell]) -> list[RuleViolation]:
    violations = []
    for cell in cells:
        if cell.grade_id in GRADED_FUNCTIONS and not cell.is_code:
            message = "This is no longer a code cell. Select it, press Esc, then Y."
        elif cell.is_locked and cell.is_as_released() is False:
            message = (
                f"This cell ({cell.position}) is not as it was handed out. Take your change back "
                f"with Edit > Undo, or {_FRESH_COPY}."
            )
        else:
            continue
        violations.append(RuleViolation("changed-locked-cell", cell.label, None, message))
    return violations


def _extra_cells(cells: list[_Cell]) -> list[RuleViolation]:
    answers = list(_solutions(cells).values())
    return [
        RuleViolation(
            "extra-cell",
            cell.label,
            None,
            f"Found a code cell of your own that starts with `{_shown(cell.source.lstrip())}`. "
            "Delete it (Esc, then D twice), or move its code to a playground cell.",
        )
        for cell in cells
        if cell.is_code
        and cell not in answers
        and not cell.is_marked
        and not cell.is_playground
        and cell.source.strip()
    ]


# ----- rules about the code of a graded cell ------------------------------------------------------

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_SCOPES = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.Lambda,
    ast.ClassDef,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
)


@dataclass(frozen=True)
class _Code:
    """The code of one cell: its syntax tree, and the scope that Python gives to each name."""

    tree: ast.Module
    table: symtable.SymbolTable

    @cached_property
    def names(self) -> _NotebookNames:
        """What this cell alone defines."""
        provided, variables, aliases, complete = set(), set(), {}, True
        for symbol in self.table.get_symbols():
            if symbol.is_namespace():
                provided.add(symbol.get_name())
                # A function of the notebook may hide a built-in one, `display` say.
                aliases[symbol.get_name()] = ""
            elif symbol.is_imported():
                provided.add(symbol.get_name())
            elif symbol.is_assigned() or symbol.is_declared_global():
                variables.add(symbol.get_name())
        for node in _own_nodes(self.tree):
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda):
                provided.update(t.id for t in node.targets if isinstance(t, ast.Name))
        for node in ast.walk(self.tree):
            aliases.update(_imported_names(node))
            if (isinstance(node, ast.ImportFrom) and node.names[0].name == "*") or (
                isinstance(node, ast.Name) and node.id == "exec"
            ):
                complete = False
        return _NotebookNames(frozenset(provided), frozenset(variables), aliases, complete)


@lru_cache(maxsize=128)  # most cells are those of the assignment, in each notebook
def _parse(source: str) -> _Code | SyntaxError:
    """Parse a cell as IPython would; a cell that cannot be parsed gives the error."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            python = _as_python(source)
            tree = _without_finally(ast.parse(python))
            # Only the compiler finds a `return` outside of a function.
            compile(tree, "cell", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
            return _Code(tree, symtable.symtable(python, "cell", "exec"))
    except SyntaxError as error:
        return error
    except (RecursionError, MemoryError):
        return SyntaxError("it is nested too deeply")
    except ValueError:
        return SyntaxError("it has characters that Python does not accept")


def _without_finally(tree: ast.Module) -> ast.Module:
    """Turn each `finally` into an `except`, which has the same names.

    The compiler copies a `finally` to every way out of its `try`, and needs gigabytes for some of
    them within another.
    """
    for node in ast.walk(tree):
        if getattr(node, "finalbody", []):
            body = node.body
            if node.handlers:
                body = [ast.copy_location(type(node)(body, node.handlers, node.orelse, []), node)]
            anything = ast.copy_location(ast.Name("Exception", ast.Load()), node)
            handler = ast.copy_location(ast.ExceptHandler(anything, None, node.finalbody), node)
            node.body, node.handlers, node.orelse, node.finalbody = body, [handler], [], []
    return tree


@dataclass(frozen=True)
class _NotebookNames:
    """What the cells of the notebook define for each other.

    `provided` are imports, functions and classes; `variables` is everything else.  `complete` is
    False if the code may define names that do not stand in it.
    """

    provided: frozenset[str]
    variables: frozenset[str]
    aliases: dict[str, str]
    complete: bool

    @classmethod
    def of(cls, parsed: list[_Code | SyntaxError], cells: list[_Cell]) -> _NotebookNames:
        found = [code.names for code in parsed if isinstance(code, _Code)]
        complete = len(found) == len(parsed) and not any(
            _DEFINING_MAGIC.search(cell.source) for cell in cells
        )
        return cls(
            frozenset().union(*(names.provided for names in found)),
            frozenset().union(*(names.variables for names in found)),
            {alias: name for names in found for alias, name in names.aliases.items()},
            complete and all(names.complete for names in found),
        )


def _check_graded(
    cell: _Cell, code: _Code | SyntaxError, function: str, notebook: _NotebookNames
) -> list[RuleViolation]:
    if isinstance(code, SyntaxError):
        text = _line(cell, code.lineno)
        where = f"`{text}`" if text else "this cell"
        message = (
            f"Python cannot read {where}: {_shown(code.msg)}. "
            "Correct this line or the one before it, run the cell, and save."
        )
        return [RuleViolation("syntax-error", cell.label, code.lineno, message)]
    definition = _definition(code.tree, function)
    violations = _prints(cell, code.tree, notebook) + _parameters(cell, code, function, definition)
    if definition is not None:
        violations += _globals(cell, function, definition, notebook)
    return violations


def _prints(cell: _Cell, tree: ast.Module, notebook: _NotebookNames) -> list[RuleViolation]:
    aliases = dict(notebook.aliases)
    assignments = [node for node in ast.walk(tree) if isinstance(node, ast.Assign)]
    for node in sorted(assignments, key=lambda node: node.lineno):
        original = _dotted(node.value, aliases)
        aliases.update({t.id: original for t in node.targets if isinstance(t, ast.Name)})
    lines = sorted(
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _dotted(node.func, aliases) in _PRINTERS
    )
    return [
        RuleViolation(
            "extra-print",
            cell.label,
            line,
            f"Found `{_line(cell, line)}`. Delete the print; a playground cell is the place "
            "to look at values.",
        )
        for line in lines
    ]


def _imported_names(node: ast.AST) -> dict[str, str]:
    """Return what an import statement calls which thing: ``{"pp": "pprint.pprint"}``."""
    if isinstance(node, ast.Import):
        # `import a.b` binds `a`.
        packages = {n.name.split(".")[0] for n in node.names if not n.asname}
        return {p: p for p in packages} | {n.asname: n.name for n in node.names if n.asname}
    if isinstance(node, ast.ImportFrom):
        return {n.asname or n.name: f"{node.module}.{n.name}" for n in node.names}
    return {}


def _dotted(node: ast.expr, aliases: dict[str, str]) -> str:
    """Return the full name that an expression such as ``sys.stdout.write`` stands for."""
    attributes = []
    while isinstance(node, ast.Attribute):
        attributes.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([aliases.get(node.id, node.id), *reversed(attributes)])


def _definition(tree: ast.Module, function: str) -> _Function | None:
    """Return the last definition of the function in the cell: the one that counts."""
    found: list[_Function] = []
    for node in _own_nodes(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) if name == function:
                found.append(node)
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Lambda()) if name == function:
                found.append(node.value)
    return max(found, key=lambda node: node.lineno, default=None)


def _parameters(
    cell: _Cell, code: _Code, function: str, definition: _Function | None
) -> list[RuleViolation]:
    rule = "changed-parameters"
    if definition is None:
        if _is_bound(code.table, function):
            return []  # bound in a way whose parameters the code does not show
        others = [node for node in code.tree.body if isinstance(node, ast.FunctionDef)]
        what = f"Found `{_shown(others[-1].name)}`, expected" if others else "The cell lacks"
        line = others[-1].lineno if others else None
        message = (
            f"{what} `{function}({PARAMETERS})`. Give the function this name again: "
            "the tests call it by its name."
        )
        return [RuleViolation(rule, cell.label, line, message)]
    arguments = definition.args
    plain = not (
        arguments.posonlyargs
        or arguments.vararg
        or arguments.kwonlyargs
        or arguments.kwarg
        or arguments.defaults
    )
    if plain and [argument.arg for argument in arguments.args] == [PARAMETERS]:
        return []
    message = (
        f"Found `{function}({_unparsed(arguments)})`, expected `{function}({PARAMETERS})`. "
        f"Put the one parameter `{PARAMETERS}` back, without a default value; "
        "other values belong in the body of the function."
    )
    return [RuleViolation(rule, cell.label, definition.lineno, message)]


def _unparsed(arguments: ast.arguments) -> str:
    try:
        return _shown(ast.unparse(arguments))
    except RecursionError:
        return "..."


def _is_bound(table: symtable.SymbolTable, name: str) -> bool:
    try:
        symbol = table.lookup(name)
    except KeyError:
        return False
    return symbol.is_assigned() or symbol.is_imported() or symbol.is_declared_global()


def _globals(
    cell: _Cell, function: str, definition: _Function, notebook: _NotebookNames
) -> list[RuleViolation]:
    violations = []
    uses, declared = _global_uses(definition), set()
    for node in ast.walk(definition):
        if isinstance(node, ast.Global):  # a declaration has no instruction
            declared.update(node.names)
            uses |= {name: min(node.lineno, uses.get(name, node.lineno)) for name in node.names}
    for name, line in sorted(uses.items(), key=lambda use: (use[1], use[0])):
        if name not in declared and (name in _GIVEN_NAMES or name in notebook.provided):
            continue
        shown, text = _shown(name), _line(cell, line)
        remedy = f"Use the parameter `{PARAMETERS}`, or give it a value inside `{function}`."
        if name == "globals":
            what = f"`{text}` reaches for the variables of the notebook"
            remedy = f"Use the parameter `{PARAMETERS}` instead."
        elif name in declared or name in notebook.variables or _IPYTHON_HISTORY.fullmatch(name):
            what = f"`{shown}` in `{text}` is a variable of the notebook"
        elif notebook.complete:
            what = f"The name `{shown}` in `{text}` is not defined anywhere"
            remedy = f"Check its spelling, or give it a value inside `{function}`."
        else:
            continue
        violations.append(RuleViolation("global-variable", cell.label, line, f"{what}. {remedy}"))
    return violations


def _global_uses(definition: _Function) -> dict[str, int]:
    """Map each global name that a function uses to the line where it first stands.

    The compiled instructions say it. Those of decorators and default values stand around the
    function; annotations have none, because they stay text.
    """
    flags = annotations.compiler_flag | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    is_lambda = isinstance(definition, ast.Lambda)
    alone = ast.Expression(definition) if is_lambda else ast.Module([definition], [])
    try:
        waiting = [compile(alone, "cell", "eval" if is_lambda else "exec", flags, True)]
    except SyntaxError:  # of an annotation that must not be text
        return {}
    uses: dict[str, int] = {}
    while waiting:
        code = waiting.pop()
        waiting += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
        instructions = list(dis.get_instructions(code))
        own = {one.argval for one in instructions if one.opname == "STORE_NAME"}
        for one in instructions:
            name, line = one.argval, one.positions.lineno
            is_global = one.opname.endswith(("_GLOBAL", "_GLOBALS"))
            if is_global or (one.opname == "LOAD_NAME" and name not in own):
                uses[name] = min(line, uses.get(name, line))
    return uses


def _own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a scope without those of the scopes nested in it, and no annotations."""
    waiting = [scope]
    while waiting:
        for field, value in ast.iter_fields(waiting.pop()):
            if field in ("annotation", "returns"):
                continue
            for node in value if isinstance(value, list) else [value]:
                if isinstance(node, ast.AST):
                    yield node
                    if not isinstance(node, _SCOPES):
                        waiting.append(node)


# ----- IPython's syntax ---------------------------------------------------------------------------

# Cell magics whose body is Python that runs in the notebook.
_PYTHON_CELL_MAGICS = {"time", "timeit", "capture", "prun"}
# Magics that can define names which do not stand in the code.
_DEFINING_MAGIC = re.compile(r"^[ \t]*+%{1,2}(?:run|pylab|store|macro|capture|rerun|edit)\b", re.M)
# Possessive quantifiers (*+) keep the time linear, whatever the cell holds.
_ESCAPED_LINE = re.compile(
    r"""
    (?P<indent>[ \t]*+)
    (?:
        %time[ \t]++(?P<statement>[^\n]++)                     # runs Python in the notebook
      | (?P<target>[^\n=\#'"()\[\]{}?]++=)[ \t]*+[%!](?:\\\n|[^\n])*+        # files = !ls
      | [%!?,;/](?:\\\n|[^\n])*+                               # %matplotlib inline
      | [^\n\#'"?]++\?{1,2}+;?[ \t]*+(?=\n|\Z)                 # np.zeros?
    )
    """,
    re.VERBOSE,
)
_LEXEME = re.compile(
    r"""
    \"\"\" (?:\\.|.)*? (?:\"\"\"|\Z)  |  ''' (?:\\.|.)*? (?:'''|\Z)
  | " (?:\\.|[^"\\\n])*+ "?           |  ' (?:\\.|[^'\\\n])*+ '?
  | \#[^\n]*+  |  \\\n  |  [()\[\]{}]  |  \n
    """,
    re.VERBOSE | re.DOTALL,
)


def _as_python(source: str) -> str:
    """Replace what only IPython understands by Python with the same line numbers.

    Such syntax counts only where a statement begins: ``%`` within brackets, strings, or a
    continued line is Python's own.
    """
    text = dedent(_unix_lines(source))
    magic = re.match(r"\s*+%%(\w*)[^\n]*+", text)
    if magic and magic[1] not in _PYTHON_CELL_MAGICS:
        return ""
    position = magic.end() if magic else 0
    pieces = ["\n" * text.count("\n", 0, position)]
    while position < len(text):
        escaped = _ESCAPED_LINE.match(text, position)
        if escaped:
            pieces.append(_replacement(escaped))
            position = escaped.end()
        end = _end_of_logical_line(text, position)
        pieces.append(text[position:end])
        position = end
    return "".join(pieces)


def _replacement(escaped: re.Match) -> str:
    if escaped["statement"]:
        return escaped["indent"] + escaped["statement"]
    statement = f"{escaped['target']} None" if escaped["target"] else "pass"
    return escaped["indent"] + statement + "\n" * escaped[0].count("\n")


def _end_of_logical_line(text: str, position: int) -> int:
    depth = 0
    for lexeme in _LEXEME.finditer(text, position):
        if lexeme[0] in ("(", "[", "{"):
            depth += 1
        elif lexeme[0] in (")", "]", "}"):
            depth = max(0, depth - 1)
        elif lexeme[0] == "\n" and depth == 0:
            return lexeme.end()
    return len(text)


# ----- words --------------------------------------------------------------------------------------


def _unix_lines(source: str) -> str:
    return source.replace("\r\n", "\n").replace("\r", "\n")


def _line(cell: _Cell, number: int | None) -> str:
    if number is None or not 1 <= number <= len(cell.lines):
        return ""
    return _shown(cell.lines[number - 1].strip())


def _shown(text: object, width: int = 70) -> str:
    """Return the first line of a text, short and without characters that a terminal obeys."""
    line = str(text).split("\n", 1)[0][: width + 1]
    line = "".join(character if character.isprintable() else "?" for character in line)
    return line if len(line) <= width else line[: width - 3] + "..."


def _shortened(violations: list[RuleViolation]) -> list[RuleViolation]:
    """Keep the first violations of each rule, and count the others."""
    counts = Counter(violation.rule for violation in violations)
    seen: Counter[str] = Counter()
    kept = []
    for violation in violations:
        seen[violation.rule] += 1
        left = counts[violation.rule] - MAX_VIOLATIONS_PER_RULE + 1
        if seen[violation.rule] < MAX_VIOLATIONS_PER_RULE or left <= 1:
            kept.append(violation)
        elif seen[violation.rule] == MAX_VIOLATIONS_PER_RULE:
            message = f"{left} more of this kind. Correct the first ones and check again."
            kept.append(RuleViolation(violation.rule, "notebook", None, message))
    return kept
