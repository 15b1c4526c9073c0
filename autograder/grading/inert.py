"""Tell whether code can have side effects on other exercises, without running it."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Collection

HARMLESS_BUILTINS = frozenset(
    "abs bool dict enumerate float int isinstance len list max min pow print range reversed round "
    "set sorted str sum tuple zip".split()
)
_HARMLESS_ATTRIBUTES = frozenset(  # of NumPy, its arrays, strings, lists and dictionaries
    "append array asarray astype copy empty enumerate float64 format full get int64 items join "
    "keys multiply newaxis normal ones power rand randn random reshape seed shape size sqrt "
    "standard_normal T uniform update values zeros zeros_like".split()
)
_HARMLESS_NODES = (
    ast.Module, ast.FunctionDef, ast.arguments, ast.arg, ast.Return, ast.Pass, ast.Expr,
    ast.Assign, ast.AugAssign, ast.AnnAssign, ast.For, ast.While, ast.If, ast.Break, ast.Continue,
    ast.Assert, ast.Name, ast.Constant, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp,
    ast.Call, ast.keyword, ast.Attribute, ast.Subscript, ast.Slice, ast.Starred, ast.List,
    ast.Tuple, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.GeneratorExp, ast.comprehension,
    ast.JoinedStr, ast.FormattedValue, ast.operator, ast.unaryop, ast.boolop, ast.cmpop,
    ast.expr_context,
)  # fmt: skip

# Characters in a cell. CPython limits how deep code may be nested; its time for f-strings, though,
# grows with the square of their length (a second for 60,000 characters).
LONGEST = 10_000


def is_inert(source: str, functions: Collection[str] = ()) -> bool:
    """Whether a cell only defines `functions`, which work on their own variables and on NumPy.

    The answer True is a promise: neither the cell nor a call of its functions changes anything
    that another exercise can notice, except the state of NumPy's random numbers, which every
    exercise seeds. The answer False promises nothing.
    """
    if len(source) > LONGEST:
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
    own = {node.arg for node in nodes if isinstance(node, ast.arg)}
    own |= {node.id for node in nodes if isinstance(node, ast.Name) and _is_stored(node)}
    known = own | HARMLESS_BUILTINS | {*functions, "np"}
    # A default value is made once and lives as long as the function: it must not change.
    arguments = function.args
    defaults = filter(None, [*arguments.defaults, *arguments.kw_defaults])
    return all(isinstance(default, ast.Constant) for default in defaults) and all(
        _is_harmless(node, known, functions) for node in nodes
    )


def _is_stored(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Store)


def _is_harmless(node: ast.AST, known: Collection[str], functions: Collection[str]) -> bool:
    match node:
        case ast.FunctionDef(decorator_list=[_, *_]):
            return False
        case ast.Attribute(attr=attribute, ctx=context):
            return attribute in _HARMLESS_ATTRIBUTES and isinstance(context, ast.Load)
        case ast.Subscript(value=value, ctx=ast.Store()):
            return isinstance(value, ast.Name)
        case ast.Name(id=name):
            return name in known and not (_is_stored(node) and name in functions)
        case ast.Call(func=ast.Name(id=name)):
            return name in functions or name in HARMLESS_BUILTINS
        case ast.Call(func=function):
            return isinstance(function, ast.Attribute)
    return isinstance(node, _HARMLESS_NODES)
