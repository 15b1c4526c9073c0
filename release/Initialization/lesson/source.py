"""What the student's own lines say: a syntax tree, read and never run.

Hints are chosen by it where the lines are at hand: in a notebook, and wherever the function
carries the text of its cell as `__source__`. Elsewhere every question below is answered by no.
"""

import ast
import difflib
import inspect
import re
import textwrap
import unicodedata
from collections.abc import Callable, Iterable, Sequence

from lesson.causes import Diagnosis, Evidence, shorten

# Beyond these nothing is read: Python's parser needs memory and stack for what is nested deeply.
MOST_CHARACTERS, DEEPEST, LONGEST_LINE = 20_000, 40, 500
LOOPS = (ast.For, ast.While, ast.comprehension)


class Source(Evidence):
    """The definition of one function; false if it is not at hand."""

    def __init__(self, text: str = "", name: str = "", first_line: int = 1) -> None:
        self.lines, self._first_line = text.splitlines(), first_line
        self.tree = next(
            (
                node
                for node in ast.walk(_parsed(text))
                if isinstance(node, ast.FunctionDef) and node.name == name
            ),
            None,
        )
        self.nodes = list(ast.walk(self.tree)) if self.tree else []
        self.looped = [
            inner for one in self.nodes if isinstance(one, LOOPS) for inner in ast.walk(one)
        ]

    def __bool__(self) -> bool:
        return self.tree is not None

    def place(self, node: ast.AST) -> dict:
        """The fields `line` and `text` of a node."""
        text = self.lines[node.lineno - 1].strip()
        return {"line": node.lineno + self._first_line - 1, "text": text[:120]}

    def first(self, kind: type, nodes: list | None = None, where: Callable | None = None) -> dict:
        """Where the first node of a kind stands; nothing if there is none."""
        nodes = self.nodes if nodes is None else nodes
        found = [n for n in nodes if isinstance(n, kind) and (where is None or where(n))]
        return self.place(min(found, key=lambda node: node.lineno)) if found else {}

    def call(self, *names: str) -> dict:
        """Where a function of one of these names is called first; the name as `name`."""
        calls = [n for n in self.nodes if isinstance(n, ast.Call) and last_name(n.func) in names]
        return first_of(
            self.place(call) | {"name": last_name(call.func)}
            for call in sorted(calls, key=lambda call: call.lineno)
        )

    @property
    def other_dictionary(self) -> dict:
        """The name of the dictionary that is filled, if another name is returned."""
        filled = {one.value.id for one in self.stores if isinstance(one.value, ast.Name)}
        returned = set(self.returned_names)
        apart = len(filled) == len(returned) == 1 and filled != returned
        return {"filled": filled.pop(), "returned": returned.pop()} if apart else {}

    @property
    def returned_call(self) -> dict:
        """The name of the function whose result is returned, if that is all that is returned."""
        names = [last_name(one.func) for one in self.returns if isinstance(one, ast.Call)]
        return {"name": names[0]} if len(names) == len(self.returns) == 1 and names[0] else {}

    @property
    def mean_given(self) -> dict:
        """A call of `normal` that is given a mean which is not written as 0."""
        for node in self.nodes:
            if isinstance(node, ast.Call) and last_name(node.func) == "normal":
                means = [*node.args[:1], *(k.value for k in node.keywords if k.arg == "loc")]
                if means and getattr(means[0], "value", None) != 0:
                    return self.place(node)
        return {}

    @property
    def stored_too_early(self) -> dict:
        """A line that computes a new value for a name after its old one was stored."""
        lines = [node for node in self.looped if isinstance(node, ast.Assign)]
        return first_of(
            self.place(later)
            for store in lines
            for later in lines
            if isinstance(store.targets[0], ast.Subscript)
            and isinstance(store.value, ast.Name)
            and isinstance(later.value, ast.BinOp)
            and getattr(later.targets[0], "id", None) == store.value.id
            and later.lineno > store.lineno
        )


def _is_text_or_pass(node: ast.stmt) -> bool:
    constant = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return constant or isinstance(node, ast.Pass)


def _is_empty_dictionary(node: ast.expr) -> bool:
    braces = isinstance(node, ast.Dict) and not node.keys
    return braces or (isinstance(node, ast.Call) and last_name(node.func) == "dict")


def first_of(found: Iterable[dict]) -> dict:
    """The first of some fields; nothing if there are none."""
    return next(iter(found), {})


