"""Tell which of a student's own cells no test can depend on, without running them.

Notebooks come with cells that train a network or draw a picture, and cost seconds. What an answer
needs is found backwards, by the names of global variables: whatever gives a needed name a value is
needed, and so is all that it reads.
"""

from __future__ import annotations

import ast
import builtins
import re
import symtable
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from autograder.grading.inert import HARMLESS_BUILTINS, LONGEST

# They reach variables without naming them, or more than variables.
_FAR_REACHING = frozenset(
    "__import__ breakpoint compile delattr eval exec exit get_ipython globals input locals open "
    "quit setattr vars".split()
)
_BUILTINS = frozenset(dir(builtins))
_MAGIC = re.compile(r"^[ \t]*[%!].*$|^.*\?$", re.MULTILINE)


@dataclass
class _Part:
    """What some code has to do with global variables."""

    reads: set[str] = field(default_factory=set)
    binds: set[str] = field(default_factory=set)
    imports: set[str] = field(default_factory=set)
    defines: set[str] = field(default_factory=set)  # functions and classes
    tree: ast.Module | None = None  # None: it may do anything


def idle_cells(cells: Sequence[tuple[str, str]], functions: Sequence[str]) -> list[bool]:
    """Which cells can be left out: they change nothing that an answer can notice.

    Parameters
    ----------
    cells : sequence of (str, str)
        Kind ("given", "answer" or "own") and source of each cell that would run, in order.
    functions : sequence of str
        The functions that tests call.

    Returns
    -------
    list of bool
        True for some of the student's own cells that may take long: they call functions or have
        loops, or read what such a cell computes. What calls of tested functions and of given
        functions change counts as nothing, unless an answer uses that given function, too. So
        does the state of NumPy's random numbers. There is nothing to gain from a cell that is left
        out; so this need not withstand code that is meant to deceive it.
    """
    given = [part for kind, source in cells if kind == "given" for part in _given_parts(source)]
    own = {n: _own_part(source) for n, (kind, source) in enumerate(cells) if kind == "own"}
    needed = set(functions)
    for kind, source in cells:
        if kind == "answer":
            needed |= _own_part(source).reads
    known = {name for part in given for name in part.imports}
    foreign = {name for part in own.values() for name in part.imports} - known
    suspect: set[str] = set()  # functions that may change what is needed
    before = None
    while before != (before := (len(needed), len(own))):
        for part in given:
            if part.binds & needed:
                needed |= part.reads | part.binds
        for n, part in list(own.items()):
            reserved = (needed - known - _BUILTINS - set(functions)) | foreign | suspect
            touches = part.tree is None or _touches(part, reserved, known)
            if touches:
                suspect |= part.defines
            if touches or part.imports or part.binds & needed:
                needed |= own.pop(n).reads
    left_out: set[int] = set()
    unknown: set[str] = set()  # what they would have computed
    for n, part in own.items():
        if _may_take_long(part) or part.reads & unknown:
            left_out.add(n)
            unknown |= part.binds
    return [n in left_out for n in range(len(cells))]


def _given_parts(source: str) -> Iterator[_Part]:
    """Each import for itself, and the rest together."""
    try:
        body = _parsed(_MAGIC.sub("", source)).body
    except (SyntaxError, ValueError):
        return
    imports = [one for one in body if isinstance(one, ast.Import | ast.ImportFrom)]
    for one in imports:
        for alias in one.names:
            name = (alias.asname or alias.name).partition(".")[0]
            yield _Part(binds={name}, imports={name})
    rest = ast.Module([one for one in body if one not in imports], [])
    yield _named_in(ast.unparse(rest))


def _own_part(source: str) -> _Part:
    everything = _Part(set(re.findall(r"\w+", source)))
    if len(source) > LONGEST:
        return everything
    try:
        part = _named_in(source)
        part.tree = _parsed(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return everything
    for node in ast.walk(part.tree):
        match node:
            case ast.Attribute(ctx=ast.Store() | ast.Del()):
                part.tree = None
                break
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                part.defines.add(name)
            case ast.Name(id=name) | ast.Attribute(attr=name):
                if name in _FAR_REACHING or name.startswith("__"):
                    part.tree = None
                    break
    return part


def _parsed(source: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd escapes in strings, say
        return ast.parse(source)


def _named_in(source: str) -> _Part:
    part = _Part()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        waiting = [symtable.symtable(source, "cell", "exec")]
    while waiting:
        table = waiting.pop()
        waiting += table.get_children()
        top = table.get_type() == "module"
        for symbol in table.get_symbols():
            if not (top or symbol.is_global()):
                continue
            name = symbol.get_name()
            if symbol.is_referenced():
                part.reads.add(name)
            if symbol.is_assigned() or symbol.is_imported():
                part.binds.add(name)
            if symbol.is_imported():
                part.imports.add(name)
    return part


def _may_take_long(part: _Part) -> bool:
    for node in ast.walk(part.tree):
        match node:
            case ast.Call(func=ast.Name(id=name)):
                if name not in HARMLESS_BUILTINS | {"print"}:
                    return True
            case ast.Call() | ast.For() | ast.While() | ast.comprehension():
                return True
    return False


def _touches(part: _Part, reserved: set[str], modules: set[str]) -> bool:
    """Whether code could change the value of a reserved name, or a setting of a module."""
    if part.reads & reserved:
        return True
    return any(
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in modules
        and node.attr.startswith("set")
        for node in ast.walk(part.tree)
    )
