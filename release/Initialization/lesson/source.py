"""What the student's own lines say: a syntax tree, read and never run.

Hints are chosen by it where the lines are at hand: in a notebook, and wherever the function
carries the text of its cell as `__source__`. Elsewhere every question below is answered by no.
"""

import ast
import difflib
import inspect
import keyword
import re
import textwrap
import unicodedata
from collections.abc import Callable, Container, Iterable, Sequence
from functools import cached_property

from lesson.causes import Diagnosis, Evidence, shorten

# Beyond these nothing is read: Python's parser needs memory and stack for what is nested deeply.
MOST_CHARACTERS, DEEPEST, LONGEST_LINE = 20_000, 40, 500


class Source(Evidence):
    """The definition of one function; false if it is not at hand."""

    def __init__(self, text: str = "", name: str = "", first_line: int = 1) -> None:
        self.lines, self._first_line = text.splitlines(), first_line
        functions = (node for node in ast.walk(_parsed(text)) if isinstance(node, ast.FunctionDef))
        self.tree = next((node for node in functions if node.name == name), None)
        self.nodes = list(ast.walk(self.tree)) if self.tree else []
        loops = [one for one in self.nodes if isinstance(one, ast.For | ast.While)]
        self.looped = {inner for one in loops for inner in ast.walk(one)}

    def __bool__(self) -> bool:
        return self.tree is not None

    @cached_property
    def statements(self) -> list[tuple[ast.AST, str]]:
        """Each statement of the function with its first line, in Python's own spelling."""
        kinds = ast.stmt | ast.ExceptHandler
        found = [n for n in self.nodes[1:] if isinstance(n, kinds) and not _is_text_or_pass(n)]
        try:
            pairs = [(node, ast.unparse(node).strip().splitlines()[0]) for node in found]
        except RecursionError:
            return []
        return sorted(pairs, key=lambda pair: pair[0].lineno)

    def place(self, node: ast.AST) -> dict:
        """The fields `line` and `text` of a node."""
        text = self.lines[node.lineno - 1].strip()
        return {"line": node.lineno + self._first_line - 1, "text": text[:120]}

    def code(self, pattern: str, where: Container | None = None) -> dict | None:
        """The first statement, of all or of some, in which a regular expression is found."""
        for node, text in self.statements:
            match = re.search(pattern, text)
            if match and (where is None or node in where):
                return self.place(node) | match.groupdict()
        return None

    def in_loop(self, pattern: str) -> dict | None:
        """The first statement of this kind that stands in a loop."""
        return self.code(pattern, self.looped)

    def behind_loop(self, pattern: str) -> dict | None:
        """The first statement of this kind, if none of them stands in a loop."""
        return None if self.in_loop(pattern) else self.code(pattern)

    @property
    def other_dictionary(self) -> dict:
        """The name of the dictionary that is filled, if another name is returned."""
        filled = {one.value.id for one in self.stores if isinstance(one.value, ast.Name)}
        returned = {one.id for one in self.returns if isinstance(one, ast.Name)}
        apart = len(filled) == len(returned) == 1 and filled != returned
        return {"filled": filled.pop(), "returned": returned.pop()} if apart else {}

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

    @property
    def late_seed(self) -> dict | None:
        """The line that seeds the generator, if one that draws stands above it."""
        seed, draw = self.code(r"\bseed\("), self.code(r"\b(randn|normal|standard_normal|rand)\(")
        return seed if seed and draw and draw["line"] < seed["line"] else None


def _is_text_or_pass(node: ast.AST) -> bool:
    constant = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return constant or isinstance(node, ast.Pass)


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
    "single_return": lambda s: len(s.returns) == 1,
    "stores": lambda s: [
        n for n in s.nodes if isinstance(n, ast.Subscript) and isinstance(n.ctx, ast.Store)
    ],
    "stores_anything": lambda s: (
        s.stores or s.code(r"\b(update|setdefault|dict|append|__setitem__|zip)\(| \|=? |\{.* for ")
    ),
    "seeded": lambda s: s.code(r"^np\.random\.seed\(3\)$", s.tree.body if s else []),
    "untouched": lambda s: first_of(
        s.place(loop)
        for loop in s.nodes
        if isinstance(loop, ast.For | ast.While) and all(map(_is_text_or_pass, loop.body))
    ),
    "unused_product": lambda s: first_of(
        s.place(node)
        for node in s.nodes
        if isinstance(node, ast.Expr) and isinstance(getattr(node.value, "op", None), ast.Mult)
    ),
}


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
    return by_lower[found[0]] if found and (len(name) > 2 or name.lower() in by_lower) else ""


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
    if re.match(rf"({'|'.join(keyword.kwlist)})\s*=(?!=)", text):
        code = "cell-keyword"
    return Diagnosis(code or "cell-not-python", fields | (odd or {}))
