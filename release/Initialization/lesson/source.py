"""What the student's own lines say: a syntax tree, read and never run.

Hints are chosen by it where the lines are at hand: in a notebook, and wherever the function
carries the text of its cell as `__source__`. Elsewhere every question below is answered by no.
"""

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Sequence

from lesson.causes import Diagnosis, odd_character, shorten, similar

# Beyond these nothing is read: Python's parser needs memory and stack for what is nested deeply.
MOST_CHARACTERS, DEEPEST, LONGEST_LINE = 20_000, 40, 500
LOOPS = (ast.For, ast.While, ast.comprehension)


class Source:
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

    def first(self, kind: type, nodes: list | None = None, where: Callable = bool) -> dict | None:
        """Where the first node of a kind stands, if there is one."""
        nodes = self.nodes if nodes is None else nodes
        found = [node for node in nodes if isinstance(node, kind) and where(node)]
        return self.place(min(found, key=lambda node: node.lineno)) if found else None

    def call(self, *names: str, nodes: list | None = None) -> dict | None:
        """Where a function of one of these names is called first; the name as `name`."""
        nodes = self.nodes if nodes is None else nodes
        found = [n for n in nodes if isinstance(n, ast.Call) and last_name(n.func) in names]
        if not found:
            return None
        first = min(found, key=lambda node: node.lineno)
        return self.place(first) | {"name": last_name(first.func)}

    @property
    def names(self) -> list[str]:
        """The arguments and variables of the function."""
        stored = [n.id for n in self.nodes if isinstance(n, ast.Name) and type(n.ctx) is ast.Store]
        return [n.arg for n in self.nodes if isinstance(n, ast.arg)] + stored

    @property
    def returns(self) -> list[ast.expr]:
        """What stands behind each return."""
        return [n.value for n in self.nodes if isinstance(n, ast.Return) and n.value is not None]

    @property
    def stores(self) -> list[ast.Subscript]:
        """The entries of lists and dictionaries that get a value."""
        return [
            node
            for node in self.nodes
            if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store)
        ]

    @property
    def untouched(self) -> bool:
        """Whether a loop holds nothing but pass, text or dots."""
        loops = [node for node in self.nodes if isinstance(node, ast.For | ast.While)]
        return any(
            all(
                isinstance(one, ast.Pass)
                or (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant))
                for one in loop.body
            )
            for loop in loops
        ) and not any(node in self.looped for node in self.stores)

    @property
    def stores_anything(self) -> bool:
        """Whether anything is stored in a list or a dictionary, or braces are returned."""
        ways = ("update", "setdefault", "dict", "append", "__setitem__", "zip")
        braces = any(isinstance(one, ast.DictComp) for one in self.nodes)
        joined = self.has_operator(ast.BitOr)
        return bool(self.stores or braces or joined or self.call(*ways))

    @property
    def other_dictionary(self) -> dict | None:
        """The name of the dictionary that is filled, if another name is returned."""
        filled = {one.value.id for one in self.stores if isinstance(one.value, ast.Name)}
        returned = {one.id for one in self.returns if isinstance(one, ast.Name)}
        apart = len(filled) == len(returned) == 1 and filled != returned
        return {"filled": filled.pop(), "returned": returned.pop()} if apart else None

    @property
    def returned_call(self) -> dict | None:
        """The name of the function whose result is returned, if that is all that is returned."""
        names = [last_name(one.func) for one in self.returns if isinstance(one, ast.Call)]
        return {"name": names[0]} if len(names) == len(self.returns) == 1 and names[0] else None

    @property
    def stopped_loop(self) -> dict | None:
        """The return or break that stands inside a loop."""
        inside = [one for one in self.looped if isinstance(one, ast.Return | ast.Break)]
        return self.first(ast.AST, inside, where=lambda node: True)

    @property
    def stores_outside(self) -> dict | None:
        """The first line that stores something, if none of those stands inside a loop."""
        inside = any(one in self.looped for one in self.stores)
        return None if inside else self.first(ast.Subscript, self.stores, where=lambda node: True)

    @property
    def made_anew(self) -> dict | None:
        """Where a loop makes an empty dictionary."""
        return self.first(
            ast.Assign,
            self.looped,
            where=lambda node: (
                (isinstance(node.value, ast.Dict) and not node.value.keys)
                or (isinstance(node.value, ast.Call) and last_name(node.value.func) == "dict")
            ),
        )

    @property
    def mean_given(self) -> dict | None:
        """A call of `normal` that is given a mean which is not written as 0."""
        for node in self.nodes:
            if isinstance(node, ast.Call) and last_name(node.func) == "normal":
                means = [*node.args[:1], *(k.value for k in node.keywords if k.arg == "loc")]
                if means and getattr(means[0], "value", None) != 0:
                    return self.place(node)
        return None

    @property
    def stored_too_early(self) -> dict | None:
        """A line that gives a name a new value after its old one was stored."""
        for store in (n for n in self.looped if isinstance(n, ast.Assign)):
            if isinstance(store.targets[0], ast.Subscript) and isinstance(store.value, ast.Name):
                later = self.first(
                    ast.Assign,
                    self.looped,
                    where=lambda node, store=store: (
                        node.lineno > store.lineno
                        and getattr(node.targets[0], "id", None) == store.value.id
                    ),
                )
                if later:
                    return later
        return None

    @property
    def unused_product(self) -> dict | None:
        """A line that only computes, and stores nothing."""
        return self.first(ast.Expr, where=lambda node: isinstance(node.value, ast.BinOp))

    @property
    def late_seed(self) -> dict | None:
        """The line with the seed, if numbers are drawn above it."""
        seed, draw = self.call("seed"), self.call("randn", "normal", "standard_normal", "rand")
        return seed if seed and draw and draw["line"] < seed["line"] else None

    @property
    def other_random_seed(self) -> dict | None:
        """The line that seeds the module random."""
        for node in self.nodes:
            if isinstance(node, ast.Call) and last_name(node.func) == "seed":
                owner = getattr(node.func, "value", None)
                if isinstance(owner, ast.Name) and owner.id == "random":
                    return self.place(node)
        return None

    def has_operator(self, *kinds: type) -> bool:
        """Whether two values stand on the sides of such a sign."""
        return any(isinstance(getattr(node, "op", None), kinds) for node in self.nodes)


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
    """Find out why a function is not defined.

    Parameters
    ----------
    name : str
        The function.
    names : sequence of str
        The names of all functions that are asked for.
    inputs : sequence of str
        The cells that were run, oldest first.
    transform : callable
        Turns a cell into Python, as IPython does.
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