# What the table asks for, as `source.name`.
Source.facts = {
    "names": lambda s: [
        *(node.arg for node in s.nodes if isinstance(node, ast.arg)),
        *(n.id for n in s.nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)),
    ],
    "returns": lambda s: [n.value for n in s.nodes if isinstance(n, ast.Return) and n.value],
    "returned_names": lambda s: {one.id for one in s.returns if isinstance(one, ast.Name)},
    "stores": lambda s: [
        n for n in s.nodes if isinstance(n, ast.Subscript) and isinstance(n.ctx, ast.Store)
    ],
    "untouched": lambda s: (
        not any(node in s.looped for node in s.stores)
        and s.first(ast.For | ast.While, where=lambda loop: all(map(_is_text_or_pass, loop.body)))
    ),
    "stores_anything": lambda s: (
        s.stores
        or s.first(ast.DictComp)
        or s.first(ast.BinOp | ast.AugAssign, where=lambda node: isinstance(node.op, ast.BitOr))
        or s.call("update", "setdefault", "dict", "append", "__setitem__", "zip")
    ),
    "stopped_loop": lambda s: s.first(ast.Return | ast.Break, s.looped),
    "stores_outside": lambda s: (
        not any(node in s.looped for node in s.stores) and s.first(ast.Subscript, s.stores)
    ),
    "made_anew": lambda s: s.first(
        ast.Assign,
        s.looped,
        lambda node: (
            _is_empty_dictionary(node.value)
            and getattr(node.targets[0], "id", "") in s.returned_names
        ),
    ),
    "annotation": lambda s: s.first(
        ast.AnnAssign, where=lambda node: node.value is None or not node.simple
    ),
    "root": lambda s: s.call("sqrt"),
    "other_generator": lambda s: s.call(
        "default_rng", "Generator", "gauss", "normalvariate", "Random"
    ),
    "unused_product": lambda s: s.first(
        ast.Expr, where=lambda n: isinstance(getattr(n.value, "op", None), ast.Mult)
    ),
    "seed_overwritten": lambda s: s.first(
        ast.Assign, where=lambda node: last_name(node.targets[0]) == "seed"
    ),
    "caught": lambda s: s.first(ast.ExceptHandler),
    "dims_assigned": lambda s: s.first(
        ast.Assign,
        where=lambda node: (
            last_name(node.targets[0]) == "layers_dims"
            and last_name(getattr(node.value, "func", node)) not in ("list", "tuple", "array")
        ),
    ),
    "late_seed": lambda s: first_of(
        seed
        for seed in [s.call("seed")]
        for draw in [s.call("randn", "normal", "standard_normal", "rand")]
        if seed and draw and draw["line"] < seed["line"]
    ),
    "other_random_seed": lambda s: s.first(
        ast.Call,
        where=lambda node: (
            last_name(node.func) == "seed"
            and getattr(getattr(node.func, "value", None), "id", "") == "random"
        ),
    ),
}


def last_name(node: ast.AST) -> str:
    """`randn` for np.random.randn."""
    return getattr(node, "attr", getattr(node, "id", ""))


def source_of(function: Callable, name: str) -> Source:
    """The lines that define a function, if they can be had."""
    text, first_line = getattr(function, "__source__", None), 1
    if text is None:
        try:
            lines, first_line = inspect.getsourcelines(inspect.unwrap(function))
            text = textwrap.dedent("".join(lines))
        except (OSError, TypeError, ValueError, SyntaxError):
            text = ""
    return Source(text if isinstance(text, str) else "", name, max(first_line, 1))


def similar(name: str, names: Iterable[str]) -> str:
    """The most similar one of some names, capital and small letters aside; empty if none is."""
    by_lower = {one.lower(): one for one in names if one != name}
    found = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.75)
    return by_lower[found[0]] if found and len(name) > 2 else ""


def odd_character(text: str) -> dict:
    """The first character that is not on an English keyboard, with its name."""
    for one in text:
        if not " " <= one <= "~":
            shown = one if one.isprintable() else f"U+{ord(one):04X}"
            return {"character": shown, "character_name": unicodedata.name(one, "without a name")}
    return {}


def _parsed(text: str) -> ast.Module:
    """The syntax tree; an empty one if the text is too large, or no Python."""
    depth = deepest = 0
    for character in text[: MOST_CHARACTERS + 1]:
        depth += (character in "([{") - (character in ")]}")
        deepest = max(deepest, depth)
    longest = max(map(len, text.replace("\\\n", "").splitlines()), default=0)
    if len(text) > MOST_CHARACTERS or deepest > DEEPEST or longest > LONGEST_LINE:
        return ast.Module([], [])
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([], [])


# ---------------------------------------------------------------------- functions that are missing


def why_missing(
    name: str, names: Sequence[str], inputs: Sequence[str], transform: Callable[[str], str]
) -> Diagnosis:
    """Find out why a function, one of several that are asked for, is not defined.

    `inputs` are the cells that were run, oldest first; `transform` turns one into Python, as
    IPython does.
    """
    cells = [cell for cell in inputs if re.search(rf"\bdef {name}\b", cell)]
    if not cells:
        defined = re.findall(r"^[ \t]*def (\w+)[ \t]*\(", "\n".join(inputs), re.M)
        others = [one for one in defined if one not in names and similar(one, names) == name]
        if others:
            return Diagnosis("other-name", {"name": name, "found": others[-1]})
        if any(
            "layers_dims" in cell and re.search(r"^\s*return\b", cell, re.M) and "def " not in cell
            for cell in inputs
        ):
            return Diagnosis("def-missing", {"name": name})
        return Diagnosis("cell-not-run", {"name": name})
    try:
        compile(transform(cells[-1]), "cell", "exec", dont_inherit=True)
    except SyntaxError as error:
        return _not_python(name, cells[-1], error)
    for outer in ast.walk(ast.parse(transform(cells[-1]))):
        inside = [getattr(one, "name", "") for one in ast.walk(outer)]
        if isinstance(outer, ast.ClassDef | ast.FunctionDef) and name in inside[1:]:
            return Diagnosis("defined-inside", {"name": name, "outer": outer.name})
    return Diagnosis("cell-stopped", {"name": name})


def _not_python(name: str, cell: str, error: SyntaxError) -> Diagnosis:
    lines, number = cell.splitlines(), error.lineno or 1
    text = lines[number - 1].strip(" \t") if number <= len(lines) else ""
    reason = error.msg.partition(". ")[0]  # what follows is a guess, and often leads away
    fields = {"name": name, "line": number, "text": shorten(text, 120), "error": reason}
    odd = odd_character(text) if "character" in reason else None
    codes = {
        "character": "cell-odd-character" if odd else "cell-not-python",
        "decimal literal": "cell-letter-behind-digit",
        "never closed|unmatched|does not match opening": "cell-brackets",
        "expected an indented block": "cell-empty-block",
        "indent": "cell-indentation",
    }
    code = next((code for words, code in codes.items() if re.search(words, reason)), None)
    return Diagnosis(code or "cell-not-python", fields | (odd or {}))
