"""What reads a submission inside its sandbox, before any code of the student runs there.

`reading.py` sends the text of this file, because nothing else of this package exists in there.
`prepare` is called once, where a fork server does it for all its forks; `read` reads one notebook.
"""

import ast
import contextlib
import importlib
import os
import signal
import sys
import warnings
from collections.abc import Collection
from types import ModuleType

_LONGEST = 10_000  # characters of a cell; the time for f-strings grows with their square
_PREPARING_SECONDS = 2
_HARMLESS_BUILTINS = frozenset(
    "abs bool dict enumerate float int isinstance len list max min NotImplementedError pow print "
    "range reversed round set sorted str sum tuple ValueError zip".split()
)
_HARMLESS_ATTRIBUTES = frozenset(  # of NumPy, its arrays, strings, lists and dictionaries
    "append array asarray astype copy empty enumerate float64 format full get int64 items join "
    "keys multiply newaxis normal ones power rand randn random reshape seed shape size sqrt "
    "standard_normal T uniform update values zeros zeros_like".split()
)
_HARMLESS_NODES = (
    ast.Module, ast.FunctionDef, ast.arguments, ast.arg, ast.Return, ast.Pass, ast.Expr, ast.Raise,
    ast.Assign, ast.AugAssign, ast.AnnAssign, ast.For, ast.While, ast.If, ast.Break, ast.Continue,
    ast.Assert, ast.Name, ast.Constant, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp,
    ast.Call, ast.keyword, ast.Attribute, ast.Subscript, ast.Slice, ast.Starred, ast.List,
    ast.Tuple, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.GeneratorExp, ast.comprehension,
    ast.JoinedStr, ast.FormattedValue, ast.operator, ast.unaryop, ast.boolop, ast.cmpop,
    ast.expr_context,
)  # fmt: skip

_rules: ModuleType | None = None
_failure = ""


def prepare(folder: str, rules: str, cells: list[dict]) -> None:
    """Load the module with the rules from a folder, and let it remember our own notebook.

    Installed modules come before those of the folder, of which none stays in sight.
    """
    global _rules, _failure
    if not rules:
        return
    loaded = set(sys.modules)
    sys.path.append(folder)
    try:
        _rules = importlib.import_module(rules)
        _rules.RULES, _rules.check_cells  # noqa: B018 - whether there are any
    except BaseException as error:
        _failure = f"{type(error).__name__}: {error}"
        return
    finally:
        sys.path.remove(folder)
        for name in set(sys.modules) - loaded:
            if (getattr(sys.modules[name], "__file__", None) or "").startswith(folder + os.sep):
                del sys.modules[name]

    def stop(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(_PREPARING_SECONDS)
    with contextlib.suppress(Exception):  # a check that fails will do so again, and be told there
        _rules.check_cells({"cells": cells})
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def read(cells: list[dict], sources: list[tuple[str, list[str]]]) -> dict:
    """Find broken rules, and the cells that are inert."""
    if _failure:
        return {"cannot_load": _failure}
    found = []
    if _rules:
        found = [
            [one.rule, _rules.RULES[one.rule], one.cell, one.line, one.message]
            for one in _rules.check_cells({"cells": cells})
        ]
    return {"found": found, "inert": [is_inert(*source) for source in sources]}


def is_inert(source: str, functions: Collection[str]) -> bool:
    """Whether a cell only defines `functions`, which work on their own variables and on NumPy.

    The answer True is a promise: neither the cell nor a call of its functions changes anything
    that another exercise can notice, except the state of NumPy's random numbers, which every
    exercise seeds. The answer False promises nothing.
    """
    if len(source) > _LONGEST:
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes in strings, say
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return all(
        isinstance(node, ast.FunctionDef)
        and node.name in functions
        and _keeps_to_itself(node, functions)
        for node in tree.body
    )


def _keeps_to_itself(function: ast.FunctionDef, functions: Collection[str]) -> bool:
    nodes = list(ast.walk(function))
    known = {node.arg for node in nodes if isinstance(node, ast.arg)}
    known |= {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    known |= _HARMLESS_BUILTINS | {*functions, "np"}
    # A default value is made once and lives as long as the function: it must not change.
    arguments = function.args
    defaults = filter(None, [*arguments.defaults, *arguments.kw_defaults])
    return all(isinstance(default, ast.Constant) for default in defaults) and all(
        _is_harmless(node, known, functions) for node in nodes
    )


def _is_harmless(node: ast.AST, known: Collection[str], functions: Collection[str]) -> bool:
    match node:
        case ast.FunctionDef(decorator_list=[_, *_]):
            return False
        case ast.Attribute(attr=attribute, ctx=context):
            return attribute in _HARMLESS_ATTRIBUTES and isinstance(context, ast.Load)
        case ast.Subscript(value=value, ctx=ast.Store()):
            return isinstance(value, ast.Name)
        case ast.Name(id=name, ctx=context):
            return name in known and not (isinstance(context, ast.Store) and name in functions)
        case ast.Call(func=ast.Name(id=name)):
            return name in functions or name in _HARMLESS_BUILTINS
        case ast.Call(func=function):
            return isinstance(function, ast.Attribute)
    return isinstance(node, _HARMLESS_NODES)
